//! A part whose read or write failed: how long it is borne, and what is claimed meanwhile.

use std::time::Duration;

use super::{
    part::{Course, Part, Tri, Trouble},
    told::{Finding, Told, told_reason},
};
use crate::{
    api::conditions::{Reason, types},
    domain::{
        failure::{Cause, Class, Failure},
        observed::Fact,
        registration::PoolJudged,
        schedule::Outcome,
    },
};

/// How long a missing right or a missing thing may be on its way before a person is called.
const GRACE: Duration = Duration::from_mins(10);
/// How long Azure may take to make something known everywhere.
const REPLICATION_GRACE: Duration = Duration::from_hours(1);

/// What a reason that was told says about the time after it.
enum Lasting {
    AsWanted,
    UntilMended,
    ForTheGrace,
    /// "In progress" and "not known" are no verdicts.
    Not,
}

impl Lasting {
    fn of(reason: Reason) -> Self {
        use Reason as R;
        match reason {
            R::Succeeded | R::SameDirectory | R::UpToDate | R::AllRegistered | R::NoPools => Self::AsWanted,
            R::DirectoryMismatch
            | R::OrganizationNotConnected
            | R::SubscriptionDisabled
            | R::SubscriptionMoved
            | R::IdentityNotFound
            | R::AdoptionRefused
            | R::OwnershipConflict
            | R::DriftDetected
            | R::ChangesPending
            | R::LocationConflict
            | R::ProviderNotRegistered
            | R::PolicyDenied
            | R::ScopeLocked
            | R::PoolNotAzureDevOps
            | R::OrganizationNotInPool
            | R::PoolInOtherDirectory
            | R::RegistrationContested
            | R::DeletionBlocked
            | R::TooManyTags
            | R::RequestRefused => Self::UntilMended,
            R::OrganizationNotFound
            | R::SubscriptionNotFound
            | R::SubscriptionNotReadable
            | R::SignedInElsewhere
            | R::SignInFailed
            | R::ResourceGroupNotFound
            | R::AuthorizationFailed
            | R::PoolNotFound
            | R::AssignPermissionMissing
            | R::OrganizationAccessMissing
            | R::IdentityOperationFailed => Self::ForTheGrace,
            R::Progressing
            | R::ProgressingWithRetry
            | R::Suspended
            | R::InvalidSpec
            | R::ScopeNotAllowed
            | R::CheckFailed
            | R::Settling
            | R::Throttled
            | R::AzureUnavailable
            | R::UnexpectedError
            | R::DirectoryNotMatched
            | R::IdentityNotReady
            | R::PoolBusy
            | R::Deleting => Self::Not,
        }
    }
}

