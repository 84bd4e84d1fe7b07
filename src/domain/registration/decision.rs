//! A pool of the spec: what comes next for it?

use std::time::Duration;

use jiff::Timestamp;

use super::{
    BlockChange, Change, Entered, Lately, PoolRecord, Removals, Sight,
    operation::{Come, OperationSeen, come_to},
};
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{DriftPolicy, Mode},
    },
    domain::{
        directory::no_such_subscription,
        failure::Failure,
        names::{IdentityId, OrganizationName, PrincipalId, SubscriptionId, TenantId},
        observed::{Fact, Subscription},
        pool::{Entry, Motion, Pool, Serves},
    },
};

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
    /// The directory of the pool's own subscription could not be looked up.
    Unknown(Failure),
}

impl Permission {
    /// For an identity that may be registered, of this directory, with a pool of another subscription than its own.
    pub fn across(tenant: &TenantId, subscription: &SubscriptionId, seen: &Fact<Subscription>) -> Self {
        match seen {
            Fact::Known(seen) if seen.tenant == *tenant => Self::Granted,
            Fact::Known(seen) => Self::OtherDirectory { pool: seen.tenant.clone(), identity: tenant.clone() },
            Fact::Unknown(failure) => Self::Unknown(failure.clone()),
            Fact::Absent => Self::Unknown(no_such_subscription(subscription)),
        }
    }
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
    /// What this process did and saw there lately.
    pub lately: &'a Lately,
    /// Whether this object is recorded to have created the identity with its live principal.
    pub created_by_us: bool,
    /// How many pools are being left, where that is too many for one more to be remembered.
    pub crowd: Option<usize>,
    /// Mode of the object.
    pub mode: Mode,
    /// Drift policy of the object.
    pub drift: DriftPolicy,
    /// The slow pace.
    pub slow_pace: Duration,
    /// The time.
    pub now: Timestamp,
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
    /// An operation of ours is over: remember that. The pool tells what came of it.
    Over {
        /// What is remembered.
        record: PoolRecord,
        /// Whether Azure says that it has worked.
        worked: bool,
    },
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
    /// So many pools are being left that those are waited for.
    Crowded(usize),
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
    // What our own operation has come to is looked at before the pool is.
    if let Some(come) = it.operation.map(|seen| come_to(seen, it.record, it.pool, it.identity, it.live)) {
        return match come {
            Come::Runs(again) => PoolNext::Tell(PoolVerdict::Waiting { reason: Reason::Progressing, again }),
            Come::NotKnown(failure) => PoolNext::Tell(PoolVerdict::Failed(failure)),
            Come::Over(step) => PoolNext::Act(step),
        };
    }
    match Sight::of(it.pool) {
        Sight::Hidden(failure) => PoolNext::Tell(PoolVerdict::Failed(failure.clone())),
        Sight::Gone => {
            let told = it.pool.failure().cloned().map_or(PoolVerdict::NotFound, PoolVerdict::Failed);
            // A replica may not know of a pool. One that was gone in between was nobody's removal.
            let record = if it.lately.without_twice { Entered::Not } else { it.record.entered.clone() };
            it.remember_or(it.record.entered(record), told)
        }
        Sight::There(pool) => match pool.identities.entry(it.identity) {
            None => it.without_entry(pool),
            Some(entry) => it.with_entry(pool, entry),
        },
    }
}

