//! User-assigned identities: a reader that cannot write, and a writer that takes a permit.
//!
//! A write goes in two steps, so that the caller can read once more if it had to wait in between:
//!
//! ```text
//! reserve ─► WriteSlot ─► waited? read again, decide again ─► put | patch
//! ```
//!
//! Azure knows no version of an identity, so that read is all that stands between us and another's write. Must never
//! delete, and never send what was not asked for.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    pacing::{Slot, Waited},
    resource_manager::{Call, ResourceManager, api_version},
    transport::Answer,
    wire,
};
use crate::{
    api::v1alpha1::IsolationScope,
    domain::{
        failure::{Cause, Failure},
        names::IdentityId,
        observed::{Fact, Identity},
        plan::NewIdentity,
        tags::Tags,
    },
    runtime::leadership::Permit,
};

/// Reads identities.
#[derive(Debug, Clone)]
pub struct IdentityReader(Arc<ResourceManager>);

impl IdentityReader {
    pub(super) fn new(resource_manager: Arc<ResourceManager>) -> Self {
        Self(resource_manager)
    }

    /// An identity as it is now. `Absent` only if all that it would live in is there.
    pub async fn get(&self, key: &CredentialKey, id: &IdentityId) -> Fact<Identity> {
        match self.ask(key, id).await {
            Ok(identity) => Fact::Known(identity),
            Err(Failure { cause: Cause::Conflict, code, .. }) if code == classify::RESOURCE_NOT_FOUND => {
                Fact::Absent
            }
            Err(failure) => Fact::Unknown(failure),
        }
    }

    async fn ask(&self, key: &CredentialKey, id: &IdentityId) -> Result<Identity, Failure> {
        let slot = self.0.slot(Errand::ReadIdentity(id.clone())).await?;
        let answer = call(&self.0, key, slot, id, Method::GET, None).await?;
        wire::identity(&answer, id)
    }
}

/// Writes identities.
#[derive(Debug, Clone)]
pub struct IdentityWriter(Arc<ResourceManager>);

/// Leave to write to one identity once. Dropped unused, it costs nothing.
#[derive(Debug)]
pub struct WriteSlot {
    slot: Slot,
    key: CredentialKey,
    id: IdentityId,
}

impl WriteSlot {
    /// Whether there was a wait for it: what was read before is then no longer fresh.
    pub fn waited(&self) -> bool {
        match self.slot.waited() {
            Waited::Yes => true,
            Waited::No => false,
        }
    }
}

/// What came of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Whether it was one.
    pub answer: PutAnswer,
    /// The identity as it is now.
    pub identity: Identity,
}

/// What a PUT did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutAnswer {
    /// 201: it made the identity.
    Created,
    /// 200: the identity was there already, and its tags have been overwritten.
    Overwritten,
}

/// A change to an identity. What is `None` is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityPatch {
    /// The whole map: Azure replaces all tags by these.
    pub tags: Option<Tags>,
    /// The isolation scope.
    pub isolation_scope: Option<IsolationScope>,
}

impl IdentityWriter {
    pub(super) fn new(resource_manager: Arc<ResourceManager>) -> Self {
        Self(resource_manager)
    }

    /// Waits until a write to this identity may leave.
    pub async fn reserve(&self, key: &CredentialKey, id: &IdentityId) -> Result<WriteSlot, Failure> {
        let slot = self.0.slot(Errand::WriteIdentity(id.clone())).await?;
        Ok(WriteSlot { slot, key: key.clone(), id: id.clone() })
    }

    /// Creates the identity that the slot is for. After a failure it may exist all the same.
    pub async fn put(
        &self,
        _permit: &Permit<'_>,
        slot: WriteSlot,
        new: &NewIdentity,
    ) -> Result<Put, Failure> {
        let WriteSlot { slot, key, id } = slot;
        let answer = call(&self.0, &key, slot, &id, Method::PUT, Some(creation(new))).await?;
        let put = match answer.status {
            StatusCode::CREATED => PutAnswer::Created,
            StatusCode::OK => PutAnswer::Overwritten,
            other => return Err(wrong_success(&answer, &id, other)),
        };
        Ok(Put { answer: put, identity: wire::identity(&answer, &id)? })
    }

    /// Changes the identity that the slot is for. After a failure it may be changed all the same.
    pub async fn patch(
        &self,
        _permit: &Permit<'_>,
        slot: WriteSlot,
        patch: &IdentityPatch,
    ) -> Result<Identity, Failure> {
        let WriteSlot { slot, key, id } = slot;
        let answer = call(&self.0, &key, slot, &id, Method::PATCH, Some(change(patch))).await?;
        match answer.status {
            StatusCode::OK => wire::identity(&answer, &id),
            other => Err(wrong_success(&answer, &id, other)),
        }
    }
}

async fn call(
    resource_manager: &ResourceManager,
    key: &CredentialKey,
    slot: Slot,
    id: &IdentityId,
    verb: Method,
    body: Option<Value>,
) -> Result<Answer, Failure> {
    let path = [
        "subscriptions",
        id.subscription().as_str(),
        "resourceGroups",
        id.resource_group(),
        "providers",
        "Microsoft.ManagedIdentity",
        "userAssignedIdentities",
        id.name(),
    ];
    let call = Call { verb, path: &path, api_version: api_version::IDENTITIES, body };
    resource_manager.call(key, slot, &call).await
}

fn wrong_success(answer: &Answer, id: &IdentityId, status: StatusCode) -> Failure {
    let message = format!("a write to an identity ends at once, but the answer was {status}");
    classify::unexpected(answer, &id.to_string(), &message)
}

fn creation(new: &NewIdentity) -> Value {
    let NewIdentity { id: _, location, tags, isolation_scope } = new;
    let mut body = change(&IdentityPatch { tags: Some(tags.clone()), isolation_scope: *isolation_scope });
    body["location"] = json!(location.as_str());
    body
}

fn change(patch: &IdentityPatch) -> Value {
    let IdentityPatch { tags, isolation_scope } = patch;
    let mut body = Map::new();
    if let Some(tags) = tags {
        body.insert("tags".into(), json!(tags.to_map()));
    }
    if let Some(scope) = isolation_scope {
        body.insert("properties".into(), json!({ "isolationScope": scope }));
    }
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::{Location, SubscriptionId};

    fn tags() -> Tags {
        [("CostCenter", "42")].into_iter().collect()
    }

    #[test]
    fn a_change_sends_only_what_changes() {
        let rows = [
            (None, None, json!({})),
            (Some(tags()), None, json!({"tags": {"CostCenter": "42"}})),
            (Some(Tags::default()), None, json!({"tags": {}})),
            (None, Some(IsolationScope::None), json!({"properties": {"isolationScope": "None"}})),
            (
                Some(tags()),
                Some(IsolationScope::Regional),
                json!({"tags": {"CostCenter": "42"}, "properties": {"isolationScope": "Regional"}}),
            ),
        ];
        for (tags, isolation_scope, expected) in rows {
            assert_eq!(change(&IdentityPatch { tags, isolation_scope }), expected);
        }
    }

    #[test]
    fn a_creation_sends_location_and_tags_and_no_scope_that_was_not_asked_for() {
        let subscription = SubscriptionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
        let new = NewIdentity {
            id: IdentityId::new(subscription, "builds", "agents").unwrap(),
            location: Location::parse("West Europe").unwrap(),
            tags: tags(),
            isolation_scope: None,
        };
        assert_eq!(creation(&new), json!({"location": "West Europe", "tags": {"CostCenter": "42"}}));
    }
}
