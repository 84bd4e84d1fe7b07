//! Managed `DevOps` Pools: a reader that cannot write, and a writer that takes an authority and a read under its slot.
//!
//! A pool belongs to somebody else. Must never send anything of it but its identity block, never create or delete one,
//! and never hold a pool's operation: where to ask about it is handed out, so that it outlives this process.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method, StatusCode,
    header::{HeaderName, LOCATION},
};
use serde_json::{Map, Value, json};

use super::{
    classify,
    credential::CredentialKey,
    errand::Errand,
    resource_manager::{Call, ResourceManager, WriteFailure},
    resources::{Asked as _, Basis, WriteSlot, fact, wrong_success},
    transport::Answer,
    wire,
};
use crate::{
    api::v1alpha1::OperationUrl,
    domain::{
        failure::Failure,
        names::{ManagedPool, PoolId, SubscriptionId},
        observed::Fact,
        pool::{Motion, Pool},
        registration::BlockChange,
    },
    runtime::leadership::Authority,
};

const AZURE_ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
/// More than any subscription may have; a list that goes in a circle must end.
const MOST_PAGES: usize = 200;

/// Reads pools.
#[derive(Debug, Clone)]
pub struct PoolReader(Arc<ResourceManager>);

impl PoolReader {
    pub(super) fn new(resource_manager: Arc<ResourceManager>) -> Self {
        Self(resource_manager)
    }

    /// A pool as it is now. `Absent` only if all that it would live in is there.
    pub async fn get(&self, key: &CredentialKey, id: &PoolId) -> Fact<Pool> {
        fact(self.ask(key, id).await)
    }

    async fn ask(&self, key: &CredentialKey, id: &PoolId) -> Result<Pool, Failure> {
        wire::pool(&self.0.read(key, id).await?, id)
    }

    /// Every pool of a subscription, all or none: a list that is not whole proves nothing.
    pub async fn list(
        &self,
        key: &CredentialKey,
        subscription: &SubscriptionId,
    ) -> Result<Vec<Pool>, Failure> {
        let errand = Errand::ListPools(subscription.clone());
        let target = errand.target();
        let mut pools = Vec::new();
        let mut pages = 0;
        let mut next = Some(self.0.hosts().of(&target, ManagedPool::API_VERSION));
        while let Some(address) = next {
            let slot = self.0.slot(errand.clone()).await?;
            let answer = self.0.call(key, slot, &Call::get(address)).await?;
            let page = wire::page(&answer, &target)?;
            pools.extend(page.pools);
            pages += 1;
            let not_whole = |why: String| classify::unexpected(&answer, &target, &why);
            next = match page.next {
                None => None,
                Some(_) if pages == MOST_PAGES => {
                    return Err(not_whole(format!("the list does not end after {MOST_PAGES} pages")));
                }
                Some(link) => {
                    let address = self.0.hosts().link(&link);
                    let why = |it| format!("the link to the next page of the list is not followed: {it}");
                    Some(address.map_err(|it| not_whole(why(it)))?)
                }
            };
        }
        Ok(pools)
    }
}

/// Writes to pools.
#[derive(Debug, Clone)]
pub struct PoolWriter(Arc<ResourceManager>);

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patched {
    /// It is over; the pool as it is now.
    Done(Pool),
    /// Azure takes a while.
    Accepted {
        /// Where to ask about it.
        operation: OperationUrl,
        /// Not before this time.
        again: Option<Duration>,
    },
}

impl PoolWriter {
    pub(super) fn new(resource_manager: Arc<ResourceManager>) -> Self {
        Self(resource_manager)
    }

    /// Waits until a write to this pool may leave.
    pub async fn reserve(&self, key: &CredentialKey, id: &PoolId) -> Result<WriteSlot<ManagedPool>, Failure> {
        self.0.reserve(key, id).await
    }

    /// The pool as it is now, and what a write may rest on.
    pub async fn read(&self, slot: WriteSlot<ManagedPool>) -> (Fact<Pool>, Option<Basis<ManagedPool>>) {
        self.0.read_to_write(slot, wire::pool).await
    }

    /// Changes the identity block of the pool that was read for it. After a failure of Azure it may be changed all the same.
    pub async fn patch(
        &self,
        authority: &Authority<'_>,
        basis: Basis<ManagedPool>,
        change: &BlockChange,
    ) -> Result<Patched, WriteFailure> {
        let id = basis.id().clone();
        let answer = self.0.write(authority, basis, Method::PATCH, Some(body(change))).await?;
        match answer.status {
            StatusCode::OK => {
                let pool = wire::pool(&answer, &id)?;
                Ok(match pool.motion() {
                    Motion::AtRest => Patched::Done(pool),
                    Motion::Moving => self.accepted(&answer, &id),
                })
            }
            StatusCode::ACCEPTED => Ok(self.accepted(&answer, &id)),
            _ => Err(wrong_success(&answer, &id).into()),
        }
    }

