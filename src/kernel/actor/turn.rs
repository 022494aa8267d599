//! One turn of a cell: planned, driven to its end, and recorded.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::anthropic::error::ApiError;
use crate::chat::action::{Plan, UpFront};
use crate::chat::conversation::Planned;
use crate::chat::question::Question;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::structured::Wanted;
use crate::chat::tool_changes;
use crate::chat::turn::{Origin, TurnEnd};
use crate::chat::turn_loop::TurnLoop;
use crate::chat::uploads;
use crate::chat::verbatim::Verbatim;
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::kernel::compact;
use crate::kernel::error::CellError;
use crate::kernel::exec;
use crate::kernel::execute::{Scene, drive};
use crate::kernel::jobs::unless_stopped;
use crate::kernel::mend;
use crate::kernel::money;
use crate::kernel::ran::Ran;
use crate::kernel::resume;
use crate::kernel::show::{front_end, notes, warnings};
use crate::kernel::state::State;
use crate::kernel::{replay, results};
use crate::render::renderer::Renderer;

use super::Kernel;

/// What a turn is about.
#[derive(Debug)]
pub(super) struct Asking {
    /// The person's message.
    pub(super) question: Question,
    /// The structured result it ends with.
    pub(super) wanted: Option<Wanted>,
    /// The code it runs as it stands.
    pub(super) verbatim: Option<Verbatim>,
}

