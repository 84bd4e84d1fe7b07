//! Each pool, judged: its line in the status, and the worst of all as the condition `PoolsRegistered`.
//!
//! One pool in trouble does not hide how the others are: every line has a state and a message of its own. What is
//! remembered of a pool stands in its line, so a line is never lost while there is something to remember.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    part::{Course, Part, Tri, Trouble},
    pool_texts as texts,
    told::{Finding, MESSAGE_LIMIT, Told, bounded},
};
use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::{PendingChange, PoolOrigin, PoolState, PoolStatus},
    },
    domain::{
        desired::{Desired, WantedPool},
        failure::{Class, Failure},
        names::{PoolId, PrincipalId},
        observed::Observed,
        registration::{Entered, Judgement, PoolJudged, PoolRecord, PoolVerdict},
    },
};

/// What the fields of pending changes of pools begin with.
pub(super) const OF_POOLS: &str = "pools.";

/// Of more pools that are being left than this, each has no words of its own: a status has no room for them.
const LEFT_WITH_WORDS: usize = 20;

/// One pool: its line, and what it means for the object.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) status: PoolStatus,
    pub(super) part: Part,
    pub(super) pending: Pending,
}

/// What would be changed in a pool.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pending {
    Nothing,
    Change(PendingChange),
    /// Not known in this pass, and the last verdict is kept.
    AsBefore,
}

/// The field of a pending change.
pub(super) fn pending_field(pool: &str) -> String {
    format!("{OF_POOLS}{pool}")
}

/// What a pass knows of one pool.
struct Known<'a> {
    name: &'a str,
    id: PoolId,
    record: Option<&'a PoolRecord>,
    /// Its line as it stands, if that is about the same pool.
    prior: Option<&'a PoolStatus>,
    is_wanted: bool,
}

