//! What comes next? One question, one pure answer.
//!
//! [`decide`] is asked again after each step, until it has nothing left to do and only a [`Verdict`] to tell:
//!
//! ```text
//! absent ──────────► finalizer ─► [empty the record] ─► create (with the mark) ─► remember
//! vacant ─ allowed ► finalizer ─► [empty the record] ─► mark (Adopted) ─► remember ─► as ours
//!        └ not ────► drop the finalizer ─► AdoptionRefused
//! ours ────────────► finalizer ─► [put the mark back | take `released` away] ─► update what differs ─► up to date
//! another's ───────► forget the record ─► drop the finalizer ─► OwnershipConflict
//! ```
//!
//! Each step is idempotent and decided from what was read; a crash between two of them leaves nothing that the next
//! pass cannot see. No step is taken while something that it depends on is unknown.

mod decision;
mod observing;
mod step;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use decision::{Situation, decide, expects_to_write};
pub use step::{Change, Finalizer, Marking, NewIdentity, Next, Step, Verdict, WhyMark};
