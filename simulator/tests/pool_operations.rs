//! Long-running operations on pools: how they are told, polled and ended, and how they fail.

mod support;

use azure_simulator::world::{Obstacle, ProvisioningState};
use azure_simulator::{
    DuringUpdate, FailedUpdate, LocationEnd, MembershipCheck, OperationHeaders, PatchAnswer,
};
use serde_json::{Value, json};
use support::{Bench, Seen};

async fn slow() -> Bench {
    Bench::with(|settings| {
        settings.pools.creation_seconds = 600.0;
        settings.pools.update_seconds = 60.0;
        settings.pools.deletion_seconds = 30.0;
    })
    .await
}

fn tags(value: &str) -> Value {
    json!({"tags": {"a": value}})
}

async fn state(bench: &Bench, name: &str) -> Value {
    bench.read_pool(name).await.body["properties"]["provisioningState"].clone()
}

#[track_caller]
fn address<'a>(bench: &Bench, answer: &'a Seen, header: &str) -> &'a str {
    let address = answer.header(header);
    assert!(address.starts_with(&bench.simulator.resource_manager()), "{header}: {address}");
    assert!(address.contains("api-version="), "{address}");
    address
}

#[tokio::test]
async fn a_slow_creation_is_told_by_azure_async_operation() {
    let bench = slow().await;
    let created = bench.put_pool("fresh", bench.pool_body()).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["properties"]["provisioningState"], "Provisioning");
    assert_eq!(created.header("retry-after"), "10");
    assert_eq!(created.header("location"), "");
    let address = address(&bench, &created, "azure-asyncoperation");
    let running = bench.follow(address).await;
    assert_eq!((running.status, running.header("retry-after")), (200, "10"));
    assert_eq!(running.body["status"], "InProgress");
    bench.simulator.clock().advance(599.0);
    assert_eq!(state(&bench, "fresh").await, "Provisioning");
    bench.simulator.clock().advance(1.0);
    let ended = bench.follow(address).await;
    assert_eq!((ended.status, &ended.body["status"]), (200, &json!("Succeeded")));
    assert_eq!(ended.header("retry-after"), "");
    assert_eq!(state(&bench, "fresh").await, "Succeeded");
}

#[tokio::test]
async fn a_slow_patch_is_told_by_location_which_ends_with_the_pool_or_with_nothing() {
    for (reading, status) in [(LocationEnd::Pool, 200), (LocationEnd::NoContent, 204)] {
        let bench = slow().await;
        bench.set_pools(|readings| readings.location_end = reading);
        let accepted = bench.patch_pool("pool-linux", tags("1")).await;
        assert_eq!((accepted.status, accepted.header("retry-after")), (202, "10"));
        assert_eq!(accepted.header("azure-asyncoperation"), "");
        let address = address(&bench, &accepted, "location");
        let running = bench.follow(address).await;
        assert_eq!((running.status, running.header("location")), (202, address));
        bench.simulator.clock().advance(60.0);
        let ended = bench.follow(address).await;
        assert_eq!(ended.status, status);
        if status == 200 {
            assert_eq!(ended.body, bench.read_pool("pool-linux").await.body);
        }
    }
}

#[tokio::test]
async fn a_202_may_name_both_addresses_and_a_patch_may_answer_200() {
    let bench = slow().await;
    bench.set_pools(|readings| readings.operation_headers = OperationHeaders::Both);
    let accepted = bench.patch_pool("pool-linux", tags("1")).await;
    let status = bench.follow(address(&bench, &accepted, "azure-asyncoperation")).await;
    assert_eq!(status.body["status"], "InProgress");
    assert_eq!(bench.follow(address(&bench, &accepted, "location")).await.status, 202);
    bench.set_pools(|readings| readings.patch_answer = PatchAnswer::Ok);
    let answer = bench.patch_pool("pool-windows", tags("1")).await;
    assert_eq!((answer.status, answer.header("location")), (200, ""));
    assert_eq!(answer.body["properties"]["provisioningState"], "Updating");
}

