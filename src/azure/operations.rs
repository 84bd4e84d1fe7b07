//! What has become of a change that Azure took a while for. Reads only.
//!
//! Azure has two ways to tell. Where it gave no address, the pool itself is asked, as a third:
//!
//! ```text
//! Azure-AsyncOperation   200 {"status", "error"}          over when status is final
//! Location               202 … 202, then 200 | 204        an error status is the operation's own
//! the pool               200 {"properties": {"provisioningState"}}
//! ```
//!
//! What our operation has come to and what the pool does now are two questions: a `Location` that is over answers with the
//! pool, which somebody else may be changing by then. Must never take trouble on the way to an operation for the
//! operation's failure, and never show its query.

use std::sync::Arc;

use reqwest::StatusCode;
use serde::Deserialize;

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    resource_manager::{Call, ResourceManager},
    resources::Asked as _,
    transport::Answer,
};
use crate::{
    api::v1alpha1::OperationUrl,
    domain::{
        failure::{Cause, Failure},
        names::{ManagedPool, PoolId},
        registration::OperationSeen,
    },
};

/// Looks at operations.
#[derive(Debug, Clone)]
pub struct Operations(Arc<ResourceManager>);

impl Operations {
    pub(super) fn new(resource_manager: Arc<ResourceManager>) -> Self {
        Self(resource_manager)
    }

    /// What has become of an operation on `target`.
    ///
    /// An address on a host that the token must not go to is as good as none, and nothing is sent: it comes from a status,
    /// which others may write. The pool tells what came of the change.
    pub async fn look(
        &self,
        key: &CredentialKey,
        operation: &OperationUrl,
        target: &PoolId,
    ) -> OperationSeen {
        let hosts = self.0.hosts();
        let Ok(address) = hosts.link(operation.to_be_asked()) else { return OperationSeen::Forgotten };
        let of_the_pool = hosts.of(&target.to_string(), ManagedPool::API_VERSION);
        let whose = Whose::of(address.url().path(), of_the_pool.url().path());
        let answer = async {
            let slot = self.0.slot(Errand::ReadPool(target.clone())).await?;
            self.0.ask(key, slot, &Call::get(address)).await
        };
        match answer.await {
            Ok(answer) => read(&answer, whose, &target.to_string()),
            Err(failure) => OperationSeen::Unknown(failure),
        }
    }
}

/// Whose address is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The operation's own: it is over when it says so.
    Operations,
    /// The pool's: all that there is to go by is what the pool does now.
    Pools,
}

impl Whose {
    fn of(path: &str, path_of_the_pool: &str) -> Self {
        if path.trim_end_matches('/').eq_ignore_ascii_case(path_of_the_pool) {
            Self::Pools
        } else {
            Self::Operations
        }
    }
}

fn read(answer: &Answer, whose: Whose, target: &str) -> OperationSeen {
    match answer.status.as_u16() {
        200..=299 => match state(answer, whose, target) {
            Ok(state) => seen(state.as_deref(), answer, target),
            Err(failure) => OperationSeen::Unknown(failure),
        },
        404 | 410 => OperationSeen::Forgotten,
        _ => refused(classify::refusal(answer, target), answer.status),
    }
}

