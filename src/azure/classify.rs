//! Which failure an answer is: a table over status and code. Pure.
//!
//! Must never decide what follows from a failure (that is `domain::failure`), and never give up on a code that it does
//! not know: the status alone says enough to wait or to ask a person.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde_json::Value;

use super::{transport::Answer, words};
use crate::domain::failure::{Cause, Failure, sign_in::IDENTITY_REFUSED};

/// The code of an answer that says: the resource itself is not there, all that it lives in is.
pub(super) const RESOURCE_NOT_FOUND: &str = "ResourceNotFound";

/// How long to leave alone who says "too many" without saying how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Services send up to ten minutes, national clouds an hour. More than a day is junk, and must not overflow a clock.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// An answer of Resource Manager or Azure DevOps that is not the success that was asked for.
pub(super) fn refusal(answer: &Answer, target: &str) -> Failure {
    let complaint = Complaint::of(answer);
    let cause = cause(answer.status, &complaint, target);
    failure(answer, target, cause, complaint)
}

/// An operation that ended in `state`, without success. The status is of the look at it, so the code alone decides.
pub(super) fn failed_operation(answer: &Answer, target: &str, state: &str) -> Failure {
    let mut complaint = Complaint::of(answer);
    let cause = if complaint.is_coded() {
        known(&complaint, target).unwrap_or(Cause::Refused)
    } else {
        complaint.code = state.into();
        Cause::Unexpected
    };
    failure(answer, target, cause, complaint)
}

/// An answer that should not exist, whatever its status.
pub(super) fn unexpected(answer: &Answer, target: &str, message: &str) -> Failure {
    let complaint = Complaint { code: http(answer.status), message: message.into() };
    failure(answer, target, Cause::Unexpected, complaint)
}

/// A token that the machine's metadata service did not give: the same shape as Entra's, seldom with a code of Entra.
pub(super) fn metadata_refusal(answer: &Answer, service: &str) -> Failure {
    let failure = sign_in_refusal(answer, service);
    match (answer.status.as_u16(), &failure.cause) {
        (404 | 410, _) => Failure {
            cause: Cause::Unavailable,
            message: "the machine's metadata service has no tokens: Azure's is being updated then, another cloud's never \
                      has any"
                .into(),
            ..failure
        },
        (_, Cause::SignInFailed(None)) => {
            Failure { cause: Cause::SignInFailed(Some(IDENTITY_REFUSED.into())), ..failure }
        }
        _ => failure,
    }
}

/// A token that was not given: `{"error", "error_description", "error_codes"}`.
pub(super) fn sign_in_refusal(answer: &Answer, authority: &str) -> Failure {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = body["error_description"].as_str().unwrap_or("the answer gave no explanation").to_owned();
    let number = body["error_codes"][0].as_u64().map(|number| format!("AADSTS{number}"));
    let code =
        number.or_else(|| message.split(':').next().filter(|c| c.starts_with("AADSTS")).map(Into::into));
    let cause = match answer.status.as_u16() {
        429 => Cause::Throttled,
        408 | 500..=599 => Cause::Unavailable,
        400..=499 if body["error"] == "temporarily_unavailable" => Cause::Unavailable,
        400..=499 => Cause::SignInFailed(code.clone()),
        _ => Cause::Unexpected,
    };
    let code = code.or_else(|| body["error"].as_str().map(Into::into)).unwrap_or_else(|| http(answer.status));
    failure(answer, authority, cause, Complaint { code, message })
}

fn failure(answer: &Answer, target: &str, cause: Cause, complaint: Complaint) -> Failure {
    let default = (cause == Cause::Throttled).then_some(DEFAULT_RETRY_AFTER);
    Failure {
        cause,
        code: complaint.code,
        message: words::steady(&complaint.message),
        target: target.into(),
        correlation_id: answer.correlation_id.clone(),
        retry_after: retry_after(&answer.headers).or(default),
    }
}

/// Whole seconds. Resource Manager never sends the date that HTTP allows; a proxy's date is not worth a clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

fn http(status: StatusCode) -> String {
    format!("HTTP {}", status.as_u16())
}

