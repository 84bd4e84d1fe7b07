use proptest::prelude::*;

use super::*;

const HALF_AN_HOUR: Duration = Duration::from_mins(30);

proptest! {
    #[test]
    fn a_settled_object_is_looked_at_once_an_interval_give_or_take_a_tenth(random in 0.0..1.0f64) {
        let wait = next_look(Outcome::Settled, HALF_AN_HOUR, 0, random);
        prop_assert!(wait >= HALF_AN_HOUR.mul_f64(0.9) && wait <= HALF_AN_HOUR.mul_f64(1.1));
    }

    #[test]
    fn a_stalled_object_is_never_looked_at_more_often_than_every_ten_minutes(secs in 60u64..86_400, random in 0.0..1.0f64) {
        let wait = next_look(Outcome::Stalled, Duration::from_secs(secs), 0, random);
        prop_assert!(wait >= SLOW_AT_LEAST);
    }

    #[test]
    fn a_failure_backs_off_between_five_seconds_and_five_minutes_and_waits_as_azure_asked_within_the_interval(
        attempts in 0u32..1000, random in 0.0..1.0f64, hint in proptest::option::of(0u64..1600),
    ) {
        let not_before = hint.map(Duration::from_secs);
        let wait = next_look(Outcome::Retrying { class: Class::Throttled, not_before }, HALF_AN_HOUR, attempts, random);
        prop_assert!(wait >= BACK_OFF.0 && wait >= not_before.unwrap_or_default());
        prop_assert!(wait <= BACK_OFF.1.max(not_before.unwrap_or_default().mul_f64(1.1)));
    }

    #[test]
    fn no_wait_that_azure_asked_for_puts_the_next_look_off_beyond_the_interval(
        attempts in 0u32..1000, random in 0.0..1.0f64, asked in 0u64..100_000, interval in 60u64..86_400,
    ) {
        let (asked, interval) = (Duration::from_secs(asked), Duration::from_secs(interval));
        for outcome in [
            Outcome::Waiting(asked),
            Outcome::Retrying { class: Class::Throttled, not_before: Some(asked) },
        ] {
            let wait = next_look(outcome, interval, attempts, random);
            prop_assert!(wait <= interval.mul_f64(1.1).max(BACK_OFF.1), "{outcome:?} {wait:?}");
        }
    }
}

#[test]
fn settling_takes_seconds_and_grows() {
    let waits: Vec<u64> =
        (1..7).map(|n| next_look(Outcome::Settling, HALF_AN_HOUR, n, 0.0).as_secs()).collect();
    assert_eq!(waits, [5, 5, 8, 16, 32, 32]);
}

proptest! {
    #[test]
    fn what_is_to_be_tried_again_at_the_slow_pace_is_due_by_the_next_slow_look(secs in 60u64..86_400, random in 0.0..1.0f64) {
        let interval = Duration::from_secs(secs);
        let look = next_look(Outcome::Stalled, interval, 0, random);
        prop_assert!(soonest_slow_look(interval) <= look);
        prop_assert!(soonest_slow_look(interval) >= SLOW_AT_LEAST);
    }
}

#[test]
fn a_pass_that_was_overtaken_begins_anew_at_once_and_then_ever_later() {
    let wait = |attempts| next_look(Outcome::Again, HALF_AN_HOUR, attempts, 1.0);
    assert_eq!([0, 1].map(wait), [Duration::ZERO; 2]);
    assert_eq!([2, 3, 4, 100].map(|attempts| wait(attempts).as_secs()), [2, 4, 8, 32]);
}

#[test]
fn what_nobody_foresaw_backs_off_and_is_then_looked_at_slowly() {
    let outcome = Outcome::Retrying { class: Class::Unexpected, not_before: None };
    assert!(next_look(outcome, HALF_AN_HOUR, 10, 0.5) <= BACK_OFF.1);
    assert!(next_look(outcome, HALF_AN_HOUR, 11, 0.5) >= SLOW_AT_LEAST);
}

#[test]
fn first_looks_at_settled_objects_are_spread_and_those_at_others_only_shuffled() {
    for (settled, objects, window) in [
        (true, 1, 100),
        (true, 100, 10_000),
        (true, 5000, 60_000),
        (false, 1, 2),
        (false, 100, 200),
        (false, 5000, 2000),
    ] {
        let window = Duration::from_millis(window);
        assert_eq!(first_look(settled, objects, 0.0), Duration::ZERO);
        assert_eq!(first_look(settled, objects, 0.5), window / 2);
        assert!(first_look(settled, objects, 0.999) < window);
    }
}
