//! Every refusal of Resource Manager, with its status, code and words.
//!
//! Clients read these texts, so they are spelled as Azure spells them. Must never decide when one is due.

use serde_json::{Value, json};

use crate::service::Answer;

/// A refusal, not yet an answer. Boxed, since it travels through every result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal(Box<Details>);

#[derive(Clone, Debug, PartialEq)]
struct Details {
    status: u16,
    code: &'static str,
    message: String,
    target: Option<String>,
    additional_info: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

/// The error shape that all of Resource Manager shares.
pub(crate) fn error_body(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Details {
            status,
            code,
            message,
            target: None,
            additional_info: None,
            headers: Vec::new(),
        }))
    }

    fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub(super) fn into_answer(self) -> Answer {
        let Details { status, code, message, target, additional_info, headers } = *self.0;
        let mut body = error_body(code, &message);
        if let Some(target) = target {
            body["error"]["target"] = json!(target);
        }
        if let Some(info) = additional_info {
            body["error"]["additionalInfo"] = info;
        }
        let answer = Answer::json(status, body).with_code(code);
        headers.into_iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
    }
}

/// The `WWW-Authenticate` line; the tenant is told only where the address names a subscription that exists.
fn challenge(tenant: Option<&str>, description: &str) -> String {
    let tenant = tenant.unwrap_or("common");
    format!(
        "Bearer authorization_uri=\"https://login.windows.net/{tenant}\", error=\"invalid_token\", \
         error_description=\"{description}\""
    )
}

pub(super) fn missing_token(tenant: Option<&str>) -> Refusal {
    let text = "Authentication failed. The 'Authorization' header is missing.";
    let description = "The authentication failed because of missing 'Authorization' header.";
    Refusal::new(401, "AuthenticationFailed", text)
        .with_header("WWW-Authenticate", challenge(tenant, description))
}

pub(super) fn invalid_token(tenant: Option<&str>) -> Refusal {
    let text = "The access token is invalid.";
    Refusal::new(401, "InvalidAuthenticationToken", text)
        .with_header("WWW-Authenticate", challenge(tenant, text))
}

pub(super) fn invalid_audience(tenant: Option<&str>, seen: &str) -> Refusal {
    let text = format!(
        "The access token has been obtained for wrong audience or resource '{seen}'. It should exactly match with one of \
         the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
         'https://management.azure.com/','https://management.azure.com'."
    );
    let header = challenge(tenant, "The access token has been obtained for wrong audience.");
    Refusal::new(401, "InvalidAuthenticationTokenAudience", text).with_header("WWW-Authenticate", header)
}

pub(super) fn expired_token(tenant: Option<&str>, now: &str, expiry: &str) -> Refusal {
    let text =
        format!("The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.");
    let header = challenge(tenant, "The access token expired.");
    Refusal::new(401, "ExpiredAuthenticationToken", text).with_header("WWW-Authenticate", header)
}

pub(super) fn wrong_tenant(token_tenant: &str, subscription_tenant: &str) -> Refusal {
    let text = format!(
        "The access token is from the wrong issuer 'https://sts.windows.net/{token_tenant}/'. It must match the tenant \
         'https://sts.windows.net/{subscription_tenant}/' associated with this subscription. Please use the authority \
         (URL) 'https://login.windows.net/{subscription_tenant}' to get the token. Note, if the subscription is \
         transferred to another tenant there is no impact to the services, but information about new tenant could take \
         time to propagate (up to an hour). If you just transferred your subscription and see this error message, please \
         try back later."
    );
    let header = challenge(Some(subscription_tenant), "The access token is from the wrong issuer.");
    Refusal::new(401, "InvalidAuthenticationTokenTenant", text).with_header("WWW-Authenticate", header)
}

pub(super) fn missing_api_version(valid: &[&str]) -> Refusal {
    let text = format!(
        "The api-version query parameter (?api-version=) is required for all requests. The supported versions are '{}'.",
        valid.join(",")
    );
    Refusal::new(400, "MissingApiVersionParameter", text)
}

pub(super) fn invalid_api_version(seen: &str, valid: &[&str]) -> Refusal {
    let text =
        format!("The api-version '{seen}' is invalid. The supported versions are '{}'.", valid.join(","));
    Refusal::new(400, "InvalidApiVersionParameter", text)
}

pub(super) fn no_registered_provider(
    seen: &str,
    valid: &[&str],
    kind: &str,
    locations: &[String],
) -> Refusal {
    let text = format!(
        "No registered resource provider found for location '' and API version '{seen}' for type '{kind}'. The supported \
         api-versions are '{}'. The supported locations are '{}'.",
        valid.join(", "),
        locations.join(", ")
    );
    Refusal::new(400, "NoRegisteredProviderFound", text)
}

pub(super) fn invalid_subscription_id(subscription: &str) -> Refusal {
    let text = format!("The provided subscription identifier '{subscription}' is malformed or invalid.");
    Refusal::new(400, "InvalidSubscriptionId", text)
}

pub(super) fn subscription_not_found(subscription: &str) -> Refusal {
    Refusal::new(
        404,
        "SubscriptionNotFound",
        format!("The subscription '{subscription}' could not be found."),
    )
}

pub(super) fn read_only_subscription(subscription: &str) -> Refusal {
    let text = format!(
        "The subscription '{subscription}' is disabled and therefore marked as read only. You cannot perform any write \
         actions on this subscription until it is re-enabled."
    );
    Refusal::new(409, "ReadOnlyDisabledSubscription", text)
}

