//! The kind `ManagedDevOpsIdentity`, version `v1alpha1`: `kubectl explain mdi` prints the texts of these files.
//!
//! [`spec`] is what users write, [`status`] what they read, and [`pools`] both for the pools. The schema and its CEL rules
//! refuse on the API server whatever can be refused there, each with a message that says what to do. Unknown fields are
//! tolerated on reading: a newer object must not break an older operator.

pub mod pools;
pub mod spec;
pub mod status;

pub use pools::{OperationUrl, PoolOrigin, PoolSpec, PoolState, PoolStatus};
pub use spec::{
    AdoptionPolicy, DeletionPolicy, DriftPolicy, IdentitySpec, IsolationScope, ManagedDevOpsIdentity,
    ManagedDevOpsIdentitySpec, Mode,
};
pub use status::{
    Applied, DirectoryStatus, IdentityStatus, LastError, ManagedDevOpsIdentityStatus, Origin, PendingChange,
};
