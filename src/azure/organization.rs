//! Which directory an Azure DevOps organization is connected to: an anonymous request and the headers of its answer.
//!
//! Anonymous on purpose: the operator need not be a member, and no token ever reaches Azure DevOps. Must never say "not
//! found" after one answer, and never guess: what could not be read is `Unknown`.

use std::{sync::Arc, time::Duration};

use azure_core::http::Url;
use reqwest::{
    Method, Request,
    header::{ACCEPT, HeaderName, HeaderValue},
};

use super::{
    classify,
    look_up::{Freshness, LookUps},
    probe::{Probe, read_headers},
    transport::{Answer, Service, Transport},
};
use crate::{
    domain::{
        failure::Failure,
        names::OrganizationName,
        observed::{Fact, OrganizationDirectory},
    },
    runtime::clock::Clock,
};

/// Asks Azure DevOps to answer a request without credentials instead of sending it to a sign-in page.
const FED_AUTH_REDIRECT: HeaderName = HeaderName::from_static("x-tfs-fedauthredirect");
const API_VERSION: &str = "7.1";
/// Between two answers of "not found", so that they need not come from the same lagging replica.
const BEFORE_THE_REPEAT: Duration = Duration::from_secs(1);

/// Looks up organizations. Kept by name alone: the request carries no credential.
#[derive(Debug, Clone)]
pub struct Organizations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Url,
    transport: Transport,
    clock: Clock,
    look_ups: LookUps<OrganizationName, OrganizationDirectory>,
}

impl Organizations {
    pub(super) fn new(base: Url, transport: Transport, clock: Clock) -> Self {
        Self(Arc::new(Inner { base, transport, clock, look_ups: LookUps::new(clock) }))
    }

    /// The directory of an organization; `Absent` if there is none of this name.
    pub async fn directory(
        &self,
        name: &OrganizationName,
        freshness: Freshness,
    ) -> Fact<OrganizationDirectory> {
        let ask = async { self.0.ask(name).await.unwrap_or_else(Fact::Unknown) };
        self.0.look_ups.get(name.clone(), freshness, ask).await
    }
}

impl Inner {
    /// One request where the first answer says it all, which is nearly always.
    async fn ask(&self, name: &OrganizationName) -> Result<Fact<OrganizationDirectory>, Failure> {
        let head = self.send(Method::HEAD, &[], name).await?;
        let mut missing = match read_headers(head.status, &head.headers) {
            Probe::NotFound => Missing::Once,
            Probe::Silent => Missing::No,
            said => return told(said, &head, name),
        };
        loop {
            if missing == Missing::Once {
                self.clock.sleep(BEFORE_THE_REPEAT).await;
            }
            let get = self.send(Method::GET, &["_apis", "projects"], name).await?;
            match (read_headers(get.status, &get.headers), missing) {
                (Probe::NotFound, Missing::Once) => return Ok(Fact::Absent),
                (Probe::NotFound, Missing::No) => missing = Missing::Once,
                (said, Missing::Once | Missing::No) => return told(said, &get, name),
            }
        }
    }

    async fn send(&self, verb: Method, below: &[&str], name: &OrganizationName) -> Result<Answer, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(name.as_str()).extend(below);
        }
        if !below.is_empty() {
            url.query_pairs_mut().append_pair("api-version", API_VERSION);
        }
        let mut request = Request::new(verb, url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(FED_AUTH_REDIRECT, HeaderValue::from_static("Suppress"));
        self.transport.send(Service::DevOps, name.as_str(), request).await
    }
}

/// Whether an answer said that there is no such organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    No,
    Once,
}

fn told(
    said: Probe,
    answer: &Answer,
    name: &OrganizationName,
) -> Result<Fact<OrganizationDirectory>, Failure> {
    let target = name.as_str();
    match said {
        Probe::Connected(tenant) => Ok(Fact::Known(OrganizationDirectory::Connected(tenant))),
        Probe::NotConnected => Ok(Fact::Known(OrganizationDirectory::NotConnected)),
        Probe::Contradictory(how) => Err(classify::unexpected(answer, target, &how)),
        Probe::Silent | Probe::NotFound => {
            Err(classify::unexpected(answer, target, "the answer names no directory"))
        }
        Probe::Unavailable => Err(classify::refusal(answer, target)),
    }
}
