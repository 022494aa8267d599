//! Why a file could not be saved in the folder or removed from it, as clauses for people.

use std::io;

use crate::anthropic::error::ApiError;
use crate::host::unnumbered;
use crate::render::foreign;

/// Why the folder did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no plain file of that name.
    #[error("there is no file `{name}` in `{}`", super::FOLDER)]
    NoFile {
        /// The name, as it was asked for.
        name: String,
    },
    /// A file cannot be removed, or the index cannot be written.
    #[error("cannot remove `{}/{name}`: {}", super::FOLDER, unnumbered(source))]
    Unremovable {
        /// The file.
        name: String,
        /// The reason.
        source: io::Error,
    },
    /// The API does not say what kind of file it is.
    #[error(transparent)]
    Unknown(Box<ApiError>),
    /// The API does not give the content of the file.
    #[error("`{name}`: {source}")]
    Broken {
        /// The file.
        name: String,
        /// The reason.
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
        /// How many bytes it has, as the API says.
        size_bytes: u64,
        /// The most bytes that are fetched.
        max_bytes: u64,
    },
    /// A recording names a file that is nowhere.
    #[error(
        "`{}/{name}` is missing or has other content, and the recording holds only its name",
        super::FOLDER
    )]
    NotRecorded {
        /// The file.
        name: String,
    },
    /// The disk does not take the file.
    #[error("cannot write to `{}`: {}", super::FOLDER, unnumbered(.0))]
    Unwritable(#[source] io::Error),
}
