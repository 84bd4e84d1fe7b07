//! Outside hands on pools, and a Terraform that puts its own list of identities back.

mod support;

use azure_simulator::world::{ProvisioningState, TerraformRun};
use azure_simulator::{Hand, Terraform};
use reqwest::Method;
use serde_json::{Value, json};
use support::Bench;

fn keys(bench: &Bench, name: &str) -> Vec<String> {
    let id = bench.pool(name);
    bench
        .simulator
        .state()
        .with(|world| world.pool(&id).unwrap().identity.user.keys().map(ToString::to_string).collect())
}

async fn act(bench: &Bench, name: &str, body: Value) {
    let answer = bench.admin(Method::POST, &format!("/hands/{name}"), Some(body)).await;
    assert_eq!(answer.status, 204, "{name}: {}", answer.body);
}

#[tokio::test]
async fn hands_on_pools_act_over_the_admin_port() {
    let bench = Bench::new().await;
    let (id, ours) = (bench.pool("fresh"), bench.given_identity("ours"));
    let compact = json!({
        "id": id, "location": "westeurope", "urls": ["https://contoso.visualstudio.com"], "identities": [ours],
    });
    act(&bench, "create-pool", compact).await;
    assert_eq!(keys(&bench, "fresh"), std::slice::from_ref(&ours));
    act(&bench, "remove-pool-entry", json!({"id": id, "identity": ours.to_uppercase()})).await;
    assert_eq!(keys(&bench, "fresh").len(), 0);
    act(&bench, "add-pool-entry", json!({"id": id, "identity": ours})).await;
    let entry = json!({"principalId": "p", "clientId": "c"});
    let leftover = bench.identity("gone");
    act(&bench, "add-pool-entry", json!({"id": id, "identity": leftover, "entry": entry})).await;
    assert_eq!(keys(&bench, "fresh").len(), 2);
    act(&bench, "set-pool-identity", json!({"id": id, "identities": [ours]})).await;
    assert_eq!(keys(&bench, "fresh"), std::slice::from_ref(&ours));
    act(&bench, "recreate-pool", json!({"id": id})).await;
    assert_eq!(keys(&bench, "fresh").len(), 0);
    act(&bench, "set-pool-state", json!({"id": id, "state": "Updating"})).await;
    act(&bench, "set-pool-property", json!({"id": id, "name": "maximumConcurrency", "value": 9})).await;
    let pool = bench.read_pool("fresh").await.body;
    assert_eq!(pool["properties"]["provisioningState"], "Updating");
    assert_eq!(pool["properties"]["maximumConcurrency"], 9);
    act(&bench, "delete-pool", json!({"id": id})).await;
    bench.read_pool("fresh").await.refused(404, "ResourceNotFound");
    let world = bench.admin(Method::GET, "/world", None).await.body;
    let body = json!({"id": id, "pool": world["pools"][bench.pool("pool-windows")]});
    act(&bench, "describe-pool", body).await;
    let copy = bench.read_pool("fresh").await.body;
    assert_eq!(copy["properties"], bench.read_pool("pool-windows").await.body["properties"]);
    let object_id = &bench.sample.object_id;
    act(&bench, "obstruct", json!({"name": "contoso", "objectId": object_id, "obstacle": "notFound"})).await;
    assert_eq!(bench.patch_pool("fresh", json!({"tags": {}})).await.status, 202);
    act(&bench, "clear-obstacle", json!({"name": "contoso", "objectId": object_id})).await;
    assert_eq!(bench.patch_pool("fresh", json!({"tags": {}})).await.status, 200);
}

#[tokio::test]
async fn a_hand_that_cannot_act_names_the_field_and_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.pool("pool-linux");
    for (name, body, field) in [
        ("remove-pool-entry", json!({"id": id, "identity": "/x"}), "identity"),
        ("add-pool-entry", json!({"id": id, "identity": "/x"}), "identity"),
        ("set-pool-identity", json!({"id": "/x", "identities": []}), "id"),
        (
            "create-pool",
            json!({"id": bench.pool("new"), "location": "l", "urls": [], "identities": ["/x"]}),
            "identity",
        ),
        ("create-pool", json!({"id": "/x", "location": "l", "urls": []}), "id"),
        ("obstruct", json!({"name": "nobody", "objectId": "o", "obstacle": "notFound"}), "name"),
    ] {
        let answer = bench.admin(Method::POST, &format!("/hands/{name}"), Some(body)).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)), "{name}: {}", answer.body);
    }
    bench.read_pool("new").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn one_run_of_terraform_puts_its_list_in_place_of_the_pools_and_keeps_what_stays() {
    let bench = Bench::new().await;
    let (ours, artifacts) = (bench.given_identity("ours"), bench.sample.foreign_identity_id("id-artifacts"));
    let id = bench.pool("pool-linux");
    bench.simulator.state().with(|world| world.add_pool_entry(&id, &ours)).unwrap();
    let before = bench.read_pool("pool-linux").await.body;
    let run = TerraformRun { pool: id.clone(), identities: vec![artifacts.clone()] };
    bench.simulator.state().act(&Hand::RunTerraform(run.clone())).unwrap();
    let after = bench.read_pool("pool-linux").await.body;
    assert_eq!(keys(&bench, "pool-linux"), std::slice::from_ref(&artifacts));
    let entry = |pool: &Value| pool["identity"]["userAssignedIdentities"][&artifacts].clone();
    assert_eq!(entry(&before), entry(&after));
    assert_eq!(before["properties"], after["properties"]);
    bench.simulator.state().with(|world| world.set_pool_state(&id, ProvisioningState::Updating)).unwrap();
    assert_eq!(bench.simulator.state().act(&Hand::RunTerraform(run)).unwrap_err().field, "pool");
}

