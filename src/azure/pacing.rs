//! When a request to Resource Manager may leave: below Azure's limits, in the order of arrival.
//!
//! Each request passes up to three gates, narrowest first, and waits before each for its turn and a token:
//!
//! ```text
//! identity ─► subscription ─► tenant ─► a Slot: one token set aside at each, spent when the request leaves
//! ```
//!
//! The turn at a narrow gate is kept while waiting at a wider one, so nobody waits behind a slower identity, and no
//! token is set aside before all can be. What Azure asked to leave alone, and a line that is too long, is told at once:
//! a pass must not hang where the schedule can wait. Must never know what a request is for beyond its [`Errand`].

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{
    bucket::{Bucket, Limit},
    errand::{Errand, Kind, Scope},
};
use crate::{
    domain::failure::{Cause, Failure},
    runtime::{clock::Clock, metrics::Metrics},
};

/// A pause of this length is waited for; a longer one is told.
const PATIENCE_IN_A_PAUSE: Duration = Duration::from_secs(2);
/// A line in which one would stand longer is told.
const PATIENCE_IN_LINE: Duration = Duration::from_secs(20);
/// From this many gates on, those that remember nothing are thrown away.
const MANY_GATES: usize = 4096;

/// One limit of one scope: its bucket, and the line before it.
#[derive(Debug)]
struct Gate {
    bucket: Mutex<Bucket>,
    /// Fair: whoever asks first passes first.
    turn: tokio::sync::Mutex<()>,
    in_line: AtomicU32,
}

/// A place in a line, given up when dropped.
struct Place<'a>(&'a Gate);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_line.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    fn new(limit: Limit, now: Duration) -> Self {
        Self {
            bucket: Mutex::new(Bucket::new(limit, now)),
            turn: tokio::sync::Mutex::default(),
            in_line: AtomicU32::new(0),
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        locked(&self.bucket)
    }

    /// How long somebody who came now would stand in line.
    fn outlook(&self, now: Duration) -> Duration {
        self.bucket().wait(self.in_line.load(Ordering::Relaxed), now)
    }

    /// Waits for the turn and a token. As long as the turn is held the token stays there.
    async fn open(&self, clock: &Clock) -> tokio::sync::MutexGuard<'_, ()> {
        self.in_line.fetch_add(1, Ordering::Relaxed);
        let _place = Place(self);
        let turn = self.turn.lock().await;
        loop {
            let wait = self.bucket().wait(0, clock.elapsed());
            if wait.is_zero() {
                return turn;
            }
            clock.sleep(wait).await;
        }
    }
}

/// What Azure asked to leave alone, until when, and in which words.
#[derive(Debug, Clone)]
struct Pause {
    until: Duration,
    failure: Failure,
}

/// All gates and pauses of the process. Limits are Azure's for the signed-in principal and for its directory; several
/// principals would share the gates here, which is never too fast.
#[derive(Debug)]
pub(super) struct Pacing {
    clock: Clock,
    metrics: Metrics,
    gates: Mutex<HashMap<(Kind, Scope), Arc<Gate>>>,
    pauses: Mutex<HashMap<Scope, Pause>>,
}

impl Pacing {
    pub(super) fn new(clock: Clock, metrics: Metrics) -> Self {
        Self { clock, metrics, gates: Mutex::default(), pauses: Mutex::default() }
    }

    /// Waits until one request on this errand may leave; the failure says that this takes too long.
    pub(super) async fn slot(&self, errand: Errand) -> Result<Slot, Failure> {
        let patience = self.clock.real_duration(PATIENCE_IN_LINE);
        match tokio::time::timeout(patience, self.stand_in_line(errand.clone())).await {
            Ok(outcome) => outcome,
            // Somebody keeps a slot and does not use it, which no forecast can know.
            Err(_) => Err(line_too_long(&errand, PATIENCE_IN_LINE)),
        }
    }

