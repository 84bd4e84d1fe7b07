//! A pool of the spec: what comes next for it?

use std::time::Duration;

use jiff::Timestamp;

use super::{BlockChange, Entered, PoolRecord, Removals};
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{DriftPolicy, Mode},
    },
    domain::{
        failure::Failure,
        names::{IdentityId, OrganizationName, PrincipalId, TenantId},
        observed::Fact,
        pool::{Entry, Motion, Pool, Serves},
    },
};

/// So many removals by others are a quarrel.
const QUARREL: u32 = 3;
/// An entry that stood this long ended it.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// Whether this pool may be written for this identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// The identity is held, and the directory matches.
    Granted,
    /// The identity or its directory is not ready.
    NotYet,
    /// The pool's own subscription is in another directory.
    OtherDirectory {
        /// That one.
        pool: TenantId,
        /// The identity's.
        identity: TenantId,
    },
}

/// Everything that the decision on one pool rests on.
#[derive(Debug, Clone)]
pub struct Registering<'a> {
    /// The identity.
    pub identity: &'a IdentityId,
    /// The organization that the pool has to serve.
    pub organization: &'a OrganizationName,
    /// The pool.
    pub pool: &'a Fact<Pool>,
    /// What the recorded operation has come to; `None` if none is recorded.
    pub operation: Option<&'a OperationSeen>,
    /// What is remembered.
    pub record: &'a PoolRecord,
    /// The principal of the identity as it is now, if it exists and is this object's or, under Observe, is seen.
    pub live: Option<&'a PrincipalId>,
    /// Whether the pool may be written.
    pub permission: &'a Permission,
    /// Whether the wish for this pool was carried out before: then a missing entry is drift.
    pub applied: bool,
    /// Whether a change of ours to this pool failed less than a slow pace ago.
    pub failed_lately: Option<&'a Failure>,
    /// Whether a change of ours is so fresh that a replica may not know of it.
    pub written_lately: bool,
    /// Mode of the object.
    pub mode: Mode,
    /// Drift policy of the object.
    pub drift: DriftPolicy,
    /// The slow pace.
    pub slow_pace: Duration,
    /// The time.
    pub now: Timestamp,
}

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

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolNext {
    /// Do this, then ask again.
    Act(PoolStep),
    /// Nothing to do; this is to be told.
    Tell(PoolVerdict),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolStep {
    /// Change what is remembered.
    Remember(PoolRecord),
    /// A change of ours failed: remember that it is over, and tell.
    Failed(PoolRecord, Failure),
    /// Azure: add the entry.
    Add(BlockChange),
    /// Azure: remove a stale entry of this identity, to add it anew.
    Cure(BlockChange),
    /// Azure: remove what this object had added.
    Remove(BlockChange),
}

/// What is to be told of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolVerdict {
    /// The pool bears the identity.
    Registered,
    /// Something has to pass first.
    Waiting {
        /// `PoolBusy`, `Settling`, `IdentityNotReady`, …
        reason: Reason,
        /// Ask again after this time.
        again: Option<Duration>,
    },
    /// There is no such pool.
    NotFound,
    /// It does not serve Azure `DevOps`, but this.
    NotAzureDevOps(String),
    /// It does not serve the organization.
    OrganizationNotInPool,
    /// Its subscription is in another directory.
    OtherDirectory {
        /// That one.
        pool: TenantId,
        /// The identity's.
        identity: TenantId,
    },
    /// Somebody keeps taking the entry out.
    Contested(Removals),
    /// It differs, and this object may not change that: the entry there, if any.
    Pending {
        /// `ChangesPending` or `DriftDetected`.
        reason: Reason,
        /// The principal that the entry names.
        stale: Option<PrincipalId>,
    },
    /// A read or a change failed.
    Failed(Failure),
}