#[tokio::test]
async fn a_terraform_comes_back_by_the_simulated_clock() {
    let bench = Bench::new().await;
    let (ours, artifacts) = (bench.given_identity("ours"), bench.sample.foreign_identity_id("id-artifacts"));
    let id = bench.pool("pool-linux");
    let add = || bench.simulator.state().with(|world| world.add_pool_entry(&id, &ours)).unwrap();
    let run = TerraformRun { pool: id.clone(), identities: vec![artifacts.clone()] };
    bench.simulator.state().set(|settings| settings.terraform.push(Terraform { run, every_seconds: 300.0 }));
    add();
    bench.simulator.clock().advance(299.0);
    assert_eq!(keys(&bench, "pool-linux").len(), 3);
    bench.simulator.clock().advance(1.0);
    assert_eq!(keys(&bench, "pool-linux"), std::slice::from_ref(&artifacts));
    add();
    assert_eq!(keys(&bench, "pool-linux").len(), 2);
    // Long absent, it comes back in its own rhythm.
    bench.simulator.clock().advance(750.0);
    assert_eq!(keys(&bench, "pool-linux"), std::slice::from_ref(&artifacts));
    add();
    bench.simulator.clock().advance(149.0);
    assert_eq!(keys(&bench, "pool-linux").len(), 2);
    bench.simulator.clock().advance(1.0);
    assert_eq!(keys(&bench, "pool-linux"), [artifacts]);
    bench.simulator.state().set(|settings| settings.terraform.clear());
    add();
    bench.simulator.clock().advance(3600.0);
    assert_eq!(keys(&bench, "pool-linux").len(), 2);
}

#[tokio::test]
async fn a_terraform_is_set_over_the_admin_port() {
    let bench = Bench::new().await;
    let run = json!({"pool": bench.pool("pool-linux")});
    let settings = json!({"terraform": [{"run": run, "everySeconds": 60}]});
    assert_eq!(bench.admin(Method::PATCH, "/settings", Some(settings)).await.status, 200);
    bench.admin(Method::POST, "/clock", Some(json!({"advance": 60}))).await;
    assert_eq!(bench.read_pool("pool-linux").await.body.get("identity"), None);
}

#[tokio::test]
async fn what_is_due_happens_in_the_order_of_its_time() {
    let bench = Bench::with(|settings| settings.pools.update_seconds = 60.0).await;
    let (ours, id) = (bench.given_identity("ours"), bench.pool("pool-linux"));
    let run = TerraformRun { pool: id, identities: Vec::new() };
    bench.simulator.state().set(|settings| settings.terraform.push(Terraform { run, every_seconds: 40.0 }));
    let add = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {ours: {}}}});
    assert_eq!(bench.patch_pool("pool-linux", add).await.status, 202);
    bench.simulator.clock().advance(70.0);
    assert_eq!(keys(&bench, "pool-linux").len(), 3, "a run in the middle of an operation fails");
    bench.simulator.clock().advance(30.0);
    assert_eq!(keys(&bench, "pool-linux").len(), 0);
}

#[tokio::test]
async fn a_replaced_world_knows_no_operation_of_the_old_one() {
    let bench = Bench::with(|settings| settings.pools.update_seconds = 60.0).await;
    let accepted = bench.patch_pool("pool-linux", json!({"tags": {"a": "1"}})).await;
    bench.simulator.state().replace_world(bench.sample.world());
    bench.follow(accepted.header("location")).await.refused(404, "OperationNotFound");
    assert_eq!(bench.read_pool("pool-linux").await.body["properties"]["provisioningState"], "Succeeded");
}
