//! Performs one step. Its answer becomes a fact, and the question is asked again.
//!
//! Between the read that a write rests on and the write itself lie only the decision and our own writes to the object:
//! where more came between, a wait for the pace or another write, the identity is read anew first.

use super::{
    Operator,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    reconcile::Pass,
};
use crate::{
    api::names::event,
    azure::{IdentityPatch, PutAnswer, WriteSlot},
    domain::{
        difference::Kind,
        failure::{Cause, Failure},
        mark::Mark,
        names::{IdentityId, PrincipalId, UserAssignedIdentity},
        observed::{Fact, Identity},
        plan::{Change, Finalizer, Marking, NewIdentity, Step, WhyMark},
        record::Record,
    },
    runtime::leadership::Permit,
};

/// What a pass needs for its writes to Azure.
#[derive(Default)]
pub(super) struct Tools {
    /// Leave to write at the identity's pace, taken before the read that the write rests on.
    slot: Option<WriteSlot<UserAssignedIdentity>>,
    /// A write came after the last read.
    stale: bool,
    /// The kinds of writes that this pass has done, each once at most.
    done: Vec<&'static str>,
    /// The identity was seen gone, and its successor is about to be created.
    replaces_the_gone: bool,
}

impl Tools {
    /// Waits for leave to write; whether there was a wait, so that what was read before is no longer fresh.
    pub(super) async fn reserve(&mut self, operator: &Operator, id: &IdentityId) -> Result<bool, Failure> {
        let slot = operator.azure.writer.reserve(&CREDENTIAL, id).await?;
        let waited = slot.waited();
        self.slot = Some(slot);
        Ok(waited)
    }
}

/// Why a pass cannot go on with what it was doing.
#[derive(Debug)]
pub(super) enum Halt {
    /// Azure refused or failed: that is told.
    Azure(Failure),
    /// The API server did: nothing can be told.
    Cluster(WriteError),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Azure(failure)
    }
}

impl From<WriteError> for Halt {
    fn from(error: WriteError) -> Self {
        Self::Cluster(error)
    }
}

impl Step {
    /// What the step is called in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::StoreFinalizer => "finalizer",
            Self::RemoveFinalizer => "finalizer's removal",
            Self::Remember(_) => "record",
            Self::ForgetTheGone => "record's emptying",
            Self::Create(_) => "creation",
            Self::Mark(_) => "mark",
            Self::Update(_) => "update",
        }
    }
}

