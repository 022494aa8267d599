//! The files a person put in: what was uploaded, what waits for the next prompt, and which sandbox
//! has which of them.
//!
//! Pure. An upload block works only in the turn it is sent with (`claude-api.md` 3.5), so a sandbox
//! that is new gets the files of earlier turns once more. What changes is recorded, and comes back
//! with its conversation. Invariant: ids come from the API alone, by way of the journal at most,
//! never from a notebook.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::anthropic::request::MessagesRequest;
use crate::chat::question::Question;
use crate::chat::record::{Record, TurnRecord};
use crate::chat::uploads::{self, Gone};

pub use crate::chat::input::{Eyes, Input, Way};

/// A file that goes with the next prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    file_id: String,
    way: Way,
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
    /// Sandboxes that came to be while this kernel watched. Of any other, such as one of a
    /// conversation taken up again, it is taken that it has what it was given.
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
        let folder = folder.map(|folder| super::attach::plain_name(&folder.to_string_lossy()));
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

    /// Notes that a file is no longer at the API: what was said with it is sent without it.
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

    /// Has a file go with the next prompt.
    pub fn wait(&mut self, file_id: &str, eyes: Option<Eyes>, sandbox: bool) {
        let Some(input) = self
            .uploaded
            .iter_mut()
            .find(|input| input.file_id == file_id)
        else {
            return;
        };
        input.eyes = eyes.or(input.eyes);
        input.sandbox |= sandbox;
        self.goes(file_id, Way { eyes, sandbox });
        self.news.push(News::File(file_id.to_owned()));
    }

    fn goes(&mut self, file_id: &str, way: Way) {
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|waiting| waiting.file_id == file_id) {
            Some(Waiting { way: known, .. }) => {
                known.eyes = way.eyes.or(known.eyes);
                known.sandbox |= way.sandbox;
            }
            None => self.waiting.push(Waiting {
                file_id: file_id.to_owned(),
                way,
            }),
        }
    }

    /// Returns the blocks of what waits, in the order it was attached.
    #[must_use]
    pub fn blocks(&self) -> Vec<Value> {
        self.waiting
            .iter()
            .flat_map(|Waiting { file_id, way }| {
                let name = self.names(&[file_id]).first().copied().unwrap_or_default();
                blocks(file_id, name, way.eyes, way.sandbox)
            })
            .collect()
    }

    /// Returns those of `uploads`, ids of files that went to the sandbox of a conversation, that
    /// `container` does not have and that do not wait anyway.
    #[must_use]
    pub fn missing<'a>(&self, container: Option<&str>, uploads: &'a [String]) -> Vec<&'a str> {
        let mut missing: Vec<&str> = Vec::new();
        if container.is_some_and(|id| !self.watched.iter().any(|known| known == id)) {
            return missing;
        }
        for id in uploads {
            let placed = self
                .placed
                .iter()
                .any(|(sandbox, placed)| Some(sandbox.as_str()) == container && placed == id);
            let waits = self
                .waiting
                .iter()
                .any(|waiting| waiting.file_id == *id && waiting.way.sandbox);
            if !placed && !waits && !missing.contains(&id.as_str()) {
                missing.push(id);
            }
        }
        missing
    }

    /// Makes a request fit the files as they are: what is gone is no longer referred to, and what
    /// the sandbox lacks goes with the question. Returns a line about the latter.
    #[must_use]
    pub fn fit(&self, request: &mut MessagesRequest, question: &mut Question) -> Option<String> {
        uploads::without(request, &self.removed);
        let all = uploads::in_request(request);
        let missing = self.missing(request.container.id.as_deref(), &all);
        if !uploads::again(request, question, &missing) {
            return None;
        }
        let names = self.names(&missing);
        let what = match names.as_slice() {
            [] => "The files of earlier cells go".to_owned(),
            [name] => format!("`{name}` goes"),
            [names @ .., last] => format!("`{}` and `{last}` go", names.join("`, `")),
        };
        Some(format!("{what} to Claude's new sandbox, too."))
    }

    /// Returns the names of files, as far as they are known.
    fn names(&self, ids: &[&str]) -> Vec<&str> {
        let names = ids.iter().map(|id| {
            let mut known = self.uploaded.iter();
            known.find(|input| input.file_id == **id)
        });
        names.flatten().map(|input| input.name.as_str()).collect()
    }

    /// Notes that a turn is in the conversation: nothing waits any more, and its sandbox has what
    /// was uploaded with it.
    pub fn sent(&mut self, turn: &TurnRecord) {
        for waiting in std::mem::take(&mut self.waiting) {
            let mut known = self.uploaded.iter_mut();
            let number = turn.receipt.turn;
            if let Some(input) = known.find(|input| input.file_id == waiting.file_id)
                && input.turns.last() != Some(&number)
            {
                input.turns.push(number);
            }
        }
        let Some(container) = &turn.container else {
            return;
        };
        self.watch(container);
        for id in uploads::in_turn(turn) {
            let pair = (container.clone(), id);
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
        // Of a file the last word counts.
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
                            waits: waits.map(|waiting| waiting.way),
                        });
                    }
                    told.push(file_id);
                }
            }
        }
        records.reverse();
        records
    }

    /// Takes back what was recorded of a file. What no upload can have led to is left out.
    pub fn known(&mut self, input: &Input, waits: Option<Way>) {
        if !input.is_sound() {
            return;
        }
        let mut known = self.uploaded.iter_mut();
        match known.find(|old| old.file_id == input.file_id) {
            Some(old) => *old = input.clone(),
            None => self.uploaded.push(input.clone()),
        }
        match waits {
            Some(way) => self.goes(&input.file_id, way),
            None => self
                .waiting
                .retain(|waiting| waiting.file_id != input.file_id),
        }
    }

    /// Takes back that a file is gone.
    pub fn known_gone(&mut self, gone: &Gone) {
        self.lose(gone);
    }

    /// Takes over the files of `others`, and has those go with the next prompt that wait there.
    pub fn take_along(&mut self, others: Self) {
        for input in others.uploaded {
            self.add(input);
        }
        for Waiting { file_id, way } in others.waiting {
            self.wait(&file_id, way.eyes, way.sandbox);
        }
    }
}

