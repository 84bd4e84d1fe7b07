//! Assertions that an application signs itself, with the key of a certificate that is registered with it.
//!
//! Unlike those of outside issuers, these are verified whole: the signature too. Only the time of the certificate is not
//! looked at, since the simulated clock has nothing to do with it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

use super::assertion::in_time;
use super::refusal::{self, Refusal};

/// Whether the header names a certificate, as an outside issuer's never does.
pub(super) fn is_named_in(header: &Value) -> bool {
    thumbprint(header).is_some()
}

fn thumbprint(header: &Value) -> Option<(&'static str, &str)> {
    ["x5t#S256", "x5t"].into_iter().find_map(|name| Some((name, header[name].as_str()?)))
}

/// The certificate must be registered, and its key must have signed.
pub(super) fn check_signature(assertion: &str, header: &Value, registered: &[String]) -> Result<(), Refusal> {
    let algorithm: &RsaParameters = match header["alg"].as_str() {
        Some("PS256") => &RSA_PSS_2048_8192_SHA256,
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        Some(_) | None => return Err(refusal::malformed_assertion()),
    };
    let (kind, named) = thumbprint(header).ok_or_else(refusal::malformed_assertion)?;
    let (hash, print) = match kind {
        "x5t" => (&SHA1_FOR_LEGACY_USE_ONLY, named),
        _ => (&SHA256, named),
    };
    let found = registered
        .iter()
        .filter_map(|pem| der(pem))
        .find(|der| URL_SAFE_NO_PAD.encode(digest(hash, der)) == print);
    let der = found.ok_or_else(|| refusal::unknown_certificate(print))?;
    let key = public_key(&der).ok_or_else(|| refusal::unknown_certificate(print))?;
    let (text, signature) = assertion.rsplit_once('.').ok_or_else(refusal::malformed_assertion)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| refusal::malformed_assertion())?;
    UnparsedPublicKey::new(algorithm, key)
        .verify(text.as_bytes(), &signature)
        .map_err(|_| refusal::bad_signature(print))
}

/// For this application, this endpoint and this time; and with an id of its own.
pub(super) fn check_claims(
    payload: &Value,
    client_id: &str,
    endpoint: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let is =
        |name: &str, value: &str| payload[name].as_str().is_some_and(|it| it.eq_ignore_ascii_case(value));
    if !is("iss", client_id) || !is("sub", client_id) {
        return Err(refusal::assertion_of_another(client_id));
    }
    if !is("aud", endpoint) {
        return Err(refusal::wrong_audience());
    }
    if payload["jti"].as_str().is_none_or(str::is_empty) {
        return Err(refusal::malformed_assertion());
    }
    in_time(payload, now)
}

fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, body) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = body.split_once("-----END CERTIFICATE-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

/// The key as certificates have it, with the algorithm's name: the seventh member after the optional version.
fn public_key(der: &[u8]) -> Option<&[u8]> {
    const VERSION: u8 = 0xa0;
    let (certificate, _) = content(der)?;
    let (mut rest, _) = content(certificate)?;
    let before = if rest.first() == Some(&VERSION) { 6 } else { 5 };
    for _ in 0..before {
        rest = content(rest)?.1;
    }
    let (_, after) = content(rest)?;
    rest.get(..rest.len() - after.len())
}

/// Content of the first element, and what follows it.
fn content(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}
