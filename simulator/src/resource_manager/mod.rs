//! Azure Resource Manager: the order of its checks, and the way to each kind of thing.
//!
//! ```text
//! address → token → known type → api-version → subscription → method → caller's limits
//!         → disabled? → rights → registration → group → locks → body → policy → provider's limits → the thing itself
//! ```
//!
//! A check must never move: which of two refusals comes first is what clients stumble over.

mod access;
mod credentials;
mod errors;
mod groups;
mod identities;
mod limits;
mod lists;
mod locks;
mod path;
mod placement;
mod pools;
mod providers;
mod schema;
mod shape;
mod subscriptions;
mod system_identities;
mod tags;
mod versions;

use axum::http::Method;

pub(crate) use errors::error_body;

use self::access::{Caller, Deed};
use self::errors::Refusal;
use self::path::Target;
use crate::readings::{DeleteInDisabledSubscription, DeleteInMissingGroup, RegistrationNeeded, ResourceTags};
use crate::service::{Answer, Request};
use crate::simulation::Simulation;
use crate::world::{Subscription, SubscriptionState};

const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const POOL_TYPE: &str = "Microsoft.DevOpsInfrastructure/pools";

/// A request that has passed the checks that all targets share.
struct Call<'a> {
    request: &'a Request,
    caller: &'a Caller,
    deed: Deed,
    api_version: &'static str,
}

/// Answers one request at Resource Manager.
pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Answer {
    let target = Target::of(&request.segments());
    if target == Target::Clouds {
        return subscriptions::clouds(simulation);
    }
    let caller = access::caller(simulation, request, &target);
    let principal = caller.as_ref().ok().map(|caller| caller.client_id.clone());
    let mut left = None;
    let mut answer = caller
        .and_then(|caller| decide(simulation, request, &caller, &target, &mut left))
        .unwrap_or_else(Refusal::into_answer);
    answer.principal = principal;
    if let Some((name, count)) = left {
        answer = answer.with_header(&name, count.to_string());
    }
    with_common_headers(simulation, request, answer)
}

/// The headers that every answer of Resource Manager has.
pub(crate) fn with_common_headers(simulation: &mut Simulation, request: &Request, answer: Answer) -> Answer {
    let id = simulation.request_ids.draw();
    let correlation = request.header("x-ms-correlation-request-id").map_or_else(|| id.clone(), str::to_owned);
    let stamp = simulation.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut answer = answer
        .with_header("Cache-Control", "no-cache")
        .with_header("x-ms-request-id", id.clone())
        .with_header("x-ms-correlation-request-id", correlation)
        .with_header("x-ms-routing-request-id", format!("SIMULATED:{stamp}:{id}"));
    let wanted = request
        .header("x-ms-return-client-request-id")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if let (true, Some(client)) = (wanted, request.header("x-ms-client-request-id")) {
        answer = answer.with_header("x-ms-client-request-id", client);
    }
    answer
}

fn decide(
    simulation: &mut Simulation,
    request: &Request,
    caller: &Caller,
    target: &Target,
    left: &mut Option<(String, u64)>,
) -> Result<Answer, Refusal> {
    known_type(simulation, target)?;
    let api_version = versions::asked_for(simulation, request, target)?;
    if let Some(id) = target.subscription() {
        access::subscription(simulation, caller, id)?;
    }
    allowed_method(&request.method, target)?;
    let deed = Deed::of(&request.method);
    *left = limits::of_principal(simulation, caller, target, deed)?;
    if let Some(id) = target.subscription() {
        let subscription = access::subscription(simulation, caller, id)?;
        let readings = &simulation.settings.readings;
        writable(subscription, id, deed, readings.delete_in_disabled_subscription)?;
        access::permitted(subscription, caller, target, deed)?;
        registered(subscription, target, deed, readings.registration_needed)?;
        if let Some(answer) = in_group(simulation, subscription, target, deed)? {
            return Ok(answer);
        }
        locks::stand_in_the_way(&simulation.world, target, deed)?;
    }
    let call = Call { request, caller, deed, api_version };
    match target {
        Target::Tenants => Ok(subscriptions::tenants(simulation, caller)),
        Target::Subscriptions => Ok(subscriptions::list(simulation, caller)),
        Target::Subscription { subscription } => subscriptions::get(simulation, subscription),
        Target::Groups { subscription } => groups::list(simulation, subscription),
        Target::Group { subscription, group } => groups::serve(simulation, &call, subscription, group),
        Target::Locks { subscription, group } => locks::list(simulation, subscription, group),
        Target::Lock { subscription, group, name } => {
            locks::serve(simulation, &call, subscription, group, name)
        }
        Target::IdentitiesOfSubscription { .. } | Target::IdentitiesOfGroup { .. } => {
            identities::list(simulation, &call, target)
        }
        Target::Identity(id) => identities::serve(simulation, &call, target, id),
        Target::Credentials(id) => credentials::list(simulation, &call, id),
        Target::Credential(id, name) => credentials::serve(simulation, &call, id, name),
        Target::SystemIdentity(id) => system_identities::get(simulation, id),
        Target::IdentityTags(id) => tags::serve(simulation, &call, id),
        Target::PoolsOfSubscription { .. } | Target::PoolsOfGroup { .. } => {
            pools::list(simulation, &call, target)
        }
        Target::Pool(id) => pools::serve(simulation, &call, id),
        Target::PoolNames { .. } => pools::check_name(simulation, &call),
        Target::PoolAgents(id) => pools::agents(simulation, &call, id),
        Target::PoolSkus { location, .. } => pools::skus(simulation, &call, location),
        Target::PoolUsages { subscription, location } => {
            pools::usages(simulation, &call, subscription, location)
        }
        Target::Operation { subscription, id, view } => {
            pools::operation(simulation, &call, subscription, id, *view)
        }
        Target::Provider { subscription, namespace } => providers::get(simulation, subscription, namespace),
        Target::Registration { subscription, namespace } => {
            providers::register(simulation, subscription, namespace)
        }
        Target::Clouds => Ok(subscriptions::clouds(simulation)),
        Target::Unknown { described, .. } => Err(errors::unknown_type(described)),
    }
}

