//! Registered with the pools, without hurting anybody.

use std::time::Duration;

use azure_simulator::{
    CannedAnswer, Effect, Fault, IdentityMap, NoneInPatch, NullInPatch, RecreatedIdentity, Terraform,
    world::{Attached, Pool, ProvisioningState, TerraformRun},
};
use mdi_operator::api::{
    ManagedDevOpsIdentity,
    conditions::types,
    v1alpha1::{PoolOrigin, PoolState, PoolStatus},
};
use serde_json::{Value, json};

use crate::stage::{Stage, condition, message};

impl Stage {
    pub(super) fn with_pools(&self, names: &[&str]) -> Value {
        let pools: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        self.spec(|spec| spec["pools"] = json!(pools))
    }

    fn pool(&self, name: &str) -> Pool {
        let id = self.sample.pool_id(name);
        self.azure.state().with(|world| world.pools.get(&id.as_str().into()).cloned()).expect("the pool")
    }

    fn is_registered(&self, pool: &str, identity: &str) -> bool {
        self.pool(pool).identity.entry(&self.id(identity)).is_some()
    }

    fn pool_requests(&self, method: &str) -> usize {
        self.requests()
            .iter()
            .filter(|r| {
                r.method == method && r.path.to_lowercase().contains("/microsoft.devopsinfrastructure/pools/")
            })
            .count()
    }

    /// How often an event was told.
    async fn told(&self, name: &str, reason: &str) -> usize {
        self.events(name).await.iter().filter(|(_, told)| told == reason).count()
    }

    async fn until_operation(&self, name: &str) -> ManagedDevOpsIdentity {
        self.until(name, "an operation", |object| {
            let pools = object.status.as_ref().map(|status| status.pools.as_slice()).unwrap_or_default();
            pools.iter().any(|pool| pool.operation.is_some())
        })
        .await
    }

    pub(super) async fn until_registered(&self, name: &str, summary: &str) -> ManagedDevOpsIdentity {
        self.until(name, summary, |object| {
            object.status.as_ref().and_then(|s| s.pool_summary.as_deref()) == Some(summary)
                && condition(object, types::READY) == Some(("True", "Succeeded"))
        })
        .await
    }
}

fn pool_status(object: &ManagedDevOpsIdentity, name: &str) -> PoolStatus {
    let pools = object.status.as_ref().map(|status| status.pools.clone()).unwrap_or_default();
    pools.into_iter().find(|pool| pool.name == name).expect("a line for the pool")
}

/// A pool without the identity of this test, to compare what others have in it.
fn of_others(pool: &Pool, identity: &str) -> Pool {
    let mut pool = pool.clone();
    let Attached { user, .. } = &mut pool.identity;
    user.remove(&identity.into());
    pool.provisioning_state = ProvisioningState::Succeeded;
    pool
}

#[tokio::test]
async fn an_identity_is_added_to_its_pools_and_everything_of_others_stays_under_both_readings_of_patch() {
    for reading in [IdentityMap::Merge, IdentityMap::Replace] {
        let stage = Stage::without_operator(|_| {}).await;
        stage.azure.state().set(|settings| settings.readings.pools.identity_map = reading);
        let before = ["pool-linux", "pool-windows"].map(|name| stage.pool(name));
        stage.start_operator(&[]).await;
        stage.apply("agents", stage.with_pools(&["pool-linux", "pool-windows"])).await;
        let object = stage.until_registered("agents", "2/2").await;
        assert_eq!(condition(&object, types::POOLS_REGISTERED), Some(("True", "AllRegistered")));
        let linux = pool_status(&object, "pool-linux");
        assert_eq!((linux.state, linux.origin), (PoolState::Registered, Some(PoolOrigin::Added)));
        assert_eq!(
            linux.principal_id,
            object.status.as_ref().unwrap().identity.as_ref().unwrap().principal_id
        );
        assert_eq!(stage.pool_requests("PATCH"), 2);
        let bodies =
            stage.requests().into_iter().filter(|r| r.method == "PATCH").filter_map(|r| r.request_body);
        assert!(bodies.into_iter().all(|body| body.as_object().unwrap().keys().eq(["identity"])));

        stage.apply("agents", stage.with_pools(&[])).await;
        stage.until_registered("agents", "0/0").await;
        let after = ["pool-linux", "pool-windows"].map(|name| stage.pool(name));
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, &of_others(after, &stage.id("agents")), "{reading:?}");
        }
        assert!(
            !stage.is_registered("pool-linux", "agents") && !stage.is_registered("pool-windows", "agents")
        );
    }
}

