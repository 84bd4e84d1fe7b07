//! What a status shows besides its conditions: directories, ids, differences, the last error.

use super::told::{Finding, MESSAGE_LIMIT, Told, bounded};
use crate::{
    api::{
        conditions::types,
        v1alpha1::{Applied, DirectoryStatus, IdentityStatus, LastError, PendingChange},
    },
    domain::{
        directory::{self, Directory},
        failure::Failure,
        observed::{Fact, Observed, OrganizationDirectory},
        plan::Verdict,
    },
};

impl Told<'_> {
    /// What was last written from the spec. A spec that cannot be used changes nothing about that.
    pub(super) fn applied(&self) -> Option<Applied> {
        match self.finding {
            Finding::Invalid(_) => self.prior.applied.clone(),
            Finding::UnderWay(_) | Finding::NeverLookedAt | Finding::Judged { .. } => {
                self.record.applied.clone()
            }
        }
    }

    pub(super) fn organization_status(&self) -> Option<DirectoryStatus> {
        let Finding::Judged { observed, .. } = self.finding else { return self.prior.organization.clone() };
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
        let Finding::Judged { observed, .. } = self.finding else { return self.prior.subscription.clone() };
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
        let seen = match self.finding {
            Finding::Judged { observed, .. } => observed.identity.known(),
            Finding::UnderWay(_) | Finding::Invalid(_) | Finding::NeverLookedAt => None,
        };
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
            None => match self.finding {
                Finding::Judged { observed: Observed { identity: Fact::Unknown(_), .. }, .. } => {
                    Some(prior.filter(|prior| prior.origin.is_none()).cloned().unwrap_or(named))
                }
                _ => Some(named),
            },
        }
    }

    pub(super) fn pending_changes(&self) -> Vec<PendingChange> {
        match self.finding {
            Finding::Judged { verdict: Verdict::Pending { changes, reason: _ }, .. } => changes
                .iter()
                .take(64)
                .map(|PendingChange { field, observed, wanted }| PendingChange {
                    field: bounded(field, 600),
                    observed: observed.as_deref().map(|text| bounded(text, 512)),
                    wanted: wanted.as_deref().map(|text| bounded(text, 512)),
                })
                .collect(),
            Finding::Judged { verdict: Verdict::Failed(failure), .. }
                if self.keeps_the_verdict(types::IDENTITY_READY, failure) =>
            {
                self.prior.pending_changes.clone()
            }
            Finding::Judged { .. } | Finding::UnderWay(_) | Finding::Invalid(_) | Finding::NeverLookedAt => {
                vec![]
            }
        }
    }

    /// Word for word from its first occurrence, until code, target or generation changes; cleared by success.
    pub(super) fn last_error(&self) -> Option<LastError> {
        let prior = self
            .prior
            .last_error
            .as_ref()
            .filter(|_| self.prior.observed_generation == Some(self.generation));
        let (desired, observed, verdict) = match self.finding {
            Finding::Judged { desired, observed, verdict, .. } => (desired, observed, verdict),
            Finding::UnderWay(_) => return prior.cloned(),
            Finding::Invalid(_) | Finding::NeverLookedAt => return None,
        };
        let of_the_directory = match directory::judge(desired, observed) {
            Directory::Unknown(failure) => Some((types::DIRECTORY_MATCHED, failure)),
            Directory::Matched(_) | Directory::Mismatched(_) | Directory::OrganizationNotFound => None,
        };
        let of_the_identity = verdict.failure().map(|failure| (types::IDENTITY_READY, failure.clone()));
        let failures: Vec<(&'static str, Failure)> =
            of_the_directory.into_iter().chain(of_the_identity).collect();
        // An outage that keeps the last verdict keeps its error too.
        let Some((_, failure)) =
            failures.iter().find(|(kind, failure)| !self.keeps_the_verdict(kind, failure))
        else {
            return prior.filter(|_| !failures.is_empty()).cloned();
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
