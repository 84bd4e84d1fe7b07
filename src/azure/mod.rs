//! THE CLOUD: Azure behind four small ports. The only place that sends a request to it.
//!
//! ```text
//! Organizations ─────── look_up ─► organization ───────────────────────────────────────┐
//! Subscriptions ─────── look_up ─► subscriptions ─┐                                    ├─► transport ─► Azure
//! IdentityReader ────────────────► identities ────┼─► resource_manager ────────────────┤
//! IdentityWriter (takes a Permit) ────────────────┘     │ pacing (a Slot a request)    │
//!                                                       └ sign_in ─► credential ───────┘
//! ```
//!
//! What comes back is a fact or a [`Failure`](crate::domain::failure::Failure), named by `classify`, a table. Nothing
//! here is tried again behind the caller's back, save one request whose token had gone bad: Azure requests are the
//! scarce resource, and when to ask again is the schedule's to say. Must never decide what a fact means, and never
//! write without a permit.

mod bucket;
mod classify;
mod credential;
mod errand;
mod identities;
mod look_up;
mod organization;
mod pacing;
mod probe;
mod resource_manager;
mod settings;
mod sign_in;
mod subscriptions;
mod transport;
mod wire;
mod words;

pub use azure_core::credentials::Secret;
pub use credential::{CredentialKey, CredentialSettings};
pub use identities::{IdentityPatch, IdentityReader, IdentityWriter, Put, PutAnswer, WriteSlot};
pub use look_up::Freshness;
pub use organization::Organizations;
pub use settings::{AzureSettings, ConnectError};
pub use subscriptions::Subscriptions;

use std::sync::Arc;

use crate::runtime::{clock::Clock, metrics::Metrics};

/// The four ports. Cheap to clone; clones share connections, tokens, look-ups and pacing.
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
}

impl Azure {
    /// Puts the ports together. Sends nothing.
    pub fn connect(settings: AzureSettings, clock: Clock, metrics: Metrics) -> Result<Self, ConnectError> {
        settings.check()?;
        let AzureSettings { resource_manager, audience, devops, extra_ca, credential } = settings;
        let transport = transport::Transport::new(extra_ca.as_deref(), metrics.clone())?;
        let source = credential::Entra::new(credential, &audience, transport.clone());
        let resource_manager = Arc::new(resource_manager::ResourceManager::new(
            resource_manager,
            transport.clone(),
            pacing::Pacing::new(clock, metrics),
            sign_in::SignIns::new(sign_in::SignIn::new(Box::new(source), clock)),
        ));
        Ok(Self {
            organizations: Organizations::new(devops, transport, clock),
            subscriptions: Subscriptions::new(Arc::clone(&resource_manager), clock),
            identities: IdentityReader::new(Arc::clone(&resource_manager)),
            writer: IdentityWriter::new(resource_manager),
        })
    }
}
