//! Between the journal and the kernel's memory: what was said comes back, what is said goes out; and
//! `%resume`.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::cell::magics::resume::ResumeJob;
use crate::cell::shown::{Part, Shown, clip};
use crate::chat::conversation::{Conversations, Opening};
use crate::chat::ledger::Ledger;
use crate::chat::question::Question;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::turn::{Receipt, TurnUsage};

use super::error::CellError;
use super::inputs::Inputs;
use super::jobs::{Desktop, Outcome, Stopped};
use super::journal::entry::How;
use super::journal::folder::Folder;
use super::journal::read::Contents;
use super::journal::summary::{self, Overview};
use super::journal::{Journal, cut_off};
use super::state::State;

/// Turns that are shown of a conversation that goes on.
const SHOWN_TURNS: usize = 3;
/// Conversations that a list shows.
const SHOWN_CONVERSATIONS: usize = 20;
/// How much of a prompt or an answer fits in a row, in characters.
const CLIP: usize = 60;
/// How much is shown of a turn that was cut off, in characters; the command line shows all.
const CUT_OFF: usize = 20_000;

/// Does what `%resume` asks for.
pub(super) async fn run(which: &ResumeJob, desktop: &mut Desktop<'_>) -> Result<Outcome, Stopped> {
    let shown = match which {
        ResumeJob::List => list(desktop).await?,
        ResumeJob::Last => go_on(None, desktop).await?,
        ResumeJob::Id(id) => go_on(Some(id), desktop).await?,
    };
    Ok(desktop.tell(shown).await)
}

