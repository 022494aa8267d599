//! How a cell that failed looks: an `ename` from a short list, one sentence, and what to do next.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset};

use crate::cell::fill::Miss;
use crate::cell::magic::MagicError;
use crate::chat::budget::{Limit, OverBudget};
use crate::chat::turn::{Left, TurnEnd};
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

/// Whether what an answer used is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// The API counts it.
    Billed,
    /// The offline backend answers.
    Free,
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
    fn interrupted_turn(left: &Left, used: Used) -> Self {
        let bill = match (used, left.is_whole()) {
            (Used::Billed, true) => "The answer was complete and is billed. ",
            (Used::Billed, false) if left.had_begun => "What had come is billed. ",
            (Used::Billed, false) | (Used::Free, _) => "",
        };
        Self {
            hint: Some(format!("{bill}{}", what_is_kept(left))),
            ..Self::interrupted()
        }
    }

    /// The budget was used up in the middle of a turn.
    fn over_budget(limit: Limit, left: &Left) -> Self {
        Self::new(
            ErrorKind::BudgetExceeded,
            format!("{} was spent in the middle of the answer", whose(limit)),
            format!(
                "What had come is billed. {} `%cost` shows where the money went; raise the limit with `%budget`.",
                what_is_kept(left)
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
    pub fn from_end(end: &TurnEnd, used: Used, now: DateTime<FixedOffset>) -> Option<Self> {
        match end {
            TurnEnd::Finished(_) => None,
            TurnEnd::Interrupted { left } => Some(Self::interrupted_turn(left, used)),
            TurnEnd::Failed { error, left } => {
                let mut cell = Self::of_api(error, Some(now));
                let kept = match (&left.kept, left.sandbox_is_lost) {
                    (Some(_), _) => what_is_kept(left),
                    (None, true) => "Nothing of the answer is in the conversation.",
                    (None, false) => "",
                };
                if !kept.is_empty() {
                    let hint = cell.hint.unwrap_or_default();
                    cell.hint = Some(format!("{hint} {kept}"));
                }
                Some(cell)
            }
            TurnEnd::OverBudget { limit, left } => Some(Self::over_budget(*limit, left)),
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
        traceback.extend(
            self.kind
                .guide()
                .map(|page| format!("`%help guide {page}` tells more.")),
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

/// Says what of a turn that ended early is in the conversation, and what to do next.
fn what_is_kept(left: &Left) -> &'static str {
    match (&left.kept, left.sandbox_is_lost) {
        (Some(turn), _) if turn.cut.is_none() => {
            "The answer is in the conversation. Files that were still coming are not saved."
        }
        (Some(_), true) => {
            "Its words are in the conversation. Its steps are not: their sandbox was new, and a \
             sandbox is known by name only when an answer ends. `%continue` goes on in a new one."
        }
        (Some(_), false) if left.was_in_step => {
            "What is shown is in the conversation, except the step that was running; its command \
             may still be running in the sandbox. `%continue` goes on from there."
        }
        (Some(_), false) => "What is shown is in the conversation: `%continue` goes on from there.",
        (None, true) => {
            "Nothing of it is in the conversation: the sandbox of its steps was new, and a sandbox \
             is known by name only when an answer ends. Run the cell again."
        }
        (None, false) if left.had_begun => {
            "Nothing of it is in the conversation: run the cell again."
        }
        (None, false) => "Nothing of the answer had come: run the cell again.",
    }
}

fn whose(limit: Limit) -> &'static str {
    match limit {
        Limit::Total => "the budget of this notebook",
        Limit::Cell => "the budget of this cell",
    }
}
