use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    api::v1alpha1::Origin,
    domain::{
        mark::Mark,
        testing::{cluster, holding, mark_of, principal, released, sibling},
    },
};

/// An identity with its mark; `None` if it is gone.
type Seen = Option<(MarkSeen, PrincipalId)>;

fn winner(objects: &[Sibling], asking: usize, identity: &Seen) -> Option<String> {
    let me = &objects[asking];
    let siblings: Vec<Sibling> = objects.iter().filter(|object| object.uid != me.uid).cloned().collect();
    let identity = identity.as_ref().map(|(mark, principal)| (mark, principal));
    let contested = Contested { cluster: cluster(), identity, mark_owner: None };
    claimant(me, &siblings, contested).map(ToString::to_string)
}

/// The winner, on which all agree.
fn agreed(objects: &[Sibling], identity: &Seen) -> Option<String> {
    let answers: Vec<_> = (0..objects.len()).map(|i| winner(objects, i, identity)).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    answers[0].clone()
}

/// The identity is there, as principal 1, with this mark.
fn there(mark: Option<Mark>) -> (MarkSeen, PrincipalId) {
    (mark.map_or(MarkSeen::None, MarkSeen::Complete), principal(1))
}

fn adopting(object: &str, age: i64) -> Sibling {
    Sibling { adoption: AdoptionPolicy::Adopt, ..sibling(object, age) }
}

#[test]
fn the_one_whose_mark_stands_owns_it_even_while_it_is_suspended_observes_or_is_being_deleted() {
    let older = adopting("b/older", 9);
    let owners: [fn(&mut Sibling); 4] = [
        |o| o.suspended = true,
        |o| o.mode = Mode::Observe,
        |o| o.terminating = true,
        |o| o.stalled = Some(Reason::DirectoryMismatch),
    ];
    for change in owners {
        let mut owner = sibling("a/owner", 1);
        change(&mut owner);
        let winner = agreed(&[older.clone(), owner], &Some(there(Some(mark_of("a/owner")))));
        assert_eq!(winner.as_deref(), Some("a/owner"));
    }
}

#[test]
fn else_the_released_mark_s_object_comes_first_then_the_record_s_then_the_oldest_then_the_smaller_uid() {
    let named = || adopting("b/named", 1);
    let holder = || Sibling { record: holding(1, Origin::Adopted), ..adopting("c/holder", 2) };
    let (oldest, twin) = (|| adopting("d/oldest", 3), || adopting("e/twin", 3));
    let mark = || Some(there(Some(released(mark_of("b/named")))));
    let wins = |objects: &[Sibling]| agreed(objects, &mark()).unwrap();
    assert_eq!(wins(&[twin(), oldest(), holder(), named()]), "b/named");
    assert_eq!(wins(&[twin(), oldest(), holder()]), "c/holder");
    assert_eq!(wins(&[twin(), oldest()]), "d/oldest");
}

#[test]
fn only_an_eligible_object_claims() {
    type Change = fn(&mut Sibling);
    let excluded: [(&str, Change); 5] = [
        ("observes", |o| o.mode = Mode::Observe),
        ("suspended", |o| o.suspended = true),
        ("terminating", |o| o.terminating = true),
        ("refused by its own policy", |o| o.adoption = AdoptionPolicy::IfOwned),
        ("refused by its own policy", |o| o.adoption = AdoptionPolicy::Never),
    ];
    let younger = || adopting("b/younger", 1);
    for (why, exclude) in excluded {
        let mut older = adopting("a/older", 2);
        assert_eq!(agreed(&[older.clone(), younger()], &Some(there(None))).as_deref(), Some("a/older"));
        exclude(&mut older);
        assert_eq!(agreed(&[older, younger()], &Some(there(None))).as_deref(), Some("b/younger"), "{why}");
    }
}

#[test]
fn an_object_stalled_for_a_reason_of_its_own_leaves_the_claim_to_its_sibling_and_any_other_reason_does_not() {
    let own = [
        Reason::DirectoryMismatch,
        Reason::OrganizationNotConnected,
        Reason::SubscriptionMoved,
        Reason::LocationConflict,
        Reason::AuthorizationFailed,
        Reason::SignInFailed,
        Reason::IdentityNotFound,
        Reason::ScopeNotAllowed,
    ];
    let shared =
        [Reason::OwnershipConflict, Reason::DriftDetected, Reason::AdoptionRefused, Reason::TooManyTags];
    let wins = |reason| {
        let older = Sibling { stalled: Some(reason), ..sibling("a/older", 2) };
        winner(&[sibling("b/younger", 1), older], 0, &None)
    };
    assert!(own.into_iter().all(|reason| wins(reason).as_deref() == Some("b/younger")));
    assert!(shared.into_iter().all(|reason| wins(reason).as_deref() == Some("a/older")));
}

