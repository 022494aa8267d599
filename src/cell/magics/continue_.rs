//! `%continue`: goes on where an answer was cut off.

use super::arguments::{no_value, no_values, none};
use crate::cell::magic::{Effect, Form, Group, Job, Magic};

pub(super) const CONTINUE: Magic = Magic {
    name: "continue",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Conversation,
    summary: "go on where the answer above was cut off",
    details: "For an answer that ended at `max_tokens`, was stopped, or broke off with the connection: Claude is asked to \
continue, in a turn of this cell. A prompt below it is sent in place of the kernel's own words. An answer that is whole \
has nothing to continue.",
    examples: &[
        ("%continue", "go on"),
        (
            "%continue\nBut leave the table out.",
            "go on, in your words",
        ),
    ],
    values: no_values,
    now: no_value,
    apply: |call, _| {
        none(call)?;
        Ok(vec![Effect::Job(Job::Continue)])
    },
};
