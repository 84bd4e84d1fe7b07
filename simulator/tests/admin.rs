//! The tester's port, and the simulator as a whole: TLS, start, stop.

mod support;

use azure_simulator::{Config, Effect, Fault, Ports, Sample, Simulator};
use reqwest::Method;
use serde_json::{Value, json};
use support::Bench;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn host(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_world_is_read_replaced_and_patched() {
    let bench = Bench::new().await;
    let world = bench.admin(Method::GET, "/world", None).await.body;
    assert_eq!(world["organizations"]["contoso"]["directory"]["connected"], bench.sample.tenant.as_str());
    let patch =
        json!({"organizations": {"CONTOSO": {"directory": "notConnected", "quirks": ["headerTwice"]}}});
    assert_eq!(bench.admin(Method::PATCH, "/world", Some(patch)).await.status, 200);
    let probed = bench.probe(Method::HEAD, "/contoso").await;
    assert_eq!(probed.headers.get_all("x-vss-resourcetenant").iter().count(), 2);
    assert_eq!(bench.admin(Method::PUT, "/world", Some(json!({}))).await.status, 200);
    assert_eq!(bench.probe(Method::HEAD, "/contoso").await.status, 404);
    let empty = bench.admin(Method::GET, "/world", None).await.body;
    assert_eq!(empty["locations"], world["locations"], "a world that names no regions has the usual ones");
    assert_eq!(bench.admin(Method::PUT, "/world", Some(world.clone())).await.body, world);
}

#[tokio::test]
async fn wrong_input_is_told_with_field_and_next_step() {
    let bench = Bench::new().await;
    let patch = json!({"subscriptions": {bench.sample.subscription.clone(): {"state": "Sleeping"}}});
    let answer = bench.admin(Method::PATCH, "/world", Some(patch)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body["field"].as_str().unwrap().ends_with("state"), "{}", answer.body);
    assert!(answer.body["problem"].as_str().unwrap().contains("Sleeping"));
    for (path, body, field) in [
        ("/hands/delete-identity", json!({"id": "/nowhere"}), "id"),
        ("/hands/connect-organization", json!({"name": "contoso", "tenant": "none"}), "tenant"),
        ("/hands/dance", json!({}), "hand"),
        ("/faults", json!({"effect": {"kind": "explode"}}), "effect"),
        ("/faults", json!({"effect": {"kind": "answer", "status": 500, "retry-after": 1}}), "retry-after"),
        ("/faults", json!({"effect": {"kind": "resetAfter"}, "times": 1}), "times"),
        ("/clock", json!({"advance": -1}), "advance"),
        ("/faults", json!({"effect": {"kind": "resetAfter"}, "from": 0}), "from"),
        ("/faults", json!({"effect": {"kind": "status", "status": 99}}), "effect.status"),
        ("/clock", json!({"rewind": 1}), "rewind"),
    ] {
        let answer = bench.admin(Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, 400, "{path}");
        let text = answer.body.to_string();
        assert!(text.contains(field), "{path}: {text}");
        assert!(answer.body["nextStep"].is_string());
    }
}

#[tokio::test]
async fn hands_act_over_the_admin_port() {
    let bench = Bench::new().await;
    let id = bench.identity("abc");
    let act = async |name: &str, body: Value| {
        let answer = bench.admin(Method::POST, &format!("/hands/{name}"), Some(body)).await;
        assert_eq!(answer.status, 204, "{name}: {}", answer.body);
    };
    act("create-identity", json!({"id": id, "location": "westeurope", "tags": {"a": "1"}})).await;
    let before = bench.read("abc").await.body;
    act("set-tag", json!({"id": id, "key": "b", "value": "2"})).await;
    act("remove-tag", json!({"id": id, "key": "a"})).await;
    act("recreate-identity", json!({"id": id})).await;
    let after = bench.read("abc").await.body;
    assert_eq!(after["tags"], json!({"b": "2"}));
    assert_ne!(before["properties"]["principalId"], after["properties"]["principalId"]);
    act("connect-organization", json!({"name": "fresh", "tenant": bench.sample.tenant})).await;
    assert_eq!(bench.probe(Method::HEAD, "/fresh").await.header("x-vss-resourcetenant"), bench.sample.tenant);
    let group = json!({"subscription": bench.sample.subscription, "group": bench.sample.group});
    let lock = json!({"subscription": group["subscription"], "group": group["group"], "name": "l", "level": "ReadOnly"});
    act("lock", lock).await;
    bench.delete("abc").await.refused(409, "ScopeLocked");
    act("unlock", json!({"subscription": group["subscription"], "group": group["group"], "name": "l"})).await;
    act("delete-identity", json!({"id": id})).await;
    bench.read("abc").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn faults_clock_settings_and_log_are_at_hand() {
    let bench = Bench::new().await;
    let fault = json!({"method": "HEAD", "path": "/contoso", "effect": {"kind": "answer", "status": 503, "retryAfter": 4}});
    assert_eq!(bench.admin(Method::POST, "/faults", Some(fault)).await.status, 201);
    let answer = bench.probe(Method::HEAD, "/contoso").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "4"));
    assert_eq!(bench.admin(Method::GET, "/faults", None).await.body[0]["seen"], 1);
    assert_eq!(bench.admin(Method::DELETE, "/faults", None).await.status, 204);
    assert_eq!(bench.admin(Method::GET, "/faults", None).await.body, json!([]));

    let before = bench.simulator.clock().now();
    bench.admin(Method::POST, "/clock", Some(json!({"advance": 60}))).await;
    assert_eq!(bench.simulator.clock().now().duration_since(before).as_secs(), 60);

    let patch = json!({"pageSize": 3, "readings": {"unknownOrganization": "signInRedirect"}});
    assert_eq!(bench.admin(Method::PATCH, "/settings", Some(patch)).await.body["pageSize"], 3);
    assert_eq!(bench.probe(Method::HEAD, "/nobody").await.status, 302);

    let lines = bench.admin(Method::GET, "/log?after=1", None).await.body;
    let lines = lines.as_str().map_or_else(|| lines.to_string(), str::to_owned);
    let entry: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&entry["seq"], &entry["path"], &entry["status"]),
        (&json!(2), &json!("/nobody"), &json!(302))
    );
    bench.admin(Method::DELETE, "/log", None).await;
    assert!(bench.simulator.log().is_empty());
    let manual = bench.admin(Method::GET, "/", None).await.body;
    assert!(manual.as_str().unwrap().contains(&bench.simulator.devops()));
}

