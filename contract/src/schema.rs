//! From a description to a JSON schema that a validator can take.
//!
//! `allOf` is folded into one object, so that an object can be closed: what is not described is not valid. A discriminator
//! becomes the choice between its kinds. Must never know what the simulator does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::documents::{Documents, Part};

/// Whether a body is sent or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Read-only members may be anything, and none of them is required.
    Request,
    Response,
}

/// What becomes of enumerations that are open by their description (`modelAsString`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enumerations {
    /// Any word is valid.
    AsDescribed,
    /// Only the words that are listed.
    AllClosed,
}

/// The schema of a part of a description, with everything that it refers to.
pub(crate) fn schema_of(
    documents: &Documents,
    part: &Part,
    direction: Direction,
    enumerations: Enumerations,
) -> Result<Value, String> {
    let mut making =
        Making { documents, direction, enumerations, names: BTreeMap::new(), definitions: Map::new() };
    let mut schema = making.convert(&part.file, &part.value)?;
    schema["definitions"] = Value::Object(making.definitions);
    Ok(schema)
}

struct Making<'a> {
    documents: &'a Documents,
    direction: Direction,
    enumerations: Enumerations,
    names: BTreeMap<(PathBuf, String), String>,
    definitions: Map<String, Value>,
}

/// The members of an object with those of everything that it is made of.
#[derive(Default)]
struct Folded {
    members: BTreeMap<String, Part>,
    required: Vec<String>,
}

/// What a schema keeps as it is.
const KEPT: [&str; 10] = [
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];
const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

fn says(value: &Value, word: &str) -> bool {
    value.get(word).and_then(Value::as_bool).unwrap_or(false)
}

