//! What users write: one identity, its policies, and the pools it is for.
//!
//! Must never accept what Azure would refuse, where the API server can tell.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{pools::PoolSpec, status::ManagedDevOpsIdentityStatus};

/// What the organization's URL would give as its name, as a CEL expression.
const ORGANIZATION_FROM_URL: &str = r#""organization takes the name alone, not a URL: use \"" + (self.lowerAscii().contains(".visualstudio.com") ? self.replace("https://", "").replace("http://", "").split(".")[0] : self.replace("https://", "").replace("http://", "").split("/")[1]) + "\"""#;

/// What is wanted.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "mdi-operator.io",
    version = "v1alpha1",
    kind = "ManagedDevOpsIdentity",
    plural = "manageddevopsidentities",
    singular = "manageddevopsidentity",
    shortname = "mdi",
    category = "azure",
    namespaced,
    status = "ManagedDevOpsIdentityStatus",
    derive = "PartialEq",
    doc = "A user-assigned managed identity for Azure Managed DevOps Pools: kept in existence, in one Microsoft Entra directory with the Azure DevOps organization, and told in status.",
    selectable = ".spec.organization",
    selectable = ".status.identity.name",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Identity", type_ = "string", json_path = ".status.identity.name"),
    printcolumn(name = "Pools", type_ = "string", json_path = ".status.poolSummary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Organization", type_ = "string", json_path = ".spec.organization", priority = 1),
    printcolumn(name = "Client-ID", type_ = "string", json_path = ".status.identity.clientId", priority = 1),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".status.identity.tenantId", priority = 1),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters, because it is part of a tag in Azure; choose a shorter one"),
    validation = Rule::new("has(self.spec.identity.name) || self.metadata.name.matches('^[a-z0-9][a-z0-9-]{2,62}$')").message("metadata.name is also the identity's name here, and Azure wants 3 to 128 letters, digits, hyphens or underscores: rename the object, or set spec.identity.name"),
)]
pub struct ManagedDevOpsIdentitySpec {
    /// Name of the Azure DevOps organization, without the URL: `contoso` for `https://dev.azure.com/contoso`. Cannot be changed.
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9-]{0,48}[A-Za-z0-9])?$') || self.contains('/') || self.lowerAscii().contains('.visualstudio.com')").message("organization takes 1 to 50 letters, digits and hyphens, the first and the last a letter or digit: use the name as it stands in https://dev.azure.com/<name>"),
        validation = Rule::new("!self.contains('/') && !self.lowerAscii().contains('.visualstudio.com')").message(Message::Expression(ORGANIZATION_FROM_URL.into())),
        validation = Rule::new("self == oldSelf").message("organization cannot be changed: create another object for another organization"),
    )]
    pub organization: String,

    /// Id of the Microsoft Entra directory that organization and subscription must be in. Set it to notice also that both moved together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$') && self != '00000000-0000-0000-0000-000000000000'").message("expectedTenantId takes the directory's GUID: `az account show --query tenantId` prints it"),
    )]
    pub expected_tenant_id: Option<String>,

    /// The user-assigned managed identity. Which one it is cannot be changed: another identity is another object.
    pub identity: IdentitySpec,

    /// Managed DevOps Pools that the identity is to be registered with. A pool taken out of here is left again, if this object added the identity there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pools: Vec<PoolSpec>,

    /// `Manage` keeps the world as wanted. `Observe` only reads, and lists in `status.pendingChanges` what `Manage` would do.
    #[serde(default)]
    pub mode: Mode,

    /// What to do with an identity that exists already and is nobody's. `IfOwned` takes it only if it bears this object's mark or one that this namespace has released, `Adopt` takes it, `Never` takes nothing. One that is marked by another object or cluster is never taken.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,

    /// What happens to the identity when this object is deleted. `Retain` leaves it whole. `Delete` takes its entries out of the pools that this object added it to, then deletes it, if this object created it and no pool lists it any more; other users of it are not looked for. What is not this object's creation is retained; what stands in the way is told with `DeletionBlocked`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// What to do when somebody changes the identity, or its entry in a pool, behind the operator's back. `Correct` brings it back, `Report` only tells.
    #[serde(default)]
    pub drift_policy: DriftPolicy,

    /// No request is sent to Azure and status is left as it is. Deletion works, and obeys `deletionPolicy`.
    #[serde(default)]
    pub suspend: bool,

    /// How often to look again while nothing changes, between `1m` and `24h`; spread by up to a tenth.
    #[serde(default = "default_interval")]
    #[schemars(length(max = 20))]
    #[x_kube(
        validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s))+$') && duration(self) >= duration('1m') && duration(self) <= duration('24h')").message("interval takes a duration between 1m and 24h, such as 30m or 1h30m"),
    )]
    pub interval: String,
}

