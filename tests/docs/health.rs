//! The health script for Argo CD, under Lua 5.1 with nothing but its base library.

use mlua::{Lua, LuaOptions, StdLib, Table, Value};
use serde_json::json;

use crate::pages::read;

/// Health and message that the script finds for an object.
fn health(object: &serde_json::Value) -> (String, String) {
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default()).unwrap();
    lua.globals().set("obj", to_lua(&lua, object)).unwrap();
    let found: Table = lua.load(read("deploy/argocd/health.lua")).eval().unwrap();
    (found.get("status").unwrap(), found.get("message").unwrap())
}

fn to_lua(lua: &Lua, value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => Value::Boolean(*truth),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap()),
        serde_json::Value::String(text) => Value::String(lua.create_string(text).unwrap()),
        serde_json::Value::Array(items) => {
            Value::Table(lua.create_sequence_from(items.iter().map(|item| to_lua(lua, item))).unwrap())
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(key, item)| (key.as_str(), to_lua(lua, item)));
            Value::Table(lua.create_table_from(fields).unwrap())
        }
    }
}

#[test]
fn argo_cd_is_told_what_kstatus_would_say() {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": format!("about {kind}")});
    let told = |conditions: &[serde_json::Value]| {
        json!({
            "metadata": {"generation": 3}, "spec": {"suspend": false},
            "status": {"observedGeneration": 3, "conditions": conditions},
        })
    };
    let (ready, not_ready, unknown) =
        (condition("Ready", "True"), condition("Ready", "False"), condition("Ready", "Unknown"));
    let (reconciling, stalled) = (condition("Reconciling", "True"), condition("Stalled", "True"));
    let cases = [
        (
            json!({"metadata": {"generation": 1}, "spec": {}}),
            "Progressing",
            "the operator has not looked at this spec yet",
        ),
        (
            json!({"metadata": {"generation": 1}, "spec": {}, "status": {}}),
            "Progressing",
            "the operator has not looked at this spec yet",
        ),
        (
            json!({"metadata": {"generation": 4}, "status": {"observedGeneration": 3, "conditions": [ready]}}),
            "Progressing",
            "the operator has not looked at this spec yet",
        ),
        (told(&[]), "Progressing", "not ready yet"),
        (told(std::slice::from_ref(&not_ready)), "Progressing", "not ready yet"),
        (told(&[unknown, reconciling.clone()]), "Progressing", "about Reconciling"),
        (told(&[not_ready.clone(), reconciling]), "Progressing", "about Reconciling"),
        (told(&[not_ready.clone(), stalled]), "Degraded", "about Stalled"),
        (told(&[not_ready, condition("Stalled", "False")]), "Progressing", "not ready yet"),
        (told(&[condition("IdentityReady", "True"), ready]), "Healthy", "about Ready"),
        (
            json!({"metadata": {"generation": 4}, "spec": {"suspend": true}, "status": {"observedGeneration": 3}}),
            "Suspended",
            "spec.suspend is true: no request is sent to Azure",
        ),
    ];
    for (object, status, message) in cases {
        assert_eq!(health(&object), (status.to_owned(), message.to_owned()), "{object}");
    }
}
