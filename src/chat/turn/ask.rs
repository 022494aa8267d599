//! What is asked: everything about a turn that is known before the first request is sent, and that
//! no repair changes.

use crate::chat::conversation::order::CellKey;
use crate::chat::input::Attachment;
use crate::chat::recording::asked::Asked;
use crate::chat::replay::Replay;
use crate::chat::settings::Settings;
use crate::chat::structured::Wanted;
use crate::chat::verbatim::Verbatim;

/// One question, or another reason to call the API: a summary, or work of the kernel's own.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The cell that asks.
    pub cell: CellKey,
    /// The settings that hold for this turn.
    pub settings: Settings,
    /// What the person asks, with variables filled in.
    pub prompt: String,
    /// The files that go with the prompt, in order.
    pub attachments: Vec<Attachment>,
    /// The structured result that the turn ends with, if one is wanted.
    pub wanted: Option<Wanted>,
    /// The code that the turn runs as it stands, if there is any.
    pub verbatim: Option<Verbatim>,
    /// The steps of earlier turns, if the prompt asks Claude to run them again.
    pub replay: Option<Replay>,
    /// The files of recorded answers above that go into the sandbox with the question; `None` if
    /// there are no such answers that the sandbox does not know of.
    pub restored: Option<Vec<String>>,
    /// What is asked, by digests, if the turn is recorded.
    pub asked: Option<Asked>,
    /// What the turn is for.
    pub kind: Kind,
}

/// What a turn is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The turn of a cell: Claude sees what stands above the cell, and the turn enters the history.
    Cell,
    /// A summary of what stands above the cell. It does not enter the history as a turn.
    Compaction {
        /// What the person wants of the summary.
        instructions: Option<String>,
    },
    /// Work of the kernel's own: Claude sees no history, nothing is shown, and the turn does not
    /// enter the history.
    Hidden,
}

impl Ask {
    /// Makes an ask that consists of a prompt.
    #[must_use]
    pub fn of(cell: CellKey, settings: Settings, prompt: impl Into<String>) -> Self {
        Self {
            cell,
            settings,
            prompt: prompt.into(),
            attachments: Vec::new(),
            wanted: None,
            verbatim: None,
            replay: None,
            asked: None,
            restored: None,
            kind: Kind::Cell,
        }
    }

    /// Makes the ask for a summary.
    #[must_use]
    pub fn compaction(cell: CellKey, settings: Settings, instructions: Option<&str>) -> Self {
        Self {
            kind: Kind::Compaction {
                instructions: instructions.map(str::to_owned),
            },
            ..Self::of(cell, settings, "")
        }
    }
}
