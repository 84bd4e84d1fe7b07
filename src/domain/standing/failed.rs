//! A part whose read or write failed: how long it is borne, and what is claimed meanwhile.

use std::time::Duration;

use super::{
    part::{Course, Part, Tri},
    told::{Finding, Told, told_reason},
};
use crate::{
    api::conditions::{Reason, types},
    domain::{
        failure::{Cause, Class, Failure},
        observed::{Fact, Observed},
        schedule::Outcome,
    },
};

/// How long a missing right or a missing thing may be on its way before a person is called.
const GRACE: Duration = Duration::from_mins(10);
/// How long Azure may take to make something known everywhere.
const REPLICATION_GRACE: Duration = Duration::from_hours(1);

/// Whether a failure says nothing about the world, only about the way to it.
pub fn hides_the_truth(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Throttled | Cause::Unavailable)
}

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
        let class = failure.class();
        let part = Part {
            status: match kind {
                types::DIRECTORY_MATCHED => Tri::Unknown,
                _ => self.identity_status_after(&failure.cause),
            },
            reason,
            message: self.first_words(kind, reason, failure),
            course: Course::Retrying { class, not_before: failure.retry_after },
        };
        match class {
            Class::Denied | Class::Missing | Class::Settling => self.after_grace(kind, part),
            Class::Refused => Part { course: Course::Stuck, ..part },
            Class::Throttled | Class::Unavailable | Class::Conflict | Class::Unexpected => part,
        }
    }

    /// A look that failed says nothing about the identity; a change that was refused does, and so does a missing group.
    fn identity_status_after(&self, cause: &Cause) -> Tri {
        let looked = matches!(
            self.finding,
            Finding::Judged { observed: Observed { identity: Fact::Unknown(_), .. }, .. }
        );
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
    fn first_words(&self, kind: &str, reason: Reason, failure: &Failure) -> String {
        let (code, next_step) = (format!("{}: ", failure.code), failure.next_step());
        self.prior_condition(kind)
            .filter(|prior| {
                prior.observed_generation == Some(self.generation)
                    && prior.reason == reason.as_str()
                    && prior.message.starts_with(&code)
                    && prior.message.ends_with(&next_step)
            })
            .map_or_else(|| failure.told(), |prior| prior.message.clone())
    }

    /// Tried again during the grace, then a person is called. The grace runs from the transition of this very condition.
    pub(super) fn after_grace(&self, kind: &str, part: Part) -> Part {
        let grace = match part.course {
            Course::Retrying { class: Class::Settling, .. } => REPLICATION_GRACE,
            Course::Retrying { .. } | Course::Done | Course::Working | Course::Settling | Course::Stuck => {
                GRACE
            }
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
        let Finding::Judged { desired, in_the_dark_for, .. } = self.finding else { return None };
        if !hides_the_truth(failure)
            || self.prior.observed_generation != Some(self.generation)
            || in_the_dark_for.unwrap_or_default() >= desired.interval
        {
            return None;
        }
        let prior = self.prior_condition(kind)?;
        let (status, reason) = (Tri::of(&prior.status)?, told_reason(prior)?);
        let part = |course| Part { status, reason, message: prior.message.clone(), course };
        let retrying = Course::Retrying { class: failure.class(), not_before: failure.retry_after };
        match Lasting::of(reason) {
            Lasting::AsWanted => Some(part(Course::Done)),
            Lasting::UntilMended => Some(part(Course::Stuck)),
            Lasting::ForTheGrace => Some(self.after_grace(kind, part(retrying))),
            Lasting::Not => None,
        }
    }

    /// Whether a failure leaves what was last told of a part as it is.
    pub(super) fn keeps_the_verdict(&self, kind: &str, failure: &Failure) -> bool {
        self.kept(kind, failure).is_some()
    }

    /// Throttling and outages are tried again soon, also while the last verdict is kept.
    pub(super) fn outage(&self) -> Option<Outcome> {
        let Finding::Judged { observed, verdict, .. } = self.finding else { return None };
        [
            observed.organization.failure(),
            observed.subscription.failure(),
            observed.identity.failure(),
            verdict.failure(),
        ]
        .into_iter()
        .flatten()
        .filter(|failure| hides_the_truth(failure))
        .max_by_key(|failure| failure.retry_after)
        .map(|failure| Outcome::Retrying { class: failure.class(), not_before: failure.retry_after })
    }
}
