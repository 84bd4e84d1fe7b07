//! The anonymous probe of an Azure DevOps organization.

mod support;

use azure_simulator::world::{Organization, Quirk};
use azure_simulator::{OrganizationRoot, UnconnectedOrganization, UnknownOrganization};
use reqwest::Method;
use support::{Bench, Seen};

const TENANT: &str = "x-vss-resourcetenant";
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

fn all(answer: &Seen, name: &str) -> Vec<String> {
    answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

async fn with_quirk(quirk: Quirk) -> (Bench, Seen) {
    let bench = Bench::new().await;
    let organization = Organization::connected(&bench.sample.tenant).with(quirk);
    bench.simulator.state().with(|world| world.organizations.insert("odd".into(), organization));
    let answer = bench.probe(Method::HEAD, "/odd").await;
    (bench, answer)
}

#[tokio::test]
async fn a_connected_organization_tells_its_tenant_on_every_page_and_in_any_case() {
    let bench = Bench::new().await;
    for (method, path, status) in [
        (Method::HEAD, "/contoso", 302),
        (Method::GET, "/CONTOSO/", 302),
        (Method::HEAD, "/contoso/_apis/projects", 401),
        (Method::GET, "/contoso/_apis/projects?api-version=7.1", 401),
    ] {
        let answer = bench.probe(method, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(all(&answer, TENANT), [bench.sample.tenant.as_str()]);
        let schemes = all(&answer, "www-authenticate");
        let bearer = format!("Bearer authorization_uri=https://login.windows.net/{}", bench.sample.tenant);
        assert_eq!(
            schemes,
            [&bearer, "Basic realm=\"https://tfsprodweu5.visualstudio.com/\"", "TFS-Federated"]
        );
        assert!(answer.header("x-vss-authorizationendpoint").starts_with("https://vssps.dev.azure.com/"));
    }
}

#[tokio::test]
async fn an_organization_of_microsoft_accounts_tells_the_zero_tenant() {
    let bench = Bench::new().await;
    let answer = bench.probe(Method::HEAD, "/personal").await;
    assert_eq!(answer.status, 401);
    assert_eq!(all(&answer, TENANT), [ZERO]);
    assert_eq!(all(&answer, "www-authenticate")[0], "Bearer");
    for (reading, status) in
        [(UnconnectedOrganization::SignInRedirect, 302), (UnconnectedOrganization::SignInPage, 203)]
    {
        bench.simulator.state().set(|settings| settings.readings.unconnected_organization = reading);
        let answer = bench.probe(Method::HEAD, "/personal").await;
        assert_eq!((answer.status, answer.header(TENANT)), (status, ZERO));
    }
}

#[tokio::test]
async fn an_unknown_organization_has_four_readings() {
    let bench = Bench::new().await;
    let answer = bench.probe(Method::GET, "/nobody").await;
    assert_eq!(
        (answer.status, answer.header("content-type"), answer.header("content-length")),
        (404, "text/plain", "29")
    );
    assert_eq!(all(&answer, TENANT), Vec::<String>::new());
    for (reading, status, tenant) in [
        (UnknownOrganization::NotFoundZeroTenant, 404, ZERO),
        (UnknownOrganization::SignInRedirect, 302, ""),
        (UnknownOrganization::SignInPage, 203, ""),
    ] {
        bench.simulator.state().set(|settings| settings.readings.unknown_organization = reading);
        let answer = bench.probe(Method::HEAD, "/nobody").await;
        assert_eq!((answer.status, answer.header(TENANT)), (status, tenant));
    }
}

#[tokio::test]
async fn the_status_of_the_root_has_readings_and_the_headers_stay() {
    let bench = Bench::new().await;
    for (reading, status) in [(OrganizationRoot::Unauthorized, 401), (OrganizationRoot::Ok, 200)] {
        bench.simulator.state().set(|settings| settings.readings.organization_root = reading);
        let answer = bench.probe(Method::HEAD, "/contoso").await;
        assert_eq!((answer.status, answer.header(TENANT)), (status, bench.sample.tenant.as_str()));
    }
}

#[tokio::test]
async fn headers_can_come_twice_joined_or_not_at_all() {
    let (bench, answer) = with_quirk(Quirk::HeaderTwice).await;
    let tenant = bench.sample.tenant.clone();
    assert_eq!(all(&answer, TENANT), [tenant.as_str(), &tenant]);
    let (_, answer) = with_quirk(Quirk::HeaderCommaJoined).await;
    assert_eq!(all(&answer, TENANT), [format!("{tenant}, {tenant}")]);
    let (_, answer) = with_quirk(Quirk::HeaderMissing).await;
    assert_eq!(all(&answer, TENANT), Vec::<String>::new());
    assert!(all(&answer, "www-authenticate")[0].ends_with(&tenant));
    let (_, answer) = with_quirk(Quirk::NoTenantAtAll).await;
    assert_eq!(all(&answer, TENANT), Vec::<String>::new());
    assert_eq!(all(&answer, "www-authenticate")[0], "Bearer");
    let (_, answer) = with_quirk(Quirk::AuthenticateCommaJoined).await;
    let lines = all(&answer, "www-authenticate");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(", Basic realm=") && lines[0].ends_with(", TFS-Federated"));
}

#[tokio::test]
async fn headers_can_contradict_each_other() {
    let other = "22222222-2222-4222-8222-222222222222".to_owned();
    let (bench, answer) = with_quirk(Quirk::Conflicting(other.clone())).await;
    assert_eq!(all(&answer, TENANT), [bench.sample.tenant.as_str()]);
    assert!(all(&answer, "www-authenticate")[0].ends_with(&other));
    let (bench, answer) = with_quirk(Quirk::SeveralTenants(vec![other.clone()])).await;
    assert_eq!(all(&answer, TENANT), [bench.sample.tenant.as_str(), &other]);
}

#[tokio::test]
async fn an_organization_can_be_busy_down_or_behind_a_sign_in() {
    for (quirk, status, retry_after) in [
        (Quirk::TooManyRequests(9), 429, "9"),
        (Quirk::Unavailable(3), 503, "3"),
        (Quirk::SignInPage, 203, ""),
        (Quirk::SignInRedirect, 302, ""),
    ] {
        let (_, answer) = with_quirk(quirk).await;
        assert_eq!(
            (answer.status, answer.header("retry-after"), answer.header(TENANT)),
            (status, retry_after, "")
        );
    }
    let (bench, answer) = with_quirk(Quirk::Status(418)).await;
    assert_eq!((answer.status, answer.header(TENANT)), (418, bench.sample.tenant.as_str()));
}

#[tokio::test]
async fn only_reads_and_known_pages_are_answered() {
    let bench = Bench::new().await;
    assert_eq!(bench.probe(Method::POST, "/contoso").await.status, 405);
    assert_eq!(bench.probe(Method::GET, "/contoso/_apis/other").await.status, 404);
}
