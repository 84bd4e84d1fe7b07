//! The sentences for people about a pool: which, what is so, and the next step.

use crate::{
    api::conditions::Reason,
    domain::{
        failure::Failure,
        names::{OrganizationName, PoolId, PrincipalId, SubscriptionId, TenantId},
        registration::Removals,
    },
};

/// What a failure of a pool is told behind.
pub(super) fn about(pool: &str, leaving: bool) -> String {
    if leaving { format!("pool {pool} is being left: ") } else { format!("pool {pool}: ") }
}

pub(super) fn no_pools() -> String {
    "the spec names no pools".into()
}

pub(super) fn all_registered(count: usize) -> String {
    if count == 1 {
        "the pool of the spec bears the identity".into()
    } else {
        format!("all {count} pools of the spec bear the identity")
    }
}

pub(super) fn registered(pool: &str) -> String {
    format!("pool {pool} bears the identity")
}

pub(super) fn not_yet_looked_at(pool: &str) -> String {
    format!("pool {pool} is about to be looked at")
}

pub(super) fn waiting(pool: &str, reason: Reason) -> String {
    match reason {
        Reason::PoolBusy => {
            format!("pool {pool} is being changed by somebody: the identity is added when that is over")
        }
        Reason::Settling => {
            format!("Azure does not show yet what was changed in pool {pool}: it is asked again")
        }
        Reason::IdentityNotReady => {
            format!("pool {pool} waits until the identity is held and its directory is known to match")
        }
        _ => format!("Azure is changing the identities of pool {pool} for this object"),
    }
}

pub(super) fn leaving_waits(pool: &str, reason: Reason) -> String {
    match reason {
        Reason::PoolBusy => format!(
            "pool {pool} is being left, but somebody is changing it: the identity is taken out when that is over"
        ),
        Reason::Settling => format!(
            "pool {pool} is being left: what Azure shows there may be out of date, and is looked at again before it counts"
        ),
        _ => format!("pool {pool} is being left: Azure is taking the identity out"),
    }
}

/// Of an object that is being deleted: the pools that are still to be left.
pub(super) fn all_left(remaining: &[&str]) -> String {
    match remaining {
        [] => "the identity has left the pools that this object had added it to".into(),
        [pool] => format!("the identity is being taken out of pool {pool}"),
        pools => format!("the identity is being taken out of {} pools", pools.len()),
    }
}

pub(super) fn leaving_pending(pool: &str) -> String {
    format!(
        "pool {pool} left the spec and bears the identity, and mode: Observe does not take it out: set mode: Manage, or put the pool back into spec.pools"
    )
}

pub(super) fn leaving_fails(pool: &str, failure: &Failure) -> String {
    format!("pool {pool} is being left: {}; {}", failure.code, failure.next_step())
}

pub(super) fn many_are_left(count: usize, one: &str) -> String {
    format!("{count} pools are being left; one of them: {one}")
}

pub(super) fn crowded(pool: &str, leaving: usize) -> String {
    format!(
        "pool {pool} waits until some of the {leaving} pools that are being left are forgotten: a status has room for no more"
    )
}

pub(super) fn not_found(pool: &str, id: &PoolId) -> String {
    format!(
        "there is no pool {id}: create it, or correct name, resourceGroup or subscriptionId of {pool} in spec.pools (where they are absent, those of the identity count)"
    )
}

pub(super) fn not_azure_devops(pool: &str, kind: &str) -> String {
    format!(
        "pool {pool} serves {kind}, not Azure DevOps, and is left alone: take it out of spec.pools, or name another"
    )
}

pub(super) fn organization_not_in_pool(pool: &str, organization: &OrganizationName) -> String {
    format!(
        "pool {pool} does not serve organization {organization} and is left alone: add https://dev.azure.com/{organization} to the organizations of the pool, or take the pool out of spec.pools"
    )
}

pub(super) fn other_directory(
    pool: &str,
    subscription: &SubscriptionId,
    of_pool: &TenantId,
    of_identity: &TenantId,
) -> String {
    format!(
        "pool {pool} is in directory {of_pool} (that of its subscription {subscription}), the identity in {of_identity}, and Azure lets no identity cross: name a pool whose subscription is in {of_identity}, or take this one out of spec.pools"
    )
}

pub(super) fn contested(pool: &str, removals: Removals) -> String {
    let Removals { count, last } = removals;
    let last = last.map(|last| format!(", last at {last}")).unwrap_or_default();
    format!(
        "somebody has taken the identity out of pool {pool} {count} times{last}; it is put back, slowly: find who writes the pool's whole list of identities and have it list this one too, or leave the list alone (Terraform: `lifecycle {{ ignore_changes = [identity] }}`), or take the pool out of spec.pools"
    )
}

pub(super) fn pending(pool: &str, reason: Reason, stale: Option<&PrincipalId>, there: bool) -> String {
    let what = match stale {
        Some(stale) => {
            format!("pool {pool} bears principal {stale}, which the identity had before it was re-created")
        }
        None if there => format!("pool {pool} bears the identity as it was before it was re-created"),
        None => format!("pool {pool} does not bear the identity"),
    };
    match reason {
        Reason::DriftDetected => format!(
            "{what}, and driftPolicy: Report does not put that right: set driftPolicy: Correct, or take the pool out of spec.pools"
        ),
        _ => format!("{what}, and mode: Observe does not change that: set mode: Manage"),
    }
}
