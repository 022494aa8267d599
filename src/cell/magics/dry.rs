//! `%%dry`: the request, shown instead of sent.

use super::arguments::{no_value, no_values, none};
use crate::cell::magic::{Effect, Form, Group, Magic};

pub(super) const DRY: Magic = Magic {
    name: "dry",
    aliases: &[],
    usage: "",
    form: Form::Cell,
    group: Group::Money,
    summary: "show the exact request of this cell and send nothing",
    details: "It shows the body and the beta header as they would go out, with all settings in force, and what they \
come to: tool types, files, tokens as the API counts them, the most that one call may cost. It costs nothing, and the \
conversation stays as it was.",
    examples: &[
        ("%%dry\nHow many primes are below 1000?", "show its request"),
        (
            "%%effort max\n%%dry\nHow many primes are below 1000?",
            "with a setting",
        ),
    ],
    values: no_values,
    now: no_value,
    apply: |call, _| {
        none(call)?;
        Ok(vec![Effect::Dry])
    },
};
