//! `%resume`, and how a conversation comes back from its journal.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::cell::magics::resume::ResumeJob;
use crate::cell::shown::{Part, Shown, clip};
use crate::chat::conversation::Conversations;
use crate::chat::ledger::Ledger;
use crate::chat::own_prompt::typed;
use crate::chat::record::Record;
use crate::chat::settings::Settings;

use crate::host::zoned;
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::inputs::Inputs;
use crate::kernel::interrupts::Stopped;
use crate::kernel::journal::folder::Folder;
use crate::kernel::journal::read::Contents;
use crate::kernel::journal::summary::{self, Overview};
use crate::kernel::journal::{Journal, recovered_turn};
use crate::kernel::save;
use crate::kernel::state::State;

use super::adopt;

/// How many turns of a continued conversation are shown.
const SHOWN_TURNS: usize = 3;
/// How many conversations a list shows.
const SHOWN_CONVERSATIONS: usize = 20;
/// How much of a prompt or an answer fits in a row, in characters.
const CLIP: usize = 60;
/// How much is shown of a turn that was cut off, in characters; the command line shows all.
const CUT_OFF: usize = 20_000;

/// Does what `%resume` asks for.
pub(super) async fn run(
    which: &ResumeJob,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let shown = match which {
        ResumeJob::List => list(context).await?,
        ResumeJob::Last => resume_one(None, context).await?,
        ResumeJob::Id(id) => resume_one(Some(id), context).await?,
    };
    Ok(context.tell(shown).await)
}

async fn resume_one(id: Option<&str>, context: &mut CellContext<'_>) -> Result<Shown, Stopped> {
    let before = left_behind(context);
    let State {
        history,
        unwritten,
        inputs,
        ..
    } = &mut *context.state;
    let changes = || {
        let mut records = std::mem::take(unwritten);
        records.extend(inputs.news());
        records
    };
    let chosen = match context.journal.switch(id, history, changes).await {
        Ok(chosen) => chosen,
        Err((what, next)) => {
            // A notebook that came from elsewhere has no conversation here, but its answers.
            let own = match id {
                None => adopt::all(context).await?,
                Some(_) => None,
            };
            return match own {
                Some(told) => Ok(Shown::default().paragraph(&told)),
                None => Err(CellError::new(ErrorKind::Magic, what, next).into()),
            };
        }
    };
    let leaves_turns = chosen.left_turns;
    let mut shown = Shown::default().paragraph(&chosen.notice.unwrap_or_default());
    if let (true, Some(before)) = (leaves_turns, before) {
        shown = shown.paragraph(&before);
    }
    let Some(contents) = chosen.continued else {
        return Ok(shown);
    };
    let partial_turns = contents.partial_turns.clone();
    if leaves_turns {
        // The turns of this kernel stay with the conversation that the kernel leaves.
        context.state.variables.clear();
        context.state.inputs = Inputs::default();
    }
    adopt(context.state, context.journal, *contents);
    let turns = context.state.turn_summaries();
    let hidden = turns.len().saturating_sub(SHOWN_TURNS);
    let rows: Vec<Vec<Part>> = turns
        .iter()
        .skip(hidden)
        .map(|turn| {
            vec![
                Part::text(&turn.label()),
                Part::code(&clip(&typed(&turn.prompt), CLIP)),
                Part::code(&clip(&turn.answer, CLIP)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        shown = shown.table(&["cell", "prompt", "answer"], &rows);
    }
    for partial in partial_turns.iter().filter(|partial| !partial.is_empty()) {
        let texts: Vec<String> = partial.shown().into_iter().map(|(_, text)| text).collect();
        let text = texts.join("\n\n");
        let head: String = text.chars().take(CUT_OFF).collect();
        shown = shown
            .line(
                "What had arrived for",
                &Part::code(&clip(&typed(&partial.prompt), CLIP)),
            )
            .block(&head);
        if head.len() < text.len() {
            shown =
                shown.paragraph("There is more: `claude-kernel conversations show` prints all.");
        }
    }
    Ok(shown)
}

/// Says what becomes of the turns that this kernel has made, and how to come back to them.
fn left_behind(context: &CellContext<'_>) -> Option<String> {
    let id = context.journal.id()?;
    let turns = context.state.turn_summaries();
    let first = turns.first()?.label();
    let cells = match turns.last() {
        Some(last) if turns.len() > 1 => format!("{first} to {}", last.label()),
        _ => first,
    };
    Some(format!(
        "What was asked since the start of this kernel ({cells}) is not part of it: `%resume {id}` goes back."
    ))
}

async fn list(context: &mut CellContext<'_>) -> Result<Shown, Stopped> {
    let Some(folder) = context.journal.folder() else {
        return Ok(Shown::default().paragraph("Conversations are not kept on this machine."));
    };
    let place = folder.path().display().to_string();
    let read = tokio::task::spawn_blocking(move || overviews(&folder)).await;
    let overviews = read
        .map_err(|error| crate::host::unnumbered(&error))
        .and_then(|read| read)
        .map_err(|why| {
            CellError::new(
                ErrorKind::Magic,
                format!("conversations cannot be read: {why}"),
                format!("They are in `{place}`."),
            )
        })?;
    let current = context.journal.id().map(str::to_owned);
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
        .map(|found| row(found, current.as_deref(), context))
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

fn row(found: &Overview, current: Option<&str>, context: &CellContext<'_>) -> Vec<Part> {
    let used = DateTime::<Utc>::from(found.file.modified);
    let used = zoned(&context.services.host.local(used), "%Y-%m-%d %H:%M");
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
        Err(error) => (String::new(), String::new(), Part::text(&error.to_string())),
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
        Part::text(&used),
        last,
    ]
}

/// Goes on with a conversation: with its turns, its settings, and what had arrived of a turn that
/// was cut off. Its tools of this machine ended with their process. Variables and files that this
/// kernel has already are kept, because cells set them before anything was said.
pub fn adopt(state: &mut State, journal: &mut Journal, contents: Contents) {
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
            replay: state.settings.replay,
            // A budget of the configuration holds also for a continued conversation.
            budget: match settings.budget {
                budget if budget.is_off() => state.initial.budget,
                budget => budget,
            },
            ..settings.clone()
        };
        state.set_in.clear();
    }
    state.unwritten.clear();
    // This comes first, because the cell may have an id that means nothing after the restart.
    for partial in &contents.partial_turns {
        if let Some(record) = recovered_turn::record(partial) {
            state.record(record);
        }
    }
    state.record(Record::Restarted);
    // What this kernel's cells set and attached comes along with them.
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
        // Another sandbox may have other packages.
        state.packages.clear();
    }
    save::write(state, journal);
    for partial in &contents.partial_turns {
        journal.end_cut_off(partial.turn);
    }
}
