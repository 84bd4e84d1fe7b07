//! The operations that a description has.
//!
//! Must never leave one out.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::documents::{Documents, Part};

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    /// The path with `{parameters}` in it.
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Part>,
    /// By status; `default` is the refusal.
    pub(crate) responses: BTreeMap<String, Response>,
    /// Where the final state of a long-running one is told.
    pub(crate) final_state_via: Option<String>,
}

/// A parameter in the path or the query.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) place: String,
    pub(crate) pattern: Option<String>,
    pub(crate) minimum: Option<i64>,
}

/// One answer that an operation can give.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) schema: Option<Part>,
    pub(crate) headers: Vec<String>,
}

/// All operations of a description, by path and method.
pub(crate) fn of(documents: &Documents, file: &Path) -> Result<Vec<Operation>, String> {
    const METHODS: [&str; 7] = ["get", "put", "patch", "post", "delete", "head", "options"];
    let document = documents.read(file)?;
    let mut found = Vec::new();
    for section in ["paths", "x-ms-paths"] {
        for (path, item) in document.get(section).and_then(Value::as_object).into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    let shared = item.get("parameters");
                    found.push(read(documents, file, path, method, operation, shared)?);
                }
            }
        }
    }
    found.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    Ok(found)
}

fn read(
    documents: &Documents,
    file: &Path,
    path: &str,
    method: &str,
    operation: &Value,
    shared: Option<&Value>,
) -> Result<Operation, String> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut parameters = Vec::new();
    let mut body = None;
    let listed = [shared, operation.get("parameters")].into_iter().flatten();
    for value in listed.filter_map(Value::as_array).flatten() {
        let part = documents.resolved(Part { file: file.to_owned(), value: value.clone() })?;
        let place = text(&part.value, "in").unwrap_or_default();
        if place == "body" {
            body = part
                .value
                .get("schema")
                .map(|schema| Part { file: part.file.clone(), value: schema.clone() });
        } else {
            parameters.push(Parameter {
                name: text(&part.value, "name").unwrap_or_default(),
                place,
                pattern: text(&part.value, "pattern"),
                minimum: part.value.get("minimum").and_then(Value::as_i64),
            });
        }
    }
    let mut responses = BTreeMap::new();
    for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let part = documents.resolved(Part { file: file.to_owned(), value: response.clone() })?;
        let headers = part.value.get("headers").and_then(Value::as_object);
        let answer = Response {
            schema: part
                .value
                .get("schema")
                .map(|schema| Part { file: part.file.clone(), value: schema.clone() }),
            headers: headers.map(|headers| headers.keys().cloned().collect()).unwrap_or_default(),
        };
        responses.insert(status.clone(), answer);
    }
    Ok(Operation {
        id: text(operation, "operationId").unwrap_or_else(|| format!("{method} {path}")),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        parameters,
        body,
        responses,
        final_state_via: operation
            .get("x-ms-long-running-operation-options")
            .and_then(|options| text(options, "final-state-via"))
            .filter(|_| operation.get("x-ms-long-running-operation").and_then(Value::as_bool) == Some(true)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_is_read_with_what_it_shares_and_refers_to() {
        let documents = Documents::default();
        let file = Path::new("/specs/one.json");
        documents.add(
            file,
            json!({
                "parameters": {"Name": {"name": "name", "in": "path", "pattern": "^a"}},
                "paths": {"/things/{name}": {
                    "parameters": [{"$ref": "#/parameters/Name"}],
                    "put": {
                        "operationId": "Things_Put",
                        "parameters": [
                            {"name": "$top", "in": "query", "minimum": 1},
                            {"name": "body", "in": "body", "schema": {"type": "object"}},
                        ],
                        "responses": {"202": {"headers": {"Location": {}}}, "default": {"schema": {}}},
                        "x-ms-long-running-operation": true,
                        "x-ms-long-running-operation-options": {"final-state-via": "location"},
                    },
                    "get": {"responses": {}},
                }},
            }),
        );
        let found = of(&documents, file).unwrap();
        let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["get /things/{name}", "Things_Put"], "one without a name is there too");
        let put = &found[1];
        assert_eq!((put.method.as_str(), put.parameters[0].pattern.as_deref()), ("PUT", Some("^a")));
        assert_eq!((put.parameters[1].minimum, put.body.is_some()), (Some(1), true));
        assert_eq!(put.responses["202"].headers, ["Location"]);
        assert_eq!(put.final_state_via.as_deref(), Some("location"));
    }
}
