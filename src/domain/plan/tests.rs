use super::*;
use crate::{
    api::{
        conditions::Reason,
        names::mark,
        v1alpha1::{AdoptionPolicy, Applied, DriftPolicy, IsolationScope, Mode, Origin},
    },
    domain::{
        difference::Kind,
        failure::Cause,
        mark::{Mark, MarkSeen},
        observed::{Absence, Fact, Identity, MarkOwner, OrganizationDirectory, SubscriptionState},
        ownership::Owner,
        record::Record,
        registration::{Entered, PoolRecord},
        testing::{
            CLUSTER, Case, FORMER_CLUSTER, causes, cluster, failure, holding, identity, key, location,
            mark_of, marked, pool_id, principal, released, sibling, tagged, tenant,
        },
    },
};

const POLICIES: [AdoptionPolicy; 3] = [AdoptionPolicy::IfOwned, AdoptionPolicy::Adopt, AdoptionPolicy::Never];

fn ours() -> Identity {
    marked(&Mark { origin: Origin::Created, ..mark_of("team-a/agents") })
}

/// Ours, as principal 1, with these tags beside the mark.
fn ours_with(tags: &[(&str, &str)]) -> Identity {
    let mut identity = ours();
    for (key, value) in tags {
        identity.tags.set(key, value);
    }
    identity
}

/// Created by this object, with these tags of the spec applied.
fn applied(tags: &[(&str, &str)]) -> Record {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Record { applied: Some(Applied { tags, ..Applied::default() }), ..holding(1, Origin::Created) }
}

/// A settled object, wishing for `team: a`.
fn settled() -> Case {
    Case::seeing(ours_with(&[("team", "a")])).remembering(applied(&[("team", "a")])).wishing(|d| {
        d.tags = [("team".to_owned(), "a".to_owned())].into();
    })
}

fn mark_written(case: &Case) -> (Mark, WhyMark) {
    let Step::Mark(marking) = case.step() else { panic!("{:?} is no mark", case.next()) };
    let MarkSeen::Complete(mark) = MarkSeen::in_tags(&marking.tags, cluster()) else {
        panic!("no mark in {marking:?}")
    };
    (mark, marking.why)
}

fn refusal(case: &Case) -> bool {
    matches!(case.verdict(), Verdict::AdoptionRefused { found, .. } if found == principal(1))
}

fn pending(case: &Case) -> (Reason, Vec<String>) {
    match case.verdict() {
        Verdict::Pending { reason, changes } => (reason, changes.into_iter().map(|c| c.field).collect()),
        other => panic!("{other:?}"),
    }
}

mod whose_it_is {
    use super::*;

    #[test]
    fn an_absent_identity_is_created_under_every_policy_with_the_mark_in_the_same_write() {
        for policy in POLICIES {
            let case = Case::absent().wishing(|d| d.adoption = policy);
            let Step::Create(new) = case.step() else { panic!("created under {policy:?}") };
            let expected = Mark::standing(CLUSTER, &key("team-a/agents"), Origin::Created);
            assert_eq!(MarkSeen::in_tags(&new.tags, cluster()), MarkSeen::Complete(expected));
        }
    }

    #[test]
    fn an_identity_of_ours_is_kept_under_every_policy() {
        for policy in POLICIES {
            assert_eq!(settled().wishing(|d| d.adoption = policy).next(), Next::Tell(Verdict::UpToDate));
        }
    }

    #[test]
    fn what_we_had_released_is_taken_back_under_every_policy_and_also_under_report_its_origin_kept() {
        for policy in POLICIES {
            for record in [Record::default(), holding(1, Origin::Adopted)] {
                let mine = Mark { origin: Origin::Created, ..mark_of("team-a/agents") };
                let case = Case::seeing(marked(&released(mine.clone()))).remembering(record).wishing(|d| {
                    d.adoption = policy;
                    d.drift = DriftPolicy::Report;
                });
                assert_eq!(mark_written(&case), (mine, WhyMark::TakeBack));
            }
        }
    }

