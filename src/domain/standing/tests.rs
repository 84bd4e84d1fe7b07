//! Each composed status, and what kstatus makes of it.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    api::{
        conditions::{Reason, types},
        v1alpha1::{
            AdoptionPolicy, Applied, IdentityStatus, LastError, ManagedDevOpsIdentityStatus, Origin,
            PendingChange,
        },
    },
    domain::{
        desired::Desired,
        failure::{Cause, Class, Failure},
        farewell::WaitsFor,
        observed::{Fact, Identity, Observed, OrganizationDirectory, Subscription, SubscriptionState},
        ownership::Owner,
        plan::Verdict,
        record::Record,
        registration::{Entered, Judgement, PoolJudged, PoolRecord, PoolVerdict, Removals},
        schedule::Outcome,
        testing::{
            Kstatus, causes, condition, departure, desired, failure, holding, identity, key, kstatus,
            location, obeys_the_rules, observed, own_entry, pool_id, principal, tenant, wanted,
        },
    },
};

mod the_pools;

const GENERATION: i64 = 3;
const MINUTE: i64 = 60;

/// An object whose passes are told one after the other.
struct Story {
    desired: Desired,
    observed: Observed,
    verdict: Verdict,
    pools: Vec<PoolJudged>,
    record: Record,
    generation: i64,
    dark: Option<Duration>,
    now: Timestamp,
    status: ManagedDevOpsIdentityStatus,
    outcome: Outcome,
}

impl Story {
    fn of(verdict: Verdict) -> Self {
        let status = ManagedDevOpsIdentityStatus::default();
        Self {
            desired: desired(),
            observed: observed(Fact::Known(identity())),
            verdict,
            pools: vec![],
            record: Record::default(),
            generation: GENERATION,
            dark: None,
            now: Timestamp::from_second(1_900_000_000).unwrap(),
            status,
            outcome: Outcome::Again,
        }
    }

    fn ready() -> Self {
        let mut story = Self::of(Verdict::UpToDate);
        story.record = holding(1, Origin::Created);
        story.told()
    }

    fn failing(cause: Cause) -> Self {
        Self::of(Verdict::Failed(failure(cause)))
    }

    /// The identity's read fails: the usual outage.
    fn unreadable(mut self, cause: Cause) -> Self {
        self.observed.identity = Fact::Unknown(failure(cause.clone()));
        self.verdict = Verdict::Failed(failure(cause));
        self
    }

    fn seeing(mut self, change: impl FnOnce(&mut Observed)) -> Self {
        change(&mut self.observed);
        self
    }

    fn judging(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    fn after(mut self, seconds: i64) -> Self {
        self.now += seconds.seconds();
        self
    }

    fn in_the_dark_for(mut self, seconds: u64) -> Self {
        self.dark = Some(Duration::from_secs(seconds));
        self
    }

    /// Composes the next status out of the last.
    fn told(mut self) -> Self {
        let finding = Finding::Judged {
            pools: &self.pools,
            desired: &self.desired,
            observed: &self.observed,
            verdict: &self.verdict,
            in_the_dark_for: self.dark,
        };
        let (status, outcome) = self.compose(finding);
        (self.status, self.outcome) = (status, outcome);
        self
    }

    fn told_as(mut self, finding: Finding<'_>) -> Self {
        let (status, outcome) = self.compose(finding);
        (self.status, self.outcome) = (status, outcome);
        self
    }

    fn compose(&self, finding: Finding<'_>) -> (ManagedDevOpsIdentityStatus, Outcome) {
        let told = Told {
            prior: &self.status,
            generation: self.generation,
            record: &self.record,
            identity: Some(&self.desired.identity),
            wanted: Some(&self.desired.pools),
            requested_at: None,
            finding,
            now: self.now,
        };
        let (status, outcome) = told.compose();
        obeys_the_rules(&status, self.generation);
        (status, outcome)
    }

    /// Status and reason of a condition.
    fn says(&self, kind: &str) -> Option<(&str, &str)> {
        condition(&self.status, kind).map(|c| (c.status.as_str(), c.reason.as_str()))
    }

    fn message(&self, kind: &str) -> &str {
        &condition(&self.status, kind).unwrap().message
    }

    fn kstatus(&self) -> Kstatus {
        kstatus(&self.status, self.generation)
    }
}

fn conflict() -> Verdict {
    Verdict::OwnershipConflict(Owner::Elsewhere { cluster: "cluster-2".into(), object: key("team-b/agents") })
}

fn pending(reason: Reason) -> Verdict {
    let change = PendingChange { field: "tags.team".into(), observed: None, wanted: Some("a".into()) };
    Verdict::Pending { reason, changes: vec![change] }
}

mod what_gitops_tools_see {
    use super::{
        Kstatus::{Failed, InProgress as Busy},
        *,
    };

