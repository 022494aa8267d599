//! `%bash` and `%python`: which languages Claude may use in its sandbox.

use super::arguments::{put, word};
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::chat::settings::{CODE_EXECUTION, Languages, Settings};
use crate::chat::tool_types::tool_name;

const USAGE: &str = "[on|off|only]";

const DETAILS: &str = "Both languages are on to begin with. One tool of the API runs both, so `off` and `only` are \
instructions to Claude, not a lock. With both off no code is run at all.";

pub(super) const BASH: Magic = Magic {
    name: "bash",
    aliases: &[],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Abilities,
    summary: "whether Claude may run shell commands in its sandbox: on | off | only",
    details: DETAILS,
    examples: &[
        ("%bash", "on, from here on"),
        ("%%bash only", "no Python, this cell only"),
        ("%bash off", "from here on"),
    ],
    values,
    now,
    apply: |call, context| switch(call, context, Language::Bash),
};

pub(super) const PYTHON: Magic = Magic {
    name: "python",
    aliases: &[],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Abilities,
    summary: "whether Claude may run Python in its sandbox: on | off | only",
    details: DETAILS,
    examples: &[
        ("%python", "on, from here on"),
        ("%%python only", "no shell commands, this cell only"),
        ("%python off", "from here on"),
    ],
    values,
    now,
    apply: |call, context| switch(call, context, Language::Python),
};

#[derive(Clone, Copy)]
enum Language {
    Bash,
    Python,
}

fn values(_: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    if before.is_empty() {
        Candidate::list("value", ["on", "off", "only"])
    } else {
        Vec::new()
    }
}

fn now(context: &Context<'_>) -> Option<String> {
    Some(context.settings.languages.describe().to_owned())
}

fn switch(
    call: &MagicCall,
    context: &Context<'_>,
    language: Language,
) -> Result<Vec<Effect>, MagicError> {
    let before = context.settings.languages;
    let set = |value| match language {
        Language::Bash => Languages {
            bash: value,
            ..before
        },
        Language::Python => Languages {
            python: value,
            ..before
        },
    };
    let languages = match word(call, USAGE)?.as_deref() {
        None | Some("on") => set(true),
        Some("off") => set(false),
        Some("only") => Languages {
            bash: matches!(language, Language::Bash),
            python: matches!(language, Language::Python),
        },
        Some(other) => {
            return Err(MagicError::new(
                format!("`%{}` does not take `{other}`", call.name),
                "It takes on, off or only; alone it means on.",
            ));
        }
    };
    let mut settings = context.settings.clone();
    settings.languages = languages;
    if languages.bash || languages.python {
        ensure_code_execution(&mut settings);
    }
    let stopped = (before.bash || before.python) && !(languages.bash || languages.python);
    let mut effects = vec![put(settings)];
    if stopped {
        effects.push(Effect::Warn(
            "both languages are off: Claude can run no code".to_owned(),
        ));
    }
    Ok(effects)
}

/// Adds the tool that runs code where dated types were chosen without one.
fn ensure_code_execution(settings: &mut Settings) {
    let dated = &mut settings.dated_tools;
    if !dated.is_empty() && !dated.iter().any(|id| tool_name(id) == "code_execution") {
        dated.insert(0, CODE_EXECUTION.to_owned());
    }
}
