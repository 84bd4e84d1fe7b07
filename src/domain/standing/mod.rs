//! What is told: plan and facts become conditions, ids and the last error. The rules of kstatus live here, once.
//!
//! - `Ready`, `DirectoryMatched`, `IdentityReady` and `PoolsRegistered` always stand; `Reconciling` and `Stalled` only while true, never
//!   both.
//! - A transition time moves only with the status. While the world stands still, the result equals what it was.
//! - What a pass has not judged keeps its last verdict only where nothing was done about it since.
//! - Throttling and outages keep the last verdict for one interval; after that nothing is claimed any more.
//!
//! ```text
//! finding ─► one part each for directory and identity (judged, failed; worded by texts) ─┐
//!        ├─► one line for each pool, and the worst of them as a part (pools; pool_texts) ─┴─► summary ─┐
//!        ├─► a deletion that waits (deleting)
//!        └─► ids, pending changes, last error (shown) ─────────────────────────────────────────────────┴─► status
//! ```

mod deleting;
mod failed;
mod judged;
mod part;
mod pool_texts;
mod pools;
mod shown;
mod summary;
mod texts;
mod told;

#[cfg(test)]
mod tests;

pub use deleting::Departure;
pub use told::{Finding, Refusal, Told, stalled_for_the_identity};
