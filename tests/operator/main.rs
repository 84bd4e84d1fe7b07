//! The operator as it ships, on a real API server, against a simulated Azure.
//!
//! What the pure core decides is tried in `src/domain`; here is what only real parts can show: that the API server
//! refuses what it should, that the shipped rights suffice, which requests Azure sees, and what a person reads.

mod credentials;
mod deletion;
mod directory;
mod failures;
mod farewell;
mod fences;
mod identity;
mod life;
mod modes;
mod order;
mod overtaken;
mod ownership;
mod pools;
mod process;
mod proxies;
mod proxy;
mod records;
mod restore;
mod rights;
mod schema;
mod siblings;
mod stage;
mod watching;
