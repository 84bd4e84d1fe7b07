//! The api-versions that are accepted for each kind of thing.
//!
//! Must never treat a version it does not know as one it does: a client that asks for the wrong one has to hear it.

use super::errors::{self, Refusal};
use super::path::Target;
use crate::readings::UnknownApiVersion;
use crate::service::Request;
use crate::simulation::Simulation;

const IDENTITIES: &[&str] = &["2023-01-31", "2024-11-30"];
const POOLS: &[&str] = &["2025-09-20"];
/// Clients put their own version in place of the address's.
const OPERATIONS: &[&str] = &["2024-10-19", "2025-09-20"];
const SUBSCRIPTIONS: &[&str] = &["2020-01-01", "2021-01-01", "2022-12-01"];
const GROUPS: &[&str] = &[
    "2021-04-01",
    "2022-09-01",
    "2023-07-01",
    "2024-03-01",
    "2024-07-01",
    "2024-11-01",
    "2025-03-01",
    "2025-04-01",
];
const PROVIDERS: &[&str] = &["2016-02-01", "2021-04-01", "2022-09-01", "2024-11-01", "2025-04-01"];
const LOCKS: &[&str] = &["2016-09-01", "2020-05-01"];
const TAGS: &[&str] = &["2021-04-01", "2022-09-01", "2024-11-01", "2025-04-01"];

fn valid(target: &Target) -> &'static [&'static str] {
    match target {
        Target::Tenants | Target::Subscriptions | Target::Subscription { .. } => SUBSCRIPTIONS,
        Target::Groups { .. } | Target::Group { .. } => GROUPS,
        Target::Locks { .. } | Target::Lock { .. } => LOCKS,
        Target::IdentitiesOfSubscription { .. } | Target::IdentitiesOfGroup { .. } | Target::Identity(_) => {
            IDENTITIES
        }
        Target::IdentityTags(_) => TAGS,
        Target::PoolsOfSubscription { .. }
        | Target::PoolsOfGroup { .. }
        | Target::Pool(_)
        | Target::PoolNames { .. } => POOLS,
        Target::Operation { .. } => OPERATIONS,
        Target::Provider { .. } | Target::Registration { .. } => PROVIDERS,
        Target::Clouds | Target::Unknown { .. } => &[],
    }
}

/// The version that the request asks for, if it is one of the target's.
pub(super) fn asked_for(
    simulation: &Simulation,
    request: &Request,
    target: &Target,
) -> Result<&'static str, Refusal> {
    let valid = valid(target);
    let Some(seen) = request.query("api-version").filter(|version| !version.is_empty()) else {
        return Err(errors::missing_api_version(valid));
    };
    valid.iter().copied().find(|version| *version == seen).ok_or_else(|| {
        let (_, kind) = target.scope_and_type();
        match simulation.settings.readings.unknown_api_version {
            UnknownApiVersion::InvalidApiVersionParameter => errors::invalid_api_version(&seen, valid),
            UnknownApiVersion::NoRegisteredProviderFound => {
                let kind = kind.rsplit('/').next().unwrap_or(kind);
                errors::no_registered_provider(&seen, valid, kind, &simulation.world.locations)
            }
        }
    })
}

/// Whether a version of the identity API knows `isolationScope`.
pub(super) fn has_isolation_scope(version: &str) -> bool {
    version >= "2024-11-30"
}
