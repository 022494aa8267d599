//! The recordings that this kernel knows: those of its notebook, of a file that was named, and of
//! the turns since it started. Found by what is asked and what stands above.

pub mod read;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::chat::conversation::digest::Digest;
use crate::chat::conversation::order::CellKey;
use crate::chat::record::TurnId;
use crate::chat::recording::Level;
use crate::chat::recording::asked::Asked;
use crate::chat::recording::coding::Coded;
use crate::config::Config;
use crate::notebook::recordings::Found;

/// The most bytes of recordings of the running session that are kept in memory. They are in the
/// notebook too.
const MAX_SESSION_BYTES: usize = 256 * 1024 * 1024;

/// Where recordings come from, and what is recorded.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A file with recordings: a notebook, or one that holds nothing else.
    pub file: Option<PathBuf>,
    /// How much of a turn is recorded.
    pub level: Level,
}

impl Options {
    /// Reads the configuration.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        Self {
            file: config.record.clone(),
            level: match config.keep_record.as_deref() {
                Some("slim") => Level::Slim,
                Some("off") => Level::Off,
                _ => Level::Full,
            },
        }
    }
}

/// What is asked, and what stands above: the digests by which a recording is found.
type Place = (Digest, Digest);

/// The recorded turns whose files a sandbox has.
#[derive(Debug, Default)]
pub struct Restored {
    container: Option<String>,
    turns: HashSet<TurnId>,
}

impl Restored {
    /// A turn is asked that works in this sandbox: a new one has nothing.
    pub fn enter(&mut self, container: Option<&str>) {
        if self.container.as_deref() != container {
            self.turns.clear();
            self.stay(container);
        }
    }

    /// The turn is over, and this is the sandbox that it worked in.
    pub fn stay(&mut self, container: Option<&str>) {
        self.container = container.map(str::to_owned);
    }

    /// Returns whether the sandbox has the files of a turn.
    #[must_use]
    pub fn has(&self, turn: TurnId) -> bool {
        self.turns.contains(&turn)
    }

    /// The sandbox has the files of a turn.
    pub fn give(&mut self, turn: TurnId) {
        self.turns.insert(turn);
    }
}

/// The recordings.
#[derive(Debug, Default)]
pub struct Library {
    /// What the kernel was told.
    pub options: Options,
    known: Vec<Arc<Found>>,
    by_place: HashMap<Place, Vec<usize>>,
    /// What was answered since the kernel started, from a recording or by Claude.
    answered: HashSet<Place>,
    session_bytes: usize,
    /// Where the recordings of each file begin.
    begins: Vec<usize>,
    /// How many recordings were read from files.
    read: usize,
    /// How many of these are of the file that was named; they come first.
    named: usize,
    /// The cells that were run since the kernel started, also those that failed.
    pub ran: HashSet<CellKey>,
    /// Whether answers of the notebook that were not run here enter the conversation.
    pub adopts: bool,
    /// How many answers came from recordings.
    shown: u32,
}

impl Library {
    /// Makes a library without recordings.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Returns whether no recording is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns the recordings that are known, in the order of their cells.
    #[must_use]
    pub fn known(&self) -> &[Arc<Found>] {
        &self.known
    }

    /// Returns whether recordings were read from files.
    #[must_use]
    pub fn has_read(&self) -> bool {
        self.read > 0
    }

    /// Returns the recordings before one, from the same file.
    #[must_use]
    pub fn before(&self, at: usize) -> &[Arc<Found>] {
        let begins = self.begins.iter().copied().chain([self.read]);
        let begin = begins.filter(|begin| *begin <= at).max().unwrap_or(0);
        self.known.get(begin..at).unwrap_or_default()
    }

    /// Returns the recordings that were read from files.
    #[must_use]
    pub fn from_files(&self) -> &[Arc<Found>] {
        self.known.get(..self.read).unwrap_or_default()
    }

    /// Returns the recordings of the notebook itself.
    #[must_use]
    pub fn of_notebook(&self) -> &[Arc<Found>] {
        self.from_files().get(self.named..).unwrap_or_default()
    }

    /// Takes the recordings of the file that was named; it is read first.
    pub fn read_named(&mut self, found: impl IntoIterator<Item = Found>) {
        self.read(found);
        self.named = self.read;
    }

    /// Takes recordings that were read from a file. The file that is read last is looked at first.
    pub fn read(&mut self, found: impl IntoIterator<Item = Found>) {
        self.begins.push(self.known.len());
        self.add(found);
        self.read = self.known.len();
    }

    fn add(&mut self, found: impl IntoIterator<Item = Found>) {
        for found in found {
            let place = (found.coded.above, found.coded.prompt);
            let at = self.known.len();
            self.by_place.entry(place).or_default().push(at);
            self.known.push(Arc::new(found));
        }
    }

    /// Takes the recording of a turn of this session.
    pub fn made(&mut self, cell: Option<&str>, count: u32, coded: Coded) {
        self.session_bytes += coded.len_bytes();
        if self.session_bytes <= MAX_SESSION_BYTES {
            self.add([Found {
                cell: cell.map(str::to_owned),
                count: Some(u64::from(count)),
                coded,
            }]);
        }
    }

    /// Returns the recordings that may answer, the newest first.
    #[must_use]
    pub fn candidates(&self, asked: &Asked) -> Vec<Arc<Found>> {
        let at = self.by_place.get(&(asked.above, asked.prompt));
        let at = at.into_iter().flatten().rev();
        at.filter_map(|at| self.known.get(*at).cloned()).collect()
    }

    /// Returns the recording that a cell most likely means whose ask has none: that of the cell,
    /// else one of the same prompt, else one at the same place.
    #[must_use]
    pub fn nearest(&self, cell: Option<&str>, asked: &Asked) -> Option<usize> {
        let find = |fits: &dyn Fn(&Found) -> bool| self.known.iter().rposition(|one| fits(one));
        cell.and_then(|cell| find(&|one| one.cell.as_deref() == Some(cell)))
            .or_else(|| find(&|one| one.coded.prompt == asked.prompt))
            .or_else(|| find(&|one| one.coded.above == asked.above))
    }

    /// Returns whether this was answered since the kernel started.
    #[must_use]
    pub fn was_answered(&self, asked: &Asked) -> bool {
        self.answered.contains(&(asked.above, asked.prompt))
    }

    /// Notes that this was answered.
    pub fn answered(&mut self, asked: &Asked, by_recording: bool) {
        self.answered.insert((asked.above, asked.prompt));
        self.shown += u32::from(by_recording);
    }

    /// Says for `%status` what is known and what was shown.
    #[must_use]
    pub fn describe(&self, replay: &str) -> String {
        match self.known.len() {
            0 => format!("{replay}; no recorded answer is known"),
            1 => format!("{replay}; 1 recorded answer is known, {} shown", self.shown),
            many => format!(
                "{replay}; {many} recorded answers are known, {} shown",
                self.shown
            ),
        }
    }
}
