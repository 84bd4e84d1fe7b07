//! The beginning of an operation on a pool, and the answer that tells of it.
//!
//! Must never wait: what takes time is ended by the clock.

use serde_json::json;

use super::shown;
use crate::clock::later;
use crate::operations::{End, Failure, Kind, Leaves, Operation, Status};
use crate::pool_readings::{DuringUpdate, FailedUpdate, OperationHeaders, PatchAnswer};
use crate::resource_manager::Call;
use crate::resource_manager::path::{OperationView, operation_path};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Name, Pool, PoolId, ProvisioningState};

/// What is to be done with a pool.
pub(super) struct Work {
    pub(super) kind: Kind,
    pub(super) before: Option<Pool>,
    pub(super) wanted: Pool,
    /// Why it will not work, and what a creation leaves then.
    pub(super) fate: Option<(Failure, Leaves)>,
}

/// An operation that has begun.
pub(super) struct Begun {
    id: String,
    location: String,
}

/// Begins, and is done at once where that takes no time. What fails always takes an operation: only that tells why.
pub(super) fn begin(simulation: &mut Simulation, key: &Name, work: Work) -> Option<Begun> {
    let Work { kind, before, wanted, fate } = work;
    let times = simulation.settings.pools;
    let seconds = match kind {
        Kind::Creation => times.creation_seconds,
        Kind::Update => times.update_seconds,
        Kind::Deletion => times.deletion_seconds,
    };
    let now = simulation.clock.now();
    simulation.remember_pool(key, before.clone(), now);
    if seconds <= 0.0 && fate.is_none() && kind != Kind::Deletion {
        let done = Pool { provisioning_state: ProvisioningState::Succeeded, ..wanted };
        simulation.world.pools.insert(key.clone(), done);
        return None;
    }
    let location = wanted.location.clone();
    let (meanwhile, end) = course(simulation, kind, before, wanted, fate);
    simulation.world.pools.insert(key.clone(), Pool { provisioning_state: kind.running(), ..meanwhile });
    let id = simulation.request_ids.draw();
    let operation = Operation {
        pool: key.clone(),
        kind,
        begins: now,
        ends: later(now, seconds),
        valid_until: later(now, times.operations_valid_seconds),
        end,
        status: Status::Running,
    };
    simulation.operations.begin(&id, operation);
    Some(Begun { id, location })
}

/// What the pool is while the operation runs, and what it comes to.
fn course(
    simulation: &Simulation,
    kind: Kind,
    before: Option<Pool>,
    wanted: Pool,
    fate: Option<(Failure, Leaves)>,
) -> (Pool, End) {
    let readings = simulation.settings.readings.pools;
    let (failure, left) = fate.map_or((None, None), |(failure, left)| (Some(failure), Some(left)));
    let older = before.filter(|_| kind == Kind::Update);
    let meanwhile = match (readings.during_update, &older) {
        (DuringUpdate::Older, Some(older)) => older.clone(),
        (DuringUpdate::Older, None) | (DuringUpdate::Newer, _) => wanted.clone(),
    };
    let to_be = match (&failure, older, readings.failed_update) {
        (Some(_), Some(older), FailedUpdate::Undone) => older,
        (Some(_) | None, _, _) => wanted,
    };
    let leaves = match (kind, left) {
        (Kind::Deletion, _) => Leaves::Nothing,
        (Kind::Creation, Some(left)) => left,
        // What others change meanwhile is kept where the operation itself has nothing to change any more.
        (Kind::Creation | Kind::Update, _) if to_be == meanwhile => Leaves::AsItIs,
        (Kind::Creation | Kind::Update, _) => Leaves::Pool(Box::new(to_be)),
    };
    (meanwhile, End { leaves, failure })
}

/// The answer to a PUT.
pub(super) fn told_of_put(
    simulation: &Simulation,
    call: &Call<'_>,
    id: &PoolId,
    status: u16,
    begun: Option<&Begun>,
) -> Answer {
    let answer = Answer::json(status, body(simulation, call, id));
    match begun {
        Some(begun) => with_retry(simulation, answer)
            .with_header("Azure-AsyncOperation", address(simulation, id, begun, OperationView::Status)),
        None => answer,
    }
}

/// The answer to a PATCH.
pub(super) fn told_of_patch(
    simulation: &Simulation,
    call: &Call<'_>,
    id: &PoolId,
    begun: Option<&Begun>,
) -> Answer {
    match (begun, simulation.settings.readings.pools.patch_answer) {
        (Some(begun), PatchAnswer::Accepted) => accepted(simulation, id, begun),
        (Some(_), PatchAnswer::Ok) | (None, _) => Answer::json(200, body(simulation, call, id)),
    }
}

/// 202 with the addresses of the operation.
pub(super) fn accepted(simulation: &Simulation, id: &PoolId, begun: &Begun) -> Answer {
    let answer = with_retry(simulation, Answer::empty(202))
        .with_header("Location", address(simulation, id, begun, OperationView::Result));
    match simulation.settings.readings.pools.operation_headers {
        OperationHeaders::Location => answer,
        OperationHeaders::Both => {
            answer.with_header("Azure-AsyncOperation", address(simulation, id, begun, OperationView::Status))
        }
    }
}

fn with_retry(simulation: &Simulation, answer: Answer) -> Answer {
    answer.with_header("Retry-After", simulation.settings.pools.retry_after_seconds.to_string())
}

fn address(simulation: &Simulation, id: &PoolId, begun: &Begun, view: OperationView) -> String {
    let base = &simulation.addresses.resource_manager;
    let Begun { id: operation, location } = begun;
    let path = operation_path(&id.subscription, location, operation, view);
    let address = format!("{base}{path}?api-version={}", super::operation::API_VERSION);
    let missing =
        simulation.settings.pools.operation_address_length.saturating_sub(address.len() + "&t=".len());
    if missing == 0 { address } else { format!("{address}&t={}", "0".repeat(missing)) }
}

fn body(simulation: &Simulation, call: &Call<'_>, id: &PoolId) -> serde_json::Value {
    let found = simulation.world.pools.get_key_value(&Name::from(id.to_string()));
    found.map_or_else(|| json!({}), |(key, pool)| shown::pool(simulation, key, pool, call.api_version))
}