    /// A slot, if one is free now: for whoever does not know yet whether the request will be needed. Takes no place in a
    /// line and no turn from anybody who stands in one.
    pub(super) fn free_slot(&self, errand: Errand) -> Option<Slot> {
        if !self.pause_left(&errand).ok()?.is_zero() {
            return None;
        }
        let (gates, now) = (self.gates(&errand), self.clock.elapsed());
        let turns: Vec<_> = gates.iter().map(|gate| gate.turn.try_lock().ok()).collect::<Option<_>>()?;
        if gates.iter().any(|gate| !gate.bucket().wait(0, now).is_zero()) {
            return None;
        }
        for gate in &gates {
            gate.bucket().reserve();
        }
        drop(turns);
        Some(Slot { clock: self.clock, errand, gates })
    }

    async fn stand_in_line(&self, errand: Errand) -> Result<Slot, Failure> {
        let gates = self.gates(&errand);
        loop {
            let pause = self.pause_left(&errand)?;
            if !pause.is_zero() {
                self.clock.sleep(pause).await;
            }
            let now = self.clock.elapsed();
            let line = gates.iter().map(|gate| gate.outlook(now)).max().unwrap_or_default();
            if line > PATIENCE_IN_LINE {
                return Err(line_too_long(&errand, line));
            }
            let mut turns = Vec::with_capacity(gates.len());
            for gate in &gates {
                turns.push(gate.open(&self.clock).await);
            }
            // A pause may have begun while this request stood in line.
            if self.pause_left(&errand)?.is_zero() {
                for gate in &gates {
                    gate.bucket().reserve();
                }
                drop(turns);
                return Ok(Slot { clock: self.clock, errand, gates });
            }
        }
    }

    /// Azure asked to be left alone. Where it said "too many", the scope that it names is, else the one resource that was
    /// asked for.
    pub(super) fn pause(&self, errand: &Errand, failure: &Failure) {
        let Some(wait) = failure.retry_after else { return };
        let scope = match failure.cause {
            Cause::Throttled => {
                self.metrics.azure_throttled(wait);
                errand.throttled_scope(&failure.message)
            }
            Cause::Unavailable => match errand.resource() {
                Some(resource) => resource,
                None => return,
            },
            _ => return,
        };
        let until = self.clock.elapsed().saturating_add(wait);
        let mut pauses = locked(&self.pauses);
        let pause = Pause { until, failure: failure.clone() };
        let standing = pauses.entry(scope).or_insert(pause.clone());
        if standing.until < until {
            *standing = pause;
        }
    }

    /// What is left of the longest pause over this errand, if it is worth waiting for.
    fn pause_left(&self, errand: &Errand) -> Result<Duration, Failure> {
        let now = self.clock.elapsed();
        let mut pauses = locked(&self.pauses);
        pauses.retain(|_, pause| pause.until > now);
        let longest =
            errand.scopes().iter().filter_map(|it| pauses.get(it)).max_by_key(|it| it.until).cloned();
        let Some(Pause { until, failure }) = longest else { return Ok(Duration::ZERO) };
        let left = until.saturating_sub(now);
        if left <= PATIENCE_IN_A_PAUSE {
            return Ok(left);
        }
        Err(Failure { target: errand.target(), retry_after: Some(left), ..failure })
    }

    fn gates(&self, errand: &Errand) -> Vec<Arc<Gate>> {
        let now = self.clock.elapsed();
        let mut gates = locked(&self.gates);
        if gates.len() >= MANY_GATES {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.bucket().is_full(now));
        }
        let kind = errand.kind();
        let gate_of = |scope: Scope| {
            let limit = kind.limit(&scope)?;
            Some(Arc::clone(gates.entry((kind, scope)).or_insert_with(|| Arc::new(Gate::new(limit, now)))))
        };
        errand.scopes().into_iter().filter_map(gate_of).collect()
    }
}

fn line_too_long(errand: &Errand, line: Duration) -> Failure {
    Failure {
        cause: Cause::Throttled,
        code: "RequestsQueued".into(),
        message: "the operator holds its requests back to stay below Azure's limits".into(),
        target: errand.target(),
        correlation_id: None,
        retry_after: Some(line),
    }
}

/// A panic elsewhere leaves numbers that are still numbers.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leave to send one request. Dropped unspent, it is as if it had never been asked for.
#[derive(Debug)]
pub(super) struct Slot {
    clock: Clock,
    errand: Errand,
    gates: Vec<Arc<Gate>>,
}

impl Slot {
    pub(super) fn errand(&self) -> &Errand {
        &self.errand
    }

