//! Identities, subscriptions and organizations; the way there, and its limits.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use azure_simulator::{
    CannedAnswer, Effect, Fault, Service, Settings,
    world::{Organization, Quirk},
};
use futures::future::join_all;
use mdi_operator::{
    api::v1alpha1::IsolationScope,
    azure::{CredentialSettings, Freshness, IdentityPatch, Put, PutAnswer, Secret, WriteFailure},
    domain::{
        failure::{Cause, Failure},
        names::{IdentityId, Location, OrganizationName, SubscriptionId, TenantId},
        observed::{Fact, Identity, OrganizationDirectory, Subscription, SubscriptionState},
        plan::NewIdentity,
        tags::Tags,
    },
    runtime::{leadership::NotSent, moment::Moment},
};

use crate::stage::{OPERATOR, Stage, basis, known, of_azure, unknown};

/// A service account's token for the sample's federated credential: no signature, and good until the year 2100.
const SERVICE_ACCOUNT_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2t1YmVybmV0ZXMuZGVmYXVsdC5zdmMuY2x1c3Rlci5sb2NhbCIsInN1YiI6InN5c3RlbTpzZXJ2aWNlYWNjb3VudDptZGktb3BlcmF0b3Itc3lzdGVtOm1kaS1vcGVyYXRvciIsImF1ZCI6ImFwaTovL0F6dXJlQURUb2tlbkV4Y2hhbmdlIiwiaWF0IjowLCJleHAiOjQxMDI0NDQ4MDB9.c2ln";

impl Stage {
    async fn get(&self, name: &str) -> Fact<Identity> {
        self.azure.identities.get(&OPERATOR, &self.id(name)).await
    }

    async fn put(&self, name: &str) -> Result<Put, Failure> {
        let slot = self.azure.writer.reserve(&OPERATOR, &self.id(name)).await?;
        let new = NewIdentity {
            id: self.id(name),
            location: Location::parse(&self.sample.location).unwrap(),
            tags: tags(&[("mdi-operator-object", "team/agent")]),
            isolation_scope: None,
        };
        let basis = basis(self.azure.writer.read(slot).await)?;
        of_azure(self.azure.writer.put(&self.authority(), basis, &new).await)
    }

    async fn patch(&self, name: &str, patch: IdentityPatch) -> Result<Identity, Failure> {
        let slot = self.azure.writer.reserve(&OPERATOR, &self.id(name)).await?;
        let basis = basis(self.azure.writer.read(slot).await)?;
        of_azure(self.azure.writer.patch(&self.authority(), basis, &patch).await)
    }

    async fn subscription(&self, freshness: Freshness) -> Fact<Subscription> {
        self.azure.subscriptions.get(&OPERATOR, &self.subscription_id(), freshness).await
    }

    async fn directory(&self, name: &str, freshness: Freshness) -> Fact<OrganizationDirectory> {
        self.azure.organizations.directory(&OrganizationName::parse(name).unwrap(), freshness).await
    }
}

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().copied().collect()
}

#[tokio::test]
async fn an_identity_is_created_once_read_changed_and_overwritten() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("agent").await, Fact::Absent);

    let created = stage.put("agent").await.unwrap();
    assert_eq!(created.answer, PutAnswer::Created);
    assert_eq!(created.identity.tenant.as_str(), stage.sample.tenant);
    assert_eq!(known(stage.get("AGENT").await), created.identity);

    let patch = IdentityPatch { tags: Some(tags(&[("a", "1")])), isolation_scope: None };
    let patched = stage.patch("agent", patch).await.unwrap();
    assert_eq!(patched.tags, tags(&[("a", "1")]));
    assert_eq!(patched.principal, created.identity.principal);
    let patch = IdentityPatch { tags: None, isolation_scope: Some(IsolationScope::Regional) };
    let patched = stage.patch("agent", patch).await.unwrap();
    assert_eq!(patched.isolation_scope, Some(IsolationScope::Regional));
    assert_eq!(patched.tags, tags(&[("a", "1")]), "a change of the scope leaves the tags");

    let again = stage.put("agent").await.unwrap();
    assert_eq!(again.answer, PutAnswer::Overwritten);
    assert_eq!(again.identity.principal, created.identity.principal);

    let requests: Vec<_> =
        stage.sent(Service::ResourceManager).into_iter().map(|it| (it.method, it.api_version)).collect();
    let version = || Some("2024-11-30".to_owned());
    // Each write has its own read right before it.
    let expected = ["GET", "GET", "PUT", "GET", "GET", "PATCH", "GET", "PATCH", "GET", "PUT"];
    assert_eq!(requests, expected.map(|verb| (verb.to_owned(), version())));
    assert_eq!(stage.sent(Service::Entra).len(), 1);
}

