//! JSON merge patches after RFC 7396, as PATCH has them at Azure and at the admin port.
//!
//! Must never know what is patched.

use serde_json::{Map, Value};

/// A merge patch after RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, change) in changes {
        // Names are found in any case, so that a patch does not add a second spelling of the same thing.
        let known = members.keys().find(|known| known.eq_ignore_ascii_case(&key)).cloned().unwrap_or(key);
        if change.is_null() {
            members.remove(&known);
        } else {
            merge(members.entry(known).or_insert(Value::Null), change);
        }
    }
}
