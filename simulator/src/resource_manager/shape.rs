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

/// Whether a member has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    /// Accepted and passed over, since clients send back what they were given.
    ReadOnly,
}

/// Whether members that are missing are missed, at the top of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    Part,
}

impl Shape {
    /// The value without its read-only members, if it is as described.
    pub(super) fn taken(&self, value: &Value, path: &str) -> Result<Value, Refusal> {
        let whole = |low: i64, high: i64| match value.as_i64() {
            Some(number) if (low..=high).contains(&number) => Ok(value.clone()),
            Some(_) => Err(wrong_type(path, &format!("a whole number from {low} to {high}"))),
            None => Err(wrong_type(path, "a whole number")),
        };
        match self {
            Self::Anything => Ok(value.clone()),
            Self::AnyObject => object(value, path).map(|_| value.clone()),
            Self::Text => text(value, path).map(|_| value.clone()),
            Self::Word(words) => one_of(text(value, path)?, words, path).map(|_| value.clone()),
            Self::Flag if value.is_boolean() => Ok(value.clone()),
            Self::Flag => Err(wrong_type(path, "true or false")),
            Self::Whole => whole(i32::MIN.into(), i32::MAX.into()),
            Self::Between(low, high) => whole(*low, *high),
            Self::List(item) => {
                let items = value.as_array().ok_or_else(|| wrong_type(path, "a list"))?;
                let taken = items.iter().enumerate().map(|(n, one)| item.taken(one, &format!("{path}[{n}]")));
                taken.collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(members) => {
                taken(members, object(value, path)?, path, Extent::Whole).map(Value::Object)
            }
            Self::Kinds(kinds) => {
                let found = object(value, path)?;
                let at = format!("{path}.kind");
                let kind = text(found.get("kind").ok_or_else(|| missing("kind", &at))?, &at)?;
                let words: Vec<&str> = kinds.iter().map(|(word, _)| *word).collect();
                let chosen = kinds.iter().find(|(word, _)| *word == kind);
                let (_, members) = chosen.ok_or_else(|| not_one_of(kind, &words, &at))?;
                taken(members, found, path, Extent::Whole).map(Value::Object)
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
) -> Result<Map<String, Value>, Refusal> {
    let mut kept = Map::new();
    for (name, value) in found {
        let at = below(path, name);
        let member = described.iter().find(|Member(known, ..)| known == name);
        let Some(Member(_, need, shape)) = member else { return Err(unknown_member(name, &at)) };
        if *need != Need::ReadOnly {
            kept.insert(name.clone(), shape.taken(value, &at)?);
        }
    }
    for Member(name, need, _) in described {
        if (extent, *need) == (Extent::Whole, Need::Required) && !found.contains_key(*name) {
            return Err(missing(name, &below(path, name)));
        }
    }
    Ok(kept)
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