    #[test]
    fn a_vacant_identity_of_the_family_is_taken_unless_never_and_also_under_report() {
        for policy in POLICIES {
            let case = Case::seeing(marked(&released(mark_of("team-a/old")))).wishing(|d| {
                d.adoption = policy;
                d.drift = DriftPolicy::Report;
            });
            match policy {
                AdoptionPolicy::IfOwned | AdoptionPolicy::Adopt => {
                    assert_eq!(mark_written(&case), (mark_of("team-a/agents"), WhyMark::Take));
                }
                AdoptionPolicy::Never => assert!(refusal(&case)),
            }
        }
    }

    #[test]
    fn any_other_vacant_identity_is_taken_only_under_adopt() {
        let vacant = [
            (identity(), Record::default()),
            (marked(&released(mark_of("team-b/agents"))), Record::default()),
            (ours(), holding(2, Origin::Created)),
        ];
        for (seen, record) in vacant {
            for policy in POLICIES {
                let case =
                    Case::seeing(seen.clone()).remembering(record.clone()).wishing(|d| d.adoption = policy);
                match policy {
                    AdoptionPolicy::Adopt => {
                        assert_eq!(mark_written(&case), (mark_of("team-a/agents"), WhyMark::Take));
                    }
                    AdoptionPolicy::IfOwned | AdoptionPolicy::Never => assert!(refusal(&case)),
                }
            }
        }
    }

    #[test]
    fn before_a_vacant_identity_is_taken_the_record_of_another_principal_is_emptied() {
        let case = Case::seeing(identity())
            .remembering(holding(2, Origin::Created))
            .wishing(|d| d.adoption = AdoptionPolicy::Adopt);
        assert_eq!(case.step(), Step::ForgetTheGone);
        assert!(matches!(case.remembering(Record::default()).step(), Step::Mark(_)));
    }

    #[test]
    fn where_our_adopted_mark_stands_already_the_record_alone_finishes_the_taking() {
        let case = Case::seeing(marked(&mark_of("team-a/agents")))
            .remembering(holding(2, Origin::Created))
            .wishing(|d| d.adoption = AdoptionPolicy::Adopt);
        assert_eq!(case.step(), Step::Remember(holding(1, Origin::Adopted)));
    }

    #[test]
    fn another_s_identity_is_a_conflict_under_every_policy_and_names_the_owner() {
        for policy in POLICIES {
            let case = Case::seeing(marked(&mark_of("team-b/agents"))).wishing(|d| d.adoption = policy);
            let owner = Owner::Sibling(key("team-b/agents"));
            assert_eq!(case.verdict(), Verdict::OwnershipConflict(owner));
        }
    }

    #[test]
    fn a_standing_mark_whose_object_is_gone_is_taken_as_if_it_were_released() {
        let case = Case::seeing(marked(&mark_of("team-a/old")));
        assert!(matches!(case.verdict(), Verdict::OwnershipConflict(_)));
        let gone = case.given(|o| o.mark_owner = Some(MarkOwner::Gone));
        assert_eq!(mark_written(&gone), (mark_of("team-a/agents"), WhyMark::Take));
    }

    #[test]
    fn once_another_s_standing_mark_was_read_the_record_is_forgotten_before_the_finalizer_goes() {
        let case = Case::seeing(marked(&mark_of("team-b/agents"))).remembering(applied(&[("team", "a")]));
        assert_eq!(case.step(), Step::Remember(Record::default()));
        let case = case.remembering(Record::default());
        assert_eq!(case.step(), Step::RemoveFinalizer);
        assert!(matches!(case.without_finalizer().next(), Next::Tell(Verdict::OwnershipConflict(_))));
    }

