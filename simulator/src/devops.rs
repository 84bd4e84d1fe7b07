//! Azure DevOps, as far as an anonymous probe for the directory of an organization sees it.
//!
//! Must never ask for, read or check a credential.

use axum::http::Method;

use crate::readings::{OrganizationRoot, Readings, UnconnectedOrganization, UnknownOrganization};
use crate::service::{Answer, Request};
use crate::simulation::Simulation;
use crate::world::{Directory, Organization, Quirk};

const NO_TENANT: &str = "00000000-0000-0000-0000-000000000000";
const TENANT_HEADER: &str = "X-VSS-ResourceTenant";
const AUTHENTICATE: &str = "WWW-Authenticate";

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Root,
    Projects,
}

/// Answers one probe.
pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Answer {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Answer::empty(405).with_header("Allow", "GET, HEAD");
    }
    let segments = request.segments();
    let (name, page) = match segments.as_slice() {
        [name] => (name, Page::Root),
        [name, apis, projects]
            if apis.eq_ignore_ascii_case("_apis") && projects.eq_ignore_ascii_case("projects") =>
        {
            (name, Page::Projects)
        }
        _ => return Answer::text(404, "text/plain", NOT_FOUND),
    };
    let readings = simulation.settings.readings;
    let activity = simulation.request_ids.draw();
    let answer = match simulation.world.organization(name) {
        Some(organization) => known(name, organization, page, readings),
        None => unknown(name, readings.unknown_organization),
    };
    answer.with_header("X-VSS-E2EID", activity.clone()).with_header("ActivityId", activity)
}

const NOT_FOUND: &str = "The resource cannot be found.";

fn unknown(name: &str, reading: UnknownOrganization) -> Answer {
    match reading {
        UnknownOrganization::NotFoundText => Answer::text(404, "text/plain", NOT_FOUND),
        UnknownOrganization::NotFoundZeroTenant => {
            Answer::text(404, "text/plain", NOT_FOUND).with_header(TENANT_HEADER, NO_TENANT)
        }
        UnknownOrganization::SignInRedirect => sign_in_redirect(name),
        UnknownOrganization::SignInPage => sign_in_page(),
    }
}

fn known(name: &str, organization: &Organization, page: Page, readings: Readings) -> Answer {
    if let Some(answer) = organization.quirks.iter().find_map(|quirk| instead(name, quirk)) {
        return answer;
    }
    let mut answer = match (&organization.directory, page) {
        (Directory::Connected(_), Page::Projects) => Answer::empty(401),
        (Directory::Connected(_), Page::Root) => match readings.organization_root {
            OrganizationRoot::SignInRedirect => sign_in_redirect(name),
            OrganizationRoot::Unauthorized => Answer::empty(401),
            OrganizationRoot::Ok => {
                Answer::text(200, HTML, "<!DOCTYPE html><html><body>Azure DevOps</body></html>")
            }
        },
        (Directory::NotConnected, _) => match readings.unconnected_organization {
            UnconnectedOrganization::Unauthorized => Answer::empty(401),
            UnconnectedOrganization::SignInRedirect => sign_in_redirect(name),
            UnconnectedOrganization::SignInPage => sign_in_page(),
        },
    };
    for quirk in &organization.quirks {
        if let Quirk::Status(status) = quirk {
            answer.status = *status;
        }
    }
    let tenant = match &organization.directory {
        Directory::Connected(tenant) => tenant.as_str(),
        Directory::NotConnected => NO_TENANT,
    };
    for value in tenant_headers(tenant, &organization.quirks) {
        answer = answer.with_header(TENANT_HEADER, value);
    }
    for value in authenticate_headers(organization) {
        answer = answer.with_header(AUTHENTICATE, value);
    }
    answer.with_header("X-VSS-AuthorizationEndpoint", format!("https://vssps.dev.azure.com/{name}/"))
}

const HTML: &str = "text/html; charset=utf-8";

/// Quirks that leave nothing of the usual answer.
fn instead(name: &str, quirk: &Quirk) -> Option<Answer> {
    match quirk {
        Quirk::TooManyRequests(seconds) => Some(
            Answer::text(429, "text/plain", "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource.")
                .with_header("Retry-After", seconds.to_string()),
        ),
        Quirk::Unavailable(seconds) => Some(
            Answer::text(503, HTML, "<html><body>The service is unavailable.</body></html>")
                .with_header("Retry-After", seconds.to_string()),
        ),
        Quirk::SignInPage => Some(sign_in_page()),
        Quirk::SignInRedirect => Some(sign_in_redirect(name)),
        Quirk::HeaderTwice
        | Quirk::HeaderCommaJoined
        | Quirk::HeaderMissing
        | Quirk::NoTenantAtAll
        | Quirk::Conflicting(_)
        | Quirk::SeveralTenants(_)
        | Quirk::AuthenticateCommaJoined
        | Quirk::Status(_) => None,
    }
}

fn sign_in_page() -> Answer {
    Answer::text(
        203,
        HTML,
        "<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head></html>",
    )
}

fn sign_in_redirect(name: &str) -> Answer {
    Answer::text(302, HTML, "<html><head><title>Object moved</title></head></html>").with_header(
        "Location",
        format!("https://app.vssps.visualstudio.com/_signin?realm=dev.azure.com&reply_to=https%3A%2F%2Fdev.azure.com%2F{name}"),
    )
}

fn tenant_headers(tenant: &str, quirks: &[Quirk]) -> Vec<String> {
    let mut values = vec![tenant.to_owned()];
    for quirk in quirks {
        match quirk {
            Quirk::HeaderTwice => values.push(tenant.to_owned()),
            Quirk::HeaderCommaJoined => values = vec![format!("{tenant}, {tenant}")],
            Quirk::HeaderMissing | Quirk::NoTenantAtAll => values.clear(),
            Quirk::SeveralTenants(others) => values.extend(others.iter().cloned()),
            Quirk::Conflicting(_)
            | Quirk::AuthenticateCommaJoined
            | Quirk::Status(_)
            | Quirk::TooManyRequests(_)
            | Quirk::Unavailable(_)
            | Quirk::SignInPage
            | Quirk::SignInRedirect => {}
        }
    }
    values
}

fn authenticate_headers(organization: &Organization) -> Vec<String> {
    let quirks = &organization.quirks;
    let other = quirks
        .iter()
        .find_map(|quirk| if let Quirk::Conflicting(tenant) = quirk { Some(tenant) } else { None });
    let bearer = match (&organization.directory, other) {
        _ if quirks.contains(&Quirk::NoTenantAtAll) => "Bearer".to_owned(),
        (_, Some(tenant)) | (Directory::Connected(tenant), None) => {
            format!("Bearer authorization_uri=https://login.windows.net/{tenant}")
        }
        (Directory::NotConnected, None) => "Bearer".to_owned(),
    };
    let basic = "Basic realm=\"https://tfsprodweu5.visualstudio.com/\"".to_owned();
    let schemes = match organization.directory {
        Directory::Connected(_) => vec![bearer, basic, "TFS-Federated".to_owned()],
        Directory::NotConnected => vec![bearer, basic],
    };
    if quirks.contains(&Quirk::AuthenticateCommaJoined) { vec![schemes.join(", ")] } else { schemes }
}
