//! The way to the cluster: two clients, the cluster's id, and the wait for the kind to be known.
//!
//! Reads only. The proxy on the way is the one of all clients, unless the kubeconfig names one for this cluster. The two
//! clients differ in patience: a watch is silent for minutes, while a request that a pass waits for
//! must end. Neither retries by itself, since a pass that hangs in a retry for minutes is a pass that nobody sees.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config};
use reqwest::header::{self, HeaderValue};

use super::health::{Gate, Health};
use super::metrics::Metrics;
use super::proxies::Proxies;
use super::settings::Namespaces;
use crate::api::ManagedDevOpsIdentity;
use crate::api::names::USER_AGENT;
use crate::domain::cluster::ClusterIds;

/// The longest that one request may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a missing kind is looked for.
const CRD_POLL: Duration = Duration::from_secs(5);
/// Its uid is the cluster's id unless one is set.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// Two clients of one cluster, and its names.
#[derive(Clone)]
pub struct Cluster {
    /// Its names in marks.
    pub ids: ClusterIds,
    /// Address of the API server.
    pub url: String,
    /// For watches: waits as long as it takes.
    pub watching: Client,
    /// For everything else: each request ends.
    pub working: Client,
}

/// Why the process cannot start on this cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a pod's service account.
    #[error("no cluster: set KUBECONFIG, or run in a pod with a service account")]
    NotConfigured(#[source] kube::config::InClusterError),
    /// A kubeconfig that cannot be used.
    #[error("the file that KUBECONFIG names cannot be used")]
    Kubeconfig(#[source] KubeconfigError),
    /// kube reads this by itself where there is a kubeconfig, and takes less than others do.
    #[error(
        "NO_PROXY: with a kubeconfig, hosts, domains, addresses and networks have to be separated by one comma each"
    )]
    NoProxy(#[source] KubeconfigError),
    /// A proxy that cannot be used.
    #[error(
        "the proxy-url in the file that KUBECONFIG names {0}; give one such as http://proxy.example.com:3128"
    )]
    ProxyUrl(&'static str),
    /// The configuration cannot be used.
    #[error("the configuration of the cluster {url} cannot be used")]
    Unusable {
        /// Of the API server.
        url: String,
        /// What is wrong with it.
        source: kube::Error,
    },
    /// No answer, or an unfriendly one.
    #[error(
        "the cluster {url}{by_way_of} cannot be used; check its address, the network and the credentials"
    )]
    Unreachable {
        /// Of the API server.
        url: String,
        /// The proxy on the way, if there is one.
        by_way_of: String,
        /// What came instead of a friendly answer.
        source: Failure,
    },
    /// No answer in time.
    #[error("the cluster {url}{by_way_of} did not answer within {} s; check its address and the network", PATIENCE.as_secs())]
    Silent {
        /// Of the API server.
        url: String,
        /// The proxy on the way, if there is one.
        by_way_of: String,
    },
    /// The default of the cluster's id cannot be read.
    #[error(
        "MDI_CLUSTER_ID (--cluster-id) is required here, because the uid of namespace {SYSTEM_NAMESPACE} cannot be read"
    )]
    NoId(#[source] Option<Failure>),
}

/// A failed request. Where the API server has answered, what it said; kube would print that twice, and dump it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An answer of the API server.
    #[error("{message} (status {code})")]
    Answer {
        /// HTTP status.
        code: u16,
        /// The beginning of its message.
        message: String,
    },
    /// Everything else.
    #[error(transparent)]
    Other(Box<kube::Error>),
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            // Whatever else listens at a wrong address may answer with a whole page.
            kube::Error::Api(status) => {
                Self::Answer { code: status.code, message: status.message.chars().take(300).collect() }
            }
            other => Self::Other(Box::new(other)),
        }
    }
}

