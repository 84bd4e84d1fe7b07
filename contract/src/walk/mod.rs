//! The way through a description: every operation that is simulated, with what it takes and what it refuses.
//!
//! Must never send anything that the table of operations does not name.

mod examples;
mod long_running;
mod reads;
mod refusals;
mod writes;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bodies;
use crate::documents::{Documents, Part};
use crate::folder::{Description, Service};
use crate::operations::{self, Operation};
use crate::report::{Place, Report};
use crate::schema::{Direction, Enumerations, schema_of};
use crate::stage::{Sent, Stage, Subject};
use crate::verdict::{Due, Judge, Seen};

/// The operations that the simulator offers.
fn simulated(service: Service) -> &'static [&'static str] {
    match service {
        Service::Identities => &[
            "SystemAssignedIdentities_GetByScope",
            "UserAssignedIdentities_ListBySubscription",
            "UserAssignedIdentities_ListByResourceGroup",
            "UserAssignedIdentities_Get",
            "UserAssignedIdentities_CreateOrUpdate",
            "UserAssignedIdentities_Update",
            "UserAssignedIdentities_Delete",
            "FederatedIdentityCredentials_List",
            "FederatedIdentityCredentials_Get",
            "FederatedIdentityCredentials_CreateOrUpdate",
            "FederatedIdentityCredentials_Delete",
        ],
        Service::Pools => &[
            "Pools_CheckNameAvailability",
            "Pools_ListBySubscription",
            "Pools_ListByResourceGroup",
            "Pools_Get",
            "Pools_CreateOrUpdate",
            "Pools_Update",
            "Pools_Delete",
            "ResourceDetails_ListByPool",
            "Sku_ListByLocation",
            "SubscriptionUsages_Usages",
        ],
        Service::Subscriptions => &["Subscriptions_Get", "Subscriptions_List", "Tenants_List"],
        Service::RoleAssignments => &[],
    }
}

/// A request that is to be sent.
struct Ask {
    label: String,
    address: String,
    body: Option<Sent>,
    due: Due,
    /// Whether the description does not allow it.
    bad: bool,
}

/// One operation on its way.
struct Walk<'a> {
    stage: &'a Stage,
    documents: &'a Documents,
    description: &'a Description,
    judge: Judge,
    place: Place,
    /// The bodies of the same operation in other versions.
    other_bodies: Vec<Part>,
    /// Whether an operation with this method was throttled already: one is enough.
    throttled: bool,
}

/// Compares all that a description says.
pub(crate) async fn description(
    stage: &Stage,
    documents: &Documents,
    description: &Description,
    all: &[Description],
    report: &mut Report,
) -> Result<(), String> {
    let Description { service, version, file } = description;
    let found = operations::of(documents, file)?;
    if !service.taken().contains(&version.as_str()) {
        for operation in found {
            report.not_simulated(format!("{}: {} {version}", service.name(), operation.id));
        }
        return Ok(());
    }
    report.described(*service, version);
    for missing in simulated(*service).iter().filter(|id| !found.iter().any(|one| one.id == **id)) {
        report.failure(format!("{missing} {version}: is simulated, and described nowhere"));
    }
    let mut elsewhere = Vec::new();
    for other in all.iter().filter(|other| other.service == *service && other.version != *version) {
        elsewhere.extend(operations::of(documents, &other.file)?);
    }
    let mut throttled = BTreeSet::new();
    for operation in found {
        let place = Place { service: *service, operation: operation.id.clone(), version: version.clone() };
        let offered = simulated(*service).contains(&operation.id.as_str());
        let method = operation.method.clone();
        let in_subscription = operation.path.contains("{subscriptionId}");
        let same = |other: &&Operation| other.id == operation.id;
        let other_bodies = elsewhere.iter().filter(same).filter_map(|other| other.body.clone()).collect();
        let judge = Judge::new(documents, operation)?;
        let throttled = offered && in_subscription && !throttled.insert(method);
        let walk = Walk { stage, documents, description, judge, place, other_bodies, throttled };
        if offered { walk.offered(report).await? } else { walk.other(report).await? }
    }
    Ok(())
}