/// Files of one name that are told apart by numbers.
const MAX_NUMBER: u32 = 999;
/// Pairs of sandbox and file that are remembered; a forgotten one is attached once more.
const MAX_PLACED: usize = 10_000;

/// The block that puts a file into the sandbox.
#[must_use]
pub fn upload_block(file_id: &str) -> Value {
    json!({"type": "container_upload", "file_id": file_id})
}

/// The blocks of one file (`claude-api.md` 3.5, 6.1): for Claude's eyes, then for the sandbox.
#[must_use]
pub fn blocks(file_id: &str, name: &str, eyes: Option<Eyes>, sandbox: bool) -> Vec<Value> {
    let source = json!({"type": "file", "file_id": file_id});
    let seen = eyes.map(|eyes| match eyes {
        Eyes::Image => json!({"type": "image", "source": source}),
        Eyes::Document => json!({"type": "document", "source": source, "title": name}),
    });
    seen.into_iter()
        .chain(sandbox.then(|| upload_block(file_id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chat::record::Record;

    /// A turn as journals have it.
    fn turn(number: u32, container: &str, before: &[Value]) -> TurnRecord {
        let record = json!({"turn": {
            "thread": "main", "id": number, "cell": {"run": number}, "prompt": "p",
            "question": before, "answers": [], "container": container, "above": 0,
            "bound": crate::chat::conversation::mark::Mark::default(),
            "receipt": crate::chat::turn::Receipt { turn: number, ..Default::default() },
        }});
        match Record::parse(&record.to_string()).unwrap() {
            Record::Turn(turn) => *turn,
            other => panic!("{other:?}"),
        }
    }

    fn input(file_id: &str, name: &str, path: &str) -> Input {
        Input {
            file_id: file_id.to_owned(),
            name: name.to_owned(),
            path: path.into(),
            size_bytes: 1,
            sha256: format!("sha of {file_id}"),
            mime_type: "text/plain".to_owned(),
            expires_at: None,
            eyes: None,
            sandbox: false,
            turns: Vec::new(),
        }
    }

    #[test]
    fn a_new_sandbox_lacks_what_the_old_one_had() {
        let mut inputs = Inputs::default();
        for id in ["file_a", "file_b"] {
            inputs.add(input(id, id, id));
            inputs.wait(id, None, true);
        }
        let uploads = uploads::in_blocks(&inputs.blocks());
        assert_eq!(uploads, ["file_a", "file_b"]);
        inputs.sent(&turn(1, "container_1", &inputs.blocks()));
        assert!(inputs.blocks().is_empty());
        assert!(inputs.missing(Some("container_1"), &uploads).is_empty());
        assert!(inputs.missing(Some("container_2"), &uploads).is_empty());
        inputs.watch("container_2");
        assert_eq!(
            inputs.missing(Some("container_2"), &uploads),
            ["file_a", "file_b"]
        );
        assert_eq!(inputs.missing(None, &uploads), ["file_a", "file_b"]);
        inputs.wait("file_a", None, true);
        assert_eq!(
            inputs.missing(None, &uploads),
            ["file_b"],
            "what waits goes anyway"
        );
        inputs.remove("file_a");
        assert_eq!(inputs.names(&["file_a", "file_b"]), ["file_b"]);
        assert_eq!(inputs.uploaded()[0].turns, [1]);
    }

    #[test]
    fn a_file_goes_once_however_often_it_was_attached() {
        let mut inputs = Inputs::default();
        inputs.add(input("file_a", "a.png", "a.png"));
        inputs.wait("file_a", Some(Eyes::Image), false);
        inputs.wait("file_a", None, true);
        inputs.wait("file_gone", None, true);
        assert_eq!(
            inputs.blocks(),
            [
                json!({"type": "image", "source": {"type": "file", "file_id": "file_a"}}),
                json!({"type": "container_upload", "file_id": "file_a"}),
            ]
        );
    }

    #[test]
    fn two_files_of_one_name_are_told_apart() {
        let mut inputs = Inputs::default();
        assert_eq!(
            inputs.free_name("data.csv", Path::new("/n/data.csv")),
            "data.csv"
        );
        inputs.add(input("file_a", "data.csv", "/n/data.csv"));
        assert_eq!(
            inputs.free_name("data.csv", Path::new("/n/data.csv")),
            "data.csv"
        );
        assert_eq!(
            inputs.free_name("data.csv", Path::new("/n/q2/data.csv")),
            "q2_data.csv"
        );
        inputs.add(input("file_b", "q2_data.csv", "/n/q2/data.csv"));
        assert_eq!(
            inputs.free_name("data.csv", Path::new("/m/q2/data.csv")),
            "data-2.csv"
        );
    }
}
