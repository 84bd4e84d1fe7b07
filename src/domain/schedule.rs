//! When to look again.
//!
//! A settled object is looked at once an interval, spread by a tenth so that objects made together drift apart. What a
//! person must mend is looked at slowly, what may pass by itself soon and then ever later, and what Azure asked to
//! leave alone never before its time.

use std::time::Duration;

use crate::domain::failure::Class;

/// What a pass came to, as far as the next look depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As wanted.
    Settled,
    /// A person has to do something.
    Stalled,
    /// Azure lags behind: seconds, growing.
    Settling,
    /// Failed, and tried again.
    Retrying {
        /// Of what class the failure is.
        class: Class,
        /// Not before this time has passed.
        not_before: Option<Duration>,
    },
    /// Somebody else changed the object in between: at once.
    Again,
}

/// The shortest and the longest wait of the back-off.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));
/// The slow pace is the object's interval, but at least this.
const SLOWEST_AT_LEAST: Duration = Duration::from_mins(10);

/// How long to wait before the next look.
///
/// `attempts` counts the passes in a row, this one included, that came to `Retrying` or `Settling`; `random` is in 0..1.
pub fn next_look(outcome: Outcome, interval: Duration, attempts: u32, random: f64) -> Duration {
    match outcome {
        Outcome::Settled => spread(interval, random),
        Outcome::Stalled => spread(interval.max(SLOWEST_AT_LEAST), random),
        Outcome::Settling => {
            Duration::from_secs(2u64.saturating_pow(attempts.clamp(1, 5)).max(5)).mul_f64(1.0 + random / 4.0)
        }
        Outcome::Retrying { class: _, not_before } => {
            let not_before = not_before.unwrap_or_default();
            not_before.mul_f64(1.0 + random / 10.0).max(back_off(attempts, random))
        }
        Outcome::Again => Duration::ZERO,
    }
}

/// Full jitter between the shortest wait and one that doubles with each attempt up to the longest.
pub fn back_off(attempts: u32, random: f64) -> Duration {
    let (shortest, longest) = BACK_OFF;
    let reach = shortest.saturating_mul(2u32.saturating_pow(attempts.min(16))).min(longest);
    shortest + (reach - shortest).mul_f64(random)
}

fn spread(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF_AN_HOUR: Duration = Duration::from_mins(30);

    proptest! {
        #[test]
        fn a_settled_object_is_looked_at_once_an_interval_give_or_take_a_tenth(random in 0.0..1.0f64) {
            let wait = next_look(Outcome::Settled, HALF_AN_HOUR, 0, random);
            prop_assert!(wait >= HALF_AN_HOUR.mul_f64(0.9) && wait <= HALF_AN_HOUR.mul_f64(1.1));
        }

        #[test]
        fn a_stalled_object_is_never_looked_at_more_often_than_about_every_ten_minutes(secs in 60u64..86_400, random in 0.0..1.0f64) {
            let wait = next_look(Outcome::Stalled, Duration::from_secs(secs), 0, random);
            prop_assert!(wait >= SLOWEST_AT_LEAST.mul_f64(0.9));
        }

        #[test]
        fn a_failure_backs_off_between_five_seconds_and_five_minutes_and_never_comes_before_retry_after(
            attempts in 0u32..1000, random in 0.0..1.0f64, hint in proptest::option::of(0u64..3600),
        ) {
            let not_before = hint.map(Duration::from_secs);
            let wait = next_look(Outcome::Retrying { class: Class::Throttled, not_before }, HALF_AN_HOUR, attempts, random);
            prop_assert!(wait >= BACK_OFF.0 && wait >= not_before.unwrap_or_default());
            prop_assert!(wait <= BACK_OFF.1.max(not_before.unwrap_or_default().mul_f64(1.1)));
        }
    }

    #[test]
    fn settling_takes_seconds_and_grows() {
        let waits: Vec<u64> =
            (1..7).map(|n| next_look(Outcome::Settling, HALF_AN_HOUR, n, 0.0).as_secs()).collect();
        assert_eq!(waits, [5, 5, 8, 16, 32, 32]);
    }
}