    #[test]
    fn whoever_holds_nothing_and_may_write_nothing_keeps_no_finalizer() {
        for case in [
            Case::seeing(identity()),
            Case::seeing(ours()).remembering(holding(2, Origin::Created)),
            Case::seeing(tagged(&[(mark::CLUSTER, "cluster-2")])),
            Case::absent().beside(sibling("team-b/older", 900)),
            Case::seeing(identity()).wishing(|d| d.mode = Mode::Observe),
            Case::absent().given(|o| o.absence = Absence::Confirmed).wishing(|d| d.mode = Mode::Observe),
        ] {
            assert_eq!(case.step(), Step::RemoveFinalizer, "{case:#?}");
        }
    }
}

mod what_is_remembered {
    use super::*;

    #[test]
    fn before_every_creation_the_record_is_empty_and_the_finalizer_stored() {
        let gone = Case::absent()
            .remembering(applied(&[("team", "a")]))
            .given(|o| o.absence = Absence::Confirmed)
            .without_finalizer();
        assert_eq!(gone.step(), Step::StoreFinalizer);
        let gone = Case { finalizer: Finalizer::Stored, ..gone };
        assert_eq!(gone.step(), Step::ForgetTheGone);
        assert!(matches!(gone.remembering(Record::default()).step(), Step::Create(_)));
        let first = Case::absent().without_finalizer();
        assert_eq!(first.step(), Step::StoreFinalizer);
    }

    #[test]
    fn our_mark_found_while_there_is_no_record_is_held_as_adopted_whatever_it_says() {
        assert_eq!(Case::seeing(ours()).step(), Step::Remember(holding(1, Origin::Adopted)));
    }

    #[test]
    fn a_mark_under_a_former_id_of_this_cluster_is_rewritten_at_once_also_under_report_with_its_origin() {
        for origin in [Origin::Created, Origin::Adopted] {
            let own = Mark { origin, ..mark_of("team-a/agents") };
            let seen = marked(&Mark { cluster: FORMER_CLUSTER.into(), ..own.clone() });
            for record in [Record::default(), holding(1, origin)] {
                for drift in [DriftPolicy::Correct, DriftPolicy::Report] {
                    let case = Case::seeing(seen.clone())
                        .remembering(record.clone())
                        .wishing(|d| (d.drift, d.adoption) = (drift, AdoptionPolicy::Never));
                    assert_eq!(mark_written(&case), (own.clone(), WhyMark::Rename));
                    assert_eq!(case.clone().without_finalizer().step(), Step::StoreFinalizer);
                    let observing = case.wishing(|d| d.mode = Mode::Observe);
                    assert_eq!(observing.next(), Next::Tell(Verdict::UpToDate));
                }
            }
        }
    }

    #[test]
    fn a_released_mark_under_a_former_id_is_taken_back_under_the_present_one() {
        let own = mark_of("team-a/agents");
        let seen = marked(&Mark { cluster: FORMER_CLUSTER.into(), ..released(own.clone()) });
        assert_eq!(mark_written(&Case::seeing(seen)), (own, WhyMark::TakeBack));
    }

    #[test]
    fn the_mark_s_origin_never_gives_created_but_takes_it_away() {
        let held = |marked_as, recorded_as| {
            let seen = marked(&Mark { origin: marked_as, ..mark_of("team-a/agents") });
            let record = Record { ..holding(1, recorded_as) };
            Case::seeing(seen).remembering(record).next()
        };
        assert_eq!(held(Origin::Created, Origin::Created), Next::Tell(Verdict::UpToDate));
        assert_eq!(held(Origin::Created, Origin::Adopted), Next::Tell(Verdict::UpToDate));
        let adopted = Record { ..holding(1, Origin::Adopted) };
        assert_eq!(held(Origin::Adopted, Origin::Created), Next::Act(Step::Remember(adopted)));
    }

