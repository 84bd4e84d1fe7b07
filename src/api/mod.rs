//! THE CONTRACT: what users and other tools see.
//!
//! Everything here is read by people, pipelines and dashboards, so a change is a change of the product: the kind
//! ([`v1alpha1`]), its printed definition ([`crd`]), the condition types and reasons ([`conditions`]) and every other
//! string that leaves the process ([`names`]). Nothing in here decides or performs anything.

pub mod conditions;
pub mod crd;
pub mod names;
pub mod v1alpha1;

pub use v1alpha1::ManagedDevOpsIdentity;
