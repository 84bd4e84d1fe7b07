//! Which thing an address names. Segments are compared without regard to case.
//!
//! Must never look into the world: an address of something that is not there is still an address.

use crate::world::{IdentityId, PoolId};

/// The thing that an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Clouds,
    Tenants,
    Subscriptions,
    Subscription {
        subscription: String,
    },
    Groups {
        subscription: String,
    },
    Group {
        subscription: String,
        group: String,
    },
    Locks {
        subscription: String,
        group: String,
    },
    Lock {
        subscription: String,
        group: String,
        name: String,
    },
    IdentitiesOfSubscription {
        subscription: String,
    },
    IdentitiesOfGroup {
        subscription: String,
        group: String,
    },
    Identity(IdentityId),
    IdentityTags(IdentityId),
    /// The federated credentials of an identity.
    Credentials(IdentityId),
    Credential(IdentityId, String),
    /// The system-assigned identity of a pool; no other resources are known here.
    SystemIdentity(PoolId),
    PoolsOfSubscription {
        subscription: String,
    },
    PoolsOfGroup {
        subscription: String,
        group: String,
    },
    Pool(PoolId),
    PoolNames {
        subscription: String,
    },
    PoolAgents(PoolId),
    PoolSkus {
        subscription: String,
        location: String,
    },
    PoolUsages {
        subscription: String,
        location: String,
    },
    Operation {
        subscription: String,
        id: String,
        view: OperationView,
    },
    Provider {
        subscription: String,
        namespace: String,
    },
    Registration {
        subscription: String,
        namespace: String,
    },
    Unknown {
        subscription: Option<String>,
        described: String,
    },
}

/// Which of an operation's two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OperationView {
    /// `Azure-AsyncOperation`.
    Status,
    /// `Location`.
    Result,
}

const IDENTITY: [&str; 2] = ["microsoft.managedidentity", "userassignedidentities"];
const POOLS: [&str; 2] = ["microsoft.devopsinfrastructure", "pools"];
const LOCKS: [&str; 2] = ["microsoft.authorization", "locks"];