    #[test]
    fn created_comes_from_a_creation_alone_and_a_mark_put_back_or_taken_counts_as_adopted() {
        let wish = settled().desired;
        assert_eq!(Record::default().after_creation(&wish, &principal(1)), applied(&[("team", "a")]));
        let marking =
            |why| Marking { tags: [("", ""); 0].into_iter().collect(), principal: principal(1), why };
        let before = applied(&[("team", "a")]);
        assert_eq!(before.after_marking(&marking(WhyMark::Take)), holding(1, Origin::Adopted));
        let restored = before.after_marking(&marking(WhyMark::Restore));
        assert_eq!(restored.holding, holding(1, Origin::Adopted).holding);
        assert_eq!(restored.applied, before.applied);
        for why in [WhyMark::TakeBack, WhyMark::Rename] {
            assert_eq!(before.after_marking(&marking(why)), before);
        }
        assert_eq!(
            holding(1, Origin::Adopted).after_update(&wish).holding,
            holding(1, Origin::Adopted).holding
        );
    }

    #[test]
    fn a_mark_that_was_taken_off_is_put_back_as_adopted_or_under_report_only_told() {
        for seen in [identity(), tagged(&[(mark::CLUSTER, CLUSTER)])] {
            let case = Case::seeing(seen).remembering(applied(&[]));
            assert_eq!(mark_written(&case), (mark_of("team-a/agents"), WhyMark::Restore));
            let reported = case.wishing(|d| d.drift = DriftPolicy::Report);
            assert_eq!(pending(&reported), (Reason::DriftDetected, vec!["mark".to_owned()]));
        }
    }

    #[test]
    fn what_azure_has_already_is_remembered_as_applied_without_a_write() {
        let case = settled().remembering(holding(1, Origin::Created));
        assert_eq!(case.step(), Step::Remember(applied(&[("team", "a")])));
    }

    #[test]
    fn a_fulfilled_wish_is_remembered_also_beside_drift_that_is_only_told() {
        let case = settled()
            .remembering(applied(&[("team", "a")]))
            .wishing(|d| {
                d.drift = DriftPolicy::Report;
                d.tags.insert("new".into(), "1".into());
            })
            .given(|o| o.identity = Fact::Known(ours_with(&[("team", "drifted"), ("new", "1")])));
        assert_eq!(case.step(), Step::Remember(applied(&[("new", "1"), ("team", "a")])));
    }
}

mod creating_keeping_correcting {
    use super::*;

    #[test]
    fn a_settled_object_is_left_alone() {
        assert_eq!(settled().next(), Next::Tell(Verdict::UpToDate));
    }

    #[test]
    fn what_the_record_names_is_created_again_only_after_a_second_look() {
        for (absence, settles) in
            [(Absence::JustCreated, true), (Absence::Once, true), (Absence::Confirmed, false)]
        {
            let case = Case::absent().remembering(applied(&[])).given(|o| o.absence = absence);
            assert_eq!(case.next() == Next::Tell(Verdict::Settling), settles, "{absence:?}");
        }
        let held_by_a_sibling = crate::domain::claim::Sibling {
            suspended: true,
            record: holding(1, Origin::Created),
            ..sibling("team-b/suspended", 1)
        };
        assert_eq!(Case::absent().beside(held_by_a_sibling).next(), Next::Tell(Verdict::Settling));
    }

    #[test]
    fn an_absence_right_after_our_own_creation_is_settling() {
        let case = Case::absent().given(|o| o.absence = Absence::JustCreated);
        assert_eq!(case.next(), Next::Tell(Verdict::Settling));
    }

    #[test]
    fn a_gone_identity_is_created_anew_also_if_it_had_been_adopted_but_under_report_only_told() {
        for origin in [Origin::Created, Origin::Adopted] {
            let gone =
                Case::absent().remembering(holding(1, origin)).given(|o| o.absence = Absence::Confirmed);
            assert_eq!(gone.step(), Step::ForgetTheGone);
            let reported = gone.wishing(|d| d.drift = DriftPolicy::Report);
            assert_eq!(pending(&reported), (Reason::IdentityNotFound, vec!["identity".to_owned()]));
        }
    }

    #[test]
    fn the_first_creation_is_carried_out_also_under_report() {
        assert!(matches!(Case::absent().wishing(|d| d.drift = DriftPolicy::Report).step(), Step::Create(_)));
    }

