//! Runs a cell: its magics, the jobs that they ask for, then its turn. If the cell fails before its
//! turn begins, it changes nothing.

use serde_json::Value;

use crate::cell::fill::{self, Miss};
use crate::cell::help;
use crate::cell::magic::{Effect, Job};
use crate::cell::magics as cell_magics;
use crate::cell::parameters::{Parameters, Role};
use crate::cell::parse::{self, Cell, MagicCall};
use crate::cell::slips::slips;
use crate::chat::settings::Replay;
use crate::chat::structured::Wanted;
use crate::chat::turn::ask::{Ask, Kind};
use crate::chat::verbatim::Verbatim;
use crate::jupyter::messages::shell::Payload;
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::kernel::context::CellContext;
use crate::kernel::error::CellError;
use crate::kernel::interrupts::Stopped;
use crate::kernel::lines::{self, notes, warnings};
use crate::kernel::magics::{self, adopt, attach, compact, exec, replay, tools};
use crate::kernel::marks::Cause;
use crate::kernel::notebook::Notebook;
use crate::kernel::status::{self, About};
use crate::kernel::turn::commit::{Committed, commit, retirement};
use crate::kernel::turn::run::run as run_turn;

use crate::render::renderer::DisplayMode;

use super::outcome::CellEnd;
use super::prepare::{Before, Prepared, prepare};
use super::show::shows;
use super::{address, dry, journal, recorded};

/// What a cell is run with.
#[derive(Debug)]
pub struct CellRequest<'a> {
    /// What is asked for.
    pub execute: &'a Execute,
    /// The request that asks for it.
    pub message: &'a Message,
    /// What `%status` tells of the kernel.
    pub about: &'a About,
    /// The notebook file, where it is known.
    pub notebook: Option<&'a mut Notebook>,
    /// What was wrong with the configuration, if nobody was told yet.
    pub complaint: Option<String>,
}

/// Runs a cell and writes down what it leaves.
pub async fn run(mut request: CellRequest<'_>, context: &mut CellContext<'_>) -> CellEnd {
    let execute = request.execute;
    if let Some(models) = context.state.asking.answered(context.services.host.now()) {
        context.state.models = models;
    }
    if leaves(request.message, &execute.code) {
        let payload = Payload::AskExit { keepkernel: false };
        return CellEnd::ok(vec![payload], String::new());
    }
    let cell = parse::parse_as(&execute.code, role(request.message, context));
    let notebook = request.notebook.as_deref();
    journal::begin(execute, resumes(&cell), notebook, context).await;
    let located = address::locate(request.message, request.notebook.take(), context).await;
    if !execute.silent {
        let cell = context.state.cell.clone();
        context.state.marks.forget(&cell);
        mark_receipts(Cause::Notebook, context).await;
    }
    let mut end = match (located, cell) {
        (Err(stopped), _) => stopped.into(),
        (Ok(()), Cell::Empty) => CellEnd::ok(Vec::new(), String::new()),
        (Ok(()), Cell::Help { topic }) => page(&topic, request.about, context),
        (Ok(()), Cell::Parameters(parameters)) => set_parameters(&parameters, context),
        (Ok(()), Cell::Turn { magics, prompt }) => {
            match turn_cell(&magics, prompt, request, context).await {
                Ok(end) => end,
                Err(stopped) => stopped.into(),
            }
        }
    };
    if !execute.silent {
        mark_receipts(Cause::Cell(context.output.count), context).await;
    }
    let output = std::mem::take(&mut end.output);
    let left = journal::end(execute, output, context).await;
    end.leave = end.leave.or(left);
    end
}

/// Lets the receipts on the screen say what has become of their answers.
async fn mark_receipts(cause: Cause, context: &mut CellContext<'_>) {
    let state = &mut *context.state;
    let changed = state
        .marks
        .changed(&state.conversations, &state.cell, cause);
    context.output.show(changed).await;
}

/// Whether a line asks the front end to leave, as a person in a terminal types it. In a notebook,
/// whose cells have ids, the same words are a prompt.
fn leaves(request: &Message, code: &str) -> bool {
    const WORDS: &[&str] = &["exit", "quit", "exit()", "quit()", "%exit", "%quit", ":q"];
    let typed = code.trim().trim_end_matches(';').trim_end();
    !request.metadata.contains_key("cellId") && WORDS.contains(&typed)
}

/// Whether a cell itself asks for an earlier conversation.
fn resumes(cell: &Cell) -> bool {
    match cell {
        Cell::Turn { magics, .. } => magics.iter().any(|call| call.name == "resume"),
        Cell::Empty | Cell::Help { .. } | Cell::Parameters(_) => false,
    }
}

/// The lines of `%status`.
fn status(about: &About, context: &CellContext<'_>) -> Vec<(String, String)> {
    let (now, python) = (context.services.host.now(), context.services.tools.python());
    status::lines(context.state, about, context.journal, &python, now)
}

