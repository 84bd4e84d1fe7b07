//! User-assigned identities: PUT, PATCH, GET, DELETE and the lists.
//!
//! Reads look at the replicas, writes at the truth. Must never change the ids of an identity that exists.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::access::Caller;
use super::errors::{self, Refusal};
use super::path::{Target, identity_scope};
use super::versions::has_isolation_scope;
use super::{Call, IDENTITY_TYPE, limits, schema};
use crate::clock::later;
use crate::readings::{Created, LastPage, LocationInPatch, UnreadableInList, Untagged};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Identity, IdentityId, Name, Names};

/// Serves a request to one identity.
pub(super) fn serve(
    simulation: &mut Simulation,
    call: &Call<'_>,
    target: &Target,
    id: &IdentityId,
) -> Result<Answer, Refusal> {
    let key = Name::from(id.to_string());
    match call.request.method {
        Method::PUT => put(simulation, call, target, id, &key),
        Method::PATCH => patch(simulation, call, target, id, &key),
        Method::DELETE => {
            limits::of_provider(simulation, call.caller, target, call.deed)?;
            let before = simulation.world.identities.remove(&key);
            let status = if before.is_some() { 200 } else { 204 };
            if before.is_some() {
                remember(simulation, &key, before);
            }
            Ok(Answer::empty(status))
        }
        _ => {
            limits::of_provider(simulation, call.caller, target, call.deed)?;
            let (now, untagged) = (simulation.clock.now(), simulation.settings.readings.untagged);
            let current = simulation.world.identities.get_key_value(&key);
            let (key, identity) = simulation.replicas.one(&key, current, now).ok_or_else(|| absent(id))?;
            Ok(Answer::json(200, shown(key, identity, call.api_version, untagged)))
        }
    }
}

fn absent(id: &IdentityId) -> Refusal {
    errors::resource_not_found(IDENTITY_TYPE, &id.name, &id.group)
}

fn put(
    simulation: &mut Simulation,
    call: &Call<'_>,
    target: &Target,
    id: &IdentityId,
    key: &Name,
) -> Result<Answer, Refusal> {
    let draft = schema::identity(&schema::object(call.request)?, call.api_version)?;
    schema::identity_name(&id.name)?;
    let location = schema::region(&draft.location.ok_or_else(errors::location_required)?);
    available(simulation, &location)?;
    let before =
        simulation.world.identities.get_key_value(key).map(|(key, found)| (key.clone(), found.clone()));
    if let Some((_, old)) = &before
        && schema::region(&old.location) != location
    {
        return Err(errors::other_location(&id.name, &id.group, &old.location, &location));
    }
    policy(simulation, id)?;
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let tags = draft.tags.unwrap_or_default();
    let isolation_scope = draft.isolation_scope.unwrap_or_default();
    let (key, status, identity) = if let Some((spelled, old)) = &before {
        (spelled.clone(), 200, Identity { tags, isolation_scope, ..old.clone() })
    } else {
        let status = match simulation.settings.readings.created {
            Created::Created => 201,
            Created::Ok => 200,
        };
        let parent = simulation.world.subscription(&id.subscription);
        let fresh = Identity {
            location,
            tags,
            isolation_scope,
            tenant_id: parent.map(|found| found.tenant_id.clone()).unwrap_or_default(),
            client_id: simulation.world.guids.draw(),
            principal_id: simulation.world.guids.draw(),
            created_at: Some(simulation.clock.now()),
        };
        (key.clone(), status, fresh)
    };
    remember(simulation, &key, before.map(|(_, old)| old));
    let answer =
        Answer::json(status, shown(&key, &identity, call.api_version, simulation.settings.readings.untagged));
    simulation.world.identities.insert(key, identity);
    Ok(answer)
}

fn patch(
    simulation: &mut Simulation,
    call: &Call<'_>,
    target: &Target,
    id: &IdentityId,
    key: &Name,
) -> Result<Answer, Refusal> {
    let draft = schema::identity(&schema::object(call.request)?, call.api_version)?;
    let (key, before) = simulation
        .world
        .identities
        .get_key_value(key)
        .map(|(key, found)| (key.clone(), found.clone()))
        .ok_or_else(|| absent(id))?;
    if let Some(asked) = draft.location
        && schema::region(&asked) != schema::region(&before.location)
        && simulation.settings.readings.location_in_patch == LocationInPatch::Refused
    {
        return Err(errors::other_location(&id.name, &id.group, &before.location, &asked));
    }
    policy(simulation, id)?;
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let mut identity = before.clone();
    if let Some(tags) = draft.tags {
        // The map is replaced as a whole: a client that sends one tag has just lost the others.
        identity.tags = tags;
    }
    if let Some(scope) = draft.isolation_scope {
        identity.isolation_scope = scope;
    }
    remember(simulation, &key, Some(before));
    let answer =
        Answer::json(200, shown(&key, &identity, call.api_version, simulation.settings.readings.untagged));
    simulation.world.identities.insert(key, identity);
    Ok(answer)
}

fn available(simulation: &Simulation, location: &str) -> Result<(), Refusal> {
    let locations = &simulation.world.locations;
    if locations.iter().any(|known| schema::region(known) == location) {
        return Ok(());
    }
    Err(errors::location_not_available(location, IDENTITY_TYPE, locations))
}

