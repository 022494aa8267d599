//! Which cell stands above which.
//!
//! If the saved notebook is known, its order decides. A cell that is not in the file (not saved
//! yet, or named by an id of the front end's own) stands behind the cell that first ran before it.
//! Without a file, cells stand in the order of their first runs.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What VS Code puts before its cell addresses, which hold within one process only.
const VS_CODE: &str = "vscode-notebook-cell:";

/// Names a cell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKey {
    /// By its id in the notebook file.
    Cell(Arc<str>),
    /// By an address that holds within one process.
    Document(Arc<str>),
    /// Nameless: one run of one cell.
    Run(u64),
}

impl CellKey {
    /// Reads `cellId` of a request's metadata.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        if id.starts_with(VS_CODE) {
            Self::Document(Arc::from(id))
        } else {
            Self::Cell(Arc::from(id))
        }
    }

    /// Returns the id in the notebook file, where that is what names the cell.
    #[must_use]
    pub fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Cell(id) => Some(id),
            Self::Document(_) | Self::Run(_) => None,
        }
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell(id) => f.write_str(id),
            Self::Document(address) => f.write_str(address),
            Self::Run(number) => write!(f, "run {number}"),
        }
    }
}

/// Where a cell stands; greater is further down.
pub type CellPosition = (usize, usize);

/// The cells that ran, and where they stand.
#[derive(Debug, Clone, Default)]
pub struct Order {
    first_runs: Vec<CellKey>,
    positions: HashMap<CellKey, CellPosition>,
    /// Id to position in the saved notebook.
    file: HashMap<String, usize>,
    detached: HashSet<CellKey>,
    /// The greatest number of a nameless run.
    runs: u64,
}

impl Order {
    /// Returns the key of a run without a name.
    #[must_use]
    pub fn next_run(&self) -> CellKey {
        CellKey::Run(self.runs + 1)
    }

    /// Returns whether the cell runs for the first time, or for the first time since it was
    /// deleted.
    #[must_use]
    pub fn is_new(&self, cell: &CellKey) -> bool {
        !self.positions.contains_key(cell) || self.detached.contains(cell)
    }

    /// Returns whether the notebook deleted the cell.
    #[must_use]
    pub fn is_detached(&self, cell: &CellKey) -> bool {
        self.detached.contains(cell)
    }

    /// Returns whether the cell ever ran.
    #[must_use]
    pub fn knows(&self, cell: &CellKey) -> bool {
        self.positions.contains_key(cell)
    }

    /// Returns whether the cell is in the saved notebook.
    #[must_use]
    pub fn is_in_file(&self, cell: &CellKey) -> bool {
        self.in_file(cell).is_some()
    }

    /// Returns where a cell stands, also one that never ran: by the file, else below all.
    #[must_use]
    pub fn position(&self, cell: &CellKey) -> CellPosition {
        self.positions.get(cell).copied().unwrap_or_else(|| {
            self.in_file(cell)
                .unwrap_or_else(|| (self.last_row(), usize::MAX))
        })
    }

    /// A cell runs.
    pub fn run(&mut self, cell: CellKey) {
        if let CellKey::Run(number) = cell {
            self.runs = self.runs.max(number);
        }
        self.detached.remove(&cell);
        if !self.positions.contains_key(&cell) {
            let position = self
                .in_file(&cell)
                .unwrap_or_else(|| (self.last_row(), self.first_runs.len() + 1));
            self.positions.insert(cell.clone(), position);
            self.first_runs.push(cell);
        }
    }

    /// Cells were deleted.
    pub fn detach(&mut self, cells: Vec<CellKey>) {
        self.detached.extend(cells);
    }

    /// The saved notebook holds these cells, in this order.
    pub fn set_file(&mut self, ids: Vec<String>) {
        self.file = ids.into_iter().zip(1..).collect();
        self.arrange();
    }

    /// Another process goes on: addresses become nameless.
    pub fn restart(&mut self) -> HashMap<CellKey, CellKey> {
        let mut renamed = HashMap::new();
        for cell in &mut self.first_runs {
            if matches!(cell, CellKey::Document(_)) {
                self.runs += 1;
                let new = CellKey::Run(self.runs);
                renamed.insert(std::mem::replace(cell, new.clone()), new);
            }
        }
        let detached = std::mem::take(&mut self.detached).into_iter();
        self.detached = detached
            .map(|cell| renamed.get(&cell).cloned().unwrap_or(cell))
            .collect();
        self.arrange();
        renamed
    }

    fn arrange(&mut self) {
        self.positions.clear();
        for cell in std::mem::take(&mut self.first_runs) {
            let position = self
                .in_file(&cell)
                .unwrap_or_else(|| (self.last_row(), self.first_runs.len() + 1));
            self.positions.insert(cell.clone(), position);
            self.first_runs.push(cell);
        }
    }

    fn in_file(&self, cell: &CellKey) -> Option<CellPosition> {
        let id: &str = cell.id()?;
        Some((*self.file.get(id)?, 0))
    }

    /// The row of the cell that first ran last.
    fn last_row(&self) -> usize {
        self.first_runs
            .last()
            .and_then(|cell| self.positions.get(cell))
            .map_or(0, |(row, _)| *row)
    }
}
