//! The proxy on the way out: one for all clients, but for what is named.

use std::time::Duration;

use kube::config::Kubeconfig;
use mdi_operator::api::conditions::types;

use crate::{
    process::free_port,
    proxy::Proxy,
    stage::{Stage, message},
};

const PASSWORD: &str = "proxy-p4ss%40word";

#[tokio::test]
async fn every_client_goes_by_way_of_the_proxy_and_its_password_is_nowhere_to_be_read() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = Proxy::start(Some("proxy-p4ss@word")).await;
    stage.start_operator(&[("HTTPS_PROXY", &proxy.url(Some(PASSWORD))), ("MDI_LOG", "trace")]).await;
    stage.ready("agents").await;
    let hosts =
        [stage.azure.authority(), stage.azure.resource_manager(), stage.azure.devops(), stage.api_server()];
    for host in &hosts {
        assert!(proxy.has_seen(host), "{host} is not in {:?}", proxy.asked());
    }
    let asked = proxy.asked();
    assert_eq!(asked.len(), hosts.len(), "{asked:?}");
    assert!(asked.iter().all(|line| line.starts_with("CONNECT ") && !line.contains(" 407 ")), "{asked:?}");
    let log = stage.operator_log().await;
    assert!(log.contains(&format!("{}/", proxy.url(None))), "named at start:\n{log}");
    for hidden in ["proxy-p4ss", &azure_core::base64::encode("operator:proxy-p4ss@word")] {
        assert!(!log.contains(hidden), "{log}");
    }
    stage.stop_operator().await;
}

#[tokio::test]
async fn what_no_proxy_names_by_network_or_by_name_is_reached_without_the_proxy() {
    // All parts listen on one address, which has one name more: it stands for the part that is called by that name. So is
    // the proxy, which is reached whatever NO_PROXY says of it.
    for (without, by_name, by_address) in
        [("127.0.0.0/8", true, false), (".example.com,localhost", false, true)]
    {
        let stage = Stage::without_operator(|_| {}).await;
        let proxy = Proxy::start(None).await;
        let devops = stage.azure.devops().replace("127.0.0.1", "localhost");
        stage
            .start_operator(&[
                // The small letters count where the capital ones are not set.
                ("https_proxy", &proxy.url(None).replace("127.0.0.1", "localhost")),
                ("NO_PROXY", without),
                ("AZURE_DEVOPS_ENDPOINT", &devops),
            ])
            .await;
        stage.ready("agents").await;
        assert_eq!(proxy.has_seen(&devops), by_name, "{:?}", proxy.asked());
        for host in [stage.azure.authority(), stage.azure.resource_manager(), stage.api_server()] {
            assert_eq!(proxy.has_seen(&host), by_address, "{host}: {:?}", proxy.asked());
        }
        stage.stop_operator().await;
    }
}

#[tokio::test]
async fn a_proxy_that_the_kubeconfig_names_is_the_way_to_its_cluster_whatever_the_environment_says() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = Proxy::start(Some("proxy-p4ss@word")).await;
    let with = |address: &str| {
        let mut kubeconfig = Kubeconfig::from_yaml(&stage.kubeconfig()).unwrap();
        kubeconfig.clusters[0].cluster.as_mut().unwrap().proxy_url = Some(address.to_owned());
        let file = std::env::temp_dir().join(format!("mdi-own-proxy-{}", std::process::id()));
        std::fs::write(&file, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let file = with(&proxy.url(Some(PASSWORD)));
    let down = format!("http://127.0.0.1:{}", free_port());
    let environment = [("KUBECONFIG", file.as_str()), ("HTTPS_PROXY", &down), ("NO_PROXY", "127.0.0.0/8")];
    stage.start_operator(&environment).await;
    stage.ready("agents").await;
    assert!(proxy.has_seen(&stage.api_server()) && proxy.asked().len() == 1, "{:?}", proxy.asked());
    stage.stop_operator().await;

    let file = with("socks5://me:hush@127.0.0.1:1");
    stage.start_operator(&[("KUBECONFIG", &file)]).await;
    let log = stage.until_operator_ends().await;
    assert!(log.contains("error: the proxy-url in the file that KUBECONFIG names is not a proxy"), "{log}");
    assert!(!log.contains("hush"), "{log}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_proxy_that_is_down_or_refuses_is_named_in_the_one_line_that_the_process_ends_with() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = Proxy::start(Some("proxy-p4ss@word")).await;
    let down = format!("http://operator:{PASSWORD}@127.0.0.1:{}", free_port());
    for (url, problem) in
        [(down, "Connection refused"), (proxy.url(Some("wr0ng")), "proxy authorization required")]
    {
        stage.start_operator(&[("HTTPS_PROXY", &url)]).await;
        let log = stage.until_operator_ends().await;
        let line = log.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{log}"));
        let named = format!(
            "by way of the proxy http://{}/ (HTTPS_PROXY, NO_PROXY)",
            url.split('@').next_back().unwrap()
        );
        for expected in [named.as_str(), problem] {
            assert!(line.contains(expected), "{line}");
        }
        assert!(!log.contains("p4ss") && !log.contains("wr0ng"), "{log}");
    }
    stage.start_operator(&[("HTTPS_PROXY", &proxy.url(None)), ("NO_PROXY", "localhost,")]).await;
    let log = stage.until_operator_ends().await;
    assert!(log.contains("error: NO_PROXY: with a kubeconfig, ") && log.contains("is empty"), "{log}");
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named_in_the_status_of_each_object() {
    let stage = Stage::without_operator(|_| {}).await;
    let proxy = format!("http://operator:{PASSWORD}@127.0.0.1:{}", free_port());
    let authority = stage.azure.authority().replace("127.0.0.1", "localhost");
    stage
        .start_operator(&[
            ("HTTPS_PROXY", &proxy),
            ("NO_PROXY", "127.0.0.1"),
            ("AZURE_AUTHORITY_HOST", &authority),
        ])
        .await;
    stage.apply("agents", stage.spec(|_| {})).await;
    let object = stage.until_reason("agents", "AzureUnavailable").await;
    let told = message(&object, types::READY);
    assert!(
        told.contains("Connection refused") && told.contains("by way of the proxy http://127.0.0.1:"),
        "{told}"
    );
    assert!(!told.contains("p4ss") && !stage.operator_log().await.contains("p4ss"), "{told}");
    stage.let_pass(Duration::from_secs(1)).await;
    stage.stop_operator().await;
}
