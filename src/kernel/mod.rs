//! The imperative shell: the only place where both protocols meet. One actor owns all state.

pub mod cell;
pub mod context;
pub mod error;
pub mod history_entry;
pub mod inputs;
pub mod interrupts;
pub mod journal;
pub mod known_models;
mod lines;
pub mod magics;
pub mod marks;
pub mod named_file;
pub mod notebook;
pub mod recordings;
mod results;
pub mod sandbox;
mod save;
pub mod server;
pub mod state;
pub mod status;
pub mod store;
pub mod terminal;
pub mod tools;
pub mod turn;
mod whole;