/// THE TABLE. Overload and outage go by status, since what answers then may be anything on the way; else the code
/// decides, and where it is not known, the status.
fn cause(status: StatusCode, complaint: &Complaint, target: &str) -> Cause {
    match status.as_u16() {
        429 => return Cause::Throttled,
        408 | 500..=599 => return Cause::Unavailable,
        400..=499 => {}
        _ => return Cause::Unexpected,
    }
    known(complaint, target).unwrap_or_else(|| match (status.as_u16(), complaint.is_coded()) {
        (401, _) => Cause::SignInFailed(None),
        (403, false) => Cause::AuthorizationFailed,
        (409 | 412, _) => Cause::Conflict,
        // Without a code it need not be Azure that misses something: a proxy answers so as well.
        (404, false) => Cause::Unexpected,
        _ => Cause::Refused,
    })
}

#[expect(clippy::match_same_arms, reason = "a table: one line for one kind of refusal")]
fn known(complaint: &Complaint, target: &str) -> Option<Cause> {
    let Complaint { code, message } = complaint;
    Some(match code.as_str() {
        "AuthorizationFailed" => Cause::AuthorizationFailed,
        "LinkedAuthorizationFailed" => Cause::LinkedAuthorizationFailed,
        "InvalidAuthenticationTokenTenant" => Cause::WrongTenant(tenants_to_match(message)),
        "SubscriptionNotFound" => Cause::SubscriptionNotFound,
        "ReadOnlyDisabledSubscription" => Cause::SubscriptionDisabled,
        "ResourceGroupNotFound" => Cause::ResourceGroupNotFound,
        "ResourceGroupBeingDeleted" => Cause::ResourceGroupBeingDeleted,
        "MissingSubscriptionRegistration" | "SubscriptionNotRegistered" => {
            Cause::ProviderNotRegistered(namespace(message, target))
        }
        "RequestDisallowedByPolicy" => Cause::PolicyDenied,
        "ScopeLocked" => Cause::ScopeLocked,
        "InvalidResourceLocation" => Cause::InvalidResourceLocation,
        "LocationNotAvailableForResourceType" => Cause::LocationNotAvailable,
        "PrincipalNotFound" => Cause::NotReplicated,
        "FailedIdentityOperation" => Cause::IdentityOperationFailed,
        "PoolProvisioningFailed" if is_shut_out(message) => Cause::OrganizationAccessDenied,
        "PoolProvisioningFailed" | "OrganizationNotFound" => Cause::Refused,
        // Gone between the read and the write: read again. A read turns it into "absent" before it gets here.
        RESOURCE_NOT_FOUND => Cause::Conflict,
        "AnotherOperationInProgress" => Cause::Conflict,
        "TooManyRequests" | "SubscriptionRequestsThrottled" => Cause::Throttled,
        "InternalServerError" | "ServiceUnavailable" => Cause::Unavailable,
        _ => return None,
    })
}

/// Azure DevOps looks at the caller too, and tells so in words only.
fn is_shut_out(message: &str) -> bool {
    let message = message.to_lowercase();
    ["was not found in the azure devops organization", "does not have manage permissions"]
        .iter()
        .any(|words| message.contains(words))
}

/// Code and words of an answer, wherever in it they are.
struct Complaint {
    code: String,
    message: String,
}

impl Complaint {
    fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let outer = &body["error"];
        // An outer code may only say that something inside went wrong.
        let inner = outer["details"].as_array().into_iter().flatten();
        let error = [outer]
            .into_iter()
            .chain(inner)
            .find(|error| error["code"].as_str().is_some_and(is_known))
            .unwrap_or(outer);
        let code = error["code"].as_str().filter(|code| !code.is_empty());
        let message = error["message"].as_str().or(outer["message"].as_str()).filter(|text| !text.is_empty());
        let message = message.map_or_else(|| plain_text(answer), Into::into);
        Self {
            code: code.map_or_else(|| http(answer.status), Into::into),
            message: with_policies(message, &error["additionalInfo"]),
        }
    }

    /// Whether the answer itself gave a code.
    fn is_coded(&self) -> bool {
        !self.code.starts_with("HTTP ")
    }
}

/// Whether the table has a line for this code.
fn is_known(code: &str) -> bool {
    known(&Complaint { code: code.into(), message: String::new() }, "").is_some()
}

