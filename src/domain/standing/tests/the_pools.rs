//! `PoolsRegistered`, a line for each pool, and what is never lost of either.

use std::collections::BTreeMap;

use super::*;
use crate::{
    api::v1alpha1::{DriftPolicy, Mode, OperationUrl, PoolOrigin, PoolState, PoolStatus},
    domain::{
        desired::WantedPool,
        names::{OrganizationName, PoolId},
        pool::{Entry, Pool},
        registration::{Lately, Permission, PoolNext, PoolStep, Registering, decide},
        testing::pool,
    },
};

/// A judgement on a pool that was read, and bears this entry.
fn seen(name: &str, entry: Option<Entry>, judgement: Judgement) -> PoolJudged {
    let provisioning_state = Some("Succeeded".into());
    PoolJudged { name: name.into(), provisioning_state, entry, judgement }
}

fn unread(name: &str, failure: Failure) -> PoolJudged {
    let judgement = Judgement::Wanted(PoolVerdict::Failed(failure));
    PoolJudged { name: name.into(), provisioning_state: None, entry: None, judgement }
}

fn registered(name: &str) -> PoolJudged {
    seen(name, Some(own_entry(Some(principal(1)))), Judgement::Wanted(PoolVerdict::Registered))
}

fn without(name: &str, verdict: PoolVerdict) -> PoolJudged {
    seen(name, None, Judgement::Wanted(verdict))
}

fn failed(name: &str, cause: Cause) -> PoolJudged {
    without(name, PoolVerdict::Failed(of_pool(name, cause)))
}

fn of_pool(name: &str, cause: Cause) -> Failure {
    Failure { target: pool_id(name).to_string(), ..failure(cause) }
}

fn removals(count: u32) -> Removals {
    Removals { count, last: Some(Timestamp::from_second(1_899_990_000).unwrap()) }
}

fn added(name: &str) -> PoolRecord {
    PoolRecord::new(pool_id(name)).entered(Entered::Added(principal(1)))
}

impl Story {
    /// An object that is Ready with these pools, each added by it.
    fn with_pools(names: &[&str]) -> Self {
        let mut story = Self::of(Verdict::UpToDate);
        story.record = holding(1, Origin::Created);
        story.desired.pools = names.iter().map(|name| wanted(name)).collect();
        for name in names {
            story.record = story.record.with_pool(name, added(name)).pool_applied(name);
            story.pools.push(registered(name));
        }
        story.told()
    }

    fn judged_as(mut self, judged: PoolJudged) -> Self {
        self.pools.retain(|other| other.name != judged.name);
        self.pools.push(judged);
        self
    }

    fn remembering(mut self, name: &str, record: PoolRecord) -> Self {
        self.record = self.record.with_pool(name, record);
        self
    }

    fn line(&self, name: &str) -> &PoolStatus {
        self.status.pools.iter().find(|line| line.name == name).expect("a line for the pool")
    }

    fn state(&self, name: &str) -> PoolState {
        self.line(name).state
    }

    fn words(&self, name: &str) -> &str {
        self.line(name).message.as_deref().unwrap_or_default()
    }

    fn summary(&self) -> &str {
        self.status.pool_summary.as_deref().unwrap_or_default()
    }
}

mod the_condition {
    use super::*;

    #[test]
    fn all_pools_registered_is_true_and_part_of_ready() {
        let story = Story::with_pools(&["linux", "windows"]);
        assert_eq!(story.says(types::POOLS_REGISTERED), Some(("True", "AllRegistered")));
        assert_eq!((story.summary(), story.kstatus()), ("2/2", Kstatus::Current));
        assert_eq!(story.says(types::READY), Some(("True", "Succeeded")));
        let PoolStatus { state, origin, principal_id, provisioning_state, message, .. } = story.line("linux");
        assert_eq!(
            (*state, *origin, message.as_ref()),
            (PoolState::Registered, Some(PoolOrigin::Added), None)
        );
        assert_eq!(principal_id.as_deref(), Some(principal(1).as_str()));
        assert_eq!(provisioning_state.as_deref(), Some("Succeeded"));
    }

