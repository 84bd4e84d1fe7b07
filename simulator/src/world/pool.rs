//! A Managed DevOps pool and its ARM id.
//!
//! Must never decide who may see or change it, nor how long a change takes.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::arm_id::{ResourceGroupSpelling, read, write};
use super::{Attached, Names};

/// What exists under a pool's ARM id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pool {
    /// The region, fixed at creation.
    pub location: String,
    /// Tags; keys keep their case and are compared without it.
    #[serde(default)]
    pub tags: Names<String>,
    /// The identities that the pool acts as.
    #[serde(default)]
    pub identity: Attached,
    /// Everything under `properties` but the state, members that no description knows included.
    pub properties: Map<String, Value>,
    /// What the last operation came to, or that one runs.
    #[serde(default)]
    pub provisioning_state: ProvisioningState,
    /// When it was created through the API, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

impl Pool {
    /// A small pool of Azure DevOps in the organizations with these addresses.
    pub fn azure_devops(location: &str, urls: &[&str]) -> Self {
        let organizations: Vec<Value> =
            urls.iter().map(|url| json!({"url": url, "parallelism": 1, "projects": []})).collect();
        let profile = json!({
            "kind": "AzureDevOps",
            "organizations": organizations,
            "permissionProfile": {"kind": "Inherit"},
        });
        Self::small(location, urls.len().max(1), profile)
    }

    /// A small pool of GitHub in the organizations with these addresses.
    pub fn github(location: &str, urls: &[&str]) -> Self {
        let organizations: Vec<Value> = urls.iter().map(|url| json!({"url": url})).collect();
        Self::small(location, urls.len().max(1), json!({"kind": "GitHub", "organizations": organizations}))
    }

    fn small(location: &str, concurrency: usize, organization_profile: Value) -> Self {
        let project = "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/rg-dev-center/providers/\
                       Microsoft.DevCenter/projects/builds";
        let members = [
            ("maximumConcurrency", json!(concurrency)),
            ("devCenterProjectResourceId", json!(project)),
            ("organizationProfile", organization_profile),
            ("agentProfile", json!({"kind": "Stateless"})),
            (
                "fabricProfile",
                json!({
                    "kind": "Vmss",
                    "sku": {"name": "Standard_D2ads_v5"},
                    "images": [{"wellKnownImageName": "ubuntu-24.04/latest", "buffer": "*"}],
                    "osProfile": {"logonType": "Service"},
                    "storageProfile": {"osDiskStorageAccountType": "Standard"},
                }),
            ),
        ];
        Self {
            location: location.to_owned(),
            tags: Names::new(),
            identity: Attached::default(),
            properties: members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            provisioning_state: ProvisioningState::Succeeded,
            created_at: None,
        }
    }

    /// The same with these identities attached.
    #[must_use]
    pub fn with_identity(mut self, identity: Attached) -> Self {
        self.identity = identity;
        self
    }

    /// The same with one more member under `properties`.
    #[must_use]
    pub fn with_property(mut self, name: &str, value: Value) -> Self {
        self.properties.insert(name.to_owned(), value);
        self
    }

    /// The addresses of its organizations if it is of Azure DevOps, and none if it is of GitHub.
    pub fn azure_devops_urls(&self) -> Vec<&str> {
        let profile = self.properties.get("organizationProfile");
        let kind = profile.and_then(|profile| profile.get("kind")).and_then(Value::as_str);
        if kind != Some("AzureDevOps") {
            return Vec::new();
        }
        profile
            .and_then(|profile| profile.get("organizations")?.as_array())
            .into_iter()
            .flatten()
            .filter_map(|organization| organization.get("url")?.as_str())
            .collect()
    }
}

/// The state of a pool as Azure names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProvisioningState {
    /// An operation was taken in.
    Accepted,
    /// It is being created.
    Provisioning,
    /// It is being changed.
    Updating,
    /// It is being deleted.
    Deleting,
    /// The last operation worked.
    #[default]
    Succeeded,
    /// The last operation failed.
    Failed,
    /// The last operation was broken off.
    Canceled,
}

impl ProvisioningState {
    /// Whether no operation runs.
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Canceled => true,
            Self::Accepted | Self::Provisioning | Self::Updating | Self::Deleting => false,
        }
    }
}

impl fmt::Display for ProvisioningState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The three changing segments of a pool's ARM id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolId {
    /// The subscription's GUID.
    pub subscription: String,
    /// The resource group's name.
    pub group: String,
    /// The pool's name.
    pub name: String,
}

/// As Azure's answers spell it, with a capital.
const KIND: [&str; 2] = ["Microsoft.DevOpsInfrastructure", "Pools"];

impl PoolId {
    /// Puts an id together.
    pub fn new(subscription: &str, group: &str, name: &str) -> Self {
        Self { subscription: subscription.to_owned(), group: group.to_owned(), name: name.to_owned() }
    }

    /// Reads an ARM id in any case; `None` if it names something else.
    pub fn parse(id: &str) -> Option<Self> {
        read(id, KIND).map(|[subscription, group, name]| Self::new(subscription, group, name))
    }
}

impl fmt::Display for PoolId {
    /// The spelling of Azure's answers: `Pools` with a capital.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, group, name } = self;
        write(f, [subscription, group, name], KIND, ResourceGroupSpelling::Capital)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_any_case_and_written_with_a_capital() {
        let id = PoolId::parse(
            "/subscriptions/s/RESOURCEGROUPS/Rg/providers/microsoft.devopsinfrastructure/pools/Name",
        )
        .unwrap();
        assert_eq!(
            id.to_string(),
            "/subscriptions/s/resourceGroups/Rg/providers/Microsoft.DevOpsInfrastructure/Pools/Name"
        );
        assert_eq!(PoolId::parse("/subscriptions/s/resourceGroups/Rg"), None);
    }
}