    /// The request leaves now.
    pub(super) fn spend(mut self) -> Errand {
        let now = self.clock.elapsed();
        for gate in self.gates.drain(..) {
            gate.bucket().spend(now);
        }
        self.errand.clone()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        for gate in &self.gates {
            gate.bucket().give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future::join_all};

    use super::*;
    use crate::domain::names::{IdentityId, PoolId, SubscriptionId};

    const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

    fn subscription() -> SubscriptionId {
        SubscriptionId::parse(SUBSCRIPTION).unwrap()
    }

    fn identity(name: &str) -> IdentityId {
        IdentityId::new(subscription(), "builds", name).unwrap()
    }

    fn pacing(scale: f64) -> Pacing {
        Pacing::new(Clock::scaled(scale), Metrics::new().unwrap())
    }

    /// A slot for which nobody has to wait.
    fn at_once(pacing: &Pacing, errand: Errand) -> Option<Slot> {
        tokio::task::unconstrained(pacing.slot(errand)).now_or_never()?.ok()
    }

    fn throttled(message: &str, seconds: u64) -> Failure {
        Failure {
            cause: Cause::Throttled,
            code: "TooManyRequests".into(),
            message: message.into(),
            target: "another".into(),
            correlation_id: None,
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[tokio::test]
    async fn a_second_write_waits_for_the_provider() {
        let pacing = pacing(100.0);
        let first = at_once(&pacing, Errand::WriteIdentity(identity("agent"))).unwrap();
        let started = pacing.clock.elapsed();
        first.spend();
        pacing.slot(Errand::WriteIdentity(identity("agent"))).await.unwrap();
        assert!(pacing.clock.elapsed().saturating_sub(started) >= Duration::from_secs(4));
    }

    #[tokio::test]
    async fn a_free_slot_is_had_at_once_or_not_at_all() {
        let pacing = pacing(1.0);
        let write = || Errand::WriteIdentity(identity("agent"));
        pacing.free_slot(write()).expect("an unused one leaves the next").errand();
        let first = pacing.free_slot(write()).unwrap();
        assert!(pacing.free_slot(write()).is_none(), "set aside");
        first.spend();
        assert!(pacing.free_slot(write()).is_none(), "spent");
        let neighbour = || Errand::WriteIdentity(identity("neighbour"));
        pacing.pause(&neighbour(), &throttled("", 2));
        assert!(pacing.free_slot(neighbour()).is_none(), "paused");
    }

    #[tokio::test]
    async fn an_unused_slot_gives_its_token_back() {
        let pacing = pacing(1.0);
        for _ in 0..50 {
            at_once(&pacing, Errand::WriteIdentity(identity("agent"))).unwrap();
        }
    }

    #[tokio::test]
    async fn who_waits_for_a_slot_that_is_never_used_is_told() {
        let pacing = pacing(100.0);
        let _kept = pacing.slot(Errand::WriteIdentity(identity("agent"))).await.unwrap();
        let failure = pacing.slot(Errand::WriteIdentity(identity("agent"))).await.unwrap_err();
        assert_eq!(failure.code, "RequestsQueued");
    }

    #[tokio::test]
    async fn nobody_waits_behind_a_slower_identity() {
        let pacing = pacing(1.0);
        pacing.slot(Errand::ReadIdentity(identity("slow"))).await.unwrap().spend();
        let behind = pacing.slot(Errand::ReadIdentity(identity("slow")));
        let beside = async {
            tokio::task::yield_now().await;
            at_once(&pacing, Errand::ReadIdentity(identity("other"))).is_some()
        };
        let passed = tokio::select! { _ = behind => None, passed = beside => Some(passed) };
        assert_eq!(passed, Some(true));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_told_at_once() {
        let pacing = pacing(100.0);
        let ask = || pacing.slot(Errand::ReadIdentity(identity("agent")));
        let slots = join_all((0..20).map(|_| async { ask().await.map(Slot::spend) })).await;
        let failures: Vec<_> = slots.into_iter().filter_map(Result::err).collect();
        assert!(!failures.is_empty());
        assert!(failures.iter().all(|failure| failure.cause == Cause::Throttled
            && failure.retry_after.is_some_and(|wait| wait >= PATIENCE_IN_LINE)));
    }

    #[tokio::test]
    async fn a_pause_holds_for_the_scope_that_azure_names_else_for_the_subscription() {
        let read = || Errand::ReadIdentity(identity("agent"));
        let neighbour = || Errand::ReadIdentity(identity("neighbour"));
        let elsewhere = || {
            let other = SubscriptionId::parse("99999999-2222-3333-4444-555555555555").unwrap();
            Errand::ReadSubscription(other)
        };
        let this_identity = format!("too many for {}", identity("AGENT"));
        for (message, holds_for_neighbour, holds_elsewhere) in [
            (this_identity.as_str(), false, false),
            ("number of 'read' requests for subscription 'x' exceeded", true, false),
            ("no scope at all", true, false),
            ("number of 'read' requests for tenant 'x' exceeded", true, true),
        ] {
            let pacing = pacing(1.0);
            pacing.pause(&read(), &throttled(message, 60));
            let failure = pacing.slot(read()).await.unwrap_err();
            assert_eq!(failure.cause, Cause::Throttled);
            assert_eq!(failure.target, identity("agent").to_string());
            assert!(failure.retry_after.is_some_and(|left| left > Duration::from_secs(50)));
            assert_eq!(pacing.slot(neighbour()).await.is_err(), holds_for_neighbour, "{message}");
            assert_eq!(pacing.slot(elsewhere()).await.is_err(), holds_elsewhere, "{message}");
        }
    }

    #[tokio::test]
    async fn an_outage_that_tells_its_end_holds_for_the_one_resource_that_was_asked_for() {
        let pacing = pacing(1.0);
        let read = || Errand::ReadIdentity(identity("agent"));
        let outage = Failure { cause: Cause::Unavailable, ..throttled("back in an hour", 3600) };
        pacing.pause(&read(), &outage);
        assert_eq!(pacing.slot(read()).await.unwrap_err().cause, Cause::Unavailable);
        pacing.pause(&Errand::ReadSubscription(subscription()), &outage);
        assert!(pacing.slot(Errand::ReadIdentity(identity("neighbour"))).await.is_ok());
    }

    #[tokio::test]
    async fn a_pause_for_one_pool_holds_up_no_other() {
        let pool = |name: &str| PoolId::new(subscription(), "builds", name).unwrap();
        let pacing = pacing(1.0);
        let write = Errand::WritePool(pool("linux"));
        pacing.pause(&write, &throttled(&format!("too many for {}", pool("LINUX")), 60));
        assert!(pacing.slot(write).await.is_err());
        assert!(pacing.slot(Errand::ReadPool(pool("linux"))).await.is_err());
        for errand in [
            Errand::WritePool(pool("windows")),
            Errand::ReadPool(pool("windows")),
            Errand::ListPools(subscription()),
            Errand::ReadIdentity(identity("agent")),
        ] {
            assert!(pacing.slot(errand.clone()).await.is_ok(), "{errand:?}");
        }
    }

    #[tokio::test]
    async fn pools_have_the_buckets_of_resource_manager_and_no_pool_its_own() {
        let pool = || PoolId::new(subscription(), "builds", "linux").unwrap();
        for (errand, holds) in [(Errand::ReadPool(pool()), 240), (Errand::WritePool(pool()), 196)] {
            // So slow that nothing flows in meanwhile.
            let pacing = pacing(0.001);
            for _ in 0..holds {
                at_once(&pacing, errand.clone()).unwrap_or_else(|| panic!("{errand:?}")).spend();
            }
            assert!(at_once(&pacing, errand.clone()).is_none(), "{errand:?}");
        }
    }

    #[tokio::test]
    async fn a_short_pause_is_waited_for() {
        let pacing = pacing(4.0);
        let read = || Errand::ReadSubscription(subscription());
        pacing.pause(&read(), &throttled("", 2));
        let started = pacing.clock.elapsed();
        pacing.slot(read()).await.unwrap();
        assert!(pacing.clock.elapsed().saturating_sub(started) >= Duration::from_millis(1900));
    }

    #[tokio::test]
    async fn a_shorter_pause_does_not_end_a_longer() {
        let pacing = pacing(1.0);
        let read = || Errand::ReadSubscription(subscription());
        pacing.pause(&read(), &throttled("", 30));
        pacing.pause(&read(), &throttled("", 1));
        assert!(pacing.slot(read()).await.is_err());
    }
}