    #[test]
    fn everything_as_wanted_is_current() {
        let story = Story::ready();
        assert_eq!(story.says(types::READY), Some(("True", "Succeeded")));
        assert_eq!(story.says(types::DIRECTORY_MATCHED), Some(("True", "SameDirectory")));
        assert_eq!(story.says(types::IDENTITY_READY), Some(("True", "UpToDate")));
        assert_eq!(story.says(types::POOLS_REGISTERED), Some(("True", "NoPools")));
        assert_eq!(story.status.pool_summary.as_deref(), Some("0/0"));
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::Current, Outcome::Settled));
    }

    /// Verdict, reason, and whether a person is called for or something is under way.
    #[test]
    fn each_verdict_fails_or_goes_on() {
        let table = [
            (conflict(), "OwnershipConflict", Kstatus::Failed),
            (
                Verdict::AdoptionRefused { found: principal(1), policy: AdoptionPolicy::IfOwned },
                "AdoptionRefused",
                Kstatus::Failed,
            ),
            (Verdict::LocationConflict(location("northeurope")), "LocationConflict", Kstatus::Failed),
            (Verdict::TooManyTags(51), "TooManyTags", Kstatus::Failed),
            (Verdict::SubscriptionDisabled, "SubscriptionDisabled", Kstatus::Failed),
            (pending(Reason::ChangesPending), "ChangesPending", Kstatus::Failed),
            (pending(Reason::DriftDetected), "DriftDetected", Kstatus::Failed),
            (pending(Reason::IdentityNotFound), "IdentityNotFound", Kstatus::Failed),
            (Verdict::Settling, "Settling", Kstatus::InProgress),
            (Verdict::AwaitsDirectory, "DirectoryNotMatched", Kstatus::InProgress),
        ];
        for (verdict, reason, expected) in table {
            let story = Story::of(verdict).told();
            let (status, told) = story.says(types::IDENTITY_READY).unwrap();
            assert_eq!((told, story.kstatus()), (reason, expected));
            assert_eq!(story.says(types::READY).unwrap(), (status, reason));
            let expected = if expected == Kstatus::Failed { Outcome::Stalled } else { Outcome::Settling };
            assert_eq!(story.outcome, expected, "{reason}");
        }
    }

    /// At first sight, and when it lasts: after 9, 10, 59 and 60 minutes.
    #[test]
    fn each_class_of_failure_fails_at_once_after_its_grace_or_never() {
        for cause in causes() {
            let class = cause.class();
            let story = Story::failing(cause).told();
            let first = story.kstatus();
            let later =
                [9 * MINUTE, MINUTE, 49 * MINUTE, MINUTE].into_iter().scan(story, |story, seconds| {
                    story.now += seconds.seconds();
                    let finding = Finding::Judged {
                        pools: &[],
                        desired: &story.desired,
                        observed: &story.observed,
                        verdict: &story.verdict,
                        in_the_dark_for: None,
                    };
                    story.status = story.compose(finding).0;
                    Some(story.kstatus())
                });
            let after = later.collect::<Vec<_>>();
            let expected = match class {
                Class::Denied | Class::Missing => (Busy, vec![Busy, Failed, Failed, Failed]),
                Class::Settling => (Busy, vec![Busy, Busy, Busy, Failed]),
                Class::Refused => (Failed, vec![Failed; 4]),
                Class::Throttled | Class::Unavailable | Class::Conflict | Class::Unexpected => {
                    (Busy, vec![Busy; 4])
                }
            };
            assert_eq!((first, after), expected, "{class:?}");
        }
    }

    #[test]
    fn a_first_look_is_told_before_its_end_and_an_unusable_spec_fails() {
        let story = Story::of(Verdict::UpToDate).told_as(Finding::UnderWay("looking at it"));
        assert_eq!(story.says(types::READY), Some(("Unknown", "Progressing")));
        assert_eq!(story.kstatus(), Kstatus::InProgress);
        let story = story.told_as(Finding::Invalid(Refusal::unusable("spec.interval: \"5s\" is too short")));
        assert_eq!(story.says(types::STALLED), Some(("True", "InvalidSpec")));
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::Failed, Outcome::Stalled));
    }

    #[test]
    fn an_object_beyond_its_fence_fails_by_its_own_reason_and_keeps_what_it_recorded() {
        let ready = Story::ready();
        let (before, problem) = (ready.status.clone(), "spec.organization: contoso may not be used");
        let story = ready.told_as(Finding::Invalid(Refusal::beyond_the_fences(problem)));
        assert_eq!(story.says(types::STALLED), Some(("True", "ScopeNotAllowed")));
        assert_eq!(story.message(types::READY), problem);
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::Failed, Outcome::Stalled));
        assert_eq!((&story.status.identity, &story.status.applied), (&before.identity, &before.applied));
    }

    #[test]
    fn a_deletion_that_waits_for_what_passes_by_itself_is_in_progress_and_says_so() {
        let waits = "identity x is not deleted yet, because a pool is being changed";
        let story = Story::ready().told_as(Finding::Deleting(departure(waits)));
        assert_eq!(story.says(types::READY), Some(("Unknown", "Deleting")));
        assert_eq!(story.message(types::READY), waits);
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::InProgress, Outcome::Settling));
    }

    #[test]
    fn while_an_object_is_being_deleted_what_is_not_looked_at_any_more_keeps_its_last_verdict() {
        let ready = Story::ready();
        let before = ready.status.clone();
        let mut story = ready;
        story.generation += 1;
        let story = story.told_as(Finding::Deleting(departure("a pool is being changed")));
        for part in [types::DIRECTORY_MATCHED, types::IDENTITY_READY, types::POOLS_REGISTERED] {
            assert_eq!(condition(&story.status, part), condition(&before, part), "{part}");
        }
        let gone = Departure { identity_is_gone: true, ..departure("it is asked once more") };
        let story = story.told_as(Finding::Deleting(gone));
        assert_eq!(story.says(types::IDENTITY_READY), Some(("False", "IdentityNotFound")));
    }

    #[test]
    fn a_deletion_waits_an_hour_for_what_passes_by_itself_and_then_a_person_is_called_and_stays_so() {
        let mut story = Story::ready();
        let since = story.now;
        for (minutes, expected) in
            [(0, Kstatus::InProgress), (59, Kstatus::InProgress), (2, Kstatus::Failed), (60, Kstatus::Failed)]
        {
            story.now += minutes.minutes();
            let waits = Departure { since, ..departure("a pool is being changed") };
            story = story.told_as(Finding::Deleting(waits));
            assert_eq!(story.kstatus(), expected, "{minutes}");
        }
        assert_eq!(story.says(types::STALLED), Some(("True", "DeletionBlocked")));
        assert_eq!(story.outcome, Outcome::Stalled);
    }

    #[test]
    fn what_stands_in_the_way_of_a_deletion_calls_a_person_at_once() {
        let blocked = Departure { waits_for_whom: WaitsFor::APerson, ..departure("a lock keeps it") };
        let story = Story::ready().told_as(Finding::Deleting(blocked));
        assert_eq!(story.says(types::READY), Some(("False", "DeletionBlocked")));
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::Failed, Outcome::Stalled));
        // What comes after is looked at soon again, whatever was in the way before.
        let looks = Departure { waits_for_whom: WaitsFor::AnotherLook, ..departure("asked once more") };
        let story = story.told_as(Finding::Deleting(looks));
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::InProgress, Outcome::Settling));
    }

    #[test]
    fn a_record_is_stored_without_a_word_about_a_spec_that_was_not_looked_at() {
        let story = Story::ready();
        let (before, id) = (story.status.clone(), story.desired.identity.clone());
        let record = Record { pools: story.record.pools.clone(), ..holding(2, Origin::Created) };
        let stored = Told {
            prior: &before,
            generation: story.generation + 7,
            record: &record,
            identity: Some(&id),
            wanted: None,
            requested_at: None,
            finding: Finding::UnderWay(""),
            now: story.now,
        }
        .record_alone();
        assert_eq!(Record::of(&stored), record);
        assert_eq!(stored.observed_generation, before.observed_generation);
        assert_eq!(stored.conditions, before.conditions);
    }

    #[test]
    fn a_suspended_object_that_was_never_looked_at_is_not_ready_and_nothing_is_under_way() {
        let story = Story::of(Verdict::UpToDate).told_as(Finding::NeverLookedAt);
        assert_eq!(story.says(types::READY), Some(("False", "Suspended")));
        assert_eq!((story.says(types::RECONCILING), story.says(types::STALLED)), (None, None));
        assert_eq!((story.kstatus(), story.outcome), (Kstatus::InProgress, Outcome::Settled));
    }
}

