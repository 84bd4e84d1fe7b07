use super::*;
use crate::{
    api::v1alpha1::AdoptionPolicy,
    domain::{
        failure::Cause,
        mark::Mark,
        names::SubscriptionId,
        pool::{Entry, IdentityBlock, Serves},
        testing::{CLUSTER, desired, failure, holding, identity, key, mark_of, marked, released, sibling},
    },
};

fn me() -> Me {
    Me { cluster: CLUSTER.into(), object: key("team-a/agents") }
}

fn created() -> Identity {
    marked(&Mark { origin: Origin::Created, ..mark_of("team-a/agents") })
}

fn with(record: &Record, siblings: &[Sibling], seen: &Fact<Identity>) -> Deletion {
    let id = desired().identity;
    decide(&me(), &id, Some(&id.to_string()), record, Definition::Stands, siblings, seen)
}

#[test]
fn only_what_this_object_created_this_very_principal_may_be_deleted() {
    let ours = holding(1, Origin::Created);
    assert_eq!(with(&ours, &[], &Fact::Known(created())), Deletion::Allowed);
    let adopted = marked(&mark_of("team-a/agents"));
    for (record, seen, why) in [
        (holding(1, Origin::Adopted), created(), WhyRetain::NotCreated),
        (Record::default(), created(), WhyRetain::NotCreated),
        (holding(2, Origin::Created), created(), WhyRetain::NotOurs),
        (ours.clone(), adopted, WhyRetain::NotCreated),
        (ours.clone(), identity(), WhyRetain::NotCreated),
        (ours.clone(), marked(&released(mark_of("team-b/agents"))), WhyRetain::NotOurs),
        (ours.clone(), marked(&mark_of("team-b/agents")), WhyRetain::NotOurs),
    ] {
        assert_eq!(with(&record, &[], &Fact::Known(seen)), Deletion::Retain(why));
    }
}

#[test]
fn what_cannot_be_read_is_not_deleted_and_what_is_gone_needs_no_deletion() {
    let broken = failure(Cause::Unavailable);
    let ours = holding(1, Origin::Created);
    assert_eq!(with(&ours, &[], &Fact::Unknown(broken.clone())), Deletion::Unknown(broken));
    assert_eq!(with(&ours, &[], &Fact::Absent), Deletion::Gone);
}

#[test]
fn a_definition_that_goes_or_cannot_be_read_and_another_recorded_id_mean_retain() {
    let (id, ours, seen) = (desired().identity, holding(1, Origin::Created), Fact::Known(created()));
    let case =
        |recorded: Option<&str>, definition| decide(&me(), &id, recorded, &ours, definition, &[], &seen);
    assert_eq!(case(None, Definition::Terminating), Deletion::Retain(WhyRetain::DefinitionTerminating));
    assert_eq!(case(None, Definition::Unreadable), Deletion::Retain(WhyRetain::DefinitionUnreadable));
    assert_eq!(case(Some("/subscriptions/other"), Definition::Stands), Deletion::Retain(WhyRetain::OtherId));
    assert_eq!(case(Some(&id.to_string().to_uppercase()), Definition::Stands), Deletion::Allowed);
}

#[test]
fn another_object_that_manages_the_identity_keeps_it_even_while_it_is_suspended_or_held_up() {
    let ours = holding(1, Origin::Created);
    let seen = Fact::Known(created());
    let other = |object: &str| sibling(object, 1);
    let shared = |other: &Sibling| Deletion::Retain(WhyRetain::Shared(other.object.clone()));
    for keeps in [
        other("team-a/other"),
        Sibling { suspended: true, ..other("team-a/other") },
        Sibling { stalled: Some(crate::api::conditions::Reason::OwnershipConflict), ..other("team-a/other") },
        Sibling { adoption: AdoptionPolicy::Adopt, ..other("team-b/other") },
    ] {
        assert_eq!(with(&ours, std::slice::from_ref(&keeps), &seen), shared(&keeps));
    }
    for does_not in [
        Sibling { terminating: true, ..other("team-a/other") },
        Sibling { mode: Mode::Observe, ..other("team-a/other") },
        Sibling { adoption: AdoptionPolicy::Never, ..other("team-a/other") },
        other("team-b/other"),
    ] {
        assert_eq!(with(&ours, &[does_not], &seen), Deletion::Allowed);
    }
}

#[test]
fn a_pool_that_lists_the_identity_in_any_spelling_stands_in_the_way_and_is_named() {
    let id = desired().identity;
    let pool = |name: &str, state: &str, key: Option<String>| Pool {
        id: PoolId::new(SubscriptionId::parse(id.subscription().as_str()).unwrap(), "builds", name).unwrap(),
        provisioning_state: state.into(),
        serves: Serves::Other("GitHub".into()),
        identities: IdentityBlock {
            entries: key.into_iter().map(|key| Entry { key, principal: None }).collect(),
            ..IdentityBlock::default()
        },
    };
    let free = pool("free", "Succeeded", Some(id.to_string().replace("agents", "others")));
    assert_eq!(listing(&id, [&free]), None);
    let lists = pool("lists", "Succeeded", Some(id.to_string().to_uppercase()));
    let obstacle = listing(&id, [&free, &lists]).unwrap();
    assert_eq!(obstacle, Obstacle::Listed(vec![lists.id.clone()]));
    assert!(
        obstacle.told(&id).contains("/pools/lists") && obstacle.told(&id).contains("deletionPolicy: Retain")
    );
    let moving = pool("moving", "Updating", Some(id.to_string()));
    assert!(listing(&id, [&moving]).unwrap().passes());
    assert!(!obstacle.passes());
}