impl Told<'_> {
    pub(super) fn pools_part(&self) -> (Part, Vec<Line>) {
        let Finding::Judged { desired, observed, pools, .. } = self.finding else {
            let part = self.unjudged(types::POOLS_REGISTERED);
            let lines = match self.finding {
                Finding::Invalid(_) => {
                    self.prior.pools.iter().cloned().map(|line| as_it_stands(line, &part)).collect()
                }
                Finding::UnderWay(_)
                | Finding::Acting { .. }
                | Finding::Registering { .. }
                | Finding::Deleting(_)
                | Finding::NeverLookedAt
                | Finding::Judged { .. } => {
                    self.known(&[]).iter().map(|known| as_it_stands(known.line(), &part)).collect()
                }
            };
            return (part, lines);
        };
        let mut lines: Vec<Line> = self
            .known(&desired.pools)
            .iter()
            .map(|known| match pools.iter().find(|judged| judged.name == known.name) {
                Some(judged) => self.judged_line(known, judged, desired, observed),
                None => unjudged_line(known),
            })
            .collect();
        without_words_of_many(&mut lines, pools);
        let status = together(&lines);
        // The grace runs from the transition of the condition, which is that of all pools together.
        for line in &mut lines {
            line.part = self.borne(types::POOLS_REGISTERED, Part { status, ..line.part.clone() });
        }
        (worst(status, &lines), lines)
    }

    /// Registered and wanted pools, always of the spec that the status speaks of: whoever waits for `2/2` must not take the
    /// pools of the spec before for those of the new one.
    pub(super) fn pool_summary(&self, lines: &[Line]) -> Option<String> {
        let Some(wanted) = self.wanted else {
            let is_of_this_spec = self.prior.observed_generation == Some(self.generation);
            return self.prior.pool_summary.clone().filter(|_| is_of_this_spec);
        };
        let is_registered = |pool: &&WantedPool| {
            let is_it = |line: &PoolStatus| line.name == pool.name && pool.id.matches(&line.id);
            lines.iter().any(|line| line.status.state == PoolState::Registered && is_it(&line.status))
        };
        Some(format!("{}/{}", wanted.iter().filter(is_registered).count(), wanted.len()))
    }

    /// Every pool that is wanted or remembered, in the order of the names. Between two steps also those that are only
    /// shown; a line that was remembered and is not any more is gone.
    fn known<'a>(&'a self, wanted: &'a [WantedPool]) -> Vec<Known<'a>> {
        let shown = self.prior.pools.iter().filter(|line| {
            let is_blank = PoolRecord::of(line).is_none_or(|record| record.is_blank());
            is_blank && !matches!(self.finding, Finding::Judged { .. })
        });
        let names: BTreeSet<&str> = wanted
            .iter()
            .map(|pool| pool.name.as_str())
            .chain(self.record.pools.keys().map(String::as_str))
            .chain(shown.map(|line| line.name.as_str()))
            .collect();
        names
            .into_iter()
            .filter_map(|name| {
                let record = self.record.pools.get(name);
                let wish = wanted.iter().find(|pool| pool.name == name);
                let prior = self.prior.pools.iter().find(|line| line.name == name);
                let id = record
                    .map(|record| record.id.clone())
                    .or_else(|| wish.map(|pool| pool.id.clone()))
                    .or_else(|| PoolId::parse(&prior?.id))?;
                Some(Known {
                    name,
                    record,
                    prior: prior.filter(|prior| id.matches(&prior.id)),
                    is_wanted: wish.is_some_and(|pool| pool.id == id),
                    id,
                })
            })
            .collect()
    }

    fn judged_line(
        &self,
        known: &Known<'_>,
        judged: &PoolJudged,
        desired: &Desired,
        observed: &Observed,
    ) -> Line {
        let principal = observed.identity.known().map(|identity| &identity.principal);
        let mut line = Line {
            status: PoolStatus {
                provisioning_state: judged.provisioning_state.as_deref().map(|state| bounded(state, 32)),
                message: None,
                ..known.line()
            },
            part: registered(known.name),
            pending: Pending::Nothing,
        };
        if line.status.origin.is_none() {
            let shown = judged.entry.as_ref().and_then(|entry| entry.principal.as_ref());
            line.status.principal_id = shown.map(ToString::to_string);
        }
        line.status.state = seen_state(judged, principal);
        if let Some(failure) = judged.failure() {
            self.tell_failure(&mut line, known, judged, failure);
            return line;
        }
        match &judged.judgement {
            Judgement::Wanted(PoolVerdict::Registered) => {
                line.status.state = PoolState::Registered;
                return line;
            }
            Judgement::Wanted(verdict) => {
                if let PoolVerdict::Waiting { .. } | PoolVerdict::Crowded(_) = verdict {
                    line.status.state = PoolState::Waiting;
                }
                if let PoolVerdict::Pending { stale, .. } = verdict {
                    line.pending = Pending::Change(PendingChange {
                        field: pending_field(known.name),
                        observed: stale.as_ref().map(ToString::to_string),
                        wanted: Some(
                            principal.map_or_else(|| desired.identity.to_string(), ToString::to_string),
                        ),
                    });
                }
                line.part = of_verdict(known, judged, verdict, desired);
            }
            Judgement::LeavingWaits { reason, again } => {
                line.status.state = PoolState::Removing;
                let message = texts::leaving_waits(known.name, *reason);
                line.part = Part::new(Tri::Unknown, *reason, message, waiting(*reason, *again));
            }
            Judgement::LeavingPending(shown) => {
                line.pending = Pending::Change(PendingChange {
                    field: pending_field(known.name),
                    observed: Some(
                        shown.as_ref().map_or_else(|| desired.identity.to_string(), ToString::to_string),
                    ),
                    wanted: None,
                });
                line.part = Part::stuck(Reason::ChangesPending, texts::leaving_pending(known.name));
            }
            Judgement::LeavingFailed(_) => {}
        }
        line.status.message = Some(bounded(&line.part.message, MESSAGE_LIMIT));
        line
    }

    /// A read or a change of this pool failed. An outage leaves what was last told as it is, unless the pool itself was
    /// read and shows something else.
    fn tell_failure(&self, line: &mut Line, known: &Known<'_>, judged: &PoolJudged, failure: &Failure) {
        let leaving = judged.is_being_left();
        let unread = judged.provisioning_state.is_none();
        let about = texts::about(known.name, leaving);
        let prior_words = known.prior.and_then(|prior| prior.message.as_deref());
        let first_words = prior_words.and_then(|prior| self.first_words(&about, prior, failure));
        let is_told_already = first_words.is_some();
        let message = first_words.unwrap_or_else(|| format!("{about}{}", failure.told()));
        let status = status_of(line.status.state);
        line.part = Part::failed(status, failure.cause.reason(), message, failure);
        line.status.message = Some(bounded(&line.part.message, MESSAGE_LIMIT));

        let kept = known.prior.filter(|prior| {
            let is_verdict = prior.state != PoolState::Waiting && !is_told_already;
            self.keeps_verdicts(failure) && is_verdict && (unread || prior.state == line.status.state)
        });
        if let Some(prior) = kept {
            self.keep(line, known.name, prior, failure);
            if unread {
                line.status.provisioning_state.clone_from(&prior.provisioning_state);
            }
        }
    }

    /// The line stays as it stands. Where it was the one that the condition spoke of, that stays too; else the condition,
    /// if it comes to speak of this pool, can only tell the outage.
    fn keep(&self, line: &mut Line, name: &str, prior: &PoolStatus, failure: &Failure) {
        let part = match prior.state {
            PoolState::Registered => registered(name),
            _ if self.spoke(prior) => {
                self.last_verdict(types::POOLS_REGISTERED, failure).unwrap_or_else(|| line.part.clone())
            }
            _ => line.part.clone(),
        };
        line.part = Part { status: status_of(prior.state), trouble: Trouble::Kept, ..part };
        line.pending = Pending::AsBefore;
        line.status.state = prior.state;
        line.status.message.clone_from(&prior.message);
    }

    /// Whether it was this pool that the condition spoke of.
    fn spoke(&self, line: &PoolStatus) -> bool {
        let prior = self.prior_condition(types::POOLS_REGISTERED).map(|condition| &condition.message);
        prior.is_some() && prior == line.message.as_ref()
    }
}

