//! Long-running operations on pools: what each will come to, and for how long its addresses answer.
//!
//! Must never decide what an operation comes to: that is settled when it begins, so that a run repeats.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::world::{Name, Pool, ProvisioningState};

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) pool: Name,
    pub(crate) kind: Kind,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) valid_until: Timestamp,
    pub(crate) end: End,
    pub(crate) status: Status,
}

/// What is done to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Creation,
    Update,
    Deletion,
}

impl Kind {
    /// The state that the pool shows meanwhile.
    pub(crate) fn running(self) -> ProvisioningState {
        match self {
            Self::Creation => ProvisioningState::Provisioning,
            Self::Update => ProvisioningState::Updating,
            Self::Deletion => ProvisioningState::Deleting,
        }
    }
}

/// What an operation comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) leaves: Leaves,
    pub(crate) failure: Option<Failure>,
}

/// What is there after an operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Leaves {
    /// The pool as it is by then.
    AsItIs,
    /// This pool.
    Pool(Box<Pool>),
    /// No pool.
    Nothing,
}

/// Why an operation fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// How far an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Succeeded,
    Failed(Failure),
    /// Its pool was taken out of its hands.
    Canceled,
}

/// All operations by id.
#[derive(Debug, Default)]
pub(crate) struct Operations(BTreeMap<String, Operation>);

impl Operations {
    /// Adds an operation. One that ran on the same pool has lost it.
    pub(crate) fn begin(&mut self, id: &str, operation: Operation) {
        for older in self.0.values_mut() {
            if older.status == Status::Running && older.pool == operation.pool {
                older.status = Status::Canceled;
            }
        }
        self.0.insert(id.to_owned(), operation);
    }

    /// An operation whose addresses still answer.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<&Operation> {
        self.0.get(id).filter(|operation| now < operation.valid_until)
    }

    /// The running operation that ends first, if it has ended by now.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        self.0
            .iter()
            .filter(|(_, operation)| operation.status == Status::Running && operation.ends <= now)
            .map(|(id, operation)| (operation.ends, id.clone()))
            .min()
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.0.get_mut(id)
    }
}
