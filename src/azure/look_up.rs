//! Look-ups that all objects share: one request for a hundred askers, kept for five minutes.
//!
//! Whoever comes while a request is on its way waits for its answer. The request is the asker's own: if the asker is
//! cancelled the request goes with it, and the next in line sends another; nobody waits for a request that is gone.
//! Must never be used for what is written by this operator: it would read its own past.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::observed::Fact, runtime::clock::Clock};

/// How long an answer is as good as a new one.
const LIFETIME: Duration = Duration::from_mins(5);
/// A failure is kept only for those who waited for it: else each of a hundred would ask again, one after another.
const FAILURE_LIFETIME: Duration = Duration::from_secs(3);

/// Which answer will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// One of the last five minutes.
    Shared,
    /// One that was asked for after this call (a reconcile request). A `Retry-After` that Azure gave is obeyed still.
    Now,
}

/// What was answered, and when; times on the clock that is injected.
#[derive(Debug, Clone)]
struct Answer<T> {
    asked: Duration,
    told: Duration,
    fact: Fact<T>,
}

impl<T: Clone> Answer<T> {
    /// The fact, if it will do for somebody who came at `came`.
    fn serves(&self, freshness: Freshness, came: Duration, now: Duration) -> Option<Fact<T>> {
        let age = now.saturating_sub(self.told);
        let mut fact = self.fact.clone();
        let lifetime = match &mut fact {
            Fact::Known(_) | Fact::Absent => LIFETIME,
            Fact::Unknown(failure) => match failure.retry_after {
                Some(wait) => {
                    let left = wait.checked_sub(age).filter(|left| !left.is_zero())?;
                    failure.retry_after = Some(left);
                    return Some(fact);
                }
                None => FAILURE_LIFETIME,
            },
        };
        let will_do = match freshness {
            Freshness::Shared => age < lifetime,
            Freshness::Now => self.asked >= came && age < lifetime,
        };
        will_do.then_some(fact)
    }
}

type Seat<T> = Arc<tokio::sync::Mutex<Option<Answer<T>>>>;

/// The look-ups of one kind.
#[derive(Debug)]
pub(super) struct LookUps<K, T> {
    clock: Clock,
    seats: Mutex<HashMap<K, Seat<T>>>,
}

impl<K: Eq + Hash, T: Clone> LookUps<K, T> {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, seats: Mutex::default() }
    }

    /// The fact for `key`: one that will do, or the outcome of `ask`.
    pub(super) async fn get(
        &self,
        key: K,
        freshness: Freshness,
        ask: impl Future<Output = Fact<T>> + Send,
    ) -> Fact<T> {
        let came = self.clock.elapsed();
        let seat = self.seat(key);
        let mut last = seat.lock().await;
        if let Some(fact) = last.as_ref().and_then(|it| it.serves(freshness, came, self.clock.elapsed())) {
            return fact;
        }
        let asked = self.clock.elapsed();
        let fact = ask.await;
        *last = Some(Answer { asked, told: self.clock.elapsed(), fact: fact.clone() });
        fact
    }

    fn seat(&self, key: K) -> Seat<T> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(seats.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::domain::failure::{Cause, Failure};

    fn failure(retry_after: Option<Duration>) -> Fact<u32> {
        Fact::Unknown(Failure {
            cause: Cause::Throttled,
            code: "TooManyRequests".into(),
            message: "later".into(),
            target: "target".into(),
            correlation_id: None,
            retry_after,
        })
    }

    #[test]
    fn which_answer_will_do() {
        let s = Duration::from_secs;
        let answer = |fact| Answer { asked: s(100), told: s(101), fact };
        let rows = [
            ("young", Fact::Known(1), Freshness::Shared, 200, 200, true),
            ("old", Fact::Known(1), Freshness::Shared, 401, 401, false),
            ("young but not asked for after the call", Fact::Known(1), Freshness::Now, 102, 102, false),
            ("asked for after the call", Fact::Known(1), Freshness::Now, 99, 102, true),
            ("absent is an answer too", Fact::Absent, Freshness::Shared, 200, 200, true),
            ("a failure, for those who waited", failure(None), Freshness::Shared, 100, 102, true),
            ("a failure, for nobody later", failure(None), Freshness::Shared, 110, 110, false),
            ("a pending wait", failure(Some(s(60))), Freshness::Shared, 150, 150, true),
            ("a pending wait stops a request too", failure(Some(s(60))), Freshness::Now, 150, 150, true),
            ("a wait that is over", failure(Some(s(60))), Freshness::Shared, 162, 162, false),
        ];
        for (name, fact, freshness, came, now, expected) in rows {
            assert_eq!(answer(fact).serves(freshness, s(came), s(now)).is_some(), expected, "{name}");
        }
    }

    #[test]
    fn a_pending_wait_is_told_as_what_is_left_of_it() {
        let s = Duration::from_secs;
        let answer = Answer { asked: s(0), told: s(0), fact: failure(Some(s(60))) };
        let told = answer.serves(Freshness::Now, s(20), s(20)).unwrap();
        assert_eq!(told.failure().unwrap().retry_after, Some(s(40)));
    }

    /// How many requests a hundred askers make.
    async fn requests(freshness: Freshness) -> u32 {
        let look_ups = LookUps::new(Clock::real());
        let sent = AtomicU32::new(0);
        let ask = || async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Fact::Known(sent.fetch_add(1, Ordering::SeqCst))
        };
        join_all((0..100).map(|_| look_ups.get("contoso", freshness, ask()))).await;
        sent.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_hundred_askers_make_one_request() {
        assert_eq!(requests(Freshness::Shared).await, 1);
        // The first one's answer is too old for the others, which came a moment after it was asked for.
        assert_eq!(requests(Freshness::Now).await, 2);
    }

    #[tokio::test]
    async fn who_is_cancelled_takes_nobody_along() {
        let look_ups = LookUps::new(Clock::real());
        let forever = look_ups.get("contoso", Freshness::Shared, std::future::pending());
        let patient = look_ups.get("contoso", Freshness::Shared, async { Fact::Known(7) });
        let impatient = tokio::time::timeout(Duration::from_millis(20), forever);
        let (gone, fact) = tokio::join!(impatient, patient);
        assert!(gone.is_err());
        assert_eq!(fact, Fact::Known(7));
    }
}
