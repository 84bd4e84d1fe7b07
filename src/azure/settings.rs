//! Where Azure is, and as whom to sign in. Pure data; never read from the environment here.

use azure_core::http::Url;

use super::credential::CredentialSettings;
use crate::runtime::proxies::Proxies;

/// Where Azure is, and as whom to sign in.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// Resource Manager, for example `https://management.azure.com`.
    pub resource_manager: Url,
    /// Hosts beside Resource Manager's that its links may lead to, and tokens with them, as `host` or `host:port`.
    pub further_hosts: Vec<String>,
    /// What tokens are asked for, for example `https://management.azure.com`.
    pub audience: String,
    /// Azure DevOps, for example `https://dev.azure.com`.
    pub devops: Url,
    /// Certificate authorities to trust beside the system's, as PEM.
    pub extra_ca: Option<String>,
    /// By way of which proxy.
    pub proxies: Proxies,
    /// As whom to sign in.
    pub credential: CredentialSettings,
}

impl AzureSettings {
    /// Told before the first request: a token must never travel in the clear.
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        let Self {
            resource_manager,
            further_hosts: _,
            audience: _,
            devops,
            extra_ca: _,
            proxies: _,
            credential,
        } = self;
        let authority = credential.application().map(|application| ("the authority", &application.authority));
        let endpoints = [("Resource Manager", resource_manager), ("Azure DevOps", devops)];
        for (service, url) in endpoints.into_iter().chain(authority) {
            if url.scheme() != "https" || url.cannot_be_a_base() {
                return Err(ConnectError::NotHttps { service, url: url.clone() });
            }
        }
        Ok(())
    }
}

/// Settings that no connection can be made with.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// An endpoint that is not https.
    #[error("the address of {service} must begin with https://, not {url}")]
    NotHttps {
        /// Whose address it is.
        service: &'static str,
        /// The address.
        url: Url,
    },
    /// A further host that is none.
    #[error(
        "{host:?} is not the name of a host, such as management.example.com or management.example.com:8443"
    )]
    NotAHost {
        /// What was given.
        host: String,
    },
    /// The extra certificate authorities cannot be read.
    #[error("the extra certificate authorities are not a bundle of PEM certificates")]
    ExtraCa(#[source] reqwest::Error),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}
