//! The writes to one object: its status and its finalizer, each guarded by the version that was read.
//!
//! A uid does not guard a write to `/status`, the API server ignores it there; a resourceVersion does. So a late write
//! for an object that was deleted and re-created under the same name is refused, and a verdict never goes onto another
//! version than it was made on: the pass begins anew. Only what an answer of Azure has taught is stored onto whatever
//! version stands.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{GetParams, Patch, PatchParams},
    core::{DeserializeGuard, Request},
};
use serde_json::json;

use super::Guarded;
use crate::{
    api::{
        ManagedDevOpsIdentity,
        names::{FIELD_MANAGER, FINALIZER, RECONCILE_REQUESTED_AT},
        v1alpha1::ManagedDevOpsIdentityStatus,
    },
    domain::{names::ObjectKey, plan::Finalizer},
    runtime::{
        leadership::{NotSent, Permit},
        moment::Moment,
    },
};

/// How often a record is stored again on a newer version of the same object.
const RETRIES: u32 = 5;

/// Why a pass cannot go on with the object that it has read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The object is not as it was decided on any more. Read again and decide again.
    #[error("the object changed in between")]
    Conflict,
    /// A write to Azure did not leave. Read again and decide again.
    #[error("nothing was sent: {0}")]
    NotSent(#[from] NotSent),
    /// The object is gone, or another one bears its name.
    #[error("the object is gone")]
    Gone,
    /// The API server did not take it.
    #[error("the API server refused or failed: {0}")]
    Api(#[source] kube::Error),
}

impl From<kube::Error> for WriteError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.is_conflict() => Self::Conflict,
            kube::Error::Api(status) if status.is_not_found() => Self::Gone,
            other => Self::Api(other),
        }
    }
}

/// One object, as it was last read or written by this pass.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    api: Api<Guarded>,
    /// The object.
    pub(super) object: ManagedDevOpsIdentity,
    /// The moment that it was so.
    pub(super) read: Moment,
    /// No write to Azure is begun for it after this: the pass would be cut off before the answer.
    pub(super) begins_before: Instant,
}

