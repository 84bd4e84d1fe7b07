//! What a body of PUT or PATCH asks for.
//!
//! Must never look at the pool that is there.

use serde_json::{Map, Value};

use super::description::{IDENTITY, POOL, PROPERTIES, UPDATE};
use crate::resource_manager::Call;
use crate::resource_manager::errors::Refusal;
use crate::resource_manager::schema;
use crate::resource_manager::shape::{self, Extent, Member, not_one_of};
use crate::world::{IdentityType, Name, Names};

/// What a body asks for. An absent member is `None`.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) location: Option<String>,
    pub(super) tags: Option<Names<String>>,
    pub(super) identity: Option<AskedIdentity>,
    pub(super) properties: Option<Map<String, Value>>,
}

/// What an identity block asks for.
#[derive(Debug)]
pub(super) struct AskedIdentity {
    pub(super) kind: IdentityType,
    /// The map as it was sent; `None` if there was none.
    pub(super) user: Option<Vec<(Name, Value)>>,
}

/// The body of a PUT: everything that is required is there.
pub(super) fn put(call: &Call<'_>) -> Result<Draft, Refusal> {
    draft(call, POOL, Extent::Whole)
}

/// The body of a PATCH: what is absent stays.
pub(super) fn patch(call: &Call<'_>) -> Result<Draft, Refusal> {
    draft(call, UPDATE, Extent::Part)
}

fn draft(call: &Call<'_>, described: &[Member], extent: Extent) -> Result<Draft, Refusal> {
    let body = shape::taken(described, &schema::object(call.request)?, "", extent, call.api_version)?;
    let properties = match body.get("properties") {
        Some(value) => {
            let found = shape::object(value, "properties")?;
            let mut taken = shape::taken(PROPERTIES, found, "properties", extent, call.api_version)?;
            taken.remove("provisioningState");
            Some(taken)
        }
        None => None,
    };
    Ok(Draft {
        location: body.get("location").and_then(Value::as_str).map(str::to_owned),
        tags: body.get("tags").map(schema::tags).transpose()?,
        identity: body.get("identity").map(|block| identity(block, call.api_version)).transpose()?,
        properties,
    })
}

fn identity(value: &Value, version: &str) -> Result<AskedIdentity, Refusal> {
    let found = shape::object(value, "identity")?;
    let block = shape::taken(IDENTITY, found, "identity", Extent::Whole, version)?;
    let word = block.get("type").and_then(Value::as_str).unwrap_or_default();
    let kind =
        IdentityType::parse(word).ok_or_else(|| not_one_of(word, &IdentityType::WORDS, "identity.type"))?;
    let user = block
        .get("userAssignedIdentities")
        .and_then(Value::as_object)
        .map(|map| map.iter().map(|(key, value)| (Name::from(key.as_str()), value.clone())).collect());
    Ok(AskedIdentity { kind, user })
}
