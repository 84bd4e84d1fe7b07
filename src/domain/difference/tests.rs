use super::*;
use crate::domain::testing::{desired, identity, tagged};

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Wanted, applied and seen value of one tag, and what that is.
#[test]
fn spec_against_what_was_applied_is_a_wish_and_what_was_applied_against_azure_is_drift() {
    type Value = Option<&'static str>;
    let cases: [(Value, Value, Value, Option<Kind>); 12] = [
        (Some("1"), Some("1"), Some("1"), None),
        (Some("1"), None, Some("1"), None),
        (Some("1"), None, None, Some(Kind::Wish)),
        (Some("1"), None, Some("9"), Some(Kind::Wish)),
        (Some("2"), Some("1"), Some("1"), Some(Kind::Wish)),
        (Some("2"), Some("1"), Some("9"), Some(Kind::Wish)),
        (Some("1"), Some("1"), Some("9"), Some(Kind::Drift)),
        (Some("1"), Some("1"), None, Some(Kind::Drift)),
        (None, Some("1"), Some("1"), Some(Kind::Wish)),
        (None, Some("1"), Some("9"), None),
        (None, Some("1"), None, None),
        (None, None, Some("9"), None),
    ];
    for (wanted, applied, seen, expected) in cases {
        let one = |value: Option<&str>| value.map(|value| ("team".to_owned(), value.to_owned())).into_iter();
        let wish = Desired { tags: one(wanted).collect(), ..desired() };
        let applied = Applied { tags: one(applied).collect(), isolation_scope: None, ..Applied::default() };
        let seen = Identity { tags: one(seen).collect(), ..identity() };
        let found = differences(&wish, Some(&applied), &seen);
        assert_eq!(found.first().map(|d| d.kind), expected, "{wish:?} {applied:?} {seen:?}");
    }
}

#[test]
fn keys_are_compared_without_regard_to_case_and_values_exactly() {
    let wish = Desired { tags: map(&[("Team", "A")]), ..desired() };
    let applied =
        Applied { tags: map(&[("TEAM", "A"), ("Gone", "1")]), isolation_scope: None, ..Applied::default() };
    assert_eq!(differences(&wish, Some(&applied), &tagged(&[("team", "A")])), []);
    let changed = differences(&wish, Some(&applied), &tagged(&[("team", "a"), ("gone", "1")]));
    assert_eq!(changed.iter().map(|d| d.kind).collect::<Vec<_>>(), [Kind::Drift, Kind::Wish]);
    let (tags, _) =
        smallest_change(&tagged(&[("team", "a"), ("gone", "1")]).tags, changed.iter().map(|d| &d.part));
    assert_eq!(tags.unwrap().iter().collect::<Vec<_>>(), [("team", "A")], "the key stays as Azure spells it");
}

#[test]
fn an_absent_isolation_scope_means_left_as_it_is() {
    let regional = Identity { isolation_scope: Some(IsolationScope::Regional), ..identity() };
    let applied = Applied { isolation_scope: Some(IsolationScope::None), ..Applied::default() };
    assert_eq!(differences(&desired(), Some(&applied), &regional), []);
}

#[test]
fn an_isolation_scope_is_compared_as_tags_are_and_none_set_reads_as_none() {
    use IsolationScope::{None as Free, Regional};
    for (wanted, applied, seen, expected) in [
        (Free, None, None, None),
        (Regional, None, None, Some(Kind::Wish)),
        (Regional, Some(Free), Some(Free), Some(Kind::Wish)),
        (Regional, Some(Regional), Some(Free), Some(Kind::Drift)),
        (Regional, Some(Regional), Some(Regional), None),
    ] {
        let wish = Desired { isolation_scope: Some(wanted), ..desired() };
        let applied = Applied { isolation_scope: applied, ..Applied::default() };
        let found = differences(&wish, Some(&applied), &Identity { isolation_scope: seen, ..identity() });
        assert_eq!(found.first().map(|d| d.kind), expected);
    }
}

#[test]
fn a_change_holds_the_whole_tag_map_only_if_a_tag_differs_and_keeps_the_tags_of_others() {
    let seen = tagged(&[("Owner", "somebody"), ("team", "b")]).tags;
    let tag = Part::Tag { key: "team".into(), observed: None, wanted: Some("a".into()) };
    let scope = Part::IsolationScope { observed: IsolationScope::None, wanted: IsolationScope::Regional };
    assert_eq!(smallest_change(&seen, [&scope]), (None, Some(IsolationScope::Regional)));
    let (tags, scope) = smallest_change(&seen, [&tag]);
    assert_eq!(tags.unwrap().iter().collect::<Vec<_>>(), [("Owner", "somebody"), ("team", "a")]);
    assert_eq!(scope, None);
}
