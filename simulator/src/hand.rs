//! Outside hands as data, so that a fault script or the admin port can name one.
//!
//! Must never hold a rule of its own: each hand is one method of the world.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::{
    Entry, LockLevel, Names, Obstacle, Pool, ProvisioningState, Registration, SubscriptionState, Tags,
    TerraformRun, World, WorldError,
};

/// Something that happens to the world without the client's doing. In JSON: `{"hand": "delete-identity", "id": "…"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "hand", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the methods of `World` that are named")]
pub enum Hand {
    /// [`World::create_identity`].
    CreateIdentity {
        id: String,
        location: String,
        #[serde(default)]
        tags: Names<String>,
    },
    /// [`World::delete_identity`].
    DeleteIdentity { id: String },
    /// [`World::recreate_identity`]; `copyTags` defaults to true.
    RecreateIdentity {
        id: String,
        #[serde(default = "yes")]
        copy_tags: bool,
    },
    /// [`World::set_tag`].
    SetTag { id: String, key: String, value: String },
    /// [`World::remove_tag`].
    RemoveTag { id: String, key: String },
    /// [`World::remove_tags`].
    RemoveTags { id: String },
    /// [`World::move_subscription`].
    MoveSubscription { subscription: String, tenant: String },
    /// [`World::set_subscription_state`].
    SetSubscriptionState { subscription: String, state: SubscriptionState },
    /// [`World::connect_organization`].
    ConnectOrganization { name: String, tenant: String },
    /// [`World::disconnect_organization`].
    DisconnectOrganization { name: String },
    /// [`World::delete_organization`].
    DeleteOrganization { name: String },
    /// [`World::lock`].
    Lock { subscription: String, group: String, name: String, level: LockLevel },
    /// [`World::unlock`].
    Unlock { subscription: String, group: String, name: String },
    /// [`World::deny`].
    Deny {
        subscription: String,
        client_id: String,
        action: String,
        #[serde(default)]
        scope: Option<String>,
    },
    /// [`World::allow`].
    Allow { subscription: String, client_id: String },
    /// [`World::set_policy`]; no `policy` takes it away.
    SetPolicy {
        subscription: String,
        group: String,
        #[serde(default)]
        policy: Option<String>,
    },
    /// [`World::set_registration`], to registered.
    Register { subscription: String, namespace: String },
    /// [`World::set_registration`], to unregistered.
    Unregister { subscription: String, namespace: String },
    /// [`World::create_group`].
    CreateGroup { subscription: String, group: String, location: String },
    /// [`World::begin_group_deletion`].
    BeginGroupDeletion { subscription: String, group: String },
    /// [`World::delete_group`].
    DeleteGroup { subscription: String, group: String },
    /// [`World::create_pool`], of Azure DevOps.
    CreatePool {
        id: String,
        location: String,
        /// Addresses of organizations.
        urls: Vec<String>,
        #[serde(default)]
        identities: Vec<String>,
    },
    /// [`World::create_pool`], with a pool as `GET /world` shows one.
    DescribePool { id: String, pool: Box<Pool> },
    /// [`World::delete_pool`].
    DeletePool { id: String },
    /// [`World::recreate_pool`].
    RecreatePool {
        id: String,
        #[serde(default)]
        identities: Vec<String>,
    },
    /// [`World::set_pool_identity`].
    SetPoolIdentity { id: String, identities: Vec<String> },
    /// [`World::add_pool_entry`]; with `entry`, [`World::put_pool_entry`].
    AddPoolEntry {
        id: String,
        identity: String,
        #[serde(default)]
        entry: Option<Entry>,
    },
    /// [`World::remove_pool_entry`].
    RemovePoolEntry { id: String, identity: String },
    /// [`World::set_pool_state`].
    SetPoolState { id: String, state: ProvisioningState },
    /// [`World::set_pool_property`].
    SetPoolProperty { id: String, name: String, value: Value },
    /// [`World::run_terraform`].
    RunTerraform(TerraformRun),
    /// [`World::obstruct`].
    Obstruct { name: String, object_id: String, obstacle: Obstacle },
    /// [`World::clear_obstacle`].
    ClearObstacle { name: String, object_id: String },
}

