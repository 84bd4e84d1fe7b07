//! The identity block of a pool: what a write leaves of it, who may write it, and what goes stale.

mod support;

use std::collections::BTreeSet;

use azure_simulator::world::{Entry, IsolationScope, Name, Tags};
use azure_simulator::{
    AssignRight, BothTypes, DeadEntry, IdentityAbsentInPut, IdentityMap, LastEntryGone, NoneInPatch,
    NullInPatch, NullInPut, RecreatedIdentity, RegionalIdentity, ResentEntry,
};
use serde_json::{Value, json};
use support::{Bench, Seen};

fn block(kind: &str, entries: &[(&str, Value)]) -> Value {
    let map: serde_json::Map<String, Value> =
        entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    json!({"identity": {"type": kind, "userAssignedIdentities": map}})
}

fn keys(answer: &Seen) -> Vec<String> {
    let map = answer.body["identity"]["userAssignedIdentities"].as_object();
    map.into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn foreign(bench: &Bench) -> (String, String) {
    (bench.sample.foreign_identity_id("id-artifacts"), bench.sample.foreign_identity_id("id-signing"))
}

#[tokio::test]
async fn a_map_in_a_patch_is_merged_or_replaces() {
    let bench = Bench::new().await;
    let ours = bench.given_identity("ours");
    let (artifacts, signing) = foreign(&bench);
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&ours, json!({}))])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let wanted = BTreeSet::from([artifacts, signing, ours.clone()]);
    assert_eq!(keys(&answer).into_iter().collect::<BTreeSet<_>>(), wanted);
    let id = ours.clone();
    let principal = bench.simulator.state().with(|world| world.identity(&id).unwrap().principal_id.clone());
    assert_eq!(answer.body["identity"]["userAssignedIdentities"][&ours]["principalId"], principal);
    bench.set_pools(|readings| readings.identity_map = IdentityMap::Replace);
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&ours, json!({}))])).await;
    assert_eq!(keys(&answer), [ours]);
}

#[tokio::test]
async fn the_full_map_means_the_same_under_both_readings() {
    for reading in [IdentityMap::Merge, IdentityMap::Replace] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.identity_map = reading);
        let before = bench.read_pool("pool-windows").await.body;
        let (ours, (_, signing)) = (bench.given_identity("ours"), foreign(&bench));
        let both = "SystemAssigned,UserAssigned";
        let answer =
            bench.patch_pool("pool-windows", block(both, &[(&signing, json!({})), (&ours, json!({}))])).await;
        assert_eq!(keys(&answer).len(), 2, "{}", answer.body);
        let answer = bench
            .patch_pool("pool-windows", block(both, &[(&signing, json!({})), (&ours, Value::Null)]))
            .await;
        assert_eq!(answer.body, before, "added and removed, all is as it was");
    }
}

#[tokio::test]
async fn a_put_replaces_the_map_and_keys_are_spelled_as_given() {
    let bench = Bench::new().await;
    let ours = bench.given_identity("ours").to_uppercase();
    let mut body = bench.pool_body();
    body["identity"] = block("UserAssigned", &[(&ours, json!({}))])["identity"].clone();
    let answer = bench.put_pool("pool-linux", body).await;
    assert_eq!((answer.status, keys(&answer)), (200, vec![ours]), "{}", answer.body);
}

#[tokio::test]
async fn a_key_in_another_case_is_the_same_entry() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    let shouted = signing.to_uppercase();
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&shouted, Value::Null)])).await;
    assert_eq!(keys(&answer), std::slice::from_ref(&artifacts));
    let twice = block("UserAssigned", &[(&artifacts, json!({})), (&artifacts.to_uppercase(), json!({}))]);
    bench.patch_pool("pool-linux", twice).await.refused(400, "InvalidIdentityValues");
}

#[tokio::test]
async fn null_takes_an_entry_away_in_a_patch_and_in_a_put_only_under_one_reading() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    let map = block("UserAssigned", &[(&artifacts, json!({})), (&signing, Value::Null)]);
    let mut body = bench.pool_body();
    body["identity"] = map["identity"].clone();
    let answer = bench.put_pool("pool-linux", body.clone()).await;
    answer.refused(400, "InvalidIdentityValues");
    assert!(answer.message().contains("only supported for PATCH"), "{}", answer.message());
    bench.set_pools(|readings| readings.null_in_put = NullInPut::Removed);
    assert_eq!(keys(&bench.put_pool("pool-linux", body).await), [artifacts]);
    let gone = bench.patch_pool("pool-linux", block("UserAssigned", &[(&signing, Value::Null)])).await;
    assert_eq!(gone.status, 200, "null for what is not there is no error: {}", gone.body);
}

