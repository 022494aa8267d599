//! `%thread` and `%fork`: several conversations in one notebook.

use super::arguments::no_value;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::{Part, Shown};
use crate::chat::conversation::MAIN;

pub use crate::cell::effect::ConversationOp;

/// The longest name, in characters: it has to fit in a table.
const LONGEST: usize = 40;

pub(super) const THREAD: Magic = Magic {
    name: "thread",
    aliases: &[],
    usage: "[NAME]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "talk in another conversation from here on; alone: list them",
    details: "A conversation has turns and a sandbox of its own; settings and variables are shared. A new name begins a \
new one. The notebook begins in `main`.",
    examples: &[
        ("%thread aside", "this and later cells talk in `aside`"),
        ("%thread main", "back again"),
        ("%thread", "list them"),
    ],
    values: |context, before| {
        if !before.is_empty() {
            return Vec::new();
        }
        let known = context.threads.iter().map(|thread| thread.name.as_str());
        let main = context.threads.is_empty().then_some(MAIN);
        Candidate::list("thread", known.chain(main))
    },
    now: |context| Some(context.threads.first()?.name.clone()),
    apply: |call, context| {
        let Some(name) = name(call)? else {
            return Ok(vec![list(context)]);
        };
        Ok(vec![Effect::Conversation(ConversationOp::Thread(name))])
    },
};

pub(super) const FORK: Magic = Magic {
    name: "fork",
    aliases: &[],
    usage: "NAME",
    form: Form::Line,
    group: Group::Conversation,
    summary: "go on in a new conversation that begins with the turns above this cell",
    details: "The old conversation stays as it is: `%thread` goes back to it. The new one gets a sandbox of its own, \
empty, when it first needs one.",
    examples: &[
        ("%fork idea", "try something from here"),
        ("%thread main", "back to the old one"),
    ],
    values: |context, before| {
        if before.is_empty() {
            Candidate::list("thread", free(context))
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, context| {
        let Some(name) = name(call)? else {
            return Err(MagicError::new(
                "`%fork` needs a name for the new conversation",
                "Write `%fork NAME`.",
            ));
        };
        if context.threads.iter().any(|thread| thread.name == name) {
            return Err(MagicError::new(
                format!("a conversation `{name}` exists already"),
                format!("Take another name, or go on in it with `%thread {name}`."),
            ));
        }
        Ok(vec![Effect::Conversation(ConversationOp::Fork(name))])
    },
};

/// A name that is not taken: `main-2`.
fn free(context: &Context<'_>) -> Option<String> {
    let current = context.threads.first().map_or(MAIN, |it| it.name.as_str());
    let taken = |name: &String| context.threads.iter().any(|it| it.name == *name);
    (2..)
        .map(|number| format!("{current}-{number}"))
        .find(|name| !taken(name))
}

/// Reads the name of a conversation.
fn name(call: &MagicCall) -> Result<Option<String>, MagicError> {
    let name = call.args.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let fits = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.');
    if name.chars().all(fits) && name.chars().count() <= LONGEST {
        return Ok(Some(name.to_owned()));
    }
    Err(MagicError::new(
        format!("`%{}` does not take `{name}` as a name", call.name),
        format!(
            "A name has letters, digits, `-`, `_` and `.`, at most {LONGEST}; the prompt begins on the next line."
        ),
    ))
}

fn list(context: &Context<'_>) -> Effect {
    let mut rows: Vec<Vec<Part>> = context
        .threads
        .iter()
        .zip(std::iter::once("here").chain(std::iter::repeat("")))
        .map(|(thread, here)| {
            vec![
                Part::code(&thread.name),
                Part::text(&thread.turns.to_string()),
                Part::text(here),
            ]
        })
        .collect();
    if let Some(others) = rows.get_mut(1..) {
        others.reverse();
    }
    Shown::default()
        .table(&["conversation", "turns", ""], &rows)
        .effect()
}
