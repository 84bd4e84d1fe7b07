//! A moment, by a clock that goes on while the process, or the whole machine, stands still.
//!
//! How old a read is decides whether a write may rest on it, and a process that was frozen in between must not think that
//! no time has passed. Real time, always: a scaled clock in a test does not make a read any fresher. Must never be used
//! to pace or to wait.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Linux stops its monotonic clock while the machine sleeps, and has another one that goes on. Elsewhere it goes on.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// As long as this an answer may take and still speak of the moment at which it came. One that takes longer is slow, or the
/// process stood still while it waited: what is beyond counts as its age.
const ORDINARY: Duration = Duration::from_secs(10);

/// A moment of this machine's uptime. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// This one.
    pub fn now() -> Self {
        // Neither part is ever negative for these clocks.
        Self(Duration::try_from(clock_gettime(CLOCK)).unwrap_or_default())
    }

    /// How long ago it was.
    pub fn age(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }

    /// What an answer speaks of that has come by now, to a request that was sent at this moment.
    #[must_use]
    pub fn answered(self) -> Self {
        Self(self.0.saturating_add(self.age().min(ORDINARY)))
    }

    /// The moment that was this long before.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_grows_older_and_never_younger() {
        let first = Moment::now();
        std::thread::sleep(Duration::from_millis(5));
        assert!(first.age() >= Duration::from_millis(5));
        assert!(first < Moment::now());
        assert!(first.earlier(Duration::from_secs(1)).age() >= Duration::from_secs(1));
    }

    #[test]
    fn an_answer_speaks_of_the_moment_at_which_it_came_unless_that_took_too_long() {
        let (now, long) = (Moment::now(), Duration::from_mins(10));
        assert!(now.answered().age() < Duration::from_secs(1));
        assert!(now.earlier(Duration::from_secs(9)).answered().age() < Duration::from_secs(1));
        assert!(now.earlier(long).answered().age() >= long.saturating_sub(ORDINARY));
    }
}
