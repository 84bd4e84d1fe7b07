//! One answer held against what its operation describes.
//!
//! Must never know who answered, nor which differences are known.

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::documents::Documents;
use crate::operations::Operation;
use crate::schema::{Direction, Enumerations, schema_of};

/// A validator for a schema. It fetches nothing: all that a schema needs is in it.
pub(crate) fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| format!("a schema that is none: {error}"))
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Content,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Empty,
    Json(Value),
    NotJson,
}

impl Seen {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        match &self.body {
            Content::Json(body) => body["error"]["code"].as_str().unwrap_or_default(),
            Content::Empty | Content::NotJson => "",
        }
    }

    /// Whether a body was refused for its shape, and not for what it says.
    pub(crate) fn is_about_shape(&self) -> bool {
        SHAPE.contains(&self.code())
    }
}

/// What a request deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It works.
    Answer,
    /// It works, and takes its time.
    LongAnswer,
    /// It is refused.
    Refusal,
    /// Its body is as described: it may be refused for what it says, not for its shape.
    AnswerToBody,
    /// It has a word that an open enumeration does not list: it may be taken or refused.
    Either,
}

/// What an answer turned out to be.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) refused: bool,
    pub(crate) problems: Vec<String>,
    /// Words that an open enumeration does not list.
    pub(crate) warnings: Vec<String>,
}

/// The codes that a body gets for its shape.
const SHAPE: [&str; 3] = ["InvalidRequestContent", "LocationRequired", "UnsupportedMediaType"];

/// An operation with the validators of its answers.
pub(crate) struct Judge {
    pub(crate) operation: Operation,
    /// With open enumerations, and with all closed.
    answers: BTreeMap<String, (Validator, Validator)>,
}

impl Judge {
    pub(crate) fn new(documents: &Documents, operation: Operation) -> Result<Self, String> {
        let mut answers = BTreeMap::new();
        for (status, response) in &operation.responses {
            if let Some(part) = &response.schema {
                let made =
                    |enumerations| validator(&schema_of(documents, part, Direction::Response, enumerations)?);
                let pair = (made(Enumerations::AsDescribed)?, made(Enumerations::AllClosed)?);
                answers.insert(status.clone(), pair);
            }
        }
        Ok(Self { operation, answers })
    }

    /// Holds an answer against the description.
    pub(crate) fn judge(&self, seen: &Seen, due: Due) -> Verdict {
        let refused = seen.status >= 400;
        let mut verdict = Verdict { refused, ..Verdict::default() };
        let status = seen.status.to_string();
        if refused {
            self.body("default", seen, &mut verdict);
            if seen.code().is_empty() {
                verdict.problems.push("a refusal without error.code".to_owned());
            }
        } else if self.operation.responses.contains_key(&status) {
            self.body(&status, seen, &mut verdict);
            if due == Due::LongAnswer {
                self.headers(&status, seen, &mut verdict);
            }
        } else {
            verdict.problems.push(format!("status {status} is not described"));
        }
        let wrong = match (due, refused) {
            (Due::Answer | Due::LongAnswer, true) => Some("refused"),
            (Due::Refusal, false) => Some("taken, and it should be refused"),
            (Due::AnswerToBody, true) if seen.is_about_shape() => {
                Some("refused for its shape, which is as described")
            }
            (Due::Answer | Due::LongAnswer | Due::AnswerToBody, false)
            | (Due::Refusal | Due::AnswerToBody, true)
            | (Due::Either, _) => None,
        };
        if let Some(wrong) = wrong {
            let said = if refused { format!(" ({})", seen.code()) } else { String::new() };
            verdict.problems.push(format!("{wrong}: status {status}{said}"));
        }
        verdict
    }

    /// Holds a body against the schema of a status, from an answer or from an example.
    pub(crate) fn body(&self, status: &str, seen: &Seen, verdict: &mut Verdict) {
        match (self.answers.get(status), &seen.body) {
            (None, Content::Empty) => {}
            (None, _) => verdict.problems.push(format!("a body that is not described for {status}")),
            (Some(_), Content::Empty | Content::NotJson) => {
                verdict.problems.push(format!("no JSON, which is described for {status}"));
            }
            (Some((open, closed)), Content::Json(body)) => {
                let before = verdict.problems.len();
                verdict.problems.extend(complaints(open, body));
                if verdict.problems.len() == before {
                    verdict.warnings.extend(complaints(closed, body));
                }
            }
        }
    }

    fn headers(&self, status: &str, seen: &Seen, verdict: &mut Verdict) {
        let described = self.operation.responses.get(status).map(|response| response.headers.as_slice());
        let by_option = match self.operation.final_state_via.as_deref() {
            Some("azure-async-operation") => Some("Azure-AsyncOperation"),
            Some("location") => Some("Location"),
            Some(_) | None => None,
        };
        for name in described.unwrap_or_default().iter().map(String::as_str).chain(by_option) {
            if !seen.headers.contains_key(&name.to_ascii_lowercase()) {
                verdict.problems.push(format!("no header {name}"));
            }
        }
    }
}

