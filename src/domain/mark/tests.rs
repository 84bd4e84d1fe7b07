use super::*;

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
        assert_eq!(MarkSeen::in_tags(&tags), MarkSeen::Complete(mark));
        Mark::erase(&mut tags);
        assert_eq!(MarkSeen::in_tags(&tags), MarkSeen::None);
        assert_eq!(tags.get("cost-center"), Some("42"));
    }
}

#[test]
fn keys_of_a_mark_are_found_in_any_case() {
    let seen = MarkSeen::in_tags(&tags(&[
        ("MDI-Operator-Cluster", "c1"),
        ("MDI-Operator-Object", "a/b"),
        ("MDI-Operator-Origin", "Adopted"),
    ]));
    assert_eq!(seen, MarkSeen::Complete(Mark::standing("c1", &ObjectKey::new("a", "b"), Origin::Adopted)));
}

#[test]
fn a_mark_with_a_part_missing_or_unreadable_is_incomplete_and_lists_its_keys() {
    let whole = [(CLUSTER, "c1"), (OBJECT, "a/b"), (ORIGIN, "Created")];
    for left_out in 0..whole.len() {
        let part: Vec<_> =
            whole.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, t)| *t).collect();
        assert!(matches!(MarkSeen::in_tags(&tags(&part)), MarkSeen::Incomplete(keys) if keys.len() == 2));
    }
    for (key, bad) in [(CLUSTER, ""), (OBJECT, "no-namespace"), (ORIGIN, "Stolen"), (RELEASED, "yes")] {
        let mut tags = tags(&whole);
        tags.set(key, bad);
        assert!(matches!(MarkSeen::in_tags(&tags), MarkSeen::Incomplete(_)), "{key}={bad}");
    }
    assert!(matches!(MarkSeen::in_tags(&tags(&[(RELEASED, "true")])), MarkSeen::Incomplete(_)));
}
