//! Performs one step. Its answer becomes a fact, and the question is asked again.
//!
//! Every write goes the same way, and no other compiles:
//!
//! ```text
//! turn ─► object ─► slot ─► the identity, read under it (a Basis) ─► decision ─► status ─► object again (an Authority) ─► write
//! ```
//!
//! What only its answer teaches is stored before anything else is asked of anybody.

use super::{
    Operator,
    object::{Subject, WriteError},
    observe::CREDENTIAL,
    reconcile::Pass,
};
use crate::{
    api::names::event,
    azure::{Basis, IdentityPatch, PutAnswer, WriteFailure},
    domain::{
        difference::Kind,
        failure::{Cause, Failure},
        mark::withdrawn,
        names::{IdentityId, PrincipalId},
        observed::{Fact, Identity},
        ownership::Me,
        plan::{Change, Finalizer, Marking, NewIdentity, Step, WhyMark},
        record::Record,
    },
    runtime::leadership::Authority,
};

/// What a pass has at hand for its writes to the identity, and what it has written.
#[derive(Default)]
pub(super) struct Tools {
    /// The last read, if it was made under leave to write and nothing was written since.
    pub(super) basis: Option<Basis>,
    /// The kinds of writes that this pass has done, each once at most.
    done: Vec<&'static str>,
    /// The identity was seen gone, and its successor is about to be created.
    replaces_the_gone: bool,
}

/// Why a pass cannot go on with what it was doing.
#[derive(Debug)]
pub(super) enum Halt {
    /// Azure refused or failed: that is told.
    Azure(Failure),
    /// The object cannot be written, or is not what was decided on: nothing can be told.
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

impl From<WriteFailure> for Halt {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::Azure(failure) => Self::Azure(failure),
            WriteFailure::NotSent(why) => Self::Cluster(why.into()),
        }
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
            Step::StoreFinalizer => {
                Ok(self.subject.set_finalizer(self.operator.permit()?, Finalizer::Stored).await?)
            }
            Step::RemoveFinalizer => {
                // What is not held any more is said before the last trace of holding it goes.
                self.write_ahead("letting go").await?;
                Ok(self.subject.set_finalizer(self.operator.permit()?, Finalizer::Absent).await?)
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
        let Some(basis) = tools.basis.take() else {
            return self.read_under_a_slot(tools).await;
        };
        let doing = format!("the {} of the identity is under way", step.name());
        self.write_ahead(&doing).await?;
        let authority = self.operator.authority(&mut self.subject, basis.read()).await?;
        tools.done.push(step.name());
        match step {
            Step::Create(new) => self.create(&new, &authority, basis, tools).await,
            Step::Mark(marking) => self.mark(&marking, &authority, basis).await,
            Step::Update(change) => self.update(change, &authority, basis).await,
            Step::StoreFinalizer | Step::RemoveFinalizer | Step::Remember(_) | Step::ForgetTheGone => Ok(()),
        }
    }

    /// Waits for leave to write, and reads what the decision rests on anew: it is made once more.
    async fn read_under_a_slot(&mut self, tools: &mut Tools) -> Result<(), Halt> {
        let Self { operator, subject, me, desired, observed, .. } = self;
        let slot = operator.azure.writer.reserve(&CREDENTIAL, &desired.identity).await?;
        observed.siblings = operator.siblings(&subject.object, &desired.identity).await?;
        let (identity, basis) = operator.azure.writer.read(slot).await;
        tools.basis = basis;
        operator.place(subject, me, &desired.identity, identity, observed).await;
        Ok(())
    }

    async fn create(
        &mut self,
        new: &NewIdentity,
        authority: &Authority<'_>,
        basis: Basis,
        tools: &Tools,
    ) -> Result<(), Halt> {
        let uid = self.subject.uid();
        self.operator.memory.creation_sent(&uid, self.operator.clock.elapsed());
        let put = match self.operator.azure.writer.put(authority, basis, new).await {
            Ok(put) => put,
            Err(failure) => {
                if !may_be_done(&failure) {
                    self.operator.memory.creation_refused(&uid);
                }
                return Err(failure.into());
            }
        };
        let principal = put.identity.principal.clone();
        match put.answer {
            PutAnswer::Created => {
                self.record = self.record.after_creation(&self.desired, &principal);
                self.take_answer(put.identity).await;
                self.remember_now("the identity was created").await?;
                let (about, events) = (self.subject.reference(), &self.operator.events);
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
                let about = self.subject.reference();
                self.operator.events.warning(&about, event::OVERWROTE_RIVAL, &note).await;
                self.reread().await;
            }
        }
        Ok(())
    }

