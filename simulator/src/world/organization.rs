//! Azure DevOps organizations and the odd ways in which they answer an anonymous probe.
//!
//! Must never build an answer itself.

use serde::{Deserialize, Serialize};

use super::Names;

/// One Azure DevOps organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Organization {
    /// The directory behind it.
    pub directory: Directory,
    /// Deviations of its answers, all applied.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
    /// What keeps an application from managing agent pools here, by object id. All others may.
    #[serde(default)]
    pub obstacles: Names<Obstacle>,
}

/// What keeps an application from managing the agent pools of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Obstacle {
    /// It is no member of the organization.
    NotFound,
    /// It is a member without the permission.
    NoManagePermission,
}

/// The name in an organization's address, in the form of today or of old; `None` if it is neither.
pub fn organization_in(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.eq_ignore_ascii_case("dev.azure.com") {
        return path.split('/').next().filter(|name| !name.is_empty());
    }
    let (name, domain) = host.split_once('.')?;
    domain.eq_ignore_ascii_case("visualstudio.com").then_some(name)
}

impl Organization {
    /// An organization connected to a tenant, without quirks.
    pub fn connected(tenant: &str) -> Self {
        Self {
            directory: Directory::Connected(tenant.to_owned()),
            quirks: Vec::new(),
            obstacles: Names::new(),
        }
    }

    /// An organization of Microsoft accounts, without quirks.
    pub fn not_connected() -> Self {
        Self { directory: Directory::NotConnected, quirks: Vec::new(), obstacles: Names::new() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_is_known_by_either_of_its_addresses() {
        for (url, name) in [
            ("https://dev.azure.com/contoso", Some("contoso")),
            ("https://DEV.azure.com/contoso/", Some("contoso")),
            ("https://contoso.visualstudio.com", Some("contoso")),
            ("https://contoso.visualstudio.com/", Some("contoso")),
            ("https://dev.azure.com/", None),
            ("https://github.com/contoso", None),
            ("contoso", None),
        ] {
            assert_eq!(organization_in(url), name, "{url}");
        }
    }
}