fn page(topic: &str, about: &About, context: &CellContext<'_>) -> CellEnd {
    let status = status(about, context);
    let turns = context.state.turn_summaries();
    let threads = context.state.thread_summaries();
    let known = context.state.context(&turns, &threads, &status);
    match help::about(topic, &known) {
        Ok(help) => {
            let page = Payload::page(lines::shown(&help.markdown, &help.plain));
            CellEnd::ok(vec![page], String::new())
        }
        Err(error) => CellEnd::failed(CellError::from(&error)),
    }
}

/// What is known of the cell that a request is about, besides its text.
fn role(request: &Message, context: &CellContext<'_>) -> Role {
    let tags = request.metadata.get("tags").and_then(Value::as_array);
    let is_tag = |tag: &Value| matches!(tag.as_str(), Some("parameters" | "injected-parameters"));
    Role {
        is_tagged: tags.is_some_and(|tags| tags.iter().any(is_tag)),
        is_first_unwatched: context.output.display_mode == DisplayMode::Batch
            && context.state.conversations.last().is_none(),
    }
}

/// Sets what a cell of parameters says. If a line of it cannot be read, the cell fails, and what
/// the other lines say is set: a run that goes on after the error has it.
fn set_parameters(parameters: &Parameters, context: &mut CellContext<'_>) -> CellEnd {
    match cell_magics::apply_parameters(&parameters.values) {
        Ok(effects) => {
            for effect in effects {
                if let Effect::SetVariable { name, value } = effect {
                    context.state.set_variable(&name, &value);
                }
            }
            match parameters.error() {
                None => CellEnd::ok(Vec::new(), String::new()),
                Some(error) => CellEnd::failed(CellError::from(&error)),
            }
        }
        Err(error) => CellEnd::failed(CellError::from(&error)),
    }
}

/// What a cell asks and shows, while its magics still add to it.
struct Draft {
    prompt: String,
    wanted: Option<Wanted>,
    verbatim: Option<Verbatim>,
    payload: Vec<Payload>,
    /// What was shown, as plain text.
    shown: Vec<String>,
}

/// Runs a cell of magics and a prompt.
async fn turn_cell(
    calls: &[MagicCall],
    typed: String,
    request: CellRequest<'_>,
    context: &mut CellContext<'_>,
) -> Result<CellEnd, Stopped> {
    let bytes = request.execute.code.len();
    context.look_up(bytes).await?;
    let before = Before::of(context.state, !calls.is_empty());
    // Only magics tell it.
    let status = match calls {
        [] => Vec::new(),
        _ => status(request.about, context),
    };
    let readable = context.readable();
    let prepared = prepare(context.state, calls, &status, &readable)?;
    let before = before.prepared(context.state);
    let drafted = draft(calls, typed, prepared, request, context).await;
    let (draft, jobs_done) = match drafted {
        Ok(drafted) => drafted,
        Err(stopped) => {
            before.restore(context.state);
            return Err(stopped);
        }
    };
    let shown = draft.shown.join("\n");
    if !jobs_done {
        return Ok(CellEnd::ok(draft.payload, shown));
    }
    let ask = ask(draft.prompt, draft.wanted, draft.verbatim, context);
    if context.is_dry {
        dry::show_request(&ask, context).await?;
        return Ok(CellEnd::ok(draft.payload, shown));
    }
    if ask.prompt.is_empty() {
        return Ok(CellEnd::ok(draft.payload, shown));
    }
    let cell = context.state.cell.clone();
    if let Some(record) = context.state.conversations.first_run_of(&cell) {
        context.state.record(record);
    }
    let line = ask.prompt.clone();
    let now = context.services.host.now();
    if context.playing.is_none() {
        context.state.asking.refresh(&context.services.client, now);
    }
    let ended = run_turn(ask, &line, context).await?;
    let Committed {
        error,
        answer,
        leave,
    } = commit(ended, context).await;
    Ok(CellEnd {
        result: error.map_or(Ok(draft.payload), Err),
        output: answer,
        leave,
    })
}

