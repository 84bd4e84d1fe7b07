//! What an object remembers in its own status. The loss of any of it only makes the operator do less.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::v1alpha1::{Applied, ManagedDevOpsIdentityStatus, Origin},
    domain::{desired::WantedPool, names::PrincipalId, registration::PoolRecord},
};

/// While so many pools are being left, no new one is remembered. Of fewer than this, and the hundred that a spec can name, the
/// next spec may leave all and name a hundred others: a status has room for three hundred lines.
const CROWD: usize = 100;

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
    /// The pools that there is something to remember of, by name.
    pub pools: BTreeMap<String, PoolRecord>,
}

impl Record {
    /// Reads the record out of a status: a principal beside an origin is a holding, a principal alone is only shown.
    pub fn of(status: &ManagedDevOpsIdentityStatus) -> Self {
        let holding = status.identity.as_ref().and_then(|identity| {
            let principal = PrincipalId::parse(identity.principal_id.as_deref()?).ok()?;
            Some(Holding { principal, origin: identity.origin? })
        });
        let pools = status
            .pools
            .iter()
            .filter_map(|pool| Some((pool.name.clone(), PoolRecord::of(pool)?)))
            .filter(|(_, record)| !record.is_blank())
            .collect();
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

    /// What is remembered of a pool of the spec. The same name at another id is another pool.
    pub fn pool(&self, wanted: &WantedPool) -> PoolRecord {
        let recorded = self.pools.get(&wanted.name).filter(|record| record.id == wanted.id);
        recorded.cloned().unwrap_or_else(|| PoolRecord::new(wanted.id.clone()))
    }

    /// The pools that are to be left: they are not in the spec any more, or stand there at another id.
    pub fn pools_to_leave(&self, wanted: &[WantedPool]) -> Vec<(String, PoolRecord)> {
        let is_wanted = |name: &str, record: &PoolRecord| {
            wanted.iter().any(|pool| pool.name == name && pool.id == record.id)
        };
        self.pools
            .iter()
            .filter(|(name, record)| !is_wanted(name, record))
            .map(|(name, record)| (name.clone(), record.clone()))
            .collect()
    }

    /// How many pools are being left, where that is too many for one more to be remembered.
    pub fn crowd(&self, wanted: &[WantedPool]) -> Option<usize> {
        let leaving = self.pools_to_leave(wanted).len();
        (leaving >= CROWD).then_some(leaving)
    }

    /// Whether this object is recorded to have created the identity with this very principal.
    pub fn created(&self, principal: &PrincipalId) -> bool {
        self.holding
            .as_ref()
            .is_some_and(|held| held.origin == Origin::Created && held.principal == *principal)
    }

    /// The same, with this remembered of a pool; nothing is kept of one that there is nothing to remember of.
    #[must_use]
    pub fn with_pool(&self, name: &str, pool: PoolRecord) -> Self {
        let mut record = self.clone();
        if pool.is_blank() {
            record.pools.remove(name);
        } else {
            record.pools.insert(name.to_owned(), pool);
        }
        record
    }

    /// The same, once a pool of the spec was seen to be registered: from here on, what is missing there is drift.
    #[must_use]
    pub fn pool_applied(&self, name: &str) -> Self {
        let mut pools = self.applied_pools();
        pools.insert(name.to_owned());
        self.with_applied_pools(&pools)
    }

    /// The same, once nothing of ours is left in a pool that is not wanted any more.
    #[must_use]
    pub fn forget_pool(&self, name: &str) -> Self {
        let (mut record, mut pools) = (self.clone(), self.applied_pools());
        record.pools.remove(name);
        pools.remove(name);
        record.with_applied_pools(&pools)
    }

    /// The same, with no pool applied that is not in the spec: if it comes back, that is a new wish.
    #[must_use]
    pub fn applied_within(&self, wanted: &[WantedPool]) -> Self {
        let mut pools = self.applied_pools();
        pools.retain(|name| wanted.iter().any(|pool| pool.name == *name));
        self.with_applied_pools(&pools)
    }

    fn with_applied_pools(&self, pools: &BTreeSet<String>) -> Self {
        let nothing = Applied::default();
        let Applied { tags, isolation_scope, pools: _ } = self.applied.as_ref().unwrap_or(&nothing);
        Self { applied: Applied::of(tags, *isolation_scope, pools), ..self.clone() }
    }

    /// Whether an entry in a pool may be of this object's doing.
    pub fn may_hold_entries(&self) -> bool {
        self.pools.values().any(PoolRecord::may_hold)
    }

    /// Whether this very principal is held.
    pub fn holds(&self, principal: &PrincipalId) -> bool {
        self.holding.as_ref().is_some_and(|holding| holding.principal == *principal)
    }
}

#[cfg(test)]
mod tests;
