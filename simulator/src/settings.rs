//! Settings that can be changed while the simulator runs.
//!
//! Must never hold an open question about Azure: those are [`Readings`].

use serde::{Deserialize, Serialize};

use crate::readings::Readings;
use crate::world::TerraformRun;

/// What can be changed while the simulator runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// Identities or pools on one page of a list.
    pub page_size: usize,
    /// Simulated seconds for which reads after a write show the older state. Default 0.
    pub replication_delay_seconds: f64,
    /// Which limits are enforced.
    pub throttling: Throttling,
    /// How the token endpoint misbehaves.
    pub token_endpoint: TokenEndpoint,
    /// How long things take with pools.
    pub pools: PoolTimes,
    /// Simulated seconds that the registration of a resource provider takes. Default 0; minutes at Azure.
    pub registration_seconds: f64,
    /// Simulated seconds in which one more write of a federated credential of the same identity is refused as
    /// concurrent. Default 0: never.
    pub credential_write_seconds: f64,
    /// Terraforms that put their own lists of identities back on pools, again and again.
    pub terraform: Vec<Terraform>,
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
            pools: PoolTimes::default(),
            registration_seconds: 0.0,
            credential_write_seconds: 0.0,
            terraform: Vec::new(),
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

/// How long things take with pools, on the simulated clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PoolTimes {
    /// Seconds that a creation takes. With 0, the default of all three, what works is done at once.
    pub creation_seconds: f64,
    /// Seconds that a change takes.
    pub update_seconds: f64,
    /// Seconds that a deletion takes.
    pub deletion_seconds: f64,
    /// The `Retry-After` of long-running operations. Default 10.
    pub retry_after_seconds: u64,
    /// Seconds from the start of an operation for which its addresses answer. Default a day; unverified.
    pub operations_valid_seconds: f64,
    /// Seconds for which a new entry of the identity block is shown without its ids. Default 0; unverified.
    pub entries_empty_seconds: f64,
    /// Characters that the address of an operation has at least: Azure's carry an opaque state in their query. Default 0.
    pub operation_address_length: usize,
}

impl Default for PoolTimes {
    fn default() -> Self {
        Self {
            creation_seconds: 0.0,
            update_seconds: 0.0,
            deletion_seconds: 0.0,
            retry_after_seconds: 10,
            operations_valid_seconds: 86_400.0,
            entries_empty_seconds: 0.0,
            operation_address_length: 0,
        }
    }
}

/// A Terraform that is run again and again. The first run comes one interval after it was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terraform {
    /// What it does each time.
    pub run: TerraformRun,
    /// Simulated seconds from one run to the next. It never runs if they are less than 1.
    pub every_seconds: f64,
}
