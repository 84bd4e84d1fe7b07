//! Resources as Azure writes them, read into ours. Pure.
//!
//! Members that are not known are ignored. Must never make up what is missing.

mod identity;
mod pool;

pub(super) use identity::identity;
pub(super) use pool::{page, pool};

use super::{classify, transport::Answer};
use crate::domain::{
    failure::Failure,
    names::{ResourceId, ResourceKind},
};

/// The asked id, spelled as Azure spells it. An answer about another resource is none.
fn spelled<K: ResourceKind>(
    id: &str,
    asked: &ResourceId<K>,
    answer: &Answer,
) -> Result<ResourceId<K>, Failure> {
    ResourceId::parse(id).filter(|id| id == asked).ok_or_else(|| {
        classify::unexpected(answer, &asked.to_string(), &format!("the answer is about {id:?}"))
    })
}
