//! The rules of registering and leaving, one by one.

use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{DriftPolicy, Mode, OperationUrl},
    },
    domain::{
        desired::WantedPool,
        failure::{Cause, Class, Failure},
        names::{OrganizationName, PoolId, PrincipalId},
        observed::{Fact, Subscription, SubscriptionState},
        pool::{Entry, Pool, Serves, SystemAssigned},
        record::Record,
        testing::{
            causes, desired, failure, foreign_entry, own_entry, pool, pool_id, principal, tenant, wanted,
        },
    },
};

const SLOW_PACE: Duration = Duration::from_mins(30);

fn now() -> Timestamp {
    Timestamp::from_second(1_900_000_000).unwrap()
}

/// One decision on one pool.
#[derive(Debug, Clone)]
struct Case {
    pool: Fact<Pool>,
    operation: Option<OperationSeen>,
    record: PoolRecord,
    live: Option<PrincipalId>,
    permission: Permission,
    applied: bool,
    lately: Lately,
    created_by_us: bool,
    crowd: Option<usize>,
    mode: Mode,
    drift: DriftPolicy,
    now: Timestamp,
}

impl Case {
    fn seeing(entries: &[Entry]) -> Self {
        Self::reading(Fact::Known(pool(entries)))
    }

    fn reading(pool: Fact<Pool>) -> Self {
        Self {
            pool,
            operation: None,
            record: PoolRecord::new(pool_id("linux")),
            live: Some(principal(1)),
            permission: Permission::Granted,
            applied: false,
            lately: Lately::default(),
            created_by_us: false,
            crowd: None,
            mode: Mode::Manage,
            drift: DriftPolicy::Correct,
            now: now(),
        }
    }

    fn entered(mut self, entered: Entered) -> Self {
        self.record.entered = entered;
        self
    }

    fn given(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Not the first look at it.
    fn twice(self) -> Self {
        self.given(|case| case.lately.without_twice = true)
    }

    /// After a change of ours that Azure took.
    fn unshown(self, change: Change, worked: bool, due: Due) -> Self {
        self.given(|case| case.lately.unshown = Some(Unshown { change, worked, due }))
    }

    fn with_pool(mut self, change: impl FnOnce(&mut Pool)) -> Self {
        let Fact::Known(pool) = &mut self.pool else { panic!("no pool to change") };
        change(pool);
        self
    }

    fn after(mut self, seen: OperationSeen) -> Self {
        self.record = self.record.under_way(operation());
        self.operation = Some(seen);
        self
    }

    fn next(&self) -> PoolNext {
        decide(&Registering {
            identity: &desired().identity,
            organization: &desired().organization,
            pool: &self.pool,
            operation: self.operation.as_ref(),
            record: &self.record,
            live: self.live.as_ref(),
            permission: &self.permission,
            applied: self.applied,
            lately: &self.lately,
            created_by_us: self.created_by_us,
            crowd: self.crowd,
            mode: self.mode,
            drift: self.drift,
            slow_pace: SLOW_PACE,
            now: self.now,
        })
    }

    fn leaving(&self) -> Leaving {
        leave(&Deregistering {
            identity: &desired().identity,
            pool: &self.pool,
            operation: self.operation.as_ref(),
            record: &self.record,
            lately: &self.lately,
            held: self.live.as_ref(),
            created_by_us: self.created_by_us,
            mode: self.mode,
        })
    }

    /// The step by which its operation is over.
    fn over(&self, worked: bool) -> PoolNext {
        PoolNext::Act(PoolStep::Over { record: self.record.over(), worked })
    }

    fn remembers(&self) -> PoolRecord {
        match self.next() {
            PoolNext::Act(PoolStep::Remember(record)) => record,
            next => panic!("{next:?} where something was to be remembered"),
        }
    }

    fn verdict(&self) -> PoolVerdict {
        match self.next() {
            PoolNext::Tell(verdict) => verdict,
            PoolNext::Act(step) => panic!("does {step:?} where a verdict was expected"),
        }
    }

    /// The step that comes after everything was remembered.
    fn step(&self) -> PoolStep {
        let mut case = self.clone();
        for _ in 0..4 {
            match case.next() {
                PoolNext::Act(PoolStep::Remember(record) | PoolStep::Over { record, .. }) => {
                    (case.record, case.operation) = (record, None);
                }
                PoolNext::Act(step) => return step,
                PoolNext::Tell(verdict) => panic!("tells {verdict:?} where a step was expected"),
            }
        }
        panic!("remembers for ever")
    }
}

fn operation() -> OperationUrl {
    "https://management.azure.com/operations/1?t=s3cr3t".to_owned().into()
}

fn waits(reason: Reason) -> PoolVerdict {
    PoolVerdict::Waiting { reason, again: None }
}

fn found() -> Entered {
    Entered::Found(Some(principal(1)))
}

fn added() -> Entered {
    Entered::Added(principal(1))
}

fn own() -> Entry {
    own_entry(Some(principal(1)))
}

fn stale() -> Entry {
    own_entry(Some(principal(9)))
}

mod the_change {
    use super::*;

