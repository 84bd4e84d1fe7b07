//! How an operation on a pool will end, decided when it begins: by its organizations and by the caller's place there.
//!
//! Must never change anything.

use crate::operations::{Failure, Leaves};
use crate::pool_readings::MembershipCheck;
use crate::simulation::Simulation;
use crate::world::{Obstacle, Pool, organization_in};

/// What is written, as far as the checks in Azure DevOps go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Creation,
    Everything,
    IdentityAlone,
}

/// Why the operation will fail, and what a creation leaves then.
pub(super) fn of(
    simulation: &Simulation,
    object_id: &str,
    name: &str,
    pool: &Pool,
    change: Change,
) -> Option<(Failure, Leaves)> {
    let organizations: Vec<(&str, Option<&str>)> =
        pool.azure_devops_urls().into_iter().map(|url| (url, organization_in(url))).collect();
    let exists = |name: Option<&str>| name.is_some_and(|name| simulation.world.organization(name).is_some());
    if change == Change::Creation
        && let Some((url, _)) = organizations.iter().find(|(_, name)| !exists(*name))
    {
        let message = format!("The Azure DevOps organization {url} provided on pool {name} doesn't exist.");
        return Some((Failure { code: "OrganizationNotFound", message }, Leaves::Nothing));
    }
    let checked = match simulation.settings.readings.pools.membership_check {
        MembershipCheck::EveryWrite => true,
        MembershipCheck::AllButIdentity => change != Change::IdentityAlone,
        MembershipCheck::Never => false,
    };
    let (url, obstacle) = organizations.into_iter().filter(|_| checked).find_map(|(url, name)| {
        let organization = simulation.world.organization(name?)?;
        Some((url, organization.obstacles.get(&object_id.into())?))
    })?;
    let why = match obstacle {
        Obstacle::NotFound => "was not found",
        Obstacle::NoManagePermission => "does not have Manage permissions",
    };
    let message = format!(
        "Failed to provision agent pool. Exception: The logged in user, {object_id}, {why} in the Azure DevOps organization \
         provided, {url}."
    );
    Some((Failure { code: "PoolProvisioningFailed", message }, Leaves::AsItIs))
}
