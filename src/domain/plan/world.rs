//! A small world, driven by [`decide`] until it is quiet: from any start, through any crash, it comes to rest, and on the
//! way nobody's property is touched.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan as _};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{Finalizer, Next, Situation, Step, Verdict, decide};
use crate::{
    api::{
        names::mark::KEYS,
        v1alpha1::{
            AdoptionPolicy, Applied, DriftPolicy, IsolationScope, ManagedDevOpsIdentityStatus, Mode, Origin,
        },
    },
    domain::{
        claim::Sibling,
        desired::Desired,
        directory::{Directory, judge},
        mark::{Mark, MarkSeen},
        names::PrincipalId,
        observed::{Absence, Fact, Identity, MarkOwner, Observed},
        ownership::{Me, Owner, Ownership, assess, owner_to_look_up},
        record::{Holding, Record},
        standing::{Finding, Told, stalled_for_the_identity},
        tags::Tags,
        testing::{
            CLUSTER, FORMER_CLUSTER, Kstatus, cluster, desired, identity, kstatus, location, mark_of,
            obeys_the_rules, observed, principal, sibling, tenant,
        },
    },
};

const GENERATION: i64 = 1;
/// More steps and more rounds than any sound world takes.
const STEPS_AT_MOST: usize = 12;
const ROUNDS_AT_MOST: usize = 20;
const OBJECTS: [&str; 3] = ["a/one", "a/two", "b/three"];

/// One object of the cluster, as the API server has it.
#[derive(Debug, Clone)]
struct Object {
    facts: Sibling,
    desired: Desired,
    status: ManagedDevOpsIdentityStatus,
    finalizer: Finalizer,
    looks_in_vain: u32,
}

/// Where the process dies: at the n-th step, before or after its effect.
#[derive(Debug, Clone, Copy)]
struct Crash {
    step: usize,
    effective: bool,
}

#[derive(Debug, Clone)]
struct World {
    azure: Option<Identity>,
    objects: Vec<Object>,
    /// Who created which principal by a 201 that was received, or was born with that in its status.
    created: BTreeSet<(String, PrincipalId)>,
    principals: u32,
    steps: usize,
    crash: Option<Crash>,
    now: Timestamp,
}

/// What a pass came to.
#[derive(Debug, PartialEq)]
enum Ended {
    Unchanged,
    Changed,
    Crashed,
}

impl World {
    fn new(azure: Option<Identity>, objects: Vec<Object>) -> Self {
        let created = objects
            .iter()
            .filter_map(|object| {
                let holding = Record::of(&object.status).holding?;
                (holding.origin == Origin::Created).then(|| (object.facts.uid.clone(), holding.principal))
            })
            .collect();
        let now = Timestamp::from_second(1_900_000_000).unwrap();
        Self { azure, objects, created, principals: 10, steps: 0, crash: None, now }
    }

    fn as_sibling(&self, i: usize) -> Sibling {
        let Object { facts, desired, status, .. } = &self.objects[i];
        let stalled = stalled_for_the_identity(status);
        Sibling {
            mode: desired.mode,
            adoption: desired.adoption,
            stalled,
            record: Record::of(status),
            ..facts.clone()
        }
    }

