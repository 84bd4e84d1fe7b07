//! Around each pass: a place to work, a deadline, a net for panics, the counters, and the pace of what comes next.
//!
//! Nothing that goes wrong with one object may end the process or hold up another.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};
use tracing::Instrument as _;

use super::{
    Guarded, Operator,
    object::{Subject, WriteError, read},
    turns::Turn,
};
use crate::{
    domain::{
        desired::{Desired, named_identity},
        failure::Class,
        names::{IdentityId, ObjectKey},
        schedule::{Outcome, first_look, next_look},
    },
    runtime::metrics,
};

/// No pass takes longer, in real time; what it was waiting for is looked at anew by the next one.
const DEADLINE: Duration = Duration::from_mins(2);
/// So long before the deadline no write to Azure is begun any more: there is time for its answer and for what that teaches.
const LAST_WRITE: Duration = Duration::from_secs(50);
/// How soon to ask again whether all first lists are there, in real time.
const LISTS_PENDING: Duration = Duration::from_millis(500);

/// How a pass ended, as far as the pace depends on it.
enum Ended {
    With(Outcome),
    /// The object is gone.
    Gone,
    /// The API server did not take a write.
    Failed(WriteError),
    /// It took too long.
    TimedOut,
    Panicked,
}

/// One pass over one object, as the watch asks for it. Never fails: what went wrong is told, counted and paced here.
pub(super) async fn attempt(stored: Arc<Guarded>, operator: Arc<Operator>) -> Result<Action, Infallible> {
    let key = ObjectKey::new(stored.namespace().unwrap_or_default(), stored.name_any());
    if !operator.knows_all_objects() {
        return Ok(Action::requeue(LISTS_PENDING));
    }
    if let Some(later) = operator.spread_first_look(&stored) {
        return Ok(Action::requeue(later));
    }
    let Ok(_place) = operator.workers.acquire().await else { return Ok(Action::await_change()) };
    let span = tracing::info_span!(
        "pass",
        namespace = key.namespace,
        name = key.name,
        uid = stored.uid(),
        generation = stored.meta().generation,
        id = %uuid::Uuid::new_v4(),
    );
    let counted = operator.metrics.pass();
    let pass = async {
        // The wait for the turn has a time of its own: whoever waited long has as much left for the pass as others.
        match tokio::time::timeout(DEADLINE, operator.turn_of(&stored)).await {
            Ok(turn) => guarded(operator.look(turn, &key), DEADLINE).await,
            Err(_elapsed) => Ended::TimedOut,
        }
    };
    let ended = Box::pin(pass).instrument(span.clone()).await;
    let _in_span = span.enter();
    let (result, action) = operator.pace(&stored, ended);
    counted.end(result);
    Ok(action)
}

/// A pass within its deadline, and a panic as one more way to end.
async fn guarded(pass: impl Future<Output = Result<Outcome, WriteError>>, deadline: Duration) -> Ended {
    match tokio::time::timeout(deadline, AssertUnwindSafe(pass).catch_unwind()).await {
        Ok(Ok(Ok(outcome))) => Ended::With(outcome),
        Ok(Ok(Err(WriteError::Gone))) => Ended::Gone,
        Ok(Ok(Err(overtaken @ (WriteError::Conflict | WriteError::NotSent(_))))) => {
            tracing::debug!(why = %overtaken, "the pass begins anew");
            Ended::With(Outcome::Again)
        }
        Ok(Ok(Err(error @ WriteError::Api(_)))) => Ended::Failed(error),
        Ok(Err(_panic)) => Ended::Panicked,
        Err(_elapsed) => Ended::TimedOut,
    }
}

impl Operator {
    /// The turn of the identity that an object names, as far as the store knows, which cannot change.
    async fn turn_of(&self, stored: &Guarded) -> Option<(IdentityId, Turn)> {
        let identity = named_identity(stored.0.as_ref().ok()?).ok()?;
        let turn = self.turns.take(&identity).await;
        Some((identity, turn))
    }

    /// In its turn: what is read from here on, the object before all, is what the pass decides on.
    async fn look(&self, turn: Option<(IdentityId, Turn)>, key: &ObjectKey) -> Result<Outcome, WriteError> {
        let begins_before = Instant::now() + DEADLINE.saturating_sub(LAST_WRITE);
        let Some((guarded, read)) = read(&self.client, key).await? else { return Err(WriteError::Gone) };
        let object = match guarded.0 {
            Ok(object) => object,
            Err(invalid) => return self.unreadable(key, &invalid).await,
        };
        // Another object of the name may name another identity, whose turn this pass does not have.
        if named_identity(&object).ok().as_ref() != turn.as_ref().map(|(identity, _)| identity) {
            return Err(WriteError::Conflict);
        }
        let mut subject = Subject::new(&self.client, object, read, begins_before);
        if let Some(record) = self.memory.unstored_record(&subject.uid()) {
            self.store_record(&mut subject, &record).await?;
        }
        if subject.is_terminating() {
            Box::pin(self.farewell(subject)).await
        } else {
            Box::pin(self.reconcile(subject)).await
        }
    }

