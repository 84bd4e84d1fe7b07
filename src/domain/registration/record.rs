//! What an object remembers of one pool.

use jiff::Timestamp;

use super::Change;
use crate::{
    api::v1alpha1::{OperationUrl, PoolOrigin, PoolStatus},
    domain::names::{PoolId, PrincipalId},
};

/// What is remembered of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRecord {
    /// The pool.
    pub id: PoolId,
    /// How the entry came there.
    pub entered: Entered,
    /// The operation of ours that Azure carries out at the moment: where to ask about it. It adds the entry if that is
    /// written ahead, and takes it out in every other case.
    pub operation: Option<OperationUrl>,
    /// How often others took our entry out.
    pub removals: Removals,
}

/// How an entry came into a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// Nothing is known: there is no entry, or none was looked for.
    Not,
    /// It was there before, or somebody else put it there, or it is being taken out to be added anew; with the principal
    /// that the identity had when it was last seen to be registered.
    Found(Option<PrincipalId>),
    /// A change of ours that adds it may be on its way; whether it worked was not seen.
    Ahead,
    /// A change of ours that added it was seen to have worked. Ours only while it bears this principal.
    Added(PrincipalId),
}

/// How often, and when last, others took our entry out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removals {
    /// How often.
    pub count: u32,
    /// When last, in whole seconds: a status keeps no parts of one.
    pub last: Option<Timestamp>,
}

/// So many removals by others are a quarrel.
const QUARREL: u32 = 3;

impl Removals {
    /// Whether others took the entry out too often for chance.
    pub fn are_a_quarrel(&self) -> bool {
        self.count >= QUARREL
    }
}

impl PoolRecord {
    /// Nothing remembered yet.
    pub fn new(id: PoolId) -> Self {
        Self { id, entered: Entered::Not, operation: None, removals: Removals::default() }
    }

    /// Reads the record out of a status; `None` if the status names no pool.
    pub fn of(status: &PoolStatus) -> Option<Self> {
        let principal = status.principal_id.as_deref().and_then(|id| PrincipalId::parse(id).ok());
        let entered = match (status.origin, principal) {
            (None, _) => Entered::Not,
            (Some(PoolOrigin::Found), principal) => Entered::Found(principal),
            (Some(PoolOrigin::Added), None) => Entered::Ahead,
            (Some(PoolOrigin::Added), Some(principal)) => Entered::Added(principal),
        };
        Some(Self {
            id: PoolId::parse(&status.id)?,
            entered,
            operation: status.operation.clone(),
            removals: Removals {
                count: u32::try_from(status.removals_by_others).unwrap_or_default(),
                last: status.last_removed_time.as_ref().map(|time| time.0),
            },
        })
    }

    /// The same, with another way in.
    #[must_use]
    pub fn entered(&self, entered: Entered) -> Self {
        Self { entered, ..self.clone() }
    }

    /// The same, with an operation of ours under way.
    #[must_use]
    pub fn under_way(&self, operation: OperationUrl) -> Self {
        Self { operation: Some(operation), ..self.clone() }
    }

    /// The same, with no operation under way.
    #[must_use]
    pub fn over(&self) -> Self {
        Self { operation: None, ..self.clone() }
    }

    /// After somebody else took our entry out.
    #[must_use]
    pub fn removed_by_another(&self, now: Timestamp) -> Self {
        let last = Some(Timestamp::from_second(now.as_second()).unwrap_or(now));
        let removals = Removals { count: self.removals.count.saturating_add(1), last };
        Self { entered: Entered::Not, removals, ..self.clone() }
    }

    /// What the operation of ours that is under way does.
    pub fn changes(&self) -> Change {
        match self.entered {
            Entered::Ahead => Change::Adds,
            Entered::Not | Entered::Found(_) | Entered::Added(_) => Change::TakesOut,
        }
    }

    /// Whether anything in the pool may be of this object's doing.
    pub fn may_hold(&self) -> bool {
        match self.entered {
            Entered::Not | Entered::Found(_) => self.operation.is_some(),
            Entered::Ahead | Entered::Added(_) => true,
        }
    }

    /// Whether there is nothing to remember.
    pub fn is_blank(&self) -> bool {
        *self == Self::new(self.id.clone())
    }
}