impl Making<'_> {
    fn convert(&mut self, file: &Path, value: &Value) -> Result<Value, String> {
        let schema = match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => json!({"$ref": format!("#/definitions/{}", self.named(file, reference)?)}),
            None => self.inline(file, value, None)?,
        };
        Ok(if says(value, "x-nullable") { json!({"anyOf": [schema, {"type": "null"}]}) } else { schema })
    }

    /// The name under which a referred definition stands in the schema.
    fn named(&mut self, file: &Path, reference: &str) -> Result<String, String> {
        let (name, part) = self.documents.follow(file, reference)?;
        let key = (part.file.clone(), name.clone());
        if let Some(known) = self.names.get(&key) {
            return Ok(known.clone());
        }
        let unique = format!("{name}-{}", self.names.len());
        self.names.insert(key, unique.clone());
        let schema = match part.value.get("$ref").and_then(Value::as_str) {
            Some(further) => {
                json!({"$ref": format!("#/definitions/{}", self.named(&part.file, further)?)})
            }
            None => self.inline(&part.file, &part.value, Some(&name))?,
        };
        self.definitions.insert(unique.clone(), schema);
        Ok(unique)
    }

    fn inline(&mut self, file: &Path, value: &Value, name: Option<&str>) -> Result<Value, String> {
        if let (Some(discriminator), Some(name)) = (value.get("discriminator").and_then(Value::as_str), name)
        {
            return self.choice(file, name, discriminator);
        }
        let is_object = value.get("properties").is_some() || value.get("allOf").is_some();
        if is_object {
            return self.object(file, value);
        }
        if let Some(further) = value.get("additionalProperties").filter(|further| further.is_object()) {
            return Ok(json!({"type": "object", "additionalProperties": self.convert(file, further)?}));
        }
        let mut schema = Map::new();
        if let Some(kind) = value.get("type") {
            schema.insert("type".to_owned(), kind.clone());
        }
        for word in KEPT {
            if let Some(kept) = value.get(word) {
                schema.insert(word.to_owned(), kept.clone());
            }
        }
        if let Some(items) = value.get("items") {
            schema.insert("items".to_owned(), self.convert(file, items)?);
        }
        let open = value.get("x-ms-enum").is_some_and(|extension| says(extension, "modelAsString"));
        if let Some(words) = value.get("enum")
            && (!open || self.enumerations == Enumerations::AllClosed)
        {
            schema.insert("enum".to_owned(), words.clone());
        }
        match value.get("format").and_then(Value::as_str) {
            Some("int32") => {
                schema.entry("minimum").or_insert(json!(i32::MIN));
                schema.entry("maximum").or_insert(json!(i32::MAX));
            }
            Some(known @ ("uri" | "date-time")) => {
                schema.insert("format".to_owned(), json!(known));
            }
            Some("uuid") => {
                schema.insert("pattern".to_owned(), json!(UUID));
            }
            Some("arm-id") => {
                schema.insert("pattern".to_owned(), json!("^/"));
            }
            Some(_) | None => {}
        }
        Ok(Value::Object(schema))
    }

    fn object(&mut self, file: &Path, value: &Value) -> Result<Value, String> {
        let mut folded = Folded::default();
        self.fold(file, value, &mut folded)?;
        if let Some(word) = value.get("x-ms-discriminator-value").and_then(Value::as_str)
            && let Some(discriminator) = self.discriminator(file, value)?
        {
            folded.required.push(discriminator.clone());
            let part = Part { file: file.to_owned(), value: json!({"type": "string", "enum": [word]}) };
            folded.members.insert(discriminator, part);
        }
        let mut members = Map::new();
        for (name, part) in &folded.members {
            let free = self.direction == Direction::Request && self.is_read_only(part)?;
            let schema = if free { json!({}) } else { self.convert(&part.file, &part.value)? };
            if free {
                folded.required.retain(|required| required != name);
            }
            members.insert(name.clone(), schema);
        }
        folded.required.sort();
        folded.required.dedup();
        let mut schema = json!({"type": "object", "properties": members, "additionalProperties": false});
        if !folded.required.is_empty() {
            schema["required"] = json!(folded.required);
        }
        Ok(schema)
    }

    fn fold(&self, file: &Path, value: &Value, folded: &mut Folded) -> Result<(), String> {
        for base in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let base = self.documents.resolved(Part { file: file.to_owned(), value: base.clone() })?;
            self.fold(&base.file, &base.value, folded)?;
        }
        for (name, member) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let part = Part { file: file.to_owned(), value: member.clone() };
            folded.members.insert(name.clone(), part);
        }
        let required = value.get("required").and_then(Value::as_array).into_iter().flatten();
        folded.required.extend(required.filter_map(Value::as_str).map(str::to_owned));
        Ok(())
    }

    /// Read-only by itself, by what it refers to, or since nothing may write it.
    fn is_read_only(&self, part: &Part) -> Result<bool, String> {
        let target = self.documents.resolved(part.clone())?;
        let only_read = part
            .value
            .get("x-ms-mutability")
            .and_then(Value::as_array)
            .is_some_and(|uses| uses.iter().all(|one| one == "read"));
        Ok(only_read || says(&part.value, "readOnly") || says(&target.value, "readOnly"))
    }

    /// The member that tells the kind, by the base that has one.
    fn discriminator(&self, file: &Path, value: &Value) -> Result<Option<String>, String> {
        for base in value.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let base = self.documents.resolved(Part { file: file.to_owned(), value: base.clone() })?;
            if let Some(name) = base.value.get("discriminator").and_then(Value::as_str) {
                return Ok(Some(name.to_owned()));
            }
            if let Some(name) = self.discriminator(&base.file, &base.value)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// One of the kinds that are derived from a base in its file.
    fn choice(&mut self, file: &Path, base: &str, discriminator: &str) -> Result<Value, String> {
        let document = self.documents.read(file)?;
        let definitions = document.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
        let own = format!("#/definitions/{base}");
        let mut kinds = Vec::new();
        for (name, definition) in &definitions {
            let bases = definition.get("allOf").and_then(Value::as_array);
            if bases.is_some_and(|bases| bases.iter().any(|one| one["$ref"] == own.as_str())) {
                let kind = self.named(file, &format!("#/definitions/{name}"))?;
                kinds.push(json!({"$ref": format!("#/definitions/{kind}")}));
            }
        }
        if kinds.is_empty() {
            return Err(format!("{}: {base} tells kinds by {discriminator}, and has none", file.display()));
        }
        // What is wrong with the only kind is told better without a choice.
        Ok(if kinds.len() == 1 { kinds.remove(0) } else { json!({"anyOf": kinds}) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(definitions: &Value, direction: Direction, enumerations: Enumerations) -> jsonschema::Validator {
        let documents = Documents::default();
        let file = PathBuf::from("/specs/one.json");
        documents.add(&file, json!({"definitions": definitions}));
        let part = Part { file, value: json!({"$ref": "#/definitions/Whole"}) };
        let schema = schema_of(&documents, &part, direction, enumerations).unwrap();
        crate::verdict::validator(&schema).unwrap()
    }

    fn as_request(definitions: &Value) -> jsonschema::Validator {
        made(definitions, Direction::Request, Enumerations::AsDescribed)
    }

    #[test]
    fn what_an_object_is_made_of_counts_as_its_own_and_nothing_else_does() {
        let validator = as_request(&json!({
            "Base": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
            "Whole": {"allOf": [{"$ref": "#/definitions/Base"}], "properties": {"size": {"type": "integer"}}},
        }));
        assert!(validator.is_valid(&json!({"id": "a", "size": 1})));
        assert!(!validator.is_valid(&json!({"size": 1})), "required by the base");
        assert!(!validator.is_valid(&json!({"id": "a", "Size": 1})), "not described");
    }

    #[test]
    fn read_only_members_may_be_anything_in_a_request_and_are_required_in_an_answer() {
        let definitions = json!({"Whole": {
            "properties": {"id": {"type": "string", "readOnly": true}}, "required": ["id"],
        }});
        let request = as_request(&definitions);
        assert!(request.is_valid(&json!({})) && request.is_valid(&json!({"id": 7})));
        let answer = made(&definitions, Direction::Response, Enumerations::AsDescribed);
        assert!(answer.is_valid(&json!({"id": "a"})));
        assert!(!answer.is_valid(&json!({})) && !answer.is_valid(&json!({"id": 7})));
    }

    #[test]
    fn a_discriminator_chooses_among_its_kinds() {
        let validator = as_request(&json!({
            "Profile": {"properties": {"kind": {"type": "string"}}, "discriminator": "kind", "required": ["kind"]},
            "Tall": {
                "allOf": [{"$ref": "#/definitions/Profile"}], "x-ms-discriminator-value": "Tall",
                "properties": {"height": {"type": "integer"}}, "required": ["height"],
            },
            "Wide": {"allOf": [{"$ref": "#/definitions/Profile"}], "x-ms-discriminator-value": "Wide"},
            "Whole": {"properties": {"profile": {"$ref": "#/definitions/Profile"}}},
        }));
        assert!(validator.is_valid(&json!({"profile": {"kind": "Tall", "height": 2}})));
        assert!(validator.is_valid(&json!({"profile": {"kind": "Wide"}})));
        for wrong in
            [json!({"kind": "Tall"}), json!({"kind": "Wide", "height": 2}), json!({"kind": "Odd"}), json!({})]
        {
            assert!(!validator.is_valid(&json!({"profile": wrong})), "{wrong}");
        }
    }

    #[test]
    fn an_open_enumeration_takes_any_word_and_a_closed_one_its_own() {
        let definitions = json!({"Whole": {"properties": {
            "open": {"type": "string", "enum": ["a"], "x-ms-enum": {"modelAsString": true}},
            "closed": {"type": "string", "enum": ["a"], "x-ms-enum": {"modelAsString": false}},
        }}});
        let described = as_request(&definitions);
        assert!(described.is_valid(&json!({"open": "b"})) && !described.is_valid(&json!({"closed": "b"})));
        assert!(!described.is_valid(&json!({"open": 1})), "the type still counts");
        let closed = made(&definitions, Direction::Request, Enumerations::AllClosed);
        assert!(!closed.is_valid(&json!({"open": "b"})));
    }

    #[test]
    fn nullable_values_formats_bounds_and_circles_are_kept() {
        let validator = as_request(&json!({
            "Entry": {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}}},
            "Whole": {"properties": {
                "map": {"type": "object", "additionalProperties": {"$ref": "#/definitions/Entry", "x-nullable": true}},
                "link": {"type": "string", "format": "uri"},
                "count": {"type": "integer", "format": "int32", "minimum": 1},
                "details": {"type": "array", "items": {"$ref": "#/definitions/Whole"}},
            }},
        }));
        let id = "11111111-1111-4111-8111-111111111111";
        for right in [
            json!({"map": {"a": null, "b": {"id": id}}}),
            json!({"link": "https://example.com/a?b=$c"}),
            json!({"details": [{"details": []}], "count": 1}),
        ] {
            assert!(validator.is_valid(&right), "{right}");
        }
        for wrong in [
            json!({"map": {"a": {"id": "x"}}}),
            json!({"link": "no link"}),
            json!({"count": 0}),
            json!({"count": 2_147_483_648_u64}),
            json!({"details": [{"odd": 1}]}),
        ] {
            assert!(!validator.is_valid(&wrong), "{wrong}");
        }
    }
}