mod the_directory {
    use super::*;

    #[test]
    fn false_is_for_a_mismatch_and_unknown_for_everything_that_could_not_be_told() {
        type Change = fn(&mut Observed);
        let cases: [(Change, &str, &str); 8] = [
            (
                |o| o.organization = Fact::Known(OrganizationDirectory::Connected(tenant(2))),
                "False",
                "DirectoryMismatch",
            ),
            (
                |o| o.organization = Fact::Known(OrganizationDirectory::NotConnected),
                "False",
                "OrganizationNotConnected",
            ),
            (
                |o| o.identity = Fact::Known(Identity { tenant: tenant(2), ..identity() }),
                "False",
                "SubscriptionMoved",
            ),
            (|o| o.organization = Fact::Absent, "Unknown", "OrganizationNotFound"),
            (|o| o.organization = Fact::Unknown(failure(Cause::Unexpected)), "Unknown", "CheckFailed"),
            (|o| o.subscription = Fact::Absent, "Unknown", "SubscriptionNotFound"),
            (
                |o| o.subscription = Fact::Unknown(failure(Cause::AuthorizationFailed)),
                "Unknown",
                "SubscriptionNotReadable",
            ),
            (
                |o| o.subscription = Fact::Unknown(failure(Cause::WrongTenant(vec![]))),
                "Unknown",
                "SignedInElsewhere",
            ),
        ];
        for (change, status, reason) in cases {
            let story = Story::of(Verdict::AwaitsDirectory).seeing(change).told();
            assert_eq!(story.says(types::DIRECTORY_MATCHED), Some((status, reason)));
            let expected = if status == "False" { Kstatus::Failed } else { Kstatus::InProgress };
            assert_eq!(story.kstatus(), expected, "{reason}");
        }
    }

