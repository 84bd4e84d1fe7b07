//! The identity block of a resource: which identities it acts as.
//!
//! Must never look an identity up: an entry keeps what it was filled with, also when the identity is gone.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Identity, Name, Names};

/// The identities of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attached {
    /// The resource's own identity, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemIdentity>,
    /// User-assigned identities by ARM id, spelled as they were sent.
    #[serde(default)]
    pub user: Names<Entry>,
}

/// The identity that lives and dies with its resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemIdentity {
    /// The object id of its service principal.
    pub principal_id: String,
    /// Its tenant.
    pub tenant_id: String,
}

/// One user-assigned identity of a resource: the ids that it had when it was attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The principal at that time. It goes stale when the identity is re-created.
    pub principal_id: String,
    /// The client at that time.
    pub client_id: String,
    /// From when on answers show the two; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_from: Option<Timestamp>,
}

impl Entry {
    /// An entry of an identity as it is now.
    pub fn of(identity: &Identity) -> Self {
        Self {
            principal_id: identity.principal_id.clone(),
            client_id: identity.client_id.clone(),
            shown_from: None,
        }
    }
}

/// Which identities a resource has, in Azure's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentityType {
    /// None.
    #[default]
    None,
    /// Its own.
    SystemAssigned,
    /// Others.
    UserAssigned,
    /// Both.
    Both,
}

impl IdentityType {
    /// All of them, as requests spell them.
    pub(crate) const WORDS: [&str; 4] =
        ["None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"];

    /// Reads a request's word. Answers may have a blank after the comma, and clients send back what they were given.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "None" => Some(Self::None),
            "SystemAssigned" => Some(Self::SystemAssigned),
            "UserAssigned" => Some(Self::UserAssigned),
            "SystemAssigned,UserAssigned" | "SystemAssigned, UserAssigned" => Some(Self::Both),
            _ => None,
        }
    }

    /// Whether the resource has an identity of its own.
    pub fn has_system(self) -> bool {
        matches!(self, Self::SystemAssigned | Self::Both)
    }

    /// Whether it may have others.
    pub fn has_user(self) -> bool {
        matches!(self, Self::UserAssigned | Self::Both)
    }
}

impl fmt::Display for IdentityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::SystemAssigned => "SystemAssigned",
            Self::UserAssigned => "UserAssigned",
            Self::Both => "SystemAssigned,UserAssigned",
        })
    }
}

impl Attached {
    /// Its type, by what it has.
    pub fn kind(&self) -> IdentityType {
        match (&self.system, self.user.is_empty()) {
            (None, true) => IdentityType::None,
            (None, false) => IdentityType::UserAssigned,
            (Some(_), true) => IdentityType::SystemAssigned,
            (Some(_), false) => IdentityType::Both,
        }
    }

    /// The entry of an identity.
    pub fn entry(&self, identity: &str) -> Option<&Entry> {
        self.user.get(&Name::from(identity))
    }
}
