//! Which conversation a kernel writes: a new one, or the one that was there.
//!
//! Edge: reads and makes files, on a thread of its own.
//!
//! The rule: if a kernel was restarted on purpose, it begins afresh and says what `%resume` would
//! continue. If it died and Jupyter started it again, it goes on where it was. The setting `resume`
//! changes this to `auto` or `off`. Without a notebook, or if nobody watches, nothing is continued
//! by itself.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::Options;
use super::entry::{FORMAT, Header, VERSION};
use super::folder::{self, Folder, Listed, Opened, Refused};
use super::read::{Contents, Damage, Unreadable};
use super::summary::{self, Summary};
use super::writer::Writer;
use crate::config::Resume;
use crate::host::unnumbered;
use crate::notebook::recordings::Found;

/// Journals of a notebook that are looked at to find one in which something was said.
const LOOKED_AT: usize = 10;

/// What is known when a journal is chosen.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The kernel's options.
    pub options: Options,
    /// Whether nobody watches.
    pub headless: bool,
    /// The time.
    pub now: DateTime<Utc>,
    /// A fresh id.
    pub id: String,
}

/// A journal that is ready.
#[derive(Debug)]
pub struct Begun {
    /// Where lines go, and what the conversation is called; `None` when they go nowhere.
    pub writer: Option<(Writer, String)>,
    /// What was chosen.
    pub chosen: Chosen,
    /// Why it is not being saved.
    pub trouble: Option<String>,
}

/// What was chosen.
#[derive(Debug, Default)]
pub struct Chosen {
    /// What the person should know, a sentence or two.
    pub notice: Option<String>,
    /// What is continued.
    pub continued: Option<Box<Contents>>,
    /// Whether turns stay with the conversation that is left.
    pub left_turns: bool,
    /// Whether the notebook has an earlier conversation on this machine.
    pub has_earlier: bool,
    /// The recordings of the earlier conversation.
    pub recordings: Vec<Found>,
}

impl Chosen {
    pub(super) fn next_turn(&self) -> u64 {
        let continued = self.continued.as_ref();
        continued.map_or(1, |contents| contents.next_turn)
    }

    pub(super) fn has_turns(&self) -> bool {
        self.continued.is_some()
    }
}

/// Why a conversation is not continued: what is wrong, and what to do next.
pub type Refusal = (String, String);

/// Chooses at the first cell.
pub async fn begin(opening: Opening) -> Begun {
    let chosen = tokio::task::spawn_blocking(move || choose(&opening));
    chosen.await.unwrap_or_else(|error| Begun {
        writer: None,
        chosen: Chosen::default(),
        trouble: Some(error.to_string()),
    })
}

/// Continues a conversation by its id, or the last one of this notebook.
///
/// # Errors
/// When there is none, or it cannot be continued.
pub async fn resume(
    opening: Opening,
    id: Option<String>,
    current: Option<String>,
) -> Result<Begun, Refusal> {
    let resumed = tokio::task::spawn_blocking(move || {
        read_earlier(&opening, id.as_deref(), current.as_deref())
    });
    resumed.await.unwrap_or_else(|_| {
        Err((
            "the conversation could not be read".to_owned(),
            "The log says more.".to_owned(),
        ))
    })
}

/// Takes away a journal in which nothing was said.
pub async fn forget(path: PathBuf) {
    let _gone = tokio::task::spawn_blocking(move || folder::remove(&path)).await;
}

fn choose(opening: &Opening) -> Begun {
    let Some(folder) = opening.options.folder() else {
        return Begun {
            writer: None,
            chosen: Chosen::default(),
            trouble: None,
        };
    };
    if let Some(keep) = opening.options.keep {
        let expired = folder.expire(keep, opening.now.into());
        if expired > 0 {
            tracing::info!(
                expired,
                "old conversations were taken away (`journal_keep_days`)"
            );
        }
    }
    let notebook = match (opening.headless, opening.options.resume) {
        (false, Resume::Ask | Resume::Auto) => opening.options.notebook_name(),
        (true, _) | (_, Resume::Off) => None,
    };
    let found = notebook.and_then(|notebook| earlier(&folder, &notebook));
    let mut recordings = Vec::new();
    let notice = match found {
        None => None,
        Some(Err(notice)) => Some(notice),
        Some(Ok((listed, mut contents))) => {
            let why = why(opening, &contents);
            let turns = turns(&Summary::of(&contents));
            recordings = std::mem::take(&mut contents.recordings);
            match why.map(|why| (why, folder::open(&listed.path))) {
                None => Some(format!(
                    "An earlier conversation of this notebook has {turns}: `%resume` continues it."
                )),
                Some((why, Ok((contents, Some(opened))))) => {
                    return continued(opening, contents, opened, |turns| why.sentence(turns));
                }
                Some((_, Ok((_, None)))) => Some(damaged(&listed.path)),
                Some((_, Err(error))) => Some(refused(&listed.path, &error)),
            }
        }
    };
    let mut begun = fresh(opening, &folder, notice);
    begun.chosen.recordings = recordings;
    begun
}