#[test]
fn whose_mark_was_taken_off_stays_the_owner_by_its_record_also_while_suspended_or_observing() {
    let holder = || Sibling { record: holding(1, Origin::Adopted), ..sibling("a/holder", 1) };
    for holder in [
        holder(),
        Sibling { suspended: true, ..holder() },
        Sibling { mode: Mode::Observe, ..holder() },
        Sibling { stalled: Some(Reason::AuthorizationFailed), ..holder() },
    ] {
        assert_eq!(
            agreed(&[adopting("b/older", 9), holder], &Some(there(None))).as_deref(),
            Some("a/holder")
        );
    }
    let leaving = Sibling { terminating: true, ..holder() };
    assert_eq!(agreed(&[adopting("b/older", 9), leaving], &Some(there(None))).as_deref(), Some("b/older"));
}

#[test]
fn one_beyond_its_fence_claims_nothing_but_keeps_what_it_holds() {
    let beyond = |object, age| Sibling { within_fences: false, ..adopting(object, age) };
    for identity in [None, Some(there(None)), Some(there(Some(released(mark_of("a/beyond")))))] {
        let objects = [beyond("a/beyond", 9), adopting("b/younger", 1)];
        assert_eq!(agreed(&objects, &identity).as_deref(), Some("b/younger"), "{identity:?}");
    }
    let marked = Some(there(Some(mark_of("a/beyond"))));
    assert_eq!(
        agreed(&[beyond("a/beyond", 1), adopting("b/older", 9)], &marked).as_deref(),
        Some("a/beyond")
    );
    let holder = Sibling { record: holding(1, Origin::Adopted), ..beyond("a/holder", 1) };
    assert_eq!(agreed(&[holder, adopting("b/older", 9)], &Some(there(None))).as_deref(), Some("a/holder"));
}

#[test]
fn an_identity_that_is_gone_is_its_holder_s_to_create_anew_not_the_oldest_s() {
    let holder = || Sibling { record: holding(1, Origin::Created), ..sibling("a/holder", 1) };
    assert_eq!(agreed(&[sibling("b/older", 9), holder()], &None).as_deref(), Some("a/holder"));
    let suspended = Sibling { suspended: true, ..holder() };
    assert_eq!(agreed(&[sibling("b/older", 9), suspended], &None).as_deref(), Some("b/older"));
}

#[test]
fn nobody_claims_what_is_held_outside_of_this_cluster() {
    let foreign = Mark { cluster: "cluster-2".into(), ..mark_of("a/older") };
    assert_eq!(
        agreed(&[adopting("a/older", 2), adopting("b/younger", 1)], &Some(there(Some(foreign)))),
        None
    );
}

fn any_sibling(object: &'static str) -> impl Strategy<Value = Sibling> {
    (
        0i64..3,
        any::<(bool, bool, bool, bool)>(),
        select(vec![AdoptionPolicy::IfOwned, AdoptionPolicy::Adopt, AdoptionPolicy::Never]),
        select(vec![None, Some(Reason::OwnershipConflict), Some(Reason::LocationConflict)]),
        select(vec![Record::default(), holding(1, Origin::Created), holding(2, Origin::Adopted)]),
    )
        .prop_map(
            move |(age, (observes, suspended, terminating, within_fences), adoption, stalled, record)| {
                Sibling {
                    mode: if observes { Mode::Observe } else { Mode::Manage },
                    adoption,
                    suspended,
                    terminating,
                    within_fences,
                    stalled,
                    record,
                    ..sibling(object, age)
                }
            },
        )
}

fn any_mark() -> impl Strategy<Value = Option<MarkSeen>> {
    (select(vec!["a/one", "a/two", "b/three", "a/gone"]), any::<(bool, bool)>(), 0..4).prop_map(
        |(object, (let_go, foreign), kind)| match kind {
            0 => None,
            1 => Some(MarkSeen::None),
            _ => {
                let mut mark = mark_of(object);
                mark.released = let_go;
                if foreign {
                    mark.cluster = "cluster-2".into();
                }
                Some(MarkSeen::Complete(mark))
            }
        },
    )
}

proptest! {
    #[test]
    fn all_siblings_agree_on_at_most_one_claimant(
        objects in (any_sibling("a/one"), any_sibling("a/two"), any_sibling("b/three")), mark in any_mark(),
    ) {
        let objects = [objects.0, objects.1, objects.2];
        let identity = mark.map(|mark| (mark, principal(1)));
        let answers: Vec<_> = (0..3).map(|i| winner(&objects, i, &identity)).collect();
        let settled: Vec<_> = (0..3).filter(|i| !objects[*i].held_up_by_itself()).map(|i| answers[i].clone()).collect();
        prop_assert!(settled.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", answers);
        // One that is stalled of itself may find the reason gone: it agrees with the others, or claims for itself.
        for (object, answer) in objects.iter().zip(&answers) {
            let itself = Some(object.object.to_string());
            prop_assert!(settled.iter().all(|agreed| answer == agreed || (object.held_up_by_itself() && *answer == itself)));
        }
    }
}
