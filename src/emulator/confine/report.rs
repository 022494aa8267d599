//! What the confined side tells the asking side: one JSON value in each line, in a file that is
//! opened before any right is given up.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::protection::Protection;

/// The protection that comes from a process namespace.
pub(crate) const PROCESSES: &str = "no access to other processes";

/// A line of the report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Line {
    /// What holds, written before anything is started.
    Protections(Vec<Protection>),
    /// The command is running.
    Started,
    /// Namespaces work only in part: the call must be tried again without them.
    Stuck(String),
    /// The command cannot be started.
    Refused(String),
    /// The supervisor has ended the command, for this reason.
    Ended(String),
}

/// The open report. If the file stays empty, the asking side concludes that the call never started.
#[derive(Debug)]
pub(super) struct Report {
    file: Option<File>,
}

impl Report {
    pub(super) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().append(true).open(path).ok();
        Self { file }
    }

    pub(super) fn add(&mut self, line: &Line) {
        if let (Some(file), Ok(mut text)) = (&mut self.file, serde_json::to_string(line)) {
            text.push('\n');
            let _full_disk = file.write_all(text.as_bytes());
        }
    }
}

/// Why a mechanism does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WhyNot {
    /// The asking side did not want the mechanism.
    #[error("not used")]
    NotUsed,
    /// The mechanism works only in namespaces, and there are none.
    #[error("needs namespaces")]
    NeedsNamespaces,
    /// The system has no such mechanism.
    #[error("{0}")]
    System(&'static str),
    /// The system refused a step.
    #[error("{what}: {reason}")]
    Step {
        /// Which step.
        what: String,
        /// The reason that the system gave.
        reason: String,
    },
    /// The system refused the whole mechanism.
    #[error("{0}")]
    Refused(String),
}

impl WhyNot {
    /// A step that failed.
    pub(super) fn step(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Step {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

/// Which mechanisms work, and why the others do not.
pub(super) struct Found {
    pub(super) namespaces: Result<(), WhyNot>,
    pub(super) root: Result<(), WhyNot>,
    pub(super) rules: Result<(), WhyNot>,
    pub(super) limited: Result<(), WhyNot>,
    pub(super) privileges: Result<(), WhyNot>,
    pub(super) calls: Result<(), WhyNot>,
}

/// Says which protections these mechanisms give.
pub(super) fn protections(found: &Found) -> Vec<Protection> {
    let missing = |what: &str, why: &Result<(), WhyNot>| {
        why.as_ref().err().map(|why| format!("{what}: {why}"))
    };
    let namespaces = missing("namespaces", &found.namespaces);
    let files = match (&found.root, &found.rules) {
        (Err(root), Err(rules)) => Some(format!("private root: {root}; Landlock: {rules}")),
        _ => None,
    };
    let entry = |name: &str, why_not: Option<String>| Protection {
        name: name.to_owned(),
        active: why_not.is_none(),
        why_not,
    };
    let limits = missing("limits", &found.limited)
        .or_else(|| (!cfg!(target_os = "linux")).then(|| "processes are not counted here".into()));
    vec![
        entry("no network", namespaces.clone()),
        entry("no access to other files", files),
        entry(PROCESSES, namespaces),
        entry("limited memory, processes and time", limits),
        entry("no new privileges", missing("prctl", &found.privileges)),
        entry(
            "no key rings, no sockets but those of the network",
            missing("seccomp", &found.calls),
        ),
    ]
}
