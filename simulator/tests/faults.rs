//! The fault script: what goes wrong on the wire, and what was carried out nevertheless.

mod support;

use std::time::{Duration, Instant};

use azure_simulator::{CannedAnswer, Effect, Fault, Hand, Service};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Bench, IDENTITIES, SUBSCRIPTIONS};

const ONE: &str = "*/userAssignedIdentities/*";

async fn attempt(bench: &Bench, method: Method) -> Result<reqwest::Response, reqwest::Error> {
    let request = bench.arm(method, &bench.identity("abc"), IDENTITIES).bearer_auth(bench.token().await);
    request.json(&bench.here()).send().await
}

/// Whether a TCP reset was the cause, and not an orderly end.
fn is_reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    io == Some(std::io::ErrorKind::ConnectionReset) || error.source().is_some_and(is_reset)
}

fn exists(bench: &Bench) -> bool {
    let id = bench.identity("abc");
    bench.simulator.state().with(|world| world.identity(&id).is_some())
}

#[tokio::test]
async fn an_answer_takes_the_place_of_the_effect_for_the_nth_request_only() {
    let bench = Bench::new().await;
    bench
        .simulator
        .script(Fault::answer("PUT", ONE, 503, "ServerBusy").from_nth(2).retry_after(5).named("busy"));
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
    let refused = bench.put("abc", json!({"location": "westeurope", "tags": {"a": "1"}})).await;
    refused.refused(503, "ServerBusy");
    assert_eq!(refused.header("retry-after"), "5");
    assert_ne!(refused.header("x-ms-correlation-request-id"), "");
    assert_eq!(bench.read("abc").await.body["tags"], json!({}), "the refused put had no effect");
    assert_eq!(bench.put("abc", bench.here()).await.status, 200);
    let logged: Vec<_> = bench.simulator.log().into_iter().filter(|entry| entry.method == "PUT").collect();
    assert_eq!(logged.iter().map(|entry| entry.faults.len()).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(logged[1].faults, ["busy"]);
}

#[tokio::test]
async fn a_fault_is_bound_to_its_service_method_and_path() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::answer("*", "*", 500, "X").at(Service::Devops).forever());
    bench.simulator.script(Fault::answer("DELETE", ONE, 500, "Y").forever());
    bench.simulator.script(Fault::answer("GET", "/TENANTS", 500, "Z").forever());
    assert_eq!(bench.put("abc", bench.here()).await.status, 201);
    assert_eq!(bench.probe(Method::GET, "/contoso").await.status, 500);
    assert_eq!(bench.read("abc").await.status, 200);
    bench.delete("abc").await.refused(500, "Y");
    bench.get("/tenants", SUBSCRIPTIONS).await.refused(500, "Z");
}

#[tokio::test]
async fn a_reset_before_loses_the_request_and_a_reset_after_only_the_answer() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::on("PUT", ONE, Effect::ResetBefore));
    let error = attempt(&bench, Method::PUT).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    assert!(!exists(&bench));
    bench.simulator.state().clear_faults();
    bench.simulator.script(Fault::on("PUT", ONE, Effect::ResetAfter));
    assert!(attempt(&bench, Method::PUT).await.is_err());
    assert!(exists(&bench));
    assert_eq!(bench.simulator.log().last().unwrap().status, 0);
    assert_eq!(bench.read("abc").await.status, 200, "later connections work");
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_in_the_body() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::on("PUT", ONE, Effect::Truncate));
    let response = attempt(&bench, Method::PUT).await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.bytes().await.is_err());
    assert!(exists(&bench));
}

#[tokio::test]
async fn html_a_bare_error_and_another_status_replace_what_a_client_expects() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::on("PUT", ONE, Effect::Html));
    let answer = bench.put("abc", bench.here()).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, "text/html; charset=utf-8"));
    bench.simulator.script(Fault::on("GET", ONE, Effect::BareError { status: 500 }));
    let answer = bench.read("abc").await;
    assert_eq!((answer.status, answer.body.get("error")), (500, None));
    assert!(answer.body.is_object());
    bench.delete("abc").await;
    bench.simulator.state().clear_faults();
    bench.simulator.script(Fault::on("PUT", ONE, Effect::Status { status: 200 }));
    assert_eq!(bench.put("abc", bench.here()).await.status, 200);
    assert!(exists(&bench));
}

#[tokio::test]
async fn a_huge_answer_is_huge_and_the_log_stays_small() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    bench.simulator.script(Fault::on("GET", ONE, Effect::Huge { megabytes: 3 }));
    let answer = bench.read("abc").await;
    assert!(answer.body.to_string().len() > 3 * 1024 * 1024);
    assert_eq!(answer.body["name"], "abc");
    assert!(serde_json::to_string(&bench.simulator.log()).unwrap().len() < 100_000);
}

