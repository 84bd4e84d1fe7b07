use super::*;
use crate::{
    api::{
        names::mark::{CLUSTER as CLUSTER_KEY, ORIGIN},
        v1alpha1::Origin,
    },
    domain::{
        tags::Tags,
        testing::{CLUSTER, FORMER_CLUSTER, cluster, holding, key, mark_of, principal, released},
    },
};

fn me() -> Me<'static> {
    Me { cluster: cluster(), object: key("team-a/agents") }
}

fn seen(mark: Mark) -> MarkSeen {
    MarkSeen::Complete(mark)
}

fn incomplete() -> MarkSeen {
    MarkSeen::in_tags(&[(CLUSTER_KEY, "cluster-2")].into_iter().collect::<Tags>(), cluster())
}

fn of_another_cluster(object: &str) -> Mark {
    Mark { cluster: "cluster-2".into(), ..mark_of(object) }
}

/// The record holds nothing, this principal, or another one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Holds {
    Nothing,
    This,
    Another,
}

fn judged(mark: &MarkSeen, holds: Holds, owner: Option<&MarkOwner>) -> Ownership {
    let record = match holds {
        Holds::Nothing => Record::default(),
        Holds::This => holding(1, Origin::Created),
        Holds::Another => holding(2, Origin::Created),
    };
    assess(&me(), &record, mark, &principal(1), owner)
}

const ALL: [Holds; 3] = [Holds::Nothing, Holds::This, Holds::Another];
const VACANT: Ownership = Ownership::Vacant { family: false };
const FAMILY: Ownership = Ownership::Vacant { family: true };

#[test]
fn our_mark_makes_it_ours_unless_the_record_names_another_principal() {
    for mark in [mark_of("team-a/agents"), released(mark_of("team-a/agents"))] {
        let mark = seen(mark);
        for holds in [Holds::Nothing, Holds::This] {
            assert_eq!(judged(&mark, holds, None), Ownership::Ours(mark.clone()), "{holds:?}");
        }
    }
}

#[test]
fn our_mark_on_another_principal_than_the_record_s_was_copied_so_it_is_vacant() {
    for mark in [mark_of("team-a/agents"), released(mark_of("team-a/agents"))] {
        assert_eq!(judged(&seen(mark), Holds::Another, None), VACANT);
    }
}

#[test]
fn without_a_whole_mark_the_record_alone_makes_it_ours() {
    for mark in [MarkSeen::None, incomplete()] {
        assert_eq!(judged(&mark, Holds::This, None), Ownership::Ours(mark.clone()));
    }
}

#[test]
fn without_a_mark_and_without_a_record_of_it_it_is_vacant() {
    for holds in [Holds::Nothing, Holds::Another] {
        assert_eq!(judged(&MarkSeen::None, holds, None), VACANT);
    }
}

#[test]
fn a_released_mark_of_somebody_else_is_vacant_and_of_the_family_only_from_our_own_namespace_and_cluster() {
    for holds in ALL {
        assert_eq!(judged(&seen(released(mark_of("team-a/old"))), holds, None), FAMILY);
        assert_eq!(judged(&seen(released(mark_of("team-b/agents"))), holds, None), VACANT);
        assert_eq!(judged(&seen(released(of_another_cluster("team-a/agents"))), holds, None), VACANT);
    }
}

#[test]
fn a_standing_mark_of_an_object_that_is_gone_counts_as_released() {
    assert_eq!(judged(&seen(mark_of("team-a/old")), Holds::Nothing, Some(&MarkOwner::Gone)), FAMILY);
    assert_eq!(judged(&seen(mark_of("team-b/old")), Holds::Nothing, Some(&MarkOwner::Gone)), VACANT);
}

#[test]
fn a_standing_mark_of_an_object_that_stands_or_cannot_be_read_is_another_s() {
    for owner in [Some(&MarkOwner::Stands), Some(&MarkOwner::Unreadable), None] {
        for holds in ALL {
            let expected = Ownership::Anothers(Owner::Sibling(key("team-a/old")));
            assert_eq!(judged(&seen(mark_of("team-a/old")), holds, owner), expected);
        }
    }
}

#[test]
fn a_standing_mark_of_another_cluster_is_another_s_whatever_this_api_server_says_of_the_name() {
    for owner in [Some(&MarkOwner::Gone), None] {
        let ownership = judged(&seen(of_another_cluster("team-a/agents")), Holds::This, owner);
        assert!(
            matches!(ownership, Ownership::Anothers(Owner::Elsewhere { cluster, .. }) if cluster == "cluster-2")
        );
    }
}

#[test]
fn an_incomplete_mark_is_another_s_and_its_keys_are_listed() {
    let mut tags: Tags = [("MDI-Operator-Cluster", "cluster-1"), ("cost", "1")].into_iter().collect();
    tags.set(ORIGIN, "Created");
    let ownership = judged(&MarkSeen::in_tags(&tags, cluster()), Holds::Nothing, None);
    let keys = vec!["MDI-Operator-Cluster".to_owned(), ORIGIN.to_owned()];
    assert_eq!(ownership, Ownership::Anothers(Owner::Unclear(keys)));
}

#[test]
fn only_a_standing_mark_of_another_object_of_this_cluster_is_looked_up() {
    let looked_up = |mark: MarkSeen| owner_to_look_up(&me(), &mark).cloned();
    assert_eq!(looked_up(seen(mark_of("team-b/agents"))), Some(key("team-b/agents")));
    for mark in [
        MarkSeen::None,
        incomplete(),
        seen(mark_of("team-a/agents")),
        seen(released(mark_of("team-b/agents"))),
        seen(of_another_cluster("team-b/agents")),
    ] {
        assert_eq!(looked_up(mark), None);
    }
}

#[test]
fn a_mark_under_a_former_id_counts_as_one_of_this_cluster_in_every_row_of_the_table() {
    let under = |id: &str, mark: Mark| {
        let mut tags = Tags::default();
        Mark { cluster: id.into(), ..mark }.write(&mut tags);
        MarkSeen::in_tags(&tags, cluster())
    };
    let rows = ["team-a/agents", "team-a/old", "team-b/agents"].map(mark_of);
    for mark in rows.clone().into_iter().chain(rows.map(released)) {
        let (now, before) = (under(CLUSTER, mark.clone()), under(FORMER_CLUSTER, mark));
        assert_eq!(owner_to_look_up(&me(), &now), owner_to_look_up(&me(), &before));
        for holds in ALL {
            for owner in
                [None, Some(&MarkOwner::Gone), Some(&MarkOwner::Stands), Some(&MarkOwner::Unreadable)]
            {
                match (judged(&now, holds, owner), judged(&before, holds, owner)) {
                    (Ownership::Ours(_), Ownership::Ours(MarkSeen::Complete(mark))) => assert!(mark.outdated),
                    (judged_now, judged_before) => assert_eq!(judged_now, judged_before),
                }
            }
        }
    }
}