    /// Verdict, whether the pool has an entry, and: state, status and reason of the condition, and kstatus.
    #[test]
    fn each_verdict_has_its_state_and_fails_or_goes_on() {
        use Kstatus::{Failed, InProgress as Busy};
        use PoolState::{Missing, Stale, Waiting};
        let stale = || Some(own_entry(Some(principal(9))));
        let waits = |reason| PoolVerdict::Waiting { reason, again: None };
        let pending = |reason| PoolVerdict::Pending { reason, stale: None };
        let other = PoolVerdict::OtherDirectory { pool: tenant(2), identity: tenant(1) };
        let refused = |cause| PoolVerdict::Failed(of_pool("linux", cause));
        let table = [
            (waits(Reason::PoolBusy), None, Waiting, "False", "PoolBusy", Busy),
            (waits(Reason::IdentityNotReady), stale(), Waiting, "Unknown", "IdentityNotReady", Busy),
            (waits(Reason::Progressing), None, Waiting, "False", "Progressing", Busy),
            (waits(Reason::Settling), None, Waiting, "False", "Settling", Busy),
            (PoolVerdict::NotFound, None, Missing, "False", "PoolNotFound", Busy),
            (
                PoolVerdict::NotAzureDevOps("GitHub".into()),
                None,
                Missing,
                "False",
                "PoolNotAzureDevOps",
                Failed,
            ),
            (PoolVerdict::OrganizationNotInPool, stale(), Stale, "False", "OrganizationNotInPool", Failed),
            (other, None, Missing, "False", "PoolInOtherDirectory", Failed),
            (PoolVerdict::Contested(removals(3)), None, Missing, "False", "RegistrationContested", Failed),
            (pending(Reason::ChangesPending), None, Missing, "False", "ChangesPending", Failed),
            (pending(Reason::DriftDetected), stale(), Stale, "False", "DriftDetected", Failed),
            (
                refused(Cause::LinkedAuthorizationFailed),
                stale(),
                Stale,
                "False",
                "AssignPermissionMissing",
                Busy,
            ),
            (
                refused(Cause::OrganizationAccessDenied),
                None,
                Missing,
                "False",
                "OrganizationAccessMissing",
                Busy,
            ),
            (refused(Cause::PolicyDenied), None, Missing, "False", "PolicyDenied", Failed),
        ];
        for (verdict, entry, state, status, reason, expected) in table {
            let judged = seen("linux", entry, Judgement::Wanted(verdict));
            let story = Story::with_pools(&["linux", "windows"]).judged_as(judged).told();
            assert_eq!(story.says(types::POOLS_REGISTERED), Some((status, reason)));
            assert_eq!(story.says(types::READY), Some((status, reason)));
            assert_eq!(story.says(types::IDENTITY_READY), Some(("True", "UpToDate")));
            assert_eq!((story.state("linux"), story.kstatus()), (state, expected), "{reason}");
            assert_eq!(story.words("linux"), story.message(types::POOLS_REGISTERED));
            assert_eq!((story.state("windows"), story.words("windows")), (PoolState::Registered, ""));
            assert_eq!(story.summary(), "1/2");
        }
    }

    #[test]
    fn the_pool_in_the_worst_way_speaks_and_hides_no_other() {
        let story = Story::with_pools(&["linux", "mac", "windows"])
            .judged_as(without("linux", PoolVerdict::Waiting { reason: Reason::PoolBusy, again: None }))
            .judged_as(without("mac", PoolVerdict::NotFound))
            .judged_as(without("windows", PoolVerdict::OrganizationNotInPool))
            .told();
        assert_eq!(story.says(types::STALLED), Some(("True", "OrganizationNotInPool")));
        assert!(story.message(types::STALLED).contains("pool windows"));
        for (name, word) in [("linux", "being changed"), ("mac", "no pool"), ("windows", "does not serve")] {
            assert!(story.words(name).contains(word), "{}", story.words(name));
        }
        assert_eq!(story.summary(), "0/3");
    }

    #[test]
    fn the_identity_s_own_trouble_is_told_before_that_of_pools_that_wait_for_it() {
        let waits = PoolVerdict::Waiting { reason: Reason::IdentityNotReady, again: None };
        let story = Story::with_pools(&["linux"])
            .judging(Verdict::AwaitsDirectory)
            .judged_as(without("linux", waits))
            .told();
        assert_eq!(story.says(types::READY), Some(("False", "DirectoryNotMatched")));
        let story = story.judging(conflict()).told();
        assert_eq!(story.says(types::STALLED), Some(("True", "OwnershipConflict")));
    }

    #[test]
    fn a_pool_in_trouble_does_not_count_as_a_trouble_of_the_identity() {
        let denied = failed("linux", Cause::AuthorizationFailed);
        let story = Story::with_pools(&["linux"]).judged_as(denied).told().after(10 * MINUTE).told();
        assert_eq!(story.says(types::STALLED), Some(("True", "AuthorizationFailed")));
        assert_eq!(stalled_for_the_identity(&story.status), None);
        let story = story.judging(Verdict::LocationConflict(location("northeurope"))).told();
        assert_eq!(stalled_for_the_identity(&story.status), Some(Reason::LocationConflict));
        let story = story.told_as(Finding::Invalid(Refusal::unusable("spec.interval: no")));
        assert_eq!(stalled_for_the_identity(&story.status), Some(Reason::InvalidSpec));
    }

    #[test]
    fn what_azure_carries_out_is_not_asked_about_before_its_time() {
        let again = Some(Duration::from_mins(10));
        let verdict = PoolVerdict::Waiting { reason: Reason::Progressing, again };
        let story = Story::with_pools(&["linux"]).judged_as(without("linux", verdict)).told();
        assert_eq!(story.outcome, Outcome::Waiting(Duration::from_mins(10)));
        assert_eq!(story.says(types::RECONCILING), Some(("True", "Progressing")));
    }

