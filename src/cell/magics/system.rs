//! `%system`: the person's part of the system prompt, and presets.

use super::arguments::put;
use crate::cell::line::unescape;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::nearest::{nearest, quoted};
use crate::cell::shown::{Part, Shown, with_origin, wrap};
use crate::chat::presets::{PRESETS, preset};
use crate::chat::settings::Settings;

pub(super) const SYSTEM: Magic = Magic {
    name: "system",
    aliases: &[],
    usage: "TEXT|--preset NAME|--clear",
    form: Form::Body,
    group: Group::Answers,
    summary: "tell Claude who it is and how to work, for all later cells",
    details: "`%system TEXT` takes one line, `%%system` the rest of the cell, `%system --file PATH` a file. All hold \
from here on and replace the text before, or follow it with `--append`. Presets are texts that come with the kernel: analyst, \
clean-code, reproducible, recover, lowmem, fast; they stand beside yours, and `--preset A B` combines them. `--clear` removes text and presets. Whatever is set follows the kernel's own \
instructions about the notebook and the sandbox.",
    examples: &[
        ("%system Answer in one sentence.", "from here on"),
        (
            "%%system\nYou are a statistician.\nName the test you chose and why.",
            "several lines",
        ),
        ("%system --preset reproducible", "a preset"),
        ("%system", "show"),
    ],
    values,
    now,
    apply,
};

/// What stands between names of presets.
const SEPARATORS: [char; 3] = [' ', '\t', ','];

const OPTIONS: &[&str] = &["--append", "--clear", "--file", "--preset"];

/// Returns the settings with a system text, put in place of the old one or after it.
#[must_use]
pub fn with_text(settings: &Settings, text: &str, append: bool) -> Settings {
    let mut settings = settings.clone();
    let text = text.trim();
    settings.system = match settings.system.take() {
        Some(old) if append => Some(format!("{old}\n\n{text}")),
        _ => Some(text.to_owned()),
    };
    settings
}

fn values(_: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    match before.last() {
        Some(&"--preset") => Candidate::list("preset", PRESETS.iter().map(|preset| preset.name)),
        Some(&"--file") => Vec::new(),
        Some(_)
            if before
                .iter()
                .any(|word| !word.starts_with("--") && preset(word).is_none()) =>
        {
            Vec::new()
        }
        _ => Candidate::list(
            "value",
            OPTIONS
                .iter()
                .copied()
                .filter(|option| *option == "--preset" || !before.contains(option)),
        ),
    }
}

fn now(context: &Context<'_>) -> Option<String> {
    let settings = context.settings;
    let mut parts: Vec<String> = settings
        .presets
        .iter()
        .map(|name| format!("preset {name}"))
        .collect();
    if let Some(text) = &settings.system {
        parts.push(format!("a text of {} characters", text.chars().count()));
    }
    Some(if parts.is_empty() {
        "nothing beside the kernel's own".to_owned()
    } else {
        parts.join(", ")
    })
}

/// What stands on the line of a call.
#[derive(Debug, Default)]
struct Line {
    append: bool,
    clear: bool,
    presets: Vec<String>,
    file: Option<String>,
    text: String,
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let line = read(&call.args)?;
    let body = call.body.as_deref().map(unescape).unwrap_or_default();
    if call.args.is_empty() && call.body.is_none() {
        return Ok(vec![show(context)]);
    }
    let empty =
        line.presets.is_empty() && line.file.is_none() && !line.clear && line.text.is_empty();
    if !body.is_empty() && !empty {
        return Err(MagicError::new(
            "`%%system` takes the rest of the cell as its text, so the line itself can only hold `--append`",
            format!(
                "Put `%system {}` in a line of its own, with one percent sign.",
                call.args
            ),
        ));
    }
    if body.is_empty() && empty {
        return Err(MagicError::new(
            if call.body.is_some() {
                "`%%system` has no text below it"
            } else {
                "`%system --append` has no text"
            },
            "Write the text after it, or `%system --clear` to remove what is set.",
        ));
    }
    let mut settings = context.settings.clone();
    if line.clear {
        settings.system = None;
        settings.presets.clear();
    }
    if !line.presets.is_empty() {
        if !line.append {
            settings.presets.clear();
        }
        for name in line.presets {
            if !settings.presets.contains(&name) {
                settings.presets.push(name);
            }
        }
    }
    let text = if body.is_empty() { &line.text } else { body };
    if !text.is_empty() {
        settings = with_text(&settings, text, line.append);
    }
    let mut effects = vec![put(settings)];
    effects.extend(line.file.map(|path| Effect::SystemFile {
        path,
        append: line.append,
    }));
    Ok(effects)
}

