//! One pass over one object: observe, decide, act, ask again, report.
//!
//! This is the story that the rest of the shell fills in. Read it with [`crate::domain::plan`] and
//! [`crate::domain::standing`].

use super::{
    Operator,
    act::{Halt, Tools},
    memory::Fingerprint,
    object::{Subject, WriteError},
    siblings::{as_sibling, key},
};
use crate::{
    api::{names::event, v1alpha1::ManagedDevOpsIdentityStatus},
    azure::Freshness,
    domain::{
        desired::{Desired, named_identity},
        failure::{Cause, Failure},
        farewell::WaitsFor,
        names::IdentityId,
        observed::Observed,
        ownership::Me,
        plan::{Next, Situation, Step, Verdict, decide},
        record::Record,
        registration::PoolJudged,
        schedule::Outcome,
        standing::{Departure, Finding, Refusal, Told},
    },
};

/// More steps than any sound pass takes; a bug must not become a flood of requests.
const STEPS_AT_MOST: usize = 16;

/// One pass at work: what is known and remembered so far.
pub(super) struct Pass<'a> {
    pub(super) operator: &'a Operator,
    pub(super) subject: Subject,
    pub(super) me: Me<'a>,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
    pub(super) record: Record,
    /// What the identity was judged to be, once it was.
    pub(super) verdict: Option<Verdict>,
}

impl Operator {
    /// Looks at one object that is not being deleted, and does what there is to do. In the turn of its identity.
    pub(super) async fn reconcile(&self, mut subject: Subject) -> Result<Outcome, WriteError> {
        if subject.object.spec.suspend {
            return self.rest(subject).await;
        }
        let desired = match Desired::of(&subject.object) {
            Ok(desired) => desired,
            Err(invalid) => {
                let record = Record::of(&subject.status());
                return self
                    .report(
                        &mut subject,
                        &record,
                        None,
                        Finding::Invalid(Refusal::unusable(&invalid.to_string())),
                    )
                    .await;
            }
        };
        let freshness = if subject.requested_at().is_some() { Freshness::Now } else { Freshness::Shared };
        let fence = self.fence_around(&key(&subject.object).namespace, freshness).await?;
        let record = Record::of(&subject.status());
        let admitted = fence.admits(&desired);
        if let Err(beyond) = admitted.and_then(|()| fence.admits_remembered(&desired.organization, &record)) {
            let problem = beyond.to_string();
            let finding = Finding::Invalid(Refusal::beyond_the_fences(&problem));
            return self.report(&mut subject, &record, None, finding).await;
        }
        if subject.status().observed_generation != Some(subject.generation()) {
            let record = Record::of(&subject.status());
            self.report(
                &mut subject,
                &record,
                Some(&desired.identity),
                Finding::UnderWay("looking at organization, subscription and identity"),
            )
            .await?;
        }
        let me = Me { cluster: &self.cluster, object: key(&subject.object) };
        let mut tools = Tools::default();
        let observed = self.observe(&subject, &me, &desired, freshness, &mut tools).await?;
        let record = Record::of(&subject.status());
        Pass { operator: self, subject, me, desired, observed, record, verdict: None }.run(tools).await
    }

    /// A suspended object is left as it is; one that was never looked at says so.
    async fn rest(&self, mut subject: Subject) -> Result<Outcome, WriteError> {
        if self.memory.tell_suspension(&subject.uid(), subject.generation()) {
            let note = "no request is sent to Azure for this object until spec.suspend is false";
            self.events.normal(&subject.reference(), event::SUSPENDED, note).await;
        }
        if subject.status().conditions.is_empty() {
            self.report(&mut subject, &Record::default(), None, Finding::NeverLookedAt).await?;
        }
        Ok(Outcome::Settled)
    }

    /// Writes the status if it says anything new, and tells a transition.
    pub(super) async fn report(
        &self,
        subject: &mut Subject,
        record: &Record,
        identity: Option<&IdentityId>,
        finding: Finding<'_>,
    ) -> Result<Outcome, WriteError> {
        let prior = subject.status();
        let requested_at = match finding {
            Finding::Judged { .. } | Finding::Invalid(_) => subject.requested_at(),
            Finding::UnderWay(_)
            | Finding::Acting { .. }
            | Finding::Registering { .. }
            | Finding::Deleting(_)
            | Finding::NeverLookedAt => None,
        };
        let desired = Desired::of(&subject.object).ok();
        let (status, outcome) = Told {
            prior: &prior,
            generation: subject.generation(),
            record,
            identity,
            wanted: desired.as_ref().map(|desired| desired.pools.as_slice()),
            requested_at: requested_at.as_deref(),
            finding,
            now: self.clock.now(),
        }
        .compose();
        self.memory.tell(&subject.uid(), Fingerprint::of(&status));
        if subject.tell(self.permit()?, &status).await? {
            self.events.transition(&subject.reference(), &prior, &status).await;
        }
        Ok(outcome)
    }