pub(super) fn forbidden(client_id: &str, object_id: &str, action: &str, scope: &str) -> Refusal {
    let text = format!(
        "The client '{client_id}' with object id '{object_id}' does not have authorization to perform action '{action}' \
         over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    Refusal::new(403, "AuthorizationFailed", text)
}

pub(super) fn group_not_found(group: &str) -> Refusal {
    Refusal::new(404, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found."))
}

pub(super) fn group_being_deleted(group: &str) -> Refusal {
    let text =
        format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation.");
    Refusal::new(409, "ResourceGroupBeingDeleted", text)
}

pub(super) fn not_registered(namespace: &str) -> Refusal {
    let text = format!(
        "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to \
         register subscriptions."
    );
    Refusal::new(409, "MissingSubscriptionRegistration", text)
}

pub(super) fn locked(scope: &str, operation: &str, locks: &[String]) -> Refusal {
    let text = format!(
        "The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: '{}'. Please \
         remove the lock and try again.",
        locks.join(",")
    );
    Refusal::new(409, "ScopeLocked", text)
}

pub(super) fn denied_by_policy(resource: &str, policy: &str) -> Refusal {
    let definition = "/providers/Microsoft.Authorization/policyDefinitions/simulated";
    let text = format!(
        "Resource '{resource}' was disallowed by policy. Policy identifiers: \
         '[{{\"policyAssignment\":{{\"name\":\"{policy}\"}},\"policyDefinition\":{{\"name\":\"{policy}\",\"id\":\"{definition}\"}}}}]'."
    );
    let mut refusal = Refusal::new(403, "RequestDisallowedByPolicy", text);
    refusal.0.target = Some(resource.to_owned());
    refusal.0.additional_info = Some(json!([{
        "type": "PolicyViolation",
        "info": {
            "policyDefinitionDisplayName": policy,
            "policyDefinitionName": policy,
            "policyDefinitionId": definition,
            "policyDefinitionEffect": "deny",
            "policyAssignmentName": policy,
            "policyAssignmentDisplayName": policy,
        },
    }]));
    refusal
}

pub(super) fn location_required() -> Refusal {
    Refusal::new(400, "LocationRequired", "The location property is required for this definition.")
}

pub(super) fn location_not_available(location: &str, kind: &str, locations: &[String]) -> Refusal {
    let text = format!(
        "The provided location '{location}' is not available for resource type '{kind}'. List of available regions for \
         the resource type is '{}'.",
        locations.join(",")
    );
    Refusal::new(400, "LocationNotAvailableForResourceType", text)
}

pub(super) fn other_location(resource: &str, group: &str, old: &str, new: &str) -> Refusal {
    let text = format!(
        "The resource '{resource}' already exists in location '{old}' in resource group '{group}'. A resource with the \
         same name cannot be created in location '{new}'. Please select a new resource name."
    );
    Refusal::new(409, "InvalidResourceLocation", text)
}

pub(super) fn group_in_other_location(group: &str, old: &str, new: &str) -> Refusal {
    let text = format!(
        "Invalid resource group location '{new}'. The Resource group already exists in location '{old}'. Resource group \
         '{group}' cannot be moved."
    );
    Refusal::new(409, "InvalidResourceGroupLocation", text)
}

pub(super) fn resource_not_found(kind: &str, name: &str, group: &str) -> Refusal {
    let text = format!(
        "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to \
         https://aka.ms/ARMResourceNotFoundFix"
    );
    Refusal::new(404, "ResourceNotFound", text)
}

pub(super) fn parent_not_found(child: &str, parent: &str) -> Refusal {
    let text = format!(
        "Failed to perform 'write' on resource(s) '{child}', because the parent resource '{parent}' could not be found."
    );
    Refusal::new(404, "ParentResourceNotFound", text)
}

pub(super) fn concurrent_credential_writes(identity: &str) -> Refusal {
    let text = format!(
        "Too many Federated Identity Credentials are written concurrently for the managed identity '{identity}'. \
         Concurrent Federated Identity Credentials writes under the same managed identity are not supported."
    );
    Refusal::new(409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", text)
}

pub(super) fn operation_not_found(id: &str) -> Refusal {
    Refusal::new(404, "OperationNotFound", format!("The operation '{id}' could not be found."))
}

pub(super) fn lock_not_found(name: &str) -> Refusal {
    Refusal::new(404, "LockNotFound", format!("The lock '{name}' could not be found."))
}

pub(super) fn unknown_type(described: &str) -> Refusal {
    let text = format!("The resource type could not be found for the request path '/{described}'.");
    Refusal::new(404, "InvalidResourceType", text)
}

pub(super) fn method_not_allowed(method: &str, allowed: &str) -> Refusal {
    let text = format!("The requested resource does not support http method '{method}'.");
    Refusal::new(405, "MethodNotAllowed", text).with_header("Allow", allowed.to_owned())
}

pub(super) fn unsupported_media_type(seen: &str) -> Refusal {
    let text =
        format!("The content media type '{seen}' is not supported. Only 'application/json' is supported.");
    Refusal::new(415, "UnsupportedMediaType", text)
}

pub(super) fn invalid_content(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequestContent", message)
}

/// A code for one kind of bad tag or name.
pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(400, code, message)
}

pub(super) fn too_many_for_principal(kind: &str, scope: &str, actor: &str, wait: u64) -> Refusal {
    let text = format!(
        "Number of '{kind}' requests for {scope} and actor '{actor}' exceeded. Please try again after '{wait}' seconds \
         after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information."
    );
    Refusal::new(429, "SubscriptionRequestsThrottled", text).with_header("Retry-After", wait.to_string())
}

pub(super) fn too_many_for_provider(wait: u64) -> Refusal {
    let text = format!(
        "The request is being throttled as the limit has been reached. Please try again after '{wait}' seconds."
    );
    Refusal::new(429, "TooManyRequests", text).with_header("Retry-After", wait.to_string())
}
