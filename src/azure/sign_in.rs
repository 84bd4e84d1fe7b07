//! The token of each credential: asked for once, shared by all, and asked for again only when it may work.
//!
//! A failed sign-in is one for everybody: it is told without another request until its back-off is over, so that a
//! thousand objects with a wrong secret do not hammer Entra. A token that still holds outlives a failed renewal. The first
//! request that Azure takes after a failed sign-in is news for all who were told of the failure. Must never show a token.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use azure_core::credentials::Secret;
use tokio::sync::watch;

use super::credential::CredentialKey;
use crate::{domain::failure::Failure, runtime::clock::Clock};

/// A token is renewed this long before its end.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// With less left, a request might reach Azure after the end.
const TOO_LATE: Duration = Duration::from_mins(1);
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);

/// A token for Resource Manager.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// In real time: it is Entra's.
    pub(super) expires: SystemTime,
}

impl Token {
    fn holds_for(&self, time: Duration) -> bool {
        self.expires.duration_since(SystemTime::now()).is_ok_and(|left| left > time)
    }
}

/// Where tokens come from. Each call is one request.
#[async_trait]
pub(super) trait TokenSource: fmt::Debug + Send + Sync {
    async fn sign_in(&self) -> Result<Token, Failure>;
}

/// All credentials.
#[derive(Debug)]
pub(super) struct SignIns {
    operator: SignIn,
}

impl SignIns {
    pub(super) fn new(operator: SignIn) -> Self {
        Self { operator }
    }

    pub(super) fn of(&self, key: &CredentialKey) -> &SignIn {
        match key {
            CredentialKey::Operator => &self.operator,
        }
    }
}

/// One credential.
#[derive(Debug)]
pub(super) struct SignIn {
    source: Box<dyn TokenSource>,
    clock: Clock,
    held: Mutex<Option<Token>>,
    /// Held by the one that signs in; the others wait.
    turn: tokio::sync::Mutex<BackOff>,
    /// A sign-in has failed since Azure last took a request.
    troubled: AtomicBool,
    /// How often it has worked again.
    works_again: watch::Sender<u64>,
}

impl SignIn {
    pub(super) fn new(source: Box<dyn TokenSource>, clock: Clock) -> Self {
        Self {
            source,
            clock,
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            troubled: AtomicBool::new(false),
            works_again: watch::Sender::new(0),
        }
    }

    /// Azure has taken a request with a token of ours.
    pub(super) fn taken(&self) {
        if self.troubled.swap(false, Ordering::Relaxed) {
            self.works_again.send_modify(|times| *times += 1);
        }
    }

    /// Tells each time that signing in works again.
    pub(super) fn works_again(&self) -> watch::Receiver<u64> {
        self.works_again.subscribe()
    }

    fn failed(&self, back_off: &mut BackOff, failure: Failure) -> Failure {
        self.troubled.store(true, Ordering::Relaxed);
        back_off.failed(failure, self.clock.elapsed())
    }

