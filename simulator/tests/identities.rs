//! User-assigned identities, as a client meets them.

mod support;

use azure_simulator::world::{Names, Tags};
use azure_simulator::{Created, LastPage, LocationInPatch, ResourceTags, UnreadableInList, Untagged};
use reqwest::Method;
use serde_json::{Map, Value, json};
use support::{Bench, IDENTITIES, seen};

#[tokio::test]
async fn a_put_creates_with_201_and_updates_with_200_and_keeps_the_ids() {
    let bench = Bench::new().await;
    let created =
        bench.put("my-Identity", json!({"location": "West Europe", "tags": {"Team": "blue"}})).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body["name"], "my-Identity");
    assert_eq!(created.body["type"], "Microsoft.ManagedIdentity/userAssignedIdentities");
    assert_eq!(created.body["location"], "westeurope");
    assert_eq!(created.body["properties"]["tenantId"], bench.sample.tenant.as_str());
    assert_eq!(created.body["properties"]["isolationScope"], "None");
    let updated = bench.put("MY-identity", json!({"location": "westeurope"})).await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.body["properties"], created.body["properties"]);
    assert_eq!(updated.body["name"], "my-Identity", "the first spelling stays");
    assert_eq!(updated.body["tags"], json!({}), "a put without tags drops them");
}

#[tokio::test]
async fn answers_spell_resourcegroups_in_lower_case_whatever_was_asked() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let shouted = bench.identity("abc").to_uppercase();
    let answer = bench.get(&shouted, IDENTITIES).await;
    assert_eq!(answer.status, 200);
    let id = answer.body["id"].as_str().unwrap();
    assert_eq!(id, bench.identity("abc"));
    assert!(id.contains("/resourcegroups/"));
}

#[tokio::test]
async fn a_recreated_identity_has_new_ids() {
    let bench = Bench::new().await;
    let first = bench.put("abc", bench.here()).await;
    assert_eq!(bench.delete("abc").await.status, 200);
    assert_eq!(bench.delete("abc").await.status, 204);
    bench.read("abc").await.refused(404, "ResourceNotFound");
    let second = bench.put("abc", bench.here()).await;
    assert_eq!(second.status, 201);
    for id in ["principalId", "clientId"] {
        assert_ne!(first.body["properties"][id], second.body["properties"][id], "{id}");
    }
    let id = bench.identity("abc");
    bench.simulator.state().with(|world| world.recreate_identity(&id, Tags::Copied)).unwrap();
    assert_ne!(
        bench.read("abc").await.body["properties"]["principalId"],
        second.body["properties"]["principalId"]
    );
}

#[tokio::test]
async fn an_identity_keeps_its_tenant_when_its_subscription_has_moved() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let (subscription, other, home) =
        (bench.sample.subscription.clone(), bench.sample.other_tenant.clone(), bench.sample.tenant.clone());
    bench
        .simulator
        .state()
        .with(|world| {
            // The application has to be known in the new tenant too, to get a token there.
            let applications = world.tenants[&home.as_str().into()].applications.clone();
            world.tenants.get_mut(&other.as_str().into()).unwrap().applications = applications;
            world.move_subscription(&subscription, &other)
        })
        .unwrap();
    let token =
        bench.ask_token(&other, &bench.form()).await.body["access_token"].as_str().unwrap().to_owned();
    let request = bench.arm(Method::GET, &bench.identity("abc"), IDENTITIES).bearer_auth(token);
    let answer = seen(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["properties"]["tenantId"], home.as_str());
}

#[tokio::test]
async fn the_answer_to_an_absent_identity_names_it() {
    let bench = Bench::new().await;
    let answer = bench.read("abc").await;
    answer.refused(404, "ResourceNotFound");
    assert!(answer.message().starts_with(
        "The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/abc' under resource group 'rg-build' was not found."
    ));
    bench.patch("abc", json!({"tags": {}})).await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_patch_replaces_the_whole_tag_map_and_merges_the_properties() {
    let bench = Bench::new().await;
    let body = json!({"location": "westeurope", "tags": {"a": "1", "b": "2"}, "properties": {"isolationScope": "Regional"}});
    bench.put("abc", body).await;
    let answer = bench.patch("abc", json!({"tags": {"c": "3"}})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["tags"], json!({"c": "3"}));
    assert_eq!(answer.body["properties"]["isolationScope"], "Regional");
    let answer = bench.patch("abc", json!({"properties": {"isolationScope": null}})).await;
    assert_eq!(answer.body["properties"]["isolationScope"], "None");
    assert_eq!(answer.body["tags"], json!({"c": "3"}));
}

#[tokio::test]
async fn the_location_is_fixed() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let answer = bench.put("abc", json!({"location": "eastus"})).await;
    answer.refused(409, "InvalidResourceLocation");
    assert!(answer.message().starts_with("The resource 'abc' already exists in location 'westeurope'"));
    bench.patch("abc", json!({"location": "eastus"})).await.refused(409, "InvalidResourceLocation");
    assert_eq!(bench.patch("abc", json!({"location": "West Europe"})).await.status, 200);
    bench.simulator.state().set(|settings| settings.readings.location_in_patch = LocationInPatch::Ignored);
    let answer = bench.patch("abc", json!({"location": "eastus"})).await;
    assert_eq!((answer.status, &answer.body["location"]), (200, &json!("westeurope")));
}

