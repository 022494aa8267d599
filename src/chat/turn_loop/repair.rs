//! What is done if a call fails before its answer: it is tried again, tried with one fact changed,
//! or given up (`docs/protocol.md#repair-order`).
//!
//! If the same refusal comes again after a fact was changed, that fact was not the cause and is put
//! back. The texts of refusals are compared with each other, but not read. The person is told of a
//! change only after a request was accepted with it.

use crate::anthropic::block::Block;
use crate::anthropic::error::ApiError;
use crate::anthropic::request::{ApiVersion, Role};
use crate::anthropic::retry;
use crate::chat::action::Action;
use crate::chat::history::{self, Said};
use crate::chat::input::upload_block;
use crate::chat::tool_changes;
use crate::chat::turn::Activity;
use crate::chat::turn::compose::{Composed, EMPTY_SANDBOX, NEW_SANDBOX, Reread, ToolChanges};
use crate::chat::turn::facts::{Diagnostics, Facts, Keys, Thinking, Tools};
use serde_json::json;

use super::{Phase, TurnLoop};

/// The most changes that are tried for one call.
const MAX_TRIALS: usize = 7;
/// What the person is told if the endpoint does not take the newest version of the API.
const OLD_VERSION: &str = "This endpoint does not take the newest version of the API: it is called with 2023-06-01 from here on.";

/// A part of a request that may be the cause of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// Tools that change in mid-conversation.
    Tools,
    /// The sandbox, which may have expired.
    Sandbox,
    /// Thinking of earlier turns.
    Thinking,
    /// `diagnostics`.
    Diagnostics,
    /// The version of the API.
    Version,
    /// Keys of the sandbox's results that the API's reference does not name.
    Keys,
}

/// Which suspects a request holds, and what the person is told if one is left out.
#[derive(Debug)]
pub(super) struct Suspects {
    names_sandbox: bool,
    has_thinking: bool,
    has_diagnostics: bool,
    is_unproven_version: bool,
    has_unknown_keys: bool,
    tool_changes: ToolChanges,
    has_files_again: bool,
    reread: Option<Reread>,
}

impl Suspects {
    pub(super) fn of(composed: &Composed) -> Self {
        let request = &composed.request;
        Self {
            names_sandbox: request.container.id.is_some(),
            has_thinking: composed.has_thinking,
            has_diagnostics: request.diagnostics.is_some(),
            is_unproven_version: request.version == ApiVersion::Newest,
            has_unknown_keys: composed.has_unknown_keys,
            tool_changes: composed.tool_changes,
            has_files_again: !composed.files_again.is_empty(),
            reread: composed.reread,
        }
    }
}

/// The changes that are tried for one call.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// The first refusal of this call, and the facts before the first change.
    first: Option<(ApiError, Before)>,
    /// The change that the present request tries.
    trial: Option<Trial>,
    /// The changes that stay, because another refusal came after each of them.
    kept: Vec<Suspect>,
    /// The changes that were tried against the present refusal.
    tried: Vec<Suspect>,
    trials: usize,
}

#[derive(Debug)]
struct Trial {
    suspect: Suspect,
    refusal: ApiError,
    before: Before,
}

/// The facts and the turn before a change.
#[derive(Debug, Clone)]
struct Before {
    facts: Facts,
    finished: Vec<Said>,
}

impl Repairs {
    /// Whether a change was tried since the last request that was accepted.
    pub(super) fn is_running(&self) -> bool {
        self.first.is_some()
    }

    /// The sandbox that the conversation has as long as no request without it was accepted.
    pub(super) fn container(&self) -> Option<&str> {
        let (_, before) = self.first.as_ref()?;
        before.facts.sandbox.id.as_deref()
    }
}

