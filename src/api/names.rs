//! Every fixed string that leaves the process, in one place, so that a rename is one line and a reader can search for it.
//!
//! Condition types and reasons are a vocabulary of their own: [`super::conditions`].

/// API group of the kind.
pub const GROUP: &str = "mdi-operator.io";
/// Set while the object holds, or is about to hold, something in Azure.
pub const FINALIZER: &str = "mdi-operator.io/finalizer";
/// Field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "mdi-operator";
/// A new value asks for a pass now; the value is echoed in `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "mdi-operator.io/reconcile-requested-at";
/// Name of the controller in events and metrics.
pub const CONTROLLER: &str = "manageddevopsidentity";
/// User agent of every HTTP client of the process.
pub const USER_AGENT: &str = concat!("mdi-operator/", env!("CARGO_PKG_VERSION"));

/// Tags that mark an identity in Azure as held by an object of a cluster.
///
/// They carry neither uid nor time, so that an object re-created by a pipeline or a restore finds its identity again.
pub mod mark {
    /// No tag of a user may begin with this, in any case.
    pub const PREFIX: &str = "mdi-operator-";
    /// Cluster id.
    pub const CLUSTER: &str = "mdi-operator-cluster";
    /// `namespace/name` of the object.
    pub const OBJECT: &str = "mdi-operator-object";
    /// `Created` or `Adopted`.
    pub const ORIGIN: &str = "mdi-operator-origin";
    /// `true` once the object has let go.
    pub const RELEASED: &str = "mdi-operator-released";
    /// All four, in the order in which messages list them.
    pub const KEYS: [&str; 4] = [CLUSTER, OBJECT, ORIGIN, RELEASED];
}

/// Events (`events.k8s.io/v1`): what was done (`action`) and why (`reason`).
pub mod event {
    /// The identity was created in Azure.
    pub const CREATED: &str = "IdentityCreated";
    /// The identity had vanished and was created anew: a new principal.
    pub const RECREATED: &str = "IdentityRecreated";
    /// Our creation met an identity that somebody had created in the same moment.
    pub const OVERWROTE_RIVAL: &str = "IdentityExistedAtCreation";
    /// A vacant identity was taken.
    pub const ADOPTED: &str = "IdentityAdopted";
    /// Tags or isolation scope were brought back, or a wish was carried out.
    pub const UPDATED: &str = "IdentityUpdated";
    /// Our mark was put back after somebody took it away.
    pub const MARK_RESTORED: &str = "MarkRestored";
    /// Our mark bore a former id of this cluster, and bears the present one now.
    pub const MARK_RENAMED: &str = "MarkRenamed";
    /// Somebody re-created the identity between our read and our write; the mark was taken off again.
    pub const MARK_WITHDRAWN: &str = "MarkWithdrawn";
    /// The identity is another's; what this object recorded about it was forgotten.
    pub const RECORD_FORGOTTEN: &str = "RecordForgotten";
    /// A pool shows the identity that was added to it.
    pub const REGISTERED: &str = "PoolRegistered";
    /// A pool bears a principal of this identity that is gone; it is taken out, to be added anew.
    pub const STALE_CURED: &str = "StaleRegistrationRemoved";
    /// The identity was taken out of a pool that it had been added to by this object.
    pub const DEREGISTERED: &str = "PoolLeft";
    /// Somebody else took out of a pool what this object had added.
    pub const REMOVED_BY_ANOTHER: &str = "RegistrationRemovedByOther";
    /// That happened too often.
    pub const CONTESTED: &str = "RegistrationContested";
    /// An entry stays in a pool, because it was not seen to be added by this object.
    pub const ENTRY_STAYS: &str = "RegistrationLeft";
    /// A deletion waits for what passes by itself, such as a pool that is being changed.
    pub const DELETION_WAITS: &str = "DeletionWaits";
    /// The farewell deleted the identity.
    pub const DELETED: &str = "IdentityDeleted";
    /// The farewell released the mark.
    pub const RELEASED: &str = "IdentityReleased";
    /// The farewell ended and left something behind that it could not release.
    pub const LEFT_BEHIND: &str = "IdentityLeftBehind";
    /// `deletionPolicy: Delete` acted as Retain.
    pub const RETAINED: &str = "IdentityRetained";
    /// The object was suspended: no request is sent for it.
    pub const SUSPENDED: &str = "Suspended";
}
