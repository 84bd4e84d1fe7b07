//! User-assigned identities: a reader that cannot write, and a writer that takes an authority and a read under its slot.
//!
//! Must never send what was not asked for. A deletion takes a write's slot and counts as one: Azure allows as many of
//! each.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    credential::CredentialKey,
    resource_manager::{ResourceManager, WriteFailure},
    resources::{Basis, WriteSlot, fact, is_absence, wrong_success},
    transport::Answer,
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
    runtime::leadership::Authority,
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

    /// The same, if it may leave now: for whoever does not know yet whether there will be anything to write.
    pub fn reserve_if_free(&self, key: &CredentialKey, id: &IdentityId) -> Option<WriteSlot> {
        self.0.reserve_if_free(key, id)
    }

    /// The identity as it is now, and what a write may rest on.
    pub async fn read(&self, slot: WriteSlot) -> (Fact<Identity>, Option<Basis>) {
        self.0.read_to_write(slot, wire::identity).await
    }

    /// Creates the identity that was read for it. After a failure of Azure it may exist all the same.
    pub async fn put(
        &self,
        authority: &Authority<'_>,
        basis: Basis,
        new: &NewIdentity,
    ) -> Result<Put, WriteFailure> {
        let id = basis.id().clone();
        let answer = self.0.write(authority, basis, Method::PUT, Some(creation(new))).await?;
        let put = match answer.status {
            StatusCode::CREATED => PutAnswer::Created,
            StatusCode::OK => PutAnswer::Overwritten,
            _ => return Err(wrong_success(&answer, &id).into()),
        };
        Ok(Put { answer: put, identity: wire::identity(&answer, &id)? })
    }

    /// Changes the identity that was read for it. After a failure of Azure it may be changed all the same.
    pub async fn patch(
        &self,
        authority: &Authority<'_>,
        basis: Basis,
        patch: &IdentityPatch,
    ) -> Result<Identity, WriteFailure> {
        let id = basis.id().clone();
        let answer = self.0.write(authority, basis, Method::PATCH, Some(change(patch))).await?;
        match answer.status {
            StatusCode::OK => Ok(wire::identity(&answer, &id)?),
            _ => Err(wrong_success(&answer, &id).into()),
        }
    }

    /// Deletes the identity that was read for it. Neither success nor failure tells whether it is gone: only reads do.
    pub async fn delete(&self, authority: &Authority<'_>, basis: Basis) -> Result<(), WriteFailure> {
        let id = basis.id().clone();
        match self.0.write(authority, basis, Method::DELETE, None).await {
            Ok(answer) if says_deleted(&answer) => Ok(()),
            Ok(answer) => Err(wrong_success(&answer, &id).into()),
            Err(WriteFailure::Azure(failure)) if is_absence(&failure) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// Azure answers a deletion without a body. Whatever has one comes from somebody on the way, such as a proxy's sign-in page.
fn says_deleted(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::OK | StatusCode::NO_CONTENT) && answer.body.is_empty()
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
