//! Resource providers of a subscription and their registration.
//!
//! A registration passes through `Registering` for as long as the settings say. Must never let a provider be used before
//! it has ended.

use serde_json::{Value, json};

use super::errors::{self, Refusal};
use super::versions;
use crate::registrations::Pending;
use crate::service::Answer;
use crate::simulation::Simulation;

pub(super) fn get(simulation: &Simulation, subscription: &str, namespace: &str) -> Result<Answer, Refusal> {
    let found = simulation
        .world
        .subscription(subscription)
        .ok_or_else(|| errors::subscription_not_found(subscription))?;
    let state = if found.is_registered(namespace) {
        "Registered"
    } else if simulation.registrations.runs(subscription, namespace) {
        "Registering"
    } else {
        "NotRegistered"
    };
    let types: Vec<Value> = versions::types_of(namespace)
        .iter()
        .map(|(kind, versions)| {
            // Newest first, as Resource Manager lists them.
            let versions: Vec<&str> = versions.iter().rev().copied().collect();
            json!({"resourceType": kind, "locations": simulation.world.locations, "apiVersions": versions})
        })
        .collect();
    Ok(Answer::json(
        200,
        json!({
            "id": format!("/subscriptions/{subscription}/providers/{namespace}"),
            "namespace": namespace,
            "registrationState": state,
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": types,
        }),
    ))
}

pub(super) fn register(
    simulation: &mut Simulation,
    subscription: &str,
    namespace: &str,
) -> Result<Answer, Refusal> {
    let found = simulation
        .world
        .subscription(subscription)
        .ok_or_else(|| errors::subscription_not_found(subscription))?;
    if !found.is_registered(namespace) {
        let pending = Pending { subscription: subscription.to_owned(), namespace: namespace.to_owned() };
        simulation.begin_registration(pending);
    }
    get(simulation, subscription, namespace)
}
