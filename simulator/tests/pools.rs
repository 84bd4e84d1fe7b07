//! Managed DevOps pools, as a client meets them.

mod support;

use azure_simulator::world::{LockLevel, Pool, ProvisioningState, Registration};
use azure_simulator::{LastPage, UnknownInPut};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Bench, POOLS, changed};

#[tokio::test]
async fn a_put_creates_with_201_and_replaces_with_200() {
    let bench = Bench::new().await;
    let created = bench.put_pool("my-Pool", bench.pool_body()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body["name"], "my-Pool");
    assert_eq!(created.body["type"], "Microsoft.DevOpsInfrastructure/pools");
    assert_eq!(created.body["properties"]["provisioningState"], "Succeeded");
    assert_eq!(created.header("azure-asyncoperation"), "", "done at once");
    let body = changed(bench.pool_body(), "/properties/maximumConcurrency", Some(json!(7)));
    let updated = bench.put_pool("MY-pool", body).await;
    assert_eq!((updated.status, &updated.body["name"]), (200, &json!("my-Pool")), "the first spelling stays");
    assert_eq!(updated.body["properties"]["maximumConcurrency"], 7);
}

#[tokio::test]
async fn answers_spell_pools_with_a_capital_whatever_was_asked() {
    let bench = Bench::new().await;
    let answer = bench.get(&bench.pool("POOL-LINUX").to_lowercase(), POOLS).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["id"], bench.pool("pool-linux"));
    assert!(bench.pool("pool-linux").contains("/Microsoft.DevOpsInfrastructure/Pools/"));
}

#[tokio::test]
async fn the_sample_has_foreign_identities_an_unknown_property_an_old_address_and_a_pool_of_github() {
    let bench = Bench::new().await;
    let linux = bench.read_pool("pool-linux").await.body;
    assert_eq!(linux["identity"]["type"], "UserAssigned");
    let signing = bench.sample.foreign_identity_id("id-signing");
    assert!(signing.contains("/resourceGroups/"), "somebody typed it with a capital");
    assert!(linux["identity"]["userAssignedIdentities"][&signing]["principalId"].is_string(), "{linux}");
    assert_eq!(linux["properties"]["upgradeProfile"]["mode"], "Rolling");
    let windows = bench.read_pool("pool-windows").await.body;
    assert_eq!(windows["identity"]["type"], "SystemAssigned,UserAssigned");
    let organization = &windows["properties"]["organizationProfile"]["organizations"][0];
    assert_eq!(organization["url"], "https://contoso.visualstudio.com");
    let github = bench.read_pool("pool-github").await.body;
    assert_eq!(github["properties"]["organizationProfile"]["kind"], "GitHub");
    assert_eq!(github.get("identity"), None);
}