/// Shows what the magics have to say and does their jobs. If the cell is silent, no job is done and
/// the second value is false.
async fn draft(
    calls: &[MagicCall],
    typed: String,
    mut prepared: Prepared,
    request: CellRequest<'_>,
    context: &mut CellContext<'_>,
) -> Result<(Draft, bool), Stopped> {
    let page = prepared.page.take();
    let payload = page.map(|(markdown, plain)| Payload::page(lines::shown(&markdown, &plain)));
    let (wanted, typed) = match prepared.result.take() {
        Some((wanted, prompt)) => (Some(wanted), prompt),
        None => (None, typed),
    };
    let typed = typed.trim().to_owned();
    let verbatim = prepared.verbatim.take();
    let mut draft = Draft {
        // In code that runs as it stands, no variable is filled in.
        prompt: match &verbatim {
            Some(verbatim) => verbatim.prompt(),
            None => fill::fill(&typed, &context.state.variables),
        },
        wanted,
        verbatim,
        payload: payload.into_iter().collect(),
        shown: prepared
            .shows
            .iter()
            .map(|(_, plain)| plain.clone())
            .collect(),
    };
    if request.execute.silent {
        return Ok((draft, false));
    }
    context.is_dry = prepared.is_dry;
    context.settings = std::mem::take(&mut prepared.settings);
    context.look_up(draft.prompt.len()).await?;
    let output = context.output;
    output.show(warnings(request.complaint.iter())).await;
    let misses = misses(&typed, &draft.prompt, context)?;
    let slips = slips(calls, &draft.prompt, &context.settings);
    let chooses = calls.iter().any(|call| call.name == "model");
    // What was recorded is shown as it was, whatever is true today.
    let is_replay = context.settings.replay == Replay::Only;
    let retires = match (chooses || !draft.prompt.is_empty()) && !is_replay {
        true => retirement(context),
        false => None,
    };
    let is_free = context.services.offline && calls.iter().any(limits_money);
    let free = is_free.then(|| {
        "Offline nothing is billed, so a budget limits nothing here; with Claude it does".to_owned()
    });
    let said = prepared.notes.iter().chain(&free).chain(&retires);
    let said = said.chain(&misses).chain(&slips);
    output.show(notes(said)).await;
    output.show(shows(&prepared, draft.prompt.is_empty())).await;
    run_jobs(std::mem::take(&mut prepared.jobs), &mut draft, context).await?;
    // Only the text that the person typed names files; the content of a variable names none.
    context.look_up(typed.len()).await?;
    attach::mentioned(&typed, context).await?;
    context.look_up(typed.len()).await?;
    if !draft.prompt.is_empty() {
        adopt::above(context).await?;
    }
    recorded::look_for(&draft.prompt, draft.wanted.as_ref(), context).await?;
    if context.playing.is_none() {
        prepare_to_ask(&mut draft, context).await?;
    }
    Ok((draft, true))
}

/// Whether a call sets a budget.
fn limits_money(call: &MagicCall) -> bool {
    call.name == "budget" && !matches!(call.args.as_str(), "" | "?" | "off" | "none")
}

/// Does what has to be done before Claude is asked, and not where a recording answers.
async fn prepare_to_ask(draft: &mut Draft, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    exec::send(draft.verbatim.as_ref(), context).await?;
    tools::refresh(context).await?;
    if !draft.prompt.is_empty()
        && !context.is_dry
        && let Some(replay) = context.replay.take_if(|own| own.prompt() != draft.prompt)
    {
        replay::run_first(&replay, context).await?;
    }
    if !draft.prompt.is_empty() && !context.is_dry && compact::is_due(context) {
        draft
            .shown
            .push(compact::before_prompt(context).await?.shown);
    }
    Ok(())
}

/// Says which `{{name}}` of a prompt stay as typed.
///
/// # Errors
/// If there is one and nobody watches: an answer to such a prompt is paid for and of no use.
fn misses(typed: &str, prompt: &str, context: &CellContext<'_>) -> Result<Vec<String>, CellError> {
    let misses = fill::misses(typed, &context.state.variables);
    let is_sent = !prompt.is_empty() && !context.is_dry;
    match misses.as_slice() {
        [first, others @ ..] if is_sent && context.output.display_mode == DisplayMode::Batch => {
            Err(CellError::unfilled(first, others.len()))
        }
        _ => Ok(misses.iter().map(Miss::notice).collect()),
    }
}

async fn run_jobs(
    jobs: Vec<Job>,
    draft: &mut Draft,
    context: &mut CellContext<'_>,
) -> Result<(), Stopped> {
    for job in jobs {
        let outcome = magics::run(job, context).await?;
        draft.shown.push(outcome.shown);
        draft.payload.extend(outcome.payload);
        if let (true, Some(own)) = (draft.prompt.is_empty(), outcome.prompt) {
            draft.prompt = own;
        }
    }
    Ok(())
}

/// Makes the ask of the cell's turn.
fn ask(
    prompt: String,
    wanted: Option<Wanted>,
    verbatim: Option<Verbatim>,
    context: &mut CellContext<'_>,
) -> Ask {
    let mut attachments = context.state.inputs.waiting();
    attachments.append(&mut context.attachments);
    Ask {
        cell: context.state.cell.clone(),
        settings: context.settings.clone(),
        prompt,
        attachments,
        wanted,
        verbatim,
        asked: context.asked.take().filter(|_| context.replay.is_none()),
        replay: context.replay.take(),
        restored: None,
        kind: Kind::Cell,
    }
}
