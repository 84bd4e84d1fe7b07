//! A pool of somebody else, in a world where everybody acts: Azure under both readings of a PATCH, Terraform, a person
//! with a list of their own, crashes. No write of ours may cost anybody else an entry.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    api::v1alpha1::{DriftPolicy, Mode, OperationUrl},
    domain::{
        failure::Cause,
        names::PrincipalId,
        observed::Fact,
        pool::{Entry, IdentityBlock, Motion, Pool, SystemAssigned},
        testing::{desired, failure, foreign_entry, own_entry, pool, pool_id, principal},
    },
};

const SLOW_PACE: Duration = Duration::from_mins(30);
const STEPS_AT_MOST: usize = 12;
const PASSES_AT_MOST: usize = 40;

/// What somebody else does.
#[derive(Debug, Clone)]
enum Deed {
    TakeOursOut,
    PutOursIn,
    /// Terraform: the whole list, as its configuration has it.
    WriteOwnList(Vec<u32>),
    AddForeign(u32),
    SystemAssigned(SystemAssigned),
    /// By this object or somebody else; and whether Azure lets its entry follow.
    RecreateIdentity {
        by_us: bool,
        follows: bool,
    },
    DeletePool,
    CreatePool,
    BeginChange,
    EndChange,
    LeaveSpec,
    EnterSpec,
    LoseStatus,
}

/// An operation of ours that Azure carries out.
#[derive(Debug, Clone)]
struct Running {
    url: OperationUrl,
    change: BlockChange,
    fails: bool,
    passes_left: u32,
}

#[derive(Debug, Clone)]
struct World {
    replaces: bool,
    tells_principals: bool,
    lasts: u32,
    /// Whether each next change of ours fails.
    failing: Vec<bool>,
    /// What others do, one thing a pass, or right before the read that a write of ours rests on.
    deeds: Vec<(bool, Deed)>,
    crash: Option<(usize, bool)>,

    pool: Option<Pool>,
    running: Option<Running>,
    come_to: Vec<(OperationUrl, bool)>,
    live: u32,
    wanted: bool,
    /// As the status has it; `None` once it is forgotten.
    record: Option<PoolRecord>,
    memory: PoolMemory,
    /// The principal that this object created last.
    created: PrincipalId,
    /// The form of a removal that Azure refuses.
    refuses: Option<Form>,
    /// The principal that a change of ours has put there last. An entry that was put back after ours, before anybody of
    /// us looked, cannot be told from ours.
    ours: Option<PrincipalId>,
    now: Timestamp,
    steps: usize,
    changes: usize,
}

/// What comes next, for a pool that is wanted or left.
enum Step {
    Act(Box<PoolStep>),
    Forget,
    Rest(bool),
}

impl World {
    fn new(pool: Option<Pool>) -> Self {
        Self {
            replaces: false,
            tells_principals: true,
            lasts: 0,
            failing: vec![],
            deeds: vec![],
            crash: None,
            pool,
            running: None,
            come_to: vec![],
            live: 1,
            wanted: true,
            record: None,
            memory: PoolMemory::default(),
            created: principal(1),
            refuses: None,
            ours: None,
            now: Timestamp::from_second(1_900_000_000).unwrap(),
            steps: 0,
            changes: 0,
        }
    }

    fn live(&self) -> PrincipalId {
        principal(self.live)
    }

    fn own(&self) -> Option<&Entry> {
        self.pool.as_ref()?.identities.entry(&desired().identity)
    }

    fn look(&mut self) -> Fact<Pool> {
        let pool = self.pool.clone().map_or(Fact::Absent, Fact::Known);
        self.memory.seen(Sight::of(&pool), &desired().identity, self.elapsed());
        pool
    }