impl Target {
    /// Reads an address.
    pub(super) fn of(segments: &[String]) -> Self {
        let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let at = |index: usize| segments[index].clone();
        let low: Vec<&str> = lower.iter().map(String::as_str).collect();
        match low.as_slice() {
            ["metadata", "endpoints"] => Self::Clouds,
            ["tenants"] => Self::Tenants,
            ["subscriptions"] => Self::Subscriptions,
            ["subscriptions", _] => Self::Subscription { subscription: at(1) },
            ["subscriptions", _, "resourcegroups"] => Self::Groups { subscription: at(1) },
            ["subscriptions", _, "resourcegroups", _] => Self::Group { subscription: at(1), group: at(3) },
            ["subscriptions", _, "providers", _] => Self::Provider { subscription: at(1), namespace: at(3) },
            ["subscriptions", _, "providers", _, "register"] => {
                Self::Registration { subscription: at(1), namespace: at(3) }
            }
            ["subscriptions", _, "providers", kind @ ..] if *kind == IDENTITY => {
                Self::IdentitiesOfSubscription { subscription: at(1) }
            }
            ["subscriptions", _, "providers", kind @ ..] if *kind == POOLS => {
                Self::PoolsOfSubscription { subscription: at(1) }
            }
            ["subscriptions", _, "providers", namespace, "checknameavailability"]
                if *namespace == POOLS[0] =>
            {
                Self::PoolNames { subscription: at(1) }
            }
            ["subscriptions", _, "providers", namespace, "locations", _, "skus"]
                if *namespace == POOLS[0] =>
            {
                Self::PoolSkus { subscription: at(1), location: at(5) }
            }
            ["subscriptions", _, "providers", namespace, "locations", _, "usages"]
                if *namespace == POOLS[0] =>
            {
                Self::PoolUsages { subscription: at(1), location: at(5) }
            }
            ["subscriptions", _, "providers", namespace, "locations", _, view, _]
                if *namespace == POOLS[0] =>
            {
                match *view {
                    "operationstatuses" => Self::operation(at(1), at(7), OperationView::Status),
                    "operationresults" => Self::operation(at(1), at(7), OperationView::Result),
                    _ => Self::unknown(segments),
                }
            }
            ["subscriptions", _, "resourcegroups", _, "providers", rest @ ..] => match rest {
                [namespace, kind] if [*namespace, *kind] == POOLS => {
                    Self::PoolsOfGroup { subscription: at(1), group: at(3) }
                }
                [namespace, kind, _] if [*namespace, *kind] == POOLS => {
                    Self::Pool(PoolId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind, _, "resources"] if [*namespace, *kind] == POOLS => {
                    Self::PoolAgents(PoolId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind, _, "providers", "microsoft.managedidentity", "identities", "default"]
                    if [*namespace, *kind] == POOLS =>
                {
                    Self::SystemIdentity(PoolId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind] if [*namespace, *kind] == IDENTITY => {
                    Self::IdentitiesOfGroup { subscription: at(1), group: at(3) }
                }
                [namespace, kind, _] if [*namespace, *kind] == IDENTITY => {
                    Self::Identity(IdentityId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind, _, "federatedidentitycredentials"] if [*namespace, *kind] == IDENTITY => {
                    Self::Credentials(IdentityId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind, _, "federatedidentitycredentials", _]
                    if [*namespace, *kind] == IDENTITY =>
                {
                    Self::Credential(IdentityId::new(&segments[1], &segments[3], &segments[7]), at(9))
                }
                [namespace, kind, _, "providers", "microsoft.resources", "tags", "default"]
                    if [*namespace, *kind] == IDENTITY =>
                {
                    Self::IdentityTags(IdentityId::new(&segments[1], &segments[3], &segments[7]))
                }
                [namespace, kind] if [*namespace, *kind] == LOCKS => {
                    Self::Locks { subscription: at(1), group: at(3) }
                }
                [namespace, kind, _] if [*namespace, *kind] == LOCKS => {
                    Self::Lock { subscription: at(1), group: at(3), name: at(7) }
                }
                _ => Self::unknown(segments),
            },
            _ => Self::unknown(segments),
        }
    }

    fn operation(subscription: String, id: String, view: OperationView) -> Self {
        Self::Operation { subscription, id, view }
    }

    fn unknown(segments: &[String]) -> Self {
        let named = segments.first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
        let subscription = if named { segments.get(1).cloned() } else { None };
        Self::Unknown { subscription, described: segments.join("/") }
    }

    /// The subscription that the address lies in.
    pub(super) fn subscription(&self) -> Option<&str> {
        match self {
            Self::Clouds | Self::Tenants | Self::Subscriptions => None,
            Self::Subscription { subscription }
            | Self::Groups { subscription }
            | Self::Group { subscription, .. }
            | Self::Locks { subscription, .. }
            | Self::Lock { subscription, .. }
            | Self::IdentitiesOfSubscription { subscription }
            | Self::IdentitiesOfGroup { subscription, .. }
            | Self::PoolsOfSubscription { subscription }
            | Self::PoolsOfGroup { subscription, .. }
            | Self::PoolNames { subscription }
            | Self::PoolSkus { subscription, .. }
            | Self::PoolUsages { subscription, .. }
            | Self::Operation { subscription, .. }
            | Self::Provider { subscription, .. }
            | Self::Registration { subscription, .. } => Some(subscription),
            Self::Identity(id) | Self::IdentityTags(id) | Self::Credentials(id) | Self::Credential(id, _) => {
                Some(&id.subscription)
            }
            Self::Pool(id) | Self::PoolAgents(id) | Self::SystemIdentity(id) => Some(&id.subscription),
            Self::Unknown { subscription, .. } => subscription.as_deref(),
        }
    }

    /// The group that has to exist for the request to make sense.
    pub(super) fn group_needed(&self) -> Option<&str> {
        match self {
            Self::Locks { group, .. }
            | Self::Lock { group, .. }
            | Self::IdentitiesOfGroup { group, .. }
            | Self::PoolsOfGroup { group, .. } => Some(group),
            Self::Identity(id) | Self::IdentityTags(id) | Self::Credentials(id) | Self::Credential(id, _) => {
                Some(&id.group)
            }
            Self::Pool(id) | Self::PoolAgents(id) | Self::SystemIdentity(id) => Some(&id.group),
            Self::Clouds
            | Self::Tenants
            | Self::Subscriptions
            | Self::Subscription { .. }
            | Self::Groups { .. }
            | Self::Group { .. }
            | Self::IdentitiesOfSubscription { .. }
            | Self::PoolsOfSubscription { .. }
            | Self::PoolNames { .. }
            | Self::PoolSkus { .. }
            | Self::PoolUsages { .. }
            | Self::Operation { .. }
            | Self::Provider { .. }
            | Self::Registration { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// The namespace of the resource provider that serves it, if one does that has to be registered.
    pub(super) fn provider(&self) -> Option<&'static str> {
        match self {
            Self::Identity(_)
            | Self::Credentials(_)
            | Self::Credential(..)
            | Self::IdentitiesOfGroup { .. }
            | Self::IdentitiesOfSubscription { .. } => Some("Microsoft.ManagedIdentity"),
            Self::Pool(_)
            | Self::PoolAgents(_)
            | Self::PoolsOfGroup { .. }
            | Self::PoolsOfSubscription { .. } => Some("Microsoft.DevOpsInfrastructure"),
            Self::Clouds
            | Self::Tenants
            | Self::Subscriptions
            | Self::Subscription { .. }
            | Self::Groups { .. }
            | Self::Group { .. }
            | Self::Locks { .. }
            | Self::Lock { .. }
            | Self::IdentityTags(_)
            | Self::SystemIdentity(_)
            | Self::PoolNames { .. }
            | Self::PoolSkus { .. }
            | Self::PoolUsages { .. }
            | Self::Operation { .. }
            | Self::Provider { .. }
            | Self::Registration { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// The scope and the kind of thing that rights are asked about.
    pub(super) fn scope_and_type(&self) -> (String, &'static str) {
        let group_scope =
            |subscription: &str, group: &str| format!("/subscriptions/{subscription}/resourceGroups/{group}");
        match self {
            Self::Clouds | Self::Tenants | Self::Unknown { .. } => {
                ("/".to_owned(), "Microsoft.Resources/tenants")
            }
            Self::Subscriptions => ("/".to_owned(), "Microsoft.Resources/subscriptions"),
            Self::Subscription { subscription } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.Resources/subscriptions")
            }
            Self::Groups { subscription } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.Resources/subscriptions/resourceGroups")
            }
            Self::Group { subscription, group } => {
                (group_scope(subscription, group), "Microsoft.Resources/subscriptions/resourceGroups")
            }
            Self::Locks { subscription, group } => {
                (group_scope(subscription, group), "Microsoft.Authorization/locks")
            }
            Self::Lock { subscription, group, name } => (
                format!(
                    "{}/providers/Microsoft.Authorization/locks/{name}",
                    group_scope(subscription, group)
                ),
                "Microsoft.Authorization/locks",
            ),
            Self::IdentitiesOfSubscription { subscription } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.ManagedIdentity/userAssignedIdentities")
            }
            Self::IdentitiesOfGroup { subscription, group } => {
                (group_scope(subscription, group), "Microsoft.ManagedIdentity/userAssignedIdentities")
            }
            Self::Identity(id) => (identity_scope(id), "Microsoft.ManagedIdentity/userAssignedIdentities"),
            Self::IdentityTags(id) => (identity_scope(id), "Microsoft.Resources/tags"),
            Self::Credentials(id) => (
                identity_scope(id),
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
            ),
            Self::Credential(id, name) => (
                format!("{}/federatedIdentityCredentials/{name}", identity_scope(id)),
                "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
            ),
            Self::SystemIdentity(id) => (pool_scope(id), "Microsoft.ManagedIdentity/identities"),
            Self::PoolAgents(id) => (pool_scope(id), "Microsoft.DevOpsInfrastructure/pools/resources"),
            Self::PoolSkus { subscription, .. } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.DevOpsInfrastructure/skus")
            }
            Self::PoolUsages { subscription, .. } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.DevOpsInfrastructure/usages")
            }
            Self::PoolsOfSubscription { subscription } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.DevOpsInfrastructure/pools")
            }
            Self::PoolsOfGroup { subscription, group } => {
                (group_scope(subscription, group), "Microsoft.DevOpsInfrastructure/pools")
            }
            Self::Pool(id) => (pool_scope(id), "Microsoft.DevOpsInfrastructure/pools"),
            Self::PoolNames { subscription } => (
                format!("/subscriptions/{subscription}"),
                "Microsoft.DevOpsInfrastructure/checkNameAvailability",
            ),
            Self::Operation { subscription, .. } => (
                format!("/subscriptions/{subscription}"),
                "Microsoft.DevOpsInfrastructure/locations/operationStatuses",
            ),
            Self::Provider { subscription, .. } | Self::Registration { subscription, .. } => {
                (format!("/subscriptions/{subscription}"), "Microsoft.Resources/subscriptions/providers")
            }
        }
    }
}

/// An identity's scope as refusals spell it.
pub(super) fn identity_scope(id: &IdentityId) -> String {
    let IdentityId { subscription, group, name } = id;
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )
}

/// A pool's scope as refusals spell it.
pub(super) fn pool_scope(id: &PoolId) -> String {
    let PoolId { subscription, group, name } = id;
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DevOpsInfrastructure/pools/{name}"
    )
}

/// The path of an operation's address.
pub(super) fn operation_path(subscription: &str, location: &str, id: &str, view: OperationView) -> String {
    let view = match view {
        OperationView::Status => "operationStatuses",
        OperationView::Result => "operationResults",
    };
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.DevOpsInfrastructure/locations/{location}/{view}/{id}"
    )
}