/// Why a conversation is continued without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Setting,
    Crash,
}

impl Why {
    fn sentence(self, turns: &str) -> String {
        match self {
            Self::Setting => format!(
                "The conversation of this notebook goes on ({turns}). `%reset` begins a new one."
            ),
            Self::Crash => format!(
                "The kernel had ended unexpectedly. Its conversation goes on ({turns}). `%reset` begins a new one."
            ),
        }
    }
}

fn why(opening: &Opening, contents: &Contents) -> Option<Why> {
    let last = contents.sessions.last();
    let same_kernel = last.is_some_and(|session| {
        session.connection.is_some() && session.connection == opening.options.connection
    });
    let crashed = last.is_some_and(|session| !session.closed);
    if opening.options.resume == Resume::Auto {
        Some(Why::Setting)
    } else {
        (same_kernel && crashed).then_some(Why::Crash)
    }
}

/// The last conversation of a notebook in which something was said; or what is wrong with it.
fn earlier(folder: &Folder, notebook: &str) -> Option<Result<(Listed, Contents), String>> {
    let listed = match folder.of_notebook(Some(notebook)) {
        Ok(listed) => listed,
        Err(error) => {
            let path = folder.path().display();
            return Some(Err(format!(
                "Earlier conversations cannot be read: {}. (`{path}`)",
                unnumbered(&error)
            )));
        }
    };
    for file in listed.into_iter().take(LOOKED_AT) {
        match folder::read(&file.path) {
            Ok(contents) if !contents.has_turns() => {}
            Ok(contents) if contents.damage.is_some() => {
                return Some(Err(damaged(&file.path)));
            }
            Ok(_) if folder::is_in_use(&file.path) => {
                return Some(Err(refused(&file.path, &Refused::InUse)));
            }
            Ok(contents) => return Some(Ok((file, contents))),
            // A crash of the machine may have emptied the file, or somebody else may have made it.
            Err(Refused::Unreadable(Unreadable::Foreign)) => {}
            Err(error) => return Some(Err(refused(&file.path, &error))),
        }
    }
    None
}

fn damaged(path: &Path) -> String {
    let id = summary::id_of(path);
    format!(
        "The earlier conversation of this notebook is damaged and stays as it is (`{}`). `%resume {id}` continues what can be read of it, in a new file.",
        path.display()
    )
}

fn refused(path: &Path, error: &Refused) -> String {
    match error {
        Refused::InUse => "Another kernel is using the conversation of this notebook: this one begins a conversation of its own.".to_owned(),
        Refused::Unreadable(Unreadable::Newer { .. } | Unreadable::Kind { .. }) => format!(
            "The earlier conversation of this notebook is left as it is: {}. This kernel begins a new one. Update claude-kernel to continue it. (`{}`)",
            unnumbered(error),
            path.display()
        ),
        Refused::Unreadable(Unreadable::Foreign) | Refused::TooLarge(_) | Refused::Disk(_) => format!(
            "The earlier conversation of this notebook cannot be continued: {}. This kernel begins a new one. (`{}`)",
            unnumbered(error),
            path.display()
        ),
    }
}

fn fresh(opening: &Opening, folder: &Folder, notice: Option<String>) -> Begun {
    let has_earlier = notice.is_some();
    let made = folder
        .create(&header(opening))
        .and_then(|opened| start(opening, opened));
    let (writer, notice, trouble) = match made {
        Ok(writer) => (Some(writer), notice, None),
        Err(error) => {
            let path = folder.path().display();
            tracing::warn!(%error, %path, "conversations are not saved");
            let unsaved = format!(
                "This conversation is not being saved: {}. It goes on, but a restarted kernel will not know it. (`{path}`)",
                unnumbered(&error)
            );
            (
                None,
                Some(
                    [notice, Some(unsaved)]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>()
                        .join("\n"),
                ),
                Some(error.to_string()),
            )
        }
    };
    Begun {
        writer,
        trouble,
        chosen: Chosen {
            notice,
            continued: None,
            left_turns: false,
            has_earlier,
            recordings: Vec::new(),
        },
    }
}

