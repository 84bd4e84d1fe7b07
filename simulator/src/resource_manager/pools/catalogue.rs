//! What a region offers for pools, and how much of it is in use.
//!
//! The list of sizes is fixed and short; the use is counted in the world. Must never be taken for Azure's list.

use serde_json::{Value, json};

use crate::resource_manager::errors::{self, Refusal};
use crate::resource_manager::{Call, POOL_TYPE, lists, placement, schema};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Name, PoolId};

/// Name, family, processors, memory in GB.
const SIZES: &[(&str, &str, &str, &str)] = &[
    ("Standard_D2ads_v5", "standardDADSv5Family", "2", "8"),
    ("Standard_D4ads_v5", "standardDADSv5Family", "4", "16"),
    ("Standard_D8ads_v5", "standardDADSv5Family", "8", "32"),
];
/// How many agents a subscription can have in a region here.
const LIMIT: u64 = 1000;

fn paged(simulation: &Simulation, call: &Call<'_>, listed: Vec<(Name, Value)>) -> Result<Answer, Refusal> {
    lists::page(simulation, call, listed, simulation.settings.page_size, |_, value| value.clone())
}

/// Serves the list of sizes.
pub(in crate::resource_manager) fn skus(
    simulation: &Simulation,
    call: &Call<'_>,
    location: &str,
) -> Result<Answer, Refusal> {
    let region = schema::region(location);
    placement::offered(simulation, &region, POOL_TYPE)?;
    let listed = SIZES
        .iter()
        .map(|(name, family, processors, memory)| {
            let sku = json!({
                "id": format!("{}/{name}", call.request.uri.path()),
                "name": name,
                "type": "Microsoft.DevOpsInfrastructure/skus",
                "properties": {
                    "resourceType": "virtualMachines",
                    "tier": "Standard",
                    "size": name.trim_start_matches("Standard_"),
                    "family": family,
                    "locations": [region],
                    "locationInfo": [{"location": region, "zones": [], "zoneDetails": []}],
                    "capabilities": [
                        {"name": "vCPUs", "value": processors},
                        {"name": "MemoryGB", "value": memory},
                    ],
                    "restrictions": [],
                },
            });
            (Name::from(*name), sku)
        })
        .collect();
    paged(simulation, call, listed)
}

/// Serves the list of quotas: one, of all agents that the pools of a region may have.
pub(in crate::resource_manager) fn usages(
    simulation: &Simulation,
    call: &Call<'_>,
    subscription: &str,
    location: &str,
) -> Result<Answer, Refusal> {
    let region = schema::region(location);
    placement::offered(simulation, &region, POOL_TYPE)?;
    let here = |id: &Name| {
        PoolId::parse(id.as_str()).is_some_and(|id| id.subscription.eq_ignore_ascii_case(subscription))
    };
    let used: u64 = simulation
        .world
        .pools
        .iter()
        .filter(|(id, pool)| here(id) && schema::region(&pool.location) == region)
        .filter_map(|(_, pool)| pool.properties.get("maximumConcurrency")?.as_u64())
        .sum();
    let quota = json!({
        "id": format!("{}/agents", call.request.uri.path()),
        "name": {"value": "agents", "localizedValue": "Agents"},
        "unit": "Count",
        "currentValue": used,
        "limit": LIMIT,
    });
    paged(simulation, call, vec![(Name::from("agents"), quota)])
}

/// Serves the list of a pool's agents. There are none: nothing runs on a simulated pool.
pub(in crate::resource_manager) fn agents(
    simulation: &Simulation,
    call: &Call<'_>,
    id: &PoolId,
) -> Result<Answer, Refusal> {
    match simulation.world.pool(&id.to_string()) {
        Some(_) => paged(simulation, call, Vec::new()),
        None => Err(errors::resource_not_found(POOL_TYPE, &id.name, &id.group)),
    }
}
