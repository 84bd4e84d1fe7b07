//! A simulator with a small world, and a client for it. The world is as new before every request.
//!
//! Must never go anywhere but to the simulator.

use std::collections::BTreeMap;

use azure_simulator::world::{IdentityCredential, Name, Names, Pool};
use azure_simulator::{Config, Sample, Settings, Simulator, World};
use reqwest::{Certificate, Client, Method, redirect::Policy};
use serde_json::{Value, json};

use crate::documents::parse;
use crate::verdict::{Content, Seen};

/// A request body as it goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) content_type: &'static str,
    pub(crate) text: String,
}

impl Sent {
    pub(crate) fn json(value: &Value) -> Self {
        Self { content_type: "application/json", text: value.to_string() }
    }
}

/// Whether the last thing that a path names is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    There,
    Absent,
}

/// The simulator and the client.
pub(crate) struct Stage {
    simulator: Simulator,
    client: Client,
    token: String,
    pub(crate) sample: Sample,
    world: World,
    settings: Settings,
}

impl Stage {
    pub(crate) async fn new() -> Result<Self, String> {
        let sample = Sample::default();
        let world = furnished(&sample).map_err(|error| error.to_string())?;
        let mut config = Config { seed: Some(1), time_scale: 0.0, ..Config::with_world(world.clone()) };
        config.settings.throttling.resource_manager = false;
        let settings = config.settings.clone();
        let simulator = Simulator::start(config).await.map_err(|error| error.to_string())?;
        let client = client(&simulator).map_err(|error| error.to_string())?;
        let token = token(&simulator, &client, &sample).await?;
        Ok(Self { simulator, client, token, sample, world, settings })
    }

    /// Makes everything as it was at the start.
    pub(crate) fn renew(&self) {
        let state = self.simulator.state();
        state.replace_world(self.world.clone());
        state.set(|settings| settings.clone_from(&self.settings));
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut World, &Sample)) {
        self.simulator.state().with(|world| change(world, &self.sample));
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.simulator.state().set(change);
    }

    pub(crate) fn advance(&self, seconds: f64) {
        self.simulator.clock().advance(seconds);
    }

    /// Sends a request; `address` is a path with its query, or a whole address of the simulator.
    pub(crate) async fn ask(
        &self,
        method: &str,
        address: &str,
        body: Option<&Sent>,
        signed_in: bool,
    ) -> Result<Seen, String> {
        let base = self.simulator.resource_manager();
        let address = if address.starts_with('/') { format!("{base}{address}") } else { address.to_owned() };
        if !address.starts_with(&base) {
            return Err(format!("{address} is no address of the simulator"));
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = self.client.request(method, &address);
        if signed_in {
            request = request.bearer_auth(&self.token);
        }
        if let Some(sent) = body {
            request = request.header("content-type", sent.content_type).body(sent.text.clone());
        }
        let response = request.send().await.map_err(|error| format!("{address}: {error}"))?;
        let status = response.status().as_u16();
        let headers: BTreeMap<String, String> = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let text = response.text().await.map_err(|error| format!("{address}: {error}"))?;
        let body = match parse(&text) {
            _ if text.is_empty() => Content::Empty,
            Ok(value) => Content::Json(value),
            Err(_) => Content::NotJson,
        };
        Ok(Seen { status, headers, body })
    }

    /// What stands for a parameter of a path.
    pub(crate) fn value(&self, parameter: &str, last: bool, subject: Subject) -> String {
        let absent = last && subject == Subject::Absent;
        let chosen = |there: &str| if absent { format!("{there}-absent") } else { there.to_owned() };
        let scope = |pool: &str| self.sample.pool_id(pool).trim_start_matches('/').to_owned();
        match parameter {
            "subscriptionId" => self.sample.subscription.clone(),
            "resourceGroupName" => self.sample.group.clone(),
            "resourceName" => chosen("id-contract"),
            "federatedIdentityCredentialResourceName" => chosen("fic-contract"),
            "poolName" => chosen("pool-contract"),
            "location" | "locationName" => self.sample.location.clone(),
            // Of the sample's pools one has a system-assigned identity.
            "scope" => scope(if absent { "pool-linux" } else { "pool-windows" }),
            other => format!("contract-{other}"),
        }
    }

    /// Values that make sense in a body here, by the name of the member.
    pub(crate) fn hint(&self, member: &str) -> Option<Value> {
        match member {
            "location" => Some(json!(self.sample.location)),
            "url" => Some(json!("https://dev.azure.com/contoso")),
            "issuer" => Some(json!("https://oidc.example.com/other")),
            "identity" => {
                let entry = self.sample.foreign_identity_id("id-signing");
                Some(json!({"type": "UserAssigned", "userAssignedIdentities": {entry: {}}}))
            }
            _ => None,
        }
    }
}

/// The sample world with one of everything that the contract asks for.
fn furnished(sample: &Sample) -> Result<World, azure_simulator::world::WorldError> {
    let mut world = sample.world();
    let tags = Names::from([(Name::from("team"), "blue".to_owned())]);
    for name in ["id-contract", "id-other"] {
        world.create_identity(&sample.identity_id(name), &sample.location, tags.clone())?;
    }
    if let Some(identity) = world.identity_mut(&sample.identity_id("id-contract")) {
        for (name, subject) in [("fic-contract", "one"), ("fic-more", "more")] {
            let credential = IdentityCredential {
                issuer: "https://oidc.example.com/one".to_owned(),
                subject: subject.to_owned(),
                audience: "api://AzureADTokenExchange".to_owned(),
            };
            identity.federated_credentials.insert(Name::from(name), credential);
        }
    }
    let attached = world.attached(&[sample.foreign_identity_id("id-artifacts")])?;
    let pool =
        Pool::azure_devops(&sample.location, &["https://dev.azure.com/contoso"]).with_identity(attached);
    world.create_pool(&sample.pool_id("pool-contract"), pool)?;
    Ok(world)
}

fn client(simulator: &Simulator) -> Result<Client, reqwest::Error> {
    let authority = Certificate::from_pem(simulator.ca_pem().as_bytes())?;
    Client::builder().tls_certs_only([authority]).redirect(Policy::none()).no_proxy().build()
}

async fn token(simulator: &Simulator, client: &Client, sample: &Sample) -> Result<String, String> {
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fmanagement.azure.com%2F.default",
        sample.client_id, sample.client_secret
    );
    let answer = client
        .post(format!("{}/{}/oauth2/v2.0/token", simulator.authority(), sample.tenant))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    let body: Value = answer.json().await.map_err(|error| error.to_string())?;
    body["access_token"].as_str().map(str::to_owned).ok_or_else(|| format!("no token: {body}"))
}
