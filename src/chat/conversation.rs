//! The conversations behind a notebook: turns that belong to cells. `chat::turn::compose` makes
//! requests of them.
//!
//! The principle: *Claude sees what stands above the cell.* [`Conversations`] is a fold over
//! [`Record`]s: deciding never changes it, [`Conversations::apply`] never decides. Every turn
//! remembers the digest of what was sent before it. If that digest no longer holds, the thinking of
//! the turn and of all turns after it is taken out, for good (`docs/protocol.md#thinking-binding`).

pub mod digest;
pub mod order;
pub mod prefix;
mod reset;
mod turn;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::anthropic::request::MessageParam;

use super::record::{Record, TurnId, TurnRecord};
use super::settings::Settings;
use super::tool_changes;
use digest::{Digest, chain_hash};
use order::{CellKey, CellPosition, Order};
use prefix::Prefix;

pub use turn::{FileRef, Turn, files_of, gone_file};

/// The name of the conversation that a notebook begins with.
pub const MAIN: &str = "main";

/// A conversation.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Its name.
    pub name: String,
    /// In the order in which they were made.
    turns: Vec<Arc<Turn>>,
    container: Option<String>,
    /// The cells whose work is in that sandbox.
    in_sandbox: HashSet<CellKey>,
    prefix: Option<Prefix>,
    summary: Option<Summary>,
    last_message_id: Option<String>,
    /// What it was before it was reset.
    forgotten: Option<Box<Conversation>>,
}

/// A message that stands for some turns of a conversation, as long as these are its first turns.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The message with the `compaction` block.
    pub message: MessageParam,
    /// The turns it stands for.
    pub turns: Vec<TurnId>,
    /// The changes that the message makes to the tools of `tools`.
    pub tool_changes: Vec<Value>,
}

impl Summary {
    fn of(message: MessageParam, turns: Vec<TurnId>) -> Self {
        let blocks = message.content.values().into_iter();
        let changes = blocks.filter_map(|block| block.get("tool_changes")?.as_array().cloned());
        Self {
            tool_changes: changes.flatten().filter(tool_changes::is_change).collect(),
            message,
            turns,
        }
    }

    /// Returns whether the changes can be made to these tools: every tool that a change refers to
    /// is among them.
    #[must_use]
    pub fn fits(&self, tools: &[Value]) -> bool {
        tool_changes::applied(tools, &self.tool_changes).is_some()
    }
}

impl Conversation {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            turns: Vec::new(),
            container: None,
            in_sandbox: HashSet::new(),
            prefix: None,
            summary: None,
            last_message_id: None,
            forgotten: None,
        }
    }

    /// Returns the sandbox's id, if one is known.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Returns the cells whose work is in the conversation's sandbox.
    #[must_use]
    pub fn in_sandbox(&self) -> &HashSet<CellKey> {
        &self.in_sandbox
    }

    /// Returns `system` and `tools` as they were sent last, if anything was.
    #[must_use]
    pub fn prefix(&self) -> Option<&Prefix> {
        self.prefix.as_ref()
    }

    /// Returns the summary of its first turns, if there is one.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Returns `id` of the message that came last.
    #[must_use]
    pub fn last_message_id(&self) -> Option<&str> {
        self.last_message_id.as_deref()
    }

    /// Returns how many turns the conversation has, those of deleted cells included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Returns whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    fn set_container(&mut self, id: Option<String>) {
        if self.container != id {
            self.in_sandbox.clear();
            self.container = id;
        }
    }

    fn strip(&mut self, is_meant: impl Fn(&Turn) -> bool, form: impl Fn(&Turn) -> Turn) {
        for turn in self.turns.iter_mut().filter(|turn| is_meant(turn)) {
            *turn = Arc::new(form(turn));
        }
    }
}

/// All conversations of a notebook, one of them current.
#[derive(Debug, Clone)]
pub struct Conversations {
    current: Conversation,
    others: Vec<Conversation>,
    order: Order,
    /// The greatest number of a turn.
    turns: TurnId,
    settings: Option<Settings>,
    /// Models whose API refused tools that change in mid-conversation.
    no_tool_changes: Vec<String>,
    /// The turns of the current conversation with their positions, from top to bottom. Worked out when
    /// needed and kept until the next change, because completion needs them at every key press.
    placed: OnceLock<Vec<(CellPosition, Arc<Turn>)>>,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            current: Conversation::new(MAIN),
            others: Vec::new(),
            order: Order::default(),
            turns: 0,
            settings: None,
            no_tool_changes: Vec::new(),
            placed: OnceLock::new(),
        }
    }
}

