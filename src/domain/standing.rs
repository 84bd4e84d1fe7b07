//! What is told: plan and facts become conditions, ids and the last error. The rules of kstatus live here, once.
//!
//! - `Ready`, `DirectoryMatched` and `IdentityReady` always stand; `Reconciling` and `Stalled` only while true, never
//!   both.
//! - A transition time moves only with the status. While the world stands still, the result equals what it was.
//! - Throttling and outages keep the last verdict for one interval; after that nothing is claimed any more.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::{
            AdoptionPolicy, DirectoryStatus, IdentityStatus, LastError, ManagedDevOpsIdentityStatus,
            PendingChange,
        },
    },
    domain::{
        desired::Desired,
        directory::{self, Directory},
        failure::{Cause, Class, Failure},
        names::IdentityId,
        observed::{Fact, Observed, OrganizationDirectory},
        ownership::Owner,
        plan::Verdict,
        record::Record,
        schedule::Outcome,
    },
};

/// How long a missing right or a missing thing may be on its way before a person is called.
const GRACE: Duration = Duration::from_mins(10);
/// How long Azure may take to make something known everywhere.
const REPLICATION_GRACE: Duration = Duration::from_hours(1);
/// Limits of the schema, in characters.
const MESSAGE_LIMIT: usize = 2048;

/// What a pass came to.
#[derive(Debug, Clone, Copy)]
pub enum Finding<'a> {
    /// It has only begun, or is between two steps: what is being done, as a phrase.
    UnderWay(&'a str),
    /// The spec cannot be used: why.
    Invalid(&'a str),
    /// The object is suspended and was never looked at.
    NeverLookedAt,
    /// It was judged.
    Judged {
        /// What is wanted.
        desired: &'a Desired,
        /// What is true.
        observed: &'a Observed,
        /// What is told of the identity.
        verdict: &'a Verdict,
        /// Since when, in a row, throttling or an outage hides the truth from this process.
        in_the_dark_for: Option<Duration>,
    },
}

/// What a status is made from.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The status as it stands.
    pub prior: &'a ManagedDevOpsIdentityStatus,
    /// Generation of the spec.
    pub generation: i64,
    /// What is remembered.
    pub record: &'a Record,
    /// Id of the identity, if the spec names one.
    pub identity: Option<&'a IdentityId>,
    /// The request-now token that this pass answers.
    pub requested_at: Option<&'a str>,
    /// What the pass came to.
    pub finding: Finding<'a>,
    /// The time.
    pub now: Timestamp,
}

/// One part of the object: a condition, and how it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    status: Tri,
    reason: Reason,
    message: String,
    course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tri {
    True,
    False,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Done,
    Working,
    Settling,
    Retrying { class: Class, not_before: Option<Duration> },
    Stuck,
}

