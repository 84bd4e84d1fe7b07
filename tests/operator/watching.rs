//! What the watches tell, and what is done before and while they do.

use std::time::Duration;

use crate::stage::{Stage, control_plane};

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
