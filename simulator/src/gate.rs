//! Gates: a request stands at one until somebody lets it go on, so that a test can say "between the read and the write".
//!
//! Must never hold a request that nobody can let go: a gate whose handle is dropped stands open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

/// How long a tester waits for a request that never comes.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a gate stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GateState {
    /// Whether requests pass.
    pub open: bool,
    /// How many requests stand there.
    pub waiting: u64,
    /// How many have come, those that went on included.
    pub arrived: u64,
}

/// All gates of one simulator, by name. A name that nobody has asked for yet is a closed gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(Arc<Mutex<HashMap<String, watch::Sender<GateState>>>>);

/// A place at a gate, given up when the request goes on or its client does.
struct Place(watch::Sender<GateState>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.waiting -= 1);
    }
}

impl Gates {
    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<GateState>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self, name: &str) -> watch::Sender<GateState> {
        self.all().entry(name.to_owned()).or_insert_with(|| watch::Sender::new(GateState::default())).clone()
    }

    /// Stands at a gate until it is open.
    pub(crate) async fn pass(&self, name: &str) {
        let gate = self.gate(name);
        gate.send_modify(|state| {
            state.waiting += 1;
            state.arrived += 1;
        });
        let place = Place(gate);
        // An error means that the gate is gone, which is as good as open.
        let _ = place.0.subscribe().wait_for(|state| state.open).await;
    }

    /// Opens a gate, whether requests stand there or are still to come.
    pub(crate) fn open(&self, name: &str) {
        self.gate(name).send_modify(|state| state.open = true);
    }

    /// How each gate stands, in the order of their names.
    pub(crate) fn states(&self) -> Vec<(String, GateState)> {
        let mut states: Vec<_> =
            self.all().iter().map(|(name, gate)| (name.clone(), *gate.borrow())).collect();
        states.sort_by(|(one, _), (other, _)| one.cmp(other));
        states
    }

    pub(crate) fn handle(&self, name: &str) -> Gate {
        Gate { gates: self.clone(), name: name.to_owned() }
    }
}

/// A tester's hand on a gate. Dropped, it leaves the gate open.
#[derive(Debug)]
pub struct Gate {
    gates: Gates,
    name: String,
}

impl Gate {
    /// Waits until a request stands at the gate, or has come to it.
    ///
    /// # Panics
    /// None comes within a minute.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// The same for so many requests.
    ///
    /// # Panics
    /// Fewer come within a minute.
    pub async fn reached_by(&self, count: u64) {
        let mut state = self.gates.gate(&self.name).subscribe();
        let reached = state.wait_for(|state| state.arrived >= count);
        let come = tokio::time::timeout(PATIENCE, reached).await.is_ok_and(|state| state.is_ok());
        assert!(come, "fewer than {count} requests came to the gate {:?} within {PATIENCE:?}", self.name);
    }

    /// How the gate stands.
    pub fn state(&self) -> GateState {
        *self.gates.gate(&self.name).borrow()
    }

    /// Lets everybody through from here on.
    pub fn open(&self) {
        self.gates.open(&self.name);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
