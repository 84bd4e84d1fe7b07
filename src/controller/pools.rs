//! The pools of an object, after its identity: read together, then each decided and written by itself.
//!
//! A pool is written only in its own turn, on a read that was made in that turn, and with what must be remembered already
//! in status. A failed read or write of one pool is told of that pool, and the others go on.

use std::time::Duration;

use futures::{StreamExt as _, stream};

use super::{
    act::Halt,
    object::WriteError,
    observe::CREDENTIAL,
    reconcile::{Pass, endless},
    turns::Turn,
};
use crate::{
    api::{
        conditions::Reason,
        names::event,
        v1alpha1::{Mode, OperationUrl},
    },
    azure::{Freshness, Patched, WriteSlot},
    domain::{
        desired::WantedPool,
        directory::{Directory, judge},
        names::{ManagedPool, PoolId, PrincipalId},
        observed::Fact,
        plan::Verdict,
        pool::Pool,
        registration::{
            BlockChange, Deregistering, Entered, Judgement, Leaving, OperationSeen, Permission, PoolJudged,
            PoolNext, PoolRecord, PoolStep, PoolVerdict, Registering, decide, leave,
        },
        schedule::slow_pace,
    },
};

/// How many pools are read at once.
const READS_AT_ONCE: usize = 8;
/// More steps than any sound pass takes for one pool.
const STEPS_AT_MOST: usize = 8;

/// What was read of one pool, and what has come in between since.
pub(super) struct PoolSeen {
    pool: Fact<Pool>,
    operation: Option<OperationSeen>,
    turn: Option<Turn>,
    slot: Option<WriteSlot<ManagedPool>>,
}

/// What became of a change that was sent.
enum Sent {
    Done,
    UnderWay(Option<Duration>),
}