impl TurnLoop {
    pub(super) fn failed(&mut self, error: ApiError, random: f64) {
        if self.phase != Phase::Opening {
            return self.fail(error);
        }
        let error = error.before_answer();
        if let Some(delay) = self.attempts.next(&error, random) {
            self.phase = Phase::Waiting;
            self.show_activity(Activity::Retrying {
                delay,
                why: retry::reason(&error).to_owned(),
            });
            return self.push(Action::Wait(delay));
        }
        self.judge_trial(&error);
        match self.next_suspect(&error) {
            Some(suspect) => self.try_without(suspect, error),
            None => {
                let first = self.repairs.first.as_ref();
                let error = first.map_or(error, |(first, _)| first.clone());
                self.fail(error);
            }
        }
    }

    /// A request was accepted: the changes that it was made with stay, and the person is told.
    pub(super) fn accepted(&mut self) {
        if self.facts.version == ApiVersion::Newest {
            self.facts.version = ApiVersion::Proven;
        }
        let repairs = std::mem::take(&mut self.repairs);
        let trial = repairs.trial.map(|trial| trial.suspect);
        let changes: Vec<Suspect> = repairs.kept.into_iter().chain(trial).collect();
        if changes.len() > 1 && self.facts.tools == Tools::AlwaysUpFront {
            // The cause may have been the other change: the model is not remembered as one that
            // takes no changes of tools.
            self.facts.tools = Tools::UpFront;
        }
        for suspect in changes {
            match suspect {
                Suspect::Sandbox => {
                    let is_first = self.finished.is_empty();
                    self.notice(sandbox_gone(is_first, self.suspects.has_files_again));
                }
                Suspect::Tools => {
                    if let Some(reread) = self.suspects.reread {
                        self.notice(&reread.sentence());
                    }
                }
                Suspect::Version => self.notice(OLD_VERSION),
                Suspect::Thinking | Suspect::Diagnostics | Suspect::Keys => {}
            }
        }
    }

    /// If no request was accepted, puts the facts back as they were before the first change.
    pub(super) fn take_back_trials(&mut self) {
        if let Some((_, before)) = std::mem::take(&mut self.repairs).first {
            self.restore(before);
        }
    }

    /// Decides on the change that the failed request tried. If the same refusal came again, the
    /// change is taken back; if another came, the change stays.
    fn judge_trial(&mut self, error: &ApiError) {
        let Some(trial) = self.repairs.trial.take() else {
            return;
        };
        if error.is_same_refusal(&trial.refusal) {
            self.restore(trial.before);
        } else {
            self.repairs.kept.push(trial.suspect);
            self.repairs.tried.clear();
        }
    }

    /// Returns what to leave out next; `None` if nothing is left to try.
    fn next_suspect(&self, error: &ApiError) -> Option<Suspect> {
        let ApiError::Status {
            status,
            should_retry,
            ..
        } = error
        else {
            return None;
        };
        // With `x-should-retry` the API asks for the same request again, or for none; and no change
        // helps against a prompt that is too long.
        if *should_retry == Some(true)
            || *status == 500 && *should_retry == Some(false)
            || error.is_beyond_repair()
            || self.repairs.trials >= MAX_TRIALS
        {
            return None;
        }
        let present = &self.suspects;
        let is_first = self.finished.is_empty();
        let has_changes = present.tool_changes != ToolChanges::None;
        // If the API sees a change of tools for the first time, the change is a likelier cause than
        // the sandbox.
        let has_new_change =
            present.tool_changes == ToolChanges::New || tool_changes::is_about_one(error);
        let may_be_sandbox = matches!(status, 400 | 404 | 500)
            && present.names_sandbox
            // If a file has expired, the sandbox is not the cause.
            && error.code() != Some("file_expired")
            && !self.code_waits();
        let is_400 = *status == 400;
        let order = [
            (
                Suspect::Tools,
                is_400 && is_first && has_changes && has_new_change,
            ),
            (Suspect::Sandbox, may_be_sandbox),
            (
                Suspect::Thinking,
                is_400 && is_first && present.has_thinking,
            ),
            (Suspect::Tools, is_400 && is_first && has_changes),
            (Suspect::Diagnostics, is_400 && present.has_diagnostics),
            (Suspect::Version, is_400 && present.is_unproven_version),
            (Suspect::Keys, is_400 && present.has_unknown_keys),
        ];
        let mut fitting = order.iter().filter(|(_, fits)| *fits);
        let next = fitting.find(|(suspect, _)| !self.is_settled(*suspect))?;
        Some(next.0)
    }

