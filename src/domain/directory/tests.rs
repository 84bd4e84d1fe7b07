use super::*;
use crate::{
    api::v1alpha1::DriftPolicy,
    domain::{
        observed::{Subscription, SubscriptionState},
        testing::{desired, failure, identity, observed, tenant},
    },
};

fn organization(number: u32) -> Fact<OrganizationDirectory> {
    Fact::Known(OrganizationDirectory::Connected(tenant(number)))
}

fn subscription(number: u32) -> Fact<Subscription> {
    Fact::Known(Subscription { tenant: tenant(number), state: SubscriptionState::Usable })
}

fn identity_of(number: u32) -> Fact<Identity> {
    Fact::Known(Identity { tenant: tenant(number), ..identity() })
}

fn judged(
    organization: Fact<OrganizationDirectory>,
    subscription: Fact<Subscription>,
    identity: Fact<Identity>,
    expected: Option<u32>,
) -> Directory {
    let wanted = Desired { expected_tenant: expected.map(tenant), ..desired() };
    judge(&wanted, &Observed { organization, subscription, ..observed(identity) })
}

#[test]
fn a_directory_matches_only_if_all_that_is_compared_is_known_and_agrees() {
    for identity in [Fact::Absent, identity_of(1)] {
        for expected in [None, Some(1)] {
            let directory = judged(organization(1), subscription(1), identity.clone(), expected);
            assert_eq!(directory, Directory::Matched(tenant(1)));
        }
    }
}

#[test]
fn each_disagreement_is_a_mismatch_with_a_reason_of_its_own() {
    let not_connected = Fact::Known(OrganizationDirectory::NotConnected);
    let cases = [
        (organization(2), subscription(1), Fact::Absent, None, Reason::DirectoryMismatch),
        (not_connected, subscription(1), Fact::Absent, None, Reason::OrganizationNotConnected),
        (organization(1), subscription(1), Fact::Absent, Some(2), Reason::DirectoryMismatch),
        (organization(1), subscription(1), identity_of(2), None, Reason::SubscriptionMoved),
    ];
    for (organization, subscription, identity, expected, reason) in cases {
        let Directory::Mismatched(mismatch) = judged(organization, subscription, identity, expected) else {
            panic!("{reason} is a mismatch");
        };
        assert_eq!(mismatch.reason(), reason);
        assert!(!mismatch.told(&desired()).is_empty());
    }
}

#[test]
fn what_is_unknown_is_never_a_mismatch() {
    for cause in [Cause::Throttled, Cause::Unavailable, Cause::Unexpected, Cause::AuthorizationFailed] {
        let unknown = failure(cause);
        for identity in [Fact::Absent, identity_of(1), identity_of(2), Fact::Unknown(unknown.clone())] {
            let directory = judged(organization(1), Fact::Unknown(unknown.clone()), identity.clone(), None);
            assert_eq!(directory, Directory::Unknown(unknown.clone()));
        }
        let directory = judged(Fact::Unknown(unknown.clone()), subscription(1), identity_of(1), None);
        assert_eq!(directory, Directory::Unknown(unknown));
    }
}

#[test]
fn what_is_known_to_disagree_is_a_mismatch_whatever_else_is_unknown() {
    let unknown = failure(Cause::Unavailable);
    for directory in [
        judged(Fact::Unknown(unknown.clone()), subscription(1), Fact::Absent, Some(2)),
        judged(Fact::Unknown(unknown.clone()), subscription(1), identity_of(2), None),
        judged(organization(1), Fact::Unknown(unknown), Fact::Absent, Some(2)),
    ] {
        assert!(matches!(directory, Directory::Mismatched(_)), "{directory:?}");
    }
}

#[test]
fn an_organization_or_a_subscription_that_is_not_there_is_no_mismatch() {
    assert_eq!(judged(Fact::Absent, subscription(1), Fact::Absent, None), Directory::OrganizationNotFound);
    let directory = judged(organization(1), Fact::Absent, Fact::Absent, None);
    assert!(
        matches!(directory, Directory::Unknown(failure) if doubt_reason(&failure) == Reason::SubscriptionNotFound)
    );
}

#[test]
fn each_doubt_has_a_reason_of_its_own() {
    for (cause, reason) in [
        (Cause::SubscriptionNotFound, Reason::SubscriptionNotFound),
        (Cause::AuthorizationFailed, Reason::SubscriptionNotReadable),
        (Cause::WrongTenant(vec![]), Reason::SignedInElsewhere),
        (Cause::SignInFailed(None), Reason::SignInFailed),
        (Cause::Unavailable, Reason::CheckFailed),
        (Cause::Unexpected, Reason::CheckFailed),
    ] {
        assert_eq!(doubt_reason(&failure(cause)), reason);
    }
}

#[test]
fn a_mismatch_names_both_directories_and_the_page_on_which_the_organization_s_is_switched() {
    let Directory::Mismatched(mismatch) = judged(organization(2), subscription(1), Fact::Absent, None) else {
        panic!("two directories are a mismatch");
    };
    let told = mismatch.told(&desired());
    for part in
        [tenant(1).as_str(), tenant(2).as_str(), "https://dev.azure.com/contoso/_settings/organizationAad"]
    {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_moved_subscription_s_remedy_is_to_delete_the_identity_and_under_report_also_to_set_correct() {
    let moved = Mismatch::Moved { identity: tenant(2), subscription: tenant(1) };
    let told = |drift| moved.told(&Desired { drift, ..desired() });
    assert!(told(DriftPolicy::Correct).contains("delete the identity in Azure, then it is created anew"));
    assert!(!told(DriftPolicy::Correct).contains("driftPolicy"));
    assert!(told(DriftPolicy::Report).contains("driftPolicy is Correct"));
}
