//! Names of pools: their pattern, and that each is there once in all of Azure.
//!
//! Must never tell where a name is taken.

use serde_json::{Value, json};

use super::refusals;
use crate::pool_readings::AvailableName;
use crate::resource_manager::errors::Refusal;
use crate::resource_manager::shape::Need::Required;
use crate::resource_manager::shape::Shape::{Text, Word};
use crate::resource_manager::shape::{self, Extent, Member};
use crate::resource_manager::{Call, POOL_TYPE, schema};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::Name;

const QUESTION: &[Member] = &[Member("name", Required, Text), Member("type", Required, Word(&[POOL_TYPE]))];

fn fits(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-.".contains(character))
}

/// Refuses a name that is no name, or that another pool bears.
pub(super) fn free(simulation: &Simulation, key: &Name, name: &str) -> Result<(), Refusal> {
    if !fits(name) {
        return Err(refusals::bad_name(name));
    }
    match simulation.world.pool_named(name) {
        Some(bearer) if bearer != key => Err(refusals::name_taken(name)),
        Some(_) | None => Ok(()),
    }
}

/// Answers whether a name can be had.
pub(in crate::resource_manager) fn check(
    simulation: &Simulation,
    call: &Call<'_>,
) -> Result<Answer, Refusal> {
    let question =
        shape::taken(QUESTION, &schema::object(call.request)?, "", Extent::Whole, call.api_version)?;
    let name = question.get("name").and_then(Value::as_str).unwrap_or_default();
    let (available, reason, message) = if !fits(name) {
        ("Unavailable", json!("Invalid"), json!("The name is invalid."))
    } else if simulation.world.pool_named(name).is_some() {
        ("Unavailable", json!("AlreadyExists"), json!("The name already exists."))
    } else {
        let nothing = match simulation.settings.readings.pools.available_name {
            AvailableName::Empty => json!(""),
            AvailableName::Null => Value::Null,
        };
        ("Available", nothing.clone(), nothing)
    };
    Ok(Answer::json(200, json!({"available": available, "name": name, "reason": reason, "message": message})))
}
