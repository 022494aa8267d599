//! The Claude API on the wire (`anthropic-version: 2026-10-21`). Knows nothing of Jupyter.
//!
//! Everything but `client`, `transport`, `files`, `form`, `upload` and `credentials` is pure.

pub mod accumulate;
mod address;
pub mod block;
mod call;
pub mod client;
pub mod content;
pub mod credentials;
pub mod error;
pub mod event;
pub mod files;
mod form;
mod headers;
pub mod message;
pub mod model;
pub mod request;
pub mod retry;
pub mod sse;
mod transport;
pub mod upload;
pub mod usage;
