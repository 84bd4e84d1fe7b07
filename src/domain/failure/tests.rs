use super::*;
use crate::domain::testing::{causes, failure};

#[test]
fn every_failure_is_told_with_its_code_azure_s_words_and_a_next_step() {
    for cause in causes() {
        let failure = failure(cause);
        let told = failure.told();
        assert!(told.starts_with(&format!("{}: Azure says no; ", failure.code)), "{told}");
        assert!(told.ends_with(&failure.next_step()) && !failure.next_step().ends_with('.'), "{told}");
    }
}

#[test]
fn long_words_of_azure_never_push_the_next_step_out_of_a_message() {
    let failure = Failure { message: "blah ".repeat(5000), ..failure(Cause::PolicyDenied) };
    assert!(failure.told().ends_with(&failure.next_step()));
    assert!(failure.told().chars().count() < 2048);
}

#[test]
fn only_an_answer_that_never_came_or_that_nobody_understands_leaves_the_outcome_open() {
    for cause in causes() {
        let open = matches!(cause, Cause::Unavailable | Cause::Unexpected);
        assert_eq!(failure(cause.clone()).leaves_the_outcome_open(), open, "{cause:?}");
    }
}