    #[test]
    fn ready_is_false_whenever_it_is_stalled_also_where_the_directory_is_only_unknown() {
        let story = Story::of(Verdict::AwaitsDirectory).seeing(|o| o.organization = Fact::Absent).told();
        assert_eq!(story.kstatus(), Kstatus::InProgress);
        let story = story.after(10 * MINUTE).told();
        assert_eq!(story.says(types::DIRECTORY_MATCHED), Some(("Unknown", "OrganizationNotFound")));
        assert_eq!(story.says(types::READY), Some(("False", "OrganizationNotFound")));
        assert_eq!(story.kstatus(), Kstatus::Failed);
    }

    #[test]
    fn a_disabled_subscription_is_the_identity_s_trouble_and_the_directory_s_is_told_as_it_is() {
        let story = Story::of(Verdict::SubscriptionDisabled)
            .seeing(|o| {
                o.subscription =
                    Fact::Known(Subscription { tenant: tenant(1), state: SubscriptionState::Disabled });
            })
            .told();
        assert_eq!(story.says(types::DIRECTORY_MATCHED), Some(("True", "SameDirectory")));
        assert_eq!(story.says(types::IDENTITY_READY), Some(("False", "SubscriptionDisabled")));
    }

    #[test]
    fn a_moved_subscription_stays_so_while_the_identity_cannot_be_read() {
        let moved = Story::of(Verdict::AwaitsDirectory)
            .seeing(|o| o.identity = Fact::Known(Identity { tenant: tenant(2), ..identity() }))
            .told();
        let story = moved.unreadable(Cause::AuthorizationFailed).told();
        assert_eq!(story.says(types::DIRECTORY_MATCHED), Some(("False", "SubscriptionMoved")));
        let story = story.seeing(|o| o.identity = Fact::Absent).judging(Verdict::Settling).told();
        assert_eq!(story.says(types::DIRECTORY_MATCHED), Some(("True", "SameDirectory")));
    }
}

mod grace_and_outage {
    use super::*;

    #[test]
    fn the_grace_runs_from_the_transition_of_the_part_that_carries_the_failure() {
        // The directory was unknown for long; the identity's right went missing only now.
        let story = Story::ready().after(60 * MINUTE);
        let story = story.judging(Verdict::Failed(failure(Cause::AuthorizationFailed))).told();
        assert_eq!(story.says(types::RECONCILING), Some(("True", "ProgressingWithRetry")));
        let story = story.after(10 * MINUTE - 1).told();
        assert_eq!(story.kstatus(), Kstatus::InProgress);
        let story = story.after(1).told();
        assert_eq!(story.says(types::STALLED), Some(("True", "AuthorizationFailed")));
    }

