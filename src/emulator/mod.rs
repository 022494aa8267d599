//! A local Messages, Models, token-counting and Files API with real command execution.
//!
//! It shares no type with the kernel's client: a shared misreading would pass both sides. It is
//! reached by URL, like the real thing.

mod cache;
mod canon;
mod check;
mod compaction;
pub mod confine;
mod conn;
mod containers;
mod control;
mod error;
pub mod faults;
mod files;
mod headers;
mod id;
pub mod judge;
mod messages;
mod models;
mod place;
mod play;
mod query;
mod request;
pub mod sandbox;
mod scene;
mod schema;
pub mod script;
mod scripts;
pub mod server;
mod sign;
mod state;
mod steps;
mod stream;
mod structured;
mod toolset;
mod turns;
mod usage;
