//! What outside hands do to pools: their owners, Terraform, Azure itself.
//!
//! As in the other hands, each method is one act that a client did not ask for, done at once and without a question.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hands::wrong;
use super::{Attached, Entry, Name, Pool, PoolId, ProvisioningState, World, WorldError};

/// One run of a Terraform that owns a pool and knows nothing of anybody else: its own list of identities is put in
/// place of the pool's, as its full PUT does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TerraformRun {
    /// The pool's ARM id.
    pub pool: String,
    /// The identities in its configuration, by ARM id.
    #[serde(default)]
    pub identities: Vec<String>,
}

impl World {
    /// Creates a pool. Its name has to be free in all of Azure.
    pub fn create_pool(&mut self, id: &str, pool: Pool) -> Result<(), WorldError> {
        let parsed = PoolId::parse(id).ok_or_else(|| wrong("id", id, "is not the ARM id of a pool"))?;
        if self.pool_named(&parsed.name).is_some() {
            return Err(wrong(
                "id",
                id,
                "has a name that a pool bears already; delete or re-create that one",
            ));
        }
        self.pools.insert(Name::from(parsed.to_string()), pool);
        Ok(())
    }

    /// Deletes a pool and gives back what it was.
    pub fn delete_pool(&mut self, id: &str) -> Result<Pool, WorldError> {
        self.pools.remove(&Name::from(id)).ok_or_else(|| wrong("id", id, "is not there; list GET /world"))
    }

    /// Deletes a pool and creates it again as its owner describes it: with these identities, as they are now, and no
    /// others.
    pub fn recreate_pool(&mut self, id: &str, identities: &[String]) -> Result<(), WorldError> {
        let fresh = self.attached(identities)?;
        let pool = self.pool_at(id)?;
        pool.identity = fresh;
        pool.provisioning_state = ProvisioningState::Succeeded;
        pool.created_at = None;
        Ok(())
    }

    /// Puts these user-assigned identities in place of the pool's. An entry that stays keeps the ids that it has.
    pub fn set_pool_identity(&mut self, id: &str, identities: &[String]) -> Result<(), WorldError> {
        let mut wanted = self.attached(identities)?.user;
        let pool = self.pool_at(id)?;
        for (key, entry) in &mut wanted {
            if let Some(old) = pool.identity.user.get(key) {
                entry.clone_from(old);
            }
        }
        pool.identity.user = wanted;
        Ok(())
    }

    /// Adds an identity to a pool, as it is now.
    pub fn add_pool_entry(&mut self, id: &str, identity: &str) -> Result<(), WorldError> {
        let entry = self.entry_of(identity)?;
        self.put_pool_entry(id, identity, entry)
    }

    /// Gives a pool an entry with any ids: the leftover of an identity that was re-created, or is gone.
    pub fn put_pool_entry(&mut self, id: &str, identity: &str, entry: Entry) -> Result<(), WorldError> {
        self.pool_at(id)?.identity.user.insert(Name::from(identity), entry);
        Ok(())
    }

    /// Takes an identity away from a pool.
    pub fn remove_pool_entry(&mut self, id: &str, identity: &str) -> Result<(), WorldError> {
        match self.pool_at(id)?.identity.user.remove(&Name::from(identity)) {
            Some(_) => Ok(()),
            None => Err(wrong("identity", identity, "is no entry of this pool; list GET /world")),
        }
    }

    /// Changes a pool's state. An operation that runs on it is broken off where the new state is a final one.
    pub fn set_pool_state(&mut self, id: &str, state: ProvisioningState) -> Result<(), WorldError> {
        self.pool_at(id)?.provisioning_state = state;
        Ok(())
    }

    /// Sets one member under a pool's `properties`.
    pub fn set_pool_property(&mut self, id: &str, name: &str, value: Value) -> Result<(), WorldError> {
        self.pool_at(id)?.properties.insert(name.to_owned(), value);
        Ok(())
    }

    /// A Terraform puts its own list of identities back. It fails while an operation runs on the pool.
    pub fn run_terraform(&mut self, run: &TerraformRun) -> Result<(), WorldError> {
        let TerraformRun { pool, identities } = run;
        if !self.pool_at(pool)?.provisioning_state.is_final() {
            return Err(wrong("pool", pool, "is in the middle of an operation; run again after it"));
        }
        self.set_pool_identity(pool, identities)
    }

    /// The pool that bears a name, wherever it is: names are unique in all of Azure.
    pub(crate) fn pool_named(&self, name: &str) -> Option<&Name> {
        self.pools
            .keys()
            .find(|key| PoolId::parse(key.as_str()).is_some_and(|id| id.name.eq_ignore_ascii_case(name)))
    }

    /// The identity block of a resource that these identities, as they are now, are attached to.
    pub fn attached(&self, identities: &[String]) -> Result<Attached, WorldError> {
        let entry = |id: &String| Ok((Name::from(id.as_str()), self.entry_of(id)?));
        Ok(Attached { system: None, user: identities.iter().map(entry).collect::<Result<_, _>>()? })
    }

    fn entry_of(&self, identity: &str) -> Result<Entry, WorldError> {
        let found = self.identity(identity);
        found.map(Entry::of).ok_or_else(|| wrong("identity", identity, "is not there; list GET /world"))
    }

    fn pool_at(&mut self, id: &str) -> Result<&mut Pool, WorldError> {
        self.pool_mut(id).ok_or_else(|| wrong("id", id, "is no pool; list GET /world"))
    }
}