impl Pass<'_> {
    /// Performs a step.
    pub(super) async fn act(&mut self, step: Step, tools: &mut Tools) -> Result<(), Halt> {
        match step {
            Step::StoreFinalizer => Ok(self.subject.set_finalizer(Finalizer::Stored).await?),
            Step::RemoveFinalizer => {
                // What is not held any more is said before the last trace of holding it goes.
                self.write_ahead("letting go").await?;
                Ok(self.subject.set_finalizer(Finalizer::Absent).await?)
            }
            Step::Remember(record) => {
                if record == Record::default() {
                    let note =
                        "the identity is held by another, so what this object remembered of it is forgotten";
                    self.operator
                        .events
                        .warning(&self.subject.reference(), event::RECORD_FORGOTTEN, note)
                        .await;
                }
                self.record = record;
                Ok(())
            }
            Step::ForgetTheGone => {
                self.record = self.record.without_the_gone();
                tools.replaces_the_gone = true;
                Ok(())
            }
            Step::Create(_) | Step::Mark(_) | Step::Update(_) => self.write(step, tools).await,
        }
    }

    async fn write(&mut self, step: Step, tools: &mut Tools) -> Result<(), Halt> {
        if tools.done.contains(&step.name()) {
            return Err(self.not_kept(&step).into());
        }
        if tools.slot.is_none() {
            tools.stale |= tools.reserve(self.operator, &self.desired.identity).await?;
        }
        if std::mem::take(&mut tools.stale) {
            let Self { operator, subject, me, desired, observed, .. } = self;
            operator.observe_identity(subject, me, &desired.identity, observed).await;
            return Ok(());
        }
        self.write_ahead(&format!("the {} of the identity is under way", step.name())).await?;
        let Some(slot) = tools.slot.take() else { return Ok(()) };
        tools.done.push(step.name());
        tools.stale = true;
        match step {
            Step::Create(new) => self.create(&new, slot, tools).await,
            Step::Mark(marking) => self.mark(&marking, slot).await,
            Step::Update(change) => self.update(change, slot).await,
            Step::StoreFinalizer | Step::RemoveFinalizer | Step::Remember(_) | Step::ForgetTheGone => Ok(()),
        }
    }

    async fn create(
        &mut self,
        new: &NewIdentity,
        slot: WriteSlot<UserAssignedIdentity>,
        tools: &Tools,
    ) -> Result<(), Halt> {
        let permit = self.operator.permit(&new.id.to_string())?;
        let uid = self.subject.uid();
        self.operator.memory.creation_sent(&uid, self.operator.clock.elapsed());
        let put = match self.operator.azure.writer.put(&permit, slot, new).await {
            Ok(put) => put,
            Err(failure) => {
                if !failure.leaves_the_outcome_open() {
                    self.operator.memory.creation_refused(&uid);
                }
                return Err(failure.into());
            }
        };
        let (about, events) = (self.subject.reference(), &self.operator.events);
        let principal = put.identity.principal.clone();
        match put.answer {
            PutAnswer::Created => {
                self.record = self.record.after_creation(&self.desired, &principal);
                if tools.replaces_the_gone {
                    let note = format!(
                        "identity {:#} was gone and was created anew as principal {principal}: role assignments and federated credentials of the old one are lost and have to be given again",
                        new.id
                    );
                    events.warning(&about, event::RECREATED, &note).await;
                } else {
                    events
                        .normal(
                            &about,
                            event::CREATED,
                            &format!("created identity {:#} as principal {principal}", new.id),
                        )
                        .await;
                }
            }
            // Somebody created it in the same moment. What is there now is read and judged as any identity is.
            PutAnswer::Overwritten => {
                let note = format!(
                    "identity {:#} came into being while it was about to be created, and took this object's tags; it is held as Adopted and never deleted",
                    new.id
                );
                events.warning(&about, event::OVERWROTE_RIVAL, &note).await;
                self.reread().await;
                return Ok(());
            }
        }
        self.take_answer(put.identity).await;
        Ok(())
    }

    async fn mark(&mut self, marking: &Marking, slot: WriteSlot<UserAssignedIdentity>) -> Result<(), Halt> {
        let patch = IdentityPatch { tags: Some(marking.tags.clone()), isolation_scope: None };
        let identity = self.patch(&patch, slot).await?;
        let (about, events) = (self.subject.reference(), &self.operator.events);
        let id = &self.desired.identity;
        if identity.principal != marking.principal {
            self.operator.withdraw_mark(&self.subject, &identity, &marking.principal).await?;
            return Err(replaced(id).into());
        }
        self.record = self.record.after_marking(marking);
        match marking.why {
            WhyMark::Take => {
                events
                    .normal(
                        &about,
                        event::ADOPTED,
                        &format!("took identity {id:#}, principal {}", identity.principal),
                    )
                    .await;
            }
            WhyMark::Restore => {
                events.warning(&about, event::MARK_RESTORED, &format!("somebody took this object's mark off identity {id:#}; it was put back, and the identity counts as adopted from now on")).await;
                self.operator.metrics.drift_corrected();
            }
            WhyMark::TakeBack => {
                events
                    .normal(
                        &about,
                        event::ADOPTED,
                        &format!("holds identity {id:#} again, which it had released"),
                    )
                    .await;
            }
            WhyMark::Rename => {
                let note = format!(
                    "the mark on identity {id:#} bore a former id of this cluster and was rewritten to {}",
                    self.me.cluster.current()
                );
                events.normal(&about, event::MARK_RENAMED, &note).await;
            }
        }
        self.take_answer(identity).await;
        Ok(())
    }

    async fn update(&mut self, change: Change, slot: WriteSlot<UserAssignedIdentity>) -> Result<(), Halt> {
        let Change { tags, isolation_scope, principal, kind } = change;
        let identity = self.patch(&IdentityPatch { tags, isolation_scope }, slot).await?;
        if identity.principal == principal {
            self.record = self.record.after_update(&self.desired);
            let note = match kind {
                Kind::Wish => "identity was changed as the spec wishes",
                Kind::Drift => "identity had been changed by somebody and was brought back",
            };
            self.operator.events.normal(&self.subject.reference(), event::UPDATED, note).await;
            if kind == Kind::Drift {
                self.operator.metrics.drift_corrected();
            }
        }
        // Another principal: somebody re-created it in between; ownership is judged anew.
        self.take_answer(identity).await;
        Ok(())
    }

    async fn patch(
        &mut self,
        patch: &IdentityPatch,
        slot: WriteSlot<UserAssignedIdentity>,
    ) -> Result<Identity, Failure> {
        let id = &self.desired.identity;
        let permit = self.operator.permit(&id.to_string())?;
        self.operator.azure.writer.patch(&permit, slot, patch).await
    }

    async fn take_answer(&mut self, identity: Identity) {
        let Self { operator, subject, me, desired, observed, .. } = self;
        operator.place(subject, me, &desired.identity, Fact::Known(identity), observed).await;
    }

    async fn reread(&mut self) {
        let Self { operator, subject, me, desired, observed, .. } = self;
        operator.observe_identity(subject, me, &desired.identity, observed).await;
    }
}

/// Somebody re-created the identity between our read and our write; it is looked at anew.
fn replaced(id: &IdentityId) -> Failure {
    Failure {
        cause: Cause::Conflict,
        code: "IdentityReplaced".into(),
        message: "somebody re-created the identity in the moment of a write".into(),
        target: id.to_string(),
        correlation_id: None,
        retry_after: None,
    }
}

impl Operator {
    /// Leave to write now.
    pub(super) fn permit(&self, target: &str) -> Result<Permit<'_>, Failure> {
        self.leadership.permit().ok_or_else(|| Failure {
            cause: Cause::Conflict,
            code: "NotLeader".into(),
            message: "another process has taken over".into(),
            target: target.to_owned(),
            correlation_id: None,
            retry_after: None,
        })
    }

    /// Takes our mark off an identity that turned out to be another one than was read.
    pub(super) async fn withdraw_mark(
        &self,
        subject: &Subject,
        found: &Identity,
        read: &PrincipalId,
    ) -> Result<(), Failure> {
        let note = format!(
            "identity {:#} was re-created by somebody in the moment of a write (principal {} instead of {read}); the mark is taken off again",
            found.id, found.principal
        );
        self.events.warning(&subject.reference(), event::MARK_WITHDRAWN, &note).await;
        let mut tags = found.tags.clone();
        Mark::erase(&mut tags);
        let slot = self.azure.writer.reserve(&CREDENTIAL, &found.id).await?;
        let permit = self.permit(&found.id.to_string())?;
        let patch = IdentityPatch { tags: Some(tags), isolation_scope: None };
        self.azure.writer.patch(&permit, slot, &patch).await.map(|_| ())
    }
}
