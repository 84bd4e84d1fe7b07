//! A status, composed.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{deleting::Departure, part::Part, pools::Line, summary::summarise};
use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::ManagedDevOpsIdentityStatus,
    },
    domain::{
        desired::{Desired, WantedPool},
        names::IdentityId,
        observed::Observed,
        plan::Verdict,
        record::Record,
        registration::PoolJudged,
        schedule::Outcome,
    },
};

/// Limit of a message, in characters.
pub(super) const MESSAGE_LIMIT: usize = 2048;

/// What a pass came to.
#[derive(Debug, Clone, Copy)]
pub enum Finding<'a> {
    /// It has only begun: what is being done, as a phrase.
    UnderWay(&'a str),
    /// It is between two steps, and the identity is not judged yet.
    Acting {
        /// What is being done, as a phrase.
        doing: &'a str,
        /// What is true.
        observed: &'a Observed,
    },
    /// Directory and identity are judged, and a pool is between two steps.
    Registering {
        /// What is being done, as a phrase.
        doing: &'a str,
        /// What is wanted.
        desired: &'a Desired,
        /// What is true.
        observed: &'a Observed,
        /// What is told of the identity.
        verdict: &'a Verdict,
    },
    /// The object is being deleted, and is not gone yet.
    Deleting(Departure<'a>),
    /// The spec is not acted on: why.
    Invalid(Refusal<'a>),
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
        /// What is told of each pool, those that are being left included.
        pools: &'a [PoolJudged],
        /// Since when, in a row, throttling or an outage hides the truth from this process.
        in_the_dark_for: Option<Duration>,
    },
}

impl<'a> Finding<'a> {
    /// What directory and identity are judged by, if they are.
    pub(super) fn judged(&self) -> Option<(&'a Desired, &'a Observed, &'a Verdict)> {
        match *self {
            Self::Judged { desired, observed, verdict, .. }
            | Self::Registering { desired, observed, verdict, .. } => Some((desired, observed, verdict)),
            Self::UnderWay(_)
            | Self::Acting { .. }
            | Self::Deleting(_)
            | Self::Invalid(_)
            | Self::NeverLookedAt => None,
        }
    }

    /// What is true, if that was read.
    pub(super) fn observed(&self) -> Option<&'a Observed> {
        match *self {
            Self::Acting { observed, .. } => Some(observed),
            Self::UnderWay(_)
            | Self::Registering { .. }
            | Self::Deleting(_)
            | Self::Invalid(_)
            | Self::NeverLookedAt
            | Self::Judged { .. } => self.judged().map(|(_, observed, _)| observed),
        }
    }
}

/// Why a spec is not acted on: nothing was read for it, and what is remembered stays.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    pub(super) reason: Reason,
    pub(super) problem: &'a str,
}

impl<'a> Refusal<'a> {
    /// It cannot be used.
    pub fn unusable(problem: &'a str) -> Self {
        Self { reason: Reason::InvalidSpec, problem }
    }

    /// It asks for what its namespace may not have.
    pub fn beyond_the_fences(problem: &'a str) -> Self {
        Self { reason: Reason::ScopeNotAllowed, problem }
    }
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
    /// The pools of the spec, if it can be read.
    pub wanted: Option<&'a [WantedPool]>,
    /// The request-now token that this pass answers.
    pub requested_at: Option<&'a str>,
    /// What the pass came to.
    pub finding: Finding<'a>,
    /// The time.
    pub now: Timestamp,
}

impl Told<'_> {
    /// The new status, and what it means for the schedule.
    pub fn compose(&self) -> (ManagedDevOpsIdentityStatus, Outcome) {
        if let Finding::Deleting(departure) = self.finding {
            return self.compose_departure(departure);
        }
        let (directory, identity) = (self.directory_part(), self.identity_part());
        let (pools, lines) = self.pools_part();
        let (ready, abnormal, outcome) = summarise(&directory, &identity, &pools);
        let outcome = self.outage().unwrap_or(outcome);
        let mut conditions = vec![
            self.condition(types::READY, &ready),
            self.condition(types::DIRECTORY_MATCHED, &directory),
            self.condition(types::IDENTITY_READY, &identity),
            self.condition(types::POOLS_REGISTERED, &pools),
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
            pool_summary: self.pool_summary(&lines),
            pending_changes: self.pending_changes(&identity.trouble, &lines),
            last_error: self.last_error([&directory, &identity, &pools]),
            pools: lines.into_iter().map(|line| line.status).collect(),
            applied: self.applied(),
            last_handled_reconcile_at: self
                .requested_at
                .map(|token| bounded(token, 256))
                .or_else(|| self.prior.last_handled_reconcile_at.clone()),
        };
        (status, outcome)
    }

    fn compose_departure(&self, departure: Departure<'_>) -> (ManagedDevOpsIdentityStatus, Outcome) {
        let (conditions, lines, outcome) = self.departing(departure, self.pools_part().1);
        let status = ManagedDevOpsIdentityStatus {
            observed_generation: Some(self.generation),
            conditions,
            pool_summary: self.pool_summary(&lines),
            pending_changes: vec![],
            ..self.with_record(lines)
        };
        (status, outcome)
    }

    /// The status as it stands, but for what is remembered: for a record that must be stored whatever the object says by now.
    /// Nothing is claimed of a generation that was not looked at.
    pub fn record_alone(&self) -> ManagedDevOpsIdentityStatus {
        self.with_record(self.pools_part().1)
    }

    fn with_record(&self, lines: Vec<Line>) -> ManagedDevOpsIdentityStatus {
        ManagedDevOpsIdentityStatus {
            identity: self.identity_status(),
            pools: lines.into_iter().map(|line| line.status).collect(),
            applied: self.record.applied.clone(),
            ..self.prior.clone()
        }
    }

    pub(super) fn condition(&self, kind: &'static str, part: &Part) -> Condition {
        let Part { status, reason, message, course: _, trouble: _ } = part;
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

    pub(super) fn prior_condition(&self, kind: &str) -> Option<&Condition> {
        self.prior.conditions.iter().find(|condition| condition.type_ == kind)
    }
}

/// Why an object is stalled for the sake of its directory or its identity, if it is. Pools take no part in the question
/// whose the identity is.
pub fn stalled_for_the_identity(status: &ManagedDevOpsIdentityStatus) -> Option<Reason> {
    let said_by = |kind: &str| status.conditions.iter().find(|condition| condition.type_ == kind);
    let stalled = said_by(types::STALLED).filter(|stalled| stalled.status == "True")?;
    [types::DIRECTORY_MATCHED, types::IDENTITY_READY]
        .into_iter()
        .filter_map(said_by)
        .any(|part| (&part.reason, &part.message) == (&stalled.reason, &stalled.message))
        .then(|| told_reason(stalled))?
}

/// The reason of a condition, if it is one of ours.
pub(super) fn told_reason(condition: &Condition) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == condition.reason)
}

pub(super) fn bounded(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        text.to_owned()
    } else {
        text.chars().take(limit - 1).chain(['…']).collect()
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