    #[test]
    fn what_one_pool_waits_for_puts_off_no_look_at_another() {
        let waits = |name, reason, minutes: Option<u64>| {
            let again = minutes.map(Duration::from_mins);
            without(name, PoolVerdict::Waiting { reason, again })
        };
        let story = Story::with_pools(&["linux", "windows"])
            .judged_as(waits("linux", Reason::Progressing, Some(10)))
            .judged_as(waits("windows", Reason::Progressing, Some(1)))
            .told();
        assert_eq!(story.outcome, Outcome::Waiting(Duration::from_mins(1)));
        let story = story.judged_as(waits("windows", Reason::PoolBusy, None)).told();
        assert_eq!(story.outcome, Outcome::Settling);
    }
}

mod the_summary {
    use super::*;

    /// The last finding, told of the next generation, whose spec has these pools.
    fn told_of(story: &Story, pools: &[&str], finding: Finding<'_>) -> String {
        let wanted: Vec<WantedPool> = pools.iter().map(|name| wanted(name)).collect();
        let told = Told {
            prior: &story.status,
            generation: story.generation + 1,
            record: &story.record,
            identity: Some(&story.desired.identity),
            wanted: Some(&wanted),
            requested_at: None,
            finding,
            now: story.now,
        };
        told.compose().0.pool_summary.unwrap_or_default()
    }

    #[test]
    fn it_is_that_of_the_present_spec_from_the_first_word_about_it() {
        let story = Story::with_pools(&["linux", "windows"]);
        let (desired, observed, verdict) = (&story.desired, &story.observed, &story.verdict);
        let findings = [
            Finding::UnderWay("looking at it"),
            Finding::Registering { doing: "pool linux is being left", desired, observed, verdict },
            Finding::Deleting(departure("a pool is being changed")),
            Finding::Invalid(Refusal::beyond_the_fences("spec.pools: no")),
        ];
        for finding in findings {
            for (pools, summary) in [
                (&["mac", "steam"][..], "0/2"),
                (&["linux", "mac"], "1/2"),
                (&["linux", "windows"], "2/2"),
                (&["linux", "mac", "windows"], "2/3"),
                (&[], "0/0"),
            ] {
                assert_eq!(told_of(&story, pools, finding), summary, "{finding:?}");
            }
        }
    }

    #[test]
    fn a_pool_of_the_same_name_at_another_place_does_not_count() {
        let story = Story::with_pools(&["linux"]);
        let elsewhere = PoolId::new(desired().identity.subscription().clone(), "elsewhere", "linux").unwrap();
        let wanted = [WantedPool { name: "linux".into(), id: elsewhere }];
        let told = Told {
            prior: &story.status,
            generation: story.generation + 1,
            record: &story.record,
            identity: Some(&story.desired.identity),
            wanted: Some(&wanted),
            requested_at: None,
            finding: Finding::UnderWay("looking at it"),
            now: story.now,
        };
        assert_eq!(told.compose().0.pool_summary.as_deref(), Some("0/1"));
    }

    #[test]
    fn a_spec_that_cannot_be_read_has_none() {
        let story = Story::with_pools(&["linux"]);
        let told = |generation| Told {
            prior: &story.status,
            generation,
            record: &story.record,
            identity: None,
            wanted: None,
            requested_at: None,
            finding: Finding::Invalid(Refusal::unusable("spec.interval: no")),
            now: story.now,
        };
        assert_eq!(told(story.generation + 1).compose().0.pool_summary, None);
        assert_eq!(told(story.generation).compose().0.pool_summary.as_deref(), Some("1/1"));
    }
}

mod many_pools {
    use super::*;

    /// An object that leaves so many pools, each judged so.
    fn leaving(count: usize, judgement: &Judgement) -> Story {
        let names: Vec<String> = (0..count).map(|number| format!("old-{number:03}")).collect();
        let mut story = Story::with_pools(&names.iter().map(String::as_str).collect::<Vec<_>>());
        story.desired.pools = vec![];
        for name in &names {
            story = story.judged_as(seen(name, Some(own_entry(Some(principal(1)))), judgement.clone()));
        }
        story.told()
    }

    fn waits() -> Judgement {
        Judgement::LeavingWaits { reason: Reason::PoolBusy, again: None }
    }

    #[test]
    fn of_many_that_are_being_left_the_condition_tells_the_number_and_no_line_has_words() {
        let words = |story: &Story| story.status.pools.iter().filter(|line| line.message.is_some()).count();
        let few = leaving(20, &waits());
        assert_eq!((words(&few), few.message(types::POOLS_REGISTERED).contains("20 pools")), (20, false));
        let many = leaving(21, &waits());
        assert_eq!(words(&many), 0);
        let told = many.message(types::POOLS_REGISTERED);
        assert!(told.starts_with("21 pools are being left; one of them: pool old-000 is"), "{told}");
        assert_eq!(many.says(types::RECONCILING), Some(("True", "Progressing")));
    }