    /// Stores a record that only an answer could teach, whatever the object says by now.
    pub(super) async fn store_record(
        &self,
        subject: &mut Subject,
        record: &Record,
    ) -> Result<(), WriteError> {
        let (generation, id) = (subject.generation(), named_identity(&subject.object).ok());
        let uid = subject.uid();
        let with_the_record = |prior: &ManagedDevOpsIdentityStatus| {
            let status = Told {
                prior,
                generation,
                record,
                identity: id.as_ref(),
                wanted: None,
                requested_at: None,
                finding: Finding::UnderWay(""),
                now: self.clock.now(),
            }
            .record_alone();
            self.memory.tell(&uid, Fingerprint::of(&status));
            status
        };
        subject.store(self.permit()?, with_the_record).await?;
        self.memory.record_stored(&uid);
        Ok(())
    }
}

impl Pass<'_> {
    async fn run(mut self, mut tools: Tools) -> Result<Outcome, WriteError> {
        for _ in 0..STEPS_AT_MOST {
            let next = decide(Situation {
                cluster: self.me.cluster,
                me: &as_sibling(&self.subject.object),
                desired: &self.desired,
                observed: &self.observed,
                record: &self.record,
                finalizer: self.subject.finalizer(),
            });
            match next {
                Next::Tell(verdict) => {
                    drop(tools);
                    return self.conclude(verdict).await;
                }
                Next::Act(step) => {
                    tracing::debug!(?step, "next step");
                    match self.act(step, &mut tools).await {
                        Ok(()) => {}
                        Err(Halt::Azure(failure)) => return self.conclude(Verdict::Failed(failure)).await,
                        Err(Halt::Cluster(error)) => return Err(error),
                    }
                }
            }
        }
        self.conclude(Verdict::Failed(endless(&self.desired.identity.to_string()))).await
    }

    async fn conclude(&mut self, verdict: Verdict) -> Result<Outcome, WriteError> {
        self.verdict = Some(verdict.clone());
        let pools = self.register(&verdict).await?;
        let (uid, now) = (self.subject.uid(), self.operator.clock.elapsed());
        let hidden = [
            self.observed.organization.failure(),
            self.observed.subscription.failure(),
            self.observed.identity.failure(),
            if let Verdict::Failed(failure) = &verdict { Some(failure) } else { None },
        ];
        let in_the_dark_for = if hidden
            .into_iter()
            .flatten()
            .chain(pools.iter().filter_map(PoolJudged::failure))
            .any(Failure::hides_the_truth)
        {
            Some(self.operator.memory.in_the_dark(&uid, now))
        } else {
            self.operator.memory.in_the_light(&uid);
            None
        };
        let finding = Finding::Judged {
            desired: &self.desired,
            observed: &self.observed,
            verdict: &verdict,
            pools: &pools,
            in_the_dark_for,
        };
        self.operator.report(&mut self.subject, &self.record, Some(&self.desired.identity), finding).await
    }

    /// Brings what is remembered into status before a write that depends on it.
    pub(super) async fn write_ahead(&mut self, doing: &str) -> Result<(), WriteError> {
        if Record::of(&self.subject.status()) == self.record {
            return Ok(());
        }
        let finding = match (&self.verdict, self.subject.deleted_at()) {
            (_, Some(since)) => Finding::Deleting(Departure {
                problem: doing,
                waits_for_whom: WaitsFor::Others,
                since,
                identity_is_gone: self.observed.identity.is_gone(),
                leaves_pools: true,
            }),
            (None, None) => Finding::Acting { doing, observed: &self.observed },
            (Some(verdict), None) => {
                Finding::Registering { doing, desired: &self.desired, observed: &self.observed, verdict }
            }
        };
        self.operator
            .report(&mut self.subject, &self.record, Some(&self.desired.identity), finding)
            .await
            .map(|_| ())
    }

    /// Stores at once what only an answer could teach. Where that fails, the process keeps it, and stores it before it does
    /// anything else for the object.
    pub(super) async fn remember_now(&mut self, doing: &str) -> Result<(), WriteError> {
        let uid = self.subject.uid();
        self.operator.memory.keep_record(&uid, &self.record);
        match self.write_ahead(doing).await {
            Ok(()) => self.operator.memory.record_stored(&uid),
            Err(WriteError::Conflict) => {
                self.subject.read_again().await?;
                self.operator.store_record(&mut self.subject, &self.record).await?;
                // The object is another by now: what is told of it is for the next pass.
                return Err(WriteError::Conflict);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What a step that was refused or gave something strange counts as.
    pub(super) fn not_kept(&self, step: &Step) -> Failure {
        Failure {
            cause: Cause::Refused,
            code: "ChangeNotKept".into(),
            message: format!(
                "Azure accepted the {} but shows other values: an Azure Policy may rewrite them, so set driftPolicy: Report or wish what the policy wants",
                step.name()
            ),
            target: self.desired.identity.to_string(),
            correlation_id: None,
            retry_after: None,
        }
    }
}

pub(super) fn endless(target: &str) -> Failure {
    Failure {
        cause: Cause::Unexpected,
        code: "TooManySteps".into(),
        message: "the object did not come to rest within one pass".into(),
        target: target.to_owned(),
        correlation_id: None,
        retry_after: None,
    }
}
