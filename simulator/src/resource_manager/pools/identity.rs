//! The identity block of a pool: who may attach what, and what a body leaves of the map.
//!
//! An entry is filled from its identity when it is attached, and never again by itself. Must never drop an entry that
//! no rule names.

use serde_json::Value;

use super::draft::AskedIdentity;
use super::refusals::{self, ASSIGN};
use crate::clock::later;
use crate::operations::Failure;
use crate::pool_readings::{
    AssignRight, DeadEntry, IdentityMap, LastEntryGone, NoneInPatch, NullInPatch, NullInPut,
    RegionalIdentity, ResentEntry,
};
use crate::resource_manager::access::Caller;
use crate::resource_manager::errors::Refusal;
use crate::resource_manager::path::{identity_scope, pool_scope};
use crate::resource_manager::schema;
use crate::simulation::Simulation;
use crate::world::{
    Attached, Entry, Identity, IdentityId, IdentityType, IsolationScope, Name, Names, PoolId, SystemIdentity,
};

/// Which of the two writes asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Put,
    Patch,
}

/// What a body leaves of a pool's identities, and a failure that only the operation will tell.
pub(super) struct Resolved {
    pub(super) attached: Attached,
    pub(super) later: Option<Failure>,
}

/// Refuses a map that is no map of identities, and identities that the caller may not assign.
pub(super) fn permitted(
    simulation: &Simulation,
    caller: &Caller,
    pool: &PoolId,
    before: &Attached,
    asked: &AskedIdentity,
) -> Result<(), Refusal> {
    let mut sent: Vec<&Name> = Vec::new();
    for (key, value) in asked.user.iter().flatten() {
        let id = IdentityId::parse(key.as_str()).ok_or_else(|| refusals::no_identity_id(key.as_str()))?;
        if sent.contains(&key) {
            return Err(refusals::wrong_values(key.as_str()));
        }
        sent.push(key);
        let needed = match simulation.settings.readings.pools.assign_right {
            AssignRight::EveryIdentity => true,
            AssignRight::NewIdentities => !before.user.contains_key(key),
        };
        let scope = identity_scope(&id);
        let may = simulation.world.subscription(&id.subscription).is_some_and(|found| {
            found.tenant_id.eq_ignore_ascii_case(&caller.tenant)
                && !found.denies(&caller.client_id, ASSIGN, &scope)
        });
        if needed && !value.is_null() && !may {
            return Err(refusals::not_assignable(caller, &pool_scope(pool), &scope));
        }
    }
    Ok(())
}

/// The identities that a pool has once a body has been followed.
pub(super) fn resolved(
    simulation: &mut Simulation,
    pool: &PoolId,
    location: &str,
    before: &Attached,
    asked: &AskedIdentity,
    write: Write,
) -> Result<Resolved, Refusal> {
    let readings = simulation.settings.readings.pools;
    let patches = write == Write::Patch;
    let takes_none = readings.none_in_patch == NoneInPatch::Accepted;
    if patches && !takes_none && asked.kind == IdentityType::None && !before.user.is_empty() {
        return Err(refusals::still_attached(&pool_scope(pool)));
    }
    let mut later = None;
    let user = if asked.kind.has_user() {
        let (user, failure) = entries(simulation, pool, location, before, asked, write)?;
        later = failure;
        user
    } else if asked.user.iter().flatten().any(|(_, value)| !value.is_null()) {
        return Err(refusals::entries_without_their_type(&pool_scope(pool)));
    } else {
        Names::new()
    };
    if asked.kind.has_user()
        && user.is_empty()
        && readings.last_entry_gone == LastEntryGone::Refused
        && (takes_none || !patches)
    {
        return Err(refusals::no_identities_left(&asked.kind.to_string()));
    }
    let system = match (&before.system, asked.kind.has_system()) {
        (_, false) => None,
        (Some(kept), true) => Some(kept.clone()),
        (None, true) => Some(SystemIdentity {
            principal_id: simulation.world.guids.draw(),
            tenant_id: tenant_of(simulation, &pool.subscription),
        }),
    };
    Ok(Resolved { attached: Attached { system, user }, later })
}

fn tenant_of(simulation: &Simulation, subscription: &str) -> String {
    simulation.world.subscription(subscription).map(|found| found.tenant_id.clone()).unwrap_or_default()
}

