//! A pool, as users name it and as they see it.
//!
//! Must never tell more of a pool than what concerns the identity: it belongs to others.

use std::fmt;

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
    pub operation: Option<OperationUrl>,
    /// What there is to say about this pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub message: Option<String>,
}

/// Where to ask about a change that Azure carries out. Its query may be worth as much as a token, so it is never printed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, PartialEq, Eq)]
#[serde(transparent)]
#[schemars(inline)]
pub struct OperationUrl(#[schemars(length(max = 8192))] String);

impl OperationUrl {
    /// The longest address that a status can keep, in characters.
    const AT_MOST: usize = 8192;

    /// Whether a status can keep it.
    pub fn fits_a_status(&self) -> bool {
        self.0.chars().count() <= Self::AT_MOST
    }

    /// The address as Azure gave it, with its query: to be asked, not to be shown.
    pub fn to_be_asked(&self) -> &str {
        &self.0
    }
}

impl From<String> for OperationUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

/// Scheme, host and path, and nothing of what is no address.
impl fmt::Display for OperationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.0.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = bare.split_once("://") else { return f.write_str("not an address") };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host}{path}")
    }
}

impl fmt::Debug for OperationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationUrl({self})")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_an_operation_s_address_has_neither_query_nor_user() {
        let rows = [
            ("https://management.azure.com/op/1?t=s3cr3t&c=s3cr3t", "https://management.azure.com/op/1"),
            ("https://management.azure.com/op/1#s3cr3t", "https://management.azure.com/op/1"),
            (
                "https://s3cr3t:s3cr3t@management.azure.com:8443/op@1?s3cr3t",
                "https://management.azure.com:8443/op@1",
            ),
            ("https://management.azure.com?s3cr3t", "https://management.azure.com"),
            ("s3cr3t", "not an address"),
            ("", "not an address"),
        ];
        for (url, shown) in rows {
            let url = OperationUrl::from(url.to_owned());
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("OperationUrl({shown})"));
            let status = PoolStatus {
                name: "linux".into(),
                id: "/x".into(),
                state: PoolState::Waiting,
                origin: None,
                principal_id: None,
                provisioning_state: None,
                removals_by_others: 0,
                last_removed_time: None,
                operation: Some(url),
                message: None,
            };
            assert!(!format!("{status:?}").contains("s3cr3t"));
        }
    }

    #[test]
    fn an_address_is_stored_whole_up_to_eight_kibibytes() {
        let url = OperationUrl::from("u".repeat(8192));
        assert!(url.fits_a_status() && !OperationUrl::from("u".repeat(8193)).fits_a_status());
        assert_eq!(serde_json::to_value(&url).unwrap(), "u".repeat(8192));
        assert_eq!(serde_json::from_value::<OperationUrl>("u".repeat(8192).into()).unwrap(), url);
    }
}
