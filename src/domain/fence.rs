//! Fences between namespaces: what the objects of a namespace may reach in Azure, whoever writes them.
//!
//! Without a fences file everything is allowed. With one, a namespace may use what the rules that name it allow, and a
//! namespace that no rule names may use nothing. Rules add up as those of a role do: an object needs one rule that has
//! its subscription (and resource group) *and* its organization, and may use a policy if one of those rules allows it.
//! So a generous rule about a playground gives nothing away elsewhere.
//!
//! ```text
//! rules of the namespace ─► that have the subscription ─► the group ─► the organization ─► [Adopt] [Delete]
//!         │ none                    │ none                   │ none         │ none            │ none
//!         └─────────────────────────┴──── Beyond: this field, this value, what would do ──────┘
//! ```
//!
//! The file is read by [`file`]; nothing in here asks for labels itself.

mod file;

use std::{collections::BTreeMap, fmt};

use kube::core::{Selector, SelectorExt as _};

use crate::{
    api::v1alpha1::{AdoptionPolicy, DeletionPolicy},
    domain::{
        desired::Desired,
        names::{IdentityId, OrganizationName, PoolId, SubscriptionId},
    },
};

pub use file::FencesError;

/// The setting that names the file: whoever is refused has to know whom to ask for what.
pub const SETTING: &str = "MDI_FENCES_FILE";
/// How many allowed values a message lists.
const LISTED_AT_MOST: usize = 5;

/// Labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// The fences of all namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fences {
    /// No file was configured: everything is allowed.
    Open,
    /// What is not in these rules is not allowed.
    Closed(Vec<Rule>),
}

/// What some namespaces may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    namespaces: Names<String>,
    selector: Option<Selector>,
    scopes: Vec<Scope>,
    organizations: Names<OrganizationName>,
    allow_adopt: bool,
    allow_delete: bool,
}

/// Where in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    subscription: Names<SubscriptionId>,
    groups: Names<String>,
}

/// All of a kind, or these.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names<T> {
    All,
    Only(Vec<T>),
}

impl<T: PartialEq> Names<T> {
    fn have(&self, name: &T) -> bool {
        self.have_one_that(|known| known == name)
    }

    fn have_one_that(&self, fits: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(fits),
        }
    }

    fn listed(&self) -> &[T] {
        match self {
            Self::All => &[],
            Self::Only(names) => names,
        }
    }
}

impl Scope {
    fn has(&self, subscription: &SubscriptionId, group: &str) -> bool {
        self.subscription.have(subscription)
            && self.groups.have_one_that(|known| known.to_lowercase() == group.to_lowercase())
    }
}

impl Rule {
    /// Labels that cannot be read match no selector.
    fn is_about(&self, namespace: &str, labels: Option<&Labels>) -> bool {
        self.namespaces.have_one_that(|known| known == namespace)
            || self.selector.as_ref().zip(labels).is_some_and(|(selector, labels)| selector.matches(labels))
    }
}

impl Fences {
    /// Reads a fences file.
    pub fn parse(text: &str) -> Result<Self, FencesError> {
        file::parse(text).map(Self::Closed)
    }

    /// How many rules there are.
    pub fn rules(&self) -> usize {
        match self {
            Self::Open => 0,
            Self::Closed(rules) => rules.len(),
        }
    }

    /// Whether any rule selects namespaces by their labels, so that somebody has to read them.
    pub fn ask_for_labels(&self) -> bool {
        match self {
            Self::Open => false,
            Self::Closed(rules) => rules.iter().any(|rule| rule.selector.is_some()),
        }
    }

    /// The fence around one namespace. `labels` are its labels; `None` where they were not asked for or cannot be read.
    pub fn around(&self, namespace: &str, labels: Option<&Labels>) -> Fence {
        let rules = match self {
            Self::Open => None,
            Self::Closed(rules) => {
                Some(rules.iter().filter(|rule| rule.is_about(namespace, labels)).cloned().collect())
            }
        };
        Fence {
            namespace: namespace.to_owned(),
            rules,
            labels_missing: labels.is_none() && self.ask_for_labels(),
        }
    }
}

/// The fence around one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    namespace: String,
    /// The rules about this namespace; `None` if everything is allowed.
    rules: Option<Vec<Rule>>,
    /// A rule asks for labels that could not be read.
    labels_missing: bool,
}

impl Fence {
    /// Whether there is no fence at all.
    pub fn is_open(&self) -> bool {
        self.rules.is_none()
    }

    /// Whether an object may be acted on at all. One pool beyond the fence stops the whole object: nothing is sent for it
    /// until the spec or the fence is right.
    pub fn admits(&self, desired: &Desired) -> Result<(), Beyond> {
        // Spelled out, so that a new field of the spec has to be judged here too.
        let Desired {
            organization,
            identity,
            pools,
            adoption,
            deletion,
            expected_tenant: _,
            location: _,
            tags: _,
            isolation_scope: _,
            mode: _,
            drift: _,
            interval: _,
        } = desired;
        let place = Place::of_identity(identity);
        let Some(rules) = self.rules_for(organization, place)? else { return Ok(()) };
        for pool in pools {
            self.admits_place(organization, Place::of_pool(&pool.id))?;
        }
        match adoption {
            AdoptionPolicy::Adopt if !rules.iter().any(|rule| rule.allow_adopt) => {
                return Err(self.beyond("spec.adoptionPolicy", "Adopt", ["IfOwned", "Never"]));
            }
            AdoptionPolicy::Adopt | AdoptionPolicy::IfOwned | AdoptionPolicy::Never => {}
        }
        match deletion {
            DeletionPolicy::Delete if !rules.iter().any(|rule| rule.allow_delete) => {
                Err(self.beyond("spec.deletionPolicy", "Delete", ["Retain"]))
            }
            DeletionPolicy::Delete | DeletionPolicy::Retain => Ok(()),
        }
    }