/// Reads one object anew: the store may lag behind our own writes. With the moment that it was so.
///
/// The guard takes an answer apart twice, so it is asked only where the object cannot be read without it.
pub(super) async fn read(client: &Client, key: &ObjectKey) -> Result<Option<(Guarded, Moment)>, kube::Error> {
    let sent = Moment::now();
    let url = ManagedDevOpsIdentity::url_path(&(), Some(&key.namespace));
    let request =
        Request::new(url).get(&key.name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
    let text = match client.request_text(request).await {
        Ok(text) => text,
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let guarded = match serde_json::from_str(&text) {
        Ok(object) => DeserializeGuard(Ok(object)),
        Err(_) => serde_json::from_str(&text).map_err(kube::Error::SerdeError)?,
    };
    Ok(Some((guarded, sent.answered())))
}

impl Subject {
    pub(super) fn new(
        client: &Client,
        object: ManagedDevOpsIdentity,
        read: Moment,
        begins_before: Instant,
    ) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        Self { api: Api::namespaced(client.clone(), &namespace), object, read, begins_before }
    }

    pub(super) fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// When its deletion was asked for, if it was.
    pub(super) fn deleted_at(&self) -> Option<Timestamp> {
        self.object.metadata.deletion_timestamp.as_ref().map(|time| time.0)
    }

    pub(super) fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    pub(super) fn reference(&self) -> ObjectReference {
        self.object.object_ref(&())
    }

    pub(super) fn status(&self) -> ManagedDevOpsIdentityStatus {
        self.object.status.clone().unwrap_or_default()
    }

    pub(super) fn finalizer(&self) -> Finalizer {
        if self.object.finalizers().iter().any(|f| f == FINALIZER) {
            Finalizer::Stored
        } else {
            Finalizer::Absent
        }
    }

    /// The token of a request that has not been answered yet.
    pub(super) fn requested_at(&self) -> Option<String> {
        let token = self.object.annotations().get(RECONCILE_REQUESTED_AT)?;
        let handled =
            self.object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
        (handled != Some(token.chars().take(256).collect::<String>().as_str())).then(|| token.clone())
    }

    /// Writes the status if it says anything new. Whether it did. It speaks of the version that was read, and of no other.
    pub(super) async fn tell(
        &mut self,
        permit: Permit<'_>,
        status: &ManagedDevOpsIdentityStatus,
    ) -> Result<bool, WriteError> {
        if same(&self.status(), status) {
            return Ok(false);
        }
        self.apply(permit, status).await.map(|()| true)
    }

    /// Stores what must not be lost, onto whatever version of this very object stands by now.
    pub(super) async fn store(
        &mut self,
        permit: Permit<'_>,
        change: impl Fn(&ManagedDevOpsIdentityStatus) -> ManagedDevOpsIdentityStatus,
    ) -> Result<(), WriteError> {
        for _ in 0..RETRIES {
            let status = change(&self.status());
            match self.tell(permit, &status).await {
                Err(WriteError::Conflict) => self.read_again().await?,
                other => return other.map(drop),
            }
        }
        Err(WriteError::Conflict)
    }

    /// Looks once more whether the object is as the pass has decided on: the last look before a write to Azure.
    pub(super) async fn confirm(&mut self) -> Result<(), WriteError> {
        let decided_on = (self.generation(), self.is_terminating());
        self.read_again().await?;
        if (self.generation(), self.is_terminating()) == decided_on {
            Ok(())
        } else {
            Err(WriteError::Conflict)
        }
    }

    async fn apply(
        &mut self,
        _permit: Permit<'_>,
        status: &ManagedDevOpsIdentityStatus,
    ) -> Result<(), WriteError> {
        let sent = Moment::now();
        let patch = json!({
            "apiVersion": ManagedDevOpsIdentity::api_version(&()),
            "kind": ManagedDevOpsIdentity::kind(&()),
            "metadata": {"name": self.object.name_any(), "resourceVersion": self.object.resource_version()},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = self.api.patch_status(&self.object.name_any(), &params, &Patch::Apply(&patch)).await?;
        self.adopt(written, sent.answered())
    }

    /// Stores or removes our finalizer, and no other.
    pub(super) async fn set_finalizer(
        &mut self,
        _permit: Permit<'_>,
        wanted: Finalizer,
    ) -> Result<(), WriteError> {
        if self.finalizer() == wanted {
            return Ok(());
        }
        let mut finalizers: Vec<String> =
            self.object.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect();
        if wanted == Finalizer::Stored {
            finalizers.push(FINALIZER.into());
        }
        let patch = json!({"metadata": {"resourceVersion": self.object.resource_version(), "finalizers": finalizers}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let sent = Moment::now();
        let written = self.api.patch(&self.object.name_any(), &params, &Patch::Merge(&patch)).await?;
        self.adopt(written, sent.answered())
    }

    /// Reads it anew; it must be the very same object.
    pub(super) async fn read_again(&mut self) -> Result<(), WriteError> {
        let sent = Moment::now();
        let read = self.api.get_opt(&self.object.name_any()).await?.ok_or(WriteError::Gone)?;
        self.adopt(read, sent.answered())
    }

    fn adopt(&mut self, DeserializeGuard(read): Guarded, moment: Moment) -> Result<(), WriteError> {
        // One that cannot be read any more is looked at anew by the next pass, which tells it.
        let object = read.map_err(|_| WriteError::Conflict)?;
        if object.uid() != self.object.uid() {
            return Err(WriteError::Gone);
        }
        (self.object, self.read) = (object, moment);
        Ok(())
    }
}

fn same(one: &ManagedDevOpsIdentityStatus, other: &ManagedDevOpsIdentityStatus) -> bool {
    let in_order = |status: &ManagedDevOpsIdentityStatus| {
        let mut status = status.clone();
        status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
        status
    };
    in_order(one) == in_order(other)
}
