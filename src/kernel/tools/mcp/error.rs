//! Why an MCP server did not do what it was asked to do, as clauses for people.

use std::io;
use std::time::Duration;

use crate::kernel::tools::command::not_started;

/// Why there is no answer from a server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The task that serves the handle has ended.
    #[error("the MCP server's task is gone; restart the kernel")]
    Gone,
    /// The address of the server is empty.
    #[error("there is no command")]
    NoCommand,
    /// The address of the server is a command, not a URL.
    #[error("there is no URL")]
    NoUrl,
    /// The program of the server does not start.
    #[error("{}", not_started(program, source))]
    NotStarted {
        /// The program.
        program: String,
        /// The reason.
        source: io::Error,
    },
    /// The program runs, but there is no way to write to it or read from it.
    #[error("`{program}` has no pipes")]
    NoPipes {
        /// The program.
        program: String,
    },
    /// The server did not answer the first message.
    #[error("it did not introduce itself within {} s; is it an MCP server?", limit.as_secs())]
    NoIntroduction {
        /// How long it had for that.
        limit: Duration,
    },
    /// The server did not list its tools.
    #[error("it did not list its tools within {} s", limit.as_secs())]
    NoList {
        /// How long it had for that.
        limit: Duration,
    },
    /// The server sent more bytes than it may.
    #[error("it floods its output, and was cut off")]
    Flooded,
    /// The answer of the server cannot be read.
    #[error("its answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The connection failed, or the server refused. The text comes from the MCP SDK.
    #[error("{why}")]
    Failed {
        /// What the SDK says, as a clause.
        why: String,
    },
    /// What happened, with what the server wrote to its error output at that time.
    #[error("{error}. Its error output:\n{said}")]
    LastWords {
        /// What happened.
        error: Box<Self>,
        /// The end of its error output.
        said: String,
    },
}