impl Told<'_> {
    /// The new status, and what it means for the schedule.
    pub fn compose(&self) -> (ManagedDevOpsIdentityStatus, Outcome) {
        let (directory, identity) = (self.directory_part(), self.identity_part());
        let (ready, abnormal, outcome) = summarise(&directory, &identity);
        let outcome = self.outage().unwrap_or(outcome);
        let mut conditions = vec![
            self.condition(types::READY, &ready),
            self.condition(types::DIRECTORY_MATCHED, &directory),
            self.condition(types::IDENTITY_READY, &identity),
        ];
        if let Some((kind, part)) = abnormal {
            conditions.push(self.condition(kind, &part));
        }
        let status = ManagedDevOpsIdentityStatus {
            observed_generation: Some(self.generation),
            conditions,
            organization: self.organization_status(),
            subscription: self.subscription_status(),
            identity: self.identity_status(),
            applied: self.record.applied.clone(),
            pending_changes: self.pending_changes(),
            last_error: self.last_error(),
            last_handled_reconcile_at: self
                .requested_at
                .map(|token| bounded(token, 256))
                .or_else(|| self.prior.last_handled_reconcile_at.clone()),
        };
        (status, outcome)
    }

    fn directory_part(&self) -> Part {
        match self.finding {
            Finding::Judged { desired, observed, .. } => match directory::judge(desired, observed) {
                Directory::Matched(tenant) => Part::done(
                    Reason::SameDirectory,
                    format!("organization {} and subscription {} are in directory {tenant}", desired.organization, desired.identity.subscription()),
                ),
                Directory::Mismatched(mismatch) => Part::stuck(mismatch.reason(), mismatch.told(desired)),
                Directory::OrganizationNotFound => self.after_grace(
                    types::DIRECTORY_MATCHED,
                    Tri::Unknown,
                    Reason::OrganizationNotFound,
                    format!(
                        "no Azure DevOps organization {} was found: check spec.organization against https://dev.azure.com/{0}, and create a new object if it is misspelled",
                        desired.organization
                    ),
                    Class::Missing,
                    None,
                ),
                Directory::Unknown(failure) => {
                    self.failed(types::DIRECTORY_MATCHED, directory::doubt_reason(&failure), &failure)
                }
            },
            Finding::UnderWay(_) | Finding::Invalid(_) | Finding::NeverLookedAt => self.unjudged(types::DIRECTORY_MATCHED),
        }
    }

    fn identity_part(&self) -> Part {
        let Finding::Judged { desired, observed, verdict, .. } = self.finding else {
            return self.unjudged(types::IDENTITY_READY);
        };
        let id = &desired.identity;
        match verdict {
            Verdict::UpToDate => Part::done(Reason::UpToDate, format!("identity {id} is as wanted")),
            Verdict::Pending { reason, changes } => {
                Part::stuck(*reason, pending_message(*reason, id, changes))
            }
            Verdict::AwaitsDirectory => Part {
                status: Tri::False,
                reason: Reason::DirectoryNotMatched,
                message: match observed.identity {
                    Fact::Absent => {
                        format!("identity {id} is not created before the directory is known to match")
                    }
                    Fact::Known(_) | Fact::Unknown(_) => {
                        format!("identity {id} is not changed before the directory is known to match")
                    }
                },
                course: Course::Working,
            },
            Verdict::Settling => Part {
                status: Tri::Unknown,
                reason: Reason::Settling,
                message: format!(
                    "Azure does not show identity {id} at the moment: it is asked again before anything is concluded"
                ),
                course: Course::Settling,
            },
            Verdict::SubscriptionDisabled => Part::stuck(
                Reason::SubscriptionDisabled,
                format!(
                    "subscription {} is disabled or deleted and takes no changes: enable it again",
                    id.subscription()
                ),
            ),
            Verdict::AdoptionRefused { found, policy } => {
                Part::stuck(Reason::AdoptionRefused, self.refusal(id, found.as_str(), *policy))
            }
            Verdict::OwnershipConflict(owner) => {
                Part::stuck(Reason::OwnershipConflict, conflict_message(id, owner))
            }
            Verdict::LocationConflict(found) => Part::stuck(
                Reason::LocationConflict,
                format!(
                    "identity {id} exists in {found}, spec.identity.location says {}: Azure moves no identity, so name {found} in a new object, or choose another name",
                    desired.location
                ),
            ),
            Verdict::TooManyTags(count) => Part::stuck(
                Reason::TooManyTags,
                format!(
                    "identity {id} would bear {count} tags, Azure allows 50: take tags out of spec.identity.tags or off the identity"
                ),
            ),
            Verdict::Failed(failure) => self.failed(types::IDENTITY_READY, failure.cause.reason(), failure),
        }
    }

    fn refusal(&self, id: &IdentityId, found: &str, policy: AdoptionPolicy) -> String {
        let what = match &self.record.holding {
            Some(held) if held.principal.as_str() != found => format!(
                "identity {id} was re-created by somebody: it is principal {found} now, this object held {}",
                held.principal
            ),
            Some(_) | None => format!("identity {id} exists already and does not bear this object's mark"),
        };
        let remedy = match policy {
            AdoptionPolicy::IfOwned | AdoptionPolicy::Adopt => {
                "set spec.adoptionPolicy: Adopt to take it, or choose another name in a new object"
            }
            AdoptionPolicy::Never => {
                "spec.adoptionPolicy: Never takes nothing, so set Adopt to take it, or choose another name in a new object"
            }
        };
        format!("{what}; {remedy}")
    }

    /// A part whose read or write failed.
    fn failed(&self, kind: &'static str, reason: Reason, failure: &Failure) -> Part {
        let class = failure.class();
        let message = failure.told();
        let status = match kind {
            types::DIRECTORY_MATCHED => Tri::Unknown,
            _ => self.identity_status_after(&failure.cause),
        };
        match class {
            Class::Denied | Class::Missing | Class::Settling => {
                self.after_grace(kind, status, reason, message, class, failure.retry_after)
            }
            Class::Refused => Part { status, reason, message, course: Course::Stuck },
            Class::Throttled | Class::Unavailable => self.kept(kind, failure).unwrap_or(Part {
                status: Tri::Unknown,
                reason: failure.cause.reason(),
                message,
                course: Course::Retrying { class, not_before: failure.retry_after },
            }),
            Class::Conflict | Class::Unexpected => Part {
                status,
                reason,
                message,
                course: Course::Retrying { class, not_before: failure.retry_after },
            },
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

    /// Throttling and outages are tried again soon, also while the last verdict is kept.
    fn outage(&self) -> Option<Outcome> {
        let Finding::Judged { observed, verdict, .. } = self.finding else { return None };
        let of_the_verdict = match verdict {
            Verdict::Failed(failure) => Some(failure),
            _ => None,
        };
        [
            observed.organization.failure(),
            observed.subscription.failure(),
            observed.identity.failure(),
            of_the_verdict,
        ]
        .into_iter()
        .flatten()
        .filter(|failure| hides_the_truth(failure))
        .max_by_key(|failure| failure.retry_after)
        .map(|failure| Outcome::Retrying { class: failure.class(), not_before: failure.retry_after })
    }

    /// Tried again during the grace, then a person is called. The grace runs from the transition of this very condition.
    fn after_grace(
        &self,
        kind: &'static str,
        status: Tri,
        reason: Reason,
        message: String,
        class: Class,
        not_before: Option<Duration>,
    ) -> Part {
        let grace = match class {
            Class::Settling => REPLICATION_GRACE,
            Class::Denied
            | Class::Missing
            | Class::Refused
            | Class::Throttled
            | Class::Unavailable
            | Class::Conflict
            | Class::Unexpected => GRACE,
        };
        let since = self
            .prior_condition(kind)
            .filter(|condition| condition.status == status.as_str())
            .map_or(self.now, |condition| condition.last_transition_time.0);
        let lasted = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        let course = if lasted >= grace { Course::Stuck } else { Course::Retrying { class, not_before } };
        Part { status, reason, message, course }
    }

    /// The last verdict, while throttling or an outage has not yet hidden the truth for an interval.
    fn kept(&self, kind: &'static str, failure: &Failure) -> Option<Part> {
        let Finding::Judged { desired, in_the_dark_for, .. } = self.finding else { return None };
        if self.prior.observed_generation != Some(self.generation)
            || in_the_dark_for.unwrap_or_default() >= desired.interval
        {
            return None;
        }
        let prior = self.prior_condition(kind)?;
        let reason = Reason::ALL.iter().copied().find(|reason| reason.as_str() == prior.reason)?;
        let stalled = self.prior_condition(types::STALLED).is_some();
        let status = Tri::of(&prior.status)?;
        let course = match status {
            Tri::True => Course::Done,
            Tri::False | Tri::Unknown if stalled => Course::Stuck,
            Tri::False | Tri::Unknown => {
                Course::Retrying { class: failure.class(), not_before: failure.retry_after }
            }
        };
        // "In progress" is not a verdict.
        let judged = !matches!(
            reason,
            Reason::Progressing | Reason::Suspended | Reason::Throttled | Reason::AzureUnavailable
        );
        judged.then(|| Part { status, reason, message: prior.message.clone(), course })
    }

    /// A part that this pass has not judged: what stood before, if it still speaks of this generation.
    fn unjudged(&self, kind: &'static str) -> Part {
        match self.finding {
            Finding::UnderWay(doing) => {
                let stands = self
                    .prior_condition(kind)
                    .filter(|c| c.observed_generation == Some(self.generation) && c.status == "True")
                    .and_then(|c| {
                        Some((
                            Reason::ALL.iter().copied().find(|r| r.as_str() == c.reason)?,
                            c.message.clone(),
                        ))
                    });
                match stands {
                    Some((reason, message)) if kind == types::DIRECTORY_MATCHED => {
                        Part::done(reason, message)
                    }
                    _ => Part {
                        status: Tri::Unknown,
                        reason: Reason::Progressing,
                        message: doing.to_owned(),
                        course: Course::Working,
                    },
                }
            }
            Finding::Invalid(problem) => Part {
                status: Tri::Unknown,
                reason: Reason::InvalidSpec,
                message: problem.to_owned(),
                course: Course::Stuck,
            },
            Finding::NeverLookedAt | Finding::Judged { .. } => Part {
                status: Tri::Unknown,
                reason: Reason::Suspended,
                message: "not looked at: set spec.suspend: false".into(),
                course: Course::Done,
            },
        }
    }

    fn condition(&self, kind: &'static str, part: &Part) -> Condition {
        let Part { status, reason, message, course: _ } = part;
        let since = self
            .prior_condition(kind)
            .filter(|prior| prior.status == status.as_str())
            .map_or_else(|| Time(whole_seconds(self.now)), |prior| prior.last_transition_time.clone());
        Condition {
            type_: kind.into(),
            status: status.as_str().into(),
            reason: reason.as_str().into(),
            message: bounded(message, MESSAGE_LIMIT),
            observed_generation: Some(self.generation),
            last_transition_time: since,
        }
    }

    fn prior_condition(&self, kind: &str) -> Option<&Condition> {
        self.prior.conditions.iter().find(|condition| condition.type_ == kind)
    }

    fn organization_status(&self) -> Option<DirectoryStatus> {
        let Finding::Judged { observed, .. } = self.finding else { return self.prior.organization.clone() };
        match &observed.organization {
            Fact::Known(OrganizationDirectory::Connected(tenant)) => {
                Some(DirectoryStatus { tenant_id: Some(tenant.to_string()) })
            }
            Fact::Known(OrganizationDirectory::NotConnected) => Some(DirectoryStatus { tenant_id: None }),
            Fact::Absent => None,
            Fact::Unknown(_) => self.prior.organization.clone(),
        }
    }

    fn subscription_status(&self) -> Option<DirectoryStatus> {
        let Finding::Judged { observed, .. } = self.finding else { return self.prior.subscription.clone() };
        match &observed.subscription {
            Fact::Known(subscription) => {
                Some(DirectoryStatus { tenant_id: Some(subscription.tenant.to_string()) })
            }
            Fact::Absent => None,
            Fact::Unknown(_) => self.prior.subscription.clone(),
        }
    }

    /// The ids. What is held is shown with its origin; what is only seen, without one.
    fn identity_status(&self) -> Option<IdentityStatus> {
        let id = self.identity?;
        let named = IdentityStatus {
            resource_id: Some(id.to_string()),
            name: Some(id.name().to_owned()),
            ..IdentityStatus::default()
        };
        let seen = match self.finding {
            Finding::Judged { observed, .. } => observed.identity.known(),
            Finding::UnderWay(_) | Finding::Invalid(_) | Finding::NeverLookedAt => None,
        };
        let prior = self
            .prior
            .identity
            .as_ref()
            .filter(|prior| prior.resource_id.as_deref().is_some_and(|r| id.matches(r)));
        let held = self.record.holding.as_ref();
        if let Some(seen) = seen.filter(|seen| held.is_none_or(|held| held.principal == seen.principal)) {
            return Some(IdentityStatus {
                client_id: Some(seen.client.to_string()),
                principal_id: Some(seen.principal.to_string()),
                tenant_id: Some(seen.tenant.to_string()),
                location: Some(seen.location.to_string()),
                origin: held.map(|held| held.origin),
                ..named
            });
        }
        match held {
            // The record stands, whatever can be seen at the moment.
            Some(held) => {
                let shown =
                    prior.filter(|prior| prior.principal_id.as_deref() == Some(held.principal.as_str()));
                Some(IdentityStatus {
                    principal_id: Some(held.principal.to_string()),
                    origin: Some(held.origin),
                    client_id: shown.and_then(|p| p.client_id.clone()),
                    tenant_id: shown.and_then(|p| p.tenant_id.clone()),
                    location: shown.and_then(|p| p.location.clone()),
                    ..named
                })
            }
            // Shown ids stay while the identity cannot be read, and go with the identity.
            None => match self.finding {
                Finding::Judged { observed: Observed { identity: Fact::Unknown(_), .. }, .. } => {
                    Some(prior.filter(|prior| prior.origin.is_none()).cloned().unwrap_or(named))
                }
                _ => Some(named),
            },
        }
    }

    fn pending_changes(&self) -> Vec<PendingChange> {
        match self.finding {
            Finding::Judged { verdict: Verdict::Pending { changes, reason: _ }, .. } => changes
                .iter()
                .take(64)
                .map(|PendingChange { field, observed, wanted }| PendingChange {
                    field: bounded(field, 600),
                    observed: observed.as_deref().map(|text| bounded(text, 512)),
                    wanted: wanted.as_deref().map(|text| bounded(text, 512)),
                })
                .collect(),
            Finding::Judged { verdict: Verdict::Failed(failure), .. } if hides_the_truth(failure) => {
                self.prior.pending_changes.clone()
            }
            Finding::Judged { .. } | Finding::UnderWay(_) | Finding::Invalid(_) | Finding::NeverLookedAt => {
                vec![]
            }
        }
    }

    /// Word for word from its first occurrence, until code, target or generation changes; cleared by success.
    fn last_error(&self) -> Option<LastError> {
        let Finding::Judged { desired, observed, verdict, .. } = self.finding else {
            return match self.finding {
                Finding::UnderWay(_) => self.prior.last_error.clone(),
                Finding::Invalid(_) | Finding::NeverLookedAt | Finding::Judged { .. } => None,
            };
        };
        let of_the_directory = match directory::judge(desired, observed) {
            Directory::Unknown(failure) => Some((types::DIRECTORY_MATCHED, failure)),
            Directory::Matched(_) | Directory::Mismatched(_) | Directory::OrganizationNotFound => None,
        };
        let of_the_identity = match verdict {
            Verdict::Failed(failure) => Some((types::IDENTITY_READY, failure.clone())),
            _ => None,
        };
        let (kind, failure) = of_the_directory.or(of_the_identity)?;
        // An outage that keeps the last verdict keeps all of the status.
        if hides_the_truth(&failure) && self.kept(kind, &failure).is_some() {
            return self.prior.last_error.clone();
        }
        let (code, target) = (bounded(&failure.code, 128), bounded(&failure.target, 512));
        let first = self.prior.last_error.as_ref().filter(|prior| {
            prior.code == code
                && prior.target == target
                && self.prior.observed_generation == Some(self.generation)
        });
        Some(first.cloned().unwrap_or_else(|| LastError {
            code,
            message: bounded(&failure.message, MESSAGE_LIMIT),
            target,
            correlation_id: failure.correlation_id.as_deref().map(|id| bounded(id, 64)),
        }))
    }
}

/// Whether a failure says nothing about the world, only about the way to it.
pub fn hides_the_truth(failure: &Failure) -> bool {
    matches!(failure.cause, Cause::Throttled | Cause::Unavailable)
}

impl Part {
    fn done(reason: Reason, message: String) -> Self {
        Self { status: Tri::True, reason, message, course: Course::Done }
    }

    fn stuck(reason: Reason, message: String) -> Self {
        Self { status: Tri::False, reason, message, course: Course::Stuck }
    }
}

impl Tri {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    fn of(text: &str) -> Option<Self> {
        [Self::True, Self::False, Self::Unknown].into_iter().find(|tri| tri.as_str() == text)
    }
}

/// `Ready`, at most one abnormal-true condition, and the outcome: the part in the worst way speaks for the object.
fn summarise(directory: &Part, identity: &Part) -> (Part, Option<(&'static str, Part)>, Outcome) {
    let parts = [directory, identity];
    if let Some(stuck) = parts.iter().find(|part| part.course == Course::Stuck) {
        let ready = Part { status: Tri::False, ..(*stuck).clone() };
        let stalled = Part { status: Tri::True, ..(*stuck).clone() };
        return (ready, Some((types::STALLED, stalled)), Outcome::Stalled);
    }
    let Some(open) = parts
        .iter()
        .copied()
        .max_by_key(|part| urgency(part.course))
        .filter(|part| part.course != Course::Done)
    else {
        return match parts.iter().find(|part| part.status != Tri::True) {
            Some(suspended) => (Part { status: Tri::False, ..(*suspended).clone() }, None, Outcome::Settled),
            None => (Part::done(Reason::Succeeded, identity.message.clone()), None, Outcome::Settled),
        };
    };
    let status = if parts.iter().any(|part| part.status == Tri::False) { Tri::False } else { Tri::Unknown };
    let (reason, outcome) = match open.course {
        Course::Retrying { class, not_before } => {
            (Reason::ProgressingWithRetry, Outcome::Retrying { class, not_before })
        }
        Course::Settling => (Reason::Progressing, Outcome::Settling),
        Course::Working | Course::Done | Course::Stuck => (Reason::Progressing, Outcome::Settling),
    };
    let ready = Part { status, ..open.clone() };
    let reconciling = Part { status: Tri::True, reason, ..open.clone() };
    (ready, Some((types::RECONCILING, reconciling)), outcome)
}

fn urgency(course: Course) -> u8 {
    match course {
        Course::Done => 0,
        Course::Working => 1,
        Course::Settling => 2,
        Course::Retrying { .. } => 3,
        Course::Stuck => 4,
    }
}

fn pending_message(reason: Reason, id: &IdentityId, changes: &[PendingChange]) -> String {
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).take(5).collect();
    let more = changes.len().saturating_sub(fields.len());
    let list = if more == 0 { fields.join(", ") } else { format!("{} and {more} more", fields.join(", ")) };
    match reason {
        Reason::IdentityNotFound => format!(
            "identity {id} is gone and driftPolicy: Report does not re-create it: set driftPolicy: Correct (a new principal: its role assignments are lost), or delete this object"
        ),
        Reason::DriftDetected => format!(
            "identity {id} was changed by somebody ({list}), and driftPolicy: Report does not correct it: see status.pendingChanges, then change the spec or set driftPolicy: Correct"
        ),
        _ => format!(
            "identity {id} is not as wanted ({list}), and mode: Observe does not change it: see status.pendingChanges, then set mode: Manage"
        ),
    }
}

fn conflict_message(id: &IdentityId, owner: &Owner) -> String {
    match owner {
        Owner::Object { cluster, object } => format!(
            "identity {id} is held by object {object} of cluster {cluster}: name another identity in a new object, or delete {object} there (it lets go and leaves the identity whole); if that cluster is gone for ever, remove the mdi-operator- tags from the identity"
        ),
        Owner::Unclear(keys) => format!(
            "identity {id} bears a part of an owner's mark: if nobody holds it, remove its tags {}",
            keys.join(", ")
        ),
    }
}

fn bounded(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        text.to_owned()
    } else {
        text.chars().take(limit - 1).chain(['…']).collect()
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
