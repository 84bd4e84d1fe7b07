//! Management locks on a resource group, and how they stand in the way.
//!
//! Only locks on groups are known; Azure also has them on subscriptions and on single resources.

use axum::http::Method;
use serde_json::{Value, json};

use super::access::Deed;
use super::errors::{self, Refusal};
use super::path::Target;
use super::{Call, schema};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Against, Lock, LockLevel, Name, World};

/// Refuses a write or a deletion that a lock forbids.
pub(super) fn stand_in_the_way(world: &World, target: &Target, deed: Deed) -> Result<(), Refusal> {
    let (subscription, group) = match target {
        Target::Identity(id) | Target::IdentityTags(id) | Target::Credential(id, _) => {
            (&id.subscription, &id.group)
        }
        Target::Pool(id) => (&id.subscription, &id.group),
        Target::Group { subscription, group } => (subscription, group),
        // A lock does not stand in the way of its own removal.
        _ => return Ok(()),
    };
    let against = match deed {
        Deed::Read => return Ok(()),
        Deed::Write => Against::Write,
        Deed::Delete => Against::Delete,
    };
    let Some((name, found)) = world.group(subscription, group) else { return Ok(()) };
    if found.locks_against(against).is_empty() {
        return Ok(());
    }
    let (scope, _) = target.scope_and_type();
    let locked = format!("/subscriptions/{subscription}/resourceGroups/{name}");
    Err(errors::locked(&scope, deed.verb(), &[locked]))
}

fn shown(subscription: &str, group: &str, name: &Name, lock: &Lock) -> Value {
    let mut properties = json!({"level": lock.level});
    if let Some(notes) = &lock.notes {
        properties["notes"] = json!(notes);
    }
    json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Authorization/locks/{name}"),
        "name": name,
        "type": "Microsoft.Authorization/locks",
        "properties": properties,
    })
}

pub(super) fn list(simulation: &Simulation, subscription: &str, group: &str) -> Result<Answer, Refusal> {
    let (_, found) =
        simulation.world.group(subscription, group).ok_or_else(|| errors::group_not_found(group))?;
    let value: Vec<Value> =
        found.locks.iter().map(|(name, lock)| shown(subscription, group, name, lock)).collect();
    Ok(Answer::json(200, json!({"value": value})))
}

pub(super) fn serve(
    simulation: &mut Simulation,
    call: &Call<'_>,
    subscription: &str,
    group: &str,
    name: &str,
) -> Result<Answer, Refusal> {
    let key = Name::from(name);
    let wanted = if call.request.method == Method::PUT { Some(draft(call)?) } else { None };
    let found = simulation
        .world
        .subscriptions
        .get_mut(&subscription.into())
        .and_then(|found| found.groups.get_mut(&group.into()))
        .ok_or_else(|| errors::group_not_found(group))?;
    match (wanted, call.deed) {
        (Some(lock), _) => {
            let status = if found.locks.contains_key(&key) { 200 } else { 201 };
            let answer = Answer::json(status, shown(subscription, group, &key, &lock));
            found.locks.insert(key, lock);
            Ok(answer)
        }
        (None, Deed::Delete) => Ok(Answer::empty(if found.locks.remove(&key).is_some() { 200 } else { 204 })),
        (None, _) => match found.locks.get_key_value(&key) {
            Some((key, lock)) => Ok(Answer::json(200, shown(subscription, group, key, lock))),
            None => Err(errors::lock_not_found(name)),
        },
    }
}

fn draft(call: &Call<'_>) -> Result<Lock, Refusal> {
    let body = schema::object(call.request)?;
    let Some(Value::Object(properties)) = body.get("properties") else {
        return Err(schema::wrong_type("properties", "an object"));
    };
    let level = match properties.get("level").and_then(Value::as_str) {
        Some("CanNotDelete") => LockLevel::CanNotDelete,
        Some("ReadOnly") => LockLevel::ReadOnly,
        _ => return Err(schema::wrong_type("properties.level", "'CanNotDelete' or 'ReadOnly'")),
    };
    Ok(Lock { level, notes: properties.get("notes").and_then(Value::as_str).map(str::to_owned) })
}
