//! Subscriptions, their resource groups, locks, policies and refusals.
//!
//! Must never answer a request itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Names;

/// One Azure subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// Its home directory.
    pub tenant_id: String,
    /// Whether it can be used.
    #[serde(default)]
    pub state: SubscriptionState,
    /// Its name for people.
    #[serde(default)]
    pub display_name: String,
    /// Resource provider namespaces that are registered.
    #[serde(default = "usual_providers")]
    pub registered_providers: Vec<String>,
    /// Client ids that may read the subscription; `null` means every application of its tenant.
    #[serde(default)]
    pub readers: Option<Vec<String>>,
    /// Resource groups by name.
    #[serde(default)]
    pub groups: Names<Group>,
    /// Actions that an application may not take, by client id. Everything else is allowed.
    #[serde(default)]
    pub denials: Names<Vec<Denial>>,
}

fn usual_providers() -> Vec<String> {
    ["Microsoft.ManagedIdentity", "Microsoft.DevOpsInfrastructure", "Microsoft.DevCenter"]
        .map(str::to_owned)
        .to_vec()
}

impl Subscription {
    /// An enabled subscription without groups.
    pub fn new(tenant_id: &str, display_name: &str) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            state: SubscriptionState::Enabled,
            display_name: display_name.to_owned(),
            registered_providers: usual_providers(),
            readers: None,
            groups: Names::new(),
            denials: Names::new(),
        }
    }

    /// Whether a namespace is registered.
    pub fn is_registered(&self, namespace: &str) -> bool {
        self.registered_providers.iter().any(|known| known.eq_ignore_ascii_case(namespace))
    }

    /// Whether an application may see that the subscription is there.
    pub fn is_readable_by(&self, client_id: &str) -> bool {
        self.readers
            .as_ref()
            .is_none_or(|readers| readers.iter().any(|reader| reader.eq_ignore_ascii_case(client_id)))
    }

    /// Whether an application is refused an action at a scope.
    pub fn denies(&self, client_id: &str, action: &str, scope: &str) -> bool {
        self.denials
            .get(&client_id.into())
            .is_some_and(|list| list.iter().any(|denial| denial.covers(action, scope)))
    }
}

/// The state of a subscription as Azure names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionState {
    /// In use.
    #[default]
    Enabled,
    /// About to be disabled; still in use.
    Warned,
    /// Unpaid; still in use.
    PastDue,
    /// Read only.
    Disabled,
    /// Gone, but for its record. Read only.
    Deleted,
}

/// A refusal of one application, as the lack of a role would cause it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Denial {
    /// The action, for example `Microsoft.ManagedIdentity/userAssignedIdentities/write`; `*` stands for anything.
    pub action: String,
    /// The scope below which it is refused; everywhere if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Denial {
    fn covers(&self, action: &str, scope: &str) -> bool {
        let below = self.scope.as_ref().is_none_or(|root| {
            let (root, scope) = (root.trim_end_matches('/').to_ascii_lowercase(), scope.to_ascii_lowercase());
            scope.strip_prefix(&root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        below && crate::fault::matches(&self.action, action)
    }
}

/// A resource group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Its region; resources in it may be elsewhere.
    pub location: String,
    /// Whether its deletion runs.
    #[serde(default)]
    pub being_deleted: bool,
    /// Locks by name.
    #[serde(default)]
    pub locks: Names<Lock>,
    /// The name of a policy that forbids identities and pools here.
    #[serde(default)]
    pub policy_denial: Option<String>,
    /// Tags of the group itself.
    #[serde(default)]
    pub tags: Names<String>,
}

impl Group {
    /// A group without locks.
    pub fn new(location: &str) -> Self {
        Self { location: location.to_owned(), ..Self::default() }
    }

    /// The names of the locks that stand against a deletion, or against any write.
    pub(crate) fn locks_against(&self, deletion: Against) -> BTreeSet<&str> {
        let held = |lock: &Lock| match deletion {
            Against::Delete => true,
            Against::Write => lock.level == LockLevel::ReadOnly,
        };
        self.locks.iter().filter(|(_, lock)| held(lock)).map(|(name, _)| name.as_str()).collect()
    }
}

/// What a lock is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    Delete,
    Write,
}

/// A management lock on a resource group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lock {
    /// What it forbids.
    pub level: LockLevel,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// What a lock forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockLevel {
    /// Deletion.
    CanNotDelete,
    /// Deletion and change.
    ReadOnly,
}
