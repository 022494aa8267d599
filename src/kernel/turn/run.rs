//! Runs a turn of any kind, from its ask to its end: that of a cell, a summary or a hidden turn.

use std::sync::Arc;

use crate::chat::action::Terms;
use crate::chat::receipt::Receipt;
use crate::chat::record::Record;
use crate::chat::turn::ask::{Ask, Kind};
use crate::chat::turn::compose::{Composed, compose};
use crate::chat::turn::facts::Facts;
use crate::chat::turn::{Origin, TurnEnd};
use crate::chat::turn_loop::TurnLoop;
use crate::kernel::context::CellContext;
use crate::kernel::interrupts::{Leave, Stopped};
use crate::kernel::lines::notes;
use crate::kernel::save;
use crate::render::receipt::ShownReceipt;
use crate::render::renderer::Renderer;

use super::{budget, drive, restore, reupload};

/// The most files that could not be fetched and are remembered for `%get`.
const MAX_UNFETCHED: usize = 1_000;

/// A turn that is over.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub end: TurnEnd,
    /// What was asked.
    pub ask: Ask,
    /// The sandbox after it, if there is one.
    pub container: Option<String>,
    /// Whether the request referred to files.
    pub has_files: bool,
    /// The receipt that is on the screen, if the front end can be told to change it.
    pub shown: Option<ShownReceipt>,
    /// Set when the kernel was told to leave meanwhile.
    pub leave: Option<Leave>,
}

/// Runs a turn; `line` is what the ledger calls it.
///
/// # Errors
/// When the turn was not begun: the budget does not pay for it, or the person stopped the cell.
pub async fn run(
    mut ask: Ask,
    line: &str,
    context: &mut CellContext<'_>,
) -> Result<Ended, Stopped> {
    restore::restore(&mut ask, context).await?;
    let (composed, facts, terms) = admit(&ask, context).await?;
    context.look_up(ask.prompt.len()).await?;
    let has_files = !composed.files.is_empty();
    if ask.kind == Kind::Cell {
        save::begin_turn(context, &ask, &composed.sent);
        say_what_goes_again(&composed, context).await;
    }
    let mut renderer = renderer(&ask, context);
    let began = context.services.host.now();
    let mut turn = TurnLoop::start(ask, facts, terms, composed);
    let (end, leave) = drive::drive(&mut turn, renderer.as_mut(), context).await;
    let ended = context.services.host.now();
    if let Some(id) = turn.container().filter(|_| context.playing.is_none()) {
        let expires = turn.sandbox_expires();
        context.state.sandboxes.used(id, began, ended, expires);
    }
    remember(&turn, line, context);
    Ok(Ended {
        end,
        container: turn.container().map(str::to_owned),
        ask: turn.into_ask(),
        has_files,
        shown: renderer.and_then(Renderer::into_receipt),
        leave,
    })
}

/// Composes the request of `ask`, looks whether the API has its files, and asks the budget whether
/// the request may be sent.
async fn admit(
    ask: &Ask,
    context: &mut CellContext<'_>,
) -> Result<(Composed, Facts, Terms), Stopped> {
    let mut facts = context.state.facts();
    let mut composed = compose(&context.state.conversations, ask, &facts, &[]);
    context.look_up(ask.prompt.len()).await?;
    if context.playing.is_none() {
        let (is_changed, told) = reupload::first_uploads(&composed.files, context).await?;
        context.output.show(notes(told.iter())).await;
        if is_changed {
            facts = context.state.facts();
            composed = compose(&context.state.conversations, ask, &facts, &[]);
        }
    }
    if ask.kind == Kind::Cell && context.playing.is_none() {
        let told = reupload::missing(&composed.files, context).await?;
        context.output.show(notes(told.iter())).await;
        if !told.is_empty() {
            facts = context.state.facts();
            composed = compose(&context.state.conversations, ask, &facts, &[]);
        }
    }
    let allowance = match context.playing {
        Some(_) => None,
        None => budget::admit(&ask.settings, &composed.request, context).await?,
    };
    if let Some((_, max_tokens)) = allowance {
        facts.max_tokens = Some(max_tokens);
        composed = compose(&context.state.conversations, ask, &facts, &[]);
    }
    let playing = context.playing.as_ref();
    let recorded = playing.map(|playing| Box::new(playing.recorded.clone()));
    let terms = Terms {
        prices: Arc::clone(&context.state.prices),
        allowance: allowance.map(|(allowance, _)| allowance),
        // What is said of a step is what was true where it ran.
        offline: recorded
            .as_ref()
            .map_or(context.services.offline, |recorded| {
                recorded.receipt.offline
            }),
        recorded,
        count: context.output.count,
    };
    Ok((composed, facts, terms))
}

/// Says which files are uploaded to the sandbox again, and what the API reads again without its
/// cache. If a recording answers, says what was said then.
async fn say_what_goes_again(composed: &Composed, context: &mut CellContext<'_>) {
    if let Some(playing) = &context.playing {
        let told = &playing.player.recording().told;
        return context.output.show(notes(told)).await;
    }
    let files = context
        .state
        .inputs
        .sentence_of_files_again(&composed.files_again);
    let reread = composed.reread.map(|reread| reread.sentence());
    context.told = files.into_iter().chain(reread).collect();
    context.output.show(notes(&context.told)).await;
}

/// Makes the renderer that shows the turn; `None` for a turn that is shown nowhere.
fn renderer(ask: &Ask, context: &CellContext<'_>) -> Option<Renderer> {
    let mode = match ask.kind {
        Kind::Hidden => return None,
        Kind::Cell | Kind::Compaction { .. } => context.output.display_mode,
    };
    let prefix = context.services.host.uuid().simple().to_string();
    let renderer = Renderer::new(mode, ask.settings.thinking, prefix);
    let mut renderer = renderer.on_terminal(context.output.look);
    if ask.wanted.is_some() {
        renderer = renderer.expecting_result();
    }
    if let Some(verbatim) = &ask.verbatim {
        renderer = renderer.running(verbatim.clone());
    }
    Some(renderer)
}

/// Takes note of what a turn cost and of the facts that it learned, however it ended.
fn remember(turn: &TurnLoop, line: &str, context: &mut CellContext<'_>) {
    let receipt: Receipt = turn.receipt();
    let state = &mut *context.state;
    let facts = turn.facts();
    (state.diagnostics, state.version, state.keys) = (facts.diagnostics, facts.version, facts.keys);
    if turn.ask().kind != Kind::Hidden {
        for id in turn.unfetched() {
            let origin = Origin {
                count: context.output.count,
                ..Origin::default()
            };
            state.unfetched.push((id.clone(), origin));
        }
        let surplus = state.unfetched.len().saturating_sub(MAX_UNFETCHED);
        state.unfetched.drain(..surplus);
    }
    let is_recorded = context.playing.is_some();
    if let Some(entry) = budget::ledger_entry(context.output.count, line, &receipt, is_recorded) {
        context.state.record(Record::Spent(Box::new(entry)));
    }
}
