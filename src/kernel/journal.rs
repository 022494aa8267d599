//! The journal: what was said, on disk, so that nothing that was shown is lost with the process.
//!
//! One append-only file of JSON lines for each conversation ([`entry`] says what is in it), below
//! the state directory. The actor owns a [`Journal`] and hands it what happens; a thread writes
//! ([`writer`]). A running turn is written at most 250 ms late, and a finished one is on disk before
//! its reply says ok. If the disk fails, the person is told once and no cell is stopped.
//!
//! It is not the conversation (`chat::record` is what that is made of), and holds no key.

mod checksum;
pub mod entry;
pub mod folder;
pub mod open;
pub mod partial_turn;
pub mod past;
pub mod read;
pub mod recovered_turn;
pub mod redact;
mod rewrite;
pub mod summary;
pub mod turn_log;
pub mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::chat::record::Record;
use crate::chat::recording::coding::Coded;
use crate::chat::turn::Update;
use crate::config::{KnownSecrets, Resume};
use crate::host::{Host, unnumbered};

use entry::{Entry, How, RecordLine, line};
use folder::Folder;
use open::{Begun, Chosen};
use redact::Redactor;
use turn_log::TurnLog;
use writer::{NotTaken, Unwritten, Writer};

use super::history_entry::HistoryEntry;

/// How much of a cell's output is kept for Jupyter's history, in characters: what a person pages
/// through, not the record of the conversation.
const MAX_OUTPUT: usize = 10_000;
/// Lines that may wait for the first cell's file, or for a disk that does not keep up.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Why a file ends that the disk did not take in time, as a clause.
const TOO_SLOW: &str = "the disk did not keep up with what was said";

/// What the journal is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The state directory; `None` writes nothing anywhere.
    pub state_dir: Option<PathBuf>,
    /// The home directory, which is shown as `~`.
    pub home: Option<PathBuf>,
    /// The notebook, when it is known.
    pub notebook: Option<PathBuf>,
    /// The connection file's name.
    pub connection: Option<String>,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// Whether an earlier conversation is continued by itself.
    pub resume: Resume,
    /// The size a journal may reach.
    pub max_bytes: u64,
    /// How long a journal is kept that nobody writes; `None` for ever.
    pub keep: Option<Duration>,
    /// What must never be on disk.
    pub redactor: Redactor,
}

impl Options {
    /// Writes nothing anywhere.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            state_dir: None,
            home: None,
            notebook: None,
            connection: None,
            offline: true,
            resume: Resume::Off,
            max_bytes: u64::MAX,
            keep: None,
            redactor: Redactor::default(),
        }
    }

    /// Returns the notebook's name as journals hold it.
    fn notebook_name(&self) -> Option<String> {
        let notebook = self.notebook.as_ref()?;
        Some(notebook.to_string_lossy().into_owned())
    }

    fn folder(&self) -> Option<Folder> {
        let state_dir = self.state_dir.as_ref()?;
        Some(Folder::new(state_dir, self.offline))
    }
}

/// The actor's side of the journal.
#[derive(Debug)]
pub struct Journal {
    options: Options,
    host: Arc<dyn Host>,
    /// Names this process in journals.
    session: String,
    phase: Phase,
    headless: bool,
    /// Lines that were not handed over yet.
    waiting: String,
    turn_log: Option<TurnLog>,
    next_turn: u64,
    /// Whether records were written.
    has_turns: bool,
    /// The running cell.
    last_cell: Option<(u32, String)>,
    /// Whether lines were lost, which ends the file.
    has_gap: bool,
    /// Why it is not being saved.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// No cell has run.
    Asleep,
    /// Lines go to a file.
    Open { writer: Writer, id: String },
    /// Lines go nowhere.
    Closed,
}

impl Journal {
    /// Makes a journal; nothing is read or written until [`wake`](Self::wake).
    #[must_use]
    pub fn new(options: Options, host: Arc<dyn Host>) -> Self {
        let session = host.uuid().simple().to_string();
        Self {
            options,
            host,
            session,
            phase: Phase::Asleep,
            headless: false,
            waiting: String::new(),
            turn_log: None,
            next_turn: 1,
            has_turns: false,
            last_cell: None,
            has_gap: false,
            trouble: None,
        }
    }

