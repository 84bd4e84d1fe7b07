//! A token bucket, as arithmetic. Pure: time comes in as an argument.
//!
//! A token is *reserved* before it is *spent*, and one that is never spent was never missing. So a caller may look once
//! more between its turn and its request, and what leaves the process still keeps the limit at the moment it leaves.

use std::time::Duration;

/// A limit: how much flows in, and how much is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub(super) per_second: f64,
    pub(super) holds: f64,
}

/// What leaves evenly arrives unevenly: one request may take this much longer than another, in seconds.
const JITTER: f64 = 0.4;

impl Limit {
    /// Within Azure's limit, which is a rate and how much may come at once, however unevenly the requests arrive.
    ///
    /// What may come at once is less by what flows in during the jitter; where that leaves less than one request, each
    /// keeps the jitter as a further distance to the one before.
    pub(super) const fn below(per_second: f64, at_once: f64) -> Self {
        let holds = at_once - JITTER * per_second;
        if holds >= 1.0 {
            Self { per_second, holds }
        } else {
            Self { per_second: per_second / (1.0 + JITTER * per_second), holds: 1.0 }
        }
    }

    /// Within a limit of which only the rate is known: taken to allow a second's worth at once, and at least one.
    pub(super) const fn below_rate(per_second: f64) -> Self {
        Self::below(per_second, per_second.max(1.0))
    }
}

/// A rounding error short of a whole token is a whole token.
const HAIR: f64 = 1e-6;

/// The bucket of one limit.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: Limit,
    level: f64,
    reserved: u32,
    at: Duration,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(limit: Limit, now: Duration) -> Self {
        Self { limit, level: limit.holds, reserved: 0, at: now }
    }

    fn flow(&mut self, now: Duration) {
        let seconds = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + seconds * self.limit.per_second).min(self.limit.holds);
        self.at = self.at.max(now);
    }

    /// How long until a token is free for whom `ahead` others precede. A guess where tokens are reserved: whoever holds
    /// one may give it back.
    pub(super) fn wait(&mut self, ahead: u32, now: Duration) -> Duration {
        self.flow(now);
        let missing = f64::from(ahead) + f64::from(self.reserved) + 1.0 - self.level;
        if missing <= HAIR {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(missing / self.limit.per_second)
        }
    }

    /// Sets a token aside. Only while [`wait`](Self::wait) says that there is one.
    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    /// A reserved token is spent: the request leaves now.
    pub(super) fn spend(&mut self, now: Duration) {
        self.flow(now);
        self.reserved = self.reserved.saturating_sub(1);
        self.level = (self.level - 1.0).max(0.0);
    }

    /// A reserved token will not be spent.
    pub(super) fn give_back(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// Whether it remembers nothing that a new one would not.
    pub(super) fn is_full(&mut self, now: Duration) -> bool {
        self.flow(now);
        self.reserved == 0 && self.level >= self.limit.holds - HAIR
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Deed {
        Pass(u64),
        Reserve,
        Spend,
        GiveBack,
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let deed = prop_oneof![
            (0..3000u64).prop_map(Deed::Pass),
            Just(Deed::Reserve),
            Just(Deed::Reserve),
            Just(Deed::Spend),
            Just(Deed::Spend),
            Just(Deed::GiveBack),
        ];
        prop::collection::vec(deed, 0..200)
    }

    fn limits() -> impl Strategy<Value = Limit> {
        prop_oneof![(0.1..40.0f64).prop_map(Limit::below_rate), Just(Limit::below(25.0, 250.0)),]
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_the_bucket_holds_and_what_flows_in(limit in limits(), deeds in deeds()) {
            let mut now = Duration::ZERO;
            let mut bucket = Bucket::new(limit, now);
            let (mut reserved, mut spent) = (0u32, Vec::new());
            for deed in deeds {
                match deed {
                    Deed::Pass(milliseconds) => now += Duration::from_millis(milliseconds),
                    Deed::Reserve if bucket.wait(0, now).is_zero() => { bucket.reserve(); reserved += 1; }
                    Deed::Spend if reserved > 0 => { bucket.spend(now); reserved -= 1; spent.push(now); }
                    Deed::GiveBack if reserved > 0 => { bucket.give_back(); reserved -= 1; }
                    Deed::Reserve | Deed::Spend | Deed::GiveBack => {}
                }
            }
            for (first, start) in spent.iter().enumerate() {
                for (last, end) in spent.iter().enumerate().skip(first) {
                    let sent = f64::from(u32::try_from(last - first + 1).unwrap());
                    let allowed = limit.holds + limit.per_second * end.saturating_sub(*start).as_secs_f64();
                    prop_assert!(sent <= allowed + 0.01, "{sent} sent, {allowed} allowed");
                }
            }
        }

        #[test]
        fn however_unevenly_they_arrive_azure_s_own_bucket_never_runs_dry(
            (per_second, at_once) in prop_oneof![
                (0.1..1.0f64).prop_map(|rate| (rate, 1.0)),
                (1.5..40.0f64).prop_map(|rate| (rate, rate)),
                Just((25.0, 250.0)),
            ],
            delays in prop::collection::vec(0.0..=JITTER, 1..400),
            idle in 0.0..3.0f64,
        ) {
            let mut now = Duration::ZERO;
            let mut bucket = Bucket::new(Limit::below(per_second, at_once), now);
            let mut arrivals: Vec<f64> = delays
                .iter()
                .enumerate()
                .map(|(number, delay)| {
                    if number == delays.len() / 2 {
                        now += Duration::from_secs_f64(idle);
                    }
                    now += bucket.wait(0, now);
                    bucket.reserve();
                    bucket.spend(now);
                    now.as_secs_f64() + delay
                })
                .collect();
            arrivals.sort_by(f64::total_cmp);
            let (mut level, mut at) = (at_once, 0.0);
            for arrival in arrivals {
                level = (level + (arrival - at) * per_second).min(at_once) - 1.0;
                at = arrival;
                prop_assert!(level > -0.001, "too many at {arrival} s");
            }
        }

        #[test]
        fn after_the_wait_there_is_a_token(limit in limits(), taken in 0..300u32, pause in 0..2000u64) {
            let mut now = Duration::ZERO;
            let mut bucket = Bucket::new(limit, now);
            for _ in 0..taken {
                now += bucket.wait(0, now);
                // Time is whole nanoseconds, a wait is not.
                now += Duration::from_nanos(1);
                prop_assert!(bucket.wait(0, now).is_zero());
                bucket.reserve();
                bucket.spend(now);
                now += Duration::from_millis(pause);
            }
        }
    }

    #[test]
    fn who_waits_behind_others_waits_longer() {
        let mut bucket = Bucket::new(Limit { per_second: 2.0, holds: 2.0 }, Duration::ZERO);
        for (ahead, expected) in [(0, 0), (1, 0), (2, 500), (22, 10_500)] {
            assert_eq!(bucket.wait(ahead, Duration::ZERO), Duration::from_millis(expected), "{ahead}");
        }
    }

    #[test]
    fn a_clock_that_lags_takes_no_tokens_away() {
        let mut bucket = Bucket::new(Limit::below_rate(1.0), Duration::from_secs(5));
        assert!(bucket.wait(0, Duration::from_secs(1)).is_zero());
    }
}
