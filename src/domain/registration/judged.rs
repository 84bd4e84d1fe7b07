//! One pool, judged: what its line in the status is made from, beside the record.

use std::time::Duration;

use super::PoolVerdict;
use crate::{api::conditions::Reason, domain::failure::Failure};

/// One pool, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolJudged {
    /// Its name, the key in record and status.
    pub name: String,
    /// What the pool is doing, where it could be read.
    pub provisioning_state: Option<String>,
    /// The judgement.
    pub judgement: Judgement,
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
    /// A pool that is being left, and a read or a change failed.
    LeavingFailed(Failure),
}
