//! What an object remembers in its own status. The loss of any of it only makes the operator do less.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::v1alpha1::{Applied, ManagedDevOpsIdentityStatus, Origin},
    domain::{names::PrincipalId, registration::PoolRecord},
};

/// That an object holds an identity: this very principal, and how it came to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The principal that is held. A re-created identity has another one.
    pub principal: PrincipalId,
    /// `Created` only from a received 201.
    pub origin: Origin,
}

/// What one object remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// What it holds. Ids that are only shown are not a holding.
    pub holding: Option<Holding>,
    /// What was last written from the spec.
    pub applied: Option<Applied>,
    /// The pools that it has to do with, by name.
    pub pools: BTreeMap<String, PoolRecord>,
}

impl Record {
    /// Reads the record out of a status: a principal beside an origin is a holding, a principal alone is only shown.
    pub fn of(status: &ManagedDevOpsIdentityStatus) -> Self {
        let holding = status.identity.as_ref().and_then(|identity| {
            let principal = PrincipalId::parse(identity.principal_id.as_deref()?).ok()?;
            Some(Holding { principal, origin: identity.origin? })
        });
        let pools =
            status.pools.iter().filter_map(|pool| Some((pool.name.clone(), PoolRecord::of(pool)?))).collect();
        Self { holding, applied: status.applied.clone(), pools }
    }

    /// What is left when the identity is gone and another is about to take its place: the entries in pools, which bear
    /// the old principal and are to be cured.
    #[must_use]
    pub fn without_the_gone(&self) -> Self {
        Self { pools: self.pools.clone(), ..Self::default() }
    }

    /// The pools that the wish was carried out for once.
    pub fn applied_pools(&self) -> BTreeSet<String> {
        self.applied.as_ref().map(|applied| applied.pools.clone()).unwrap_or_default()
    }

    /// Whether this very principal is held.
    pub fn holds(&self, principal: &PrincipalId) -> bool {
        self.holding.as_ref().is_some_and(|holding| holding.principal == *principal)
    }
}

#[cfg(test)]
mod tests;
