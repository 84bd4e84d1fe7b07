//! THE SHELL: the Kubernetes side, around the pure core.
//!
//! ```text
//! watch ─► attempt ─► reconcile ─► observe ─► domain::plan ─► act ─┐
//!            │            ▲                                        │ until there is nothing left to do
//!            │            └────────────────────────────────────────┘
//!            └─► pace     report ◄─ domain::standing
//! ```
//!
//! Everything that can fail or wait is here; everything that decides is in [`crate::domain`].

mod act;
mod asks;
mod attempt;
mod authority;
mod deletion;
mod events;
mod farewell;
mod fences;
mod memory;
mod namesakes;
mod object;
mod observe;
mod pools;
mod reconcile;
mod siblings;
mod triggers;
mod turns;
mod unreadable;
mod watch;
mod watch_health;

use std::sync::Arc;

use kube::{
    Api, Client,
    core::{DeserializeGuard, DynamicObject},
    runtime::reflector::Store,
};
use tokio::sync::Semaphore;

use crate::{
    api::ManagedDevOpsIdentity,
    azure::Azure,
    domain::{
        cluster::ClusterIds,
        names::{IdentityId, PoolId},
    },
    runtime::{clock::Clock, leadership::Leadership, metrics::Metrics},
};

pub use watch::{Setup, run};

/// The watched kind. One object that cannot be read is one failed pass, not a broken watch.
type Guarded = DeserializeGuard<ManagedDevOpsIdentity>;

/// What all passes share.
pub struct Operator {
    client: Client,
    azure: Azure,
    leadership: Arc<Leadership>,
    clock: Clock,
    metrics: Metrics,
    cluster: ClusterIds,
    fencing: fences::Fencing,
    /// The watched namespaces, for what must be read from the API server itself.
    watched: Vec<Api<DynamicObject>>,
    stores: Vec<Store<Guarded>>,
    asks: asks::Asks,
    watching: watch_health::WatchHealth,
    namesakes: namesakes::Namesakes,
    memory: memory::Memory,
    turns: turns::Turns<IdentityId>,
    pool_turns: turns::Turns<PoolId>,
    events: events::Events,
    workers: Arc<Semaphore>,
}
