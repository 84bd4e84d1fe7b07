//! The spec, parsed: the only way past bad input.
//!
//! The API server refuses most of what is wrong. What an older definition or a hand on the schema let through is
//! refused here, with the field, its value and what it should have been.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    api::{
        ManagedDevOpsIdentity,
        names::mark,
        v1alpha1::{
            AdoptionPolicy, DeletionPolicy, DriftPolicy, IdentitySpec, IsolationScope,
            ManagedDevOpsIdentitySpec, Mode, PoolSpec,
        },
    },
    domain::names::{IdentityId, Location, NotAName, OrganizationName, PoolId, SubscriptionId, TenantId},
};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The organization.
    pub organization: OrganizationName,
    /// The directory that both must be in, if the user pins it.
    pub expected_tenant: Option<TenantId>,
    /// Which identity.
    pub identity: IdentityId,
    /// Its region.
    pub location: Location,
    /// Tags to keep on it.
    pub tags: BTreeMap<String, String>,
    /// Its isolation scope; `None` means left as it is.
    pub isolation_scope: Option<IsolationScope>,
    /// The pools that it is to be registered with.
    pub pools: Vec<WantedPool>,
    /// Whether the operator writes.
    pub mode: Mode,
    /// What to do with an identity that exists and is nobody's.
    pub adoption: AdoptionPolicy,
    /// What happens at the farewell.
    pub deletion: DeletionPolicy,
    /// What to do about drift.
    pub drift: DriftPolicy,
    /// How often to look again.
    pub interval: Duration,
}

/// A pool that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPool {
    /// Its name, which is unique in all of Azure and the key in spec and status.
    pub name: String,
    /// Its id.
    pub id: PoolId,
}

/// A field that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("spec.{field}: {problem}; correct the field, or create a new object where it cannot be changed")]
pub struct InvalidField {
    /// Path below `spec`.
    pub field: &'static str,
    /// What is wrong with it, with its value.
    pub problem: String,
}

fn at(field: &'static str) -> impl Fn(NotAName) -> InvalidField {
    move |problem| InvalidField { field, problem: problem.to_string() }
}

impl Desired {
    /// Parses the spec of an object.
    pub fn of(object: &ManagedDevOpsIdentity) -> Result<Self, InvalidField> {
        let ManagedDevOpsIdentitySpec {
            organization,
            expected_tenant_id,
            identity: IdentitySpec { subscription_id, resource_group, location, name, tags, isolation_scope },
            pools,
            mode,
            adoption_policy,
            deletion_policy,
            drift_policy,
            suspend: _,
            interval,
        } = &object.spec;
        Ok(Self {
            organization: OrganizationName::parse(organization).map_err(at("organization"))?,
            expected_tenant: expected_tenant_id
                .as_deref()
                .map(TenantId::parse)
                .transpose()
                .map_err(at("expectedTenantId"))?,
            identity: identity_id(object, subscription_id, resource_group, name.as_deref())?,
            location: Location::parse(location).map_err(at("identity.location"))?,
            tags: parse_tags(tags)?,
            isolation_scope: *isolation_scope,
            pools: pools
                .iter()
                .map(|pool| wanted_pool(pool, subscription_id, resource_group))
                .collect::<Result<_, _>>()?,
            mode: *mode,
            adoption: *adoption_policy,
            deletion: *deletion_policy,
            drift: *drift_policy,
            interval: parse_interval(interval)?,
        })
    }
}

/// Which identity an object names, even where the rest of its spec cannot be used.
pub fn named_identity(object: &ManagedDevOpsIdentity) -> Result<IdentityId, InvalidField> {
    let spec = &object.spec.identity;
    identity_id(object, &spec.subscription_id, &spec.resource_group, spec.name.as_deref())
}

fn identity_id(
    object: &ManagedDevOpsIdentity,
    subscription: &str,
    resource_group: &str,
    name: Option<&str>,
) -> Result<IdentityId, InvalidField> {
    let subscription = SubscriptionId::parse(subscription).map_err(at("identity.subscriptionId"))?;
    let name = name.or(object.metadata.name.as_deref()).unwrap_or_default();
    IdentityId::new(subscription, resource_group, name).map_err(at("identity"))
}

/// Leaves room for the mark and for the tags of others.
const TAGS_AT_MOST: usize = 40;

/// A key that is the mark's, or two that Azure takes for one, would make the operator write against itself for ever.
fn parse_tags(tags: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, InvalidField> {
    let invalid = |problem| InvalidField { field: "identity.tags", problem };
    if tags.len() > TAGS_AT_MOST {
        return Err(invalid(format!("{} tags are more than {TAGS_AT_MOST}", tags.len())));
    }
    let mut seen = BTreeMap::new();
    for key in tags.keys() {
        let folded = key.to_lowercase();
        if folded.starts_with(mark::PREFIX) {
            return Err(invalid(format!("{key:?} marks the owner and is set by the operator alone")));
        }
        if let Some(twin) = seen.insert(folded, key) {
            return Err(invalid(format!(
                "{twin:?} and {key:?} differ only in case, and Azure takes them for one"
            )));
        }
    }
    Ok(tags.clone())
}

fn wanted_pool(
    pool: &PoolSpec,
    subscription: &str,
    resource_group: &str,
) -> Result<WantedPool, InvalidField> {
    let PoolSpec { name, resource_group: own_group, subscription_id } = pool;
    let subscription = subscription_id.as_deref().unwrap_or(subscription);
    let subscription = SubscriptionId::parse(subscription).map_err(at("pools[].subscriptionId"))?;
    let id = PoolId::new(subscription, own_group.as_deref().unwrap_or(resource_group), name)
        .map_err(at("pools[]"))?;
    Ok(WantedPool { name: name.clone(), id })
}

/// The floor, below which an object would spend more requests than it is worth.
const SHORTEST: Duration = Duration::from_mins(1);
/// The ceiling, above which nobody would call it kept true.
const LONGEST: Duration = Duration::from_hours(24);

fn parse_interval(text: &str) -> Result<Duration, InvalidField> {
    let invalid = || InvalidField {
        field: "interval",
        problem: format!(
            "{:?} is not a duration between 1m and 24h, such as 30m or 1h30m",
            text.chars().take(40).collect::<String>()
        ),
    };
    let parsed: kube::core::Duration = text.parse().map_err(|_| invalid())?;
    if parsed.is_negative() {
        return Err(invalid());
    }
    let interval = Duration::from(parsed);
    if (SHORTEST..=LONGEST).contains(&interval) { Ok(interval) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests;
