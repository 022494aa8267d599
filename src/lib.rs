//! claude-kernel: a Jupyter kernel that turns each notebook cell into a turn with Claude.
//!
//! The codemap. Two protocols that know nothing of each other, three pure middles, one shell
//! where they meet, one stand-in for the API, one command line:
//!
//! | module | layer | what it is |
//! |---|---|---|
//! | [`jupyter`] | 1 | the Jupyter protocol: wire format, sockets, connection file |
//! | [`anthropic`] | 1 | the Messages API: requests, events, blocks, credentials, the client |
//! | [`chat`] | 2 | pure: the conversation, the turn and its loop, settings, the ledger |
//! | [`cell`] | 2 | pure: from a cell's text to magics and a prompt |
//! | [`render`] | 2 | pure: from updates of a turn to notebook outputs |
//! | [`notebook`] | 2 | pure: what is left in a saved notebook |
//! | [`kernel`] | 3 | the imperative shell; owns all state |
//! | [`emulator`] | - | a local Messages API with real command execution, reached by URL |
//! | [`cli`] | 4 | the command line |
//!
//! `tests/it/tidy.rs` holds the table of who may import whom.

pub mod anthropic;
pub mod cell;
pub mod chat;
pub mod cli;
pub mod config;
pub mod emulator;
pub mod host;
pub mod jupyter;
pub mod kernel;
pub mod notebook;
pub mod render;
