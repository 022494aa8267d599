//! `%resume`: go on with an earlier conversation.

use super::arguments::{no_value, word};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic};

pub use crate::cell::job::ResumeJob;

pub(super) const RESUME: Magic = Magic {
    name: "resume",
    aliases: &[],
    usage: "[list|ID]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "go on with an earlier conversation of this notebook, or with any other",
    details: "Conversations are kept on this machine, also those that a crash cut off. Alone it goes on with the last \
one of this notebook, with its settings, variables and attached files; the one that was running is kept. Tools of this machine have to be defined \
again. `claude-kernel conversations` lists, shows and removes them; the setting `resume` does this at every start.",
    examples: &[
        ("%resume", "go on where this notebook was left"),
        ("%resume list", "show what there is"),
        ("%resume 1a2b3c4d", "go on with that one"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["list"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, _| {
        let which = match word(call, "[list|ID]")?.as_deref() {
            None => ResumeJob::Last,
            Some("list") => ResumeJob::List,
            Some(id) => ResumeJob::Id(id.to_owned()),
        };
        Ok(vec![Effect::Job(Job::Resume(which))])
    },
};