    #[test]
    fn a_wish_is_carried_out_under_either_policy_and_drift_only_under_correct() {
        let wish = settled().wishing(|d| d.tags = [("team".to_owned(), "b".to_owned())].into());
        let drift = settled().given(|o| o.identity = Fact::Known(ours_with(&[("team", "z")])));
        for (case, kind) in [(wish.clone(), Kind::Wish), (drift.clone(), Kind::Drift)] {
            assert!(matches!(case.step(), Step::Update(change) if change.kind == kind));
        }
        let report = |case: Case| case.wishing(|d| d.drift = DriftPolicy::Report);
        assert!(matches!(report(wish).step(), Step::Update(_)));
        assert_eq!(pending(&report(drift)), (Reason::DriftDetected, vec!["tags.team".to_owned()]));
    }

    #[test]
    fn beside_drift_that_is_only_told_a_wish_is_written_alone() {
        let case = settled()
            .wishing(|d| {
                d.drift = DriftPolicy::Report;
                d.isolation_scope = Some(IsolationScope::Regional);
            })
            .given(|o| o.identity = Fact::Known(ours_with(&[("team", "drifted")])));
        let Step::Update(change) = case.step() else { panic!("a wish is written") };
        assert_eq!((change.tags, change.isolation_scope), (None, Some(IsolationScope::Regional)));
    }

    #[test]
    fn an_update_keeps_the_mark_and_the_tags_of_others() {
        let seen = ours_with(&[("Team", "z"), ("owner", "somebody")]);
        let case = settled().given(|o| o.identity = Fact::Known(seen.clone()));
        let Step::Update(change) = case.step() else { panic!("drift is corrected") };
        let mut expected = seen.tags;
        expected.set("Team", "a");
        assert_eq!(change.tags, Some(expected));
    }

    #[test]
    fn more_than_fifty_tags_are_told_before_anything_is_written() {
        let foreign: Vec<(String, String)> = (0..48).map(|n| (format!("k{n}"), "v".into())).collect();
        let foreign: Vec<(&str, &str)> = foreign.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let adopting = Case::seeing(tagged(&foreign)).wishing(|d| d.adoption = AdoptionPolicy::Adopt);
        assert_eq!(adopting.without_finalizer().next(), Next::Tell(Verdict::TooManyTags(51)));
        let wishing = settled()
            .wishing(|d| d.tags = (0..3).map(|n| (format!("new{n}"), "v".into())).collect())
            .remembering(applied(&[]))
            .given(|o| o.identity = Fact::Known(ours_with(&foreign[..45])));
        assert_eq!(wishing.next(), Next::Tell(Verdict::TooManyTags(51)));
    }

    #[test]
    fn in_another_region_nothing_is_written_not_even_a_mark() {
        for seen in [ours_with(&[("team", "z")]), identity(), marked(&released(mark_of("team-a/agents")))] {
            let elsewhere = Identity { location: location("northeurope"), ..seen };
            let case = settled()
                .wishing(|d| d.adoption = AdoptionPolicy::Adopt)
                .given(|o| o.identity = Fact::Known(elsewhere));
            assert_eq!(case.next(), Next::Tell(Verdict::LocationConflict(location("northeurope"))));
        }
    }

    #[test]
    fn a_disabled_or_deleted_subscription_takes_no_step() {
        for state in [SubscriptionState::Disabled, SubscriptionState::Deleted] {
            let disable = |case: Case| {
                case.given(|o| {
                    if let Fact::Known(subscription) = &mut o.subscription {
                        subscription.state = state;
                    }
                })
            };
            for case in [Case::absent(), settled(), Case::seeing(identity())] {
                assert_eq!(disable(case).next(), Next::Tell(Verdict::SubscriptionDisabled));
            }
        }
    }

    #[test]
    fn an_identity_that_cannot_be_read_is_never_decided_about() {
        for cause in causes() {
            let failure = failure(cause);
            for mode in [Mode::Manage, Mode::Observe] {
                let case = Case::reading(Fact::Unknown(failure.clone())).wishing(|d| d.mode = mode);
                assert_eq!(case.next(), Next::Tell(Verdict::Failed(failure.clone())));
            }
        }
    }
}