#[tokio::test]
async fn a_settled_object_causes_one_read_a_pool_and_pass_and_no_write_anywhere() {
    let stage = Stage::set().await;
    let mut spec = stage.with_pools(&["pool-linux", "pool-windows"]);
    spec["interval"] = json!("1m");
    stage.apply("agents", spec).await;
    let before = stage.until_registered("agents", "2/2").await;
    stage.azure.clear_log();
    stage.let_pass(Duration::from_mins(6)).await;
    let (identity, pools) = (stage.identity_requests("GET"), stage.pool_requests("GET"));
    assert!(
        identity >= 4 && pools <= 2 * (identity + 1),
        "{identity} reads of the identity, {pools} of pools"
    );
    assert_eq!(stage.writes(), [""; 0]);
    let after = stage.api().get("agents").await.unwrap();
    assert_eq!(before.metadata.resource_version, after.metadata.resource_version);
}

#[tokio::test]
async fn a_long_change_survives_a_restart_of_the_operator_and_is_sent_once() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| settings.pools.update_seconds = 90.0);
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let object = stage.until_operation("agents").await;
    assert_eq!(pool_status(&object, "pool-linux").principal_id, None);
    assert_eq!(condition(&object, types::STALLED), None);
    assert_eq!(stage.told("agents", "PoolRegistered").await, 0, "told when the change was only taken");
    stage.kill_operator().await;
    stage.start_operator(&[]).await;
    let object = stage.until_registered("agents", "1/1").await;
    let pool = pool_status(&object, "pool-linux");
    assert_eq!(
        (pool.state, pool.origin, pool.operation),
        (PoolState::Registered, Some(PoolOrigin::Added), None)
    );
    assert!(pool.principal_id.is_some());
    assert_eq!(stage.pool_requests("PATCH"), 1);
    stage.until_event("agents", "Normal", "PoolRegistered").await;
    assert_eq!(stage.told("agents", "PoolRegistered").await, 1);
}

#[tokio::test]
async fn an_entry_that_was_there_before_is_found_and_stays_when_the_pool_leaves_the_spec() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let (pool, identity) = (stage.sample.pool_id("pool-linux"), stage.id("agents"));
    stage.azure.state().with(|world| world.add_pool_entry(&pool, &identity)).unwrap();
    stage.azure.clear_log();
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let object = stage.until_registered("agents", "1/1").await;
    assert_eq!(pool_status(&object, "pool-linux").origin, Some(PoolOrigin::Found));
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_registered("agents", "0/0").await;
    assert!(stage.is_registered("pool-linux", "agents"));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_registration_that_somebody_removed_is_put_back_and_counted() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.let_pass(Duration::from_mins(3)).await;
    let (pool, identity) = (stage.sample.pool_id("pool-linux"), stage.id("agents"));
    stage.azure.state().with(|world| world.remove_pool_entry(&pool, &identity)).unwrap();
    stage.request("agents").await;
    let object = stage.until_registered("agents", "1/1").await;
    assert_eq!(pool_status(&object, "pool-linux").removals_by_others, 1);
    assert!(stage.is_registered("pool-linux", "agents"));
    stage.until_event("agents", "Warning", "RegistrationRemovedByOther").await;
}

