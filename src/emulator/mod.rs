//! A local Messages, Models, token-counting and Files API with real command execution.
//!
//! It shares no type with the kernel's client: a shared misreading would pass both sides. It is
//! reached by URL, like the real thing.

pub mod check;
pub mod faults;
pub mod sandbox;
pub mod schema;
pub mod script;
pub mod server;