fn yes() -> bool {
    true
}

impl Hand {
    /// Acts on the world.
    pub fn act(&self, world: &mut World) -> Result<(), WorldError> {
        match self {
            Self::CreateIdentity { id, location, tags } => world.create_identity(id, location, tags.clone()),
            Self::DeleteIdentity { id } => world.delete_identity(id).map(drop),
            Self::RecreateIdentity { id, copy_tags: true } => world.recreate_identity(id, Tags::Copied),
            Self::RecreateIdentity { id, copy_tags: false } => world.recreate_identity(id, Tags::Lost),
            Self::SetTag { id, key, value } => world.set_tag(id, key, value),
            Self::RemoveTag { id, key } => world.remove_tag(id, key),
            Self::RemoveTags { id } => world.remove_tags(id),
            Self::MoveSubscription { subscription, tenant } => world.move_subscription(subscription, tenant),
            Self::SetSubscriptionState { subscription, state } => {
                world.set_subscription_state(subscription, *state)
            }
            Self::ConnectOrganization { name, tenant } => world.connect_organization(name, tenant),
            Self::DisconnectOrganization { name } => {
                world.disconnect_organization(name);
                Ok(())
            }
            Self::DeleteOrganization { name } => world.delete_organization(name),
            Self::Lock { subscription, group, name, level } => world.lock(subscription, group, name, *level),
            Self::Unlock { subscription, group, name } => world.unlock(subscription, group, name),
            Self::Deny { subscription, client_id, action, scope } => {
                world.deny(subscription, client_id, action, scope.as_deref())
            }
            Self::Allow { subscription, client_id } => world.allow(subscription, client_id),
            Self::SetPolicy { subscription, group, policy } => {
                world.set_policy(subscription, group, policy.as_deref())
            }
            Self::Register { subscription, namespace } => {
                world.set_registration(subscription, namespace, Registration::Registered)
            }
            Self::Unregister { subscription, namespace } => {
                world.set_registration(subscription, namespace, Registration::Unregistered)
            }
            Self::CreateGroup { subscription, group, location } => {
                world.create_group(subscription, group, location)
            }
            Self::BeginGroupDeletion { subscription, group } => {
                world.begin_group_deletion(subscription, group)
            }
            Self::DeleteGroup { subscription, group } => world.delete_group(subscription, group),
            Self::CreatePool { id, location, urls, identities } => {
                let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
                let attached = world.attached(identities)?;
                world.create_pool(id, Pool::azure_devops(location, &urls).with_identity(attached))
            }
            Self::DescribePool { id, pool } => world.create_pool(id, Pool::clone(pool)),
            Self::DeletePool { id } => world.delete_pool(id).map(drop),
            Self::RecreatePool { id, identities } => world.recreate_pool(id, identities),
            Self::SetPoolIdentity { id, identities } => world.set_pool_identity(id, identities),
            Self::AddPoolEntry { id, identity, entry: None } => world.add_pool_entry(id, identity),
            Self::AddPoolEntry { id, identity, entry: Some(entry) } => {
                world.put_pool_entry(id, identity, entry.clone())
            }
            Self::RemovePoolEntry { id, identity } => world.remove_pool_entry(id, identity),
            Self::SetPoolState { id, state } => world.set_pool_state(id, *state),
            Self::SetPoolProperty { id, name, value } => world.set_pool_property(id, name, value.clone()),
            Self::RunTerraform(run) => world.run_terraform(run),
            Self::Obstruct { name, object_id, obstacle } => world.obstruct(name, object_id, *obstacle),
            Self::ClearObstacle { name, object_id } => world.clear_obstacle(name, object_id),
        }
    }
}