#[tokio::test]
async fn a_terraform_that_keeps_taking_the_entry_out_is_told_and_not_fought_fast() {
    let stage = Stage::set().await;
    let mut spec = stage.with_pools(&["pool-linux"]);
    spec["interval"] = json!("1m");
    stage.apply("agents", spec).await;
    stage.until_registered("agents", "1/1").await;
    let foreign = ["id-artifacts", "id-signing"].map(|name| stage.sample.foreign_identity_id(name)).to_vec();
    let run = TerraformRun { pool: stage.sample.pool_id("pool-linux"), identities: foreign.clone() };
    stage.azure.state().set(|settings| settings.terraform = vec![Terraform { run, every_seconds: 200.0 }]);
    let object = stage.until_stalled("agents", "RegistrationContested").await;
    assert_eq!(pool_status(&object, "pool-linux").removals_by_others, 3);
    assert!(
        message(&object, types::STALLED).contains("ignore_changes"),
        "{}",
        message(&object, types::STALLED)
    );
    stage.until_event("agents", "Warning", "RegistrationContested").await;
    assert!(stage.pool_requests("PATCH") <= 4);
    let pool = stage.pool("pool-linux");
    assert!(foreign.iter().all(|id| pool.identity.entry(id).is_some()));
}

#[tokio::test]
async fn a_stale_entry_of_a_re_created_identity_is_cured() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let before = stage.until_registered("agents", "1/1").await;
    stage.let_pass(Duration::from_mins(3)).await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.request("agents").await;
    let object = stage
        .until("agents", "registered anew", |object| {
            condition(object, types::READY) == Some(("True", "Succeeded"))
                && pool_status(object, "pool-linux").principal_id
                    != pool_status(&before, "pool-linux").principal_id
        })
        .await;
    let principal = object.status.as_ref().unwrap().identity.as_ref().unwrap().principal_id.clone();
    assert_eq!(pool_status(&object, "pool-linux").principal_id, principal);
    assert_eq!(Some(stage.pool("pool-linux").identity.entry(&id).unwrap().principal_id.clone()), principal);
    stage.until_event("agents", "Warning", "StaleRegistrationRemoved").await;
}

#[tokio::test]
async fn each_pool_is_judged_for_itself_and_one_in_trouble_holds_up_no_other() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux", "pool-github", "pool-nowhere"])).await;
    let object = stage
        .until("agents", "a verdict on each", |object| {
            object.status.as_ref().and_then(|s| s.pool_summary.as_deref()) == Some("1/3")
                && condition(object, types::STALLED).is_some()
        })
        .await;
    assert_eq!(pool_status(&object, "pool-linux").state, PoolState::Registered);
    assert_eq!(condition(&object, types::IDENTITY_READY).unwrap().0, "True");
    assert_eq!(condition(&object, types::POOLS_REGISTERED).unwrap().0, "False");
    let github = pool_status(&object, "pool-github");
    assert!(github.message.unwrap().contains("GitHub"));
    let nowhere = pool_status(&object, "pool-nowhere");
    assert_eq!(nowhere.state, PoolState::Missing);
    assert!(nowhere.message.is_some());
    assert_eq!(stage.pool_requests("PATCH"), 1);
}

#[tokio::test]
async fn a_pool_of_another_organization_is_not_written() {
    let stage = Stage::set().await;
    let (id, location) = (stage.sample.pool_id("pool-other"), stage.sample.location.clone());
    let pool = Pool::azure_devops(&location, &["https://dev.azure.com/fabrikam"]);
    stage.azure.state().with(|world| world.create_pool(&id, pool)).unwrap();
    stage.apply("agents", stage.with_pools(&["pool-other"])).await;
    let object = stage.until_stalled("agents", "OrganizationNotInPool").await;
    assert!(message(&object, types::STALLED).contains("contoso"));
    assert_eq!(stage.pool_requests("PATCH"), 0);
}

