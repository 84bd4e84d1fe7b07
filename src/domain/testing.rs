//! Builders for the tests of the domain, and the judge of a status as `kstatus` computes it.

use std::{sync::LazyLock, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::{
            AdoptionPolicy, DeletionPolicy, DriftPolicy, ManagedDevOpsIdentityStatus, Mode, Origin, PoolState,
        },
    },
    domain::{
        claim::Sibling,
        cluster::ClusterIds,
        desired::{Desired, WantedPool},
        failure::{Cause, Failure},
        farewell::WaitsFor,
        mark::Mark,
        names::{
            ClientId, IdentityId, Location, ObjectKey, OrganizationName, PoolId, PrincipalId, SubscriptionId,
            TenantId,
        },
        observed::{
            Absence, Fact, Identity, Observed, OrganizationDirectory, Subscription, SubscriptionState,
        },
        plan::{Finalizer, Next, Situation, Step, Verdict, decide},
        pool::{Entry, IdentityBlock, Pool, Serves},
        record::{Holding, Record},
        standing::Departure,
        tags::Tags,
    },
};

pub const CLUSTER: &str = "cluster-1";
/// What it was called before it was rebuilt.
pub const FORMER_CLUSTER: &str = "cluster-0";

pub fn cluster() -> &'static ClusterIds {
    static IDS: LazyLock<ClusterIds> =
        LazyLock::new(|| ClusterIds::new(CLUSTER, [FORMER_CLUSTER.to_owned()]));
    &IDS
}

fn guid(kind: u32, number: u32) -> String {
    format!("{kind:08x}-0000-0000-0000-{number:012x}")
}

pub fn tenant(number: u32) -> TenantId {
    TenantId::parse(&guid(1, number)).unwrap()
}

pub fn principal(number: u32) -> PrincipalId {
    PrincipalId::parse(&guid(2, number)).unwrap()
}

pub fn location(name: &str) -> Location {
    Location::parse(name).unwrap()
}

/// An object, `namespace/name`.
pub fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// What `team-a/agents` wants: every policy at its default, no tags.
pub fn desired() -> Desired {
    let subscription = SubscriptionId::parse(&guid(4, 1)).unwrap();
    Desired {
        organization: OrganizationName::parse("contoso").unwrap(),
        expected_tenant: None,
        identity: IdentityId::new(subscription, "builds", "agents").unwrap(),
        location: location("westeurope"),
        tags: [].into(),
        isolation_scope: None,
        pools: vec![],
        mode: Mode::Manage,
        adoption: AdoptionPolicy::IfOwned,
        deletion: DeletionPolicy::Retain,
        drift: DriftPolicy::Correct,
        interval: Duration::from_mins(30),
    }
}

/// The identity that [`desired`] names: principal 1, without tags, where everything else is too.
pub fn identity() -> Identity {
    Identity {
        id: desired().identity,
        location: location("westeurope"),
        tenant: tenant(1),
        principal: principal(1),
        client: ClientId::parse(&guid(3, 1)).unwrap(),
        tags: Tags::default(),
        isolation_scope: None,
    }
}

/// The id of a pool beside the identity.
pub fn pool_id(name: &str) -> PoolId {
    PoolId::new(desired().identity.subscription().clone(), "builds", name).unwrap()
}

pub fn wanted(name: &str) -> WantedPool {
    WantedPool { name: name.into(), id: pool_id(name) }
}

/// A pool at rest that serves the organization of [`desired`], with these entries.
pub fn pool(entries: &[Entry]) -> Pool {
    Pool {
        id: pool_id("linux"),
        provisioning_state: "Succeeded".into(),
        serves: Serves::AzureDevOps(vec![desired().organization]),
        identities: IdentityBlock { entries: entries.to_vec(), ..IdentityBlock::default() },
    }
}

/// An entry of the identity that [`desired`] names, as Azure likes to spell ids.
pub fn own_entry(principal: Option<PrincipalId>) -> Entry {
    Entry { key: desired().identity.to_string().replace("resourceGroups", "resourcegroups"), principal }
}

/// An entry of an identity of somebody else; an even number is a dead one, without a principal.
pub fn foreign_entry(number: u32) -> Entry {
    let key = desired().identity.to_string().replace("agents", &format!("Other-{number}"));
    Entry { key, principal: (number % 2 == 1).then(|| principal(1000 + number)) }
}

