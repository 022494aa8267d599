//! Script files as they were last read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::script::Scripts;

/// The files as they were last read.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded {
    pub(super) stamps: Vec<(PathBuf, Option<SystemTime>, u64)>,
    pub(super) turns: Arc<Scripts>,
    /// Why a file could not be used.
    pub(super) problem: Option<String>,
}
