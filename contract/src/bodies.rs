//! Bodies to send, made from the schema of a request: whole ones, least ones, and each of them changed in one place.
//!
//! Whether a body is good or bad is not decided here: that is the validator's.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A body with what is special about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    pub(crate) label: String,
    pub(crate) value: Value,
}

/// Values that make sense where they are sent to, by the name of the member.
pub(crate) type Hints<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// How much of what is described a body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Least,
    Whole,
}

/// One body with everything that is described.
pub(crate) fn whole(schema: &Value, hints: Hints<'_>) -> Value {
    Maker { root: schema, hints }.sample(schema, 0, Extent::Whole)
}

/// One of two bodies, each time with one member that only the other has.
pub(crate) fn additions(own: &Value, other: &Value) -> Vec<Body> {
    let mut changes = Vec::new();
    missing_in(own, other, "", &mut changes);
    changes.into_iter().filter_map(|change| change.carried_out(own)).collect()
}

fn missing_in(own: &Value, other: &Value, at: &str, found: &mut Vec<Change>) {
    match (own, other) {
        (Value::Object(own), Value::Object(other)) => {
            for (name, value) in other {
                let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match own.get(name) {
                    Some(known) => missing_in(known, value, &below, found),
                    None => found.push(Change { at: below, value: Some(value.clone()) }),
                }
            }
        }
        (Value::Array(own), Value::Array(other)) => {
            for (n, (own, other)) in own.iter().zip(other).enumerate() {
                missing_in(own, other, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// All bodies for a schema.
pub(crate) fn bodies(schema: &Value, hints: Hints<'_>) -> Vec<Body> {
    let maker = Maker { root: schema, hints };
    let mut made =
        vec![Body { label: "the least".to_owned(), value: maker.sample(schema, 0, Extent::Least) }];
    for choice in 0..maker.choices(schema, 0) {
        let whole = maker.sample(schema, choice, Extent::Whole);
        made.push(Body { label: format!("everything, kind {}", choice + 1), value: whole.clone() });
        let mut changes = Vec::new();
        maker.changes(schema, &whole, "", &mut changes);
        made.extend(changes.into_iter().filter_map(|change| change.carried_out(&whole)));
    }
    let mut known = BTreeSet::new();
    made.retain(|body| known.insert(body.value.to_string()));
    made
}

/// One change of a body.
struct Change {
    /// A JSON pointer.
    at: String,
    /// `None` takes the member out.
    value: Option<Value>,
}

impl Change {
    fn carried_out(self, whole: &Value) -> Option<Body> {
        let Self { at, value } = self;
        let mut changed = whole.clone();
        let place = at[1..].replace('/', ".").replace("~1", "/").replace("~0", "~");
        let label = match &value {
            Some(value) => format!("{place}: {value}"),
            None => format!("without {place}"),
        };
        if let (Some(value), Some(found)) = (&value, changed.pointer_mut(&at)) {
            found.clone_from(value);
            return Some(Body { label, value: changed });
        }
        let (parent, name) = at.rsplit_once('/')?;
        let members = changed.pointer_mut(parent)?.as_object_mut()?;
        let name = name.replace("~1", "/").replace("~0", "~");
        match value {
            Some(value) => members.insert(name, value),
            None => members.remove(&name),
        };
        Some(Body { label, value: changed })
    }
}

struct Maker<'a> {
    root: &'a Value,
    hints: Hints<'a>,
}

/// Deep enough for all that is described, and an end for what refers to itself.
const DEPTH: usize = 12;

impl<'a> Maker<'a> {
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let named = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        match named.and_then(|pointer| self.root.pointer(pointer)) {
            Some(found) => self.resolved(found),
            None => schema,
        }
    }

    fn alternatives(schema: &'a Value) -> Option<Vec<&'a Value>> {
        let all = schema.get("anyOf")?.as_array()?;
        Some(all.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null")).collect())
    }

    fn properties(schema: &'a Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
        // A member without a schema is read-only.
        let free = |value: &&'a Value| value.as_object().is_some_and(Map::is_empty);
        let members = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        members.filter(move |(_, value)| !free(value))
    }

    /// The largest number of kinds that anything in a schema has.
    fn choices(&self, schema: &'a Value, depth: usize) -> usize {
        let schema = self.resolved(schema);
        if depth > DEPTH {
            return 1;
        }
        let deeper = |one: &'a Value| self.choices(one, depth + 1);
        let own = Self::alternatives(schema)
            .map(|all| all.iter().map(|one| deeper(one)).max().unwrap_or(1).max(all.len()));
        let members = Self::properties(schema).map(|(_, one)| deeper(one)).max();
        let items = schema.get("items").map(deeper);
        [own, members, items].into_iter().flatten().max().unwrap_or(1)
    }

    fn sample(&self, schema: &'a Value, choice: usize, extent: Extent) -> Value {
        let schema = self.resolved(schema);
        if let Some(all) = Self::alternatives(schema) {
            return all
                .get(choice.min(all.len().saturating_sub(1)))
                .map_or(Value::Null, |one| self.sample(one, choice, extent));
        }
        if let Some(first) = schema.get("enum").and_then(|words| words.get(0)) {
            return first.clone();
        }
        let word = |name: &str| schema.get(name).and_then(Value::as_str);
        match word("type") {
            Some("object") => self.object(schema, choice, extent),
            Some("array") => {
                let item = schema.get("items").map(|items| self.sample(items, choice, extent));
                Value::Array(item.into_iter().collect())
            }
            Some("integer" | "number") => {
                json!(schema.get("minimum").and_then(Value::as_i64).filter(|low| *low > 0).unwrap_or(1))
            }
            Some("boolean") => json!(true),
            _ if word("format") == Some("uri") => json!("https://example.com/one"),
            _ if word("format") == Some("date-time") => json!("2026-01-01T00:00:00Z"),
            _ if word("pattern") == Some("^/") => json!("/subscriptions/one"),
            _ => json!("text"),
        }
    }

    fn object(&self, schema: &'a Value, choice: usize, extent: Extent) -> Value {
        let required = |name: &String| {
            let list = schema.get("required").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one == name.as_str()))
        };
        let mut members: Map<String, Value> = Self::properties(schema)
            .filter(|(name, _)| extent == Extent::Whole || required(name))
            .map(|(name, one)| {
                (name.clone(), (self.hints)(name).unwrap_or_else(|| self.sample(one, choice, extent)))
            })
            .collect();
        if let Some(further) = schema.get("additionalProperties").filter(|further| further.is_object()) {
            members.insert("key".to_owned(), self.sample(further, choice, extent));
        }
        Value::Object(members)
    }

    /// Every change in one place of a value that has this schema.
    fn changes(&self, schema: &'a Value, value: &Value, at: &str, found: &mut Vec<Change>) {
        let schema = self.fitting(schema, value);
        let replace = |value: Value| Change { at: at.to_owned(), value: Some(value) };
        if !at.is_empty() {
            let others = [json!(7), json!("other"), json!([]), json!({}), json!(true), Value::Null];
            found.extend(others.into_iter().filter(|other| other != value).map(replace));
            found.extend(edges(schema).into_iter().map(replace));
        }
        match value {
            Value::Object(members) => {
                if schema.get("properties").is_some() {
                    found.push(Change { at: format!("{at}/notDescribed"), value: Some(json!(1)) });
                }
                for (name, member) in members {
                    let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    found.push(Change { at: below.clone(), value: None });
                    let own = schema.get("properties").and_then(|all| all.get(name));
                    if let Some(own) = own.or_else(|| schema.get("additionalProperties")) {
                        self.changes(own, member, &below, found);
                    }
                }
            }
            Value::Array(items) => {
                if let (Some(own), Some(first)) = (schema.get("items"), items.first()) {
                    self.changes(own, first, &format!("{at}/0"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The schema itself, or that of its alternatives that speaks of such a value.
    fn fitting(&self, schema: &'a Value, value: &Value) -> &'a Value {
        let schema = self.resolved(schema);
        let Some(all) = Self::alternatives(schema) else { return schema };
        let fits = |one: &&'a Value| {
            Self::properties(self.resolved(one)).all(|(name, member)| {
                let words = member.get("enum").and_then(Value::as_array).filter(|words| words.len() == 1);
                words.is_none_or(|words| value.get(name) == words.first())
            })
        };
        let chosen = all.iter().copied().find(fits).or_else(|| all.first().copied());
        chosen.map_or(schema, |one| self.fitting(one, value))
    }
}

/// Values at the edges of what a schema allows, on both sides.
fn edges(schema: &Value) -> Vec<Value> {
    let number = |name: &str| schema.get(name).and_then(Value::as_i64);
    let mut values = Vec::new();
    if let Some(low) = number("minimum") {
        values.extend([json!(low), json!(low - 1)]);
    }
    if let Some(high) = number("maximum") {
        values.extend([json!(high), json!(high + 1)]);
    }
    if let Some(length) = number("minLength").and_then(|length| usize::try_from(length).ok()) {
        values.extend([json!("a".repeat(length)), json!("a".repeat(length.saturating_sub(1)))]);
    }
    if let Some(length) = number("maxLength").and_then(|length| usize::try_from(length).ok()) {
        values.extend([json!("a".repeat(length)), json!("a".repeat(length + 1))]);
    }
    if schema.get("pattern").is_some() || schema.get("format").is_some() {
        values.extend([json!(""), json!("!")]);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        values.extend(words.iter().cloned());
        values.push(json!("NotDescribed"));
    }
    if schema.get("type").is_some_and(|kind| kind == "integer") {
        values.push(json!(1.5));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "id": {},
                "location": {"type": "string"},
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "profile": {"anyOf": [{"$ref": "#/definitions/Tall"}, {"$ref": "#/definitions/Wide"}]},
            },
            "required": ["location"],
            "additionalProperties": false,
            "definitions": {
                "Tall": {"type": "object", "additionalProperties": false, "required": ["kind"], "properties": {
                    "kind": {"type": "string", "enum": ["Tall"]}, "height": {"type": "integer"},
                }},
                "Wide": {"type": "object", "additionalProperties": false, "required": ["kind"], "properties": {
                    "kind": {"type": "string", "enum": ["Wide"]}, "mode": {"type": "string", "enum": ["a", "b"]},
                }},
            },
        })
    }

    fn made() -> Vec<Body> {
        bodies(&schema(), &|name| (name == "location").then(|| json!("here")))
    }

    #[test]
    fn there_are_whole_bodies_of_every_kind_and_a_least_one() {
        let values: Vec<Value> = made().into_iter().map(|body| body.value).collect();
        assert!(values.contains(&json!({"location": "here"})));
        assert!(
            values
                .contains(&json!({"location": "here", "size": 1, "profile": {"kind": "Tall", "height": 1}}))
        );
        assert!(
            values
                .contains(&json!({"location": "here", "size": 1, "profile": {"kind": "Wide", "mode": "a"}}))
        );
        assert!(values.iter().all(|value| value.get("id").is_none()), "read-only");
    }

    #[test]
    fn what_another_version_has_is_added_one_by_one() {
        let own = json!({"a": 1, "list": [{"b": 1}]});
        let other = json!({"a": 2, "list": [{"b": 1, "later": 1}], "new": {"x": 1}});
        let values: Vec<Value> = additions(&own, &other).into_iter().map(|body| body.value).collect();
        assert_eq!(
            values,
            [
                json!({"a": 1, "list": [{"b": 1, "later": 1}]}),
                json!({"a": 1, "list": [{"b": 1}], "new": {"x": 1}}),
            ]
        );
    }

    #[test]
    fn every_rule_is_broken_by_some_body_and_no_body_comes_twice() {
        let labels: Vec<String> = made().into_iter().map(|body| body.label).collect();
        for label in [
            "without location",
            "location: 7",
            "location: null",
            "size: 0",
            "size: 10",
            "size: 1.5",
            "size: \"other\"",
            "notDescribed: 1",
            "profile.notDescribed: 1",
            "without profile.kind",
            "profile.kind: \"NotDescribed\"",
            "profile.mode: \"b\"",
        ] {
            assert!(labels.iter().any(|known| known == label), "{label} of {labels:#?}");
        }
        let mut values: Vec<String> = made().into_iter().map(|body| body.value.to_string()).collect();
        let count = values.len();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), count);
    }
}
