use super::*;
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, Mode, Origin},
    },
    domain::{
        failure::Cause,
        mark::MarkSeen,
        pool::Serves,
        registration::{Entered, PoolRecord},
        testing::{
            FORMER_CLUSTER, causes, cluster, desired, failure, foreign_entry, holding, identity, key,
            mark_of, marked, own_entry, pool, pool_id, principal, released, sibling,
        },
    },
};

fn farewell(record: &Record, identity: &Fact<Identity>) -> Farewell {
    farewell_at(record, identity, Absence::Confirmed)
}

fn farewell_at(record: &Record, identity: &Fact<Identity>, absence: Absence) -> Farewell {
    decide(&Me { cluster: cluster(), object: key("team-a/agents") }, record, identity, absence)
}

#[test]
fn an_identity_that_is_ours_gets_its_mark_released_and_keeps_everything_else() {
    let mut seen = marked(&Mark { origin: Origin::Created, ..mark_of("team-a/agents") });
    seen.tags.set("cost-center", "42");
    for record in [Record::default(), holding(1, Origin::Created)] {
        let Farewell::Release { tags, principal: read } = farewell(&record, &Fact::Known(seen.clone()))
        else {
            panic!("an identity of ours is released");
        };
        let expected = released(Mark { origin: Origin::Created, ..mark_of("team-a/agents") });
        assert_eq!(MarkSeen::in_tags(&tags, cluster()), MarkSeen::Complete(expected));
        assert_eq!(tags.get("cost-center"), Some("42"));
        assert_eq!(read, principal(1));
    }
}

#[test]
fn what_is_not_ours_or_bears_no_standing_mark_of_ours_is_not_touched() {
    let ours = || mark_of("team-a/agents");
    for (record, seen) in [
        (Record::default(), Fact::Absent),
        (Record::default(), Fact::Known(identity())),
        (holding(1, Origin::Created), Fact::Known(identity())),
        (holding(1, Origin::Created), Fact::Known(marked(&mark_of("team-b/agents")))),
        (holding(2, Origin::Created), Fact::Known(marked(&ours()))),
        (Record::default(), Fact::Known(marked(&released(ours())))),
    ] {
        assert_eq!(farewell(&record, &seen), Farewell::NothingToRelease, "{record:?} {seen:?}");
    }
}

#[test]
fn a_single_not_there_ends_no_farewell_for_a_replica_may_lag_behind() {
    let no_group = Fact::Unknown(failure(Cause::ResourceGroupNotFound));
    for gone in [Fact::Absent, no_group] {
        for record in [Record::default(), holding(1, Origin::Created)] {
            for absence in [Absence::Once, Absence::JustCreated] {
                assert_eq!(farewell_at(&record, &gone, absence), Farewell::LookAgain);
            }
            assert_eq!(farewell_at(&record, &gone, Absence::Confirmed), Farewell::NothingToRelease);
        }
    }
}

#[test]
fn it_ends_also_when_azure_does_not_answer() {
    for cause in [Cause::Unavailable, Cause::AuthorizationFailed, Cause::SignInFailed(None)] {
        let failure = failure(cause);
        assert_eq!(
            farewell(&holding(1, Origin::Created), &Fact::Unknown(failure.clone())),
            Farewell::LeaveBehind(failure)
        );
    }
}

/// A farewell of `team-a/agents`, which created the identity and is to delete it.
struct Case {
    shown_id: Option<String>,
    policy: DeletionPolicy,
    mode: Mode,
    record: Record,
    identity: Fact<Identity>,
    absence: Absence,
    deleted_lately: bool,
    siblings: Vec<Sibling>,
    definition: Definition,
    not_left: Option<Vec<PoolJudged>>,
    listed: Option<Result<Vec<Pool>, Failure>>,
    refused: Option<Failure>,
}

fn created() -> Identity {
    marked(&Mark { origin: Origin::Created, ..mark_of("team-a/agents") })
}

impl Case {
    /// Nothing stands in the way.
    fn free() -> Self {
        Self {
            shown_id: Some(desired().identity.to_string().to_uppercase()),
            policy: DeletionPolicy::Delete,
            mode: Mode::Manage,
            record: holding(1, Origin::Created),
            identity: Fact::Known(created()),
            absence: Absence::Confirmed,
            deleted_lately: false,
            siblings: vec![],
            definition: Definition::Stands,
            not_left: None,
            listed: Some(Ok(vec![pool(&[foreign_entry(1)])])),
            refused: None,
        }
    }

    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn beside(self, change: impl FnOnce(&mut Sibling)) -> Self {
        let mut other = sibling("team-a/other", 10);
        change(&mut other);
        self.but(|case| case.siblings.push(other))
    }