    fn me(&self, i: usize) -> Me<'static> {
        Me { cluster: cluster(), object: self.objects[i].facts.object.clone() }
    }

    fn mark_owner(&self, i: usize) -> Option<MarkOwner> {
        let seen = MarkSeen::in_tags(&self.azure.as_ref()?.tags, cluster());
        let owner = owner_to_look_up(&self.me(i), &seen)?;
        let stands = self.objects.iter().any(|object| object.facts.object == *owner);
        Some(if stands { MarkOwner::Stands } else { MarkOwner::Gone })
    }

    fn observe(&self, i: usize) -> Observed {
        Observed {
            absence: if self.objects[i].looks_in_vain > 1 { Absence::Confirmed } else { Absence::Once },
            mark_owner: self.mark_owner(i),
            siblings: (0..self.objects.len()).filter(|j| *j != i).map(|j| self.as_sibling(j)).collect(),
            ..observed(self.azure.clone().map_or(Fact::Absent, Fact::Known))
        }
    }

    fn tell(&mut self, i: usize, record: &Record, finding: Finding<'_>) -> bool {
        let object = &self.objects[i];
        let (status, _) = Told {
            prior: &object.status,
            generation: GENERATION,
            record,
            identity: Some(&object.desired.identity),
            wanted: Some(&object.desired.pools),
            requested_at: None,
            finding,
            now: self.now,
        }
        .compose();
        obeys_the_rules(&status, GENERATION);
        assert_eq!(Record::of(&status), *record, "what is remembered is written, and read back");
        if let Some(Holding { principal, origin: Origin::Created }) = &record.holding {
            let created = (self.objects[i].facts.uid.clone(), principal.clone());
            assert!(self.created.contains(&created), "Created without a 201: {record:?}");
        }
        std::mem::replace(&mut self.objects[i].status, status.clone()) != status
    }

    fn pass(&mut self, i: usize) -> Ended {
        if self.objects[i].facts.suspended {
            return Ended::Unchanged;
        }
        self.now += 1.second();
        let object = &mut self.objects[i];
        object.looks_in_vain = if self.azure.is_none() { object.looks_in_vain + 1 } else { 0 };
        let (desired, mut record) = (object.desired.clone(), Record::of(&object.status));
        let mut acted = false;
        for _ in 0..STEPS_AT_MOST {
            let observed = self.observe(i);
            let me = self.as_sibling(i);
            let situation = Situation {
                cluster: cluster(),
                me: &me,
                desired: &desired,
                observed: &observed,
                record: &record,
                finalizer: self.objects[i].finalizer,
            };
            match decide(situation) {
                Next::Tell(verdict) => {
                    if let Verdict::OwnershipConflict(Owner::Sibling(object)) = &verdict {
                        assert_ne!(*object, me.object, "in conflict with itself");
                    }
                    let finding = Finding::Judged {
                        pools: &[],
                        desired: &desired,
                        observed: &observed,
                        verdict: &verdict,
                        in_the_dark_for: None,
                    };
                    let told = self.tell(i, &record, finding);
                    return if acted || told { Ended::Changed } else { Ended::Unchanged };
                }
                Next::Act(step) => {
                    acted = true;
                    self.steps += 1;
                    let crash = self.crash.filter(|crash| crash.step == self.steps);
                    if crash.is_some_and(|crash| !crash.effective) {
                        return Ended::Crashed;
                    }
                    self.act(i, step, &desired, &observed, &mut record);
                    if crash.is_some() {
                        return Ended::Crashed;
                    }
                }
            }
        }
        panic!("a pass does not end: {self:#?}");
    }

    fn act(&mut self, i: usize, step: Step, desired: &Desired, observed: &Observed, record: &mut Record) {
        match step {
            Step::StoreFinalizer => self.objects[i].finalizer = Finalizer::Stored,
            Step::RemoveFinalizer => {
                self.write_ahead(i, record);
                self.objects[i].finalizer = Finalizer::Absent;
            }
            Step::Remember(new) => *record = new,
            Step::ForgetTheGone => *record = record.without_the_gone(),
            Step::Create(new) => {
                self.may_write(i, desired, observed, record);
                assert!(self.azure.is_none() && record.holding.is_none(), "emptied before every creation");
                self.write_ahead(i, record);
                self.principals += 1;
                let created = Identity {
                    location: new.location,
                    tags: new.tags,
                    isolation_scope: new.isolation_scope,
                    principal: principal(self.principals),
                    ..identity()
                };
                *record = record.after_creation(desired, &created.principal);
                // After a crash here nobody has received the 201.
                if self.crash.is_none_or(|crash| crash.step != self.steps) {
                    self.created.insert((self.objects[i].facts.uid.clone(), created.principal.clone()));
                }
                self.azure = Some(created);
            }
            Step::Mark(marking) => {
                self.may_write(i, desired, observed, record);
                self.write_ahead(i, record);
                self.patch(Some(marking.tags.clone()), None, &marking.principal, |_| false);
                *record = record.after_marking(&marking);
            }
            Step::Update(change) => {
                self.may_write(i, desired, observed, record);
                self.write_ahead(i, record);
                let applied: Tags = record.applied.iter().flat_map(|applied| &applied.tags).collect();
                let wanted: Tags = desired.tags.iter().collect();
                let own = |key: &str| applied.get(key).is_some() || wanted.get(key).is_some();
                self.patch(change.tags, change.isolation_scope, &change.principal, own);
                *record = record.after_update(desired);
            }
        }
    }

    fn write_ahead(&mut self, i: usize, record: &Record) {
        if Record::of(&self.objects[i].status) != *record {
            self.tell(i, record, Finding::UnderWay("a change is under way"));
        }
    }

    /// What holds before every write to Azure.
    fn may_write(&self, i: usize, desired: &Desired, observed: &Observed, record: &Record) {
        assert!(matches!(judge(desired, observed), Directory::Matched(_)), "written in a doubtful directory");
        assert_eq!(desired.mode, Mode::Manage, "written while observing");
        assert_eq!(self.objects[i].finalizer, Finalizer::Stored, "written before the finalizer was stored");
        if let Some(identity) = &self.azure {
            let seen = MarkSeen::in_tags(&identity.tags, cluster());
            let owner = self.mark_owner(i);
            let ownership = assess(&self.me(i), record, &seen, &identity.principal, owner.as_ref());
            assert!(!matches!(ownership, Ownership::Anothers(_)), "another's identity was written");
            assert_eq!(identity.location, desired.location, "written in another region");
        }
    }

    /// A tag that is neither the mark's nor the writer's own stays as it is, in value and spelling.
    fn patch(
        &mut self,
        tags: Option<Tags>,
        scope: Option<IsolationScope>,
        read: &PrincipalId,
        own: impl Fn(&str) -> bool,
    ) {
        let identity = self.azure.as_mut().expect("only what is there is changed");
        assert_eq!(identity.principal, *read);
        let before = identity.clone();
        identity.tags = tags.unwrap_or_else(|| before.tags.clone());
        identity.isolation_scope = scope.or(before.isolation_scope);
        assert_ne!(*identity, before, "written although nothing differs");
        let foreign = |identity: &Identity| {
            let others = |key: &str| !own(key) && !KEYS.iter().any(|mark| mark.eq_ignore_ascii_case(key));
            let all = identity.tags.iter().filter(|(key, _)| others(key));
            all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(foreign(&before), foreign(identity), "a tag of somebody else was touched");
    }

    /// Passes over all objects until nothing changes any more; a crash ends a pass, and the next process goes on.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..ROUNDS_AT_MOST {
            let ended: Vec<Ended> = (0..self.objects.len()).map(|i| self.pass(i)).collect();
            quiet = if ended.iter().all(|ended| *ended == Ended::Unchanged) { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
        }
        panic!("does not come to rest: {self:#?}");
    }

    /// Once quiet, more passes cause nothing at all.
    fn stays_quiet(&mut self) {
        let (azure, steps) = (self.azure.clone(), self.steps);
        for _ in 0..3 {
            for i in 0..self.objects.len() {
                assert_eq!(self.pass(i), Ended::Unchanged);
            }
        }
        assert_eq!((&self.azure, self.steps), (&azure, steps));
    }

    fn ready(&self, i: usize) -> bool {
        kstatus(&self.objects[i].status, GENERATION) == Kstatus::Current
    }
}

