//! Two objects of this cluster name one identity: which of them owns it?
//!
//! The one whose mark stands, unreleased. Else one object claims it: first the one that a released mark names, then
//! the one whose record has this principal, then the oldest eligible one (then the smaller uid).
//!
//! The answer is the same whichever of the objects asks, but for one: an object that is Stalled for a reason of its own
//! may find that the reason has gone, and takes itself for eligible. Objects that name one identity look at it one after
//! the other, and the mark of the one that comes first settles it.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, Mode},
    },
    domain::{
        cluster::ClusterIds,
        mark::{Mark, MarkSeen},
        names::{ObjectKey, PrincipalId},
        observed::MarkOwner,
        ownership::{Me, Ownership, assess},
        record::Record,
    },
};

/// An object of this cluster, as far as a claim depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// The object.
    pub object: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its mode.
    pub mode: Mode,
    /// Its adoption policy.
    pub adoption: AdoptionPolicy,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether the fences of its namespace let it have what it asks for.
    pub within_fences: bool,
    /// Why it is stalled, if it is.
    pub stalled: Option<Reason>,
    /// What it remembers.
    pub record: Record,
}

impl Sibling {
    /// Stalled for a reason of its own, which another object need not share.
    fn held_up_by_itself(&self) -> bool {
        use Reason as R;
        self.stalled.is_some_and(|reason| match reason {
            R::DirectoryMismatch
            | R::OrganizationNotConnected
            | R::OrganizationNotFound
            | R::SubscriptionNotFound
            | R::SubscriptionNotReadable
            | R::SubscriptionMoved
            | R::SignedInElsewhere
            | R::SignInFailed
            | R::CheckFailed
            | R::LocationConflict
            | R::AuthorizationFailed
            | R::IdentityNotFound
            | R::InvalidSpec
            | R::ScopeNotAllowed => true,
            R::Succeeded
            | R::Progressing
            | R::ProgressingWithRetry
            | R::Suspended
            | R::SameDirectory
            | R::SubscriptionDisabled
            | R::UpToDate
            | R::Settling
            | R::AdoptionRefused
            | R::OwnershipConflict
            | R::DriftDetected
            | R::ChangesPending
            | R::ResourceGroupNotFound
            | R::ProviderNotRegistered
            | R::PolicyDenied
            | R::ScopeLocked
            | R::AllRegistered
            | R::NoPools
            | R::IdentityNotReady
            | R::PoolBusy
            | R::PoolNotFound
            | R::PoolNotAzureDevOps
            | R::OrganizationNotInPool
            | R::PoolInOtherDirectory
            | R::RegistrationContested
            | R::AssignPermissionMissing
            | R::OrganizationAccessMissing
            | R::IdentityOperationFailed
            | R::DeletionBlocked
            | R::TooManyTags
            | R::RequestRefused
            | R::Throttled
            | R::AzureUnavailable
            | R::UnexpectedError
            | R::DirectoryNotMatched
            | R::Deleting => false,
        })
    }

    fn is_eligible(&self, contested: Contested<'_>) -> bool {
        self.mode == Mode::Manage
            && !self.suspended
            && !self.terminating
            && self.within_fences
            && !self.held_up_by_itself()
            && !self.refused_by_its_own_policy(contested)
    }

    /// Whether it holds the identity by its record alone, because somebody took the mark away. It stays the owner also
    /// while it is suspended or only observes.
    fn holds_without_a_mark(&self, contested: Contested<'_>) -> bool {
        !self.terminating
            && self.remembers(contested)
            && matches!(self.ownership(contested), Some(Ownership::Ours(_)))
    }

    /// Whether its record names the identity: this principal, or any where the identity is gone.
    fn remembers(&self, contested: Contested<'_>) -> bool {
        match contested.identity {
            Some((_, principal)) => self.record.holds(principal),
            None => self.record.holding.is_some(),
        }
    }

    /// Whether it manages the identity once the object whose mark stands there has let go: also while it is suspended or
    /// held up, but not if its own policy would refuse to take it.
    pub(super) fn manages_after_a_release(&self, contested: Contested<'_>) -> bool {
        let released = contested.identity.map(|(seen, principal)| {
            let seen = match seen {
                MarkSeen::Complete(mark) => MarkSeen::Complete(Mark { released: true, ..mark.clone() }),
                MarkSeen::None | MarkSeen::Incomplete(_) => seen.clone(),
            };
            (seen, principal)
        });
        let contested = Contested {
            identity: released.as_ref().map(|(seen, principal)| (seen, *principal)),
            ..contested
        };
        self.mode == Mode::Manage && !self.terminating && !self.refused_by_its_own_policy(contested)
    }

    fn refused_by_its_own_policy(&self, contested: Contested<'_>) -> bool {
        match self.ownership(contested) {
            None | Some(Ownership::Ours(_)) => false,
            Some(Ownership::Vacant { family }) => !may_take(self.adoption, family),
            Some(Ownership::Anothers(_)) => true,
        }
    }

    /// Whose the identity is in its eyes, if it exists.
    fn ownership(&self, contested: Contested<'_>) -> Option<Ownership> {
        let (seen, principal) = contested.identity?;
        let its = Me { cluster: contested.cluster, object: self.object.clone() };
        Some(assess(&its, &self.record, seen, principal, contested.mark_owner))
    }
}

/// The identity over which objects of this cluster may dispute.
#[derive(Debug, Clone, Copy)]
pub struct Contested<'a> {
    /// The ids of this cluster.
    pub cluster: &'a ClusterIds,
    /// Its mark, and its principal; `None` if it does not exist.
    pub identity: Option<(&'a MarkSeen, &'a PrincipalId)>,
    /// What is known of the object that an unreleased mark of this cluster names.
    pub mark_owner: Option<&'a MarkOwner>,
}

/// Who owns the identity among `me` and `siblings`; `None` if nobody here does, and each is judged for itself.
///
/// `me` is taken to be free of troubles of its own: this pass has just looked.
pub fn claimant<'a>(
    me: &'a Sibling,
    siblings: &'a [Sibling],
    contested: Contested<'_>,
) -> Option<&'a ObjectKey> {
    let all = || std::iter::once(me).chain(siblings);
    let mark = match contested.identity {
        Some((MarkSeen::Complete(mark), _)) if mark.cluster == contested.cluster.current() => Some(mark),
        _ => None,
    };
    if let Some(mark) = mark.filter(|mark| !mark.released)
        && let Some(owner) = all().find(|object| object.object == mark.object)
    {
        return Some(&owner.object);
    }
    let me_now = Sibling { stalled: None, ..me.clone() };
    let eligible = |object: &Sibling| {
        let object = if object.uid == me.uid { &me_now } else { object };
        object.is_eligible(contested)
    };
    all()
        .filter(|object| eligible(object) || object.holds_without_a_mark(contested))
        .max_by_key(|object| {
            (
                eligible(object) && mark.is_some_and(|mark| mark.object == object.object),
                object.remembers(contested),
                eligible(object),
                Reverse(object.created),
                Reverse(object.uid.as_str()),
            )
        })
        .map(|object| &object.object)
}

/// Whether a policy allows to take a vacant identity.
pub fn may_take(policy: AdoptionPolicy, family: bool) -> bool {
    match policy {
        AdoptionPolicy::Adopt => true,
        AdoptionPolicy::IfOwned => family,
        AdoptionPolicy::Never => false,
    }
}

#[cfg(test)]
mod tests;