impl Registering<'_> {
    fn with_entry(&self, pool: &Pool, entry: &Entry) -> PoolNext {
        let Some(live) = self.live else {
            return PoolNext::Tell(not_yet());
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
        // A replica that does not know of what was just taken out shows what stood there before.
        if self.lately.took_out() {
            return PoolNext::Tell(settling());
        }
        if self.mode == Mode::Observe {
            return PoolNext::Tell(PoolVerdict::Registered);
        }
        let entered = match &self.record.entered {
            Entered::Added(before) if before == live => Entered::Added(live.clone()),
            // Azure let the entry that we had added follow the identity that we have created anew.
            Entered::Added(_) if self.created_by_us => Entered::Added(live.clone()),
            // Our own addition, which only shows now.
            Entered::Ahead if self.lately.has_worked(Change::Adds) => Entered::Added(live.clone()),
            // Not seen to be of our doing: somebody else's, and it stays.
            Entered::Added(_) | Entered::Not | Entered::Ahead | Entered::Found(_) => {
                Entered::Found(Some(live.clone()))
            }
        };
        let removals = if self.quarrel_is_over() { Removals::default() } else { self.record.removals };
        self.remember_or(PoolRecord { removals, ..self.record.entered(entered) }, PoolVerdict::Registered)
    }

    /// Takes a stale entry out, whoever put it there, so that it can be added anew.
    fn cure(&self, pool: &Pool, entry: &Entry) -> PoolNext {
        if let Some(verdict) = self.instead_of_writing(pool, entry.principal.as_ref()) {
            return PoolNext::Tell(verdict);
        }
        // A replica that does not know of what was just changed shows what stood there before.
        if self.lately.took_out()
            || self.lately.awaits(Change::TakesOut)
            || self.lately.may_hide_an_addition()
        {
            return PoolNext::Tell(settling());
        }
        if let Some(step) = self.not_shown() {
            return PoolNext::Act(step);
        }
        if let Some(verdict) = self.too_many_are_being_left() {
            return PoolNext::Tell(verdict);
        }
        // Somebody else's from here on: our own removal is nobody's, and the operation that carries it out adds nothing. The
        // old principal stays known, by which an entry without one is stale.
        let disowned = match &self.record.entered {
            Entered::Added(before) => Entered::Found(Some(before.clone())),
            Entered::Ahead => Entered::Not,
            Entered::Not | Entered::Found(_) => self.record.entered.clone(),
        };
        if self.record.entered != disowned {
            return PoolNext::Act(PoolStep::Remember(self.record.entered(disowned)));
        }
        match pool.identities.without(self.identity, self.lately.refused) {
            Some(change) => PoolNext::Act(PoolStep::Cure(change)),
            None => PoolNext::Tell(PoolVerdict::Registered),
        }
    }

    fn without_entry(&self, pool: &Pool) -> PoolNext {
        if self.lately.may_hide_an_addition() {
            return PoolNext::Tell(settling());
        }
        match &self.record.entered {
            // What we took out ourselves, or what went with its pool, was taken out by nobody else.
            Entered::Added(_) if self.lately.took_out() || self.lately.was_gone => {
                return PoolNext::Act(PoolStep::Remember(self.record.entered(Entered::Not)));
            }
            Entered::Added(_) => {
                return PoolNext::Act(PoolStep::Remember(self.record.removed_by_another(self.now)));
            }
            Entered::Found(_) => return PoolNext::Act(PoolStep::Remember(self.record.entered(Entered::Not))),
            Entered::Not | Entered::Ahead => {}
        }
        if let Some(verdict) = self.instead_of_writing(pool, None) {
            return PoolNext::Tell(verdict);
        }
        if let Some(step) = self.not_shown() {
            return PoolNext::Act(step);
        }
        if self.is_quarrel_and_fresh() {
            return PoolNext::Tell(PoolVerdict::Contested(self.record.removals));
        }
        if let Some(verdict) = self.too_many_are_being_left() {
            return PoolNext::Tell(verdict);
        }
        if self.record.entered != Entered::Ahead {
            return PoolNext::Act(PoolStep::Remember(self.record.entered(Entered::Ahead)));
        }
        PoolNext::Act(PoolStep::Add(pool.identities.with(self.identity)))
    }

    /// Why the pool is not to be written, if it is not: never, not by this object, or not now.
    fn instead_of_writing(&self, pool: &Pool, stale: Option<&PrincipalId>) -> Option<PoolVerdict> {
        self.never(pool).or_else(|| self.only_told(stale)).or_else(|| self.not_now(pool))
    }

    /// What no policy of this object would change.
    fn never(&self, pool: &Pool) -> Option<PoolVerdict> {
        match (&pool.serves, self.permission) {
            (Serves::Other(kind), _) => Some(PoolVerdict::NotAzureDevOps(kind.clone())),
            (Serves::AzureDevOps(organizations), _) if !organizations.contains(self.organization) => {
                Some(PoolVerdict::OrganizationNotInPool)
            }
            (Serves::AzureDevOps(_), Permission::OtherDirectory { pool, identity }) => {
                Some(PoolVerdict::OtherDirectory { pool: pool.clone(), identity: identity.clone() })
            }
            (Serves::AzureDevOps(_), Permission::Granted | Permission::NotYet | Permission::Unknown(_)) => {
                None
            }
        }
    }

    /// Observe and Report only tell.
    fn only_told(&self, stale: Option<&PrincipalId>) -> Option<PoolVerdict> {
        let reason = match (self.mode, self.drift) {
            (Mode::Observe, _) => Reason::ChangesPending,
            (Mode::Manage, DriftPolicy::Report) if self.applied => Reason::DriftDetected,
            (Mode::Manage, DriftPolicy::Report | DriftPolicy::Correct) => return None,
        };
        Some(PoolVerdict::Pending { reason, stale: stale.cloned() })
    }

    fn not_now(&self, pool: &Pool) -> Option<PoolVerdict> {
        match (self.permission, self.live) {
            (Permission::Unknown(failure), _) => return Some(PoolVerdict::Failed(failure.clone())),
            (Permission::Granted, Some(_)) => {}
            (Permission::Granted | Permission::NotYet | Permission::OtherDirectory { .. }, _) => {
                return Some(not_yet());
            }
        }
        if let Some(failure) = &self.lately.failed {
            return Some(PoolVerdict::Failed(failure.clone()));
        }
        match pool.motion() {
            Motion::Moving => Some(PoolVerdict::Waiting { reason: Reason::PoolBusy, again: None }),
            Motion::AtRest => None,
        }
    }

    /// A change that a pool at rest does not show has failed, whatever was said of it: else it would be sent for ever.
    fn not_shown(&self) -> Option<PoolStep> {
        let failure = self.lately.overdue(&self.record.id)?;
        Some(PoolStep::Failed(self.record.clone(), failure))
    }

    /// A status has no room for ever more pools: one that is not remembered yet waits for those that are being left.
    fn too_many_are_being_left(&self) -> Option<PoolVerdict> {
        self.crowd.filter(|_| self.record.is_blank()).map(PoolVerdict::Crowded)
    }

    /// Removed three times: put back at the slow pace only.
    fn is_quarrel_and_fresh(&self) -> bool {
        self.record.removals.are_a_quarrel()
            && self.since_the_last_removal().is_some_and(|since| since < self.slow_pace)
    }

    fn quarrel_is_over(&self) -> bool {
        self.since_the_last_removal().is_some_and(|since| since >= FORGOTTEN_AFTER)
    }

    fn since_the_last_removal(&self) -> Option<Duration> {
        Duration::try_from(self.now.duration_since(self.record.removals.last?)).ok()
    }

    fn remember_or(&self, record: PoolRecord, verdict: PoolVerdict) -> PoolNext {
        if record == *self.record || self.too_many_are_being_left().is_some() {
            PoolNext::Tell(verdict)
        } else {
            PoolNext::Act(PoolStep::Remember(record))
        }
    }
}

fn not_yet() -> PoolVerdict {
    PoolVerdict::Waiting { reason: Reason::IdentityNotReady, again: None }
}

fn settling() -> PoolVerdict {
    PoolVerdict::Waiting { reason: Reason::Settling, again: None }
}
