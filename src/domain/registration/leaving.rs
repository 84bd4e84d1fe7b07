//! A pool that left the spec, or whose object is being deleted: only what this object added is taken away, and only when
//! it is seen gone is it forgotten.

use std::time::Duration;

use super::{Entered, PoolRecord, PoolStep, decision::OperationSeen};
use crate::{
    api::conditions::Reason,
    domain::{
        failure::Failure,
        names::IdentityId,
        observed::Fact,
        pool::{Motion, Pool},
    },
};

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
pub fn leave(
    identity: &IdentityId,
    record: &PoolRecord,
    operation: Option<&OperationSeen>,
    pool: &Fact<Pool>,
    failed_lately: Option<&Failure>,
) -> Leaving {
    match operation {
        None => {}
        Some(OperationSeen::Running(again)) => {
            return Leaving::Waiting { reason: Reason::Progressing, again: *again };
        }
        Some(OperationSeen::Unknown(failure)) => return Leaving::Failed(failure.clone()),
        Some(OperationSeen::Failed(failure)) => {
            return Leaving::Act(PoolStep::Failed(record.over(), failure.clone()));
        }
        Some(OperationSeen::Forgotten) => return Leaving::Act(PoolStep::Remember(record.over())),
        Some(OperationSeen::Succeeded) => {
            let shown = pool.known().and_then(|pool| pool.identities.entry(identity)?.principal.clone());
            let entered = match (&record.entered, shown) {
                (Entered::Ahead, Some(shown)) => Entered::Added(shown),
                (entered, _) => entered.clone(),
            };
            return Leaving::Act(PoolStep::Remember(record.over().entered(entered)));
        }
    }
    let pool = match pool {
        Fact::Absent => return Leaving::Done { stays: false },
        Fact::Unknown(failure) => {
            return if record.may_hold() {
                Leaving::Failed(failure.clone())
            } else {
                Leaving::Done { stays: false }
            };
        }
        Fact::Known(pool) => pool,
    };
    let Some(entry) = pool.identities.entry(identity) else { return Leaving::Done { stays: false } };
    let ours = match &record.entered {
        Entered::Added(principal) => entry.principal.as_ref().is_none_or(|shown| shown == principal),
        Entered::Not | Entered::Found(_) | Entered::Ahead => false,
    };
    if !ours {
        return Leaving::Done { stays: true };
    }
    if let Some(failure) = failed_lately {
        return Leaving::Failed(failure.clone());
    }
    match (pool.motion(), pool.identities.without(identity)) {
        (Motion::Moving, _) => Leaving::Waiting { reason: Reason::PoolBusy, again: None },
        (Motion::AtRest, Some(change)) => Leaving::Act(PoolStep::Remove(change)),
        (Motion::AtRest, None) => Leaving::Done { stays: false },
    }
}
