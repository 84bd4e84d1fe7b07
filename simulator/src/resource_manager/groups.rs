//! Resource groups: just enough for a person or a script to make and remove one.
//!
//! A real deletion takes minutes; this one is done at once. Must never be taken for the behaviour of Azure there.

use axum::http::Method;
use serde_json::{Value, json};

use super::errors::{self, Refusal};
use super::{Call, schema};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Group, Name, Names};

pub(super) fn list(simulation: &Simulation, subscription: &str) -> Result<Answer, Refusal> {
    let found = simulation
        .world
        .subscription(subscription)
        .ok_or_else(|| errors::subscription_not_found(subscription))?;
    let value: Vec<Value> =
        found.groups.iter().map(|(name, group)| shown(subscription, name, group)).collect();
    Ok(Answer::json(200, json!({"value": value})))
}

fn shown(subscription: &str, name: &Name, group: &Group) -> Value {
    let state = if group.being_deleted { "Deleting" } else { "Succeeded" };
    json!({
        "id": format!("/subscriptions/{subscription}/resourceGroups/{name}"),
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": state},
    })
}

pub(super) fn serve(
    simulation: &mut Simulation,
    call: &Call<'_>,
    subscription: &str,
    group: &str,
) -> Result<Answer, Refusal> {
    let found =
        simulation.world.group(subscription, group).map(|(name, found)| (name.clone(), found.clone()));
    match (&call.request.method, found) {
        (&Method::HEAD, found) => Ok(Answer::empty(if found.is_some() { 204 } else { 404 })),
        (&Method::GET, Some((name, found))) => Ok(Answer::json(200, shown(subscription, &name, &found))),
        (&Method::PUT, found) => put(simulation, call, subscription, group, found),
        (&Method::DELETE, Some(_)) => {
            simulation.world.delete_group(subscription, group).map_err(|_| errors::group_not_found(group))?;
            Ok(Answer::empty(200))
        }
        (_, _) => Err(errors::group_not_found(group)),
    }
}

fn put(
    simulation: &mut Simulation,
    call: &Call<'_>,
    subscription: &str,
    group: &str,
    found: Option<(Name, Group)>,
) -> Result<Answer, Refusal> {
    let body = schema::object(call.request)?;
    let (mut location, mut tags) = (None, Names::new());
    for (member, value) in &body {
        match member.as_str() {
            "location" => location = Some(schema::region(schema::text(value, "location")?)),
            "tags" => tags = schema::tags(value)?,
            "id" | "name" | "type" | "properties" | "managedBy" => {}
            other => return Err(schema::unknown_member(other, other)),
        }
    }
    let location = location.ok_or_else(errors::location_required)?;
    if !simulation.world.locations.iter().any(|known| schema::region(known) == location) {
        let kind = "Microsoft.Resources/resourceGroups";
        return Err(errors::location_not_available(&location, kind, &simulation.world.locations));
    }
    let status = if found.is_some() { 200 } else { 201 };
    let (name, mut wanted) = found.unwrap_or_else(|| (Name::from(group), Group::new(&location)));
    if wanted.being_deleted {
        return Err(errors::group_being_deleted(group));
    }
    if wanted.location != location {
        return Err(errors::group_in_other_location(group, &wanted.location, &location));
    }
    wanted.tags = tags;
    let shown = shown(subscription, &name, &wanted);
    if let Some(parent) = simulation.world.subscriptions.get_mut(&subscription.into()) {
        parent.groups.insert(name, wanted);
    }
    Ok(Answer::json(status, shown))
}
