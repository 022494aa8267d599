//! Why a file did not come into the folder or out of it, as clauses for people.

use std::io;

use crate::anthropic::error::ApiError;
use crate::host::unnumbered;
use crate::render::foreign;

/// Why the folder did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no plain file of that name.
    #[error("there is no file `{name}` in `{}`", super::FOLDER)]
    NoFile {
        /// As asked.
        name: String,
    },
    /// The disk keeps a file, or the index cannot be written.
    #[error("cannot remove `{}/{name}`: {}", super::FOLDER, unnumbered(source))]
    Unremovable {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The API does not tell what a file is.
    #[error(transparent)]
    Unknown(Box<ApiError>),
    /// The API does not give the content.
    #[error("`{name}`: {source}")]
    Broken {
        /// The file.
        name: String,
        /// Why.
        source: Box<ApiError>,
    },
    /// A file is too large to be fetched.
    #[error(
        "`{name}` has {}, more than the {} that are fetched (`save_file_bytes` in the settings)",
        foreign::size(*.size_bytes),
        foreign::size(*.max_bytes)
    )]
    TooLarge {
        /// The file.
        name: String,
        /// What the API says it has.
        size_bytes: u64,
        /// What is fetched.
        max_bytes: u64,
    },
    /// The disk does not take it.
    #[error("cannot write to `{}`: {}", super::FOLDER, unnumbered(.0))]
    Unwritable(#[source] io::Error),
}