#[tokio::test]
async fn what_is_required_is_missed_with_its_path() {
    let bench = Bench::new().await;
    for missing in [
        "/properties",
        "/properties/maximumConcurrency",
        "/properties/organizationProfile",
        "/properties/agentProfile",
        "/properties/fabricProfile",
        "/properties/devCenterProjectResourceId",
        "/properties/organizationProfile/kind",
        "/properties/organizationProfile/organizations",
        "/properties/fabricProfile/sku",
        "/properties/fabricProfile/sku/name",
        "/properties/fabricProfile/images",
    ] {
        let answer = bench.put_pool("fresh", changed(bench.pool_body(), missing, None)).await;
        answer.refused(400, "InvalidRequestContent");
        let path = format!("Path '{}'", missing[1..].replace('/', "."));
        assert!(answer.message().contains(&path), "{}", answer.message());
    }
    bench
        .put_pool("fresh", changed(bench.pool_body(), "/location", None))
        .await
        .refused(400, "LocationRequired");
    bench.read_pool("fresh").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn what_nobody_described_or_is_of_another_type_is_refused_with_its_path() {
    let bench = Bench::new().await;
    for (pointer, value, path) in [
        ("/Tags", json!({}), "'Tags'"),
        ("/properties/upgradeProfile", json!({}), "'properties.upgradeProfile'"),
        ("/properties/maximumConcurrency", json!(0), "'properties.maximumConcurrency'"),
        ("/properties/maximumConcurrency", json!(10_001), "'properties.maximumConcurrency'"),
        ("/properties/maximumConcurrency", json!("2"), "'properties.maximumConcurrency'"),
        ("/properties/provisioningState", json!("Ready"), "'properties.provisioningState'"),
        ("/properties/agentProfile/kind", json!("Eternal"), "'properties.agentProfile.kind'"),
        ("/properties/agentProfile/gracePeriodTimeSpan", json!("1"), "gracePeriodTimeSpan"),
        (
            "/properties/organizationProfile/organizations",
            json!([{"url": "u", "repositories": []}]),
            "[0].repositories",
        ),
        ("/properties/organizationProfile/organizations", json!([{"projects": []}]), "organizations[0].url"),
        (
            "/properties/organizationProfile/permissionProfile",
            json!({"kind": "All"}),
            "permissionProfile.kind",
        ),
        ("/properties/fabricProfile/osProfile", json!({"logonType": "Batch"}), "osProfile.logonType"),
        ("/identity", json!({}), "'identity.type'"),
        ("/identity", json!({"type": "Managed"}), "'identity.type'"),
        ("/identity", json!({"type": "None", "identities": {}}), "'identity.identities'"),
        ("/tags", json!({"a": 1}), "'tags.a'"),
    ] {
        let answer = bench.put_pool("fresh", changed(bench.pool_body(), pointer, Some(value))).await;
        answer.refused(400, "InvalidRequestContent");
        assert!(answer.message().contains(path), "{pointer}: {}", answer.message());
    }
    for (body, path) in [
        (json!({"location": "westeurope"}), "'location'"),
        (json!({"properties": {"fabricProfile": {}}}), "'properties.fabricProfile.kind'"),
        (json!({"properties": {"upgradeProfile": {}}}), "'properties.upgradeProfile'"),
        (json!({"identity": {"userAssignedIdentities": {}}}), "'identity.type'"),
    ] {
        let answer = bench.patch_pool("pool-linux", body).await;
        answer.refused(400, "InvalidRequestContent");
        assert!(answer.message().contains(path), "{}", answer.message());
    }
}

#[tokio::test]
async fn read_only_members_and_the_state_are_passed_over() {
    let bench = Bench::new().await;
    let mut body = changed(bench.pool_body(), "/id", Some(json!("x")));
    for (pointer, value) in [
        ("/systemData", json!({"createdBy": "me"})),
        ("/properties/provisioningState", json!("Deleting")),
        (
            "/properties/fabricProfile/networkProfile",
            json!({"staticIpAddressCount": 1, "ipAddresses": ["1.1.1.1"]}),
        ),
    ] {
        body = changed(body, pointer, Some(value));
    }
    body["properties"]["fabricProfile"]["images"][0]["isEphemeral"] = json!(true);
    let answer = bench.put_pool("fresh", body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.body["properties"]["provisioningState"], "Succeeded");
    let fabric = &answer.body["properties"]["fabricProfile"];
    assert_eq!(fabric["networkProfile"], json!({"staticIpAddressCount": 1}), "no subnet is needed");
    assert_eq!(fabric["images"][0].get("isEphemeral"), None);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let bench = Bench::new().await;
    let before = bench.read_pool("pool-linux").await.body;
    let answer = bench
        .patch_pool("pool-linux", json!({"tags": {"a": "1"}, "properties": {"maximumConcurrency": 5}}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut expected = before;
    expected["tags"] = json!({"a": "1"});
    expected["properties"]["maximumConcurrency"] = json!(5);
    assert_eq!(bench.read_pool("pool-linux").await.body, expected);
    let answer = bench.patch_pool("pool-linux", json!({"tags": {"b": "2"}})).await;
    assert_eq!(answer.body["tags"], json!({"b": "2"}), "tags are replaced as a whole");
    bench.patch_pool("nowhere", json!({})).await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_put_loses_what_its_version_does_not_know_or_keeps_it() {
    for (reading, kept) in [(UnknownInPut::Lost, false), (UnknownInPut::Kept, true)] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.unknown_in_put = reading);
        let answer = bench.put_pool("pool-linux", bench.pool_body()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["properties"].get("upgradeProfile").is_some(), kept);
    }
}

#[tokio::test]
async fn the_region_is_fixed_and_has_to_be_offered() {
    let bench = Bench::new().await;
    let elsewhere = changed(bench.pool_body(), "/location", Some(json!("eastus")));
    bench.put_pool("pool-linux", elsewhere).await.refused(409, "InvalidResourceLocation");
    let moon = changed(bench.pool_body(), "/location", Some(json!("moon")));
    let answer = bench.put_pool("fresh", moon).await;
    answer.refused(400, "LocationNotAvailableForResourceType");
    assert!(answer.message().contains("'Microsoft.DevOpsInfrastructure/pools'"), "{}", answer.message());
}

#[tokio::test]
async fn names_have_a_pattern_and_are_unique_in_all_of_azure() {
    let bench = Bench::new().await;
    for name in ["-abc", ".abc", "a_b", "a b"] {
        bench
            .put_pool(&name.replace(' ', "%20"), bench.pool_body())
            .await
            .refused(400, "InvalidResourceName");
    }
    assert_eq!(bench.put_pool("a", bench.pool_body()).await.status, 201);
    assert_eq!(bench.put_pool("0-.b", bench.pool_body()).await.status, 201);
    let elsewhere = bench
        .pool("Pool-Linux")
        .replace(&bench.sample.subscription, &bench.sample.platform_subscription)
        .replace(&bench.sample.group, &bench.sample.platform_group);
    let answer = bench.send(Method::PUT, &elsewhere, POOLS, Some(bench.pool_body())).await;
    answer.refused(409, "PoolNameNotAvailable");
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.DevOpsInfrastructure/checkNameAvailability",
        bench.sample.subscription
    );
    for (name, available, reason) in [
        ("fresh", "Available", json!("")),
        ("POOL-linux", "Unavailable", json!("AlreadyExists")),
        ("a_b", "Unavailable", json!("Invalid")),
    ] {
        let body = json!({"name": name, "type": "Microsoft.DevOpsInfrastructure/pools"});
        let answer = bench.send(Method::POST, &path, POOLS, Some(body)).await;
        assert_eq!((answer.status, &answer.body["available"]), (200, &json!(available)), "{}", answer.body);
        assert_eq!(answer.body["reason"], reason);
        assert!(answer.body["message"].is_string(), "{}", answer.body);
    }
    let body = json!({"name": "fresh", "type": "pools"});
    bench.send(Method::POST, &path, POOLS, Some(body)).await.refused(400, "InvalidRequestContent");
}

#[tokio::test]
async fn lists_come_in_pages_with_absolute_links_and_the_last_page_has_readings() {
    let bench = Bench::with(|settings| settings.page_size = 2).await;
    let (subscription, group) = (&bench.sample.subscription, &bench.sample.group);
    let kind = "providers/Microsoft.DevOpsInfrastructure/pools";
    for path in [
        format!("/subscriptions/{subscription}/resourceGroups/{group}/{kind}"),
        format!("/subscriptions/{subscription}/{kind}"),
    ] {
        let first = bench.get(&path, POOLS).await.body;
        let link = first["nextLink"].as_str().unwrap();
        assert!(link.starts_with(&bench.simulator.resource_manager()), "{link}");
        assert!(link.contains("api-version=2025-09-20"), "{link}");
        bench.simulator.state().set(|settings| settings.readings.last_page = LastPage::Empty);
        let second = bench.follow(link).await.body;
        assert_eq!(second["nextLink"], "");
        let names: Vec<&Value> = [&first, &second]
            .into_iter()
            .flat_map(|page| page["value"].as_array().unwrap())
            .map(|pool| &pool["name"])
            .collect();
        assert_eq!(names, ["pool-github", "pool-linux", "pool-windows"]);
    }
    let path = format!("/subscriptions/{}/{kind}", bench.sample.platform_subscription);
    assert_eq!(bench.get(&path, POOLS).await.body["value"], json!([]));
}

#[tokio::test]
async fn reads_lag_behind_writes_and_behind_the_end_of_an_operation() {
    let bench = Bench::with(|settings| {
        settings.replication_delay_seconds = 20.0;
        settings.pools.update_seconds = 60.0;
    })
    .await;
    let state = async || bench.read_pool("pool-linux").await.body["properties"]["provisioningState"].clone();
    assert_eq!(bench.patch_pool("pool-linux", json!({"tags": {"a": "1"}})).await.status, 202);
    assert_eq!(state().await, "Succeeded", "still the older state");
    bench.simulator.clock().advance(20.0);
    assert_eq!(state().await, "Updating");
    bench.simulator.clock().advance(50.0);
    assert_eq!(state().await, "Updating", "the end has not come to this replica");
    bench.simulator.clock().advance(10.0);
    assert_eq!(state().await, "Succeeded");
}

#[tokio::test]
async fn locks_policies_registration_and_rights_stand_in_the_way_as_for_identities() {
    let bench = Bench::new().await;
    let state = bench.simulator.state();
    let (subscription, group, client) =
        (bench.sample.subscription.as_str(), bench.sample.group.as_str(), bench.sample.client_id.as_str());
    let patch = async || bench.patch_pool("pool-linux", json!({"tags": {}})).await;

    state.with(|world| world.lock(subscription, group, "frozen", LockLevel::ReadOnly)).unwrap();
    let answer = patch().await;
    answer.refused(409, "ScopeLocked");
    assert!(
        answer.message().contains("DevOpsInfrastructure/pools/pool-linux' cannot perform write operation")
    );
    bench.delete_pool("pool-linux").await.refused(409, "ScopeLocked");
    state.with(|world| world.unlock(subscription, group, "frozen")).unwrap();

    state.with(|world| world.set_policy(subscription, group, Some("no-pools"))).unwrap();
    patch().await.refused(403, "RequestDisallowedByPolicy");
    bench.put_pool("fresh", bench.pool_body()).await.refused(403, "RequestDisallowedByPolicy");
    state.with(|world| world.set_policy(subscription, group, None)).unwrap();

    let namespace = "Microsoft.DevOpsInfrastructure";
    state.with(|world| world.set_registration(subscription, namespace, Registration::Unregistered)).unwrap();
    let answer = patch().await;
    answer.refused(409, "MissingSubscriptionRegistration");
    assert!(answer.message().contains("namespace 'Microsoft.DevOpsInfrastructure'"));
    assert_eq!(bench.put("abc", bench.here()).await.status, 201, "the other provider is registered");
    state.with(|world| world.set_registration(subscription, namespace, Registration::Registered)).unwrap();

    let action = "Microsoft.DevOpsInfrastructure/pools/write";
    state.with(|world| world.deny(subscription, client, action, None)).unwrap();
    let answer = patch().await;
    answer.refused(403, "AuthorizationFailed");
    assert!(answer.message().contains(&format!("action '{action}'")), "{}", answer.message());
    assert_eq!(bench.read_pool("pool-linux").await.status, 200);
}

#[tokio::test]
async fn a_group_takes_its_pools_along() {
    let bench = Bench::new().await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench.simulator.state().with(|world| world.delete_group(&subscription, &group)).unwrap();
    assert!(bench.simulator.state().with(|world| world.pools.is_empty()));
}

#[tokio::test]
async fn a_pool_of_any_state_can_be_put_into_the_world() {
    let bench = Bench::new().await;
    let pool = Pool {
        provisioning_state: ProvisioningState::Accepted,
        ..Pool::azure_devops("westeurope", &["https://contoso.visualstudio.com"])
    };
    let id = bench.pool("other");
    bench.simulator.state().with(|world| world.create_pool(&id, pool)).unwrap();
    assert_eq!(bench.read_pool("other").await.body["properties"]["provisioningState"], "Accepted");
    let taken = bench.pool("OTHER").replace(&bench.sample.group, "elsewhere");
    let error = bench
        .simulator
        .state()
        .with(|world| world.create_pool(&taken, Pool::azure_devops("westeurope", &[])))
        .unwrap_err();
    assert_eq!(error.field, "id");
}
