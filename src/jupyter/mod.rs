//! The Jupyter protocol. Knows nothing of Claude.
//!
//! `wire` and `mime` are pure; `sockets` is the edge; `iopub` is the only writer of that channel.

pub mod connection;
pub mod iopub;
pub mod mime;
pub mod request;
pub mod session;
pub mod sockets;
pub mod spec;
pub mod wire;
