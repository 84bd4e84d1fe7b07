//! The versions of the API and what each knows, as a client meets them.

mod support;

use azure_simulator::{KindInPatch, UnknownInPut};
use reqwest::Method;
use serde_json::json;
use support::{Bench, IDENTITIES, POOLS, changed};

#[tokio::test]
async fn every_stable_version_is_taken_and_no_other() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    for (path, versions) in [
        (
            bench.identity("abc"),
            ["2018-11-30", "2023-01-31", "2024-11-30", "2026-04-30", "2026-05-31"].as_slice(),
        ),
        (bench.pool("pool-linux"), ["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"].as_slice()),
    ] {
        for version in versions {
            assert_eq!(bench.get(&path, version).await.status, 200, "{path} {version}");
        }
        for version in ["2017-01-01", "2025-05-31-preview", "2027-01-01"] {
            let answer = bench.get(&path, version).await;
            answer.refused(400, "InvalidApiVersionParameter");
            assert!(answer.message().contains(&versions.join(",")), "{}", answer.message());
        }
    }
}

#[tokio::test]
async fn what_came_later_is_not_there_before() {
    let bench = Bench::new().await;
    let subscription =
        format!("/subscriptions/{}/providers/Microsoft.DevOpsInfrastructure", bench.sample.subscription);
    let question = json!({"name": "fresh", "type": "Microsoft.DevOpsInfrastructure/pools"});
    for (version, status) in [("2024-10-19", 400), ("2025-01-21", 200)] {
        let path = format!("{subscription}/checkNameAvailability");
        let answer = bench.send(Method::POST, &path, version, Some(question.clone())).await;
        assert_eq!(answer.status, status, "{version}: {}", answer.body);
    }
    bench.put("abc", bench.here()).await;
    let credentials = format!("{}/federatedIdentityCredentials", bench.identity("abc"));
    for (version, status) in [("2018-11-30", 400), ("2023-01-31", 200)] {
        assert_eq!(bench.get(&credentials, version).await.status, status, "{version}");
    }
}

#[tokio::test]
async fn an_identity_has_the_members_of_the_version_that_was_asked_for() {
    let bench = Bench::new().await;
    let everything = json!({
        "location": "westeurope",
        "properties": {
            "isolationScope": "Regional",
            "assignmentRestrictions": {"providers": ["Microsoft.Compute"]},
        },
    });
    let path = bench.identity("abc");
    for version in ["2018-11-30", "2023-01-31", "2024-11-30"] {
        let answer = bench.send(Method::PUT, &path, version, Some(everything.clone())).await;
        answer.refused(400, "InvalidRequestContent");
    }
    let answer = bench.send(Method::PUT, &path, "2026-04-30", Some(everything.clone())).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        answer.body["properties"]["assignmentRestrictions"],
        json!({"providers": ["Microsoft.Compute"]})
    );
    for (version, system_data, scope, restrictions) in [
        ("2018-11-30", false, false, false),
        ("2023-01-31", true, false, false),
        ("2024-11-30", true, true, false),
        ("2026-05-31", true, true, true),
    ] {
        let body = bench.get(&path, version).await.body;
        let properties = &body["properties"];
        assert_eq!(body.get("systemData").is_some(), system_data, "{version}");
        assert_eq!(properties.get("isolationScope").is_some(), scope, "{version}");
        assert_eq!(properties.get("assignmentRestrictions").is_some(), restrictions, "{version}");
    }
    let freed = json!({"properties": {"assignmentRestrictions": null}});
    let answer = bench.send(Method::PATCH, &path, "2026-05-31", Some(freed)).await;
    assert_eq!(answer.body["properties"].get("assignmentRestrictions"), None, "{}", answer.body);
    assert_eq!(answer.body["properties"]["isolationScope"], "Regional");
}

