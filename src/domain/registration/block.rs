//! The one change of a pool that is ever sent: its identity block with one entry more, or one less.
//!
//! Whether Azure merges the map that it is sent or replaces the old one by it is not known for pools. So every entry that
//! stands is sent along as it is spelled, and a removal says so with a null: right under both readings. Nor is it known
//! whether Azure takes every such body, so a removal has a second form for the case that the first is refused:
//!
//! ```text
//!                                 first                       if that is refused
//! others stay in the map          {…, ours: null}             {…}
//! ours is the last of the map     type None, no map           type UserAssigned, {ours: null}
//! ```

use crate::domain::{
    names::IdentityId,
    pool::{IdentityBlock, SystemAssigned},
};

const USER_ASSIGNED: &str = "UserAssigned";
const SYSTEM_ASSIGNED: &str = "SystemAssigned";
const BOTH: &str = "SystemAssigned,UserAssigned";
const NONE: &str = "None";

/// A new identity block for a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockChange {
    /// `UserAssigned`, `SystemAssigned`, both, or `None`.
    pub kind: &'static str,
    /// Entries that are to stand, as spelled.
    pub stand: Vec<String>,
    /// The entry that a null takes away, as spelled.
    pub goes: Option<String>,
    /// In which form an entry is taken out; `None` if one is added.
    pub form: Option<Form>,
}

/// How a change says that an entry is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By a null beside what stands.
    Null,
    /// By a map without it.
    LeftOut,
    /// By a type for which there is no map.
    NoMap,
    /// By a null, with a type that asks for a map of which nothing is left.
    NullAlone,
}

impl Form {
    /// The form to try when this one is refused.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Null => Self::LeftOut,
            Self::LeftOut => Self::Null,
            Self::NoMap => Self::NullAlone,
            Self::NullAlone => Self::NoMap,
        }
    }
}

impl IdentityBlock {
    /// With an entry for this identity.
    #[must_use]
    pub fn with(&self, id: &IdentityId) -> BlockChange {
        let mut stand = self.keys();
        if self.entry(id).is_none() {
            stand.push(id.to_string());
        }
        BlockChange { kind: self.kind(&stand), stand, goes: None, form: None }
    }

    /// Without the entry of this identity, in another form than the one that was refused; `None` if there is no entry.
    pub fn without(&self, id: &IdentityId, refused: Option<Form>) -> Option<BlockChange> {
        let goes = self.entry(id)?.key.clone();
        let stand: Vec<String> = self.keys().into_iter().filter(|key| *key != goes).collect();
        let first = if self.kind(&stand) == NONE { Form::NoMap } else { Form::Null };
        let form = if refused == Some(first) { first.other() } else { first };
        let (kind, goes) = match form {
            Form::Null => (self.kind(&stand), Some(goes)),
            Form::LeftOut | Form::NoMap => (self.kind(&stand), None),
            Form::NullAlone => (USER_ASSIGNED, Some(goes)),
        };
        Some(BlockChange { kind, stand, goes, form: Some(form) })
    }

    fn keys(&self) -> Vec<String> {
        self.entries.iter().map(|entry| entry.key.clone()).collect()
    }

    fn kind(&self, stand: &[String]) -> &'static str {
        match (self.system_assigned, stand.is_empty()) {
            (SystemAssigned::Present, false) => BOTH,
            (SystemAssigned::Present, true) => SYSTEM_ASSIGNED,
            (SystemAssigned::Absent, false) => USER_ASSIGNED,
            (SystemAssigned::Absent, true) => NONE,
        }
    }
}
