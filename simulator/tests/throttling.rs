//! The limits of Resource Manager and of the identity provider, on the simulated clock.

mod support;

use reqwest::Method;
use serde_json::json;
use support::{Bench, IDENTITIES, SUBSCRIPTIONS, seen};

#[tokio::test]
async fn the_caller_has_250_reads_at_once_and_25_more_each_second() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let read = async || {
        let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(&token);
        seen(request.send().await.unwrap()).await
    };
    for left in (0..250).rev() {
        let answer = read().await;
        assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-reads"), left.to_string());
    }
    let refused = read().await;
    refused.refused(429, "SubscriptionRequestsThrottled");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(
        bench.simulator.log().last().unwrap().error_code.as_deref(),
        Some("SubscriptionRequestsThrottled")
    );
    // Other kinds of calls have buckets of their own.
    let tenants = bench.arm(Method::GET, "/tenants", SUBSCRIPTIONS).bearer_auth(&token);
    let tenants = seen(tenants.send().await.unwrap()).await;
    assert_eq!((tenants.status, tenants.header("x-ms-ratelimit-remaining-tenant-reads")), (200, "249"));
    bench.simulator.clock().advance(1.0);
    assert_eq!(read().await.header("x-ms-ratelimit-remaining-subscription-reads"), "24");
}

#[tokio::test]
async fn the_caller_has_200_writes_and_200_deletions_at_once_and_10_more_each_second() {
    let bench = Bench::new().await;
    let token = bench.token().await;
    for (method, kind) in [(Method::PATCH, "writes"), (Method::DELETE, "deletes")] {
        let header = format!("x-ms-ratelimit-remaining-subscription-{kind}");
        let send = async || {
            let request = bench.arm(method.clone(), &bench.identity("abc"), IDENTITIES).bearer_auth(&token);
            seen(request.json(&json!({})).send().await.unwrap()).await
        };
        for left in (0..200).rev() {
            assert_eq!(send().await.header(&header), left.to_string());
        }
        send().await.refused(429, "SubscriptionRequestsThrottled");
        bench.simulator.clock().advance(1.0);
        assert_eq!(send().await.header(&header), "9");
    }
}

#[tokio::test]
async fn the_provider_takes_ten_reads_a_second_in_a_subscription() {
    let bench = Bench::with(|settings| settings.throttling.provider = true).await;
    for number in 0..10 {
        assert_eq!(bench.read(&format!("some-{number}")).await.status, 404);
    }
    bench.read("another").await.refused(429, "TooManyRequests");
}

#[tokio::test]
async fn the_callers_limits_can_be_switched_off() {
    let bench = Bench::with(|settings| settings.throttling.resource_manager = false).await;
    let token = bench.token().await;
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    for _ in 0..251 {
        let request = bench.arm(Method::GET, &path, SUBSCRIPTIONS).bearer_auth(&token);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn the_provider_takes_one_write_in_four_seconds_and_one_read_in_two_for_each_identity() {
    let bench = Bench::with(|settings| settings.throttling.provider = true).await;
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
    let refused = bench.put("abc", bench.here()).await;
    refused.refused(429, "TooManyRequests");
    assert_eq!(refused.header("retry-after"), "4");
    assert_eq!(bench.read("abc").await.status, 200);
    let refused = bench.read("abc").await;
    refused.refused(429, "TooManyRequests");
    assert_eq!(refused.header("retry-after"), "2");
    bench.simulator.clock().advance(1.0);
    assert_eq!(bench.read("abc").await.header("retry-after"), "1", "too early: a new value");
    bench.simulator.clock().advance(3.0);
    assert_eq!(bench.read("abc").await.status, 200);
    assert_eq!(bench.patch("abc", json!({})).await.status, 200);
}

#[tokio::test]
async fn the_provider_takes_two_writes_a_second_in_a_subscription() {
    let bench = Bench::with(|settings| settings.throttling.provider = true).await;
    assert_eq!(bench.put("aaa", bench.here()).await.status, 201);
    assert_eq!(bench.put("bbb", bench.here()).await.status, 201);
    bench.put("ccc", bench.here()).await.refused(429, "TooManyRequests");
    bench.simulator.clock().advance(1.0);
    assert_eq!(bench.put("ccc", bench.here()).await.status, 201);
}

#[tokio::test]
async fn the_provider_takes_one_list_in_four_seconds_for_each_scope() {
    let bench = Bench::with(|settings| settings.throttling.provider = true).await;
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        bench.sample.subscription
    );
    assert_eq!(bench.get(&path, IDENTITIES).await.status, 200);
    let refused = bench.get(&path, IDENTITIES).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "4"));
}
