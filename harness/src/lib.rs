//! A real Kubernetes control plane for tests and the demo, and the operator's own process on it.
//!
//! Everything here is I/O: programs are built, processes run, files are written. Nothing of it is part of
//! the operator that ships, and nothing of it may touch a cluster, a kubeconfig or a credential that was
//! on the machine before.
//!
//! ```text
//! programs ── where kube-apiserver, etcd, … are found    control_plane ── the running cluster
//!    └─ build ── how they are made when they are not        ├─ instance ── its directory
//!                                                           ├─ credentials ── its certificates and tokens
//! operator ── the operator's process                        ├─ component ── its processes and their flags
//!                                                           └─ kubectl ── one call to it
//! api_proxy ── between the operator and the API server, for faults
//! leash ── whatever is on it ends when we end: the build, the components, the operator
//! ```

mod api_proxy;
mod build;
mod component;
mod control_plane;
mod credentials;
mod error;
mod instance;
mod kubectl;
mod leash;
mod operator;
mod programs;

pub use api_proxy::{ApiProxy, Rule};
pub use control_plane::ControlPlane;
pub use error::Error;
pub use kubectl::Kubectl;
pub use operator::Operator;
pub use programs::{Lookup, Origin, Programs};
