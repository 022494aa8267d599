//! The actor that serves requests, what it is made of, and how it answers.

pub mod actor;
mod execute;
mod followers;
pub mod introspect;
pub mod parts;
pub mod replies;