#[tokio::test]
async fn a_location_is_required_and_has_to_be_offered() {
    let bench = Bench::new().await;
    bench.put("abc", json!({})).await.refused(400, "LocationRequired");
    let answer = bench.put("abc", json!({"location": "moon"})).await;
    answer.refused(400, "LocationNotAvailableForResourceType");
    assert!(answer.message().contains("'westeurope,"), "{}", answer.message());
}

#[tokio::test]
async fn members_that_nobody_described_are_refused_with_their_path() {
    let bench = Bench::new().await;
    for (body, path) in [
        (json!({"location": "westeurope", "Tags": {}}), "Path 'Tags'"),
        (json!({"location": "westeurope", "properties": {"scope": 1}}), "Path 'properties.scope'"),
        (json!({"location": 7}), "Path 'location'"),
        (json!({"location": "westeurope", "tags": {"a": 1}}), "Path 'tags.a'"),
        (json!({"location": "westeurope", "tags": null}), "Path 'tags'"),
        (json!({"location": "westeurope", "properties": {"isolationScope": "Zonal"}}), "'Zonal'"),
        (json!(["location"]), "not a JSON object"),
    ] {
        let answer = bench.put("abc", body).await;
        answer.refused(400, "InvalidRequestContent");
        assert!(answer.message().contains(path), "{}", answer.message());
    }
    bench.read("abc").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn read_only_members_are_passed_over() {
    let bench = Bench::new().await;
    let body = json!({
        "id": "x", "name": "other", "type": "other", "systemData": {}, "location": "westeurope",
        "properties": {"principalId": "p", "clientId": "c", "tenantId": "t"},
    });
    let answer = bench.put("abc", body).await;
    assert_eq!((answer.status, &answer.body["name"]), (201, &json!("abc")));
    assert_ne!(answer.body["properties"]["principalId"], "p");
    assert_eq!(answer.body["properties"]["tenantId"], bench.sample.tenant.as_str());
}

#[tokio::test]
async fn tags_have_limits_that_are_exact() {
    let bench = Bench::new().await;
    let many = |count: usize| {
        Value::Object((0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<Map<_, _>>())
    };
    let one = |key: String, value: String| Value::Object(Map::from_iter([(key, json!(value))]));
    let reserved = |character: char| one(format!("a{character}b"), String::new());
    let mut refused = vec![
        (many(51), "TooManyTags"),
        (one("k".repeat(513), String::new()), "InvalidTagName"),
        (one("k".into(), "v".repeat(257)), "InvalidTagValueLength"),
        (json!({"Team": "a", "team": "b"}), "AmbiguousTagNames"),
    ];
    refused
        .extend("<>%&\\?/\u{7}".chars().map(|character| (reserved(character), "InvalidTagNameCharacters")));
    for (tags, code) in refused {
        bench.put("abc", json!({"location": "westeurope", "tags": tags})).await.refused(400, code);
    }
    for tags in [many(50), one("k".repeat(512), "v".repeat(256)), json!({"a.b:c-d e": ""})] {
        let answer = bench.put("abc", json!({"location": "westeurope", "tags": tags})).await;
        assert!(answer.status < 300, "{}", answer.body);
        assert_eq!(answer.body["tags"], tags);
    }
}

#[tokio::test]
async fn tag_keys_keep_their_case() {
    let bench = Bench::new().await;
    let answer = bench.put("abc", json!({"location": "westeurope", "tags": {"TeamName": "Blue"}})).await;
    assert_eq!(answer.body["tags"], json!({"TeamName": "Blue"}));
    let id = bench.identity("abc");
    bench.simulator.state().with(|world| world.set_tag(&id, "teamname", "red")).unwrap();
    let tags = bench.read("abc").await.body["tags"].clone();
    assert_eq!(tags, json!({"TeamName": "red"}), "one tag, found in any case");
}

#[tokio::test]
async fn names_have_rules() {
    let bench = Bench::new().await;
    for name in ["ab", "-abc", "_abc", "a.b", &"a".repeat(129)] {
        bench.put(name, bench.here()).await.refused(400, "InvalidResourceName");
    }
    for name in ["abc", "0-_", &"a".repeat(128)] {
        assert_eq!(bench.put(name, bench.here()).await.status, 201);
    }
}

#[tokio::test]
async fn only_json_is_taken_and_it_has_to_be_whole() {
    let bench = Bench::new().await;
    let send = async |content_type: &str, body: &'static str| {
        let request = bench
            .arm(Method::PUT, &bench.identity("abc"), IDENTITIES)
            .bearer_auth(bench.token().await)
            .header("content-type", content_type)
            .body(body);
        seen(request.send().await.unwrap()).await
    };
    send("text/plain", "{\"location\": \"westeurope\"}").await.refused(415, "UnsupportedMediaType");
    send("application/json", "{\"location\": ").await.refused(400, "InvalidRequestContent");
    send("application/json", "").await.refused(400, "InvalidRequestContent");
    assert_eq!(send("application/json; charset=utf-8", "{\"location\": \"westeurope\"}").await.status, 201);
}

#[tokio::test]
async fn a_body_beyond_all_measure_is_refused() {
    let bench = Bench::new().await;
    let request = bench
        .arm(Method::PUT, &bench.identity("abc"), IDENTITIES)
        .bearer_auth(bench.token().await)
        .header("content-type", "application/json")
        .body(" ".repeat(5 * 1024 * 1024));
    match request.send().await {
        Ok(response) => assert_eq!(response.status(), 413),
        // The connection may end before all of the body was sent.
        Err(_) => assert_eq!(bench.simulator.log().last().unwrap().status, 413),
    }
}

#[tokio::test]
async fn lists_come_in_pages_with_absolute_links() {
    let bench = Bench::with(|settings| settings.page_size = 2).await;
    for name in ["aaa", "bbb", "ccc", "ddd", "eee"] {
        bench.put(name, bench.here()).await;
    }
    let (subscription, group) = (&bench.sample.subscription, &bench.sample.group);
    let kind = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";
    for path in [
        format!("/subscriptions/{subscription}/resourceGroups/{group}/{kind}"),
        format!("/subscriptions/{subscription}/{kind}"),
    ] {
        let mut names = Vec::new();
        let mut page = bench.get(&path, IDENTITIES).await;
        let mut pages = 1;
        loop {
            names.extend(page.body["value"].as_array().unwrap().iter().map(|item| item["name"].clone()));
            let Some(link) = page.body.get("nextLink") else { break };
            let link = link.as_str().unwrap();
            assert!(link.starts_with(&bench.simulator.resource_manager()), "{link}");
            assert!(link.contains("api-version=2024-11-30") && link.contains("$skiptoken="), "{link}");
            // Clients may quote the link anew.
            let link = link.replace('$', "%24");
            let request = bench.client.get(link).bearer_auth(bench.token().await);
            page = seen(request.send().await.unwrap()).await;
            pages += 1;
        }
        assert_eq!(names, ["aaa", "bbb", "ccc", "ddd", "eee"]);
        assert_eq!(pages, 3);
    }
    let answer = bench.get(&format!("/subscriptions/{subscription}/{kind}?$skiptoken=@"), IDENTITIES).await;
    answer.refused(400, "InvalidSkipToken");
}

#[tokio::test]
async fn the_last_page_and_missing_tags_have_readings() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        bench.sample.subscription
    );
    for (last_page, untagged, link, tags) in [
        (LastPage::Absent, Untagged::Empty, None, Some(json!({}))),
        (LastPage::Null, Untagged::Null, Some(Value::Null), Some(Value::Null)),
        (LastPage::Empty, Untagged::Absent, Some(json!("")), None),
    ] {
        bench.simulator.state().set(|settings| {
            settings.readings.last_page = last_page;
            settings.readings.untagged = untagged;
        });
        let list = bench.get(&path, IDENTITIES).await.body;
        assert_eq!(list.get("nextLink"), link.as_ref());
        assert_eq!(list["value"][0].get("tags"), tags.as_ref());
        assert_eq!(bench.read("abc").await.body.get("tags"), tags.as_ref());
    }
}

