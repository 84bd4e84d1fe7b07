//! The official examples that come with a description, as bodies to send and as answers to hold against it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Walk;
use crate::bodies::Body;
use crate::documents::parse;
use crate::report::Report;
use crate::verdict::{Content, Seen, Verdict};

impl Walk<'_> {
    /// The official examples of this operation, by their files.
    fn examples(&self) -> Result<Vec<(String, Value)>, String> {
        let folder = self.description.file.parent().unwrap_or(Path::new("")).join("examples");
        let mut found = Vec::new();
        // Many a description comes without its examples.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let value = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            if value["operationId"] == self.place.operation.as_str() {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                found.push((name, value));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    pub(super) fn examples_of_bodies(&self) -> Result<Vec<Body>, String> {
        // Whatever is no parameter of the path or the query is the body.
        let elsewhere: Vec<&str> = self.operation().parameters.iter().map(|one| one.name.as_str()).collect();
        let mut found = Vec::new();
        for (name, example) in self.examples()? {
            for (parameter, value) in example["parameters"].as_object().into_iter().flatten() {
                if value.is_object() && !elsewhere.contains(&parameter.as_str()) {
                    let mut value = value.clone();
                    if self.operation().method == "PATCH" && value.get("location").is_some() {
                        // The example's thing lies elsewhere than ours, and a place does not change.
                        value["location"] = json!(self.stage.sample.location);
                    }
                    found.push(Body { label: format!("the example {name}"), value });
                }
            }
        }
        Ok(found)
    }

    pub(super) fn examples_of_answers(&self, report: &mut Report) -> Result<(), String> {
        for (name, example) in self.examples()? {
            for (status, response) in example["responses"].as_object().into_iter().flatten() {
                let body = response.get("body").cloned().map_or(Content::Empty, Content::Json);
                let seen = Seen { status: status.parse().unwrap_or(0), headers: BTreeMap::new(), body };
                let mut verdict = Verdict::default();
                self.judge.body(status, &seen, &mut verdict);
                report.example(&self.place, &format!("the example {name}, {status}"), verdict);
            }
        }
        Ok(())
    }
}
