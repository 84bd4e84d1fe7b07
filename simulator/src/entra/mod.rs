//! The Entra authority: metadata and the token endpoint for applications.
//!
//! Must never look at anything but tenants and applications, and must never let a secret into an error text.

mod assertion;
mod certificate;
mod refusal;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::json;

use self::refusal::Refusal;
use crate::service::{Answer, Request};
use crate::simulation::Simulation;
use crate::token::{self, Claims};
use crate::world::Application;

/// Seconds that a token is good for, as Entra counts them.
const LIFETIME: i64 = 3599;

/// Audiences that tokens can be had for. Azure keeps a doubled slash of the scope in the audience.
pub(crate) const RESOURCE_MANAGER_AUDIENCES: [&str; 2] =
    ["https://management.azure.com", "https://management.core.windows.net"];
/// The application id of Azure DevOps.
pub(crate) const DEVOPS_AUDIENCE: &str = "499b84ac-1321-427f-aa17-267ca6975798";

const BEARER_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Answers one request at the authority.
pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Answer {
    let now = simulation.clock.now();
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let outcome = match (&request.method, path.as_slice()) {
        (&Method::GET, [tenant, rest @ ..]) if is_configuration(rest) => configuration(simulation, tenant),
        (&Method::GET, ["common", "discovery", "instance"]) => Ok(discovery(simulation)),
        (&Method::POST, [tenant, "oauth2", "v2.0", "token"]) => {
            return token(simulation, request, tenant, now);
        }
        _ => return Answer::empty(404),
    };
    outcome.unwrap_or_else(|refusal| refusal.into_answer(simulation, now))
}

fn is_configuration(rest: &[&str]) -> bool {
    matches!(rest, ["v2.0", ".well-known", "openid-configuration"] | [".well-known", "openid-configuration"])
}

fn configuration(simulation: &Simulation, tenant: &str) -> Result<Answer, Refusal> {
    known_tenant(simulation, tenant)?;
    let base = &simulation.addresses.authority;
    Ok(Answer::json(
        200,
        json!({
            "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{base}/{tenant}/v2.0"),
            "request_uri_parameter_supported": false,
            "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }),
    ))
}

fn discovery(simulation: &Simulation) -> Answer {
    let base = &simulation.addresses.authority;
    let host = base.trim_start_matches("https://");
    Answer::json(
        200,
        json!({
            "tenant_discovery_endpoint": format!("{base}/common/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
    )
}

fn known_tenant(simulation: &Simulation, tenant: &str) -> Result<(), Refusal> {
    match simulation.world.tenants.get(&tenant.into()) {
        Some(_) => Ok(()),
        None => Err(refusal::unknown_tenant(tenant)),
    }
}

fn token(simulation: &mut Simulation, request: &Request, tenant: &str, now: Timestamp) -> Answer {
    let form = Form(request.form());
    let client_id = form.get("client_id").map(str::to_owned);
    let mut answer = match simulation.settings.token_endpoint.too_many_requests {
        Some(seconds) => refusal::too_many_requests()
            .into_answer(simulation, now)
            .with_header("Retry-After", seconds.to_string()),
        None => grant(simulation, &form, tenant, now)
            .unwrap_or_else(|refusal| refusal.into_answer(simulation, now)),
    };
    answer.principal = client_id;
    answer.with_header("Cache-Control", "no-store, no-cache").with_header("Pragma", "no-cache")
}

fn grant(simulation: &Simulation, form: &Form, tenant: &str, now: Timestamp) -> Result<Answer, Refusal> {
    known_tenant(simulation, tenant)?;
    match form.need("grant_type")? {
        "client_credentials" => {}
        other => return Err(refusal::unsupported_grant(other)),
    }
    let client_id = form.need("client_id")?;
    let audience = audience_of(form.need("scope")?)?;
    let application = simulation
        .world
        .application(tenant, client_id)
        .ok_or_else(|| refusal::unknown_application(client_id, tenant))?;
    let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", simulation.addresses.authority);
    authenticate(application, client_id, &endpoint, form, now)?;
    let claims = claims(tenant, client_id, application, audience, now, LIFETIME);
    let token = simulation.signer.sign(&claims);
    Ok(Answer::json(
        200,
        json!({"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}),
    ))
}

/// What a token of this application says.
pub(crate) fn claims(
    tenant: &str,
    client_id: &str,
    application: &Application,
    audience: String,
    now: Timestamp,
    lifetime: i64,
) -> Claims {
    let issued = now.as_second();
    Claims {
        aud: audience,
        iss: format!("https://sts.windows.net/{tenant}/"),
        tid: tenant.to_ascii_lowercase(),
        appid: client_id.to_owned(),
        oid: application.object_id.clone(),
        iat: issued,
        nbf: issued,
        exp: issued + lifetime,
    }
}

/// Whether tokens can be had for it.
pub(crate) fn is_known_audience(audience: &str) -> bool {
    let bare = audience.trim_end_matches('/');
    RESOURCE_MANAGER_AUDIENCES.contains(&bare) || bare == DEVOPS_AUDIENCE
}

fn audience_of(scope: &str) -> Result<String, Refusal> {
    let audience = scope.strip_suffix("/.default").ok_or_else(|| refusal::scope_without_default(scope))?;
    if is_known_audience(audience) {
        Ok(audience.to_owned())
    } else {
        Err(refusal::unknown_resource(audience))
    }
}

fn authenticate(
    application: &Application,
    client_id: &str,
    endpoint: &str,
    form: &Form,
    now: Timestamp,
) -> Result<(), Refusal> {
    if let Some(assertion) = form.get("client_assertion") {
        if form.need("client_assertion_type")? != BEARER_ASSERTION {
            return Err(refusal::malformed_assertion());
        }
        let (header, payload) = token::parts(assertion).ok_or_else(refusal::malformed_assertion)?;
        if certificate::is_named_in(&header) {
            certificate::check_signature(assertion, &header, &application.certificates)?;
            return certificate::check_claims(&payload, client_id, endpoint, now);
        }
        return assertion::check(&header, &payload, &application.federated, now);
    }
    let secret = form.get("client_secret").ok_or_else(refusal::no_credential)?;
    let known = application.secrets.iter().find(|known| known.value == secret);
    let known = known.ok_or_else(|| refusal::wrong_secret(client_id))?;
    match known.expires_at {
        Some(end) if end <= now => Err(refusal::expired_secret(client_id)),
        Some(_) | None => Ok(()),
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| refusal::missing_parameter(name))
    }
}