impl Pass<'_> {
    /// Registers with the pools of the spec, and leaves those that are not in it any more.
    pub(super) async fn register(&mut self, verdict: &Verdict) -> Result<Vec<PoolJudged>, WriteError> {
        let wanted = self.desired.pools.clone();
        self.record = self.record.applied_within(&wanted);
        let leaving = self.record.pools_to_leave(&wanted);
        let mut seen = self.look_at_pools(&wanted, &leaving).await.into_iter();
        let mut judged = vec![];
        let mut still_left = vec![];
        for ((name, record), seen) in leaving.into_iter().zip(seen.by_ref()) {
            if let Some(one) = self.leave_pool(&name, &record.id, seen).await? {
                still_left.push(name);
                judged.push(one);
            }
        }
        for (pool, seen) in wanted.iter().zip(seen) {
            // The same name at another id: the old place is left first.
            if !still_left.contains(&pool.name) {
                judged.push(self.register_with(pool, verdict, seen).await?);
            }
        }
        Ok(judged)
    }

    /// Leaving pools first, then the wanted ones, each in its order.
    async fn look_at_pools(&self, wanted: &[WantedPool], leaving: &[(String, PoolRecord)]) -> Vec<PoolSeen> {
        let mut looks: Vec<(PoolId, Option<OperationUrl>)> = vec![];
        for (_, record) in leaving {
            looks.push((record.id.clone(), record.operation.clone()));
        }
        for pool in wanted {
            looks.push((pool.id.clone(), self.record.pool(pool).operation));
        }
        stream::iter(looks)
            .map(|(id, operation)| async move { self.look_at_pool(&id, operation.as_ref()).await })
            .buffered(READS_AT_ONCE)
            .collect()
            .await
    }

    /// What an operation has come to is asked before the pool is read, so that the pool shows what came of it.
    pub(super) async fn look_at_pool(&self, id: &PoolId, operation: Option<&OperationUrl>) -> PoolSeen {
        let azure = &self.operator.azure;
        let operation = match operation {
            Some(url) => Some(azure.operations.look(&CREDENTIAL, url, id).await),
            None => None,
        };
        PoolSeen { pool: azure.pools.get(&CREDENTIAL, id).await, operation, turn: None, slot: None }
    }

    async fn register_with(
        &mut self,
        wanted: &WantedPool,
        verdict: &Verdict,
        mut seen: PoolSeen,
    ) -> Result<PoolJudged, WriteError> {
        let (live, permission) = (self.live().cloned(), self.permission(wanted, verdict).await);
        let (uid, slow_pace) = (self.subject.uid(), slow_pace(self.desired.interval));
        for _ in 0..STEPS_AT_MOST {
            let now = self.operator.clock.elapsed();
            let record = self.record.pool(wanted);
            let next = decide(&Registering {
                identity: &self.desired.identity,
                organization: &self.desired.organization,
                pool: &seen.pool,
                operation: seen.operation.as_ref(),
                record: &record,
                live: live.as_ref(),
                permission: &permission,
                applied: self.record.applied_pools().contains(&wanted.name),
                failed_lately: self
                    .operator
                    .memory
                    .pool_failed_lately(&uid, &wanted.id, slow_pace, now)
                    .as_ref(),
                written_lately: self.operator.memory.pool_added_lately(&uid, &wanted.id, now),
                mode: self.desired.mode,
                drift: self.desired.drift,
                slow_pace,
                now: self.operator.clock.now(),
            });
            let verdict = match next {
                PoolNext::Tell(verdict) => {
                    if verdict == PoolVerdict::Registered && self.desired.mode == Mode::Manage {
                        self.record = self.record.pool_applied(&wanted.name);
                    }
                    verdict
                }
                PoolNext::Act(step) => match self
                    .act_on_pool(&wanted.name, &record, step, &mut seen, live.as_ref())
                    .await
                {
                    Ok(Sent::Done) => continue,
                    Ok(Sent::UnderWay(again)) => PoolVerdict::Waiting { reason: Reason::Progressing, again },
                    Err(Halt::Azure(failure)) => PoolVerdict::Failed(failure),
                    Err(Halt::Cluster(error)) => return Err(error),
                },
            };
            return Ok(PoolJudged::new(
                &wanted.name,
                &self.desired.identity,
                &seen.pool,
                Judgement::Wanted(verdict),
            ));
        }
        Ok(PoolJudged::new(
            &wanted.name,
            &self.desired.identity,
            &seen.pool,
            Judgement::Wanted(PoolVerdict::Failed(endless(&wanted.id.to_string()))),
        ))
    }

    /// Leaves a pool; `None` once nothing of ours is there any more.
    pub(super) async fn leave_pool(
        &mut self,
        name: &str,
        id: &PoolId,
        mut seen: PoolSeen,
    ) -> Result<Option<PoolJudged>, WriteError> {
        let (uid, slow_pace) = (self.subject.uid(), slow_pace(self.desired.interval));
        let held = self.record.holding.as_ref().map(|held| held.principal.clone());
        for _ in 0..STEPS_AT_MOST {
            let Some(record) = self.record.pools.get(name).cloned() else { return Ok(None) };
            let now = self.operator.clock.elapsed();
            let next = leave(&Deregistering {
                identity: &self.desired.identity,
                pool: &seen.pool,
                operation: seen.operation.as_ref(),
                record: &record,
                held: held.as_ref(),
                failed_lately: self.operator.memory.pool_failed_lately(&uid, id, slow_pace, now).as_ref(),
                written_lately: self.operator.memory.pool_removed_lately(&uid, id, now),
            });
            let judgement = match next {
                Leaving::Done { stays } => {
                    self.forget_pool(name, id, stays).await;
                    return Ok(None);
                }
                Leaving::Waiting { reason, again } => Judgement::LeavingWaits { reason, again },
                Leaving::Failed(failure) => Judgement::LeavingFailed(failure),
                Leaving::Act(step) => match self.act_on_pool(name, &record, step, &mut seen, None).await {
                    Ok(Sent::Done) => continue,
                    Ok(Sent::UnderWay(again)) => {
                        Judgement::LeavingWaits { reason: Reason::Progressing, again }
                    }
                    Err(Halt::Azure(failure)) => Judgement::LeavingFailed(failure),
                    Err(Halt::Cluster(error)) => return Err(error),
                },
            };
            return Ok(Some(PoolJudged::new(name, &self.desired.identity, &seen.pool, judgement)));
        }
        Ok(Some(PoolJudged::new(
            name,
            &self.desired.identity,
            &seen.pool,
            Judgement::LeavingFailed(endless(&id.to_string())),
        )))
    }

    async fn forget_pool(&mut self, name: &str, id: &PoolId, stays: bool) {
        let known = self.record.pools.get(name).cloned();
        self.record = self.record.forget_pool(name);
        if stays {
            let note = format!(
                "the entry of the identity in pool {id:#} stays: it was not seen to be added by this object"
            );
            self.operator.events.normal(&self.subject.reference(), event::ENTRY_STAYS, &note).await;
        } else if known.is_some_and(|record| record.may_hold()) {
            let note = format!("the identity is not registered with pool {id:#} any more");
            self.operator.events.normal(&self.subject.reference(), event::DEREGISTERED, &note).await;
        }
    }

    async fn act_on_pool(
        &mut self,
        name: &str,
        record: &PoolRecord,
        step: PoolStep,
        seen: &mut PoolSeen,
        live: Option<&PrincipalId>,
    ) -> Result<Sent, Halt> {
        tracing::debug!(pool = name, ?step, "next step");
        seen.operation = None;
        match step {
            PoolStep::Remember(newer) => {
                self.tell_removal(record, &newer).await;
                if let (Entered::Ahead, Entered::Added(_)) = (&record.entered, &newer.entered) {
                    let now = self.operator.clock.elapsed();
                    self.operator.memory.pool_added(&self.subject.uid(), &record.id, now);
                }
                self.remember_pool(name, newer);
                Ok(Sent::Done)
            }
            PoolStep::Failed(newer, failure) => {
                let now = self.operator.clock.elapsed();
                self.operator.memory.pool_failed(&self.subject.uid(), &record.id, &failure, now);
                self.remember_pool(name, newer);
                Err(failure.into())
            }
            PoolStep::Add(change) => {
                let Some(sent) = self.send(name, record, &change, seen).await? else { return Ok(Sent::Done) };
                if let (Sent::Done, Some(live)) = (&sent, live) {
                    self.operator.memory.pool_added(
                        &self.subject.uid(),
                        &record.id,
                        self.operator.clock.elapsed(),
                    );
                    self.remember_pool(name, record.entered(Entered::Added(live.clone())));
                }
                let note = format!("added the identity to pool {:#}", record.id);
                self.operator.events.normal(&self.subject.reference(), event::REGISTERED, &note).await;
                Ok(sent)
            }
            PoolStep::Cure(change) => {
                let Some(sent) = self.send(name, record, &change, seen).await? else { return Ok(Sent::Done) };
                let note = format!(
                    "pool {:#} bore a principal of the identity that is gone; it was taken out, to be added anew",
                    record.id
                );
                self.operator.events.warning(&self.subject.reference(), event::STALE_CURED, &note).await;
                Ok(sent)
            }
            PoolStep::Remove(change) => {
                let Some(sent) = self.send(name, record, &change, seen).await? else { return Ok(Sent::Done) };
                if let Sent::Done = sent {
                    let now = self.operator.clock.elapsed();
                    self.operator.memory.pool_removed(&self.subject.uid(), &record.id, now);
                }
                Ok(sent)
            }
        }
    }

    /// Sends a change in the pool's turn. `None` if the pool had to be read anew first, in that turn: decide again.
    async fn send(
        &mut self,
        name: &str,
        record: &PoolRecord,
        change: &BlockChange,
        seen: &mut PoolSeen,
    ) -> Result<Option<Sent>, Halt> {
        let operator = self.operator;
        let Some(slot) = seen.slot.take() else {
            if seen.turn.is_none() {
                seen.turn = Some(operator.pool_turns.take(&record.id).await);
            }
            seen.slot = Some(operator.azure.pool_writer.reserve(&CREDENTIAL, &record.id).await?);
            self.write_ahead(&format!("the registration with pool {name} is under way")).await?;
            seen.pool = operator.azure.pools.get(&CREDENTIAL, &record.id).await;
            return Ok(None);
        };
        self.write_ahead(&format!("the registration with pool {name} is under way")).await?;
        let permit = operator.permit(&record.id.to_string())?;
        let (uid, sent) = (self.subject.uid(), operator.azure.pool_writer.patch(&permit, slot, change).await);
        match sent {
            Ok(Patched::Done(_)) => {
                operator.memory.pool_mended(&uid, &record.id);
                // The answer is Azure's word; the truth is the pool, read again.
                seen.pool = operator.azure.pools.get(&CREDENTIAL, &record.id).await;
                Ok(Some(Sent::Done))
            }
            Ok(Patched::Accepted { operation, again }) => {
                self.remember_pool(name, record.under_way(operation));
                self.write_ahead(&format!("the registration with pool {name} is under way")).await?;
                Ok(Some(Sent::UnderWay(again)))
            }
            Err(failure) => {
                if !failure.hides_the_truth() {
                    operator.memory.pool_failed(&uid, &record.id, &failure, operator.clock.elapsed());
                }
                Err(failure.into())
            }
        }
    }

    async fn tell_removal(&self, before: &PoolRecord, after: &PoolRecord) {
        let count = after.removals.count;
        if count <= before.removals.count {
            return;
        }
        let about = self.subject.reference();
        let note = format!("somebody took the identity out of pool {:#} ({count} times so far)", before.id);
        self.operator.events.warning(&about, event::REMOVED_BY_ANOTHER, &note).await;
        if after.removals.are_a_quarrel() && !before.removals.are_a_quarrel() {
            let note = format!(
                "pool {:#} is contested: whoever keeps its list of identities (Terraform: lifecycle ignore_changes = [identity]) and this object undo each other's work; it is put back slowly from now on",
                before.id
            );
            self.operator.events.warning(&about, event::CONTESTED, &note).await;
        }
    }

    fn remember_pool(&mut self, name: &str, record: PoolRecord) {
        self.record = self.record.with_pool(name, record);
    }

    /// The principal of the identity: the held one, or under Observe the one that is seen.
    fn live(&self) -> Option<&PrincipalId> {
        let identity = self.observed.identity.known()?;
        let counts = match self.desired.mode {
            Mode::Manage => self.record.holds(&identity.principal),
            Mode::Observe => true,
        };
        counts.then_some(&identity.principal)
    }

    async fn permission(&self, wanted: &WantedPool, verdict: &Verdict) -> Permission {
        let Directory::Matched(tenant) = judge(&self.desired, &self.observed) else {
            return Permission::NotYet;
        };
        let held = match verdict {
            Verdict::UpToDate | Verdict::Pending { .. } | Verdict::TooManyTags(_) | Verdict::Failed(_) => {
                self.live().is_some()
            }
            Verdict::AwaitsDirectory
            | Verdict::Settling
            | Verdict::SubscriptionDisabled
            | Verdict::AdoptionRefused { .. }
            | Verdict::OwnershipConflict(_)
            | Verdict::LocationConflict(_) => false,
        };
        if !held {
            return Permission::NotYet;
        }
        if wanted.id.subscription() == self.desired.identity.subscription() {
            return Permission::Granted;
        }
        let freshness =
            if self.subject.requested_at().is_some() { Freshness::Now } else { Freshness::Shared };
        let seen =
            self.operator.azure.subscriptions.get(&CREDENTIAL, wanted.id.subscription(), freshness).await;
        Permission::across(&tenant, wanted.id.subscription(), &seen)
    }
}
