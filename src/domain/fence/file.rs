//! The fences file, read.
//!
//! ```yaml
//! rules:
//!   - namespaces: [team-a]            # by name; "*" is every namespace
//!     namespaceSelector:              # and, beside the names, those with these labels
//!       matchLabels: {team: a}
//!     subscriptions:
//!       - subscriptionId: 11111111-2222-3333-4444-555555555555    # "*" is every subscription
//!         resourceGroups: [builds]    # absent: every group of it
//!     organizations: [contoso]        # "*" is every organization
//!     allowAdopt: false               # whether adoptionPolicy: Adopt may be used
//!     allowDelete: false              # whether deletionPolicy: Delete may be used
//! ```
//!
//! `namespaces` and `namespaceSelector` are those of a pod's affinity: the rule is about the union of both. There is no
//! other wildcard than `"*"` for all. What is not understood is refused: a misspelled key must not widen a fence.

use kube::core::{Expression, Selector};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::{Names, Rule, Scope};
use crate::domain::names::{OrganizationName, SubscriptionId, is_namespace, is_resource_group};

/// A fences file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct FencesError {
    /// Where, and what is wrong.
    pub problem: String,
    /// The next step.
    pub remedy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileText {
    rules: Vec<Spanned<RuleText>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleText {
    #[serde(default)]
    namespaces: Vec<Text>,
    namespace_selector: Option<Spanned<SelectorText>>,
    subscriptions: Spanned<Vec<ScopeText>>,
    organizations: Spanned<Vec<Text>>,
    #[serde(default)]
    allow_adopt: bool,
    #[serde(default)]
    allow_delete: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScopeText {
    subscription_id: Text,
    resource_groups: Option<Spanned<Vec<Text>>>,
}

/// The selector of the Kubernetes API, whose own type would let a misspelled key pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SelectorText {
    #[serde(default)]
    match_labels: super::Labels,
    #[serde(default)]
    match_expressions: Vec<Spanned<ExpressionText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpressionText {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

type Text = Spanned<String>;

/// All of a kind.
const ALL: &str = "*";

pub(super) fn parse(text: &str) -> Result<Vec<Rule>, FencesError> {
    let FileText { rules } = serde_saphyr::from_str(text).map_err(|error| FencesError {
        problem: error.without_snippet().to_string(),
        remedy: "correct it; deploy/samples/fences-two-teams.yaml shows the whole format".into(),
    })?;
    rules.into_iter().map(rule).collect()
}

fn rule(Spanned { value: text, referenced: at, .. }: Spanned<RuleText>) -> Result<Rule, FencesError> {
    let RuleText { namespaces, namespace_selector, subscriptions, organizations, allow_adopt, allow_delete } =
        text;
    if namespaces.is_empty() && namespace_selector.is_none() {
        return Err(bad(
            at,
            "the rule names no namespace",
            "give it namespaces, a namespaceSelector, or both",
        ));
    }
    Ok(Rule {
        namespaces: names(namespaces, "namespaces", |name| {
            is_namespace(name)
                .then(|| name.to_owned())
                .ok_or_else(|| format!("{name:?} is not the name of a namespace"))
        })?,
        selector: namespace_selector.map(selector).transpose()?,
        scopes: some(subscriptions, "subscriptions")?.into_iter().map(scope).collect::<Result<_, _>>()?,
        organizations: names(some(organizations, "organizations")?, "organizations", |name| {
            OrganizationName::parse(name).map_err(|error| error.to_string())
        })?,
        allow_adopt,
        allow_delete,
    })
}

fn scope(ScopeText { subscription_id, resource_groups }: ScopeText) -> Result<Scope, FencesError> {
    let groups = match resource_groups {
        None => Names::All,
        Some(groups) => names(some(groups, "resourceGroups")?, "resourceGroups", |name| {
            is_resource_group(name)
                .then(|| name.to_owned())
                .ok_or_else(|| format!("{name:?} is not the name of a resource group"))
        })?,
    };
    let subscription = names(vec![subscription_id], "subscriptionId", |id| {
        SubscriptionId::parse(id).map_err(|error| error.to_string())
    })?;
    Ok(Scope { subscription, groups })
}

/// An empty list could mean none or all. Nobody shall have to guess.
fn some<T>(Spanned { value, referenced, .. }: Spanned<Vec<T>>, key: &str) -> Result<Vec<T>, FencesError> {
    if value.is_empty() {
        let remedy = match key {
            "resourceGroups" => "name one, or leave the key out for every group of the subscription",
            _ => "name one, or take the whole rule out",
        };
        return Err(bad(referenced, &format!("{key} is empty"), remedy));
    }
    Ok(value)
}

fn names<T>(
    texts: Vec<Text>,
    key: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Names<T>, FencesError> {
    if let Some(all) = texts.iter().find(|text| text.value == ALL) {
        return if texts.len() == 1 {
            Ok(Names::All)
        } else {
            let problem = format!("{key}: {ALL:?} stands beside other names");
            Err(bad(all.referenced, &problem, "it means all of them, so leave it alone or take it out"))
        };
    }
    let parsed = texts.into_iter().map(|text| {
        parse(&text.value).map_err(|problem| {
            let remedy = if text.value.contains(ALL) {
                "write each name in full: \"*\" alone stands for all, and there is no other pattern"
            } else {
                "correct it"
            };
            bad(text.referenced, &format!("{key}: {problem}"), remedy)
        })
    });
    parsed.collect::<Result<_, _>>().map(Names::Only)
}

fn selector(Spanned { value: text, referenced, .. }: Spanned<SelectorText>) -> Result<Selector, FencesError> {
    let SelectorText { match_labels, match_expressions } = text;
    let mut selector: Selector = match_labels.into_iter().collect();
    for expression in match_expressions {
        selector.extend(self::expression(expression)?);
    }
    if selector.selects_all() {
        let remedy = "give it matchLabels or matchExpressions, or write namespaces: [\"*\"] if that is meant";
        return Err(bad(referenced, "namespaceSelector: empty, it would select every namespace", remedy));
    }
    Ok(selector)
}

fn expression(
    Spanned { value: text, referenced, .. }: Spanned<ExpressionText>,
) -> Result<Expression, FencesError> {
    let ExpressionText { key, operator, values } = text;
    let wrong = |problem: &str, remedy| {
        Err(bad(referenced, &format!("matchExpressions: the expression about {key:?} {problem}"), remedy))
    };
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => wrong("has no values", "give it one"),
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            wrong("has values", "take them out, or use In or NotIn")
        }
        Operator::In => Ok(Expression::In(key, values.into_iter().collect())),
        Operator::NotIn => Ok(Expression::NotIn(key, values.into_iter().collect())),
        Operator::Exists => Ok(Expression::Exists(key)),
        Operator::DoesNotExist => Ok(Expression::DoesNotExist(key)),
    }
}

fn bad(at: Location, problem: &str, remedy: &str) -> FencesError {
    FencesError { problem: format!("line {}, {problem}", at.line()), remedy: remedy.into() }
}
