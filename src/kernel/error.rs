//! How a cell that failed looks: an `ename` from a short list, one sentence, and what to do next.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::cell::fill::Miss;
use crate::cell::magic::MagicError;
use crate::chat::budget::{Limit, OverBudget};
use crate::chat::turn::{FinishedTurn, TurnEnd};
use crate::jupyter::mime::ErrorOutput;
use crate::render::foreign;

mod api;
mod kind;

pub use kind::ErrorKind;

/// Why a cell failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// What kind of thing went wrong.
    pub kind: ErrorKind,
    /// What happened, in one sentence.
    pub evalue: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The API's request id.
    pub request_id: Option<String>,
}

impl CellError {
    /// Makes an error with a hint.
    #[must_use]
    pub fn new(kind: ErrorKind, evalue: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            evalue: evalue.into(),
            hint: Some(hint.into()),
            request_id: None,
        }
    }

    /// The content of a request is not a JSON object.
    #[must_use]
    pub fn unreadable(why: &str) -> Self {
        Self::new(
            ErrorKind::BadRequest,
            format!("the front end sent a request that cannot be read: {why}"),
            "Run the cell again; if this repeats, report it to the front end.",
        )
    }

    /// The person stopped the cell before its prompt was sent.
    #[must_use]
    pub fn interrupted() -> Self {
        Self {
            kind: ErrorKind::Interrupted,
            evalue: "the cell was stopped".to_owned(),
            hint: None,
            request_id: None,
        }
    }

    /// The person stopped a turn.
    fn interrupted_turn(kept: Option<&FinishedTurn>) -> Self {
        let whole = kept.is_some_and(|turn| turn.cut.is_none());
        let running = if whole {
            "The answer was complete and is billed. Files that were still coming are not saved."
        } else {
            "What had been generated is billed, and a command may still be running in the sandbox."
        };
        let hint = format!("{running} {}", what_is_kept(kept));
        Self {
            hint: Some(hint),
            ..Self::interrupted()
        }
    }

    /// The budget was used up in the middle of a turn.
    fn over_budget(limit: Limit, kept: Option<&FinishedTurn>) -> Self {
        Self::new(
            ErrorKind::BudgetExceeded,
            format!("{} was spent in the middle of the answer", whose(limit)),
            format!(
                "What had come is billed. {} `%cost` shows where the money went; raise the limit with `%budget`.",
                what_is_kept(kept)
            ),
        )
    }

    /// A call was not made, because the rest of the budget cannot pay for it.
    #[must_use]
    pub fn no_budget(over: &OverBudget) -> Self {
        match over {
            OverBudget::TooLittle {
                input_usd,
                left_usd,
                limit,
            } => Self::new(
                ErrorKind::BudgetExceeded,
                format!(
                    "{} has ${left_usd:.4} left; asking this costs up to ${input_usd:.4} before the answer begins",
                    whose(*limit)
                ),
                "Nothing was sent. `%cost` shows where the money went; raise the limit with `%budget`, or shorten the conversation with `%compact`.",
            ),
            OverBudget::PriceUnknown { model } => Self::new(
                ErrorKind::BudgetExceeded,
                format!("nobody said what `{model}` costs, so the budget cannot be kept"),
                "Nothing was sent. Name its price in a file (the setting `prices`), choose a model of `%models`, or say `%budget off`.",
            ),
        }
    }

    /// Nothing fills a `{{name}}` of the prompt, and nobody watches.
    #[must_use]
    pub fn unfilled(miss: &Miss, others: usize) -> Self {
        let Miss { path, why } = miss;
        let others = match others {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        Self::new(
            ErrorKind::Name,
            format!("nothing fills `{{{{{path}}}}}`{others}: {why}"),
            format!(
                "Nothing was sent, because nobody watches this run. Set the variable with `%set`, in a cell headed `# Parameters` or with papermill's `-p`; `\\{{{{{path}}}}}` keeps the braces."
            ),
        )
    }

    /// A cell was queued after one that failed.
    #[must_use]
    pub fn aborted() -> Self {
        Self::new(
            ErrorKind::Aborted,
            "not run, because a cell before it failed",
            "Run it again when the cell above works.",
        )
    }

    /// Returns the error for a turn that did not finish; `None` if it finished. `now` is needed to
    /// say when to try again.
    #[must_use]
    pub fn from_end(end: &TurnEnd, now: DateTime<Utc>) -> Option<Self> {
        match end {
            TurnEnd::Finished(_) => None,
            TurnEnd::Interrupted { kept } => Some(Self::interrupted_turn(kept.as_deref())),
            TurnEnd::Failed { error, kept } => {
                let mut cell = Self::of_api(error, Some(now));
                if kept.is_some() {
                    let hint = cell.hint.unwrap_or_default();
                    cell.hint = Some(format!("{hint} {}", what_is_kept(kept.as_deref())));
                }
                Some(cell)
            }
            TurnEnd::OverBudget { limit, kept } => Some(Self::over_budget(*limit, kept.as_deref())),
            TurnEnd::Refused {
                category,
                explanation,
            } => {
                let category = category
                    .as_deref()
                    .map(|category| format!(" (category `{category}`)"))
                    .unwrap_or_default();
                let explanation = explanation
                    .as_deref()
                    .map(|text| format!(": {text}"))
                    .unwrap_or_default();
                Some(Self::new(
                    ErrorKind::Refusal,
                    format!("Claude declined this request{category}{explanation}"),
                    "Rephrase the prompt, or try another model with `%%model`. This turn is not part of the conversation; what had been written may be billed.",
                ))
            }
        }
    }

    /// Returns the content of the `error` output and the error reply.
    #[must_use]
    pub fn output(&self) -> ErrorOutput {
        // Foreign words stand in them: those of the API, of a server, of a cell.
        let evalue = foreign::among_ours(&self.evalue);
        let mut traceback = vec![format!("{}: {evalue}", self.kind.ename())];
        let hint = self.hint.as_deref().map(foreign::among_ours);
        traceback.extend(hint.map(Cow::into_owned));
        traceback.extend(
            self.request_id
                .as_ref()
                .map(|id| format!("Request id: {}", foreign::line(id))),
        );
        ErrorOutput {
            ename: self.kind.ename().to_owned(),
            evalue: evalue.into_owned(),
            traceback,
        }
    }
}

impl From<&MagicError> for CellError {
    fn from(error: &MagicError) -> Self {
        Self::new(ErrorKind::Magic, error.message.clone(), error.hint.clone())
    }
}

/// Says which part of a turn that broke off is in the conversation.
fn what_is_kept(kept: Option<&FinishedTurn>) -> &'static str {
    match kept {
        None => "Nothing of this turn is in the conversation.",
        Some(turn) if turn.cut.is_none() => "The answer is in the conversation.",
        Some(_) => {
            "What is shown is kept in the conversation, except steps without a result: `%continue` goes on from there."
        }
    }
}

fn whose(limit: Limit) -> &'static str {
    match limit {
        Limit::Total => "the budget of this notebook",
        Limit::Cell => "the budget of this cell",
    }
}
