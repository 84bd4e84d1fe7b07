//! The metadata service of an Azure machine (IMDS): tokens for the identities of the machine, in the clear.
//!
//! As strict as the real one, whose strictness keeps tricked programs and proxies out: a header that no browser sends,
//! and none that a proxy adds. Must never ask who is there: whoever reaches it is the machine.

use axum::http::Method;
use serde_json::json;

use crate::entra;
use crate::service::{Answer, Request};
use crate::simulation::Simulation;
use crate::world::Machine;

/// Seconds that a token of a machine is good for.
const LIFETIME: i64 = 86_400;

/// Answers one request.
pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Answer {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if request.header("metadata").is_none_or(|value| !value.eq_ignore_ascii_case("true")) {
        return refused("invalid_request", "Required metadata header not specified");
    }
    if request.header("x-forwarded-for").is_some() {
        return refused("invalid_request", "Requests with the header X-Forwarded-For are not served");
    }
    if path != ["metadata", "identity", "oauth2", "token"] {
        return Answer::empty(404);
    }
    if request.method != Method::GET {
        return Answer::empty(405);
    }
    token(simulation, request).unwrap_or_else(|text| refused(text.0, &text.1))
}

fn token(simulation: &mut Simulation, request: &Request) -> Result<Answer, (&'static str, String)> {
    let invalid = |text: &str| ("invalid_request", text.to_owned());
    match request.query("api-version").as_deref() {
        Some("2018-02-01" | "2019-08-01" | "2021-02-01") => {}
        Some(_) | None => {
            return Err(invalid("Required query variable 'api-version' is missing or not supported"));
        }
    }
    let resource = request.query("resource").filter(|text| !text.is_empty());
    let resource = resource.ok_or_else(|| invalid("Required query variable 'resource' is missing"))?;
    let client_id =
        identity(&simulation.world.machine, request.query("client_id").as_deref()).map_err(invalid)?;
    let (tenant, application) =
        simulation.world.application_anywhere(&client_id).ok_or_else(|| invalid("Identity not found"))?;
    if !entra::is_known_audience(&resource) {
        let text =
            format!("AADSTS500011: The resource principal named {resource} was not found in the tenant.");
        return Err(("invalid_resource", text));
    }
    let now = simulation.clock.now();
    let claims = entra::claims(tenant, &client_id, application, resource.clone(), now, LIFETIME);
    let mut answer = Answer::json(
        200,
        // Numbers as texts, as the real one has them.
        json!({
            "access_token": simulation.signer.sign(&claims), "client_id": client_id, "token_type": "Bearer",
            "resource": resource, "expires_in": LIFETIME.to_string(), "ext_expires_in": LIFETIME.to_string(),
            "expires_on": claims.exp.to_string(), "not_before": claims.nbf.to_string(),
        }),
    );
    answer.principal = Some(client_id);
    Ok(answer)
}

/// Which identity is meant: the one that is named, else the machine's own, else the only one.
fn identity(machine: &Machine, named: Option<&str>) -> Result<String, &'static str> {
    let own = machine.system.iter().chain(&machine.user);
    match (named, &machine.system, machine.user.as_slice()) {
        (Some(named), ..) => {
            own.into_iter().find(|id| id.eq_ignore_ascii_case(named)).cloned().ok_or("Identity not found")
        }
        (None, Some(id), _) => Ok(id.clone()),
        (None, None, [only]) => Ok(only.clone()),
        (None, None, []) => Err("Identity not found"),
        (None, None, _) => Err(
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the \
             token request",
        ),
    }
}

fn refused(error: &str, text: &str) -> Answer {
    Answer::json(400, json!({"error": error, "error_description": text})).with_code(error)
}
