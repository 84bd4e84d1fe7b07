//! A federated credential of a user-assigned identity.
//!
//! Must never decide whether one may be written, nor check a token against it.

use serde::{Deserialize, Serialize};

/// An outside token that is accepted for an identity. All three are compared with regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityCredential {
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`.
    pub audience: String,
}
