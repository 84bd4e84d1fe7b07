//! Tags of an identity through `Microsoft.Resources/tags`. Offered only by a switch, since nobody has verified it.
//!
//! Must never be relied on by the operator while the switch's default is off.

use serde_json::{Value, json};

use super::errors::{self, Refusal};
use super::{Call, IDENTITY_TYPE, schema};
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{IdentityId, Names};

pub(super) fn serve(
    simulation: &mut Simulation,
    call: &Call<'_>,
    id: &IdentityId,
) -> Result<Answer, Refusal> {
    let change = if call.request.method == axum::http::Method::PATCH { Some(change(call)?) } else { None };
    let identity = simulation
        .world
        .identity_mut(&id.to_string())
        .ok_or_else(|| errors::resource_not_found(IDENTITY_TYPE, &id.name, &id.group))?;
    match change {
        None => {}
        Some((Operation::Merge, tags)) => {
            for (key, value) in tags {
                // The key is taken out first, so that its new spelling counts.
                identity.tags.remove(&key);
                identity.tags.insert(key, value);
            }
        }
        Some((Operation::Replace, tags)) => identity.tags = tags,
        Some((Operation::Delete, tags)) => identity.tags.retain(|key, value| tags.get(key) != Some(value)),
    }
    let scope = format!("{id}/providers/Microsoft.Resources/tags/default");
    Ok(Answer::json(
        200,
        json!({"id": scope, "name": "default", "type": "Microsoft.Resources/tags", "properties": {"tags": identity.tags}}),
    ))
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Merge,
    Replace,
    Delete,
}

fn change(call: &Call<'_>) -> Result<(Operation, Names<String>), Refusal> {
    let body = schema::object(call.request)?;
    let operation = match body.get("operation").and_then(Value::as_str) {
        Some("Merge") => Operation::Merge,
        Some("Replace") => Operation::Replace,
        Some("Delete") => Operation::Delete,
        _ => return Err(schema::wrong_type("operation", "'Merge', 'Replace' or 'Delete'")),
    };
    let tags = body.get("properties").and_then(|properties| properties.get("tags")).unwrap_or(&Value::Null);
    Ok((operation, schema::tags(tags)?))
}
