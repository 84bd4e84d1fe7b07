//! Token buckets on the simulated clock.
//!
//! After a refusal nothing is served before the time that was told, and every request before it is told a new time. Must
//! never know which limits there are.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::clock::{later, seconds_between};

/// A limit: a bucket's name, its size, and how much flows in per second.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) size: f64,
    pub(crate) per_second: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
    closed_until: Option<Timestamp>,
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Throttle(HashMap<String, Bucket>);

impl Throttle {
    /// Takes one token from each bucket, or from none: then the whole seconds to wait. The answer tells what is left in
    /// the first bucket.
    pub(crate) fn take(&mut self, limits: &[Limit], now: Timestamp) -> Result<u64, u64> {
        let mut wait = 0_u64;
        let mut short = Vec::new();
        for limit in limits {
            let missing = self.missing(limit, now);
            if missing > 0.0 {
                wait = wait.max(whole(missing).max(1));
                short.push(&limit.name);
            }
        }
        if wait > 0 {
            let told = later(now, as_seconds(wait));
            for name in short {
                if let Some(bucket) = self.0.get_mut(name) {
                    bucket.closed_until = Some(told);
                }
            }
            return Err(wait);
        }
        for limit in limits {
            if let Some(bucket) = self.0.get_mut(&limit.name) {
                bucket.left -= 1.0;
                bucket.closed_until = None;
            }
        }
        Ok(limits
            .first()
            .and_then(|limit| self.0.get(&limit.name))
            .map_or(0, |bucket| left_over(bucket.left)))
    }

    /// Seconds until a bucket has a token to give; none or less if it has one now.
    fn missing(&mut self, limit: &Limit, now: Timestamp) -> f64 {
        let full = Bucket { left: limit.size, at: now, closed_until: None };
        let bucket = self.0.entry(limit.name.clone()).or_insert(full);
        let flown = seconds_between(bucket.at, now).max(0.0) * limit.per_second;
        bucket.left = (bucket.left + flown).min(limit.size);
        bucket.at = now;
        let closed = bucket.closed_until.map_or(0.0, |until| seconds_between(now, until));
        // A hair of tolerance: the last token may be a rounding error short.
        ((1.0 - 1e-6 - bucket.left) / limit.per_second).max(closed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below the limits"
)]
fn whole(seconds: f64) -> u64 {
    // A microsecond over a whole second is the clock's rounding, not another second.
    (seconds - 1e-6).ceil() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below the limits"
)]
fn left_over(tokens: f64) -> u64 {
    tokens.max(0.0).floor() as u64
}

#[expect(clippy::cast_precision_loss, reason = "a handful of seconds")]
fn as_seconds(wait: u64) -> f64 {
    wait as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(size: f64, per_second: f64) -> Vec<Limit> {
        vec![Limit { name: "x".to_owned(), size, per_second }]
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (mut throttle, start) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let limits = limit(2.0, 0.5);
        assert_eq!(throttle.take(&limits, start), Ok(1));
        assert_eq!(throttle.take(&limits, start), Ok(0));
        assert_eq!(throttle.take(&limits, start), Err(2));
        assert_eq!(throttle.take(&limits, later(start, 2.0)), Ok(0));
    }

    #[test]
    fn a_request_before_the_told_time_is_refused_with_a_new_time() {
        let (mut throttle, start) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let limits = limit(1.0, 0.25);
        assert_eq!(throttle.take(&limits, start), Ok(0));
        assert_eq!(throttle.take(&limits, start), Err(4));
        assert_eq!(throttle.take(&limits, later(start, 1.0)), Err(3));
        assert_eq!(throttle.take(&limits, later(start, 3.5)), Err(1));
        assert!(throttle.take(&limits, later(start, 4.5)).is_ok());
    }

    #[test]
    fn a_bucket_that_was_closed_once_is_not_closed_again_for_the_fault_of_another() {
        let (mut throttle, start) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let once = Limit { name: "once".into(), size: 1.0, per_second: 1.0 };
        let slow = Limit { name: "slow".into(), size: 1.0, per_second: 0.01 };
        assert!(throttle.take(&[once.clone(), slow.clone()], start).is_ok());
        assert_eq!(throttle.take(std::slice::from_ref(&once), start), Err(1));
        assert_eq!(throttle.take(&[once.clone(), slow], later(start, 5.0)), Err(95));
        assert!(throttle.take(&[once], later(start, 5.0)).is_ok());
    }

    #[test]
    fn a_refusal_by_one_bucket_takes_nothing_from_the_others() {
        let (mut throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let wide = Limit { name: "wide".into(), size: 5.0, per_second: 1.0 };
        let narrow = Limit { name: "narrow".into(), size: 1.0, per_second: 1.0 };
        assert_eq!(throttle.take(&[wide.clone(), narrow.clone()], now), Ok(4));
        assert!(throttle.take(&[wide.clone(), narrow], now).is_err());
        assert_eq!(throttle.take(&[wide], now), Ok(3));
    }
}