    #[test]
    fn what_azure_says_anew_each_time_does_not_change_what_is_told_of_many() {
        let said = |words: &str| {
            let failure = Failure { message: words.into(), ..of_pool("old-000", Cause::PolicyDenied) };
            Judgement::LeavingFailed(failure)
        };
        let story = leaving(21, &said("denied, trace 1"));
        let before = story.status.clone();
        let names: Vec<String> = before.pools.iter().map(|line| line.name.clone()).collect();
        let again = names.iter().fold(story, |story, name| {
            story.judged_as(seen(name, Some(own_entry(None)), said("denied, trace 2")))
        });
        let again = again.told();
        assert_eq!(again.message(types::STALLED), condition(&before, types::STALLED).unwrap().message);
        assert!(again.message(types::STALLED).contains("PolicyDenied"));
        assert_eq!(again.status, before);
    }

    #[test]
    fn a_pool_that_waits_for_those_that_are_being_left_says_how_many_they_are() {
        let story =
            Story::with_pools(&["linux"]).judged_as(without("linux", PoolVerdict::Crowded(123))).told();
        assert_eq!(story.says(types::POOLS_REGISTERED), Some(("False", "Progressing")));
        assert_eq!((story.state("linux"), story.kstatus()), (PoolState::Waiting, Kstatus::InProgress));
        assert!(story.words("linux").contains("123 pools"), "{}", story.words("linux"));
    }

    /// What others have in the pools, by name.
    fn shown(name: &str, found: u64) -> Pool {
        let is_found =
            name.trim_start_matches("pool-").parse::<u32>().is_ok_and(|it| found >> (it % 64) & 1 == 1);
        let entries: Vec<Entry> = is_found.then(|| own_entry(Some(principal(1)))).into_iter().collect();
        pool(&entries)
    }

    /// As much of a pass as adds records: pools that are still being left stay.
    fn registers(record: &Record, wanted: &[WantedPool], found: u64) -> Record {
        let crowd = record.crowd(wanted);
        let mut record = record.clone();
        for wish in wanted {
            let is_left_first = record.pools.get(&wish.name).is_some_and(|left| left.id != wish.id);
            for _ in 0..4 {
                let next = decide(&Registering {
                    identity: &desired().identity,
                    organization: &desired().organization,
                    pool: &Fact::Known(shown(&wish.name, found)),
                    operation: None,
                    record: &record.pool(wish),
                    lately: &Lately::default(),
                    created_by_us: false,
                    crowd,
                    live: Some(&principal(1)),
                    permission: &Permission::Granted,
                    applied: false,
                    mode: Mode::Manage,
                    drift: DriftPolicy::Correct,
                    slow_pace: Duration::from_mins(30),
                    now: Timestamp::UNIX_EPOCH,
                });
                match next {
                    PoolNext::Act(PoolStep::Remember(newer)) if !is_left_first => {
                        record = record.with_pool(&wish.name, newer);
                    }
                    PoolNext::Act(_) | PoolNext::Tell(_) => break,
                }
            }
        }
        record
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Specs of up to a hundred pools, one after the other, and how many of those that are left each time can be.
        #[test]
        fn however_often_all_pools_are_exchanged_a_status_has_room_for_them(
            specs in vec((0usize..10, 0usize..20, 80usize..=100, 0usize..150, any::<u64>()), 1..9),
        ) {
            let mut story = Story::with_pools(&[]);
            for (hundred, more, count, leaves, found) in specs {
                let first = 100 * hundred + more;
                let names = (first..first + count).map(|number| format!("pool-{number:04}"));
                story.desired.pools = names.map(|name| wanted(&name)).collect();
                for (name, _) in story.record.pools_to_leave(&story.desired.pools).into_iter().take(leaves) {
                    story.record = story.record.forget_pool(&name);
                }
                for busy in [true, false] {
                    story.record = registers(&story.record, &story.desired.pools, found);
                    story.pools.clear();
                    if busy {
                        for (name, _) in story.record.pools_to_leave(&story.desired.pools) {
                            story.pools.push(seen(&name, Some(own_entry(Some(principal(1)))), waits()));
                        }
                        for pool in &story.desired.pools {
                            story.pools.push(without(&pool.name, PoolVerdict::NotFound));
                        }
                    }
                    story = story.told();
                    prop_assert!(story.status.pools.len() <= 300, "{} lines", story.status.pools.len());
                    let remembered = Record::of(&story.status);
                    prop_assert_eq!(&remembered.pools, &story.record.pools);
                    let (under_way, _) = story.compose(Finding::UnderWay("looking at it"));
                    prop_assert!(under_way.pools.len() <= 300, "{} lines", under_way.pools.len());
                }
            }
        }
    }
}

mod grace_and_outage {
    use super::*;

