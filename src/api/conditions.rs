//! Condition types and the closed list of reasons.
//!
//! A reason is an interface: alerts and pipelines compare it. It never carries Azure's raw error code (that stands in
//! `status.lastError`), and no other place of the program may invent one.

use std::fmt;

/// Condition types, all of `meta/v1` shape.
pub mod types {
    /// The whole object is as wanted.
    pub const READY: &str = "Ready";
    /// Organization and subscription (and identity) live in one Microsoft Entra directory.
    pub const DIRECTORY_MATCHED: &str = "DirectoryMatched";
    /// All pools of the spec bear the identity.
    pub const POOLS_REGISTERED: &str = "PoolsRegistered";
    /// The identity exists, is this object's and looks as wanted.
    pub const IDENTITY_READY: &str = "IdentityReady";
    /// Abnormal-true: work is under way or will be tried again soon.
    pub const RECONCILING: &str = "Reconciling";
    /// Abnormal-true: a person has to do something.
    pub const STALLED: &str = "Stalled";
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident,)+) => {
        /// Why a condition has its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// All reasons, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason as it stands in a condition.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// What the reason means, in one or two sentences: the source of the reference page.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+),)+
                }
            }
        }
    };
}

reasons! {
    /// Everything is as wanted.
    Succeeded,
    /// Work is under way and nothing has failed.
    Progressing,
    /// Something failed and is tried again soon; the message says what.
    ProgressingWithRetry,
    /// The object is suspended and was never looked at.
    Suspended,
    /// A field has a value that the operator cannot use; the message names field, value and next step.
    InvalidSpec,
    /// The fences of the namespace do not allow what the object asks for; no request is sent to Azure.
    ScopeNotAllowed,
    /// Organization and subscription live in the same directory.
    SameDirectory,
    /// Organization, subscription and `expectedTenantId` do not name one directory.
    DirectoryMismatch,
    /// The organization is not connected to Microsoft Entra.
    OrganizationNotConnected,
    /// No Azure DevOps organization of this name was found.
    OrganizationNotFound,
    /// The subscription was not found, or the operator has no right on it.
    SubscriptionNotFound,
    /// The operator may not read the subscription.
    SubscriptionNotReadable,
    /// The subscription is disabled or deleted.
    SubscriptionDisabled,
    /// The subscription moved to another directory: the identity still belongs to the old one.
    SubscriptionMoved,
    /// The operator is signed in to a directory that is not the subscription's.
    SignedInElsewhere,
    /// The operator could not sign in to Microsoft Entra.
    SignInFailed,
    /// The directory could not be looked up; nothing is known about it.
    CheckFailed,
    /// The identity exists and looks as wanted.
    UpToDate,
    /// The identity does not exist, and this object may not create it.
    IdentityNotFound,
    /// Something was just changed or has just vanished, and Azure is asked again before anything is concluded.
    Settling,
    /// The identity exists, is nobody's, and the adoption policy does not allow to take it.
    AdoptionRefused,
    /// The identity belongs to another object or another cluster.
    OwnershipConflict,
    /// Somebody changed the identity, and `driftPolicy: Report` says not to correct it.
    DriftDetected,
    /// `mode: Observe`: the world is not as wanted; `status.pendingChanges` lists what would be done.
    ChangesPending,
    /// The identity exists in another region.
    LocationConflict,
    /// The resource group does not exist, or is being deleted.
    ResourceGroupNotFound,
    /// The subscription is not registered for a resource provider that is needed; the message names it.
    ProviderNotRegistered,
    /// The operator lacks a right in Azure; the message names action and scope.
    AuthorizationFailed,
    /// An Azure Policy denies the change.
    PolicyDenied,
    /// A lock forbids the change.
    ScopeLocked,
    /// The merged tags would exceed what Azure allows.
    TooManyTags,
    /// Azure refused the request, or took it and did not carry it out; the message and `status.lastError` say why.
    RequestRefused,
    /// Azure asks for fewer requests; the operator waits as told.
    Throttled,
    /// Azure cannot be reached or fails by itself.
    AzureUnavailable,
    /// An answer or a failure that the operator does not know.
    UnexpectedError,
    /// Waits for the directory: nothing is created, adopted or corrected before it is known and agrees.
    DirectoryNotMatched,
    /// All pools of the spec bear the identity.
    AllRegistered,
    /// The spec names no pools.
    NoPools,
    /// A pool waits for the identity: nothing is registered before it is held and its directory matches.
    IdentityNotReady,
    /// A pool is being changed by somebody, and takes no other change.
    PoolBusy,
    /// There is no such pool.
    PoolNotFound,
    /// A pool does not serve Azure DevOps.
    PoolNotAzureDevOps,
    /// A pool does not serve the organization.
    OrganizationNotInPool,
    /// The subscription of a pool is in another directory.
    PoolInOtherDirectory,
    /// Somebody keeps taking the identity out of a pool.
    RegistrationContested,
    /// The operator may not assign an identity that the pool bears; the message names it and the role.
    AssignPermissionMissing,
    /// Azure DevOps does not let the operator change a pool: it lacks a membership or a right in the organization.
    OrganizationAccessMissing,
    /// Azure's identity layer refused a change; the message says why.
    IdentityOperationFailed,
    /// Something stands in the way of a deletion; the message names it.
    DeletionBlocked,
    /// The object is being deleted, and waits for what passes by itself; the message names it.
    Deleting,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_shape_that_the_api_server_demands() {
        for reason in Reason::ALL {
            assert!(reason.as_str().starts_with(|c: char| c.is_ascii_uppercase()), "{reason}");
            assert!(reason.as_str().chars().all(|c| c.is_ascii_alphanumeric()), "{reason}");
            assert!(reason.meaning().trim().ends_with('.'), "{reason}");
        }
    }
}
