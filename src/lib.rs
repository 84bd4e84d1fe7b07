//! An operator that keeps the managed identities of Azure Managed DevOps Pools true.

pub mod api;
pub mod azure;
pub mod controller;
pub mod domain;
pub mod runtime;