/// Reads the options at the start of a line; the first other word begins the text.
fn read(args: &str) -> Result<Line, MagicError> {
    let mut line = Line::default();
    let mut rest = args.trim();
    while rest.starts_with("--") {
        let (option, after) = take(rest);
        rest = after;
        match option {
            "--append" => line.append = true,
            "--clear" => line.clear = true,
            "--preset" => {
                let (names, after) = take(rest);
                rest = after;
                for name in names.split(',').filter(|name| !name.is_empty()) {
                    line.presets.push(check_preset(name)?);
                }
                if names.is_empty() {
                    return Err(no_preset("`--preset` needs a name"));
                }
                // More names may follow, but a text may begin with any word.
                let (more, after) = rest.split_at(rest.find("--").unwrap_or(rest.len()));
                if more
                    .split(SEPARATORS)
                    .all(|word| word.is_empty() || preset(word).is_some())
                {
                    let more = more.split(SEPARATORS).filter(|word| !word.is_empty());
                    line.presets.extend(more.map(str::to_owned));
                    rest = after;
                }
            }
            "--file" => {
                // A path may hold blanks, so it is all that is left of the line.
                let path = rest.trim_matches(['"', '\'']);
                if path.is_empty() {
                    return Err(MagicError::new(
                        "`--file` needs a path",
                        "Write `%system --file PATH`.",
                    ));
                }
                line.file = Some(path.to_owned());
                rest = "";
            }
            other => {
                return Err(MagicError::new(
                    format!("`%system` has no option `{other}`"),
                    "It has `--append`, `--clear`, `--file PATH` and `--preset NAME`.",
                ));
            }
        }
    }
    line.text = rest.to_owned();
    check_text(&line.text)?;
    let more =
        line.append || !line.text.is_empty() || !line.presets.is_empty() || line.file.is_some();
    if line.clear && more {
        return Err(MagicError::new(
            "`%system --clear` stands alone",
            "A new text or preset replaces the old one without it.",
        ));
    }
    Ok(line)
}

/// A text that is nothing but the name of a preset is a slip.
fn check_text(text: &str) -> Result<(), MagicError> {
    let name = text.strip_prefix("preset ").unwrap_or(text).trim();
    match preset(&name.to_ascii_lowercase()) {
        Some(preset) => Err(MagicError::new(
            format!("`{text}` would be all that Claude is told"),
            format!(
                "Write `%system --preset {}` for the preset, or say it in a sentence.",
                preset.name
            ),
        )),
        None => Ok(()),
    }
}

fn take(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn check_preset(name: &str) -> Result<String, MagicError> {
    match preset(&name.to_ascii_lowercase()) {
        Some(preset) => Ok(preset.name.to_owned()),
        None => Err(no_preset(&format!("there is no preset `{name}`"))),
    }
}

fn no_preset(message: &str) -> MagicError {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let typed = message.split('`').nth(1).unwrap_or_default();
    let near = quoted(&nearest(typed, names.iter().copied()), "")
        .map_or(String::new(), |near| format!("Did you mean {near}? "));
    MagicError::new(message, format!("{near}Presets: {}.", names.join(", ")))
}

fn show(context: &Context<'_>) -> Effect {
    let settings = context.settings;
    let now = with_origin(&["system"], &now(context).unwrap_or_default(), context);
    let mut shown = Shown::default().line("system", &Part::text(&now));
    for preset in settings.presets.iter().filter_map(|name| preset(name)) {
        shown = shown
            .line("preset", &Part::code(preset.name))
            .block(&wrap(preset.text, ""));
    }
    if let Some(text) = &settings.system {
        shown = shown.line("text", &Part::ours("")).block(text);
    }
    if settings.presets.is_empty() && settings.system.is_none() {
        let rows: Vec<Vec<Part>> = PRESETS
            .iter()
            .map(|preset| vec![Part::code(preset.name), Part::ours(preset.summary)])
            .collect();
        shown = shown.table(&["preset", "asks for"], &rows);
    }
    shown.effect()
}