    fn elapsed(&self) -> Duration {
        Duration::try_from(self.now.duration_since(Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn look_at_operation(&self, record: &PoolRecord) -> Option<OperationSeen> {
        let url = record.operation.as_ref()?;
        if self.running.as_ref().is_some_and(|running| running.url == *url) {
            return Some(OperationSeen::Running(None));
        }
        Some(match self.come_to.iter().find(|(known, _)| known == url) {
            Some((_, true)) => OperationSeen::Succeeded,
            Some((_, false)) => OperationSeen::Failed(failure(Cause::LinkedAuthorizationFailed)),
            None => OperationSeen::Forgotten,
        })
    }

    fn next(&self, record: &PoolRecord, seen: &Fact<Pool>, operation: Option<&OperationSeen>) -> Step {
        let live = self.live();
        let lately = self.memory.lately(Some(&live), SLOW_PACE, self.elapsed());
        if !self.wanted {
            return match leave(&Deregistering {
                identity: &desired().identity,
                pool: seen,
                operation,
                record,
                lately: &lately,
                held: Some(&live),
                created_by_us: self.created == live,
                mode: Mode::Manage,
            }) {
                Leaving::Act(step) => Step::Act(Box::new(step)),
                Leaving::Done { .. } => Step::Forget,
                Leaving::Waiting { .. } | Leaving::Pending(_) | Leaving::Failed(_) => Step::Rest(false),
            };
        }
        match decide(&Registering {
            identity: &desired().identity,
            organization: &desired().organization,
            pool: seen,
            operation,
            record,
            live: Some(&live),
            permission: &Permission::Granted,
            applied: false,
            lately: &lately,
            created_by_us: self.created == live,
            crowd: None,
            mode: Mode::Manage,
            drift: DriftPolicy::Correct,
            slow_pace: SLOW_PACE,
            now: self.now,
        }) {
            PoolNext::Act(step) => Step::Act(Box::new(step)),
            PoolNext::Tell(verdict) => Step::Rest(verdict == PoolVerdict::Registered),
        }
    }

    /// One pass. Whether it came to rest without a step, and registered.
    fn pass(&mut self, minutes: i64) -> (bool, bool) {
        self.now += minutes.minutes();
        self.azure_goes_on();
        if !self.wanted && self.record.is_none() {
            return (true, false);
        }
        let mut record = self.record.clone().unwrap_or_else(|| PoolRecord::new(pool_id("linux")));
        let mut operation = self.look_at_operation(&record);
        let mut seen = self.look();
        // A write rests on a read that was made right before it, in the pool's turn.
        let mut fresh = false;
        for step in 0..STEPS_AT_MOST {
            let next = self.next(&record, &seen, operation.as_ref());
            let next = match next {
                Step::Rest(registered) => {
                    if registered {
                        self.memory.registered();
                    }
                    self.record = Some(record).filter(|record| !record.is_blank());
                    return (step == 0, registered);
                }
                Step::Forget => {
                    self.record = None;
                    return (false, false);
                }
                Step::Act(next) => next,
            };
            self.steps += 1;
            if self.crash == Some((self.steps, false)) {
                return (false, false);
            }
            operation = None;
            match *next {
                PoolStep::Remember(newer) => {
                    if let (Entered::Ahead, Entered::Added(_)) = (&record.entered, &newer.entered) {
                        self.memory.added(self.elapsed());
                    }
                    record = newer;
                }
                PoolStep::Over { record: newer, worked } => {
                    self.memory.over(record.changes(), worked, self.elapsed());
                    record = newer;
                }
                PoolStep::Failed(newer, failure) => {
                    self.memory.failed(&failure, self.elapsed());
                    self.record = Some(newer).filter(|record| !record.is_blank());
                    return (false, false);
                }
                PoolStep::Add(_) | PoolStep::Cure(_) | PoolStep::Remove(_) if !fresh => {
                    self.write_ahead(&record);
                    self.others_act();
                    seen = self.look();
                    fresh = true;
                }
                PoolStep::Add(change) => {
                    assert_eq!(record.entered, Entered::Ahead, "written ahead");
                    assert!(self.own().is_none(), "added where an entry stands");
                    if !self.send(&mut record, change) {
                        return (false, false);
                    }
                    (seen, fresh) = (self.look(), false);
                }
                PoolStep::Cure(change) => {
                    assert_ne!(self.own().and_then(|entry| entry.principal.clone()), Some(self.live()));
                    assert!(
                        matches!(record.entered, Entered::Not | Entered::Found(_))
                            && record.operation.is_none(),
                        "our own removal is nobody's"
                    );
                    if !self.send(&mut record, change) {
                        return (false, false);
                    }
                    (seen, fresh) = (self.look(), false);
                }
                PoolStep::Remove(change) => {
                    let shown = self.own().and_then(|entry| entry.principal.clone());
                    assert!(!self.wanted, "removed from a pool of the spec");
                    assert!(shown.is_none() || shown == self.ours, "what we did not add was removed");
                    if !self.send(&mut record, change) {
                        return (false, false);
                    }
                    (seen, fresh) = (self.look(), false);
                }
            }
            if record.operation.is_some() {
                self.record = Some(record);
                return (false, false);
            }
        }
        panic!("a pass does not end: {self:#?}");
    }

    fn write_ahead(&mut self, record: &PoolRecord) {
        self.record = Some(record.clone()).filter(|record| !record.is_blank());
    }

    /// Sends a change; whether the pass goes on.
    fn send(&mut self, record: &mut PoolRecord, change: BlockChange) -> bool {
        let change_takes_out = change.form.is_some();
        self.write_ahead(record);
        let pool = self.pool.as_mut().expect("only a pool that is there is written");
        assert_eq!(pool.motion(), Motion::AtRest, "a moving pool was written");
        self.changes += 1;
        if change.form.is_some() && change.form == self.refuses {
            let (refused, now) = (failure(Cause::Refused), self.elapsed());
            let again = self.memory.refused(self.refuses.unwrap());
            if !again {
                self.memory.failed(&refused, now);
            }
            return again && self.crash != Some((self.steps, true));
        }
        let fails = if self.failing.is_empty() { false } else { self.failing.remove(0) };
        if self.lasts > 0 {
            pool.provisioning_state = "Updating".into();
            let url: OperationUrl =
                format!("https://management.azure.com/operations/{}", self.changes).into();
            self.running = Some(Running { url: url.clone(), change, fails, passes_left: self.lasts });
            *record = record.under_way(url);
        } else if fails {
            pool.provisioning_state = "Failed".into();
            self.memory.failed(&failure(Cause::LinkedAuthorizationFailed), self.elapsed());
            return false;
        } else {
            self.carry_out(&change);
        }
        let does = if change_takes_out { Change::TakesOut } else { Change::Adds };
        self.memory.taken(does, Some(&self.live()), self.lasts == 0, self.elapsed());
        // The process dies before it knows the answer.
        self.crash != Some((self.steps, true))
    }

    fn azure_goes_on(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        running.passes_left -= 1;
        if running.passes_left > 0 {
            self.running = Some(running);
            return;
        }
        if self.pool.is_some() && !running.fails {
            self.carry_out(&running.change);
        }
        if let Some(pool) = &mut self.pool {
            pool.provisioning_state = if running.fails { "Failed" } else { "Succeeded" }.into();
        }
        self.come_to.push((running.url, !running.fails));
    }

    /// Under either reading, and in whatever spelling: what is not ours stays exactly as it is.
    fn carry_out(&mut self, change: &BlockChange) {
        let id = desired().identity;
        let foreign = |block: &IdentityBlock| -> Vec<Entry> {
            block.entries.iter().filter(|entry| !id.matches(&entry.key)).cloned().collect()
        };
        let (live, tells) = (self.live(), self.tells_principals);
        let block = &mut self.pool.as_mut().unwrap().identities;
        let before = block.clone();
        let asked_for_user_assigned = change.stand.len() + usize::from(change.form == Some(Form::NullAlone));
        assert_eq!(change.kind.contains("UserAssigned"), asked_for_user_assigned > 0);
        let mut entries = before.entries.clone();
        if self.replaces {
            entries.retain(|entry| change.stand.contains(&entry.key));
        }
        if let Some(goes) = &change.goes {
            entries.retain(|entry| entry.key != *goes);
        }
        for key in &change.stand {
            if !entries.iter().any(|entry| entry.key.eq_ignore_ascii_case(key)) {
                entries.push(Entry { key: key.clone(), principal: tells.then(|| live.clone()) });
            }
        }
        if !change.kind.contains("UserAssigned") {
            entries.clear();
        }
        let system = change.kind.contains("SystemAssigned");
        block.system_assigned = if system { SystemAssigned::Present } else { SystemAssigned::Absent };
        block.entries = entries;
        assert_eq!(foreign(&before), foreign(block), "a foreign entry was lost or changed by {change:?}");
        assert_eq!(before.system_assigned, block.system_assigned, "the system-assigned identity was touched");
        if self.own().is_some() {
            self.ours = Some(live);
        }
    }

    fn others_act(&mut self) {
        while self.deeds.first().is_some_and(|(in_the_midst, _)| *in_the_midst) {
            let (_, deed) = self.deeds.remove(0);
            self.act(deed);
        }
    }

    fn act(&mut self, deed: Deed) {
        let id = desired().identity;
        let live = self.live();
        match deed {
            Deed::RecreateIdentity { by_us, follows } => {
                self.live += 1;
                if by_us {
                    self.created = self.live();
                }
                self.entry_follows(follows, &live);
            }
            Deed::DeletePool => {
                self.pool = None;
                self.come_to.extend(self.running.take().map(|running| (running.url, false)));
            }
            Deed::CreatePool => {
                self.pool.get_or_insert_with(|| pool(&[foreign_entry(1)]));
            }
            Deed::LeaveSpec => self.wanted = false,
            Deed::EnterSpec => self.wanted = true,
            Deed::LoseStatus => self.record = None,
            Deed::TakeOursOut
            | Deed::PutOursIn
            | Deed::WriteOwnList(_)
            | Deed::AddForeign(_)
            | Deed::SystemAssigned(_)
            | Deed::BeginChange
            | Deed::EndChange => {}
        }
        let Some(pool) = self.pool.as_mut().filter(|_| self.running.is_none()) else { return };
        let entries = &mut pool.identities.entries;
        match deed {
            Deed::BeginChange => pool.provisioning_state = "Updating".into(),
            Deed::EndChange => pool.provisioning_state = "Succeeded".into(),
            Deed::TakeOursOut => entries.retain(|entry| !id.matches(&entry.key)),
            Deed::PutOursIn => {
                // Put where ours stood before we created the identity anew, it cannot be told from one that followed.
                let stood = self.record.as_ref().is_some_and(|it| matches!(it.entered, Entered::Added(_)));
                if stood && self.created == live {
                    self.ours = Some(live.clone());
                }
                entries.retain(|entry| !id.matches(&entry.key));
                entries.insert(0, own_entry(self.tells_principals.then_some(live)));
            }
            Deed::WriteOwnList(list) => *entries = list.into_iter().map(foreign_entry).collect(),
            Deed::AddForeign(number) => {
                let entry = foreign_entry(number);
                if !entries.iter().any(|other| other.key == entry.key) {
                    entries.push(entry);
                }
            }
            Deed::SystemAssigned(system) => pool.identities.system_assigned = system,
            Deed::RecreateIdentity { .. }
            | Deed::DeletePool
            | Deed::CreatePool
            | Deed::LeaveSpec
            | Deed::EnterSpec
            | Deed::LoseStatus => {}
        }
    }

    /// Azure lets the entry of the principal that is gone follow, or not. What we had added stays ours if we created the
    /// identity anew. One that followed before we had seen our change to have worked cannot be told from what that added.
    fn entry_follows(&mut self, follows: bool, gone: &PrincipalId) {
        let (id, live) = (desired().identity, self.live());
        let was_ours = self.ours.as_ref() == Some(gone);
        let seen = self.record.as_ref().is_some_and(|it| it.entered == Entered::Added(gone.clone()));
        let entries = self.pool.iter_mut().flat_map(|pool| &mut pool.identities.entries);
        for entry in entries.filter(|entry| follows && id.matches(&entry.key)) {
            if entry.principal.as_ref() == Some(gone) {
                entry.principal = Some(live.clone());
                if was_ours && (self.created == live || !seen) {
                    self.ours = Some(live.clone());
                }
            }
        }
    }

    /// Everybody has done what they had in mind; nothing fails any more.
    fn comes_to_rest(&mut self) {
        for _ in 0..PASSES_AT_MOST {
            let (quiet, registered) = self.pass(31);
            let settled = if self.wanted { registered } else { self.record.is_none() };
            if quiet && settled && self.deeds.is_empty() && self.running.is_none() {
                return;
            }
            if !self.deeds.is_empty() {
                let (_, deed) = self.deeds.remove(0);
                self.act(deed);
            } else if self.running.is_none() {
                self.failing.clear();
                self.act(Deed::CreatePool);
                self.act(Deed::EndChange);
            }
        }
        panic!("does not come to rest: {self:#?}");
    }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::TakeOursOut),
        2 => Just(Deed::PutOursIn),
        3 => vec(1u32..6, 0..4).prop_map(|mut list| { list.sort_unstable(); list.dedup(); Deed::WriteOwnList(list) }),
        2 => (1u32..6).prop_map(Deed::AddForeign),
        1 => select(vec![SystemAssigned::Present, SystemAssigned::Absent]).prop_map(Deed::SystemAssigned),
        3 => any::<(bool, bool)>().prop_map(|(by_us, follows)| Deed::RecreateIdentity { by_us, follows }),
        2 => select(vec![Deed::DeletePool, Deed::CreatePool]),
        2 => select(vec![Deed::BeginChange, Deed::EndChange]),
        3 => select(vec![Deed::LeaveSpec, Deed::EnterSpec]),
        1 => Just(Deed::LoseStatus),
    ]
}

fn any_own_entry() -> impl Strategy<Value = Option<Entry>> {
    option::of((option::of(1u32..3), any::<bool>()).prop_map(|(number, shouting)| {
        let entry = own_entry(number.map(principal));
        let key = if shouting { entry.key.to_uppercase() } else { entry.key.clone() };
        Entry { key, ..entry }
    }))
}

fn any_pool() -> impl Strategy<Value = Pool> {
    (vec(1u32..6, 0..4), any_own_entry(), any::<bool>(), select(vec!["Succeeded", "Failed", "Updating"]))
        .prop_map(|(mut foreign, own, system, state)| {
            foreign.sort_unstable();
            foreign.dedup();
            let mut entries: Vec<Entry> = foreign.into_iter().map(foreign_entry).collect();
            entries.splice(0..0, own);
            let mut pool = pool(&entries);
            pool.provisioning_state = state.into();
            if system {
                pool.identities.system_assigned = SystemAssigned::Present;
            }
            pool
        })
}

fn any_world() -> impl Strategy<Value = World> {
    let azure = (any::<bool>(), prop::bool::weighted(0.8), 0u32..3, vec(any::<bool>(), 0..3));
    let deeds = vec((any::<bool>(), any_deed()), 0..7);
    let crash = option::of((1usize..12, any::<bool>()));
    let refuses = option::of(select(vec![Form::Null, Form::NoMap]));
    (option::weighted(0.9, any_pool()), azure, refuses, deeds, crash).prop_map(
        |(pool, (replaces, tells_principals, lasts, failing), refuses, deeds, crash)| World {
            // Where Azure merges, only a null takes one of several out.
            replaces: replaces || refuses == Some(Form::Null),
            refuses,
            tells_principals,
            lasts,
            failing,
            deeds,
            crash,
            ..World::new(pool)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_our_writes_costs_anybody_an_entry_and_the_world_comes_to_rest(mut world in any_world()) {
        world.comes_to_rest();
        if world.wanted {
            let shown = world.own().map(|entry| entry.principal.clone());
            prop_assert!(shown.is_some_and(|shown| shown.is_none_or(|shown| shown == world.live())), "{:#?}", world);
        } else {
            prop_assert_eq!(&world.record, &None);
        }
        // A removal by others is forgotten after a day; from then on nothing at all is done.
        world.crash = None;
        world.pass(25 * 60);
        let (steps, changes, pool, record) = (world.steps, world.changes, world.pool.clone(), world.record.clone());
        for minutes in [1, 31, 25 * 60] {
            prop_assert!(world.pass(minutes).0);
        }
        prop_assert_eq!((world.steps, world.changes, &world.pool, &world.record), (steps, changes, &pool, &record));
        // What is left when it leaves the spec is only what this object did not add.
        world.wanted = false;
        world.comes_to_rest();
        prop_assert!(world.own().is_none() || !matches!(record.map(|r| r.entered), Some(Entered::Added(_))));
    }

    #[test]
    fn a_quiet_pool_costs_one_change_to_register_and_one_to_leave_through_any_crash(
        replaces in any::<bool>(), lasts in 0u32..3, crash in option::of((1usize..8, any::<bool>())),
    ) {
        let mut world = World { replaces, lasts, crash, ..World::new(Some(pool(&[foreign_entry(1), foreign_entry(2)]))) };
        world.comes_to_rest();
        prop_assert_eq!(world.changes, 1);
        let ours = matches!(world.record.as_ref().map(|record| &record.entered), Some(Entered::Added(_)));
        prop_assert!(ours || crash.is_some_and(|(_, effective)| effective));
        world.wanted = false;
        world.comes_to_rest();
        prop_assert_eq!(world.changes, 1 + usize::from(ours));
        prop_assert_eq!(world.own().is_some(), !ours);
    }
}
