//! The words in which the answer is given: steps to take, what each leaves in the record, and verdicts to tell.

use std::collections::BTreeSet;

use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, Applied, IsolationScope, Origin, PendingChange},
    },
    domain::{
        desired::Desired,
        difference::Kind,
        failure::Failure,
        names::{IdentityId, Location, PrincipalId},
        ownership::Owner,
        record::{Holding, Record},
        tags::Tags,
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
    /// Empty the record: the principal that it names is gone, and another is about to be created or taken in its place.
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
    /// Our mark bears a former id of this cluster.
    Rename,
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

impl Verdict {
    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::UpToDate
            | Self::Pending { .. }
            | Self::AwaitsDirectory
            | Self::Settling
            | Self::SubscriptionDisabled
            | Self::AdoptionRefused { .. }
            | Self::OwnershipConflict(_)
            | Self::LocationConflict(_)
            | Self::TooManyTags(_) => None,
        }
    }
}

impl Record {
    /// What is remembered after Azure confirmed, by a 201, that this object created this principal.
    #[must_use]
    pub fn after_creation(&self, desired: &Desired, principal: &PrincipalId) -> Self {
        Self {
            holding: Some(Holding { principal: principal.clone(), origin: Origin::Created }),
            applied: Applied::of(&desired.tags, desired.isolation_scope, &BTreeSet::new()),
            pools: self.pools.clone(),
        }
    }

    /// What is remembered after our mark was written and the answer showed the principal that was read.
    #[must_use]
    pub fn after_marking(&self, marking: &Marking) -> Self {
        let principal = marking.principal.clone();
        match marking.why {
            WhyMark::Take => Self {
                holding: Some(Holding { principal, origin: Origin::Adopted }),
                applied: None,
                pools: self.pools.clone(),
            },
            WhyMark::Restore => {
                Self { holding: Some(Holding { principal, origin: Origin::Adopted }), ..self.clone() }
            }
            WhyMark::TakeBack | WhyMark::Rename => self.clone(),
        }
    }

    /// What is remembered after our tags went onto another principal than was read: the one that was read. Beside it our
    /// mark on the other one proves nothing.
    #[must_use]
    pub fn after_meeting_another(&self, read: &PrincipalId) -> Self {
        let holding = self.holding.clone().filter(|holding| holding.principal == *read);
        let holding = holding.unwrap_or(Holding { principal: read.clone(), origin: Origin::Adopted });
        Self { holding: Some(holding), ..self.clone() }
    }

    /// What is remembered after an update went through: the whole wish was written or stood there already.
    #[must_use]
    pub fn after_update(&self, desired: &Desired) -> Self {
        let applied = Applied::of(&desired.tags, desired.isolation_scope, &self.applied_pools());
        Self { applied, ..self.clone() }
    }
}
