//! A pool that left the spec, or whose object is being deleted: only what this object added is taken away, and only when
//! it is seen gone is it forgotten.

use std::time::Duration;

use super::{
    Change, Entered, Lately, PoolRecord, PoolStep, Sight,
    operation::{Come, OperationSeen, come_to},
};
use crate::{
    api::{conditions::Reason, v1alpha1::Mode},
    domain::{
        failure::Failure,
        names::{IdentityId, PrincipalId},
        observed::Fact,
        pool::{Entry, Motion, Pool},
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
    /// What this process did and saw there lately.
    pub lately: &'a Lately,
    /// The principal that this object holds, by its record.
    pub held: Option<&'a PrincipalId>,
    /// Whether this object is recorded to have created the identity with that very principal.
    pub created_by_us: bool,
    /// Mode of the object.
    pub mode: Mode,
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
    /// It would be left, but `mode: Observe` takes nothing away: the principal that its entry bears, if Azure tells one.
    Pending(Option<PrincipalId>),
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
    match Sight::of(it.pool) {
        Sight::Hidden(failure) if it.record.may_hold() => Leaving::Failed(failure.clone()),
        Sight::Hidden(_) => Leaving::Done { stays: matches!(it.record.entered, Entered::Found(_)) },
        Sight::Gone => it.once_certain(),
        Sight::There(pool) => match pool.identities.entry(it.identity) {
            None if it.lately.took_out() => Leaving::Done { stays: false },
            // A replica may not know yet of what was added, or Azure may still add it.
            None if it.record.may_hold() && (it.lately.may_hide_an_addition() || it.lately.lost) => {
                settling()
            }
            None => it.once_certain(),
            Some(entry) => it.take_out(pool, entry),
        },
    }
}

impl Deregistering<'_> {
    /// Nothing is there. Where something of ours may have been, one look proves nothing: replicas lag.
    fn once_certain(&self) -> Leaving {
        if self.lately.without_twice || !self.record.may_hold() {
            Leaving::Done { stays: false }
        } else {
            settling()
        }
    }

    fn take_out(&self, pool: &Pool, entry: &Entry) -> Leaving {
        let shown = entry.principal.as_ref();
        let follows = shown.is_some() && shown == self.held && self.created_by_us;
        match (&self.record.entered, self.held) {
            (Entered::Added(principal), _) if shown.is_none_or(|shown| shown == principal) || follows => {}
            // Our own addition, which only shows now.
            (Entered::Ahead, Some(held))
                if self.lately.has_worked(Change::Adds) && shown.is_none_or(|shown| shown == held) =>
            {
                let record = self.record.entered(Entered::Added(held.clone()));
                return Leaving::Act(PoolStep::Remember(record));
            }
            (Entered::Not | Entered::Found(_) | Entered::Ahead | Entered::Added(_), _) => {
                return Leaving::Done { stays: true };
            }
        }
        if self.mode == Mode::Observe {
            return Leaving::Pending(shown.cloned());
        }
        if let Some(failure) = &self.lately.failed {
            return Leaving::Failed(failure.clone());
        }
        if self.lately.took_out() || self.lately.awaits(Change::TakesOut) {
            return settling();
        }
        if pool.motion() == Motion::Moving {
            return Leaving::Waiting { reason: Reason::PoolBusy, again: None };
        }
        if let Some(failure) = self.lately.overdue(&self.record.id) {
            return Leaving::Act(PoolStep::Failed(self.record.clone(), failure));
        }
        match pool.identities.without(self.identity, self.lately.refused) {
            Some(change) => Leaving::Act(PoolStep::Remove(change)),
            None => Leaving::Done { stays: false },
        }
    }
}

fn settling() -> Leaving {
    Leaving::Waiting { reason: Reason::Settling, again: None }
}