#[tokio::test]
async fn a_failing_handshake_does_not_stop_the_others() {
    let bench = Bench::new().await;
    let mut silent = TcpStream::connect(host(&bench.simulator.devops())).await.unwrap();
    let mut garbage = TcpStream::connect(host(&bench.simulator.devops())).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    silent.write_all(b"\x16").await.unwrap();
    assert_eq!(bench.probe(Method::HEAD, "/contoso").await.status, 302);
    let other = Bench::new().await;
    let stranger = other.client.get(bench.simulator.devops()).send().await;
    assert!(stranger.is_err(), "a client of another authority must refuse the certificate");
    assert_eq!(bench.probe(Method::HEAD, "/contoso").await.status, 302);
}

#[tokio::test]
async fn the_certificate_is_good_for_localhost_too() {
    let bench = Bench::new().await;
    let url = bench.simulator.devops().replace("127.0.0.1", "localhost");
    assert_eq!(bench.client.head(format!("{url}/contoso")).send().await.unwrap().status(), 302);
}

#[tokio::test]
async fn stopping_and_dropping_close_the_ports() {
    let sample = Sample::default();
    let stopped = Simulator::start(Config::with_world(sample.world())).await.unwrap();
    let ports = [stopped.authority(), stopped.resource_manager(), stopped.devops(), stopped.admin()];
    stopped.stop().await;
    for port in ports {
        assert!(TcpStream::connect(host(&port)).await.is_err(), "{port}");
    }
    let dropped = Simulator::start(Config::with_world(sample.world())).await.unwrap();
    let port = host(&dropped.devops());
    drop(dropped);
    for _ in 0..100 {
        if TcpStream::connect(&port).await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the port stays open");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let bench = Bench::new().await;
    let port: u16 = host(&bench.simulator.devops()).rsplit(':').next().unwrap().parse().unwrap();
    let ports = Ports { admin: port, ..Ports::default() };
    let error = Simulator::start(Config { ports, ..Config::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("port {port} of 127.0.0.1 cannot be opened")), "{error}");
}

#[tokio::test]
async fn stopping_takes_no_longer_than_its_grace_even_with_a_hanging_answer() {
    let bench = Bench::new().await;
    bench.probe(Method::HEAD, "/contoso").await;
    bench.simulator.script(Fault::on("GET", "/contoso", Effect::Delay { milliseconds: 60_000 }));
    let hanging = bench.client.get(format!("{}/contoso", bench.simulator.devops()));
    let hanging = tokio::spawn(async move { hanging.send().await });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let start = std::time::Instant::now();
    bench.simulator.stop().await;
    assert!(start.elapsed() < std::time::Duration::from_millis(1500), "{:?}", start.elapsed());
    hanging.abort();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_stop() {
    let bench = Bench::new().await;
    bench.probe(Method::HEAD, "/contoso").await;
    let start = std::time::Instant::now();
    bench.simulator.stop().await;
    assert!(start.elapsed() < std::time::Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_log_file_has_every_request_as_a_line() {
    let file = std::env::temp_dir().join(format!("azure-simulator-{}.jsonl", std::process::id()));
    let config = Config { log_file: Some(file.clone()), ..Config::with_world(Sample::default().world()) };
    let simulator = Simulator::start(config).await.unwrap();
    let authority = reqwest::Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
    client.head(format!("{}/personal", simulator.devops())).send().await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["service"], &line["method"]), (&json!("devops"), &json!("HEAD")));
}
