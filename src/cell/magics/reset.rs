//! `%reset`: begin again.

use super::arguments::{no_value, word};
use crate::cell::magic::{Candidate, Effect, Form, Magic, MagicError, Reset};

pub(super) const RESET: Magic = Magic {
    name: "reset",
    aliases: &[],
    usage: "[chat|sandbox|all]",
    form: Form::Line,
    summary: "forget the conversation, the sandbox, or everything",
    details: "`chat` (what it means alone) begins a new conversation in the same sandbox. `sandbox` goes on talking in \
a new, empty sandbox. `all` takes both, and puts settings and variables back as they were at the start. Files already \
saved on this machine stay.",
    examples: &[
        ("%reset", "a new conversation"),
        ("%reset sandbox", "a new sandbox"),
        ("%reset all", "as after a restart"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["chat", "sandbox", "all"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, _| {
        let what = match word(call, "[chat|sandbox|all]")?.as_deref() {
            None | Some("chat") => Reset::Chat,
            Some("sandbox") => Reset::Sandbox,
            Some("all") => Reset::All,
            Some(other) => {
                return Err(MagicError::new(
                    format!("`%reset` does not take `{other}`"),
                    "It takes chat, sandbox or all; alone it means chat.",
                ));
            }
        };
        Ok(vec![Effect::Reset(what)])
    },
};
