//! THE CLOUD: Azure behind seven small ports. The only place that sends a request to it.
//!
//! ```text
//! Organizations ─── look_up ─► organization ─────────────────────────────────────┐
//! Subscriptions ─── look_up ─► subscriptions ──────────────┐                      │
//! Operations ────────────────► operations ─────────────────┼─► resource_manager ──┴─► transport ─► Azure
//! IdentityReader, Writer ────► identities ─┬─► resources ──┤     │ address (a host that is known)
//! PoolReader, Writer ────────► pools ──────┴───────────────┘     │ pacing (a Slot a request)
//!  (a write takes an Authority, a Basis)                            └ sign_in ─► credential
//! ```
//!
//! What comes back is a fact or a [`Failure`](crate::domain::failure::Failure), named by `classify`, a table. Nothing
//! here is tried again behind the caller's back, save one request whose token had gone bad: Azure requests are the
//! scarce resource, and when to ask again is the schedule's to say. Must never decide what a fact means, and never
//! write without a permit.

mod address;
mod bucket;
mod classify;
mod credential;
mod errand;
mod identities;
mod look_up;
mod operations;
mod organization;
mod pacing;
mod pools;
mod probe;
mod resource_manager;
mod resources;
mod settings;
mod sign_in;
mod subscriptions;
mod transport;
mod wire;
mod words;

pub use azure_core::credentials::Secret;
pub use credential::{Application, CertificateError, ClientCertificate, CredentialKey, CredentialSettings};
pub use identities::{IdentityPatch, IdentityReader, IdentityWriter, Put, PutAnswer};
pub use look_up::Freshness;
pub use operations::Operations;
pub use organization::Organizations;
pub use pools::{Patched, PoolReader, PoolWriter};
pub use resource_manager::WriteFailure;
pub use resources::{Basis, WriteSlot};
pub use settings::{AzureSettings, ConnectError};
pub use subscriptions::Subscriptions;

use std::sync::Arc;

use tokio::sync::watch;

use crate::runtime::{clock::Clock, metrics::Metrics};

/// The ports. Cheap to clone; clones share connections, tokens, look-ups and pacing.
#[derive(Debug, Clone)]
pub struct Azure {
    /// Which directory an organization is connected to.
    pub organizations: Organizations,
    /// Directory and state of subscriptions.
    pub subscriptions: Subscriptions,
    /// The read side of identities: it has no way to write.
    pub identities: IdentityReader,
    /// The write side of identities.
    pub writer: IdentityWriter,
    /// The read side of pools: it has no way to write.
    pub pools: PoolReader,
    /// The write side of pools.
    pub pool_writer: PoolWriter,
    /// What has become of changes that take Azure a while.
    pub operations: Operations,
    /// Tells each time that signing in works again after it had failed.
    pub signs_in_again: watch::Receiver<u64>,
}

impl Azure {
    /// Puts the ports together. Sends nothing.
    pub fn connect(settings: AzureSettings, clock: Clock, metrics: Metrics) -> Result<Self, ConnectError> {
        settings.check()?;
        let AzureSettings {
            resource_manager,
            further_hosts,
            audience,
            devops,
            extra_ca,
            proxies,
            credential,
        } = settings;
        let transport = transport::Transport::new(extra_ca.as_deref(), &proxies, metrics.clone())?;
        let source = credential::Credential::new(credential, &audience, &transport)?;
        let resource_manager = Arc::new(resource_manager::ResourceManager::new(
            address::Hosts::new(resource_manager, &further_hosts)?,
            transport.clone(),
            pacing::Pacing::new(clock, metrics),
            sign_in::SignIns::new(sign_in::SignIn::new(Box::new(source), clock)),
        ));
        Ok(Self {
            organizations: Organizations::new(devops, transport, clock),
            subscriptions: Subscriptions::new(Arc::clone(&resource_manager), clock),
            identities: IdentityReader::new(Arc::clone(&resource_manager)),
            writer: IdentityWriter::new(Arc::clone(&resource_manager)),
            pools: PoolReader::new(Arc::clone(&resource_manager)),
            pool_writer: PoolWriter::new(Arc::clone(&resource_manager)),
            signs_in_again: resource_manager.signs_in_again(),
            operations: Operations::new(resource_manager),
        })
    }
}
