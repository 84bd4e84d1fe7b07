//! What happens between the decision to write and the write: whoever changes the object, the identity or a pool meanwhile,
//! and a process that stands still, must not be overtaken by what was true before.

use std::time::Duration;

use azure_simulator::{Effect, Fault, Hand, world::Tags};
use futures::future::join_all;
use mdi_operator::api::conditions::types;
use serde_json::json;

use crate::stage::{Stage, condition, control_plane};

impl Stage {
    fn pools_list(&self) -> String {
        format!("*/subscriptions/{}/providers/Microsoft.DevOpsInfrastructure/pools", self.sample.subscription)
    }
}

#[tokio::test]
async fn a_policy_that_becomes_retain_while_the_pools_are_listed_is_obeyed() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    let list = stage.azure.hold_before("GET", &stage.pools_list());
    stage.begin_deletion("agents").await;
    list.reached().await;
    stage.patch_spec("agents", json!({"deletionPolicy": "Retain"})).await;
    list.open();
    stage.until_gone("agents").await;
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
}

#[tokio::test]
async fn before_a_delete_the_objects_are_listed_anew_so_one_that_the_watch_never_told_of_keeps_the_identity()
{
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    let shared = |policy: &str| {
        stage.spec(|spec| {
            spec["identity"]["name"] = json!("shared");
            spec["deletionPolicy"] = json!(policy);
        })
    };
    stage.apply("first", shared("Delete")).await;
    stage.until_reason("first", "Succeeded").await;
    // What wakes the pass is the finalizer's own object, so the pools' list is held until the watch hangs.
    let list = stage.azure.hold_before("GET", &stage.pools_list());
    stage.begin_deletion("first").await;
    list.reached().await;
    proxy.mute_watches();
    stage.apply("second", shared("Retain")).await;
    list.open();
    stage.until_gone("first").await;
    assert!(stage.exists("shared"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
    stage.until_event("first", "Warning", "IdentityRetained").await;
}

#[tokio::test]
async fn where_the_objects_cannot_be_listed_nothing_is_deleted() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = stage.start_operator_behind_a_proxy(&[]).await;
    stage.ready_to_delete("agents", &[]).await;
    let refused = proxy.answer("GET", "*/manageddevopsidentities", 500, "InternalError");
    stage.begin_deletion("agents").await;
    refused.reached().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
    refused.open();
    stage.until_gone("agents").await;
    assert!(!stage.exists("agents"));
}

#[tokio::test]
async fn suspend_and_observe_stop_the_writes_of_a_pass_that_is_under_way() {
    for stops in [json!({"suspend": true}), json!({"mode": "Observe"})] {
        let stage = Stage::set().await;
        stage.ready("agents").await;
        stage.azure.state().with(|world| world.set_tag(&stage.id("agents"), "team", "x")).unwrap();
        stage.azure.clear_log();
        // Somebody takes the mark off: the pass will put it back. It is stopped while it reads the identity.
        stage
            .azure
            .state()
            .with(|world| world.remove_tag(&stage.id("agents"), "mdi-operator-object"))
            .unwrap();
        let read = stage.azure.hold_after("GET", "userAssignedIdentities");
        stage.ask_for_a_look("agents").await;
        read.reached().await;
        stage.patch_spec("agents", stops.clone()).await;
        read.open();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(stage.writes(), [""; 0], "{stops}");
    }
}

#[tokio::test]
async fn a_tag_that_is_set_while_a_slow_look_up_is_under_way_survives_the_update() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let look_up = stage.azure.hold_before("HEAD", "contoso");
    let wish = stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}));
    stage.apply("agents", wish).await;
    stage.ask_for_a_look("agents").await;
    look_up.reached().await;
    // In the meantime the identity may have been read, and no read of that time may be written back.
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.set_tag("agents", "cost-center", "42");
    look_up.open();
    stage.until("agents", "the new tag", |_| stage.tag("agents", "team").as_deref() == Some("build")).await;
    assert_eq!(stage.tag("agents", "cost-center").as_deref(), Some("42"));
}

