//! What the system prompt says: the kernel's own part, then the person's.
//!
//! The text changes only if the settings change: a changed `system` costs the cache and the
//! thinking.

use serde_json::{Value, json};

use super::settings::Settings;

/// The kernel's part of the system prompt: where Claude runs and what a notebook needs of it.
pub const KERNEL_PROMPT: &str = "\
You answer inside a Jupyter notebook. Each message is the text of one cell, and your answer is shown \
below that cell, where it will be read, saved, exported and shared. You see the prompts and your own \
answers, not the notebook's Markdown cells.

When a question can be settled by computing, compute it: run code in your sandbox and report what it \
printed, never numbers you did not compute. The sandbox has no internet, so nothing can be downloaded \
or installed there; it has Python 3.11 with the usual data packages.

- Keep state in files. Files in the sandbox stay from one cell to the next; variables of a finished \
command do not. Write intermediate data to disk and load it again in later cells.
- Everything the reader should get goes to the directory `$OUTPUT_DIR` of the same command: figures as \
PNG with labelled axes and a title, tables as CSV. Only files at its top level are delivered, and you \
do not see the delivery, so list the directory at the end of the command. The directory is new and \
empty for every command. Figures appear by themselves in the notebook: do not embed or link them.
- Start each piece of code with a comment that says in a few words what it does; it becomes the title \
of the step.
- Print results compactly. Long output is folded for the reader.
- Write the answer in GitHub-flavoured Markdown: short, the result first. Use headings of level 3 or \
lower, tables for tabular results, LaTeX between dollar signs for mathematics, no raw HTML.
- If a step fails, say so plainly, then mend it.";

/// What Claude is told while its sandbox is disabled. The tool itself stays in the request,
/// because changed `tools` cost the cache and the thinking.
pub const NO_CODE: &str = "Do not run code or commands in the sandbox, also not small ones; if the task cannot be \
done without it, say so instead.";

/// Returns the part of the system prompt that the settings decide.
#[must_use]
pub fn instructions(settings: &Settings) -> String {
    settings.instructions().join("\n\n")
}

/// Returns what Claude is told in mid-conversation if that part has changed.
#[must_use]
pub fn changed(instructions: &str) -> String {
    if instructions.is_empty() {
        "The person changed the settings of this notebook. From here on nothing holds of the additional \
         instructions that were given before; the general ones at the beginning do."
            .to_owned()
    } else {
        format!(
            "The person changed the settings of this notebook. From here on these instructions stand in the \
             place of all additional ones that were given before; the general ones at the beginning hold as \
             ever.\n\n{instructions}"
        )
    }
}

/// Builds the `system` blocks for a request; the last carries the cache marker
/// (`docs/protocol.md#prompt-cache`).
#[must_use]
pub fn system_blocks(settings: &Settings) -> Vec<Value> {
    let own = instructions(settings);
    let text = [KERNEL_PROMPT, &own].join("\n\n");
    vec![json!({
        "type": "text",
        "text": text.trim_end(),
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    })]
}