impl Walk<'_> {
    fn operation(&self) -> &Operation {
        &self.judge.operation
    }

    fn path(&self, subject: Subject) -> String {
        let mut path = self.operation().path.clone();
        let names: Vec<String> =
            path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect();
        for (n, name) in names.iter().enumerate() {
            let last = n + 1 == names.len();
            path = path.replace(&format!("{{{name}}}"), &self.stage.value(name, last, subject));
        }
        path
    }

    fn address(&self, subject: Subject) -> String {
        format!("{}?api-version={}", self.path(subject), self.description.version)
    }

    fn names(&self, parameter: &str) -> bool {
        self.operation().path.contains(&format!("{{{parameter}}}"))
    }

    /// Whether the path ends with the name of one thing.
    fn is_of_one(&self) -> bool {
        self.operation().path.ends_with('}') || self.names("scope")
    }

    async fn send(&self, ask: &Ask) -> Result<Seen, String> {
        self.stage.ask(&self.operation().method, &ask.address, ask.body.as_ref(), true).await
    }

    /// Sends a request to a world that is as new, and takes note of what comes.
    async fn compare(&self, ask: Ask, report: &mut Report) -> Result<Seen, String> {
        self.stage.renew();
        self.compare_as_it_is(ask, report).await
    }

    async fn compare_as_it_is(&self, ask: Ask, report: &mut Report) -> Result<Seen, String> {
        let seen = self.send(&ask).await?;
        if ask.due == Due::Either {
            report.open_word(seen.status >= 400);
        }
        if ask.due == Due::AnswerToBody && seen.status >= 400 && !seen.is_about_shape() {
            report.refused_for_content(seen.code());
        }
        report.request(&self.place, &ask.label, ask.bad, self.judge.judge(&seen, ask.due));
        Ok(seen)
    }

    /// An operation that is not offered: the simulator has to say so.
    async fn other(&self, report: &mut Report) -> Result<(), String> {
        let Place { service, operation, version } = &self.place;
        self.stage.renew();
        let body = self.operation().body.as_ref().map(|_| Sent::json(&json!({})));
        let address = self.address(Subject::There);
        let seen = self.stage.ask(&self.operation().method, &address, body.as_ref(), true).await?;
        if matches!(seen.code(), "InvalidResourceType" | "MethodNotAllowed") {
            report.not_simulated(format!("{}: {operation} {version}", service.name()));
        } else {
            let status = seen.status;
            report.failure(format!("{operation} {version}: answers with {status}, and nobody compares it"));
        }
        Ok(())
    }

    async fn offered(&self, report: &mut Report) -> Result<(), String> {
        self.refusals(report).await?;
        self.examples_of_answers(report)?;
        match self.operation().method.as_str() {
            "GET" => self.reads(report).await?,
            "DELETE" => self.deletions(report).await?,
            "PUT" | "PATCH" | "POST" => self.writes(report).await?,
            other => return Err(format!("{}: nothing is known of {other}", self.place.operation)),
        }
        if self.operation().final_state_via.is_some() {
            self.takes_its_time(report).await?;
        }
        Ok(())
    }

    fn ask(&self, label: &str, subject: Subject, due: Due) -> Ask {
        let body = self.good_body(subject);
        Ask { label: label.to_owned(), address: self.address(subject), body, due, bad: false }
    }

    /// A body that works, where one is needed at all.
    fn good_body(&self, subject: Subject) -> Option<Sent> {
        let part = self.operation().body.as_ref()?;
        let schema = schema_of(self.documents, part, Direction::Request, Enumerations::AllClosed).ok()?;
        Some(Sent::json(&bodies::whole(&schema, &|name| self.hint(name, subject))))
    }

    fn hint(&self, name: &str, subject: Subject) -> Option<Value> {
        match (self.place.operation.as_str(), name) {
            ("Pools_CheckNameAvailability", "name") => {
                Some(json!(self.stage.value("poolName", true, subject)))
            }
            _ => self.stage.hint(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::verdict::Content;

    /// What comes of a description of subscriptions with this schema for one of them.
    async fn faults_with(schema: Value) -> Vec<String> {
        let documents = Documents::default();
        let file = Path::new("/specs/subscriptions.json").to_owned();
        let error = json!({"properties": {"error": {"properties": {
            "code": {"type": "string"}, "message": {"type": "string"},
        }}}});
        documents.add(
            &file,
            json!({"paths": {"/subscriptions/{subscriptionId}": {"get": {
                "operationId": "Subscriptions_Get",
                "parameters": [{"name": "subscriptionId", "in": "path"}],
                "responses": {"200": {"schema": schema}, "default": {"schema": error}},
            }}}}),
        );
        let of = Description { service: Service::Subscriptions, version: "2022-12-01".to_owned(), file };
        let stage = Stage::new().await.unwrap();
        let mut report = Report::default();
        description(&stage, &documents, &of, &[], &mut report).await.unwrap();
        let faults = report.faults();
        faults.into_iter().filter(|fault| fault.starts_with("Subscriptions_Get")).collect()
    }

    fn subscription() -> Value {
        let text = || json!({"type": "string"});
        json!({
            "properties": {
                "id": text(), "authorizationSource": text(), "managedByTenants": {"type": "array"},
                "subscriptionId": text(), "tenantId": text(), "displayName": text(), "state": text(),
                "subscriptionPolicies": {"type": "object"},
            },
            "required": ["tenantId", "state"],
        })
    }

    #[tokio::test]
    async fn a_description_that_the_simulator_keeps_has_no_faults() {
        assert_eq!(faults_with(subscription()).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_the_simulator_leaves_out_adds_or_answers_differently_is_a_fault() {
        let mut more = subscription();
        more["required"] = json!(["tenantId", "moon"]);
        let mut fewer = subscription();
        fewer["properties"].as_object_mut().unwrap().remove("displayName");
        let mut other = subscription();
        other["properties"]["state"] = json!({"type": "integer"});
        for (schema, about) in [(more, "\"moon\""), (fewer, "displayName"), (other, "at /state")] {
            let faults = faults_with(schema).await;
            assert!(faults.iter().any(|fault| fault.contains(about)), "{about} in {faults:?}");
        }
    }

    #[tokio::test]
    async fn the_versions_that_are_compared_are_those_that_the_simulator_takes() {
        let stage = Stage::new().await.unwrap();
        for (service, path) in [
            (Service::Identities, stage.sample.identity_id("id-contract")),
            (Service::Pools, stage.sample.pool_id("pool-contract")),
            (Service::Subscriptions, "/tenants".to_owned()),
        ] {
            let seen = stage.ask("GET", &path, None, true).await.unwrap();
            let Content::Json(body) = seen.body else { panic!("no JSON") };
            let listed = format!("'{}'", service.taken().join(","));
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(&listed), "{listed} in {message}");
        }
    }
}
