//! The ports to Azure against a stand-in that speaks Azure's protocols: what they read and write, what they make of
//! trouble, and how many requests that takes.

mod adapter;
mod pools;
mod stage;
