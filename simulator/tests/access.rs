//! Who may do what at Resource Manager, and which refusal comes first.

mod support;

use azure_simulator::world::{LockLevel, Registration, Subscription, SubscriptionState};
use azure_simulator::{
    AnonymousUnknownSubscription, DeleteInDisabledSubscription, RegistrationNeeded, UnreadableSubscription,
};
use azure_simulator::{DeleteInMissingGroup, UnknownApiVersion};
use reqwest::Method;
use serde_json::json;
use support::{Bench, IDENTITIES, SUBSCRIPTIONS, seen};

const STRANGER: &str = "99999999-9999-4999-8999-999999999999";

#[tokio::test]
async fn without_a_token_the_challenge_names_the_tenant_of_a_known_subscription() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let answer = seen(bench.arm(Method::GET, &path, SUBSCRIPTIONS).send().await.unwrap()).await;
    answer.refused(401, "AuthenticationFailed");
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer authorization_uri=\"https://login.windows.net/{}\", error=\"invalid_token\", error_description=\"The \
             authentication failed because of missing 'Authorization' header.\"",
            bench.sample.tenant
        )
    );
}

#[tokio::test]
async fn without_a_token_nothing_is_told_where_no_subscription_is_named() {
    let bench = Bench::new().await;
    let answer = seen(bench.arm(Method::GET, "/tenants", SUBSCRIPTIONS).send().await.unwrap()).await;
    answer.refused(401, "AuthenticationFailed");
    assert!(!answer.header("www-authenticate").contains(&bench.sample.tenant));
}

#[tokio::test]
async fn the_anonymous_look_up_of_an_unknown_subscription_has_two_readings() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{STRANGER}");
    let answer = seen(bench.arm(Method::GET, &path, SUBSCRIPTIONS).send().await.unwrap()).await;
    answer.refused(404, "SubscriptionNotFound");
    bench.simulator.state().set(|settings| {
        settings.readings.anonymous_unknown_subscription = AnonymousUnknownSubscription::Unauthorized;
    });
    let answer = seen(bench.arm(Method::GET, &path, SUBSCRIPTIONS).send().await.unwrap()).await;
    answer.refused(401, "AuthenticationFailed");
}

#[tokio::test]
async fn a_token_of_another_run_is_invalid() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(other.token().await);
    seen(request.send().await.unwrap()).await.refused(401, "InvalidAuthenticationToken");
}

#[tokio::test]
async fn a_token_expires_on_the_simulated_clock() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    for (wait, status) in [(3598.0, 200), (2.0, 401)] {
        bench.simulator.clock().advance(wait);
        let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(&token);
        let answer = seen(request.send().await.unwrap()).await;
        assert_eq!(answer.status, status);
        if status == 401 {
            answer.refused(401, "ExpiredAuthenticationToken");
        }
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let bench = Bench::new().await;
    let mut form = bench.form();
    form[3].1 = "499b84ac-1321-427f-aa17-267ca6975798/.default".into();
    let answer = bench.ask_token(&bench.sample.tenant, &form).await;
    let token = answer.body["access_token"].as_str().unwrap();
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(token);
    seen(request.send().await.unwrap()).await.refused(401, "InvalidAuthenticationTokenAudience");
}

#[tokio::test]
async fn a_token_of_the_wrong_tenant_is_told_the_right_one() {
    let bench = Bench::new().await;
    let (subscription, other) = (bench.sample.subscription.clone(), bench.sample.other_tenant.clone());
    bench.simulator.state().with(|world| world.move_subscription(&subscription, &other)).unwrap();
    let answer = bench.get(&format!("/subscriptions/{subscription}"), SUBSCRIPTIONS).await;
    answer.refused(401, "InvalidAuthenticationTokenTenant");
    let (_, after) = answer.message().split_once("must match").unwrap();
    assert!(after.contains(&format!("'https://sts.windows.net/{other}/'")), "{after}");
    assert!(after.contains("(up to an hour)"), "{after}");
    assert!(
        answer
            .message()
            .contains(&format!("wrong issuer 'https://sts.windows.net/{}/'", bench.sample.tenant))
    );
}

#[tokio::test]
async fn a_missing_and_an_unknown_api_version_list_the_valid_ones() {
    let bench = Bench::new().await;
    let url = format!("{}{}", bench.simulator.resource_manager(), bench.identity("abc"));
    let request = bench.client.get(url).bearer_auth(bench.token().await);
    let answer = seen(request.send().await.unwrap()).await;
    answer.refused(400, "MissingApiVersionParameter");
    let answer = bench.get(&bench.identity("abc"), "2015-08-31").await;
    answer.refused(400, "InvalidApiVersionParameter");
    assert!(answer.message().contains("2024-11-30"));
    bench.simulator.state().set(|settings| {
        settings.readings.unknown_api_version = UnknownApiVersion::NoRegisteredProviderFound;
    });
    let answer = bench.get(&bench.identity("abc"), "2015-08-31").await;
    answer.refused(400, "NoRegisteredProviderFound");
    assert!(answer.message().contains("2024-11-30"));
}

