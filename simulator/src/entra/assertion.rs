//! Tokens of outside issuers that are shown instead of a secret.
//!
//! Issuer, subject and audience are compared with regard to case. The signature is not checked: the simulator must never
//! call an issuer, so anyone who can reach it can pretend to be any subject. Everything else is as strict as Entra.

use jiff::Timestamp;
use serde_json::Value;

use super::refusal::{self, Refusal};
use crate::world::FederatedCredential;

/// Checks an assertion against the credentials of an application.
pub(super) fn check(
    header: &Value,
    payload: &Value,
    trusted: &[FederatedCredential],
    now: Timestamp,
) -> Result<(), Refusal> {
    if header["alg"] != "RS256" {
        return Err(refusal::malformed_assertion());
    }
    let text = |name: &str| payload[name].as_str().unwrap_or_default();
    let audiences: Vec<&str> = match &payload["aud"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let (issuer, subject) = (text("iss"), text("sub"));
    let expected = trusted.iter().any(|credential| {
        credential.issuer == issuer
            && credential.subject == subject
            && audiences.contains(&credential.audience.as_str())
    });
    if !expected {
        return Err(refusal::no_matching_credential(issuer, subject, &audiences.join(",")));
    }
    in_time(payload, now)
}

/// Five minutes of clock skew are forgiven at the start, as Entra does; none at the end.
pub(super) fn in_time(payload: &Value, now: Timestamp) -> Result<(), Refusal> {
    let expiry = payload["exp"].as_i64().unwrap_or_default();
    let start = payload["nbf"].as_i64().or_else(|| payload["iat"].as_i64()).unwrap_or_default();
    if expiry <= now.as_second() || start > now.as_second() + 300 {
        return Err(refusal::assertion_out_of_time(now, start, expiry));
    }
    Ok(())
}