fn default_interval() -> String {
    "30m".into()
}

/// The identity that is wanted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name)").message("identity.name cannot be added or removed later, because it decides which identity is meant: create another object"),
)]
pub struct IdentitySpec {
    /// Id of the subscription. Cannot be changed.
    #[schemars(length(max = 36))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')").message("identity.subscriptionId takes the subscription's GUID, not its name: `az account show --query id` prints it"),
        validation = Rule::new("self == oldSelf").message("identity.subscriptionId cannot be changed: another identity is another object"),
    )]
    pub subscription_id: String,

    /// Name of the resource group, which must exist. Cannot be changed.
    #[schemars(length(min = 1, max = 90))]
    #[x_kube(
        validation = Rule::new(r"self.matches('^[\\p{L}\\p{N}_().-]*[\\p{L}\\p{N}_()-]$')").message("identity.resourceGroup takes the group's name alone: letters, digits, and _ - . ( ), not ending in a full stop"),
        validation = Rule::new("self == oldSelf").message("identity.resourceGroup cannot be changed: another identity is another object"),
    )]
    pub resource_group: String,

    /// Azure region, such as `westeurope`. Cannot be changed: Azure moves no identity.
    #[schemars(length(min = 1, max = 60))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z0-9]+( [A-Za-z0-9]+)*$')").message("identity.location takes an Azure region, such as westeurope: `az account list-locations --query [].name` prints them"),
        validation = Rule::new("self == oldSelf").message("identity.location cannot be changed, because Azure moves no identity to another region: create another object"),
    )]
    pub location: String,

    /// Name of the identity; the object's own name if absent. Cannot be changed, added or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(
        validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$')").message("identity.name takes 3 to 128 letters, digits, hyphens or underscores, the first a letter or digit"),
        validation = Rule::new("self == oldSelf").message("identity.name cannot be changed: another identity is another object"),
    )]
    pub name: Option<String>,

    /// Tags to keep on the identity. Others' tags stay as they are; a key taken out of here is removed from Azure if its value is still the one written from here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = json!({"type": "string", "maxLength": 256})))]
    #[x_kube(
        validation = Rule::new("self.all(k, k.size() >= 1 && k.size() <= 512)").message("identity.tags: a key takes 1 to 512 characters"),
        validation = Rule::new(r"self.all(k, k.matches('^[^<>%&\\\\?/\\x00-\\x1f\\x7f]*$'))").message(r"identity.tags: a key takes none of < > % & \ ? / and no control characters"),
        validation = Rule::new("!self.exists(k, k.lowerAscii().startsWith('mdi-operator-'))").message("identity.tags: keys that begin with mdi-operator- mark the owner and are set by the operator alone: remove them here"),
        validation = Rule::new("self.all(k, self.exists_one(j, j.lowerAscii() == k.lowerAscii()))").message("identity.tags: two keys differ only in case, and Azure takes them for one: remove one of them"),
    )]
    pub tags: BTreeMap<String, String>,

    /// `Regional`: the identity can be assigned only to resources of its own region. `None`: to any. Absent: left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation_scope: Option<IsolationScope>,
}

/// `Regional`: the identity can be assigned only to resources of its own region. `None`: to any. Absent: left as it is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationScope {
    /// To resources of any region.
    None,
    /// Only to resources of its own region.
    Regional,
}

/// Whether the operator writes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Keep the world as wanted.
    #[default]
    Manage,
    /// Only read and tell.
    Observe,
}

/// What to do with an identity that exists already and is nobody's.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdoptionPolicy {
    /// Take it only if it bears this object's mark, or one that its namespace has released.
    #[default]
    IfOwned,
    /// Take it.
    Adopt,
    /// Take nothing.
    Never,
}

/// What happens to the identity when the object is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Leave it whole.
    #[default]
    Retain,
    /// Delete it if this object created it and no pool lists it.
    Delete,
}

/// What to do when somebody changes the identity behind the operator's back.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriftPolicy {
    /// Bring it back.
    #[default]
    Correct,
    /// Only tell.
    Report,
}
