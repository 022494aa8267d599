//! Takes the events of a stream: shows them as they come, counts them, and does what they call for.

use crate::anthropic::block::{Block, View};
use crate::anthropic::event::{Delta, StreamEvent};
use crate::chat::action::Action;
use crate::chat::hints;
use crate::chat::turn::{Activity, Update};

use super::{Phase, TurnLoop};

/// The error of a tool whose sandbox has expired (`docs/protocol.md#expired-sandbox`).
const CONTAINER_EXPIRED: &str = "container_expired";
/// The most unknown events that are kept with a turn, so that a flood of them fills no memory.
const MAX_UNKNOWN_EVENTS: usize = 100;

impl TurnLoop {
    pub(super) fn event(&mut self, event: StreamEvent) {
        if !matches!(self.phase, Phase::Opening | Phase::Streaming) {
            return;
        }
        if let StreamEvent::Error { error } = event {
            return self.failed(error, 0.0);
        }
        if self.phase == Phase::Opening && event != StreamEvent::Ping {
            self.phase = Phase::Streaming;
            self.accepted();
        }
        self.accumulator.apply(&event);
        self.count(&event);
        match event {
            StreamEvent::BlockStart { index, block } => {
                if let Some(activity) = activity_of(&block) {
                    let writes = activity == Activity::Writing;
                    self.show_activity(if writes { self.writing() } else { activity });
                }
                self.show(Update::BlockStarted {
                    ordinal: self.base + index,
                    block,
                });
            }
            StreamEvent::BlockDelta { index, delta } => {
                if matches!(delta, Delta::Text(_)) && self.activity != Some(self.writing()) {
                    self.show_activity(self.writing());
                }
                self.show(Update::BlockDelta {
                    ordinal: self.base + index,
                    delta,
                });
            }
            StreamEvent::BlockStop { index } => self.block_stopped(index),
            StreamEvent::MessageStop => self.message_stopped(),
            StreamEvent::Unknown { raw, .. } => {
                if self.unknown_events.len() < MAX_UNKNOWN_EVENTS {
                    self.unknown_events.push(raw);
                }
            }
            StreamEvent::MessageStart { .. } => self.show_prefilled(),
            StreamEvent::MessageDelta { .. } | StreamEvent::Ping | StreamEvent::Error { .. } => {}
        }
        if self.phase != Phase::Over {
            self.check_budget();
        }
        if let Some(id) = self.accumulator.container_id()
            && self.facts.sandbox.id.as_deref() != Some(id)
        {
            self.facts.sandbox.id = Some(id.to_owned());
        }
    }

    /// Shows the blocks that a message starts with as if they had been streamed
    /// (`docs/protocol.md#prefilled-start`).
    fn show_prefilled(&mut self) {
        let blocks = self.accumulator.complete_blocks().cloned();
        let blocks: Vec<Block> = blocks.collect();
        for (index, block) in blocks.into_iter().enumerate() {
            let ordinal = self.base + index;
            self.show(Update::BlockStarted { ordinal, block });
            self.block_stopped(index);
        }
    }

    fn block_stopped(&mut self, index: usize) {
        let Some(block) = self.accumulator.block(index).cloned() else {
            return;
        };
        let ordinal = self.base + index;
        let (mut file_ids, mut hint) = (Vec::new(), None);
        match block.view() {
            View::Executed { outcome, .. } => {
                self.runs += 1;
                hint = hints::hint(&outcome, self.terms.offline);
                match outcome {
                    Ok(executed) => {
                        file_ids.extend(executed.file_ids.iter().map(|id| (*id).to_owned()));
                    }
                    Err(error) if error.code == CONTAINER_EXPIRED => {
                        self.expired.clone_from(&self.facts.sandbox.id);
                    }
                    Err(_) => {}
                }
            }
            View::ServerToolUse { name, .. } => self.show_activity(Activity::Running {
                what: tool_label(name).to_owned(),
            }),
            _ => {}
        }
        self.show(Update::BlockFinished { ordinal, block });
        if let Some(hint) = hint.filter(|hint| !self.hinted.contains(hint)) {
            self.notice(&hint);
            self.hinted.push(hint);
        }
        for file_id in file_ids {
            self.pending_fetches += 1;
            self.push(Action::Fetch { ordinal, file_id });
        }
    }
}

fn activity_of(block: &Block) -> Option<Activity> {
    match block.view() {
        View::Thinking { .. } | View::RedactedThinking => Some(Activity::Thinking),
        View::ServerToolUse { .. } | View::ToolUse { .. } => Some(Activity::WritingCode),
        View::Text { .. } => Some(Activity::Writing),
        _ => None,
    }
}

fn tool_label(name: &str) -> &str {
    match name {
        "bash_code_execution" => "a command",
        "code_execution" => "Python",
        "text_editor_code_execution" => "the editor",
        "web_search" => "a web search",
        "web_fetch" => "a page fetch",
        other => other,
    }
}
