//! What the official client libraries need to get through, as far as it shows on the wire.
//!
//! The libraries themselves are walked by `make sdk`; this holds the same where they are not at hand.

mod support;

use azure_simulator::world::Registration;
use reqwest::Method;
use serde_json::json;
use support::{Bench, IDENTITIES, POOLS, SUBSCRIPTIONS, seen};

#[tokio::test]
async fn the_metadata_of_a_tenant_names_the_endpoints_for_tokens() {
    let bench = Bench::new().await;
    let tenant = &bench.sample.tenant;
    let address = format!("{}/{tenant}/v2.0/.well-known/openid-configuration", bench.simulator.authority());
    let answer = seen(bench.client.get(address).send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for (member, end) in
        [("token_endpoint", "/oauth2/v2.0/token"), ("authorization_endpoint", "/oauth2/v2.0/authorize")]
    {
        let named = answer.body[member].as_str().unwrap();
        assert!(named.starts_with(&bench.simulator.authority()) && named.ends_with(end), "{named}");
    }
}

#[tokio::test]
async fn the_token_endpoint_passes_over_what_clients_tell_of_themselves() {
    let bench = Bench::new().await;
    let mut form = bench.form();
    form.push(("client_info", "1".to_owned()));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let answer = bench
        .client
        .post(format!("{}/{}/oauth2/v2.0/token", bench.simulator.authority(), bench.sample.tenant))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-client-sku", "MSAL.Python")
        .header("x-client-ver", "1.39.0")
        .header("x-client-current-telemetry", "4|730,2|")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer = seen(answer).await;
    assert_eq!((answer.status, answer.body["access_token"].is_string()), (200, true), "{}", answer.body);
}

#[tokio::test]
async fn lists_that_require_a_next_link_end_with_an_empty_one() {
    let bench = Bench::new().await;
    for path in ["/subscriptions", "/tenants"] {
        let answer = bench.get(path, SUBSCRIPTIONS).await;
        assert_eq!((answer.status, &answer.body["nextLink"]), (200, &json!("")), "{path}");
    }
}

#[tokio::test]
async fn a_next_link_works_with_its_query_quoted_anew_and_another_version() {
    let bench = Bench::with(|settings| settings.page_size = 1).await;
    bench.given_identity("aaa");
    bench.given_identity("bbb");
    let group = format!(
        "/subscriptions/{}/resourceGroups/{}/providers",
        bench.sample.subscription, bench.sample.group
    );
    for (list, versions, second) in [
        ("Microsoft.ManagedIdentity/userAssignedIdentities", [IDENTITIES, "2018-11-30"], "bbb"),
        ("Microsoft.DevOpsInfrastructure/pools", [POOLS, "2024-10-19"], "pool-linux"),
    ] {
        let first = bench.get(&format!("{group}/{list}"), versions[0]).await;
        let link = first.body["nextLink"].as_str().unwrap();
        let requoted = link.replace('$', "%24").replace(versions[0], versions[1]);
        assert!(requoted.contains("%24skiptoken=") && requoted.contains(versions[1]), "{requoted}");
        let answer = bench.follow(&requoted).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["value"][0]["name"], second, "{list}");
    }
}

#[tokio::test]
async fn no_refusal_asks_to_be_retried_but_those_that_mean_it() {
    let bench = Bench::new().await;
    let (subscription, group) = (bench.sample.subscription.clone(), bench.sample.group.clone());
    bench.simulator.state().with(|world| {
        world
            .set_registration(&subscription, "Microsoft.ManagedIdentity", Registration::Unregistered)
            .unwrap();
        world.set_policy(&subscription, &group, Some("none-here")).unwrap();
    });
    let pool = bench.pool_body();
    for answer in [
        bench.read("absent").await,
        bench.put("abc", bench.here()).await,
        bench.put_pool("fresh", pool).await,
        bench.put_pool("fresh", json!({})).await,
        bench.get(&bench.identity("abc"), "2001-01-01").await,
        bench.send(Method::POST, &bench.identity("abc"), IDENTITIES, None).await,
    ] {
        assert!(answer.status >= 400, "{}", answer.body);
        assert_eq!(answer.header("retry-after"), "", "{}", answer.body);
    }
}

#[tokio::test]
async fn what_a_pool_answers_can_be_sent_back_as_it_is() {
    let bench = Bench::new().await;
    let seen = bench.read_pool("pool-windows").await.body;
    assert_eq!(seen["properties"]["provisioningState"], "Succeeded");
    let answer = bench.put_pool("pool-windows", seen.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["properties"], seen["properties"]);
    assert_eq!(answer.body["identity"], seen["identity"]);
}

#[tokio::test]
async fn statuses_are_those_that_the_libraries_take() {
    let bench = Bench::new().await;
    bench.given_identity("abc");
    assert_eq!(bench.put("abc", bench.here()).await.status, 200, "202 would be an error to them");
    assert_eq!(bench.put_pool("fresh", bench.pool_body()).await.status, 201);
    let deleted = bench.delete_pool("fresh").await;
    assert_eq!(deleted.status, 202, "200 would be an error to them");
    assert_ne!(deleted.header("location"), "");
    assert_eq!(bench.delete_pool("fresh").await.status, 204);
}
