//! The sentences for people: what is so, and the next step.

use super::told::bounded;
use crate::{
    api::{
        conditions::Reason,
        v1alpha1::{AdoptionPolicy, PendingChange},
    },
    domain::{
        desired::Desired,
        names::{IdentityId, Location, PrincipalId, TenantId},
        observed::{Fact, Identity},
        ownership::Owner,
        record::Record,
        tags,
    },
};

pub(super) fn same_directory(desired: &Desired, tenant: &TenantId) -> String {
    let Desired { organization, identity, .. } = desired;
    format!(
        "organization {organization} and subscription {} are in directory {tenant}",
        identity.subscription()
    )
}

pub(super) fn no_such_organization(desired: &Desired) -> String {
    let organization = &desired.organization;
    format!(
        "no Azure DevOps organization {organization} was found: check spec.organization against https://dev.azure.com/{organization}, and create a new object if it is misspelled"
    )
}

pub(super) fn up_to_date(id: &IdentityId) -> String {
    format!("identity {id:#} is as wanted")
}

pub(super) fn awaits_the_directory(id: &IdentityId, identity: &Fact<Identity>) -> String {
    let change = match identity {
        Fact::Absent => "created",
        Fact::Known(_) | Fact::Unknown(_) => "changed",
    };
    format!("identity {id:#} is not {change} before the directory is known to match")
}

pub(super) fn settling(id: &IdentityId) -> String {
    format!(
        "Azure does not show identity {id:#} at the moment: it is asked again before anything is concluded"
    )
}

pub(super) fn gone(id: &IdentityId) -> String {
    format!("identity {id:#} is not there any more")
}

pub(super) fn disabled(id: &IdentityId) -> String {
    format!("subscription {} is disabled or deleted and takes no changes: enable it again", id.subscription())
}

pub(super) fn elsewhere(id: &IdentityId, found: &Location, wanted: &Location) -> String {
    format!(
        "identity {id:#} exists in {found}, spec.identity.location says {wanted}: Azure moves no identity, so name {found} in a new object, or choose another name"
    )
}

pub(super) fn too_many_tags(id: &IdentityId, count: usize) -> String {
    format!(
        "identity {id:#} would bear {count} tags, Azure allows {}: take tags out of spec.identity.tags or off the identity",
        tags::LIMIT
    )
}

pub(super) fn refused(
    id: &IdentityId,
    record: &Record,
    found: &PrincipalId,
    policy: AdoptionPolicy,
) -> String {
    let what = match &record.holding {
        Some(held) if held.principal != *found => format!(
            "identity {id:#} was re-created by somebody: it is principal {found} now, this object held {}",
            held.principal
        ),
        Some(_) | None => format!("identity {id:#} exists already and does not bear this object's mark"),
    };
    let remedy = match policy {
        AdoptionPolicy::IfOwned | AdoptionPolicy::Adopt => {
            "set spec.adoptionPolicy: Adopt to take it, or choose another name in a new object"
        }
        AdoptionPolicy::Never => {
            "spec.adoptionPolicy: Never takes nothing, so set Adopt to take it, or choose another name in a new object"
        }
    };
    format!("{what}; {remedy}")
}

pub(super) fn conflict(id: &IdentityId, owner: &Owner) -> String {
    match owner {
        Owner::Sibling(object) => format!(
            "identity {id:#} is held by object {object}: name another identity in a new object, or delete {object} (it lets go and leaves the identity whole)"
        ),
        Owner::Elsewhere { cluster, object } => format!(
            "identity {id:#} is held by object {object} of cluster {cluster}: name another identity in a new object, or delete {object} there (it lets go and leaves the identity whole); if that cluster is gone for ever, add {cluster} to the operator's MDI_FORMER_CLUSTER_IDS where this cluster takes its place, else remove the mdi-operator- tags from the identity"
        ),
        Owner::Unclear(keys) => format!(
            "identity {id:#} bears a part of an owner's mark: if nobody holds it, remove its tags {}",
            keys.join(", ")
        ),
    }
}

pub(super) fn pending(id: &IdentityId, reason: Reason, changes: &[PendingChange]) -> String {
    let fields: Vec<String> = changes.iter().map(|change| bounded(&change.field, 80)).take(5).collect();
    let more = changes.len().saturating_sub(fields.len());
    let list = if more == 0 { fields.join(", ") } else { format!("{} and {more} more", fields.join(", ")) };
    match reason {
        Reason::IdentityNotFound => format!(
            "identity {id:#} is gone and driftPolicy: Report does not re-create it: set driftPolicy: Correct (a new principal: its role assignments are lost), or delete this object"
        ),
        Reason::DriftDetected => format!(
            "identity {id:#} was changed by somebody ({list}), and driftPolicy: Report does not correct it: see status.pendingChanges, then change the spec or set driftPolicy: Correct"
        ),
        _ => format!(
            "identity {id:#} is not as wanted ({list}), and mode: Observe does not change it: see status.pendingChanges, then set mode: Manage"
        ),
    }
}
