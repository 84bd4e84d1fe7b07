//! What the token endpoint says when it refuses, in Entra's shape and with its numbers.
//!
//! Must never repeat a secret or an assertion.

use jiff::Timestamp;
use serde_json::json;

use crate::service::Answer;
use crate::simulation::Simulation;

/// A refusal, not yet stamped with time and ids.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    error: &'static str,
    number: u32,
    text: String,
}

impl Refusal {
    pub(super) fn into_answer(self, simulation: &mut Simulation, now: Timestamp) -> Answer {
        let Self { status, error, number, text } = self;
        let (trace, correlation) = (simulation.request_ids.draw(), simulation.request_ids.draw());
        let time = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let body = json!({
            "error": error,
            "error_description":
                format!("AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"),
            "error_codes": [number],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        Answer::json(status, body).with_code(&format!("AADSTS{number}"))
    }
}

fn refusal(status: u16, error: &'static str, number: u32, text: impl Into<String>) -> Refusal {
    Refusal { status, error, number, text: text.into() }
}

pub(super) fn unknown_tenant(tenant: &str) -> Refusal {
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
         correct cloud. Check with your subscription administrator, this may happen if there are no active \
         subscriptions for the tenant."
    );
    refusal(400, "invalid_request", 90002, text)
}

pub(super) fn unknown_application(client_id: &str, tenant: &str) -> Refusal {
    let text = format!(
        "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the \
         tenant. You may have sent your authentication request to the wrong tenant."
    );
    refusal(400, "unauthorized_client", 700_016, text)
}

pub(super) fn wrong_secret(client_id: &str) -> Refusal {
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not \
         the client secret ID, for a secret added to app '{client_id}'."
    );
    refusal(401, "invalid_client", 7_000_215, text)
}

pub(super) fn expired_secret(client_id: &str) -> Refusal {
    let text = format!(
        "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new keys \
         for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
         https://aka.ms/certCreds."
    );
    refusal(401, "invalid_client", 7_000_222, text)
}

pub(super) fn no_credential() -> Refusal {
    let text =
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    refusal(401, "invalid_client", 7_000_218, text)
}

pub(super) fn no_matching_credential(issuer: &str, subject: &str, audience: &str) -> Refusal {
    let text = format!(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion \
         Subject: '{subject}'. Assertion Audience: '{audience}'. \
         https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    );
    refusal(400, "invalid_request", 70021, text)
}

pub(super) fn assertion_out_of_time(now: Timestamp, start: i64, expiry: i64) -> Refusal {
    let shown = |second| {
        Timestamp::from_second(second).map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
    };
    let text = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, expiry time \
         of assertion {}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        shown(start),
        shown(expiry)
    );
    refusal(401, "invalid_client", 700_024, text)
}

pub(super) fn unknown_certificate(thumbprint: &str) -> Refusal {
    let text = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
         The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph \
         Explorer or directly use MS Graph to see configured keys for app.]"
    );
    refusal(401, "invalid_client", 700_027, text)
}

pub(super) fn bad_signature(thumbprint: &str) -> Refusal {
    let text = format!(
        "Client assertion failed signature validation. [Reason - Client assertion signature is invalid., Thumbprint of \
         key used by client: '{thumbprint}']"
    );
    refusal(401, "invalid_client", 700_027, text)
}

pub(super) fn assertion_of_another(client_id: &str) -> Refusal {
    let text =
        format!("Client assertion application identifier doesn't match 'client_id' parameter. '{client_id}'");
    refusal(401, "invalid_client", 700_021, text)
}

pub(super) fn wrong_audience() -> Refusal {
    refusal(401, "invalid_client", 700_023, "Client assertion audience claim does not match Realm issuer.")
}

pub(super) fn malformed_assertion() -> Refusal {
    refusal(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
}

pub(super) fn missing_parameter(name: &str) -> Refusal {
    refusal(
        400,
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

pub(super) fn unsupported_grant(grant: &str) -> Refusal {
    let text = format!("The app requested an unsupported grant type '{grant}'.");
    refusal(400, "unsupported_grant_type", 70003, text)
}

pub(super) fn scope_without_default(scope: &str) -> Refusal {
    let text = format!(
        "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
         /.default suffixed to the resource identifier (application ID URI)."
    );
    refusal(400, "invalid_scope", 1_002_012, text)
}

pub(super) fn unknown_resource(resource: &str) -> Refusal {
    let text = format!(
        "The resource principal named {resource} was not found in the tenant. This can happen if the application has \
         not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    refusal(400, "invalid_resource", 500_011, text)
}

pub(super) fn too_many_requests() -> Refusal {
    refusal(
        429,
        "temporarily_unavailable",
        50196,
        "The server terminated an operation because it encountered a client request loop.",
    )
}
