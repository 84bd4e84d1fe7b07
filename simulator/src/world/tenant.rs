//! Entra tenants and the applications that can ask for tokens there.
//!
//! Must never issue or check a token.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Names;

/// One Entra tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tenant {
    /// Its name for people.
    pub display_name: String,
    /// Applications by client id.
    pub applications: Names<Application>,
}

/// An application with a service principal in its tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// The service principal's object id; shows in refusals.
    pub object_id: String,
    /// Client secrets.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Certificates (PEM, with an RSA key) whose holder may sign assertions.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Outside tokens that are accepted instead of a secret.
    #[serde(default)]
    pub federated: Vec<FederatedCredential>,
}

/// The machine that asks the metadata service: the identities that it can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Machine {
    /// Client id of its own identity, if it has one.
    pub system: Option<String>,
    /// Client ids of the identities assigned to it.
    pub user: Vec<String>,
}

/// A client secret of the simulated directory. Not a secret of anything real.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// The text a client sends.
    pub value: String,
    /// When it stops working; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A trusted outside token. All three are compared with regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// The token's `aud`.
    #[serde(default = "usual_audience")]
    pub audience: String,
}

fn usual_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}
