//! What the watches tell, and what is done before and while they do.

use std::time::Duration;

use harness::ControlPlane;

use crate::{
    process::free_port,
    stage::{Stage, apply_base, control_plane},
};

/// What the health page and the metrics of an operator say.
async fn get(listen: &str, path: &str) -> String {
    reqwest::get(format!("http://{listen}{path}")).await.expect("an answer").text().await.expect("a text")
}

/// Waits until a page says something, or no longer does.
async fn until(listen: &str, path: &str, word: &str, says: bool) {
    let begun = std::time::Instant::now();
    loop {
        let page = get(listen, path).await;
        if page.contains(word) == says {
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{path} and {word:?}:\n{page}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn nothing_is_asked_of_azure_before_all_first_lists_are_there() {
    let stage = Stage::without_operator(|_| {}).await;
    let other = format!("{}-b", stage.namespace);
    control_plane().await.kubectl(["create", "namespace", &other]).await.unwrap();
    stage.apply("agents", stage.spec(|_| {})).await;
    let both = format!("{},{other}", stage.namespace);
    let list = format!("*/namespaces/{other}/manageddevopsidentities");
    let (proxy, held) = stage.start_operator_held_at("GET", &list, &[("MDI_NAMESPACES", &both)]).await;
    held.reached().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.requests().len(), 0, "asked on a part of the objects");
    held.open();
    stage.until_reason("agents", "Succeeded").await;
    drop(proxy);
}

#[tokio::test]
async fn an_operator_whose_watch_is_refused_is_not_ready_says_with_what_and_sees_again_soon() {
    let stage = Stage::without_operator(|_| {}).await;
    let listen = format!("127.0.0.1:{}", free_port());
    let proxy = stage.start_operator_behind_a_proxy(&[("MDI_LISTEN", &listen)]).await;
    stage.ready("agents").await;
    until(&listen, "/readyz", "watch", false).await;
    // The right to watch goes, and with it the connection.
    let refused = proxy.answer("GET", "*/manageddevopsidentities*", 403, "Forbidden");
    proxy.cut_watches();
    until(&listen, "/readyz", "watch", true).await;
    until(&listen, "/metrics", "mdi_watches_failing{code=\"403\"} 1", true).await;
    refused.open();
    stage.apply("another", stage.spec(|_| {})).await;
    stage.until_reason("another", "Succeeded").await;
    until(&listen, "/readyz", "watch", false).await;
    until(&listen, "/metrics", "mdi_watches_failing{code=\"403\"} 1", false).await;
}

#[tokio::test]
async fn a_kind_that_is_deleted_under_the_operator_is_told_as_missing_until_it_is_back() {
    let control_plane = ControlPlane::start().await.unwrap();
    apply_base(&control_plane).await;
    let stage = Stage::on(&control_plane).await;
    let listen = format!("127.0.0.1:{}", free_port());
    stage.start_operator(&[("MDI_LISTEN", &listen)]).await;
    stage.ready("agents").await;
    let kind = "manageddevopsidentities.mdi-operator.io";
    control_plane.kubectl(["delete", "crd", kind, "--timeout=60s"]).await.unwrap();
    until(&listen, "/readyz", "crd", true).await;
    until(&listen, "/metrics", "mdi_crd_missing 1", true).await;
    apply_base(&control_plane).await;
    stage.ready("another").await;
    until(&listen, "/readyz", "crd", false).await;
    until(&listen, "/metrics", "mdi_crd_missing 0", true).await;
    stage.stop_operator().await;
    drop(stage);
    control_plane.stop().await.unwrap();
}
