//! A turn beside the conversation, for the kernel's own needs: shown nowhere, part of no history.
//!
//! It runs in the sandbox of the conversation, so that it does not make one of its own, and stands
//! in the ledger like any other turn.

use futures::future::OptionFuture;

use crate::anthropic::client::EventStream;
use crate::chat::action::{Action, Input, Plan};
use crate::chat::conversation::{Conversations, Planned, Standing};
use crate::chat::question::Question;
use crate::chat::record::Record;
use crate::chat::settings::{Languages, Settings};
use crate::chat::turn::{FinishedTurn, ToolResult, TurnEnd};
use crate::chat::turn_loop::TurnLoop;

use super::error::CellError;
use super::execute::Edges;
use super::jobs::{Desktop, Stopped, unless_stopped};
use super::money;

/// The most tokens of the answer: a command and a word.
const MAX_TOKENS: u32 = 4_000;

/// Has Claude run one thing in the sandbox; returns the turn.
///
/// # Errors
/// The turn failed, the budget has no room for it, or the person stopped it.
pub(super) async fn ask(
    what: &str,
    prompt: &str,
    desktop: &mut Desktop<'_>,
) -> Result<Box<FinishedTurn>, Stopped> {
    let mut settings = Settings {
        max_tokens: MAX_TOKENS,
        languages: Languages {
            bash: true,
            python: true,
        },
        dated_tools: Vec::new(),
        format: None,
        client_tools: Vec::new(),
        ..desktop.settings.clone()
    };
    let nothing_said = Conversations::default();
    let cell = nothing_said.order().next_run();
    let question = Question::of(prompt);
    let Planned {
        mut request,
        question,
        ..
    } = nothing_said.plan(&cell, &settings, &question);
    let container = desktop.state.conversations.current().container();
    request.container.id = container.map(str::to_owned);
    let allowance = money::admit(
        desktop.state,
        &mut request,
        &mut settings,
        desktop.edges,
        desktop.interruptions,
        desktop.scene.desk,
    )
    .await?;
    let mut turn = TurnLoop::start(Plan {
        request,
        question,
        turn: 1,
        up_front: None,
        wanted: None,
        standing: Standing::default(),
        effort: settings.effort,
        offline: desktop.offline,
        prices: std::sync::Arc::clone(&desktop.state.prices),
        allowance,
    });
    let ended = unless_stopped(
        run(&mut turn, desktop.edges),
        desktop.interruptions,
        desktop.scene.desk,
    )
    .await;
    if let Some(entry) = money::line(desktop.state.count, what, &turn.receipt()) {
        desktop.state.record(Record::Spent(Box::new(entry)));
    }
    let conversations = &desktop.state.conversations;
    if let Some(record) = conversations.container_changed(turn.container()) {
        desktop.state.record(record);
    }
    let end = ended?;
    if let Some(error) = CellError::from_end(&end, desktop.edges.host.now()) {
        return Err(error.into());
    }
    match end {
        TurnEnd::Finished(turn) => Ok(turn),
        TurnEnd::Refused { .. }
        | TurnEnd::OverBudget { .. }
        | TurnEnd::Failed { .. }
        | TurnEnd::Interrupted { .. } => Err(CellError::interrupted().into()),
    }
}

/// Drives a turn that needs nothing but the API.
async fn run(turn: &mut TurnLoop, edges: &Edges) -> TurnEnd {
    let mut stream: Option<EventStream> = None;
    loop {
        while let Some(action) = turn.poll() {
            match action {
                Action::Show(_) => {}
                Action::Call(request) => match edges.client.stream(&request).await {
                    Ok(opened) => stream = Some(opened),
                    Err(error) => turn.handle(Input::Failed {
                        error,
                        random: edges.host.random(),
                    }),
                },
                Action::Wait(delay) => {
                    edges.host.sleep(delay).await;
                    turn.handle(Input::Waited);
                }
                Action::Fetch { ordinal, file_id } => turn.handle(Input::Fetched {
                    ordinal,
                    file_id,
                    result: Err("nobody asked for it".to_owned()),
                }),
                Action::Save(_) => {
                    turn.handle(Input::Saved(Err("nobody asked for it".to_owned())));
                }
                Action::RunTool(call) => turn.handle(Input::ToolDone {
                    id: call.id,
                    result: ToolResult {
                        content: "there is no such tool".into(),
                        is_error: true,
                        printed: String::new(),
                        elapsed: std::time::Duration::ZERO,
                    },
                }),
                Action::Finish(end) => return *end,
            }
        }
        match OptionFuture::from(stream.as_mut().map(EventStream::next)).await {
            Some(Some(Ok(event))) => turn.handle(Input::Event(event)),
            Some(Some(Err(error))) => {
                stream = None;
                turn.handle(Input::Failed {
                    error,
                    random: edges.host.random(),
                });
            }
            // Without a stream there is nothing left that could happen.
            Some(None) | None => {
                stream = None;
                turn.handle(Input::EndOfStream);
            }
        }
    }
}