    /// System-assigned or not, entries there, and the type that is sent with ours added and with ours taken out.
    #[test]
    fn every_entry_goes_along_as_it_is_spelled_and_the_system_assigned_identity_stays() {
        let table = [
            (SystemAssigned::Absent, vec![], "UserAssigned", "None"),
            (
                SystemAssigned::Absent,
                vec![foreign_entry(1), foreign_entry(2)],
                "UserAssigned",
                "UserAssigned",
            ),
            (SystemAssigned::Present, vec![], "SystemAssigned,UserAssigned", "SystemAssigned"),
            (
                SystemAssigned::Present,
                vec![foreign_entry(3)],
                "SystemAssigned,UserAssigned",
                "SystemAssigned,UserAssigned",
            ),
        ];
        for (system_assigned, foreign, with, without) in table {
            let mut block = pool(&foreign).identities;
            block.system_assigned = system_assigned;
            let keys: Vec<String> = foreign.iter().map(|entry| entry.key.clone()).collect();
            let add = block.with(&desired().identity);
            let ours = desired().identity.to_string();
            assert_eq!((add.kind, add.goes), (with, None));
            assert_eq!(add.stand, [keys.clone(), vec![ours]].concat());
            block.entries.push(own());
            let remove = block.without(&desired().identity, None).unwrap();
            let goes = (without != "None").then(|| own().key);
            assert_eq!((remove.kind, remove.stand, remove.goes), (without, keys, goes));
        }
    }

