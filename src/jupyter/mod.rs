//! The Jupyter protocol. Nothing in this module knows about Claude.
//!
//! `wire`, `signature`, `session`, `json`, `zmtp`, `messages`, `mime`, `request`, `connection_file`
//! and `spec` are pure. `sockets` is the edge. `iopub` is the only writer of the iopub channel. In
//! tests, `memory` takes the place of the sockets.

pub mod connection;
pub mod connection_file;
mod iopub;
mod json;
pub mod memory;
pub mod messages;
pub mod mime;
mod queues;
pub mod request;
pub mod session;
pub mod signature;
pub mod sockets;
pub mod spec;
pub mod wire;
pub mod zmtp;