impl Conversations {
    /// Applies a record. A record that refers to nothing known is ignored: anybody can edit a
    /// journal.
    pub fn apply(&mut self, record: Record) {
        self.placed.take();
        match record {
            Record::Ran { cell } => self.order.run(cell),
            Record::Turn(turn) => self.commit(*turn),
            Record::Undone { thread, turn } => {
                if let Some(thread) = self.find_mut(&thread) {
                    thread.turns.retain(|kept| kept.id != turn);
                }
            }
            Record::Thread { name } => self.switch(&name),
            Record::Forked { name, from, turns } => self.fork_into(&name, &from, &turns),
            Record::Detached { cells } => self.order.detach(cells),
            Record::Reset { thread } => self.reset(&thread),
            Record::Restored { thread } => self.restore(&thread),
            Record::ResetAll => {
                *self = Self {
                    order: std::mem::take(&mut self.order),
                    turns: self.turns,
                    ..Self::default()
                };
            }
            Record::Container { thread, id, cells } => {
                if let Some(thread) = self.find_mut(&thread) {
                    thread.set_container(id);
                    thread.in_sandbox.extend(cells);
                }
            }
            Record::Compacted {
                thread,
                message,
                turns,
                ..
            } => {
                if let Some(thread) = self.find_mut(&thread) {
                    thread.summary = Some(Summary::of(message, turns));
                }
            }
            Record::Uncompacted { thread } => {
                if let Some(thread) = self.find_mut(&thread) {
                    thread.summary = None;
                }
            }
            Record::Settings(settings) => self.settings = Some(*settings),
            // The kernel remembers these records; they do not change what was said.
            Record::Variable { .. }
            | Record::Input { .. }
            | Record::InputGone { .. }
            | Record::Packages { .. }
            | Record::Spent(_) => {}
            Record::Restarted => self.restart(),
        }
    }

    /// Returns the conversation that cells talk in.
    #[must_use]
    pub fn current(&self) -> &Conversation {
        &self.current
    }