    /// A token that holds, or why there is none.
    pub(super) async fn token(&self) -> Result<Token, Failure> {
        let mut back_off = match self.now_held() {
            Some(token) if token.holds_for(RENEW_BEFORE) => return Ok(token),
            // Somebody renews it already: nobody needs to wait for that.
            Some(token) if token.holds_for(TOO_LATE) => match self.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(token),
            },
            Some(_) | None => self.turn.lock().await,
        };
        let old = self.now_held();
        if let Some(token) = old.as_ref().filter(|token| token.holds_for(RENEW_BEFORE)) {
            return Ok(token.clone());
        }
        let failure = match back_off.pending(self.clock.elapsed()) {
            Some(failure) => failure,
            None => match self.source.sign_in().await {
                Ok(token) => {
                    *back_off = BackOff::default();
                    *self.held() = Some(token.clone());
                    return Ok(token);
                }
                Err(failure) => self.failed(&mut back_off, failure),
            },
        };
        old.filter(|token| token.holds_for(TOO_LATE)).ok_or(failure)
    }

    /// Azure does not take this token: the next caller gets another.
    pub(super) fn forget(&self, token: &Token) {
        let mut held = self.held();
        if held.as_ref().is_some_and(|it| it.secret.secret() == token.secret.secret()) {
            *held = None;
        }
    }

    /// Azure does not take a token that is new: asking for more of them would not help, so this is a failed sign-in.
    pub(super) async fn refuse(&self, token: &Token, failure: Failure) -> Failure {
        let mut back_off = self.turn.lock().await;
        self.forget(token);
        self.failed(&mut back_off, failure)
    }

    /// What is held now. A copy: the lock must not be kept while waiting for Entra.
    fn now_held(&self) -> Option<Token> {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Option<Token>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failures in a row.
#[derive(Debug, Default)]
struct BackOff {
    failures: u32,
    last: Option<(Failure, Duration)>,
}

impl BackOff {
    /// The last failure, while it is not to be tried again; with what is left of the wait.
    fn pending(&self, now: Duration) -> Option<Failure> {
        let (failure, until) = self.last.as_ref()?;
        let left = until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Failure { retry_after: Some(left), ..failure.clone() })
    }

    /// Takes note of a failure, and says how long it holds. What Entra asks for counts more than our own back-off.
    fn failed(&mut self, failure: Failure, now: Duration) -> Failure {
        let own = FIRST_BACK_OFF.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_BACK_OFF);
        let wait = failure.retry_after.unwrap_or(own);
        self.failures = self.failures.saturating_add(1);
        let failure = Failure { retry_after: Some(wait), ..failure };
        self.last = Some((failure.clone(), now.saturating_add(wait)));
        failure
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, atomic::AtomicU32},
    };

    use futures::future::join_all;

    use super::*;
    use crate::domain::failure::Cause;

    #[derive(Debug, Clone, Default)]
    struct Script {
        answers: Arc<Mutex<VecDeque<Result<Token, Failure>>>>,
        asked: Arc<AtomicU32>,
    }

    impl Script {
        fn sign_in(answers: impl IntoIterator<Item = Result<Token, Failure>>, scale: f64) -> (SignIn, Self) {
            let script =
                Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() };
            (SignIn::new(Box::new(script.clone()), Clock::scaled(scale)), script)
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl TokenSource for Script {
        async fn sign_in(&self) -> Result<Token, Failure> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answers.lock().unwrap().pop_front().expect("one request too many")
        }
    }

    fn token(secret: &'static str, lives: Duration) -> Token {
        Token { secret: Secret::new(secret), expires: SystemTime::now() + lives }
    }

    fn refused(retry_after: Option<Duration>) -> Failure {
        Failure {
            cause: Cause::SignInFailed(Some("AADSTS7000215".into())),
            code: "AADSTS7000215".into(),
            message: "invalid client secret".into(),
            target: "authority".into(),
            correlation_id: None,
            retry_after,
        }
    }

    #[tokio::test]
    async fn a_hundred_callers_make_one_request() {
        let (sign_in, script) = Script::sign_in([Ok(token("a", Duration::from_hours(1)))], 1.0);
        for result in join_all((0..100).map(|_| sign_in.token())).await {
            assert_eq!(result.unwrap().secret.secret(), "a");
        }
        assert_eq!(script.asked(), 1);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_without_another_request_until_its_time() {
        let good = token("a", Duration::from_hours(1));
        let (sign_in, script) = Script::sign_in([Err(refused(None)), Ok(good)], 100.0);
        for result in join_all((0..100).map(|_| sign_in.token())).await {
            let failure = result.unwrap_err();
            assert_eq!(failure.code, "AADSTS7000215");
            assert!(failure.retry_after.is_some_and(|wait| wait <= FIRST_BACK_OFF));
        }
        assert_eq!(script.asked(), 1);
        sign_in.clock.sleep(FIRST_BACK_OFF).await;
        assert!(sign_in.token().await.is_ok());
    }

    #[test]
    fn the_back_off_doubles_to_five_minutes_and_obeys_entra() {
        let mut back_off = BackOff::default();
        let now = Duration::from_secs(7);
        for expected in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(back_off.failed(refused(None), now).retry_after, Some(Duration::from_secs(expected)));
        }
        let asked = Some(Duration::from_secs(42));
        assert_eq!(back_off.failed(refused(asked), now).retry_after, asked);
        assert_eq!(back_off.pending(now).unwrap().retry_after, asked);
        assert!(back_off.pending(now + Duration::from_secs(42)).is_none());
    }

    #[tokio::test]
    async fn a_token_that_still_holds_outlives_a_failed_renewal() {
        let old = token("old", Duration::from_mins(4));
        let (sign_in, script) = Script::sign_in([Ok(old), Err(refused(None))], 1.0);
        for _ in 0..3 {
            assert_eq!(sign_in.token().await.unwrap().secret.secret(), "old");
        }
        assert_eq!(script.asked(), 2);
    }

    #[tokio::test]
    async fn a_forgotten_token_is_replaced_once() {
        let (old, new) = (token("old", Duration::from_hours(1)), token("new", Duration::from_hours(1)));
        let (sign_in, script) = Script::sign_in([Ok(old.clone()), Ok(new)], 1.0);
        sign_in.token().await.unwrap();
        for _ in 0..10 {
            sign_in.forget(&old);
            assert_eq!(sign_in.token().await.unwrap().secret.secret(), "new");
        }
        assert_eq!(script.asked(), 2);
    }

    #[tokio::test]
    async fn a_new_token_that_azure_refuses_is_a_failed_sign_in() {
        let bad = token("bad", Duration::from_hours(1));
        let (sign_in, script) = Script::sign_in([Ok(bad.clone())], 1.0);
        sign_in.token().await.unwrap();
        sign_in.refuse(&bad, refused(None)).await;
        assert!(sign_in.token().await.is_err());
        assert_eq!(script.asked(), 1);
    }

    #[test]
    fn shows_no_token() {
        let shown = format!("{:?}", token("s3cr3t", Duration::ZERO));
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
