//! `%beta`: names for the `anthropic-beta` header, beside those the kernel derives.

use super::arguments::put;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::nearest::{nearest, quoted};
use crate::cell::shown::{Part, Shown, with_origin};

pub(super) const BETA: Magic = Magic {
    name: "beta",
    aliases: &[],
    usage: "[add|rm] NAME… | clear",
    form: Form::Setting,
    group: Group::Answers,
    summary: "send a beta header by hand; alone: what is sent",
    details: "The kernel derives the betas its features need; most features need none. This adds others. A name it does \
not know is sent as it is, and what the API answers is shown.",
    examples: &[
        ("%beta add task-budgets-2026-03-13", "from here on"),
        ("%beta clear", "only the derived ones"),
        ("%beta", "show"),
    ],
    values,
    now,
    apply,
};

/// Names that mean something to a kernel (`docs/protocol.md#beta-names`).
const KNOWN: &[&str] = &[
    "message-threads-2026-08-12",
    "compact-2026-09-04",
    "compact-2026-01-12",
    "context-management-2025-06-27",
    "server-side-fallback-2026-07-01",
    "server-side-fallback-2026-06-01",
    "fallback-credit-2026-07-01",
    "fallback-credit-2026-06-01",
    "thinking-display-updates-2026-08-18",
    "thinking-binding-controls-2026-08-01",
    "thinking-token-count-2026-05-13",
    "task-budgets-2026-03-13",
    FAST_MODE,
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "mid-conversation-system-clear-at-2026-08-21",
    "inline-tools-2026-09-15",
    "mcp-client-2025-11-20",
    "mcp-client-2026-09-15",
    "advisor-tool-2026-03-01",
    "interleaved-thinking-2025-05-14",
    "context-1m-2025-08-07",
    "output-128k-2025-02-19",
    "code-execution-2025-05-22",
];

/// The beta of the fast mode.
const FAST_MODE: &str = "fast-mode-2026-02-01";
/// Betas that select old response shapes, which this kernel does not read.
const OLD_SHAPES: &[&str] = &["files-api-2025-04-14", "skills-2025-10-02"];

/// Longest name taken; the longest known has 51 characters.
const LONGEST: usize = 100;

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    let mine = || context.settings.betas.iter().map(String::as_str);
    match before.first() {
        None => {
            let mut all = Candidate::list("value", ["add", "rm", "clear"]);
            all.extend(Candidate::list("beta", KNOWN.iter().copied()));
            all
        }
        Some(&"rm") => Candidate::list("beta", mine()),
        Some(&"clear") => Vec::new(),
        Some(_) => Candidate::list(
            "beta",
            KNOWN
                .iter()
                .copied()
                .filter(|name| !before.contains(name) && !mine().any(|set| set == *name)),
        ),
    }
}

fn now(context: &Context<'_>) -> Option<String> {
    let betas = context.settings.betas.join(", ");
    Some(if betas.is_empty() {
        "none".to_owned()
    } else {
        betas
    })
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let words: Vec<&str> = call
        .args
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let mut settings = context.settings.clone();
    let mut effects = Vec::new();
    match words.as_slice() {
        [] => return Ok(vec![show(context)]),
        ["clear"] => settings.betas.clear(),
        ["add" | "rm"] => {
            return Err(MagicError::new(
                format!("`%beta {}` needs a name", call.args),
                "Write `%beta add NAME` or `%beta rm NAME`.",
            ));
        }
        ["rm", names @ ..] => {
            for name in names {
                if !settings.betas.iter().any(|set| set == name) {
                    return Err(not_set(name, context));
                }
                settings.betas.retain(|set| set != name);
            }
        }
        ["add", names @ ..] | names => {
            for name in names {
                check(name)?;
                effects.extend(doubt(name).map(Effect::Warn));
                if *name == FAST_MODE {
                    effects.push(Effect::Warn(
                        "the header alone makes no answer faster: `%fast on` does".to_owned(),
                    ));
                }
                if !settings.betas.iter().any(|set| set == name) {
                    settings.betas.push((*name).to_owned());
                }
            }
        }
    }
    effects.insert(0, put(settings));
    Ok(effects)
}

fn check(name: &str) -> Result<(), MagicError> {
    let fits = name.len() <= LONGEST
        && name.contains('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if fits {
        return Ok(());
    }
    Err(MagicError::new(
        format!("`{name}` is not the name of a beta"),
        "Names look like `fast-mode-2026-02-01`; completion lists those the kernel knows.",
    ))
}

fn doubt(name: &str) -> Option<String> {
    if OLD_SHAPES.contains(&name) {
        return Some(format!(
            "`{name}` selects an older form of answers: files may no longer be shown; `%beta rm {name}` takes it back"
        ));
    }
    if KNOWN.contains(&name) {
        return None;
    }
    let near = nearest(name, KNOWN.iter().copied());
    let near = quoted(&near, "").map_or(String::new(), |names| format!(" (did you mean {names}?)"));
    Some(format!(
        "`{name}` is not a beta this kernel knows: it is sent as it is{near}"
    ))
}

fn not_set(name: &str, context: &Context<'_>) -> MagicError {
    let hint = match now(context) {
        Some(set) if set != "none" => format!("Set by hand: {set}."),
        _ => "None is set by hand.".to_owned(),
    };
    MagicError::new(format!("`{name}` was not set by `%beta`"), hint)
}

fn show(context: &Context<'_>) -> Effect {
    let derived = context.settings.derived_betas(context.models).join(", ");
    let derived = if derived.is_empty() { "none" } else { &derived };
    let by_hand = now(context).unwrap_or_default();
    Shown::default()
        .line(
            "by hand",
            &Part::text(&with_origin(&["beta"], &by_hand, context)),
        )
        .line("derived from the features in use", &Part::text(derived))
        .effect()
}
