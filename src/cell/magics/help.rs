//! `%help`: the overview, a magic, or a topic.

use super::arguments::no_value;
use crate::cell::guide::PAGES;
use crate::cell::help::about;
use crate::cell::magic::{Candidate, Form, Group, Magic};
use crate::cell::topics::TOPICS;

pub(super) const HELP: Magic = Magic {
    name: "help",
    aliases: &[],
    usage: "[NAME|TOPIC]",
    form: Form::Line,
    group: Group::Kernel,
    summary: "show help; alone: the overview",
    details: "`%NAME?` and `?NAME` page the same text. Topics beside the magics: cells, keys, limits, offline. `%help guide` lists the pages of the guide.",
    examples: &[
        ("%help", "overview"),
        ("%help effort", "a magic"),
        ("%help limits", "a topic"),
        ("%help guide money", "a page of the guide"),
    ],
    values: |context, before| {
        if before == ["guide"] {
            return Candidate::list("page", PAGES.iter().map(|page| page.name));
        }
        if !before.is_empty() {
            return Vec::new();
        }
        let mut all = Candidate::list("topic", ["guide"]);
        all.extend(Candidate::list(
            "topic",
            TOPICS.iter().map(|topic| topic.name),
        ));
        all.extend(Candidate::list(
            "magic",
            context.magics.iter().map(|magic| magic.name),
        ));
        all
    },
    now: no_value,
    apply: |call, context| {
        let topic = if call.args.is_empty() {
            "help"
        } else {
            &call.args
        };
        Ok(vec![about(topic, context)?.effect()])
    },
};