fn any_tags(values: &'static [&'static str]) -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    vec((select(vec!["team", "Team", "cost"]), select(values)), 0..3)
}

fn any_scope() -> impl Strategy<Value = Option<IsolationScope>> {
    option::of(select(vec![IsolationScope::None, IsolationScope::Regional]))
}

fn any_mark() -> impl Strategy<Value = Mark> {
    (select(vec!["a/one", "a/two", "b/three", "a/gone", "b/gone"]), any::<(bool, bool)>(), 0..4).prop_map(
        |(object, (released, created), cluster)| Mark {
            cluster: match cluster {
                0 => "cluster-2",
                1 => FORMER_CLUSTER,
                _ => CLUSTER,
            }
            .into(),
            origin: if created { Origin::Created } else { Origin::Adopted },
            released,
            ..mark_of(object)
        },
    )
}

fn any_identity() -> impl Strategy<Value = Identity> {
    (any_tags(&["1", "2", "foreign"]), option::of(any_mark()), any_scope(), 1u32..3, 0..8).prop_map(
        |(tags, mark, isolation_scope, number, oddity)| {
            let mut identity = Identity { isolation_scope, principal: principal(number), ..identity() };
            identity.tags = tags.into_iter().collect();
            identity.tags.set("Owner", "somebody");
            if let Some(mark) = mark {
                mark.write(&mut identity.tags);
            }
            match oddity {
                0 => identity.location = location("northeurope"),
                1 => identity.tenant = tenant(2),
                2 => identity.tags.remove(KEYS[1]),
                _ => {}
            }
            identity
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let holding = (1u32..3, any::<bool>()).prop_map(|(number, created)| Holding {
        principal: principal(number),
        origin: if created { Origin::Created } else { Origin::Adopted },
    });
    let applied = (any_tags(&["1", "2"]), any_scope()).prop_map(|(tags, isolation_scope)| Applied {
        tags: tags.into_iter().collect::<Tags>().to_map(),
        isolation_scope,
        ..Applied::default()
    });
    (option::of(holding), option::of(applied)).prop_map(|(holding, applied)| Record {
        holding,
        applied,
        ..Record::default()
    })
}

fn any_wish() -> impl Strategy<Value = Desired> {
    (
        select(vec![AdoptionPolicy::IfOwned, AdoptionPolicy::Adopt, AdoptionPolicy::Never]),
        any::<bool>(),
        0..5,
        any_tags(&["1", "2"]),
        any_scope(),
        0..8,
    )
        .prop_map(|(adoption, report, mode, tags, isolation_scope, oddity)| Desired {
            adoption,
            drift: if report { DriftPolicy::Report } else { DriftPolicy::Correct },
            mode: if mode == 0 { Mode::Observe } else { Mode::Manage },
            tags: tags.into_iter().collect::<Tags>().to_map(),
            isolation_scope,
            location: location(if oddity == 0 { "northeurope" } else { "westeurope" }),
            expected_tenant: (oddity == 1).then(|| tenant(2)),
            ..desired()
        })
}

fn any_object(name: &'static str) -> impl Strategy<Value = Object> {
    (any_wish(), any_record(), any::<bool>(), 0..8, 0i64..3).prop_map(
        move |(desired, record, stored, suspended, age)| {
            let facts = Sibling { suspended: suspended == 0, ..sibling(name, age) };
            let (status, _) = Told {
                prior: &ManagedDevOpsIdentityStatus::default(),
                generation: GENERATION,
                record: &record,
                identity: Some(&desired.identity),
                wanted: Some(&desired.pools),
                requested_at: None,
                finding: Finding::UnderWay("looking at it"),
                now: Timestamp::UNIX_EPOCH,
            }
            .compose();
            let finalizer = if stored { Finalizer::Stored } else { Finalizer::Absent };
            Object { facts, desired, status, finalizer, looks_in_vain: 0 }
        },
    )
}

fn any_objects() -> impl Strategy<Value = Vec<Object>> {
    (OBJECTS.map(any_object), 1..=OBJECTS.len()).prop_map(|(objects, count)| {
        let mut objects = objects.to_vec();
        objects.truncate(count);
        objects
    })
}

fn any_world() -> impl Strategy<Value = World> {
    (option::of(any_identity()), any_objects()).prop_map(|(azure, objects)| World::new(azure, objects))
}

fn any_crash() -> impl Strategy<Value = Option<Crash>> {
    option::of((1usize..10, any::<bool>()).prop_map(|(step, effective)| Crash { step, effective }))
}

/// The strictest policy under which the object may have the identity; another's mark is taken off first.
fn allowing(object: &Object, seen: &mut Identity) -> AdoptionPolicy {
    let me = Me { cluster: cluster(), object: object.facts.object.clone() };
    let mark = MarkSeen::in_tags(&seen.tags, cluster());
    let owner = owner_to_look_up(&me, &mark).map(|_| MarkOwner::Gone);
    match assess(&me, &Record::of(&object.status), &mark, &seen.principal, owner.as_ref()) {
        Ownership::Ours(_) => AdoptionPolicy::Never,
        Ownership::Vacant { family: true } => AdoptionPolicy::IfOwned,
        Ownership::Vacant { family: false } => AdoptionPolicy::Adopt,
        Ownership::Anothers(_) => {
            Mark::erase(&mut seen.tags);
            AdoptionPolicy::Adopt
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn from_any_start_and_through_any_crash_the_world_comes_to_rest_and_stays_quiet(mut world in any_world(), crash in any_crash()) {
        world.crash = crash;
        world.settle();
        world.stays_quiet();
    }

    #[test]
    fn it_comes_to_rest_again_after_somebody_changed_the_identity(
        mut world in any_world(), changed in vec(option::of(any_identity()), 1..3), crash in any_crash(),
    ) {
        world.crash = crash;
        for change in changed {
            world.settle();
            world.azure = change;
        }
        world.settle();
        world.stays_quiet();
    }

    /// Under the strictest policy that allows it.
    #[test]
    fn an_object_that_may_have_what_it_finds_ends_ready_through_any_crash(
        azure in option::of(any_identity()), object in any_object("a/one"), crash in any_crash(),
    ) {
        let mut object = object;
        let mut azure = azure.map(|seen| Identity { tenant: tenant(1), location: location("westeurope"), ..seen });
        let adoption = azure.as_mut().map_or(AdoptionPolicy::Never, |seen| allowing(&object, seen));
        object.facts.suspended = false;
        object.desired = Desired {
            adoption, drift: DriftPolicy::Correct, mode: Mode::Manage,
            location: location("westeurope"), expected_tenant: None, ..object.desired
        };
        let mut world = World::new(azure, vec![object]);
        world.crash = crash;
        world.settle();
        prop_assert!(world.ready(0), "{:#?}", world);
    }

    #[test]
    fn a_crash_costs_no_second_identity(object in any_object("a/one"), crash in any_crash()) {
        let mut world = World::new(None, vec![object]);
        world.crash = crash;
        world.settle();
        prop_assert!(world.principals <= 11, "created more than once: {:#?}", world);
    }
}
