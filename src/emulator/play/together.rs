//! Steps: what a script's fences call, one after the other or several at once.

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

    /// Calls several steps at once: first all calls, then all results in their order
    /// (`docs/protocol.md#code-calls`). Returns how many there were; the first part that is no
    /// command ends them.
    pub(super) async fn together<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Part>,
    ) -> Result<usize, Over> {
        let tool = Tool::of(&self.opening.request);
        let calls: Vec<Call> = steps
            .map_while(|part| self.call_of(part))
            .map_while(|call| tool.and_then(|tool| tool.adapt(call)))
            // A cell may wait for tools of the client; it goes alone.
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
