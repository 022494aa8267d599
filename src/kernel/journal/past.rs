//! Cells of earlier kernels, for `history_request`: read from the journals each time it is asked.
//!
//! With a notebook, that notebook's; without one (a console, VS Code), those of all conversations
//! without a notebook that somebody watched. Numbers count sessions up from 1, so they move when old
//! journals expire.

use std::collections::HashMap;

use super::folder::{self, Listed};
use super::read::Session;
use super::{Journal, Options};
use crate::kernel::history_entry::HistoryEntry;

/// The most journals that are read, the newest first: more cells than anyone pages through.
const MAX_JOURNALS: usize = 200;
/// The most bytes of them.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

impl Journal {
    /// Returns the cells of each earlier session, oldest first.
    pub async fn past(&self) -> Vec<Vec<HistoryEntry>> {
        let (options, own) = (self.options.clone(), self.session.clone());
        let notebook = (!self.headless)
            .then(|| self.options.notebook_name())
            .flatten();
        let read = tokio::task::spawn_blocking(move || past(&options, notebook.as_deref(), &own));
        read.await.unwrap_or_default()
    }
}

fn past(options: &Options, notebook: Option<&str>, own: &str) -> Vec<Vec<HistoryEntry>> {
    let Some(folder) = options.folder() else {
        return Vec::new();
    };
    let mut left = MAX_BYTES;
    let listed = folder.of_notebook(notebook).unwrap_or_default().into_iter();
    let read = listed
        .take(MAX_JOURNALS)
        .take_while(|Listed { bytes, .. }| {
            left = left.saturating_sub(*bytes);
            left > 0
        })
        .filter_map(|file| folder::read(&file.path).ok())
        .flat_map(|contents| contents.sessions)
        .filter(|session| session.id != own && !session.headless);
    // One session may have written several journals.
    let mut sessions: HashMap<String, Session> = HashMap::new();
    for session in read {
        match sessions.entry(session.id.clone()) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(session);
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.began = known.began.min(session.began);
                known.cells.extend(session.cells);
            }
        }
    }
    let mut sessions: Vec<Session> = sessions.into_values().collect();
    sessions.sort_by(|a, b| a.began.cmp(&b.began).then(a.id.cmp(&b.id)));
    sessions
        .into_iter()
        .filter(|session| !session.cells.is_empty())
        .map(|session| {
            let mut cells = session.cells;
            cells.sort_by_key(|cell| cell.line);
            cells
        })
        .collect()
}
