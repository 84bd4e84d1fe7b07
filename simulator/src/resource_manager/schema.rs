//! Bodies, checked member by member against the official description.
//!
//! A member that nobody described is refused: a client that sends one has misread the description. Read-only members are
//! accepted and passed over, since clients send back what they were given.

use serde_json::{Map, Value};

use super::errors::{self, Refusal};
use super::shape::{Extent, Member, Need, Shape};
use super::versions::identity_has;
use crate::service::Request;
use crate::world::{IsolationScope, Name, Names};

const TAG_LIMIT: usize = 50;
const TAG_NAME_LIMIT: usize = 512;
const TAG_VALUE_LIMIT: usize = 256;
const TAG_NAME_FORBIDDEN: &str = "<>%&\\?/";

/// What a body asks for. An absent member is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft {
    pub(super) location: Option<String>,
    pub(super) tags: Option<Names<String>>,
    pub(super) isolation_scope: Option<IsolationScope>,
    pub(super) assignment_restrictions: Option<Restrictions>,
}

/// Which providers a body leaves an identity open to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Restrictions {
    Lifted,
    To(Vec<String>),
}

impl Restrictions {
    /// As the world holds them.
    pub(super) fn providers(self) -> Option<Vec<String>> {
        match self {
            Self::Lifted => None,
            Self::To(providers) => Some(providers),
        }
    }
}

/// The body as a JSON object.
pub(super) fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(errors::unsupported_media_type(content_type));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(errors::invalid_content(
            "The request content was invalid and could not be deserialized: 'the content is not a JSON object'.",
        )),
        Err(error) => Err(errors::invalid_content(format!(
            "The request content was invalid and could not be deserialized: '{error}'."
        ))),
    }
}

/// An identity's body. In that of a PATCH null takes a member away; in that of a PUT it is a value of the wrong type.
pub(super) fn identity(
    body: &Map<String, Value>,
    api_version: &str,
    extent: Extent,
) -> Result<Draft, Refusal> {
    let mut draft = Draft::default();
    for (member, value) in body {
        match member.as_str() {
            "location" => draft.location = Some(text(value, "location")?.to_owned()),
            "tags" => draft.tags = Some(tags(value)?),
            "properties" => properties(&mut draft, value, api_version, extent)?,
            "id" | "name" | "type" | "systemData" => {}
            other => return Err(unknown_member(other, other)),
        }
    }
    Ok(draft)
}

fn properties(draft: &mut Draft, value: &Value, api_version: &str, extent: Extent) -> Result<(), Refusal> {
    let Value::Object(members) = value else { return Err(wrong_type("properties", "an object")) };
    for (member, value) in members {
        let path = format!("properties.{member}");
        if !identity_has(member, api_version) {
            return Err(unknown_member(member, &path));
        }
        match member.as_str() {
            "tenantId" | "principalId" | "clientId" => {}
            "isolationScope" | "assignmentRestrictions" if value.is_null() && extent == Extent::Whole => {
                return Err(wrong_type(&path, "what is described"));
            }
            "isolationScope" => draft.isolation_scope = Some(isolation_scope(value, &path)?),
            "assignmentRestrictions" => draft.assignment_restrictions = Some(restrictions(value, &path)?),
            other => return Err(unknown_member(other, &path)),
        }
    }
    Ok(())
}

fn isolation_scope(value: &Value, path: &str) -> Result<IsolationScope, Refusal> {
    match value {
        // A null takes a member away, which leaves the default.
        Value::Null => Ok(IsolationScope::None),
        value => match text(value, path)? {
            "None" => Ok(IsolationScope::None),
            "Regional" => Ok(IsolationScope::Regional),
            other => Err(errors::invalid_content(format!(
                "The value '{other}' of '{path}' is not one of 'None', 'Regional'."
            ))),
        },
    }
}

fn restrictions(value: &Value, path: &str) -> Result<Restrictions, Refusal> {
    const RESTRICTIONS: Shape =
        Shape::Object(&[Member("providers", Need::Optional, Shape::List(&Shape::Text))]);
    if value.is_null() {
        return Ok(Restrictions::Lifted);
    }
    // The member itself tells the version; within it there are no differences.
    let taken = RESTRICTIONS.taken(value, path, "")?;
    let Some(list) = taken.get("providers").and_then(Value::as_array) else {
        return Ok(Restrictions::Lifted);
    };
    Ok(Restrictions::To(list.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
}

/// A map of tags within Azure's limits.
pub(super) fn tags(value: &Value) -> Result<Names<String>, Refusal> {
    let Value::Object(members) = value else { return Err(wrong_type("tags", "an object")) };
    if members.len() > TAG_LIMIT {
        return Err(errors::invalid(
            "TooManyTags",
            format!(
                "The number of tags is {}. The maximum number of tags on a resource is {TAG_LIMIT}.",
                members.len()
            ),
        ));
    }
    let mut tags = Names::new();
    for (key, value) in members {
        let value = text(value, &format!("tags.{key}"))?;
        if key.is_empty() || key.chars().count() > TAG_NAME_LIMIT {
            return Err(errors::invalid(
                "InvalidTagName",
                format!(
                    "The tag name '{key}' is invalid. Its length must be 1 to {TAG_NAME_LIMIT} characters."
                ),
            ));
        }
        if key.chars().any(|character| TAG_NAME_FORBIDDEN.contains(character) || character.is_control()) {
            return Err(errors::invalid(
                "InvalidTagNameCharacters",
                format!(
                    "The tag names '{key}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
                ),
            ));
        }
        if value.chars().count() > TAG_VALUE_LIMIT {
            return Err(errors::invalid(
                "InvalidTagValueLength",
                format!(
                    "Tag value too large. The value of tag '{key}' exceeds {TAG_VALUE_LIMIT} characters."
                ),
            ));
        }
        if tags.insert(Name::from(key.as_str()), value.to_owned()).is_some() {
            return Err(errors::invalid(
                "AmbiguousTagNames",
                format!("The tag names must differ by more than case: '{key}' is there twice."),
            ));
        }
    }
    Ok(tags)
}

/// Whether a text can be the name of an identity.
pub(super) fn identity_name(name: &str) -> Result<(), Refusal> {
    let fits = (3..=128).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    if fits {
        return Ok(());
    }
    Err(errors::invalid(
        "InvalidResourceName",
        format!(
            "Resource name '{name}' is invalid. It must be 3 to 128 characters of letters, digits, '-' and '_', and begin \
             with a letter or digit."
        ),
    ))
}

/// A string member.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str, Refusal> {
    value.as_str().ok_or_else(|| wrong_type(path, "a string"))
}

pub(super) fn wrong_type(path: &str, wanted: &str) -> Refusal {
    errors::invalid_content(format!(
        "The request content was invalid and could not be deserialized: 'the value is not {wanted}. Path '{path}'.'."
    ))
}

pub(super) fn unknown_member(member: &str, path: &str) -> Refusal {
    errors::invalid_content(format!(
        "The request content was invalid and could not be deserialized: 'Could not find member '{member}' on object of \
         type 'ResourceDefinition'. Path '{path}'.'."
    ))
}

/// A region's name without blanks and capitals, as all names of regions are compared.
pub(super) fn region(location: &str) -> String {
    location.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_ascii_lowercase()
}