impl Kernel {
    /// Sends the question and drives the turn to its end.
    pub(super) async fn turn(
        &mut self,
        mut settings: Settings,
        Asking {
            question,
            wanted,
            verbatim,
        }: Asking,
        execute: &Execute,
        request: &Message,
        payload: Vec<Value>,
    ) -> Ran {
        let cell = self.state.cell.clone();
        if let Some(record) = self.state.conversations.ran(&cell) {
            self.state.record(record);
        }
        let prompt = question.prompt.clone();
        let Planned {
            request: mut asked,
            mut question,
            opening,
        } = self.state.conversations.plan(&cell, &settings, &question);
        let scene = Scene {
            desk: &self.desk,
            parent: &request.parent,
            count: self.state.count,
            asks: execute.allow_stdin.then_some(request),
        };
        let conversations = &self.state.conversations;
        let cached = conversations.cached_above(&opening);
        let new_tools = conversations.replaces_tools(&opening);
        // Told behind `tools` that were empty, they change how the prompt begins.
        let first_tools = asked.tools.is_empty() && tool_changes::are_new_in(&asked);
        let new_tools = match cached {
            0 => None,
            _ if new_tools => Some(UpFront::cost(cached)),
            _ => first_tools.then(|| {
                format!("Claude has its first tools: about {cached} tokens are read again without the cache.")
            }),
        };
        let mended = mend::files(
            &asked,
            &mut self.state,
            &self.edges,
            &mut self.interruptions,
            scene,
        );
        let mended = match mended.await {
            Ok(mended) => mended,
            Err(stopped) => return Ran::stopped(stopped),
        };
        scene.show(notes(mended.iter())).await;
        let told = self.state.inputs.fit(&mut asked, &mut question);
        let allowed = money::admit(
            &self.state,
            &mut asked,
            &mut settings,
            &self.edges,
            &mut self.interruptions,
            &self.desk,
        );
        let allowance = match allowed.await {
            Ok(allowance) => allowance,
            Err(stopped) => return Ran::stopped(stopped),
        };
        let has_files = !uploads::files_in(&asked).is_empty();
        resume::begin_turn(
            &mut self.state,
            &mut self.journal,
            &settings,
            (&opening, &question),
            self.about.offline,
        );
        let began = self.edges.host.now();
        let plan = Plan {
            request: asked,
            question,
            wanted,
            turn: opening.number,
            standing: opening.standing.clone(),
            up_front: opening.up_front.clone().map(|prefix| UpFront {
                prefix,
                tokens: cached,
            }),
            effort: settings.effort,
            offline: self.about.offline,
            prices: Arc::clone(&self.state.prices),
            allowance,
        };
        let expects_result = plan.wanted.is_some();
        let mut turn = TurnLoop::start(plan);
        let prefix = self.edges.host.uuid().simple().to_string();
        let mut renderer = Renderer::new(front_end(execute, request), settings.thinking, prefix);
        if expects_result {
            renderer = renderer.expecting_result();
        }
        if let Some(verbatim) = &verbatim {
            renderer = renderer.running(verbatim.clone());
        }
        scene.show(notes(told.iter().chain(&new_tools))).await;
        let (end, mut leave) = drive(
            &mut turn,
            &mut renderer,
            &mut self.edges,
            scene,
            &mut self.interruptions,
            &mut self.journal,
        )
        .await;
        let now = self.edges.host.now();
        look_after(&mut self.state, &turn, opening.number, (began, now));
        let spent = money::line(self.state.count, &prompt, &turn.receipt());
        if let Some(entry) = spent {
            self.state.record(Record::Spent(Box::new(entry)));
        }
        let mut error = CellError::from_end(&end, self.edges.host.now());
        if let (TurnEnd::Failed { error, .. }, Some(shown)) = (&end, &mut error) {
            compact::advise(&mut self.state, &settings, error, shown);
        }
        if let TurnEnd::Failed {
            error: ApiError::Status { status, .. },
            ..
        } = &end
        {
            // It may have been a file; the next request finds out first.
            self.state.inputs.asked_at = None;
            if let (404, true, Some(error)) = (*status, has_files, &mut error) {
                error.hint = Some(FILE_GONE.to_owned());
            }
        }
        let kept = match end {
            TurnEnd::Finished(turn) => Some(turn),
            TurnEnd::Interrupted { kept }
            | TurnEnd::OverBudget { kept, .. }
            | TurnEnd::Failed { kept, .. } => kept,
            TurnEnd::Refused { .. } => None,
        };
        if let Some(result) = kept.as_ref().and_then(|kept| kept.result.as_ref()) {
            error = error.or(results::error(result));
            if let Ok(valid) = &result.outcome {
                self.state.set_variable(&result.name, &valid.value);
            }
        }
        if let (None, Some(verbatim), Some(kept)) = (&error, &verbatim, &kept)
            && let Some((failure, difference)) = exec::judge(verbatim, kept)
        {
            scene.show(difference.into_iter().collect()).await;
            error = Some(failure);
        }
        let mut output = String::new();
        if let Some(replay) = self.state.replay.take() {
            let messages = kept.iter().flat_map(|kept| &kept.messages);
            let blocks: Vec<Value> = messages.flat_map(|said| said.blocks.clone()).collect();
            scene
                .show(warnings(replay::verdict(&replay, &blocks).iter()))
                .await;
        }
        let record = kept.and_then(|kept| {
            output.clone_from(&kept.answer);
            let conversations = &self.state.conversations;
            conversations.turn_record(opening, *kept, turn.container())
        });
        let conversations = &self.state.conversations;
        let record = record.or_else(|| conversations.container_changed(turn.container()));
        if let Some(record) = record {
            self.state.record(record);
            self.state.record_settings();
        }
        resume::end_turn(&mut self.state, &mut self.journal, error.is_none());
        if error.is_none() {
            let safe = unless_stopped(self.journal.safe(), &mut self.interruptions, &self.desk);
            match safe.await {
                Ok(unsaved) => scene.show(warnings(unsaved.iter())).await,
                // The disk goes on without being waited for.
                Err(stopped) => leave = leave.or(stopped.leave),
            }
        }
        Ran {
            result: error.map_or(Ok(payload), Err),
            output,
            leave,
        }
    }
}

/// Notes what a turn did with the sandbox and its files, however it ended.
fn look_after(
    state: &mut State,
    turn: &TurnLoop,
    number: u32,
    (began, ended): (DateTime<Utc>, DateTime<Utc>),
) {
    if let Some(id) = turn.container() {
        let expires = turn.sandbox_expires();
        state.sandboxes.used(id, began, ended, expires);
    }
    for id in turn.unfetched() {
        let origin = Origin {
            turn: number,
            ..Origin::default()
        };
        state.unfetched.push((id.clone(), origin));
    }
    let surplus = state.unfetched.len().saturating_sub(MAX_UNFETCHED);
    state.unfetched.drain(..surplus);
}

/// What to do when the API does not find something that a request with files refers to.
const FILE_GONE: &str = "A file that was attached may be gone from Anthropic: run the cell again, and it is uploaded \
again or left out. `%models` lists the models you can use.";

/// Files that could not be fetched and are remembered for `%get`.
const MAX_UNFETCHED: usize = 1_000;
