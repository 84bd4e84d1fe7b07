//! Bodies, good and bad: those that the description gives rise to, those of other versions, and what is no body at all.

use serde_json::json;

use super::{Ask, Walk};
use crate::bodies::{self, Body};
use crate::report::Report;
use crate::schema::{Direction, Enumerations, schema_of};
use crate::stage::{Sent, Subject};
use crate::verdict::{Content, Due, validator};

impl Walk<'_> {
    pub(super) async fn writes(&self, report: &mut Report) -> Result<(), String> {
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
}
