//! What comes next? One question, one pure answer.
//!
//! [`decide`] is asked again after each step, until it has nothing left to do and only a [`Verdict`] to tell:
//!
//! ```text
//! absent ──────────► finalizer ─► [empty the record] ─► create (with the mark) ─► remember
//! vacant ─ allowed ► finalizer ─► mark (Adopted)     ─► remember ─► as ours
//!        └ not ────► AdoptionRefused
//! ours ────────────► finalizer ─► [put the mark back | take `released` away] ─► update what differs ─► up to date
//! another's ───────► forget the record ─► drop the finalizer ─► OwnershipConflict
//! ```
//!
//! Each step is idempotent and decided from what was read; a crash between two of them leaves nothing that the next
//! pass cannot see. No step is taken while something that it depends on is unknown.

use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, Applied, DriftPolicy, IsolationScope, Mode, Origin, PendingChange},
    },
    domain::{
        claim::{Contested, Sibling, claimant, may_take},
        desired::Desired,
        difference::{Difference, Kind, differences, smallest_change},
        directory::{Directory, judge},
        failure::Failure,
        mark::{Mark, MarkSeen},
        names::{IdentityId, Location, ObjectKey, PrincipalId},
        observed::{Absence, Fact, Identity, Observed, SubscriptionState},
        ownership::{Me, Owner, Ownership, assess},
        record::{Holding, Record},
        tags::{self, Tags},
    },
};

/// Whether the finalizer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finalizer {
    /// It is.
    Stored,
    /// It is not.
    Absent,
}

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Id of this cluster.
    pub cluster: &'a str,
    /// This object, as its siblings see it.
    pub me: &'a Sibling,
    /// What is wanted.
    pub desired: &'a Desired,
    /// What is true.
    pub observed: &'a Observed,
    /// What is remembered.
    pub record: &'a Record,
    /// Whether the finalizer is stored.
    pub finalizer: Finalizer,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Do this, then ask again.
    Act(Step),
    /// Nothing to do; this is to be told of the identity.
    Tell(Verdict),
}

/// One step. Those that write to Azure say so; the others write to the object alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Store the finalizer.
    StoreFinalizer,
    /// Remove the finalizer: nothing is held.
    RemoveFinalizer,
    /// Change what is remembered.
    Remember(Record),
    /// Empty the record because the identity is gone and is about to be created anew.
    ForgetTheGone,
    /// Azure: create the identity, the mark in the same write.
    Create(NewIdentity),
    /// Azure: write the whole tag map with the mark in it.
    Mark(Marking),
    /// Azure: change what differs.
    Update(Change),
}

/// An identity to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// Which.
    pub id: IdentityId,
    /// Its region.
    pub location: Location,
    /// Its tags, the mark among them.
    pub tags: Tags,
    /// Its isolation scope; absent leaves it to Azure.
    pub isolation_scope: Option<IsolationScope>,
}

/// A mark to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marking {
    /// The whole tag map.
    pub tags: Tags,
    /// The principal that was read. If the answer shows another one, the mark is taken off again.
    pub principal: PrincipalId,
    /// Why.
    pub why: WhyMark,
}

/// Why a mark is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyMark {
    /// A vacant identity is taken.
    Take,
    /// Somebody took our mark away.
    Restore,
    /// The object holds again what it had let go.
    TakeBack,
}

/// A change of an identity that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The whole tag map, if a tag differs.
    pub tags: Option<Tags>,
    /// The isolation scope, if it differs.
    pub isolation_scope: Option<IsolationScope>,
    /// The principal that was read.
    pub principal: PrincipalId,
    /// Whether any of it corrects drift.
    pub kind: Kind,
}

/// What is to be told of the identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as wanted.
    UpToDate,
    /// It differs, and this object may not change that.
    Pending {
        /// `ChangesPending`, `DriftDetected` or `IdentityNotFound`.
        reason: Reason,
        /// The differences.
        changes: Vec<PendingChange>,
    },
    /// It would be written, but the directory is not known to match.
    AwaitsDirectory,
    /// Just created or just vanished: asked again in some seconds.
    Settling,
    /// The subscription takes no writes.
    SubscriptionDisabled,
    /// It is nobody's, and the policy does not allow to take it.
    AdoptionRefused {
        /// The principal that is there.
        found: PrincipalId,
        /// The policy.
        policy: AdoptionPolicy,
    },
    /// It is somebody else's.
    OwnershipConflict(Owner),
    /// It exists in another region.
    LocationConflict(Location),
    /// The merged map would hold this many tags.
    TooManyTags(usize),
    /// A read or a write failed.
    Failed(Failure),
}

