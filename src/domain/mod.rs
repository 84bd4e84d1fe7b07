//! THE DECISION: given what is wanted and what is true, which single step comes next, and what is told?
//!
//! Pure: no async, no client, no clock, no log. Time, randomness and everything that was read come in as arguments,
//! so every rule can be tried in a table and every interleaving can be explored.
//!
//! Read [`plan`] first (what comes next), then [`standing`] (what is told). They rest on [`desired`] and [`observed`].

pub mod claim;
pub mod cluster;
pub mod desired;
pub mod difference;
pub mod directory;
pub mod failure;
pub mod farewell;
pub mod fence;
pub mod mark;
pub mod names;
pub mod observed;
pub mod ownership;
pub mod plan;
pub mod pool;
pub mod record;
pub mod registration;
pub mod schedule;
pub mod standing;
pub mod tags;

#[cfg(test)]
mod testing;
