//! A stateful stand-in for the parts of Azure that an operator for managed identities talks to.
//!
//! Three services speak TLS on loopback, with a certificate authority made for the run: the Entra token endpoint, Azure
//! Resource Manager, and Azure DevOps. The metadata service of a machine (IMDS) speaks plain HTTP, as the real one does.
//! One more port, plain HTTP, is for the tester: the world, outside hands, faults, the clock and the request log. It is as strict and as awkward as Azure is known to be; what nobody has verified is a
//! switch in [`Readings`].
//!
//! ```text
//!   client ── TLS ──▶ front ──▶ fault script ──▶ entra | metadata | resource_manager | devops ──▶ world
//!                       │                                                                          ▲
//!                       └──▶ journal (redacted)                    admin, tests: hands, clock ─────┘
//! ```
//!
//! It must never be reachable from another machine, and never pretend to be safe: it does not check signatures of
//! federated tokens.

/// The example of the README is compiled with the tests, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod admin;
mod clock;
mod config;
mod course;
mod delivery;
mod devops;
mod entra;
mod fault;
mod front;
mod gate;
mod guids;
mod hand;
mod journal;
mod merge;
mod metadata;
mod operations;
mod pool_readings;
mod readings;
mod registrations;
mod replicas;
mod resource_manager;
mod service;
mod settings;
mod simulation;
mod throttle;
mod tls;
mod token;
pub mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use clock::Clock;
pub use config::{Config, Ports};
pub use fault::{CannedAnswer, Effect, Fault};
pub use gate::{Gate, GateState};
pub use hand::Hand;
pub use journal::LoggedRequest;
pub use pool_readings::{
    AssignRight, AvailableName, BothTypes, DeadEntry, DuringUpdate, FailedUpdate, IdentityAbsentInPut,
    IdentityMap, KindInPatch, LastEntryGone, LocationEnd, MembershipCheck, NoneInPatch, NullInPatch,
    NullInPut, OperationHeaders, PatchAnswer, PoolReadings, RecreatedIdentity, RegionalIdentity, ResentEntry,
    UnknownInPut,
};
pub use readings::{
    AnonymousUnknownSubscription, Created, DeleteInDisabledSubscription, DeleteInMissingGroup, LastPage,
    LocationInPatch, OrganizationRoot, Readings, RegistrationNeeded, ResourceTags, UnconnectedOrganization,
    UnknownApiVersion, UnknownOrganization, UnreadableInList, UnreadableSubscription, Untagged,
};
pub use service::Service;
pub use settings::{PoolTimes, Settings, Terraform, Throttling, TokenEndpoint};
pub use simulation::State;
pub use world::{Sample, World};

use crate::front::Front;
use crate::guids::Guids;
use crate::journal::Journal;
use crate::simulation::{Addresses, Simulation};
use crate::tls::{Authority, LineListener, Scissors};
use crate::token::Signer;

