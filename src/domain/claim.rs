//! Two objects of this cluster name one identity: which of them owns it?
//!
//! The one whose mark stands, unreleased. Else one object claims it: first the one that a released mark names, then
//! the one whose record has this principal, then the oldest eligible one (then the smaller uid). The answer is the
//! same whichever of the objects asks, so that exactly one of them acts.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, Mode},
    },
    domain::{
        mark::MarkSeen,
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
            | R::InvalidSpec => true,
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
            | R::TooManyTags
            | R::RequestRefused
            | R::Throttled
            | R::AzureUnavailable
            | R::UnexpectedError
            | R::DirectoryNotMatched
            | R::Deleting => false,
        })
    }

    fn takes_part(&self) -> bool {
        self.mode == Mode::Manage && !self.suspended && !self.terminating && !self.held_up_by_itself()
    }
}

/// The identity over which objects of this cluster may dispute.
#[derive(Debug, Clone, Copy)]
pub struct Contested<'a> {
    /// Id of this cluster.
    pub cluster: &'a str,
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
        Some((MarkSeen::Complete(mark), _)) if mark.cluster == contested.cluster => Some(mark),
        _ => None,
    };
    if let Some(mark) = mark.filter(|mark| !mark.released)
        && let Some(owner) = all().find(|object| object.object == mark.object)
    {
        return Some(&owner.object);
    }
    let me_now = Sibling { stalled: None, ..me.clone() };
    all()
        .filter(|object| if object.uid == me.uid { me_now.takes_part() } else { object.takes_part() })
        .filter(|object| !refused_by_its_own_policy(object, contested))
        .max_by_key(|object| {
            (
                mark.is_some_and(|mark| mark.object == object.object),
                contested.identity.is_some_and(|(_, principal)| object.record.holds(principal)),
                Reverse(object.created),
                Reverse(object.uid.clone()),
            )
        })
        .map(|object| &object.object)
}

fn refused_by_its_own_policy(object: &Sibling, contested: Contested<'_>) -> bool {
    let Some((seen, principal)) = contested.identity else { return false };
    let its = Me { cluster: contested.cluster.to_owned(), object: object.object.clone() };
    match assess(&its, &object.record, seen, principal, contested.mark_owner) {
        Ownership::Ours(_) => false,
        Ownership::Vacant { family } => !may_take(object.adoption, family),
        Ownership::Anothers(_) => true,
    }
}

/// Whether a policy allows to take a vacant identity.
pub fn may_take(policy: AdoptionPolicy, family: bool) -> bool {
    match policy {
        AdoptionPolicy::Adopt => true,
        AdoptionPolicy::IfOwned => family,
        AdoptionPolicy::Never => false,
    }
}