async fn go_on(id: Option<&str>, desktop: &mut Desktop<'_>) -> Result<Shown, Stopped> {
    write(desktop.state, desktop.journal);
    let leaves_turns = desktop.journal.has_turns();
    let chosen = desktop
        .journal
        .switch(id, &desktop.state.history)
        .await
        .map_err(|(what, next)| CellError::new("MagicError", what, next))?;
    let mut shown = Shown::default().paragraph(&chosen.notice.unwrap_or_default());
    let Some(contents) = chosen.continued else {
        return Ok(shown);
    };
    let cut_off = contents.cut_off.clone();
    if leaves_turns {
        // They stay with the conversation that is left.
        desktop.state.variables.clear();
        desktop.state.inputs = Inputs::default();
    }
    adopt(desktop.state, desktop.journal, *contents);
    let turns = desktop.state.turn_summaries();
    let hidden = turns.len().saturating_sub(SHOWN_TURNS);
    let rows: Vec<Vec<Part>> = turns
        .iter()
        .skip(hidden)
        .map(|turn| {
            vec![
                Part::text(&turn.number.to_string()),
                Part::code(&clip(&turn.prompt, CLIP)),
                Part::code(&clip(&turn.answer, CLIP)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        shown = shown.table(&["turn", "prompt", "answer"], &rows);
    }
    for running in cut_off.iter().filter(|running| !running.is_empty()) {
        let texts: Vec<String> = running.shown().into_iter().map(|(_, text)| text).collect();
        let text = texts.join("\n\n");
        let head: String = text.chars().take(CUT_OFF).collect();
        shown = shown
            .line(
                "What had arrived for",
                &Part::code(&clip(&running.prompt, CLIP)),
            )
            .block(&head);
        if head.len() < text.len() {
            shown =
                shown.paragraph("There is more: `claude-kernel conversations show` prints all.");
        }
    }
    Ok(shown)
}

async fn list(desktop: &mut Desktop<'_>) -> Result<Shown, Stopped> {
    let Some(folder) = desktop.journal.folder() else {
        return Ok(Shown::default().paragraph("Conversations are not kept on this machine."));
    };
    let place = folder.path().display().to_string();
    let read = tokio::task::spawn_blocking(move || overviews(&folder)).await;
    let overviews = read
        .map_err(|error| crate::host::unnumbered(&error))
        .and_then(|read| read)
        .map_err(|why| {
            CellError::new(
                "MagicError",
                format!("conversations cannot be read: {why}"),
                format!("They are in `{place}`."),
            )
        })?;
    let current = desktop.journal.id().map(str::to_owned);
    let said: Vec<Overview> = overviews
        .into_iter()
        .filter(|found| !matches!(&found.read, Ok((_, summary)) if summary.is_empty()))
        .collect();
    if said.is_empty() {
        return Ok(Shown::default().paragraph("No conversations yet."));
    }
    let hidden = said.len().saturating_sub(SHOWN_CONVERSATIONS);
    let rows: Vec<Vec<Part>> = said
        .iter()
        .take(SHOWN_CONVERSATIONS)
        .map(|found| row(found, current.as_deref()))
        .collect();
    let shown = Shown::default().table(
        &["id", "notebook", "turns", "last used", "last prompt"],
        &rows,
    );
    Ok(match hidden {
        0 => shown,
        _ => shown.paragraph(&format!(
            "{hidden} older: `claude-kernel conversations list` shows all."
        )),
    })
}

fn overviews(folder: &Folder) -> Result<Vec<Overview>, String> {
    summary::overviews(folder).map_err(|error| crate::host::unnumbered(&error))
}

fn row(found: &Overview, current: Option<&str>) -> Vec<Part> {
    let used = DateTime::<Utc>::from(found.file.modified).format("%Y-%m-%d %H:%M");
    let (notebook, turns, last) = match &found.read {
        Ok((header, summary)) => {
            let notebook = header.notebook.as_deref().map(Path::new);
            let name = notebook
                .and_then(Path::file_name)
                .map(|n| n.to_string_lossy());
            let last = summary.turns.last().map_or("", |turn| &turn.prompt);
            (
                name.unwrap_or_default().into_owned(),
                summary.turns.len().to_string(),
                Part::code(&clip(last, CLIP)),
            )
        }
        Err(why) => (String::new(), String::new(), Part::text(why)),
    };
    let state = match (
        current == Some(&found.id),
        found.is_in_use,
        found.is_damaged,
    ) {
        (true, ..) => " (this one)",
        (_, true, _) => " (in use)",
        (_, _, true) => " (damaged)",
        _ => "",
    };
    vec![
        Part::text(&format!("{}{state}", found.id)),
        Part::text(&notebook),
        Part::text(&turns),
        Part::text(&used.to_string()),
        last,
    ]
}

/// Goes on with a conversation: as it stood, with what had arrived of a turn that was cut off, and
/// with its settings. Tools of this machine died with the process that had them. Variables and
/// files that are there go along: they are of cells that ran before anything was said.
pub(super) fn adopt(state: &mut State, journal: &mut Journal, contents: Contents) {
    state.conversations = Conversations::default();
    state.ledger = Ledger::default();
    let variables = std::mem::take(&mut state.variables);
    let inputs = std::mem::take(&mut state.inputs);
    (state.packages, state.packages_of) = (Vec::new(), String::new());
    for record in contents.records {
        state.apply(record);
    }
    if let Some(settings) = state.conversations.settings() {
        state.settings = Settings {
            client_tools: Vec::new(),
            format: None,
            // A limit that the configuration sets is not lifted by going on.
            budget: match settings.budget {
                budget if budget.is_off() => state.initial.budget,
                budget => budget,
            },
            ..settings.clone()
        };
        state.set_in.clear();
    }
    state.unwritten.clear();
    // First: the cell may have an address that means nothing from here on.
    for running in &contents.cut_off {
        if let Some(record) = cut_off::record(running) {
            state.record(record);
        }
    }
    state.record(Record::Restarted);
    // What this kernel's cells set and attached goes where they go.
    for (name, value) in variables.iter() {
        state.set_variable(name, value);
    }
    state.inputs.take_along(inputs);
    let asked = Some(state.packages_of.as_str());
    let is_there = state
        .conversations
        .all()
        .any(|one| one.container() == asked);
    if !is_there {
        // A sandbox to come may have others.
        state.packages.clear();
    }
    write(state, journal);
    for running in &contents.cut_off {
        journal.end_cut_off(running.turn);
    }
}

/// Hands over what changed; returns whether anything did. What changes before the first cell that
/// is written waits for it.
pub(super) fn write(state: &mut State, journal: &mut Journal) -> bool {
    if journal.is_asleep() {
        return false;
    }
    let records = changes(state);
    let is_changed = !records.is_empty();
    journal.records(records.into_iter());
    is_changed
}

/// Takes what the journal was not told yet.
fn changes(state: &mut State) -> Vec<Record> {
    let mut records = std::mem::take(&mut state.unwritten);
    records.extend(state.inputs.news());
    records
}

/// Writes that a turn begins, with the settings that it changed.
pub(super) fn begin_turn(
    state: &mut State,
    journal: &mut Journal,
    settings: &Settings,
    (opening, question): (&Opening, &Question),
    offline: bool,
) {
    if state.conversations.settings() != Some(&state.settings) {
        state.record(Record::Settings(Box::new(state.settings.clone())));
    }
    write(state, journal);
    let receipt = Receipt {
        model: settings.model.clone(),
        effort: settings.effort,
        usage: TurnUsage::default(),
        runs: 0,
        // What it had cost was not told yet.
        cost_usd: None,
        at_least: true,
        cache_miss: None,
        sandbox_ms: 0,
        turn: opening.number,
        standing: opening.standing.clone(),
        context_tokens: 0,
        offline,
    };
    let container = state.conversations.current().container();
    let asked = cut_off::asked(&state.conversations, opening, question, receipt, container);
    journal.begin_turn(state.count, &question.prompt, asked);
}

/// Writes that a turn is over, with what is kept of it.
pub(super) fn end_turn(state: &mut State, journal: &mut Journal, is_whole: bool) {
    let how = match is_whole {
        true => How::Finished,
        false => How::Stopped,
    };
    journal.end_turn(how, changes(state).into_iter());
}
