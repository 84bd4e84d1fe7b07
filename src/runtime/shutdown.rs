//! The end of the process.
//!
//! ```text
//! SIGTERM or SIGINT ── unready ── no new work ── running passes end, or the deadline comes ── exit 0
//!                └── a second signal ── exit 1 at once
//! ```
//! Leaving a pass in the middle is safe (whatever must be remembered is written ahead), only slower to pick up.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::health::{Gate, Health};

/// How long running passes may take to end: the pod has 30 s until it is killed.
const DRAIN: Duration = Duration::from_secs(25);

/// Tells when the process is to end. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Shutdown {
    begun: watch::Receiver<bool>,
    patience: Duration,
}

impl Shutdown {
    /// Listens to signals from here on.
    ///
    /// # Errors
    /// The system takes no signal handler.
    pub fn on_signal(health: Health) -> io::Result<Self> {
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        let (stop, begun) = watch::channel(false);
        tokio::spawn(async move {
            let name = signals.next().await;
            health.close(Gate::NotShuttingDown);
            tracing::info!(
                signal = name,
                "shutting down: running passes may end; a second signal ends at once"
            );
            stop.send_replace(true);
            let name = signals.next().await;
            tracing::warn!(signal = name, "ended by a second signal");
            std::process::exit(1);
        });
        Ok(Self { begun, patience: DRAIN })
    }

    /// Waits until the process is to end.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + Sync + 'static {
        let mut begun = self.begun.clone();
        async move {
            // An error means that nobody can begin it any more; then it never begins.
            if begun.wait_for(|begun| *begun).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits for `work`, which ends by itself once shutdown has begun; not longer than the deadline.
    pub async fn drain<T>(&self, work: impl Future<Output = T>) -> Drained<T> {
        let deadline = async {
            self.begun().await;
            tokio::time::sleep(self.patience).await;
        };
        tokio::select! {
            output = work => Drained::Whole(output),
            () = deadline => Drained::Cut,
        }
    }

    /// Waits for `work`, unless shutdown begins first: for waiting that nothing depends on.
    pub async fn unless_begun<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            output = work => Some(output),
            () = self.begun() => None,
        }
    }
}

/// How work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained<T> {
    /// By itself.
    Whole(T),
    /// It was left in the middle.
    Cut,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_may_end_within_the_deadline_and_is_left_after_it() {
        let (stop, begun) = watch::channel(false);
        let shutdown = Shutdown { begun, patience: Duration::from_millis(200) };
        let quick = || tokio::time::sleep(Duration::from_millis(1));
        assert_eq!(shutdown.drain(quick()).await, Drained::Whole(()));
        assert_eq!(shutdown.unless_begun(quick()).await, Some(()));
        stop.send_replace(true);
        shutdown.begun().await;
        assert_eq!(shutdown.drain(quick()).await, Drained::Whole(()));
        assert_eq!(shutdown.drain(std::future::pending::<()>()).await, Drained::Cut);
        assert_eq!(shutdown.unless_begun(std::future::pending::<()>()).await, None);
    }
}
