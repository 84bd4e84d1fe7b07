//! The request log: everything that was asked and answered, in order, as JSON lines.
//!
//! A log is read by other tools and pasted into reports: no secret, assertion or token may ever reach it in clear.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::service::Service;

/// One request with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// Position in the log, from 1; goes on after the log was cleared.
    pub seq: u64,
    /// Simulated time of the answer.
    pub time: Timestamp,
    /// Who was asked.
    pub service: Service,
    /// HTTP method.
    pub method: String,
    /// Path as it came, without the query.
    pub path: String,
    /// Query as it came.
    pub query: String,
    /// The `api-version`, if any.
    pub api_version: Option<String>,
    /// Status of the answer; 0 if the connection was reset instead.
    pub status: u16,
    /// The error's code, if it was an error.
    pub error_code: Option<String>,
    /// Body of the request: JSON, or a form as an object. Secrets and assertions are hashes.
    pub request_body: Option<Value>,
    /// Body of the answer, tokens as hashes.
    pub response_body: Option<Value>,
    /// `x-ms-correlation-request-id` of the answer.
    pub correlation_id: Option<String>,
    /// `x-ms-client-request-id` of the request.
    pub client_request_id: Option<String>,
    /// Client id of the caller, where it is known.
    pub principal: Option<String>,
    /// Names of the faults that were applied.
    pub faults: Vec<String>,
}

/// The log in memory and, if wished, in a file.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<LoggedRequest>,
    written: u64,
    file: Option<File>,
}

impl Journal {
    pub(crate) fn new(file: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self { entries: Vec::new(), written: 0, file: file.map(File::create).transpose()? })
    }

    /// Adds an entry and numbers it.
    pub(crate) fn write(&mut self, mut entry: LoggedRequest) {
        self.written += 1;
        entry.seq = self.written;
        if let (Some(file), Ok(mut line)) = (&mut self.file, serde_json::to_string(&entry)) {
            line.push('\n');
            // A full disk must not make the stand-in fail where Azure would not.
            let _ = file.write_all(line.as_bytes());
        }
        self.entries.push(entry);
    }

    pub(crate) fn entries(&self) -> &[LoggedRequest] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

const CONFIDENTIAL: [&str; 7] = [
    "client_secret",
    "client_assertion",
    "access_token",
    "id_token",
    "refresh_token",
    "assertion",
    "password",
];

/// The value with everything confidential in it replaced by the beginning of its hash: enough to see that two are
/// equal, not enough to use one.
pub(crate) fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, member)| {
                    let hide = CONFIDENTIAL.iter().any(|name| key.eq_ignore_ascii_case(name));
                    let shown = match member {
                        Value::String(text) if hide => Value::String(fingerprint(text)),
                        other => redacted(other),
                    };
                    (key.clone(), shown)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(redacted).collect()),
        Value::String(text) => Value::String(without_tokens(text)),
        other => other.clone(),
    }
}

/// The text without tokens in unexpected places: a client that puts one in a body or an address must not leak it here.
pub(crate) fn without_tokens(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("eyJ") {
        let (before, run) = rest.split_at(at);
        let end = run.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(run.len());
        let (piece, after) = run.split_at(end);
        shown.push_str(before);
        if piece.contains('.') {
            shown.push_str(&fingerprint(piece));
        } else {
            shown.push_str(piece);
        }
        rest = after;
    }
    shown + rest
}

fn fingerprint(text: &str) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let [a, b, c, d, ..] = hash.as_ref() else { return "sha256:…".to_owned() };
    format!("sha256:{a:02x}{b:02x}{c:02x}{d:02x}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_and_tokens_become_hashes_wherever_they_stand() {
        let shown = redacted(&json!({
            "client_secret": "s3cret", "Client_Assertion": "eyJx.y.z", "scope": "x",
            "nested": [{"access_token": "t0ken"}], "odd": "eyJa.eyJb.c", "header": "Bearer eyJa.eyJb.c, more"
        }));
        let text = shown.to_string();
        for clear in ["s3cret", "eyJ", "t0ken"] {
            assert!(!text.contains(clear), "{text}");
        }
        assert_eq!(shown["scope"], "x");
        assert!(shown["header"].as_str().unwrap().starts_with("Bearer sha256:"), "{text}");
        assert!(shown["header"].as_str().unwrap().ends_with(", more"), "{text}");
    }

    #[test]
    fn equal_secrets_have_equal_hashes() {
        assert_eq!(redacted(&json!({"password": "a"})), redacted(&json!({"password": "a"})));
        assert_ne!(redacted(&json!({"password": "a"})), redacted(&json!({"password": "b"})));
    }
}
