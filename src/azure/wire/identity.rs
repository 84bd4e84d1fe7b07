//! An identity as Azure writes it, read into one of ours. Pure.
//!
//! Members that are not known are ignored. Must never make up what is missing: an identity without its principal is
//! no identity, and one of another id is not the one that was asked for.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::spelled;
use crate::{
    api::v1alpha1::IsolationScope,
    azure::{classify, transport::Answer},
    domain::{
        failure::Failure,
        names::{ClientId, IdentityId, Location, NotAName, PrincipalId, TenantId},
        observed::Identity,
    },
};

#[derive(Deserialize)]
struct Body {
    id: String,
    location: String,
    /// `null` where there are none, on some resources.
    tags: Option<BTreeMap<String, String>>,
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    tenant_id: String,
    principal_id: String,
    client_id: String,
    isolation_scope: Option<String>,
}

/// The identity in an answer, which must be the one that was asked for.
pub(in super::super) fn identity(answer: &Answer, asked: &IdentityId) -> Result<Identity, Failure> {
    let target = asked.to_string();
    let Body { id, location, tags, properties } = answer.json(&target)?;
    let Properties { tenant_id, principal_id, client_id, isolation_scope } = properties;
    let unexpected = |message: String| classify::unexpected(answer, &target, &message);
    let named = |member: &'static str| {
        move |error: NotAName| {
            classify::unexpected(answer, asked.to_string().as_str(), &format!("{member}: {error}"))
        }
    };
    let isolation_scope = match isolation_scope.as_deref() {
        None => None,
        Some("None") => Some(IsolationScope::None),
        Some("Regional") => Some(IsolationScope::Regional),
        Some(other) => return Err(unexpected(format!("an isolationScope that is not known: {other:?}"))),
    };
    Ok(Identity {
        id: spelled(&id, asked, answer)?,
        location: Location::parse(&location).map_err(named("location"))?,
        tenant: TenantId::parse(&tenant_id).map_err(named("tenantId"))?,
        principal: PrincipalId::parse(&principal_id).map_err(named("principalId"))?,
        client: ClientId::parse(&client_id).map_err(named("clientId"))?,
        tags: tags.unwrap_or_default().into_iter().collect(),
        isolation_scope,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{failure::Cause, names::SubscriptionId};

    const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
    const TENANT: &str = "aaaaaaaa-1111-2222-3333-444444444444";
    const PRINCIPAL: &str = "bbbbbbbb-1111-2222-3333-444444444444";
    const CLIENT: &str = "cccccccc-1111-2222-3333-444444444444";

    fn asked() -> IdentityId {
        IdentityId::new(SubscriptionId::parse(SUBSCRIPTION).unwrap(), "builds", "agent").unwrap()
    }

    fn read(body: &str) -> Result<Identity, Failure> {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
            correlation_id: Some("c".into()),
            as_of: crate::runtime::moment::Moment::now(),
        };
        identity(&answer, &asked())
    }

    fn body() -> Value {
        json!({
            "id": format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/Builds/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Agent"),
            "name": "Agent",
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
            "location": "westeurope",
            "tags": {"CostCenter": "42"},
            "properties": {
                "tenantId": TENANT, "principalId": PRINCIPAL, "clientId": CLIENT, "isolationScope": "Regional",
                "assignmentRestrictions": {"providers": []},
            },
            "systemData": {"createdBy": "somebody"},
        })
    }

    #[test]
    fn reads_what_it_knows_and_ignores_the_rest() {
        let identity = read(&body().to_string()).unwrap();
        assert_eq!(identity.id, asked());
        assert_eq!((identity.id.resource_group(), identity.id.name()), ("Builds", "Agent"));
        assert_eq!(identity.principal.as_str(), PRINCIPAL);
        assert_eq!(identity.client.as_str(), CLIENT);
        assert_eq!(identity.tenant.as_str(), TENANT);
        assert_eq!(identity.tags.get("costcenter"), Some("42"));
        assert_eq!(identity.isolation_scope, Some(IsolationScope::Regional));
    }

    #[test]
    fn tags_and_isolation_scope_may_be_absent() {
        for absent in [None, Some(Value::Null)] {
            let mut body = body();
            for (object, member) in [("", "tags"), ("/properties", "isolationScope")] {
                let object = body.pointer_mut(object).unwrap().as_object_mut().unwrap();
                match &absent {
                    None => object.remove(member),
                    Some(null) => object.insert(member.into(), null.clone()),
                };
            }
            let identity = read(&body.to_string()).unwrap();
            assert!(identity.tags.is_empty());
            assert_eq!(identity.isolation_scope, None);
        }
    }

    #[test]
    fn what_is_missing_or_another_is_unexpected() {
        let changes: [(&str, Value); 9] = [
            ("/id", json!("/subscriptions/x")),
            ("/id", json!(asked().to_string() + "2")),
            ("/location", json!("")),
            ("/properties", json!({})),
            ("/properties/principalId", Value::Null),
            ("/properties/principalId", json!("")),
            ("/properties/clientId", json!("00000000-0000-0000-0000-000000000000")),
            ("/properties/tenantId", json!("contoso")),
            ("/properties/isolationScope", json!("Galactic")),
        ];
        for (pointer, value) in changes {
            let mut body = body();
            *body.pointer_mut(pointer).unwrap() = value;
            let failure = read(&body.to_string()).unwrap_err();
            assert_eq!(failure.cause, Cause::Unexpected, "{pointer}");
            assert_eq!(failure.target, asked().to_string());
            assert_eq!(failure.correlation_id.as_deref(), Some("c"));
        }
    }

    #[test]
    fn a_page_or_half_an_answer_is_unexpected() {
        let whole = body().to_string();
        for body in ["", "<html><body>Sign in</body></html>", "null", "[]", &whole[..whole.len() / 2]] {
            assert_eq!(read(body).unwrap_err().cause, Cause::Unexpected, "{body}");
        }
    }
}
