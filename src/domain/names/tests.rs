use super::*;

const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn ids_are_compared_without_regard_to_case() {
    let id =
        |group, name| IdentityId::new(SubscriptionId::parse(SUBSCRIPTION).unwrap(), group, name).unwrap();
    assert_eq!(id("Builds", "agent-1"), id("builds", "AGENT-1"));
    assert_ne!(id("builds", "agent-1"), id("builds", "agent-2"));
    assert!(
        id("Builds", "agent-1")
            .matches(&id("builds", "agent-1").to_string().replace("resourceGroups", "resourcegroups"))
    );
}

#[test]
fn a_zero_guid_names_no_directory() {
    assert!(TenantId::parse("00000000-0000-0000-0000-000000000000").is_err());
    assert_eq!(
        TenantId::parse("AAAAAAAA-2222-3333-4444-555555555555").unwrap().as_str(),
        "aaaaaaaa-2222-3333-4444-555555555555"
    );
    for bad in ["", "contoso", "11111111-2222-3333-4444-55555555555", "g1111111-2222-3333-4444-555555555555"]
    {
        assert!(TenantId::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn regions_differ_neither_by_blanks_nor_by_capitals() {
    assert_eq!(Location::parse("West Europe").unwrap(), Location::parse("westeurope").unwrap());
    assert_ne!(Location::parse("westeurope").unwrap(), Location::parse("northeurope").unwrap());
}

#[test]
fn names_that_azure_would_refuse_are_refused_here() {
    for bad in ["", "-contoso", "contoso-", "con toso", "https://dev.azure.com/contoso", &"a".repeat(51)] {
        assert!(OrganizationName::parse(bad).is_err(), "{bad}");
    }
    for (group, name) in [
        ("", "agent"),
        ("builds.", "agent"),
        ("bui/lds", "agent"),
        ("builds", "ab"),
        ("builds", "-agent"),
        ("builds", "a.b.c"),
    ] {
        assert!(
            IdentityId::new(SubscriptionId::parse(SUBSCRIPTION).unwrap(), group, name).is_err(),
            "{group} {name}"
        );
    }
}