    fn with_entry(self, entered: Entered) -> Self {
        let record = PoolRecord::new(pool_id("linux")).entered(entered);
        self.but(|case| case.record = case.record.with_pool("linux", record))
    }

    fn next(&self) -> Parting {
        part(&Leavetaking {
            me: &Me { cluster: cluster(), object: key("team-a/agents") },
            id: &desired().identity,
            shown_id: self.shown_id.as_deref(),
            policy: self.policy,
            mode: self.mode,
            record: &self.record,
            identity: &self.identity,
            absence: self.absence,
            deleted_lately: self.deleted_lately,
            siblings: &self.siblings,
            definition: self.definition,
            not_left: self.not_left.as_deref(),
            listed: self.listed.as_ref(),
            refused: self.refused.as_ref(),
        })
    }

    fn retains(&self) -> WhyRetained {
        match self.next() {
            Parting::RetainInstead(why) => why,
            next => panic!("{next:?} where it had to be retained"),
        }
    }

    fn blocked(&self) -> Obstacle {
        match self.next() {
            Parting::Blocked(obstacle) => obstacle,
            next => panic!("{next:?} where something stood in the way"),
        }
    }
}

fn waits() -> PoolJudged {
    let judgement = Judgement::LeavingWaits { reason: Reason::PoolBusy, again: None };
    PoolJudged::new("linux", &desired().identity, &Fact::Absent, judgement)
}

mod delete {
    use super::*;

    type Change = Box<dyn FnOnce(&mut Case)>;
    type Likeness = (fn(&mut Sibling), bool);
    type Obstruction = (fn(&mut Case, Failure), fn(Failure) -> Obstacle);

    #[test]
    fn what_this_object_created_goes_and_nothing_else() {
        assert_eq!(Case::free().next(), Parting::Delete);
        let adopted = marked(&mark_of("team-a/agents"));
        let anothers = marked(&Mark { origin: Origin::Created, ..mark_of("team-b/agents") });
        let elsewhere = marked(&Mark {
            cluster: "cluster-2".into(),
            origin: Origin::Created,
            ..mark_of("team-a/agents")
        });
        let before_the_rebuild = marked(&Mark {
            cluster: FORMER_CLUSTER.into(),
            origin: Origin::Created,
            ..mark_of("team-a/agents")
        });
        let seeing =
            |identity: Identity| -> Change { Box::new(|case| case.identity = Fact::Known(identity)) };
        let table: Vec<(Change, WhyRetained)> = vec![
            (Box::new(|case| case.mode = Mode::Observe), WhyRetained::OnlyObserved),
            (Box::new(|case| case.record = Record::default()), WhyRetained::NotCreated),
            (Box::new(|case| case.record = holding(1, Origin::Adopted)), WhyRetained::NotCreated),
            (Box::new(|case| case.record = holding(2, Origin::Created)), WhyRetained::Replaced(principal(1))),
            (seeing(adopted), WhyRetained::NotMarked),
            (seeing(anothers), WhyRetained::NotMarked),
            (seeing(elsewhere), WhyRetained::NotMarked),
            (seeing(identity()), WhyRetained::NotMarked),
            (Box::new(|case| case.definition = Definition::Terminates), WhyRetained::DefinitionTerminates),
            (Box::new(|case| case.definition = Definition::Unreadable), WhyRetained::DefinitionUnreadable),
            (
                Box::new(|case| case.shown_id = Some("/other".into())),
                WhyRetained::OtherIdentity("/other".into()),
            ),
        ];
        for (change, why) in table {
            assert_eq!(Case::free().but(change).retains(), why);
        }
        assert_eq!(Case::free().but(|case| case.shown_id = None).next(), Parting::Delete);
        assert_eq!(Case::free().but(seeing(before_the_rebuild)).next(), Parting::Delete);
    }

    #[test]
    fn a_policy_that_is_changed_counts_at_once_and_frees_a_blocked_object() {
        let blocked = Case::free().but(|case| case.refused = Some(failure(Cause::ScopeLocked)));
        assert_eq!(blocked.but(|case| case.policy = DeletionPolicy::Retain).next(), Parting::Retain);
    }

