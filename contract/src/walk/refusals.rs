//! What every operation refuses, whatever it is: strangers, unknown places, locks, policies, and one request too many.

use super::{Ask, Walk};
use crate::report::Report;
use crate::stage::Subject;
use crate::verdict::Due;

impl Walk<'_> {
    /// What every operation refuses.
    pub(super) async fn refusals(&self, report: &mut Report) -> Result<(), String> {
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
}