    #[test]
    fn a_missing_right_or_pool_is_borne_for_the_grace_of_this_very_condition() {
        for judged in [
            failed("linux", Cause::LinkedAuthorizationFailed),
            without("linux", PoolVerdict::NotFound),
            unread("linux", of_pool("linux", Cause::AuthorizationFailed)),
        ] {
            let story = Story::with_pools(&["linux", "windows"]).after(60 * MINUTE).judged_as(judged).told();
            assert_eq!(story.kstatus(), Kstatus::InProgress);
            let story = story.after(10 * MINUTE - 1).told();
            assert_eq!(story.kstatus(), Kstatus::InProgress);
            assert_eq!(story.after(1).told().kstatus(), Kstatus::Failed);
        }
    }

    #[test]
    fn the_grace_of_one_pool_does_not_begin_anew_because_another_recovers() {
        let story = Story::with_pools(&["linux", "windows"])
            .judged_as(failed("linux", Cause::LinkedAuthorizationFailed))
            .judged_as(without("windows", PoolVerdict::Waiting { reason: Reason::PoolBusy, again: None }))
            .told();
        let story = story.after(9 * MINUTE).judged_as(registered("windows")).told();
        assert_eq!(story.kstatus(), Kstatus::InProgress);
        assert_eq!(story.after(MINUTE).told().kstatus(), Kstatus::Failed);
    }

    #[test]
    fn an_outage_keeps_every_line_and_the_verdict_for_one_interval() {
        for cause in [Cause::Throttled, Cause::Unavailable] {
            let ready = Story::with_pools(&["linux", "windows"]);
            let before = ready.status.clone();
            let dark = |story: Story| {
                let pools = ["linux", "windows"].map(|name| unread(name, of_pool(name, cause.clone())));
                pools.into_iter().fold(story, Story::judged_as)
            };
            let story = dark(ready).in_the_dark_for(29 * 60).told();
            assert_eq!(story.status, before, "nothing at all changes");
            assert!(matches!(story.outcome, Outcome::Retrying { .. }));
            let story = story.in_the_dark_for(30 * 60).told();
            assert_eq!(story.says(types::POOLS_REGISTERED), Some(("Unknown", cause.reason().as_str())));
            assert_eq!((story.state("linux"), story.summary()), (PoolState::Waiting, "0/2"));
            assert!(story.status.last_error.is_some());
        }
    }

    #[test]
    fn an_outage_keeps_a_stalled_pool_stalled_with_its_words_its_change_and_its_error() {
        let denied = failed("linux", Cause::PolicyDenied);
        let drifted = without("linux", PoolVerdict::Pending { reason: Reason::DriftDetected, stale: None });
        let contested = without("linux", PoolVerdict::Contested(removals(3)));
        for judged in [denied, drifted, contested] {
            let stalled = Story::with_pools(&["linux", "windows"]).judged_as(judged).told();
            let before = stalled.status.clone();
            let story = stalled
                .judged_as(unread("linux", of_pool("linux", Cause::Unavailable)))
                .judged_as(unread("windows", of_pool("windows", Cause::Unavailable)))
                .in_the_dark_for(1)
                .told();
            assert_eq!(story.status, before);
        }
    }

    #[test]
    fn an_outage_of_a_change_does_not_hide_that_the_pool_was_seen_without_the_identity() {
        let story = Story::with_pools(&["linux"])
            .judged_as(failed("linux", Cause::Unavailable))
            .in_the_dark_for(1)
            .told();
        assert_eq!((story.state("linux"), story.summary()), (PoolState::Missing, "0/1"));
        assert_eq!(story.says(types::READY), Some(("False", "AzureUnavailable")));
    }

    #[test]
    fn an_outage_of_one_pool_neither_hides_nor_changes_what_is_told_of_another() {
        let story = Story::with_pools(&["linux", "windows"])
            .judged_as(without("linux", PoolVerdict::NotFound))
            .judged_as(without("windows", PoolVerdict::OrganizationNotInPool))
            .told();
        let words = story.words("linux").to_owned();
        let story =
            story.judged_as(unread("linux", of_pool("linux", Cause::Throttled))).in_the_dark_for(1).told();
        assert_eq!(story.says(types::STALLED), Some(("True", "OrganizationNotInPool")));
        assert_eq!((story.state("linux"), story.words("linux")), (PoolState::Missing, words.as_str()));
    }

    #[test]
    fn a_new_generation_keeps_no_line_s_verdict_of_the_old_one() {
        let mut story = Story::with_pools(&["linux"]);
        story.generation += 1;
        let story =
            story.judged_as(unread("linux", of_pool("linux", Cause::Unavailable))).in_the_dark_for(1).told();
        assert_eq!(story.says(types::READY), Some(("Unknown", "AzureUnavailable")));
        assert_eq!(story.state("linux"), PoolState::Waiting);
    }
}

mod what_is_shown {
    use super::*;

    fn said(words: &str) -> PoolJudged {
        let failure = Failure { message: words.into(), ..of_pool("linux", Cause::PolicyDenied) };
        without("linux", PoolVerdict::Failed(failure))
    }

