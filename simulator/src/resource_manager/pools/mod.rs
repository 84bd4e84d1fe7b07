//! Managed DevOps pools: PUT, PATCH, GET, DELETE, the lists, and the operations that they start.
//!
//! ```text
//! body → draft → policy → identities assignable? → busy? → identities resolved → fate → work → answer
//!                                                                                  │
//!                                                    the clock ends it ◀───────────┘
//! ```
//!
//! Reads look at the replicas, writes at the truth. Must never change a member that a body does not name.

mod catalogue;
mod description;
mod draft;
mod fate;
mod identity;
mod names;
mod operation;
mod refusals;
mod shown;
mod work;

use axum::http::Method;
use serde_json::Value;

pub(super) use catalogue::{agents, skus, usages};
pub(super) use names::check as check_name;
pub(super) use operation::serve as operation;

use self::fate::Change;
use self::identity::{Resolved, Write};
use self::work::Work;
use super::errors::{self, Refusal};
use super::lists::{self, Place};
use super::path::{Target, pool_scope};
use super::{Call, POOL_TYPE, placement, schema, shape};
use crate::merge::merge;
use crate::operations::{Kind, Leaves};
use crate::pool_readings::{IdentityAbsentInPut, KindInPatch, UnknownInPut};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Attached, Name, Pool, PoolId};

/// Serves a request to one pool.
pub(super) fn serve(simulation: &mut Simulation, call: &Call<'_>, id: &PoolId) -> Result<Answer, Refusal> {
    let key = Name::from(id.to_string());
    match call.request.method {
        Method::PUT => put(simulation, call, id, &key),
        Method::PATCH => patch(simulation, call, id, &key),
        Method::DELETE => delete(simulation, id, &key),
        _ => {
            let (now, current) = (simulation.clock.now(), simulation.world.pools.get_key_value(&key));
            let seen = simulation.replicas.pools.one(&key, current, now);
            let (key, pool) = seen.ok_or_else(|| absent(id))?;
            Ok(Answer::json(200, shown::pool(simulation, key, pool, call.api_version)))
        }
    }
}

/// Serves a list.
pub(super) fn list(simulation: &mut Simulation, call: &Call<'_>, target: &Target) -> Result<Answer, Refusal> {
    let now = simulation.clock.now();
    let seen = simulation.replicas.pools.view(&simulation.world.pools, now);
    let place = |key: &Name| {
        let id = PoolId::parse(key.as_str())?;
        Some(Place { scope: pool_scope(&id), subscription: id.subscription, group: id.group })
    };
    let shown = |key: &Name, pool: &Pool| shown::pool(simulation, key, pool, call.api_version);
    lists::serve(simulation, call, target, seen, place, shown)
}

fn absent(id: &PoolId) -> Refusal {
    errors::resource_not_found(POOL_TYPE, &id.name, &id.group)
}

/// The pool as it is, with its name as first written.
fn found(simulation: &Simulation, key: &Name) -> Option<(Name, Pool)> {
    simulation.world.pools.get_key_value(key).map(|(key, pool)| (key.clone(), pool.clone()))
}

fn at_rest(id: &PoolId, pool: &Pool) -> Result<(), Refusal> {
    if pool.provisioning_state.is_final() {
        return Ok(());
    }
    Err(refusals::busy(&id.name, pool.provisioning_state))
}