#[tokio::test]
async fn a_pool_that_is_being_changed_is_waited_for() {
    let stage = Stage::set().await;
    let pool = stage.sample.pool_id("pool-linux");
    stage.azure.state().with(|world| world.set_pool_state(&pool, ProvisioningState::Updating)).unwrap();
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let object = stage.until_reason("agents", "PoolBusy").await;
    assert_eq!(pool_status(&object, "pool-linux").state, PoolState::Waiting);
    assert_eq!(condition(&object, types::RECONCILING).unwrap().0, "True");
    assert_eq!(stage.pool_requests("PATCH"), 0);
    stage.azure.state().with(|world| world.set_pool_state(&pool, ProvisioningState::Succeeded)).unwrap();
    stage.until_registered("agents", "1/1").await;
}

#[tokio::test]
async fn a_missing_right_to_assign_names_the_identity_and_the_role_and_is_not_tried_fast() {
    let stage = Stage::without_operator(|_| {}).await;
    let (subscription, client) = (stage.sample.subscription.clone(), stage.sample.client_id.clone());
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    stage.azure.state().with(|world| world.deny(&subscription, &client, action, None)).unwrap();
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let object = stage.until_reason("agents", "AssignPermissionMissing").await;
    let told = message(&object, types::POOLS_REGISTERED);
    assert!(
        told.contains("Managed Identity Operator") && told.contains("pool-linux") && told.contains("agents"),
        "{told}"
    );
    stage.request("agents").await;
    stage.request("agents").await;
    assert_eq!(stage.pool_requests("PATCH"), 1);
    stage.until_stalled("agents", "AssignPermissionMissing").await;
}

#[tokio::test]
async fn two_objects_that_register_with_one_pool_at_once_both_come_in() {
    let stage = Stage::without_operator(|_| {}).await;
    for name in ["one", "two", "three"] {
        stage.apply(name, stage.with_pools(&["pool-linux"])).await;
    }
    stage.start_operator(&[]).await;
    for name in ["one", "two", "three"] {
        stage.until_registered(name, "1/1").await;
        assert!(stage.is_registered("pool-linux", name));
    }
    assert_eq!(stage.pool_requests("PATCH"), 3);
}

#[tokio::test]
async fn observe_lists_a_registration_as_pending_and_report_tells_a_removed_one() {
    let stage = Stage::set().await;
    let mut spec = stage.with_pools(&["pool-linux"]);
    spec["driftPolicy"] = json!("Report");
    stage.apply("agents", spec).await;
    stage.until_registered("agents", "1/1").await;
    stage.let_pass(Duration::from_mins(3)).await;
    let (pool, identity) = (stage.sample.pool_id("pool-linux"), stage.id("agents"));
    stage.azure.state().with(|world| world.remove_pool_entry(&pool, &identity)).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let object = stage.until_stalled("agents", "DriftDetected").await;
    assert_eq!(object.status.unwrap().pending_changes[0].field, "pools.pool-linux");
    assert_eq!(stage.writes(), [""; 0]);

    let mut spec = stage.with_pools(&["pool-windows"]);
    spec["mode"] = json!("Observe");
    spec["identity"]["name"] = json!("agents");
    stage.apply("watcher", spec).await;
    let object = stage.until_stalled("watcher", "ChangesPending").await;
    assert_eq!(object.status.unwrap().pending_changes[0].field, "pools.pool-windows");
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn a_pool_that_cannot_be_read_is_not_taken_for_gone_while_it_is_left() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.script(Fault::answer("GET", "/pools/pool-linux", 403, "AuthorizationFailed").forever());
    stage.apply("agents", stage.with_pools(&[])).await;
    let object = stage
        .until("agents", "removing", |object| {
            object
                .status
                .as_ref()
                .is_some_and(|s| s.pools.first().is_some_and(|pool| pool.state == PoolState::Removing))
        })
        .await;
    assert_ne!(condition(&object, types::READY).unwrap().0, "True");
    stage.azure.state().clear_faults();
    stage.until_registered("agents", "0/0").await;
    assert!(!stage.is_registered("pool-linux", "agents"));
}