fn header(opening: &Opening) -> Header {
    let notebook = opening.options.notebook_name();
    Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        kernel: env!("CARGO_PKG_VERSION").to_owned(),
        id: opening.id.chars().take(summary::ID_LENGTH).collect(),
        // A headless run may inherit an environment that names another notebook.
        notebook: notebook.filter(|_| !opening.headless),
        created: opening.now,
        offline: opening.options.offline,
    }
}

fn start(opening: &Opening, opened: Opened) -> std::io::Result<(Writer, String)> {
    let Opened { file, path, bytes } = opened;
    let id = summary::id_of(&path);
    let Options {
        max_bytes,
        redactor,
        ..
    } = &opening.options;
    let writer = Writer::start(file, path, bytes, *max_bytes, redactor.clone())?;
    Ok((writer, id))
}

fn continued(
    opening: &Opening,
    mut contents: Contents,
    opened: Opened,
    sentence: impl Fn(&str) -> String,
) -> Begun {
    let summary = Summary::of(&contents);
    let recordings = std::mem::take(&mut contents.recordings);
    let mut notice = sentence(&turns(&summary));
    if summary.is_cut_off {
        notice.push_str(" The last turn was cut off: `%last` shows what had arrived of it.");
    }
    let chosen = Chosen {
        notice: Some(notice),
        continued: Some(Box::new(contents)),
        left_turns: false,
        has_earlier: true,
        recordings,
    };
    match start(opening, opened) {
        Ok(writer) => Begun {
            writer: Some(writer),
            chosen,
            trouble: None,
        },
        Err(error) => Begun {
            writer: None,
            trouble: Some(error.to_string()),
            chosen: Chosen {
                notice: Some(format!(
                    "{} It is not being saved: {}.",
                    chosen.notice.unwrap_or_default(),
                    unnumbered(&error)
                )),
                ..chosen
            },
        },
    }
}

fn read_earlier(
    opening: &Opening,
    id: Option<&str>,
    current: Option<&str>,
) -> Result<Begun, Refusal> {
    let none = || {
        (
            "there is no earlier conversation to continue".to_owned(),
            "`%resume list` shows what is there.".to_owned(),
        )
    };
    let folder = opening.options.folder().ok_or_else(none)?;
    let path = match id {
        Some(id) => summary::find(&folder, id)?,
        None => {
            let notebook = opening.options.notebook_name();
            let Some(notebook) = notebook.filter(|_| !opening.headless) else {
                return Err((
                    "this kernel does not know its notebook, so it cannot tell which conversation to continue".to_owned(),
                    "`%resume list` shows them, `%resume ID` continues one.".to_owned(),
                ));
            };
            let listed = folder.of_notebook(Some(&notebook)).unwrap_or_default();
            let file = listed.into_iter().find(|file| {
                current != Some(summary::id_of(&file.path).as_str())
                    && !matches!(folder::read(&file.path), Ok(contents) if !contents.has_turns())
            });
            file.ok_or_else(none)?.path
        }
    };
    if current == Some(summary::id_of(&path).as_str()) {
        return Err((
            "this is the conversation that is running".to_owned(),
            "`%history` shows it; `%resume list` shows the others.".to_owned(),
        ));
    }
    let refusal = |error: Refused| {
        let what = format!(
            "this conversation cannot be continued: {}",
            unnumbered(&error)
        );
        let next = match error {
            Refused::InUse => "Shut that kernel down first, or `%resume list` for another one.",
            Refused::Unreadable(Unreadable::Newer { .. } | Unreadable::Kind { .. }) => {
                "Update claude-kernel. The file stays as it is."
            }
            Refused::Unreadable(Unreadable::Foreign) | Refused::TooLarge(_) | Refused::Disk(_) => {
                "`%resume list` shows the others."
            }
        };
        (what, next.to_owned())
    };
    let said = |turns: &str| format!("The earlier conversation goes on ({turns}).");
    match folder::open(&path).map_err(refusal)? {
        (contents, Some(opened)) => Ok(continued(opening, contents, opened, said)),
        (contents, None) => {
            let copy = folder.copy(&path, &header(opening)).map_err(refusal)?;
            let place = contents
                .damage
                .as_ref()
                .map(Damage::place)
                .unwrap_or_default();
            Ok(continued(opening, contents, copy, |turns| {
                format!(
                    "The file is damaged at {place} and stays as it is (`{}`). All other lines go on in a new one ({turns}).",
                    path.display()
                )
            }))
        }
    }
}

fn turns(summary: &Summary) -> String {
    match summary.turns.len() {
        1 => "1 turn".to_owned(),
        count => format!("{count} turns"),
    }
}
