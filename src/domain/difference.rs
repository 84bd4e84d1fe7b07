//! How an identity differs from what is wanted, and whether that is a new wish or drift.
//!
//! *Spec against what was applied last* is a wish. *What was applied last against Azure* is drift: somebody changed it.
//! A key that left the spec is taken away only while it still has the value that was written from here. Tags of others
//! are nobody's difference.

use std::collections::BTreeMap;

use crate::{
    api::v1alpha1::{Applied, IsolationScope, PendingChange},
    domain::{desired::Desired, observed::Identity, tags::Tags},
};

/// Where a difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The user changed the wish.
    Wish,
    /// Somebody changed the world.
    Drift,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it comes from.
    pub kind: Kind,
    /// What differs.
    pub part: Part,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A tag; `wanted: None` means it is to go.
    Tag {
        /// Its key.
        key: String,
        /// What is there.
        observed: Option<String>,
        /// What should be.
        wanted: Option<String>,
    },
    /// The isolation scope.
    IsolationScope {
        /// What is there.
        observed: IsolationScope,
        /// What should be.
        wanted: IsolationScope,
    },
}

/// All differences, tags first, in the order of their keys.
pub fn differences(desired: &Desired, applied: Option<&Applied>, identity: &Identity) -> Vec<Difference> {
    let nothing = Applied::default();
    let applied = applied.unwrap_or(&nothing);
    let mut found = tag_differences(&desired.tags, &applied.tags, &identity.tags);
    found.extend(scope_difference(
        desired.isolation_scope,
        applied.isolation_scope,
        identity.isolation_scope,
    ));
    found
}

fn tag_differences(
    wanted: &BTreeMap<String, String>,
    applied: &BTreeMap<String, String>,
    seen: &Tags,
) -> Vec<Difference> {
    let applied: Tags = applied.iter().collect();
    let mut found: Vec<Difference> = wanted
        .iter()
        .filter(|(key, value)| seen.get(key) != Some(value.as_str()))
        .map(|(key, value)| Difference {
            kind: if applied.get(key) == Some(value) { Kind::Drift } else { Kind::Wish },
            part: Part::Tag {
                key: key.clone(),
                observed: seen.get(key).map(str::to_owned),
                wanted: Some(value.clone()),
            },
        })
        .collect();
    let wanted: Tags = wanted.iter().collect();
    found.extend(
        applied.iter().filter(|(key, value)| wanted.get(key).is_none() && seen.get(key) == Some(*value)).map(
            |(key, value)| Difference {
                kind: Kind::Wish,
                part: Part::Tag { key: key.to_owned(), observed: Some(value.to_owned()), wanted: None },
            },
        ),
    );
    found
}

fn scope_difference(
    wanted: Option<IsolationScope>,
    applied: Option<IsolationScope>,
    seen: Option<IsolationScope>,
) -> Option<Difference> {
    let (wanted, observed) = (wanted?, seen.unwrap_or(IsolationScope::None));
    (wanted != observed).then(|| Difference {
        kind: if applied == Some(wanted) { Kind::Drift } else { Kind::Wish },
        part: Part::IsolationScope { observed, wanted },
    })
}

impl Part {
    /// As it is listed in `status.pendingChanges`.
    pub fn pending(&self) -> PendingChange {
        match self {
            Self::Tag { key, observed, wanted } => PendingChange {
                field: format!("tags.{key}"),
                observed: observed.clone(),
                wanted: wanted.clone(),
            },
            Self::IsolationScope { observed, wanted } => PendingChange {
                field: "isolationScope".into(),
                observed: Some(format!("{observed:?}")),
                wanted: Some(format!("{wanted:?}")),
            },
        }
    }
}

/// The smallest change that takes the given differences away: the whole tag map only if a tag differs.
pub fn smallest_change<'a>(
    seen: &Tags,
    parts: impl IntoIterator<Item = &'a Part>,
) -> (Option<Tags>, Option<IsolationScope>) {
    let (mut tags, mut scope) = (None, None);
    for part in parts {
        match part {
            Part::Tag { key, wanted, observed: _ } => {
                let tags: &mut Tags = tags.get_or_insert_with(|| seen.clone());
                match wanted {
                    Some(value) => tags.set(key, value),
                    None => tags.remove(key),
                }
            }
            Part::IsolationScope { wanted, observed: _ } => scope = Some(*wanted),
        }
    }
    (tags, scope)
}

#[cfg(test)]
mod tests;