#[tokio::test]
async fn a_change_that_azure_takes_and_does_not_carry_out_is_told_and_not_sent_again_and_again() {
    let stage = Stage::set().await;
    let taken = CannedAnswer { status: 202, ..CannedAnswer::default() };
    stage.azure.script(Fault::on("PATCH", "/pools/pool-linux", Effect::Answer(taken)).forever());
    stage.apply("agents", stage.with_pools(&["pool-linux", "pool-windows"])).await;
    let object = stage.until_stalled("agents", "RequestRefused").await;
    let error = object.status.as_ref().unwrap().last_error.clone().unwrap();
    assert_eq!(error.code, "ChangeNotShown");
    assert!(error.target.eq_ignore_ascii_case(&stage.sample.pool_id("pool-linux")), "{}", error.target);
    assert_eq!(pool_status(&object, "pool-linux").state, PoolState::Missing);
    assert_eq!(pool_status(&object, "pool-windows").state, PoolState::Registered);
    let told = message(&object, types::STALLED);
    assert!(told.contains("pool-linux") && told.contains("activity log"), "{told}");
    stage.let_pass(Duration::from_mins(5)).await;
    stage.request("agents").await;
    assert_eq!(stage.pool_requests("PATCH"), 2, "one for each pool");
    assert_eq!(stage.told("agents", "PoolRegistered").await, 1);
}

#[tokio::test]
async fn a_change_that_has_worked_is_told_although_somebody_changes_the_pool_by_then() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| {
        (settings.pools.update_seconds, settings.pools.retry_after_seconds) = (30.0, 90);
    });
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_operation("agents").await;
    stage.let_pass(Duration::from_secs(45)).await;
    let pool = stage.sample.pool_id("pool-linux");
    assert!(stage.is_registered("pool-linux", "agents"));
    stage.azure.state().with(|world| world.set_pool_state(&pool, ProvisioningState::Updating)).unwrap();
    let object = stage.until_registered("agents", "1/1").await;
    let line = pool_status(&object, "pool-linux");
    assert_eq!((line.origin, line.operation), (Some(PoolOrigin::Added), None));
    assert!(line.principal_id.is_some());
    assert_eq!(line.provisioning_state.as_deref(), Some("Updating"));
}

#[tokio::test]
async fn an_operation_is_not_asked_about_before_its_time() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| {
        (settings.pools.update_seconds, settings.pools.retry_after_seconds) = (240.0, 180);
    });
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_operation("agents").await;
    for _ in 0..3 {
        stage.request("agents").await;
    }
    let asked = || stage.requests().iter().filter(|request| request.path.contains("/locations/")).count();
    assert_eq!(asked(), 0);
    stage.until_registered("agents", "1/1").await;
    assert!((1..=2).contains(&asked()), "{}", asked());
}

#[tokio::test]
async fn one_404_does_not_end_the_leaving_of_a_pool() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.let_pass(Duration::from_mins(3)).await;
    stage.azure.script(Fault::answer("GET", "/pools/pool-linux", 404, "ResourceNotFound"));
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_event("agents", "Normal", "PoolLeft").await;
    assert!(!stage.is_registered("pool-linux", "agents"));
    stage.until_registered("agents", "0/0").await;
}

#[tokio::test]
async fn a_pool_that_went_with_its_resource_group_is_left() {
    let stage = Stage::set().await;
    let sample = stage.sample.clone();
    let id = sample.pool_id("pool-other").replace(&sample.group, "rg-other");
    stage
        .azure
        .state()
        .with(|world| {
            world.create_group(&sample.subscription, "rg-other", &sample.location)?;
            world.create_pool(&id, Pool::azure_devops(&sample.location, &["https://dev.azure.com/contoso"]))
        })
        .unwrap();
    let pools = json!([{"name": "pool-other", "resourceGroup": "rg-other"}]);
    stage.apply("agents", stage.spec(|spec| spec["pools"] = pools)).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.state().with(|world| world.delete_group(&sample.subscription, "rg-other")).unwrap();
    stage.apply("agents", stage.with_pools(&[])).await;
    let object = stage.until_registered("agents", "0/0").await;
    assert_eq!(object.status.unwrap().pools, []);
}