#[tokio::test]
async fn where_null_is_refused_in_a_patch_an_entry_goes_by_being_left_out_of_the_map() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    bench.set_pools(|readings| {
        (readings.null_in_patch, readings.identity_map) = (NullInPatch::Refused, IdentityMap::Replace);
    });
    let map = block("UserAssigned", &[(&artifacts, json!({})), (&signing, Value::Null)]);
    bench.patch_pool("pool-linux", map).await.refused(400, "InvalidIdentityValues");
    let left_out = block("UserAssigned", &[(&artifacts, json!({}))]);
    assert_eq!(keys(&bench.patch_pool("pool-linux", left_out).await), [artifacts]);
}

#[tokio::test]
async fn where_none_is_refused_the_last_entry_goes_by_null_beside_its_type() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    bench.set_pools(|readings| readings.none_in_patch = NoneInPatch::RefusedWhileAttached);
    let none = json!({"identity": {"type": "None"}});
    bench.patch_pool("pool-linux", none.clone()).await.refused(400, "InvalidIdentityValues");
    let nulls = block("UserAssigned", &[(&artifacts, Value::Null), (&signing, Value::Null)]);
    let answer = bench.patch_pool("pool-linux", nulls).await;
    assert_eq!((answer.status, keys(&answer).len()), (200, 0), "{}", answer.body);
    assert_eq!(bench.patch_pool("pool-linux", none).await.status, 200, "nothing is attached any more");
}

#[tokio::test]
async fn an_entry_may_follow_its_identity_that_was_created_again() {
    let bench = Bench::new().await;
    let ours = bench.given_identity("ours");
    let principal =
        |answer: &Seen| answer.body["identity"]["userAssignedIdentities"][&ours]["principalId"].clone();
    let first =
        principal(&bench.patch_pool("pool-linux", block("UserAssigned", &[(&ours, json!({}))])).await);
    bench.set_pools(|readings| readings.recreated_identity = RecreatedIdentity::Followed);
    let id = ours.clone();
    bench.simulator.state().with(|world| world.recreate_identity(&id, Tags::Lost)).unwrap();
    let followed = principal(&bench.read_pool("pool-linux").await);
    let live = bench.simulator.state().with(|world| world.identity(&id).unwrap().principal_id.clone());
    assert_eq!(followed, json!(live));
    assert_ne!(followed, first);
}

#[tokio::test]
async fn a_value_is_empty_or_null_or_what_is_there_and_nothing_else() {
    let bench = Bench::new().await;
    let (ours, (_, signing)) = (bench.given_identity("ours"), foreign(&bench));
    let there =
        bench.read_pool("pool-linux").await.body["identity"]["userAssignedIdentities"][&signing].clone();
    let mut other = there.clone();
    other["clientId"] = json!("00000000-0000-4000-8000-000000000000");
    for (key, value) in [
        (&signing, other),
        (&signing, json!({"principalId": there["principalId"]})),
        (&signing, json!("")),
        (&signing, json!([])),
        (&ours, there.clone()),
    ] {
        let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(key, value)])).await;
        answer.refused(400, "InvalidIdentityValues");
        assert!(answer.message().contains("empty json objects, null or the resource exisiting property"));
        assert!(answer.message().contains(key.as_str()), "{}", answer.message());
    }
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&signing, there)])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[("/ours", json!({}))])).await;
    answer.refused(400, "LinkedInvalidPropertyId");
}

#[tokio::test]
async fn an_entry_of_a_recreated_identity_stays_stale_until_it_is_removed_and_added() {
    let bench = Bench::new().await;
    let ours = bench.given_identity("ours");
    let add = block("UserAssigned", &[(&ours, json!({}))]);
    let principal =
        |answer: &Seen| answer.body["identity"]["userAssignedIdentities"][&ours]["principalId"].clone();
    let first = principal(&bench.patch_pool("pool-linux", add.clone()).await);
    let id = ours.clone();
    bench.simulator.state().with(|world| world.recreate_identity(&id, Tags::Lost)).unwrap();
    assert_eq!(principal(&bench.read_pool("pool-linux").await), first, "nobody tells the pool");
    assert_eq!(principal(&bench.patch_pool("pool-linux", add.clone()).await), first, "sent again, it stays");
    let remove = block("UserAssigned", &[(&ours, Value::Null)]);
    assert_eq!(bench.patch_pool("pool-linux", remove).await.status, 200);
    let cured = principal(&bench.patch_pool("pool-linux", add.clone()).await);
    assert_ne!(cured, first);
    bench.simulator.state().with(|world| world.recreate_identity(&id, Tags::Lost)).unwrap();
    bench.set_pools(|readings| readings.resent_entry = ResentEntry::Refreshed);
    assert_ne!(principal(&bench.patch_pool("pool-linux", add).await), cured);
}

