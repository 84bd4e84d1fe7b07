//! The api-versions that are accepted for each kind of thing.
//!
//! Must never treat a version it does not know as one it does: a client that asks for the wrong one has to hear it.

use super::errors::{self, Refusal};
use super::path::Target;
use crate::readings::UnknownApiVersion;
use crate::service::Request;
use crate::simulation::Simulation;

const IDENTITIES: &[&str] = &["2018-11-30", "2023-01-31", "2024-11-30", "2026-04-30", "2026-05-31"];
/// The first stable version had no federated credentials.
const CREDENTIALS: &[&str] = &["2023-01-31", "2024-11-30", "2026-04-30", "2026-05-31"];
/// Operations have those of pools: clients put their own version in place of the address's.
const POOLS: &[&str] = &["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"];
/// The clients of the first version had no such question.
const POOL_NAMES: &[&str] = &["2025-01-21", "2025-09-20", "2026-06-02"];
const SUBSCRIPTIONS: &[&str] = &["2020-01-01", "2021-01-01", "2022-12-01"];
const GROUPS: &[&str] = &[
    "2021-04-01",
    "2022-09-01",
    "2023-07-01",
    "2024-03-01",
    "2024-07-01",
    "2024-11-01",
    "2025-03-01",
    "2025-04-01",
];
const PROVIDERS: &[&str] = &["2016-02-01", "2021-04-01", "2022-09-01", "2024-11-01", "2025-04-01"];
const LOCKS: &[&str] = &["2016-09-01", "2020-05-01"];
const TAGS: &[&str] = &["2021-04-01", "2022-09-01", "2024-11-01", "2025-04-01"];

fn valid(target: &Target) -> &'static [&'static str] {
    match target {
        Target::Tenants | Target::Subscriptions | Target::Subscription { .. } => SUBSCRIPTIONS,
        Target::Groups { .. } | Target::Group { .. } => GROUPS,
        Target::Locks { .. } | Target::Lock { .. } => LOCKS,
        Target::IdentitiesOfSubscription { .. }
        | Target::IdentitiesOfGroup { .. }
        | Target::Identity(_)
        | Target::SystemIdentity(_) => IDENTITIES,
        Target::Credentials(_) | Target::Credential(..) => CREDENTIALS,
        Target::IdentityTags(_) => TAGS,
        Target::PoolsOfSubscription { .. }
        | Target::PoolsOfGroup { .. }
        | Target::Pool(_)
        | Target::PoolAgents(_)
        | Target::PoolSkus { .. }
        | Target::PoolUsages { .. }
        | Target::Operation { .. } => POOLS,
        Target::PoolNames { .. } => POOL_NAMES,
        Target::Provider { .. } | Target::Registration { .. } => PROVIDERS,
        Target::Clouds | Target::Unknown { .. } => &[],
    }
}

/// The version that the request asks for, if it is one of the target's.
pub(super) fn asked_for(
    simulation: &Simulation,
    request: &Request,
    target: &Target,
) -> Result<&'static str, Refusal> {
    let valid = valid(target);
    let Some(seen) = request.query("api-version").filter(|version| !version.is_empty()) else {
        return Err(errors::missing_api_version(valid));
    };
    valid.iter().copied().find(|version| *version == seen).ok_or_else(|| {
        let (_, kind) = target.scope_and_type();
        match simulation.settings.readings.unknown_api_version {
            UnknownApiVersion::InvalidApiVersionParameter => errors::invalid_api_version(&seen, valid),
            UnknownApiVersion::NoRegisteredProviderFound => {
                let kind = kind.rsplit('/').next().unwrap_or(kind);
                errors::no_registered_provider(&seen, valid, kind, &simulation.world.locations)
            }
        }
    })
}

/// Members of an identity and of its `properties` that came later, each with its first version.
const LATER_MEMBERS: &[(&str, &str)] = &[
    ("systemData", "2023-01-31"),
    ("isolationScope", "2024-11-30"),
    ("assignmentRestrictions", "2026-04-30"),
];

/// Whether a version of the identity API knows a member.
pub(super) fn identity_has(member: &str, version: &str) -> bool {
    LATER_MEMBERS.iter().find(|(later, _)| *later == member).is_none_or(|(_, first)| version >= *first)
}

/// The types of a resource provider with their versions, as its description lists them.
pub(super) fn types_of(namespace: &str) -> &'static [(&'static str, &'static [&'static str])] {
    const OF_IDENTITIES: &[(&str, &[&str])] = &[
        ("userAssignedIdentities", IDENTITIES),
        ("userAssignedIdentities/federatedIdentityCredentials", CREDENTIALS),
        ("identities", IDENTITIES),
    ];
    const OF_POOLS: &[(&str, &[&str])] =
        &[("pools", POOLS), ("checkNameAvailability", POOL_NAMES), ("locations", POOLS)];
    if namespace.eq_ignore_ascii_case("Microsoft.ManagedIdentity") {
        OF_IDENTITIES
    } else if namespace.eq_ignore_ascii_case("Microsoft.DevOpsInfrastructure") {
        OF_POOLS
    } else {
        &[]
    }
}
