//! `%lsmagic`: the magics, one line each.

use super::arguments::{no_value, no_values, none};
use crate::cell::help::usage_line;
use crate::cell::magic::{Form, Group, Magic};
use crate::cell::shown::{Part, Shown};

pub(super) const LSMAGIC: Magic = Magic {
    name: "lsmagic",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Kernel,
    summary: "list the magics",
    details: "`%help NAME`, `%NAME?` and `?NAME` tell more about one.",
    examples: &[("%lsmagic", "the list"), ("%lsmagic?", "this help")],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        Ok(vec![list(context.magics).effect()])
    },
};

/// Makes the list of all magics.
fn list(magics: &[&Magic]) -> Shown {
    let row = |magic: &&Magic| (Part::code(&usage_line(magic)), Part::ours(magic.summary));
    let rows: Vec<(Part, Part)> = magics.iter().map(row).collect();
    Shown::default().entries(["magic", "meaning"], &rows)
}
