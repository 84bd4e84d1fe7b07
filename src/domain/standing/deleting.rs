//! An object that is being deleted and is not gone yet: what it waits for, and what was taken away already.
//!
//! Directory and identity are not judged any more and keep their last verdict, but what is known to be gone is told as
//! gone. Must never claim that something passes by itself for longer than anybody would believe it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    part::{Course, Part, Tri},
    pool_texts,
    pools::Line,
    summary::summarise,
    texts,
    told::Told,
};
use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::PoolState,
    },
    domain::{farewell::WaitsFor, registration::PoolRecord, schedule::Outcome},
};

/// What passes by itself is waited for this long before a person is called.
const PATIENCE: Duration = Duration::from_hours(1);

/// How the farewell of an object stands.
#[derive(Debug, Clone, Copy)]
pub struct Departure<'a> {
    /// What it waits for, as a sentence.
    pub problem: &'a str,
    /// For whose doing that is.
    pub waits_for_whom: WaitsFor,
    /// When the deletion was asked for.
    pub since: Timestamp,
    /// Whether the identity was seen not to be there.
    pub identity_is_gone: bool,
    /// Whether the entries of this object leave the pools.
    pub leaves_pools: bool,
}

impl Told<'_> {
    /// The conditions, the lines of the pools, and what comes next.
    pub(super) fn departing(
        &self,
        departure: Departure<'_>,
        mut lines: Vec<Line>,
    ) -> (Vec<Condition>, Vec<Line>, Outcome) {
        let stalled = match departure.waits_for_whom {
            WaitsFor::AnotherLook => false,
            WaitsFor::Others => self.has_waited(departure.since) >= PATIENCE,
            WaitsFor::APerson => true,
        };
        let (reason, course) = if stalled {
            (Reason::DeletionBlocked, Course::Stuck)
        } else {
            (Reason::Deleting, Course::Settling)
        };
        let waits = Part::new(Tri::Unknown, reason, departure.problem.into(), course);
        let (ready, abnormal, outcome) = summarise(&waits, &waits, &waits);

        let directory = self.as_last_told(types::DIRECTORY_MATCHED, &waits);
        let identity = match self.identity.filter(|_| departure.identity_is_gone) {
            Some(id) => {
                let gone = Part::stuck(Reason::IdentityNotFound, texts::gone(id));
                self.condition(types::IDENTITY_READY, &gone)
            }
            None => self.as_last_told(types::IDENTITY_READY, &waits),
        };
        let had_none = Reason::NoPools.as_str();
        let had_none = self.prior_condition(types::POOLS_REGISTERED).is_some_and(|it| it.reason == had_none);
        let pools = if departure.leaves_pools && !had_none {
            for line in &mut lines {
                if self.record.pools.get(&line.status.name).is_some_and(PoolRecord::may_hold) {
                    line.status.state = PoolState::Removing;
                    line.status.message = None;
                }
            }
            let left: Vec<&str> = lines
                .iter()
                .filter(|line| line.status.state == PoolState::Removing)
                .map(|line| line.status.name.as_str())
                .collect();
            let leaving = Part::new(Tri::False, Reason::Deleting, pool_texts::all_left(&left), course);
            self.condition(types::POOLS_REGISTERED, &leaving)
        } else {
            self.as_last_told(types::POOLS_REGISTERED, &waits)
        };
        let abnormal = abnormal.map(|(kind, part)| self.condition(kind, &part));
        let ready = self.condition(types::READY, &ready);
        let conditions = [ready, directory, identity, pools].into_iter().chain(abnormal).collect();
        (conditions, lines, outcome)
    }

    /// What a condition last said, of whatever generation that was; else what the object waits for.
    fn as_last_told(&self, kind: &'static str, waits: &Part) -> Condition {
        self.prior_condition(kind).cloned().unwrap_or_else(|| self.condition(kind, waits))
    }

    /// For how long the object has been waiting for what passes by itself: since that was first told, after the deletion.
    fn has_waited(&self, deleted: Timestamp) -> Duration {
        let told_before =
            self.prior_condition(types::READY).is_some_and(|ready| ready.reason == Reason::Deleting.as_str());
        let since = match self.prior_condition(types::RECONCILING) {
            Some(reconciling) if told_before => reconciling.last_transition_time.0.max(deleted),
            // A person was called already, and is not sent away again.
            _ if self.is_blocked() => return PATIENCE,
            _ => self.now,
        };
        Duration::try_from(self.now.duration_since(since)).unwrap_or_default()
    }

    fn is_blocked(&self) -> bool {
        let blocked = Reason::DeletionBlocked.as_str();
        self.prior_condition(types::STALLED).is_some_and(|stalled| stalled.reason == blocked)
    }
}
