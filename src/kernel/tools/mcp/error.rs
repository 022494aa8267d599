//! Why an MCP server does not do what it is asked, as clauses for people.

use std::io;
use std::time::Duration;

use crate::kernel::tools::command::not_started;

/// Why there is no answer of a server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing serves the handle any more.
    #[error("the MCP server's task is gone; restart the kernel")]
    Gone,
    /// Its address has no words.
    #[error("there is no command")]
    NoCommand,
    /// Its address is a command.
    #[error("there is no URL")]
    NoUrl,
    /// Its program does not start.
    #[error("{}", not_started(program, source))]
    NotStarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It runs, and cannot be spoken to.
    #[error("`{program}` has no pipes")]
    NoPipes {
        /// The program.
        program: String,
    },
    /// It did not introduce itself.
    #[error("it did not introduce itself within {} s; is it an MCP server?", limit.as_secs())]
    NoIntroduction {
        /// How long it had.
        limit: Duration,
    },
    /// It did not list its tools.
    #[error("it did not list its tools within {} s", limit.as_secs())]
    NoList {
        /// How long it had.
        limit: Duration,
    },
    /// It sent more than it may.
    #[error("it floods its output, and was cut off")]
    Flooded,
    /// Its answer is none that can be read.
    #[error("its answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The connection to it failed, or it refused; what the SDK knows of that.
    #[error("{why}")]
    Failed {
        /// As a clause.
        why: String,
    },
    /// What happened, and what it said meanwhile on its error output.
    #[error("{error}. Its error output:\n{said}")]
    LastWords {
        /// What happened.
        error: Box<Self>,
        /// The end of its error output.
        said: String,
    },
}