/// What a validator has against a value.
fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    validator
        .iter_errors(value)
        .map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "/".to_owned() } else { place };
            // Without the value itself, which may be long.
            format!("at {place}: {}", error.masked())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn judge() -> Judge {
        let documents = Documents::default();
        let file = Path::new("/specs/one.json");
        documents.add(
            file,
            json!({
                "definitions": {
                    "Thing": {
                        "properties": {
                            "id": {"type": "string", "readOnly": true},
                            "state": {"type": "string", "enum": ["On"], "x-ms-enum": {"modelAsString": true}},
                        },
                        "required": ["id"],
                    },
                    "Error": {"properties": {"error": {"properties": {
                        "code": {"type": "string"}, "message": {"type": "string"},
                    }}}},
                },
                "paths": {"/thing": {"put": {
                    "operationId": "Thing_Put",
                    "responses": {
                        "200": {"schema": {"$ref": "#/definitions/Thing"}},
                        "202": {"headers": {"Retry-After": {}}},
                        "default": {"schema": {"$ref": "#/definitions/Error"}},
                    },
                    "x-ms-long-running-operation": true,
                    "x-ms-long-running-operation-options": {"final-state-via": "location"},
                }}},
            }),
        );
        let operation = crate::operations::of(&documents, file).unwrap().remove(0);
        Judge::new(&documents, operation).unwrap()
    }

    fn seen(status: u16, body: Option<Value>, headers: &[&str]) -> Seen {
        let headers = headers.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        Seen { status, headers, body: body.map_or(Content::Empty, Content::Json) }
    }

    fn refusal(code: &str) -> Seen {
        seen(400, Some(json!({"error": {"code": code, "message": "m"}})), &[])
    }

    #[track_caller]
    fn complains(seen: &Seen, due: Due, about: &str) {
        let problems = judge().judge(seen, due).problems;
        assert!(problems.iter().any(|one| one.contains(about)), "{about} in {problems:?}");
    }

    #[test]
    fn what_is_as_described_has_no_problems() {
        let judge = judge();
        for (seen, due) in [
            (seen(200, Some(json!({"id": "a", "state": "On"})), &[]), Due::Answer),
            (seen(202, None, &["location", "retry-after"]), Due::LongAnswer),
            (refusal("InvalidRequestContent"), Due::Refusal),
            (refusal("LocationNotAvailableForResourceType"), Due::AnswerToBody),
            (refusal("InvalidRequestContent"), Due::Either),
            (seen(200, Some(json!({"id": "a"})), &[]), Due::Either),
        ] {
            let verdict = judge.judge(&seen, due);
            assert_eq!((verdict.problems, verdict.warnings), (Vec::<String>::new(), Vec::new()), "{seen:?}");
        }
    }

    #[test]
    fn a_status_that_is_not_described_is_told() {
        complains(&seen(201, Some(json!({"id": "a"})), &[]), Due::Answer, "201 is not described");
    }

    #[test]
    fn an_answer_with_too_little_too_much_or_the_wrong_is_told() {
        for (body, about) in [
            (json!({}), "\"id\" is a required property"),
            (json!({"id": 7}), "at /id"),
            (json!({"id": "a", "odd": 1}), "'odd'"),
        ] {
            complains(&seen(200, Some(body), &[]), Due::Answer, about);
        }
        complains(&seen(200, None, &[]), Due::Answer, "no JSON");
        complains(&seen(202, Some(json!({})), &[]), Due::Answer, "not described for 202");
    }

    #[test]
    fn headers_of_a_long_answer_are_missed() {
        complains(&seen(202, None, &["location"]), Due::LongAnswer, "no header Retry-After");
        complains(&seen(202, None, &["retry-after"]), Due::LongAnswer, "no header Location");
    }

    #[test]
    fn a_refusal_of_another_shape_is_told() {
        complains(&seen(404, Some(json!({"message": "m"})), &[]), Due::Refusal, "'message'");
        complains(
            &seen(404, Some(json!({"error": {"message": "m"}})), &[]),
            Due::Refusal,
            "without error.code",
        );
        complains(&seen(404, None, &[]), Due::Refusal, "no JSON");
    }

    #[test]
    fn what_should_be_taken_is_and_what_should_not_is_not() {
        complains(&refusal("InvalidRequestContent"), Due::Answer, "refused");
        complains(&refusal("InvalidRequestContent"), Due::AnswerToBody, "refused for its shape");
        complains(&seen(200, Some(json!({"id": "a"})), &[]), Due::Refusal, "should be refused");
    }

    #[test]
    fn an_unlisted_word_of_an_open_enumeration_is_a_warning() {
        let verdict = judge().judge(&seen(200, Some(json!({"id": "a", "state": "Off"})), &[]), Due::Answer);
        assert_eq!(verdict.problems, Vec::<String>::new());
        assert_eq!(verdict.warnings.len(), 1, "{:?}", verdict.warnings);
    }
}
