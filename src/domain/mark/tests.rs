use super::*;
use crate::domain::testing::{
    CLUSTER as HERE, FORMER_CLUSTER, cluster, identity, key, mark_of, marked, principal,
};

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().copied().collect()
}

#[test]
fn a_mark_is_read_as_it_was_written() {
    for released in [false, true] {
        let mark =
            Mark { released, ..Mark::standing("c1", &ObjectKey::new("team-a", "agents"), Origin::Created) };
        let mut tags = tags(&[("cost-center", "42")]);
        mark.write(&mut tags);
        assert_eq!(MarkSeen::in_tags(&tags, cluster()), MarkSeen::Complete(mark));
        Mark::erase(&mut tags);
        assert_eq!(MarkSeen::in_tags(&tags, cluster()), MarkSeen::None);
        assert_eq!(tags.get("cost-center"), Some("42"));
    }
}

#[test]
fn keys_of_a_mark_are_found_in_any_case() {
    let tags = tags(&[
        ("MDI-Operator-Cluster", "c1"),
        ("MDI-Operator-Object", "a/b"),
        ("MDI-Operator-Origin", "Adopted"),
    ]);
    let seen = MarkSeen::in_tags(&tags, cluster());
    assert_eq!(seen, MarkSeen::Complete(Mark::standing("c1", &ObjectKey::new("a", "b"), Origin::Adopted)));
}

#[test]
fn a_mark_with_a_part_missing_or_unreadable_is_incomplete_and_lists_its_keys() {
    let whole = [(CLUSTER, "c1"), (OBJECT, "a/b"), (ORIGIN, "Created")];
    for left_out in 0..whole.len() {
        let part: Vec<_> =
            whole.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, t)| *t).collect();
        assert!(
            matches!(MarkSeen::in_tags(&tags(&part), cluster()), MarkSeen::Incomplete(keys) if keys.len() == 2)
        );
    }
    for (key, bad) in [(CLUSTER, ""), (OBJECT, "no-namespace"), (ORIGIN, "Stolen"), (RELEASED, "yes")] {
        let mut tags = tags(&whole);
        tags.set(key, bad);
        assert!(matches!(MarkSeen::in_tags(&tags, cluster()), MarkSeen::Incomplete(_)), "{key}={bad}");
    }
    assert!(matches!(MarkSeen::in_tags(&tags(&[(RELEASED, "true")]), cluster()), MarkSeen::Incomplete(_)));
}

#[test]
fn a_mark_under_a_former_id_reads_as_this_cluster_s_and_is_written_under_the_present_one() {
    let object = ObjectKey::new("team-a", "agents");
    let mut tags = tags(&[]);
    Mark { released: true, ..Mark::standing(FORMER_CLUSTER, &object, Origin::Created) }.write(&mut tags);
    let MarkSeen::Complete(mark) = MarkSeen::in_tags(&tags, cluster()) else { panic!("a whole mark") };
    assert_eq!(
        mark,
        Mark { released: true, outdated: true, ..Mark::standing(HERE, &object, Origin::Created) }
    );
    mark.write(&mut tags);
    assert_eq!(MarkSeen::in_tags(&tags, cluster()), MarkSeen::Complete(Mark { outdated: false, ..mark }));
}

#[test]
fn a_mark_is_withdrawn_only_while_it_is_ours_and_the_identity_is_the_one_that_it_went_onto() {
    let me = Me { cluster: cluster(), object: key("team-a/agents") };
    let ours = || {
        let mut identity = marked(&mark_of("team-a/agents"));
        identity.tags.set("Owner", "somebody");
        identity
    };
    let tags = withdrawn(&me, &ours(), &principal(1)).unwrap();
    assert_eq!((MarkSeen::in_tags(&tags, cluster()), tags.get("Owner")), (MarkSeen::None, Some("somebody")));

    let elsewhere = Mark { cluster: "cluster-2".into(), ..mark_of("team-a/agents") };
    for (identity, went_onto) in [
        (ours(), principal(2)),
        (identity(), principal(1)),
        (marked(&mark_of("team-b/agents")), principal(1)),
        (marked(&elsewhere), principal(1)),
    ] {
        assert_eq!(withdrawn(&me, &identity, &went_onto), None, "{identity:?}");
    }
}
