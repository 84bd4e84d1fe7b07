//! Is the identity registered with a pool, and what comes next for it? The same question as in `plan`, for each pool by
//! itself: one pool in trouble holds up no other, and not the identity.
//!
//! ```text
//! wanted   no entry ─────────► written ahead ─► add ─► (operation) ─► seen to have worked ─► Added
//!          live principal ───► registered; Found if it was there before
//!          other principal ──► stale: disowned ─► remove ─► (operation) ─► no entry
//! leaving  our entry ────────► remove ─► (operation) ─► seen gone ─► forgotten
//!          anything else ────► forgotten, untouched
//! ```
//!
//! A change that Azure took and that a pool at rest does not show within two minutes has failed, whatever else is known of it.
//!
//! A pool belongs to somebody else. One entry of its identity block is all that is ever written, only what this object
//! added is ever taken away, and a foreign entry, dead or alive, is never dropped.

mod block;
mod decision;
mod judged;
mod lately;
mod leaving;
mod operation;
mod record;
mod sight;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

pub use block::{BlockChange, Form};
pub use decision::{Permission, PoolNext, PoolStep, PoolVerdict, Registering, decide};
pub use judged::{Judgement, PoolJudged};
pub use lately::{Change, Due, Lately, PoolMemory, Unshown};
pub use leaving::{Deregistering, Leaving, leave};
pub use operation::{OperationSeen, shown_as_added};
pub use record::{Entered, PoolRecord, Removals};
pub use sight::Sight;