#[tokio::test]
async fn observe_lists_a_pool_that_left_the_spec_and_manage_leaves_it() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let before = stage.until_registered("agents", "1/1").await;
    stage.azure.clear_log();
    let mut spec = stage.with_pools(&[]);
    spec["mode"] = json!("Observe");
    stage.apply("agents", spec).await;
    let object = stage.until_stalled("agents", "ChangesPending").await;
    let status = object.status.clone().unwrap();
    let change = &status.pending_changes[0];
    assert_eq!((change.field.as_str(), change.wanted.as_deref()), ("pools.pool-linux", None));
    assert_eq!(change.observed, pool_status(&before, "pool-linux").principal_id);
    let line = pool_status(&object, "pool-linux");
    assert_eq!((line.state, line.origin), (PoolState::Removing, Some(PoolOrigin::Added)));
    stage.let_pass(Duration::from_mins(3)).await;
    stage.request("agents").await;
    assert!(stage.is_registered("pool-linux", "agents"));
    assert_eq!(stage.writes(), [""; 0]);
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_registered("agents", "0/0").await;
    assert!(!stage.is_registered("pool-linux", "agents"));
}

#[tokio::test]
async fn an_entry_that_followed_the_identity_that_was_created_anew_stays_ours() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let before = stage.until_registered("agents", "1/1").await;
    stage.let_pass(Duration::from_mins(3)).await;
    let id = stage.id("agents");
    stage.azure.state().set(|it| it.readings.pools.recreated_identity = RecreatedIdentity::Followed);
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.azure.clear_log();
    stage.request("agents").await;
    let principal = |object: &ManagedDevOpsIdentity| pool_status(object, "pool-linux").principal_id;
    let object = stage
        .until("agents", "registered with the new principal", |object| {
            condition(object, types::READY) == Some(("True", "Succeeded"))
                && principal(object) != principal(&before)
        })
        .await;
    assert_eq!(pool_status(&object, "pool-linux").origin, Some(PoolOrigin::Added));
    assert_eq!(principal(&object), object.status.as_ref().unwrap().identity.as_ref().unwrap().principal_id);
    assert_eq!(stage.pool_requests("PATCH"), 0);
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_registered("agents", "0/0").await;
    assert!(!stage.is_registered("pool-linux", "agents"));
}

#[tokio::test]
async fn a_removal_that_azure_refuses_in_one_form_is_sent_once_in_the_other() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| {
        let pools = &mut settings.readings.pools;
        (pools.identity_map, pools.null_in_patch) = (IdentityMap::Replace, NullInPatch::Refused);
    });
    let before = stage.pool("pool-linux");
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.clear_log();
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_registered("agents", "0/0").await;
    assert_eq!(before, of_others(&stage.pool("pool-linux"), &stage.id("agents")));
    assert!(!stage.is_registered("pool-linux", "agents"));
    let patches = stage.requests().into_iter().filter(|request| request.method == "PATCH");
    let maps: Vec<Value> = patches
        .filter_map(|request| Some(request.request_body?["identity"]["userAssignedIdentities"].clone()))
        .collect();
    let nulls = |map: &Value| map.as_object().unwrap().values().filter(|entry| entry.is_null()).count();
    assert_eq!(maps.iter().map(nulls).collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn the_last_entry_of_a_pool_that_azure_does_not_take_out_by_none_goes_by_null() {
    let stage = Stage::without_operator(|_| {}).await;
    let pool = stage.sample.pool_id("pool-linux");
    stage.azure.state().set(|it| it.readings.pools.none_in_patch = NoneInPatch::RefusedWhileAttached);
    stage.azure.state().with(|world| world.set_pool_identity(&pool, &[])).unwrap();
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.clear_log();
    stage.apply("agents", stage.with_pools(&[])).await;
    stage.until_registered("agents", "0/0").await;
    assert!(!stage.is_registered("pool-linux", "agents"));
    assert_eq!(stage.pool_requests("PATCH"), 2);
}

#[tokio::test]
async fn the_longest_address_of_an_operation_is_followed_and_nothing_of_its_query_is_logged() {
    let stage = Stage::without_operator(|_| {}).await;
    stage.azure.state().set(|settings| {
        (settings.pools.operation_address_length, settings.pools.update_seconds) = (8192, 30.0);
    });
    stage.start_operator(&[]).await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    let object = stage
        .until("agents", "an operation", |object| {
            let lines = object.status.as_ref().map(|status| status.pools.clone()).unwrap_or_default();
            lines.iter().any(|line| line.operation.is_some())
        })
        .await;
    let address = serde_json::to_value(pool_status(&object, "pool-linux").operation).unwrap();
    assert_eq!(address.as_str().unwrap().len(), 8192);
    let object = stage.until_registered("agents", "1/1").await;
    assert_eq!(pool_status(&object, "pool-linux").operation, None);
    assert_eq!(stage.pool_requests("PATCH"), 1);
    let log = stage.operator_log().await;
    assert!(!log.contains("t=0000") && !log.contains("api-version="), "{log}");
}

#[tokio::test]
async fn a_removal_that_azure_refuses_in_both_forms_is_told_and_not_tried_fast() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.clear_log();
    stage.azure.script(Fault::answer("PATCH", "/pools/pool-linux", 400, "InvalidIdentityValues").forever());
    stage.apply("agents", stage.with_pools(&[])).await;
    let object = stage.until_stalled("agents", "RequestRefused").await;
    assert_eq!(object.status.unwrap().last_error.unwrap().code, "InvalidIdentityValues");
    stage.request("agents").await;
    assert_eq!(stage.pool_requests("PATCH"), 2);
}