/// Azure DevOps and some gateways answer in plain text; a page of HTML says nothing to anybody.
fn plain_text(answer: &Answer) -> String {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match std::str::from_utf8(&answer.body) {
        Ok(text) if kind.starts_with("text/plain") && !text.trim().is_empty() => text.into(),
        _ => "the answer gave no explanation".into(),
    }
}

/// The words of a policy refusal do not always name the policy, its extra information does.
fn with_policies(mut message: String, additional_info: &Value) -> String {
    for info in additional_info.as_array().into_iter().flatten().map(|entry| &entry["info"]) {
        let names = ["policyAssignmentDisplayName", "policyAssignmentName", "policyDefinitionDisplayName"];
        let name = names.iter().find_map(|name| info[name].as_str().filter(|name| !name.is_empty()));
        if let Some(name) = name.filter(|name| !message.contains(*name)) {
            message = format!("{} (policy {name:?})", message.trim_end());
        }
    }
    message
}

/// "It must match the tenant '…'" or "one of the tenants '…,…'": every GUID that the subscription would accept.
fn tenants_to_match(message: &str) -> Vec<String> {
    let Some((_, wanted)) = message.split_once("must match") else { return Vec::new() };
    let mut tenants = Vec::new();
    for word in wanted.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        if let Ok(tenant) = crate::domain::names::TenantId::parse(word)
            && !tenants.iter().any(|known| known == tenant.as_str())
        {
            tenants.push(tenant.to_string());
        }
    }
    tenants
}

