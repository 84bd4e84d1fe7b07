//! A client over real HTTPS that trusts only the simulator's authority.
//!
//! Must never reach into the simulator: what it learns comes over the wire.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared between test files")]

use azure_simulator::world::Names;
use azure_simulator::{Config, PoolReadings, Sample, Settings, Simulator};
use reqwest::{Certificate, Client, Method, StatusCode, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};

pub const IDENTITIES: &str = "2024-11-30";
pub const POOLS: &str = "2025-09-20";
pub const SUBSCRIPTIONS: &str = "2022-12-01";

/// A simulator with the sample world and a client for it.
pub struct Bench {
    pub simulator: Simulator,
    pub sample: Sample,
    pub client: Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Seen {
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let sample = Sample::default();
        // The clock stands still, so nothing ages unless a test says so.
        let mut config = Config { seed: Some(1), time_scale: 0.0, ..Config::with_world(sample.world()) };
        change(&mut config.settings);
        let simulator = Simulator::start(config).await.unwrap();
        let authority = Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
        let client = Client::builder()
            .tls_certs_only([authority])
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { simulator, sample, client }
    }

    pub fn form(&self) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "client_credentials".into()),
            ("client_id", self.sample.client_id.clone()),
            ("client_secret", self.sample.client_secret.clone()),
            ("scope", "https://management.azure.com/.default".into()),
        ]
    }

    pub async fn ask_token(&self, tenant: &str, form: &[(&str, String)]) -> Seen {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .client
            .post(format!("{}/{tenant}/oauth2/v2.0/token", self.simulator.authority()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        seen(request.send().await.unwrap()).await
    }

    pub async fn token(&self) -> String {
        let answer = self.ask_token(&self.sample.tenant, &self.form()).await;
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {}", answer.body)).to_owned()
    }

    pub fn arm(&self, method: Method, path: &str, version: &str) -> reqwest::RequestBuilder {
        let joint = if path.contains('?') { '&' } else { '?' };
        self.client.request(
            method,
            format!("{}{path}{joint}api-version={version}", self.simulator.resource_manager()),
        )
    }

    /// A request with a fresh token.
    pub async fn send(&self, method: Method, path: &str, version: &str, body: Option<Value>) -> Seen {
        let mut request = self.arm(method, path, version).bearer_auth(self.token().await);
        if let Some(body) = body {
            request = request.json(&body);
        }
        seen(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str, version: &str) -> Seen {
        self.send(Method::GET, path, version, None).await
    }

    pub fn identity(&self, name: &str) -> String {
        self.sample.identity_id(name)
    }

    pub async fn put(&self, name: &str, body: Value) -> Seen {
        self.send(Method::PUT, &self.identity(name), IDENTITIES, Some(body)).await
    }

    pub async fn patch(&self, name: &str, body: Value) -> Seen {
        self.send(Method::PATCH, &self.identity(name), IDENTITIES, Some(body)).await
    }

    pub async fn read(&self, name: &str) -> Seen {
        self.get(&self.identity(name), IDENTITIES).await
    }

    pub async fn delete(&self, name: &str) -> Seen {
        self.send(Method::DELETE, &self.identity(name), IDENTITIES, None).await
    }

    pub fn pool(&self, name: &str) -> String {
        self.sample.pool_id(name)
    }

    pub async fn put_pool(&self, name: &str, body: Value) -> Seen {
        self.send(Method::PUT, &self.pool(name), POOLS, Some(body)).await
    }

    pub async fn patch_pool(&self, name: &str, body: Value) -> Seen {
        self.send(Method::PATCH, &self.pool(name), POOLS, Some(body)).await
    }

    pub async fn read_pool(&self, name: &str) -> Seen {
        self.get(&self.pool(name), POOLS).await
    }

    pub async fn delete_pool(&self, name: &str) -> Seen {
        self.send(Method::DELETE, &self.pool(name), POOLS, None).await
    }

    /// The full body of a small pool of `contoso`.
    pub fn pool_body(&self) -> Value {
        json!({
            "location": self.sample.location,
            "properties": {
                "maximumConcurrency": 2,
                "devCenterProjectResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.DevCenter/projects/p",
                "organizationProfile": {
                    "kind": "AzureDevOps",
                    "organizations": [{"url": "https://dev.azure.com/contoso"}],
                },
                "agentProfile": {"kind": "Stateless"},
                "fabricProfile": {
                    "kind": "Vmss",
                    "sku": {"name": "Standard_D2ads_v5"},
                    "images": [{"wellKnownImageName": "ubuntu-24.04/latest"}],
                },
            },
        })
    }

    /// An address that an answer named, with a fresh token.
    pub async fn follow(&self, address: &str) -> Seen {
        let request = self.client.get(address).bearer_auth(self.token().await);
        seen(request.send().await.unwrap()).await
    }

    /// An identity in the sample's group, made by somebody else.
    pub fn given_identity(&self, name: &str) -> String {
        let id = self.identity(name);
        let location = self.sample.location.clone();
        self.simulator.state().with(|world| world.create_identity(&id, &location, Names::new())).unwrap();
        id
    }

    pub fn set_pools(&self, change: impl FnOnce(&mut PoolReadings)) {
        self.simulator.state().set(|settings| change(&mut settings.readings.pools));
    }

    pub fn here(&self) -> Value {
        json!({"location": self.sample.location})
    }

    pub async fn probe(&self, method: Method, path: &str) -> Seen {
        let request = self.client.request(method, format!("{}{path}", self.simulator.devops()));
        seen(request.send().await.unwrap()).await
    }

    /// A request to the admin port.
    pub async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Seen {
        let mut request = self.client.request(method, format!("{}{path}", self.simulator.admin()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        seen(request.send().await.unwrap()).await
    }
}

pub async fn seen(response: reqwest::Response) -> Seen {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap_or_default();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Seen { status: StatusCode::as_u16(&status), headers, body }
}

/// A body with one value put in at a JSON pointer, or taken out.
pub fn changed(mut body: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    body
}
