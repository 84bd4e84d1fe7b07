//! The fault script: which request goes wrong, and how.
//!
//! Faults stand outside the services, which never know of them; so a fault can hit before, after, or instead of the
//! true effect.

use serde::{Deserialize, Serialize};

use crate::hand::Hand;
use crate::service::{Request, Service};

/// One line of the script. In JSON only `effect` is required.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// A name for the request log; the effect's name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only requests to this service; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Only this HTTP method; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths like this, in any case. With a `*` it must cover the whole path, and `*` stands for any text; without
    /// one it may stand anywhere in the path.
    #[serde(default = "anything")]
    pub path: String,
    /// The first matching request that is hit, counted from 1.
    #[serde(default = "one")]
    pub from: u64,
    /// How many matching requests are hit from there on; without end if `null`.
    #[serde(default = "once")]
    pub count: Option<u64>,
    /// What goes wrong.
    pub effect: Effect,
    /// How many requests have matched so far.
    #[serde(default)]
    pub seen: u64,
}

fn anything() -> String {
    "*".to_owned()
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

/// What goes wrong. In JSON: `{"kind": "answer", "status": 503}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// Another answer; the request is not carried out.
    Answer(CannedAnswer),
    /// A wait in real time, then business as usual.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The request stands at a gate before it is carried out, until the gate is opened or its client leaves.
    HoldBefore {
        /// Name of the gate.
        gate: String,
    },
    /// The request is carried out, and its answer stands at a gate until that is opened.
    HoldAfter {
        /// Name of the gate.
        gate: String,
    },
    /// The connection is reset and the request not carried out.
    ResetBefore,
    /// The request is carried out, then the connection is reset: the answer is lost.
    ResetAfter,
    /// The request is carried out; half of the answer's body arrives, then the connection ends.
    Truncate,
    /// The request is carried out; a page in HTML comes instead of its answer, with the answer's own status.
    Html,
    /// An answer with this status whose JSON has no member `error`; the request is not carried out.
    BareError {
        /// The status.
        status: u16,
    },
    /// The request is carried out; its answer is padded to this size with a member nobody knows.
    Huge {
        /// The size.
        megabytes: usize,
    },
    /// The request is carried out; its answer has this status instead of its own.
    Status {
        /// The status.
        status: u16,
    },
    /// An outside hand acts just before the request is carried out.
    HandBefore {
        /// What it does.
        act: Hand,
    },
    /// An outside hand acts just after the request was carried out.
    HandAfter {
        /// What it does.
        act: Hand,
    },
}

/// An answer made up by a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CannedAnswer {
    /// The status.
    pub status: u16,
    /// The error's code; ARM's shape is made from it.
    #[serde(default)]
    pub code: Option<String>,
    /// The error's message.
    #[serde(default)]
    pub message: Option<String>,
    /// `Retry-After` in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// More headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body as it is, instead of ARM's error.
    #[serde(default)]
    pub body: Option<String>,
    /// The type of `body`; JSON if absent.
    #[serde(default)]
    pub content_type: Option<String>,
}

impl Effect {
    fn label(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Delay { .. } => "delay",
            Self::HoldBefore { .. } => "holdBefore",
            Self::HoldAfter { .. } => "holdAfter",
            Self::ResetBefore => "resetBefore",
            Self::ResetAfter => "resetAfter",
            Self::Truncate => "truncate",
            Self::Html => "html",
            Self::BareError { .. } => "bareError",
            Self::Huge { .. } => "huge",
            Self::Status { .. } => "status",
            Self::HandBefore { .. } => "handBefore",
            Self::HandAfter { .. } => "handAfter",
        }
    }
}

impl Fault {
    /// A fault that hits the first request of a method (`*` for any) on paths like `path`.
    pub fn on(method: &str, path: &str, effect: Effect) -> Self {
        let method = (method != "*").then(|| method.to_owned());
        Self {
            name: None,
            service: None,
            method,
            path: path.to_owned(),
            from: 1,
            count: Some(1),
            effect,
            seen: 0,
        }
    }

