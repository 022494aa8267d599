//! Steps in a row, as one output of a page: an answer begins with the answer, not with ten folds.
//!
//! While the row grows, its output is drawn again at each step, but only with the newest of them
//! (at most [`MAX_DRAWN_BYTES`]); all of them are sent once, when the row ends. So the bytes grow
//! in proportion to the steps. The title tells how many steps there were and what failed, and no
//! time: a run that is repeated must give the same notebook. The time that passes is in the status
//! line, which does not stay.

use serde_json::{Value, json};

use super::display_mode::DisplayMode;
use super::screen::{Form, SlotId, Terminal, boundary, fold, machine, quiet};
use super::step::{Parts, Step};
use super::{foreign, markdown};
use crate::jupyter::mime::MimeBundle;

/// The most steps in one output. Then another output begins, because front ends draw an output as
/// a whole.
const MAX_STEPS: usize = 40;
/// How much of earlier steps is drawn while the row grows.
const MAX_DRAWN_BYTES: usize = 4_000;

/// Steps in a row.
#[derive(Debug)]
pub(crate) struct Group {
    /// The place of the output.
    pub(crate) place: SlotId,
    /// Whether the next step joins this row.
    pub(crate) is_open: bool,
    /// Whether the place holds all that is known.
    pub(crate) is_shown: bool,
    members: Vec<Member>,
}

#[derive(Debug)]
enum Member {
    Step {
        step: Box<Step>,
        /// The step's closed fold; made once, when the result has come.
        shown: String,
    },
    Thinking(String),
}

impl Group {
    /// Begins a row with a step. `is_open` says whether more may join.
    pub(crate) fn new(place: SlotId, step: Step, is_open: bool) -> Self {
        let mut group = Self {
            place,
            is_open,
            is_shown: false,
            members: Vec::new(),
        };
        group.add(step);
        group
    }

    /// Adds a step.
    pub(crate) fn add(&mut self, step: Step) {
        self.is_shown = false;
        self.members.push(Member::Step {
            step: Box::new(step),
            shown: String::new(),
        });
    }

    /// Adds what Claude thought between two steps.
    pub(crate) fn think(&mut self, text: &str) {
        self.is_shown = false;
        self.members.push(Member::Thinking(text.to_owned()));
    }

    /// Returns whether no more steps fit.
    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= MAX_STEPS
    }

    /// Returns the steps.
    pub(crate) fn steps(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.members.iter().filter_map(|member| match member {
            Member::Step { step, .. } => Some(&**step),
            Member::Thinking(_) => None,
        })
    }

    /// Returns the newest step with this id that has no result.
    pub(crate) fn waiting(&mut self, id: &str) -> Option<&mut Step> {
        let members = self.members.iter_mut().rev();
        let mut steps = members.filter_map(|member| match member {
            Member::Step { step, .. } => Some(&mut **step),
            Member::Thinking(_) => None,
        });
        steps.find(|step| step.id == id && step.result.is_none())
    }

    /// Returns whether all steps have results.
    pub(crate) fn is_over(&self) -> bool {
        self.steps().all(|step| step.result.is_some())
    }

    /// Returns whether the last step has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.steps().next_back().is_some_and(Step::failed)
    }

    /// Returns whether the row is one step and nothing else.
    pub(crate) fn is_one(&self) -> bool {
        self.members.len() == 1
    }

    /// Returns the form while the row may grow, in Markdown.
    pub(crate) fn draft(&mut self) -> String {
        for member in &mut self.members {
            if let Member::Step { step, shown } = member
                && shown.is_empty()
                && step.result.is_some()
            {
                *shown = step.parts(false, DisplayMode::Live).markdown;
            }
        }
        let mut drawn = Vec::new();
        let mut bytes = 0;
        for member in self.members.iter().rev() {
            let text = member.drawn();
            bytes += text.len();
            if bytes > MAX_DRAWN_BYTES && !drawn.is_empty() {
                break;
            }
            drawn.push(text);
        }
        if self.is_one() {
            return drawn.pop().unwrap_or_default();
        }
        let left_out = self.members.len() - drawn.len();
        if left_out > 0 {
            drawn.push(quiet(&format!(
                "What comes before this ({left_out} of {}) is shown when all are over.",
                self.members.len()
            )));
        }
        drawn.reverse();
        let now = self.steps().next_back().map(Step::summary);
        let title = format!("{} · {}", self.count(), now.unwrap_or_default());
        fold(&title, &boundary(&drawn.join("\n\n")), false)
    }

    /// Returns the final form. `is_open` says whether the last step is unfolded.
    pub(crate) fn form(&self, is_open: bool, client: DisplayMode) -> Form {
        if let (true, Some(step)) = (self.is_one(), self.steps().next()) {
            return step.form(is_open, client);
        }
        let last = self
            .members
            .iter()
            .rposition(|member| matches!(member, Member::Step { .. }));
        let (mut shown, mut plain, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
        for (at, member) in self.members.iter().enumerate() {
            match member {
                Member::Step { step, .. } => {
                    let parts = step.parts(is_open && last == Some(at), client);
                    let Parts {
                        markdown,
                        plain: text,
                        kernel: data,
                        ..
                    } = parts;
                    shown.push(markdown);
                    plain.push(text);
                    kernel.push(Value::Object(data));
                }
                Member::Thinking(text) => {
                    shown.push(member.drawn());
                    plain.push(format!("Thinking\n\n{}\n", foreign::prose(text).trim_end()));
                }
            }
        }
        let steps = kernel.len();
        let mut body = shown.join("\n\n");
        if steps > 1 {
            let (title, plain_title) = self.title();
            body = fold(&title, &boundary(&body), is_open);
            plain.insert(0, format!("{plain_title}\n"));
        }
        let kernel = match (steps, kernel.pop()) {
            (1, Some(data)) => data,
            (_, last) => {
                kernel.extend(last);
                json!({ "block": "steps", "steps": kernel })
            }
        };
        Form {
            data: MimeBundle::markdown(body, plain.join("\n")),
            metadata: machine(kernel),
            terminal: Terminal::Text(Vec::new()),
            streams: Vec::new(),
        }
    }

    fn count(&self) -> String {
        match self.steps().count() {
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        }
    }

    /// Returns what the steps were and what became of them, as Markdown and as plain text.
    fn title(&self) -> (String, String) {
        let count = self.count();
        let failed = self.steps().filter(|step| step.failed()).count();
        let end = match (failed, self.steps().next_back()) {
            (_, Some(last)) if last.result.is_none() => "stopped before the last result".to_owned(),
            (0, _) => return (count.clone(), count),
            (1, Some(last)) if last.failed() => "the last failed".to_owned(),
            (failed, Some(last)) if last.failed() => format!("{failed} failed, also the last"),
            (failed, _) => {
                let plain = format!("{count} · {failed} failed and recovered");
                return (plain.clone(), plain);
            }
        };
        let markdown = format!("{count} · <b>{end}</b>");
        (markdown, format!("{count} · {end}"))
    }
}

impl Member {
    /// Returns the member as it stands in the row; a step is folded.
    fn drawn(&self) -> String {
        match self {
            Self::Step { step, shown } if shown.is_empty() => step.running(),
            Self::Step { shown, .. } => shown.clone(),
            Self::Thinking(text) => fold("Thinking", &boundary(&markdown::neutralise(text)), false),
        }
    }
}