    #[test]
    fn a_grace_begins_anew_after_a_success() {
        let story = Story::failing(Cause::AuthorizationFailed).told().after(9 * MINUTE);
        let story = story.judging(Verdict::UpToDate).told().after(MINUTE);
        let story = story.judging(Verdict::Failed(failure(Cause::AuthorizationFailed))).told();
        assert_eq!(story.after(9 * MINUTE).told().kstatus(), Kstatus::InProgress);
    }

    #[test]
    fn an_outage_keeps_a_ready_object_ready_for_one_interval_then_nothing_is_claimed() {
        for cause in [Cause::Throttled, Cause::Unavailable] {
            let ready = Story::ready();
            let before = ready.status.clone();
            let story = ready.unreadable(cause.clone()).in_the_dark_for(29 * 60).after(29 * MINUTE).told();
            assert_eq!(story.status, before, "nothing at all changes");
            assert!(matches!(story.outcome, Outcome::Retrying { .. }));
            let story = story.in_the_dark_for(30 * 60).after(MINUTE).told();
            let reason = cause.reason().as_str();
            assert_eq!(story.says(types::READY), Some(("Unknown", reason)));
            assert_eq!(story.says(types::RECONCILING), Some(("True", "ProgressingWithRetry")));
            let told = story.status.clone();
            assert_eq!(story.in_the_dark_for(0).told().status, told, "also after a restart of the process");
        }
    }

    #[test]
    fn an_outage_of_the_directory_s_look_up_keeps_the_verdict_too() {
        let ready = Story::ready();
        let before = ready.status.clone();
        let story = ready
            .seeing(|o| {
                o.organization = Fact::Unknown(failure(Cause::Unavailable));
                o.subscription = Fact::Unknown(Failure {
                    retry_after: Some(Duration::from_secs(90)),
                    ..failure(Cause::Throttled)
                });
            })
            .in_the_dark_for(1)
            .told();
        assert_eq!(story.status, before);
        let not_before = Some(Duration::from_secs(90));
        assert_eq!(story.outcome, Outcome::Retrying { class: Class::Throttled, not_before });
    }

    #[test]
    fn an_outage_keeps_a_stalled_object_stalled_for_the_same_reason() {
        let stalled = Story::of(conflict()).told();
        let before = stalled.status.clone();
        let story = stalled.unreadable(Cause::Unavailable).in_the_dark_for(1).told();
        assert_eq!(story.status.conditions, before.conditions);
    }

    #[test]
    fn an_outage_of_one_part_does_not_speak_for_the_part_that_is_stalled() {
        let story = Story::of(Verdict::AwaitsDirectory)
            .seeing(|o| o.organization = Fact::Unknown(failure(Cause::Unexpected)))
            .judging(conflict())
            .told();
        let story = story
            .seeing(|o| o.organization = Fact::Unknown(failure(Cause::Unavailable)))
            .in_the_dark_for(1)
            .told();
        assert_eq!(story.says(types::STALLED), Some(("True", "OwnershipConflict")));
    }

    #[test]
    fn an_outage_neither_shortens_nor_lengthens_the_grace_of_a_missing_right() {
        let denied = || Story::ready().judging(Verdict::Failed(failure(Cause::AuthorizationFailed))).told();
        let story = denied().after(5 * MINUTE).unreadable(Cause::Unavailable).in_the_dark_for(1).told();
        assert_eq!(story.says(types::IDENTITY_READY), Some(("False", "AuthorizationFailed")));
        assert_eq!(story.kstatus(), Kstatus::InProgress);
        let story = story.after(5 * MINUTE).told();
        assert_eq!(story.kstatus(), Kstatus::Failed);
    }

    #[test]
    fn work_in_progress_is_no_verdict_to_keep() {
        let story = Story::of(Verdict::UpToDate).told_as(Finding::UnderWay("looking at it"));
        let story = story.unreadable(Cause::Unavailable).in_the_dark_for(1).told();
        assert_eq!(story.says(types::READY), Some(("Unknown", "AzureUnavailable")));
    }

    #[test]
    fn a_new_generation_keeps_no_verdict_of_the_old_one() {
        let mut story = Story::ready();
        story.generation += 1;
        let story = story.unreadable(Cause::Unavailable).in_the_dark_for(1).told();
        assert_eq!(story.says(types::READY), Some(("Unknown", "AzureUnavailable")));
    }
}

mod what_is_shown {
    use super::*;