#[tokio::test]
async fn a_tag_that_is_set_while_a_release_waits_for_leave_to_write_survives_it() {
    // In real time, so that the four seconds between two writes to one identity are four seconds.
    let stage = Stage::at_pace(control_plane().await, 1.0).await;
    stage.start_operator(&[]).await;
    stage.ready("agents").await;
    stage.begin_deletion("agents").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.set_tag("agents", "cost-center", "42");
    stage.until_gone("agents").await;
    assert_eq!(stage.tag("agents", "mdi-operator-released").as_deref(), Some("true"));
    assert_eq!(stage.tag("agents", "cost-center").as_deref(), Some("42"));
}

#[tokio::test]
async fn a_tag_that_is_set_between_two_writes_of_one_pass_survives_the_second() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    // The mark is put back by one write, the new tag of the spec comes with the next.
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.remove_tag(&id, "mdi-operator-origin")).unwrap();
    let act = Hand::SetTag { id: id.clone(), key: "cost-center".into(), value: "42".into() };
    stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandAfter { act }));
    stage.azure.clear_log();
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}))).await;
    stage.until("agents", "the new tag", |_| stage.tag("agents", "team").as_deref() == Some("build")).await;
    assert_eq!(stage.identity_requests("PATCH"), 2);
    assert_eq!(stage.tag("agents", "cost-center").as_deref(), Some("42"));
}

#[tokio::test]
async fn an_update_that_went_onto_an_identity_that_somebody_re_created_takes_the_mark_off_again() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let id = stage.id("agents");
    let act = Hand::RecreateIdentity { id: id.clone(), copy_tags: false };
    stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandBefore { act }));
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}))).await;
    stage.until_event("agents", "Warning", "MarkWithdrawn").await;
    let object = stage.until_stalled("agents", "AdoptionRefused").await;
    for key in ["mdi-operator-object", "mdi-operator-cluster", "mdi-operator-origin"] {
        assert_eq!(stage.tag("agents", key), None, "{key}");
    }
    // Nor is it taken once the status is lost.
    assert_eq!(condition(&object, types::READY), Some(("False", "AdoptionRefused")));
}

#[tokio::test]
async fn a_mark_is_not_withdrawn_from_an_identity_that_another_cluster_has_marked_meanwhile() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let id = stage.id("agents");
    let recreate = Hand::RecreateIdentity { id: id.clone(), copy_tags: false };
    stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandBefore { act: recreate }));
    for (key, value) in
        [("mdi-operator-cluster", "another-cluster"), ("mdi-operator-object", "theirs/agents")]
    {
        let act = Hand::SetTag { id: id.clone(), key: key.into(), value: value.into() };
        stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandAfter { act }));
    }
    stage.apply("agents", stage.spec(|spec| spec["identity"]["tags"] = json!({"team": "build"}))).await;
    stage.until_stalled("agents", "OwnershipConflict").await;
    assert_eq!(stage.tag("agents", "mdi-operator-cluster").as_deref(), Some("another-cluster"));
    assert_eq!(stage.tag("agents", "mdi-operator-object").as_deref(), Some("theirs/agents"));
    assert_eq!(stage.identity_requests("PATCH"), 1);
}

#[tokio::test]
async fn a_release_that_met_another_principal_takes_the_mark_off_again() {
    let stage = Stage::set().await;
    stage.ready("agents").await;
    let act = Hand::RecreateIdentity { id: stage.id("agents"), copy_tags: false };
    stage.azure.script(Fault::on("PATCH", "userAssignedIdentities", Effect::HandBefore { act }));
    stage.delete("agents").await;
    for key in ["mdi-operator-object", "mdi-operator-released"] {
        assert_eq!(stage.tag("agents", key), None, "{key}");
    }
}

