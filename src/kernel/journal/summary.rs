//! What lists show of conversations, and how one of them is found.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::entry::Header;
use super::folder::{self, Folder, Listed};
use super::partial_turn::block_text;
use super::read::Contents;
use crate::anthropic::block::Block;
use crate::chat::conversation::Conversations;
use crate::chat::own_prompt::typed;
use crate::host::unnumbered;

/// Characters of an id.
pub const ID_LENGTH: usize = 8;

/// A turn, as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnSummary {
    /// What the person asked.
    pub prompt: String,
    /// The answer's text.
    pub answer: String,
    /// All that was said in answer, steps included, as (what it is, text).
    pub said: Vec<(&'static str, String)>,
    /// US dollars, if known.
    pub cost_usd: Option<f64>,
}

/// A conversation, as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Turns of the conversation that cells talk in, from top to bottom.
    pub turns: Vec<TurnSummary>,
    /// Other conversations of the same notebook: name and number of turns.
    pub others: Vec<(String, usize)>,
    /// Whether a turn was running when the process ended.
    pub is_cut_off: bool,
}

impl Summary {
    /// Folds the records.
    #[must_use]
    pub fn of(contents: &Contents) -> Self {
        let mut conversations = Conversations::default();
        for record in &contents.records {
            conversations.apply(record.clone());
        }
        let turns = conversations.turns().into_iter().map(|turn| TurnSummary {
            prompt: typed(&turn.prompt).into_owned(),
            answer: turn.answer.to_string(),
            said: said(turn.answers().into_iter().flat_map(|(_, blocks)| blocks)),
            cost_usd: turn.receipt.cost_usd,
        });
        Self {
            turns: turns.collect(),
            others: conversations
                .all()
                .skip(1)
                .filter(|thread| !thread.is_empty())
                .map(|thread| (thread.name.clone(), thread.len()))
                .collect(),
            is_cut_off: contents.partial_turns.iter().any(|turn| !turn.is_empty()),
        }
    }

    /// Returns whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.others.is_empty() && !self.is_cut_off
    }

    /// Returns what it cost, in US dollars, as far as prices are known.
    #[must_use]
    pub fn cost_usd(&self) -> f64 {
        let costs = self.turns.iter().filter_map(|turn| turn.cost_usd);
        // An empty sum of floats is -0.0, which would be shown.
        costs.fold(0.0, |sum, cost| sum + cost)
    }
}

fn said(blocks: impl Iterator<Item = Value>) -> Vec<(&'static str, String)> {
    let blocks = blocks.map(Block::from_raw);
    let mut said: Vec<_> = blocks.filter_map(|block| block_text(&block)).collect();
    said.retain(|(_, text)| !text.trim().is_empty());
    said
}

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    /// As a clause.
    pub why: String,
}

/// A journal, as lists show it.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The file.
    pub file: Listed,
    /// What the conversation is called.
    pub id: String,
    /// What is in it, or why it cannot be read.
    pub read: Result<(Header, Summary), Unreadable>,
    /// Whether a line in the middle cannot be read.
    pub is_damaged: bool,
    /// Whether a kernel is using it.
    pub is_in_use: bool,
}

/// Reads all journals of a folder, the last written first.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn overviews(folder: &Folder) -> std::io::Result<Vec<Overview>> {
    let listed = folder.list()?.into_iter();
    Ok(listed.map(overview).collect())
}

/// Reads one journal.
#[must_use]
pub fn overview(file: Listed) -> Overview {
    let contents = folder::read(&file.path);
    let damage = contents.as_ref().ok().and_then(|c| c.damage.clone());
    Overview {
        id: id_of(&file.path),
        is_in_use: folder::is_in_use(&file.path),
        is_damaged: damage.is_some(),
        read: match contents {
            Ok(contents) => Ok((contents.header.clone(), Summary::of(&contents))),
            Err(error) => Err(Unreadable {
                why: unnumbered(&error),
            }),
        },
        file,
    }
}

/// Returns what a journal's conversation is called, from its file's name.
#[must_use]
pub fn id_of(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let id = stem.and_then(|stem| stem.rsplit('-').next());
    id.unwrap_or_default().to_owned()
}

/// Finds a journal by its id, or by how it begins.
///
/// # Errors
/// When none or several fit: what is wrong, and what to do next.
pub fn find(folder: &Folder, id: &str) -> Result<PathBuf, (String, String)> {
    let listed = folder.list().map_err(|error| {
        (
            format!("conversations cannot be read: {}", unnumbered(&error)),
            format!("They are in `{}`.", folder.path().display()),
        )
    })?;
    let mut fits = listed
        .into_iter()
        .filter(|Listed { path, .. }| !id.is_empty() && id_of(path).starts_with(id));
    match (fits.next(), fits.next()) {
        (Some(file), None) => Ok(file.path),
        (None, _) => Err((
            format!("there is no conversation `{id}`"),
            "`%resume list` shows what is there.".to_owned(),
        )),
        (Some(_), Some(_)) => Err((
            format!("several conversations begin with `{id}`"),
            "Write more of the id.".to_owned(),
        )),
    }
}
