use super::*;
use crate::domain::{
    desired::WantedPool,
    registration::{Entered, PoolRecord},
    testing::desired,
};

/// `desired()` wants organization `contoso` and group `builds` of this one.
const MINE: &str = "00000004-0000-0000-0000-000000000001";
const OTHER: &str = "00000004-0000-0000-0000-000000000002";

const TWO_TEAMS: &str = r#"
rules:
  - namespaces: [team-a]
    subscriptions:
      - subscriptionId: 00000004-0000-0000-0000-000000000001
        resourceGroups: [builds, agents]
    organizations: [contoso]
  - namespaces: [team-a]
    subscriptions:
      - subscriptionId: 00000004-0000-0000-0000-000000000002
    organizations: [fabrikam]
    allowAdopt: true
    allowDelete: true
  - namespaces: [team-b]
    subscriptions:
      - subscriptionId: 00000004-0000-0000-0000-000000000002
    organizations: ["*"]
"#;

fn fences(text: &str) -> Fences {
    Fences::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// One rule for `team-a` with these lines in it.
fn rule(lines: &str) -> String {
    format!("rules:\n  - namespaces: [team-a]\n    {lines}\n")
}

fn wanting(organization: &str, subscription: &str, group: &str) -> Desired {
    let subscription = SubscriptionId::parse(subscription).unwrap();
    Desired {
        organization: OrganizationName::parse(organization).unwrap(),
        identity: IdentityId::new(subscription, group, "agents").unwrap(),
        ..desired()
    }
}

fn verdict(fences: &Fences, namespace: &str, desired: &Desired) -> Result<(), (String, Vec<String>)> {
    fences.around(namespace, None).admits(desired).map_err(|beyond| (beyond.field, beyond.allowed))
}

#[test]
fn without_a_file_everything_is_allowed() {
    let all = Desired { adoption: AdoptionPolicy::Adopt, deletion: DeletionPolicy::Delete, ..desired() };
    let fence = Fences::Open.around("anywhere", None);
    assert!(fence.is_open());
    assert_eq!(fence.admits(&all), Ok(()));
}

#[test]
fn with_a_file_a_namespace_that_no_rule_names_may_use_nothing() {
    for (text, namespace) in [(TWO_TEAMS, "team-c"), ("rules: []", "team-a")] {
        let told = fences(text).around(namespace, None).admits(&desired()).unwrap_err();
        assert_eq!((told.field.as_str(), told.value.as_str()), ("metadata.namespace", namespace));
    }
}

#[test]
fn subscription_group_and_organization_are_judged_in_this_order() {
    type Expected<'a> = Result<(), (&'a str, &'a [&'a str])>;
    let fences = fences(TWO_TEAMS);
    let table: [(&str, &str, &str, &str, Expected<'_>); 9] = [
        ("team-a", "contoso", MINE, "builds", Ok(())),
        ("team-a", "contoso", MINE, "agents", Ok(())),
        ("team-a", "fabrikam", OTHER, "anything", Ok(())),
        ("team-b", "anybody", OTHER, "anything", Ok(())),
        ("team-b", "contoso", MINE, "builds", Err(("spec.identity.subscriptionId", &[OTHER]))),
        ("team-a", "contoso", MINE, "shared", Err(("spec.identity.resourceGroup", &["builds", "agents"]))),
        ("team-a", "contoso", MINE, "build", Err(("spec.identity.resourceGroup", &["builds", "agents"]))),
        ("team-a", "northwind", MINE, "builds", Err(("spec.organization", &["contoso"]))),
        (
            "team-a",
            "contoso",
            "00000004-0000-0000-0000-000000000003",
            "builds",
            Err(("spec.identity.subscriptionId", &[MINE, OTHER])),
        ),
    ];
    for (namespace, organization, subscription, group, expected) in table {
        let expected = expected.map_err(|(field, allowed)| {
            (field.to_owned(), allowed.iter().map(ToString::to_string).collect())
        });
        let wanted = wanting(organization, subscription, group);
        assert_eq!(verdict(&fences, namespace, &wanted), expected, "{namespace} {wanted:?}");
    }
}

#[test]
fn rules_add_up_but_one_rule_must_have_both_place_and_organization() {
    // Each half is in some rule of team-a, and no rule has both.
    let crossed = wanting("fabrikam", MINE, "builds");
    assert_eq!(
        verdict(&fences(TWO_TEAMS), "team-a", &crossed),
        Err(("spec.organization".into(), vec!["contoso".into()]))
    );
}