impl Told<'_> {
    pub(super) fn failed(&self, kind: &'static str, reason: Reason, failure: &Failure) -> Part {
        if let Some(kept) = self.kept(kind, failure) {
            return kept;
        }
        let status = match kind {
            types::DIRECTORY_MATCHED => Tri::Unknown,
            _ => self.identity_status_after(&failure.cause),
        };
        let message = self
            .prior_condition(kind)
            .filter(|prior| prior.reason == reason.as_str())
            .and_then(|prior| self.first_words("", &prior.message, failure))
            .unwrap_or_else(|| failure.told());
        self.borne(kind, Part::failed(status, reason, message, failure))
    }

    /// How long a failure is borne before a person is called depends on its class.
    pub(super) fn borne(&self, kind: &str, part: Part) -> Part {
        let Course::Retrying { class, not_before: _ } = part.course else { return part };
        match class {
            Class::Denied | Class::Missing | Class::Settling => self.after_grace(kind, part),
            Class::Refused => Part { course: Course::Stuck, ..part },
            Class::Throttled | Class::Unavailable | Class::Conflict | Class::Unexpected => part,
        }
    }

    /// A look that failed says nothing about the identity; a change that was refused does, and so does a missing group.
    fn identity_status_after(&self, cause: &Cause) -> Tri {
        let looked = self
            .finding
            .judged()
            .is_some_and(|(_, observed, _)| matches!(observed.identity, Fact::Unknown(_)));
        match (cause, cause.class()) {
            (Cause::ResourceGroupNotFound, _) => Tri::False,
            (_, Class::Denied | Class::Missing | Class::Refused) if !looked => Tri::False,
            (
                _,
                Class::Denied
                | Class::Missing
                | Class::Refused
                | Class::Settling
                | Class::Throttled
                | Class::Unavailable
                | Class::Conflict
                | Class::Unexpected,
            ) => Tri::Unknown,
        }
    }

    /// The words of the first occurrence, while the same failure goes on: Azure puts new ids and times into each answer.
    pub(super) fn first_words(&self, about: &str, prior: &str, failure: &Failure) -> Option<String> {
        let begun = format!("{about}{}: ", failure.code);
        let same = self.prior.observed_generation == Some(self.generation)
            && prior.starts_with(&begun)
            && prior.ends_with(&failure.next_step());
        same.then(|| prior.to_owned())
    }

    /// Tried again during the grace, then a person is called. The grace runs from the transition of this very condition.
    pub(super) fn after_grace(&self, kind: &str, part: Part) -> Part {
        let grace = match part.course {
            Course::Retrying { class: Class::Settling, .. } => REPLICATION_GRACE,
            Course::Retrying { .. }
            | Course::Done
            | Course::Working
            | Course::Waiting(_)
            | Course::Settling
            | Course::Stuck => GRACE,
        };
        let since = self
            .prior_condition(kind)
            .filter(|condition| condition.status == part.status.as_str())
            .map_or(self.now, |condition| condition.last_transition_time.0);
        let lasted = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        if lasted >= grace { Part { course: Course::Stuck, ..part } } else { part }
    }

    /// The last verdict, while throttling or an outage has not yet hidden the truth for an interval.
    fn kept(&self, kind: &str, failure: &Failure) -> Option<Part> {
        if !self.keeps_verdicts(failure) {
            return None;
        }
        self.last_verdict(kind, failure).map(|part| self.borne(kind, part))
    }

    /// Whether a failure leaves what was last told as it is, where that was a verdict.
    pub(super) fn keeps_verdicts(&self, failure: &Failure) -> bool {
        let not_for_too_long = match self.finding {
            Finding::Judged { desired, in_the_dark_for, .. } => {
                in_the_dark_for.unwrap_or_default() < desired.interval
            }
            Finding::Registering { .. } => true,
            Finding::UnderWay(_)
            | Finding::Acting { .. }
            | Finding::Deleting(_)
            | Finding::Invalid(_)
            | Finding::NeverLookedAt => false,
        };
        not_for_too_long
            && failure.hides_the_truth()
            && self.prior.observed_generation == Some(self.generation)
    }

    /// What a condition last said, if it was a verdict. One that was borne for its grace still is.
    pub(super) fn last_verdict(&self, kind: &str, failure: &Failure) -> Option<Part> {
        let prior = self.prior_condition(kind)?;
        let (status, reason) = (Tri::of(&prior.status)?, told_reason(prior)?);
        let course = match Lasting::of(reason) {
            Lasting::AsWanted => Course::Done,
            Lasting::UntilMended => Course::Stuck,
            Lasting::ForTheGrace => {
                Course::Retrying { class: Class::Missing, not_before: failure.retry_after }
            }
            Lasting::Not => return None,
        };
        Some(Part { trouble: Trouble::Kept, ..Part::new(status, reason, prior.message.clone(), course) })
    }

    /// Throttling and outages are tried again soon, also while the last verdict is kept.
    pub(super) fn outage(&self) -> Option<Outcome> {
        let Finding::Judged { observed, verdict, pools, .. } = self.finding else { return None };
        let of_the_object = [
            observed.organization.failure(),
            observed.subscription.failure(),
            observed.identity.failure(),
            verdict.failure(),
        ];
        of_the_object
            .into_iter()
            .flatten()
            .chain(pools.iter().filter_map(PoolJudged::failure))
            .filter(|failure| failure.hides_the_truth())
            .max_by_key(|failure| failure.retry_after)
            .map(|failure| Outcome::Retrying { class: failure.class(), not_before: failure.retry_after })
    }
}
