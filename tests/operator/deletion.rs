//! `deletionPolicy: Delete`, and all that stands in its way.

use azure_simulator::{
    Fault, Hand,
    world::{LockLevel, ProvisioningState},
};
use mdi_operator::api::conditions::types;
use serde_json::json;

use crate::stage::{Stage, apply_base, condition, control_plane, message};

#[tokio::test]
async fn what_this_object_created_goes_after_its_entries_have_left_the_pools() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &["pool-linux"]).await;
    stage.azure.clear_log();
    stage.delete("agents").await;
    assert!(!stage.exists("agents"));
    let order: Vec<_> = stage
        .requests()
        .iter()
        .filter(|r| r.method != "GET" && r.method != "HEAD")
        .map(|r| r.method.clone())
        .collect();
    assert_eq!(order, ["PATCH", "DELETE"]);
    let pool = stage.sample.pool_id("pool-linux");
    let left =
        stage.azure.state().with(|world| world.pools.get(&pool.as_str().into()).unwrap().identity.user.len());
    assert_eq!(left, 2, "the entries of others");
    stage.until_event("agents", "Normal", "IdentityDeleted").await;
}

#[tokio::test]
async fn an_identity_that_was_adopted_is_retained() {
    let stage = Stage::without_operator(|_| {}).await;
    let (id, location) = (stage.id("agents"), stage.sample.location.clone());
    stage.azure.state().with(|world| world.create_identity(&id, &location, [].into())).unwrap();
    stage.start_operator(&[]).await;
    let spec = stage.spec(|spec| {
        spec["deletionPolicy"] = json!("Delete");
        spec["adoptionPolicy"] = json!("Adopt");
    });
    stage.apply("agents", spec).await;
    stage.until_reason("agents", "Succeeded").await;
    stage.delete("agents").await;
    assert!(stage.exists("agents"));
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
    stage.until_event("agents", "Warning", "IdentityRetained").await;
    assert_eq!(stage.identity_requests("DELETE"), 0);
}

#[tokio::test]
async fn an_identity_that_somebody_re_created_is_never_deleted() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    stage.azure.state().act(&Hand::RecreateIdentity { id: stage.id("agents"), copy_tags: true }).unwrap();
    stage.delete("agents").await;
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
}

#[tokio::test]
async fn another_pool_that_lists_the_identity_blocks_the_deletion_and_a_changed_policy_frees_it() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &["pool-linux"]).await;
    let (pool, id) = (stage.sample.pool_id("pool-windows"), stage.id("agents"));
    stage.azure.state().with(|world| world.add_pool_entry(&pool, &id)).unwrap();
    stage.begin_deletion("agents").await;
    let object = stage.until_stalled("agents", "DeletionBlocked").await;
    assert!(
        message(&object, types::STALLED).contains("pool-windows"),
        "{}",
        message(&object, types::STALLED)
    );
    assert_eq!(condition(&object, types::READY), Some(("False", "DeletionBlocked")));
    assert_eq!(stage.identity_requests("DELETE"), 0);

    let retain = stage.spec(|spec| spec["pools"] = json!([{"name": "pool-linux"}]));
    stage.apply("agents", retain).await;
    let begun = std::time::Instant::now();
    while stage.api().get_opt("agents").await.unwrap().is_some() {
        assert!(begun.elapsed().as_secs() < 30, "never freed\n{}", stage.operator_log().await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
}

#[tokio::test]
async fn a_lock_blocks_the_deletion_until_it_is_gone() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    let (subscription, group) = (stage.sample.subscription.clone(), stage.sample.group.clone());
    stage
        .azure
        .state()
        .with(|world| world.lock(&subscription, &group, "keep", LockLevel::CanNotDelete))
        .unwrap();
    stage.begin_deletion("agents").await;
    let object = stage.until_stalled("agents", "DeletionBlocked").await;
    assert!(message(&object, types::STALLED).contains("lock"), "{}", message(&object, types::STALLED));
    assert!(stage.exists("agents"));
    stage.azure.state().with(|world| world.unlock(&subscription, &group, "keep")).unwrap();
    let begun = std::time::Instant::now();
    while stage.exists("agents") {
        assert!(begun.elapsed().as_secs() < 60, "never deleted\n{}", stage.operator_log().await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn pools_that_cannot_be_listed_block_the_deletion() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    let list = format!(
        "*/subscriptions/{}/providers/Microsoft.DevOpsInfrastructure/pools",
        stage.sample.subscription
    );
    stage.azure.script(Fault::answer("GET", &list, 403, "AuthorizationFailed").forever());
    stage.begin_deletion("agents").await;
    let object = stage.until_reason("agents", "DeletionBlocked").await;
    assert!(message(&object, types::READY).contains("pools"), "{}", message(&object, types::READY));
    assert_eq!(stage.identity_requests("DELETE"), 0);
    stage.azure.state().clear_faults();
}

#[tokio::test]
async fn another_object_that_manages_the_identity_keeps_it_alive() {
    let stage = Stage::set().await;
    let shared = |policy: &str| {
        stage.spec(|spec| {
            spec["identity"]["name"] = json!("shared");
            spec["deletionPolicy"] = json!(policy);
        })
    };
    stage.apply("first", shared("Delete")).await;
    stage.until_reason("first", "Succeeded").await;
    stage.apply("second", shared("Retain")).await;
    stage.until_stalled("second", "OwnershipConflict").await;
    stage.delete("first").await;
    stage.until_event("first", "Warning", "IdentityRetained").await;
    assert!(stage.exists("shared"));
    stage.until_reason("second", "Succeeded").await;
    assert_eq!(stage.identity_requests("DELETE"), 0);
}

#[tokio::test]
async fn an_identity_that_is_gone_already_still_leaves_its_entries_behind_in_no_pool() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &["pool-linux"]).await;
    let (id, pool) = (stage.id("agents"), stage.sample.pool_id("pool-linux"));
    stage.azure.state().with(|world| world.delete_identity(&id)).unwrap();
    stage.delete("agents").await;
    let entry = stage
        .azure
        .state()
        .with(|world| world.pools.get(&pool.as_str().into()).unwrap().identity.entry(&id).is_some());
    assert!(!entry);
}