pub fn tagged(pairs: &[(&str, &str)]) -> Identity {
    Identity { tags: pairs.iter().copied().collect(), ..identity() }
}

pub fn marked(mark: &Mark) -> Identity {
    let mut identity = identity();
    mark.write(&mut identity.tags);
    identity
}

/// A standing mark of this cluster.
pub fn mark_of(object: &str) -> Mark {
    Mark::standing(CLUSTER, &key(object), Origin::Adopted)
}

pub fn released(mark: Mark) -> Mark {
    Mark { released: true, ..mark }
}

pub fn holding(number: u32, origin: Origin) -> Record {
    Record { holding: Some(Holding { principal: principal(number), origin }), ..Record::default() }
}

pub fn sibling(object: &str, age: i64) -> Sibling {
    Sibling {
        object: key(object),
        uid: format!("uid of {object}"),
        created: Timestamp::from_second(1_800_000_000 - age).unwrap(),
        mode: Mode::Manage,
        adoption: AdoptionPolicy::IfOwned,
        suspended: false,
        terminating: false,
        within_fences: true,
        stalled: None,
        record: Record::default(),
    }
}

pub fn observed(identity: Fact<Identity>) -> Observed {
    Observed {
        organization: Fact::Known(OrganizationDirectory::Connected(tenant(1))),
        subscription: Fact::Known(Subscription { tenant: tenant(1), state: SubscriptionState::Usable }),
        identity,
        absence: Absence::Once,
        mark_owner: None,
        siblings: vec![],
    }
}

/// A deletion that waits for what passes by itself.
pub fn departure(problem: &str) -> Departure<'_> {
    Departure {
        problem,
        waits_for_whom: WaitsFor::Others,
        since: Timestamp::UNIX_EPOCH,
        identity_is_gone: false,
        leaves_pools: false,
    }
}

pub fn failure(cause: Cause) -> Failure {
    Failure {
        code: format!("{cause:?}").split('(').next().unwrap_or_default().to_owned(),
        cause,
        message: "Azure says no.".into(),
        target: "/subscriptions/x".into(),
        correlation_id: Some("correlation-1".into()),
        retry_after: None,
    }
}

/// Every cause there is.
pub fn causes() -> Vec<Cause> {
    vec![
        Cause::AuthorizationFailed,
        Cause::WrongTenant(vec![tenant(7).to_string()]),
        Cause::SignInFailed(Some("AADSTS700016".into())),
        Cause::SubscriptionNotFound,
        Cause::SubscriptionDisabled,
        Cause::ResourceGroupNotFound,
        Cause::ResourceGroupBeingDeleted,
        Cause::ProviderNotRegistered("Microsoft.ManagedIdentity".into()),
        Cause::PolicyDenied,
        Cause::ScopeLocked,
        Cause::LinkedAuthorizationFailed,
        Cause::IdentityOperationFailed,
        Cause::OrganizationAccessDenied,
        Cause::InvalidResourceLocation,
        Cause::LocationNotAvailable,
        Cause::NotReplicated,
        Cause::Conflict,
        Cause::Throttled,
        Cause::Unavailable,
        Cause::ChangeNotShown,
        Cause::Refused,
        Cause::Unexpected,
    ]
}

/// One decision, of `team-a/agents`.
#[derive(Debug, Clone)]
pub struct Case {
    pub desired: Desired,
    pub observed: Observed,
    pub record: Record,
    pub finalizer: Finalizer,
}

impl Case {
    pub fn absent() -> Self {
        Self::reading(Fact::Absent)
    }

    pub fn seeing(identity: Identity) -> Self {
        Self::reading(Fact::Known(identity))
    }

    /// The finalizer is stored, as it is in every pass but the first.
    pub fn reading(identity: Fact<Identity>) -> Self {
        Self {
            desired: desired(),
            observed: observed(identity),
            record: Record::default(),
            finalizer: Finalizer::Stored,
        }
    }

    pub fn wishing(mut self, change: impl FnOnce(&mut Desired)) -> Self {
        change(&mut self.desired);
        self
    }

    pub fn given(mut self, change: impl FnOnce(&mut Observed)) -> Self {
        change(&mut self.observed);
        self
    }

    pub fn remembering(self, record: Record) -> Self {
        Self { record, ..self }
    }

    pub fn without_finalizer(self) -> Self {
        Self { finalizer: Finalizer::Absent, ..self }
    }

    pub fn beside(self, sibling: Sibling) -> Self {
        self.given(|o| o.siblings.push(sibling))
    }