impl Known<'_> {
    /// The line with what is remembered, and beside it with what was last told.
    fn line(&self) -> PoolStatus {
        let nothing = PoolRecord::new(self.id.clone());
        let PoolRecord { id, entered, operation, removals } = self.record.unwrap_or(&nothing);
        let (origin, principal) = match entered {
            Entered::Not => (None, None),
            Entered::Found(principal) => (Some(PoolOrigin::Found), principal.as_ref()),
            Entered::Ahead => (Some(PoolOrigin::Added), None),
            Entered::Added(principal) => (Some(PoolOrigin::Added), Some(principal)),
        };
        PoolStatus {
            name: self.name.to_owned(),
            id: id.to_string(),
            state: self.prior.map_or(PoolState::Waiting, |prior| prior.state),
            origin,
            principal_id: principal.map(ToString::to_string),
            provisioning_state: self.prior.and_then(|prior| prior.provisioning_state.clone()),
            removals_by_others: i32::try_from(removals.count).unwrap_or(i32::MAX),
            last_removed_time: removals.last.map(Time),
            operation: operation.clone(),
            message: self.prior.and_then(|prior| prior.message.clone()),
        }
    }
}

/// Where many pools are being left, the condition tells how many, and no line has words of its own.
fn without_words_of_many(lines: &mut [Line], judged: &[PoolJudged]) {
    let left = |line: &Line| line.status.state == PoolState::Removing;
    let count = lines.iter().filter(|line| left(line)).count();
    if count <= LEFT_WITH_WORDS {
        return;
    }
    for line in lines.iter_mut().filter(|line| left(line)) {
        let failure =
            judged.iter().find(|judged| judged.name == line.status.name).and_then(PoolJudged::failure);
        // Azure puts new ids and times into each answer, and there is no line to keep the first words in.
        let one = failure.map_or_else(
            || line.part.message.clone(),
            |failure| texts::leaving_fails(&line.status.name, failure),
        );
        line.part.message = texts::many_are_left(count, &one);
        line.status.message = None;
    }
}

fn as_it_stands(status: PoolStatus, part: &Part) -> Line {
    Line { status, part: part.clone(), pending: Pending::Nothing }
}

/// A pool that this pass has not come to yet stays as it was told.
fn unjudged_line(known: &Known<'_>) -> Line {
    let part =
        Part::new(Tri::Unknown, Reason::Progressing, texts::not_yet_looked_at(known.name), Course::Working);
    let mut line = as_it_stands(known.line(), &part);
    if !known.is_wanted {
        line.status.state = PoolState::Removing;
    }
    line
}

fn registered(name: &str) -> Part {
    Part::done(Reason::AllRegistered, texts::registered(name))
}

/// What the pool itself shows. A failure to ask about an operation does not make a live entry a stale one.
fn seen_state(judged: &PoolJudged, live: Option<&PrincipalId>) -> PoolState {
    let not_read = judged.provisioning_state.is_none();
    match (&judged.judgement, &judged.entry) {
        (Judgement::LeavingWaits { .. } | Judgement::LeavingPending(_) | Judgement::LeavingFailed(_), _) => {
            PoolState::Removing
        }
        (Judgement::Wanted(PoolVerdict::NotFound), _) => PoolState::Missing,
        (Judgement::Wanted(_), _) if not_read => PoolState::Waiting,
        (Judgement::Wanted(_), None) => PoolState::Missing,
        (Judgement::Wanted(_), Some(entry))
            if entry.principal.is_some() && entry.principal.as_ref() == live =>
        {
            PoolState::Waiting
        }
        (Judgement::Wanted(_), Some(_)) => PoolState::Stale,
    }
}

