//! Reading and deleting: what is there and what is not, and lists on one page and on many.

use super::{Ask, Walk};
use crate::report::Report;
use crate::stage::Subject;
use crate::verdict::{Content, Due, Seen};

impl Walk<'_> {
    pub(super) async fn reads(&self, report: &mut Report) -> Result<(), String> {
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

    pub(super) async fn deletions(&self, report: &mut Report) -> Result<(), String> {
        self.compare(self.ask("one that is there", Subject::There, Due::Answer), report).await?;
        self.compare(self.ask("an absent one", Subject::Absent, Due::Answer), report).await?;
        Ok(())
    }
}