    #[test]
    fn the_first_words_of_a_failure_stay_in_condition_line_and_last_error() {
        let story = Story::with_pools(&["linux"]).judged_as(said("denied, trace 1")).told();
        let before = story.status.clone();
        let story = story.judged_as(said("denied, trace 2")).after(MINUTE).told();
        assert_eq!(story.status, before);
        assert!(story.words("linux").starts_with("pool linux: PolicyDenied: denied, trace 1; "));
        assert_eq!(story.status.last_error.as_ref().unwrap().target, pool_id("linux").to_string());
        assert_eq!(story.judged_as(registered("linux")).told().status.last_error, None);
    }

    #[test]
    fn pending_changes_of_pools_are_listed_after_those_of_the_identity() {
        let stale = Some(principal(9));
        let story = Story::with_pools(&["linux", "windows"])
            .judging(pending(Reason::ChangesPending))
            .judged_as(without("linux", PoolVerdict::Pending { reason: Reason::ChangesPending, stale: None }))
            .judged_as(without("windows", PoolVerdict::Pending { reason: Reason::ChangesPending, stale }))
            .told();
        let fields: Vec<&str> =
            story.status.pending_changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["tags.team", "pools.linux", "pools.windows"]);
        let PendingChange { observed, wanted, .. } = &story.status.pending_changes[2];
        assert_eq!(observed.as_deref(), Some(principal(9).as_str()));
        assert_eq!(wanted.as_deref(), Some(principal(1).as_str()));
    }

    #[test]
    fn a_pool_that_is_only_observed_shows_whom_it_bears_and_is_no_record() {
        let mut story = Story::of(Verdict::UpToDate);
        story.desired.pools = vec![wanted("linux")];
        let story = story.judged_as(registered("linux")).told();
        let line = story.line("linux");
        assert_eq!((line.origin, line.principal_id.as_deref()), (None, Some(principal(1).as_str())));
        assert_eq!(Record::of(&story.status), Record::default());
    }

    #[test]
    fn a_pool_that_is_being_left_stays_as_removing_until_it_is_forgotten() {
        let mut story = Story::with_pools(&["linux", "windows"]);
        story.desired.pools = vec![wanted("windows")];
        let waits = Judgement::LeavingWaits { reason: Reason::PoolBusy, again: None };
        let story = story.judged_as(seen("linux", Some(own_entry(Some(principal(1)))), waits)).told();
        assert_eq!((story.state("linux"), story.summary()), (PoolState::Removing, "1/1"));
        assert_eq!(story.says(types::RECONCILING), Some(("True", "Progressing")));
        assert_eq!(story.line("linux").principal_id.as_deref(), Some(principal(1).as_str()));

        let denied = Judgement::LeavingFailed(of_pool("linux", Cause::AuthorizationFailed));
        let unread = PoolJudged { provisioning_state: None, entry: None, ..seen("linux", None, denied) };
        let story = story.judged_as(unread).after(MINUTE).told();
        assert_eq!((story.kstatus(), story.state("linux")), (Kstatus::InProgress, PoolState::Removing));
        let mut story = story.after(10 * MINUTE).told();
        assert_eq!(story.says(types::STALLED), Some(("True", "AuthorizationFailed")));
        assert!(story.words("linux").starts_with("pool linux is being left: AuthorizationFailed"));

        story.record = story.record.forget_pool("linux");
        story.pools.retain(|judged| judged.name == "windows");
        let story = story.told();
        assert_eq!((story.status.pools.len(), story.kstatus()), (1, Kstatus::Current));
    }

    #[test]
    fn a_pool_that_observe_does_not_leave_is_told_as_pending_and_stays_remembered() {
        for shown in [Some(principal(1)), None] {
            let mut story = Story::with_pools(&["linux", "windows"]);
            story.desired.pools = vec![wanted("windows")];
            let entry = Some(own_entry(shown.clone()));
            let story =
                story.judged_as(seen("linux", entry, Judgement::LeavingPending(shown.clone()))).told();
            assert_eq!(story.says(types::STALLED), Some(("True", "ChangesPending")));
            assert_eq!((story.state("linux"), story.summary()), (PoolState::Removing, "1/1"));
            let observed = shown.map_or_else(|| desired().identity.to_string(), |shown| shown.to_string());
            let change =
                PendingChange { field: "pools.linux".into(), observed: Some(observed), wanted: None };
            assert_eq!(story.status.pending_changes, [change]);
            assert_eq!(Record::of(&story.status).pools, story.record.pools);
            assert!(story.words("linux").contains("set mode: Manage"));
        }
    }

    #[test]
    fn a_pool_whose_place_was_corrected_is_first_left_at_the_old_one() {
        let mut story = Story::with_pools(&["linux"]);
        let elsewhere = PoolId::new(desired().identity.subscription().clone(), "elsewhere", "linux").unwrap();
        story.desired.pools[0].id = elsewhere.clone();
        let waits = Judgement::LeavingWaits { reason: Reason::Progressing, again: None };
        let mut story = story.judged_as(seen("linux", None, waits)).told();
        assert_eq!(
            (story.line("linux").id.as_str(), story.summary()),
            (pool_id("linux").to_string().as_str(), "0/1")
        );
        story.record = story.record.forget_pool("linux");
        let story = story.judged_as(without("linux", PoolVerdict::NotFound)).told();
        assert_eq!(
            (story.line("linux").id.clone(), story.state("linux")),
            (elsewhere.to_string(), PoolState::Missing)
        );
        assert!(story.words("linux").contains(&elsewhere.to_string()));
    }

    #[test]
    fn while_a_registration_is_written_ahead_directory_and_identity_are_told_as_judged() {
        let story = Story::with_pools(&["linux"]);
        let doing = "the registration with pool linux is under way";
        let (status, outcome) = story.compose(Finding::Registering {
            doing,
            desired: &story.desired,
            observed: &story.observed,
            verdict: &Verdict::UpToDate,
        });
        let says = |kind| {
            let told = condition(&status, kind).unwrap();
            (told.status.as_str(), told.reason.as_str())
        };
        assert_eq!(says(types::DIRECTORY_MATCHED), ("True", "SameDirectory"));
        assert_eq!(says(types::IDENTITY_READY), ("True", "UpToDate"));
        assert_eq!(says(types::POOLS_REGISTERED), ("Unknown", "Progressing"));
        assert_eq!(says(types::READY), ("Unknown", "Progressing"));
        assert_eq!(condition(&status, types::READY).unwrap().message, doing);
        assert!(status.identity.unwrap().client_id.is_some());
        assert_eq!(outcome, Outcome::Settling);
        // Nor does a failure that only hides the truth take back what was told.
        let hidden = Verdict::Failed(failure(Cause::Throttled));
        let (status, _) = story.compose(Finding::Registering {
            doing,
            desired: &story.desired,
            observed: &story.observed,
            verdict: &hidden,
        });
        assert_eq!(condition(&status, types::IDENTITY_READY).unwrap().status, "True");
    }

    #[test]
    fn what_a_pass_has_not_come_to_stays_as_it_stands() {
        let story = Story::with_pools(&["linux", "windows"])
            .judged_as(without("windows", PoolVerdict::OrganizationNotInPool))
            .told();
        let lines = story.status.pools.clone();
        for finding in [
            Finding::UnderWay("a change is under way"),
            Finding::Invalid(Refusal::unusable("spec.interval: no")),
        ] {
            assert_eq!(story.compose(finding).0.pools, lines);
        }
        assert_eq!(story.compose(Finding::UnderWay("x")).0.pool_summary.as_deref(), Some("1/2"));
        let mut story = story;
        story.pools.clear();
        let story = story.told();
        assert_eq!(story.status.pools, lines);
        assert_eq!(story.says(types::POOLS_REGISTERED), Some(("Unknown", "Progressing")));
    }

    #[test]
    fn everything_remembered_of_a_pool_is_written_and_read_back() {
        let now = Timestamp::from_second(1_899_999_999).unwrap();
        let blank = PoolRecord::new(pool_id("linux"));
        for record in [
            blank
                .entered(Entered::Ahead)
                .under_way("https://management.azure.com/operations/1?t=1".to_owned().into()),
            blank.entered(Entered::Added(principal(4))).removed_by_another(now),
            blank.entered(Entered::Found(None)),
            blank.entered(Entered::Found(Some(principal(4)))),
            blank.under_way("https://management.azure.com/operations/2".to_owned().into()),
            added("linux").removed_by_another(now).entered(Entered::Added(principal(1))),
        ] {
            let story = Story::with_pools(&["linux"]).remembering("linux", record);
            let told = story.told();
            assert_eq!(Record::of(&told.status), told.record);
            let text = serde_json::to_string(&told.status).unwrap();
            assert_eq!(Record::of(&serde_json::from_str(&text).unwrap()), told.record);
        }
    }
}

