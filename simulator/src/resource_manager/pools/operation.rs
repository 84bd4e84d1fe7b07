//! The addresses of long-running operations: how far one is, and what it came to.
//!
//! Must never tell of an operation of another subscription.

use serde_json::json;

use super::{description, refusals, shown};
use crate::operations::{Kind, Operation, Status};
use crate::pool_readings::LocationEnd;
use crate::resource_manager::Call;
use crate::resource_manager::errors::{self, Refusal};
use crate::resource_manager::path::OperationView;
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::PoolId;

/// The version that the addresses carry. It is their own: a client has no say in it.
pub(super) const API_VERSION: &str = "2024-10-19";

pub(in crate::resource_manager) fn serve(
    simulation: &Simulation,
    call: &Call<'_>,
    subscription: &str,
    id: &str,
    view: OperationView,
) -> Result<Answer, Refusal> {
    let found = simulation.operations.find(id, simulation.clock.now()).filter(|operation| {
        PoolId::parse(operation.pool.as_str())
            .is_some_and(|pool| pool.subscription.eq_ignore_ascii_case(subscription))
    });
    let operation = found.ok_or_else(|| errors::operation_not_found(id))?;
    match view {
        OperationView::Status => Ok(status(simulation, call, id, operation)),
        OperationView::Result => result(simulation, call, operation),
    }
}

fn status(simulation: &Simulation, call: &Call<'_>, id: &str, operation: &Operation) -> Answer {
    let word = match &operation.status {
        Status::Running => "InProgress",
        Status::Succeeded => "Succeeded",
        Status::Failed(_) => "Failed",
        Status::Canceled => "Canceled",
    };
    let mut body = json!({
        "id": call.request.uri.path(),
        "name": id,
        "resourceId": operation.pool,
        "status": word,
        "startTime": operation.begins,
    });
    if let Status::Failed(failure) = &operation.status {
        body["error"] = json!({"code": failure.code, "message": failure.message});
    }
    if operation.status == Status::Running {
        return running(simulation, Answer::json(200, body));
    }
    body["endTime"] = json!(operation.ends);
    Answer::json(200, body)
}

fn result(simulation: &Simulation, call: &Call<'_>, operation: &Operation) -> Result<Answer, Refusal> {
    match &operation.status {
        Status::Running => {
            // The same address again, as it was asked.
            let base = &simulation.addresses.resource_manager;
            let answer = running(simulation, Answer::empty(202));
            Ok(answer.with_header("Location", format!("{base}{}", call.request.uri)))
        }
        Status::Failed(failure) => Err(refusals::refused(failure.clone())),
        Status::Canceled => Err(refusals::canceled()),
        Status::Succeeded => {
            let found = simulation.world.pools.get_key_value(&operation.pool);
            match (operation.kind, simulation.settings.readings.pools.location_end, found) {
                (Kind::Creation | Kind::Update, LocationEnd::Pool, Some((key, pool))) => {
                    Ok(Answer::json(200, shown::pool(simulation, key, pool, description::NEWEST)))
                }
                (Kind::Creation | Kind::Update | Kind::Deletion, _, _) => Ok(Answer::empty(204)),
            }
        }
    }
}

fn running(simulation: &Simulation, answer: Answer) -> Answer {
    answer.with_header("Retry-After", simulation.settings.pools.retry_after_seconds.to_string())
}
