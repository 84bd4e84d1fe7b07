//! An operation of ours that Azure carries out: what has it come to, and what does that leave to remember?

use std::time::Duration;

use super::{Entered, PoolRecord, PoolStep, Sight};
use crate::domain::{
    failure::Failure,
    names::{IdentityId, PrincipalId},
    observed::Fact,
    pool::{Motion, Pool},
};

/// What an operation of ours has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationSeen {
    /// It runs; ask again after this time.
    Running(Option<Duration>),
    /// It has worked.
    Succeeded,
    /// It has not, and why.
    Failed(Failure),
    /// Nobody knows of it any more: the pool tells what came of it.
    Forgotten,
    /// It cannot be asked about at the moment.
    Unknown(Failure),
}

/// What that means.
pub(super) enum Come {
    /// To be waited for.
    Runs(Option<Duration>),
    /// Not to be told yet.
    NotKnown(Failure),
    /// It is over.
    Over(PoolStep),
}

/// What an operation means, beside the pool that was read after it was asked about.
pub(super) fn come_to(
    seen: &OperationSeen,
    record: &PoolRecord,
    pool: &Fact<Pool>,
    identity: &IdentityId,
    live: Option<&PrincipalId>,
) -> Come {
    let over = |worked| Come::Over(PoolStep::Over { record: record.over(), worked });
    match (seen, Sight::of(pool)) {
        (OperationSeen::Running(again), _) => Come::Runs(*again),
        (OperationSeen::Failed(failure), _) => Come::Over(PoolStep::Failed(record.over(), failure.clone())),
        (OperationSeen::Forgotten, _) => over(false),
        (OperationSeen::Succeeded, Sight::Gone) => over(true),
        // What the pool is doing by now is another's business.
        (OperationSeen::Succeeded, Sight::There(pool)) => {
            match shown_as_added(record, pool, identity, live) {
                Some(record) => Come::Over(PoolStep::Remember(record)),
                None => over(true),
            }
        }
        // Who may not ask about operations at all still sees from a pool at rest that nothing runs there.
        (OperationSeen::Unknown(failure), Sight::There(pool))
            if !failure.hides_the_truth() && pool.motion() == Motion::AtRest =>
        {
            over(false)
        }
        (OperationSeen::Unknown(failure), Sight::Gone) if !failure.hides_the_truth() => over(false),
        // One that has worked will say so again, and then the pool may be readable too.
        (OperationSeen::Succeeded, Sight::Hidden(failure)) | (OperationSeen::Unknown(failure), _) => {
            Come::NotKnown(failure.clone())
        }
    }
}

/// The record takes the principal only from a change that added, and only where the pool shows what it added.
pub fn shown_as_added(
    record: &PoolRecord,
    pool: &Pool,
    identity: &IdentityId,
    live: Option<&PrincipalId>,
) -> Option<PoolRecord> {
    let (Entered::Ahead, Some(live), Some(entry)) = (&record.entered, live, pool.identities.entry(identity))
    else {
        return None;
    };
    let is_shown = entry.principal.as_ref().is_none_or(|shown| shown == live);
    is_shown.then(|| record.over().entered(Entered::Added(live.clone())))
}
