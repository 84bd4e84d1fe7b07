//! What a read of a pool says about an entry in it.

use crate::domain::{
    failure::{Cause, Failure},
    observed::Fact,
    pool::Pool,
};

/// A pool, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight<'a> {
    /// It is there.
    There(&'a Pool),
    /// It is not, or its whole resource group is not, and no entry with it.
    Gone,
    /// It could not be read. A missing right, or a subscription that cannot be found, is not gone.
    Hidden(&'a Failure),
}

impl<'a> Sight<'a> {
    /// What a read says.
    pub fn of(pool: &'a Fact<Pool>) -> Self {
        match pool {
            Fact::Known(pool) => Self::There(pool),
            Fact::Absent | Fact::Unknown(Failure { cause: Cause::ResourceGroupNotFound, .. }) => Self::Gone,
            Fact::Unknown(failure) => Self::Hidden(failure),
        }
    }
}