#[tokio::test]
async fn an_identity_that_somebody_re_creates_after_the_pools_were_listed_is_not_deleted() {
    let stage = Stage::set().await;
    stage.ready_to_delete("agents", &[]).await;
    let list = stage.azure.hold_after("GET", &stage.pools_list());
    stage.begin_deletion("agents").await;
    list.reached().await;
    let id = stage.id("agents");
    stage.azure.state().with(|world| world.recreate_identity(&id, Tags::Copied)).unwrap();
    list.open();
    stage.until_gone("agents").await;
    assert!(stage.exists("agents"));
    assert_eq!(stage.identity_requests("DELETE"), 0);
}

/// One write, and how it comes about.
struct Write {
    method: &'static str,
    /// Path of what is written.
    path: &'static str,
    /// Which read of it is the one that the write rests on, counted from the begin.
    read: u64,
    begin: fn(&Stage, Fault) -> futures::future::BoxFuture<'_, ()>,
}

/// The operator stands still between the read and the write that rests on it, for longer than a read lives.
#[tokio::test]
async fn a_process_that_stood_still_after_its_read_writes_nothing_before_it_has_read_again() {
    let identity = "userAssignedIdentities";
    let writes = [
        Write {
            method: "PUT",
            path: identity,
            read: 1,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.azure.script(gate);
                    stage.apply("agents", stage.spec(|_| {})).await;
                })
            },
        },
        Write {
            method: "PATCH",
            path: identity,
            read: 1,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.ready("agents").await;
                    stage.azure.script(gate);
                    stage.azure.state().with(|world| world.remove_tags(&stage.id("agents"))).unwrap();
                    stage.ask_for_a_look("agents").await;
                })
            },
        },
        Write {
            method: "PATCH",
            path: identity,
            read: 1,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.ready("agents").await;
                    stage.azure.script(gate);
                    stage.begin_deletion("agents").await;
                })
            },
        },
        Write {
            method: "DELETE",
            path: identity,
            read: 2,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.ready_to_delete("agents", &[]).await;
                    stage.azure.script(gate);
                    stage.begin_deletion("agents").await;
                })
            },
        },
        Write {
            method: "PATCH",
            path: "pools/pool-linux",
            read: 2,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.ready("agents").await;
                    stage.azure.script(gate);
                    stage.patch_spec("agents", json!({"pools": [{"name": "pool-linux"}]})).await;
                })
            },
        },
        Write {
            method: "PATCH",
            path: "pools/pool-linux",
            read: 2,
            begin: |stage, gate| {
                Box::pin(async move {
                    stage.apply("agents", stage.with_pools(&["pool-linux"])).await;
                    stage.until_registered("agents", "1/1").await;
                    stage.azure.script(gate);
                    stage.patch_spec("agents", json!({"pools": []})).await;
                })
            },
        },
    ];
    join_all(writes.iter().map(stands_still)).await;
}

async fn stands_still(write: &Write) {
    let Write { method, path, read, begin } = write;
    let stage = Stage::set().await;
    let name = format!("{method} {path}");
    let gate = stage.azure.gate(&name);
    // The begin puts the gate up once what comes before is over.
    begin(&stage, Fault::on("GET", path, Effect::HoldAfter { gate: name }).from_nth(*read)).await;
    gate.reached().await;
    stage.pause_operator().await;
    gate.open();
    // Longer than an answer may ordinarily take and a read may live, both by a clock that goes on.
    tokio::time::sleep(Duration::from_secs(22)).await;
    stage.azure.clear_log();
    stage.resume_operator().await;
    let begun = std::time::Instant::now();
    let requests = loop {
        let requests: Vec<String> = stage
            .requests()
            .into_iter()
            .filter(|request| request.path.to_lowercase().contains(&path.to_lowercase()))
            .map(|request| request.method)
            .collect();
        if requests.iter().any(|it| it == method) {
            break requests;
        }
        assert!(begun.elapsed().as_secs() < 40, "{method} {path} never left\n{}", stage.operator_log().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(requests.first().map(String::as_str), Some("GET"), "{method} {path}: {requests:?}");
}
