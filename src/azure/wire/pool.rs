//! A pool, or a page of them. Of a pool only what a registration depends on is read.
//!
//! Must never take a pool for one that it can write if its identity block has something in it that is not understood:
//! what is not understood would be lost.

use std::collections::BTreeMap;

use azure_core::http::Url;
use serde::Deserialize;
use serde_json::Value;

use super::spelled;
use crate::{
    azure::{classify, transport::Answer},
    domain::{
        failure::Failure,
        names::{OrganizationName, PoolId, PrincipalId},
        pool::{Entry, IdentityBlock, Pool, Serves, SystemAssigned},
    },
};

#[derive(Deserialize)]
struct Body {
    id: String,
    identity: Option<Identity>,
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    r#type: String,
    user_assigned_identities: Option<BTreeMap<String, Option<Assigned>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    provisioning_state: String,
    organization_profile: OrganizationProfile,
}

#[derive(Deserialize)]
struct OrganizationProfile {
    kind: String,
    /// What this is depends on the kind.
    #[serde(default)]
    organizations: Value,
}

/// The pool in an answer, which must be the one that was asked for.
pub(in super::super) fn pool(answer: &Answer, asked: &PoolId) -> Result<Pool, Failure> {
    let target = asked.to_string();
    let body: Body = answer.json(&target)?;
    let id = spelled(&body.id, asked, answer)?;
    understood(body, id).map_err(|fault| classify::unexpected(answer, &target, &fault))
}

/// One page of a list.
#[derive(Debug)]
pub(in super::super) struct Page {
    pub(in super::super) pools: Vec<Pool>,
    /// Where the next one is; the last one names none.
    pub(in super::super) next: Option<String>,
}

/// The page in an answer. One pool that cannot be read spoils it: nobody knows what it holds.
pub(in super::super) fn page(answer: &Answer, target: &str) -> Result<Page, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct List {
        value: Vec<Value>,
        next_link: Option<String>,
    }
    let List { value, next_link } = answer.json(target)?;
    let mut pools = Vec::with_capacity(value.len());
    for value in value {
        let name = value["id"].as_str().unwrap_or("without an id").to_owned();
        let pool = listed(value).map_err(|fault| {
            classify::unexpected(answer, target, &format!("the pool {name} cannot be read: {fault}"))
        })?;
        pools.push(pool);
    }
    Ok(Page { pools, next: next_link.filter(|link| !link.is_empty()) })
}

fn listed(value: Value) -> Result<Pool, String> {
    let body: Body = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let id = PoolId::parse(&body.id).ok_or("its id is none of a pool")?;
    understood(body, id)
}

fn understood(body: Body, id: PoolId) -> Result<Pool, String> {
    let Body { id: _, identity, properties } = body;
    let Properties { provisioning_state, organization_profile } = properties;
    Ok(Pool {
        id,
        provisioning_state,
        serves: serves(organization_profile),
        identities: identity.map_or_else(|| Ok(IdentityBlock::default()), block)?,
    })
}

fn serves(profile: OrganizationProfile) -> Serves {
    let OrganizationProfile { kind, organizations } = profile;
    if !kind.eq_ignore_ascii_case("AzureDevOps") {
        return Serves::Other(kind);
    }
    let urls = organizations.as_array().into_iter().flatten().filter_map(|it| it["url"].as_str());
    Serves::AzureDevOps(urls.filter_map(organization).collect())
}

/// The organization in either form of its URL; an address of another form is none that anybody could ask for.
fn organization(url: &str) -> Option<OrganizationName> {
    let url = Url::parse(url.trim()).ok()?;
    let host = url.host_str()?;
    let name = match host.strip_suffix(".visualstudio.com") {
        Some(name) => name,
        None if host == "dev.azure.com" => url.path_segments()?.find(|segment| !segment.is_empty())?,
        None => return None,
    };
    OrganizationName::parse(name).ok()
}

