//! Pools: read, listed, their identity block changed, and what becomes of a change that takes a while.

use std::time::Duration;

use azure_simulator::{
    BothTypes, CannedAnswer, Effect, Fault, IdentityMap, LocationEnd, OperationHeaders, PatchAnswer,
    PoolReadings, Service, Settings,
    world::{LockLevel, Names, Obstacle, Pool as PoolInAzure, ProvisioningState},
};
use mdi_operator::{
    api::v1alpha1::OperationUrl,
    azure::Patched,
    domain::{
        failure::{Cause, Failure},
        names::{IdentityId, OrganizationName, PoolId},
        observed::Fact,
        pool::{Motion, Pool, Serves, SystemAssigned},
        registration::{BlockChange, OperationSeen},
    },
};
use serde_json::{Value, json};

use crate::stage::{OPERATOR, Stage, basis, known, of_azure, unknown};

const UPDATE_SECONDS: f64 = 60.0;

async fn stage(change: impl FnOnce(&mut PoolReadings)) -> Stage {
    Stage::with(|settings| change(&mut settings.readings.pools), |it| it).await
}

/// Changes take a minute.
async fn slow_stage(change: impl FnOnce(&mut PoolReadings)) -> Stage {
    let slow = |settings: &mut Settings| {
        settings.pools.update_seconds = UPDATE_SECONDS;
        change(&mut settings.readings.pools);
    };
    Stage::with(slow, |it| it).await
}

impl Stage {
    fn pool_id(&self, name: &str) -> PoolId {
        PoolId::new(self.subscription_id(), &self.sample.group, name).unwrap()
    }

    async fn pool(&self, name: &str) -> Fact<Pool> {
        self.azure.pools.get(&OPERATOR, &self.pool_id(name)).await
    }

    async fn list(&self) -> Result<Vec<Pool>, Failure> {
        self.azure.pools.list(&OPERATOR, &self.subscription_id()).await
    }

    /// The pool as it is in Azure, whatever of it we read.
    fn in_azure(&self, name: &str) -> PoolInAzure {
        let id = self.sample.pool_id(name);
        self.simulator.state().with(|world| world.pool(&id).cloned()).unwrap()
    }

    /// An identity that is there.
    fn identity(&self, name: &str) -> IdentityId {
        let (id, location) = (self.sample.identity_id(name), self.sample.location.clone());
        self.simulator.state().with(|world| world.create_identity(&id, &location, Names::new())).unwrap();
        self.id(name)
    }

    async fn change(&self, name: &str, change: &BlockChange) -> Result<Patched, Failure> {
        let slot = self.azure.pool_writer.reserve(&OPERATOR, &self.pool_id(name)).await?;
        let basis = basis(self.azure.pool_writer.read(slot).await)?;
        of_azure(self.azure.pool_writer.patch(&self.authority(), basis, change).await)
    }

    async fn add(&self, name: &str, identity: &IdentityId) -> Result<Patched, Failure> {
        let pool = known(self.pool(name).await);
        self.change(name, &pool.identities.with(identity)).await
    }

    async fn remove(&self, name: &str, identity: &IdentityId) -> Result<Patched, Failure> {
        let pool = known(self.pool(name).await);
        self.change(name, &pool.identities.without(identity, None).unwrap()).await
    }

    async fn look(&self, operation: &OperationUrl, name: &str) -> OperationSeen {
        self.azure.operations.look(&OPERATOR, operation, &self.pool_id(name)).await
    }

    /// The body of the last PATCH.
    fn last_change(&self) -> Value {
        let sent = self.sent(Service::ResourceManager);
        let patch = sent.into_iter().rev().find(|request| request.method == "PATCH").unwrap();
        patch.request_body.unwrap()
    }
}

#[track_caller]
fn done(patched: Result<Patched, Failure>) -> Pool {
    match patched {
        Ok(Patched::Done(pool)) => pool,
        other => panic!("not done: {other:?}"),
    }
}

#[track_caller]
fn accepted(patched: Result<Patched, Failure>) -> (OperationUrl, Option<Duration>) {
    match patched {
        Ok(Patched::Accepted { operation, again }) => (operation, again),
        other => panic!("not accepted: {other:?}"),
    }
}

