//! What a part of the simulator's log comes to: requests by service and verb, and refusals.
//!
//! Pure. Must never leave a request out: what it does not know is counted as something else, and shown.

use std::collections::{BTreeMap, HashMap};

use azure_simulator::{LoggedRequest, Service};
use jiff::Timestamp;

/// What a request was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A token.
    Token,
    /// The directory behind an organization.
    Organization,
    /// A subscription.
    Subscription,
    /// An identity.
    Identity,
    /// A pool.
    Pool,
    /// A change of a pool that takes long.
    Operation,
    /// None of these.
    Else,
}

impl About {
    fn of(request: &LoggedRequest) -> Self {
        let path = request.path.to_ascii_lowercase();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match (request.service, parts.as_slice()) {
            (Service::Entra, [.., "token"]) => Self::Token,
            (Service::Devops, [_]) => Self::Organization,
            (Service::ResourceManager, ["subscriptions", _]) => Self::Subscription,
            (Service::ResourceManager, [.., "userassignedidentities", _]) => Self::Identity,
            (Service::ResourceManager, [.., "pools", _]) => Self::Pool,
            (Service::ResourceManager, [.., "microsoft.devopsinfrastructure", "locations", _, _, _]) => {
                Self::Operation
            }
            _ => Self::Else,
        }
    }
}

/// Requests, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<(About, String), u32>,
    /// Answers with 429.
    pub refused: u32,
    /// Refusals of what had been refused just before.
    pub refused_twice: u32,
    /// Requests that came again before the time that a refusal had told.
    pub too_early: u32,
}

impl Tally {
    /// Of these entries, which are in order.
    pub fn of(log: &[LoggedRequest]) -> Self {
        let mut tally = Self::default();
        let mut refusals: HashMap<(String, String), Option<Timestamp>> = HashMap::new();
        for request in log {
            *tally.counts.entry((About::of(request), request.method.clone())).or_default() += 1;
            let key = (request.method.clone(), request.path.to_ascii_lowercase());
            let before = refusals.remove(&key);
            if before.flatten().is_some_and(|not_before| request.time < not_before) {
                tally.too_early += 1;
            }
            if request.status == 429 {
                tally.refused += 1;
                tally.refused_twice += u32::from(before.is_some());
                refusals.insert(key, told(request));
            }
        }
        tally
    }

    /// How many there were of a kind.
    pub fn count(&self, about: About, method: &str) -> u32 {
        self.counts.get(&(about, method.to_owned())).copied().unwrap_or_default()
    }

    /// Requests that change something at Azure.
    pub fn writes(&self) -> u32 {
        let is_write = |(about, method): &(About, String)| {
            *about != About::Token && ["PUT", "PATCH", "POST", "DELETE"].contains(&method.as_str())
        };
        self.counts.iter().filter(|(key, _)| is_write(key)).map(|(_, count)| count).sum()
    }

    /// Every kind that occurs, with its count.
    pub fn all(&self) -> impl Iterator<Item = (String, u32)> + '_ {
        self.counts.iter().map(|((about, method), count)| (format!("{about:?} {method}"), *count))
    }
}

/// Until when a refusal asked to wait. The log keeps no headers, but the words name the same seconds.
fn told(request: &LoggedRequest) -> Option<Timestamp> {
    let message = request.response_body.as_ref()?.get("error")?.get("message")?.as_str()?;
    let (_, rest) = message.split_once("after '")?;
    let seconds: i64 = rest.split_once('\'')?.0.parse().ok()?;
    request.time.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn entry(time: &str, service: &str, method: &str, path: &str, status: u16) -> LoggedRequest {
        let refusal = json!({"error": {"message": "throttled. Please try again after '5' seconds."}});
        serde_json::from_value(json!({
            "seq": 1, "time": time, "service": service, "method": method, "path": path, "query": "",
            "apiVersion": null, "status": status, "errorCode": null, "requestBody": null,
            "responseBody": if status == 429 { refusal } else { Value::Null }, "correlationId": null,
            "clientRequestId": null, "principal": null, "faults": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_request_is_counted_by_what_it_is_about() {
        let at = "2026-01-01T00:00:00Z";
        let group = "/subscriptions/s/resourceGroups/g/providers";
        let identity = format!("{group}/Microsoft.ManagedIdentity/userAssignedIdentities/a");
        let pool = format!("{group}/Microsoft.DevOpsInfrastructure/pools/p");
        let operation =
            "/subscriptions/s/providers/Microsoft.DevOpsInfrastructure/locations/l/operationResults/o";
        let log = [
            entry(at, "entra", "POST", "/t/oauth2/v2.0/token", 200),
            entry(at, "devops", "HEAD", "/contoso", 401),
            entry(at, "resourceManager", "GET", "/subscriptions/s", 200),
            entry(at, "resourceManager", "PUT", &identity, 201),
            entry(at, "resourceManager", "PATCH", &pool, 202),
            entry(at, "resourceManager", "GET", operation, 200),
            entry(at, "resourceManager", "GET", "/tenants", 200),
        ];
        let tally = Tally::of(&log);
        for (about, method) in [
            (About::Token, "POST"),
            (About::Organization, "HEAD"),
            (About::Subscription, "GET"),
            (About::Identity, "PUT"),
            (About::Pool, "PATCH"),
            (About::Operation, "GET"),
            (About::Else, "GET"),
        ] {
            assert_eq!(tally.count(about, method), 1, "{about:?}");
        }
        assert_eq!(tally.writes(), 2);
    }

    #[test]
    fn a_refusal_that_was_waited_out_is_not_answered_twice() {
        let path = "/subscriptions/s";
        let refused = |time| entry(time, "resourceManager", "GET", path, 429);
        let log = [
            refused("2026-01-01T00:00:00Z"),
            entry("2026-01-01T00:00:05Z", "resourceManager", "GET", path, 200),
            refused("2026-01-01T00:00:06Z"),
        ];
        let tally = Tally::of(&log);
        assert_eq!((tally.refused, tally.refused_twice, tally.too_early), (2, 0, 0));
        let log = [refused("2026-01-01T00:00:00Z"), refused("2026-01-01T00:00:04Z")];
        let tally = Tally::of(&log);
        assert_eq!((tally.refused, tally.refused_twice, tally.too_early), (2, 1, 1));
    }
}