#[test]
fn adopt_and_delete_are_refused_unless_a_rule_about_this_very_place_allows_them() {
    type Change = fn(&mut Desired);
    let fences = fences(TWO_TEAMS);
    let table: [(Change, &str, &[&str]); 2] = [
        (|d| d.adoption = AdoptionPolicy::Adopt, "spec.adoptionPolicy", &["IfOwned", "Never"]),
        (|d| d.deletion = DeletionPolicy::Delete, "spec.deletionPolicy", &["Retain"]),
    ];
    for (change, field, allowed) in table {
        let (mut here, mut there) = (desired(), wanting("fabrikam", OTHER, "any"));
        change(&mut here);
        change(&mut there);
        let allowed = allowed.iter().map(ToString::to_string).collect();
        assert_eq!(verdict(&fences, "team-a", &here), Err((field.to_owned(), allowed)));
        assert_eq!(verdict(&fences, "team-a", &there), Ok(()));
    }
    for adoption in [AdoptionPolicy::IfOwned, AdoptionPolicy::Never] {
        assert_eq!(verdict(&fences, "team-a", &Desired { adoption, ..desired() }), Ok(()));
    }
}

#[test]
fn two_rules_about_one_place_add_up_also_in_what_they_allow() {
    let rule = |more: &str| {
        format!(
            "  - {{namespaces: [a], subscriptions: [{{subscriptionId: '*'}}], organizations: ['*'], {more}: true}}\n"
        )
    };
    let both = fences(&format!("rules:\n{}{}", rule("allowAdopt"), rule("allowDelete")));
    let all = Desired { adoption: AdoptionPolicy::Adopt, deletion: DeletionPolicy::Delete, ..desired() };
    assert_eq!(verdict(&both, "a", &all), Ok(()));
}

#[test]
fn names_in_azure_are_compared_without_regard_to_case_and_namespaces_with() {
    let text = "rules:\n- namespaces: [team-a]\n  subscriptions:\n  - subscriptionId: ABCDEF04-0000-0000-0000-000000000001\n    resourceGroups: [BÜilds]\n  organizations: [ConToso]\n";
    let wanted = wanting("CONTOSO", "abcdef04-0000-0000-0000-000000000001", "büILDS");
    assert_eq!(verdict(&fences(text), "team-a", &wanted), Ok(()));
    assert!(verdict(&fences(text), "Team-A", &wanted).is_err());
}

#[test]
fn any_place_can_be_judged_for_itself_under_the_name_of_its_field() {
    let fence = fences(TWO_TEAMS).around("team-b", None);
    let organization = OrganizationName::parse("contoso").unwrap();
    let (mine, other) = (SubscriptionId::parse(MINE).unwrap(), SubscriptionId::parse(OTHER).unwrap());
    let place = |subscription| Place { field: "pools[linux]", subscription, resource_group: "pools" };
    assert_eq!(fence.admits_place(&organization, place(&other)), Ok(()));
    let beyond = fence.admits_place(&organization, place(&mine)).unwrap_err();
    assert_eq!(beyond.field, "spec.pools[linux].subscriptionId");
}

#[test]
fn a_pool_beyond_the_fence_stops_the_object_whether_it_is_wished_or_only_remembered() {
    let fence = fences(TWO_TEAMS).around("team-b", None);
    let organization = OrganizationName::parse("contoso").unwrap();
    let pool =
        |subscription| PoolId::new(SubscriptionId::parse(subscription).unwrap(), "pools", "linux").unwrap();
    let wanting_pool = |subscription| Desired {
        pools: vec![WantedPool { name: "linux".into(), id: pool(subscription) }],
        ..wanting("contoso", OTHER, "pools")
    };
    assert_eq!(fence.admits(&wanting_pool(OTHER)), Ok(()));
    assert_eq!(fence.admits(&wanting_pool(MINE)).unwrap_err().field, "spec.pools[].subscriptionId");

    let remembering = |subscription| {
        Record::default().with_pool("linux", PoolRecord::new(pool(subscription)).entered(Entered::Ahead))
    };
    assert_eq!(fence.admits_remembered(&organization, &remembering(OTHER)), Ok(()));
    assert!(fence.admits_remembered(&organization, &remembering(MINE)).is_err());
}

mod selectors {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn selecting(selector: &str) -> Fences {
        fences(&format!(
            "rules:\n- namespaces: [by-name]\n  namespaceSelector: {selector}\n  subscriptions: [{{subscriptionId: '*'}}]\n  organizations: ['*']\n"
        ))
    }

