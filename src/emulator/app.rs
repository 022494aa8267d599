//! What every request of the server needs, and one request.

use std::sync::Arc;

use super::faults::Taken;
use super::headers::Version;
use super::query::Query;
use super::scripts::Scripts;
use super::sign::Enforced;
use super::state::Shared;

/// What every request needs.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) shared: Shared,
    pub(super) scripts: Arc<Scripts>,
    /// Which requests have to keep what their thinking is bound to.
    pub(super) enforced: Enforced,
    pub(super) key: Arc<str>,
    pub(super) port: u16,
}

/// What belongs to one request while the server answers it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) version: Version,
    pub(super) betas: Vec<String>,
    pub(super) query: Query,
    pub(super) taken: Taken,
}
