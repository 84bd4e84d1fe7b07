//! What the process says about itself to the kubelet.
//!
//! *Alive* means that the main loop still turns: only what a restart would cure belongs there, so neither Azure nor the
//! API server. *Ready* means that nothing is missing, and what is missing has a name.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

/// How often the main loop shows that it turns.
const BEAT: Duration = Duration::from_secs(2);
/// How long it may be silent: far more than a pass may block it, less than the kubelet's patience.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has to be so before the process is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The API server knows the kind.
    CrdInstalled,
    /// All objects have been seen once.
    FirstListDone,
    /// No watch fails again and again.
    Watching,
    /// Nobody has asked the process to end.
    NotShuttingDown,
}

impl Gate {
    /// What `/readyz` says while the gate is closed.
    pub const fn missing(self) -> &'static str {
        match self {
            Self::CrdInstalled => "crd",
            Self::FirstListDone => "first list",
            Self::Watching => "watch",
            Self::NotShuttingDown => "shutting down",
        }
    }
}

/// Shared by those who know and the server that tells.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    closed: Vec<Gate>,
    last_beat: Instant,
}

impl Default for Health {
    fn default() -> Self {
        let closed = vec![Gate::CrdInstalled, Gate::FirstListDone];
        Self(Arc::new(Mutex::new(State { closed, last_beat: Instant::now() })))
    }
}

impl Health {
    /// From now on this is so.
    pub fn open(&self, gate: Gate) {
        self.with(|state| state.closed.retain(|closed| *closed != gate));
    }

    /// From now on this is not so.
    pub fn close(&self, gate: Gate) {
        self.with(|state| {
            if !state.closed.contains(&gate) {
                state.closed.push(gate);
            }
        });
    }

    /// What keeps the process from being ready.
    pub fn missing(&self) -> Vec<Gate> {
        self.with(|state| state.closed.clone())
    }

    /// Whether the main loop still turns.
    pub fn is_alive(&self) -> bool {
        self.with(|state| state.last_beat.elapsed() < PATIENCE)
    }

    /// Does the main work and shows that it goes on: a beat comes only if the very task that does the work is free to
    /// turn, so a reconciler that blocks its thread stops the beat too.
    pub async fn beat_during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                output = &mut work => return output,
                _ = beats.tick() => self.with(|state| state.last_beat = Instant::now()),
            }
        }
    }

    /// A panic while the lock was held has left nothing half done: every change is one step.
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn after_silence_of(silence: Duration) -> Self {
        let health = Self::default();
        health.with(|state| state.last_beat = Instant::now().checked_sub(silence).unwrap());
        health
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_names_itself_until_it_is_opened() {
        let health = Health::default();
        health.open(Gate::CrdInstalled);
        assert_eq!(health.missing(), [Gate::FirstListDone]);
        health.open(Gate::FirstListDone);
        assert_eq!(health.missing(), []);
        health.close(Gate::NotShuttingDown);
        health.close(Gate::NotShuttingDown);
        assert_eq!(health.missing(), [Gate::NotShuttingDown]);
    }

    #[tokio::test]
    async fn a_silent_loop_is_dead_until_it_turns_again() {
        let health = Health::after_silence_of(PATIENCE);
        assert!(!health.is_alive());
        health.beat_during(tokio::time::sleep(Duration::from_millis(5))).await;
        assert!(health.is_alive());
    }
}
