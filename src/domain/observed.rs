//! What is true, as far as it could be read.
//!
//! A read that failed is a fact too ([`Fact::Unknown`]): the decision is always made, and never from a guess.

use std::time::Duration;

use crate::{
    api::v1alpha1::IsolationScope,
    domain::{
        claim::Sibling,
        failure::{Cause, Failure},
        names::{ClientId, IdentityId, Location, PrincipalId, TenantId},
        tags::Tags,
    },
};

/// The outcome of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// It is there.
    Known(T),
    /// It is known not to be there.
    Absent,
    /// It is not known, and why.
    Unknown(Failure),
}

impl<T> Fact<T> {
    /// The value, if it is there.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Whether it is not there, by itself or with the resource group that it would live in.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Unknown(failure) => failure.cause == Cause::ResourceGroupNotFound,
            Self::Known(_) => false,
        }
    }

    /// The failure, if there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unknown(failure) => Some(failure),
            Self::Known(_) | Self::Absent => None,
        }
    }
}

/// Which directory an Azure DevOps organization is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrganizationDirectory {
    /// Connected to a Microsoft Entra directory.
    Connected(TenantId),
    /// Backed by Microsoft accounts.
    NotConnected,
}

/// Whether a subscription takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// Enabled, warned or past due.
    Usable,
    /// Disabled.
    Disabled,
    /// Deleted.
    Deleted,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its home directory.
    pub tenant: TenantId,
    /// Whether it takes writes.
    pub state: SubscriptionState,
}

/// A user-assigned managed identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, as Azure spells it.
    pub id: IdentityId,
    /// Its region.
    pub location: Location,
    /// Its directory.
    pub tenant: TenantId,
    /// Its service principal.
    pub principal: PrincipalId,
    /// Its application.
    pub client: ClientId,
    /// Its tags.
    pub tags: Tags,
    /// Its isolation scope; absent reads as none set.
    pub isolation_scope: Option<IsolationScope>,
}

/// Between the two looks that make an absence certain, of an identity as of an entry in a pool.
pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How much an answer "not there" is worth. Replicas of Azure lag, so one such answer is not a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// A creation of ours was sent a moment ago.
    JustCreated,
    /// Seen for the first time.
    Once,
    /// Seen again some seconds later.
    Confirmed,
}

/// The object that an unreleased mark of this cluster names, read live from the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkOwner {
    /// It exists and names this identity.
    Stands,
    /// It does not exist, or names another identity.
    Gone,
    /// It could not be read.
    Unreadable,
}

/// Everything that was read for one object in one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Directory of the organization; `Absent` if there is no such organization.
    pub organization: Fact<OrganizationDirectory>,
    /// The subscription of the identity.
    pub subscription: Fact<Subscription>,
    /// The identity.
    pub identity: Fact<Identity>,
    /// What `identity: Absent` is worth.
    pub absence: Absence,
    /// Asked for only where a mark of this cluster names another object.
    pub mark_owner: Option<MarkOwner>,
    /// The other objects of this cluster that name the same identity.
    pub siblings: Vec<Sibling>,
}