    async fn mark(&mut self, marking: &Marking, authority: &Authority<'_>, basis: Basis) -> Result<(), Halt> {
        let patch = IdentityPatch { tags: Some(marking.tags.clone()), isolation_scope: None };
        let identity = self.operator.azure.writer.patch(authority, basis, &patch).await?;
        if identity.principal != marking.principal {
            return self.met_another(&identity, &marking.principal).await;
        }
        self.record = self.record.after_marking(marking);
        self.take_answer(identity).await;
        self.remember_now("the identity was marked").await?;
        let (about, events) = (self.subject.reference(), &self.operator.events);
        let id = &self.desired.identity;
        match marking.why {
            WhyMark::Take => {
                events
                    .normal(
                        &about,
                        event::ADOPTED,
                        &format!("took identity {id:#}, principal {}", marking.principal),
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
        Ok(())
    }

    async fn update(&mut self, change: Change, authority: &Authority<'_>, basis: Basis) -> Result<(), Halt> {
        let Change { tags, isolation_scope, principal, kind } = change;
        let wrote_tags = tags.is_some();
        let patch = IdentityPatch { tags, isolation_scope };
        let identity = self.operator.azure.writer.patch(authority, basis, &patch).await?;
        if identity.principal != principal {
            if wrote_tags {
                return self.met_another(&identity, &principal).await;
            }
            // Nothing of ours went onto it; whose it is, is judged anew.
            self.take_answer(identity).await;
            return Ok(());
        }
        self.record = self.record.after_update(&self.desired);
        self.take_answer(identity).await;
        self.remember_now("the identity was changed").await?;
        let note = match kind {
            Kind::Wish => "identity was changed as the spec wishes",
            Kind::Drift => "identity had been changed by somebody and was brought back",
        };
        self.operator.events.normal(&self.subject.reference(), event::UPDATED, note).await;
        if kind == Kind::Drift {
            self.operator.metrics.drift_corrected();
        }
        Ok(())
    }

    /// The answer shows another principal than was read: our tags went onto an identity that somebody had re-created.
    ///
    /// First the record is made to say what was held, so that our mark there is known for one that proves nothing, whatever
    /// becomes of the withdrawal; then it is withdrawn.
    async fn met_another(&mut self, found: &Identity, read: &PrincipalId) -> Result<(), Halt> {
        self.record = self.record.after_meeting_another(read);
        self.remember_now("the identity was re-created by somebody").await?;
        let Self { operator, subject, me, .. } = self;
        operator.withdraw_mark(subject, me, found, read).await?;
        Err(replaced(&self.desired.identity).into())
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

/// Whether what was to be written may have been written all the same.
pub(super) fn may_be_done(failure: &WriteFailure) -> bool {
    match failure {
        WriteFailure::Azure(failure) => failure.leaves_the_outcome_open(),
        WriteFailure::NotSent(_) => false,
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
    /// Takes our mark off an identity that turned out to be another one than was read: on a fresh read, and only while the
    /// mark is ours and the identity the one that was found.
    pub(super) async fn withdraw_mark(
        &self,
        subject: &mut Subject,
        me: &Me<'_>,
        found: &Identity,
        read: &PrincipalId,
    ) -> Result<(), Halt> {
        let note = format!(
            "identity {:#} was re-created by somebody in the moment of a write (principal {} instead of {read}); the mark is taken off again",
            found.id, found.principal
        );
        self.events.warning(&subject.reference(), event::MARK_WITHDRAWN, &note).await;
        let slot = self.azure.writer.reserve(&CREDENTIAL, &found.id).await?;
        let (identity, basis) = self.azure.writer.read(slot).await;
        let (identity, basis) = match (identity, basis) {
            (Fact::Known(identity), Some(basis)) => (identity, basis),
            (Fact::Unknown(failure), _) => return Err(failure.into()),
            (Fact::Absent | Fact::Known(_), _) => return Ok(()),
        };
        let Some(tags) = withdrawn(me, &identity, &found.principal) else { return Ok(()) };
        let authority = self.authority(subject, basis.read()).await?;
        let patch = IdentityPatch { tags: Some(tags), isolation_scope: None };
        self.azure.writer.patch(&authority, basis, &patch).await?;
        Ok(())
    }
}
