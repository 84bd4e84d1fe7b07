//! The whole state of one simulator behind one lock, and the guarded way to it.
//!
//! The lock must never be held across an `await`: a slow answer must not stop the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::course::Schedule;
use crate::fault::Fault;
use crate::gate::Gates;
use crate::guids::Guids;
use crate::hand::Hand;
use crate::journal::{Journal, LoggedRequest};
use crate::operations::Operations;
use crate::registrations::Registrations;
use crate::replicas::Replicas;
use crate::settings::Settings;
use crate::throttle::Throttle;
use crate::token::Signer;
use crate::world::{Identity, Names, Pool, World, WorldError};

/// Where the services listen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) authority: String,
    pub(crate) metadata: String,
    pub(crate) resource_manager: String,
    pub(crate) devops: String,
    pub(crate) admin: String,
}

/// What reads see of each kind of thing.
#[derive(Debug, Default)]
pub(crate) struct AllReplicas {
    pub(crate) identities: Replicas<Identity>,
    pub(crate) pools: Replicas<Pool>,
}

/// Everything that the services work on.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    pub(crate) script: Vec<Fault>,
    pub(crate) journal: Journal,
    pub(crate) throttle: Throttle,
    pub(crate) replicas: AllReplicas,
    pub(crate) operations: Operations,
    pub(crate) registrations: Registrations,
    /// Until when another write of a federated credential counts as concurrent, by identity.
    pub(crate) credential_writes: Names<Timestamp>,
    pub(crate) schedule: Schedule,
    pub(crate) request_ids: Guids,
    pub(crate) signer: Signer,
    pub(crate) clock: Clock,
    pub(crate) addresses: Addresses,
}

/// A shared handle to the state of a running simulator.
#[derive(Clone, Debug)]
pub struct State {
    simulation: Arc<Mutex<Simulation>>,
    /// Beside the simulation: who stands at a gate must not hold it.
    gates: Gates,
}

impl State {
    pub(crate) fn new(simulation: Simulation) -> Self {
        Self { simulation: Arc::new(Mutex::new(simulation)), gates: Gates::default() }
    }

    pub(crate) fn gates(&self) -> &Gates {
        &self.gates
    }

    /// The state of now: whatever was due by now has happened before anybody looks.
    pub(crate) fn hold(&self) -> MutexGuard<'_, Simulation> {
        let mut simulation = self.simulation.lock().unwrap_or_else(PoisonError::into_inner);
        simulation.catch_up();
        simulation
    }

    /// Looks at the world, or changes it, while no request is being carried out.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.hold().world)
    }

    /// Replaces the whole world. Older states and running operations are forgotten, the sequence of GUIDs goes on.
    pub fn replace_world(&self, newer: World) {
        let mut simulation = self.hold();
        simulation.world.replace_with(newer);
        simulation.replicas = AllReplicas::default();
        simulation.operations = Operations::default();
        simulation.registrations = Registrations::default();
        simulation.credential_writes.clear();
    }

    /// Changes the settings.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.hold().settings);
    }

    /// The settings as they are.
    pub fn settings(&self) -> Settings {
        self.hold().settings.clone()
    }

    /// Lets an outside hand act.
    pub fn act(&self, hand: &Hand) -> Result<(), WorldError> {
        hand.act(&mut self.hold().world)
    }

    /// Adds a fault to the script.
    pub fn script(&self, fault: Fault) {
        self.hold().script.push(fault);
    }

    /// The script, with the number of requests that each fault has seen.
    pub fn faults(&self) -> Vec<Fault> {
        self.hold().script.clone()
    }

    /// Empties the script.
    pub fn clear_faults(&self) {
        self.hold().script.clear();
    }

    /// The request log.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.hold().journal.entries().to_vec()
    }

    /// The request log after an entry's number.
    pub fn log_after(&self, seq: u64) -> Vec<LoggedRequest> {
        self.hold().journal.entries().iter().filter(|entry| entry.seq > seq).cloned().collect()
    }

    /// Empties the request log in memory; the numbers go on.
    pub fn clear_log(&self) {
        self.hold().journal.clear();
    }

    /// The simulated clock.
    pub fn clock(&self) -> Clock {
        self.hold().clock.clone()
    }
}