fn policy(simulation: &Simulation, id: &IdentityId) -> Result<(), Refusal> {
    let denial = simulation
        .world
        .group(&id.subscription, &id.group)
        .and_then(|(_, group)| group.policy_denial.as_ref());
    match denial {
        Some(policy) => Err(errors::denied_by_policy(&id.name, policy)),
        None => Ok(()),
    }
}

fn remember(simulation: &mut Simulation, key: &Name, before: Option<Identity>) {
    let delay = simulation.settings.replication_delay_seconds;
    if delay > 0.0 {
        let until = later(simulation.clock.now(), delay);
        simulation.replicas.remember(key, before, until);
    }
}

fn shown(key: &Name, identity: &Identity, api_version: &str, untagged: Untagged) -> Value {
    let Identity { location, tags, isolation_scope, tenant_id, client_id, principal_id, created_at } =
        identity;
    let id = IdentityId::parse(key.as_str());
    let (id, name) = id.map_or_else(|| (key.to_string(), key.to_string()), |id| (id.to_string(), id.name));
    let mut body = json!({
        "id": id,
        "name": name,
        "type": IDENTITY_TYPE,
        "location": location,
        "tags": tags,
        "properties": {"tenantId": tenant_id, "principalId": principal_id, "clientId": client_id},
    });
    if has_isolation_scope(api_version) {
        body["properties"]["isolationScope"] = json!(isolation_scope);
    }
    if tags.is_empty() {
        match untagged {
            Untagged::Empty => {}
            Untagged::Null => body["tags"] = Value::Null,
            Untagged::Absent => {
                body.as_object_mut().map(|members| members.remove("tags"));
            }
        }
    }
    if let Some(time) = created_at {
        body["systemData"] = json!({"createdAt": time});
    }
    body
}

/// Serves a list, page by page.
pub(super) fn list(simulation: &mut Simulation, call: &Call<'_>, target: &Target) -> Result<Answer, Refusal> {
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let now = simulation.clock.now();
    let seen = simulation.replicas.view(&simulation.world.identities, now);
    let listed = readable(simulation, call.caller, in_scope(seen, target))?;
    let after = match call.request.query("$skiptoken") {
        Some(token) => Some(mark(&token)?),
        None => None,
    };
    let rest: Vec<(Name, Identity)> =
        listed.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|mark| key > mark)).collect();
    let size = simulation.settings.page_size.max(1);
    let untagged = simulation.settings.readings.untagged;
    let page = &rest[..rest.len().min(size)];
    let value: Vec<Value> =
        page.iter().map(|(key, identity)| shown(key, identity, call.api_version, untagged)).collect();
    let mut body = json!({"value": value});
    if let (Some((last, _)), true) = (page.last(), rest.len() > size) {
        let base = &simulation.addresses.resource_manager;
        let token = URL_SAFE_NO_PAD.encode(last.as_str());
        let path = call.request.uri.path();
        body["nextLink"] = json!(format!("{base}{path}?api-version={}&$skiptoken={token}", call.api_version));
    } else {
        match simulation.settings.readings.last_page {
            LastPage::Absent => {}
            LastPage::Null => body["nextLink"] = Value::Null,
            LastPage::Empty => body["nextLink"] = json!(""),
        }
    }
    Ok(Answer::json(200, body))
}

/// A page begins after the last identity of the one before, so changes in between neither repeat nor skip another.
fn mark(token: &str) -> Result<Name, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.map(Name::from).ok_or_else(|| errors::invalid("InvalidSkipToken", "The skip token is invalid."))
}

fn in_scope(seen: Names<Identity>, target: &Target) -> Vec<(Name, Identity)> {
    let within = |key: &Name| {
        let Some(id) = IdentityId::parse(key.as_str()) else { return false };
        match target {
            Target::IdentitiesOfGroup { subscription, group } => {
                id.subscription.eq_ignore_ascii_case(subscription) && id.group.eq_ignore_ascii_case(group)
            }
            _ => target
                .subscription()
                .is_some_and(|subscription| id.subscription.eq_ignore_ascii_case(subscription)),
        }
    };
    seen.into_iter().filter(|(key, _)| within(key)).collect()
}

fn readable(
    simulation: &Simulation,
    caller: &Caller,
    listed: Vec<(Name, Identity)>,
) -> Result<Vec<(Name, Identity)>, Refusal> {
    let action = format!("{IDENTITY_TYPE}/read");
    let mut kept = Vec::with_capacity(listed.len());
    for (key, identity) in listed {
        let id = IdentityId::parse(key.as_str());
        let scope = id.as_ref().map(identity_scope).unwrap_or_default();
        let subscription = id.and_then(|id| simulation.world.subscription(&id.subscription));
        if subscription.is_some_and(|found| found.denies(&caller.client_id, &action, &scope)) {
            match simulation.settings.readings.unreadable_in_list {
                UnreadableInList::Refused => {
                    return Err(errors::forbidden(&caller.client_id, &caller.object_id, &action, &scope));
                }
                UnreadableInList::Cut => continue,
            }
        }
        kept.push((key, identity));
    }
    Ok(kept)
}
