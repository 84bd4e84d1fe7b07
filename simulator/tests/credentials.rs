//! Federated credentials of user-assigned identities, as a client meets them.

mod support;

use azure_simulator::world::{LockLevel, Registration, Tags};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Bench, IDENTITIES, Seen};

fn body(subject: &str) -> Value {
    json!({"properties": {
        "issuer": "https://oidc.example.com/one",
        "subject": subject,
        "audiences": ["api://AzureADTokenExchange"],
    }})
}

/// A simulator with the identity `abc`.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.given_identity("abc");
    bench
}

fn path(bench: &Bench, name: &str) -> String {
    format!("{}/federatedIdentityCredentials/{name}", bench.identity("abc"))
}

async fn put(bench: &Bench, name: &str, body: Value) -> Seen {
    bench.send(Method::PUT, &path(bench, name), IDENTITIES, Some(body)).await
}

async fn get(bench: &Bench, name: &str) -> Seen {
    bench.get(&path(bench, name), IDENTITIES).await
}

async fn delete(bench: &Bench, name: &str) -> Seen {
    bench.send(Method::DELETE, &path(bench, name), IDENTITIES, None).await
}

#[tokio::test]
async fn one_is_created_with_201_changed_with_200_and_deleted_with_200_and_204() {
    let bench = bench().await;
    let created = put(&bench, "My-one", body("a")).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(
        created.body["type"],
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    );
    assert_eq!(created.body["id"], path(&bench, "My-one"));
    assert_eq!(created.body["properties"], body("a")["properties"]);
    assert_eq!(created.body.get("location"), None);
    let changed = put(&bench, "my-ONE", body("b")).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("My-one")), "the first spelling stays");
    assert_eq!(get(&bench, "my-one").await.body, changed.body);
    assert_eq!(delete(&bench, "MY-one").await.status, 200);
    assert_eq!(delete(&bench, "my-one").await.status, 204);
    get(&bench, "my-one").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_body_is_taken_only_as_described() {
    let bench = bench().await;
    for (pointer, value) in [
        ("/properties/issuer", None),
        ("/properties/subject", None),
        ("/properties/audiences", None),
        ("/properties/issuer", Some(json!("example"))),
        ("/properties/subject", Some(json!(7))),
        ("/properties/audiences", Some(json!("one"))),
        ("/properties/claims", Some(json!("x"))),
        ("/location", Some(json!("westeurope"))),
        ("/properties", None),
    ] {
        let mut wrong = body("a");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let members = wrong.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
        put(&bench, "one", wrong).await.refused(400, "InvalidRequestContent");
    }
    for audiences in [json!([]), json!(["a", "b"])] {
        let mut wrong = body("a");
        wrong["properties"]["audiences"] = audiences;
        put(&bench, "one", wrong).await.refused(400, "BadRequest");
    }
    get(&bench, "one").await.refused(404, "ResourceNotFound");
}