#[tokio::test]
async fn a_page_holds_fifty_unless_it_is_told_otherwise() {
    let bench = Bench::new().await;
    bench.simulator.state().with(|world| {
        for number in 0..51 {
            let id = bench.sample.identity_id(&format!("many-{number}"));
            world.create_identity(&id, "westeurope", Names::new()).unwrap();
        }
    });
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        bench.sample.subscription
    );
    let page = bench.get(&path, IDENTITIES).await.body;
    assert_eq!(page["value"].as_array().unwrap().len(), 50);
    assert!(page["nextLink"].is_string());
}

#[tokio::test]
async fn a_replaced_world_shows_nothing_of_the_old_one() {
    let bench = Bench::with(|settings| settings.replication_delay_seconds = 20.0).await;
    bench.put("abc", bench.here()).await;
    bench.simulator.clock().advance(20.0);
    bench.delete("abc").await;
    assert_eq!(bench.read("abc").await.status, 200, "still the older state");
    bench.simulator.state().replace_world(bench.sample.world());
    bench.read("abc").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_list_of_a_group_has_nothing_of_another() {
    let bench = Bench::new().await;
    let subscription = bench.sample.subscription.clone();
    bench.simulator.state().with(|world| world.create_group(&subscription, "other", "westeurope")).unwrap();
    bench.put("abc", bench.here()).await;
    let kind = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";
    let path = format!("/subscriptions/{subscription}/resourceGroups/other/{kind}");
    assert_eq!(bench.get(&path, IDENTITIES).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_list_with_an_unreadable_identity_is_refused_or_cut() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    bench.put("hidden", bench.here()).await;
    let (subscription, client) = (bench.sample.subscription.clone(), bench.sample.client_id.clone());
    let (action, scope) = ("Microsoft.ManagedIdentity/userAssignedIdentities/read", bench.identity("hidden"));
    bench.simulator.state().with(|world| world.deny(&subscription, &client, action, Some(&scope))).unwrap();
    let path =
        format!("/subscriptions/{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    bench.get(&path, IDENTITIES).await.refused(403, "AuthorizationFailed");
    bench.simulator.state().set(|settings| settings.readings.unreadable_in_list = UnreadableInList::Cut);
    let answer = bench.get(&path, IDENTITIES).await;
    assert_eq!(answer.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(answer.body["value"][0]["name"], "abc");
}

#[tokio::test]
async fn reads_lag_behind_writes_for_the_replication_delay() {
    let bench = Bench::with(|settings| settings.replication_delay_seconds = 20.0).await;
    let list = format!(
        "/subscriptions/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        bench.sample.subscription
    );
    assert_eq!(bench.put("abc", json!({"location": "westeurope", "tags": {"a": "1"}})).await.status, 201);
    bench.read("abc").await.refused(404, "ResourceNotFound");
    assert_eq!(bench.get(&list, IDENTITIES).await.body["value"], json!([]));
    bench.simulator.clock().advance(20.0);
    assert_eq!(bench.read("abc").await.body["tags"], json!({"a": "1"}));
    let patched = bench.patch("abc", json!({"tags": {"a": "2"}})).await;
    assert_eq!(patched.body["tags"], json!({"a": "2"}), "the answer to the write is new");
    assert_eq!(bench.read("abc").await.body["tags"], json!({"a": "1"}), "the read is old");
    bench.simulator.clock().advance(20.0);
    assert_eq!(bench.read("abc").await.body["tags"], json!({"a": "2"}));
    assert_eq!(bench.delete("abc").await.status, 200);
    assert_eq!(bench.read("abc").await.status, 200);
    bench.simulator.clock().advance(20.0);
    bench.read("abc").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_creation_may_answer_200_under_one_reading() {
    let bench = Bench::with(|settings| settings.readings.created = Created::Ok).await;
    assert_eq!(bench.put("abc", bench.here()).await.status, 200);
}

#[tokio::test]
async fn single_tags_can_be_changed_only_where_that_is_offered() {
    let bench = Bench::new().await;
    bench.put("abc", json!({"location": "westeurope", "tags": {"a": "1", "b": "2"}})).await;
    let path = format!("{}/providers/Microsoft.Resources/tags/default", bench.identity("abc"));
    let change = |operation: &str, tags: Value| json!({"operation": operation, "properties": {"tags": tags}});
    let merge = change("Merge", json!({"c": "3"}));
    let answer = bench.send(Method::PATCH, &path, "2021-04-01", Some(merge.clone())).await;
    answer.refused(404, "InvalidResourceType");
    bench.simulator.state().set(|settings| settings.readings.resource_tags = ResourceTags::Offered);
    let answer = bench.send(Method::PATCH, &path, "2021-04-01", Some(merge)).await;
    assert_eq!(answer.body["properties"]["tags"], json!({"a": "1", "b": "2", "c": "3"}));
    bench.send(Method::PATCH, &path, "2021-04-01", Some(change("Delete", json!({"a": "1"})))).await;
    assert_eq!(bench.read("abc").await.body["tags"], json!({"b": "2", "c": "3"}));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let (one, two) = (Bench::new().await, Bench::new().await);
    two.get("/tenants", support::SUBSCRIPTIONS).await;
    let (first, second) = (one.put("abc", one.here()).await, two.put("abc", two.here()).await);
    assert_eq!(first.body["properties"], second.body["properties"]);
}
