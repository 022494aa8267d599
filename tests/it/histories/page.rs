//! The second account of a notebook: which cells stand where, and what was said in them.
//!
//! It knows nothing of requests; it is as plain as can be, because it is what the kernel is held to.

use std::collections::{HashMap, HashSet};

use claude_kernel::chat::conversation::MAIN;
use claude_kernel::chat::conversation::order::CellKey;

use super::claude::Sandbox;

/// When the notebook is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saves {
    /// Before every run: the page is the order.
    Always,
    /// Not once: the order of first runs is.
    Never,
    /// Now and then: what Claude sees is not held to anything.
    Sometimes,
}

/// A cell, whatever it is called.
type Identity = u32;

/// A turn: its cell, its prompt, when it was made.
type Said = (Identity, String, u32);

/// One conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Thread {
    said: Vec<Said>,
    /// What was said before it was forgotten.
    forgotten: Vec<Said>,
    pub(super) sandbox: Sandbox,
}

/// The notebook.
#[derive(Debug)]
pub(super) struct Page {
    saves: Saves,
    /// Ids from top to bottom.
    pub(super) cells: Vec<String>,
    /// Ids that were deleted, not said to the kernel yet.
    pub(super) deleted: Vec<String>,
    gone: Vec<String>,
    names: u32,
    identities: HashMap<CellKey, Identity>,
    known: Identity,
    first_runs: Vec<Identity>,
    detached: HashSet<Identity>,
    threads: HashMap<String, Thread>,
    pub(super) thread: String,
    turns: u32,
}

impl Page {
    pub(super) fn new(saves: Saves) -> Self {
        Self {
            saves,
            cells: Vec::new(),
            deleted: Vec::new(),
            gone: Vec::new(),
            names: 0,
            identities: HashMap::new(),
            known: 0,
            first_runs: Vec::new(),
            detached: HashSet::new(),
            threads: HashMap::new(),
            thread: MAIN.to_owned(),
            turns: 0,
        }
    }

    fn position(&self, at: u8, extra: usize) -> Option<usize> {
        usize::from(at).checked_rem(self.cells.len() + extra)
    }

    pub(super) fn cell(&self, at: u8) -> Option<CellKey> {
        let id = self.cells.get(self.position(at, 0)?)?;
        Some(CellKey::of_id(id))
    }

    pub(super) fn insert(&mut self, at: u8) -> CellKey {
        self.names += 1;
        let id = format!("cell-{}", self.names);
        let at = self.position(at, 1).unwrap_or(0);
        self.cells.insert(at, id.clone());
        CellKey::of_id(&id)
    }

    pub(super) fn delete(&mut self, at: u8) {
        if let Some(at) = self.position(at, 0) {
            let id = self.cells.remove(at);
            self.deleted.push(id.clone());
            self.gone.push(id);
        }
    }

    pub(super) fn restore(&mut self, at: u8) {
        if let Some(id) = self.gone.pop() {
            let at = self.position(at, 1).unwrap_or(0);
            self.cells.insert(at, id);
        }
    }

    pub(super) fn shift(&mut self, from: u8, to: u8) {
        if let (Some(from), Some(to)) = (self.position(from, 0), self.position(to, 0)) {
            let id = self.cells.remove(from);
            self.cells.insert(to, id);
        }
    }

    fn identity(&mut self, cell: &CellKey) -> Identity {
        if !self.identities.contains_key(cell) {
            self.known += 1;
            self.identities.insert(cell.clone(), self.known);
        }
        self.identities[cell]
    }

    /// The kernel was told of these deletions.
    pub(super) fn told(&mut self, deleted: &[CellKey], runs: &CellKey) {
        for cell in deleted.iter().filter(|cell| *cell != runs) {
            let identity = self.identity(cell);
            if self.first_runs.contains(&identity) {
                self.detached.insert(identity);
            }
        }
    }

    pub(super) fn runs(&mut self, cell: &CellKey) {
        let identity = self.identity(cell);
        self.detached.remove(&identity);
        if !self.first_runs.contains(&identity) {
            self.first_runs.push(identity);
        }
    }

    pub(super) fn current(&mut self) -> &mut Thread {
        self.threads.entry(self.thread.clone()).or_default()
    }

    fn place(&self, identity: Identity) -> Option<usize> {
        match self.saves {
            Saves::Always => {
                let mut named = self.identities.iter();
                let (name, _) = named.find(|(_, known)| **known == identity)?;
                let id = name.id()?;
                self.cells.iter().position(|cell| **cell == **id)
            }
            Saves::Never | Saves::Sometimes => {
                self.first_runs.iter().position(|known| *known == identity)
            }
        }
    }

    /// What was said above a cell, from the top; `None` when nobody knows.
    pub(super) fn above(&mut self, cell: &CellKey) -> Option<Vec<Said>> {
        if self.saves == Saves::Sometimes {
            return None;
        }
        let identity = self.identity(cell);
        let own = self.place(identity).unwrap_or(usize::MAX);
        let said = self.current().said.clone().into_iter();
        let mut above: Vec<(usize, Said)> = said
            .filter(|(cell, ..)| !self.detached.contains(cell))
            .filter_map(|said| Some((self.place(said.0)?, said)))
            .filter(|(place, _)| *place < own)
            .collect();
        above.sort_by_key(|(place, _)| *place);
        Some(above.into_iter().map(|(_, said)| said).collect())
    }

    /// A turn was kept.
    pub(super) fn said(&mut self, cell: &CellKey, prompt: &str) {
        let identity = self.identity(cell);
        self.turns += 1;
        let number = self.turns;
        let said = &mut self.current().said;
        said.retain(|(cell, ..)| *cell != identity);
        said.push((identity, prompt.to_owned(), number));
    }

    pub(super) fn undo(&mut self) {
        let detached = self.detached.clone();
        let thread = self.current();
        if thread.said.is_empty() {
            thread.said = std::mem::take(&mut thread.forgotten);
            return;
        }
        let said = &mut thread.said;
        let last = said.iter().filter(|(cell, ..)| !detached.contains(cell));
        if let Some(last) = last.map(|(.., number)| *number).max() {
            said.retain(|(.., number)| *number != last);
        }
    }

    /// A conversation begins with what was said above a cell; `None` when nobody knows what that is.
    pub(super) fn fork(&mut self, name: &str, cell: &CellKey) {
        let said = self.above(cell).unwrap_or_default();
        self.thread = name.to_owned();
        *self.current() = Thread {
            said,
            forgotten: Vec::new(),
            sandbox: Sandbox::None,
        };
    }

    pub(super) fn forget(&mut self) {
        let thread = self.current();
        if !thread.said.is_empty() {
            thread.forgotten = std::mem::take(&mut thread.said);
        }
    }

    /// Another process: addresses are somebody else's from now on.
    pub(super) fn restart(&mut self) {
        self.identities
            .retain(|cell, _| !matches!(cell, CellKey::Document(_)));
    }
}
