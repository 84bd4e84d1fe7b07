//! A pool, as users name it and as they see it.
//!
//! Must never tell more of a pool than what concerns the identity: it belongs to others.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Managed DevOps Pool that the identity is to be registered with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.subscriptionId) || has(self.resourceGroup)").message("pools: resourceGroup is required where subscriptionId is given, because the group of the identity is of another subscription"),
)]
pub struct PoolSpec {
    /// Name of the pool, in lower case. It is unique in all of Azure.
    #[schemars(length(min = 1, max = 60))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]{1,42}[a-z0-9-]$')").message("pools: name takes 3 to 44 lower-case letters, digits, full stops or hyphens: Azure does not tell capitals apart, but the keys of this list do, so write it in lower case"),
    )]
    pub name: String,

    /// Resource group of the pool; that of the identity if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 90))]
    #[x_kube(
        validation = Rule::new(r"self.matches('^[\\p{L}\\p{N}_().-]*[\\p{L}\\p{N}_()-]$')").message("pools: resourceGroup takes the group's name alone: letters, digits, and _ - . ( ), not ending in a full stop"),
    )]
    pub resource_group: Option<String>,

    /// Id of the subscription of the pool; that of the identity if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')").message("pools: subscriptionId takes the subscription's GUID, not its name: `az account show --query id` prints it"),
    )]
    pub subscription_id: Option<String>,
}

/// One pool, as it was last seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PoolStatus {
    /// Name of the pool.
    #[schemars(length(max = 60))]
    pub name: String,
    /// ARM id of the pool.
    #[schemars(length(max = 400))]
    pub id: String,
    /// How the registration stands.
    pub state: PoolState,
    /// Who added the identity to the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<PoolOrigin>,
    /// The principal that is registered. With origin `Added`, absent until a change of this object was seen to have worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub principal_id: Option<String>,
    /// What the pool is doing, in Azure's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub provisioning_state: Option<String>,
    /// How often somebody else took out what this object had added; forgotten after it has stood for 24 hours.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0))]
    pub removals_by_others: i32,
    /// When somebody else took it out last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_removed_time: Option<Time>,
    /// The change of this object that Azure is carrying out, while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub operation: Option<String>,
    /// What there is to say about this pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub message: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &i32) -> bool {
    *count == 0
}

/// How a registration stands.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolState {
    /// The pool bears the identity.
    Registered,
    /// It does not.
    Missing,
    /// The pool bears an identity of this name that is gone.
    Stale,
    /// Something has to pass before it can be said or changed.
    Waiting,
    /// The pool left the spec, and the identity is being taken out of it.
    Removing,
}

/// Who added the identity to a pool. `Found` entries are never removed by this object, but for a stale one, which is exchanged.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOrigin {
    /// This object.
    Added,
    /// Somebody else.
    Found,
}
