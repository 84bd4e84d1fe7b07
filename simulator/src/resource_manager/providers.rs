//! Resource providers of a subscription and their registration.
//!
//! A real registration takes minutes and passes through `Registering`; this one is done at once.

use serde_json::json;

use super::errors::{self, Refusal};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::Registration;

pub(super) fn get(simulation: &Simulation, subscription: &str, namespace: &str) -> Result<Answer, Refusal> {
    let found = simulation
        .world
        .subscription(subscription)
        .ok_or_else(|| errors::subscription_not_found(subscription))?;
    let state = if found.is_registered(namespace) { "Registered" } else { "NotRegistered" };
    Ok(Answer::json(
        200,
        json!({
            "id": format!("/subscriptions/{subscription}/providers/{namespace}"),
            "namespace": namespace,
            "registrationState": state,
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [],
        }),
    ))
}

pub(super) fn register(
    simulation: &mut Simulation,
    subscription: &str,
    namespace: &str,
) -> Result<Answer, Refusal> {
    simulation
        .world
        .set_registration(subscription, namespace, Registration::Registered)
        .map_err(|_| errors::subscription_not_found(subscription))?;
    get(simulation, subscription, namespace)
}