mod the_words {
    use super::*;

    fn told(judged: PoolJudged) -> String {
        Story::with_pools(&["linux"]).judged_as(judged).told().words("linux").to_owned()
    }

    fn says(judged: PoolJudged, parts: &[&str]) {
        let words = told(judged);
        for part in ["linux"].iter().chain(parts) {
            assert!(words.contains(part), "{part:?} is not in {words:?}");
        }
    }

    #[test]
    fn each_names_the_pool_and_the_next_step() {
        says(
            without("linux", PoolVerdict::NotFound),
            &[&pool_id("linux").to_string(), "resourceGroup", "spec.pools"],
        );
        says(
            without("linux", PoolVerdict::NotAzureDevOps("GitHub".into())),
            &["GitHub", "take it out of spec.pools"],
        );
        says(
            without("linux", PoolVerdict::OrganizationNotInPool),
            &["contoso", "https://dev.azure.com/contoso"],
        );
        let other = PoolVerdict::OtherDirectory { pool: tenant(2), identity: tenant(1) };
        says(without("linux", other), &[tenant(1).as_str(), tenant(2).as_str()]);
        says(
            without("linux", PoolVerdict::Contested(removals(3))),
            &["3 times", "ignore_changes = [identity]", "2030-"],
        );
        for reason in [Reason::ChangesPending, Reason::DriftDetected] {
            let pending = PoolVerdict::Pending { reason, stale: Some(principal(9)) };
            says(without("linux", pending), &[principal(9).as_str(), "set "]);
        }
    }

