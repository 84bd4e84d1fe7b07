//! The world that the services look at: tenants, subscriptions, identities, pools, organizations.
//!
//! Plain data with its rules, readable and settable as JSON. It must never know about HTTP, time or throttling; the
//! services decide what a caller may see of it.

mod arm_id;
mod attached;
mod hands;
mod identity;
mod name;
mod organization;
mod pool;
mod pool_hands;
mod sample;
mod subscription;
mod tenant;

use serde::{Deserialize, Serialize};

pub use attached::{Attached, Entry, IdentityType, SystemIdentity};
pub use hands::{Registration, Tags, WorldError};
pub use identity::{Identity, IdentityId, IsolationScope};
pub use name::{Name, Names};
pub use organization::{Directory, Obstacle, Organization, Quirk, organization_in};
pub use pool::{Pool, PoolId, ProvisioningState};
pub use pool_hands::TerraformRun;
pub use sample::Sample;
pub(crate) use subscription::Against;
pub use subscription::{Denial, Group, Lock, LockLevel, Subscription, SubscriptionState};
pub use tenant::{Application, FederatedCredential, Machine, Secret, Tenant};

use crate::guids::Guids;

/// Everything that exists. Names and ids are compared without regard to case everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct World {
    /// Entra tenants by id.
    pub tenants: Names<Tenant>,
    /// The machine whose metadata service is asked. Its identities are applications of a tenant.
    pub machine: Machine,
    /// Subscriptions by id.
    pub subscriptions: Names<Subscription>,
    /// User-assigned identities by their ARM id.
    pub identities: Names<Identity>,
    /// Managed DevOps pools by their ARM id.
    pub pools: Names<Pool>,
    /// Azure DevOps organizations by name; one that is not here does not exist.
    pub organizations: Names<Organization>,
    /// Regions where identities and pools can be created.
    pub locations: Vec<String>,
    #[serde(skip)]
    pub(crate) guids: Guids,
}

impl Default for World {
    /// Nothing but the usual regions.
    fn default() -> Self {
        let locations = ["westeurope", "northeurope", "germanywestcentral", "uksouth", "eastus", "westus2"];
        Self {
            tenants: Names::new(),
            machine: Machine::default(),
            subscriptions: Names::new(),
            identities: Names::new(),
            pools: Names::new(),
            organizations: Names::new(),
            locations: locations.map(str::to_owned).to_vec(),
            guids: Guids::default(),
        }
    }
}

impl World {
    /// The subscription with this id.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions.get(&Name::from(id))
    }

    /// The resource group of a subscription, with its name as first written.
    pub fn group(&self, subscription: &str, group: &str) -> Option<(&Name, &Group)> {
        self.subscription(subscription)?.groups.get_key_value(&Name::from(group))
    }

    /// The identity with this ARM id.
    pub fn identity(&self, id: &str) -> Option<&Identity> {
        self.identities.get(&Name::from(id))
    }

    /// The identity with this ARM id, to be changed.
    pub fn identity_mut(&mut self, id: &str) -> Option<&mut Identity> {
        self.identities.get_mut(&Name::from(id))
    }

    /// The pool with this ARM id.
    pub fn pool(&self, id: &str) -> Option<&Pool> {
        self.pools.get(&Name::from(id))
    }

    /// The pool with this ARM id, to be changed.
    pub fn pool_mut(&mut self, id: &str) -> Option<&mut Pool> {
        self.pools.get_mut(&Name::from(id))
    }

    /// The organization with this name.
    pub fn organization(&self, name: &str) -> Option<&Organization> {
        self.organizations.get(&Name::from(name))
    }

    /// The tenant and the application with this client id in it.
    pub fn application(&self, tenant: &str, client_id: &str) -> Option<&Application> {
        self.tenants.get(&Name::from(tenant))?.applications.get(&Name::from(client_id))
    }

    /// The tenant that has an application with this client id, and the application.
    pub(crate) fn application_anywhere(&self, client_id: &str) -> Option<(&str, &Application)> {
        let key = Name::from(client_id);
        self.tenants.iter().find_map(|(tenant, in_it)| Some((tenant.as_str(), in_it.applications.get(&key)?)))
    }

    /// Becomes a newer world. The sequence of GUIDs goes on, which it would not after a plain assignment: ids are never
    /// drawn twice.
    pub fn replace_with(&mut self, mut newer: World) {
        newer.guids = std::mem::take(&mut self.guids);
        *self = newer;
    }
}
