//! Prints the definition that stands in `crds/`.
//!
//! The derive macro gives most of it. What it cannot say is put right here, so that the file is what the API
//! conventions ask for: no `nullable`, no unsigned formats, a `Condition` with its documented limits, and a status that says
//! "not observed" until somebody has looked.

use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::{ManagedDevOpsIdentity, v1alpha1::status::NOT_OBSERVED};

/// The definition as YAML, with the comment that tells where it comes from.
///
/// # Errors
/// Only if the definition cannot be serialised, which is a bug of this module.
pub fn yaml() -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut definition = serde_json::to_value(ManagedDevOpsIdentity::crd())?;
    tidy(&mut definition);
    default_status(&mut definition);
    let body = serde_saphyr::to_string(&definition)?;
    Ok(format!("# Printed by `mdi-operator crd`; `make generate` writes it anew.\n{body}"))
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            // An enum that may be absent is not one that may be null.
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|v| !v.is_null());
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if is_condition(map) {
                limit_condition(map);
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Without a status, kstatus takes an object for *Current*: whoever waits for it goes on before anybody has looked. The
/// generation that no object has says that nobody did.
fn default_status(definition: &mut Value) {
    for version in definition["spec"]["versions"].as_array_mut().into_iter().flatten() {
        version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"] =
            json!({"observedGeneration": NOT_OBSERVED});
    }
}

fn is_condition(schema: &serde_json::Map<String, Value>) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|p| {
        ["lastTransitionTime", "reason", "status", "type", "message"].iter().all(|k| p.contains_key(*k))
    })
}

/// The limits that `meta/v1` documents for a condition and the Rust type cannot carry.
fn limit_condition(schema: &mut serde_json::Map<String, Value>) {
    let limits = json!({
        "type": {"maxLength": 316, "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"},
        "status": {"enum": ["True", "False", "Unknown"]},
        "reason": {"minLength": 1, "maxLength": 1024, "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
        "message": {"maxLength": 32768},
        "observedGeneration": {"minimum": 0},
    });
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (field, limit) in limits.as_object().into_iter().flatten() {
        if let (Some(Value::Object(field)), Some(limit)) = (properties.get_mut(field), limit.as_object()) {
            field.extend(limit.clone());
        }
    }
}