#[tokio::test]
async fn a_new_entry_may_be_shown_without_its_ids_for_a_time() {
    let bench = Bench::with(|settings| settings.pools.entries_empty_seconds = 30.0).await;
    let ours = bench.given_identity("ours");
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&ours, json!({}))])).await;
    assert_eq!(answer.body["identity"]["userAssignedIdentities"][&ours], json!({}));
    bench.simulator.clock().advance(30.0);
    let read = bench.read_pool("pool-linux").await;
    assert!(
        read.body["identity"]["userAssignedIdentities"][&ours]["principalId"].is_string(),
        "{}",
        read.body
    );
}

#[tokio::test]
async fn a_type_without_the_others_drops_them_and_one_of_its_own_comes_and_goes() {
    let bench = Bench::new().await;
    let before = bench.read_pool("pool-windows").await.body;
    let answer = bench.patch_pool("pool-windows", json!({"identity": {"type": "UserAssigned"}})).await;
    assert_eq!(answer.body["identity"].get("principalId"), None, "{}", answer.body);
    assert_eq!(keys(&answer).len(), 1, "a map that is not named stays");
    let answer =
        bench.patch_pool("pool-windows", json!({"identity": {"type": "SystemAssigned, UserAssigned"}})).await;
    assert_eq!(answer.body["identity"]["type"], "SystemAssigned,UserAssigned");
    assert_ne!(answer.body["identity"]["principalId"], before["identity"]["principalId"], "a new one");
    let answer = bench.patch_pool("pool-windows", json!({"identity": {"type": "SystemAssigned"}})).await;
    assert_eq!((&answer.body["identity"]["type"], keys(&answer).len()), (&json!("SystemAssigned"), 0));
    let answer = bench.patch_pool("pool-windows", json!({"identity": {"type": "None"}})).await;
    assert_eq!(answer.body.get("identity"), None);
}

#[tokio::test]
async fn both_types_are_written_tight_or_with_a_blank() {
    let bench = Bench::new().await;
    bench.set_pools(|readings| readings.both_types = BothTypes::Spaced);
    let read = bench.read_pool("pool-windows").await;
    assert_eq!(read.body["identity"]["type"], "SystemAssigned, UserAssigned");
}

#[tokio::test]
async fn a_type_and_a_map_that_contradict_each_other_are_refused() {
    let bench = Bench::new().await;
    let (_, signing) = foreign(&bench);
    for kind in ["None", "SystemAssigned"] {
        let answer = bench.patch_pool("pool-linux", block(kind, &[(&signing, json!({}))])).await;
        answer.refused(400, "FailedIdentityOperation");
        assert!(answer.message().contains("should not contain: userAssignedIdentities"));
        let answer = bench.patch_pool("pool-linux", block(kind, &[(&signing, Value::Null)])).await;
        assert_eq!((answer.status, keys(&answer).len()), (200, 0), "{}", answer.body);
        let id = bench.pool("pool-linux");
        bench.simulator.state().with(|world| world.add_pool_entry(&id, &signing)).unwrap();
    }
}

#[tokio::test]
async fn the_last_entry_goes_with_its_type() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    let all_gone = block("UserAssigned", &[(&artifacts, Value::Null), (&signing, Value::Null)]);
    bench.patch_pool("pool-linux", all_gone.clone()).await.refused(400, "MissingIdentityIds");
    bench.set_pools(|readings| readings.last_entry_gone = LastEntryGone::Dropped);
    let answer = bench.patch_pool("pool-linux", all_gone).await;
    assert_eq!((answer.status, answer.body.get("identity")), (200, None));
}

#[tokio::test]
async fn a_put_without_the_block_removes_all_or_keeps_all() {
    for (reading, count) in [(IdentityAbsentInPut::Removed, 0), (IdentityAbsentInPut::Kept, 2)] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.identity_absent_in_put = reading);
        assert_eq!(keys(&bench.put_pool("pool-linux", bench.pool_body()).await).len(), count);
    }
}

