//! Scripts: what the stand-in for the model says and does, as Markdown.
//!
//! Pure: parsing text, matching a prompt. Playing a script is the server's business.

/// One thing a scripted turn does, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A quote: thinking.
    Thinking(String),
    /// Prose, streamed as a text block; `{{name}}` stands for a variable a step wrote.
    Prose(String),
    /// A `bash` fence: `bash_code_execution`.
    Bash(String),
    /// A `python` fence: `bash_code_execution` with a heredoc.
    Python(String),
    /// A `python repl` fence: `code_execution` in the container's one interpreter.
    Repl(String),
    /// A `create PATH`, `view PATH` or `str_replace PATH` fence: the text editor.
    Edit(Edit),
    /// A `json block` fence: any block, sent as it is.
    Block(serde_json::Value),
    /// `<!-- stop: pause_turn -->`, `<!-- stop: refusal cyber -->`, `<!-- stop: max_tokens -->`.
    Stop(Vec<String>),
    /// `<!-- fault: … -->`: something that goes wrong here (see `faults`).
    Fault(String),
}

/// A text-editor call.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Write a file.
    Create { path: String, text: String },
    /// Show a file.
    View { path: String },
    /// Replace one occurrence.
    Replace {
        path: String,
        old: String,
        new: String,
    },
}
