//! The files that a person attached: which were uploaded, which wait for the next prompt, and which
//! sandbox has which of them.
//!
//! Pure. An upload block works only in the turn it is sent with
//! (`docs/protocol.md#files-into-the-sandbox`), so a sandbox that is new gets the files of earlier
//! turns once more. What changes is recorded, and comes back with its conversation. Invariant: ids
//! come from the API alone, by way of the journal at most, never from a notebook.

use chrono::{DateTime, Utc};

use crate::chat::conversation::files_of;
use crate::chat::input::Gone;
use crate::chat::record::{Record, TurnRecord};
use crate::chat::turn::facts::Files;

pub use crate::chat::input::{Attachment, Delivery, Input, VisibleAs};

/// A file that goes with the next prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    file_id: String,
    delivery: Delivery,
}

/// What the journal was not told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    /// A file is known, or goes another way.
    File(String),
    /// A file is gone.
    Gone(Gone),
}

/// All of them.
#[derive(Debug, Default)]
pub struct Inputs {
    uploaded: Vec<Input>,
    waiting: Vec<Waiting>,
    /// (container, file id): what lies where.
    placed: Vec<(String, String)>,
    removed: Vec<Gone>,
    /// Sandboxes that were made while this kernel ran. Any other, such as that of a conversation
    /// taken up again, is taken to have every file that it was given.
    watched: Vec<String>,
    /// When the API was last asked whether it has the files of the conversation.
    pub(super) asked_at: Option<DateTime<Utc>>,
    news: Vec<News>,
}

impl Inputs {
    /// Returns the files that were uploaded, oldest first.
    #[must_use]
    pub fn uploaded(&self) -> &[Input] {
        &self.uploaded
    }

