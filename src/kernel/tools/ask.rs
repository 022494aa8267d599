//! `--ask`: the person is asked before a call, through Jupyter's stdin, one question at a time.
//!
//! Pure: which question is open and what a reply means. `kernel::turn` sends and receives.

use std::collections::VecDeque;

use serde_json::Value;

use crate::cell::shown::clip;
use crate::chat::turn::{ToolCall, ToolResult};

/// Characters of the arguments in a question.
const MAX_SHOWN: usize = 600;

/// Calls that wait for the person.
#[derive(Debug, Default)]
pub struct Asking {
    waiting: VecDeque<ToolCall>,
    /// The first of them is on the screen.
    is_open: bool,
}

/// What a reply means.
#[derive(Debug)]
pub enum Decision {
    /// Run it.
    Run(ToolCall),
    /// Run it, and do not ask for this tool again.
    Always(ToolCall),
    /// Tell Claude that the person did not want it.
    Declined(ToolCall, ToolResult),
}

impl Asking {
    /// Adds a call.
    pub fn push(&mut self, call: ToolCall) {
        self.waiting.push_back(call);
    }

    /// Returns the prompt to send now, if there is one.
    pub fn question(&mut self) -> Option<String> {
        if self.is_open {
            return None;
        }
        let call = self.waiting.front()?;
        self.is_open = true;
        Some(format!(
            "Claude wants to call {}({}). Allow it? [y]es, [n]o, [a]lways: ",
            call.name,
            clip(&arguments(&call.input), MAX_SHOWN)
        ))
    }

    /// Takes the reply to the open question; `None` when there is none.
    pub fn reply(&mut self, text: &str) -> Option<Decision> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        let call = self.waiting.pop_front()?;
        let said = text.trim();
        Some(match said.to_ascii_lowercase().as_str() {
            "y" | "yes" => Decision::Run(call),
            "a" | "always" => Decision::Always(call),
            "" | "n" | "no" | "\u{4}" => {
                let result = declined("The person did not allow this call.");
                Decision::Declined(call, result)
            }
            _ => {
                let said = clip(said, MAX_SHOWN);
                let text = format!("The person did not allow this call and said: {said}");
                Decision::Declined(call, declined(&text))
            }
        })
    }
}

/// What Claude is told of a call that was not run.
#[must_use]
pub fn declined(why: &str) -> ToolResult {
    ToolResult {
        content: Value::String(why.to_owned()),
        is_error: true,
        ..ToolResult::default()
    }
}

/// Arguments as they would be written in Python. JSON keeps control characters out of a terminal.
fn arguments(input: &Value) -> String {
    let Value::Object(arguments) = input else {
        return input.to_string();
    };
    let pairs: Vec<String> = arguments
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(id: &str) -> ToolCall {
        ToolCall {
            ordinal: 0,
            id: id.to_owned(),
            name: "mine".to_owned(),
            input: json!({"x": 1, "y": "a\u{1b}[2J"}),
            from_code: false,
        }
    }

    #[test]
    fn one_question_at_a_time_and_only_yes_is_yes() {
        let mut asking = Asking::default();
        assert!(asking.question().is_none() && asking.reply("y").is_none());
        for id in ["1", "2", "3", "4"] {
            asking.push(call(id));
        }
        let question = asking.question().unwrap();
        assert_eq!(
            question,
            "Claude wants to call mine(x=1, y=\"a\\u001b[2J\"). Allow it? [y]es, [n]o, [a]lways: "
        );
        assert!(asking.question().is_none());
        assert!(matches!(asking.reply(" Y\n"), Some(Decision::Run(call)) if call.id == "1"));
        for (said, told) in [
            ("", "The person did not allow this call."),
            (
                "use the other table",
                "The person did not allow this call and said: use the other table",
            ),
        ] {
            asking.question().unwrap();
            let Some(Decision::Declined(_, result)) = asking.reply(said) else {
                panic!("{said}");
            };
            assert_eq!(result.content, told);
        }
        asking.question().unwrap();
        assert!(matches!(asking.reply("always"), Some(Decision::Always(_))));
    }
}
