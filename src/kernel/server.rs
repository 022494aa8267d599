//! The actor that serves requests, and what it answers without running anything.

pub mod actor;
mod execute;
pub mod introspect;