    #[test]
    fn a_rule_is_about_the_namespaces_that_it_names_and_those_with_its_labels() {
        let table = [
            ("{matchLabels: {team: a}}", &[("team", "a"), ("x", "y")][..], true),
            ("{matchLabels: {team: a}}", &[("team", "A")], false),
            ("{matchLabels: {team: a, stage: prod}}", &[("team", "a")], false),
            ("{matchExpressions: [{key: team, operator: In, values: [a, b]}]}", &[("team", "b")], true),
            ("{matchExpressions: [{key: team, operator: In, values: [a, b]}]}", &[], false),
            ("{matchExpressions: [{key: team, operator: NotIn, values: [a]}]}", &[("team", "b")], true),
            ("{matchExpressions: [{key: team, operator: Exists}]}", &[("team", "")], true),
            ("{matchExpressions: [{key: team, operator: DoesNotExist}]}", &[("team", "a")], false),
            (
                "{matchLabels: {x: y}, matchExpressions: [{key: team, operator: Exists}]}",
                &[("team", "a")],
                false,
            ),
        ];
        for (selector, pairs, expected) in table {
            let fences = selecting(selector);
            assert!(fences.ask_for_labels());
            let admits =
                |namespace| fences.around(namespace, Some(&labels(pairs))).admits(&desired()).is_ok();
            assert_eq!(admits("labelled"), expected, "{selector} {pairs:?}");
            assert!(admits("by-name"), "{selector}");
        }
    }

    #[test]
    fn labels_that_cannot_be_read_match_no_selector_and_the_message_says_so() {
        let fences = selecting("{matchExpressions: [{key: team, operator: DoesNotExist}]}");
        let told = fences.around("unread", None).admits(&desired()).unwrap_err().to_string();
        assert!(told.contains("cannot read the namespace's labels: give it the right"), "{told}");
        assert_eq!(fences.around("by-name", None).admits(&desired()), Ok(()));
        let read = fences.around("read", Some(&labels(&[("team", "a")]))).admits(&desired()).unwrap_err();
        assert!(!read.to_string().contains("labels"), "{read}");
    }

    #[test]
    fn labels_are_asked_for_only_where_a_rule_selects_by_them() {
        assert!(!Fences::Open.ask_for_labels());
        assert!(!fences(TWO_TEAMS).ask_for_labels());
        let told = fences(TWO_TEAMS).around("team-c", None).admits(&desired()).unwrap_err().to_string();
        assert!(!told.contains("labels"), "{told}");
    }
}

mod messages {
    use super::*;

    #[test]
    fn a_refusal_names_field_value_what_is_allowed_and_whom_to_ask() {
        let told = |namespace, desired: &Desired| {
            fences(TWO_TEAMS).around(namespace, None).admits(desired).unwrap_err().to_string()
        };
        assert_eq!(
            told("team-a", &wanting("contoso", MINE, "shared")),
            "spec.identity.resourceGroup: shared may not be used in namespace team-a (allowed: builds, agents); choose what is allowed, in a new object where the field cannot be changed, or ask whoever keeps the fences file (MDI_FENCES_FILE) to allow shared"
        );
        assert_eq!(
            told("team-a", &Desired { adoption: AdoptionPolicy::Adopt, ..desired() }),
            "spec.adoptionPolicy: Adopt may not be used in namespace team-a (allowed: IfOwned, Never); choose what is allowed, in a new object where the field cannot be changed, or ask whoever keeps the fences file (MDI_FENCES_FILE) to allow Adopt"
        );
        assert_eq!(
            told("team-c", &desired()),
            "metadata.namespace: no rule of the fences file names namespace team-c, so its objects may use nothing; ask whoever keeps the file (MDI_FENCES_FILE) for a rule"
        );
    }

    #[test]
    fn a_long_list_is_cut_and_each_value_is_listed_once() {
        let groups: Vec<String> = (0..8).map(|i| format!("group-{i}")).collect();
        let text = rule(&format!(
            "subscriptions: [{{subscriptionId: {MINE}, resourceGroups: [{}, group-0]}}]\n    organizations: [contoso]",
            groups.join(", ")
        ));
        let told = fences(&text).around("team-a", None).admits(&desired()).unwrap_err().to_string();
        assert!(told.contains("(allowed: group-0, group-1, group-2, group-3, group-4 and 3 more)"), "{told}");
    }
}

mod the_file {
    use super::*;

    const SOME: &str = "subscriptions: [{subscriptionId: '*'}]\n    organizations: ['*']";

    #[test]
    fn what_ships_is_a_file_that_can_be_used() {
        let sample = fences(include_str!("../../../deploy/samples/fences-two-teams.yaml"));
        assert_eq!(sample.rules(), 2);
        assert_eq!(fences(include_str!("../../../deploy/overlays/fenced/fences.yaml")).rules(), 0);
    }

    #[test]
    fn a_star_stands_for_all_and_an_absent_list_of_groups_for_the_whole_subscription() {
        let text = format!("rules:\n  - namespaces: ['*']\n    {SOME}\n");
        assert_eq!(verdict(&fences(&text), "anywhere", &desired()), Ok(()));
    }