#[tokio::test]
async fn a_deletion_is_accepted_and_one_of_nothing_is_done_already() {
    let bench = slow().await;
    let accepted = bench.delete_pool("pool-linux").await;
    assert_eq!(accepted.status, 202);
    let address = address(&bench, &accepted, "location");
    assert_eq!(state(&bench, "pool-linux").await, "Deleting");
    assert_eq!(bench.follow(address).await.status, 202);
    bench.simulator.clock().advance(30.0);
    assert_eq!(bench.follow(address).await.status, 204);
    bench.read_pool("pool-linux").await.refused(404, "ResourceNotFound");
    assert_eq!(bench.delete_pool("pool-linux").await.status, 204);
}

#[tokio::test]
async fn a_deletion_that_takes_no_time_is_accepted_all_the_same() {
    let bench = Bench::new().await;
    assert_eq!(bench.delete_pool("pool-linux").await.status, 202);
    bench.read_pool("pool-linux").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_pool_that_is_not_at_rest_refuses_every_write() {
    let bench = Bench::new().await;
    for state in [
        ProvisioningState::Accepted,
        ProvisioningState::Provisioning,
        ProvisioningState::Updating,
        ProvisioningState::Deleting,
    ] {
        let id = bench.pool("pool-linux");
        bench.simulator.state().with(|world| world.set_pool_state(&id, state)).unwrap();
        let refused = bench.patch_pool("pool-linux", tags("1")).await;
        refused.refused(409, "Conflict");
        assert!(refused.message().contains(&format!("'{state}'")), "{}", refused.message());
        bench.put_pool("pool-linux", bench.pool_body()).await.refused(409, "Conflict");
        bench.delete_pool("pool-linux").await.refused(409, "Conflict");
        assert_eq!(bench.read_pool("pool-linux").await.status, 200);
    }
    for state in [ProvisioningState::Succeeded, ProvisioningState::Failed, ProvisioningState::Canceled] {
        let id = bench.pool("pool-linux");
        bench.simulator.state().with(|world| world.set_pool_state(&id, state)).unwrap();
        assert_eq!(bench.patch_pool("pool-linux", tags("1")).await.status, 200, "{state}");
    }
}

#[tokio::test]
async fn a_pool_shows_the_newer_or_the_older_state_while_it_is_changed() {
    for (reading, meanwhile) in [(DuringUpdate::Newer, json!({"a": "1"})), (DuringUpdate::Older, json!({}))] {
        let bench = slow().await;
        bench.set_pools(|readings| readings.during_update = reading);
        bench.patch_pool("pool-linux", tags("1")).await;
        let seen = bench.read_pool("pool-linux").await.body;
        assert_eq!(
            (&seen["tags"], &seen["properties"]["provisioningState"]),
            (&meanwhile, &json!("Updating"))
        );
        bench.simulator.clock().advance(60.0);
        assert_eq!(bench.read_pool("pool-linux").await.body["tags"], json!({"a": "1"}));
    }
}

#[tokio::test]
async fn a_caller_without_a_place_in_the_organization_hears_of_it_from_the_operation_only() {
    for (obstacle, words) in [
        (
            Obstacle::NotFound,
            "was not found in the Azure DevOps organization provided, https://dev.azure.com/contoso.",
        ),
        (
            Obstacle::NoManagePermission,
            "does not have Manage permissions in the Azure DevOps organization provided",
        ),
    ] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.operation_headers = OperationHeaders::Both);
        let object_id = bench.sample.object_id.clone();
        bench.simulator.state().with(|world| world.obstruct("CONTOSO", &object_id, obstacle)).unwrap();
        let accepted = bench.patch_pool("pool-linux", tags("1")).await;
        assert_eq!(accepted.status, 202, "a failure takes an operation even if it takes no time");
        let status = bench.follow(address(&bench, &accepted, "azure-asyncoperation")).await;
        assert_eq!((status.status, &status.body["status"]), (200, &json!("Failed")));
        assert_eq!(status.body["error"]["code"], "PoolProvisioningFailed");
        let message = status.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("The logged in user, {object_id}, {words}")), "{message}");
        let result = bench.follow(address(&bench, &accepted, "location")).await;
        result.refused(400, "PoolProvisioningFailed");
        let pool = bench.read_pool("pool-linux").await.body;
        assert_eq!(pool["properties"]["provisioningState"], "Failed");
        assert!(!pool.to_string().contains(&object_id), "{pool}");
        bench.simulator.state().with(|world| world.clear_obstacle("contoso", &object_id)).unwrap();
        assert_eq!(bench.patch_pool("pool-linux", tags("1")).await.status, 200);
        // The pool of the old address is in the same organization, the one of GitHub in none.
        bench.simulator.state().with(|world| world.obstruct("contoso", &object_id, obstacle)).unwrap();
        assert_eq!(bench.patch_pool("pool-windows", tags("1")).await.status, 202);
        assert_eq!(bench.patch_pool("pool-github", tags("1")).await.status, 200);
    }
}

