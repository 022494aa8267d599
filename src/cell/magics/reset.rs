//! `%reset`: begin again.

use super::arguments::no_value;
use crate::cell::job::{FilesJob, ToolJob};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicError, Reset};
use crate::cell::shown::clip;

pub(super) const RESET: Magic = Magic {
    name: "reset",
    aliases: &[],
    usage: "[chat|sandbox [--replay]|files|all]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "forget the conversation, the sandbox, or everything",
    details: "`chat` (what it means alone) begins a new conversation in the same sandbox; `%undo` takes that back. `sandbox` goes on talking in \
a new sandbox, which gets the attached files again; with `--replay` Claude also runs the code of the turns above in it \
once more, in one turn. `files` removes the attached files from Anthropic. `all` takes everything, also the tools of your own and MCP servers, \
and puts settings and variables back as they were at the start. Files saved on this machine stay.",
    examples: &[
        ("%reset", "a new conversation"),
        ("%reset sandbox", "a new sandbox"),
        ("%reset sandbox --replay", "as the old one was"),
        ("%reset all", "as after a restart"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["chat", "sandbox", "files", "all"])
        } else {
            let is_open = before == ["sandbox"];
            Candidate::list("value", is_open.then_some("--replay"))
        }
    },
    now: no_value,
    apply: |call, _| {
        let args = call.args.to_ascii_lowercase();
        let words: Vec<&str> = args.split_whitespace().collect();
        Ok(match words.as_slice() {
            [] | ["chat"] => vec![Effect::Reset(Reset::Chat)],
            ["sandbox"] => vec![Effect::Reset(Reset::Sandbox)],
            ["sandbox", "--replay"] => {
                vec![Effect::Reset(Reset::Sandbox), Effect::Job(Job::Replay)]
            }
            ["files"] => vec![Effect::Job(Job::Files(FilesJob::Clear))],
            ["all"] => vec![
                Effect::Job(Job::Files(FilesJob::Clear)),
                Effect::Reset(Reset::All),
                Effect::Job(Job::Tools(ToolJob::Clear)),
            ],
            _ => {
                return Err(MagicError::new(
                    format!("`%reset` does not take `{}`", clip(&call.args, 60)),
                    "It takes chat, sandbox, sandbox --replay, files or all; alone it means chat.",
                ));
            }
        })
    },
};
