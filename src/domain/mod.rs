//! THE DECISION: given what is wanted and what is true, which single step comes next, and what is told?
//!
//! Pure: no async, no client, no clock, no log. Time, randomness and everything that was read come in as arguments,
//! so every rule can be tried in a table and every interleaving can be explored.

pub mod claim;
pub mod failure;
pub mod mark;
pub mod names;
pub mod observed;
pub mod ownership;
pub mod record;
pub mod tags;
