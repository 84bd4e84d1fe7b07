//! What takes its time: the first answer, and what its addresses say on the way and at the end.

use serde_json::json;

use super::Walk;
use crate::documents::Part;
use crate::report::Report;
use crate::schema::{Direction, Enumerations, schema_of};
use crate::stage::Subject;
use crate::verdict::{Content, Due, Seen, Verdict, validator};

impl Walk<'_> {
    /// Long-running: the headers of the first answer, and what their addresses say on the way and at the end.
    pub(super) async fn takes_its_time(&self, report: &mut Report) -> Result<(), String> {
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
