//! The imperative shell: the only place where both protocols meet. One actor owns all state.

pub mod actor;
mod address;
pub mod attach;
pub mod cells;
pub mod desk;
pub mod dry;
pub mod error;
pub mod execute;
mod fetch;
pub mod files;
pub mod inputs;
pub mod introspect;
pub mod jobs;
pub mod journal;
mod last;
pub mod models;
pub mod money;
pub mod notebook;
mod ran;
mod results;
mod resume;
mod show;
pub mod state;
pub mod status;
pub mod store;
pub mod tools;