    fn is_settled(&self, suspect: Suspect) -> bool {
        self.repairs.tried.contains(&suspect) || self.repairs.kept.contains(&suspect)
    }

    /// Changes the fact behind `suspect` and sends the request again.
    fn try_without(&mut self, suspect: Suspect, refusal: ApiError) {
        let before = Before {
            facts: self.facts.clone(),
            finished: self.finished.clone(),
        };
        match suspect {
            Suspect::Tools => {
                self.facts.tools = match tool_changes::is_about_one(&refusal) {
                    true => Tools::UpFront,
                    false => Tools::AlwaysUpFront,
                };
            }
            Suspect::Sandbox => self.leave_out_sandbox(),
            Suspect::Thinking => self.facts.thinking = Thinking::Stripped,
            Suspect::Diagnostics => self.facts.diagnostics = Diagnostics::Refused,
            Suspect::Version => self.facts.version = ApiVersion::Old,
            Suspect::Keys => {
                self.facts.keys = Keys::Known;
                if let Some(known) = history::with_known_keys(&self.finished) {
                    self.finished = known;
                }
            }
        }
        let repairs = &mut self.repairs;
        repairs
            .first
            .get_or_insert_with(|| (refusal.clone(), before.clone()));
        repairs.tried.push(suspect);
        repairs.trials += 1;
        repairs.trial = Some(Trial {
            suspect,
            refusal,
            before,
        });
        self.call();
    }

    /// Leaves out the sandbox and tells Claude so: in the question, or, if the turn is under way,
    /// after the results of tools.
    fn leave_out_sandbox(&mut self) {
        let sandbox = &mut self.facts.sandbox;
        sandbox.id = None;
        let files = &self.sent.sandbox_files;
        match self.finished.last_mut() {
            None => {
                sandbox.at_question = None;
                sandbox.is_replaced = true;
            }
            Some(Said {
                role: Role::User,
                blocks,
            }) => {
                let note = match files.is_empty() {
                    true => EMPTY_SANDBOX,
                    false => NEW_SANDBOX,
                };
                let uploads = files.iter().map(|id| upload_block(id));
                let note = json!({"type": "text", "text": note});
                blocks.extend(uploads.chain([note]).map(Block::from_raw));
            }
            Some(_) => {}
        }
    }

    fn restore(&mut self, before: Before) {
        self.facts = before.facts;
        self.finished = before.finished;
    }

    /// Whether code in the sandbox waits for results of tools. Such code cannot go on in another
    /// sandbox.
    fn code_waits(&self) -> bool {
        let mut answers = self.finished.iter().rev();
        let last = answers.find(|said| said.role == Role::Assistant);
        last.is_some_and(|said| said.blocks.iter().any(Block::is_called_by_code))
    }
}

/// What the person is told if the sandbox is gone. `is_first` says that it was gone before the turn
/// had any answer.
fn sandbox_gone(is_first: bool, has_files: bool) -> &'static str {
    match (is_first, has_files) {
        (true, true) => {
            "The sandbox of earlier cells is gone (it expires): Claude works in a new one, which has your attached files and nothing else."
        }
        (true, false) => {
            "The sandbox of earlier cells is gone (it expires): Claude works in a new, empty one."
        }
        (false, _) => {
            "The sandbox is gone in the middle of this answer (it expires): Claude goes on in a new one, without what earlier steps made."
        }
    }
}
