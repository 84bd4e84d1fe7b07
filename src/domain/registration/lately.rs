//! What a process remembers of one pool of one object between passes: what it did there lately, and what it saw.
//!
//! None of it is needed for safety: after a restart it is empty, so that more is waited for, and less taken for this
//! object's own. What must survive a crash stands in [`super::PoolRecord`]. Must never be the reason to take anything away.

use std::time::Duration;

use super::{Form, Sight};
use crate::{
    api::v1alpha1::OperationUrl,
    domain::{
        failure::{Cause, Failure},
        names::{IdentityId, PoolId, PrincipalId},
        observed::LOOK_AGAIN_AFTER,
        pool::Motion,
    },
};

/// A replica may show a pool as it was before our change for so long.
const SETTLES_WITHIN: Duration = Duration::from_mins(2);

/// What is remembered of one pool. Times are those of the process' clock.
#[derive(Debug, Default, Clone)]
pub struct PoolMemory {
    done: Option<(Change, Duration)>,
    taken: Option<Taken>,
    lost: Option<Duration>,
    failed: Option<(Duration, Failure)>,
    without_since: Option<Duration>,
    was_gone: bool,
    refused: Option<Form>,
    not_to_be_asked: Option<(OperationUrl, Duration)>,
}

/// A change of ours that Azure took and that was not seen to show.
#[derive(Debug, Clone)]
struct Taken {
    change: Change,
    /// The principal that it adds, where that is known.
    principal: Option<PrincipalId>,
    worked: bool,
    since: Duration,
    is_told: bool,
}

/// What a change of ours does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It adds the entry.
    Adds,
    /// It takes the entry out.
    TakesOut,
}

/// As much of it as a decision depends on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Lately {
    /// The failure of a change of ours that is less than a slow pace old.
    pub failed: Option<Failure>,
    /// A change of ours that was seen to have worked, so lately that a replica may not know of it.
    pub done: Option<Change>,
    /// A change of ours that Azure took and that the pool does not show.
    pub unshown: Option<Unshown>,
    /// A change of ours that adds was sent, so lately that Azure may still carry it out, and no answer came.
    pub lost: bool,
    /// There was no entry, or no pool, at two looks some seconds apart, and none between them that showed one.
    pub without_twice: bool,
    /// The pool itself was gone at some look after the last that showed an entry.
    pub was_gone: bool,
    /// The form of a removal that Azure refused last.
    pub refused: Option<Form>,
}

/// A change of ours that Azure took and that the pool does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unshown {
    /// What it does.
    pub change: Change,
    /// Whether Azure said that it has worked.
    pub worked: bool,
    /// Whether it may still come to show.
    pub due: Due,
}

/// Whether a change may still come to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It may: replicas lag.
    Soon,
    /// It should have, by now.
    Now,
    /// It should have, and was told to have failed.
    Told,
}

impl Lately {
    /// An addition that a replica may not know of yet.
    pub(super) fn may_hide_an_addition(&self) -> bool {
        self.done == Some(Change::Adds) || self.awaits(Change::Adds)
    }

    /// What a replica may still show had just been taken out by us.
    pub(super) fn took_out(&self) -> bool {
        self.done == Some(Change::TakesOut)
    }

    /// A change that may still come to show.
    pub(super) fn awaits(&self, change: Change) -> bool {
        self.unshown.is_some_and(|it| it.change == change && it.due == Due::Soon)
    }

    /// A change that Azure said has worked, so that the pool that shows it shows our own doing.
    pub(super) fn has_worked(&self, change: Change) -> bool {
        self.unshown.is_some_and(|it| it.change == change && it.worked)
    }

    /// What is to be told of a change that a pool at rest still does not show.
    pub(super) fn overdue(&self, pool: &PoolId) -> Option<Failure> {
        let unshown = self.unshown.filter(|it| it.due == Due::Now)?;
        let (taken, shown) = match unshown.change {
            Change::Adds => ("adds the identity", "does not list it with its principal"),
            Change::TakesOut => ("takes the identity out", "goes on listing it"),
        };
        Some(Failure {
            cause: Cause::ChangeNotShown,
            code: "ChangeNotShown".into(),
            message: format!("Azure took the change that {taken}, but the pool, at rest again, {shown}"),
            target: pool.to_string(),
            correlation_id: None,
            retry_after: None,
        })
    }
}

