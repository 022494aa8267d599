//! A local Messages, Models, token-counting and Files API with real command execution.
//!
//! It shares no type with the kernel's client: if both misread the API in the same way, no test
//! would notice. It is reached by URL, like the real API.

mod app;
mod cache;
mod canon;
mod check;
mod compaction;
mod config;
pub mod confine;
mod conn;
mod containers;
mod control;
mod error;
pub mod faults;
mod file_store;
mod files;
mod headers;
mod id;
pub mod judge;
mod lease;
mod loaded_scripts;
mod matched_script;
mod matching;
mod message;
mod messages;
mod models;
mod play;
mod protection;
mod query;
mod request;
pub mod sandbox;
mod schema;
pub mod script;
mod scripts;
pub mod server;
mod sign;
mod state;
mod steps;
mod stream;
mod strike;
mod structured;
mod temp_dir;
mod toolset;
mod turns;
mod unscripted;
mod usage;
