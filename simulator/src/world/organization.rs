//! Azure DevOps organizations and the odd ways in which they answer an anonymous probe.
//!
//! Must never build an answer itself.

use serde::{Deserialize, Serialize};

/// One Azure DevOps organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Organization {
    /// The directory behind it.
    pub directory: Directory,
    /// Deviations of its answers, all applied.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
}

impl Organization {
    /// An organization connected to a tenant, without quirks.
    pub fn connected(tenant: &str) -> Self {
        Self { directory: Directory::Connected(tenant.to_owned()), quirks: Vec::new() }
    }

    /// An organization of Microsoft accounts, without quirks.
    pub fn not_connected() -> Self {
        Self { directory: Directory::NotConnected, quirks: Vec::new() }
    }

    /// The same with one more quirk.
    #[must_use]
    pub fn with(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }
}

/// The directory behind an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Directory {
    /// An Entra tenant, by id.
    Connected(String),
    /// Microsoft accounts.
    NotConnected,
}

/// A deviation from the plain answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Quirk {
    /// `X-VSS-ResourceTenant` comes twice with the same value.
    HeaderTwice,
    /// `X-VSS-ResourceTenant` comes once with the value twice, joined by a comma.
    HeaderCommaJoined,
    /// `X-VSS-ResourceTenant` is missing; only the Bearer line tells the tenant.
    HeaderMissing,
    /// Both tenant headers are missing.
    NoTenantAtAll,
    /// The Bearer line names this tenant instead.
    Conflicting(String),
    /// `X-VSS-ResourceTenant` also names these tenants.
    SeveralTenants(Vec<String>),
    /// The `WWW-Authenticate` schemes come in one line, joined by commas.
    AuthenticateCommaJoined,
    /// This status instead of the usual one.
    Status(u16),
    /// 429 with `Retry-After` in seconds and no tenant.
    TooManyRequests(u64),
    /// 503 with `Retry-After` in seconds and no tenant.
    Unavailable(u64),
    /// 203 with a sign-in page in HTML and no tenant.
    SignInPage,
    /// 302 to a sign-in page and no tenant.
    SignInRedirect,
}
