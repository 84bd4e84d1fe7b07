use super::*;

#[test]
fn a_key_is_found_in_any_case_and_keeps_the_spelling_it_came_with() {
    let mut tags: Tags = [("CostCenter", "42")].into_iter().collect();
    assert_eq!(tags.get("costcenter"), Some("42"));
    tags.set("COSTCENTER", "43");
    assert_eq!(tags.iter().collect::<Vec<_>>(), [("CostCenter", "43")]);
    tags.remove("costCenter");
    assert!(tags.is_empty());
}
