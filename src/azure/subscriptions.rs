//! Directory and state of a subscription. Reads only.
//!
//! Must never read "not found" as gone: Azure says the same of a subscription that the operator may not see.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    look_up::{Freshness, LookUps},
    resource_manager::{Call, ResourceManager},
    transport::Answer,
};
use crate::{
    domain::{
        failure::Failure,
        names::{SubscriptionId, TenantId},
        observed::{Fact, Subscription, SubscriptionState},
    },
    runtime::clock::Clock,
};

/// The version of Azure's interface that the operator was written for.
const API_VERSION: &str = "2022-12-01";

/// Looks up subscriptions. Kept by credential: two of them may not see the same.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    resource_manager: Arc<ResourceManager>,
    look_ups: Arc<LookUps<(CredentialKey, SubscriptionId), Subscription>>,
}

impl Subscriptions {
    pub(super) fn new(resource_manager: Arc<ResourceManager>, clock: Clock) -> Self {
        Self { resource_manager, look_ups: Arc::new(LookUps::new(clock)) }
    }

    /// A subscription; never `Absent`.
    pub async fn get(
        &self,
        key: &CredentialKey,
        id: &SubscriptionId,
        freshness: Freshness,
    ) -> Fact<Subscription> {
        let ask = async { self.ask(key, id).await.map_or_else(Fact::Unknown, Fact::Known) };
        self.look_ups.get((key.clone(), id.clone()), freshness, ask).await
    }

    async fn ask(&self, key: &CredentialKey, id: &SubscriptionId) -> Result<Subscription, Failure> {
        let errand = Errand::ReadSubscription(id.clone());
        let target = errand.target();
        let slot = self.resource_manager.slot(errand).await?;
        let call = Call::get(self.resource_manager.hosts().of(&target, API_VERSION));
        let answer = self.resource_manager.call(key, slot, &call).await?;
        read(&answer, &target)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    tenant_id: String,
    state: String,
}

fn read(answer: &Answer, target: &str) -> Result<Subscription, Failure> {
    let Body { tenant_id, state } = answer.json(target)?;
    let tenant = TenantId::parse(&tenant_id)
        .map_err(|error| classify::unexpected(answer, target, &format!("tenantId: {error}")))?;
    let state = match state.as_str() {
        "Enabled" | "Warned" | "PastDue" => SubscriptionState::Usable,
        "Disabled" => SubscriptionState::Disabled,
        "Deleted" => SubscriptionState::Deleted,
        other => {
            let unknown = format!("the subscription is in a state that is not known: {other:?}");
            return Err(classify::unexpected(answer, target, &unknown));
        }
    };
    Ok(Subscription { tenant, state })
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::failure::Cause;

    fn read_body(body: &Value) -> Result<Subscription, Failure> {
        let body = body.to_string().into_bytes();
        read(
            &Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body,
                correlation_id: None,
                as_of: crate::runtime::moment::Moment::now(),
            },
            "target",
        )
    }

    #[test]
    fn each_state() {
        let tenant = "aaaaaaaa-1111-2222-3333-444444444444";
        for (state, expected) in [
            ("Enabled", SubscriptionState::Usable),
            ("Warned", SubscriptionState::Usable),
            ("PastDue", SubscriptionState::Usable),
            ("Disabled", SubscriptionState::Disabled),
            ("Deleted", SubscriptionState::Deleted),
        ] {
            let subscription = read_body(&json!({"tenantId": tenant, "state": state, "new": [1]})).unwrap();
            assert_eq!(subscription.state, expected);
            assert_eq!(subscription.tenant.as_str(), tenant);
        }
    }

    #[test]
    fn what_cannot_be_read_is_unexpected() {
        let tenant = "aaaaaaaa-1111-2222-3333-444444444444";
        for body in [
            json!({"tenantId": tenant, "state": "Expired"}),
            json!({"tenantId": "contoso", "state": "Enabled"}),
            json!({"state": "Enabled"}),
            json!({"tenantId": tenant}),
            json!(null),
        ] {
            assert_eq!(read_body(&body).unwrap_err().cause, Cause::Unexpected, "{body}");
        }
    }
}
