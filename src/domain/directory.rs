//! Do organization, subscription and identity live in one Microsoft Entra directory?
//!
//! Nothing is created, adopted or corrected unless all of them are known and agree. What is not known is never called
//! a mismatch; what is known to disagree is one, whatever else is unknown.

use crate::{
    api::conditions::Reason,
    domain::{
        desired::Desired,
        failure::{Cause, Failure},
        names::{SubscriptionId, TenantId},
        observed::{Fact, Identity, Observed, OrganizationDirectory},
    },
};

/// The verdict on the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Directory {
    /// All in this one.
    Matched(TenantId),
    /// Known to disagree.
    Mismatched(Mismatch),
    /// There is no organization of this name.
    OrganizationNotFound,
    /// Something could not be looked up.
    Unknown(Failure),
}

/// How directories disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The organization has no directory at all.
    NotConnected,
    /// Organization and subscription are in two directories.
    Apart {
        /// The organization's.
        organization: TenantId,
        /// The subscription's.
        subscription: TenantId,
    },
    /// One of them is not where the user wants it to be.
    NotAsExpected {
        /// What was looked at.
        what: &'static str,
        /// Where it is.
        found: TenantId,
        /// Where it should be.
        expected: TenantId,
    },
    /// The subscription moved: the identity still belongs to the directory that it was created in.
    Moved {
        /// The identity's.
        identity: TenantId,
        /// The subscription's.
        subscription: TenantId,
    },
}

/// Judges what was read.
pub fn judge(desired: &Desired, observed: &Observed) -> Directory {
    let organization = match &observed.organization {
        Fact::Known(OrganizationDirectory::NotConnected) => {
            return Directory::Mismatched(Mismatch::NotConnected);
        }
        Fact::Known(OrganizationDirectory::Connected(tenant)) => Some(tenant),
        Fact::Absent | Fact::Unknown(_) => None,
    };
    let subscription = observed.subscription.known().map(|subscription| &subscription.tenant);
    if let Some(mismatch) = disagreement(desired, organization, subscription, observed.identity.known()) {
        return Directory::Mismatched(mismatch);
    }
    match (&observed.organization, &observed.subscription) {
        (Fact::Absent, _) => Directory::OrganizationNotFound,
        // The subscription's trouble is told first: its remedy is the operator's own set-up, the cheaper one to check.
        (_, Fact::Unknown(failure)) | (Fact::Unknown(failure), _) => Directory::Unknown(failure.clone()),
        (Fact::Known(_), Fact::Known(subscription)) => Directory::Matched(subscription.tenant.clone()),
        (Fact::Known(_), Fact::Absent) => {
            Directory::Unknown(no_such_subscription(desired.identity.subscription()))
        }
    }
}

fn disagreement(
    desired: &Desired,
    organization: Option<&TenantId>,
    subscription: Option<&TenantId>,
    identity: Option<&Identity>,
) -> Option<Mismatch> {
    if let (Some(organization), Some(subscription)) = (organization, subscription)
        && organization != subscription
    {
        return Some(Mismatch::Apart {
            organization: organization.clone(),
            subscription: subscription.clone(),
        });
    }
    if let Some(expected) = &desired.expected_tenant {
        for (what, found) in [("organization", organization), ("subscription", subscription)] {
            if let Some(found) = found.filter(|found| *found != expected) {
                return Some(Mismatch::NotAsExpected {
                    what,
                    found: found.clone(),
                    expected: expected.clone(),
                });
            }
        }
    }
    let (identity, subscription) = (&identity?.tenant, subscription?);
    (identity != subscription)
        .then(|| Mismatch::Moved { identity: identity.clone(), subscription: subscription.clone() })
}

/// A subscription that is not there, as the failure that it comes to.
pub(super) fn no_such_subscription(subscription: &SubscriptionId) -> Failure {
    Failure {
        cause: Cause::SubscriptionNotFound,
        code: "SubscriptionNotFound".into(),
        message: format!("The subscription '{subscription}' could not be found"),
        target: format!("/subscriptions/{subscription}"),
        correlation_id: None,
        retry_after: None,
    }
}

impl Mismatch {
    /// The reason that is told.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotConnected => Reason::OrganizationNotConnected,
            Self::Apart { .. } | Self::NotAsExpected { .. } => Reason::DirectoryMismatch,
            Self::Moved { .. } => Reason::SubscriptionMoved,
        }
    }

    /// The ids, and the remedy.
    pub fn told(&self, desired: &Desired) -> String {
        let (organization, page) = (&desired.organization, desired.organization.directory_page());
        let id = desired.identity.subscription();
        match self {
            Self::NotConnected => format!(
                "organization {organization} is not connected to Microsoft Entra: connect it to the directory of subscription {id} at {page} (a Project Collection Administrator can)"
            ),
            Self::Apart { organization: of_organization, subscription } => format!(
                "organization {organization} is in directory {of_organization}, subscription {id} in {subscription}: switch the organization's directory at {page}, or use a subscription of {of_organization} in a new object"
            ),
            Self::NotAsExpected { what, found, expected } => format!(
                "the {what} is in directory {found}, expectedTenantId says {expected}: bring it back (the organization's directory is switched at {page}), or correct expectedTenantId if the move was meant"
            ),
            Self::Moved { identity, subscription } => format!(
                "subscription {id} moved to directory {subscription}, but identity {:#} still belongs to {identity} and cannot be used any more: delete the identity in Azure, then it is created anew{}",
                desired.identity,
                match desired.drift {
                    crate::api::v1alpha1::DriftPolicy::Correct => "",
                    crate::api::v1alpha1::DriftPolicy::Report => " once driftPolicy is Correct",
                }
            ),
        }
    }
}

/// The reason for a look-up that failed.
pub fn doubt_reason(failure: &Failure) -> Reason {
    match &failure.cause {
        Cause::SubscriptionNotFound => Reason::SubscriptionNotFound,
        Cause::AuthorizationFailed => Reason::SubscriptionNotReadable,
        Cause::WrongTenant(_) => Reason::SignedInElsewhere,
        Cause::SignInFailed(_) => Reason::SignInFailed,
        Cause::SubscriptionDisabled
        | Cause::ResourceGroupNotFound
        | Cause::ResourceGroupBeingDeleted
        | Cause::ProviderNotRegistered(_)
        | Cause::PolicyDenied
        | Cause::ScopeLocked
        | Cause::LinkedAuthorizationFailed
        | Cause::IdentityOperationFailed
        | Cause::OrganizationAccessDenied
        | Cause::InvalidResourceLocation
        | Cause::LocationNotAvailable
        | Cause::NotReplicated
        | Cause::Conflict
        | Cause::Throttled
        | Cause::Unavailable
        | Cause::ChangeNotShown
        | Cause::Refused
        | Cause::Unexpected => Reason::CheckFailed,
    }
}

#[cfg(test)]
mod tests;