/// How long answers that are under way may still take when the simulator stops.
const GRACE: Duration = Duration::from_secs(1);

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port cannot be opened.
    #[error("port {port} of 127.0.0.1 cannot be opened ({source}); choose another, or 0 for a free one")]
    Port {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The log file cannot be written.
    #[error("the request log {file} cannot be written ({source}); choose another file")]
    LogFile {
        /// The file that was asked for.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A socket failed.
    #[error("input or output failed: {0}")]
    Io(#[from] io::Error),
    /// The certificates could not be made.
    #[error("certificates could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS refused the certificates.
    #[error("tls could not be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A running simulator. Its ports are closed when it is stopped or dropped.
#[derive(Debug)]
pub struct Simulator {
    state: State,
    addresses: Addresses,
    ca_pem: String,
    seed: u64,
    stopping: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Opens the ports and serves until stopped or dropped.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let Config { mut world, ports, seed, time_scale, log_file, settings } = config;
        let authority = Authority::new()?;
        let entra = bind(ports.authority).await?;
        let metadata = bind(ports.metadata).await?;
        let resource_manager = bind(ports.resource_manager).await?;
        let devops = bind(ports.devops).await?;
        let admin = bind(ports.admin).await?;
        let addresses = Addresses {
            authority: format!("https://{}", entra.local_addr()?),
            metadata: format!("http://{}", metadata.local_addr()?),
            resource_manager: format!("https://{}", resource_manager.local_addr()?),
            devops: format!("https://{}", devops.local_addr()?),
            admin: format!("http://{}", admin.local_addr()?),
        };
        let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        world.guids = Guids::new(seed, "world");
        let state = State::new(Simulation {
            world,
            settings,
            script: Vec::new(),
            journal: journal(log_file.as_deref())?,
            throttle: throttle::Throttle::default(),
            replicas: simulation::AllReplicas::default(),
            operations: operations::Operations::default(),
            registrations: registrations::Registrations::default(),
            credential_writes: world::Names::new(),
            schedule: course::Schedule::default(),
            request_ids: Guids::new(seed, "requests"),
            signer: Signer::new(),
            clock: Clock::new(time_scale),
            addresses: addresses.clone(),
        });
        let (stopping, _) = watch::channel(false);
        let mut serving = Vec::new();
        let tls = || Some(authority.acceptor.clone());
        for (tcp, service, acceptor) in [
            (entra, Service::Entra, tls()),
            (metadata, Service::Metadata, None),
            (resource_manager, Service::ResourceManager, tls()),
            (devops, Service::Devops, tls()),
        ] {
            let listener = LineListener::new(tcp, acceptor)?;
            let front = Front { service, state: state.clone() };
            let app = Router::new().fallback(front::serve).with_state(front);
            let app = app.into_make_service_with_connect_info::<Scissors>();
            let server = axum::serve(listener, app).with_graceful_shutdown(told(stopping.subscribe()));
            serving.push(tokio::spawn(async move {
                // `axum::serve` never fails once it has its listener.
                let _ = server.await;
            }));
        }
        let server = axum::serve(admin, admin::router(state.clone()))
            .with_graceful_shutdown(told(stopping.subscribe()));
        serving.push(tokio::spawn(async move {
            let _ = server.await;
        }));
        Ok(Self { state, addresses, ca_pem: authority.ca_pem, seed, stopping, serving })
    }

    /// Address of the Entra authority.
    pub fn authority(&self) -> String {
        self.addresses.authority.clone()
    }

    /// Address of the metadata service (IMDS).
    pub fn metadata(&self) -> String {
        self.addresses.metadata.clone()
    }

    /// Address of Resource Manager.
    pub fn resource_manager(&self) -> String {
        self.addresses.resource_manager.clone()
    }

    /// Address of Azure DevOps.
    pub fn devops(&self) -> String {
        self.addresses.devops.clone()
    }

    /// Address of the admin port.
    pub fn admin(&self) -> String {
        self.addresses.admin.clone()
    }

    /// The certificate authority that signed the services' certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Writes the certificate authority to a file.
    pub fn write_ca(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, &self.ca_pem)
    }

    /// The seed of all generated GUIDs.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The world, the script, the log and the clock.
    pub fn state(&self) -> State {
        self.state.clone()
    }

    /// The request log.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.state.log()
    }

    /// Empties the request log.
    pub fn clear_log(&self) {
        self.state.clear_log();
    }

    /// Adds a fault to the script.
    pub fn script(&self, fault: Fault) {
        self.state.script(fault);
    }

    /// Holds the next request of a method on paths like `path` before it is carried out, until the gate is opened.
    pub fn hold_before(&self, method: &str, path: &str) -> Gate {
        self.hold(method, path, |gate| Effect::HoldBefore { gate })
    }

    /// Carries the next request of a method on paths like `path` out, and holds its answer until the gate is opened.
    pub fn hold_after(&self, method: &str, path: &str) -> Gate {
        self.hold(method, path, |gate| Effect::HoldAfter { gate })
    }

    fn hold(&self, method: &str, path: &str, effect: impl FnOnce(String) -> Effect) -> Gate {
        let name = format!("{method} {path} {}", uuid::Uuid::new_v4());
        self.script(Fault::on(method, path, effect(name.clone())));
        self.gate(&name)
    }

    /// The gate that a fault names.
    pub fn gate(&self, name: &str) -> Gate {
        self.state.gates().handle(name)
    }

    /// The simulated clock.
    pub fn clock(&self) -> Clock {
        self.state.clock()
    }

    /// Closes the ports and waits for running answers, but not for long.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let deadline = tokio::time::Instant::now() + GRACE;
        for mut task in std::mem::take(&mut self.serving) {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stopping.send_replace(true);
        for task in &self.serving {
            task.abort();
        }
    }
}

async fn bind(port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| Error::Port { port, source })
}

fn journal(file: Option<&Path>) -> Result<Journal, Error> {
    Journal::new(file).map_err(|source| {
        let file = file.unwrap_or(Path::new("")).display().to_string();
        Error::LogFile { file, source }
    })
}

async fn told(mut stopping: watch::Receiver<bool>) {
    // An error means that the simulator is gone, which is as good as being told.
    let _ = stopping.wait_for(|stop| *stop).await;
}
