//! Steps: the calls that the fences of a script stand for, one after the other or several at once.

use crate::emulator::id;
use crate::emulator::script::{self, Edit, Part};
use crate::emulator::steps::{Call, Came, Tool};
use crate::emulator::stream::Over;

use super::Player;

impl Player {
    /// Returns the call that a fence stands for.
    pub(super) fn call_of(&self, part: &Part) -> Option<Call> {
        let fill = |code: &String| script::substitute(code, &self.variables);
        Some(match part {
            Part::Bash(code) => Call::Bash(fill(code)),
            Part::Python(code) => Call::Python(fill(code)),
            Part::Repl(code) => Call::Repl(fill(code)),
            Part::Edit(edit) => Call::Edit(self.filled_edit(edit)),
            _ => return None,
        })
    }

    /// Calls several steps at once: first come all calls, then all results in the same order
    /// (`docs/protocol.md#code-calls`). The first part that is not a command ends them. Returns how
    /// many there were.
    pub(super) async fn together<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Part>,
    ) -> Result<usize, Over> {
        let tool = Tool::of(&self.opening.request);
        let calls: Vec<Call> = steps
            .map_while(|part| self.call_of(part))
            .map_while(|call| tool.and_then(|tool| tool.adapt(call)))
            // A REPL cell may wait for client tools, so it is played alone.
            .take_while(|call| !matches!(call, Call::Repl(_)))
            .collect();
        let mut called = Vec::new();
        for call in calls {
            let id = id::fresh(self.app.shared.host.as_ref(), "srvtoolu");
            let input = call.input();
            if !self
                .call_block("server_tool_use", &id, call.name(), &input)
                .await?
            {
                break;
            }
            called.push((call, id));
        }
        for (call, id) in &called {
            if let Came::Result(result) = self.carry_out(call, id).await? {
                self.say_result(&result).await?;
            }
        }
        Ok(called.len())
    }

    fn filled_edit(&self, edit: &Edit) -> Edit {
        let fill = |text: &String| script::substitute(text, &self.variables);
        match edit {
            Edit::Create { path, text } => Edit::Create {
                path: fill(path),
                text: fill(text),
            },
            Edit::View { path } => Edit::View { path: fill(path) },
            Edit::Replace { path, old, new } => Edit::Replace {
                path: fill(path),
                old: fill(old),
                new: fill(new),
            },
        }
    }
}