#[tokio::test]
async fn the_summary_is_never_that_of_the_spec_before() {
    let stage = Stage::set().await;
    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
    stage.until_registered("agents", "1/1").await;
    stage.azure.state().set(|settings| settings.pools.update_seconds = 60.0);
    let generation = stage.apply("agents", stage.with_pools(&["pool-windows"])).await.metadata.generation;
    let is_of_this_spec = |object: &ManagedDevOpsIdentity| {
        object.status.as_ref().and_then(|status| status.observed_generation) == generation
    };
    let object = stage.until("agents", "a first word", is_of_this_spec).await;
    assert_eq!(object.status.unwrap().pool_summary.as_deref(), Some("0/1"));
    let waited = |object: &ManagedDevOpsIdentity| {
        is_of_this_spec(object)
            && object.status.as_ref().and_then(|status| status.pool_summary.as_deref()) == Some("1/1")
    };
    let object = stage.until("agents", "1/1", waited).await;
    assert_eq!(pool_status(&object, "pool-windows").state, PoolState::Registered);
    assert!(stage.is_registered("pool-windows", "agents"));
}

#[tokio::test]
async fn what_was_left_is_stored_before_the_next_pool_is_left_in_a_change_of_the_spec_and_in_a_deletion() {
    for deletes in [false, true] {
        let stage = Stage::set().await;
        let mut spec = stage.with_pools(&["pool-linux", "pool-windows"]);
        spec["deletionPolicy"] = json!("Delete");
        stage.apply("agents", spec).await;
        stage.until_registered("agents", "2/2").await;
        let slow = Effect::Delay { milliseconds: 4000 };
        stage.azure.script(Fault::on("PATCH", "/pools/pool-windows", slow));
        if deletes {
            stage.api().delete("agents", &kube::api::DeleteParams::default()).await.unwrap();
        } else {
            stage.apply("agents", stage.with_pools(&[])).await;
        }
        let object = stage
            .until("agents", "the first pool left", |object| {
                object.status.as_ref().is_some_and(|status| status.pools.len() == 1)
            })
            .await;
        assert!(
            stage.is_registered("pool-windows", "agents") && !stage.is_registered("pool-linux", "agents")
        );
        assert_eq!(pool_status(&object, "pool-windows").origin, Some(PoolOrigin::Added));
        let told = message(&object, types::READY);
        assert!(told.contains("is being left"), "{told}");
    }
}