    /// System-assigned or not, whether others stay, the form that was refused, and: type and whether a null is sent.
    #[test]
    fn a_removal_has_a_second_form_for_each_that_azure_may_refuse() {
        use SystemAssigned::{Absent, Present};
        let table = [
            (Absent, true, None, Form::Null, "UserAssigned", true),
            (Absent, true, Some(Form::Null), Form::LeftOut, "UserAssigned", false),
            (Absent, true, Some(Form::NoMap), Form::Null, "UserAssigned", true),
            (Present, true, Some(Form::Null), Form::LeftOut, "SystemAssigned,UserAssigned", false),
            (Present, false, None, Form::Null, "SystemAssigned", true),
            (Present, false, Some(Form::Null), Form::LeftOut, "SystemAssigned", false),
            (Absent, false, None, Form::NoMap, "None", false),
            (Absent, false, Some(Form::NoMap), Form::NullAlone, "UserAssigned", true),
            (Absent, false, Some(Form::Null), Form::NoMap, "None", false),
            (Absent, false, Some(Form::NullAlone), Form::NoMap, "None", false),
        ];
        for (system_assigned, others_stay, refused, form, kind, by_null) in table {
            let others: Vec<Entry> = others_stay.then(|| foreign_entry(1)).into_iter().collect();
            let mut block = pool(&[others.clone(), vec![own()]].concat()).identities;
            block.system_assigned = system_assigned;
            let change = block.without(&desired().identity, refused).unwrap();
            assert_eq!((change.form, change.kind), (Some(form), kind), "{refused:?}");
            assert_eq!(change.goes, by_null.then(|| own().key));
            assert_eq!(change.stand, others.into_iter().map(|entry| entry.key).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_entry_of_ours_keeps_its_spelling_and_without_one_there_is_nothing_to_take_out() {
        let shouting = Entry { key: own().key.to_uppercase(), ..own() };
        let block = pool(std::slice::from_ref(&shouting)).identities;
        assert_eq!(block.with(&desired().identity).stand, [shouting.key]);
        assert_eq!(pool(&[foreign_entry(1)]).identities.without(&desired().identity, None), None);
    }
}

mod adding {
    use super::*;

    #[test]
    fn it_is_written_ahead_without_a_principal_then_added() {
        let case = Case::seeing(&[foreign_entry(1)]);
        assert_eq!(case.remembers().entered, Entered::Ahead);
        let PoolStep::Add(change) = case.step() else { panic!("to be added") };
        assert_eq!(change.stand[0], foreign_entry(1).key);
    }

    #[test]
    fn what_is_there_already_is_found_and_stays_so_also_after_a_change_whose_outcome_was_not_seen() {
        for entered in [Entered::Not, Entered::Ahead, Entered::Found(None), Entered::Added(principal(9))] {
            let case = Case::seeing(&[own()]).entered(entered);
            assert_eq!(case.remembers().entered, found());
        }
        for entered in [found(), added()] {
            assert_eq!(Case::seeing(&[own()]).entered(entered).verdict(), PoolVerdict::Registered);
        }
    }

    #[test]
    fn an_entry_with_the_live_principal_is_registered_whatever_else_is_the_matter() {
        let denied = failure(Cause::LinkedAuthorizationFailed);
        let cases: [fn(&mut Case); 5] = [
            |case| case.permission = Permission::NotYet,
            |case| case.permission = Permission::Unknown(failure(Cause::Unavailable)),
            |case| case.lately.done = Some(Change::Adds),
            |case| case.drift = DriftPolicy::Report,
            |case| case.mode = Mode::Observe,
        ];
        for change in cases {
            let case = Case::seeing(&[own()]).entered(added()).given(change);
            assert_eq!(case.verdict(), PoolVerdict::Registered);
        }
        let case = Case::seeing(&[own()]).entered(found()).given(|case| case.lately.failed = Some(denied));
        let moving = case.clone().with_pool(|pool| pool.provisioning_state = "Updating".into());
        let other = case.with_pool(|pool| pool.serves = Serves::Other("GitHub".into()));
        assert_eq!([moving.verdict(), other.verdict()], [PoolVerdict::Registered, PoolVerdict::Registered]);
    }

    #[test]
    fn a_pool_is_written_only_at_rest_of_the_right_kind_and_for_the_organization() {
        for state in ["Accepted", "Provisioning", "Updating", "Deleting", "SomethingNew", ""] {
            let case = Case::seeing(&[]).with_pool(|pool| pool.provisioning_state = state.into());
            assert_eq!(case.verdict(), waits(Reason::PoolBusy), "{state}");
        }
        for state in ["Succeeded", "Failed", "Canceled"] {
            let case = Case::seeing(&[]).with_pool(|pool| pool.provisioning_state = state.into());
            assert!(matches!(case.step(), PoolStep::Add(_)), "{state}");
        }
        let case = Case::seeing(&[]).with_pool(|pool| pool.serves = Serves::Other("GitHub".into()));
        assert_eq!(case.verdict(), PoolVerdict::NotAzureDevOps("GitHub".into()));
        for entries in [vec![], vec![stale()]] {
            let fabrikam = OrganizationName::parse("fabrikam").unwrap();
            let case =
                Case::seeing(&entries).with_pool(|pool| pool.serves = Serves::AzureDevOps(vec![fabrikam]));
            assert_eq!(case.verdict(), PoolVerdict::OrganizationNotInPool);
        }
        let both =
            vec![OrganizationName::parse("fabrikam").unwrap(), OrganizationName::parse("Contoso").unwrap()];
        let case = Case::seeing(&[]).with_pool(|pool| pool.serves = Serves::AzureDevOps(both));
        assert!(matches!(case.step(), PoolStep::Add(_)));
    }

    #[test]
    fn nothing_is_written_before_the_identity_is_held_and_its_directory_matches() {
        let not_yet = waits(Reason::IdentityNotReady);
        for entries in [vec![], vec![stale()]] {
            let case = Case::seeing(&entries).given(|case| case.permission = Permission::NotYet);
            assert_eq!(case.verdict(), not_yet);
            let case = Case::seeing(&entries).given(|case| case.live = None);
            assert_eq!(case.verdict(), not_yet);
        }
    }

    #[test]
    fn the_directory_of_a_pool_s_own_subscription_is_a_verdict_on_that_pool_alone() {
        let subscription = desired().identity.subscription().clone();
        let in_tenant = |number| {
            let seen = Subscription { tenant: tenant(number), state: SubscriptionState::Usable };
            Permission::across(&tenant(1), &subscription, &Fact::Known(seen))
        };
        assert_eq!(in_tenant(1), Permission::Granted);
        let other = PoolVerdict::OtherDirectory { pool: tenant(2), identity: tenant(1) };
        assert_eq!(Case::seeing(&[]).given(|case| case.permission = in_tenant(2)).verdict(), other);
        for (seen, cause) in [
            (Fact::Absent, Cause::SubscriptionNotFound),
            (Fact::Unknown(failure(Cause::AuthorizationFailed)), Cause::AuthorizationFailed),
        ] {
            let permission = Permission::across(&tenant(1), &subscription, &seen);
            let PoolVerdict::Failed(failure) =
                Case::seeing(&[]).given(|case| case.permission = permission).verdict()
            else {
                panic!("not known is no mismatch")
            };
            assert_eq!(failure.cause, cause);
        }
    }

    #[test]
    fn after_a_change_that_failed_the_next_comes_at_the_slow_pace() {
        let denied = failure(Cause::LinkedAuthorizationFailed);
        for entries in [vec![], vec![stale()]] {
            let case = Case::seeing(&entries).given(|case| case.lately.failed = Some(denied.clone()));
            assert_eq!(case.clone().entered(Entered::Ahead).verdict(), PoolVerdict::Failed(denied.clone()));
            assert!(matches!(
                case.given(|case| case.lately.failed = None).step(),
                PoolStep::Add(_) | PoolStep::Cure(_)
            ));
        }
    }

    #[test]
    fn a_failed_read_says_nothing_and_changes_nothing() {
        for cause in causes() {
            let failure = failure(cause);
            for entered in [Entered::Not, Entered::Ahead, found(), added()] {
                let case = Case::reading(Fact::Unknown(failure.clone())).entered(entered);
                assert_eq!(case.verdict(), PoolVerdict::Failed(failure.clone()));
            }
        }
    }

    #[test]
    fn what_was_just_added_and_is_not_shown_yet_was_taken_out_by_nobody() {
        for entries in [vec![], vec![stale()]] {
            for entered in [added(), Entered::Ahead] {
                let case = Case::seeing(&entries)
                    .entered(entered)
                    .given(|case| case.lately.done = Some(Change::Adds));
                assert_eq!(case.verdict(), waits(Reason::Settling));
            }
        }
    }
}

mod operations {
    use super::*;

    #[test]
    fn one_that_runs_is_waited_for_as_long_as_azure_asks() {
        let again = Some(Duration::from_secs(90));
        for entries in [vec![], vec![own()], vec![stale()]] {
            let case = Case::seeing(&entries).entered(Entered::Ahead).after(OperationSeen::Running(again));
            assert_eq!(case.verdict(), PoolVerdict::Waiting { reason: Reason::Progressing, again });
            assert_eq!(case.leaving(), Leaving::Waiting { reason: Reason::Progressing, again });
        }
    }

    /// What was remembered, what the pool shows, and what is remembered after the operation has worked.
    #[test]
    fn the_principal_follows_only_from_one_that_added_and_is_seen_to_have_worked() {
        let table = [
            (Entered::Ahead, vec![own()], added()),
            (Entered::Ahead, vec![own_entry(None)], added()),
            (Entered::Ahead, vec![stale()], Entered::Ahead),
            (Entered::Ahead, vec![], Entered::Ahead),
            // It took a stale entry out, and somebody put the new one in.
            (Entered::Not, vec![own()], Entered::Not),
            (Entered::Found(Some(principal(9))), vec![own()], Entered::Found(Some(principal(9)))),
            // It was to take ours out, and somebody put it in again.
            (added(), vec![own()], added()),
        ];
        for (before, entries, after) in table {
            let case = Case::seeing(&entries).entered(before).after(OperationSeen::Succeeded);
            let record = PoolRecord { operation: None, entered: after, ..case.record.clone() };
            let expected = if record.entered == case.record.entered {
                PoolStep::Over { record, worked: true }
            } else {
                PoolStep::Remember(record)
            };
            assert_eq!(case.next(), PoolNext::Act(expected.clone()));
            assert_eq!(case.leaving(), Leaving::Act(expected));
        }
        let unheld = Case::seeing(&[own()]).entered(Entered::Ahead).after(OperationSeen::Succeeded);
        let unheld = unheld.given(|case| case.live = None);
        assert_eq!(unheld.next(), unheld.over(true));
    }

    #[test]
    fn one_that_worked_has_worked_whatever_the_pool_is_doing_by_now() {
        for state in ["Succeeded", "Updating", "Failed", "Deleting"] {
            let case = Case::seeing(&[own()]).entered(Entered::Ahead).after(OperationSeen::Succeeded);
            let case = case.with_pool(|pool| pool.provisioning_state = state.into());
            let record = case.remembers();
            assert_eq!(record, case.record.over().entered(added()));
            assert_eq!(
                Case { record, operation: None, ..case }.verdict(),
                PoolVerdict::Registered,
                "{state}"
            );
        }
    }

    #[test]
    fn one_that_worked_is_asked_about_again_while_the_pool_cannot_be_read() {
        let hidden = failure(Cause::Unavailable);
        let case = Case::reading(Fact::Unknown(hidden.clone()))
            .entered(Entered::Ahead)
            .after(OperationSeen::Succeeded);
        assert_eq!(case.verdict(), PoolVerdict::Failed(hidden.clone()));
        assert_eq!(case.leaving(), Leaving::Failed(hidden));
    }

    #[test]
    fn one_that_failed_or_is_forgotten_is_over_and_adds_nothing_to_what_is_known() {
        let denied = failure(Cause::OrganizationAccessDenied);
        let case = Case::seeing(&[own()]).entered(Entered::Ahead);
        let over = case.record.clone();
        let failed = case.clone().after(OperationSeen::Failed(denied.clone()));
        assert_eq!(failed.next(), PoolNext::Act(PoolStep::Failed(over.clone(), denied.clone())));
        assert_eq!(failed.leaving(), Leaving::Act(PoolStep::Failed(over.clone(), denied)));
        let forgotten = case.after(OperationSeen::Forgotten);
        assert_eq!(forgotten.next(), forgotten.over(false));
        assert_eq!(forgotten.leaving(), Leaving::Act(PoolStep::Over { record: over, worked: false }));
    }

    #[test]
    fn one_that_may_not_be_asked_about_holds_nobody_up_once_the_pool_is_at_rest() {
        let denied = OperationSeen::Unknown(failure(Cause::AuthorizationFailed));
        let case = Case::seeing(&[own()]).entered(Entered::Ahead).after(denied);
        assert_eq!(case.next(), case.over(false));
        let gone = Case { pool: Fact::Absent, ..case.clone() };
        assert_eq!(
            gone.leaving(),
            Leaving::Act(PoolStep::Over { record: gone.record.over(), worked: false })
        );
        let moving = case.clone().with_pool(|pool| pool.provisioning_state = "Updating".into());
        assert_eq!(moving.verdict(), PoolVerdict::Failed(failure(Cause::AuthorizationFailed)));
        let outage = OperationSeen::Unknown(failure(Cause::Unavailable));
        let case = Case::seeing(&[own()]).entered(Entered::Ahead).after(outage);
        assert_eq!(case.verdict(), PoolVerdict::Failed(failure(Cause::Unavailable)));
    }
}

mod stale_entries {
    use super::*;

    #[test]
    fn one_of_another_principal_is_taken_out_whoever_put_it_there_then_added() {
        for entered in [
            Entered::Not,
            Entered::Ahead,
            Entered::Found(Some(principal(9))),
            Entered::Added(principal(9)),
            added(),
        ] {
            let case = Case::seeing(&[foreign_entry(1), stale()]).entered(entered);
            let PoolStep::Cure(change) = case.step() else { panic!("to be cured") };
            assert_eq!((change.stand, change.goes), (vec![foreign_entry(1).key], Some(stale().key)));
        }
    }

    #[test]
    fn our_own_removal_of_it_is_nobody_s() {
        let case = Case::seeing(&[stale()]).entered(Entered::Added(principal(9)));
        let record = case.remembers();
        assert_eq!(record.entered, Entered::Found(Some(principal(9))));
        let after = Case { record, ..Case::seeing(&[]) };
        assert_eq!(after.remembers(), PoolRecord::new(pool_id("linux")));
        let PoolStep::Add(_) = after.step() else { panic!("to be added anew") };
    }

    #[test]
    fn an_entry_without_a_principal_is_registered_and_cured_once_when_the_principal_has_changed() {
        for entered in [added(), found()] {
            let case = Case::seeing(&[own_entry(None)]).entered(entered);
            assert_eq!(case.verdict(), PoolVerdict::Registered);
            let changed = case.given(|case| case.live = Some(principal(2)));
            assert!(matches!(changed.step(), PoolStep::Cure(_)));
        }
        let again = Case::seeing(&[own_entry(None)]).entered(Entered::Added(principal(2)));
        assert_eq!(again.given(|case| case.live = Some(principal(2))).verdict(), PoolVerdict::Registered);
    }

    #[test]
    fn an_entry_that_follows_the_identity_stays_ours_only_if_this_object_created_it_anew() {
        let case = Case::seeing(&[own()]).entered(Entered::Added(principal(9)));
        assert_eq!(case.remembers().entered, found());
        assert_eq!(case.given(|case| case.created_by_us = true).remembers().entered, added());
        for entered in [Entered::Not, Entered::Ahead, Entered::Found(Some(principal(9)))] {
            let case = Case::seeing(&[own()]).entered(entered).given(|case| case.created_by_us = true);
            assert_eq!(case.remembers().entered, found());
        }
    }

    #[test]
    fn a_pool_that_waits_for_the_new_identity_forgets_nothing() {
        let case = Case::seeing(&[stale()]).entered(Entered::Added(principal(9)));
        let case = case.given(|case| case.live = None);
        assert_eq!(case.verdict(), waits(Reason::IdentityNotReady));
    }
}

mod quarrels {
    use super::*;

    fn removed(count: u32, seconds: i64) -> Case {
        let mut case = Case::seeing(&[]);
        case.record.removals = Removals { count, last: Some(now() - seconds.seconds()) };
        case
    }

    #[test]
    fn what_others_took_out_is_counted_in_whole_seconds_and_put_back() {
        let case = Case::seeing(&[]).entered(added()).given(|case| case.now += 700.milliseconds());
        let record = case.remembers();
        assert_eq!(record.entered, Entered::Not);
        assert_eq!(record.removals, Removals { count: 1, last: Some(now()) });
        assert!(matches!(case.step(), PoolStep::Add(_)));
    }

    #[test]
    fn what_was_only_found_and_a_pool_that_was_gone_in_between_do_not_count() {
        let found = Case::seeing(&[]).entered(found()).remembers();
        assert_eq!((found.entered, found.removals.count), (Entered::Not, 0));
        let once = Case::reading(Fact::Absent).entered(added());
        assert_eq!(once.verdict(), PoolVerdict::NotFound, "nothing is forgotten at one look");
        let gone = once.twice();
        let record = gone.remembers();
        assert_eq!((&record.entered, record.removals.count), (&Entered::Not, 0));
        assert_eq!(Case { record, ..gone }.verdict(), PoolVerdict::NotFound);
    }

    /// Removals, seconds since the last one, and whether it is put back now.
    #[test]
    fn after_the_third_time_it_is_put_back_at_the_slow_pace_only() {
        let slow = i64::try_from(SLOW_PACE.as_secs()).unwrap();
        for (count, seconds, put_back) in [
            (2, 0, true),
            (3, 0, false),
            (3, slow - 1, false),
            (3, slow, true),
            (9, slow - 1, false),
            (9, slow, true),
        ] {
            let case = removed(count, seconds);
            if put_back {
                assert!(matches!(case.step(), PoolStep::Add(_)), "{count} {seconds}");
            } else {
                assert_eq!(case.verdict(), PoolVerdict::Contested(case.record.removals));
            }
        }
    }

    #[test]
    fn it_is_forgotten_once_it_has_stood_for_a_day() {
        for (hours, count) in [(23, 3), (24, 0)] {
            let mut case = removed(3, hours * 3600).entered(added());
            case.pool = Fact::Known(pool(&[own()]));
            let after = match case.next() {
                PoolNext::Act(PoolStep::Remember(record)) => record,
                next => {
                    assert_eq!(next, PoolNext::Tell(PoolVerdict::Registered));
                    case.record
                }
            };
            assert_eq!(after.removals.count, count);
        }
    }
}

mod modes {
    use super::*;

    fn pending(reason: Reason, stale: Option<PrincipalId>) -> PoolVerdict {
        PoolVerdict::Pending { reason, stale }
    }

    #[test]
    fn observe_only_tells_what_would_be_done_and_forgets_nothing_that_stands() {
        let observing = |case: Case| case.given(|case| case.mode = Mode::Observe);
        let reason = Reason::ChangesPending;
        assert_eq!(observing(Case::seeing(&[])).verdict(), pending(reason, None));
        assert_eq!(observing(Case::seeing(&[stale()])).verdict(), pending(reason, Some(principal(9))));
        for entered in [Entered::Not, found(), added()] {
            assert_eq!(observing(Case::seeing(&[own()]).entered(entered)).verdict(), PoolVerdict::Registered);
        }
        let github = Case::seeing(&[]).with_pool(|pool| pool.serves = Serves::Other("GitHub".into()));
        assert_eq!(observing(github).verdict(), PoolVerdict::NotAzureDevOps("GitHub".into()));
    }

    #[test]
    fn report_carries_a_wish_out_and_only_tells_drift() {
        for (entries, stale) in [(vec![], None), (vec![stale()], Some(principal(9)))] {
            let case = Case::seeing(&entries).given(|case| case.drift = DriftPolicy::Report);
            assert!(matches!(case.step(), PoolStep::Add(_) | PoolStep::Cure(_)));
            let applied = case.given(|case| case.applied = true);
            assert_eq!(applied.verdict(), pending(Reason::DriftDetected, stale));
        }
    }
}

mod leaving_a_pool {
    use super::*;

    const STAYS: Leaving = Leaving::Done { stays: true };
    const GONE: Leaving = Leaving::Done { stays: false };
    const SETTLING: Leaving = Leaving::Waiting { reason: Reason::Settling, again: None };

    /// What is remembered, what the pool shows, and whether it is taken out.
    #[test]
    fn only_what_was_added_and_bears_that_principal_is_taken_out() {
        let table = [
            (added(), Some(own()), true),
            (added(), Some(own_entry(None)), true),
            (added(), Some(stale()), false),
            (Entered::Added(principal(9)), Some(stale()), true),
            (Entered::Ahead, Some(own()), false),
            (found(), Some(own()), false),
            (Entered::Not, Some(own()), false),
        ];
        for (entered, entry, taken_out) in table {
            let entries: Vec<Entry> = entry.into_iter().chain([foreign_entry(1)]).collect();
            let leaving = Case::seeing(&entries).entered(entered.clone()).leaving();
            match leaving {
                Leaving::Act(PoolStep::Remove(change)) => {
                    assert!(taken_out, "{entered:?}");
                    assert_eq!(change.stand, [foreign_entry(1).key]);
                }
                other => assert_eq!((other, taken_out), (STAYS, false), "{entered:?}"),
            }
        }
    }

    #[test]
    fn it_ends_only_when_entry_or_pool_is_seen_gone() {
        let group_gone = Fact::Unknown(failure(Cause::ResourceGroupNotFound));
        for gone in [Fact::Known(pool(&[foreign_entry(1)])), Fact::Absent, group_gone] {
            for entered in [Entered::Ahead, added()] {
                let case = Case::reading(gone.clone()).entered(entered);
                assert_eq!(case.leaving(), SETTLING, "one look proves nothing");
                assert_eq!(case.twice().leaving(), GONE);
            }
            for entered in [Entered::Not, found()] {
                assert_eq!(Case::reading(gone.clone()).entered(entered).leaving(), GONE);
            }
        }
        for cause in [
            Cause::AuthorizationFailed,
            Cause::SubscriptionNotFound,
            Cause::ResourceGroupBeingDeleted,
            Cause::Unavailable,
        ] {
            let failure = failure(cause);
            let unread = Case::reading(Fact::Unknown(failure.clone())).twice();
            for entered in [Entered::Ahead, added()] {
                assert_eq!(unread.clone().entered(entered).leaving(), Leaving::Failed(failure.clone()));
            }
            assert_eq!(unread.clone().entered(found()).leaving(), STAYS);
            assert_eq!(unread.leaving(), GONE);
        }
    }

    #[test]
    fn an_entry_that_is_not_shown_right_after_our_addition_is_not_gone() {
        let case = Case::seeing(&[]).entered(added()).twice();
        assert_eq!(case.clone().given(|case| case.lately.done = Some(Change::Adds)).leaving(), SETTLING);
        let ahead = case.entered(Entered::Ahead);
        assert_eq!(ahead.clone().unshown(Change::Adds, false, Due::Soon).leaving(), SETTLING);
        assert_eq!(ahead.clone().given(|case| case.lately.lost = true).leaving(), SETTLING);
        assert_eq!(ahead.unshown(Change::Adds, true, Due::Now).leaving(), GONE);
    }

    #[test]
    fn what_our_own_removal_took_out_is_gone_at_the_first_look() {
        let case = Case::seeing(&[]).entered(added()).given(|case| case.lately.done = Some(Change::TakesOut));
        assert_eq!(case.leaving(), GONE);
    }

    #[test]
    fn observe_takes_nothing_out_and_forgets_nothing_that_it_would_take_out() {
        let observing = |case: Case| case.given(|case| case.mode = Mode::Observe);
        for entry in [own(), own_entry(None)] {
            let pending = Leaving::Pending(entry.principal.clone());
            let case = observing(Case::seeing(&[entry]).entered(added()));
            assert_eq!(case.leaving(), pending);
            let failed = case.given(|case| case.lately.failed = Some(failure(Cause::Refused)));
            assert_eq!(failed.leaving(), pending);
        }
        assert_eq!(observing(Case::seeing(&[own()]).entered(found())).leaving(), STAYS);
        assert_eq!(observing(Case::seeing(&[]).entered(added())).twice().leaving(), GONE);
    }

    #[test]
    fn an_entry_that_followed_the_identity_is_taken_out_if_this_object_created_it_anew() {
        let case = Case::seeing(&[own()]).entered(Entered::Added(principal(9)));
        assert_eq!(case.leaving(), STAYS);
        let ours = case.given(|case| case.created_by_us = true);
        assert!(matches!(ours.leaving(), Leaving::Act(PoolStep::Remove(_))));
        let unheld = ours.given(|case| case.live = Some(principal(2)));
        assert_eq!(unheld.leaving(), STAYS);
    }

    #[test]
    fn a_form_that_azure_refused_is_not_sent_again() {
        for (entries, form) in [(vec![own()], Form::NoMap), (vec![foreign_entry(1), own()], Form::Null)] {
            let stays = Case::seeing(&entries).entered(added());
            let forms = |refused: Option<Form>| {
                let case = stays.clone().given(|case| case.lately.refused = refused);
                let Leaving::Act(PoolStep::Remove(change)) = case.leaving() else {
                    panic!("to be taken out")
                };
                change.form.unwrap()
            };
            assert_eq!(forms(None), form);
            assert_eq!(forms(Some(form)), form.other());
            assert_eq!(forms(Some(form.other())), form);
        }
    }

    #[test]
    fn neither_kind_nor_organization_nor_directory_keeps_it_back() {
        for serves in [Serves::Other("GitHub".into()), Serves::AzureDevOps(vec![])] {
            let case = Case::seeing(&[own()]).entered(added()).with_pool(|pool| pool.serves = serves);
            let case = case.given(|case| (case.live, case.permission) = (None, Permission::NotYet));
            assert!(matches!(case.leaving(), Leaving::Act(PoolStep::Remove(_))));
        }
    }

    #[test]
    fn it_waits_for_a_pool_that_moves_for_a_replica_and_for_the_slow_pace() {
        let case = Case::seeing(&[own()]).entered(added());
        let moving = case.clone().with_pool(|pool| pool.provisioning_state = "Updating".into());
        assert_eq!(moving.leaving(), Leaving::Waiting { reason: Reason::PoolBusy, again: None });
        assert_eq!(case.clone().unshown(Change::TakesOut, true, Due::Soon).leaving(), SETTLING);
        let denied = failure(Cause::LinkedAuthorizationFailed);
        let failed = case.given(|case| case.lately.failed = Some(denied.clone()));
        assert_eq!(failed.leaving(), Leaving::Failed(denied));
    }
}

mod changes_that_do_not_show {
    use super::*;

    fn not_shown(step: PoolNext, record: &PoolRecord) -> Failure {
        let PoolNext::Act(PoolStep::Failed(after, failure)) = step else { panic!("{step:?}") };
        assert_eq!(after, *record);
        assert_eq!((failure.cause.clone(), failure.code.as_str()), (Cause::ChangeNotShown, "ChangeNotShown"));
        assert_eq!(failure.target, pool_id("linux").to_string());
        failure
    }

    /// What is remembered, what the pool shows, and what the change was to do.
    #[test]
    fn an_accepted_change_is_waited_for_then_told_as_failed_and_never_sent_again_at_once() {
        let disowned = Entered::Found(Some(principal(9)));
        let table = [
            (Entered::Ahead, vec![], Change::Adds),
            (Entered::Ahead, vec![stale()], Change::Adds),
            (disowned, vec![stale()], Change::TakesOut),
        ];
        for (entered, entries, change) in table {
            for worked in [true, false] {
                let case = Case::seeing(&entries).entered(entered.clone());
                assert_eq!(
                    case.clone().unshown(change, worked, Due::Soon).verdict(),
                    waits(Reason::Settling)
                );
                let overdue = case.clone().unshown(change, worked, Due::Now);
                // A pool that moves may still come to show it.
                let moving = overdue.clone().with_pool(|pool| pool.provisioning_state = "Updating".into());
                assert_eq!(moving.verdict(), waits(Reason::PoolBusy));
                let mut told = case.unshown(change, worked, Due::Told);
                told.lately.failed = Some(not_shown(overdue.next(), &overdue.record));
                assert!(
                    matches!(told.verdict(), PoolVerdict::Failed(failure) if failure.class() == Class::Refused)
                );
                told.lately.failed = None;
                assert!(matches!(told.step(), PoolStep::Add(_) | PoolStep::Cure(_)), "at the slow pace");
            }
        }
    }

    #[test]
    fn a_removal_whose_entry_still_stands_is_waited_for_then_told_as_failed() {
        let case = Case::seeing(&[own()]).entered(added());
        let waits = Leaving::Waiting { reason: Reason::Settling, again: None };
        assert_eq!(case.clone().unshown(Change::TakesOut, true, Due::Soon).leaving(), waits);
        let overdue = case.clone().unshown(Change::TakesOut, true, Due::Now);
        let Leaving::Act(step) = overdue.leaving() else { panic!("to be told") };
        let failure = not_shown(PoolNext::Act(step), &overdue.record);
        let told = case.unshown(Change::TakesOut, true, Due::Told);
        let failed = told.clone().given(|case| case.lately.failed = Some(failure.clone()));
        assert_eq!(failed.leaving(), Leaving::Failed(failure));
        assert!(matches!(told.leaving(), Leaving::Act(PoolStep::Remove(_))), "at the slow pace");
    }

    #[test]
    fn an_addition_that_worked_is_ours_when_it_shows_however_late() {
        for due in [Due::Soon, Due::Now, Due::Told] {
            for entry in [own(), own_entry(None)] {
                let case = Case::seeing(&[entry]).entered(Entered::Ahead);
                let worked = case.clone().unshown(Change::Adds, true, due);
                assert_eq!(worked.remembers().entered, added());
                let expected = PoolStep::Remember(case.record.entered(added()));
                assert_eq!(worked.leaving(), Leaving::Act(expected));
                let open = case.clone().unshown(Change::Adds, false, due);
                assert_eq!(open.remembers().entered, found());
                assert_eq!(open.leaving(), Leaving::Done { stays: true });
            }
        }
    }

    #[test]
    fn what_a_lagging_replica_still_shows_after_our_removal_is_not_registered() {
        for entries in [vec![own()], vec![stale()], vec![own_entry(None)]] {
            let case = Case::seeing(&entries).given(|case| case.lately.done = Some(Change::TakesOut));
            assert_eq!(case.verdict(), waits(Reason::Settling));
        }
    }

    #[test]
    fn what_we_took_out_ourselves_and_what_went_with_its_pool_was_taken_out_by_nobody_else() {
        let ours: fn(&mut Case) = |case| case.lately.done = Some(Change::TakesOut);
        let with_the_pool: fn(&mut Case) = |case| case.lately.was_gone = true;
        for change in [ours, with_the_pool] {
            let record = Case::seeing(&[]).entered(added()).given(change).remembers();
            assert_eq!(record, PoolRecord::new(pool_id("linux")));
        }
    }
}

mod crowds {
    use super::*;

    fn crowded(entries: &[Entry], entered: Entered) -> Case {
        Case::seeing(entries).entered(entered).given(|case| case.crowd = Some(123))
    }

    #[test]
    fn while_too_many_pools_are_being_left_no_new_one_is_remembered() {
        for entries in [vec![], vec![stale()]] {
            assert_eq!(crowded(&entries, Entered::Not).verdict(), PoolVerdict::Crowded(123));
        }
        assert_eq!(crowded(&[own()], Entered::Not).verdict(), PoolVerdict::Registered);
        let github =
            crowded(&[], Entered::Not).with_pool(|pool| pool.serves = Serves::Other("GitHub".into()));
        assert_eq!(github.verdict(), PoolVerdict::NotAzureDevOps("GitHub".into()));
    }

    #[test]
    fn what_is_remembered_already_goes_on() {
        assert!(matches!(crowded(&[], Entered::Ahead).step(), PoolStep::Add(_)));
        assert!(matches!(crowded(&[stale()], Entered::Added(principal(9))).step(), PoolStep::Cure(_)));
        assert_eq!(crowded(&[], added()).remembers().removals.count, 1);
    }
}

mod what_is_remembered {
    use super::*;

    fn recorded() -> Record {
        let pool = PoolRecord::new(pool_id("linux")).entered(added());
        Record::default().with_pool("linux", pool).pool_applied("linux")
    }

    #[test]
    fn a_pool_of_the_same_name_at_another_id_is_another_and_the_old_one_is_left() {
        let moved = WantedPool {
            name: "linux".into(),
            id: PoolId::new(desired().identity.subscription().clone(), "elsewhere", "linux").unwrap(),
        };
        let record = recorded();
        assert_eq!(record.pool(&wanted("linux")).entered, added());
        assert_eq!(record.pool(&moved), PoolRecord::new(moved.id.clone()));
        assert_eq!(record.pools_to_leave(&[wanted("linux")]), []);
        for wanted in [vec![moved], vec![], vec![wanted("windows")]] {
            let left: Vec<String> =
                record.pools_to_leave(&wanted).into_iter().map(|(name, _)| name).collect();
            assert_eq!(left, ["linux"]);
        }
    }

    #[test]
    fn a_pool_that_was_left_or_is_not_wanted_any_more_is_a_new_wish_when_it_comes_back() {
        let record = recorded();
        assert!(record.applied_pools().contains("linux"));
        assert_eq!(record.forget_pool("linux"), Record::default());
        assert_eq!(record.applied_within(&[wanted("linux")]), record);
        assert_eq!(record.applied_within(&[wanted("windows")]).applied, None);
    }

    #[test]
    fn nothing_is_kept_of_a_pool_that_there_is_nothing_to_remember_of() {
        let blank = PoolRecord::new(pool_id("linux"));
        assert!(blank.is_blank() && !blank.may_hold());
        let record = recorded().with_pool("linux", blank.clone());
        assert!(record.pools.is_empty() && record.applied_pools().contains("linux"));
        for (record, may_hold) in [
            (blank.entered(Entered::Ahead), true),
            (blank.entered(added()), true),
            (blank.under_way(operation()), true),
            (blank.entered(found()), false),
        ] {
            assert_eq!((record.is_blank(), record.may_hold()), (false, may_hold));
            assert_eq!(Record::default().with_pool("linux", record).may_hold_entries(), may_hold);
        }
    }
}