#[tokio::test]
async fn the_token_is_checked_before_the_api_version() {
    let bench = Bench::new().await;
    let answer = seen(bench.arm(Method::GET, &bench.identity("abc"), "nonsense").send().await.unwrap()).await;
    answer.refused(401, "AuthenticationFailed");
}

#[tokio::test]
async fn unknown_malformed_and_unreadable_subscriptions_are_told_apart() {
    let bench = Bench::new().await;
    bench
        .get(&format!("/subscriptions/{STRANGER}"), SUBSCRIPTIONS)
        .await
        .refused(404, "SubscriptionNotFound");
    bench.get("/subscriptions/not-a-guid", SUBSCRIPTIONS).await.refused(400, "InvalidSubscriptionId");
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    bench.simulator.state().with(|world| {
        for subscription in world.subscriptions.values_mut() {
            subscription.readers = Some(Vec::new());
        }
    });
    bench.get(&path, SUBSCRIPTIONS).await.refused(404, "SubscriptionNotFound");
    let listed = bench.get("/subscriptions", SUBSCRIPTIONS).await;
    assert_eq!(listed.body["value"], json!([]));
    bench.simulator.state().set(|settings| {
        settings.readings.unreadable_subscription = UnreadableSubscription::Forbidden;
    });
    bench.get(&path, SUBSCRIPTIONS).await.refused(403, "AuthorizationFailed");
}

#[tokio::test]
async fn a_subscription_tells_its_tenant_and_state_in_every_state() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    for state in [
        SubscriptionState::Enabled,
        SubscriptionState::Warned,
        SubscriptionState::PastDue,
        SubscriptionState::Disabled,
        SubscriptionState::Deleted,
    ] {
        let id = bench.sample.subscription.clone();
        bench.simulator.state().with(|world| world.set_subscription_state(&id, state)).unwrap();
        let answer = bench.get(&path, SUBSCRIPTIONS).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["state"], json!(state));
        assert_eq!(answer.body["tenantId"], bench.sample.tenant.as_str());
        assert_eq!(answer.body["subscriptionId"], bench.sample.subscription.as_str());
    }
}

#[tokio::test]
async fn lists_of_subscriptions_and_tenants_show_the_own_tenant_and_end_with_an_empty_next_link() {
    let bench = Bench::new().await;
    let foreign = Subscription::new(&bench.sample.other_tenant, "foreign");
    bench.simulator.state().with(|world| world.subscriptions.insert(STRANGER.into(), foreign));
    let sample = &bench.sample;
    for (path, member, values) in [
        (
            "/subscriptions",
            "subscriptionId",
            vec![sample.subscription.as_str(), sample.platform_subscription.as_str()],
        ),
        ("/tenants", "tenantId", vec![sample.tenant.as_str()]),
    ] {
        let answer = bench.get(path, SUBSCRIPTIONS).await;
        assert_eq!(answer.body["nextLink"], "", "{}", answer.body);
        let seen: Vec<&str> = answer.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|item| item[member].as_str())
            .collect();
        assert_eq!(seen, values);
    }
}

#[tokio::test]
async fn a_disabled_subscription_can_be_read_but_not_written() {
    let bench = Bench::new().await;
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
    let id = bench.sample.subscription.clone();
    bench
        .simulator
        .state()
        .with(|world| world.set_subscription_state(&id, SubscriptionState::Disabled))
        .unwrap();
    assert_eq!(bench.read("abc").await.status, 200);
    bench.put("abc", bench.here()).await.refused(409, "ReadOnlyDisabledSubscription");
    bench.patch("abc", json!({})).await.refused(409, "ReadOnlyDisabledSubscription");
    bench.delete("abc").await.refused(409, "ReadOnlyDisabledSubscription");
    bench.simulator.state().set(|settings| {
        settings.readings.delete_in_disabled_subscription = DeleteInDisabledSubscription::Allowed;
    });
    assert_eq!(bench.delete("abc").await.status, 200);
}