/// What comes next for a pool of the spec.
pub fn decide(it: &Registering<'_>) -> PoolNext {
    if let Some(next) = it.operation_first() {
        return next;
    }
    match it.pool {
        Fact::Unknown(failure) => PoolNext::Tell(PoolVerdict::Failed(failure.clone())),
        // A pool that was gone in between was nobody's removal.
        Fact::Absent => it.remember_or(it.record.entered(Entered::Not), PoolVerdict::NotFound),
        Fact::Known(pool) => match pool.identities.entry(it.identity) {
            None => it.without_entry(pool),
            Some(entry) => it.with_entry(pool, entry),
        },
    }
}

impl Registering<'_> {
    /// What our own operation has come to is looked at before the pool is.
    fn operation_first(&self) -> Option<PoolNext> {
        match self.operation? {
            OperationSeen::Running(again) => {
                Some(PoolNext::Tell(PoolVerdict::Waiting { reason: Reason::Progressing, again: *again }))
            }
            OperationSeen::Unknown(failure) => Some(PoolNext::Tell(PoolVerdict::Failed(failure.clone()))),
            OperationSeen::Failed(failure) => {
                Some(PoolNext::Act(PoolStep::Failed(self.record.over(), failure.clone())))
            }
            OperationSeen::Forgotten => Some(PoolNext::Act(PoolStep::Remember(self.record.over()))),
            OperationSeen::Succeeded => Some(PoolNext::Act(PoolStep::Remember(self.after_success()))),
        }
    }

    /// The record takes the principal only where the pool shows an entry: an operation that took a stale one out added
    /// none.
    fn after_success(&self) -> PoolRecord {
        let entry = self.pool.known().and_then(|pool| pool.identities.entry(self.identity));
        match (&self.record.entered, self.live, entry) {
            (Entered::Ahead, Some(live), Some(entry))
                if entry.principal.as_ref().is_none_or(|shown| shown == live) =>
            {
                self.record.over().entered(Entered::Added(live.clone()))
            }
            _ => self.record.over(),
        }
    }

    fn with_entry(&self, pool: &Pool, entry: &Entry) -> PoolNext {
        let Some(live) = self.live else {
            return PoolNext::Tell(self.not_yet());
        };
        let stale = match (&entry.principal, &self.record.entered) {
            (Some(principal), _) => principal != live,
            // Azure tells no principal. That counts as registered, save right after the identity was re-created.
            (None, Entered::Added(before) | Entered::Found(Some(before))) => before != live,
            (None, Entered::Found(None) | Entered::Ahead | Entered::Not) => false,
        };
        if stale {
            return self.cure(pool, entry);
        }
        let entered = match &self.record.entered {
            Entered::Added(before) if before == live => Entered::Added(live.clone()),
            // Not seen to be of our doing: somebody else's, and it stays.
            Entered::Added(_) | Entered::Not | Entered::Ahead | Entered::Found(_) => {
                Entered::Found(Some(live.clone()))
            }
        };
        let stood = self.record.removals.last.is_some_and(|last| {
            Duration::try_from(self.now.duration_since(last)).is_ok_and(|stood| stood >= FORGOTTEN_AFTER)
        });
        let removals = if stood { Removals::default() } else { self.record.removals };
        if self.mode == Mode::Observe {
            return PoolNext::Tell(PoolVerdict::Registered);
        }
        self.remember_or(PoolRecord { removals, ..self.record.entered(entered) }, PoolVerdict::Registered)
    }

    fn cure(&self, pool: &Pool, entry: &Entry) -> PoolNext {
        if let Some(told) = self.only_told(entry.principal.clone()) {
            return PoolNext::Tell(told);
        }
        if let Some(verdict) = self.not_now(pool) {
            return PoolNext::Tell(verdict);
        }
        // Written ahead again, so that our own removal is nobody's.
        let ahead = match &self.record.entered {
            Entered::Added(_) => self.record.entered(Entered::Ahead),
            Entered::Found(_) | Entered::Ahead | Entered::Not => self.record.clone(),
        };
        if ahead != *self.record {
            return PoolNext::Act(PoolStep::Remember(ahead));
        }
        match pool.identities.without(self.identity) {
            Some(change) => PoolNext::Act(PoolStep::Cure(change)),
            None => PoolNext::Tell(PoolVerdict::Registered),
        }
    }

    fn without_entry(&self, pool: &Pool) -> PoolNext {
        if self.written_lately {
            return PoolNext::Tell(PoolVerdict::Waiting { reason: Reason::Settling, again: None });
        }
        match &self.record.entered {
            Entered::Added(_) => {
                return PoolNext::Act(PoolStep::Remember(self.record.removed_by_another(self.now)));
            }
            Entered::Found(_) => return PoolNext::Act(PoolStep::Remember(self.record.entered(Entered::Not))),
            Entered::Not | Entered::Ahead => {}
        }
        if let Some(told) = self.only_told(None) {
            return PoolNext::Tell(told);
        }
        if let Some(verdict) = self.not_now(pool) {
            return PoolNext::Tell(verdict);
        }
        if self.is_quarrel_and_fresh() {
            return PoolNext::Tell(PoolVerdict::Contested(self.record.removals));
        }
        if self.record.entered != Entered::Ahead {
            return PoolNext::Act(PoolStep::Remember(self.record.entered(Entered::Ahead)));
        }
        PoolNext::Act(PoolStep::Add(pool.identities.with(self.identity)))
    }

    /// Observe and Report only tell.
    fn only_told(&self, stale: Option<PrincipalId>) -> Option<PoolVerdict> {
        match (self.mode, self.drift) {
            (Mode::Observe, _) => Some(PoolVerdict::Pending { reason: Reason::ChangesPending, stale }),
            (Mode::Manage, DriftPolicy::Report) if self.applied => {
                Some(PoolVerdict::Pending { reason: Reason::DriftDetected, stale })
            }
            (Mode::Manage, DriftPolicy::Report | DriftPolicy::Correct) => None,
        }
    }

    /// Why the pool is not to be written now, if it is not.
    fn not_now(&self, pool: &Pool) -> Option<PoolVerdict> {
        match &pool.serves {
            Serves::Other(kind) => return Some(PoolVerdict::NotAzureDevOps(kind.clone())),
            Serves::AzureDevOps(organizations) if !organizations.contains(self.organization) => {
                return Some(PoolVerdict::OrganizationNotInPool);
            }
            Serves::AzureDevOps(_) => {}
        }
        match self.permission {
            Permission::Granted => {}
            Permission::NotYet => return Some(self.not_yet()),
            Permission::OtherDirectory { pool, identity } => {
                return Some(PoolVerdict::OtherDirectory { pool: pool.clone(), identity: identity.clone() });
            }
        }
        if let Some(failure) = self.failed_lately {
            return Some(PoolVerdict::Failed(failure.clone()));
        }
        match pool.motion() {
            Motion::Moving => Some(PoolVerdict::Waiting { reason: Reason::PoolBusy, again: None }),
            Motion::AtRest => None,
        }
    }

    /// Removed three times: put back at the slow pace only.
    fn is_quarrel_and_fresh(&self) -> bool {
        let Removals { count, last } = self.record.removals;
        let since = last.and_then(|last| Duration::try_from(self.now.duration_since(last)).ok());
        count >= QUARREL && since.is_some_and(|since| since < self.slow_pace)
    }

    fn not_yet(&self) -> PoolVerdict {
        PoolVerdict::Waiting { reason: Reason::IdentityNotReady, again: None }
    }

    fn remember_or(&self, record: PoolRecord, verdict: PoolVerdict) -> PoolNext {
        if record == *self.record {
            PoolNext::Tell(verdict)
        } else {
            PoolNext::Act(PoolStep::Remember(record))
        }
    }
}
