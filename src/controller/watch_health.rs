//! Whether the watches see. One that fails again and again makes the operator blind, and it must not call itself ready.
//!
//! A watch that works again after a cut says nothing until something changes. So a failure counts for as long as the next
//! try may take, and no longer. Must never take the end of a watch for a failure: the API server ends each after a while.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kube::runtime::{utils::Backoff, watcher};

use crate::runtime::{
    health::{Gate, Health},
    metrics::Metrics,
};

/// The shortest and the longest wait before the next try, each at most doubled by chance. In real time.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(7500));
/// The next try has been made by then, and had its answer. In real time.
const OVER_AFTER: Duration = Duration::from_secs(45);
/// One failure is a cut, two in a row are trouble.
const TROUBLE: u32 = 2;

/// A watch that has failed.
#[derive(Debug)]
struct Failing {
    code: String,
    times: u32,
    last: Instant,
}

/// How all watches of the process fare, by their number.
#[derive(Debug)]
pub(super) struct WatchHealth {
    failing: Mutex<HashMap<usize, Failing>>,
    health: Health,
    metrics: Metrics,
}

impl WatchHealth {
    pub(super) fn new(health: Health, metrics: Metrics) -> Self {
        Self { failing: Mutex::default(), health, metrics }
    }

    /// A watch has failed.
    pub(super) fn failed(&self, watch: usize, error: &watcher::Error) {
        let Some(code) = code(error) else { return };
        {
            let mut failing = self.failing();
            let times = failing.get(&watch).map_or(0, |failing| failing.times) + 1;
            failing.insert(watch, Failing { code, times, last: Instant::now() });
        }
        self.tell();
    }

    /// A watch has brought something.
    pub(super) fn works(&self, watch: usize) {
        if self.failing().remove(&watch).is_some() {
            self.tell();
        }
    }

    /// Forgets failures that nothing followed.
    pub(super) fn look_again(&self) {
        let before = self.failing().len();
        self.failing().retain(|_, failing| failing.last.elapsed() < OVER_AFTER);
        if self.failing().len() != before {
            self.tell();
        }
    }

    fn tell(&self) {
        let failing = self.failing();
        let codes: Vec<&str> = failing
            .values()
            .filter(|failing| failing.times >= TROUBLE)
            .map(|failing| failing.code.as_str())
            .collect();
        self.metrics.set_failing_watches(&codes);
        let say = |gate, is_so| if is_so { self.health.open(gate) } else { self.health.close(gate) };
        say(Gate::Watching, codes.is_empty());
        let knows_the_kind = !codes.contains(&"404");
        say(Gate::CrdInstalled, knows_the_kind);
        if knows_the_kind {
            self.metrics.crd_is_served();
        } else {
            self.metrics.crd_is_missing();
        }
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<usize, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait before a watch that failed is begun anew: at most 15 seconds, for blindness is not cheap.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
}

impl Iterator for BackOff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let (shortest, longest) = WAITS;
        let wait = shortest.saturating_mul(2u32.saturating_pow(self.failures)).min(longest);
        self.failures = self.failures.saturating_add(1);
        Some(wait.mul_f64(1.0 + rand::random::<f64>()))
    }
}

impl Backoff for BackOff {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The HTTP status that the API server answered with, or `error` where it did not answer; `None` for what is no failure:
/// history that is too old to go on from is listed anew.
fn code(error: &watcher::Error) -> Option<String> {
    const GONE: u16 = 410;
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    };
    match status {
        Some(GONE) => None,
        Some(code) => Some(code.to_string()),
        None => Some("error".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> watcher::Error {
        watcher::Error::WatchError(Box::new(Status::failure("no", "No").with_code(code)))
    }

    fn all_open() -> (WatchHealth, Health, Metrics) {
        let (health, metrics) = (Health::default(), Metrics::new().unwrap());
        health.open(Gate::CrdInstalled);
        health.open(Gate::FirstListDone);
        (WatchHealth::new(health.clone(), metrics.clone()), health, metrics)
    }

    #[test]
    fn a_watch_that_fails_twice_in_a_row_closes_the_gate_and_its_metric_says_with_what() {
        let (watches, health, metrics) = all_open();
        watches.failed(0, &refused(403));
        assert_eq!(health.missing(), [], "one failure is a cut");
        watches.failed(0, &refused(403));
        assert_eq!(health.missing(), [Gate::Watching]);
        assert!(metrics.render().contains("mdi_watches_failing{code=\"403\"} 1"));
        watches.works(0);
        assert_eq!(health.missing(), []);
        assert!(!metrics.render().contains("mdi_watches_failing{code=\"403\"} 1"));
    }

    #[test]
    fn a_kind_that_was_deleted_is_missing_again() {
        let (watches, health, metrics) = all_open();
        for _ in 0..2 {
            watches.failed(0, &refused(404));
        }
        assert_eq!(health.missing(), [Gate::Watching, Gate::CrdInstalled]);
        assert!(metrics.render().contains("mdi_crd_missing 1"));
        watches.works(0);
        assert!(metrics.render().contains("mdi_crd_missing 0"));
    }

    #[test]
    fn the_next_try_comes_within_fifteen_seconds_and_after_a_success_within_one() {
        let mut back_off = BackOff::default();
        for _ in 0..50 {
            assert!(back_off.next().unwrap() <= Duration::from_secs(15));
        }
        back_off.reset();
        assert!(back_off.next().unwrap() <= Duration::from_secs(1));
    }

    #[test]
    fn history_that_is_too_old_is_no_failure() {
        assert_eq!([410, 401].map(|status| code(&refused(status))), [None, Some("401".to_owned())]);
    }
}
