//! Around each pass: a place to work, a deadline, a net for panics, the counters, and the pace of what comes next.
//!
//! Nothing that goes wrong with one object may end the process or hold up another.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use kube::{Resource as _, ResourceExt as _, runtime::controller::Action};
use tracing::Instrument as _;

use super::{
    Guarded, Operator,
    object::{Subject, WriteError, read},
};
use crate::{
    domain::{
        desired::Desired,
        failure::Class,
        names::ObjectKey,
        schedule::{Outcome, first_look, next_look},
    },
    runtime::metrics,
};

/// No pass takes longer, in real time; what it was waiting for is looked at anew by the next one.
const DEADLINE: Duration = Duration::from_mins(2);
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
pub(super) async fn attempt(guarded: Arc<Guarded>, operator: Arc<Operator>) -> Result<Action, Infallible> {
    let key = ObjectKey::new(guarded.namespace().unwrap_or_default(), guarded.name_any());
    if !operator.knows_all_objects() {
        return Ok(Action::requeue(LISTS_PENDING));
    }
    if let Some(later) = operator.spread_first_look(&guarded) {
        return Ok(Action::requeue(later));
    }
    let Ok(_place) = operator.workers.acquire().await else { return Ok(Action::await_change()) };
    let span = tracing::info_span!(
        "pass",
        namespace = key.namespace,
        name = key.name,
        uid = guarded.uid(),
        generation = guarded.meta().generation,
        id = %uuid::Uuid::new_v4(),
    );
    let counted = operator.metrics.pass();
    let ended = Box::pin(operator.look(&key)).instrument(span.clone()).await;
    let _in_span = span.enter();
    let (result, action) = operator.pace(&guarded, ended);
    counted.end(result);
    Ok(action)
}

impl Operator {
    async fn look(&self, key: &ObjectKey) -> Ended {
        let pass = AssertUnwindSafe(Box::pin(async {
            match read(&self.client, key).await.map_err(WriteError::from)? {
                None => Err(WriteError::Gone),
                Some(guarded) => match guarded.0 {
                    Ok(object) => {
                        let subject = Subject::new(&self.client, object);
                        if subject.is_terminating() {
                            Box::pin(self.farewell(subject)).await
                        } else {
                            Box::pin(self.reconcile(subject)).await
                        }
                    }
                    Err(invalid) => self.unreadable(key, &invalid).await,
                },
            }
        }))
        .catch_unwind();
        match tokio::time::timeout(DEADLINE, pass).await {
            Ok(Ok(Ok(outcome))) => Ended::With(outcome),
            Ok(Ok(Err(WriteError::Gone))) => Ended::Gone,
            Ok(Ok(Err(WriteError::Conflict))) => Ended::With(Outcome::Again),
            Ok(Ok(Err(error @ WriteError::Api(_)))) => Ended::Failed(error),
            Ok(Err(_panic)) => Ended::Panicked,
            Err(_elapsed) => Ended::TimedOut,
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
        if !self.memory.first_look(&guarded.uid().unwrap_or_default()) {
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
