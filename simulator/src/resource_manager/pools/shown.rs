//! A pool as answers show it, in the version that was asked for.
//!
//! Must never leave out a member because nobody described it: only those go that a later version brought.

use serde_json::{Map, Value, json};

use super::{description, identity};
use crate::pool_readings::BothTypes;
use crate::readings::Untagged;
use crate::resource_manager::{POOL_TYPE, shape};
use crate::simulation::Simulation;
use crate::world::{Attached, IdentityType, Name, Pool, PoolId};

pub(super) fn pool(simulation: &Simulation, key: &Name, pool: &Pool, version: &str) -> Value {
    let Pool { location, tags, identity, properties, provisioning_state, created_at } = pool;
    let id = PoolId::parse(key.as_str());
    let (id, name) = id.map_or_else(|| (key.to_string(), key.to_string()), |id| (id.to_string(), id.name));
    let mut properties = shape::shown(description::PROPERTIES, properties, version);
    properties.insert("provisioningState".to_owned(), json!(provisioning_state));
    let mut body = json!({
        "id": id,
        "name": name,
        "type": POOL_TYPE,
        "location": location,
        "tags": tags,
        "properties": properties,
    });
    if tags.is_empty() {
        match simulation.settings.readings.untagged {
            Untagged::Empty => {}
            Untagged::Null => body["tags"] = Value::Null,
            Untagged::Absent => {
                body.as_object_mut().map(|members| members.remove("tags"));
            }
        }
    }
    if identity.kind() != IdentityType::None {
        body["identity"] = block(simulation, identity);
    }
    if let Some(time) = created_at {
        body["systemData"] = json!({"createdAt": time});
    }
    body
}

fn block(simulation: &Simulation, attached: &Attached) -> Value {
    let kind = match (attached.kind(), simulation.settings.readings.pools.both_types) {
        (IdentityType::Both, BothTypes::Spaced) => "SystemAssigned, UserAssigned".to_owned(),
        (kind, BothTypes::Tight | BothTypes::Spaced) => kind.to_string(),
    };
    let mut block = json!({"type": kind});
    if let Some(system) = &attached.system {
        block["principalId"] = json!(system.principal_id);
        block["tenantId"] = json!(system.tenant_id);
    }
    if !attached.user.is_empty() {
        let entries: Map<String, Value> = attached
            .user
            .iter()
            .map(|(key, entry)| (key.to_string(), identity::shown(simulation, entry)))
            .collect();
        block["userAssignedIdentities"] = Value::Object(entries);
    }
    block
}
