//! Whether a resource may be where a body wants it.
//!
//! Must never look at what is there already.

use super::errors::{self, Refusal};
use super::schema;
use crate::simulation::Simulation;

/// Refuses a region that is not offered.
pub(super) fn offered(simulation: &Simulation, location: &str, kind: &str) -> Result<(), Refusal> {
    let locations = &simulation.world.locations;
    if locations.iter().any(|known| schema::region(known) == location) {
        return Ok(());
    }
    Err(errors::location_not_available(location, kind, locations))
}

/// Refuses what a policy of the group forbids.
pub(super) fn by_policy(
    simulation: &Simulation,
    subscription: &str,
    group: &str,
    name: &str,
) -> Result<(), Refusal> {
    let found = simulation.world.group(subscription, group);
    match found.and_then(|(_, group)| group.policy_denial.as_ref()) {
        Some(policy) => Err(errors::denied_by_policy(name, policy)),
        None => Ok(()),
    }
}
