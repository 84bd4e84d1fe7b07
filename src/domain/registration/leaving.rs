//! A pool that left the spec, or whose object is being deleted: only what this object added is taken away, and only when
//! it is seen gone is it forgotten.

use std::time::Duration;

use super::{
    Entered, PoolRecord, PoolStep,
    operation::{Come, OperationSeen, come_to},
};
use crate::{
    api::conditions::Reason,
    domain::{
        failure::Failure,
        names::{IdentityId, PrincipalId},
        observed::Fact,
        pool::{Motion, Pool},
    },
};

/// Everything that the decision on a pool that is being left rests on. The directory is no part of it.
#[derive(Debug, Clone)]
pub struct Deregistering<'a> {
    /// The identity.
    pub identity: &'a IdentityId,
    /// The pool.
    pub pool: &'a Fact<Pool>,
    /// What the recorded operation has come to; `None` if none is recorded.
    pub operation: Option<&'a OperationSeen>,
    /// What is remembered.
    pub record: &'a PoolRecord,
    /// The principal that this object holds, by its record.
    pub held: Option<&'a PrincipalId>,
    /// The failure of a change of ours to this pool that is less than a slow pace old.
    pub failed_lately: Option<&'a Failure>,
    /// Whether a change of ours that took it out is so fresh that a replica may not know of it.
    pub written_lately: bool,
}

/// What comes next for a pool that is being left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// Do this, then ask again.
    Act(PoolStep),
    /// Nothing of ours is there any more, or ever was: forget the pool.
    Done {
        /// An entry stays there that was not seen to be of our doing.
        stays: bool,
    },
    /// Something has to pass first.
    Waiting {
        /// `PoolBusy`, `Progressing` or `Settling`.
        reason: Reason,
        /// Ask again after this time.
        again: Option<Duration>,
    },
    /// A read or a change failed. Not readable is not gone.
    Failed(Failure),
}

/// What comes next for a pool that is being left.
pub fn leave(it: &Deregistering<'_>) -> Leaving {
    if let Some(come) = it.operation.map(|seen| come_to(seen, it.record, it.pool, it.identity, it.held)) {
        return match come {
            Come::Runs(again) => Leaving::Waiting { reason: Reason::Progressing, again },
            Come::NotKnown(failure) => Leaving::Failed(failure),
            Come::Over(step) => Leaving::Act(step),
        };
    }
    match it.pool {
        Fact::Absent => Leaving::Done { stays: false },
        Fact::Unknown(failure) if it.record.may_hold() => Leaving::Failed(failure.clone()),
        Fact::Unknown(_) => Leaving::Done { stays: matches!(it.record.entered, Entered::Found(_)) },
        Fact::Known(pool) => it.take_out(pool),
    }
}

impl Deregistering<'_> {
    fn take_out(&self, pool: &Pool) -> Leaving {
        let Some((entry, change)) =
            pool.identities.entry(self.identity).zip(pool.identities.without(self.identity))
        else {
            return Leaving::Done { stays: false };
        };
        let ours = match &self.record.entered {
            Entered::Added(principal) => entry.principal.as_ref().is_none_or(|shown| shown == principal),
            Entered::Not | Entered::Found(_) | Entered::Ahead => false,
        };
        if !ours {
            return Leaving::Done { stays: true };
        }
        if let Some(failure) = self.failed_lately {
            return Leaving::Failed(failure.clone());
        }
        if self.written_lately {
            return Leaving::Waiting { reason: Reason::Settling, again: None };
        }
        match pool.motion() {
            Motion::Moving => Leaving::Waiting { reason: Reason::PoolBusy, again: None },
            Motion::AtRest => Leaving::Act(PoolStep::Remove(change)),
        }
    }
}
