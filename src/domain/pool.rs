//! A Managed `DevOps` Pool, as far as a registration depends on it. It belongs to somebody else: Terraform, Bicep, a
//! person at the portal.

use crate::domain::names::{IdentityId, OrganizationName, PoolId, PrincipalId};

/// A pool, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its id, as Azure spells it.
    pub id: PoolId,
    /// What it is doing, in Azure's words.
    pub provisioning_state: String,
    /// Whom it serves.
    pub serves: Serves,
    /// Its identity block.
    pub identities: IdentityBlock,
}

/// Whom a pool serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serves {
    /// These Azure `DevOps` organizations, whichever form their URLs have.
    AzureDevOps(Vec<OrganizationName>),
    /// Something else, such as GitHub.
    Other(String),
}

/// Whether a pool takes changes at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// It is in a final state.
    AtRest,
    /// It is being changed.
    Moving,
}

impl Pool {
    /// Whether it takes changes at the moment. What is not known to be final moves.
    pub fn motion(&self) -> Motion {
        match self.provisioning_state.as_str() {
            "Succeeded" | "Failed" | "Canceled" => Motion::AtRest,
            _ => Motion::Moving,
        }
    }
}

/// The identity block of a pool, keys as they are spelled there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityBlock {
    /// Whether the pool has a system-assigned identity beside.
    pub system_assigned: SystemAssigned,
    /// The user-assigned ones.
    pub entries: Vec<Entry>,
}

/// Whether a pool has a system-assigned identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SystemAssigned {
    /// It has not.
    #[default]
    Absent,
    /// It has; it is never touched.
    Present,
}

/// One user-assigned identity of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id, as it is spelled there.
    pub key: String,
    /// Its principal, where Azure tells one.
    pub principal: Option<PrincipalId>,
}

impl IdentityBlock {
    /// The entry of an identity, in whatever spelling.
    pub fn entry(&self, id: &IdentityId) -> Option<&Entry> {
        self.entries.iter().find(|entry| id.matches(&entry.key))
    }
}
