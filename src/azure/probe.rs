//! What the headers of an anonymous request say about an organization's directory. Pure.
//!
//! The status alone proves nothing: an organization that is there may answer 200, 203, 302, 401 or 404. Must never
//! turn doubt into a directory: headers that contradict each other, or themselves, are told as such.

use std::collections::BTreeSet;

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, WWW_AUTHENTICATE},
};

use crate::domain::names::TenantId;

const RESOURCE_TENANT: HeaderName = HeaderName::from_static("x-vss-resourcetenant");
/// Named where an organization is backed by Microsoft accounts.
const NO_TENANT: &str = "00000000-0000-0000-0000-000000000000";

/// What one answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Probe {
    /// Connected to this directory.
    Connected(TenantId),
    /// Backed by Microsoft accounts.
    NotConnected,
    /// 404, and no word of a directory: perhaps there is no such organization.
    NotFound,
    /// The headers disagree, or name what is no directory.
    Contradictory(String),
    /// Nothing was said; another request may say more.
    Silent,
    /// Azure DevOps is busy or down; another request would not help.
    Unavailable,
}

/// Reads one answer.
pub(super) fn read_headers(status: StatusCode, headers: &HeaderMap) -> Probe {
    let named: Vec<&str> = values(headers, &RESOURCE_TENANT).flat_map(|line| line.split(',')).collect();
    let named: Vec<&str> = named.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect();
    let (none, some): (Vec<&str>, Vec<&str>) = named.into_iter().partition(|value| *value == NO_TENANT);
    if let Some(junk) = some.iter().find(|value| TenantId::parse(value).is_err()) {
        let junk: String = junk.chars().take(80).collect();
        return Probe::Contradictory(format!("{RESOURCE_TENANT} is {junk:?}, which is no directory"));
    }
    let header: BTreeSet<TenantId> = some.iter().filter_map(|value| TenantId::parse(value).ok()).collect();
    let authority: BTreeSet<TenantId> = values(headers, &WWW_AUTHENTICATE).flat_map(bearer_tenants).collect();

    if header.is_empty() && !none.is_empty() {
        return match authority.first() {
            None => Probe::NotConnected,
            Some(tenant) => Probe::Contradictory(format!(
                "{RESOURCE_TENANT} names no directory, {WWW_AUTHENTICATE} names {tenant}"
            )),
        };
    }
    let mut tenants = header.union(&authority);
    match (tenants.next(), tenants.next()) {
        (Some(tenant), None) => Probe::Connected(tenant.clone()),
        (Some(tenant), Some(other)) => {
            Probe::Contradictory(format!("the headers name several directories: {tenant} and {other}"))
        }
        (None, _) => match status.as_u16() {
            404 => Probe::NotFound,
            408 | 429 | 500..=599 => Probe::Unavailable,
            _ => Probe::Silent,
        },
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// The directories in the `authorization_uri` of each Bearer challenge. Several challenges may share a line, and then a
/// comma parts both them and their parameters: a piece that begins with a word and a blank begins a challenge.
fn bearer_tenants(line: &str) -> Vec<TenantId> {
    let mut tenants = Vec::new();
    let mut bearer = false;
    for piece in outside_quotes(line) {
        let mut parameter = piece.trim();
        let scheme = parameter.split([' ', '\t']).next().unwrap_or_default();
        if !scheme.contains('=') {
            bearer = scheme.eq_ignore_ascii_case("bearer");
            parameter = parameter[scheme.len()..].trim_start();
        }
        let Some((name, uri)) = parameter.split_once('=') else { continue };
        if bearer && name.trim().eq_ignore_ascii_case("authorization_uri") {
            let uri = uri.trim().trim_matches('"');
            tenants.extend(uri.split('/').find_map(|segment| TenantId::parse(segment).ok()));
        }
    }
    tenants
}

fn outside_quotes(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    const A: &str = "aaaaaaaa-1111-2222-3333-444444444444";
    const B: &str = "bbbbbbbb-1111-2222-3333-444444444444";

    fn read(status: u16, tenant: &[&str], authenticate: &[&str]) -> Probe {
        let mut headers = HeaderMap::new();
        for value in tenant {
            headers.append(RESOURCE_TENANT, HeaderValue::from_str(value).unwrap());
        }
        for value in authenticate {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        read_headers(StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn connected(tenant: &str) -> Probe {
        Probe::Connected(TenantId::parse(tenant).unwrap())
    }

    #[test]
    fn each_line_of_the_table() {
        let quoted =
            format!("Bearer authorization_uri=\"https://login.windows.net/{A}\", error=\"invalid_token\"");
        let bare = format!("Bearer authorization_uri=https://login.microsoftonline.com/{A}");
        let joined = format!("{bare}, Basic realm=\"https://a,b/\", TFS-Federated");
        let last = format!("TFS-Federated, Basic realm=\"https://a/\", {bare}/");
        let elsewhere = format!("Bearer authorization_uri=https://login.windows.net/{B}");
        let not_bearer = format!("Bearer, Digest authorization_uri=https://login.windows.net/{B}");
        let (twice, zero_and_one, upper) =
            (format!("{A}, {A}"), format!("{NO_TENANT},{A}"), A.to_uppercase());
        let common = "Bearer authorization_uri=https://login.windows.net/common";
        let backed = ["Bearer", "Basic realm=\"https://tfsprodweu5.visualstudio.com/\""];

        for status in [200, 203, 302, 401, 404, 429, 503] {
            assert_eq!(read(status, &[A], &[]), connected(A), "{status}");
            assert_eq!(read(status, &[], &[&bare]), connected(A), "{status}");
            assert_eq!(read(status, &[NO_TENANT], &backed), Probe::NotConnected, "{status}");
        }
        for authenticate in [quoted.as_str(), &bare, &joined, &last] {
            assert_eq!(read(401, &[], &[authenticate]), connected(A), "{authenticate}");
            assert_eq!(read(401, &[A], &[authenticate]), connected(A), "{authenticate}");
        }
        assert_eq!(read(401, &[A, A], &["TFS-Federated", &bare]), connected(A));
        assert_eq!(read(401, &[&twice], &[]), connected(A));
        assert_eq!(read(401, &[&zero_and_one], &[]), connected(A));
        assert_eq!(read(401, &[&upper], &[&bare]), connected(A));
        assert_eq!(read(401, &[A], &[common]), connected(A));
        assert_eq!(read(401, &[A], &[&not_bearer]), connected(A));

        assert_eq!(read(404, &[], &[]), Probe::NotFound);
        assert_eq!(read(404, &[], &["Basic realm=\"x\""]), Probe::NotFound);
        for status in [429, 500, 503] {
            assert_eq!(read(status, &[], &[]), Probe::Unavailable, "{status}");
        }
        for status in [200, 203, 302, 401, 405] {
            assert_eq!(read(status, &[], &[common]), Probe::Silent, "{status}");
            assert_eq!(read(status, &[""], &[]), Probe::Silent, "{status}");
        }
        let doubts: [(&[&str], &[&str]); 5] = [
            (&[A, B], &[]),
            (&[A], &[&elsewhere]),
            (&[NO_TENANT], &[&elsewhere]),
            (&[], &[&bare, &elsewhere]),
            (&["contoso"], &[&bare]),
        ];
        for (tenant, authenticate) in doubts {
            let probe = read(401, tenant, authenticate);
            assert!(matches!(probe, Probe::Contradictory(_)), "{tenant:?} {authenticate:?}: {probe:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_can_make_it_panic(line in "[ -~]{0,80}", tenant in "[ -~]{0,80}") {
            read(200, &[&tenant], &[&line]);
        }
    }
}