/// "… to use namespace 'X'": the first quoted word with a dot; else the namespace of what was asked for.
fn namespace(message: &str, target: &str) -> String {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let asked =
        target.split_once("/providers/").map(|(_, provider)| provider.split('/').next().unwrap_or(provider));
    quoted.find(|word| word.contains('.')).or(asked).unwrap_or("<namespace>").into()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            correlation_id: Some("c".into()),
            as_of: crate::runtime::moment::Moment::now(),
        }
    }

    fn coded(status: u16, code: &str, message: &str) -> Failure {
        refusal(&answer(status, &json!({"error": {"code": code, "message": message}}).to_string()), "target")
    }

    #[test]
    fn each_line_of_the_table() {
        let unregistered = "The subscription is not registered to use namespace 'Microsoft.ManagedIdentity'.";
        let rows = [
            (403, "AuthorizationFailed", "", Cause::AuthorizationFailed),
            (403, "LinkedAuthorizationFailed", "", Cause::LinkedAuthorizationFailed),
            (401, "InvalidAuthenticationTokenTenant", "no words", Cause::WrongTenant(vec![])),
            (401, "InvalidAuthenticationToken", "", Cause::SignInFailed(None)),
            (401, "ExpiredAuthenticationToken", "", Cause::SignInFailed(None)),
            (401, "InvalidAuthenticationTokenAudience", "", Cause::SignInFailed(None)),
            (401, "AuthenticationFailed", "", Cause::SignInFailed(None)),
            (404, "SubscriptionNotFound", "", Cause::SubscriptionNotFound),
            (409, "ReadOnlyDisabledSubscription", "", Cause::SubscriptionDisabled),
            (404, "ResourceGroupNotFound", "", Cause::ResourceGroupNotFound),
            (409, "ResourceGroupBeingDeleted", "", Cause::ResourceGroupBeingDeleted),
            (
                409,
                "MissingSubscriptionRegistration",
                unregistered,
                Cause::ProviderNotRegistered("Microsoft.ManagedIdentity".into()),
            ),
            (403, "RequestDisallowedByPolicy", "", Cause::PolicyDenied),
            (409, "ScopeLocked", "", Cause::ScopeLocked),
            (409, "InvalidResourceLocation", "", Cause::InvalidResourceLocation),
            (400, "LocationNotAvailableForResourceType", "", Cause::LocationNotAvailable),
            (400, "NoRegisteredProviderFound", "", Cause::Refused),
            (400, "PrincipalNotFound", "", Cause::NotReplicated),
            (404, "ResourceNotFound", "", Cause::Conflict),
            (409, "FailedIdentityOperation", "", Cause::IdentityOperationFailed),
            (400, "FailedIdentityOperation", "", Cause::IdentityOperationFailed),
            (
                400,
                "PoolProvisioningFailed",
                "The logged in user, 0f, was not found in the Azure DevOps organization provided.",
                Cause::OrganizationAccessDenied,
            ),
            (
                400,
                "PoolProvisioningFailed",
                "The user does not have Manage permissions on the agent pool.",
                Cause::OrganizationAccessDenied,
            ),
            (400, "PoolProvisioningFailed", "There is no quota.", Cause::Refused),
            (400, "OrganizationNotFound", "", Cause::Refused),
            (409, "PoolIsBeingUpdated", "", Cause::Conflict),
            (409, "AnotherOperationInProgress", "", Cause::Conflict),
            (409, "Conflict", "", Cause::Conflict),
            (412, "PreconditionFailed", "", Cause::Conflict),
            (429, "TooManyRequests", "", Cause::Throttled),
            (429, "SubscriptionRequestsThrottled", "", Cause::Throttled),
            (408, "RequestTimeout", "", Cause::Unavailable),
            (500, "InternalServerError", "", Cause::Unavailable),
            (503, "ResourceNotFound", "", Cause::Unavailable),
            (504, "GatewayTimeout", "", Cause::Unavailable),
            (400, "NeverSeenBefore", "", Cause::Refused),
            (404, "InvalidResourceType", "", Cause::Refused),
            (302, "Found", "", Cause::Unexpected),
            (202, "Accepted", "", Cause::Unexpected),
        ];
        for (status, code, message, expected) in rows {
            assert_eq!(coded(status, code, message).cause, expected, "{status} {code}");
        }
    }

    #[test]
    fn a_provider_that_is_not_registered_is_named() {
        let pool = "/subscriptions/x/resourceGroups/y/providers/Microsoft.DevOpsInfrastructure/pools/z";
        let rows = [
            ("It is not registered to use namespace 'Microsoft.DevCenter'.", pool, "Microsoft.DevCenter"),
            ("The registration is in 'Unregistered' state.", pool, "Microsoft.DevOpsInfrastructure"),
            ("", "/subscriptions/x", "<namespace>"),
        ];
        for (message, target, expected) in rows {
            let body = json!({"error": {"code": "MissingSubscriptionRegistration", "message": message}});
            let failure = refusal(&answer(409, &body.to_string()), target);
            assert_eq!(failure.cause, Cause::ProviderNotRegistered(expected.into()), "{message}");
        }
    }

    #[test]
    fn an_answer_without_an_error_goes_by_its_status() {
        let rows = [
            (401, Cause::SignInFailed(None)),
            (403, Cause::AuthorizationFailed),
            (404, Cause::Unexpected),
            (409, Cause::Conflict),
            (418, Cause::Refused),
            (429, Cause::Throttled),
            (502, Cause::Unavailable),
            (307, Cause::Unexpected),
        ];
        for (status, expected) in rows {
            for body in
                ["", "{}", "<html>Bad Gateway</html>", "[1]", "{\"error\":null}", "{\"error\":\"no\"}"]
            {
                let failure = refusal(&answer(status, body), "target");
                assert_eq!(failure.cause, expected, "{status} {body}");
                assert_eq!(failure.code, format!("HTTP {status}"));
                assert_eq!(failure.message, "the answer gave no explanation");
            }
        }
    }

    #[test]
    fn a_wrong_directory_names_the_right_ones() {
        let (ours, theirs, third) = (
            "11111111-1111-1111-1111-111111111111",
            "22222222-2222-2222-2222-222222222222",
            "33333333-3333-3333-3333-333333333333",
        );
        let message = format!(
            "The access token is from the wrong issuer 'https://sts.windows.net/{ours}/'. It must match one of the tenants \
             'https://sts.windows.net/{theirs}/,https://sts.windows.net/{third}/' associated with this subscription. \
             Please use the authority (URL) 'https://login.windows.net/{theirs}' to get the token."
        );
        let failure = coded(401, "InvalidAuthenticationTokenTenant", &message);
        assert_eq!(failure.cause, Cause::WrongTenant(vec![theirs.into(), third.into()]));
    }

    #[test]
    fn a_generic_code_gives_way_to_a_telling_one_inside() {
        let body = json!({"error": {"code": "Conflict", "message": "outer", "details": [
            {"code": "SomethingElse", "message": "first"},
            {"code": "ScopeLocked", "message": "inner"},
        ]}});
        let failure = refusal(&answer(409, &body.to_string()), "target");
        assert_eq!((failure.cause, failure.code.as_str()), (Cause::ScopeLocked, "ScopeLocked"));
        assert_eq!(failure.message, "inner");
    }

    #[test]
    fn a_policy_is_named_once() {
        let info =
            json!([{"type": "PolicyViolation", "info": {"policyAssignmentDisplayName": "Only blue things"}}]);
        for (message, expected) in [
            ("Disallowed by policy.", "Disallowed by policy. (policy \"Only blue things\")"),
            ("Disallowed by 'Only blue things'.", "Disallowed by 'Only blue things'."),
        ] {
            let body = json!({"error": {"code": "RequestDisallowedByPolicy", "message": message, "additionalInfo": info}});
            assert_eq!(refusal(&answer(403, &body.to_string()), "target").message, expected);
        }
    }

    #[test]
    fn a_wait_is_whole_seconds_and_junk_is_not_obeyed() {
        let seconds = Duration::from_secs;
        let rows = [
            (429, Some("17"), Some(seconds(17))),
            (429, Some(" 17 "), Some(seconds(17))),
            (429, Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some(DEFAULT_RETRY_AFTER)),
            (429, Some("-1"), Some(DEFAULT_RETRY_AFTER)),
            (429, None, Some(DEFAULT_RETRY_AFTER)),
            (429, Some("18446744073709551615"), Some(LONGEST_RETRY_AFTER)),
            (503, Some("30"), Some(seconds(30))),
            (503, None, None),
        ];
        for (status, header, expected) in rows {
            let mut answer = answer(status, "");
            if let Some(header) = header {
                answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
            }
            assert_eq!(refusal(&answer, "target").retry_after, expected, "{status} {header:?}");
        }
    }

    #[test]
    fn a_failed_sign_in_is_told_in_the_words_of_entra() {
        let body = json!({
            "error": "invalid_client",
            "error_description": "AADSTS7000215: Invalid client secret. Trace ID: 0f Correlation ID: 1e Timestamp: 2026-09-01 10:00:00Z",
            "error_codes": [7_000_215],
        });
        let failure = sign_in_refusal(&answer(401, &body.to_string()), "authority");
        assert_eq!(failure.cause, Cause::SignInFailed(Some("AADSTS7000215".into())));
        assert_eq!(failure.code, "AADSTS7000215");
        assert_eq!(failure.message, "AADSTS7000215: Invalid client secret.");
        let described = json!({"error_description": "AADSTS90002: Tenant not found."}).to_string();
        let busy = json!({"error": "temporarily_unavailable"}).to_string();
        let rows = [
            (400, described.as_str(), Cause::SignInFailed(Some("AADSTS90002".into()))),
            (403, "<html>", Cause::SignInFailed(None)),
            (400, busy.as_str(), Cause::Unavailable),
            (429, "", Cause::Throttled),
            (503, "", Cause::Unavailable),
            (302, "", Cause::Unexpected),
        ];
        for (status, body, expected) in rows {
            assert_eq!(sign_in_refusal(&answer(status, body), "authority").cause, expected, "{status}");
        }
    }
    #[test]
    fn a_metadata_service_that_refuses_is_told_apart_from_one_that_is_being_updated() {
        let missing =
            json!({"error": "invalid_request", "error_description": "Identity not found"}).to_string();
        let of_entra =
            json!({"error": "invalid_resource", "error_description": "AADSTS500011: No."}).to_string();
        let refused = Cause::SignInFailed(Some(IDENTITY_REFUSED.into()));
        let rows = [
            (400, missing.as_str(), refused.clone(), "invalid_request"),
            (400, of_entra.as_str(), Cause::SignInFailed(Some("AADSTS500011".into())), "AADSTS500011"),
            (403, "", refused, "HTTP 403"),
            (404, "<html>", Cause::Unavailable, "HTTP 404"),
            (410, "", Cause::Unavailable, "HTTP 410"),
            (429, "", Cause::Throttled, "HTTP 429"),
            (500, missing.as_str(), Cause::Unavailable, "invalid_request"),
        ];
        for (status, body, cause, code) in rows {
            let failure = metadata_refusal(&answer(status, body), "http://169.254.169.254");
            assert_eq!((failure.cause, failure.code.as_str()), (cause, code), "{status}");
        }
    }
}
