//! Settings that can be changed while the simulator runs.
//!
//! Must never hold an open question about Azure: those are [`Readings`].

use serde::{Deserialize, Serialize};

use crate::readings::Readings;

/// What can be changed while the simulator runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Identities on one page of a list.
    pub page_size: usize,
    /// Simulated seconds for which reads after a write show the older state. Default 0.
    pub replication_delay_seconds: f64,
    /// Which limits are enforced.
    pub throttling: Throttling,
    /// How the token endpoint misbehaves.
    pub token_endpoint: TokenEndpoint,
    /// Unverified readings of Azure's behaviour.
    pub readings: Readings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: 50,
            replication_delay_seconds: 0.0,
            throttling: Throttling::default(),
            token_endpoint: TokenEndpoint::default(),
            readings: Readings::default(),
        }
    }
}

/// Which limits are enforced, on the simulated clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Throttling {
    /// Resource Manager's buckets per subscription (or tenant) and principal. Default on.
    pub resource_manager: bool,
    /// The identity provider's far lower limits per tenant, subscription and resource: one read in two seconds and
    /// one write in four seconds for each identity. Default off, as even a hand with `curl` runs into them.
    pub provider: bool,
}

impl Default for Throttling {
    fn default() -> Self {
        Self { resource_manager: true, provider: false }
    }
}

/// How the token endpoint misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenEndpoint {
    /// Real milliseconds before each answer.
    pub delay_milliseconds: u64,
    /// If set, every token request is answered 429 with this `Retry-After` in seconds.
    pub too_many_requests: Option<u64>,
}