fn block(identity: Identity) -> Result<IdentityBlock, String> {
    let Identity { r#type, user_assigned_identities } = identity;
    let mut system_assigned = SystemAssigned::Absent;
    for word in r#type.split(',').map(str::trim) {
        match word.to_ascii_lowercase().as_str() {
            "systemassigned" => system_assigned = SystemAssigned::Present,
            "userassigned" | "none" => {}
            _ => return Err(format!("identity.type is not known: {type:?}")),
        }
    }
    let entries = user_assigned_identities.unwrap_or_default().into_iter();
    let entry = |(key, assigned): (String, Option<Assigned>)| Entry {
        key,
        principal: assigned.and_then(|it| PrincipalId::parse(&it.principal_id?).ok()),
    };
    Ok(IdentityBlock { system_assigned, entries: entries.map(entry).collect() })
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;
    use crate::domain::{failure::Cause, names::SubscriptionId, pool::Motion};

    const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";
    const PRINCIPAL: &str = "bbbbbbbb-1111-2222-3333-444444444444";

    fn asked() -> PoolId {
        PoolId::new(SubscriptionId::parse(SUBSCRIPTION).unwrap(), "builds", "linux").unwrap()
    }

    fn answer(body: &Value) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_string().into(),
            correlation_id: Some("c".into()),
            as_of: crate::runtime::moment::Moment::now(),
        }
    }

    fn read(body: &Value) -> Result<Pool, Failure> {
        pool(&answer(body), &asked())
    }

    fn key(name: &str) -> String {
        format!(
            "/subscriptions/{SUBSCRIPTION}/resourcegroups/Builds/providers/microsoft.managedidentity/userAssignedIdentities/{name}"
        )
    }

    fn body() -> Value {
        json!({
            "id": format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/Builds/providers/Microsoft.DevOpsInfrastructure/Pools/Linux"),
            "location": "westeurope",
            "tags": null,
            "identity": {
                "type": "UserAssigned",
                "userAssignedIdentities": {
                    (key("agent")): {"principalId": PRINCIPAL, "clientId": PRINCIPAL, "new": true},
                },
                "futureMember": [],
            },
            "properties": {
                "provisioningState": "Updating",
                "maximumConcurrency": 3,
                "organizationProfile": {
                    "kind": "AzureDevOps",
                    "organizations": [{"url": "https://dev.azure.com/Contoso", "parallelism": 3, "new": {}}],
                    "permissionProfile": {"kind": "CreatorOnly"},
                },
                "futureProperty": {"deep": [1, 2]},
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut body = body();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    }

    fn without(object: &str, member: &str) -> Value {
        let mut body = body();
        body.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(member);
        body
    }

    #[test]
    fn a_pool_is_read_as_spelled_and_what_is_not_known_is_ignored() {
        let pool = read(&body()).unwrap();
        assert_eq!((pool.id.resource_group(), pool.id.name()), ("Builds", "Linux"));
        assert_eq!(pool.id, asked());
        assert_eq!((pool.provisioning_state.as_str(), pool.motion()), ("Updating", Motion::Moving));
        assert_eq!(pool.serves, Serves::AzureDevOps(vec![OrganizationName::parse("contoso").unwrap()]));
        let principal = Some(PrincipalId::parse(PRINCIPAL).unwrap());
        let entries = vec![Entry { key: key("agent"), principal }];
        assert_eq!(pool.identities, IdentityBlock { system_assigned: SystemAssigned::Absent, entries });
    }

    #[test]
    fn an_organization_is_found_in_either_form_of_its_url() {
        let rows = [
            ("https://dev.azure.com/contoso", Some("contoso")),
            ("https://dev.azure.com/contoso/", Some("contoso")),
            ("https://DEV.Azure.com/Contoso/project/_settings?x=1", Some("contoso")),
            ("https://contoso@dev.azure.com//contoso", Some("contoso")),
            ("https://contoso.visualstudio.com", Some("contoso")),
            ("https://Contoso.VisualStudio.com/", Some("contoso")),
            ("HTTPS://CONTOSO.VISUALSTUDIO.COM/DefaultCollection", Some("contoso")),
            (" https://dev.azure.com/contoso ", Some("contoso")),
            ("https://dev.azure.com/fabrikam", Some("fabrikam")),
            ("https://dev.azure.com", None),
            ("https://dev.azure.com/con%20toso", None),
            ("https://contoso.vsrm.visualstudio.com", None),
            ("https://visualstudio.com/contoso", None),
            ("https://dev.azure.com.evil.example/contoso", None),
            ("https://evil.example/contoso", None),
            ("contoso", None),
            ("", None),
        ];
        for (url, expected) in rows {
            let expected = expected.map(|name| OrganizationName::parse(name).unwrap());
            assert_eq!(organization(url), expected, "{url}");
        }
    }

    #[test]
    fn whom_a_pool_serves() {
        let names = |names: &[&str]| {
            Serves::AzureDevOps(names.iter().map(|name| OrganizationName::parse(name).unwrap()).collect())
        };
        let rows = [
            (
                json!({"kind": "GitHub", "organizations": [{"url": "https://github.com/contoso"}]}),
                Serves::Other("GitHub".into()),
            ),
            (json!({"kind": "GitHub", "organizations": "anything"}), Serves::Other("GitHub".into())),
            (json!({"kind": "azuredevops", "organizations": null}), names(&[])),
            (json!({"kind": "AzureDevOps"}), names(&[])),
            (
                json!({"kind": "AzureDevOps", "organizations": [
                    {"url": "https://fabrikam.visualstudio.com/"}, {"url": "https://elsewhere.example"}, {"url": "https://dev.azure.com/contoso"},
                ]}),
                names(&["fabrikam", "contoso"]),
            ),
        ];
        for (profile, expected) in rows {
            let pool = read(&with("/properties/organizationProfile", profile.clone())).unwrap();
            assert_eq!(pool.serves, expected, "{profile}");
        }
    }

    #[test]
    fn an_identity_block_in_each_of_its_forms() {
        use SystemAssigned::{Absent, Present};
        let rows = [
            (json!({"type": "None"}), Absent, 0),
            (json!({"type": "None", "userAssignedIdentities": null}), Absent, 0),
            (json!({"type": "SystemAssigned", "principalId": PRINCIPAL}), Present, 0),
            (json!({"type": "UserAssigned", "userAssignedIdentities": {}}), Absent, 0),
            (json!({"type": "userassigned", "userAssignedIdentities": {"/a": {}, "/b": {}}}), Absent, 2),
            (
                json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/a": {}}}),
                Present,
                1,
            ),
            (
                json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/a": {}}}),
                Present,
                1,
            ),
            (
                json!({"type": "UserAssigned , systemassigned", "userAssignedIdentities": {"/a": {}}}),
                Present,
                1,
            ),
        ];
        for (identity, system_assigned, entries) in rows {
            let block = read(&with("/identity", identity.clone())).unwrap().identities;
            assert_eq!(
                (block.system_assigned, block.entries.len()),
                (system_assigned, entries),
                "{identity}"
            );
        }
        for body in [without("", "identity"), with("/identity", Value::Null)] {
            assert_eq!(read(&body).unwrap().identities, IdentityBlock::default());
        }
    }

    #[test]
    fn a_principal_that_azure_does_not_tell_is_none() {
        let zero = "00000000-0000-0000-0000-000000000000";
        for assigned in [
            json!({}),
            json!(null),
            json!({"principalId": null}),
            json!({"principalId": ""}),
            json!({"principalId": zero, "clientId": zero}),
        ] {
            let entries = json!({(key("agent")): assigned.clone()});
            let pool = read(&with("/identity/userAssignedIdentities", entries)).unwrap();
            assert_eq!(pool.identities.entries, [Entry { key: key("agent"), principal: None }], "{assigned}");
        }
    }

    #[test]
    fn what_is_missing_another_or_not_understood_is_unexpected() {
        let bodies = [
            with("/id", json!(asked().to_string() + "2")),
            with("/id", json!("")),
            with("/identity/type", json!("UserAssigned,Federated")),
            with("/identity/type", json!("")),
            with("/identity/userAssignedIdentities", json!([])),
            without("/identity", "type"),
            without("", "properties"),
            without("/properties", "provisioningState"),
            without("/properties", "organizationProfile"),
            without("/properties/organizationProfile", "kind"),
            json!(null),
        ];
        for body in bodies {
            let failure = read(&body).unwrap_err();
            assert_eq!(failure.cause, Cause::Unexpected, "{body}");
            assert_eq!(failure.target, asked().to_string());
            assert_eq!(failure.correlation_id.as_deref(), Some("c"));
        }
    }

    #[test]
    fn a_list_ends_where_no_next_page_is_named() {
        let link = "https://management.azure.com/next";
        for (next, expected) in [
            (json!({}), None),
            (json!({"nextLink": null}), None),
            (json!({"nextLink": ""}), None),
            (json!({"nextLink": link}), Some(link)),
        ] {
            let mut list = json!({"value": [body(), body()]});
            list.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
            let page = page(&answer(&list), "list").unwrap();
            assert_eq!((page.pools.len(), page.next.as_deref()), (2, expected), "{next}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_whole_is_not_read_at_all() {
        for list in [
            json!({}),
            json!({"value": null}),
            json!({"value": [null]}),
            json!({"value": [body(), with("/id", json!("/subscriptions/x"))]}),
            json!({"value": [without("", "properties")]}),
            json!({"value": [with("/identity/type", json!("Federated"))]}),
        ] {
            let failure = page(&answer(&list), "list").unwrap_err();
            assert_eq!((failure.cause, failure.target.as_str()), (Cause::Unexpected, "list"), "{list}");
        }
        let list = json!({"value": [without("", "properties")]});
        let failure = page(&answer(&list), "list").unwrap_err();
        assert!(failure.message.contains("/Pools/Linux"), "{}", failure.message);
    }
}
