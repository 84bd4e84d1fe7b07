//! The decision itself, as it is under `mode: Manage`.

use super::step::{Change, Finalizer, Marking, NewIdentity, Next, Step, Verdict, WhyMark};
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{Applied, DriftPolicy, Mode, Origin, PendingChange},
    },
    domain::{
        claim::{Contested, Sibling, claimant, may_take},
        cluster::ClusterIds,
        desired::Desired,
        difference::{Difference, Kind, differences, smallest_change},
        directory::{Directory, judge},
        mark::{Mark, MarkSeen},
        names::{ObjectKey, PrincipalId},
        observed::{Absence, Fact, Identity, Observed, SubscriptionState},
        ownership::{Me, Owner, Ownership, assess},
        record::{Holding, Record},
        tags::{self, Tags},
    },
};

/// Everything that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The ids of this cluster.
    pub cluster: &'a ClusterIds,
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

/// Whether the first thing that an object does is likely to be a write: it manages, and holds nothing. A guess, made
/// before the identity was read, to take leave to write first; where it is wrong it costs nothing.
pub fn expects_to_write(desired: &Desired, record: &Record) -> bool {
    desired.mode == Mode::Manage && record.holding.is_none()
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
            return self.yield_to(other);
        }
        if self.may_still_be_there() {
            return Next::Tell(Verdict::Settling);
        }
        let gone = self.record.holding.is_some();
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

    /// One "not there" proves nothing about what somebody is known to hold: a creation would overwrite it.
    pub(super) fn may_still_be_there(self) -> bool {
        let held = self.record.holding.is_some()
            || self.observed.siblings.iter().any(|sibling| sibling.record.holding.is_some());
        match self.observed.absence {
            Absence::JustCreated => true,
            Absence::Once => held,
            Absence::Confirmed => false,
        }
    }

    fn manage(self, identity: &Identity) -> Next {
        let seen = MarkSeen::in_tags(&identity.tags, self.cluster);
        let ownership = self.ownership(&seen, identity);
        if let Ownership::Anothers(owner) = ownership {
            return self.lose(owner);
        }
        if let Some(other) = self.claimed_by_another(Some((&seen, &identity.principal))) {
            return self.yield_to(other);
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
            MarkSeen::Complete(mark) if mark.outdated => {
                return self.write_mark(identity, mark, WhyMark::Rename);
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
        // No wish is open, so that whatever changes from here on is drift, also beside drift that is only told.
        let applied = self.wish_as_applied();
        if self.record.applied != applied {
            return Next::Act(Step::Remember(Record { applied, ..self.record.clone() }));
        }
        if !differences.is_empty() || mark_is_missing {
            let mark = mark_is_missing.then(|| self.pending_mark());
            let changes = mark.into_iter().chain(differences.iter().map(|d| d.part.pending())).collect();
            return Next::Tell(Verdict::Pending { reason: Reason::DriftDetected, changes });
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
            return self.stand_back(Verdict::AdoptionRefused {
                found: identity.principal.clone(),
                policy: self.desired.adoption,
            });
        }
        let own = self.own_mark(Origin::Adopted);
        if *seen == MarkSeen::Complete(own.clone()) {
            // The mark was written before and the record did not follow, or somebody copied it: the record alone finishes.
            let holding = Holding { principal: identity.principal.clone(), origin: Origin::Adopted };
            return self.before_writing().unwrap_or(Next::Act(Step::Remember(Record {
                holding: Some(holding),
                applied: None,
                pools: self.record.pools.clone(),
            })));
        }
        let copied = matches!(seen, MarkSeen::Complete(mark) if (&mark.cluster, &mark.object) == (&own.cluster, &own.object));
        match self.write_mark(identity, &own, WhyMark::Take) {
            // Emptied ahead, as before a creation: with the principal of another life in the record, a crash after this
            // mark would make our own look like a copied one.
            Next::Act(Step::Mark(_)) if !copied && self.remembers_another(&identity.principal) => {
                Next::Act(Step::ForgetTheGone)
            }
            next => next,
        }
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
            Owner::Sibling(_) | Owner::Elsewhere { .. } if *self.record != Record::default() => {
                Next::Act(Step::Remember(Record::default()))
            }
            owner @ (Owner::Sibling(_) | Owner::Elsewhere { .. } | Owner::Unclear(_)) => {
                self.stand_back(Verdict::OwnershipConflict(owner))
            }
        }
    }

    fn yield_to(self, object: ObjectKey) -> Next {
        self.stand_back(Verdict::OwnershipConflict(Owner::Sibling(object)))
    }

    /// Tells that the identity is not this object's, which then needs no farewell.
    fn stand_back(self, verdict: Verdict) -> Next {
        if self.keeps_a_finalizer_for_nothing() {
            Next::Act(Step::RemoveFinalizer)
        } else {
            Next::Tell(verdict)
        }
    }

    /// Where nothing of the identity is held, an entry in a pool may still be to be taken away.
    pub(super) fn keeps_a_finalizer_for_nothing(self) -> bool {
        self.finalizer == Finalizer::Stored && !self.record.may_hold_entries()
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

    pub(super) fn remembers_another(self, principal: &PrincipalId) -> bool {
        self.record.holding.is_some() && !self.record.holds(principal)
    }

    fn claimed_by_another(self, identity: Option<(&MarkSeen, &PrincipalId)>) -> Option<ObjectKey> {
        let contested =
            Contested { cluster: self.cluster, identity, mark_owner: self.observed.mark_owner.as_ref() };
        let claimant = claimant(self.me, &self.observed.siblings, contested)?;
        (*claimant != self.me.object).then(|| claimant.clone())
    }

    pub(super) fn ownership(self, seen: &MarkSeen, identity: &Identity) -> Ownership {
        let me = Me { cluster: self.cluster, object: self.me.object.clone() };
        assess(&me, self.record, seen, &identity.principal, self.observed.mark_owner.as_ref())
    }

    fn own_mark(self, origin: Origin) -> Mark {
        Mark::standing(self.cluster.current(), &self.me.object, origin)
    }

    fn wish_as_applied(self) -> Option<Applied> {
        Applied::of(&self.desired.tags, self.desired.isolation_scope, &self.record.applied_pools())
    }

    pub(super) fn pending_creation(self) -> PendingChange {
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
            wanted: Some(format!("{} of cluster {}", self.me.object, self.cluster.current())),
        }
    }
}
