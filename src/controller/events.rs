//! Kubernetes events: on a transition or an action, never twice for the same, and never a reason to fail.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{Condition, MicroTime},
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use crate::{
    api::{
        conditions::types,
        names::{CONTROLLER, FIELD_MANAGER, event},
        v1alpha1::ManagedDevOpsIdentityStatus,
    },
    runtime::leadership::Leadership,
};

/// The longest note that the API server takes, in bytes.
const NOTE_LIMIT: usize = 1024;

/// Publishes events. kube's own recorder would keep each for minutes, a kilobyte and more, to tell of repetitions.
pub(super) struct Events {
    client: Client,
    leadership: Arc<Leadership>,
    instance: String,
}

impl Events {
    pub(super) fn new(client: Client, leadership: Arc<Leadership>) -> Self {
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.into());
        Self { client, leadership, instance }
    }

    /// Something was done, as it should be.
    pub(super) async fn normal(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, "Normal", reason, note).await;
    }

    /// Something happened that a person should look at.
    pub(super) async fn warning(&self, about: &ObjectReference, reason: &str, note: &str) {
        self.publish(about, "Warning", reason, note).await;
    }

    /// Tells the change of `Ready` from one status to the next, if there is one worth telling.
    pub(super) async fn transition(
        &self,
        about: &ObjectReference,
        before: &ManagedDevOpsIdentityStatus,
        after: &ManagedDevOpsIdentityStatus,
    ) {
        let Some(ready) = condition(after, types::READY) else { return };
        let told = condition(before, types::READY)
            .is_some_and(|b| (&b.status, &b.reason) == (&ready.status, &ready.reason));
        let stalled_before = condition(before, types::STALLED).map(|c| c.reason.as_str());
        match condition(after, types::STALLED) {
            Some(stalled) if stalled_before != Some(stalled.reason.as_str()) => {
                self.warning(about, &stalled.reason, &stalled.message).await;
            }
            None if ready.status == "True" && !told => {
                self.normal(about, &ready.reason, &ready.message).await;
            }
            Some(_) | None => {}
        }
    }

    async fn publish(&self, about: &ObjectReference, type_: &str, reason: &str, note: &str) {
        let Some(_permit) = self.leadership.permit() else { return };
        let now = Timestamp::now();
        let namespace = about.namespace.as_deref().unwrap_or("default");
        let name = about.name.as_deref().unwrap_or(FIELD_MANAGER);
        let event = Event {
            metadata: ObjectMeta {
                namespace: Some(namespace.into()),
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            type_: Some(type_.into()),
            reason: Some(reason.into()),
            note: Some(bounded(note)),
            action: Some(action(reason).into()),
            regarding: Some(about.clone()),
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(FIELD_MANAGER.into()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        };
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        if let Err(error) = events.create(&PostParams::default(), &event).await {
            tracing::warn!(controller = CONTROLLER, %error, reason, "an event could not be published");
        }
    }
}

/// What the operator was doing when the reason came up.
fn action(reason: &str) -> &'static str {
    match reason {
        event::CREATED | event::RECREATED | event::OVERWROTE_RIVAL => "Create",
        event::ADOPTED
        | event::MARK_RESTORED
        | event::MARK_RENAMED
        | event::MARK_WITHDRAWN
        | event::RECORD_FORGOTTEN => "Own",
        event::UPDATED => "Update",
        event::REGISTERED | event::STALE_CURED | event::REMOVED_BY_ANOTHER | event::CONTESTED => "Register",
        event::DEREGISTERED | event::ENTRY_STAYS => "Deregister",
        event::RELEASED | event::LEFT_BEHIND | event::RETAINED => "Release",
        event::DELETION_WAITS | event::DELETED => "Delete",
        event::SUSPENDED => "Suspend",
        _ => "Reconcile",
    }
}

fn condition<'a>(status: &'a ManagedDevOpsIdentityStatus, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind)
}

fn bounded(note: &str) -> String {
    let end =
        (0..=note.len().min(NOTE_LIMIT)).rev().find(|end| note.is_char_boundary(*end)).unwrap_or_default();
    note[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_where_a_character_ends() {
        let note = "é".repeat(1000);
        assert_eq!(bounded(&note).len(), 1024);
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&format!("a{note}")).len(), 1023);
    }
}
