//! Which limits a request counts against: Resource Manager's own and the identity provider's.
//!
//! The numbers are Azure's. Must never hold a bucket.

use super::access::{Caller, Deed};
use super::errors::{self, Refusal};
use super::path::Target;
use crate::simulation::Simulation;
use crate::throttle::Limit;

/// Takes from the caller's bucket and tells the header with what is left.
pub(super) fn of_principal(
    simulation: &mut Simulation,
    caller: &Caller,
    target: &Target,
    deed: Deed,
) -> Result<Option<(String, u64)>, Refusal> {
    if !simulation.settings.throttling.resource_manager {
        return Ok(None);
    }
    let (size, per_second, kind) = match deed {
        Deed::Read => (250.0, 25.0, "reads"),
        Deed::Write => (200.0, 10.0, "writes"),
        Deed::Delete => (200.0, 10.0, "deletes"),
    };
    let (level, owner) = match target.subscription() {
        Some(subscription) => ("subscription", subscription.to_ascii_lowercase()),
        None => ("tenant", caller.tenant.clone()),
    };
    let name = format!("principal/{owner}/{}/{kind}", caller.client_id);
    let now = simulation.clock.now();
    match simulation.throttle.take(&[Limit { name, size, per_second }], now) {
        Ok(left) => Ok(Some((format!("x-ms-ratelimit-remaining-{level}-{kind}"), left))),
        Err(wait) => {
            let scope = format!("{level} '{owner}'");
            Err(errors::too_many_for_principal(deed.verb(), &scope, &caller.object_id, wait))
        }
    }
}

/// Takes from the identity provider's buckets of the tenant, the subscription and the resource.
pub(super) fn of_provider(
    simulation: &mut Simulation,
    caller: &Caller,
    target: &Target,
    deed: Deed,
) -> Result<(), Refusal> {
    if !simulation.settings.throttling.provider {
        return Ok(());
    }
    let (kind, tenant, subscription, resource) = match (target, deed) {
        (Target::Identity(_), Deed::Read) => ("get", 30.0, 10.0, 0.5),
        (Target::Identity(_), Deed::Write) => ("write", 10.0, 2.0, 0.25),
        (Target::Identity(_), Deed::Delete) => ("delete", 10.0, 2.0, 0.25),
        (Target::IdentitiesOfGroup { .. } | Target::IdentitiesOfSubscription { .. }, _) => {
            ("list", 15.0, 5.0, 0.25)
        }
        _ => return Ok(()),
    };
    let (scope, _) = target.scope_and_type();
    let owner = target.subscription().unwrap_or_default().to_ascii_lowercase();
    // A bucket holds what flows in within a second, and at least one request.
    let limit = |name: String, per_second: f64| Limit { name, size: per_second.max(1.0), per_second };
    let limits = [
        limit(format!("provider/{kind}/tenant/{}", caller.tenant), tenant),
        limit(format!("provider/{kind}/subscription/{owner}"), subscription),
        limit(format!("provider/{kind}/resource/{}", scope.to_ascii_lowercase()), resource),
    ];
    let now = simulation.clock.now();
    simulation.throttle.take(&limits, now).map(drop).map_err(errors::too_many_for_provider)
}