#[tokio::test]
async fn a_terminating_definition_never_deletes_an_identity() {
    let control_plane = harness::ControlPlane::start().await.unwrap();
    apply_base(&control_plane).await;
    let stage = Stage::on(&control_plane).await;
    stage.start_operator(&[]).await;
    stage.ready_to_delete("agents", &[]).await;
    control_plane
        .kubectl(["delete", "crd", "manageddevopsidentities.mdi-operator.io", "--timeout=60s"])
        .await
        .unwrap();
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
    stage.stop_operator().await;
    drop(stage);
    control_plane.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_in_place_of_the_answer_to_a_delete_is_no_deletion() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    stage.azure.script(Fault::page("DELETE", "userAssignedIdentities"));
    stage.begin_deletion("agents").await;
    stage.until_stalled("agents", "DeletionBlocked").await;
    assert!(stage.exists("agents"));
    assert!(stage.events("agents").await.iter().all(|(_, reason)| reason != "IdentityDeleted"));
    // The next try is the real one.
    stage.until_gone("agents").await;
    assert!(!stage.exists("agents"));
}

#[tokio::test]
async fn a_single_not_there_never_ends_a_deletion() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    stage.azure.script(Fault::answer("GET", "userAssignedIdentities/agents", 404, "ResourceNotFound"));
    stage.delete("agents").await;
    assert!(!stage.exists("agents"));
    stage.until_event("agents", "Normal", "IdentityDeleted").await;
}

#[tokio::test]
async fn the_answer_to_a_delete_is_believed_only_when_reads_show_that_the_identity_is_gone() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    // Azure says that it is deleted, and nothing happened.
    let canned = azure_simulator::CannedAnswer { status: 200, ..azure_simulator::CannedAnswer::default() };
    let lie = azure_simulator::Effect::Answer(canned);
    stage.azure.script(Fault::on("DELETE", "userAssignedIdentities", lie));
    stage.delete("agents").await;
    assert!(!stage.exists("agents"), "the object went and the identity stayed");
    assert_eq!(stage.identity_requests("DELETE"), 2);
}