impl PoolMemory {
    /// As much as a decision depends on, for an identity that has this principal.
    pub fn lately(&self, live: Option<&PrincipalId>, slow_pace: Duration, now: Duration) -> Lately {
        let fresh = |at: Option<Duration>| at.is_some_and(|at| within(at, SETTLES_WITHIN, now));
        Lately {
            failed: self
                .failed
                .as_ref()
                .filter(|(at, _)| within(*at, slow_pace, now))
                .map(|(_, failure)| failure.clone()),
            done: self.done.filter(|(_, at)| fresh(Some(*at))).map(|(change, _)| change),
            unshown: self.taken.as_ref().filter(|it| it.is_about(live)).map(|it| Unshown {
                change: it.change,
                worked: it.worked,
                due: match it.is_told {
                    true => Due::Told,
                    false if within(it.since, SETTLES_WITHIN, now) => Due::Soon,
                    false => Due::Now,
                },
            }),
            lost: fresh(self.lost),
            without_twice: self.without_since.is_some_and(|since| !within(since, LOOK_AGAIN_AFTER, now)),
            was_gone: self.was_gone,
            refused: self.refused,
        }
    }

    /// The pool was read.
    pub fn seen(&mut self, pool: Sight<'_>, identity: &IdentityId, now: Duration) {
        match pool {
            Sight::There(pool) => {
                if pool.motion() == Motion::Moving
                    && let Some(taken) = &mut self.taken
                {
                    // Only a pool at rest shows what has come of a change.
                    taken.since = now;
                }
                if pool.identities.entry(identity).is_some() {
                    (self.without_since, self.was_gone) = (None, false);
                } else {
                    self.without_since.get_or_insert(now);
                    self.taken.take_if(|taken| taken.change == Change::TakesOut);
                }
            }
            Sight::Gone => {
                self.without_since.get_or_insert(now);
                self.was_gone = true;
            }
            Sight::Hidden(_) => {}
        }
    }

    /// Azure took a change of ours, and says that it has worked, or not yet what it comes to.
    pub fn taken(&mut self, change: Change, adds: Option<&PrincipalId>, worked: bool, now: Duration) {
        (self.failed, self.lost) = (None, None);
        if change == Change::Adds {
            self.without_since = None;
        }
        // What adds is known to have worked when it shows, what takes out when Azure says so.
        self.done = (worked && change == Change::TakesOut).then_some((change, now));
        self.taken = Some(Taken { change, principal: adds.cloned(), worked, since: now, is_told: false });
    }

    /// The operation that carried a change of ours out is over.
    pub fn over(&mut self, change: Change, worked: bool, now: Duration) {
        let adds = self.taken.take().filter(|taken| taken.change == change).and_then(|taken| taken.principal);
        self.taken(change, adds.as_ref(), worked, now);
    }

    /// The pool shows what was added.
    pub fn added(&mut self, now: Duration) {
        (self.done, self.taken) = (Some((Change::Adds, now)), None);
    }

    /// The pool bears the identity, whoever added it: no change of ours is awaited any more.
    pub fn registered(&mut self) {
        self.taken = None;
    }

    /// A change of ours failed.
    pub fn failed(&mut self, failure: &Failure, now: Duration) {
        self.failed = Some((now, failure.clone()));
        match failure.cause {
            // It may show late, and is ours all the same.
            Cause::ChangeNotShown => self.taken.iter_mut().for_each(|taken| taken.is_told = true),
            _ => self.taken = None,
        }
    }

    /// The answer to a change of ours that adds was lost.
    pub fn lost(&mut self, now: Duration) {
        self.lost = Some(now);
    }

    /// Azure refused a removal in this form; whether the other one is to be tried.
    pub fn refused(&mut self, form: Form) -> bool {
        self.refused.replace(form) != Some(form.other())
    }

