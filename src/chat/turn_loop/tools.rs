//! Tools of this machine: the calls of one answer run at the same time, and their results go back
//! in one message.

use serde_json::{Value, json};

use crate::anthropic::block::{Block, View};
use crate::chat::action::Action;
use crate::chat::history::Said;
use crate::chat::receipt::Cut;
use crate::chat::turn::{Activity, ToolCall, ToolResult, Update};

use super::recording::answer_of;
use super::{MAX_TOOL_ROUNDS, Phase, TurnLoop};

impl TurnLoop {
    /// Starts the tools that the last answer calls, whose first block has ordinal `first`.
    pub(super) fn run_tools(&mut self, first: usize) {
        let blocks = self.finished.last().map_or(&[][..], |said| &said.blocks);
        let mut calls: Vec<ToolCall> = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            // If several calls have the same id, only the first can be answered.
            let call = tool_call(block, first + at);
            let is_new = |call: &ToolCall| !calls.iter().any(|known| known.id == call.id);
            calls.extend(call.filter(is_new));
        }
        self.tool_rounds += 1;
        if calls.is_empty() || self.tool_rounds > MAX_TOOL_ROUNDS {
            self.cut = Some(Cut::Rounds);
            self.notice(&format!(
                "Claude stopped for a tool call in round {}; the turn was ended here.",
                self.tool_rounds
            ));
            return self.settle();
        }
        self.phase = Phase::Tools;
        for call in calls {
            self.show_activity(Activity::Running {
                what: call.name.clone(),
            });
            self.push(Action::RunTool(call.clone()));
            self.tools.push((call, None));
        }
    }

    pub(super) fn tool_done(&mut self, id: &str, result: &ToolResult) {
        let open = self.tools.iter_mut().find(|(call, _)| call.id == id);
        let Some((call, answer @ None)) = open else {
            return;
        };
        self.recorder.tool_answered(id, answer_of(result));
        let block = result_block(call, result);
        *answer = Some(block.clone());
        let (ordinal, id) = (call.ordinal, call.id.clone());
        self.show(Update::ToolFinished {
            ordinal,
            id,
            result: block,
            printed: result.printed.clone(),
        });
        if self.tools.iter().any(|(_, answer)| answer.is_none()) {
            return;
        }
        let results: Vec<Block> = std::mem::take(&mut self.tools)
            .into_iter()
            .filter_map(|(_, result)| result)
            .collect();
        self.finished.push(Said::user(results));
        self.call_again();
    }
}

fn tool_call(block: &Block, ordinal: usize) -> Option<ToolCall> {
    let View::ToolUse { id, name, input } = block.view() else {
        return None;
    };
    Some(ToolCall {
        ordinal,
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.clone(),
        from_code: block.is_called_by_code(),
    })
}

fn result_block(call: &ToolCall, result: &ToolResult) -> Block {
    let mut block =
        json!({"type": "tool_result", "tool_use_id": call.id, "content": result.content});
    if let (true, Value::Object(block)) = (result.is_error, &mut block) {
        block.insert("is_error".to_owned(), Value::Bool(true));
    }
    Block::from_raw(block)
}
