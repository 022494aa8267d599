//! `%%exec`: this cell's text runs as it stands.

use super::arguments::{no_value, word};
use crate::cell::line::unescape;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::chat::tool_types::tool_name;
use crate::chat::verbatim::Language;

const USAGE: &str = "bash|python";

pub(super) const EXEC: Magic = Magic {
    name: "exec",
    aliases: &[],
    usage: USAGE,
    form: Form::CellBody,
    group: Group::Data,
    summary: "run this cell's text as it stands in Claude's sandbox, and show the output alone",
    details: "The API runs nothing without the model, so Claude is asked to run exactly this text, and what ran is compared \
with it: anything else fails the cell with `ExecMismatch` and shows both. Only white space at the end does not count. \
`{{NAME}}` and `@path` stay as they are. Long text travels as a file. A command that fails fails the cell. Each cell is a \
process of its own: files stay, variables do not. It costs a turn, and Claude knows of it later.",
    examples: &[
        ("%%exec bash\nls -la; df -h .", "shell commands"),
        ("%%exec python\nimport sys\nprint(sys.version)", "Python"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["bash", "python"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let language = match word(call, USAGE)?.as_deref() {
        Some("bash" | "sh" | "shell") => Language::Bash,
        Some("python" | "python3" | "py") => Language::Python,
        other => {
            return Err(MagicError::new(
                match other {
                    Some(other) => format!("`%%exec` does not run `{other}`"),
                    None => "`%%exec` needs a language".to_owned(),
                },
                "Write `%%exec bash` or `%%exec python`, and the code below it.",
            ));
        }
    };
    let name = language.name();
    let code = unescape(call.body.as_deref().unwrap_or_default()).trim_end();
    if code.is_empty() {
        return Err(MagicError::new(
            format!("`%%exec {name}` has no code below it"),
            "Write the code in the lines after it.",
        ));
    }
    let settings = context.settings;
    let on = settings
        .tool_types()
        .iter()
        .any(|id| tool_name(id) == "code_execution");
    let allowed = match language {
        Language::Bash => settings.languages.bash,
        Language::Python => settings.languages.python,
    };
    if !on || !allowed {
        return Err(MagicError::new(
            format!("`%%exec {name}` cannot run: {name} is off in Claude's sandbox"),
            format!("Turn it on with `%{name} on` above it."),
        ));
    }
    Ok(vec![Effect::Exec {
        language,
        code: code.to_owned(),
    }])
}
