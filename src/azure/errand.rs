//! What a request to Resource Manager is, as far as limits go: whom it counts against, and how much that may bear. Pure.
//!
//! Must never hold what has been used up: that is the bucket's.

use super::bucket::Limit;
use crate::domain::names::{IdentityId, SubscriptionId};

/// What a request is, as far as limits go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    ReadSubscription(SubscriptionId),
    ReadIdentity(IdentityId),
    WriteIdentity(IdentityId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    SubscriptionRead,
    IdentityRead,
    IdentityWrite,
}

/// What a limit, or a pause, holds for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    Identity(IdentityId),
    Subscription(SubscriptionId),
    Tenant,
}

impl Errand {
    /// Requests of one kind share limits.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::ReadSubscription(_) => Kind::SubscriptionRead,
            Self::ReadIdentity(_) => Kind::IdentityRead,
            Self::WriteIdentity(_) => Kind::IdentityWrite,
        }
    }

    /// Narrowest first: the order in which gates are passed.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        match self {
            Self::ReadSubscription(id) => vec![Scope::Subscription(id.clone()), Scope::Tenant],
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => vec![
                Scope::Identity(id.clone()),
                Scope::Subscription(id.subscription().clone()),
                Scope::Tenant,
            ],
        }
    }

    /// What a failure names.
    pub(super) fn target(&self) -> String {
        match self {
            Self::ReadSubscription(id) => format!("/subscriptions/{id}"),
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => id.to_string(),
        }
    }

    /// The scope that Azure's words name when they say "too many"; else the subscription.
    pub(super) fn throttled_scope(&self, message: &str) -> Scope {
        let message = message.to_lowercase();
        if message.contains("for tenant") {
            return Scope::Tenant;
        }
        match self {
            Self::ReadIdentity(id) | Self::WriteIdentity(id) => {
                if message.contains(&id.to_string().to_lowercase()) {
                    Scope::Identity(id.clone())
                } else {
                    Scope::Subscription(id.subscription().clone())
                }
            }
            Self::ReadSubscription(id) => Scope::Subscription(id.clone()),
        }
    }
}

impl Kind {
    /// The lower of what Resource Manager and the identity provider allow. Resource Manager says how much may come at once,
    /// the provider does not.
    #[expect(clippy::match_same_arms, reason = "a table: one line for one limit")]
    pub(super) fn limit(self, scope: &Scope) -> Limit {
        match (self, scope) {
            (Self::SubscriptionRead, _) => Limit::below(25.0, 250.0),
            (Self::IdentityRead, Scope::Tenant) => Limit::below_rate(30.0),
            (Self::IdentityRead, Scope::Subscription(_)) => Limit::below_rate(10.0),
            (Self::IdentityRead, Scope::Identity(_)) => Limit::below_rate(0.5),
            (Self::IdentityWrite, Scope::Tenant) => Limit::below_rate(10.0),
            (Self::IdentityWrite, Scope::Subscription(_)) => Limit::below_rate(2.0),
            (Self::IdentityWrite, Scope::Identity(_)) => Limit::below_rate(0.25),
        }
    }
}
