//! The simulator as a program: what it prints is enough to use it, and it ends when told to.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azure-simulator"));
    command.kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("azure-simulator-program-{}-{name}", std::process::id()))
}

async fn greeting(child: &mut Child) -> HashMap<String, String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut variables = HashMap::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            variables.insert(name.to_owned(), value.to_owned());
        }
        if line.contains("client_secret=") {
            break;
        }
    }
    variables
}

#[tokio::test]
async fn what_it_prints_is_enough_to_use_it_and_it_ends_when_told_to() {
    for signal in ["-INT", "-TERM"] {
        let ca_file = scratch(signal);
        let mut child = program().arg("--ca-file").arg(&ca_file).spawn().unwrap();
        let variables = greeting(&mut child).await;
        let pem = std::fs::read(&variables["MDI_CA_FILE"]).unwrap();
        let authority = reqwest::Certificate::from_pem(&pem).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
        let url = format!("{}/personal", variables["AZURE_DEVOPS_ENDPOINT"]);
        assert_eq!(client.head(url).send().await.unwrap().status(), 401);
        for name in [
            "AZURE_AUTHORITY_HOST",
            "AZURE_RESOURCE_MANAGER_ENDPOINT",
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
        ] {
            assert!(variables.contains_key(name), "{name}");
        }
        assert_eq!(variables["AZURE_RESOURCE_MANAGER_AUDIENCE"], "https://management.azure.com");
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(5), child.wait()).await.expect("it goes on");
        assert!(ended.unwrap().success());
        std::fs::remove_file(ca_file).unwrap();
    }
}

#[tokio::test]
async fn a_wrong_world_is_told_with_file_and_place() {
    let world = scratch("world.json");
    std::fs::write(&world, r#"{"organizations": {"contoso": {"directory": {"conected": "x"}}}}"#).unwrap();
    let output = program().arg("--world").arg(&world).output();
    let output = tokio::time::timeout(Duration::from_secs(5), output).await.expect("it serves").unwrap();
    std::fs::remove_file(&world).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(told.contains("world.json: at organizations.contoso.directory"), "{told}");
    assert!(told.contains("conected"), "{told}");
}

#[tokio::test]
async fn a_time_that_runs_back_is_refused() {
    let output = program().arg("--time-scale=-1").output();
    let output = tokio::time::timeout(Duration::from_secs(5), output).await.expect("it serves");
    assert_eq!(output.unwrap().status.code(), Some(2));
}