#[tokio::test]
async fn a_delay_is_felt_and_then_all_is_as_usual() {
    let bench = Bench::new().await;
    bench.simulator.script(Fault::on("GET", "/contoso", Effect::Delay { milliseconds: 300 }));
    let start = Instant::now();
    assert_eq!(bench.probe(Method::GET, "/contoso").await.status, 302);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_request_stands_at_a_gate_before_it_is_carried_out_until_that_is_opened() {
    let bench = Bench::new().await;
    let gate = bench.simulator.hold_before("PUT", ONE);
    let put = bench.put("abc", bench.here());
    let meanwhile = async {
        gate.reached().await;
        assert_eq!((gate.state().waiting, exists(&bench)), (1, false));
        gate.open();
    };
    let (answer, ()) = tokio::join!(put, meanwhile);
    assert_eq!((answer.status, gate.state().waiting), (201, 0));
    assert_eq!(bench.put("abc", bench.here()).await.status, 200, "only the first is held");
}

#[tokio::test]
async fn an_answer_stands_at_a_gate_after_the_request_was_carried_out() {
    let bench = Bench::new().await;
    let gate = bench.simulator.hold_after("PUT", ONE);
    let put = bench.put("abc", bench.here());
    let meanwhile = async {
        gate.reached().await;
        assert!(exists(&bench));
        drop(gate);
    };
    let (answer, ()) = tokio::join!(put, meanwhile);
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn who_leaves_while_the_request_stands_at_a_gate_has_asked_for_nothing() {
    let bench = Bench::new().await;
    let gate = bench.simulator.hold_before("PUT", ONE);
    let gone = tokio::time::timeout(Duration::from_millis(300), bench.put("abc", bench.here())).await;
    assert!(gone.is_err());
    for _ in 0..100 {
        if gate.state().waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gate.open();
    assert_eq!((gate.state().arrived, gate.state().waiting, exists(&bench)), (1, 0, false));
    assert_eq!(bench.simulator.log().iter().filter(|request| request.method == "PUT").count(), 0);
}

#[tokio::test]
async fn a_page_of_somebody_on_the_way_comes_with_200_and_nothing_is_carried_out() {
    let bench = Bench::new().await;
    bench.put("abc", bench.here()).await;
    bench.simulator.script(Fault::page("DELETE", ONE));
    assert_eq!(bench.delete("abc").await.status, 200);
    assert!(exists(&bench));
}

#[tokio::test]
async fn a_raw_answer_is_sent_as_it_is() {
    let bench = Bench::new().await;
    let canned = CannedAnswer {
        status: 502,
        body: Some("<h1>Bad Gateway</h1>".into()),
        content_type: Some("text/html".into()),
        headers: vec![("x-odd".into(), "yes".into())],
        ..CannedAnswer::default()
    };
    bench.simulator.script(Fault::on("GET", "/contoso", Effect::Answer(canned)));
    let answer = bench.probe(Method::GET, "/contoso").await;
    assert_eq!(
        (answer.status, answer.header("content-type"), answer.header("x-odd")),
        (502, "text/html", "yes")
    );
    assert_eq!(answer.body, Value::String("<h1>Bad Gateway</h1>".into()));
}

#[tokio::test]
async fn an_outside_hand_acts_just_before_or_just_after_a_request() {
    let bench = Bench::new().await;
    let created = bench.put("abc", json!({"location": "westeurope", "tags": {"a": "1"}})).await;
    let act = Hand::RecreateIdentity { id: bench.identity("abc"), copy_tags: true };
    bench.simulator.script(Fault::on("PATCH", ONE, Effect::HandBefore { act }));
    let patched = bench.patch("abc", json!({"tags": {"a": "2"}})).await;
    assert_ne!(created.body["properties"]["principalId"], patched.body["properties"]["principalId"]);
    let act = Hand::DeleteIdentity { id: bench.identity("abc") };
    bench.simulator.script(Fault::on("GET", ONE, Effect::HandAfter { act }));
    assert_eq!(bench.read("abc").await.status, 200);
    bench.read("abc").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_hand_that_cannot_act_is_noted_in_the_log() {
    let bench = Bench::new().await;
    let act = Hand::DeleteIdentity { id: bench.identity("abc") };
    bench.simulator.script(Fault::on("GET", ONE, Effect::HandBefore { act }));
    bench.read("abc").await;
    let last = bench.simulator.log().pop().unwrap();
    assert!(last.faults[1].contains("hand failed"), "{:?}", last.faults);
}