    /// Returns whether no cell has run yet.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        matches!(self.phase, Phase::Asleep)
    }

    /// Returns what the conversation is called, when it is being written.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match &self.phase {
            Phase::Open { id, .. } => Some(id),
            Phase::Asleep | Phase::Closed => None,
        }
    }

    /// Returns whether anything was said in it.
    #[must_use]
    pub fn has_turns(&self) -> bool {
        self.has_turns
    }

    /// Returns what must not be shown either.
    #[must_use]
    pub fn secrets(&self) -> &KnownSecrets {
        self.options.redactor.own()
    }

    /// Returns the notebook's path, where it is known.
    #[must_use]
    pub fn notebook(&self) -> Option<&Path> {
        self.options.notebook.as_deref()
    }

    /// Returns where conversations are, if they are kept at all.
    #[must_use]
    pub fn folder(&self) -> Option<Folder> {
        self.options.folder()
    }

    /// Finds or makes the file, when the first cell runs: only now it is known who asks. Returns
    /// what was found, and what to tell the person.
    pub async fn wake(&mut self, headless: bool) -> Chosen {
        self.headless = headless;
        let begun = open::begin(self.opening()).await;
        self.adopt(begun)
    }

    /// Goes over to another conversation: writes the last `changes` of this one, closes the file, and
    /// continues the one that is asked for.
    ///
    /// # Errors
    /// A sentence that says why not; the conversation stays what it was.
    pub async fn switch(
        &mut self,
        id: Option<&str>,
        cells: &[HistoryEntry],
        changes: impl FnOnce() -> Vec<Record>,
    ) -> Result<Chosen, (String, String)> {
        let current = self.id().map(str::to_owned);
        let begun = open::resume(self.opening(), id.map(str::to_owned), current).await?;
        if !self.is_asleep() {
            self.records(changes().into_iter());
        }
        let was_empty = !self.has_turns;
        let left = self.leave_file().await;
        if let (true, Some(path)) = (was_empty, left) {
            // Nothing was said in it: this kernel's cells go along.
            open::forget(path).await;
        }
        let mut chosen = self.adopt(begun);
        chosen.left_turns = !was_empty;
        if was_empty {
            let running = self.last_cell.take();
            for cell in cells {
                self.cell(cell.line, &cell.input);
                self.output(cell.line, &cell.output);
            }
            if let Some((line, input)) = running {
                self.cell(line, &input);
            }
        }
        Ok(chosen)
    }

    fn opening(&self) -> open::Opening {
        open::Opening {
            options: self.options.clone(),
            headless: self.headless,
            now: self.host.now(),
            id: self.host.uuid().simple().to_string(),
        }
    }

    fn adopt(&mut self, begun: Begun) -> Chosen {
        let Begun {
            writer,
            chosen,
            trouble,
        } = begun;
        self.trouble = trouble;
        self.has_gap = false;
        self.next_turn = chosen.next_turn();
        self.has_turns = chosen.has_turns();
        self.phase = match writer {
            Some((writer, id)) => Phase::Open { writer, id },
            None => Phase::Closed,
        };
        let began = self.host.now();
        let first = Entry::Session {
            id: self.session.clone(),
            began,
            kernel: env!("CARGO_PKG_VERSION").to_owned(),
            connection: self.options.connection.clone(),
            headless: self.headless,
        };
        self.write(&first);
        chosen
    }

    /// A cell begins.
    pub fn cell(&mut self, count: u32, input: &str) {
        let input = input.to_owned();
        self.last_cell = Some((count, input.clone()));
        self.write(&Entry::Cell { line: count, input });
        self.hand_over();
    }

    /// A cell left this for the history.
    pub fn output(&mut self, count: u32, text: &str) {
        if text.is_empty() {
            return;
        }
        // A key that the limit cuts in two would no longer be seen as one.
        let begin = text.get(..text.floor_char_boundary(4 * MAX_OUTPUT));
        let text = self.options.redactor.redact(begin.unwrap_or_default());
        let text = text.chars().take(MAX_OUTPUT).collect();
        self.write(&Entry::Output { line: count, text });
        self.hand_over();
    }

    /// The conversation changed.
    pub fn records(&mut self, records: impl Iterator<Item = Record>) {
        self.push_records(records);
        self.hand_over();
    }

    fn push_records(&mut self, records: impl Iterator<Item = Record>) {
        for record in records {
            self.has_turns |= matches!(record, Record::Turn(_));
            self.write(&RecordLine { record: &record });
        }
    }

    /// A turn begins. `asked` is its record, still without an answer.
    pub fn begin_turn(&mut self, count: u32, prompt: &str, asked: Value) {
        let turn = self.next_turn;
        self.next_turn = self.next_turn.saturating_add(1);
        self.has_turns = true;
        self.turn_log = Some(TurnLog::new(turn, self.options.redactor.clone()));
        self.write(&Entry::Turn {
            turn,
            line: count,
            prompt: prompt.to_owned(),
            asked,
        });
        self.hand_over();
    }

    /// The running turn sends another request than the one it began with. `asked` is its new
    /// record, still without an answer.
    pub fn asked_again(&mut self, asked: Value) {
        if let Some(turn_log) = &self.turn_log {
            let turn = turn_log.turn();
            self.write(&Entry::Asked { turn, asked });
            self.hand_over();
        }
    }

    /// The running turn shows something at monotonic time `now`.
    pub fn shows(&mut self, update: &Update, container: Option<&str>, now: Duration) {
        if let Some(turn_log) = &mut self.turn_log {
            turn_log.take_container(container, now);
            turn_log.take(update, now);
        }
        self.tick(now);
    }

    /// Returns when [`tick`](Self::tick) next has something to write.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.turn_log.as_ref().and_then(TurnLog::deadline)
    }

    /// Writes what has waited long enough.
    pub fn tick(&mut self, now: Duration) {
        if let Some(lines) = self
            .turn_log
            .as_mut()
            .and_then(|turn_log| turn_log.due(now))
        {
            self.push(&lines);
            self.hand_over();
        }
    }

    /// The running turn is over; its record, if there is one, is among these.
    pub fn end_turn(&mut self, how: How, records: impl Iterator<Item = Record>) {
        let (rest, end) = self
            .turn_log
            .take()
            .map(|turn_log| turn_log.end(how))
            .unwrap_or_default();
        self.push(&rest);
        self.push_records(records);
        self.push(&end);
        self.hand_over();
    }

    /// The cell `count` left a recording of its answer.
    pub fn recording(&mut self, count: u32, cell: Option<&str>, coded: &Coded) {
        self.write(&Entry::Recording {
            line: count,
            cell: cell.map(str::to_owned),
            record: coded.value(),
        });
        self.hand_over();
    }

    /// A turn that another process left behind is in the history now.
    pub fn end_cut_off(&mut self, turn: u64) {
        self.write(&Entry::End {
            turn,
            how: How::CutOff,
        });
        self.hand_over();
    }

    /// Waits until all of it would survive a loss of power. Returns what to tell the person when
    /// it is not, once.
    pub async fn safe(&mut self) -> Option<String> {
        let Phase::Open { writer, .. } = &self.phase else {
            return None;
        };
        let written = match writer.append_all(&mut self.waiting).await {
            Ok(()) if self.has_gap => Err(Unwritten(TOO_SLOW.to_owned())),
            Ok(()) => writer.sync().await,
            Err(unwritten) => Err(unwritten),
        };
        match written {
            Ok(()) => {
                self.trouble = None;
                None
            }
            Err(Unwritten(why)) if self.trouble.is_none() => {
                self.trouble = Some(why.clone());
                let path = writer.path.display();
                tracing::warn!(%path, why, "a conversation is not being written");
                Some(format!(
                    "This conversation is not being saved: {}. It goes on, but a restarted kernel will not know it. (`{path}`)",
                    unnumbered(&why)
                ))
            }
            Err(Unwritten(why)) => {
                self.trouble = Some(why);
                None
            }
        }
    }

    /// Says for `%status` whether and where the conversation is saved, and how it comes back.
    #[must_use]
    pub fn describe(&self) -> String {
        let Some(folder) = self.folder() else {
            return "no: this kernel keeps nothing on this machine".to_owned();
        };
        if let Some(why) = &self.trouble {
            return format!("no: {why}; a restarted kernel will not know what was not saved");
        }
        // Its name has an id and a time in it, and would be another in each run.
        let path = folder.path();
        let home = self.options.home.as_ref();
        let place = match home.and_then(|home| path.strip_prefix(home).ok()) {
            Some(below) => format!("~/{}", below.display()),
            None => path.display().to_string(),
        };
        let back = match (&self.options.notebook, self.headless) {
            (Some(_), false) => "%resume goes on with it after a restart",
            _ => "%resume list finds it after a restart",
        };
        format!("yes, in {place}; {back}")
    }

    /// The kernel leaves.
    pub async fn close(&mut self) {
        self.leave_file().await;
    }

    async fn leave_file(&mut self) -> Option<PathBuf> {
        self.write(&Entry::Close {
            at: self.host.now(),
        });
        let lines = std::mem::take(&mut self.waiting);
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Open { writer, .. } => {
                let path = writer.path.clone();
                writer.close(lines).await;
                Some(path)
            }
            Phase::Asleep | Phase::Closed => None,
        }
    }

    fn write(&mut self, entry: &impl Serialize) {
        self.push(&line(entry));
    }

    fn push(&mut self, lines: &str) {
        if self.has_gap || !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        // One entry may have any size.
        if !self.waiting.is_empty() && self.waiting.len() + lines.len() > MAX_WAITING_BYTES {
            // After a gap, later lines would have another meaning.
            self.has_gap = true;
            self.waiting = String::new();
            return;
        }
        self.waiting.push_str(lines);
    }

    fn hand_over(&mut self) {
        if let Phase::Open { writer, .. } = &self.phase
            && !self.waiting.is_empty()
            && let Err(NotTaken { lines }) = writer.append(std::mem::take(&mut self.waiting))
        {
            self.waiting = lines;
        }
    }
}