fn refused(failure: Failure, status: StatusCode) -> OperationSeen {
    match (&failure.cause, status) {
        (_, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        | (Cause::Throttled | Cause::Unavailable | Cause::Unexpected, _) => OperationSeen::Unknown(failure),
        _ if failure.code.contains("Expired") => OperationSeen::Forgotten,
        _ => OperationSeen::Failed(failure),
    }
}

fn seen(state: Option<&str>, answer: &Answer, target: &str) -> OperationSeen {
    let Some(state) = state else { return OperationSeen::Succeeded };
    match state.to_ascii_lowercase().as_str() {
        "succeeded" => OperationSeen::Succeeded,
        "failed" | "canceled" | "cancelled" => {
            OperationSeen::Failed(classify::failed_operation(answer, target, state))
        }
        _ => OperationSeen::Running(classify::retry_after(&answer.headers)),
    }
}

/// In which state the operation is; `None` if it is over and there is nothing more to say.
fn state(answer: &Answer, whose: Whose, target: &str) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Said {
        status: Option<String>,
        properties: Option<Properties>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Properties {
        provisioning_state: Option<String>,
    }
    // While it runs a Location may say anything, such as the state that the pool had before.
    if answer.status == StatusCode::ACCEPTED {
        return Ok(Some("Running".into()));
    }
    if answer.body.is_empty() {
        return Ok(None);
    }
    let Said { status, properties } = answer.json(target)?;
    Ok(match whose {
        Whose::Operations => status,
        Whose::Pools => properties.and_then(|of_the_pool| of_the_pool.provisioning_state),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
            correlation_id: None,
            as_of: crate::runtime::moment::Moment::now(),
        }
    }

    /// What is seen, without its particulars.
    fn word(seen: &OperationSeen) -> &'static str {
        match seen {
            OperationSeen::Running(_) => "running",
            OperationSeen::Succeeded => "succeeded",
            OperationSeen::Failed(_) => "failed",
            OperationSeen::Forgotten => "forgotten",
            OperationSeen::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn an_operation_in_each_of_its_forms() {
        let pool = |state: &str| json!({"id": "x", "properties": {"provisioningState": state}}).to_string();
        let status = |status: &str| json!({ "status": status, "properties": null }).to_string();
        let error = |code: &str| json!({"error": {"code": code, "message": "words"}}).to_string();
        let rows = [
            // Azure-AsyncOperation.
            (200, status("InProgress"), "running"),
            (200, status("Accepted"), "running"),
            (200, status("NeverSeenBefore"), "running"),
            (200, status("Succeeded"), "succeeded"),
            (200, status("Failed"), "failed"),
            (200, status("Canceled"), "failed"),
            (200, status("cancelled"), "failed"),
            // Location.
            (202, String::new(), "running"),
            (202, pool("Succeeded"), "running"),
            (202, "<html>".into(), "running"),
            (204, String::new(), "succeeded"),
            (200, String::new(), "succeeded"),
            (200, json!({"id": "x"}).to_string(), "succeeded"),
            (200, pool("Succeeded"), "succeeded"),
            (400, error("PoolProvisioningFailed"), "failed"),
            (400, error("NeverSeenBefore"), "failed"),
            (409, error("FailedIdentityOperation"), "failed"),
            (409, String::new(), "failed"),
            // Nobody knows of it any more.
            (404, error("ResourceNotFound"), "forgotten"),
            (404, String::new(), "forgotten"),
            (410, String::new(), "forgotten"),
            (400, error("OperationExpired"), "forgotten"),
            // Trouble on the way to it.
            (401, error("ExpiredAuthenticationToken"), "unknown"),
            (403, error("AuthorizationFailed"), "unknown"),
            (403, error("LinkedAuthorizationFailed"), "unknown"),
            (429, error("TooManyRequests"), "unknown"),
            (408, String::new(), "unknown"),
            (500, error("InternalServerError"), "unknown"),
            (503, "<html>".into(), "unknown"),
            (307, String::new(), "unknown"),
            (200, "<html>Sign in</html>".into(), "unknown"),
            (200, "null".into(), "unknown"),
        ];
        for (status, body, expected) in rows {
            assert_eq!(
                word(&read(&answer(status, &body), Whose::Operations, "pool")),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_the_pool_does_now_counts_only_where_the_pool_itself_is_asked() {
        let rows = [
            ("Updating", "succeeded", "running"),
            ("Deleting", "succeeded", "running"),
            ("Succeeded", "succeeded", "succeeded"),
            ("Failed", "succeeded", "failed"),
        ];
        for (state, by_its_own_address, by_the_pool) in rows {
            let answer = answer(200, &json!({"properties": {"provisioningState": state}}).to_string());
            assert_eq!(word(&read(&answer, Whose::Operations, "pool")), by_its_own_address, "{state}");
            assert_eq!(word(&read(&answer, Whose::Pools, "pool")), by_the_pool, "{state}");
        }
    }

    #[test]
    fn an_address_is_the_pool_s_own_in_whatever_spelling() {
        let pool =
            "/subscriptions/s/resourceGroups/builds/providers/Microsoft.DevOpsInfrastructure/pools/linux";
        for (path, whose) in [
            (pool.to_owned(), Whose::Pools),
            (pool.to_uppercase(), Whose::Pools),
            (format!("{pool}/"), Whose::Pools),
            (format!("{pool}2"), Whose::Operations),
            (format!("{pool}/operations/1"), Whose::Operations),
            ("/subscriptions/s/providers/x/locations/y/operationStatuses/1".into(), Whose::Operations),
        ] {
            assert_eq!(Whose::of(&path, pool), whose, "{path}");
        }
    }

    #[test]
    fn it_is_asked_again_when_azure_says() {
        for (status, body) in [(202, ""), (200, r#"{"status":"InProgress"}"#)] {
            let mut answer = answer(status, body);
            assert_eq!(read(&answer, Whose::Operations, "pool"), OperationSeen::Running(None));
            answer.headers.insert(RETRY_AFTER, HeaderValue::from_static("15"));
            assert_eq!(
                read(&answer, Whose::Operations, "pool"),
                OperationSeen::Running(Some(Duration::from_secs(15)))
            );
        }
    }

    #[test]
    fn a_failed_operation_is_told_by_its_code_and_words() {
        let stranger = "The logged in user, 0f, was not found in the Azure DevOps organization provided.";
        let helpless = "The identity does not have Manage permissions on the agent pool.";
        let rows = [
            (json!({"code": "PoolProvisioningFailed", "message": stranger}), Cause::OrganizationAccessDenied),
            (json!({"code": "PoolProvisioningFailed", "message": helpless}), Cause::OrganizationAccessDenied),
            (json!({"code": "PoolProvisioningFailed", "message": "No quota."}), Cause::Refused),
            (json!({"code": "OrganizationNotFound", "message": "It doesn't exist."}), Cause::Refused),
            (json!({"code": "FailedIdentityOperation", "message": "x"}), Cause::IdentityOperationFailed),
            (json!({"code": "LinkedAuthorizationFailed", "message": "x"}), Cause::LinkedAuthorizationFailed),
            (json!({"code": "InternalServerError", "message": "x"}), Cause::Unavailable),
            (json!({"code": "NeverSeenBefore", "message": "x"}), Cause::Refused),
            (
                json!({"code": "DeploymentFailed", "message": "outer", "details": [{"code": "PoolProvisioningFailed", "message": stranger}]}),
                Cause::OrganizationAccessDenied,
            ),
            (Value::Null, Cause::Unexpected),
        ];
        for (error, expected) in rows {
            let body = json!({"status": "Failed", "error": error}).to_string();
            match read(&answer(200, &body), Whose::Operations, "pool") {
                OperationSeen::Failed(failure) => {
                    assert_eq!((failure.cause, failure.target.as_str()), (expected, "pool"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_failure_without_words_is_called_by_its_state() {
        match read(&answer(200, r#"{"status":"Canceled"}"#), Whose::Operations, "pool") {
            OperationSeen::Failed(failure) => assert_eq!(failure.code, "Canceled"),
            other => panic!("{other:?}"),
        }
    }
}
