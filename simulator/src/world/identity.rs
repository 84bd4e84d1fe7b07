//! A user-assigned identity and its ARM id.
//!
//! Must never decide who may see or change it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::arm_id::{ResourceGroupSpelling, read, write};
use super::{IdentityCredential, Names};

/// What exists under an identity's ARM id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The region, fixed at creation.
    pub location: String,
    /// Tags; keys keep their case and are compared without it.
    #[serde(default)]
    pub tags: Names<String>,
    /// Where the identity may be assigned.
    #[serde(default)]
    pub isolation_scope: IsolationScope,
    /// Namespaces of the resource providers whose resources may have it; `None` means all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment_restrictions: Option<Vec<String>>,
    /// Outside tokens that are accepted for it, by name. They go with it.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub federated_credentials: Names<IdentityCredential>,
    /// The tenant it was created in. It stays when the subscription moves away.
    pub tenant_id: String,
    /// The application id, new with every creation.
    pub client_id: String,
    /// The object id of the service principal, new with every creation.
    pub principal_id: String,
    /// When it was created through the API, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

impl Identity {
    /// Whether resources of a provider may have it.
    pub fn is_open_to(&self, namespace: &str) -> bool {
        self.assignment_restrictions
            .as_ref()
            .is_none_or(|providers| providers.iter().any(|known| known.eq_ignore_ascii_case(namespace)))
    }
}

/// Where an identity may be assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsolationScope {
    /// Anywhere in the tenant.
    #[default]
    None,
    /// Only in its own region.
    Regional,
}

/// The three changing segments of an identity's ARM id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityId {
    /// The subscription's GUID.
    pub subscription: String,
    /// The resource group's name.
    pub group: String,
    /// The identity's name.
    pub name: String,
}

const KIND: [&str; 2] = ["Microsoft.ManagedIdentity", "userAssignedIdentities"];

impl IdentityId {
    /// Puts an id together.
    pub fn new(subscription: &str, group: &str, name: &str) -> Self {
        Self { subscription: subscription.to_owned(), group: group.to_owned(), name: name.to_owned() }
    }

    /// Reads an ARM id in any case; `None` if it names something else.
    pub fn parse(id: &str) -> Option<Self> {
        read(id, KIND).map(|[subscription, group, name]| Self::new(subscription, group, name))
    }
}

impl fmt::Display for IdentityId {
    /// The spelling of Azure's answers: `resourcegroups` in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, group, name } = self;
        write(f, [subscription, group, name], KIND, ResourceGroupSpelling::Lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_any_case_and_written_as_azure_writes_it() {
        let id = IdentityId::parse(
            "/SUBSCRIPTIONS/s/resourceGroups/Rg/providers/microsoft.managedidentity/USERASSIGNEDIDENTITIES/Name",
        )
        .unwrap();
        assert_eq!(
            id.to_string(),
            "/subscriptions/s/resourcegroups/Rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Name"
        );
        assert_eq!(IdentityId::parse("/subscriptions/s/resourceGroups/Rg"), None);
    }
}