    /// Returns every conversation, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Conversation> {
        std::iter::once(&self.current).chain(&self.others)
    }

    /// Returns where cells stand.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The saved notebook holds these cells, in this order.
    pub fn set_file_order(&mut self, ids: Vec<String>) {
        self.placed.take();
        self.order.set_file(ids);
    }

    /// Returns the settings that were recorded last.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// Returns the turns of the current conversation, from top to bottom, without those of deleted
    /// cells.
    #[must_use]
    pub fn turns(&self) -> Vec<&Arc<Turn>> {
        self.standing(|_| true)
    }

    /// Returns the same turns. The second value says whether the turn is stale: the turns above it
    /// are not those that it saw.
    #[must_use]
    pub fn turns_and_stale(&self) -> Vec<(&Arc<Turn>, bool)> {
        let mut above = 0;
        self.turns()
            .into_iter()
            .map(|turn| {
                let is_stale = turn.above != above;
                above = chain_hash(above, turn.id);
                (turn, is_stale)
            })
            .collect()
    }

    /// Returns the turns above a cell, from top to bottom: what Claude sees there.
    #[must_use]
    pub fn above(&self, cell: &CellKey) -> Vec<&Arc<Turn>> {
        let position = self.order.position(cell);
        self.standing(|other| other < position)
    }

    /// Returns the digest of what was asked and answered above a cell.
    #[must_use]
    pub fn digest_above(&self, cell: &CellKey) -> Digest {
        let above = self.above(cell).into_iter();
        above.fold(Digest::default(), |above, turn| above.then(turn.recording))
    }

    /// Returns how many turns stand below a cell.
    #[must_use]
    pub fn count_below(&self, cell: &CellKey) -> usize {
        let position = self.order.position(cell);
        self.standing(|other| other > position).len()
    }

    /// Returns the number of the turn that comes next.
    #[must_use]
    pub fn next_turn(&self) -> TurnId {
        self.turns + 1
    }

    /// Returns whether the API of a model is known to refuse tools that change in mid-conversation.
    #[must_use]
    pub fn refuses_tool_changes(&self, model: &str) -> bool {
        self.no_tool_changes.iter().any(|known| known == model)
    }

    /// Returns the record to make after a refusal with this code. If the API does not take the
    /// summary, the summary goes and the turns themselves are sent.
    #[must_use]
    pub fn summary_refused(&self, code: &str) -> Option<Record> {
        let is_about_it = code.starts_with("compaction_");
        (is_about_it && self.current.summary.is_some()).then(|| Record::Uncompacted {
            thread: self.current.name.clone(),
        })
    }

    /// Returns the turn that was made last in the current conversation, without those of deleted
    /// cells.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Turn>> {
        self.turns().into_iter().max_by_key(|turn| turn.id)
    }

    /// Returns the record that makes a new conversation of the turns above a cell.
    #[must_use]
    pub fn fork(&self, name: &str, cell: &CellKey) -> Record {
        let above = self.above(cell);
        Record::Forked {
            name: name.to_owned(),
            from: self.current.name.clone(),
            turns: above.iter().map(|turn| turn.id).collect(),
        }
    }

    /// Returns the record that this cell runs, if it has not run before.
    #[must_use]
    pub fn first_run_of(&self, cell: &CellKey) -> Option<Record> {
        self.order
            .is_new(cell)
            .then(|| Record::Ran { cell: cell.clone() })
    }

    /// Returns the record that these cells were deleted, if any of them ever ran.
    #[must_use]
    pub fn detached(&self, cells: impl Iterator<Item = CellKey>) -> Option<Record> {
        let cells: Vec<CellKey> = cells
            .filter(|cell| self.order.knows(cell) && !self.order.is_detached(cell))
            .collect();
        (!cells.is_empty()).then_some(Record::Detached { cells })
    }

    /// Returns the record that the current conversation works in this sandbox, if it is another one
    /// than before.
    #[must_use]
    pub fn container_changed(&self, id: Option<&str>) -> Option<Record> {
        (self.current.container() != id).then(|| Record::Container {
            thread: self.current.name.clone(),
            id: id.map(str::to_owned),
            cells: Vec::new(),
        })
    }

    /// The turns of the current conversation whose position `fits`, from top to bottom.
    fn standing(&self, fits: impl Fn(CellPosition) -> bool) -> Vec<&Arc<Turn>> {
        let placed = self.placed.get_or_init(|| self.turns_by_position()).iter();
        let fitting = placed.filter(|(position, _)| fits(*position));
        fitting.map(|(_, turn)| turn).collect()
    }

    fn turns_by_position(&self) -> Vec<(CellPosition, Arc<Turn>)> {
        let turns = self.current.turns.iter();
        let mut placed: Vec<(CellPosition, Arc<Turn>)> = turns
            .filter(|turn| !self.order.is_detached(&turn.cell))
            .map(|turn| (self.order.position(&turn.cell), Arc::clone(turn)))
            .collect();
        placed.sort_by_key(|(position, _)| *position);
        placed
    }

    fn commit(&mut self, record: TurnRecord) {
        self.turns = self.turns.max(record.id);
        self.order.run(record.cell.clone());
        if let Some(model) = &record.no_tool_changes
            && !self.no_tool_changes.contains(model)
        {
            self.no_tool_changes.push(model.clone());
        }
        let Some(thread) = self.find_mut(&record.thread) else {
            return;
        };
        thread.set_container(record.container.clone());
        if record.receipt.runs > 0 && record.played.is_none() {
            thread.in_sandbox.insert(record.cell.clone());
        }
        if let Some(prefix) = &record.prefix {
            let keeps_thinking = record.keeps_thinking;
            thread.strip(
                |_| true,
                |turn| {
                    let told = turn.without_notice();
                    let turn = told.as_ref().unwrap_or(turn);
                    match keeps_thinking {
                        true => turn.clone(),
                        false => turn.without_thinking(),
                    }
                },
            );
            thread.prefix = Some(prefix.clone());
        }
        let stripped = |turn: &Turn| turn.thinks && record.stripped.contains(&turn.id);
        if !record.stripped.is_empty() {
            thread.strip(stripped, Turn::without_thinking);
        }
        if record.message_id.is_some() {
            thread.last_message_id.clone_from(&record.message_id);
        }
        thread.turns.retain(|turn| turn.cell != record.cell);
        thread.turns.push(Arc::new(Turn::of(record)));
    }

    fn switch(&mut self, name: &str) {
        if self.current.name == name {
            return;
        }
        let known = self.others.iter().position(|thread| thread.name == name);
        let next = known.map_or_else(|| Conversation::new(name), |at| self.others.remove(at));
        self.others.push(std::mem::replace(&mut self.current, next));
    }

    fn fork_into(&mut self, name: &str, from: &str, turns: &[TurnId]) {
        let Some(source) = self.find_mut(from) else {
            return;
        };
        let shared = source.turns.iter();
        let shared = shared.filter(|turn| turns.contains(&turn.id));
        let fork = Conversation {
            turns: shared.cloned().collect(),
            prefix: source.prefix.clone(),
            summary: source.summary.clone(),
            ..Conversation::new(name)
        };
        self.switch(name);
        self.current = fork;
    }

    fn restart(&mut self) {
        let renamed = self.order.restart();
        if renamed.is_empty() {
            return;
        }
        for thread in std::iter::once(&mut self.current).chain(&mut self.others) {
            let cells = std::mem::take(&mut thread.in_sandbox).into_iter();
            thread.in_sandbox = cells
                .map(|cell| renamed.get(&cell).cloned().unwrap_or(cell))
                .collect();
            for turn in &mut thread.turns {
                if let Some(new) = renamed.get(&turn.cell) {
                    Arc::make_mut(turn).cell = new.clone();
                }
            }
        }
    }

    fn find_mut(&mut self, name: &str) -> Option<&mut Conversation> {
        std::iter::once(&mut self.current)
            .chain(&mut self.others)
            .find(|thread| thread.name == name)
    }
}
