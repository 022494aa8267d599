//! What the kernel tells of itself: the lines of `%status`, and the values of user expressions.

use chrono::{DateTime, Utc};

use crate::cell::{fill, variables};
use crate::jupyter::messages::Empty;
use crate::jupyter::messages::shell::{Expression, UserExpressions};
use crate::jupyter::mime::{ErrorOutput, MimeBundle};

use crate::kernel::journal::Journal;
use crate::kernel::state::State;
use crate::kernel::tools::environment::{Interpreter, NoInterpreter};

/// What `%status` needs beside the state.
#[derive(Debug, Clone)]
pub struct About {
    /// Where requests go.
    pub base_url: String,
    /// Whether the offline backend answers.
    pub offline: bool,
}

/// Returns the lines of `%status` as (label, value).
#[must_use]
pub fn lines(
    state: &State,
    about: &About,
    journal: &Journal,
    python: &Result<Interpreter, NoInterpreter>,
    now: DateTime<Utc>,
) -> Vec<(String, String)> {
    let conversations = &state.conversations;
    let cost = if about.offline {
        "none: no model is called".to_owned()
    } else {
        format!("${:.4}", state.ledger.totals().cost_usd)
    };
    // No ids and no ports: what is shown must not change between identical runs.
    let backend = if about.offline {
        "offline, on this machine".to_owned()
    } else {
        about.base_url.clone()
    };
    let container = conversations.current().container();
    let sandbox = state.sandboxes.describe(container, now, about.offline);
    let python = match python {
        Ok(python) => format!("{} ({})", python.name(), python.which),
        Err(error) => error.to_string(),
    };
    [
        ("python of tools", python),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("backend", backend),
        ("turns", conversations.turns().len().to_string()),
        ("saved", journal.describe()),
        ("cost", cost),
        (
            "replay",
            state.library.describe(state.settings.replay.name()),
        ),
        ("sandbox", sandbox),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .into()
}

/// Answers `user_expressions`: the kernel's own names and the person's variables, each by itself;
/// nothing is evaluated and nothing is sent.
#[must_use]
pub fn expressions(asked: &[(String, String)], state: &State) -> UserExpressions {
    let answer = |(key, expression): &(String, String)| {
        let answer = match value_of(expression.trim(), state) {
            Some(text) => Expression::Ok {
                data: MimeBundle::plain(text),
                metadata: Empty::new(),
            },
            None => Expression::Error(ErrorOutput {
                ename: "NameError".to_owned(),
                evalue: format!("`{expression}` is no variable of this kernel"),
                traceback: Vec::new(),
            }),
        };
        (key.clone(), answer)
    };
    UserExpressions(asked.iter().map(answer).collect())
}

fn value_of(name: &str, state: &State) -> Option<String> {
    let own = match name {
        "model" => Some(state.settings.model.clone()),
        "turns" => Some(state.conversations.turns().len().to_string()),
        "cost_usd" => Some(format!("{:.6}", state.ledger.totals().cost_usd)),
        "container" => state.conversations.current().container().map(str::to_owned),
        _ => None,
    };
    own.or_else(|| {
        let value = fill::lookup(name, &state.variables)?;
        Some(variables::text(&value).into_owned())
    })
}
