//! Parsed names: whoever holds one of these need not check it again.
//!
//! Azure compares ids, regions and organization names without regard to case, so these types do too, and they keep
//! the spelling that they were given.

use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

/// A name that is not one: what was given, and what it should have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct NotAName {
    /// What was given, cut to a length fit for a message.
    pub value: String,
    /// What it should have been, with its article.
    pub expected: &'static str,
}

fn not(value: &str, expected: &'static str) -> NotAName {
    NotAName { value: value.chars().take(80).collect(), expected }
}

fn is_guid(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|g| g.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Whether a text can be the name of a resource group.
pub fn is_resource_group(name: &str) -> bool {
    (1..=90).contains(&name.chars().count())
        && !name.ends_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "_-.()".contains(c))
}

/// Whether a text can be the name of a namespace.
pub fn is_namespace(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

macro_rules! guid {
    ($(#[doc = $doc:literal])+ $name:ident, $expected:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Any GUID but the zero one, in either case; kept in lower case.
            pub fn parse(value: &str) -> Result<Self, NotAName> {
                let value_lower = value.trim().to_ascii_lowercase();
                if is_guid(&value_lower) && value_lower != "00000000-0000-0000-0000-000000000000" {
                    Ok(Self(value_lower))
                } else {
                    Err(not(value, $expected))
                }
            }

            /// In lower case.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

guid! {
    /// A Microsoft Entra directory.
    TenantId, "the GUID of a Microsoft Entra directory"
}
guid! {
    /// An Azure subscription.
    SubscriptionId, "the GUID of a subscription"
}
guid! {
    /// The object id of a service principal. A re-created identity has another one.
    PrincipalId, "the GUID of a service principal"
}
guid! {
    /// The application id that clients sign in with.
    ClientId, "the GUID of an application"
}

/// An Azure DevOps organization.
#[derive(Debug, Clone)]
pub struct OrganizationName(String);

impl OrganizationName {
    /// 1 to 50 letters, digits and hyphens; the first and the last a letter or digit.
    pub fn parse(value: &str) -> Result<Self, NotAName> {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let fits = value.len() <= 50
            && edge(value.chars().next())
            && edge(value.chars().last())
            && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if fits {
            Ok(Self(value.to_owned()))
        } else {
            Err(not(value, "an organization name of 1 to 50 letters, digits and hyphens"))
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The page on which an administrator connects or switches the directory.
    pub fn directory_page(&self) -> String {
        format!("https://dev.azure.com/{}/_settings/organizationAad", self.0)
    }
}

impl PartialEq for OrganizationName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for OrganizationName {}
impl Hash for OrganizationName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}
impl fmt::Display for OrganizationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Azure region: `West Europe` and `westeurope` are one.
#[derive(Debug, Clone)]
pub struct Location(String);

impl Location {
    /// Any text of letters, digits and blanks with at least one letter.
    pub fn parse(value: &str) -> Result<Self, NotAName> {
        let fits = value.chars().any(|c| c.is_ascii_alphabetic())
            && value.len() <= 60
            && value.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ');
        if fits { Ok(Self(value.to_owned())) } else { Err(not(value, "an Azure region such as westeurope")) }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> String {
        self.0.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect()
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}
impl Eq for Location {}
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A kind of resource that lives in a resource group.
pub trait ResourceKind: std::fmt::Debug + Clone {
    /// Namespace and type, as Azure's own pages spell them.
    const TYPE: &'static str;
    /// What a name of this kind is, with its article.
    const NAME: &'static str;
    /// Whether a text can be its name.
    fn can_be_named(name: &str) -> bool;
}

/// User-assigned managed identities.
#[derive(Debug, Clone)]
pub enum UserAssignedIdentity {}

impl ResourceKind for UserAssignedIdentity {
    const TYPE: &'static str = "Microsoft.ManagedIdentity/userAssignedIdentities";
    const NAME: &'static str = "the name of an identity (3 to 128 letters, digits, hyphens or underscores, the first a letter or digit)";

    fn can_be_named(name: &str) -> bool {
        (3..=128).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    }
}

/// Managed `DevOps` Pools.
#[derive(Debug, Clone)]
pub enum ManagedPool {}

impl ResourceKind for ManagedPool {
    const TYPE: &'static str = "Microsoft.DevOpsInfrastructure/pools";
    const NAME: &'static str =
        "the name of a pool (3 to 44 letters, digits, full stops or hyphens, the first a letter or digit)";

    fn can_be_named(name: &str) -> bool {
        (3..=44).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
            && !name.ends_with('.')
    }
}

/// The ARM id of a user-assigned identity.
pub type IdentityId = ResourceId<UserAssignedIdentity>;
/// The ARM id of a pool.
pub type PoolId = ResourceId<ManagedPool>;

/// The ARM id of a resource, compared without regard to case.
#[derive(Debug, Clone)]
pub struct ResourceId<K> {
    subscription: SubscriptionId,
    resource_group: String,
    name: String,
    kind: PhantomData<K>,
}

impl<K: ResourceKind> ResourceId<K> {
    /// From checked parts.
    pub fn new(subscription: SubscriptionId, resource_group: &str, name: &str) -> Result<Self, NotAName> {
        if !is_resource_group(resource_group) {
            return Err(not(
                resource_group,
                "the name of a resource group (letters, digits, _ - . ( ), not ending in a full stop)",
            ));
        }
        if !K::can_be_named(name) {
            return Err(not(name, K::NAME));
        }
        Ok(Self {
            subscription,
            resource_group: resource_group.to_owned(),
            name: name.to_owned(),
            kind: PhantomData,
        })
    }

    /// From the id as Azure writes it, in any case.
    pub fn parse(arm_id: &str) -> Option<Self> {
        let parts: Vec<&str> = arm_id.trim_matches('/').split('/').collect();
        let [subscriptions, subscription, groups, group, providers, namespace, kind, name] = parts[..] else {
            return None;
        };
        let is_ours = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers")
            && format!("{namespace}/{kind}").eq_ignore_ascii_case(K::TYPE);
        if !is_ours {
            return None;
        }
        Self::new(SubscriptionId::parse(subscription).ok()?, group, name).ok()
    }

    /// The subscription that it lives in.
    pub fn subscription(&self) -> &SubscriptionId {
        &self.subscription
    }

    /// The resource group that it lives in.
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// Its own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn folded(&self) -> (String, String) {
        (self.resource_group.to_lowercase(), self.name.to_lowercase())
    }

    /// Whether a text of any spelling is this id.
    pub fn matches(&self, arm_id: &str) -> bool {
        self.to_string().to_lowercase() == arm_id.to_lowercase()
    }
}

impl<K: ResourceKind> PartialEq for ResourceId<K> {
    fn eq(&self, other: &Self) -> bool {
        self.subscription == other.subscription && self.folded() == other.folded()
    }
}
impl<K: ResourceKind> Eq for ResourceId<K> {}
impl<K: ResourceKind> Hash for ResourceId<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.subscription.hash(state);
        self.folded().hash(state);
    }
}
/// The whole id; in its alternate form (`{:#}`) only group and name, for sentences that people read.
impl<K: ResourceKind> fmt::Display for ResourceId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name, kind: _ } = self;
        if f.alternate() {
            return write!(f, "{resource_group}/{name}");
        }
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{}/{name}",
            K::TYPE
        )
    }
}

/// An object of this cluster, as the mark spells it: `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
}

impl ObjectKey {
    /// From its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// `None` unless the text is two non-empty parts.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        (!namespace.is_empty() && !name.is_empty() && !name.contains('/')).then(|| Self::new(namespace, name))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests;
