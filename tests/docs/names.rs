//! Every table of names says what the code says, no more and no less.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Duration,
};

use jiff::{Timestamp, ToSpan as _};
use mdi_operator::{
    api::{
        conditions::{Reason, types},
        names::{self, mark},
        v1alpha1::{
            AdoptionPolicy, DeletionPolicy, DriftPolicy, ManagedDevOpsIdentityStatus, Mode, PoolState,
        },
    },
    domain::{
        desired::{Desired, WantedPool},
        failure::{Cause, Failure},
        farewell::WaitsFor,
        names::{IdentityId, Location, OrganizationName, PoolId, PrincipalId, SubscriptionId, TenantId},
        observed::{Absence, Fact, Observed, OrganizationDirectory, Subscription, SubscriptionState},
        ownership::Owner,
        plan::Verdict,
        record::Record,
        registration::{Judgement, PoolJudged, PoolVerdict, Removals},
        standing::{Departure, Finding, Refusal, Told},
    },
    runtime::metrics::Metrics,
};

use crate::pages::{chapter, code_spans, read, rows};

const REFERENCE: &str = "docs/reference.md";

/// A deletion that waits, since the begin of [`when_a_person_is_called`].
fn departure(problem: &'static str, waits_for_whom: WaitsFor) -> Departure<'static> {
    let since = Timestamp::from_second(1_900_000_000).unwrap();
    Departure { problem, waits_for_whom, since, identity_is_gone: false, leaves_pools: false }
}

/// The names in the first column of a chapter's tables.
fn first_column(page: &str, heading: &str) -> Vec<String> {
    rows(&chapter(page, heading)).iter().map(|row| bare(&row[0])).collect()
}

fn bare(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

#[test]
fn every_reason_stands_in_the_reference_with_its_meaning_in_the_order_of_the_code() {
    let told: Vec<(String, String)> =
        rows(&chapter(REFERENCE, "## Reasons")).iter().map(|row| (bare(&row[0]), row[2].clone())).collect();
    let meant: Vec<(String, String)> =
        Reason::ALL.iter().map(|r| (r.as_str().to_owned(), r.meaning().trim().to_owned())).collect();
    assert_eq!(told, meant);
}

#[test]
fn the_reference_says_of_each_reason_where_it_stands_and_when_a_person_is_called() {
    let found = when_a_person_is_called();
    for row in rows(&chapter(REFERENCE, "## Reasons")) {
        let reason = bare(&row[0]);
        let Some((on, stalled)) = found.get(reason.as_str()) else {
            assert_eq!((row[1].as_str(), row[3].as_str()), ("–", "no"), "{reason} is never told");
            continue;
        };
        let stalled: Vec<&str> = stalled.iter().copied().collect();
        let said: Vec<&str> = row[3].split(" / ").collect();
        assert_eq!(said.iter().copied().collect::<BTreeSet<_>>(), stalled.into_iter().collect(), "{reason}");
        let kinds = match row[1].as_str() {
            "all" | "all, `Reconciling`" => EVERYWHERE.to_vec(),
            cell => cell.split(", ").map(|kind| kind.trim_matches('`')).collect(),
        };
        let kinds: BTreeSet<&str> = kinds.into_iter().filter(|kind| *kind != types::RECONCILING).collect();
        assert_eq!(kinds, *on, "{reason}");
    }
}

/// The conditions that are always there.
const EVERYWHERE: [&str; 4] =
    [types::READY, types::DIRECTORY_MATCHED, types::IDENTITY_READY, types::POOLS_REGISTERED];

/// By reason: the conditions that bear it, and when it makes an object Stalled. Found by telling everything that can be found,
/// at once, after the grace for a role, and after the one for replication.
fn when_a_person_is_called() -> BTreeMap<&'static str, (BTreeSet<&'static str>, BTreeSet<&'static str>)> {
    let mut found: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    let desired = desired();
    let judged: Vec<(Observed, Verdict)> = everything_that_can_be_found();
    let without_pools = Desired { pools: vec![], ..desired.clone() };
    let pools: Vec<[PoolJudged; 1]> = everything_that_a_pool_can_be().map(|pool| [pool]).collect();
    let judge = |observed, verdict, desired, pools| Finding::Judged {
        desired,
        observed,
        verdict,
        pools,
        in_the_dark_for: None,
    };
    let mut findings: Vec<Finding<'_>> =
        judged.iter().map(|(observed, verdict)| judge(observed, verdict, &without_pools, &[])).collect();
    let (matched, up_to_date) = &judged[0];
    findings.extend(pools.iter().map(|pools| judge(matched, up_to_date, &desired, pools)));
    findings.extend([
        Finding::UnderWay("looking"),
        Finding::Deleting(departure("it is asked once more", WaitsFor::AnotherLook)),
        Finding::Deleting(departure("a pool is being changed", WaitsFor::Others)),
        Finding::Invalid(Refusal::unusable("spec.x: no")),
        Finding::Invalid(Refusal::beyond_the_fences("spec.x: no")),
        Finding::Deleting(departure("a lock", WaitsFor::APerson)),
        Finding::NeverLookedAt,
    ]);
    for finding in findings {
        let begin = Timestamp::from_second(1_900_000_000).unwrap();
        let mut status = ManagedDevOpsIdentityStatus::default();
        let mut called = "no";
        for (after, when) in [(0, "at once"), (11, "after 10 min"), (61, "after 1 h")] {
            let now = begin + i64::from(after).minutes();
            let (record, identity) = (Record::default(), Some(&desired.identity));
            let told = Told {
                prior: &status,
                generation: 1,
                record: &record,
                identity,
                wanted: None,
                requested_at: None,
                finding,
                now,
            };
            status = told.compose().0;
            if called == "no" && status.conditions.iter().any(|c| c.type_ == types::STALLED) {
                called = when;
            }
        }
        let stalled = status.conditions.iter().find(|c| c.type_ == types::STALLED).map(|c| c.reason.clone());
        for condition in &status.conditions {
            let of = |texts: &[&'static str], text: &str| texts.iter().copied().find(|t| *t == text);
            let known: Vec<&'static str> = Reason::ALL.iter().map(|r| r.as_str()).collect();
            let reason = of(&known, &condition.reason).unwrap();
            let (on, when) = found.entry(reason).or_default();
            let Some(kind) = of(&EVERYWHERE, &condition.type_) else { continue };
            on.insert(kind);
            when.insert(if stalled.as_deref() == Some(reason) { called } else { "no" });
        }
    }
    // A reason that calls a person at times is listed with "no" only where another cause of it never does.
    let at_times_only = ["CheckFailed", "Settling"];
    for (reason, (_, when)) in &mut found {
        if when.len() > 1 && !at_times_only.contains(reason) {
            when.remove("no");
        }
    }
    found
}

fn guid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

fn desired() -> Desired {
    let subscription = SubscriptionId::parse(&guid(4)).unwrap();
    let pool = PoolId::new(subscription.clone(), "builds", "pool-linux").unwrap();
    Desired {
        organization: OrganizationName::parse("contoso").unwrap(),
        expected_tenant: None,
        identity: IdentityId::new(subscription, "builds", "agents").unwrap(),
        location: Location::parse("westeurope").unwrap(),
        tags: [].into(),
        isolation_scope: None,
        pools: vec![WantedPool { name: "pool-linux".into(), id: pool }],
        mode: Mode::Manage,
        adoption: AdoptionPolicy::IfOwned,
        deletion: DeletionPolicy::Retain,
        drift: DriftPolicy::Correct,
        interval: Duration::from_mins(30),
    }
}

fn tenant(number: u32) -> TenantId {
    TenantId::parse(&guid(number)).unwrap()
}

fn failure(cause: Cause) -> Failure {
    let code = format!("{cause:?}");
    Failure { cause, code, message: "no".into(), target: "x".into(), correlation_id: None, retry_after: None }
}

/// Causes that a look-up of an organization or a subscription can have.
fn causes_of_a_look_up() -> Vec<Cause> {
    vec![
        Cause::AuthorizationFailed,
        Cause::WrongTenant(vec![guid(7)]),
        Cause::SignInFailed(None),
        Cause::SubscriptionNotFound,
        Cause::Throttled,
        Cause::Unavailable,
        Cause::Refused,
        Cause::Unexpected,
    ]
}

fn causes_of_a_write() -> Vec<Cause> {
    let more = [
        Cause::SubscriptionDisabled,
        Cause::ResourceGroupNotFound,
        Cause::ResourceGroupBeingDeleted,
        Cause::ProviderNotRegistered("Microsoft.ManagedIdentity".into()),
        Cause::PolicyDenied,
        Cause::ScopeLocked,
        Cause::InvalidResourceLocation,
        Cause::LocationNotAvailable,
        Cause::NotReplicated,
        Cause::Conflict,
    ];
    causes_of_a_look_up().into_iter().chain(more).collect()
}

fn everything_that_can_be_found() -> Vec<(Observed, Verdict)> {
    let matched = Observed {
        organization: Fact::Known(OrganizationDirectory::Connected(tenant(1))),
        subscription: Fact::Known(Subscription { tenant: tenant(1), state: SubscriptionState::Usable }),
        identity: Fact::Absent,
        absence: Absence::Confirmed,
        mark_owner: None,
        siblings: vec![],
    };
    let pending = |reason| Verdict::Pending { reason, changes: vec![] };
    let verdicts = [
        Verdict::UpToDate,
        pending(Reason::ChangesPending),
        pending(Reason::DriftDetected),
        pending(Reason::IdentityNotFound),
        Verdict::Settling,
        Verdict::SubscriptionDisabled,
        Verdict::AdoptionRefused {
            found: PrincipalId::parse(&guid(2)).unwrap(),
            policy: AdoptionPolicy::IfOwned,
        },
        Verdict::OwnershipConflict(Owner::Unclear(vec![])),
        Verdict::LocationConflict(Location::parse("northeurope").unwrap()),
        Verdict::TooManyTags(51),
    ];
    let failed = causes_of_a_write().into_iter().map(|cause| Verdict::Failed(failure(cause)));
    let of_the_identity = verdicts.into_iter().chain(failed).map(|verdict| (matched.clone(), verdict));

    let organization = |fact| Observed { organization: fact, ..matched.clone() };
    let subscription = |fact| Observed { subscription: fact, ..matched.clone() };
    let mut moved = matched.clone();
    moved.identity = Fact::Known(mdi_operator::domain::observed::Identity {
        id: desired().identity,
        location: desired().location,
        tenant: tenant(9),
        principal: PrincipalId::parse(&guid(2)).unwrap(),
        client: mdi_operator::domain::names::ClientId::parse(&guid(3)).unwrap(),
        tags: mdi_operator::domain::tags::Tags::default(),
        isolation_scope: None,
    });
    let directories = [
        organization(Fact::Known(OrganizationDirectory::NotConnected)),
        organization(Fact::Known(OrganizationDirectory::Connected(tenant(5)))),
        organization(Fact::Absent),
        moved,
    ]
    .into_iter()
    .chain(causes_of_a_look_up().into_iter().map(|cause| subscription(Fact::Unknown(failure(cause)))));
    of_the_identity.chain(directories.map(|observed| (observed, Verdict::AwaitsDirectory))).collect()
}

fn everything_that_a_pool_can_be() -> impl Iterator<Item = PoolJudged> {
    let waiting = |reason| PoolVerdict::Waiting { reason, again: None };
    let pending = |reason| PoolVerdict::Pending { reason, stale: None };
    let verdicts = [
        PoolVerdict::Registered,
        waiting(Reason::Progressing),
        waiting(Reason::PoolBusy),
        waiting(Reason::Settling),
        waiting(Reason::IdentityNotReady),
        PoolVerdict::NotFound,
        PoolVerdict::NotAzureDevOps("GitHub".into()),
        PoolVerdict::OrganizationNotInPool,
        PoolVerdict::OtherDirectory { pool: tenant(5), identity: tenant(1) },
        PoolVerdict::Contested(Removals { count: 3, last: None }),
        pending(Reason::ChangesPending),
        pending(Reason::DriftDetected),
    ];
    let causes_of_a_pool =
        [Cause::LinkedAuthorizationFailed, Cause::OrganizationAccessDenied, Cause::IdentityOperationFailed];
    let failed =
        causes_of_a_write().into_iter().chain(causes_of_a_pool).map(failure).map(PoolVerdict::Failed);
    verdicts.into_iter().chain(failed).map(|verdict| PoolJudged {
        name: "pool-linux".into(),
        provisioning_state: Some("Succeeded".into()),
        entry: None,
        judgement: Judgement::Wanted(verdict),
    })
}

#[test]
fn every_event_stands_in_the_reference() {
    let source = read("src/api/names.rs");
    let events = source.split_once("pub mod event").unwrap().1;
    let events: BTreeSet<&str> =
        events.lines().filter_map(|line| line.split_once("&str = \"")?.1.strip_suffix("\";")).collect();
    let told = first_column(REFERENCE, "## Events");
    assert_eq!(told.iter().map(String::as_str).collect::<BTreeSet<_>>(), events);
    assert_eq!(told.len(), events.len(), "each once");
}

#[test]
fn names_on_the_object_and_tags_on_the_identity_are_the_code_s() {
    let on_the_object = [names::FINALIZER, names::RECONCILE_REQUESTED_AT, names::FIELD_MANAGER];
    assert_eq!(first_column(REFERENCE, "## Names on the object"), on_the_object);
    assert_eq!(first_column(REFERENCE, "## Tags on the identity"), mark::KEYS);
    let kinds = EVERYWHERE.into_iter().chain([types::RECONCILING, types::STALLED]).collect::<Vec<_>>();
    assert_eq!(first_column(REFERENCE, "## Conditions"), kinds);
}

#[test]
fn every_state_of_a_pool_stands_in_the_reference() {
    use PoolState::{Missing, Registered, Removing, Stale, Waiting};
    let states = [Registered, Missing, Stale, Waiting, Removing].map(|state| format!("{state:?}"));
    let schema = read("crds/manageddevopsidentities.mdi-operator.io.yaml");
    assert!(states.iter().all(|state| schema.contains(&format!("- {state}\n"))));
    assert_eq!(first_column(REFERENCE, "## Pools in the status"), states);
}

#[test]
fn every_metric_stands_in_the_reference_with_its_labels() {
    let metrics = Metrics::new().unwrap();
    // A metric with labels shows with its first sample.
    metrics.set_failing_watches(&["403"]);
    metrics.azure_request("resource-manager", "GET", "200", Duration::from_secs(1));
    metrics.set_objects([("True", "Succeeded")]);
    let rendered = metrics.render();
    let registered: BTreeSet<&str> = rendered
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| !name.starts_with("process_"))
        .collect();
    let table = rows(&chapter(REFERENCE, "## Metrics"));
    assert_eq!(table.iter().map(|row| row[0].trim_matches('`')).collect::<BTreeSet<_>>(), registered);
    for row in &table {
        let name = row[0].trim_matches('`');
        let sample = rendered.lines().find(|line| line.starts_with(name)).unwrap();
        let labels: BTreeSet<&str> = sample
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'))
            .map(|(labels, _)| labels.split(',').filter_map(|pair| pair.split('=').next()).collect())
            .unwrap_or_default();
        let labels: BTreeSet<&str> =
            labels.into_iter().filter(|label| !["controller", "le"].contains(label)).collect();
        let told = code_spans(&row[1]);
        assert_eq!(told.iter().map(String::as_str).collect::<BTreeSet<_>>(), labels, "{name}");
    }
}

#[test]
fn every_setting_stands_in_the_readme_as_help_tells_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_mdi-operator")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut told: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
    let (mut flag, mut variable) = (String::new(), String::new());
    for line in help.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("--").and_then(|rest| rest.split(' ').next()) {
            flag = format!("--{name}");
        } else if let Some(name) = line.strip_prefix("[env: ").and_then(|rest| rest.strip_suffix("=]")) {
            variable = name.to_owned();
            told.insert(variable.clone(), (flag.clone(), None));
        } else if let Some(value) = line.strip_prefix("[default: ").and_then(|rest| rest.strip_suffix(']')) {
            told.get_mut(&variable).unwrap().1 = Some(value.to_owned());
        }
    }
    assert!(help.contains("AZURE_CLIENT_SECRET."), "the secret itself is told of in prose");
    told.insert("AZURE_CLIENT_SECRET".into(), ("none, on purpose".into(), None));
    assert!(help.contains("HTTPS_PROXY") && help.contains("NO_PROXY"), "the proxy too");
    for proxy in ["HTTPS_PROXY", "NO_PROXY"] {
        told.insert(proxy.into(), ("none, on purpose".into(), None));
    }

    let table = rows(&chapter("README.md", "## Settings"));
    assert_eq!(
        table.iter().map(|row| bare(&row[0])).collect::<BTreeSet<_>>(),
        told.keys().cloned().collect::<BTreeSet<_>>()
    );
    for row in table {
        let (flag, default) = &told[&bare(&row[0])];
        assert_eq!(bare(&row[1]), *flag);
        if let Some(default) = default {
            assert!(row[3].starts_with(&format!("`{default}`")), "{flag}: {default}, not {}", row[3]);
        }
    }
}

#[test]
fn every_setting_that_ships_in_the_base_is_one() {
    let known = first_column("README.md", "## Settings");
    for line in
        read("deploy/base/settings.env").lines().filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let name = line.split('=').next().unwrap();
        assert!(known.iter().any(|setting| setting == name), "{name}");
    }
}