#[track_caller]
fn failed(seen: OperationSeen) -> Failure {
    match seen {
        OperationSeen::Failed(failure) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_pool_is_read_whatever_its_urls_its_kind_and_what_else_it_has() {
    let stage = stage(|pools| pools.both_types = BothTypes::Spaced).await;
    let contoso = Serves::AzureDevOps(vec![OrganizationName::parse("contoso").unwrap()]);

    let linux = known(stage.pool("POOL-LINUX").await);
    assert_eq!(linux.id.name(), "pool-linux");
    assert_eq!(linux.serves, contoso);
    assert_eq!(linux.motion(), Motion::AtRest);
    assert_eq!(linux.identities.system_assigned, SystemAssigned::Absent);
    let mut keys: Vec<&str> = linux.identities.entries.iter().map(|entry| entry.key.as_str()).collect();
    keys.sort_unstable();
    let foreign = ["id-artifacts", "id-signing"].map(|name| stage.sample.foreign_identity_id(name));
    assert_eq!(keys, foreign);
    assert!(linux.identities.entries.iter().all(|entry| entry.principal.is_some()));

    let windows = known(stage.pool("pool-windows").await);
    assert_eq!(windows.serves, contoso);
    assert_eq!(windows.identities.system_assigned, SystemAssigned::Present);
    assert_eq!(known(stage.pool("pool-github").await).serves, Serves::Other("GitHub".into()));

    let versions = stage.sent(Service::ResourceManager).into_iter().map(|request| request.api_version);
    assert!(versions.eq(vec![Some("2025-09-20".to_owned()); 3]));
}

#[tokio::test]
async fn only_a_pool_that_is_not_there_is_absent() {
    let stage = stage(|_| {}).await;
    assert_eq!(stage.pool("pool-none").await, Fact::Absent);
    let elsewhere = PoolId::new(stage.subscription_id(), "rg-nowhere", "pool-linux").unwrap();
    let failure = unknown(stage.azure.pools.get(&OPERATOR, &elsewhere).await);
    assert_eq!((failure.cause, failure.target), (Cause::ResourceGroupNotFound, elsewhere.to_string()));
    for (code, status, cause) in [
        ("AuthorizationFailed", 403, Cause::AuthorizationFailed),
        ("SubscriptionNotFound", 404, Cause::SubscriptionNotFound),
    ] {
        stage.simulator.script(Fault::answer("GET", "pool-linux", status, code));
        assert_eq!(unknown(stage.pool("pool-linux").await).cause, cause);
    }
}

#[tokio::test]
async fn an_entry_comes_and_goes_and_all_else_stays_under_either_reading() {
    for map in [IdentityMap::Merge, IdentityMap::Replace] {
        let stage = stage(|pools| pools.identity_map = map).await;
        let ours = stage.identity("agent");
        for name in ["pool-linux", "pool-windows"] {
            let before = stage.in_azure(name);
            let pool = done(stage.add(name, &ours).await);
            assert!(pool.identities.entry(&ours).unwrap().principal.is_some());
            let after = stage.in_azure(name);
            assert_eq!(after.identity.user.len(), before.identity.user.len() + 1);
            assert_eq!(stage.last_change().as_object().unwrap().keys().collect::<Vec<_>>(), ["identity"]);

            done(stage.remove(name, &ours).await);
            assert_eq!(stage.in_azure(name), before, "{map:?}");
        }
    }
}

#[tokio::test]
async fn the_last_entry_goes_whether_or_not_the_pool_has_an_identity_of_its_own() {
    for map in [IdentityMap::Merge, IdentityMap::Replace] {
        let stage = stage(|pools| pools.identity_map = map).await;
        let (ours, key) = (stage.identity("agent"), stage.sample.identity_id("agent"));
        for (name, kind) in [("pool-linux", "None"), ("pool-windows", "SystemAssigned")] {
            let id = stage.sample.pool_id(name);
            stage
                .simulator
                .state()
                .with(|world| world.set_pool_identity(&id, std::slice::from_ref(&key)))
                .unwrap();
            let system = stage.in_azure(name).identity.system;
            let pool = done(stage.remove(name, &ours).await);
            assert!(pool.identities.entries.is_empty());
            assert_eq!(stage.last_change()["identity"]["type"], kind);
            assert_eq!(stage.in_azure(name).identity.system, system);
        }
    }
}

#[tokio::test]
async fn a_change_that_takes_a_while_is_followed_however_azure_tells_of_it() {
    let rows: [(OperationHeaders, LocationEnd, PatchAnswer, &str); 4] = [
        (OperationHeaders::Location, LocationEnd::Pool, PatchAnswer::Accepted, "Location, then the pool"),
        (OperationHeaders::Location, LocationEnd::NoContent, PatchAnswer::Accepted, "Location, then nothing"),
        (OperationHeaders::Both, LocationEnd::Pool, PatchAnswer::Accepted, "Azure-AsyncOperation"),
        (OperationHeaders::Location, LocationEnd::Pool, PatchAnswer::Ok, "200, and the pool's own state"),
    ];
    for (headers, end, answer, name) in rows {
        let stage = slow_stage(|pools| {
            pools.operation_headers = headers;
            pools.location_end = end;
            pools.patch_answer = answer;
        })
        .await;
        let ours = stage.identity("agent");
        let (operation, _) = accepted(stage.add("pool-linux", &ours).await);
        assert!(matches!(stage.look(&operation, "pool-linux").await, OperationSeen::Running(_)), "{name}");
        assert_eq!(known(stage.pool("pool-linux").await).motion(), Motion::Moving);
        stage.simulator.clock().advance(UPDATE_SECONDS);
        assert_eq!(stage.look(&operation, "pool-linux").await, OperationSeen::Succeeded, "{name}");
        assert!(known(stage.pool("pool-linux").await).identities.entry(&ours).is_some());
    }
}

#[tokio::test]
async fn azure_says_when_to_ask_again() {
    let stage = slow_stage(|_| {}).await;
    let (operation, again) = accepted(stage.add("pool-linux", &stage.identity("agent")).await);
    assert_eq!(again, Some(Duration::from_secs(10)));
    assert_eq!(stage.look(&operation, "pool-linux").await, OperationSeen::Running(again));
}

#[tokio::test]
async fn who_is_shut_out_by_azure_devops_hears_so_from_the_operation() {
    for headers in [OperationHeaders::Location, OperationHeaders::Both] {
        for obstacle in [Obstacle::NotFound, Obstacle::NoManagePermission] {
            let stage = stage(|pools| pools.operation_headers = headers).await;
            let (ours, object_id) = (stage.identity("agent"), stage.sample.object_id.clone());
            stage.simulator.state().with(|world| world.obstruct("contoso", &object_id, obstacle)).unwrap();
            let (operation, _) = accepted(stage.add("pool-linux", &ours).await);
            let failure = failed(stage.look(&operation, "pool-linux").await);
            assert_eq!(failure.cause, Cause::OrganizationAccessDenied, "{headers:?} {failure:?}");
            assert_eq!(failure.code, "PoolProvisioningFailed");
            assert_eq!(failure.target, stage.pool_id("pool-linux").to_string());
        }
    }
}

#[tokio::test]
async fn an_operation_that_azure_no_longer_knows_is_forgotten() {
    let slow = |settings: &mut Settings| {
        settings.pools.update_seconds = UPDATE_SECONDS;
        settings.pools.operations_valid_seconds = 90.0;
    };
    let stage = Stage::with(slow, |it| it).await;
    let (operation, _) = accepted(stage.add("pool-linux", &stage.identity("agent")).await);
    stage.simulator.clock().advance(91.0);
    assert_eq!(stage.look(&operation, "pool-linux").await, OperationSeen::Forgotten);
}

#[tokio::test]
async fn trouble_on_the_way_to_an_operation_is_not_its_failure() {
    let stage = slow_stage(|_| {}).await;
    let (operation, _) = accepted(stage.add("pool-linux", &stage.identity("agent")).await);
    let rows = [
        (Fault::answer("GET", "operation", 403, "AuthorizationFailed"), Cause::AuthorizationFailed),
        (Fault::on("GET", "operation", Effect::BareError { status: 503 }), Cause::Unavailable),
        (Fault::on("GET", "operation", Effect::ResetBefore), Cause::Unavailable),
        (Fault::answer("GET", "operation", 429, "TooManyRequests").retry_after(1), Cause::Throttled),
    ];
    for (fault, cause) in rows {
        stage.simulator.script(fault);
        match stage.look(&operation, "pool-linux").await {
            OperationSeen::Unknown(failure) => assert_eq!(failure.cause, cause),
            other => panic!("{cause:?}: {other:?}"),
        }
    }
    assert!(matches!(stage.look(&operation, "pool-linux").await, OperationSeen::Running(_)));
}

#[tokio::test]
async fn no_link_carries_the_token_to_a_host_that_is_not_known() {
    let stage = stage(|_| {}).await;
    let elsewhere = format!("{}/elsewhere?secret=s3cr3t", stage.simulator.devops());

    assert_eq!(stage.look(&elsewhere.clone().into(), "pool-linux").await, OperationSeen::Forgotten);
    assert!(stage.simulator.log().is_empty(), "not even a token is asked for");

    let page = json!({"value": [], "nextLink": elsewhere}).to_string();
    let canned = CannedAnswer { status: 200, body: Some(page), ..CannedAnswer::default() };
    stage.simulator.script(Fault::on("GET", "*/pools", Effect::Answer(canned)));
    let failure = stage.list().await.unwrap_err();
    assert_eq!(failure.cause, Cause::Unexpected);
    let host = stage.simulator.devops().trim_start_matches("https://").to_owned();
    assert!(failure.message.contains(&host), "{}", failure.message);
    assert!(!failure.message.contains("s3cr3t"), "{}", failure.message);

    let accepted_elsewhere = |headers: &[&str]| CannedAnswer {
        status: 202,
        headers: headers.iter().map(|name| ((*name).to_owned(), elsewhere.clone())).collect(),
        ..CannedAnswer::default()
    };
    let ours = stage.identity("agent");
    for headers in [&["Location", "Azure-AsyncOperation"][..], &[]] {
        stage.simulator.script(Fault::on("PATCH", "*", Effect::Answer(accepted_elsewhere(headers))));
        let (operation, _) = accepted(stage.add("pool-linux", &ours).await);
        assert!(operation.to_string().starts_with(&stage.simulator.resource_manager()), "{operation}");
        assert_eq!(stage.look(&operation, "pool-linux").await, OperationSeen::Succeeded, "the pool is asked");
    }
    assert!(stage.sent(Service::Devops).is_empty());
}

#[tokio::test]
async fn an_address_of_up_to_eight_kibibytes_is_followed_and_for_a_longer_one_the_pool_is_asked() {
    let stage = stage(|_| {}).await;
    let ours = stage.identity("agent");
    let base = format!("{}/operation?t=", stage.simulator.resource_manager());
    for (length, is_followed) in [(8192, true), (8193, false)] {
        let location = format!("{base}{}", "x".repeat(length - base.len()));
        let headers = [("Location".to_owned(), location.clone())].into();
        let canned = CannedAnswer { status: 202, headers, ..CannedAnswer::default() };
        stage.simulator.script(Fault::on("PATCH", "*", Effect::Answer(canned)));
        let (operation, _) = accepted(stage.add("pool-linux", &ours).await);
        assert_eq!(operation.to_be_asked() == location, is_followed, "{length}");
    }
}

#[tokio::test]
async fn a_refused_change_says_what_is_missing() {
    let stage = stage(|_| {}).await;
    let ours = stage.identity("agent");
    let sample = stage.sample.clone();
    let assign = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    stage
        .simulator
        .state()
        .with(|world| world.deny(&sample.platform_subscription, &sample.client_id, assign, None))
        .unwrap();
    let failure = stage.add("pool-linux", &ours).await.unwrap_err();
    assert_eq!(failure.cause, Cause::LinkedAuthorizationFailed);
    assert!(
        failure.message.contains("id-artifacts") || failure.message.contains("id-signing"),
        "{failure:?}"
    );

    stage
        .simulator
        .state()
        .with(|world| {
            world.allow(&sample.platform_subscription, &sample.client_id)?;
            world.delete_identity(&sample.foreign_identity_id("id-signing"))
        })
        .unwrap();
    assert_eq!(stage.add("pool-linux", &ours).await.unwrap_err().cause, Cause::IdentityOperationFailed);

    let id = sample.pool_id("pool-linux");
    stage.simulator.state().with(|world| world.set_pool_state(&id, ProvisioningState::Updating)).unwrap();
    assert_eq!(stage.add("pool-linux", &ours).await.unwrap_err().cause, Cause::Conflict);
}

#[tokio::test]
async fn a_list_has_every_page() {
    for page_size in [1, 2, 3, 50] {
        let stage = Stage::with(|settings| settings.page_size = page_size, |it| it).await;
        let mut names: Vec<_> =
            stage.list().await.unwrap().iter().map(|pool| pool.id.name().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, ["pool-github", "pool-linux", "pool-windows"]);
        assert_eq!(stage.sent(Service::ResourceManager).len(), 3usize.div_ceil(page_size), "{page_size}");
    }
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_a_failure() {
    let stage = Stage::with(|settings| settings.page_size = 1, |it| it).await;
    stage.simulator.script(Fault::answer("GET", "*/pools", 403, "AuthorizationFailed").from_nth(3));
    assert_eq!(stage.list().await.unwrap_err().cause, Cause::AuthorizationFailed);

    let id = stage.sample.pool_id("pool-linux");
    let junk = json!({"kind": 7});
    stage.simulator.state().with(|world| world.set_pool_property(&id, "organizationProfile", junk)).unwrap();
    let failure = stage.list().await.unwrap_err();
    assert_eq!(failure.cause, Cause::Unexpected);
    assert!(failure.message.contains("pool-linux"), "{}", failure.message);
}

#[tokio::test]
async fn a_list_that_goes_in_a_circle_ends() {
    let stage = Stage::at_pace(1000.0, |_| {}, |it| it).await;
    let base = stage.simulator.resource_manager();
    let page = json!({"value": [], "nextLink": format!("{base}/x/pools?api-version=2025-09-20")}).to_string();
    let canned = CannedAnswer { status: 200, body: Some(page), ..CannedAnswer::default() };
    stage.simulator.script(Fault::on("GET", "*/pools", Effect::Answer(canned)).forever());
    let failure = stage.list().await.unwrap_err();
    assert!(failure.message.contains("does not end"), "{}", failure.message);
}

#[tokio::test]
async fn too_many_requests_for_one_pool_leave_the_others_alone() {
    let stage = stage(|_| {}).await;
    let canned = CannedAnswer {
        status: 429,
        code: Some("TooManyRequests".into()),
        message: Some(format!("Too many requests for {}.", stage.sample.pool_id("POOL-LINUX"))),
        retry_after: Some(120),
        ..CannedAnswer::default()
    };
    stage.simulator.script(Fault::on("GET", "pool-linux", Effect::Answer(canned)));
    for _ in 0..2 {
        assert_eq!(unknown(stage.pool("pool-linux").await).cause, Cause::Throttled);
    }
    known(stage.pool("pool-windows").await);
    assert_eq!(stage.sent(Service::ResourceManager).len(), 2);
}

#[tokio::test]
async fn an_identity_is_deleted_once_and_its_absence_is_as_good() {
    let stage = stage(|_| {}).await;
    let ours = stage.identity("agent");
    let delete = async || {
        let slot = stage.azure.writer.reserve(&OPERATOR, &ours).await?;
        let basis = basis(stage.azure.writer.read(slot).await)?;
        of_azure(stage.azure.writer.delete(&stage.authority(), basis).await)
    };
    let sample = &stage.sample;
    stage
        .simulator
        .state()
        .with(|world| world.lock(&sample.subscription, &sample.group, "keep", LockLevel::CanNotDelete))
        .unwrap();
    assert_eq!(delete().await.unwrap_err().cause, Cause::ScopeLocked);
    stage.simulator.state().with(|world| world.unlock(&sample.subscription, &sample.group, "keep")).unwrap();
    delete().await.unwrap();
    assert_eq!(stage.azure.identities.get(&OPERATOR, &ours).await, Fact::Absent);
    delete().await.unwrap();
    for (status, code, outcome) in [
        (404, "ResourceNotFound", Ok(())),
        (404, "SubscriptionNotFound", Err(Cause::SubscriptionNotFound)),
        (403, "AuthorizationFailed", Err(Cause::AuthorizationFailed)),
        (202, "Accepted", Err(Cause::Unexpected)),
    ] {
        stage.simulator.script(Fault::answer("DELETE", "*", status, code));
        assert_eq!(delete().await.map_err(|failure| failure.cause), outcome, "{status} {code}");
    }
}