    /// An error answer in ARM's shape.
    pub fn answer(method: &str, path: &str, status: u16, code: &str) -> Self {
        let canned = CannedAnswer { status, code: Some(code.to_owned()), ..CannedAnswer::default() };
        Self::on(method, path, Effect::Answer(canned))
    }

    /// A page of somebody on the way, such as a proxy's sign-in page, with status 200; the request is not carried out.
    pub fn page(method: &str, path: &str) -> Self {
        let canned = CannedAnswer {
            status: 200,
            body: Some("<!DOCTYPE html><html><body>Sign in</body></html>".to_owned()),
            content_type: Some("text/html; charset=utf-8".to_owned()),
            ..CannedAnswer::default()
        };
        Self::on(method, path, Effect::Answer(canned))
    }

    /// The same at one service only.
    #[must_use]
    pub fn at(mut self, service: Service) -> Self {
        self.service = Some(service);
        self
    }

    /// The same from the n-th matching request on.
    #[must_use]
    pub fn from_nth(mut self, nth: u64) -> Self {
        self.from = nth;
        self
    }

    /// The same for so many requests.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// The same without end.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.count = None;
        self
    }

    /// The same with a `Retry-After`; only an [`Effect::Answer`] has one.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        if let Effect::Answer(canned) = &mut self.effect {
            canned.retry_after = Some(seconds);
        }
        self
    }

    /// The same under a name in the request log.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The field that makes no sense, and why.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let status = match &self.effect {
            Effect::Answer(CannedAnswer { status, .. })
            | Effect::BareError { status }
            | Effect::Status { status } => Some(*status),
            Effect::Delay { .. }
            | Effect::HoldBefore { .. }
            | Effect::HoldAfter { .. }
            | Effect::ResetBefore
            | Effect::ResetAfter
            | Effect::Truncate
            | Effect::Html
            | Effect::Huge { .. }
            | Effect::HandBefore { .. }
            | Effect::HandAfter { .. } => None,
        };
        if self.from == 0 {
            return Some(("from", "requests are counted from 1"));
        }
        let odd = status.is_some_and(|status| !(200..=599).contains(&status));
        odd.then_some(("effect.status", "is no final HTTP status; send 200 to 599"))
    }

    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.effect.label().to_owned())
    }

    fn addresses(&self, request: &Request) -> bool {
        self.service.is_none_or(|service| service == request.service)
            && self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
            && matches(&self.path, request.uri.path())
    }

    fn hits(&self, nth: u64) -> bool {
        nth >= self.from && self.count.is_none_or(|count| nth - self.from < count)
    }
}

/// The faults that hit this request, in the script's order. Counts the request.
pub(crate) fn hitting(script: &mut [Fault], request: &Request) -> Vec<Fault> {
    let mut hits = Vec::new();
    for fault in script {
        if fault.addresses(request) {
            fault.seen += 1;
            if fault.hits(fault.seen) {
                hits.push(fault.clone());
            }
        }
    }
    hits
}

/// Whether a text is like a pattern, in any case: with `*` as a whole, without it anywhere.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let pieces: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = pieces.as_slice() else {
        return text.contains(&pattern);
    };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_pattern_covers_the_whole_path_and_a_plain_one_may_stand_anywhere() {
        assert!(matches("*/userAssignedIdentities/*", "/x/USERASSIGNEDIDENTITIES/y"));
        assert!(!matches("*/userAssignedIdentities", "/x/userAssignedIdentities/y"));
        assert!(matches("userAssignedIdentities", "/x/userAssignedIdentities/y"));
        assert!(matches("*", ""));
        assert!(!matches("a*a", "a"));
    }

    #[test]
    fn a_fault_hits_from_the_nth_request_on_and_then_stops() {
        let fault = Fault::answer("*", "*", 503, "x").from_nth(2).times(2);
        let hits: Vec<bool> = (1..=4).map(|nth| fault.hits(nth)).collect();
        assert_eq!(hits, [false, true, true, false]);
    }
}