    /// Returns whether a file waits for the next prompt.
    #[must_use]
    pub fn waits(&self, file_id: &str) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.file_id == file_id)
    }

    /// Finds a file that was uploaded with this content, under this name.
    #[must_use]
    pub fn same(&self, sha256: &str, name: &str, mime_type: &str) -> Option<&Input> {
        self.uploaded.iter().find(|input| {
            input.sha256 == sha256 && input.name == name && input.mime_type == mime_type
        })
    }

    /// Returns a name that no other file of this notebook has: a second `data.csv`, from another
    /// folder, would take the first one's place in the sandbox.
    #[must_use]
    pub fn free_name(&self, name: &str, path: &std::path::Path) -> String {
        let taken = |candidate: &str| {
            let mut others = self.uploaded.iter();
            others.any(|input| input.name == candidate && input.path != path)
        };
        if !taken(name) {
            return name.to_owned();
        }
        let folder = path.parent().and_then(std::path::Path::file_name);
        let folder = folder.map(|folder| plain_name(&folder.to_string_lossy()));
        let with_folder = folder.map(|folder| format!("{folder}_{name}"));
        let numbered = (2..=MAX_NUMBER).map(|number| match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{number}.{ending}"),
            _ => format!("{name}-{number}"),
        });
        let mut candidates = with_folder.into_iter().chain(numbered);
        candidates
            .find(|candidate| !taken(candidate))
            .unwrap_or_else(|| name.to_owned())
    }

    /// Notes an uploaded file; one of the same name from the same place is replaced by it.
    pub fn add(&mut self, input: Input) {
        self.news.push(News::File(input.file_id.clone()));
        self.uploaded.retain(|old| old.file_id != input.file_id);
        self.uploaded.push(input);
    }

    /// Notes that the API no longer has a file: earlier questions are sent without it.
    pub fn remove(&mut self, file_id: &str) {
        self.is_gone(&Gone {
            file_id: file_id.to_owned(),
            again: None,
        });
    }

    /// Returns whether a file is known to be gone from the API.
    #[must_use]
    pub fn is_removed(&self, file_id: &str) -> bool {
        self.removed.iter().any(|gone| gone.file_id == file_id)
    }

    /// Notes that a file which was gone from the API is there again, under another id.
    pub fn replace(&mut self, file_id: &str, again: Input) {
        self.is_gone(&Gone {
            file_id: file_id.to_owned(),
            again: Some(again.file_id.clone()),
        });
        self.add(again);
    }

    fn is_gone(&mut self, gone: &Gone) {
        self.lose(gone);
        self.news.push(News::Gone(gone.clone()));
    }

    fn lose(&mut self, gone: &Gone) {
        let Gone { file_id, again } = gone;
        self.uploaded.retain(|input| input.file_id != *file_id);
        match again {
            None => {
                self.waiting.retain(|waiting| waiting.file_id != *file_id);
                self.placed.retain(|(_, placed)| placed != file_id);
            }
            Some(again) => {
                let waiting = self.waiting.iter_mut().map(|waiting| &mut waiting.file_id);
                let placed = self.placed.iter_mut().map(|(_, placed)| placed);
                for id in waiting.chain(placed).filter(|id| *id == file_id) {
                    id.clone_from(again);
                }
                for earlier in &mut self.removed {
                    if earlier.again.as_ref() == Some(file_id) {
                        earlier.again = Some(again.clone());
                    }
                }
            }
        }
        self.removed.push(gone.clone());
    }

    /// Keeps a file for the next prompt.
    pub fn wait(&mut self, file_id: &str, visible_as: Option<VisibleAs>, sandbox: bool) {
        let Some(input) = self
            .uploaded
            .iter_mut()
            .find(|input| input.file_id == file_id)
        else {
            return;
        };
        input.visible_as = visible_as.or(input.visible_as);
        input.sandbox |= sandbox;
        self.goes(
            file_id,
            Delivery {
                visible_as,
                sandbox,
            },
        );
        self.news.push(News::File(file_id.to_owned()));
    }

    fn goes(&mut self, file_id: &str, delivery: Delivery) {
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|waiting| waiting.file_id == file_id) {
            Some(Waiting {
                delivery: known, ..
            }) => {
                known.visible_as = delivery.visible_as.or(known.visible_as);
                known.sandbox |= delivery.sandbox;
            }
            None => self.waiting.push(Waiting {
                file_id: file_id.to_owned(),
                delivery,
            }),
        }
    }

    /// Returns what waits, in the order it was attached.
    #[must_use]
    pub fn waiting(&self) -> Vec<Attachment> {
        let waiting = self.waiting.iter();
        waiting
            .map(|Waiting { file_id, delivery }| Attachment {
                name: self.name_of(file_id).unwrap_or_default().to_owned(),
                file_id: file_id.clone(),
                delivery: *delivery,
            })
            .collect()
    }

    /// Makes exactly these files wait, such as those that waited before a cell that failed.
    pub fn set_waiting(&mut self, attachments: &[Attachment]) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        self.news
            .extend(waiting.map(|waiting| News::File(waiting.file_id)));
        for attachment in attachments {
            let id = &attachment.file_id;
            if self.uploaded.iter().any(|input| input.file_id == *id) {
                self.goes(id, attachment.delivery);
                self.news.push(News::File(id.clone()));
            }
        }
    }

    /// Returns the facts about the files of questions, for a request that names this sandbox.
    #[must_use]
    pub fn files(&self, container: Option<&str>) -> Files {
        let is_watched = |id: &str| self.watched.iter().any(|known| known == id);
        let in_sandbox = match container {
            // If the sandbox is older than this kernel, it is taken to have every file.
            Some(id) if !is_watched(id) => None,
            _ => {
                let placed = self.placed.iter();
                let here = placed.filter(|(sandbox, _)| Some(sandbox.as_str()) == container);
                Some(here.map(|(_, file)| file.clone()).collect())
            }
        };
        Files {
            gone: self.removed.clone(),
            in_sandbox,
        }
    }

    /// Returns the sentence that a person is told of files that are uploaded to the sandbox again.
    #[must_use]
    pub fn sentence_of_files_again(&self, ids: &[String]) -> Option<String> {
        let names: Vec<&str> = ids.iter().filter_map(|id| self.name_of(id)).collect();
        let what = match names.as_slice() {
            _ if ids.is_empty() => return None,
            [] => "The files of earlier cells go".to_owned(),
            [name] => format!("`{name}` goes"),
            [names @ .., last] => format!("`{}` and `{last}` go", names.join("`, `")),
        };
        Some(format!("{what} to Claude's new sandbox, too."))
    }

    /// Returns the name of a file, if it is known.
    #[must_use]
    pub fn name_of(&self, file_id: &str) -> Option<&str> {
        let mut known = self.uploaded.iter();
        let known = known.find(|input| input.file_id == file_id);
        known.map(|input| input.name.as_str())
    }

    /// Notes that a turn is in the conversation: nothing waits any more, and its sandbox has what
    /// was uploaded with it.
    pub fn sent(&mut self, turn: &TurnRecord) {
        for waiting in std::mem::take(&mut self.waiting) {
            let mut known = self.uploaded.iter_mut();
            let count = turn.receipt.count;
            if let Some(input) = known.find(|input| input.file_id == waiting.file_id)
                && input.cells.last() != Some(&count)
            {
                input.cells.push(count);
            }
        }
        // The files of a recording went to another sandbox.
        let container = turn.container.as_ref();
        let Some(container) = container.filter(|_| turn.played.is_none()) else {
            return;
        };
        self.watch(container);
        let files = files_of(&turn.question).into_iter();
        for file in files.filter(|file| file.sandbox) {
            let pair = (container.clone(), file.file_id);
            if !self.placed.contains(&pair) {
                self.placed.push(pair);
            }
        }
        let surplus = self.placed.len().saturating_sub(MAX_PLACED);
        self.placed.drain(..surplus);
    }

    /// Notes that this kernel knows what a sandbox was given.
    pub fn watch(&mut self, container: &str) {
        if !self.watched.iter().any(|known| known == container) {
            self.watched.push(container.to_owned());
        }
    }

    /// Returns what the journal was not told yet.
    pub fn news(&mut self) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        let mut told: Vec<String> = Vec::new();
        // Only the last change of a file counts.
        for news in std::mem::take(&mut self.news).into_iter().rev() {
            match news {
                News::Gone(Gone { file_id, again }) => {
                    records.push(Record::InputGone { file_id, again });
                }
                News::File(file_id) => {
                    let known = self.uploaded.iter().find(|input| input.file_id == file_id);
                    if let Some(input) = known.filter(|_| !told.contains(&file_id)) {
                        let mut waiting = self.waiting.iter();
                        let waits = waiting.find(|waiting| waiting.file_id == file_id);
                        records.push(Record::Input {
                            input: Box::new(input.clone()),
                            waits: waits.map(|waiting| waiting.delivery),
                        });
                    }
                    told.push(file_id);
                }
            }
        }
        records.reverse();
        records
    }

    /// Applies what the journal recorded of a file. A record that no upload can have led to is left
    /// out.
    pub fn known(&mut self, input: &Input, waits: Option<Delivery>) {
        if !input.is_sound() {
            return;
        }
        let mut known = self.uploaded.iter_mut();
        match known.find(|old| old.file_id == input.file_id) {
            Some(old) => *old = input.clone(),
            None => self.uploaded.push(input.clone()),
        }
        match waits {
            Some(delivery) => self.goes(&input.file_id, delivery),
            None => self
                .waiting
                .retain(|waiting| waiting.file_id != input.file_id),
        }
    }

    /// Applies that the journal recorded a file as gone.
    pub fn known_gone(&mut self, gone: &Gone) {
        self.lose(gone);
    }

    /// Takes over the files of `others`, and has those go with the next prompt that wait there.
    pub fn take_along(&mut self, others: Self) {
        for input in others.uploaded {
            self.add(input);
        }
        for Waiting { file_id, delivery } in others.waiting {
            self.wait(&file_id, delivery.visible_as, delivery.sandbox);
        }
    }
}

/// Turns a file name into one the API takes (`docs/protocol.md#file-names`).
pub(in crate::kernel) fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' | '/' => '_',
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => '_',
            c => c,
        })
        .take(MAX_NAME_CHARS)
        .collect();
    if plain.is_empty() {
        "unnamed".to_owned()
    } else {
        plain
    }
}

/// The longest name the API takes, in characters.
const MAX_NAME_CHARS: usize = 255;
/// Files of one name that are told apart by numbers.
const MAX_NUMBER: u32 = 999;
/// Pairs of sandbox and file that are remembered; a forgotten one is attached once more.
const MAX_PLACED: usize = 10_000;

#[cfg(test)]
mod tests;