#[tokio::test]
async fn a_refused_action_is_named_with_client_object_and_scope() {
    let bench = Bench::new().await;
    let (subscription, client) = (bench.sample.subscription.clone(), bench.sample.client_id.clone());
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    let scope = format!("/subscriptions/{subscription}/resourceGroups/{}", bench.sample.group.to_uppercase());
    bench.simulator.state().with(|world| world.deny(&subscription, &client, action, Some(&scope))).unwrap();
    let answer = bench.put("abc", bench.here()).await;
    answer.refused(403, "AuthorizationFailed");
    let expected = format!(
        "The client '{client}' with object id '{}' does not have authorization to perform action '{action}' over scope \
         '/subscriptions/{subscription}/resourceGroups/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/abc' or \
         the scope is invalid. If access was recently granted, please refresh your credentials.",
        bench.sample.object_id, bench.sample.group
    );
    assert_eq!(answer.message(), expected);
    // Only what was denied is refused.
    bench.read("abc").await.refused(404, "ResourceNotFound");
    bench.simulator.state().with(|world| world.allow(&subscription, &client)).unwrap();
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
}

#[tokio::test]
async fn a_missing_group_is_told_before_the_identity() {
    let bench = Bench::new().await;
    let path = bench.identity("abc").replace(&bench.sample.group, "nowhere");
    for method in [Method::GET, Method::DELETE] {
        let answer = bench.send(method, &path, IDENTITIES, None).await;
        answer.refused(404, "ResourceGroupNotFound");
        assert!(answer.message().contains("'nowhere'"));
    }
    bench
        .send(Method::PUT, &path, IDENTITIES, Some(bench.here()))
        .await
        .refused(404, "ResourceGroupNotFound");
    bench.simulator.state().set(|settings| {
        settings.readings.delete_in_missing_group = DeleteInMissingGroup::NoContent;
    });
    assert_eq!(bench.send(Method::DELETE, &path, IDENTITIES, None).await.status, 204);
}

#[tokio::test]
async fn a_group_that_is_being_deleted_refuses_writes_only() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench.simulator.state().with(|world| world.begin_group_deletion(&subscription, &group)).unwrap();
    bench.put("other", bench.here()).await.refused(409, "ResourceGroupBeingDeleted");
    assert_eq!(bench.read("abc").await.status, 200);
    assert_eq!(bench.delete("abc").await.status, 200);
}

#[tokio::test]
async fn an_unregistered_provider_refuses_writes_and_is_registered_by_a_call() {
    let bench = Bench::new().await;
    let subscription = bench.sample.subscription.clone();
    let namespace = "Microsoft.ManagedIdentity";
    bench
        .simulator
        .state()
        .with(|world| world.set_registration(&subscription, namespace, Registration::Unregistered))
        .unwrap();
    let answer = bench.put("abc", bench.here()).await;
    answer.refused(409, "MissingSubscriptionRegistration");
    assert!(answer.message().contains("namespace 'Microsoft.ManagedIdentity'"));
    bench.read("abc").await.refused(404, "ResourceNotFound");
    bench
        .simulator
        .state()
        .set(|settings| settings.readings.registration_needed = RegistrationNeeded::ForAllCalls);
    bench.read("abc").await.refused(409, "MissingSubscriptionRegistration");
    let path = format!("/subscriptions/{subscription}/providers/{namespace}");
    assert_eq!(bench.get(&path, "2021-04-01").await.body["registrationState"], "NotRegistered");
    let answer = bench.send(Method::POST, &format!("{path}/register"), "2016-02-01", None).await;
    assert_eq!(answer.body["registrationState"], "Registered");
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
}

#[tokio::test]
async fn a_lock_against_deletion_stops_a_deletion_and_lets_writes_pass() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench
        .simulator
        .state()
        .with(|world| world.lock(&subscription, &group, "keep", LockLevel::CanNotDelete))
        .unwrap();
    let answer = bench.delete("abc").await;
    answer.refused(409, "ScopeLocked");
    assert!(
        answer.message().contains("cannot perform delete operation because following scope(s) are locked")
    );
    assert!(answer.message().contains(&format!("'/subscriptions/{subscription}/resourceGroups/{group}'")));
    assert_eq!(bench.put("abc", bench.here()).await.status, 200);
    let path = format!("/subscriptions/{subscription}/resourceGroups/{group}");
    bench.send(Method::DELETE, &path, "2021-04-01", None).await.refused(409, "ScopeLocked");
    bench.simulator.state().with(|world| world.unlock(&subscription, &group, "KEEP")).unwrap();
    assert_eq!(bench.delete("abc").await.status, 200);
}

#[tokio::test]
async fn a_read_only_lock_stops_writes_too_but_no_reads() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench
        .simulator
        .state()
        .with(|world| world.lock(&subscription, &group, "frozen", LockLevel::ReadOnly))
        .unwrap();
    let answer = bench.patch("abc", json!({"tags": {}})).await;
    answer.refused(409, "ScopeLocked");
    assert!(answer.message().contains("cannot perform write operation"));
    bench.delete("abc").await.refused(409, "ScopeLocked");
    assert_eq!(bench.read("abc").await.status, 200);
}

