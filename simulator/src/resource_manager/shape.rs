//! Descriptions of JSON bodies as data, and the check against them.
//!
//! As strict as a description can be read: what it does not name is refused, with its path. Must never know a
//! description itself.

use serde_json::{Map, Value};

use super::errors::{self, Refusal};
use super::schema::{text, unknown_member, wrong_type};

/// What a value has to be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Whatever it is.
    Anything,
    /// An object, whatever is in it.
    AnyObject,
    Text,
    /// An address with a scheme.
    Uri,
    /// The id of a resource.
    Id,
    /// One of these words.
    Word(&'static [&'static str]),
    Flag,
    /// A whole number of 32 bits.
    Whole,
    /// A whole number within bounds.
    Between(i64, i64),
    List(&'static Shape),
    Object(&'static [Member]),
    /// An object whose members depend on its `kind`.
    Kinds(&'static [(&'static str, &'static [Member])]),
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member(pub(super) &'static str, pub(super) Need, pub(super) Shape);

/// Whether a member has to be there, and in which versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    /// Required up to this version, optional in later ones.
    RequiredUntil(&'static str),
    Optional,
    /// Optional, and not known before this version.
    Since(&'static str),
    /// Accepted and passed over, since clients send back what they were given.
    ReadOnly,
    /// Read-only, and not known before this version.
    ReadOnlySince(&'static str),
}

impl Need {
    /// Whether a version knows the member. Versions are dates, so they compare as texts.
    fn is_known_in(self, version: &str) -> bool {
        match self {
            Self::Since(first) | Self::ReadOnlySince(first) => version >= first,
            Self::Required | Self::RequiredUntil(_) | Self::Optional | Self::ReadOnly => true,
        }
    }

    fn is_required_in(self, version: &str) -> bool {
        match self {
            Self::Required => true,
            Self::RequiredUntil(last) => version <= last,
            Self::Optional | Self::Since(_) | Self::ReadOnly | Self::ReadOnlySince(_) => false,
        }
    }

    fn is_read_only(self) -> bool {
        match self {
            Self::ReadOnly | Self::ReadOnlySince(_) => true,
            Self::Required | Self::RequiredUntil(_) | Self::Optional | Self::Since(_) => false,
        }
    }
}

/// Whether members that are missing are missed, at the top of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Part,
}

impl Shape {
    /// The value without its read-only members, if it is as this version describes it.
    pub(super) fn taken(&self, value: &Value, path: &str, version: &str) -> Result<Value, Refusal> {
        let whole = |low: i64, high: i64| match value.as_i64() {
            Some(number) if (low..=high).contains(&number) => Ok(value.clone()),
            Some(_) => Err(wrong_type(path, &format!("a whole number from {low} to {high}"))),
            None => Err(wrong_type(path, "a whole number")),
        };
        match self {
            Self::Anything => Ok(value.clone()),
            Self::AnyObject => object(value, path).map(|_| value.clone()),
            Self::Text => text(value, path).map(|_| value.clone()),
            Self::Uri if is_uri(text(value, path)?) => Ok(value.clone()),
            Self::Id if text(value, path)?.starts_with('/') => Ok(value.clone()),
            Self::Id => Err(wrong_type(path, "the id of a resource")),
            Self::Uri => Err(wrong_type(path, "an address with a scheme")),
            Self::Word(words) => one_of(text(value, path)?, words, path).map(|_| value.clone()),
            Self::Flag if value.is_boolean() => Ok(value.clone()),
            Self::Flag => Err(wrong_type(path, "true or false")),
            Self::Whole => whole(i32::MIN.into(), i32::MAX.into()),
            Self::Between(low, high) => whole(*low, *high),
            Self::List(item) => {
                let items = value.as_array().ok_or_else(|| wrong_type(path, "a list"))?;
                let taken = items
                    .iter()
                    .enumerate()
                    .map(|(n, one)| item.taken(one, &format!("{path}[{n}]"), version));
                taken.collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(members) => {
                taken(members, object(value, path)?, path, Extent::Whole, version).map(Value::Object)
            }
            Self::Kinds(kinds) => {
                let found = object(value, path)?;
                let at = format!("{path}.kind");
                let kind = text(found.get("kind").ok_or_else(|| missing("kind", &at))?, &at)?;
                let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
                let chosen = kinds.iter().find(|(word, _)| *word == kind);
                let (_, members) = chosen.ok_or_else(|| not_one_of(kind, &words, &at))?;
                taken(members, found, path, Extent::Whole, version).map(Value::Object)
            }
        }
    }

    /// The value as a version shows it: without the members that only later ones know. What no version describes stays.
    fn shown(&self, value: &Value, version: &str) -> Value {
        match (self, value) {
            (Self::List(item), Value::Array(items)) => {
                Value::Array(items.iter().map(|one| item.shown(one, version)).collect())
            }
            (_, Value::Object(found)) => match self.members(found) {
                Some(members) => Value::Object(shown(members, found, version)),
                None => value.clone(),
            },
            _ => value.clone(),
        }
    }

    /// The members that an object of this shape has.
    fn members(&self, found: &Map<String, Value>) -> Option<&'static [Member]> {
        match self {
            Self::Object(members) => Some(members),
            Self::Kinds(kinds) => {
                let kind = found.get("kind")?.as_str()?;
                kinds.iter().find(|(word, _)| *word == kind).map(|(_, members)| *members)
            }
            Self::Anything
            | Self::AnyObject
            | Self::Text
            | Self::Uri
            | Self::Id
            | Self::Word(_)
            | Self::Flag
            | Self::Whole
            | Self::Between(..)
            | Self::List(_) => None,
        }
    }
}

/// The members of an object as a version shows them.
pub(super) fn shown(described: &[Member], found: &Map<String, Value>, version: &str) -> Map<String, Value> {
    let seen =
        |(name, value): (&String, &Value)| match described.iter().find(|Member(known, ..)| known == name) {
            Some(Member(_, need, _)) if !need.is_known_in(version) => None,
            Some(Member(_, _, shape)) => Some((name.clone(), shape.shown(value, version))),
            None => Some((name.clone(), value.clone())),
        };
    found.iter().filter_map(seen).collect()
}

/// Takes out of an object what a patch gives another kind, and tells its path: members of the old kind would be none of
/// the new one.
pub(super) fn drop_other_kinds(
    described: &[Member],
    patch: &Map<String, Value>,
    patched: &mut Map<String, Value>,
    within: &str,
) -> Option<String> {
    let mut dropped = None;
    for Member(name, _, shape) in described {
        let Some(change) = patch.get(*name).and_then(Value::as_object) else { continue };
        let Some(old) = patched.get_mut(*name).and_then(Value::as_object_mut) else { continue };
        let at = below(within, name);
        if matches!(shape, Shape::Kinds(_)) && change.get("kind") != old.get("kind") {
            old.clear();
            dropped = dropped.or(Some(at));
        } else if let Some(members) = shape.members(change) {
            dropped = drop_other_kinds(members, change, old, &at).or(dropped);
        }
    }
    dropped
}

/// Puts those members of an older state back that the version could not name. Items of lists go with their list.
pub(super) fn keep_unknown(
    described: &[Member],
    older: &Map<String, Value>,
    newer: &mut Map<String, Value>,
    version: &str,
) {
    for (name, old) in older {
        match described.iter().find(|Member(known, ..)| known == name) {
            Some(Member(_, need, shape)) if need.is_known_in(version) => {
                if let (Some(old), Some(new)) =
                    (old.as_object(), newer.get_mut(name).and_then(Value::as_object_mut))
                    && let Some(members) = shape.members(old)
                    && old.get("kind") == new.get("kind")
                {
                    keep_unknown(members, old, new, version);
                }
            }
            Some(_) | None => {
                newer.insert(name.clone(), old.clone());
            }
        }
    }
}

/// The members of an object without the read-only ones, if they are as described.
pub(super) fn taken(
    described: &[Member],
    found: &Map<String, Value>,
    path: &str,
    extent: Extent,
    version: &str,
) -> Result<Map<String, Value>, Refusal> {
    let mut kept = Map::new();
    for (name, value) in found {
        let at = below(path, name);
        let named = |Member(known, need, _): &&Member| known == name && need.is_known_in(version);
        let member = described.iter().find(named);
        let Some(Member(_, need, shape)) = member else { return Err(unknown_member(name, &at)) };
        if !need.is_read_only() {
            kept.insert(name.clone(), shape.taken(value, &at, version)?);
        }
    }
    for Member(name, need, _) in described {
        let missed = extent == Extent::Whole && need.is_required_in(version);
        if missed && !found.contains_key(*name) {
            return Err(missing(name, &below(path, name)));
        }
    }
    Ok(kept)
}

fn is_uri(text: &str) -> bool {
    let well_formed = |(scheme, rest): (&str, &str)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && !rest.is_empty()
    };
    !text.contains(char::is_whitespace) && text.split_once("://").is_some_and(well_formed)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(super) fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| wrong_type(path, "an object"))
}

fn one_of<'a>(seen: &'a str, words: &[&str], path: &str) -> Result<&'a str, Refusal> {
    if words.contains(&seen) { Ok(seen) } else { Err(not_one_of(seen, words, path)) }
}

/// A word that the description does not list.
pub(super) fn not_one_of(seen: &str, words: &[&str], path: &str) -> Refusal {
    let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    errors::invalid_content(format!("The value '{seen}' of '{path}' is not one of {}.", list.join(", ")))
}

/// A required member that is not there.
pub(super) fn missing(name: &str, path: &str) -> Refusal {
    errors::invalid_content(format!(
        "The request content was invalid and could not be deserialized: 'Required property '{name}' not found in JSON. Path \
         '{path}'.'."
    ))
}
