//! The metadata service of a machine, as a client meets it.

mod support;

use azure_simulator::world::Machine;
use azure_simulator::{Effect, Fault, Service};
use serde_json::Value;
use support::{Bench, SUBSCRIPTIONS, Seen, seen};

const GOOD: &str = "api-version=2019-08-01&resource=https://management.azure.com";

async fn ask(bench: &Bench, path: &str, query: &str, headers: &[(&str, &str)]) -> Seen {
    let mut request = bench.client.get(format!("{}{path}?{query}", bench.simulator.metadata()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    seen(request.send().await.unwrap()).await
}

async fn token(bench: &Bench, query: &str) -> Seen {
    ask(bench, "/metadata/identity/oauth2/token", query, &[("Metadata", "true")]).await
}

#[tokio::test]
async fn the_machine_gets_a_token_in_the_clear_that_resource_manager_takes() {
    let bench = Bench::new().await;
    let answer = token(&bench, GOOD).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["client_id"], bench.sample.client_id.as_str());
    let expires_on: i64 = answer.body["expires_on"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires_on - bench.simulator.clock().now().as_second(), 86_400);
    let path = format!("/subscriptions/{}", bench.sample.subscription);
    let request = bench.arm(reqwest::Method::GET, &path, SUBSCRIPTIONS);
    let request = request.bearer_auth(answer.body["access_token"].as_str().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 200);
    let logged = &bench.simulator.log()[0];
    assert_eq!(logged.service, Service::Metadata);
    assert!(!logged.response_body.as_ref().unwrap().to_string().contains("eyJ"), "{logged:?}");
}

#[tokio::test]
async fn what_is_not_asked_exactly_so_is_refused() {
    let bench = Bench::new().await;
    let path = "/metadata/identity/oauth2/token";
    let resource = "resource=https://management.azure.com";
    let by_a_proxy = [("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")];
    for (query, headers, error, text) in [
        (GOOD.to_owned(), &[][..], "invalid_request", "Required metadata header not specified"),
        (GOOD.to_owned(), &[("Metadata", "false")][..], "invalid_request", "Required metadata header"),
        (GOOD.to_owned(), &by_a_proxy[..], "invalid_request", "X-Forwarded-For"),
        (resource.to_owned(), &by_a_proxy[..1], "invalid_request", "'api-version'"),
        (format!("api-version=1.0&{resource}"), &by_a_proxy[..1], "invalid_request", "'api-version'"),
        ("api-version=2019-08-01".to_owned(), &by_a_proxy[..1], "invalid_request", "'resource'"),
        (format!("{GOOD}/.default"), &by_a_proxy[..1], "invalid_resource", "AADSTS500011"),
        (format!("{GOOD}&client_id=9"), &by_a_proxy[..1], "invalid_request", "Identity not found"),
    ] {
        let answer = ask(&bench, path, &query, headers).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &Value::from(error)), "{query}");
        assert!(answer.body["error_description"].as_str().unwrap().contains(text), "{}", answer.body);
    }
    assert_eq!(ask(&bench, "/metadata/instance", GOOD, &by_a_proxy[..1]).await.status, 404);
}

#[tokio::test]
async fn without_a_name_the_machine_s_own_identity_is_meant_or_its_only_one() {
    let bench = Bench::new().await;
    let client = bench.sample.client_id.clone();
    let with = |system: Option<&String>, user: &[&str]| {
        let user = user.iter().map(|id| (*id).to_owned()).collect();
        let machine = Machine { system: system.cloned(), user };
        bench.simulator.state().with(|world| world.machine = machine);
    };
    with(Some(&client), &["a", "b"]);
    assert_eq!(token(&bench, GOOD).await.status, 200);
    for (user, text) in
        [(&[][..], "Identity not found"), (&["a", "b"][..], "Multiple user assigned identities exist")]
    {
        with(None, user);
        let answer = token(&bench, GOOD).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(text), "{}", answer.body);
    }
}

#[tokio::test]
async fn its_connections_can_be_cut_like_all_others() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::on("GET", "*", Effect::ResetBefore).at(Service::Metadata));
    let request = bench.client.get(format!("{}/metadata", bench.simulator.metadata()));
    assert!(request.send().await.is_err());
    assert_eq!(token(&bench, GOOD).await.status, 200);
}