    /// What the other object is like, and whether it keeps the identity alive.
    #[test]
    fn another_object_of_the_namespace_that_manages_it_keeps_it_alive_also_suspended_or_held_up() {
        let table: [Likeness; 8] = [
            (|_| {}, true),
            (|other| other.suspended = true, true),
            (|other| other.stalled = Some(Reason::AuthorizationFailed), true),
            (|other| other.terminating = true, false),
            (|other| other.mode = Mode::Observe, false),
            (|other| other.adoption = AdoptionPolicy::Never, false),
            (|other| other.object = key("team-b/other"), false),
            (
                |other| {
                    other.object = key("team-b/other");
                    other.adoption = AdoptionPolicy::Adopt;
                },
                false,
            ),
        ];
        for (number, (change, keeps)) in table.into_iter().enumerate() {
            let case = Case::free().beside(change);
            if keeps {
                assert_eq!(case.retains(), WhyRetained::Managed(case.siblings[0].object.clone()), "{number}");
            } else {
                assert_eq!(case.next(), Parting::Delete, "{number}");
            }
        }
    }

    #[test]
    fn our_entries_leave_first_then_pools_are_listed_then_the_identity_goes() {
        let mut case = Case::free().but(|case| case.listed = None).with_entry(Entered::Added(principal(1)));
        assert_eq!(case.next(), Parting::LeavePools);
        case.not_left = Some(vec![waits()]);
        assert_eq!(case.blocked(), Obstacle::NotLeft(vec![waits()]));
        case.not_left = Some(vec![]);
        assert_eq!(case.next(), Parting::ListPools);
        case.listed = Some(Ok(vec![]));
        assert_eq!(case.next(), Parting::Delete);
        let found =
            Case::free().but(|case| case.listed = None).with_entry(Entered::Found(Some(principal(1))));
        assert_eq!(found.next(), Parting::ListPools, "there is nothing of ours to take out");
    }

    #[test]
    fn of_an_identity_that_is_gone_our_entries_are_still_taken_away() {
        let gone = || Case::free().but(|case| (case.identity, case.listed) = (Fact::Absent, None));
        assert_eq!(gone().next(), Parting::End);
        let mut case = gone().with_entry(Entered::Added(principal(1)));
        assert_eq!(case.next(), Parting::LeavePools);
        case.not_left = Some(vec![waits()]);
        assert_eq!(case.blocked(), Obstacle::NotLeft(vec![waits()]));
        case.not_left = Some(vec![]);
        assert_eq!(case.next(), Parting::End);
        assert_eq!(gone().beside(|_| {}).retains(), WhyRetained::Managed(key("team-a/other")));
    }

    #[test]
    fn an_identity_is_gone_only_when_that_is_seen_twice_also_with_its_group_and_right_after_its_deletion() {
        let no_group = Fact::Unknown(failure(Cause::ResourceGroupNotFound));
        for gone in [Fact::Absent, no_group] {
            for (absence, deleted_lately) in
                [(Absence::Once, false), (Absence::JustCreated, false), (Absence::Once, true)]
            {
                let case = Case::free().but(|case| {
                    (case.identity, case.absence) = (gone.clone(), absence);
                    (case.deleted_lately, case.listed) = (deleted_lately, None);
                });
                assert_eq!(case.blocked(), Obstacle::NotSeenGone, "{absence:?}");
                assert_eq!(case.blocked().waits_for(), WaitsFor::AnotherLook);
                assert_eq!(case.but(|case| case.absence = Absence::Confirmed).next(), Parting::End);
            }
        }
    }

    #[test]
    fn one_that_is_shown_after_its_deletion_is_not_deleted_again_before_replicas_can_know() {
        let case = Case::free().but(|case| case.deleted_lately = true);
        assert_eq!(case.blocked(), Obstacle::StillShown);
        assert_eq!(case.but(|case| case.deleted_lately = false).next(), Parting::Delete);
    }

    #[test]
    fn a_pool_that_lists_it_dead_or_alive_and_in_any_spelling_or_one_that_moves_stands_in_the_way() {
        for entry in [own_entry(Some(principal(1))), own_entry(Some(principal(9))), own_entry(None)] {
            let listing = Pool { serves: Serves::Other("GitHub".into()), ..pool(&[entry]) };
            let pools = vec![pool(&[foreign_entry(1)]), listing.clone()];
            let obstacle = Case::free().but(|case| case.listed = Some(Ok(pools))).blocked();
            assert_eq!(obstacle, Obstacle::Listed(vec![listing.id]));
            assert_eq!(obstacle.waits_for(), WaitsFor::APerson);
        }
        let moving = Pool { provisioning_state: "Updating".into(), ..pool(&[]) };
        let obstacle = Case::free().but(|case| case.listed = Some(Ok(vec![moving.clone()]))).blocked();
        assert_eq!(obstacle, Obstacle::Moving(vec![moving.id]));
        assert_eq!(obstacle.waits_for(), WaitsFor::Others);
    }