#[tokio::test]
async fn which_writes_are_checked_in_azure_devops_has_readings() {
    for (reading, identity, everything) in [
        (MembershipCheck::EveryWrite, 202, 202),
        (MembershipCheck::AllButIdentity, 200, 202),
        (MembershipCheck::Never, 200, 200),
    ] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.membership_check = reading);
        let object_id = bench.sample.object_id.clone();
        bench
            .simulator
            .state()
            .with(|world| world.obstruct("contoso", &object_id, Obstacle::NotFound))
            .unwrap();
        let answer = bench.patch_pool("pool-linux", json!({"identity": {"type": "None"}})).await;
        assert_eq!(answer.status, identity, "{}", answer.body);
        assert_eq!(bench.patch_pool("pool-windows", tags("1")).await.status, everything);
    }
}

#[tokio::test]
async fn a_failed_change_is_undone_or_kept() {
    for (during, failed, shown) in [
        (DuringUpdate::Newer, FailedUpdate::Undone, json!({})),
        (DuringUpdate::Newer, FailedUpdate::Kept, json!({"a": "1"})),
        (DuringUpdate::Older, FailedUpdate::Undone, json!({})),
        (DuringUpdate::Older, FailedUpdate::Kept, json!({"a": "1"})),
    ] {
        let bench = slow().await;
        bench.set_pools(|readings| (readings.during_update, readings.failed_update) = (during, failed));
        let object_id = bench.sample.object_id.clone();
        bench
            .simulator
            .state()
            .with(|world| world.obstruct("contoso", &object_id, Obstacle::NotFound))
            .unwrap();
        bench.patch_pool("pool-linux", tags("1")).await;
        bench.simulator.clock().advance(60.0);
        let pool = bench.read_pool("pool-linux").await.body;
        assert_eq!((&pool["tags"], &pool["properties"]["provisioningState"]), (&shown, &json!("Failed")));
    }
}

#[tokio::test]
async fn a_creation_in_an_organization_that_is_not_there_deletes_the_pool_again() {
    let bench = slow().await;
    let mut body = bench.pool_body();
    body["properties"]["organizationProfile"]["organizations"][0]["url"] =
        json!("https://nobody.visualstudio.com");
    let created = bench.put_pool("fresh", body).await;
    assert_eq!(created.status, 201);
    assert_eq!(state(&bench, "fresh").await, "Provisioning");
    bench.simulator.clock().advance(600.0);
    bench.read_pool("fresh").await.refused(404, "ResourceNotFound");
    let status = bench.follow(address(&bench, &created, "azure-asyncoperation")).await;
    assert_eq!(status.body["status"], "Failed");
    assert_eq!(status.body["error"]["code"], "OrganizationNotFound");
    let message = status.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("https://nobody.visualstudio.com") && message.contains("fresh"), "{message}");
}

#[tokio::test]
async fn a_pool_of_github_asks_nothing_of_azure_devops() {
    let bench = Bench::new().await;
    let mut body = bench.pool_body();
    body["properties"]["organizationProfile"] = json!({"kind": "GitHub", "organizations": [{"url": "https://github.com/nobody", "repositories": ["r"]}]});
    let created = bench.put_pool("fresh", body).await;
    assert_eq!((created.status, created.header("azure-asyncoperation")), (201, ""), "{}", created.body);
    assert_eq!(state(&bench, "fresh").await, "Succeeded");
}

