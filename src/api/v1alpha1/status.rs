//! What users read, and what an object remembers from one pass to the next.
//!
//! Must never hold what changes while the world stands still, such as the time of the last look.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{pools::PoolStatus, spec::IsolationScope};

/// The generation in the status of an object that nobody has looked at yet. No object has it.
pub const NOT_OBSERVED: i64 = -1;

/// What is so. Holds stable facts only: while the world stands still, nothing in here changes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ManagedDevOpsIdentityStatus {
    /// Generation of the spec that this status speaks of; -1 before anybody has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready`, `DirectoryMatched`, `IdentityReady` and `PoolsRegistered` always; `Reconciling` and `Stalled` only while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The Azure DevOps organization as it was last seen; absent if it is not connected to a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<DirectoryStatus>,

    /// The subscription as it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<DirectoryStatus>,

    /// The identity as it was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityStatus>,

    /// The pools of the spec, and those that are being left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 300))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pools: Vec<PoolStatus>,

    /// Registered pools and wanted pools, such as `2/2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub pool_summary: Option<String>,

    /// What was last written from the spec; tells a new wish from drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,

    /// Differences between the wish and the world that were not acted on, because of `mode: Observe` or `driftPolicy: Report`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub pending_changes: Vec<PendingChange>,

    /// The failure that holds the object up, word for word as Azure first told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,

    /// The value of the annotation `mdi-operator.io/reconcile-requested-at` that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// A thing that lives in a Microsoft Entra directory.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryStatus {
    /// Id of the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub tenant_id: Option<String>,
}

/// The identity as it was last seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct IdentityStatus {
    /// ARM id of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub resource_id: Option<String>,
    /// Name of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub name: Option<String>,
    /// Client (application) id, which pipelines sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub client_id: Option<String>,
    /// Object id of the service principal, which role assignments name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub principal_id: Option<String>,
    /// Directory of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub tenant_id: Option<String>,
    /// Region of the identity, as Azure spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 60))]
    pub location: Option<String>,
    /// How this object came to hold the identity. `Created` only if Azure confirmed that this object created this very principal; absent where the identity is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// How this object came to hold the identity. `Created` only if Azure confirmed that this object created this very principal; absent where the identity is only shown.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Azure confirmed that this object created it.
    Created,
    /// In every other case.
    Adopted,
}

impl Origin {
    /// As it stands in the mark.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Adopted => "Adopted",
        }
    }
}

/// What was last written from the spec.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Tags, as they stood in the spec.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = json!({"type": "string", "maxLength": 256})))]
    pub tags: BTreeMap<String, String>,
    /// Isolation scope, as it stood in the spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation_scope: Option<IsolationScope>,
    /// Names of the pools, as they stood in the spec.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 60)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub pools: BTreeSet<String>,
}

impl Applied {
    /// What a status says of it: nothing where nothing was wished. An empty object would not do, because the API server
    /// makes `null` of it when an apply takes its last member away, and then refuses that.
    pub fn of(
        tags: &BTreeMap<String, String>,
        isolation_scope: Option<IsolationScope>,
        pools: &BTreeSet<String>,
    ) -> Option<Self> {
        let applied = Self { tags: tags.clone(), isolation_scope, pools: pools.clone() };
        (applied != Self::default()).then_some(applied)
    }
}

/// One difference between the wish and the world.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PendingChange {
    /// What differs: `identity`, `mark`, `tags.<key>`, `isolationScope` or `pools.<name>`.
    #[schemars(length(max = 600))]
    pub field: String,
    /// What is there; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub observed: Option<String>,
    /// What is wanted; absent if it is to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub wanted: Option<String>,
}

/// A failure as Azure told it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// Azure's own code, such as `AuthorizationFailed`, or the HTTP status where there is none.
    #[schemars(length(max = 128))]
    pub code: String,
    /// Azure's own message.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// What was asked for, such as an ARM id.
    #[schemars(length(max = 512))]
    pub target: String,
    /// Correlation id of the first occurrence, which Azure's support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub correlation_id: Option<String>,
}