    fn said(message: &str, correlation: &str) -> Verdict {
        Verdict::Failed(Failure {
            message: message.into(),
            correlation_id: Some(correlation.into()),
            ..failure(Cause::PolicyDenied)
        })
    }

    fn error(story: &Story) -> (&str, &str) {
        let LastError { message, correlation_id, .. } = story.status.last_error.as_ref().unwrap();
        (message, correlation_id.as_deref().unwrap())
    }

    #[test]
    fn the_last_error_stays_word_for_word_and_so_does_the_condition() {
        let story = Story::of(said("denied, trace 1", "first")).told();
        let before = story.status.clone();
        let story = story.judging(said("denied, trace 2", "second")).after(MINUTE).told();
        assert_eq!(story.status, before);
        assert_eq!(error(&story), ("denied, trace 1", "first"));
    }

    #[test]
    fn the_last_error_changes_with_code_target_or_generation_and_goes_with_success() {
        let changes: [fn(&mut Failure); 2] =
            [|f| f.code = "Other".into(), |f| f.target = "/subscriptions/y".into()];
        for change in changes {
            let story = Story::of(said("one", "first")).told();
            let Verdict::Failed(mut other) = said("two", "second") else { unreachable!() };
            change(&mut other);
            assert_eq!(error(&story.judging(Verdict::Failed(other)).told()), ("two", "second"));
        }
        let mut story = Story::of(said("one", "first")).told();
        story.generation += 1;
        let story = story.told_as(Finding::UnderWay("looking again"));
        assert_eq!(story.status.last_error, None);
        let story = story.judging(said("two", "second")).told();
        assert_eq!(error(&story), ("two", "second"));
        assert_eq!(story.judging(Verdict::UpToDate).told().status.last_error, None);
    }

    #[test]
    fn an_outage_that_keeps_one_verdict_does_not_hide_the_other_part_s_error() {
        let story = Story::ready()
            .seeing(|o| o.organization = Fact::Unknown(failure(Cause::Unavailable)))
            .judging(said("denied", "first"))
            .in_the_dark_for(1)
            .told();
        assert_eq!(error(&story), ("denied", "first"));
    }

    #[test]
    fn ids_that_are_only_seen_are_shown_without_an_origin() {
        let story = Story::of(conflict()).told();
        let shown = story.status.identity.as_ref().unwrap();
        assert_eq!(shown.principal_id.as_deref(), Some(principal(1).as_str()));
        assert_eq!(shown.origin, None);
        assert_eq!(Record::of(&story.status), Record::default());
    }

    #[test]
    fn what_is_held_stays_shown_while_azure_shows_nothing_or_something_else() {
        let ready = Story::ready();
        let before = ready.status.identity.clone();
        let other = Identity { principal: principal(2), ..identity() };
        for fact in [Fact::Absent, Fact::Unknown(failure(Cause::Unexpected)), Fact::Known(other)] {
            let mut story = Story::ready();
            story.observed.identity = fact;
            assert_eq!(story.judging(Verdict::Settling).told().status.identity, before);
        }
    }

    #[test]
    fn shown_ids_go_with_the_identity_and_stay_while_it_cannot_be_read() {
        let story = Story::of(conflict()).told();
        let shown = story.status.identity.clone();
        let story = story.unreadable(Cause::Unexpected).told();
        assert_eq!(story.status.identity, shown);
        let story = story.seeing(|o| o.identity = Fact::Absent).judging(Verdict::AwaitsDirectory).told();
        let named = story.status.identity.unwrap();
        assert_eq!((named.principal_id, named.name.as_deref()), (None, Some("agents")));
    }

    #[test]
    fn an_unusable_spec_forgets_nothing_that_is_remembered() {
        let mut story = Story::ready();
        story.record.applied = Some(Applied::default());
        let story = story.told();
        let remembered = Record::of(&story.status);
        let (status, _) = Told {
            prior: &story.status,
            generation: GENERATION + 1,
            record: &Record::default(),
            identity: None,
            wanted: None,
            requested_at: None,
            finding: Finding::Invalid(Refusal::unusable("spec.interval: no")),
            now: story.now,
        }
        .compose();
        assert_eq!(Record::of(&status), remembered);
    }