mod the_directory {
    use super::*;

    fn every_write() -> Vec<Case> {
        vec![
            Case::absent(),
            Case::absent().remembering(applied(&[])).given(|o| o.absence = Absence::Confirmed),
            Case::seeing(identity()).wishing(|d| d.adoption = AdoptionPolicy::Adopt),
            Case::seeing(marked(&released(mark_of("team-a/old")))),
            Case::seeing(marked(&released(mark_of("team-a/agents")))),
            Case::seeing(identity()).remembering(applied(&[])),
            Case::seeing(marked(&mark_of("team-a/agents")))
                .remembering(holding(2, Origin::Created))
                .wishing(|d| d.adoption = AdoptionPolicy::Adopt),
            settled().given(|o| o.identity = Fact::Known(ours_with(&[("team", "z")]))),
            settled().wishing(|d| d.isolation_scope = Some(IsolationScope::Regional)),
        ]
    }

    #[test]
    fn nothing_is_created_adopted_or_corrected_unless_all_directories_are_known_and_agree() {
        let doubts: [fn(&mut crate::domain::observed::Observed); 6] = [
            |o| o.organization = Fact::Known(OrganizationDirectory::NotConnected),
            |o| o.organization = Fact::Known(OrganizationDirectory::Connected(tenant(2))),
            |o| o.organization = Fact::Absent,
            |o| o.organization = Fact::Unknown(failure(Cause::Throttled)),
            |o| o.subscription = Fact::Absent,
            |o| o.subscription = Fact::Unknown(failure(Cause::Unavailable)),
        ];
        for case in every_write() {
            assert!(matches!(case.next(), Next::Act(_)), "{case:#?}");
            let pinned = case.clone().wishing(|d| d.expected_tenant = Some(tenant(2)));
            for doubted in doubts.iter().map(|doubt| case.clone().given(doubt)).chain([pinned]) {
                assert_eq!(doubted.next(), Next::Tell(Verdict::AwaitsDirectory), "{doubted:#?}");
                // An identity that is ours has its finalizer whatever the directory; that is no write to Azure.
                let first = doubted.without_finalizer().next();
                assert!(matches!(
                    first,
                    Next::Tell(Verdict::AwaitsDirectory) | Next::Act(Step::StoreFinalizer)
                ));
            }
        }
    }

    #[test]
    fn an_identity_left_behind_in_another_directory_is_not_written() {
        let moved = Identity { tenant: tenant(2), ..ours_with(&[("team", "z")]) };
        let case = settled().given(|o| o.identity = Fact::Known(moved));
        assert_eq!(case.next(), Next::Tell(Verdict::AwaitsDirectory));
    }
}

mod two_objects {
    use super::*;
    use crate::domain::claim::Sibling;

    fn conflict_with(object: &str) -> Verdict {
        Verdict::OwnershipConflict(Owner::Sibling(key(object)))
    }

    #[test]
    fn the_younger_one_names_the_older_and_creates_nothing() {
        let case = Case::absent().beside(sibling("team-b/older", 900));
        assert_eq!(case.verdict(), conflict_with("team-b/older"));
        assert!(matches!(Case::absent().beside(sibling("team-b/younger", 1)).step(), Step::Create(_)));
    }

    #[test]
    fn the_older_one_leaves_a_vanished_identity_to_the_one_that_held_it() {
        let holder = Sibling { record: holding(1, Origin::Created), ..sibling("team-b/holder", 1) };
        assert_eq!(Case::absent().beside(holder).verdict(), conflict_with("team-b/holder"));
    }

    #[test]
    fn a_sibling_s_standing_mark_is_a_conflict_whatever_the_ages() {
        for age in [1, 900] {
            let case = Case::seeing(marked(&mark_of("team-b/owner"))).beside(sibling("team-b/owner", age));
            assert_eq!(case.verdict(), conflict_with("team-b/owner"));
        }
    }

