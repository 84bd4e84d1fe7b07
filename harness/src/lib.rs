//! A real Kubernetes control plane for tests and the demo, and the operator's own process on it.
//!
//! Everything here is I/O: programs are built, processes run, files are written. Nothing of it is part of
//! the operator that ships, and nothing of it may touch a cluster, a kubeconfig or a credential that was
//! on the machine before.
//!
//! ```text
//! programs ── where kube-apiserver, etcd, … are found      control_plane ── the running cluster
//!    └─ build ── and how they are made when they are not       ├─ credentials ── its certificates, tokens
//!                                                              └─ kubectl ── one call to it
//! leash ── whatever is on it ends when we end              operator ── the operator's process
//! ```

mod build;
mod control_plane;
mod credentials;
mod error;
mod kubectl;
mod leash;
mod operator;
mod programs;
mod workspace;

pub use control_plane::ControlPlane;
pub use error::Error;
pub use kubectl::Kubectl;
pub use operator::Operator;
pub use programs::{Lookup, Origin, Programs};
