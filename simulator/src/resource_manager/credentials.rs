//! Federated credentials of a user-assigned identity: PUT, GET, DELETE and the list.
//!
//! They live and go with their identity. Reads look at the replicas, writes at the truth. Must never check a token: that is
//! Entra's.

use axum::http::Method;
use serde_json::{Value, json};

use super::errors::{self, Refusal};
use super::shape::Need::{Optional, ReadOnly, Required};
use super::shape::Shape::{Anything, List, Object, Text, Uri};
use super::shape::{self, Extent, Member};
use super::{Call, IDENTITY_TYPE, identities, lists, placement, schema};
use crate::clock::later;
use crate::service::Answer;
use crate::simulation::Simulation;
use crate::world::{Identity, IdentityCredential, IdentityId, Name};

const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
/// How many one identity can have.
const LIMIT: usize = 20;

const CREDENTIAL: &[Member] = &[
    Member("id", ReadOnly, Anything),
    Member("name", ReadOnly, Anything),
    Member("type", ReadOnly, Anything),
    Member("systemData", ReadOnly, Anything),
    Member(
        "properties",
        // Optional in the description; a credential without it is none.
        Optional,
        Object(&[
            Member("issuer", Required, Uri),
            Member("subject", Required, Text),
            Member("audiences", Required, List(&Text)),
        ]),
    ),
];

/// Serves a request to one credential.
pub(super) fn serve(
    simulation: &mut Simulation,
    call: &Call<'_>,
    id: &IdentityId,
    name: &str,
) -> Result<Answer, Refusal> {
    match call.request.method {
        Method::PUT => put(simulation, call, id, name),
        Method::DELETE => delete(simulation, id, name),
        _ => {
            let parent = seen(simulation, id)?;
            let found = parent.federated_credentials.get_key_value(&Name::from(name));
            let (name, credential) = found
                .ok_or_else(|| errors::resource_not_found(TYPE, &format!("{}/{name}", id.name), &id.group))?;
            Ok(Answer::json(200, shown(id, name, credential)))
        }
    }
}

/// The parent as a read sees it.
fn seen(simulation: &Simulation, id: &IdentityId) -> Result<Identity, Refusal> {
    let key = Name::from(id.to_string());
    let current = simulation.world.identities.get_key_value(&key);
    let found = simulation.replicas.identities.one(&key, current, simulation.clock.now());
    found.map(|(_, identity)| identity.clone()).ok_or_else(|| identities::absent(id))
}

/// The parent as it is, with its name as first written.
fn parent(simulation: &Simulation, id: &IdentityId, child: &str) -> Result<(Name, Identity), Refusal> {
    let found = simulation.world.identities.get_key_value(&Name::from(id.to_string()));
    found
        .map(|(key, identity)| (key.clone(), identity.clone()))
        .ok_or_else(|| errors::parent_not_found(child, &format!("{IDENTITY_TYPE}/{}", id.name)))
}

fn put(simulation: &mut Simulation, call: &Call<'_>, id: &IdentityId, name: &str) -> Result<Answer, Refusal> {
    let body = shape::taken(CREDENTIAL, &schema::object(call.request)?, "", Extent::Whole, call.api_version)?;
    let wanted = draft(&body)?;
    fits(name)?;
    let (key, before) = parent(simulation, id, name)?;
    placement::by_policy(simulation, &id.subscription, &id.group, name)?;
    let known = &before.federated_credentials;
    let asked = Name::from(name);
    let same =
        |other: &IdentityCredential| (&other.issuer, &other.subject) == (&wanted.issuer, &wanted.subject);
    if known.iter().any(|(other, credential)| *other != asked && same(credential)) {
        return Err(errors::invalid(
            "BadRequest",
            "Issuer and subject combination already exists for this Managed Identity.",
        ));
    }
    let (status, name) = match known.get_key_value(&asked) {
        Some((spelled, _)) => (200, spelled.clone()),
        None if known.len() >= LIMIT => {
            let text = format!(
                "Too many Federated Identity Credentials for the managed identity '{id}'. The limit is {LIMIT}."
            );
            return Err(errors::invalid("BadRequest", text));
        }
        None => (201, asked),
    };
    alone(simulation, &key, id)?;
    let answer = Answer::json(status, shown(id, &name, &wanted));
    let mut identity = before.clone();
    identity.federated_credentials.insert(name, wanted);
    replace(simulation, key, before, identity);
    Ok(answer)
}