#[tokio::test]
async fn names_have_a_rule() {
    let bench = bench().await;
    for name in ["ab", "-abc", "a.bc", &"a".repeat(121)] {
        put(&bench, name, body("a")).await.refused(400, "InvalidResourceName");
    }
    for (n, name) in ["a_b", "0-b", &"a".repeat(120)].into_iter().enumerate() {
        assert_eq!(put(&bench, name, body(&n.to_string())).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn issuer_and_subject_are_there_once_within_an_identity_and_with_regard_to_case() {
    let bench = bench().await;
    assert_eq!(put(&bench, "one", body("a")).await.status, 201);
    put(&bench, "two", body("a")).await.refused(400, "BadRequest");
    assert_eq!(put(&bench, "two", body("A")).await.status, 201);
    assert_eq!(put(&bench, "one", body("a")).await.status, 200, "the same again is no second one");
    bench.given_identity("other");
    let elsewhere = path(&bench, "one").replace("/abc/", "/other/");
    assert_eq!(bench.send(Method::PUT, &elsewhere, IDENTITIES, Some(body("a"))).await.status, 201);
}

#[tokio::test]
async fn an_identity_has_twenty_at_most() {
    let bench = bench().await;
    for n in 0..20 {
        assert_eq!(put(&bench, &format!("one-{n}"), body(&n.to_string())).await.status, 201, "{n}");
    }
    put(&bench, "one-20", body("20")).await.refused(400, "BadRequest");
    assert_eq!(put(&bench, "one-7", body("20")).await.status, 200, "those that are there can be changed");
}

#[tokio::test]
async fn writes_below_one_identity_that_come_too_close_are_refused_as_concurrent() {
    let bench = bench().await;
    let code = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity";
    bench.simulator.state().set(|settings| settings.credential_write_seconds = 3.0);
    assert_eq!(put(&bench, "one", body("a")).await.status, 201);
    let refused = put(&bench, "two", body("b")).await;
    refused.refused(409, code);
    assert!(refused.message().contains(&format!("'{}'", bench.identity("abc"))), "{}", refused.message());
    assert_eq!(refused.header("retry-after"), "", "a client that waits has to know by itself for how long");
    delete(&bench, "one").await.refused(409, code);
    assert_eq!(get(&bench, "one").await.status, 200, "reads are no writes");
    bench.simulator.clock().advance(3.0);
    assert_eq!(put(&bench, "two", body("b")).await.status, 201);
}

#[tokio::test]
async fn a_list_comes_in_pages_of_the_size_that_was_asked_for() {
    let bench = bench().await;
    for name in ["ccc", "aaa", "bbb"] {
        put(&bench, name, body(name)).await;
    }
    let list = format!("{}/federatedIdentityCredentials", bench.identity("abc"));
    let first = bench.get(&format!("{list}?$top=2"), IDENTITIES).await;
    let names = |seen: &Seen| -> Vec<String> {
        let value = seen.body["value"].as_array().unwrap();
        value.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["aaa", "bbb"], "{}", first.body);
    let link = first.body["nextLink"].as_str().unwrap();
    assert!(link.contains("$top=2"), "the size holds for the next page too: {link}");
    // Clients quote the query anew and put their own version in.
    let requoted =
        link.replace('$', "%24").replace(IDENTITIES, "2023-01-31").replace("skiptoken", "skipToken");
    for link in [link, requoted.as_str()] {
        let second = bench.follow(link).await;
        assert_eq!((names(&second), second.body.get("nextLink")), (vec!["ccc".to_owned()], None));
    }
    for top in ["0", "-1", "many"] {
        let answer = bench.get(&format!("{list}?$top={top}"), IDENTITIES).await;
        answer.refused(400, "InvalidQueryParameter");
    }
}

#[tokio::test]
async fn they_live_with_their_identity_and_go_with_it() {
    let bench = bench().await;
    put(&bench, "one", body("a")).await;
    let updated = bench.put("abc", bench.here()).await;
    assert_eq!(updated.status, 200);
    assert_eq!(bench.patch("abc", json!({"tags": {"a": "1"}})).await.status, 200);
    assert_eq!(get(&bench, "one").await.status, 200, "a write of the identity leaves them alone");
    let id = bench.identity("abc");
    bench.simulator.state().with(|world| world.recreate_identity(&id, Tags::Copied)).unwrap();
    get(&bench, "one").await.refused(404, "ResourceNotFound");
    bench.delete("abc").await;
    put(&bench, "one", body("a")).await.refused(404, "ParentResourceNotFound");
    let list = format!("{id}/federatedIdentityCredentials");
    bench.get(&list, IDENTITIES).await.refused(404, "ResourceNotFound");
    assert_eq!(delete(&bench, "one").await.status, 204);
}

#[tokio::test]
async fn locks_policies_registration_and_rights_stand_in_the_way_as_for_identities() {
    let bench = bench().await;
    let state = bench.simulator.state();
    let (subscription, group, client) =
        (bench.sample.subscription.as_str(), bench.sample.group.as_str(), bench.sample.client_id.as_str());

    state.with(|world| world.lock(subscription, group, "frozen", LockLevel::ReadOnly)).unwrap();
    put(&bench, "one", body("a")).await.refused(409, "ScopeLocked");
    state.with(|world| world.unlock(subscription, group, "frozen")).unwrap();

    state.with(|world| world.set_policy(subscription, group, Some("none-here"))).unwrap();
    put(&bench, "one", body("a")).await.refused(403, "RequestDisallowedByPolicy");
    state.with(|world| world.set_policy(subscription, group, None)).unwrap();

    let namespace = "Microsoft.ManagedIdentity";
    state.with(|world| world.set_registration(subscription, namespace, Registration::Unregistered)).unwrap();
    put(&bench, "one", body("a")).await.refused(409, "MissingSubscriptionRegistration");
    state.with(|world| world.set_registration(subscription, namespace, Registration::Registered)).unwrap();

    assert_eq!(put(&bench, "one", body("a")).await.status, 201);
    state.with(|world| world.lock(subscription, group, "kept", LockLevel::CanNotDelete)).unwrap();
    delete(&bench, "one").await.refused(409, "ScopeLocked");
    let action = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write";
    state.with(|world| world.deny(subscription, client, action, None)).unwrap();
    let answer = put(&bench, "one", body("a")).await;
    answer.refused(403, "AuthorizationFailed");
    assert!(answer.message().contains(&format!("action '{action}'")), "{}", answer.message());
    assert_eq!(
        bench.patch("abc", json!({"tags": {}})).await.status,
        200,
        "the identity's own right is another"
    );
}

#[tokio::test]
async fn reads_lag_behind_as_those_of_the_identity_do() {
    let bench = bench().await;
    bench.simulator.state().set(|settings| settings.replication_delay_seconds = 30.0);
    assert_eq!(put(&bench, "one", body("a")).await.status, 201);
    get(&bench, "one").await.refused(404, "ResourceNotFound");
    bench.simulator.clock().advance(30.0);
    assert_eq!(get(&bench, "one").await.status, 200);
}

#[tokio::test]
async fn there_is_no_patch() {
    let bench = bench().await;
    let answer = bench.send(Method::PATCH, &path(&bench, "one"), IDENTITIES, Some(json!({}))).await;
    answer.refused(405, "MethodNotAllowed");
    assert_eq!(answer.header("allow"), "GET, PUT, DELETE");
}
