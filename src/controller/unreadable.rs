//! An object that this version cannot read: a field or a value from another time.
//!
//! It is told in its status and nothing of it is touched; one that is being deleted is let go. It must never hold up
//! others, and never be treated as if it were gone.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Resource as _,
    api::{Patch, PatchParams},
    core::{PartialObjectMeta, error_boundary::InvalidObject},
};
use serde_json::json;

use super::{Operator, object::WriteError};
use crate::{
    api::{
        ManagedDevOpsIdentity,
        names::{FIELD_MANAGER, FINALIZER, event},
        v1alpha1::ManagedDevOpsIdentityStatus,
    },
    domain::{
        names::ObjectKey,
        record::Record,
        schedule::Outcome,
        standing::{Finding, Refusal, Told},
    },
};

impl Operator {
    /// Tells what cannot be read, or lets it go.
    pub(super) async fn unreadable(
        &self,
        key: &ObjectKey,
        invalid: &InvalidObject,
    ) -> Result<Outcome, WriteError> {
        let problem = format!(
            "this version of the operator cannot read the object: {}; correct the field, or upgrade the operator",
            invalid.error
        );
        tracing::warn!(problem, "unreadable object");
        let api =
            Api::<PartialObjectMeta<ManagedDevOpsIdentity>>::namespaced(self.client.clone(), &key.namespace);
        self.permit()?;
        if invalid.metadata.deletion_timestamp.is_some() {
            let note = format!("{problem}; whatever it holds in Azure is left as it is");
            self.events.warning(&reference(key, invalid), event::LEFT_BEHIND, &note).await;
            let others: Vec<&String> =
                invalid.metadata.finalizers.iter().flatten().filter(|f| *f != FINALIZER).collect();
            let patch = json!({"metadata": {"resourceVersion": invalid.metadata.resource_version, "finalizers": others}});
            api.patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
            return Ok(Outcome::Settled);
        }
        let (status, outcome) = Told {
            prior: &ManagedDevOpsIdentityStatus::default(),
            generation: invalid.metadata.generation.unwrap_or_default(),
            record: &Record::default(),
            identity: None,
            wanted: None,
            requested_at: None,
            finding: Finding::Invalid(Refusal::unusable(&problem)),
            now: self.clock.now(),
        }
        .compose();
        // A merge, not an apply: what the status records stays, although this version cannot read it.
        let patch = json!({
            "metadata": {"resourceVersion": invalid.metadata.resource_version},
            "status": {"observedGeneration": status.observed_generation, "conditions": status.conditions},
        });
        Api::<PartialObjectMeta<ManagedDevOpsIdentity>>::namespaced(self.client.clone(), &key.namespace)
            .patch_status(
                &key.name,
                &PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() },
                &Patch::Merge(&patch),
            )
            .await?;
        Ok(outcome)
    }
}

fn reference(key: &ObjectKey, invalid: &InvalidObject) -> ObjectReference {
    ObjectReference {
        api_version: Some(ManagedDevOpsIdentity::api_version(&()).into()),
        kind: Some(ManagedDevOpsIdentity::kind(&()).into()),
        namespace: Some(key.namespace.clone()),
        name: Some(key.name.clone()),
        uid: invalid.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}
