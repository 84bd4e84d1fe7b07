//! An operation of ours that Azure carries out: what has it come to, and what does that leave to remember?

use std::time::Duration;

use super::{Entered, PoolRecord, PoolStep};
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
    let over = || Come::Over(PoolStep::Remember(record.over()));
    match (seen, pool) {
        (OperationSeen::Running(again), _) => Come::Runs(*again),
        (OperationSeen::Failed(failure), _) => Come::Over(PoolStep::Failed(record.over(), failure.clone())),
        (OperationSeen::Forgotten, _) | (OperationSeen::Succeeded, Fact::Absent) => over(),
        (OperationSeen::Succeeded, Fact::Known(pool)) => {
            Come::Over(PoolStep::Remember(after_success(record, pool, identity, live)))
        }
        // Who may not ask about operations at all still sees from a pool at rest that nothing runs there.
        (OperationSeen::Unknown(failure), Fact::Known(pool))
            if !failure.hides_the_truth() && pool.motion() == Motion::AtRest =>
        {
            over()
        }
        // One that has worked will say so again, and then the pool may be readable too.
        (OperationSeen::Succeeded, Fact::Unknown(failure)) | (OperationSeen::Unknown(failure), _) => {
            Come::NotKnown(failure.clone())
        }
    }
}

/// The record takes the principal only from a change that added, and only where the pool shows what it added.
fn after_success(
    record: &PoolRecord,
    pool: &Pool,
    identity: &IdentityId,
    live: Option<&PrincipalId>,
) -> PoolRecord {
    match (&record.entered, live, pool.identities.entry(identity)) {
        (Entered::Ahead, Some(live), Some(entry))
            if entry.principal.as_ref().is_none_or(|shown| shown == live) =>
        {
            record.over().entered(Entered::Added(live.clone()))
        }
        _ => record.over(),
    }
}