#[tokio::test]
async fn an_object_goes_with_its_resource_group_under_both_policies_and_leaves_pools_that_went_with_it() {
    for policy in ["Retain", "Delete"] {
        let stage = Stage::set().await;
        stage.ready_to_delete("agents", &["pool-linux"]).await;
        stage.patch_spec("agents", json!({"deletionPolicy": policy})).await;
        let (subscription, group) = (stage.sample.subscription.clone(), stage.sample.group.clone());
        stage.azure.state().with(|world| world.delete_group(&subscription, &group)).unwrap();
        stage.delete("agents").await;
        let reasons: Vec<_> = stage.events("agents").await.into_iter().map(|(_, reason)| reason).collect();
        for said in ["IdentityRetained", "IdentityLeftBehind"] {
            assert!(!reasons.iter().any(|reason| reason == said), "{policy}: {reasons:?}");
        }
    }
}

#[tokio::test]
async fn a_deletion_that_waits_for_a_pool_in_transition_says_so_and_after_an_hour_calls_a_person() {
    // So fast that an hour passes in twenty seconds.
    let stage = Stage::at_pace(control_plane().await, 180.0).await;
    stage.start_operator(&[]).await;
    stage.ready_to_delete("agents", &["pool-linux"]).await;
    let windows = stage.sample.pool_id("pool-windows");
    stage.azure.state().with(|world| world.set_pool_state(&windows, ProvisioningState::Updating)).unwrap();
    stage.begin_deletion("agents").await;
    let object = stage
        .until("agents", "left its pool", |object| {
            let status = object.status.as_ref();
            condition(object, types::READY).is_some_and(|(_, reason)| reason == "Deleting")
                && status.is_some_and(|status| status.pools.is_empty())
        })
        .await;
    assert_eq!(condition(&object, types::IDENTITY_READY), Some(("True", "UpToDate")));
    assert_eq!(condition(&object, types::DIRECTORY_MATCHED), Some(("True", "SameDirectory")));
    assert_eq!(condition(&object, types::POOLS_REGISTERED), Some(("False", "Deleting")));
    assert!(message(&object, types::READY).contains("pool-windows"));
    stage.until_event("agents", "Normal", "DeletionWaits").await;
    let object = stage.until_stalled("agents", "DeletionBlocked").await;
    assert!(message(&object, types::STALLED).contains("pool-windows"));
    stage.azure.state().with(|world| world.set_pool_state(&windows, ProvisioningState::Succeeded)).unwrap();
    stage.until_gone("agents").await;
    assert!(!stage.exists("agents"));
}

#[tokio::test]
async fn of_a_creation_that_was_always_refused_nothing_is_said_to_stay() {
    let stage = Stage::set().await;
    let (subscription, group) = (stage.sample.subscription.clone(), stage.sample.group.clone());
    stage.azure.state().with(|world| world.set_policy(&subscription, &group, Some("only-tagged"))).unwrap();
    stage.apply("agents", stage.spec(|spec| spec["deletionPolicy"] = json!("Delete"))).await;
    stage.until_stalled("agents", "PolicyDenied").await;
    stage.delete("agents").await;
    let reasons: Vec<_> = stage.events("agents").await.into_iter().map(|(_, reason)| reason).collect();
    for said in ["IdentityRetained", "IdentityLeftBehind", "IdentityReleased"] {
        assert!(!reasons.iter().any(|reason| reason == said), "{reasons:?}");
    }
}

#[tokio::test]
async fn an_object_of_another_namespace_is_no_heir() {
    let stage = Stage::without_operator(|_| {}).await;
    let other = format!("{}-b", stage.namespace);
    control_plane().await.kubectl(["create", "namespace", &other]).await.unwrap();
    let both = format!("{},{other}", stage.namespace);
    stage.start_operator(&[("MDI_NAMESPACES", &both)]).await;
    stage.ready_to_delete("agents", &[]).await;
    let spec = stage.spec(|spec| {
        spec["adoptionPolicy"] = json!("Adopt");
        spec["identity"]["name"] = json!("agents");
    });
    let object = json!({
        "apiVersion": "mdi-operator.io/v1alpha1", "kind": "ManagedDevOpsIdentity",
        "metadata": {"name": "greedy", "namespace": other}, "spec": spec,
    });
    control_plane().await.apply(&object.to_string()).await.unwrap();
    stage.begin_deletion("agents").await;
    stage.until_event("agents", "Normal", "IdentityDeleted").await;
    stage.until_gone("agents").await;
}