fn delete(simulation: &mut Simulation, id: &IdentityId, name: &str) -> Result<Answer, Refusal> {
    let Ok((key, before)) = parent(simulation, id, name) else { return Ok(Answer::empty(204)) };
    if !before.federated_credentials.contains_key(&Name::from(name)) {
        return Ok(Answer::empty(204));
    }
    alone(simulation, &key, id)?;
    let mut identity = before.clone();
    identity.federated_credentials.remove(&Name::from(name));
    replace(simulation, key, before, identity);
    Ok(Answer::empty(200))
}

fn replace(simulation: &mut Simulation, key: Name, before: Identity, after: Identity) {
    identities::remember(simulation, &key, Some(before));
    simulation.world.identities.insert(key, after);
}

/// Refuses a write while another one below the same identity is not done yet.
fn alone(simulation: &mut Simulation, key: &Name, id: &IdentityId) -> Result<(), Refusal> {
    let (now, seconds) = (simulation.clock.now(), simulation.settings.credential_write_seconds);
    if simulation.credential_writes.get(key).is_some_and(|until| now < *until) {
        return Err(errors::concurrent_credential_writes(&id.to_string()));
    }
    if seconds > 0.0 {
        simulation.credential_writes.insert(key.clone(), later(now, seconds));
    }
    Ok(())
}

fn draft(body: &serde_json::Map<String, Value>) -> Result<IdentityCredential, Refusal> {
    let properties = body.get("properties").ok_or_else(|| shape::missing("properties", "properties"))?;
    let text = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default();
    let audiences =
        properties.get("audiences").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [audience] = audiences else {
        let text = format!(
            "The number of audiences is {}. A federated identity credential has exactly one.",
            audiences.len()
        );
        return Err(errors::invalid("BadRequest", text));
    };
    Ok(IdentityCredential {
        issuer: text("issuer").to_owned(),
        subject: text("subject").to_owned(),
        audience: audience.as_str().unwrap_or_default().to_owned(),
    })
}

/// Whether a text can be the name of a credential.
fn fits(name: &str) -> Result<(), Refusal> {
    let fits = (3..=120).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    if fits {
        return Ok(());
    }
    let text = format!(
        "Resource name '{name}' is invalid. It must match the pattern '^[a-zA-Z0-9]{{1}}[a-zA-Z0-9-_]{{2,119}}$'."
    );
    Err(errors::invalid("InvalidResourceName", text))
}

fn shown(id: &IdentityId, name: &Name, credential: &IdentityCredential) -> Value {
    let IdentityCredential { issuer, subject, audience } = credential;
    json!({
        "id": format!("{id}/federatedIdentityCredentials/{name}"),
        "name": name,
        "type": TYPE,
        "properties": {"issuer": issuer, "subject": subject, "audiences": [audience]},
    })
}

/// Serves the list.
pub(super) fn list(simulation: &Simulation, call: &Call<'_>, id: &IdentityId) -> Result<Answer, Refusal> {
    let wanted = match call.request.query("$top") {
        None => usize::MAX,
        Some(top) => match top.parse() {
            Ok(top) if top > 0 => top,
            Ok(_) | Err(_) => {
                let text = format!("The value '{top}' of '$top' is not a whole number of 1 or more.");
                return Err(errors::invalid("InvalidQueryParameter", text));
            }
        },
    };
    let listed = seen(simulation, id)?.federated_credentials.into_iter().collect();
    let size = wanted.min(simulation.settings.page_size);
    lists::page(simulation, call, listed, size, |name, credential| shown(id, name, credential))
}