    #[test]
    fn a_missing_right_names_the_identity_that_azure_names_and_the_role_on_it() {
        let foreign = format!("{}-of-others", desired().identity);
        for cause in [Cause::LinkedAuthorizationFailed, Cause::IdentityOperationFailed] {
            let message = format!("{} linked scope(s) '{foreign}' are invalid.", "words ".repeat(300));
            let failure = Failure { message, ..of_pool("linux", cause) };
            says(without("linux", PoolVerdict::Failed(failure)), &[&foreign, "Managed Identity Operator"]);
        }
        says(failed("linux", Cause::OrganizationAccessDenied), &["member", "Administrator", "projects"]);
        says(failed("linux", Cause::AuthorizationFailed), &["DevOps Infrastructure Contributor"]);
        says(failed("linux", Cause::SubscriptionNotFound), &["spec.pools"]);
    }

    #[test]
    fn organizations_are_named_as_the_user_wrote_them() {
        let mut story = Story::with_pools(&["linux"]);
        story.desired.organization = OrganizationName::parse("Contoso").unwrap();
        let story = story.judged_as(without("linux", PoolVerdict::OrganizationNotInPool)).told();
        assert!(story.words("linux").contains("Contoso"));
    }
}

fn any_entry() -> impl Strategy<Value = Option<Entry>> {
    option::of(option::of(1u32..4).prop_map(|number| own_entry(number.map(principal))))
}

fn any_judgement() -> impl Strategy<Value = Judgement> {
    let waits =
        select(vec![Reason::PoolBusy, Reason::Settling, Reason::Progressing, Reason::IdentityNotReady]);
    let verdicts = vec![
        PoolVerdict::NotFound,
        PoolVerdict::Crowded(123),
        PoolVerdict::NotAzureDevOps("GitHub ".repeat(500)),
        PoolVerdict::OrganizationNotInPool,
        PoolVerdict::OtherDirectory { pool: tenant(2), identity: tenant(1) },
        PoolVerdict::Contested(removals(3)),
        PoolVerdict::Pending { reason: Reason::ChangesPending, stale: Some(principal(3)) },
        PoolVerdict::Pending { reason: Reason::DriftDetected, stale: None },
    ];
    prop_oneof![
        3 => Just(Judgement::Wanted(PoolVerdict::Registered)),
        2 => select(verdicts).prop_map(Judgement::Wanted),
        3 => any_failure().prop_map(|failure| Judgement::Wanted(PoolVerdict::Failed(failure))),
        1 => any_failure().prop_map(Judgement::LeavingFailed),
        1 => option::of(1u32..4).prop_map(|number| Judgement::LeavingPending(number.map(principal))),
        2 => (waits, option::of(0u64..900), any::<bool>()).prop_map(|(reason, again, leaving)| {
            let again = again.map(Duration::from_secs);
            if leaving {
                Judgement::LeavingWaits { reason, again }
            } else {
                Judgement::Wanted(PoolVerdict::Waiting { reason, again })
            }
        }),
    ]
}

/// Any pools of the spec and beside it, each read or not.
pub(super) fn any_judged() -> impl Strategy<Value = Vec<PoolJudged>> {
    let one = |name: &'static str| {
        (option::of("[A-Z][a-z]{0,40}"), any_entry(), any_judgement()).prop_map(
            move |(provisioning_state, entry, judgement)| PoolJudged {
                entry: entry.filter(|_| provisioning_state.is_some()),
                name: name.into(),
                provisioning_state,
                judgement,
            },
        )
    };
    (option::of(one("linux")), option::of(one("windows")), option::of(one("left")))
        .prop_map(|(a, b, c)| a.into_iter().chain(b).chain(c).collect())
}

pub(super) fn any_pool_records() -> impl Strategy<Value = BTreeMap<String, PoolRecord>> {
    let one = |name: &'static str| {
        let entered = prop_oneof![
            Just(Entered::Not),
            Just(Entered::Ahead),
            option::of(1u32..4).prop_map(|number| Entered::Found(number.map(principal))),
            (1u32..4).prop_map(|number| Entered::Added(principal(number))),
        ];
        (entered, option::of("https://[a-z]{1,9}"), 0u32..4).prop_map(move |(entered, operation, count)| {
            let operation = operation.map(OperationUrl::from);
            let removals = if count == 0 { Removals::default() } else { removals(count) };
            (
                name.to_owned(),
                PoolRecord { operation, removals, ..PoolRecord::new(pool_id(name)).entered(entered) },
            )
        })
    };
    (option::of(one("linux")), option::of(one("windows")), option::of(one("left"))).prop_map(|(a, b, c)| {
        a.into_iter().chain(b).chain(c).filter(|(_, record)| !record.is_blank()).collect()
    })
}
