//! One pool, judged: what its line in the status is made from, beside the record.

use std::time::Duration;

use super::PoolVerdict;
use crate::{
    api::conditions::Reason,
    domain::{
        failure::Failure,
        names::{IdentityId, PrincipalId},
        observed::Fact,
        pool::{Entry, Pool},
    },
};

/// One pool, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolJudged {
    /// Its name, the key in record and status.
    pub name: String,
    /// What the pool is doing, where it could be read.
    pub provisioning_state: Option<String>,
    /// The entry that the pool has for the identity, where it could be read and has one.
    pub entry: Option<Entry>,
    /// The judgement.
    pub judgement: Judgement,
}

impl PoolJudged {
    /// A pool, as it was read, with the judgement on it.
    pub fn new(name: &str, identity: &IdentityId, pool: &Fact<Pool>, judgement: Judgement) -> Self {
        let pool = pool.known();
        Self {
            name: name.to_owned(),
            provisioning_state: pool.map(|pool| pool.provisioning_state.clone()),
            entry: pool.and_then(|pool| pool.identities.entry(identity)).cloned(),
            judgement,
        }
    }

    /// Whether it is not a pool of the spec, or not at this place.
    pub fn is_being_left(&self) -> bool {
        match self.judgement {
            Judgement::Wanted(_) => false,
            Judgement::LeavingWaits { .. } | Judgement::LeavingPending(_) | Judgement::LeavingFailed(_) => {
                true
            }
        }
    }

    /// The failure that it was judged by, if any.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.judgement {
            Judgement::Wanted(PoolVerdict::Failed(failure)) | Judgement::LeavingFailed(failure) => {
                Some(failure)
            }
            Judgement::Wanted(_) | Judgement::LeavingWaits { .. } | Judgement::LeavingPending(_) => None,
        }
    }
}

/// What a pool was judged to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// A pool of the spec.
    Wanted(PoolVerdict),
    /// A pool that is being left, and something has to pass first.
    LeavingWaits {
        /// `PoolBusy`, `Progressing` or `Settling`.
        reason: Reason,
        /// Ask again after this time.
        again: Option<Duration>,
    },
    /// A pool that left the spec, and that `mode: Observe` does not leave: the principal that its entry bears, if Azure tells
    /// one.
    LeavingPending(Option<PrincipalId>),
    /// A pool that is being left, and a read or a change failed.
    LeavingFailed(Failure),
}
