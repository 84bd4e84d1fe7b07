//! What a status shows besides its conditions: directories, ids, differences, the last error.

use super::{
    part::{Part, Trouble},
    pools::{Line, OF_POOLS, Pending, pending_field},
    told::{Finding, MESSAGE_LIMIT, Told, bounded},
};
use crate::{
    api::v1alpha1::{Applied, DirectoryStatus, IdentityStatus, LastError, PendingChange},
    domain::{
        observed::{Fact, OrganizationDirectory},
        plan::Verdict,
    },
};

impl Told<'_> {
    /// What was last written from the spec. A spec that cannot be used changes nothing about that.
    pub(super) fn applied(&self) -> Option<Applied> {
        match self.finding {
            Finding::Invalid(_) => self.prior.applied.clone(),
            Finding::UnderWay(_)
            | Finding::Acting { .. }
            | Finding::Registering { .. }
            | Finding::Deleting(_)
            | Finding::NeverLookedAt
            | Finding::Judged { .. } => self.record.applied.clone(),
        }
    }

    pub(super) fn organization_status(&self) -> Option<DirectoryStatus> {
        let Some((_, observed, _)) = self.finding.judged() else { return self.prior.organization.clone() };
        match &observed.organization {
            Fact::Known(OrganizationDirectory::Connected(tenant)) => {
                Some(DirectoryStatus { tenant_id: Some(tenant.to_string()) })
            }
            // Not an empty object either: see `Applied::of`.
            Fact::Known(OrganizationDirectory::NotConnected) | Fact::Absent => None,
            Fact::Unknown(_) => self.prior.organization.clone(),
        }
    }

    pub(super) fn subscription_status(&self) -> Option<DirectoryStatus> {
        let Some((_, observed, _)) = self.finding.judged() else { return self.prior.subscription.clone() };
        match &observed.subscription {
            Fact::Known(subscription) => {
                Some(DirectoryStatus { tenant_id: Some(subscription.tenant.to_string()) })
            }
            Fact::Absent => None,
            Fact::Unknown(_) => self.prior.subscription.clone(),
        }
    }

    /// The ids. What is held is shown with its origin; what is only seen, without one.
    pub(super) fn identity_status(&self) -> Option<IdentityStatus> {
        if let Finding::Invalid(_) = self.finding {
            return self.prior.identity.clone();
        }
        let id = self.identity?;
        let named = IdentityStatus {
            resource_id: Some(id.to_string()),
            name: Some(id.name().to_owned()),
            ..IdentityStatus::default()
        };
        let observed = self.finding.observed().map(|observed| &observed.identity);
        let seen = observed.and_then(Fact::known);
        let prior = self
            .prior
            .identity
            .as_ref()
            .filter(|prior| prior.resource_id.as_deref().is_some_and(|r| id.matches(r)));
        let held = self.record.holding.as_ref();
        if let Some(seen) = seen.filter(|seen| held.is_none_or(|held| held.principal == seen.principal)) {
            return Some(IdentityStatus {
                client_id: Some(seen.client.to_string()),
                principal_id: Some(seen.principal.to_string()),
                tenant_id: Some(seen.tenant.to_string()),
                location: Some(seen.location.to_string()),
                origin: held.map(|held| held.origin),
                ..named
            });
        }
        match held {
            // The record stands, whatever can be seen at the moment.
            Some(held) => {
                let shown =
                    prior.filter(|prior| prior.principal_id.as_deref() == Some(held.principal.as_str()));
                Some(IdentityStatus {
                    principal_id: Some(held.principal.to_string()),
                    origin: Some(held.origin),
                    client_id: shown.and_then(|p| p.client_id.clone()),
                    tenant_id: shown.and_then(|p| p.tenant_id.clone()),
                    location: shown.and_then(|p| p.location.clone()),
                    ..named
                })
            }
            // Shown ids stay while the identity cannot be read, and go with the identity.
            None if matches!(observed, Some(Fact::Unknown(_))) => {
                Some(prior.filter(|prior| prior.origin.is_none()).cloned().unwrap_or(named))
            }
            None => Some(named),
        }
    }

    /// Those of the identity, then those of the pools.
    pub(super) fn pending_changes(&self, identity: &Trouble, lines: &[Line]) -> Vec<PendingChange> {
        let verdict = match self.finding {
            Finding::Judged { verdict, .. } => verdict,
            Finding::Registering { .. } => return self.prior.pending_changes.clone(),
            Finding::UnderWay(_)
            | Finding::Acting { .. }
            | Finding::Deleting(_)
            | Finding::Invalid(_)
            | Finding::NeverLookedAt => return vec![],
        };
        let prior = |of_pools: bool| {
            let all = self.prior.pending_changes.iter();
            all.filter(move |change| change.field.starts_with(OF_POOLS) == of_pools)
        };
        let mut changes = match (verdict, identity) {
            (Verdict::Pending { changes, reason: _ }, _) => changes.clone(),
            (_, Trouble::Kept) => prior(false).cloned().collect(),
            (_, Trouble::None | Trouble::Told(_)) => vec![],
        };
        for line in lines {
            match &line.pending {
                Pending::Nothing => {}
                Pending::Change(change) => changes.push(change.clone()),
                Pending::AsBefore => {
                    let field = pending_field(&line.status.name);
                    changes.extend(prior(true).filter(|change| change.field == field).cloned());
                }
            }
        }
        changes
            .iter()
            .take(64)
            .map(|PendingChange { field, observed, wanted }| PendingChange {
                field: bounded(field, 600),
                observed: observed.as_deref().map(|text| bounded(text, 512)),
                wanted: wanted.as_deref().map(|text| bounded(text, 512)),
            })
            .collect()
    }

    /// Word for word from its first occurrence, until code, target or generation changes; cleared by success.
    pub(super) fn last_error(&self, parts: [&Part; 3]) -> Option<LastError> {
        let prior = self
            .prior
            .last_error
            .as_ref()
            .filter(|_| self.prior.observed_generation == Some(self.generation));
        match self.finding {
            Finding::Judged { .. } => {}
            Finding::UnderWay(_)
            | Finding::Acting { .. }
            | Finding::Registering { .. }
            | Finding::Deleting(_) => return prior.cloned(),
            Finding::Invalid(_) | Finding::NeverLookedAt => return None,
        }
        let told = parts.iter().find_map(|part| match &part.trouble {
            Trouble::Told(failure) => Some(failure),
            Trouble::None | Trouble::Kept => None,
        });
        // An outage that keeps the last verdict keeps its error too.
        let Some(failure) = told else {
            let kept = parts.iter().any(|part| part.trouble == Trouble::Kept);
            return prior.filter(|_| kept).cloned();
        };
        let (code, target) = (bounded(&failure.code, 128), bounded(&failure.target, 512));
        let first = prior.filter(|prior| prior.code == code && prior.target == target);
        Some(first.cloned().unwrap_or_else(|| LastError {
            code,
            message: bounded(&failure.message, MESSAGE_LIMIT),
            target,
            correlation_id: failure.correlation_id.as_deref().map(|id| bounded(id, 64)),
        }))
    }
}
