//! One quiet line for what a cell changed and what lasts, and how to take it back. Pure.

use crate::cell::magic::{Form, Magic, Reset};
use crate::cell::magics;
use crate::cell::parse::MagicCall;

/// The longest value that is repeated, in characters.
const MAX_CHARS: usize = 60;

/// How to take a setting back: the magic's name, and what to type.
const BACK: &[(&str, &str)] = &[
    ("bash", "%bash on"),
    ("beta", "%beta rm NAME"),
    ("budget", "%budget off"),
    ("effort", "%effort default"),
    ("fast", "%fast off"),
    ("max_tokens", "%max_tokens default"),
    ("python", "%python on"),
    ("skills", "%skills rm NAME"),
    ("system", "%system --clear"),
    ("thinking", "%thinking fold"),
    ("tools", "%tools default"),
    ("web", "%web off"),
];

/// Confirms the settings that calls have set from here on; `None` if there is none. `model` is the
/// model before them.
pub(super) fn settings(calls: &[&MagicCall], model: &str) -> Option<String> {
    let (mut set, mut back) = (Vec::new(), Vec::new());
    for call in calls {
        let Some(magic) = magics::find(&call.name).filter(|magic| can_last(magic)) else {
            continue;
        };
        let typed = match call.args.trim() {
            "" => format!("%{}", magic.name),
            args => format!("%{} {args}", magic.name),
        };
        let first = typed.lines().next().unwrap_or_default();
        let mut shown: String = first.chars().take(MAX_CHARS).collect();
        if shown.len() < typed.len() || call.body.is_some() {
            shown.push_str(" …");
        }
        set.push(format!("`{}`", shown.replace('`', "'")));
        let known = BACK.iter().find(|(name, _)| *name == magic.name);
        let how = match magic.name {
            "model" => Some(format!("%model {model}")),
            "bash" | "python" if matches!(call.args.trim(), "" | "on") => {
                Some(format!("%{} off", magic.name))
            }
            _ => known.map(|(_, how)| (*how).to_owned()),
        };
        back.extend(
            how.filter(|how| *how != typed)
                .map(|how| format!("`{how}`")),
        );
    }
    if set.is_empty() {
        return None;
    }
    let holds = if set.len() == 1 { "holds" } else { "hold" };
    let takes = if back.len() == 1 { "takes" } else { "take" };
    let (set, back) = (set.join(", "), back.join(", "));
    Some(match back.as_str() {
        "" => format!("{set} {holds} from here on."),
        back => format!("{set} {holds} from here on; {back} {takes} it back."),
    })
}

fn can_last(magic: &Magic) -> bool {
    magic.form == Form::Setting || magic.name == "system"
}

/// Says what a reset means; `turns` is how many turns the conversation had.
pub(super) fn reset(reset: Reset, turns: usize) -> String {
    let text = match (reset, turns) {
        (Reset::Chat, 0) => "The conversation was empty already.",
        (Reset::Chat, 1) => {
            "The conversation begins again, without its 1 turn: `%undo` takes this back. The \
             sandbox and the files stay."
        }
        (Reset::Chat, turns) => {
            return format!(
                "The conversation begins again, without its {turns} turns: `%undo` takes this \
                 back. The sandbox and the files stay."
            );
        }
        (Reset::Sandbox, _) => {
            "The next step gets a new, empty sandbox. `%reset sandbox --replay` runs the steps \
             above in it again."
        }
        (Reset::All, _) => {
            "Everything begins again: conversations, settings, variables, attached files and \
             tools. This cannot be taken back."
        }
    };
    text.to_owned()
}
