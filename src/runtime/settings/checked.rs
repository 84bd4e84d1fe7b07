//! Settings that need no second look.
//!
//! Plain values, made by [`super::check`] alone. What is not here, the process does not know.

use std::fmt;
use std::net::SocketAddr;

use reqwest::Url;
use tracing_subscriber::filter::Targets;

use super::LogFormat;
use crate::azure::{self, CredentialSettings};
use crate::runtime::fences::FencesFile;
use crate::runtime::proxies::Proxies;

/// Settings that the process works with.
#[derive(Debug)]
pub struct CheckedSettings {
    /// Azure's side.
    pub azure: AzureSettings,
    /// The cluster's name in marks; absent, the uid of namespace kube-system is it.
    pub cluster_id: Option<String>,
    /// Names that it had before.
    pub former_cluster_ids: Vec<String>,
    /// What is watched.
    pub namespaces: Namespaces,
    /// What each namespace may use; absent, everything.
    pub fences: Option<FencesFile>,
    /// How many objects are worked on at the same time.
    pub concurrency: u16,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Only in tests: how much faster the clock runs.
    pub time_scale: Option<f64>,
}

/// Where Azure is, and as whom the operator signs in.
#[derive(Debug)]
pub struct AzureSettings {
    /// Where tokens come from.
    pub authority_host: Url,
    /// As whom, and by what.
    pub credential: CredentialSettings,
    /// Where Azure Resource Manager answers.
    pub resource_manager: Url,
    /// What its tokens are asked for, without a slash at the end.
    pub resource_manager_audience: String,
    /// Further hosts that its long-running operations and lists may point to.
    pub further_hosts: Vec<String>,
    /// Where Azure DevOps answers.
    pub devops: Url,
    /// Certificates to trust in addition, as PEM; there is at least one.
    pub extra_ca: Option<String>,
    /// By way of which proxy; counts for the cluster too.
    pub proxies: Proxies,
}

/// The namespaces that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespaces {
    /// The whole cluster.
    All,
    /// These, each once.
    Only(Vec<String>),
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Only(names) => f.write_str(&names.join(", ")),
        }
    }
}

/// What is logged, and how.
#[derive(Debug)]
pub struct LogSettings {
    /// Shape of a line.
    pub format: LogFormat,
    /// Levels by target.
    pub filter: Targets,
}

impl From<AzureSettings> for azure::AzureSettings {
    fn from(settings: AzureSettings) -> Self {
        let AzureSettings {
            authority_host: _,
            credential,
            resource_manager,
            resource_manager_audience: audience,
            further_hosts,
            devops,
            extra_ca,
            proxies,
        } = settings;
        Self { resource_manager, further_hosts, audience, devops, extra_ca, proxies, credential }
    }
}
