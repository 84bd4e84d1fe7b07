//! The spec, parsed: the only way past bad input.
//!
//! The API server refuses most of what is wrong. What an older definition or a hand on the schema let through is
//! refused here, with the field, its value and what it should have been.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    api::{
        ManagedDevOpsIdentity,
        v1alpha1::{
            AdoptionPolicy, DeletionPolicy, DriftPolicy, IdentitySpec, IsolationScope,
            ManagedDevOpsIdentitySpec, Mode,
        },
    },
    domain::names::{IdentityId, Location, NotAName, OrganizationName, SubscriptionId, TenantId},
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
            tags: tags.clone(),
            isolation_scope: *isolation_scope,
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
mod tests {
    use serde_json::json;

    use super::*;

    fn object(change: impl FnOnce(&mut serde_json::Value)) -> ManagedDevOpsIdentity {
        let mut value = json!({
            "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
            "metadata": {"name": "agents", "namespace": "team-a"},
            "spec": {
                "organization": "contoso",
                "identity": {"subscriptionId": "11111111-2222-3333-4444-555555555555", "resourceGroup": "builds", "location": "westeurope"},
            },
        });
        change(&mut value["spec"]);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_minimal_spec_takes_the_documented_defaults_and_the_object_s_own_name() {
        let desired = Desired::of(&object(|_| {})).unwrap();
        assert_eq!(desired.identity.name(), "agents");
        assert_eq!(desired.interval, Duration::from_mins(30));
        assert_eq!((desired.mode, desired.adoption, desired.deletion, desired.drift), Default::default());
        assert_eq!(desired.isolation_scope, None);
    }

    #[test]
    fn a_field_that_cannot_be_used_is_named_with_its_value() {
        let cases: [(&str, fn(&mut serde_json::Value), &str); 7] = [
            ("organization", |s| s["organization"] = json!("a b"), "a b"),
            ("expectedTenantId", |s| s["expectedTenantId"] = json!("contoso.com"), "contoso.com"),
            (
                "identity.subscriptionId",
                |s| s["identity"]["subscriptionId"] = json!("Production"),
                "Production",
            ),
            ("identity.location", |s| s["identity"]["location"] = json!("west/europe"), "west/europe"),
            ("identity", |s| s["identity"]["name"] = json!("a.b.c"), "a.b.c"),
            ("interval", |s| s["interval"] = json!("5s"), "5s"),
            ("interval", |s| s["interval"] = json!("a while"), "a while"),
        ];
        for (field, change, value) in cases {
            let error = Desired::of(&object(change)).unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.to_string().contains(value), "{error}");
        }
    }
}