/// What comes next.
pub fn decide(situation: Situation<'_>) -> Next {
    let Observed { subscription, identity, .. } = situation.observed;
    if subscription.known().is_some_and(|s| match s.state {
        SubscriptionState::Usable => false,
        SubscriptionState::Disabled | SubscriptionState::Deleted => true,
    }) {
        return Next::Tell(Verdict::SubscriptionDisabled);
    }
    match (identity, situation.desired.mode) {
        (Fact::Unknown(failure), Mode::Manage | Mode::Observe) => {
            Next::Tell(Verdict::Failed(failure.clone()))
        }
        (Fact::Absent, Mode::Manage) => situation.bring_into_existence(),
        (Fact::Known(identity), Mode::Manage) => situation.manage(identity),
        (Fact::Absent, Mode::Observe) => situation.observe_absence(),
        (Fact::Known(identity), Mode::Observe) => situation.observe(identity),
    }
}

impl Situation<'_> {
    fn bring_into_existence(self) -> Next {
        if let Some(other) = self.claimed_by_another(None) {
            return self.tell_conflict_with(other);
        }
        let gone = self.record.holding.is_some();
        match self.observed.absence {
            Absence::JustCreated => return Next::Tell(Verdict::Settling),
            Absence::Once if gone => return Next::Tell(Verdict::Settling),
            Absence::Once | Absence::Confirmed => {}
        }
        if gone && self.desired.drift == DriftPolicy::Report {
            return Next::Tell(Verdict::Pending {
                reason: Reason::IdentityNotFound,
                changes: vec![self.pending_creation()],
            });
        }
        if let Some(instead) = self.before_writing() {
            return instead;
        }
        if gone {
            return Next::Act(Step::ForgetTheGone);
        }
        let mut tags: Tags = self.desired.tags.iter().collect();
        self.own_mark(Origin::Created).write(&mut tags);
        Next::Act(Step::Create(NewIdentity {
            id: self.desired.identity.clone(),
            location: self.desired.location.clone(),
            tags,
            isolation_scope: self.desired.isolation_scope,
        }))
    }

    fn manage(self, identity: &Identity) -> Next {
        let seen = MarkSeen::in_tags(&identity.tags);
        let ownership = self.ownership(&seen, identity);
        if let Ownership::Anothers(owner) = ownership {
            return self.lose(owner);
        }
        if let Some(other) = self.claimed_by_another(Some((&seen, &identity.principal))) {
            return self.tell_conflict_with(other);
        }
        if identity.location != self.desired.location {
            return Next::Tell(Verdict::LocationConflict(identity.location.clone()));
        }
        match ownership {
            Ownership::Ours(seen) => self.keep(identity, &seen),
            Ownership::Vacant { family } => self.take(identity, &seen, family),
            Ownership::Anothers(owner) => self.lose(owner),
        }
    }

    fn keep(self, identity: &Identity, seen: &MarkSeen) -> Next {
        let differences = differences(self.desired, self.record.applied.as_ref(), identity);
        let mark_is_missing = match seen {
            MarkSeen::None | MarkSeen::Incomplete(_) => true,
            MarkSeen::Complete(mark) if mark.released => {
                let taken_back = Mark { released: false, ..mark.clone() };
                return self.write_mark(identity, &taken_back, WhyMark::TakeBack);
            }
            MarkSeen::Complete(mark) => {
                if let Some(holding) = self.holding_to_remember(identity, mark.origin) {
                    return Next::Act(Step::Remember(Record {
                        holding: Some(holding),
                        ..self.record.clone()
                    }));
                }
                false
            }
        };
        if self.finalizer == Finalizer::Absent {
            return Next::Act(Step::StoreFinalizer);
        }
        if mark_is_missing && self.desired.drift == DriftPolicy::Correct {
            return self.write_mark(identity, &self.own_mark(Origin::Adopted), WhyMark::Restore);
        }
        let to_write: Vec<&Difference> = differences
            .iter()
            .filter(|difference| match difference.kind {
                Kind::Wish => true,
                Kind::Drift => self.desired.drift == DriftPolicy::Correct,
            })
            .collect();
        if !to_write.is_empty() {
            return self.update(identity, &to_write);
        }
        if !differences.is_empty() || mark_is_missing {
            let mark = mark_is_missing.then(|| self.pending_mark());
            let changes = mark.into_iter().chain(differences.iter().map(|d| d.part.pending())).collect();
            return Next::Tell(Verdict::Pending { reason: Reason::DriftDetected, changes });
        }
        let applied = self.wish_as_applied();
        if self.record.applied.as_ref() != Some(&applied) {
            return Next::Act(Step::Remember(Record { applied: Some(applied), ..self.record.clone() }));
        }
        Next::Tell(Verdict::UpToDate)
    }

    fn update(self, identity: &Identity, to_write: &[&Difference]) -> Next {
        let (tags, isolation_scope) = smallest_change(&identity.tags, to_write.iter().map(|d| &d.part));
        if let Some(count) = tags.as_ref().map(Tags::len).filter(|count| *count > tags::LIMIT) {
            return Next::Tell(Verdict::TooManyTags(count));
        }
        let kind = if to_write.iter().any(|d| d.kind == Kind::Drift) { Kind::Drift } else { Kind::Wish };
        self.before_writing().unwrap_or_else(|| {
            Next::Act(Step::Update(Change {
                tags,
                isolation_scope,
                principal: identity.principal.clone(),
                kind,
            }))
        })
    }

    fn take(self, identity: &Identity, seen: &MarkSeen, family: bool) -> Next {
        if !may_take(self.desired.adoption, family) {
            if self.finalizer == Finalizer::Stored && self.record.holding.is_none() {
                return Next::Act(Step::RemoveFinalizer);
            }
            return Next::Tell(Verdict::AdoptionRefused {
                found: identity.principal.clone(),
                policy: self.desired.adoption,
            });
        }
        let own = self.own_mark(Origin::Adopted);
        if *seen == MarkSeen::Complete(own.clone()) {
            // The mark was written before and the record did not follow, or somebody copied it: the record alone finishes.
            let holding = Holding { principal: identity.principal.clone(), origin: Origin::Adopted };
            return self
                .before_writing()
                .unwrap_or(Next::Act(Step::Remember(Record { holding: Some(holding), applied: None })));
        }
        self.write_mark(identity, &own, WhyMark::Take)
    }

    fn write_mark(self, identity: &Identity, mark: &Mark, why: WhyMark) -> Next {
        let mut tags = identity.tags.clone();
        mark.write(&mut tags);
        if tags.len() > tags::LIMIT {
            return Next::Tell(Verdict::TooManyTags(tags.len()));
        }
        self.before_writing().unwrap_or_else(|| {
            Next::Act(Step::Mark(Marking { tags, principal: identity.principal.clone(), why }))
        })
    }

    fn lose(self, owner: Owner) -> Next {
        match owner {
            Owner::Object { .. } if *self.record != Record::default() => {
                Next::Act(Step::Remember(Record::default()))
            }
            Owner::Object { .. } if self.finalizer == Finalizer::Stored => Next::Act(Step::RemoveFinalizer),
            owner @ (Owner::Object { .. } | Owner::Unclear(_)) => {
                Next::Tell(Verdict::OwnershipConflict(owner))
            }
        }
    }

    fn observe(self, identity: &Identity) -> Next {
        let seen = MarkSeen::in_tags(&identity.tags);
        match self.ownership(&seen, identity) {
            Ownership::Anothers(Owner::Object { .. }) if *self.record != Record::default() => {
                return Next::Act(Step::Remember(Record::default()));
            }
            Ownership::Anothers(Owner::Object { .. }) if self.finalizer == Finalizer::Stored => {
                return Next::Act(Step::RemoveFinalizer);
            }
            Ownership::Anothers(_) | Ownership::Ours(_) | Ownership::Vacant { .. } => {}
        }
        if identity.location != self.desired.location {
            return Next::Tell(Verdict::LocationConflict(identity.location.clone()));
        }
        let differences = differences(self.desired, self.record.applied.as_ref(), identity);
        if differences.is_empty() {
            return Next::Tell(Verdict::UpToDate);
        }
        let changes = differences.iter().map(|d| d.part.pending()).collect();
        Next::Tell(Verdict::Pending { reason: Reason::ChangesPending, changes })
    }

    fn observe_absence(self) -> Next {
        if self.record.holding.is_some() && self.observed.absence != Absence::Confirmed {
            return Next::Tell(Verdict::Settling);
        }
        Next::Tell(Verdict::Pending {
            reason: Reason::ChangesPending,
            changes: vec![self.pending_creation()],
        })
    }

    /// What has to come before any write to Azure: a directory that matches, and the finalizer.
    fn before_writing(self) -> Option<Next> {
        match judge(self.desired, self.observed) {
            Directory::Matched(_) => {
                (self.finalizer == Finalizer::Absent).then_some(Next::Act(Step::StoreFinalizer))
            }
            Directory::Mismatched(_) | Directory::OrganizationNotFound | Directory::Unknown(_) => {
                Some(Next::Tell(Verdict::AwaitsDirectory))
            }
        }
    }

    /// What the record has to say of an identity that is ours, if it does not say so yet.
    ///
    /// The mark's origin can only take `Created` away from the record, never give it.
    fn holding_to_remember(self, identity: &Identity, marked: Origin) -> Option<Holding> {
        let origin = match (&self.record.holding, marked) {
            (Some(Holding { origin: Origin::Created, .. }), Origin::Created) => Origin::Created,
            (Some(_) | None, Origin::Created | Origin::Adopted) => Origin::Adopted,
        };
        let holding = Holding { principal: identity.principal.clone(), origin };
        (self.record.holding.as_ref() != Some(&holding)).then_some(holding)
    }

    fn claimed_by_another(self, identity: Option<(&MarkSeen, &PrincipalId)>) -> Option<ObjectKey> {
        let contested =
            Contested { cluster: self.cluster, identity, mark_owner: self.observed.mark_owner.as_ref() };
        let claimant = claimant(self.me, &self.observed.siblings, contested)?;
        (*claimant != self.me.object).then(|| claimant.clone())
    }

    fn tell_conflict_with(self, object: ObjectKey) -> Next {
        Next::Tell(Verdict::OwnershipConflict(Owner::Object { cluster: self.cluster.to_owned(), object }))
    }

    fn ownership(self, seen: &MarkSeen, identity: &Identity) -> Ownership {
        let me = Me { cluster: self.cluster.to_owned(), object: self.me.object.clone() };
        assess(&me, self.record, seen, &identity.principal, self.observed.mark_owner.as_ref())
    }

    fn own_mark(self, origin: Origin) -> Mark {
        Mark::standing(self.cluster, &self.me.object, origin)
    }

    fn wish_as_applied(self) -> Applied {
        Applied { tags: self.desired.tags.clone(), isolation_scope: self.desired.isolation_scope }
    }

    fn pending_creation(self) -> PendingChange {
        PendingChange {
            field: "identity".into(),
            observed: None,
            wanted: Some(self.desired.identity.to_string()),
        }
    }

    fn pending_mark(self) -> PendingChange {
        PendingChange {
            field: "mark".into(),
            observed: None,
            wanted: Some(format!("{} of cluster {}", self.me.object, self.cluster)),
        }
    }
}