#[tokio::test]
async fn a_hundred_objects_cost_one_request_for_each_thing_that_they_share() {
    let stage = Stage::new().await;
    let ask = || async {
        known(stage.directory("contoso", Freshness::Shared).await);
        known(stage.subscription(Freshness::Shared).await)
    };
    for subscription in join_all((0..100).map(|_| ask())).await {
        assert_eq!(subscription.tenant.as_str(), stage.sample.tenant);
        assert_eq!(subscription.state, SubscriptionState::Usable);
    }
    for service in [Service::Entra, Service::ResourceManager, Service::Devops] {
        assert_eq!(stage.sent(service).len(), 1, "{service:?}");
    }
    known(stage.subscription(Freshness::Now).await);
    assert_eq!(stage.sent(Service::ResourceManager).len(), 2);
    let text = stage.metrics.render();
    assert!(text.contains(r#"mdi_azure_requests_total{code="200",service="resource_manager",verb="GET"} 2"#));
    assert!(text.contains(r#"service="entra",verb="POST"} 1"#));
}

#[tokio::test]
async fn a_look_up_lives_five_minutes() {
    let stage = Stage::at_pace(200.0, |_| {}, |it| it).await;
    known(stage.directory("contoso", Freshness::Shared).await);
    stage.clock.sleep(Duration::from_secs(301)).await;
    known(stage.directory("CONTOSO", Freshness::Shared).await);
    assert_eq!(stage.sent(Service::Devops).len(), 2);
}

#[tokio::test]
async fn an_organization_is_judged_by_its_headers_however_odd() {
    let stage = Stage::new().await;
    let (tenant, other) = (stage.sample.tenant.clone(), stage.sample.other_tenant.clone());
    let connected = || Organization::connected(&tenant);
    // The organization, what is to be known of it (or the cause of not knowing), and the requests that this may take.
    let here = Some(OrganizationDirectory::Connected(TenantId::parse(&tenant).unwrap()));
    let rows = [
        ("plain", connected(), Ok(here.clone()), 1),
        ("twice", connected().with(Quirk::HeaderTwice), Ok(here.clone()), 1),
        ("joined", connected().with(Quirk::HeaderCommaJoined), Ok(here.clone()), 1),
        ("bearer", connected().with(Quirk::HeaderMissing), Ok(here.clone()), 1),
        (
            "bearer-joined",
            connected().with(Quirk::HeaderMissing).with(Quirk::AuthenticateCommaJoined),
            Ok(here.clone()),
            1,
        ),
        ("found-404", connected().with(Quirk::Status(404)), Ok(here), 1),
        ("nobody", Organization::not_connected(), Ok(Some(OrganizationDirectory::NotConnected)), 1),
        ("two-minds", connected().with(Quirk::Conflicting(other.clone())), Err(Cause::Unexpected), 1),
        ("several", connected().with(Quirk::SeveralTenants(vec![other])), Err(Cause::Unexpected), 1),
        ("silent", connected().with(Quirk::NoTenantAtAll), Err(Cause::Unexpected), 2),
        ("page", connected().with(Quirk::SignInPage), Err(Cause::Unexpected), 2),
        ("redirect", connected().with(Quirk::SignInRedirect), Err(Cause::Unexpected), 2),
        ("busy", connected().with(Quirk::TooManyRequests(60)), Err(Cause::Throttled), 1),
        ("down", connected().with(Quirk::Unavailable(60)), Err(Cause::Unavailable), 1),
    ];
    for (name, organization, expected, requests) in rows {
        stage.simulator.state().with(|world| world.organizations.insert(name.into(), organization));
        stage.simulator.clear_log();
        let fact = stage.directory(name, Freshness::Shared).await;
        match expected {
            Ok(directory) => assert_eq!(fact.known().cloned(), directory, "{name}: {fact:?}"),
            Err(cause) => assert_eq!(unknown(fact).cause, cause, "{name}"),
        }
        let sent = stage.sent(Service::Devops);
        assert_eq!(sent.len(), requests, "{name}");
        assert!(sent.iter().all(|request| request.principal.is_none()), "{name}: anonymous");
    }
    assert!(stage.sent(Service::Entra).is_empty(), "no token is asked for");
}

#[tokio::test]
async fn an_organization_that_is_not_found_twice_is_absent() {
    let stage = Stage::new().await;
    assert_eq!(stage.directory("nosuch", Freshness::Shared).await, Fact::Absent);
    assert_eq!(stage.sent(Service::Devops).len(), 2);
}

#[tokio::test]
async fn a_wait_that_azure_devops_asked_for_is_obeyed_even_by_a_reconcile_request() {
    let stage = Stage::new().await;
    let busy = Organization::connected(&stage.sample.tenant).with(Quirk::TooManyRequests(60));
    stage.simulator.state().with(|world| world.organizations.insert("contoso".into(), busy));
    for freshness in [Freshness::Shared, Freshness::Now, Freshness::Now] {
        let failure = unknown(stage.directory("contoso", freshness).await);
        assert_eq!(failure.cause, Cause::Throttled);
        assert!(failure.retry_after.is_some_and(|wait| wait <= Duration::from_mins(1)));
    }
    assert_eq!(stage.sent(Service::Devops).len(), 1);
}

#[tokio::test]
async fn trouble_on_the_way_is_told_for_what_it_is() {
    let stage = Stage::new().await;
    stage.put("agent").await.unwrap();
    let redirect = CannedAnswer {
        status: 307,
        headers: vec![("Location".into(), format!("{}/elsewhere", stage.simulator.devops()))],
        ..CannedAnswer::default()
    };
    let rows = [
        (Effect::ResetBefore, Cause::Unavailable),
        (Effect::ResetAfter, Cause::Unavailable),
        (Effect::Truncate, Cause::Unavailable),
        (Effect::BareError { status: 503 }, Cause::Unavailable),
        (Effect::Status { status: 504 }, Cause::Unavailable),
        (Effect::Html, Cause::Unexpected),
        (Effect::BareError { status: 404 }, Cause::Unexpected),
        (Effect::Huge { megabytes: 2 }, Cause::Unexpected),
        (Effect::Answer(redirect), Cause::Unexpected),
    ];
    for (effect, cause) in rows {
        let name = format!("{effect:?}");
        stage.simulator.script(Fault::on("GET", "userAssignedIdentities", effect));
        let failure = unknown(stage.get("agent").await);
        assert_eq!(failure.cause, cause, "{name}: {failure:?}");
        assert!(failure.correlation_id.is_some(), "{name}");
        assert!(failure.message.len() < 200, "{name}: {}", failure.message);
        known(stage.get("agent").await);
    }
    assert!(stage.sent(Service::Devops).is_empty(), "a redirect is not followed");
}

#[tokio::test]
async fn only_201_is_a_creation() {
    let stage = Stage::new().await;
    stage.simulator.script(Fault::on("PUT", "*", Effect::Status { status: 202 }));
    assert_eq!(stage.put("agent").await.unwrap_err().cause, Cause::Unexpected);
    stage.simulator.script(Fault::on("PUT", "*", Effect::ResetAfter));
    assert_eq!(stage.put("other").await.unwrap_err().cause, Cause::Unavailable);
    known(stage.get("other").await);
    assert_eq!(stage.put("other").await.unwrap().answer, PutAnswer::Overwritten);
}

#[tokio::test]
async fn what_is_missing_around_an_identity_is_a_failure_and_not_an_absence() {
    let stage = Stage::new().await;
    let elsewhere = IdentityId::new(stage.subscription_id(), "rg-nowhere", "agent").unwrap();
    let failure = unknown(stage.azure.identities.get(&OPERATOR, &elsewhere).await);
    assert_eq!(failure.cause, Cause::ResourceGroupNotFound);
    assert_eq!(failure.target, elsewhere.to_string());

    let nowhere = SubscriptionId::parse("99999999-9999-4999-8999-999999999999").unwrap();
    let fact = stage.azure.subscriptions.get(&OPERATOR, &nowhere, Freshness::Shared).await;
    assert_eq!(unknown(fact).cause, Cause::SubscriptionNotFound);
}

#[tokio::test]
async fn a_subscription_that_moved_names_its_new_directory() {
    let stage = Stage::new().await;
    let (subscription, other) = (stage.sample.subscription.clone(), stage.sample.other_tenant.clone());
    stage.simulator.state().with(|world| world.move_subscription(&subscription, &other)).unwrap();
    let failure = unknown(stage.subscription(Freshness::Shared).await);
    assert_eq!(failure.cause, Cause::WrongTenant(vec![other]));
    assert_eq!(stage.sent(Service::Entra).len(), 1, "another token of the same directory would not help");
}

#[tokio::test]
async fn a_token_that_azure_no_longer_takes_is_replaced_once() {
    let stage = Stage::new().await;
    known(stage.subscription(Freshness::Shared).await);
    stage.simulator.script(Fault::answer("GET", "userAssignedIdentities", 401, "ExpiredAuthenticationToken"));
    assert_eq!(stage.get("agent").await, Fact::Absent);
    assert_eq!(stage.sent(Service::Entra).len(), 2);
}

#[tokio::test]
async fn a_principal_whose_new_tokens_are_refused_waits_with_its_next_request() {
    let stage = Stage::new().await;
    stage.simulator.script(Fault::answer("GET", "*", 401, "InvalidAuthenticationToken").forever());
    let failure = unknown(stage.get("agent").await);
    assert_eq!(failure.cause, Cause::SignInFailed(None));
    assert!(failure.retry_after.is_some());
    let sent = stage.simulator.log().len();
    assert_eq!(sent, 4, "a token, a refusal, another token, another refusal");
    unknown(stage.get("agent").await);
    assert_eq!(stage.simulator.log().len(), sent);
}

#[tokio::test]
async fn a_wrong_secret_is_told_to_all_in_the_words_of_entra_and_asks_once() {
    let wrong = |credential| match credential {
        CredentialSettings::ClientSecret { application, .. } => {
            CredentialSettings::ClientSecret { application, secret: Secret::new("wr0ng") }
        }
        other => other,
    };
    let stage = Stage::with(|_| {}, wrong).await;
    for fact in join_all((0..10).map(|_| stage.subscription(Freshness::Now))).await {
        let failure = unknown(fact);
        assert_eq!(failure.cause, Cause::SignInFailed(Some("AADSTS7000215".into())));
        assert!(failure.message.contains("Invalid client secret"), "{}", failure.message);
        assert!(!failure.message.contains("Trace ID"), "{}", failure.message);
        assert!(!format!("{failure:?}").contains("wr0ng"));
    }
    assert_eq!(stage.sent(Service::Entra).len(), 1);
    assert!(stage.sent(Service::ResourceManager).is_empty());
}

#[tokio::test]
async fn a_busy_or_broken_token_endpoint_is_no_fault_of_the_credential() {
    let stage = Stage::with(|settings| settings.token_endpoint.too_many_requests = Some(100), |it| it).await;
    let failure = unknown(stage.get("agent").await);
    assert_eq!(failure.cause, Cause::Throttled);
    assert!(failure.retry_after.is_some_and(|wait| wait > Duration::from_mins(1)));

    for (effect, cause) in [
        (Effect::ResetBefore, Cause::Unavailable),
        (Effect::BareError { status: 503 }, Cause::Unavailable),
        (Effect::Html, Cause::Unexpected),
    ] {
        let stage = Stage::new().await;
        stage.simulator.script(Fault::on("POST", "*", effect).at(Service::Entra));
        let failure = unknown(stage.get("agent").await);
        assert_eq!(failure.cause, cause, "{failure:?}");
        assert!(failure.target.contains(&stage.sample.tenant), "{}", failure.target);
        stage.clock.sleep(failure.retry_after.unwrap()).await;
        assert_eq!(stage.get("agent").await, Fact::Absent);
    }
}

#[tokio::test]
async fn a_service_account_signs_in_as_soon_as_its_token_is_there() {
    let directory = std::env::temp_dir().join(format!("mdi-azure-adapter-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("azure-identity-token");
    let stage = Stage::with(|_| {}, |it| with_token_file(it, &file)).await;

    let failure = unknown(stage.get("agent").await);
    assert_eq!(failure.cause, Cause::SignInFailed(None));
    assert!(failure.message.contains("azure-identity-token"), "{}", failure.message);

    std::fs::write(&file, SERVICE_ACCOUNT_TOKEN).unwrap();
    stage.clock.sleep(failure.retry_after.unwrap()).await;
    assert_eq!(stage.get("agent").await, Fact::Absent);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_metadata_service_in_trouble_is_asked_once_and_again_when_its_time_has_come() {
    let refused = Cause::SignInFailed(Some("ManagedIdentityRefused".into()));
    for (status, cause) in [
        (400, refused),
        (404, Cause::Unavailable),
        (410, Cause::Unavailable),
        (429, Cause::Throttled),
        (500, Cause::Unavailable),
    ] {
        let stage = Stage::on_a_machine().await;
        stage.simulator.script(Fault::answer("GET", "/metadata", status, "Odd").at(Service::Metadata));
        let failure = unknown(stage.get("agent").await);
        assert_eq!(failure.cause, cause, "{status}");
        assert_eq!(failure.target, stage.simulator.metadata());
        unknown(stage.get("agent").await);
        assert_eq!(stage.sent(Service::Metadata).len(), 1, "{status}");
        stage.clock.sleep(failure.retry_after.unwrap()).await;
        assert_eq!(stage.get("agent").await, Fact::Absent);
        assert_eq!(stage.sent(Service::Metadata).len(), 2, "{status}");
    }
}

fn with_token_file(credential: CredentialSettings, file: &Path) -> CredentialSettings {
    match credential {
        CredentialSettings::ClientSecret { application, secret: _ } => {
            CredentialSettings::WorkloadIdentity { application, token_file: file.into() }
        }
        other => other,
    }
}

#[tokio::test]
async fn after_too_many_requests_the_whole_subscription_is_left_alone() {
    let stage = Stage::new().await;
    let fault = Fault::answer("GET", "agent-1", 429, "TooManyRequests").retry_after(120);
    stage.simulator.script(fault);
    for name in ["agent-1", "agent-1", "agent-2"] {
        let failure = unknown(stage.get(name).await);
        assert_eq!(failure.cause, Cause::Throttled);
        assert!(failure.retry_after.is_some_and(|wait| wait > Duration::from_mins(1)), "{failure:?}");
        assert_eq!(failure.target, stage.id(name).to_string());
    }
    assert_eq!(stage.sent(Service::ResourceManager).len(), 1);
    assert!(stage.metrics.render().contains("mdi_azure_throttled_seconds_total 120"));
}

#[tokio::test]
async fn paced_requests_stay_below_the_limits_of_azure() {
    let provider = |settings: &mut Settings| settings.throttling.provider = true;
    // In real time: on a faster clock a busy machine is as uneven as no network is.
    let stage = Stage::at_pace(1.0, provider, |it| it).await;
    let work = |name: String| {
        let stage = &stage;
        async move {
            stage.put(&name).await?;
            stage.patch(&name, IdentityPatch { tags: Some(tags(&[])), isolation_scope: None }).await
        }
    };
    for outcome in join_all((0..6).map(|n| work(format!("agent-{n}")))).await {
        outcome.unwrap();
    }
    let mut by_status = BTreeMap::new();
    for request in stage.sent(Service::ResourceManager) {
        *by_status.entry(request.status).or_insert(0) += 1;
    }
    assert_eq!(by_status, BTreeMap::from([(200, 12), (201, 6), (404, 6)]));
}

#[tokio::test]
async fn leave_to_write_is_had_at_once_where_nobody_has_to_wait_for_it() {
    let stage = Stage::new().await;
    let free = || stage.azure.writer.reserve_if_free(&OPERATOR, &stage.id("agent")).is_some();
    assert!(free());
    assert!(free(), "the first slot was given back");
    stage.put("agent").await.unwrap();
    assert!(!free());
}

#[tokio::test]
async fn a_write_does_not_leave_on_a_read_that_grew_old_nor_for_a_process_that_shuts_down_nor_late_in_a_pass()
{
    let stage = Stage::new().await;
    stage.put("agent").await.unwrap();
    let patch = IdentityPatch { tags: Some(tags(&[("a", "b")])), isolation_scope: None };
    let permit = || stage.leadership.permit().unwrap();
    let (now, soon) = (Moment::now(), Instant::now() + Duration::from_mins(1));
    let old = now.earlier(Duration::from_secs(11));
    for (authority, expected) in [
        (permit().to_azure(old, soon), NotSent::ReadTooOld),
        (permit().to_azure(now, Instant::now()), NotSent::PassTooOld),
    ] {
        let slot = stage.azure.writer.reserve(&OPERATOR, &stage.id("agent")).await.unwrap();
        let basis = basis(stage.azure.writer.read(slot).await).unwrap();
        match stage.azure.writer.patch(&authority, basis, &patch).await {
            Err(WriteFailure::NotSent(why)) => assert_eq!(why, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(stage.sent(Service::ResourceManager).iter().all(|request| request.method != "PATCH"));
}

#[tokio::test]
async fn whether_a_write_may_still_leave_is_asked_after_the_sign_in_and_again_before_a_second_try() {
    let stage = Stage::new().await;
    stage.put("agent").await.unwrap();
    let patch = IdentityPatch { tags: Some(tags(&[("a", "b")])), isolation_scope: None };
    let slot = stage.azure.writer.reserve(&OPERATOR, &stage.id("agent")).await.unwrap();
    let basis = basis(stage.azure.writer.read(slot).await).unwrap();
    // The token is refused once, and the next one takes longer than the read lives.
    stage.simulator.script(Fault::answer("PATCH", "*", 401, "ExpiredAuthenticationToken"));
    stage
        .simulator
        .script(Fault::on("POST", "oauth2", Effect::Delay { milliseconds: 200 }).at(Service::Entra));
    let authority = stage.leadership.permit().unwrap();
    let authority = authority.to_azure(Moment::now(), Instant::now() + Duration::from_millis(100));
    match stage.azure.writer.patch(&authority, basis, &patch).await {
        Err(WriteFailure::NotSent(why)) => assert_eq!(why, NotSent::PassTooOld),
        other => panic!("{other:?}"),
    }
    let sent: Vec<_> = stage.sent(Service::ResourceManager).into_iter().map(|it| it.method).collect();
    assert_eq!(sent.iter().filter(|method| *method == "PATCH").count(), 1, "{sent:?}");
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_secret() {
    let stage = Stage::new().await;
    known(stage.subscription(Freshness::Shared).await);
    let shown = format!("{:?}", stage.azure);
    assert!(!shown.contains(&stage.sample.client_secret), "{shown}");
    assert!(!shown.contains("eyJ"), "{shown}");
}
