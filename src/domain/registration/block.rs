//! The one change of a pool that is ever sent: its identity block with one entry more, or one less.
//!
//! Whether Azure merges the map that it is sent or replaces the old one by it is not known for pools. So every entry that
//! stands is sent along as it is spelled, and a removal says so with a null: right under both readings.

use crate::domain::{
    names::IdentityId,
    pool::{IdentityBlock, SystemAssigned},
};

/// A new identity block for a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockChange {
    /// `UserAssigned`, `SystemAssigned`, both, or `None`.
    pub kind: &'static str,
    /// Entries that are to stand, as spelled.
    pub stand: Vec<String>,
    /// The entry that is to go, as spelled.
    pub goes: Option<String>,
}

impl IdentityBlock {
    /// With an entry for this identity.
    #[must_use]
    pub fn with(&self, id: &IdentityId) -> BlockChange {
        let mut stand = self.keys();
        if self.entry(id).is_none() {
            stand.push(id.to_string());
        }
        BlockChange { kind: self.kind(&stand), stand, goes: None }
    }

    /// Without the entry of this identity; `None` if there is none.
    pub fn without(&self, id: &IdentityId) -> Option<BlockChange> {
        let goes = self.entry(id)?.key.clone();
        let stand: Vec<String> = self.keys().into_iter().filter(|key| *key != goes).collect();
        Some(BlockChange { kind: self.kind(&stand), stand, goes: Some(goes) })
    }

    fn keys(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }

    fn kind(&self, stand: &[String]) -> &'static str {
        match (self.system_assigned, stand.is_empty()) {
            (SystemAssigned::Present, false) => "SystemAssigned,UserAssigned",
            (SystemAssigned::Present, true) => "SystemAssigned",
            (SystemAssigned::Absent, false) => "UserAssigned",
            (SystemAssigned::Absent, true) => "None",
        }
    }
}
