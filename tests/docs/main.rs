//! The pages, held against what they speak of: a page that lies is worse than none.
//!
//! - `names`: every table of names says what the code says, no more and no less.
//! - `links`: every link leads somewhere, every test and command that is named exists.
//! - `walk`: the commands are typed, in a newcomer's order, on a real API server with the operator at work.
//! - `health`: the script for Argo CD, under the Lua that Argo CD speaks.

mod health;
mod links;
mod names;
mod pages;
mod walk;