#[tokio::test]
async fn locks_are_set_listed_and_removed_over_the_wire() {
    let bench = Bench::new().await;
    let group = format!("/subscriptions/{}/resourceGroups/{}", bench.sample.subscription, bench.sample.group);
    let locks = format!("{group}/providers/Microsoft.Authorization/locks");
    let lock = format!("{locks}/keep");
    let body = json!({"properties": {"level": "CanNotDelete", "notes": "why"}});
    assert_eq!(bench.send(Method::PUT, &lock, "2020-05-01", Some(body.clone())).await.status, 201);
    assert_eq!(bench.send(Method::PUT, &lock, "2020-05-01", Some(body)).await.status, 200);
    let listed = bench.get(&locks, "2020-05-01").await;
    assert_eq!(listed.body["value"][0]["properties"], json!({"level": "CanNotDelete", "notes": "why"}));
    bench.delete("abc").await.refused(409, "ScopeLocked");
    assert_eq!(bench.send(Method::DELETE, &lock, "2020-05-01", None).await.status, 200);
    assert_eq!(bench.send(Method::DELETE, &lock, "2020-05-01", None).await.status, 204);
    bench.get(&lock, "2020-05-01").await.refused(404, "LockNotFound");
    assert_eq!(bench.delete("abc").await.status, 204);
}

#[tokio::test]
async fn a_policy_refuses_with_its_name_in_the_additional_info() {
    let bench = Bench::new().await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench
        .simulator
        .state()
        .with(|world| world.set_policy(&subscription, &group, Some("no-identities")))
        .unwrap();
    let answer = bench.put("abc", bench.here()).await;
    answer.refused(403, "RequestDisallowedByPolicy");
    let info = &answer.body["error"]["additionalInfo"][0];
    assert_eq!(info["type"], "PolicyViolation");
    assert_eq!(info["info"]["policyDefinitionDisplayName"], "no-identities");
    assert!(answer.message().contains("no-identities"));
}

#[tokio::test]
async fn unknown_types_and_unsupported_methods_are_refused() {
    let bench = Bench::new().await;
    let group = format!("/subscriptions/{}/resourceGroups/{}", bench.sample.subscription, bench.sample.group);
    let answer = bench.get(&format!("{group}/providers/Microsoft.Nothing/things"), IDENTITIES).await;
    answer.refused(404, "InvalidResourceType");
    let answer = bench.send(Method::POST, &bench.identity("abc"), IDENTITIES, Some(json!({}))).await;
    answer.refused(405, "MethodNotAllowed");
    assert_eq!(answer.header("allow"), "GET, PUT, PATCH, DELETE");
}

#[tokio::test]
async fn the_ids_of_a_request_are_given_back() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let request = bench
        .arm(Method::GET, &path, SUBSCRIPTIONS)
        .bearer_auth(bench.token().await)
        .header("x-ms-correlation-request-id", "corr")
        .header("x-ms-client-request-id", "mine");
    let plain = seen(request.try_clone().unwrap().send().await.unwrap()).await;
    assert_eq!(plain.header("x-ms-correlation-request-id"), "corr");
    assert_eq!(plain.header("x-ms-client-request-id"), "");
    for name in ["x-ms-request-id", "x-ms-routing-request-id"] {
        assert_ne!(plain.header(name), "", "{name}");
    }
    assert_eq!(plain.header("x-ms-ratelimit-remaining-subscription-reads"), "249");
    let asked = seen(request.header("x-ms-return-client-request-id", "true").send().await.unwrap()).await;
    assert_eq!(asked.header("x-ms-client-request-id"), "mine");
    assert_eq!(bench.simulator.log().last().unwrap().client_request_id.as_deref(), Some("mine"));
}

#[tokio::test]
async fn groups_are_made_read_and_removed_over_the_wire() {
    let bench = Bench::new().await;
    let path = format!("/subscriptions/{}/resourcegroups/fresh", bench.sample.subscription);
    let version = "2021-04-01";
    assert_eq!(bench.send(Method::HEAD, &path, version, None).await.status, 404);
    assert_eq!(
        bench.send(Method::PUT, &path, version, Some(json!({"location": "West US 2"}))).await.status,
        201
    );
    let moved = bench.send(Method::PUT, &path, version, Some(json!({"location": "eastus"}))).await;
    moved.refused(409, "InvalidResourceGroupLocation");
    assert_eq!(bench.send(Method::HEAD, &path, version, None).await.status, 204);
    let list =
        bench.get(&format!("/subscriptions/{}/resourcegroups", bench.sample.subscription), version).await;
    assert_eq!(list.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(bench.send(Method::DELETE, &path, version, None).await.status, 200);
    bench.get(&path, version).await.refused(404, "ResourceGroupNotFound");
}