#[tokio::test]
async fn an_operation_answers_for_its_time_and_only_in_its_subscription() {
    let bench = slow().await;
    bench.simulator.state().set(|settings| settings.pools.operations_valid_seconds = 90.0);
    let accepted = bench.patch_pool("pool-linux", tags("1")).await;
    let address = address(&bench, &accepted, "location").to_owned();
    let elsewhere = address.replace(&bench.sample.subscription, &bench.sample.platform_subscription);
    bench.follow(&elsewhere).await.refused(404, "OperationNotFound");
    // Clients put their own version in place of the address's.
    let requoted = address.replace("2024-10-19", "2025-09-20");
    assert_ne!(requoted, address);
    assert_eq!(bench.follow(&requoted).await.status, 202);
    bench.simulator.clock().advance(89.0);
    assert_eq!(bench.follow(&address).await.status, 200);
    bench.simulator.clock().advance(1.0);
    bench.follow(&address).await.refused(404, "OperationNotFound");
}

#[tokio::test]
async fn reading_an_operation_is_a_right_of_its_own() {
    let bench = slow().await;
    let accepted = bench.patch_pool("pool-linux", tags("1")).await;
    let (subscription, client) = (bench.sample.subscription.clone(), bench.sample.client_id.clone());
    let action = "Microsoft.DevOpsInfrastructure/locations/operationStatuses/read";
    bench.simulator.state().with(|world| world.deny(&subscription, &client, action, None)).unwrap();
    bench.follow(accepted.header("location")).await.refused(403, "AuthorizationFailed");
    assert_eq!(bench.read_pool("pool-linux").await.status, 200);
}

#[tokio::test]
async fn an_operation_whose_pool_was_taken_out_of_its_hands_is_canceled() {
    let bench = slow().await;
    bench.set_pools(|readings| readings.operation_headers = OperationHeaders::Both);
    let id = bench.pool("pool-linux");
    let first = bench.patch_pool("pool-linux", tags("1")).await;
    bench.simulator.state().with(|world| world.recreate_pool(&id, &[])).unwrap();
    bench.simulator.clock().advance(30.0);
    let second = bench.patch_pool("pool-linux", tags("2")).await;
    bench.simulator.clock().advance(30.0);
    let status = bench.follow(address(&bench, &first, "azure-asyncoperation")).await;
    assert_eq!(status.body["status"], "Canceled");
    bench.follow(address(&bench, &first, "location")).await.refused(409, "OperationCanceled");
    assert_eq!(state(&bench, "pool-linux").await, "Updating", "the second goes on");
    bench.simulator.clock().advance(30.0);
    assert_eq!(bench.follow(address(&bench, &second, "location")).await.status, 200);
    let third = bench.patch_pool("pool-windows", tags("3")).await;
    let windows = bench.pool("pool-windows");
    bench.simulator.state().with(|world| world.delete_pool(&windows)).unwrap();
    bench.simulator.clock().advance(60.0);
    bench.follow(address(&bench, &third, "location")).await.refused(409, "OperationCanceled");
    bench.read_pool("pool-windows").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn what_others_change_during_an_operation_stays() {
    let bench = slow().await;
    let id = bench.pool("pool-linux");
    bench.patch_pool("pool-linux", tags("1")).await;
    bench
        .simulator
        .state()
        .with(|world| world.set_pool_property(&id, "runtimeConfiguration", json!({"workFolder": "/w"})))
        .unwrap();
    bench.simulator.clock().advance(60.0);
    let pool = bench.read_pool("pool-linux").await.body;
    assert_eq!(pool["properties"]["runtimeConfiguration"]["workFolder"], "/w");
    assert_eq!(pool["tags"], json!({"a": "1"}));
}

#[tokio::test]
async fn the_limits_of_resource_manager_count_pools_and_operations() {
    let bench = slow().await;
    let accepted = bench.patch_pool("pool-linux", tags("1")).await;
    assert_eq!(accepted.header("x-ms-ratelimit-remaining-subscription-writes"), "199");
    let polled = bench.follow(accepted.header("location")).await;
    assert_eq!(polled.header("x-ms-ratelimit-remaining-subscription-reads"), "249");
}