    pub fn next(&self) -> Next {
        let me = Sibling {
            mode: self.desired.mode,
            adoption: self.desired.adoption,
            record: self.record.clone(),
            ..sibling("team-a/agents", 100)
        };
        decide(Situation {
            cluster: cluster(),
            me: &me,
            desired: &self.desired,
            observed: &self.observed,
            record: &self.record,
            finalizer: self.finalizer,
        })
    }

    pub fn step(&self) -> Step {
        match self.next() {
            Next::Act(step) => step,
            Next::Tell(verdict) => panic!("tells {verdict:?} where a step was expected"),
        }
    }

    /// What is told once everything that concerns the object alone is done.
    pub fn verdict(&self) -> Verdict {
        let mut case = self.clone();
        for _ in 0..4 {
            match case.next() {
                Next::Tell(verdict) => return verdict,
                Next::Act(Step::Remember(record)) => case.record = record,
                Next::Act(Step::RemoveFinalizer) => case.finalizer = Finalizer::Absent,
                Next::Act(step) => panic!("does {step:?} where a verdict was expected"),
            }
        }
        panic!("comes to no verdict")
    }
}

/// What kstatus makes of a status, in its order of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kstatus {
    Current,
    InProgress,
    Failed,
}

pub fn kstatus(status: &ManagedDevOpsIdentityStatus, generation: i64) -> Kstatus {
    let is = |kind| condition(status, kind).map(|c| c.status.as_str());
    if status.observed_generation != Some(generation) || is(types::RECONCILING) == Some("True") {
        Kstatus::InProgress
    } else if is(types::STALLED) == Some("True") {
        Kstatus::Failed
    } else {
        match is(types::READY) {
            Some("True") | None => Kstatus::Current,
            Some(_) => Kstatus::InProgress,
        }
    }
}

pub fn condition<'a>(status: &'a ManagedDevOpsIdentityStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

/// Panics unless a status obeys every rule that holds for all of them.
pub fn obeys_the_rules(status: &ManagedDevOpsIdentityStatus, generation: i64) {
    assert_eq!(status.observed_generation, Some(generation));
    let is_leaving = condition(status, types::READY)
        .is_some_and(|ready| ["Deleting", "DeletionBlocked"].contains(&ready.reason.as_str()));
    for condition in &status.conditions {
        let is_kept = is_leaving && condition.observed_generation < Some(generation);
        assert!(is_kept || condition.observed_generation == Some(generation), "{condition:?}");
        assert!(Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason), "{condition:?}");
        assert!((1..=2048).contains(&condition.message.chars().count()), "{condition:?}");
    }
    let is = |kind| condition(status, kind).map(|c| c.status.as_str());
    let (ready, directory, identity, pools) = (
        is(types::READY),
        is(types::DIRECTORY_MATCHED),
        is(types::IDENTITY_READY),
        is(types::POOLS_REGISTERED),
    );
    let (reconciling, stalled) = (is(types::RECONCILING), is(types::STALLED));
    assert!([ready, directory, identity, pools].iter().all(Option::is_some), "{status:#?}");
    assert!(
        matches!((reconciling, stalled), (None | Some("True"), None) | (None, Some("True"))),
        "{status:#?}"
    );
    if ready == Some("True") {
        let parts = [directory, identity, pools];
        assert_eq!((parts, reconciling, stalled), ([Some("True"); 3], None, None));
    }
    if ready == Some("Unknown") {
        assert_eq!(reconciling, Some("True"), "{status:#?}");
    }
    if stalled.is_some() {
        assert_eq!(ready, Some("False"), "{status:#?}");
    }
    for line in &status.pools {
        assert!(line.message.as_ref().is_none_or(|m| (1..=2048).contains(&m.chars().count())), "{line:?}");
        assert!(line.state != PoolState::Registered || line.message.is_none(), "{line:?}");
        assert!(line.provisioning_state.as_ref().is_none_or(|state| state.chars().count() <= 32), "{line:?}");
    }
    let names: Vec<&str> = status.pools.iter().map(|line| line.name.as_str()).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "one line a pool, in a stable order: {names:?}");
    let never_looked_at = condition(status, types::READY).is_some_and(|c| c.reason == "Suspended");
    if ready != Some("True") && !never_looked_at {
        assert!(reconciling.is_some() || stalled.is_some(), "nobody is told what goes on: {status:#?}");
    }
}
