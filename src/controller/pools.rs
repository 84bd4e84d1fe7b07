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
    azure::{Basis, Freshness, Patched, WriteFailure},
    domain::{
        desired::WantedPool,
        directory::{Directory, judge},
        failure::Cause,
        names::{ManagedPool, PoolId, PrincipalId},
        observed::Fact,
        plan::Verdict,
        pool::Pool,
        registration::{
            BlockChange, Change, Deregistering, Entered, Judgement, Lately, Leaving, OperationSeen,
            Permission, PoolJudged, PoolMemory, PoolNext, PoolRecord, PoolStep, PoolVerdict, Registering,
            Sight, decide, leave, shown_as_added,
        },
        schedule::{slow_pace, soonest_slow_look},
    },
};

/// How many pools are read at once.
const READS_AT_ONCE: usize = 32;
/// More steps than any sound pass takes for one pool.
const STEPS_AT_MOST: usize = 16;

/// What was read of one pool, and what has come in between since.
pub(super) struct PoolSeen {
    pool: Fact<Pool>,
    operation: Option<OperationSeen>,
    turn: Option<Turn>,
    /// The last read, if it was made in the turn and under leave to write, and nothing was written since.
    basis: Option<Basis<ManagedPool>>,
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
        let mut judged = self.leave_pools(self.record.pools_to_leave(&wanted)).await?;
        // The same name at another id: the old place is left first.
        let is_left_first = |pool: &&WantedPool| judged.iter().any(|left| left.name == pool.name);
        let next: Vec<WantedPool> = wanted.iter().filter(|pool| !is_left_first(pool)).cloned().collect();
        let looks = next.iter().map(|pool| (pool.id.clone(), self.record.pool(pool).operation));
        let seen = self.look_at_pools(looks.collect()).await;
        let crowd = self.record.crowd(&wanted);
        for (pool, seen) in next.iter().zip(seen) {
            judged.push(self.register_with(pool, verdict, crowd, seen).await?);
        }
        Ok(judged)
    }

    /// Leaves pools; those that cannot be left yet. They are read some at a time, and what was left is stored after each
    /// one, so that many pools and a slow Azure cost many passes but no work twice.
    pub(super) async fn leave_pools(
        &mut self,
        leaving: Vec<(String, PoolRecord)>,
    ) -> Result<Vec<PoolJudged>, WriteError> {
        let mut not_left = vec![];
        for together in leaving.chunks(READS_AT_ONCE) {
            let looks = together.iter().map(|(_, record)| (record.id.clone(), record.operation.clone()));
            let seen = self.look_at_pools(looks.collect()).await;
            for ((name, record), seen) in together.iter().zip(seen) {
                not_left.extend(self.leave_pool(name, &record.id, seen).await?);
                self.write_ahead(&is_being_left(name)).await?;
            }
        }
        Ok(not_left)
    }

    async fn look_at_pools(&self, looks: Vec<(PoolId, Option<OperationUrl>)>) -> Vec<PoolSeen> {
        stream::iter(looks)
            .map(|(id, operation)| async move { self.look_at_pool(&id, operation.as_ref()).await })
            .buffered(READS_AT_ONCE)
            .collect()
            .await
    }

    /// What an operation has come to is asked before the pool is read, so that the pool shows what came of it.
    async fn look_at_pool(&self, id: &PoolId, operation: Option<&OperationUrl>) -> PoolSeen {
        let operation = match operation {
            Some(operation) => Some(self.look_at_operation(id, operation).await),
            None => None,
        };
        PoolSeen { pool: self.read_pool(id).await, operation, turn: None, basis: None }
    }

    /// Not asked about before the time that Azure gave: until then it runs.
    async fn look_at_operation(&self, id: &PoolId, operation: &OperationUrl) -> OperationSeen {
        let operator = self.operator;
        let now = operator.clock.elapsed();
        if let Some(wait) = self.of_pool(id, |memory| memory.asks_again_after(operation, now)) {
            return OperationSeen::Running(Some(wait));
        }
        let seen = operator.azure.operations.look(&CREDENTIAL, operation, id).await;
        if let OperationSeen::Running(Some(again)) = seen {
            let now = operator.clock.elapsed();
            self.of_pool(id, |memory| memory.ask_not_before(operation, again, now));
        }
        seen
    }

    async fn read_pool(&self, id: &PoolId) -> Fact<Pool> {
        let pool = self.operator.azure.pools.get(&CREDENTIAL, id).await;
        self.has_seen(id, &pool);
        pool
    }

    fn has_seen(&self, id: &PoolId, pool: &Fact<Pool>) {
        let now = self.operator.clock.elapsed();
        self.of_pool(id, |memory| memory.seen(Sight::of(pool), &self.desired.identity, now));
    }

    /// What this process remembers of a pool.
    fn of_pool<T>(&self, id: &PoolId, change: impl FnOnce(&mut PoolMemory) -> T) -> T {
        self.operator.memory.of_pool(&self.subject.uid(), id, change)
    }

    fn lately(&self, id: &PoolId, principal: Option<&PrincipalId>) -> Lately {
        let now = self.operator.clock.elapsed();
        self.of_pool(id, |memory| memory.lately(principal, soonest_slow_look(self.desired.interval), now))
    }

    async fn register_with(
        &mut self,
        wanted: &WantedPool,
        verdict: &Verdict,
        crowd: Option<usize>,
        mut seen: PoolSeen,
    ) -> Result<PoolJudged, WriteError> {
        let (live, permission) = (self.live().cloned(), self.permission(wanted, verdict).await);
        let created_by_us = live.as_ref().is_some_and(|live| self.record.created(live));
        for _ in 0..STEPS_AT_MOST {
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
                lately: &self.lately(&wanted.id, live.as_ref()),
                created_by_us,
                crowd,
                mode: self.desired.mode,
                drift: self.desired.drift,
                slow_pace: slow_pace(self.desired.interval),
                now: self.operator.clock.now(),
            });
            let verdict = match next {
                PoolNext::Tell(verdict) => {
                    if verdict == PoolVerdict::Registered {
                        self.of_pool(&wanted.id, PoolMemory::registered);
                    }
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
    async fn leave_pool(
        &mut self,
        name: &str,
        id: &PoolId,
        mut seen: PoolSeen,
    ) -> Result<Option<PoolJudged>, WriteError> {
        let held = self.record.holding.as_ref().map(|held| held.principal.clone());
        let created_by_us = held.as_ref().is_some_and(|held| self.record.created(held));
        for _ in 0..STEPS_AT_MOST {
            let Some(record) = self.record.pools.get(name).cloned() else { return Ok(None) };
            let next = leave(&Deregistering {
                identity: &self.desired.identity,
                pool: &seen.pool,
                operation: seen.operation.as_ref(),
                record: &record,
                lately: &self.lately(id, held.as_ref()),
                held: held.as_ref(),
                created_by_us,
                mode: self.desired.mode,
            });
            let judgement = match next {
                Leaving::Done { stays } => {
                    self.forget_pool(name, id, stays).await?;
                    return Ok(None);
                }
                Leaving::Pending(principal) => Judgement::LeavingPending(principal),
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

    async fn forget_pool(&mut self, name: &str, id: &PoolId, stays: bool) -> Result<(), WriteError> {
        let known = self.record.pools.get(name).cloned();
        self.record = self.record.forget_pool(name);
        // Stored before it is said, so that it is said once.
        self.write_ahead(&is_being_left(name)).await?;
        if stays {
            let note = format!(
                "the entry of the identity in pool {id:#} stays: it was not seen to be added by this object"
            );
            self.operator.events.normal(&self.subject.reference(), event::ENTRY_STAYS, &note).await;
        } else if known.is_some_and(|record| record.may_hold()) {
            let note = format!("the identity is not registered with pool {id:#} any more");
            self.operator.events.normal(&self.subject.reference(), event::DEREGISTERED, &note).await;
        }
        Ok(())
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
        let (id, now) = (&record.id, self.operator.clock.elapsed());
        match step {
            PoolStep::Remember(newer) => {
                self.tell_removal(record, &newer).await;
                if let (Entered::Ahead, Entered::Added(_)) = (&record.entered, &newer.entered) {
                    self.remember_added(name, newer).await?;
                } else {
                    self.remember_pool(name, newer);
                }
                Ok(Sent::Done)
            }
            PoolStep::Over { record: newer, worked } => {
                self.of_pool(id, |memory| memory.over(record.changes(), worked, now));
                self.remember_pool(name, newer);
                Ok(Sent::Done)
            }
            PoolStep::Failed(newer, failure) => {
                self.of_pool(id, |memory| memory.failed(&failure, now));
                self.remember_pool(name, newer);
                Err(failure.into())
            }
            PoolStep::Add(change) => {
                let sent = self.send(name, record, &change, live, seen).await?;
                Ok(sent.unwrap_or(Sent::Done))
            }
            PoolStep::Cure(change) => {
                let Some(sent) = self.send(name, record, &change, live, seen).await? else {
                    return Ok(Sent::Done);
                };
                let note = format!(
                    "pool {id:#} bears a principal of the identity that is gone; it is taken out, to be added anew"
                );
                self.operator.events.warning(&self.subject.reference(), event::STALE_CURED, &note).await;
                Ok(sent)
            }
            PoolStep::Remove(change) => {
                let sent = self.send(name, record, &change, None, seen).await?;
                Ok(sent.unwrap_or(Sent::Done))
            }
        }
    }

    /// Sends a change in the pool's turn. `None` if it is to be decided again: the pool had to be read anew first, in that
    /// turn, or Azure refused a form of which there is another.
    async fn send(
        &mut self,
        name: &str,
        record: &PoolRecord,
        change: &BlockChange,
        live: Option<&PrincipalId>,
        seen: &mut PoolSeen,
    ) -> Result<Option<Sent>, Halt> {
        let operator = self.operator;
        let does = if change.form.is_some() { Change::TakesOut } else { Change::Adds };
        let is_wanted = self.desired.pools.iter().any(|pool| pool.name == name && pool.id == record.id);
        let leaves = self.subject.is_terminating() || !is_wanted;
        let doing = if leaves { is_being_left(name) } else { is_registered(name) };
        let Some(basis) = seen.basis.take() else {
            if seen.turn.is_none() {
                seen.turn = Some(operator.pool_turns.take(&record.id).await);
            }
            let slot = operator.azure.pool_writer.reserve(&CREDENTIAL, &record.id).await?;
            (seen.pool, seen.basis) = operator.azure.pool_writer.read(slot).await;
            self.has_seen(&record.id, &seen.pool);
            return Ok(None);
        };
        self.write_ahead(&doing).await?;
        let authority = operator.authority(&mut self.subject, basis.read()).await?;
        let sent = operator.azure.pool_writer.patch(&authority, basis, change).await;
        let now = operator.clock.elapsed();
        match sent {
            Ok(Patched::Done(answered)) => {
                self.of_pool(&record.id, |memory| memory.taken(does, live, true, now));
                if does == Change::Adds
                    && let Some(newer) = shown_as_added(record, &answered, &self.desired.identity, live)
                {
                    self.remember_added(name, newer).await?;
                }
                // The answer is Azure's word; the truth is the pool, read again.
                seen.pool = self.read_pool(&record.id).await;
                Ok(Some(Sent::Done))
            }
            Ok(Patched::Accepted { operation, again }) => {
                self.of_pool(&record.id, |memory| {
                    memory.taken(does, live, false, now);
                    memory.ask_not_before(&operation, again.unwrap_or_default(), now);
                });
                self.remember_pool(name, record.under_way(operation));
                self.remember_now(&doing).await?;
                Ok(Some(Sent::UnderWay(again)))
            }
            Err(WriteFailure::NotSent(why)) => Err(WriteError::from(why).into()),
            Err(WriteFailure::Azure(failure)) => {
                let other_form = self.of_pool(&record.id, |memory| match change.form {
                    Some(form) if failure.cause == Cause::Refused && memory.refused(form) => true,
                    _ => {
                        if !failure.hides_the_truth() {
                            memory.failed(&failure, now);
                        }
                        if does == Change::Adds && failure.leaves_the_outcome_open() {
                            memory.lost(now);
                        }
                        false
                    }
                });
                if other_form { Ok(None) } else { Err(failure.into()) }
            }
        }
    }

    /// A change of ours was seen to have worked: stored at once, then told.
    async fn remember_added(&mut self, name: &str, newer: PoolRecord) -> Result<(), WriteError> {
        let id = newer.id.clone();
        self.remember_pool(name, newer);
        self.remember_now(&is_registered(name)).await?;
        let now = self.operator.clock.elapsed();
        self.of_pool(&id, |memory| memory.added(now));
        let note = format!("the identity is registered with pool {id:#}");
        self.operator.events.normal(&self.subject.reference(), event::REGISTERED, &note).await;
        Ok(())
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

/// What goes on between two steps, as a status tells it.
fn is_registered(name: &str) -> String {
    format!("the registration with pool {name} is under way")
}

fn is_being_left(name: &str) -> String {
    format!("pool {name} is being left")
}