    #[test]
    fn a_request_is_answered_by_its_own_token_which_then_stays() {
        let story = Story::ready();
        let finding = Finding::Judged {
            pools: &[],
            desired: &story.desired,
            observed: &story.observed,
            verdict: &story.verdict,
            in_the_dark_for: None,
        };
        let told = Told {
            prior: &story.status,
            generation: GENERATION,
            record: &story.record,
            identity: None,
            wanted: None,
            requested_at: Some("now!"),
            finding,
            now: story.now,
        };
        let (answered, _) = told.compose();
        assert_eq!(answered.last_handled_reconcile_at.as_deref(), Some("now!"));
        let (later, _) = Told { prior: &answered, requested_at: None, ..told }.compose();
        assert_eq!(later.last_handled_reconcile_at.as_deref(), Some("now!"));
    }

    #[test]
    fn pending_changes_are_listed_within_the_schema_s_limits_and_kept_through_an_outage() {
        let change = PendingChange {
            field: format!("tags.{}", "k".repeat(700)),
            observed: Some("v".repeat(600)),
            wanted: None,
        };
        let verdict = Verdict::Pending { reason: Reason::DriftDetected, changes: vec![change; 80] };
        let story = Story::of(verdict).told();
        assert_eq!(story.status.pending_changes.len(), 64);
        let first = &story.status.pending_changes[0];
        assert_eq!(first.field.chars().count(), 600);
        assert_eq!(first.observed.as_ref().unwrap().chars().count(), 512);
        assert!(story.message(types::READY).contains("and 75 more"));
        let listed = story.status.pending_changes.clone();
        let story = story.unreadable(Cause::Unavailable).in_the_dark_for(60).told();
        assert_eq!(story.status.pending_changes, listed);
        assert!(story.in_the_dark_for(1800).told().status.pending_changes.is_empty());
    }
}

mod the_words {
    use super::*;

    #[test]
    fn a_conflict_names_the_owner_and_the_remedy() {
        let story = Story::of(conflict()).told();
        for part in
            ["team-b/agents", "cluster-2", "delete", "add cluster-2 to the operator's MDI_FORMER_CLUSTER_IDS"]
        {
            assert!(story.message(types::STALLED).contains(part));
        }
        let sibling = Story::of(Verdict::OwnershipConflict(Owner::Sibling(key("team-b/agents")))).told();
        for (part, told) in [("team-b/agents", true), ("delete", true), ("FORMER_CLUSTER", false)] {
            assert_eq!(sibling.message(types::STALLED).contains(part), told);
        }
        let keys = vec!["mdi-operator-origin".to_owned()];
        let unclear = Story::of(Verdict::OwnershipConflict(Owner::Unclear(keys))).told();
        assert!(unclear.message(types::STALLED).contains("remove its tags mdi-operator-origin"));
    }

    #[test]
    fn a_refusal_carries_the_one_line_remedy_and_says_whether_the_identity_was_replaced() {
        let refused = |policy| Verdict::AdoptionRefused { found: principal(1), policy };
        for policy in [AdoptionPolicy::IfOwned, AdoptionPolicy::Never] {
            let story = Story::of(refused(policy)).told();
            assert!(story.message(types::STALLED).contains("set"));
            assert!(story.message(types::STALLED).contains("Adopt to take it"));
            assert!(story.message(types::STALLED).contains("exists already"));
        }
        let mut replaced = Story::of(refused(AdoptionPolicy::IfOwned));
        replaced.record = holding(2, Origin::Created);
        let replaced = replaced.told();
        for part in ["re-created by somebody", principal(1).as_str(), principal(2).as_str()] {
            assert!(replaced.message(types::STALLED).contains(part));
        }
    }
}

fn any_failure() -> impl Strategy<Value = Failure> {
    (select(causes()), 0usize..3, option::of(0u64..600)).prop_map(|(cause, words, retry_after)| Failure {
        message: ["no", "nein ".repeat(900).as_str(), ""][words].to_owned(),
        correlation_id: (words == 0).then(|| "c".repeat(100)),
        retry_after: retry_after.map(Duration::from_secs),
        ..failure(cause)
    })
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::UpToDate),
        4 => any_failure().prop_map(Verdict::Failed),
        1 => select(vec![Reason::ChangesPending, Reason::DriftDetected, Reason::IdentityNotFound]).prop_map(pending),
        4 => select(vec![
            Verdict::AwaitsDirectory,
            Verdict::Settling,
            Verdict::SubscriptionDisabled,
            Verdict::AdoptionRefused { found: principal(1), policy: AdoptionPolicy::Never },
            conflict(),
            Verdict::LocationConflict(location("northeurope")),
            Verdict::TooManyTags(51),
        ]),
    ]
}

