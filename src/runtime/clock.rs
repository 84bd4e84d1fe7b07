//! The one place that time comes from.
//!
//! Decisions take `now` as an argument; only the shell asks this clock. Tests run it faster, so that ten minutes of
//! grace pass in seconds. Deadlines of requests, tokens and leases keep real time: they never ask here.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// A clock that runs at a fixed multiple of real time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    started_at: Timestamp,
    scale: f64,
}

impl Clock {
    /// Real time.
    pub fn real() -> Self {
        Self::scaled(1.0)
    }

    /// `scale` seconds pass in one real second.
    pub fn scaled(scale: f64) -> Self {
        let started_at = Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { started: Instant::now(), started_at, scale }
    }

    /// Time since the clock was started. Never runs backwards.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed().mul_f64(self.scale)
    }

    /// The date and time.
    pub fn now(&self) -> Timestamp {
        self.started_at.checked_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// How long to wait in real time for `duration` to pass on this clock.
    pub fn real_duration(&self, duration: Duration) -> Duration {
        duration.div_f64(self.scale)
    }

    /// Waits until `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(self.real_duration(duration)).await;
    }
}