fn put(simulation: &mut Simulation, call: &Call<'_>, id: &PoolId, key: &Name) -> Result<Answer, Refusal> {
    let draft = draft::put(call)?;
    let location = schema::region(&draft.location.ok_or_else(errors::location_required)?);
    placement::offered(simulation, &location, POOL_TYPE)?;
    names::free(simulation, key, &id.name)?;
    let before = found(simulation, key);
    if let Some((_, old)) = &before
        && schema::region(&old.location) != location
    {
        return Err(errors::other_location(&id.name, &id.group, &old.location, &location));
    }
    placement::by_policy(simulation, &id.subscription, &id.group, &id.name)?;
    let (key, before) = before.map_or((key.clone(), None), |(key, old)| (key, Some(old)));
    let attached = before.as_ref().map(|old| old.identity.clone()).unwrap_or_default();
    if let Some(asked) = &draft.identity {
        identity::permitted(simulation, call.caller, id, &attached, asked)?;
    }
    if let Some(old) = &before {
        at_rest(id, old)?;
    }
    let identity = match (&draft.identity, simulation.settings.readings.pools.identity_absent_in_put) {
        (Some(asked), _) => identity::resolved(simulation, id, &location, &attached, asked, Write::Put)?,
        (None, IdentityAbsentInPut::Removed) => Resolved { attached: Attached::default(), later: None },
        (None, IdentityAbsentInPut::Kept) => Resolved { attached, later: None },
    };
    let mut properties = draft.properties.unwrap_or_default();
    if let Some(old) = &before
        && simulation.settings.readings.pools.unknown_in_put == UnknownInPut::Kept
    {
        let version = call.api_version;
        shape::keep_unknown(description::PROPERTIES, &old.properties, &mut properties, version);
    }
    let wanted = Pool {
        location,
        tags: draft.tags.unwrap_or_default(),
        identity: identity.attached,
        properties,
        provisioning_state: Kind::Update.running(),
        created_at: before.as_ref().map_or_else(|| Some(simulation.clock.now()), |old| old.created_at),
    };
    let (kind, change, status) = match before {
        None => (Kind::Creation, Change::Creation, 201),
        Some(_) => (Kind::Update, Change::Everything, 200),
    };
    let fate = fate::of(simulation, &call.caller.object_id, &id.name, &wanted, change)
        .or(identity.later.map(|failure| (failure, Leaves::AsItIs)));
    let begun = work::begin(simulation, &key, Work { kind, before, wanted, fate });
    Ok(work::told_of_put(simulation, call, id, status, begun.as_ref()))
}

fn patch(simulation: &mut Simulation, call: &Call<'_>, id: &PoolId, key: &Name) -> Result<Answer, Refusal> {
    let draft = draft::patch(call)?;
    let (key, before) = found(simulation, key).ok_or_else(|| absent(id))?;
    placement::by_policy(simulation, &id.subscription, &id.group, &id.name)?;
    if let Some(asked) = &draft.identity {
        identity::permitted(simulation, call.caller, id, &before.identity, asked)?;
    }
    at_rest(id, &before)?;
    let change = if draft.tags.is_none() && draft.properties.is_none() {
        Change::IdentityAlone
    } else {
        Change::Everything
    };
    let mut wanted = before.clone();
    let mut later = None;
    if let Some(asked) = &draft.identity {
        let place = before.location.clone();
        let resolved = identity::resolved(simulation, id, &place, &before.identity, asked, Write::Patch)?;
        wanted.identity = resolved.attached;
        later = resolved.later;
    }
    if let Some(tags) = draft.tags {
        // The map is replaced as a whole, as everywhere at Resource Manager.
        wanted.tags = tags;
    }
    if let Some(changes) = draft.properties {
        let (kinds, patched) = (description::PROPERTIES, &mut wanted.properties);
        let other_kind = shape::drop_other_kinds(kinds, &changes, patched, "properties");
        let reading = simulation.settings.readings.pools.kind_in_patch;
        if let (Some(path), KindInPatch::Refused) = (other_kind, reading) {
            return Err(refusals::other_kind(&path));
        }
        let mut properties = Value::Object(wanted.properties);
        merge(&mut properties, Value::Object(changes));
        wanted.properties = properties.as_object().cloned().unwrap_or_default();
    }
    let fate = fate::of(simulation, &call.caller.object_id, &id.name, &wanted, change)
        .or(later.map(|failure| (failure, Leaves::AsItIs)));
    let work = Work { kind: Kind::Update, before: Some(before), wanted, fate };
    let begun = work::begin(simulation, &key, work);
    Ok(work::told_of_patch(simulation, call, id, begun.as_ref()))
}

fn delete(simulation: &mut Simulation, id: &PoolId, key: &Name) -> Result<Answer, Refusal> {
    let Some((key, before)) = found(simulation, key) else { return Ok(Answer::empty(204)) };
    at_rest(id, &before)?;
    let wanted = before.clone();
    let work = Work { kind: Kind::Deletion, before: Some(before), wanted, fate: None };
    match work::begin(simulation, &key, work) {
        Some(begun) => Ok(work::accepted(simulation, id, &begun)),
        None => Ok(Answer::empty(204)),
    }
}
