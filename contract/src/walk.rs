//! The way through a description: every operation that is simulated, with what it takes and what it refuses.
//!
//! Must never send anything that the table of operations does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bodies::{self, Body};
use crate::documents::{Documents, Part, parse};
use crate::folder::{Description, Service};
use crate::operations::{self, Operation};
use crate::report::{Place, Report};
use crate::schema::{Direction, Enumerations, schema_of};
use crate::stage::{Sent, Stage, Subject};
use crate::verdict::{Content, Due, Judge, Seen, Verdict, validator};

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

    /// What every operation refuses.
    async fn refusals(&self, report: &mut Report) -> Result<(), String> {
        let there = || self.ask("", Subject::There, Due::Refusal);
        let labelled = |label: &str| Ask { label: label.to_owned(), ..there() };
        self.stage.renew();
        let body = self.good_body(Subject::There);
        let address = self.address(Subject::There);
        let anonymous = self.stage.ask(&self.operation().method, &address, body.as_ref(), false).await?;
        let verdict = self.judge.judge(&anonymous, Due::Refusal);
        report.request(&self.place, "without a token", false, verdict);

        let unknown = address.replace(&self.description.version, "2001-01-01");
        self.compare(Ask { address: unknown, ..labelled("in an unknown version") }, report).await?;
        let without = address.split('?').next().unwrap_or_default().to_owned();
        self.compare(Ask { address: without, ..labelled("without a version") }, report).await?;
        if !self.names("subscriptionId") && !self.names("scope") {
            return Ok(());
        }
        let elsewhere =
            address.replace(&self.stage.sample.subscription, "99999999-9999-4999-8999-999999999999");
        self.compare(Ask { address: elsewhere, ..labelled("in an unknown subscription") }, report).await?;
        self.stage.renew();
        self.stage.with(|world, sample| {
            let _ = world.deny(&sample.subscription, &sample.client_id, "*", None);
        });
        self.compare_as_it_is(labelled("without the right"), report).await?;
        if !self.throttled && self.names("subscriptionId") {
            self.throttled(labelled("too often"), report).await?;
        }
        if self.names("resourceGroupName") {
            let elsewhere = address.replace(&self.stage.sample.group, "rg-absent");
            self.compare(Ask { address: elsewhere, ..labelled("in an absent group") }, report).await?;
        }
        if self.names("resourceGroupName") && self.operation().method != "GET" {
            self.refusals_of_writes(&labelled, report).await?;
        }
        Ok(())
    }

    async fn refusals_of_writes(
        &self,
        labelled: &impl Fn(&str) -> Ask,
        report: &mut Report,
    ) -> Result<(), String> {
        use azure_simulator::world::{LockLevel, Registration, SubscriptionState};
        self.stage.renew();
        self.stage.with(|world, sample| {
            let _ = world.lock(&sample.subscription, &sample.group, "frozen", LockLevel::ReadOnly);
        });
        self.compare_as_it_is(labelled("in a locked group"), report).await?;
        self.stage.renew();
        self.stage.with(|world, sample| {
            let _ = world.set_subscription_state(&sample.subscription, SubscriptionState::Disabled);
        });
        self.compare_as_it_is(labelled("in a disabled subscription"), report).await?;
        if self.operation().method == "DELETE" {
            return Ok(());
        }
        self.stage.renew();
        self.stage.with(|world, sample| {
            let _ = world.set_policy(&sample.subscription, &sample.group, Some("none-here"));
        });
        self.compare_as_it_is(labelled("against a policy"), report).await?;
        self.stage.renew();
        self.stage.with(|world, sample| {
            for namespace in ["Microsoft.ManagedIdentity", "Microsoft.DevOpsInfrastructure"] {
                let _ = world.set_registration(&sample.subscription, namespace, Registration::Unregistered);
            }
        });
        self.compare_as_it_is(labelled("without a registration"), report).await?;
        Ok(())
    }

    /// The answer to one request too many.
    async fn throttled(&self, ask: Ask, report: &mut Report) -> Result<(), String> {
        const MORE_THAN_ANY_BUCKET: usize = 300;
        self.stage.renew();
        self.stage.set(|settings| settings.throttling.resource_manager = true);
        for _ in 0..MORE_THAN_ANY_BUCKET {
            let seen = self.send(&ask).await?;
            if seen.status == 429 {
                let mut verdict = self.judge.judge(&seen, Due::Refusal);
                if seen.headers.get("retry-after").is_none_or(|text| text.parse::<u64>().is_err()) {
                    verdict.problems.push("no header Retry-After".to_owned());
                }
                report.request(&self.place, &ask.label, false, verdict);
                // The bucket fills up again before anybody else asks.
                self.stage.advance(60.0);
                return Ok(());
            }
        }
        report.failure(format!("{}: never throttled", self.place.operation));
        Ok(())
    }

    async fn reads(&self, report: &mut Report) -> Result<(), String> {
        let whole = self.compare(self.ask("one that is there", Subject::There, Due::Answer), report).await?;
        if self.is_of_one() && self.place.operation != "Subscriptions_Get" {
            self.compare(self.ask("an absent one", Subject::Absent, Due::Refusal), report).await?;
            return Ok(());
        }
        self.pages(&whole, report).await?;
        for parameter in self.operation().parameters.iter().filter(|one| one.place == "query") {
            let Some(least) = parameter.minimum else { continue };
            let with = |value: i64| format!("{}&{}={value}", self.address(Subject::There), parameter.name);
            let ask = self.ask(&format!("{} {least}", parameter.name), Subject::There, Due::Answer);
            self.compare(Ask { address: with(least), ..ask }, report).await?;
            let ask = self.ask(&format!("{} {}", parameter.name, least - 1), Subject::There, Due::Refusal);
            self.compare(Ask { address: with(least - 1), bad: true, ..ask }, report).await?;
        }
        Ok(())
    }

    /// The same list, one thing on a page: all pages are as described, and nothing is lost.
    async fn pages(&self, whole: &Seen, report: &mut Report) -> Result<(), String> {
        let count = |seen: &Seen| match &seen.body {
            Content::Json(body) => body["value"].as_array().map_or(0, Vec::len),
            Content::Empty | Content::NotJson => 0,
        };
        self.stage.renew();
        self.stage.set(|settings| settings.page_size = 1);
        let mut listed = 0;
        let mut address = self.address(Subject::There);
        // One page more than there are things: links that lead in a circle have no end.
        for _ in 0..=count(whole) {
            let ask = Ask { address, ..self.ask("a page", Subject::There, Due::Answer) };
            let seen = self.compare_as_it_is(ask, report).await?;
            listed += count(&seen);
            let next = match &seen.body {
                Content::Json(body) => body["nextLink"].as_str().unwrap_or_default().to_owned(),
                Content::Empty | Content::NotJson => String::new(),
            };
            if next.is_empty() {
                break;
            }
            address = next;
        }
        if listed != count(whole) {
            report.failure(format!("{}: {listed} on pages of {}", self.place.operation, count(whole)));
        }
        Ok(())
    }

    async fn deletions(&self, report: &mut Report) -> Result<(), String> {
        self.compare(self.ask("one that is there", Subject::There, Due::Answer), report).await?;
        self.compare(self.ask("an absent one", Subject::Absent, Due::Answer), report).await?;
        Ok(())
    }

    async fn writes(&self, report: &mut Report) -> Result<(), String> {
        let Some(part) = self.operation().body.clone() else {
            return Err(format!("{}: a write without a body is not known", self.place.operation));
        };
        let closed = schema_of(self.documents, &part, Direction::Request, Enumerations::AllClosed)?;
        let described = schema_of(self.documents, &part, Direction::Request, Enumerations::AsDescribed)?;
        let (described, with_closed) = (validator(&described)?, validator(&closed)?);
        let creates = self.operation().method == "PUT";
        let subject = if creates { Subject::Absent } else { Subject::There };
        let mut sent = bodies::bodies(&closed, &|name| self.hint(name, subject));
        let own = bodies::whole(&closed, &|name| self.hint(name, subject));
        for other in &self.other_bodies {
            let other = schema_of(self.documents, other, Direction::Request, Enumerations::AllClosed)?;
            let other = bodies::whole(&other, &|name| self.hint(name, subject));
            sent.extend(bodies::additions(&own, &other));
        }
        sent.extend(self.examples_of_bodies()?);
        if creates {
            sent.extend(self.sent_back().await?);
        }
        for Body { label, value } in sent {
            let due = match (described.is_valid(&value), with_closed.is_valid(&value)) {
                (true, true) => Due::AnswerToBody,
                (true, false) => Due::Either,
                (false, _) => Due::Refusal,
            };
            let body = Some(Sent::json(&value));
            let ask = Ask { label, address: self.address(subject), body, due, bad: due == Due::Refusal };
            self.compare(ask, report).await?;
        }
        self.no_bodies(subject, report).await?;
        if creates {
            self.compare(self.ask("one that is there", Subject::There, Due::Answer), report).await?;
            self.names_against_their_pattern(report).await?;
        } else if self.operation().method == "PATCH" {
            self.compare(self.ask("an absent one", Subject::Absent, Due::Refusal), report).await?;
        } else {
            self.compare(self.ask("a free name", Subject::Absent, Due::Answer), report).await?;
        }
        Ok(())
    }

    /// What is no JSON object at all.
    async fn no_bodies(&self, subject: Subject, report: &mut Report) -> Result<(), String> {
        let good = self.good_body(subject).map(|sent| sent.text).unwrap_or_default();
        for (label, content_type, text) in [
            ("no body", "application/json", ""),
            ("half a body", "application/json", &good[..good.len() / 2]),
            ("a list", "application/json", "[]"),
            ("a text", "application/json", "\"text\""),
            ("null", "application/json", "null"),
            ("another media type", "text/plain", good.as_str()),
        ] {
            let body = Some(Sent { content_type, text: text.to_owned() });
            let ask = Ask { body, bad: true, ..self.ask(label, subject, Due::Refusal) };
            self.compare(ask, report).await?;
        }
        Ok(())
    }

    async fn names_against_their_pattern(&self, report: &mut Report) -> Result<(), String> {
        let last = self.operation().parameters.iter().rev().find(|one| one.place == "path");
        if let Some(pattern) = last.and_then(|one| one.pattern.as_ref()) {
            let (parent, _) = self.path(Subject::Absent).rsplit_once('/').map_or_else(
                || (String::new(), String::new()),
                |(parent, name)| (parent.to_owned(), name.to_owned()),
            );
            let matching = validator(&json!({"type": "string", "pattern": pattern}))?;
            for name in ["-first", "_first", "a!b", "a b", "a"] {
                let good = matching.is_valid(&json!(name));
                let due = if good { Due::Answer } else { Due::Refusal };
                let address =
                    format!("{parent}/{}?api-version={}", name.replace(' ', "%20"), self.description.version);
                let ask = self.ask(&format!("the name {name:?}"), Subject::Absent, due);
                self.compare(Ask { address, bad: !good, ..ask }, report).await?;
            }
        }
        Ok(())
    }

    /// What a GET answers, sent back as it is: clients do that.
    async fn sent_back(&self) -> Result<Vec<Body>, String> {
        self.stage.renew();
        let seen = self.stage.ask("GET", &self.address(Subject::There), None, true).await?;
        Ok(match seen.body {
            Content::Json(value) => vec![Body { label: "the answer to a GET".to_owned(), value }],
            Content::Empty | Content::NotJson => Vec::new(),
        })
    }

    /// The official examples of this operation, by their files.
    fn examples(&self) -> Result<Vec<(String, Value)>, String> {
        let folder = self.description.file.parent().unwrap_or(Path::new("")).join("examples");
        let mut found = Vec::new();
        // Many a description comes without its examples.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let value = parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            if value["operationId"] == self.place.operation.as_str() {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                found.push((name, value));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }

    fn examples_of_bodies(&self) -> Result<Vec<Body>, String> {
        // Whatever is no parameter of the path or the query is the body.
        let elsewhere: Vec<&str> = self.operation().parameters.iter().map(|one| one.name.as_str()).collect();
        let mut found = Vec::new();
        for (name, example) in self.examples()? {
            for (parameter, value) in example["parameters"].as_object().into_iter().flatten() {
                if value.is_object() && !elsewhere.contains(&parameter.as_str()) {
                    let mut value = value.clone();
                    if self.operation().method == "PATCH" && value.get("location").is_some() {
                        // The example's thing lies elsewhere than ours, and a place does not change.
                        value["location"] = json!(self.stage.sample.location);
                    }
                    found.push(Body { label: format!("the example {name}"), value });
                }
            }
        }
        Ok(found)
    }

    fn examples_of_answers(&self, report: &mut Report) -> Result<(), String> {
        for (name, example) in self.examples()? {
            for (status, response) in example["responses"].as_object().into_iter().flatten() {
                let body = response.get("body").cloned().map_or(Content::Empty, Content::Json);
                let seen = Seen { status: status.parse().unwrap_or(0), headers: BTreeMap::new(), body };
                let mut verdict = Verdict::default();
                self.judge.body(status, &seen, &mut verdict);
                report.example(&self.place, &format!("the example {name}, {status}"), verdict);
            }
        }
        Ok(())
    }

    /// Long-running: the headers of the first answer, and what their addresses say on the way and at the end.
    async fn takes_its_time(&self, report: &mut Report) -> Result<(), String> {
        const SECONDS: f64 = 60.0;
        let subject = if self.operation().method == "PUT" { Subject::Absent } else { Subject::There };
        self.stage.renew();
        self.stage.set(|settings| {
            settings.pools.creation_seconds = SECONDS;
            settings.pools.update_seconds = SECONDS;
            settings.pools.deletion_seconds = SECONDS;
            settings.readings.pools.operation_headers = azure_simulator::OperationHeaders::Both;
        });
        let begun = self
            .compare_as_it_is(self.ask("one that takes its time", subject, Due::LongAnswer), report)
            .await?;
        for end in ["on the way", "at the end"] {
            if let Some(address) = begun.headers.get("azure-asyncoperation") {
                let seen = self.stage.ask("GET", address, None, true).await?;
                let verdict = self.status_of_an_operation(&seen)?;
                report.request(&self.place, &format!("its state {end}"), false, verdict);
            }
            if let Some(address) = begun.headers.get("location") {
                let seen = self.stage.ask("GET", address, None, true).await?;
                // A deletion's address ends in 204, and while it runs it is 202 again.
                let verdict = self.judge.judge(&seen, Due::Answer);
                report.request(&self.place, &format!("its result {end}"), false, verdict);
            }
            self.stage.advance(SECONDS);
        }
        Ok(())
    }

    fn status_of_an_operation(&self, seen: &Seen) -> Result<Verdict, String> {
        let mut verdict = Verdict { refused: seen.status >= 400, ..Verdict::default() };
        let Content::Json(body) = &seen.body else {
            verdict.problems.push("no JSON".to_owned());
            return Ok(verdict);
        };
        let root = self.description.file.ancestors().find(|folder| folder.join("common-types").is_dir());
        let Some(root) = root else { return Ok(verdict) };
        let file = root.join("common-types/resource-management/v6/types.json");
        let part = Part { file, value: json!({"$ref": "#/definitions/OperationStatusResult"}) };
        let schema = schema_of(self.documents, &part, Direction::Response, Enumerations::AsDescribed)?;
        verdict.problems.extend(validator(&schema)?.iter_errors(body).map(|error| error.to_string()));
        if seen.status != 200 {
            verdict.problems.push(format!("status {} of an operation's state", seen.status));
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
