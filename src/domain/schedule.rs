//! When to look again.
//!
//! A settled object is looked at once an interval, spread by a tenth so that objects made together drift apart. What a
//! person must mend is looked at slowly, what may pass by itself soon and then ever later. What Azure asked to leave alone
//! puts the next look off, but never beyond the interval: one pool that must rest for an hour is no reason not to look at the
//! identity. What must rest is held back by the pacing of requests.

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
    /// Azure carries something out: not before this time has passed, or the interval.
    Waiting(Duration),
    /// Failed, and tried again.
    Retrying {
        /// Of what class the failure is.
        class: Class,
        /// Not before this time has passed, or the interval.
        not_before: Option<Duration>,
    },
    /// The object changed in between, or what was read grew old: at once, and then ever later.
    Again,
}

/// First looks at objects that were settled before: this many a second, within a time at most.
const SPREAD: (f64, Duration) = (10.0, Duration::from_mins(1));
/// The same at all others.
const SHUFFLE: (f64, Duration) = (500.0, Duration::from_secs(2));
/// The shortest and the longest wait of the back-off.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(5));
/// The slow pace is the object's interval, but at least this.
const SLOW_AT_LEAST: Duration = Duration::from_mins(10);
/// What nobody foresaw is tried this often before it is looked at slowly.
const UNFORESEEN_AT_MOST: u32 = 10;

/// How long to wait before the next look.
///
/// `attempts` counts the passes in a row, this one included, that came to nothing final; `random` is in 0..1.
pub fn next_look(outcome: Outcome, interval: Duration, attempts: u32, random: f64) -> Duration {
    match outcome {
        Outcome::Settled => spread(interval, random),
        Outcome::Stalled => slowly(interval, random),
        Outcome::Settling => soon(attempts, random),
        Outcome::Waiting(not_before) => put_off(not_before, interval, random).max(soon(attempts, random)),
        Outcome::Retrying { class, not_before } => {
            let wait = match class {
                Class::Unexpected if attempts > UNFORESEEN_AT_MOST => slowly(interval, random),
                Class::Denied
                | Class::Missing
                | Class::Refused
                | Class::Settling
                | Class::Throttled
                | Class::Unavailable
                | Class::Conflict
                | Class::Unexpected => back_off(attempts, random),
            };
            put_off(not_before.unwrap_or_default(), interval, random).max(wait)
        }
        Outcome::Again => again(attempts, random),
    }
}

/// How long after the start of a process an object is first looked at, among this many.
///
/// One that was settled before is in no hurry: hundreds of them must not ask at once. The others are only shuffled: a list
/// has the objects of a team, and so of a subscription, side by side, and they would fill all places in a line of that
/// subscription while those of others need not wait.
pub fn first_look(settled: bool, objects: usize, random: f64) -> Duration {
    let (a_second, at_most) = if settled { SPREAD } else { SHUFFLE };
    #[expect(clippy::cast_precision_loss, reason = "a number of objects")]
    let window = at_most.min(Duration::from_secs_f64(objects as f64 / a_second));
    window.mul_f64(random)
}

fn put_off(not_before: Duration, interval: Duration, random: f64) -> Duration {
    not_before.mul_f64(1.0 + random / 10.0).min(spread(interval, random))
}

/// At once; whoever changes the object all the time is waited for a little longer each time.
fn again(attempts: u32, random: f64) -> Duration {
    match attempts.saturating_sub(1) {
        0 => Duration::ZERO,
        more => Duration::from_secs(2u64.saturating_pow(more.min(5))).mul_f64(random),
    }
}

fn soon(attempts: u32, random: f64) -> Duration {
    Duration::from_secs(2u64.saturating_pow(attempts.clamp(1, 5)).max(5)).mul_f64(1.0 + random / 4.0)
}

/// Full jitter between the shortest wait and one that doubles with each attempt up to the longest.
pub fn back_off(attempts: u32, random: f64) -> Duration {
    let (shortest, longest) = BACK_OFF;
    let reach = shortest.saturating_mul(2u32.saturating_pow(attempts.min(16))).min(longest);
    shortest + reach.saturating_sub(shortest).mul_f64(random)
}

/// The slow pace of an object, before it is spread.
pub fn slow_pace(interval: Duration) -> Duration {
    interval.max(SLOW_AT_LEAST)
}

/// The soonest that a slow look may come: what is to be tried again at the slow pace is due by then.
pub fn soonest_slow_look(interval: Duration) -> Duration {
    slowly(interval, 0.0)
}

fn slowly(interval: Duration, random: f64) -> Duration {
    spread(interval.max(SLOW_AT_LEAST.div_f64(0.9)), random).max(SLOW_AT_LEAST)
}

fn spread(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests;
