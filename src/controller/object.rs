//! The writes to one object: its status and its finalizer, each guarded by the version that was read.
//!
//! A uid does not guard a write to `/status`, the API server ignores it there; a resourceVersion does. So a late write
//! for an object that was deleted and re-created under the same name is refused.

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
};

/// How often a status is written again on a newer version of the same object.
const RETRIES: u32 = 3;

/// Why a write to the object did not go through.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody else wrote in between. Read again and decide again.
    #[error("the object changed in between")]
    Conflict,
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
}

/// Reads one object anew: the store may lag behind our own writes.
///
/// The guard takes an answer apart twice, so it is asked only where the object cannot be read without it.
pub(super) async fn read(client: &Client, key: &ObjectKey) -> Result<Option<Guarded>, kube::Error> {
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
    Ok(Some(guarded))
}

impl Subject {
    pub(super) fn new(client: &Client, object: ManagedDevOpsIdentity) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        Self { api: Api::namespaced(client.clone(), &namespace), object }
    }

    pub(super) fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
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

    /// Writes the status if it says anything new. Whether it did.
    ///
    /// On a conflict the object is read again; the same status goes onto the newer version of the *same* object, since
    /// nobody else writes it and losing it would lose the record.
    pub(super) async fn tell(&mut self, status: &ManagedDevOpsIdentityStatus) -> Result<bool, WriteError> {
        if same(&self.status(), status) {
            return Ok(false);
        }
        for _ in 0..RETRIES {
            match self.apply(status).await {
                Err(WriteError::Conflict) => self.read_again().await?,
                other => return other.map(|()| true),
            }
        }
        Err(WriteError::Conflict)
    }

    async fn apply(&mut self, status: &ManagedDevOpsIdentityStatus) -> Result<(), WriteError> {
        let patch = json!({
            "apiVersion": ManagedDevOpsIdentity::api_version(&()),
            "kind": ManagedDevOpsIdentity::kind(&()),
            "metadata": {"name": self.object.name_any(), "resourceVersion": self.object.resource_version()},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = self.api.patch_status(&self.object.name_any(), &params, &Patch::Apply(&patch)).await?;
        self.adopt(written)
    }

    /// Stores or removes our finalizer, and no other.
    pub(super) async fn set_finalizer(&mut self, wanted: Finalizer) -> Result<(), WriteError> {
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
        let written = self.api.patch(&self.object.name_any(), &params, &Patch::Merge(&patch)).await?;
        self.adopt(written)
    }

    async fn read_again(&mut self) -> Result<(), WriteError> {
        let read = self.api.get_opt(&self.object.name_any()).await?.ok_or(WriteError::Gone)?;
        self.adopt(read)
    }

    fn adopt(&mut self, DeserializeGuard(read): Guarded) -> Result<(), WriteError> {
        // One that cannot be read any more is looked at anew by the next pass, which tells it.
        let object = read.map_err(|_| WriteError::Conflict)?;
        if object.uid() != self.object.uid() {
            return Err(WriteError::Gone);
        }
        self.object = object;
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