    /// When to look again, and how the pass counts.
    fn pace(&self, guarded: &Guarded, ended: Ended) -> (metrics::Outcome, Action) {
        let uid = guarded.uid().unwrap_or_default();
        let retry = |class| Outcome::Retrying { class, not_before: None };
        let (result, outcome) = match ended {
            Ended::Gone => {
                self.memory.forget(&uid);
                return (metrics::Outcome::Success, Action::await_change());
            }
            Ended::With(outcome @ Outcome::Settled) => (metrics::Outcome::RequeueAfter, outcome),
            Ended::With(outcome @ Outcome::Stalled) => (metrics::Outcome::TerminalError, outcome),
            Ended::With(outcome @ (Outcome::Settling | Outcome::Waiting(_) | Outcome::Again)) => {
                (metrics::Outcome::Requeue, outcome)
            }
            Ended::With(outcome @ Outcome::Retrying { .. }) => (metrics::Outcome::Error, outcome),
            Ended::Failed(error) => {
                tracing::warn!(%error, "the pass could not be finished");
                (metrics::Outcome::Error, retry(Class::Unavailable))
            }
            Ended::TimedOut => {
                tracing::warn!(
                    deadline_seconds = DEADLINE.as_secs(),
                    "the pass was given up at its deadline"
                );
                (metrics::Outcome::Error, retry(Class::Unavailable))
            }
            Ended::Panicked => {
                tracing::error!("the pass panicked: a bug; other objects are not affected");
                (metrics::Outcome::Panic, retry(Class::Unexpected))
            }
        };
        let attempts = match outcome {
            Outcome::Settled | Outcome::Stalled => {
                self.memory.reset_attempts(&uid);
                0
            }
            Outcome::Settling | Outcome::Waiting(_) | Outcome::Retrying { .. } | Outcome::Again => {
                self.memory.count_attempt(&uid)
            }
        };
        let interval =
            guarded.0.as_ref().ok().and_then(|object| Desired::of(object).ok()).map(|d| d.interval);
        let wait = next_look(outcome, interval.unwrap_or(Duration::from_mins(30)), attempts, rand::random());
        tracing::debug!(?outcome, attempts, wait_seconds = wait.as_secs(), "pass ended");
        (result, Action::requeue(self.clock.real_duration(wait)))
    }

    /// The first looks of a process do not come all at once, in the order of a list.
    fn spread_first_look(&self, guarded: &Guarded) -> Option<Duration> {
        if !self.memory.look(&guarded.uid().unwrap_or_default(), self.clock.elapsed()) {
            return None;
        }
        let object = guarded.0.as_ref().ok()?;
        let settled = object.metadata.deletion_timestamp.is_none()
            && object.status.as_ref().and_then(|status| status.observed_generation)
                == object.metadata.generation;
        let count: usize = self.stores.iter().map(kube::runtime::reflector::Store::len).sum();
        let wait = first_look(settled, count, rand::random());
        (wait > Duration::from_millis(200)).then(|| self.clock.real_duration(wait))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_pass_that_takes_too_long_is_given_up_at_its_deadline() {
        assert!(matches!(guarded(pending(), SOON).await, Ended::TimedOut));
    }

    #[tokio::test]
    async fn a_panic_in_one_object_ends_its_pass_and_nothing_else() {
        let pass = async { panic!("this object is poison") };
        assert!(matches!(guarded(pass, SOON).await, Ended::Panicked));
        assert!(matches!(guarded(async { Ok(Outcome::Settled) }, SOON).await, Ended::With(Outcome::Settled)));
    }

    #[tokio::test]
    async fn a_pass_that_was_overtaken_or_grew_old_is_begun_anew_and_is_no_failure() {
        use crate::runtime::leadership::NotSent;
        for overtaken in [
            WriteError::Conflict,
            NotSent::ReadTooOld.into(),
            NotSent::PassTooOld.into(),
            NotSent::NotPermitted.into(),
        ] {
            assert!(matches!(guarded(async { Err(overtaken) }, SOON).await, Ended::With(Outcome::Again)));
        }
    }
}
