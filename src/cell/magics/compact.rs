//! `%compact`: a summary takes the place of the conversation so far, now or when the context window
//! is nearly full.

use super::arguments::{no_value, put};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicError};
use crate::cell::nearest::nearest;

pub(super) const COMPACT: Magic = Magic {
    name: "compact",
    aliases: &[],
    usage: "[auto|off|INSTRUCTIONS]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "put a summary in the place of the conversation above",
    details: "Claude reads what stands above this cell once more and sums it up; from here on it sees the summary and \
what follows. The turns stay in the notebook and in `%history`. What is written after `%compact` tells Claude what to \
keep. `auto` does it by itself before a prompt when the context window is nearly full, `off` only when asked; alone it \
sums up now. It costs about as much as a prompt with an answer of a page.",
    examples: &[
        ("%compact", "now"),
        (
            "%compact keep all figures and file names",
            "now, with care for these",
        ),
        (
            "%compact auto",
            "by itself, when the context is nearly full",
        ),
        ("%compact off", "only when asked"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["auto", "off"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, context| {
        let words = call.args.trim();
        let auto = match words {
            "auto" => true,
            "off" => false,
            // If a slip were taken for a wish, a summary would have to be paid for.
            word if !nearest(&word.to_lowercase(), ["auto", "off"]).is_empty() => {
                return Err(MagicError::new(
                    format!("`%compact` does not take `{word}`"),
                    "It takes auto, off, or what the summary is to keep, in a few words.",
                ));
            }
            _ => {
                let instructions = (!words.is_empty()).then(|| words.to_owned());
                return Ok(vec![Effect::Job(Job::Compact { instructions })]);
            }
        };
        let mut settings = context.settings.clone();
        settings.auto_compact = auto;
        Ok(vec![put(settings)])
    },
};