impl Record {
    /// What is remembered after Azure confirmed, by a 201, that this object created this principal.
    pub fn after_creation(desired: &Desired, principal: &PrincipalId) -> Self {
        Self {
            holding: Some(Holding { principal: principal.clone(), origin: Origin::Created }),
            applied: Some(Applied { tags: desired.tags.clone(), isolation_scope: desired.isolation_scope }),
        }
    }

    /// What is remembered after our mark was written and the answer showed the principal that was read.
    #[must_use]
    pub fn after_marking(&self, marking: &Marking) -> Self {
        let principal = marking.principal.clone();
        match marking.why {
            WhyMark::Take => {
                Self { holding: Some(Holding { principal, origin: Origin::Adopted }), applied: None }
            }
            WhyMark::Restore => Self {
                holding: Some(Holding { principal, origin: Origin::Adopted }),
                applied: self.applied.clone(),
            },
            WhyMark::TakeBack => self.clone(),
        }
    }

    /// What is remembered after an update went through: the whole wish was written or stood there already.
    #[must_use]
    pub fn after_update(&self, desired: &Desired) -> Self {
        let applied = Applied { tags: desired.tags.clone(), isolation_scope: desired.isolation_scope };
        Self { holding: self.holding.clone(), applied: Some(applied) }
    }
}