/// A look that failed says nothing about the pool; a pool that was seen without the live principal is not as wanted.
fn status_of(state: PoolState) -> Tri {
    match state {
        PoolState::Registered => Tri::True,
        PoolState::Missing | PoolState::Stale => Tri::False,
        PoolState::Waiting | PoolState::Removing => Tri::Unknown,
    }
}

fn waiting(reason: Reason, again: Option<Duration>) -> Course {
    match (reason, again) {
        (Reason::Settling, _) => Course::Settling,
        (_, Some(again)) => Course::Waiting(again),
        (_, None) => Course::Working,
    }
}

fn of_verdict(known: &Known<'_>, judged: &PoolJudged, verdict: &PoolVerdict, desired: &Desired) -> Part {
    let (name, id) = (known.name, &known.id);
    match verdict {
        PoolVerdict::Registered => registered(name),
        PoolVerdict::Waiting { reason, again } => {
            let seen_without = judged.provisioning_state.is_some() && judged.entry.is_none();
            let status = if seen_without { Tri::False } else { Tri::Unknown };
            Part::new(status, *reason, texts::waiting(name, *reason), waiting(*reason, *again))
        }
        PoolVerdict::Crowded(leaving) => {
            Part::new(Tri::False, Reason::Progressing, texts::crowded(name, *leaving), Course::Working)
        }
        PoolVerdict::NotFound => Part::new(
            Tri::False,
            Reason::PoolNotFound,
            texts::not_found(name, id),
            Course::Retrying { class: Class::Missing, not_before: None },
        ),
        PoolVerdict::NotAzureDevOps(kind) => {
            Part::stuck(Reason::PoolNotAzureDevOps, texts::not_azure_devops(name, kind))
        }
        PoolVerdict::OrganizationNotInPool => Part::stuck(
            Reason::OrganizationNotInPool,
            texts::organization_not_in_pool(name, &desired.organization),
        ),
        PoolVerdict::OtherDirectory { pool, identity } => Part::stuck(
            Reason::PoolInOtherDirectory,
            texts::other_directory(name, id.subscription(), pool, identity),
        ),
        PoolVerdict::Contested(removals) => {
            Part::stuck(Reason::RegistrationContested, texts::contested(name, *removals))
        }
        PoolVerdict::Pending { reason, stale } => {
            Part::stuck(*reason, texts::pending(name, *reason, stale.as_ref(), judged.entry.is_some()))
        }
        // Told where failures are told.
        PoolVerdict::Failed(failure) => {
            Part::failed(Tri::Unknown, failure.cause.reason(), failure.told(), failure)
        }
    }
}

/// All pools together: False where one is known not to be as wanted.
fn together(lines: &[Line]) -> Tri {
    let any = |status| lines.iter().any(|line| line.part.status == status);
    if any(Tri::False) {
        Tri::False
    } else if any(Tri::Unknown) {
        Tri::Unknown
    } else {
        Tri::True
    }
}

/// Of pools that wait, the one that is to be looked at first.
fn first_due(open: &[&Part]) -> Course {
    let waits = open.iter().map(|part| match part.course {
        Course::Waiting(again) => Some(again),
        _ => None,
    });
    waits.min().flatten().map_or(Course::Working, Course::Waiting)
}

/// The first pool in the worst way speaks.
fn worst(status: Tri, lines: &[Line]) -> Part {
    let all = || lines.iter().map(|line| &line.part);
    let first_worst = |parts: Vec<&Part>| {
        let most = parts.iter().map(|part| part.course.urgency()).max();
        parts.into_iter().find(|part| Some(part.course.urgency()) == most).cloned()
    };
    let trouble = first_worst(all().filter(|part| matches!(part.trouble, Trouble::Told(_))).collect())
        .or_else(|| all().find(|part| part.trouble == Trouble::Kept).cloned())
        .map_or(Trouble::None, |part| part.trouble);
    let open: Vec<&Part> = all().filter(|part| part.course != Course::Done).collect();
    let soonest = first_due(&open);
    let spoken = match first_worst(open) {
        // What one pool waits for puts off no look at another.
        Some(Part { course: Course::Waiting(_), reason, message, .. }) => {
            Part::new(status, reason, message, soonest)
        }
        Some(worst) => worst,
        None if lines.is_empty() => Part::done(Reason::NoPools, texts::no_pools()),
        None => Part::done(Reason::AllRegistered, texts::all_registered(lines.len())),
    };
    Part { status, trouble, ..spoken }
}
