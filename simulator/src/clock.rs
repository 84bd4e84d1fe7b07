//! The simulated clock: wall time, stretched by a scale and moved by hand.
//!
//! Everything that ages (tokens, throttling, replication) reads this clock, so a test can age it at will. It must
//! never be used for delays on the wire: those are felt by a real client with real time-outs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

/// A shared handle to the simulated time. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Face>>);

#[derive(Debug)]
struct Face {
    base: Timestamp,
    since: Instant,
    scale: f64,
}

impl Face {
    fn now(&self) -> Timestamp {
        let elapsed = self.since.elapsed().as_secs_f64() * self.scale;
        later(self.base, elapsed)
    }

    fn rebase(&mut self, base: Timestamp) {
        self.base = base;
        self.since = Instant::now();
    }
}

impl Clock {
    /// A clock that starts at the wall time and runs `scale` times as fast. Scale 0 stands still.
    pub fn new(scale: f64) -> Self {
        let scale = if scale.is_finite() && scale >= 0.0 { scale } else { 1.0 };
        Self(Arc::new(Mutex::new(Face { base: Timestamp::now(), since: Instant::now(), scale })))
    }

    fn face(&self) -> std::sync::MutexGuard<'_, Face> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.face().now()
    }

    /// Moves the time forward by simulated seconds. Negative and non-finite values do nothing: time never runs back.
    pub fn advance(&self, seconds: f64) {
        let mut face = self.face();
        let moved = later(face.now(), seconds);
        face.rebase(moved);
    }

    /// How many simulated seconds pass in one real second.
    pub fn scale(&self) -> f64 {
        self.face().scale
    }

    /// Changes the speed without a jump in time. Values that are negative or not finite are ignored.
    pub fn set_scale(&self, scale: f64) {
        if scale.is_finite() && scale >= 0.0 {
            let mut face = self.face();
            let now = face.now();
            face.rebase(now);
            face.scale = scale;
        }
    }
}

/// `seconds` after `from`; `from` itself where the sum makes no sense.
pub(crate) fn later(from: Timestamp, seconds: f64) -> Timestamp {
    if seconds <= 0.0 {
        return from;
    }
    SignedDuration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|step| from.checked_add(step).ok())
        .unwrap_or(from)
}

/// Seconds from `earlier` to `later`; negative when the order is the other way round.
pub(crate) fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_scale_zero_moves_only_by_hand() {
        let clock = Clock::new(0.0);
        let start = clock.now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(clock.now(), start);
        clock.advance(90.0);
        assert!((seconds_between(start, clock.now()) - 90.0).abs() < 1e-6);
    }

    #[test]
    fn time_never_runs_back() {
        let clock = Clock::new(0.0);
        let start = clock.now();
        clock.advance(-10.0);
        clock.advance(f64::NAN);
        assert_eq!(clock.now(), start);
    }

    #[test]
    fn changing_the_scale_makes_no_jump() {
        let clock = Clock::new(0.0);
        clock.advance(10.0);
        let before = clock.now();
        clock.set_scale(1.0);
        assert!(seconds_between(before, clock.now()) < 1.0);
    }
}