    /// Azure says where to ask, in one header or two. If it does not, if the token must not go there, or if no status could
    /// keep the address, the pool itself is asked: its state tells that the change is over, and only the reason of a failure
    /// is lost.
    fn accepted(&self, answer: &Answer, id: &PoolId) -> Patched {
        let hosts = self.0.hosts();
        let given = [AZURE_ASYNC_OPERATION, LOCATION]
            .iter()
            .filter_map(|header| answer.headers.get(header)?.to_str().ok())
            .filter_map(|link| hosts.link(link).ok())
            .map(|address| OperationUrl::from(address.url().to_string()))
            .find(OperationUrl::fits_a_status);
        let the_pool = || hosts.of(&id.to_string(), ManagedPool::API_VERSION).url().to_string().into();
        Patched::Accepted {
            operation: given.unwrap_or_else(the_pool),
            again: classify::retry_after(&answer.headers),
        }
    }
}

/// The identity block and nothing else.
///
/// A map that would be empty says nothing and is left out. So `None` goes alone: it says that no identity is left, under a
/// merge as under a replacement, and beside it no map is allowed, not even one that only takes away.
fn body(change: &BlockChange) -> Value {
    let BlockChange { kind, stand, goes, form: _ } = change;
    let stand = stand.iter().map(|key| (key.clone(), json!({})));
    let goes = goes.iter().map(|key| (key.clone(), Value::Null));
    let map: Map<String, Value> = stand.chain(goes).collect();
    if map.is_empty() {
        json!({ "identity": { "type": kind } })
    } else {
        json!({ "identity": { "type": kind, "userAssignedIdentities": map } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        names::IdentityId,
        pool::{Entry, IdentityBlock, SystemAssigned},
    };

    #[test]
    fn a_change_sends_the_whole_identity_block_and_nothing_else() {
        let rows = [
            (
                "UserAssigned",
                vec!["/Foreign", "/ours"],
                None,
                json!({"type": "UserAssigned", "userAssignedIdentities": {"/Foreign": {}, "/ours": {}}}),
            ),
            (
                "SystemAssigned,UserAssigned",
                vec!["/Foreign"],
                Some("/Ours"),
                json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/Foreign": {}, "/Ours": null}}),
            ),
            (
                "SystemAssigned",
                vec![],
                Some("/ours"),
                json!({"type": "SystemAssigned", "userAssignedIdentities": {"/ours": null}}),
            ),
            ("SystemAssigned", vec![], None, json!({"type": "SystemAssigned"})),
            ("None", vec![], None, json!({"type": "None"})),
            (
                "UserAssigned",
                vec![],
                Some("/ours"),
                json!({"type": "UserAssigned", "userAssignedIdentities": {"/ours": null}}),
            ),
        ];
        for (kind, stand, goes, expected) in rows {
            let stand = stand.into_iter().map(Into::into).collect();
            let change = BlockChange { kind, stand, goes: goes.map(Into::into), form: None };
            assert_eq!(body(&change), json!({ "identity": expected }));
        }
    }

    /// The entries there, what is sent to take ours out of them, and what is sent if Azure refuses that.
    #[test]
    fn a_removal_is_sent_in_one_form_and_if_that_is_refused_in_the_other() {
        let subscription = SubscriptionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
        let ours = IdentityId::new(subscription, "builds", "ours").unwrap();
        let key = ours.to_string();
        let user_assigned = |map: Value| json!({"type": "UserAssigned", "userAssignedIdentities": map});
        let rows = [
            (
                vec!["/foreign", &key],
                user_assigned(json!({"/foreign": {}, (key.clone()): null})),
                user_assigned(json!({"/foreign": {}})),
            ),
            (vec![key.as_str()], json!({"type": "None"}), user_assigned(json!({(key.clone()): null}))),
        ];
        for (entries, first, other) in rows {
            let entries = entries.iter().map(|key| Entry { key: (*key).into(), principal: None }).collect();
            let block = IdentityBlock { system_assigned: SystemAssigned::Absent, entries };
            let change = block.without(&ours, None).unwrap();
            assert_eq!(body(&change), json!({ "identity": first }));
            assert_eq!(body(&block.without(&ours, change.form).unwrap()), json!({ "identity": other }));
        }
    }
}
