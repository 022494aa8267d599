//! `%version`: what runs here.

use super::arguments::{no_value, no_values, none};
use crate::anthropic::model::TABLE_DATE;
use crate::cell::magic::{Form, Group, Magic};
use crate::cell::shown::{Part, Shown};

pub(super) const VERSION: Magic = Magic {
    name: "version",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Kernel,
    summary: "show the kernel's version and the age of its model table",
    details: "Name both when reporting a problem.",
    examples: &[("%version", "show"), ("%version?", "this help")],
    values: no_values,
    now: no_value,
    apply: |call, _| {
        none(call)?;
        let shown = Shown::default()
            .line("claude-kernel", &Part::text(env!("CARGO_PKG_VERSION")))
            .line("model table of", &Part::text(TABLE_DATE));
        Ok(vec![shown.effect()])
    },
};
