//! What a request to Resource Manager is, as far as limits go: whom it counts against, and how much that may bear. Pure.
//!
//! Must never hold what has been used up: that is the bucket's.

use super::bucket::Limit;
use crate::domain::names::{IdentityId, ManagedPool, PoolId, ResourceKind as _, SubscriptionId};

/// What a request is, as far as limits go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    ReadSubscription(SubscriptionId),
    ReadIdentity(IdentityId),
    WriteIdentity(IdentityId),
    /// Of the pool itself, or of what becomes of a change to it.
    ReadPool(PoolId),
    WritePool(PoolId),
    ListPools(SubscriptionId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Of what only Resource Manager itself limits.
    Read,
    /// Of what only Resource Manager itself limits.
    Write,
    IdentityRead,
    IdentityWrite,
}

/// What a limit, or a pause, holds for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Identity(IdentityId),
    Pool(PoolId),
    Subscription(SubscriptionId),
    Tenant,
}

impl Errand {
    /// Requests of one kind share limits.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::ReadSubscription(_) | Self::ReadPool(_) | Self::ListPools(_) => Kind::Read,
            Self::WritePool(_) => Kind::Write,
            Self::ReadIdentity(_) => Kind::IdentityRead,
            Self::WriteIdentity(_) => Kind::IdentityWrite,
        }
    }

    /// The one resource that it is about, if it is about one.
    pub(super) fn resource(&self) -> Option<Scope> {
        match self {
            Self::ReadSubscription(_) | Self::ListPools(_) => None,
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => Some(Scope::Identity(id.clone())),
            Self::ReadPool(id) | Self::WritePool(id) => Some(Scope::Pool(id.clone())),
        }
    }

    /// Narrowest first: the order in which gates are passed.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        let subscription = match self {
            Self::ReadSubscription(id) | Self::ListPools(id) => id,
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => id.subscription(),
            Self::ReadPool(id) | Self::WritePool(id) => id.subscription(),
        };
        let resource = self.resource().into_iter();
        resource.chain([Scope::Subscription(subscription.clone()), Scope::Tenant]).collect()
    }

    /// What a failure names.
    pub(super) fn target(&self) -> String {
        match self {
            Self::ReadSubscription(id) => format!("/subscriptions/{id}"),
            Self::ListPools(id) => format!("/subscriptions/{id}/providers/{}", ManagedPool::TYPE),
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => id.to_string(),
            Self::ReadPool(id) | Self::WritePool(id) => id.to_string(),
        }
    }

    /// The scope that Azure's words name when they say "too many"; else the subscription.
    pub(super) fn throttled_scope(&self, message: &str) -> Scope {
        let message = message.to_lowercase();
        if message.contains("for tenant") {
            return Scope::Tenant;
        }
        let is_meant = |scope: &Scope| match scope {
            Scope::Identity(id) => message.contains(&id.to_string().to_lowercase()),
            Scope::Pool(id) => message.contains(&id.to_string().to_lowercase()),
            Scope::Subscription(_) | Scope::Tenant => true,
        };
        self.scopes().into_iter().find(is_meant).unwrap_or(Scope::Tenant)
    }
}

impl Kind {
    /// The lower of what Resource Manager and the resource's provider allow, where there is a limit. Resource Manager says
    /// how much may come at once, a provider does not; and it counts against the tenant only what names no subscription, of
    /// which there is nothing here.
    #[expect(clippy::match_same_arms, reason = "a table: one line for one limit")]
    pub(super) fn limit(self, scope: &Scope) -> Option<Limit> {
        Some(match (self, scope) {
            (Self::IdentityRead, Scope::Tenant) => Limit::below_rate(30.0),
            (Self::IdentityRead, Scope::Subscription(_)) => Limit::below_rate(10.0),
            (Self::IdentityRead, Scope::Identity(_)) => Limit::below_rate(0.5),
            (Self::IdentityWrite, Scope::Tenant) => Limit::below_rate(10.0),
            (Self::IdentityWrite, Scope::Subscription(_)) => Limit::below_rate(2.0),
            (Self::IdentityWrite, Scope::Identity(_)) => Limit::below_rate(0.25),
            (Self::Read, Scope::Subscription(_)) => Limit::below(25.0, 250.0),
            (Self::Write, Scope::Subscription(_)) => Limit::below(10.0, 200.0),
            (Self::Read | Self::Write, Scope::Identity(_) | Scope::Tenant) | (_, Scope::Pool(_)) => {
                return None;
            }
        })
    }
}