    /// An operation of ours is not to be asked about before this time has passed.
    pub fn ask_not_before(&mut self, operation: &OperationUrl, wait: Duration, now: Duration) {
        self.not_to_be_asked = Some((operation.clone(), now.saturating_add(wait)));
    }

    /// For how long an operation of ours is not to be asked about.
    pub fn asks_again_after(&self, operation: &OperationUrl, now: Duration) -> Option<Duration> {
        let (_, at) = self.not_to_be_asked.as_ref().filter(|(asked, _)| asked == operation)?;
        at.checked_sub(now).filter(|wait| !wait.is_zero())
    }
}

impl Taken {
    /// What adds an identity that was re-created since shows as a stale entry.
    fn is_about(&self, live: Option<&PrincipalId>) -> bool {
        match self.change {
            Change::TakesOut => true,
            Change::Adds => self.principal.as_ref().zip(live).is_none_or(|(added, live)| added == live),
        }
    }
}

fn within(at: Duration, span: Duration, now: Duration) -> bool {
    now.saturating_sub(at) < span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        observed::Fact,
        pool::{Entry, Pool},
        testing::{desired, failure, own_entry, pool, pool_id, principal},
    };

    const SLOW_PACE: Duration = Duration::from_mins(30);

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn look(memory: &mut PoolMemory, pool: &Fact<Pool>, seconds: u64) {
        memory.seen(Sight::of(pool), &desired().identity, at(seconds));
    }

    fn showing(entries: &[Entry]) -> Fact<Pool> {
        Fact::Known(pool(entries))
    }

    fn moving() -> Fact<Pool> {
        Fact::Known(Pool { provisioning_state: "Updating".into(), ..pool(&[]) })
    }

    fn lately(memory: &PoolMemory, seconds: u64) -> Lately {
        memory.lately(Some(&principal(1)), SLOW_PACE, at(seconds))
    }

    fn due(memory: &PoolMemory, seconds: u64) -> Option<Due> {
        lately(memory, seconds).unshown.map(|unshown| unshown.due)
    }

    #[test]
    fn an_absence_is_certain_only_when_it_is_seen_again_some_seconds_later() {
        let group_gone = Fact::Unknown(failure(Cause::ResourceGroupNotFound));
        for gone in [Fact::Absent, group_gone, showing(&[])] {
            let mut memory = PoolMemory::default();
            look(&mut memory, &gone, 0);
            assert!(!lately(&memory, 4).without_twice);
            look(&mut memory, &gone, 5);
            assert!(lately(&memory, 5).without_twice);
            look(&mut memory, &showing(&[own_entry(None)]), 6);
            assert!(!lately(&memory, 60).without_twice);
        }
        for cause in [Cause::AuthorizationFailed, Cause::SubscriptionNotFound, Cause::Unavailable] {
            let mut memory = PoolMemory::default();
            look(&mut memory, &Fact::Unknown(failure(cause)), 0);
            assert!(!lately(&memory, 60).without_twice);
        }
    }

    #[test]
    fn that_a_pool_was_gone_is_known_until_it_shows_an_entry_again() {
        let mut memory = PoolMemory::default();
        look(&mut memory, &Fact::Absent, 0);
        look(&mut memory, &showing(&[]), 60);
        assert!(lately(&memory, 60).was_gone);
        look(&mut memory, &showing(&[own_entry(Some(principal(1)))]), 90);
        assert!(!lately(&memory, 90).was_gone);
    }

    #[test]
    fn a_change_is_given_two_minutes_of_a_pool_at_rest_to_show() {
        for change in [Change::Adds, Change::TakesOut] {
            let mut memory = PoolMemory::default();
            memory.taken(change, Some(&principal(1)), true, at(0));
            assert_eq!((due(&memory, 119), due(&memory, 120)), (Some(Due::Soon), Some(Due::Now)));
            look(
                &mut memory,
                &Fact::Known(Pool { identities: pool(&[own_entry(None)]).identities, ..pool(&[]) }),
                0,
            );
            memory.failed(&lately(&memory, 120).overdue(&pool_id("linux")).unwrap(), at(120));
            assert_eq!(due(&memory, 121), Some(Due::Told));
            memory.failed(&failure(Cause::PolicyDenied), at(122));
            assert_eq!(due(&memory, 123), None);
        }
        let mut memory = PoolMemory::default();
        memory.taken(Change::Adds, None, false, at(0));
        look(&mut memory, &moving(), 300);
        assert_eq!((due(&memory, 419), due(&memory, 420)), (Some(Due::Soon), Some(Due::Now)));
        memory.over(Change::Adds, true, at(500));
        assert_eq!(due(&memory, 619), Some(Due::Soon));
        assert!(lately(&memory, 619).has_worked(Change::Adds));
    }

    #[test]
    fn what_is_shown_is_awaited_no_more() {
        let mut memory = PoolMemory::default();
        memory.taken(Change::TakesOut, None, true, at(0));
        look(&mut memory, &showing(&[]), 1);
        assert_eq!((due(&memory, 1), lately(&memory, 119).done), (None, Some(Change::TakesOut)));
        assert_eq!(lately(&memory, 120).done, None);
        memory.taken(Change::Adds, Some(&principal(1)), true, at(200));
        assert_eq!(lately(&memory, 200).done, None);
        memory.added(at(201));
        assert_eq!((due(&memory, 201), lately(&memory, 320).done), (None, Some(Change::Adds)));
        assert_eq!(lately(&memory, 321).done, None);
    }

    #[test]
    fn a_pool_that_bears_the_identity_owes_nothing_whoever_added_it() {
        for change in [Change::Adds, Change::TakesOut] {
            let mut memory = PoolMemory::default();
            memory.taken(change, None, false, at(0));
            look(&mut memory, &showing(&[own_entry(Some(principal(1)))]), 60);
            memory.registered();
            look(&mut memory, &showing(&[]), 300);
            assert_eq!(due(&memory, 300), None);
        }
    }

    #[test]
    fn what_added_an_identity_that_was_re_created_since_is_awaited_no_more() {
        let mut memory = PoolMemory::default();
        memory.taken(Change::Adds, Some(&principal(1)), false, at(0));
        memory.over(Change::Adds, true, at(1));
        let of = |number| memory.lately(Some(&principal(number)), SLOW_PACE, at(1)).unshown.is_some();
        assert_eq!((of(1), of(2)), (true, false));
    }

    #[test]
    fn the_failure_of_a_change_is_remembered_for_the_slow_pace() {
        let mut memory = PoolMemory::default();
        let denied = failure(Cause::LinkedAuthorizationFailed);
        memory.failed(&denied, at(10));
        assert_eq!(lately(&memory, 10 + 30 * 60 - 1).failed, Some(denied));
        assert_eq!(lately(&memory, 10 + 30 * 60).failed, None);
        memory.taken(Change::Adds, None, false, at(20));
        assert_eq!(lately(&memory, 20).failed, None);
    }

    #[test]
    fn each_form_of_a_removal_is_tried_once_before_its_refusal_is_told() {
        for form in [Form::Null, Form::NoMap] {
            let mut memory = PoolMemory::default();
            assert!(memory.refused(form));
            assert!(!memory.refused(form.other()));
            assert!(!memory.refused(form));
        }
    }

    #[test]
    fn an_operation_is_not_asked_about_before_its_time() {
        let (one, other): (OperationUrl, OperationUrl) =
            ("https://x/1".to_owned().into(), "https://x/2".to_owned().into());
        let mut memory = PoolMemory::default();
        memory.ask_not_before(&one, at(30), at(100));
        assert_eq!(memory.asks_again_after(&one, at(110)), Some(at(20)));
        assert_eq!(memory.asks_again_after(&one, at(130)), None);
        assert_eq!(memory.asks_again_after(&other, at(110)), None);
        memory.ask_not_before(&one, Duration::MAX, at(100));
        assert!(memory.asks_again_after(&one, at(110)).is_some());
    }
}