#[tokio::test]
async fn a_put_of_an_older_version_takes_from_an_identity_what_it_does_not_know_or_keeps_it() {
    for (reading, scope, restricted) in
        [(UnknownInPut::Lost, "None", false), (UnknownInPut::Kept, "Regional", true)]
    {
        let bench = Bench::with(|settings| settings.readings.unknown_in_put = reading).await;
        let path = bench.identity("abc");
        let restrictions = json!({"providers": ["Microsoft.Compute"]});
        let body = json!({
            "location": "westeurope",
            "properties": {"isolationScope": "Regional", "assignmentRestrictions": restrictions},
        });
        assert_eq!(bench.send(Method::PUT, &path, "2026-05-31", Some(body)).await.status, 201);
        assert_eq!(bench.send(Method::PUT, &path, "2023-01-31", Some(bench.here())).await.status, 200);
        let properties = &bench.get(&path, "2026-05-31").await.body["properties"];
        assert_eq!(properties["isolationScope"], scope);
        assert_eq!(properties.get("assignmentRestrictions").is_some(), restricted);
    }
}

#[tokio::test]
async fn an_identity_that_is_restricted_to_other_providers_cannot_be_put_on_a_pool() {
    let bench = Bench::new().await;
    for (provider, status) in [("Microsoft.Compute", 400), ("microsoft.devopsinfrastructure", 200)] {
        let body = json!({
            "location": "westeurope",
            "properties": {"assignmentRestrictions": {"providers": [provider]}},
        });
        bench.send(Method::PUT, &bench.identity("abc"), "2026-05-31", Some(body)).await;
        let entries = json!({bench.identity("abc"): {}});
        let block = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": entries}});
        let answer = bench.patch_pool("pool-linux", block).await;
        assert_eq!(answer.status, status, "{provider}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_pool_has_the_members_of_the_version_that_was_asked_for() {
    let bench = Bench::new().await;
    // Each with the first version that knows it.
    for (pointer, value, first) in [
        ("/properties/organizationProfile/organizations/0/openAccess", json!(true), "2025-01-21"),
        ("/properties/organizationProfile/organizations/0/alias", json!("agents"), "2025-01-21"),
        ("/properties/organizationProfile/description", json!("ours"), "2026-06-02"),
        ("/properties/organizationProfile/updateDescription", json!(true), "2026-06-02"),
        ("/properties/fabricProfile/images/0/ephemeralType", json!("Automatic"), "2025-01-21"),
        ("/properties/fabricProfile/images/0/provisioningScriptEntryPoint", json!("setup.ps1"), "2026-06-02"),
        ("/properties/fabricProfile/sku/vmSizes", json!([{"name": "Standard_D2ads_v5"}]), "2026-06-02"),
        ("/properties/runtimeConfiguration", json!({"workFolder": "w"}), "2025-01-21"),
    ] {
        let body = changed(bench.pool_body(), pointer, Some(value.clone()));
        for version in ["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"] {
            let answer = bench.send(Method::PUT, &bench.pool("fresh"), version, Some(body.clone())).await;
            if version < first {
                answer.refused(400, "InvalidRequestContent");
                assert!(answer.message().contains("Could not find member"), "{}", answer.message());
            } else {
                assert!(answer.status < 300, "{pointer} {version}: {}", answer.body);
                assert_eq!(answer.body.pointer(pointer), Some(&value), "{version}");
            }
        }
        for version in ["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"] {
            let seen = bench.get(&bench.pool("fresh"), version).await;
            assert_eq!(seen.body.pointer(pointer).is_some(), version >= first, "{pointer} {version}");
        }
    }
}

#[tokio::test]
async fn what_no_version_describes_is_shown_in_every_version() {
    let bench = Bench::new().await;
    for version in ["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"] {
        let seen = bench.get(&bench.pool("pool-linux"), version).await;
        assert_eq!(seen.body["properties"]["upgradeProfile"]["mode"], "Rolling", "{version}");
    }
}

#[tokio::test]
async fn what_is_required_changed_with_the_versions() {
    let bench = Bench::new().await;
    let project = "/properties/devCenterProjectResourceId";
    let network = changed(bench.pool_body(), "/properties/fabricProfile/networkProfile", Some(json!({})));
    for (body, version, status) in [
        (changed(bench.pool_body(), project, None), "2025-09-20", 400),
        (changed(bench.pool_body(), project, None), "2026-06-02", 201),
        (network.clone(), "2024-10-19", 400),
        (network, "2025-01-21", 200),
    ] {
        let answer = bench.send(Method::PUT, &bench.pool("fresh"), version, Some(body)).await;
        assert_eq!(answer.status, status, "{version}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_put_of_an_older_version_takes_from_a_pool_what_it_does_not_know_or_keeps_it() {
    let description = "/properties/organizationProfile/description";
    for (reading, kept) in [(UnknownInPut::Lost, false), (UnknownInPut::Kept, true)] {
        let bench = Bench::new().await;
        bench.set_pools(|readings| readings.unknown_in_put = reading);
        let newer = changed(bench.pool_body(), description, Some(json!("ours")));
        let path = bench.pool("fresh");
        assert_eq!(bench.send(Method::PUT, &path, "2026-06-02", Some(newer)).await.status, 201);
        assert_eq!(bench.send(Method::PUT, &path, POOLS, Some(bench.pool_body())).await.status, 200);
        let seen = bench.get(&path, "2026-06-02").await;
        assert_eq!(seen.body.pointer(description).is_some(), kept, "{}", seen.body);
    }
}

#[tokio::test]
async fn null_takes_a_member_away_in_a_patch_and_is_of_the_wrong_type_in_a_put() {
    let bench = Bench::new().await;
    let body = |member: &str| json!({"location": "westeurope", "properties": {member: null}});
    for member in ["isolationScope", "assignmentRestrictions"] {
        let put = bench.send(Method::PUT, &bench.identity("abc"), "2026-05-31", Some(body(member))).await;
        put.refused(400, "InvalidRequestContent");
        bench.put("abc", bench.here()).await;
        let patch = bench.send(Method::PATCH, &bench.identity("abc"), "2026-05-31", Some(body(member))).await;
        assert_eq!(patch.status, 200, "{}", patch.body);
        bench.delete("abc").await;
    }
}

#[tokio::test]
async fn a_patch_that_names_another_kind_leaves_nothing_of_the_old_one_or_is_refused() {
    let bench = Bench::new().await;
    let before = bench.read_pool("pool-linux").await;
    assert!(before.body["properties"]["organizationProfile"]["permissionProfile"].is_object());
    let github = json!({"kind": "GitHub", "organizations": [{"url": "https://github.com/contoso"}]});
    let patch = json!({"properties": {"organizationProfile": github}});
    bench.set_pools(|readings| readings.kind_in_patch = KindInPatch::Refused);
    let refused = bench.patch_pool("pool-linux", patch.clone()).await;
    refused.refused(400, "InvalidRequestContent");
    assert!(refused.message().contains("'properties.organizationProfile'"), "{}", refused.message());
    bench.set_pools(|readings| readings.kind_in_patch = KindInPatch::Replaced);
    let answer = bench.patch_pool("pool-linux", patch).await;
    assert_eq!(answer.body["properties"]["organizationProfile"], github, "{}", answer.body);
    let fabric = &answer.body["properties"]["fabricProfile"];
    assert_eq!(fabric, &before.body["properties"]["fabricProfile"], "of what keeps its kind all stays");
}

#[tokio::test]
async fn addresses_and_ids_that_are_none_are_refused() {
    let bench = Bench::new().await;
    let url = "/properties/organizationProfile/organizations/0/url";
    for address in ["contoso", "://contoso", "https://", "https://dev.azure.com/con toso"] {
        let body = changed(bench.pool_body(), url, Some(json!(address)));
        bench.put_pool("fresh", body).await.refused(400, "InvalidRequestContent");
    }
    let script = "/properties/fabricProfile/images/0/provisioningScriptStorageAccountResourceId";
    for (id, status) in [("scripts", 400), ("/subscriptions/s/providers/p/scripts", 201)] {
        let body = changed(bench.pool_body(), script, Some(json!(id)));
        let answer = bench.send(Method::PUT, &bench.pool("fresh"), "2026-06-02", Some(body)).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_system_assigned_identity_of_a_pool_is_shown_and_that_of_others_is_not_found() {
    let bench = Bench::new().await;
    let of =
        |pool: &str| format!("{}/providers/Microsoft.ManagedIdentity/identities/default", bench.pool(pool));
    let answer = bench.get(&of("pool-windows"), IDENTITIES).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["name"], "default");
    assert_eq!(answer.body["location"], "westeurope");
    let block = bench.read_pool("pool-windows").await.body["identity"].clone();
    assert_eq!(answer.body["properties"]["principalId"], block["principalId"]);
    assert_eq!(answer.body["properties"]["tenantId"], block["tenantId"]);
    assert!(answer.body["properties"]["clientSecretUrl"].as_str().unwrap().starts_with("https://"));
    for pool in ["pool-linux", "nowhere"] {
        bench.get(&of(pool), IDENTITIES).await.refused(404, "ResourceNotFound");
    }
}

#[tokio::test]
async fn a_region_tells_its_sizes_and_what_is_used_and_a_pool_its_agents() {
    let bench = Bench::new().await;
    let region = |name: &str, list: &str| {
        let subscription = &bench.sample.subscription;
        format!(
            "/subscriptions/{subscription}/providers/Microsoft.DevOpsInfrastructure/locations/{name}/{list}"
        )
    };
    let skus = bench.get(&region("westeurope", "skus"), POOLS).await;
    assert_eq!(skus.body["value"][0]["name"], "Standard_D2ads_v5", "{}", skus.body);
    let used = async || {
        bench.get(&region("westeurope", "usages"), POOLS).await.body["value"][0]["currentValue"].clone()
    };
    assert_eq!(used().await, 3, "the sample's three pools have one agent each");
    bench.put_pool("fresh", bench.pool_body()).await;
    assert_eq!(used().await, 5);
    for list in ["skus", "usages"] {
        bench.get(&region("moon", list), POOLS).await.refused(400, "LocationNotAvailableForResourceType");
    }
    let agents = bench.get(&format!("{}/resources", bench.pool("pool-linux")), POOLS).await;
    assert_eq!((agents.status, &agents.body["value"]), (200, &json!([])), "nothing runs on a simulated pool");
    let path = format!("{}/resources", bench.pool("nowhere"));
    bench.get(&path, POOLS).await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_registration_takes_its_time_and_only_then_can_the_provider_be_used() {
    let bench = Bench::with(|settings| settings.registration_seconds = 120.0).await;
    let subscription = bench.sample.subscription.clone();
    bench.simulator.state().with(|world| {
        world.subscriptions.get_mut(&subscription.as_str().into()).unwrap().registered_providers.clear();
    });
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.ManagedIdentity");
    let refused = bench.put("abc", bench.here()).await;
    refused.refused(409, "MissingSubscriptionRegistration");
    // Clients take the last quoted word for the namespace.
    assert_eq!(
        refused.message().rsplit('\'').nth(1),
        Some("Microsoft.ManagedIdentity"),
        "{}",
        refused.message()
    );
    for _ in 0..2 {
        let answer = bench.send(Method::POST, &format!("{path}/register"), "2016-02-01", None).await;
        assert_eq!((answer.status, &answer.body["registrationState"]), (200, &json!("Registering")));
        bench.simulator.clock().advance(59.0);
    }
    bench.put("abc", bench.here()).await.refused(409, "MissingSubscriptionRegistration");
    bench.simulator.clock().advance(2.0);
    let answer = bench.get(&path, "2016-02-01").await;
    assert_eq!(answer.body["registrationState"], "Registered", "asking again did not begin anew");
    assert_eq!(answer.body["resourceTypes"][0]["apiVersions"][0], "2026-05-31", "{}", answer.body);
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
}
