//! The order of the shell: what comes before what, and what belongs to one pass alone.

use std::time::Duration;

use azure_simulator::{CannedAnswer, Effect, Fault, Hand, IdentityMap, world::Pool};
use kube::api::{Patch, PatchParams};
use mdi_operator::api::{conditions::types, v1alpha1::Origin};
use serde_json::{Value, json};

use crate::stage::{Stage, condition};

fn shared(stage: &Stage) -> Value {
    stage.spec(|spec| spec["identity"]["name"] = json!("shared"))
}

#[tokio::test]
async fn the_finalizer_that_somebody_stripped_is_stored_again_at_once_for_what_is_held_and_needs_no_write() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    stage.azure.clear_log();
    let patch = json!({"metadata": {"finalizers": null}});
    stage.api().patch("agents", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.until("agents", "the finalizer", |object| object.metadata.finalizers.is_some()).await;
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn the_finalizer_is_stored_for_what_an_object_made_anew_holds_by_its_mark_alone() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    // As after a restore: the object is there again, without finalizer and status.
    stage.stop_operator().await;
    let patch = json!({"metadata": {"finalizers": null}});
    stage.api().patch("agents", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.delete("agents").await;
    stage.apply("agents", stage.spec(|_| {})).await;
    stage.azure.clear_log();
    stage.start_operator(&[]).await;
    let object = stage.until_reason("agents", "Succeeded").await;
    assert!(object.metadata.finalizers.is_some());
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Adopted));
    assert_eq!(stage.writes(), [""; 0]);
}

#[tokio::test]
async fn the_record_is_emptied_in_status_before_a_creation_leaves() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let creation = stage.azure.hold_before("PUT", "userAssignedIdentities");
    stage.azure.state().act(&Hand::DeleteIdentity { id: stage.id("agents") }).unwrap();
    stage.ask_for_a_look("agents").await;
    creation.reached().await;
    let identity = stage.api().get("agents").await.unwrap().status.unwrap().identity.unwrap();
    assert_eq!((identity.origin, identity.principal_id), (None, None));
}

#[tokio::test]
async fn an_identity_belongs_to_one_pass_until_its_record_is_stored() {
    let stage = Stage::set().await;
    let creation = stage.azure.hold_after("PUT", "userAssignedIdentities");
    stage.apply("first", shared(&stage)).await;
    creation.reached().await;
    stage.azure.clear_log();
    stage.apply("second", shared(&stage)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.identity_requests("GET") + stage.identity_requests("PUT"), 0, "a second pass looked");
    creation.open();
    stage.until_reason("first", "Succeeded").await;
    stage.until_stalled("second", "OwnershipConflict").await;
}

#[tokio::test]
async fn a_pool_belongs_to_one_pass_and_is_read_anew_in_its_turn_so_no_entry_is_lost() {
    let stage = Stage::set().await;
    // So that an entry that was not sent along would be gone.
    stage.azure.state().set(|it| it.readings.pools.identity_map = IdentityMap::Replace);
    stage.ready("first").await;
    stage.ready("second").await;
    let change = stage.azure.hold_before("PATCH", "pools/pool-linux");
    stage.patch_spec("first", json!({"pools": [{"name": "pool-linux"}]})).await;
    change.reached().await;
    stage.patch_spec("second", json!({"pools": [{"name": "pool-linux"}]})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stage.writes().iter().all(|write| !write.contains("PATCH") || !write.contains("/pools/")));
    change.open();
    for name in ["first", "second"] {
        stage
            .until(name, "registered", |object| {
                object.status.as_ref().and_then(|status| status.pool_summary.as_deref()) == Some("1/1")
                    && condition(object, types::READY) == Some(("True", "Succeeded"))
            })
            .await;
    }
    let pool = stage.sample.pool_id("pool-linux");
    for name in ["first", "second"] {
        let id = stage.id(name);
        let entry =
            stage.azure.state().with(|world| world.pool(&pool).unwrap().identity.entry(&id).is_some());
        assert!(entry, "{name} is not in the pool");
    }
}

#[tokio::test]
async fn an_owner_that_cannot_be_read_keeps_what_its_mark_says() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    stage.apply("first", shared(&stage)).await;
    stage.until_reason("first", "Succeeded").await;
    stage.stop_operator().await;
    // The owner is gone without a farewell, and nobody can tell.
    let patch = json!({"metadata": {"finalizers": null}});
    stage.api().patch("first", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.delete("first").await;
    drop(proxy);
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    let unreadable = proxy.answer("GET", "*/first", 500, "InternalError");
    let spec = stage.spec(|spec| {
        spec["identity"]["name"] = json!("shared");
        spec["adoptionPolicy"] = json!("Adopt");
    });
    stage.apply("second", spec).await;
    stage.until_stalled("second", "OwnershipConflict").await;
    assert_eq!(stage.tag("shared", "mdi-operator-object"), Some(format!("{}/first", stage.namespace)));
    unreadable.open();
    stage.ask_for_a_look("second").await;
    stage.until_reason("second", "Succeeded").await;
}

#[tokio::test]
async fn a_pool_whose_own_subscription_is_in_another_directory_is_never_written() {
    let stage = Stage::without_operator(|_| {}).await;
    let (subscription, group) =
        (stage.sample.platform_subscription.clone(), stage.sample.platform_group.clone());
    let id = format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DevOpsInfrastructure/pools/pool-far"
    );
    let pool = Pool::azure_devops(&stage.sample.location, &["https://dev.azure.com/contoso"]);
    stage.azure.state().with(|world| world.create_pool(&id, pool)).unwrap();
    let elsewhere = json!({
        "id": format!("/subscriptions/{subscription}"), "subscriptionId": subscription,
        "tenantId": stage.sample.other_tenant, "state": "Enabled",
    });
    let answer = CannedAnswer { status: 200, body: Some(elsewhere.to_string()), ..CannedAnswer::default() };
    let look_up = format!("*/subscriptions/{subscription}");
    stage.azure.script(Fault::on("GET", &look_up, Effect::Answer(answer)).forever());
    stage.start_operator(&[]).await;
    let far = json!([{"name": "pool-far", "resourceGroup": group, "subscriptionId": subscription}]);
    stage.apply("agents", stage.spec(|spec| spec["pools"] = far)).await;
    stage.until_stalled("agents", "PoolInOtherDirectory").await;
    assert!(stage.writes().iter().all(|write| !write.contains("pool-far")), "{:?}", stage.writes());
}

#[tokio::test]
async fn a_process_that_shuts_down_finishes_what_it_has_begun_and_begins_no_other_write() {
    let stage = Stage::set().await;
    let begun = stage.azure.hold_after("PUT", "userAssignedIdentities/begun");
    stage.apply("begun", stage.spec(|_| {})).await;
    begun.reached().await;
    let read = stage.azure.hold_after("GET", "userAssignedIdentities/not-begun");
    stage.apply("not-begun", stage.spec(|_| {})).await;
    read.reached().await;
    let stopped = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        begun.open();
        read.open();
    };
    tokio::join!(stage.stop_operator(), stopped);
    let object = stage.api().get("begun").await.unwrap();
    assert_eq!(object.status.unwrap().identity.unwrap().origin, Some(Origin::Created));
    assert!(!stage.exists("not-begun"));
}