fn any_fact<T: std::fmt::Debug + Clone + 'static>(known: Vec<T>) -> impl Strategy<Value = Fact<T>> {
    prop_oneof![
        4 => select(known).prop_map(Fact::Known),
        1 => Just(Fact::Absent),
        2 => any_failure().prop_map(Fact::Unknown),
    ]
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let organizations = vec![
        OrganizationDirectory::Connected(tenant(1)),
        OrganizationDirectory::Connected(tenant(1)),
        OrganizationDirectory::Connected(tenant(2)),
        OrganizationDirectory::NotConnected,
    ];
    let subscription = Subscription { tenant: tenant(1), state: SubscriptionState::Usable };
    let identities = vec![
        identity(),
        Identity { principal: principal(2), ..identity() },
        Identity { tenant: tenant(2), ..identity() },
    ];
    (any_fact(organizations), any_fact(vec![subscription]), any_fact(identities)).prop_map(
        |(organization, subscription, identity)| Observed {
            organization,
            subscription,
            ..observed(identity)
        },
    )
}

#[derive(Debug, Clone)]
enum Pass {
    UnderWay,
    Deleting,
    Invalid,
    NeverLookedAt,
    Registering(Box<(Observed, Verdict)>),
    Judged(Box<(Observed, Verdict, Vec<PoolJudged>, Option<u64>)>),
}

fn any_pass() -> impl Strategy<Value = Pass> {
    prop_oneof![
        1 => select(vec![Pass::UnderWay, Pass::Deleting, Pass::Invalid, Pass::NeverLookedAt]),
        1 => (any_observed(), any_verdict()).prop_map(|it| Pass::Registering(Box::new(it))),
        6 => (any_observed(), any_verdict(), the_pools::any_judged(), option::of(0u64..3600)).prop_map(|it| Pass::Judged(Box::new(it))),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    let records = select(vec![
        Record::default(),
        holding(1, Origin::Created),
        holding(2, Origin::Adopted),
        Record { applied: Some(Applied::default()), ..holding(1, Origin::Adopted) },
    ]);
    (records, the_pools::any_pool_records()).prop_map(|(record, pools)| Record { pools, ..record })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_pass_comes_to_the_status_obeys_the_rules_and_told_again_it_is_the_same(
        passes in vec((any_pass(), any_record(), 1i64..4000, any::<bool>()), 1..6),
    ) {
        let mut story = Story::of(Verdict::UpToDate);
        story.desired.pools = ["linux", "mac", "windows"].map(wanted).to_vec();
        for (pass, record, seconds, edited) in passes {
            story.now += seconds.seconds();
            story.generation += i64::from(edited);
            if !matches!(pass, Pass::Invalid) {
                story.record = record;
            }
            let (desired, before, now) = (story.desired.clone(), story.status.clone(), story.now);
            let finding = match &pass {
                Pass::UnderWay => Finding::UnderWay("looking at it"),
                Pass::Deleting => Finding::Deleting(Departure { since: now, ..departure("a pool is being changed") }),
                Pass::Registering(judged) => Finding::Registering {
                    doing: "a registration is under way",
                    desired: &desired,
                    observed: &judged.0,
                    verdict: &judged.1,
                },
                Pass::Invalid => Finding::Invalid(Refusal::unusable("spec.interval: no")),
                Pass::NeverLookedAt => Finding::NeverLookedAt,
                Pass::Judged(judged) => Finding::Judged {
                    desired: &desired,
                    observed: &judged.0,
                    verdict: &judged.1,
                    pools: &judged.2,
                    in_the_dark_for: judged.3.map(Duration::from_secs),
                },
            };
            let (status, outcome) = story.compose(finding);
            for told in &status.conditions {
                let moved = condition(&before, &told.type_).is_none_or(|b| b.last_transition_time != told.last_transition_time);
                let changed = condition(&before, &told.type_).is_none_or(|b| b.status != told.status);
                prop_assert_eq!(moved, changed, "a transition time moves with the status and only then");
            }
            let stalled = condition(&status, types::STALLED).is_some();
            prop_assert!(stalled || outcome != Outcome::Stalled);
            if !matches!(pass, Pass::Invalid) {
                prop_assert_eq!(Record::of(&status), story.record.clone());
            }
            story.status = status;
            let again = story.compose(finding);
            prop_assert_eq!(&again.0, &story.status);
            prop_assert_eq!(again.1, outcome);
            let IdentityStatus { resource_id, .. } = story.status.identity.clone().unwrap_or_default();
            prop_assert!(matches!(pass, Pass::Invalid) || resource_id.is_some());
        }
    }
}
