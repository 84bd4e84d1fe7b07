//! Access tokens: shaped like Entra's, signed with a key that lives as long as the process.
//!
//! A token of another run, or one made by hand, must never pass.

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) aud: String,
    pub(crate) iss: String,
    pub(crate) tid: String,
    pub(crate) appid: String,
    pub(crate) oid: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
}

/// Signs and checks tokens.
#[derive(Debug)]
pub(crate) struct Signer(hmac::Key);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(hmac::Key::new(HMAC_SHA256, Uuid::new_v4().as_bytes()))
    }

    /// A signed token.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let header = URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": "HS256"}).to_string());
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_string(claims).unwrap_or_default());
        let signed = format!("{header}.{payload}");
        let mark = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mark.as_ref()))
    }

    /// The claims of a token of this run; `None` for anything else. Does not look at the time.
    pub(crate) fn read(&self, token: &str) -> Option<Claims> {
        let (signed, mark) = token.rsplit_once('.')?;
        let mark = URL_SAFE_NO_PAD.decode(mark).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &mark).ok()?;
        let (_, payload) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

/// Header and payload of a foreign JWT, unchecked.
pub(crate) fn parts(token: &str) -> Option<(Value, Value)> {
    let mut pieces = token.split('.');
    let (header, payload, signature) = (pieces.next()?, pieces.next()?, pieces.next()?);
    if signature.is_empty() || pieces.next().is_some() {
        return None;
    }
    let read = |piece: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(piece).ok()?).ok();
    Some((read(header)?, read(payload)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            aud: "a".into(),
            iss: "i".into(),
            tid: "t".into(),
            appid: "c".into(),
            oid: "o".into(),
            iat: 1,
            nbf: 1,
            exp: 2,
        }
    }

    #[test]
    fn a_token_is_read_by_the_signer_that_signed_it_and_by_no_other() {
        let signer = Signer::new();
        let token = signer.sign(&claims());
        assert_eq!(signer.read(&token), Some(claims()));
        assert_eq!(Signer::new().read(&token), None);
    }

    #[test]
    fn a_changed_token_is_refused() {
        let signer = Signer::new();
        let token = signer.sign(&claims());
        let other = Signer::new().sign(&Claims { tid: "other".into(), ..claims() });
        let mixed = format!(
            "{}.{}.{}",
            token.split('.').next().unwrap(),
            other.split('.').nth(1).unwrap(),
            token.split('.').nth(2).unwrap()
        );
        assert_eq!(signer.read(&mixed), None);
    }
}
