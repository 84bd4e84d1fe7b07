//! The refusals that only pools know, in Azure's words where they are known.
//!
//! Must never decide when one is due.

use crate::operations::Failure;
use crate::resource_manager::access::Caller;
use crate::resource_manager::errors::{self, Refusal};
use crate::world::ProvisioningState;

/// The action that is needed on each identity that is attached.
pub(super) const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// The caller may write the pool, but not assign an identity to it.
pub(super) fn not_assignable(caller: &Caller, pool: &str, identity: &str) -> Refusal {
    let Caller { client_id, object_id, .. } = caller;
    let text = format!(
        "The client '{client_id}' with object id '{object_id}' has permission to perform action \
         'Microsoft.DevOpsInfrastructure/pools/write' on scope '{pool}'; however, it does not have permission to perform \
         action(s) '{ASSIGN}' on the linked scope(s) '{identity}' (respectively) or the linked scope(s) are invalid."
    );
    Refusal::new(403, "LinkedAuthorizationFailed", text)
}

/// The identity service refuses; the layers quote each other.
pub(super) fn identity_operation(pool: &str, why: &str) -> Failure {
    Failure {
        code: "FailedIdentityOperation",
        message: format!(
            "Identity operation for resource '{pool}' failed with error 'Failed to perform resource identity operation. \
             Status: 'BadRequest'. Response: '{{\"error\":{{\"code\":\"BadRequest\",\"message\":\"{why}\"}}}}'.'."
        ),
    }
}

pub(super) fn wrong_values(identities: &str) -> Refusal {
    let text = format!(
        "Invalid value for the identities '{identities}'. The 'UserAssignedIdentities' property keys should only be empty \
         json objects, null or the resource exisiting property."
    );
    Refusal::new(400, "InvalidIdentityValues", text)
}

pub(super) fn null_only_in_patch(identities: &str) -> Refusal {
    let text = format!(
        "Invalid value for the identities '{identities}'. The 'UserAssignedIdentities' property keys with null values are \
         only supported for PATCH requests."
    );
    Refusal::new(400, "InvalidIdentityValues", text)
}

pub(super) fn no_identities_left(kind: &str) -> Refusal {
    let text = format!("The identity ids must not be null or empty for '{kind}' identity type.");
    Refusal::new(400, "MissingIdentityIds", text)
}

/// The type says that there are none, and there are.
pub(super) fn still_attached(pool: &str) -> Refusal {
    let text = format!(
        "The identity type 'None' is invalid for resource '{pool}' while user-assigned identities are attached to it."
    );
    Refusal::new(400, "InvalidIdentityValues", text)
}

pub(super) fn entries_without_their_type(pool: &str) -> Refusal {
    let why = "The request format was unexpected, a non-UserAssigned identity type should not contain: \
               userAssignedIdentities";
    refused(identity_operation(pool, why))
}

pub(super) fn no_identity_id(key: &str) -> Refusal {
    let text = format!(
        "Property id '{key}' at path 'identity.userAssignedIdentities' is invalid. Expect fully qualified resource Id that \
         start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
    );
    Refusal::new(400, "LinkedInvalidPropertyId", text)
}

pub(super) fn busy(pool: &str, state: ProvisioningState) -> Refusal {
    let text = format!(
        "The pool '{pool}' is in the provisioning state '{state}'. Wait until the running operation has ended and try again."
    );
    Refusal::new(409, "Conflict", text)
}

pub(super) fn bad_name(name: &str) -> Refusal {
    let text = format!(
        "The resource name '{name}' is invalid. It must match the pattern '^[a-zA-Z0-9][a-zA-Z0-9-.]*$'."
    );
    Refusal::new(400, "InvalidResourceName", text)
}

pub(super) fn name_taken(name: &str) -> Refusal {
    let text = format!("The pool name '{name}' is already in use. Pool names are globally unique.");
    Refusal::new(409, "PoolNameNotAvailable", text)
}

/// The kind of a profile stays.
pub(super) fn other_kind(path: &str) -> Refusal {
    errors::invalid_content(format!("The kind of '{path}' cannot be changed."))
}

/// A failure that is told at once.
pub(super) fn refused(Failure { code, message }: Failure) -> Refusal {
    Refusal::new(400, code, message)
}

/// What an operation's result is when its pool was taken out of its hands.
pub(super) fn canceled() -> Refusal {
    Refusal::new(409, "OperationCanceled", "The operation was canceled.")
}
