//! User-assigned identities: a reader that cannot write, and a writer that takes a permit.
//!
//! Must never send what was not asked for. A deletion takes a write's slot and counts as one: Azure allows as many of
//! each.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    credential::CredentialKey,
    resource_manager::ResourceManager,
    resources::{WriteSlot, fact, is_absence, wrong_success},
    wire,
};
use crate::{
    api::v1alpha1::IsolationScope,
    domain::{
        failure::Failure,
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
        fact(self.ask(key, id).await)
    }

    async fn ask(&self, key: &CredentialKey, id: &IdentityId) -> Result<Identity, Failure> {
        wire::identity(&self.0.read(key, id).await?, id)
    }
}

/// Writes identities.
#[derive(Debug, Clone)]
pub struct IdentityWriter(Arc<ResourceManager>);

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
        self.0.reserve(key, id).await
    }

    /// Creates the identity that the slot is for. After a failure it may exist all the same.
    pub async fn put(&self, permit: &Permit<'_>, slot: WriteSlot, new: &NewIdentity) -> Result<Put, Failure> {
        let id = slot.id.clone();
        let answer = self.0.write(permit, slot, Method::PUT, Some(creation(new))).await?;
        let put = match answer.status {
            StatusCode::CREATED => PutAnswer::Created,
            StatusCode::OK => PutAnswer::Overwritten,
            _ => return Err(wrong_success(&answer, &id)),
        };
        Ok(Put { answer: put, identity: wire::identity(&answer, &id)? })
    }

    /// Changes the identity that the slot is for. After a failure it may be changed all the same.
    pub async fn patch(
        &self,
        permit: &Permit<'_>,
        slot: WriteSlot,
        patch: &IdentityPatch,
    ) -> Result<Identity, Failure> {
        let id = slot.id.clone();
        let answer = self.0.write(permit, slot, Method::PATCH, Some(change(patch))).await?;
        match answer.status {
            StatusCode::OK => wire::identity(&answer, &id),
            _ => Err(wrong_success(&answer, &id)),
        }
    }

    /// Deletes the identity that the slot is for; one that is gone already counts. After a failure it may be gone all the
    /// same.
    pub async fn delete(&self, permit: &Permit<'_>, slot: WriteSlot) -> Result<(), Failure> {
        let id = slot.id.clone();
        match self.0.write(permit, slot, Method::DELETE, None).await {
            Ok(answer) => match answer.status {
                StatusCode::OK | StatusCode::NO_CONTENT => Ok(()),
                _ => Err(wrong_success(&answer, &id)),
            },
            Err(failure) if is_absence(&failure) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
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