    /// What is wrong with a text, the text, and two things that are told of it: where and what, and the next step.
    type Case = (&'static str, String, &'static str, &'static str);

    fn each_is_refused(table: impl IntoIterator<Item = Case>) {
        for (what, text, wrong, next) in table {
            let told = Fences::parse(&text).expect_err(what).to_string();
            assert!(told.contains(wrong) && told.contains(next), "{what}: {told}");
            assert!(!told.contains('\n'), "{what}: {told}");
        }
    }

    #[test]
    fn a_text_that_is_no_fences_file_is_refused_with_line_and_key() {
        each_is_refused([
            ("nothing in it", String::new(), "line 1", "fences-two-teams.yaml"),
            ("no rules", "rules:\n".into(), "line 1", "expected sequence"),
            ("another key", "rules: []\nfences: []\n".into(), "line 2", "unknown field `fences`"),
            ("a misspelled key", rule(&format!("{SOME}\n    allowAdop: true")), "line 5", "`allowAdop`"),
            ("no boolean", rule(&format!("{SOME}\n    allowAdopt: perhaps")), "line 5", "boolean"),
            ("a key given twice", rule(&format!("{SOME}\n    organizations: [x]")), "line 5", "duplicate"),
            ("a key left out", rule("organizations: ['*']"), "line 3", "missing field `subscriptions`"),
            ("a list that is none", "rules: {}".into(), "line 1", "expected sequence"),
            ("no YAML", "rules: [a".into(), "line 1", "unclosed"),
            (
                "a second document, which would be overlooked",
                "rules: []\n---\nrules: []\n".into(),
                "line 3",
                "multiple",
            ),
        ]);
    }

    #[test]
    fn a_value_that_means_nothing_or_could_mean_two_things_is_refused_with_line_value_and_next_step() {
        each_is_refused([
            (
                "a name instead of an id",
                rule("subscriptions:\n      - subscriptionId: prod\n    organizations: [contoso]"),
                "line 4, subscriptionId: \"prod\" is not the GUID of a subscription",
                "correct it",
            ),
            (
                "a URL instead of a name",
                rule(
                    "subscriptions: [{subscriptionId: '*'}]\n    organizations: ['https://dev.azure.com/contoso']",
                ),
                "line 4, organizations: \"https://dev.azure.com/contoso\" is not an organization name",
                "correct it",
            ),
            (
                "a pattern",
                rule(
                    "subscriptions: [{subscriptionId: '*', resourceGroups: ['team-*']}]\n    organizations: ['*']",
                ),
                "line 3, resourceGroups: \"team-*\" is not the name of a resource group",
                "no other pattern",
            ),
            (
                "an id instead of a group",
                rule(
                    "subscriptions: [{subscriptionId: '*', resourceGroups: [/subscriptions/x]}]\n    organizations: ['*']",
                ),
                "line 3, resourceGroups: \"/subscriptions/x\"",
                "correct it",
            ),
            (
                "a namespace that cannot be",
                format!("rules:\n  - namespaces: [Team_A]\n    {SOME}\n"),
                "line 2, namespaces: \"Team_A\" is not the name of a namespace",
                "correct it",
            ),
            (
                "nobody",
                format!("rules:\n  - namespaces: []\n    {SOME}\n"),
                "line 2, the rule names no",
                "give it",
            ),
            (
                "no subscription",
                rule("subscriptions: []\n    organizations: ['*']"),
                "line 3, subscriptions is empty",
                "take the whole rule out",
            ),
            (
                "no group",
                rule("subscriptions: [{subscriptionId: '*', resourceGroups: []}]\n    organizations: ['*']"),
                "line 3, resourceGroups is empty",
                "leave the key out",
            ),
            (
                "all and one",
                rule("subscriptions: [{subscriptionId: '*'}]\n    organizations: [contoso, '*']"),
                "line 4, organizations: \"*\" stands beside other names",
                "leave it alone",
            ),
            (
                "a selector of all",
                format!("rules:\n  - namespaceSelector: {{}}\n    {SOME}\n"),
                "line 2, namespaceSelector: empty",
                "namespaces: [\"*\"]",
            ),
            (
                "a misspelled selector",
                format!("rules:\n  - namespaceSelector: {{matchLabel: {{a: b}}}}\n    {SOME}\n"),
                "line 2",
                "`matchLabel`",
            ),
            (
                "an expression that says nothing",
                format!(
                    "rules:\n  - namespaceSelector:\n      matchExpressions:\n      - {{key: team, operator: In}}\n    {SOME}\n"
                ),
                "line 4, matchExpressions: the expression about \"team\" has no values",
                "give it one",
            ),
        ]);
    }
}
