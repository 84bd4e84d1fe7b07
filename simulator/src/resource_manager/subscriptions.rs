//! Subscriptions, tenants, and the description of the cloud.
//!
//! Read only: nothing here must ever change the world.

use serde_json::{Value, json};

use super::access::Caller;
use super::errors::{self, Refusal};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::Subscription;

pub(super) fn get(simulation: &Simulation, id: &str) -> Result<Answer, Refusal> {
    let (key, subscription) = simulation
        .world
        .subscriptions
        .get_key_value(&id.into())
        .ok_or_else(|| errors::subscription_not_found(id))?;
    Ok(Answer::json(200, shown(key.as_str(), subscription)))
}

fn shown(id: &str, subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.display_name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

/// The last page has an empty `nextLink`: the description requires the member.
pub(super) fn list(simulation: &Simulation, caller: &Caller) -> Answer {
    let seen: Vec<Value> = simulation
        .world
        .subscriptions
        .iter()
        .filter(|(_, subscription)| subscription.tenant_id.eq_ignore_ascii_case(&caller.tenant))
        .filter(|(_, subscription)| subscription.is_readable_by(&caller.client_id))
        .map(|(id, subscription)| shown(id.as_str(), subscription))
        .collect();
    let count = seen.len();
    Answer::json(200, json!({"value": seen, "nextLink": "", "count": {"type": "Total", "value": count}}))
}

/// A service principal sees its own tenant.
pub(super) fn tenants(simulation: &Simulation, caller: &Caller) -> Answer {
    let seen: Vec<Value> = simulation
        .world
        .tenants
        .get_key_value(&caller.tenant.as_str().into())
        .map(|(id, _)| {
            json!({"id": format!("/tenants/{id}"), "tenantId": id, "tenantCategory": "Home", "tenantType": "AAD"})
        })
        .into_iter()
        .collect();
    Answer::json(200, json!({"value": seen, "nextLink": ""}))
}

/// The description of the cloud, for clients that find their way by it. Needs no token.
pub(super) fn clouds(simulation: &Simulation) -> Answer {
    let addresses = &simulation.addresses;
    Answer::json(
        200,
        json!([{
            "name": "AzureCloud",
            "resourceManager": addresses.resource_manager,
            "authentication": {
                "loginEndpoint": addresses.authority,
                "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {},
        }]),
    )
}