    #[test]
    fn an_object_that_only_observes_takes_no_part_and_is_never_in_conflict() {
        for seen in [marked(&mark_of("team-b/owner")), tagged(&[(mark::CLUSTER, "cluster-2")])] {
            let case =
                Case::seeing(seen).beside(sibling("team-b/owner", 900)).wishing(|d| d.mode = Mode::Observe);
            assert_eq!(case.verdict(), Verdict::UpToDate);
        }
    }
}

mod observing {
    use super::*;

    fn observing(case: Case) -> Case {
        case.wishing(|d| d.mode = Mode::Observe)
    }

    #[test]
    fn it_tells_what_it_would_do_and_does_nothing() {
        let drifted = settled().given(|o| o.identity = Fact::Known(ours_with(&[("team", "z")])));
        assert_eq!(pending(&observing(drifted)), (Reason::ChangesPending, vec!["tags.team".to_owned()]));
        assert_eq!(
            pending(&observing(Case::absent())),
            (Reason::ChangesPending, vec!["identity".to_owned()])
        );
    }

    #[test]
    fn a_missing_or_released_mark_is_no_pending_change() {
        for seen in [identity(), marked(&released(mark_of("team-a/agents"))), ours()] {
            let case = observing(Case::seeing(seen).remembering(applied(&[])));
            assert_eq!(case.next(), Next::Tell(Verdict::UpToDate));
        }
    }

    #[test]
    fn mark_and_record_are_kept_while_the_identity_is_ours() {
        let case = observing(Case::seeing(ours()).remembering(applied(&[])));
        assert_eq!(case.next(), Next::Tell(Verdict::UpToDate));
    }

    #[test]
    fn what_is_not_ours_any_more_is_forgotten_then_the_finalizer_goes() {
        let taken = observing(Case::seeing(marked(&mark_of("team-b/owner"))).remembering(applied(&[])));
        assert_eq!(taken.step(), Step::Remember(Record::default()));
        let replaced = observing(Case::seeing(identity()).remembering(holding(2, Origin::Created)));
        assert_eq!(replaced.step(), Step::ForgetTheGone);
        for case in [taken, replaced] {
            assert_eq!(case.remembering(Record::default()).step(), Step::RemoveFinalizer);
        }
    }

    #[test]
    fn the_finalizer_stays_while_an_entry_in_a_pool_may_be_ours() {
        let entry = PoolRecord::new(pool_id("linux")).entered(Entered::Added(principal(1)));
        let gone = observing(Case::absent()).given(|o| o.absence = Absence::Confirmed);
        for case in [observing(Case::seeing(identity())), gone, Case::seeing(identity())] {
            assert_eq!(case.step(), Step::RemoveFinalizer);
            let case = case.remembering(Record::default().with_pool("linux", entry.clone()));
            assert!(matches!(case.next(), Next::Tell(_)));
        }
    }

    #[test]
    fn one_look_does_not_prove_that_a_held_identity_is_gone() {
        let case = observing(Case::absent().remembering(applied(&[])));
        assert_eq!(case.next(), Next::Tell(Verdict::Settling));
        let gone = case.given(|o| o.absence = Absence::Confirmed);
        assert_eq!(pending(&gone).0, Reason::ChangesPending);
    }

    #[test]
    fn another_region_is_told() {
        let elsewhere = Identity { location: location("northeurope"), ..ours() };
        let case = observing(Case::seeing(elsewhere).remembering(applied(&[])));
        assert_eq!(case.next(), Next::Tell(Verdict::LocationConflict(location("northeurope"))));
    }
}

#[test]
fn only_an_object_that_manages_and_holds_nothing_expects_to_write() {
    let wish = Case::absent().desired;
    assert!(expects_to_write(&wish, &Record::default()));
    assert!(!expects_to_write(&wish, &holding(1, Origin::Adopted)));
    let observing = Case::absent().wishing(|d| d.mode = Mode::Observe).desired;
    assert!(!expects_to_write(&observing, &Record::default()));
}