#[tokio::test]
async fn the_right_to_assign_is_needed_on_every_identity_or_on_new_ones() {
    let bench = Bench::new().await;
    let (ours, (artifacts, signing)) = (bench.given_identity("ours"), foreign(&bench));
    let (platform, client) = (bench.sample.platform_subscription.clone(), bench.sample.client_id.clone());
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    bench.simulator.state().with(|world| world.deny(&platform, &client, action, Some(&signing))).unwrap();
    let full = block("UserAssigned", &[(&artifacts, json!({})), (&signing, json!({})), (&ours, json!({}))]);
    let answer = bench.patch_pool("pool-linux", full.clone()).await;
    answer.refused(403, "LinkedAuthorizationFailed");
    let expected = format!(
        "The client '{client}' with object id '{}' has permission to perform action \
         'Microsoft.DevOpsInfrastructure/pools/write' on scope '{}'; however, it does not have permission to perform \
         action(s) '{action}' on the linked scope(s) '{signing}' (respectively) or the linked scope(s) are invalid.",
        bench.sample.object_id,
        bench.pool("pool-linux").replace("/Pools/", "/pools/"),
    );
    assert_eq!(answer.message(), expected);
    let without = block("UserAssigned", &[(&artifacts, json!({})), (&signing, Value::Null)]);
    assert_eq!(bench.patch_pool("pool-linux", without).await.status, 200, "removing needs no such right");
    bench.patch_pool("pool-linux", full.clone()).await.refused(403, "LinkedAuthorizationFailed");
    let id = bench.pool("pool-linux");
    bench.simulator.state().with(|world| world.add_pool_entry(&id, &signing)).unwrap();
    bench.set_pools(|readings| readings.assign_right = AssignRight::NewIdentities);
    assert_eq!(bench.patch_pool("pool-linux", full).await.status, 200);
}

#[tokio::test]
async fn an_identity_in_a_foreign_directory_cannot_be_assigned() {
    let bench = Bench::new().await;
    let (platform, other) = (bench.sample.platform_subscription.clone(), bench.sample.other_tenant.clone());
    let (_, signing) = foreign(&bench);
    bench.simulator.state().with(|world| world.move_subscription(&platform, &other)).unwrap();
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&signing, json!({}))])).await;
    answer.refused(403, "LinkedAuthorizationFailed");
}

#[tokio::test]
async fn an_identity_that_is_gone_fails_the_write_and_a_leftover_only_under_one_reading() {
    let bench = Bench::new().await;
    let (artifacts, signing) = foreign(&bench);
    let dead = signing.clone();
    bench.simulator.state().with(|world| world.delete_identity(&dead)).unwrap();
    let full = block("UserAssigned", &[(&artifacts, json!({})), (&signing, json!({}))]);
    let answer = bench.patch_pool("pool-linux", full.clone()).await;
    answer.refused(400, "FailedIdentityOperation");
    assert!(
        answer.message().contains(&format!("Resource '{signing}' was not found")),
        "{}",
        answer.message()
    );
    assert_eq!(keys(&bench.read_pool("pool-linux").await).len(), 2, "the entry stays");
    bench.set_pools(|readings| readings.dead_entry = DeadEntry::Tolerated);
    let answer = bench.patch_pool("pool-linux", full).await;
    assert_eq!((answer.status, keys(&answer).len()), (200, 2), "{}", answer.body);
    let never = bench.identity("never-there");
    let answer = bench.patch_pool("pool-linux", block("UserAssigned", &[(&never, json!({}))])).await;
    answer.refused(400, "FailedIdentityOperation");
}

#[tokio::test]
async fn a_regional_identity_is_refused_elsewhere_at_once_or_later() {
    let bench = Bench::new().await;
    let ours = bench.given_identity("ours");
    let add = block("UserAssigned", &[(&ours, json!({}))]);
    let set = |location: &str| {
        bench.simulator.state().with(|world| {
            let identity = world.identity_mut(&ours).unwrap();
            identity.isolation_scope = IsolationScope::Regional;
            identity.location = location.to_owned();
        });
    };
    set("eastus");
    let answer = bench.patch_pool("pool-linux", add.clone()).await;
    answer.refused(400, "FailedIdentityOperation");
    assert!(answer.message().contains("its own region 'eastus'"), "{}", answer.message());
    bench.set_pools(|readings| readings.regional_identity = RegionalIdentity::Later);
    let accepted = bench.patch_pool("pool-linux", add.clone()).await;
    assert_eq!(accepted.status, 202);
    bench.follow(accepted.header("location")).await.refused(400, "FailedIdentityOperation");
    let pool = bench.read_pool("pool-linux").await;
    assert_eq!((&pool.body["properties"]["provisioningState"], keys(&pool).len()), (&json!("Failed"), 2));
    set("West Europe");
    assert_eq!(bench.patch_pool("pool-linux", add).await.status, 200);
}

#[tokio::test]
async fn a_leftover_can_be_planted() {
    let bench = Bench::new().await;
    let (id, ours) = (bench.pool("pool-linux"), bench.given_identity("ours"));
    let old = Entry { principal_id: "p".into(), client_id: "c".into(), shown_from: None };
    bench.simulator.state().with(|world| world.put_pool_entry(&id, &ours, old.clone())).unwrap();
    let read = bench.read_pool("pool-linux").await;
    assert_eq!(read.body["identity"]["userAssignedIdentities"][&ours]["principalId"], "p");
    let key = Name::from(ours.as_str());
    bench.simulator.state().with(|world| assert_eq!(world.pool(&id).unwrap().identity.user[&key], old));
}