    #[test]
    fn what_cannot_be_read_or_is_refused_stands_in_the_way_and_is_named() {
        let ways: [Obstruction; 3] = [
            (|case, failure| case.identity = Fact::Unknown(failure), Obstacle::Unreadable),
            (|case, failure| case.listed = Some(Err(failure)), Obstacle::NotListed),
            (|case, failure| case.refused = Some(failure), Obstacle::Refused),
        ];
        for (obstruct, expected) in ways {
            for cause in causes().into_iter().filter(|cause| *cause != Cause::ResourceGroupNotFound) {
                let is_going = cause == Cause::ResourceGroupBeingDeleted;
                let failure = failure(cause);
                let obstacle = Case::free().but(|case| obstruct(case, failure.clone())).blocked();
                assert_eq!(obstacle, expected(failure.clone()));
                assert_eq!(obstacle.failure(), Some(&failure));
                let passes = failure.hides_the_truth() || is_going;
                let expected = if passes { WaitsFor::Others } else { WaitsFor::APerson };
                assert_eq!(obstacle.waits_for(), expected);
            }
        }
    }

    #[test]
    fn pools_are_looked_for_in_every_subscription_that_the_object_has_to_do_with() {
        let other = |number: u32| {
            let text = format!("0000000{number}-0000-0000-0000-000000000001");
            PoolId::new(SubscriptionId::parse(&text).unwrap(), "builds", "far").unwrap()
        };
        let wanted = [WantedPool { name: "far".into(), id: other(7) }];
        let record = Record::default().with_pool("left", PoolRecord::new(other(8)).entered(Entered::Ahead));
        let found = subscriptions_in_question(&desired().identity, &wanted, &record);
        assert_eq!(found.len(), 3);
        assert!(found.contains(desired().identity.subscription()));
    }
}

mod the_words {
    use super::*;

    #[test]
    fn each_reason_to_retain_says_that_the_identity_stays_and_why() {
        for (why, word) in [
            (WhyRetained::OtherIdentity("/other".into()), "/other"),
            (WhyRetained::OnlyObserved, "Observe"),
            (WhyRetained::NotCreated, "created"),
            (WhyRetained::Replaced(principal(2)), principal(2).as_str()),
            (WhyRetained::NotMarked, "mark"),
            (WhyRetained::Managed(key("team-b/agents")), "team-b/agents"),
            (WhyRetained::DefinitionTerminates, "kind"),
            (WhyRetained::DefinitionUnreadable, "may not read"),
        ] {
            let told = why.told(&desired().identity);
            for part in [word, "acts as Retain", "stays in Azure"] {
                assert!(told.contains(part), "{told}");
            }
        }
    }

    #[test]
    fn each_obstacle_is_named_with_the_next_step_and_the_way_out() {
        let pools = |count| -> Vec<PoolId> { (0..count).map(|n| pool_id(&format!("pool-{n}"))).collect() };
        let denied = Failure { target: pool_id("linux").to_string(), ..failure(Cause::AuthorizationFailed) };
        let judged = PoolJudged { judgement: Judgement::LeavingFailed(denied.clone()), ..waits() };
        for (obstacle, words) in [
            (Obstacle::Unreadable(failure(Cause::AuthorizationFailed)), ["AuthorizationFailed", "role"]),
            (Obstacle::NotLeft(vec![judged]), ["pool linux", "DevOps Infrastructure Contributor"]),
            (Obstacle::Listed(pools(1)), ["pools/pool-0", "take it out"]),
            (Obstacle::Listed(pools(7)), ["pools/pool-4", "and 2 more"]),
            (Obstacle::Moving(pools(1)), ["pools/pool-0", "change"]),
            (Obstacle::NotListed(denied), ["which pools", "DevOps Infrastructure Contributor"]),
            (Obstacle::Refused(failure(Cause::ScopeLocked)), ["lock", "remove"]),
            (Obstacle::Refused(failure(Cause::AuthorizationFailed)), ["Azure did not delete it", "role"]),
        ] {
            let told = obstacle.told(&desired().identity);
            for part in words.into_iter().chain(["agents", "deletionPolicy: Retain"]) {
                assert!(told.contains(part), "{part:?} is not in {told:?}");
            }
        }
    }
}
