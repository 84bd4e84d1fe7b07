use super::*;
use crate::{
    api::v1alpha1::Origin,
    domain::{
        failure::Cause,
        mark::MarkSeen,
        testing::{CLUSTER, failure, holding, identity, key, mark_of, marked, principal, released},
    },
};

fn farewell(record: &Record, identity: &Fact<Identity>) -> Farewell {
    decide(&Me { cluster: CLUSTER.into(), object: key("team-a/agents") }, record, identity)
}

#[test]
fn an_identity_that_is_ours_gets_its_mark_released_and_keeps_everything_else() {
    let mut seen = marked(&Mark { origin: Origin::Created, ..mark_of("team-a/agents") });
    seen.tags.set("cost-center", "42");
    for record in [Record::default(), holding(1, Origin::Created)] {
        let Farewell::Release { tags, principal: read } = farewell(&record, &Fact::Known(seen.clone()))
        else {
            panic!("an identity of ours is released");
        };
        let expected = released(Mark { origin: Origin::Created, ..mark_of("team-a/agents") });
        assert_eq!(MarkSeen::in_tags(&tags), MarkSeen::Complete(expected));
        assert_eq!(tags.get("cost-center"), Some("42"));
        assert_eq!(read, principal(1));
    }
}

#[test]
fn what_is_not_ours_or_bears_no_standing_mark_of_ours_is_not_touched() {
    let ours = || mark_of("team-a/agents");
    for (record, seen) in [
        (Record::default(), Fact::Absent),
        (Record::default(), Fact::Known(identity())),
        (holding(1, Origin::Created), Fact::Known(identity())),
        (holding(1, Origin::Created), Fact::Known(marked(&mark_of("team-b/agents")))),
        (holding(2, Origin::Created), Fact::Known(marked(&ours()))),
        (Record::default(), Fact::Known(marked(&released(ours())))),
    ] {
        assert_eq!(farewell(&record, &seen), Farewell::NothingToRelease, "{record:?} {seen:?}");
    }
}

#[test]
fn it_ends_also_when_azure_does_not_answer() {
    for cause in [Cause::Unavailable, Cause::AuthorizationFailed, Cause::SignInFailed(None)] {
        let failure = failure(cause);
        assert_eq!(
            farewell(&holding(1, Origin::Created), &Fact::Unknown(failure.clone())),
            Farewell::LeaveBehind(failure)
        );
    }
}
