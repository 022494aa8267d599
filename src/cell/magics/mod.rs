//! The magics, one file for each subject. Adding one is a file here and a line in
//! [`MAGICS`].

mod abilities;
mod arguments;
mod beta;
mod budget;
mod compact;
mod continue_;
mod cost;
mod dry;
mod effort;
mod exec;
pub mod export;
mod fast;
pub mod files;
mod help;
mod history;
pub mod json;
mod languages;
mod lsmagic;
mod max_tokens;
pub mod mcp;
mod model;
pub mod models;
pub mod own_tools;
pub mod packages;
mod registry;
mod replay;
mod reset;
pub mod resume;
mod skills;
mod stale;
mod status;
pub mod system;
mod thinking;
pub mod threads;
mod tools;
pub(super) mod variables;
mod version;
mod web;

pub(in crate::cell) use registry::lend;
pub use registry::{MAGICS, apply, apply_parameters, find, makes_turn, origin, takes_body};