fn entries(
    simulation: &Simulation,
    pool: &PoolId,
    location: &str,
    before: &Attached,
    asked: &AskedIdentity,
    write: Write,
) -> Result<(Names<Entry>, Option<Failure>), Refusal> {
    let readings = simulation.settings.readings.pools;
    let Some(sent) = &asked.user else {
        let kept = match write {
            Write::Put => Names::new(),
            Write::Patch => before.user.clone(),
        };
        return Ok((kept, None));
    };
    let mut user = match (write, readings.identity_map) {
        (Write::Put, _) | (Write::Patch, IdentityMap::Replace) => Names::new(),
        (Write::Patch, IdentityMap::Merge) => before.user.clone(),
    };
    let mut failure = None;
    for (key, value) in sent {
        let old = before.user.get(key);
        match value {
            Value::Null if write == Write::Put && readings.null_in_put == NullInPut::Refused => {
                return Err(refusals::null_only_in_patch(key.as_str()));
            }
            Value::Null if write == Write::Patch && readings.null_in_patch == NullInPatch::Refused => {
                return Err(refusals::wrong_values(key.as_str()));
            }
            Value::Null => {
                user.remove(key);
                continue;
            }
            Value::Object(members) if members.is_empty() => {}
            // What it says already; anything else is not for the client to say.
            value if old.is_some_and(|old| *value == shown(simulation, old)) => {}
            _ => return Err(refusals::wrong_values(key.as_str())),
        }
        let (entry, refusal) = filled(simulation, pool, location, key, old, value)?;
        failure = failure.or(refusal);
        user.entry(key.clone()).and_modify(|kept| kept.clone_from(&entry)).or_insert(entry);
    }
    Ok((user, failure))
}

/// One entry of the map as it will stand, from what stood and from the identity.
fn filled(
    simulation: &Simulation,
    pool: &PoolId,
    location: &str,
    key: &Name,
    old: Option<&Entry>,
    value: &Value,
) -> Result<(Entry, Option<Failure>), Refusal> {
    let readings = simulation.settings.readings.pools;
    let Some(identity) = simulation.world.identities.get(key) else {
        if let (Some(old), DeadEntry::Tolerated) = (old, readings.dead_entry) {
            return Ok((old.clone(), None));
        }
        let why = format!("Resource '{key}' was not found.");
        return Err(refusals::refused(refusals::identity_operation(&pool_scope(pool), &why)));
    };
    let refusal =
        restriction(identity, key, location).map(|why| refusals::identity_operation(&pool_scope(pool), &why));
    if let (Some(refusal), RegionalIdentity::AtOnce) = (&refusal, readings.regional_identity) {
        return Err(refusals::refused(refusal.clone()));
    }
    let resent = value.as_object().is_some_and(serde_json::Map::is_empty);
    let entry = match old {
        Some(old) if !(resent && readings.resent_entry == ResentEntry::Refreshed) => old.clone(),
        Some(_) | None => {
            let wait = simulation.settings.pools.entries_empty_seconds;
            let shown_from = (wait > 0.0).then(|| later(simulation.clock.now(), wait));
            Entry { shown_from, ..Entry::of(identity) }
        }
    };
    Ok((entry, refusal))
}

/// Why the identity may not be assigned to a pool here.
fn restriction(identity: &Identity, key: &Name, location: &str) -> Option<String> {
    let elsewhere = schema::region(&identity.location) != schema::region(location);
    if identity.isolation_scope == IsolationScope::Regional && elsewhere {
        return Some(format!(
            "The identity '{key}' can only be assigned to resources in its own region '{}'.",
            identity.location
        ));
    }
    (!identity.is_open_to("Microsoft.DevOpsInfrastructure")).then(|| {
        format!("The identity '{key}' cannot be assigned to resources of 'Microsoft.DevOpsInfrastructure'.")
    })
}

/// An entry as answers show it.
pub(super) fn shown(simulation: &Simulation, entry: &Entry) -> Value {
    let Entry { principal_id, client_id, shown_from } = entry;
    if shown_from.is_some_and(|from| from > simulation.clock.now()) {
        return serde_json::json!({});
    }
    serde_json::json!({"principalId": principal_id, "clientId": client_id})
}
