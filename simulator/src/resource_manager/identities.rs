//! User-assigned identities: PUT, PATCH, GET, DELETE and the lists.
//!
//! Reads look at the replicas, writes at the truth. Must never change the ids of an identity that exists.

use axum::http::Method;
use serde_json::{Value, json};

use super::errors::{self, Refusal};
use super::lists::{self, Place};
use super::path::{Target, identity_scope};
use super::schema::Restrictions;
use super::shape::Extent;
use super::versions::identity_has;
use super::{Call, IDENTITY_TYPE, limits, placement, schema};
use crate::pool_readings::UnknownInPut;
use crate::readings::{Created, LocationInPatch, Untagged};
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
            let (key, identity) =
                simulation.replicas.identities.one(&key, current, now).ok_or_else(|| absent(id))?;
            Ok(Answer::json(200, shown(key, identity, call.api_version, untagged)))
        }
    }
}

pub(super) fn absent(id: &IdentityId) -> Refusal {
    errors::resource_not_found(IDENTITY_TYPE, &id.name, &id.group)
}

fn put(
    simulation: &mut Simulation,
    call: &Call<'_>,
    target: &Target,
    id: &IdentityId,
    key: &Name,
) -> Result<Answer, Refusal> {
    let draft = schema::identity(&schema::object(call.request)?, call.api_version, Extent::Whole)?;
    schema::identity_name(&id.name)?;
    let location = schema::region(&draft.location.ok_or_else(errors::location_required)?);
    placement::offered(simulation, &location, IDENTITY_TYPE)?;
    let before =
        simulation.world.identities.get_key_value(key).map(|(key, found)| (key.clone(), found.clone()));
    if let Some((_, old)) = &before
        && schema::region(&old.location) != location
    {
        return Err(errors::other_location(&id.name, &id.group, &old.location, &location));
    }
    placement::by_policy(simulation, &id.subscription, &id.group, &id.name)?;
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let tags = draft.tags.unwrap_or_default();
    let mut isolation_scope = draft.isolation_scope.unwrap_or_default();
    let mut assignment_restrictions = draft.assignment_restrictions.and_then(Restrictions::providers);
    if let (Some((_, old)), UnknownInPut::Kept) = (&before, simulation.settings.readings.unknown_in_put) {
        if !identity_has("isolationScope", call.api_version) {
            isolation_scope = old.isolation_scope;
        }
        if !identity_has("assignmentRestrictions", call.api_version) {
            assignment_restrictions.clone_from(&old.assignment_restrictions);
        }
    }
    let (key, status, identity) = if let Some((spelled, old)) = &before {
        let changed = Identity { tags, isolation_scope, assignment_restrictions, ..old.clone() };
        (spelled.clone(), 200, changed)
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
            assignment_restrictions,
            federated_credentials: Names::new(),
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
    let draft = schema::identity(&schema::object(call.request)?, call.api_version, Extent::Part)?;
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
    placement::by_policy(simulation, &id.subscription, &id.group, &id.name)?;
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let mut identity = before.clone();
    if let Some(tags) = draft.tags {
        // The map is replaced as a whole: a client that sends one tag has just lost the others.
        identity.tags = tags;
    }
    if let Some(scope) = draft.isolation_scope {
        identity.isolation_scope = scope;
    }
    if let Some(restrictions) = draft.assignment_restrictions {
        identity.assignment_restrictions = restrictions.providers();
    }
    remember(simulation, &key, Some(before));
    let answer =
        Answer::json(200, shown(&key, &identity, call.api_version, simulation.settings.readings.untagged));
    simulation.world.identities.insert(key, identity);
    Ok(answer)
}

/// Keeps an identity's state from before a change, for reads that lag behind.
pub(super) fn remember(simulation: &mut Simulation, key: &Name, before: Option<Identity>) {
    if let Some(until) = simulation.older_shown_until(simulation.clock.now()) {
        simulation.replicas.identities.remember(key, before, until);
    }
}

fn shown(key: &Name, identity: &Identity, api_version: &str, untagged: Untagged) -> Value {
    let Identity {
        location,
        tags,
        isolation_scope,
        assignment_restrictions,
        federated_credentials: _,
        tenant_id,
        client_id,
        principal_id,
        created_at,
    } = identity;
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
    if identity_has("isolationScope", api_version) {
        body["properties"]["isolationScope"] = json!(isolation_scope);
    }
    if let (Some(providers), true) =
        (assignment_restrictions, identity_has("assignmentRestrictions", api_version))
    {
        body["properties"]["assignmentRestrictions"] = json!({"providers": providers});
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
    if let (Some(time), true) = (created_at, identity_has("systemData", api_version)) {
        body["systemData"] = json!({"createdAt": time});
    }
    body
}

/// Serves a list.
pub(super) fn list(simulation: &mut Simulation, call: &Call<'_>, target: &Target) -> Result<Answer, Refusal> {
    limits::of_provider(simulation, call.caller, target, call.deed)?;
    let now = simulation.clock.now();
    let seen = simulation.replicas.identities.view(&simulation.world.identities, now);
    let untagged = simulation.settings.readings.untagged;
    let place = |key: &Name| {
        let id = IdentityId::parse(key.as_str())?;
        Some(Place { scope: identity_scope(&id), subscription: id.subscription, group: id.group })
    };
    let shown = |key: &Name, identity: &Identity| shown(key, identity, call.api_version, untagged);
    lists::serve(simulation, call, target, seen, place, shown)
}