    /// Whether objects for this organization may reach into a resource group: for an identity or a pool alike.
    pub fn admits_place(&self, organization: &OrganizationName, place: Place<'_>) -> Result<(), Beyond> {
        self.rules_for(organization, place).map(|_| ())
    }

    /// The rules that allow it, of which there is at least one; `None` if there is no fence.
    fn rules_for(
        &self,
        organization: &OrganizationName,
        place: Place<'_>,
    ) -> Result<Option<Vec<&Rule>>, Beyond> {
        let Some(rules) = &self.rules else { return Ok(None) };
        let Place { field, subscription, resource_group } = place;
        let of_the_namespace: Vec<&Rule> = rules.iter().collect();
        if of_the_namespace.is_empty() {
            return Err(self.beyond("metadata.namespace", &self.namespace, [""; 0]));
        }
        let with_subscription = narrowed(&of_the_namespace, |rule| {
            rule.scopes.iter().any(|scope| scope.subscription.have(subscription))
        });
        if with_subscription.is_empty() {
            let scopes = of_the_namespace.iter().flat_map(|rule| &rule.scopes);
            let allowed = scopes.flat_map(|scope| scope.subscription.listed());
            let field = format!("spec.{field}.subscriptionId");
            return Err(self.beyond(&field, subscription.as_str(), allowed));
        }
        let with_group = narrowed(&with_subscription, |rule| {
            rule.scopes.iter().any(|scope| scope.has(subscription, resource_group))
        });
        if with_group.is_empty() {
            let scopes = with_subscription.iter().flat_map(|rule| &rule.scopes);
            let allowed = scopes
                .filter(|scope| scope.subscription.have(subscription))
                .flat_map(|scope| scope.groups.listed());
            return Err(self.beyond(&format!("spec.{field}.resourceGroup"), resource_group, allowed));
        }
        let with_organization = narrowed(&with_group, |rule| rule.organizations.have(organization));
        if with_organization.is_empty() {
            let allowed = with_group.iter().flat_map(|rule| rule.organizations.listed());
            return Err(self.beyond("spec.organization", organization.as_str(), allowed));
        }
        Ok(Some(with_organization))
    }

    fn beyond<T: ToString>(&self, field: &str, value: &str, allowed: impl IntoIterator<Item = T>) -> Beyond {
        let mut listed: Vec<String> = vec![];
        for value in allowed {
            let value = value.to_string();
            if !listed.contains(&value) {
                listed.push(value);
            }
        }
        Beyond {
            field: field.to_owned(),
            value: value.to_owned(),
            namespace: self.namespace.clone(),
            allowed: listed,
            labels_missing: self.labels_missing,
        }
    }
}

fn narrowed<'a>(rules: &[&'a Rule], fits: impl Fn(&Rule) -> bool) -> Vec<&'a Rule> {
    rules.iter().copied().filter(|rule| fits(rule)).collect()
}

/// A resource group that an object reaches into, and the field that says so.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Path below `spec` of what lies there, such as `identity`.
    pub field: &'a str,
    /// The subscription.
    pub subscription: &'a SubscriptionId,
    /// The group.
    pub resource_group: &'a str,
}

impl<'a> Place<'a> {
    /// Where an identity lives.
    pub fn of_identity(id: &'a IdentityId) -> Self {
        Self { field: "identity", subscription: id.subscription(), resource_group: id.resource_group() }
    }

    /// Where a pool lives.
    pub fn of_pool(id: &'a PoolId) -> Self {
        Self { field: "pools[]", subscription: id.subscription(), resource_group: id.resource_group() }
    }
}

/// Something that an object may not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Beyond {
    /// Which field asks for it.
    pub field: String,
    /// What it asks for.
    pub value: String,
    /// The namespace that may not have it.
    pub namespace: String,
    /// What would be allowed instead; nothing where no rule names the namespace.
    pub allowed: Vec<String>,
    /// A rule that asks for labels was left out, because the labels cannot be read.
    pub labels_missing: bool,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, namespace, allowed, labels_missing } = self;
        if allowed.is_empty() {
            write!(
                f,
                "{field}: no rule of the fences file names namespace {value}, so its objects may use nothing; ask whoever keeps the file ({SETTING}) for a rule"
            )?;
        } else {
            let listed =
                allowed.iter().take(LISTED_AT_MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = match allowed.len().saturating_sub(LISTED_AT_MOST) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            write!(
                f,
                "{field}: {value} may not be used in namespace {namespace} (allowed: {listed}{more}); choose what is allowed, in a new object where the field cannot be changed, or ask whoever keeps the fences file ({SETTING}) to allow {value}"
            )?;
        }
        if *labels_missing {
            write!(
                f,
                "; rules with a namespaceSelector do not count, because the operator cannot read the namespace's labels: give it the right to get namespaces"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