/// What KUBECONFIG names, else the pod's own. Never a kubeconfig that merely lies about in somebody's home: an operator
/// started by hand must not find a cluster that nobody named.
/// With it, the proxies that count for this cluster.
async fn configured(proxies: &Proxies) -> Result<(Config, Proxies), ClusterError> {
    let kubeconfig = Kubeconfig::from_env().map_err(ClusterError::Kubeconfig)?;
    let its_own = kubeconfig.as_ref().and_then(proxy_url).map(Proxies::of_kubeconfig);
    let proxies = its_own.transpose().map_err(ClusterError::ProxyUrl)?.unwrap_or_else(|| proxies.clone());
    let mut config = match kubeconfig {
        Some(kubeconfig) => {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            config.map_err(|error| match error {
                KubeconfigError::ParseNoProxy(_) => ClusterError::NoProxy(error),
                _ => ClusterError::Kubeconfig(error),
            })?
        }
        None => Config::incluster().map_err(ClusterError::NotConfigured)?,
    };
    // kube compares NO_PROXY with the proxy's address instead of the cluster's, and in a pod knows no proxy at all.
    config.proxy_url = proxies.of(&config.cluster_url);
    Ok((config, proxies))
}

/// The proxy that the kubeconfig names for the cluster that is meant.
fn proxy_url(kubeconfig: &Kubeconfig) -> Option<&str> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *current)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
    cluster.cluster.as_ref()?.proxy_url.as_deref().filter(|address| !address.is_empty())
}

impl Cluster {
    /// Connects to the cluster of the environment, and sees that it answers. Its id is the one that was set, else the
    /// uid of namespace kube-system.
    pub async fn connect(
        id: Option<String>,
        former: Vec<String>,
        proxies: &Proxies,
    ) -> Result<Self, ClusterError> {
        let (mut config, proxies) = configured(proxies).await?;
        config.default_retry = false;
        config.connect_timeout = Some(PATIENCE);
        config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
        let url = config.cluster_url.to_string();
        let by_way_of = proxies.on_the_way_to(&url).map(|proxy| format!(", by way of {proxy},"));
        let by_way_of = by_way_of.unwrap_or_default();
        let client = |config: Config| {
            Client::try_from(config).map_err(|source| ClusterError::Unusable { url: url.clone(), source })
        };
        let watching = client(config.clone())?;
        config.read_timeout = Some(PATIENCE);
        config.write_timeout = Some(PATIENCE);
        config.reset_reader_on_write = true;
        let working = client(config)?;

        match tokio::time::timeout(PATIENCE, working.apiserver_version()).await {
            Ok(Ok(_)) => {}
            // An answer, if an unfriendly one: who may do what is seen where it matters.
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {}
            Ok(Err(source)) => {
                return Err(ClusterError::Unreachable { url, by_way_of, source: source.into() });
            }
            Err(_) => return Err(ClusterError::Silent { url, by_way_of }),
        }
        let id = match id {
            Some(id) => id,
            None => uid_of_system_namespace(&working).await?,
        };
        Ok(Self { ids: ClusterIds::new(id, former), url, watching, working })
    }

    /// Waits until the API server knows the kind. Only ever waits: a definition that is applied a minute later is
    /// no reason to end.
    pub async fn until_crd_is_served(&self, watched: &Namespaces, health: &Health, metrics: &Metrics) {
        let mut told = false;
        loop {
            match self.crd_is_served(watched).await {
                Ok(true) => {
                    metrics.crd_is_served();
                    health.open(Gate::CrdInstalled);
                    return;
                }
                Ok(false) => {
                    metrics.crd_is_missing();
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!("waiting for the kind: apply what `mdi-operator crd` prints");
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %Failure::from(error), "cannot ask whether the kind is known");
                }
            }
            tokio::time::sleep(CRD_POLL).await;
        }
    }

    /// Asked by the very list that the watch begins with, so it needs no right of its own.
    async fn crd_is_served(&self, watched: &Namespaces) -> Result<bool, kube::Error> {
        let objects: Api<ManagedDevOpsIdentity> = match watched {
            Namespaces::Only(names) if !names.is_empty() => Api::namespaced(self.working.clone(), &names[0]),
            Namespaces::Only(_) | Namespaces::All => Api::all(self.working.clone()),
        };
        match objects.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => Ok(true),
            // By its code: the answer for an unknown kind is a plain text, not a status with a reason.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            // Whether it is known is not told to us; the watch meets the same answer, and tells it.
            Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(true),
            Err(error) => Err(error),
        }
    }
}

async fn uid_of_system_namespace(client: &Client) -> Result<String, ClusterError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace =
        namespaces.get(SYSTEM_NAMESPACE).await.map_err(|error| ClusterError::NoId(Some(error.into())))?;
    namespace.metadata.uid.ok_or(ClusterError::NoId(None))
}