fn known_type(simulation: &Simulation, target: &Target) -> Result<(), Refusal> {
    match target {
        Target::Unknown { described, .. } => Err(errors::unknown_type(described)),
        Target::IdentityTags(id)
            if simulation.settings.readings.resource_tags == ResourceTags::NotOffered =>
        {
            Err(errors::unknown_type(&format!(
                "{}/providers/Microsoft.Resources/tags/default",
                &id.to_string()[1..]
            )))
        }
        _ => Ok(()),
    }
}

fn allowed_method(method: &Method, target: &Target) -> Result<(), Refusal> {
    let allowed: &[&str] = match target {
        Target::Identity(_) | Target::Pool(_) => &["GET", "PUT", "PATCH", "DELETE"],
        Target::Group { .. } => &["GET", "HEAD", "PUT", "DELETE"],
        Target::Lock { .. } | Target::Credential(..) => &["GET", "PUT", "DELETE"],
        Target::IdentityTags(_) => &["GET", "PATCH"],
        Target::Registration { .. } | Target::PoolNames { .. } => &["POST"],
        Target::Clouds
        | Target::Tenants
        | Target::Subscriptions
        | Target::Subscription { .. }
        | Target::Groups { .. }
        | Target::Locks { .. }
        | Target::IdentitiesOfSubscription { .. }
        | Target::IdentitiesOfGroup { .. }
        | Target::PoolsOfSubscription { .. }
        | Target::PoolsOfGroup { .. }
        | Target::Credentials(_)
        | Target::SystemIdentity(_)
        | Target::PoolAgents(_)
        | Target::PoolSkus { .. }
        | Target::PoolUsages { .. }
        | Target::Operation { .. }
        | Target::Provider { .. }
        | Target::Unknown { .. } => &["GET"],
    };
    if allowed.contains(&method.as_str()) {
        return Ok(());
    }
    Err(errors::method_not_allowed(method.as_str(), &allowed.join(", ")))
}

fn writable(
    subscription: &Subscription,
    id: &str,
    deed: Deed,
    deletion: DeleteInDisabledSubscription,
) -> Result<(), Refusal> {
    let read_only = match subscription.state {
        SubscriptionState::Enabled | SubscriptionState::Warned | SubscriptionState::PastDue => false,
        SubscriptionState::Disabled | SubscriptionState::Deleted => true,
    };
    let refused = match deed {
        Deed::Read => false,
        Deed::Write => true,
        Deed::Delete => deletion == DeleteInDisabledSubscription::Refused,
    };
    if read_only && refused { Err(errors::read_only_subscription(id)) } else { Ok(()) }
}

fn registered(
    subscription: &Subscription,
    target: &Target,
    deed: Deed,
    needed: RegistrationNeeded,
) -> Result<(), Refusal> {
    let asked = match needed {
        RegistrationNeeded::ForWrites => deed == Deed::Write,
        RegistrationNeeded::ForAllCalls => true,
    };
    match target.provider() {
        Some(namespace) if asked && !subscription.is_registered(namespace) => {
            Err(errors::not_registered(namespace))
        }
        Some(_) | None => Ok(()),
    }
}

fn in_group(
    simulation: &Simulation,
    subscription: &Subscription,
    target: &Target,
    deed: Deed,
) -> Result<Option<Answer>, Refusal> {
    let Some(name) = target.group_needed() else { return Ok(None) };
    let Some(group) = subscription.groups.get(&name.into()) else {
        let silent = simulation.settings.readings.delete_in_missing_group == DeleteInMissingGroup::NoContent;
        let answer = (silent && deed == Deed::Delete).then(|| Answer::empty(204));
        return answer.map(Some).ok_or_else(|| errors::group_not_found(name));
    };
    if group.being_deleted && deed == Deed::Write {
        return Err(errors::group_being_deleted(name));
    }
    Ok(None)
}
