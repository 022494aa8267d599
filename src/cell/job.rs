//! What the kernel does for a magic before the prompt is sent: data, nothing else.

use serde_json::Value;

/// How long a call may take when nothing is said, in seconds. Code in the sandbox waits 270 s.
pub const DEFAULT_TIMEOUT_S: u64 = 120;

/// What the kernel does for a magic. Each subject has an enum of its own; `kernel::magics` performs
/// them.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// `%models`: ask the API, then show.
    ListModels,
    /// Files in and out.
    Files(FilesJob),
    /// `%last`: show the last answer again.
    ShowLast,
    /// `%export`.
    Export(ExportJob),
    /// `%resume`.
    Resume(ResumeJob),
    /// `%%tool`, `%mcp`.
    Tools(ToolJob),
    /// `%reset sandbox --replay`: run again what ran.
    Replay,
    /// What the sandbox has installed.
    Packages(PackagesJob),
    /// `%continue`: ask Claude to go on.
    Continue,
    /// `%compact`: put a summary in the place of the turns above.
    Compact {
        /// What to keep, in the person's words.
        instructions: Option<String>,
    },
}

/// What the kernel does for the magics about files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesJob {
    /// Attach files to the next turn.
    Attach {
        /// Paths and patterns as typed, without quotes.
        paths: Vec<String>,
        /// Where they go.
        to: Destination,
    },
    /// Show inputs and artifacts.
    List {
        /// Whether files of other notebooks are listed too.
        all: bool,
    },
    /// Copy an artifact, or fetch what could not be fetched.
    Get {
        /// Its name; `None` for all that could not be fetched.
        name: Option<String>,
        /// Where to; the working directory when `None`.
        to: Option<String>,
        /// Whether a file that is there may be replaced.
        force: bool,
    },
    /// Remove every input from the API.
    Clear,
    /// Remove an input from the API.
    Remove {
        /// Its name.
        name: String,
        /// Whether an artifact on this machine goes, too.
        local: bool,
    },
}

/// Where an attached file goes; nothing chosen leaves it to the file's type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Destination {
    /// Claude sees it as an image.
    pub image: bool,
    /// Claude reads it as a document.
    pub document: bool,
    /// Code in the sandbox can open it.
    pub sandbox: bool,
}

impl Destination {
    /// Returns whether the type of the file decides.
    #[must_use]
    pub fn is_open(self) -> bool {
        self == Self::default()
    }
}

/// What `%export` writes, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportJob {
    /// What is made.
    pub form: ExportForm,
    /// Where to; beside the notebook when `None`.
    pub to: Option<String>,
    /// Whether attempts that failed are kept.
    pub keeps_failed: bool,
    /// Whether a file that is there may be replaced.
    pub force: bool,
}

/// What the code of a notebook is made into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportForm {
    /// A notebook for ipykernel.
    #[default]
    Notebook,
    /// A Python script.
    Python,
    /// Markdown.
    Markdown,
}

impl ExportForm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Notebook, Self::Python, Self::Markdown];

    /// Returns the word that asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::Python => "py",
            Self::Markdown => "markdown",
        }
    }
}

/// Which conversation to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeJob {
    /// The last one of this notebook.
    Last,
    /// Show which there are.
    List,
    /// The one with this id, or whose id begins so.
    Id(String),
}

/// What the kernel does for `%packages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackagesJob {
    /// Show all; asks the sandbox unless it was asked before.
    List {
        /// Ask again.
        refresh: bool,
    },
    /// Answer for one, without asking.
    About {
        /// Its name, as it is installed or imported.
        name: String,
    },
}

/// What `%%tool` and `%mcp` ask the kernel to do.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolJob {
    /// Run Python and make tools of its functions.
    Python {
        /// The source.
        source: String,
        /// Functions to take; empty for every public one.
        names: Vec<String>,
        /// How they are called.
        options: ToolOptions,
    },
    /// Make a tool of a command.
    Command {
        /// The tool's name.
        name: String,
        /// What Claude is told.
        description: String,
        /// `input_schema`.
        schema: Value,
        /// What runs.
        line: CommandLine,
        /// How it is called.
        options: ToolOptions,
    },
    /// Show the tools.
    List,
    /// Say which Python runs them, with its whole path.
    Where,
    /// Remove tools.
    Remove(Vec<String>),
    /// Remove all tools and servers, because everything begins again.
    Clear,
    /// Add a server, and its tools.
    AddServer {
        /// What it is called here; begins its tools' names.
        name: String,
        /// A URL, or a command and its arguments.
        words: Vec<String>,
        /// The environment variable that holds its bearer token.
        token_variable: Option<String>,
        /// Tools to take; empty for all.
        only: Vec<String>,
        /// How they are called.
        options: ToolOptions,
    },
    /// Show the servers.
    ListServers,
    /// Remove servers.
    RemoveServers(Vec<String>),
}

/// How a tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolOptions {
    /// Ask the person before each call.
    pub ask: bool,
    /// Not from code in the sandbox.
    pub direct: bool,
    /// The longest a call may take.
    pub timeout_s: u64,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            ask: false,
            direct: false,
            timeout_s: DEFAULT_TIMEOUT_S,
        }
    }
}

/// What a command tool runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandLine {
    /// Words, in which `{name}` stands for an argument. No shell.
    Words(Vec<String>),
    /// A script for bash; arguments are variables of the same names.
    Script(String),
}
