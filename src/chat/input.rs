//! A file that a person put in, as the API and the journal know it. Pure: values only.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::conversation::digest::Digest;

/// Longest id and declared type that are taken from a journal, in bytes.
const LONGEST: usize = 200;
/// Longest name (`docs/protocol.md#file-names`), in characters.
const LONGEST_NAME: usize = 600;

/// What Claude itself sees a file as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisibleAs {
    /// As an image.
    Image,
    /// As a document.
    Document,
}

/// A file at the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// `file_…`.
    pub file_id: String,
    /// What it is called there, and in the sandbox.
    pub name: String,
    /// Where it came from.
    #[serde(serialize_with = "readable")]
    pub path: PathBuf,
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// As it was declared.
    pub mime_type: String,
    /// When the API forgets it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What Claude saw it as last, if it did.
    #[serde(default, rename = "eyes", skip_serializing_if = "Option::is_none")]
    pub visible_as: Option<VisibleAs>,
    /// Whether it went to the sandbox.
    #[serde(default)]
    pub sandbox: bool,
    /// The execution counts of the cells it went with, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<u32>,
}

/// Where a file goes with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What Claude itself sees it as, if it does.
    #[serde(default, rename = "eyes", skip_serializing_if = "Option::is_none")]
    pub visible_as: Option<VisibleAs>,
    /// Whether it goes to the sandbox.
    #[serde(default)]
    pub sandbox: bool,
}

/// A file that goes with a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `file_…`. If the file is not uploaded yet, [`PLANNED`] and its name.
    pub file_id: String,
    /// What it is called.
    pub name: String,
    /// Where it goes.
    pub delivery: Delivery,
}

/// The first part of the id of a file that is not uploaded, because its cell only shows its
/// request.
pub const PLANNED: &str = "file_of_";

/// The first part of the id of a file that is uploaded when it is needed: a recording may answer,
/// and then it is never sent.
const LOCAL: &str = "file_local_";

/// Returns the id of a file that is not uploaded yet.
#[must_use]
pub fn local_id(name: &str, sha256: &str) -> String {
    format!("{LOCAL}{}", Digest::of_parts([name, sha256]).short())
}

/// Returns whether an id is that of a file that is not uploaded yet.
#[must_use]
pub fn is_local(file_id: &str) -> bool {
    file_id.starts_with(LOCAL)
}

impl Attachment {
    /// Makes the attachment of a file that is not uploaded, because its cell only shows its
    /// request.
    #[must_use]
    pub fn planned(name: &str, delivery: Delivery) -> Self {
        Self {
            file_id: format!("{PLANNED}{name}"),
            name: name.to_owned(),
            delivery,
        }
    }

    /// Returns whether the file is not uploaded yet.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.file_id.starts_with(PLANNED)
    }

    /// Returns its blocks in a question (`docs/protocol.md#files-into-the-sandbox, #input-blocks`):
    /// the one that Claude sees, then the one that puts it into the sandbox.
    #[must_use]
    pub fn blocks(&self) -> Vec<Value> {
        let source = json!({"type": "file", "file_id": self.file_id});
        let seen = self.delivery.visible_as.map(|form| match form {
            VisibleAs::Image => json!({"type": "image", "source": source}),
            VisibleAs::Document => {
                json!({"type": "document", "source": source, "title": self.name})
            }
        });
        let upload = self.delivery.sandbox.then(|| upload_block(&self.file_id));
        seen.into_iter().chain(upload).collect()
    }
}

/// Returns the block that puts a file into the sandbox.
#[must_use]
pub fn upload_block(file_id: &str) -> Value {
    json!({"type": "container_upload", "file_id": file_id})
}

/// A file that the API no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub file_id: String,
    /// The id of the same content, uploaded again.
    pub again: Option<String>,
}

impl Input {
    /// Returns whether an upload can have made this record. Before the kernel uses a file that a
    /// journal names, it asks the API for the file and compares the content.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_word = |text: &str| {
            let mut chars = text.chars();
            !text.is_empty()
                && text.len() <= LONGEST
                && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        let is_name = !self.name.is_empty()
            && self.name.chars().count() <= LONGEST_NAME
            && !self.name.contains('/')
            && !self.name.chars().any(char::is_control);
        let is_type =
            self.mime_type.len() <= LONGEST && !self.mime_type.chars().any(char::is_control);
        let is_digest = self.sha256.len() == 64
            && self
                .sha256
                .chars()
                .all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        is_word(&self.file_id) && is_name && is_type && is_digest
    }
}

/// A path that is no text is written as nearly as text can say it: it is not found again then.
fn readable<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn input() -> Input {
        Input {
            file_id: "file_011CNha8iCJcU1wXNR6q4V8w".to_owned(),
            name: "sales é.csv".to_owned(),
            path: "/n/sales é.csv".into(),
            size_bytes: 3,
            sha256: "0a".repeat(32),
            mime_type: "text/csv".to_owned(),
            expires_at: None,
            visible_as: Some(VisibleAs::Document),
            sandbox: true,
            cells: vec![1, 4],
        }
    }

    #[test]
    fn a_path_that_is_no_text_can_be_written() {
        let odd = Input {
            path: OsStr::from_bytes(b"/n/\xff.csv").into(),
            ..input()
        };
        let text = serde_json::to_string(&odd).unwrap();
        let read: Input = serde_json::from_str(&text).unwrap();
        assert_eq!(read.path, Path::new("/n/\u{fffd}.csv"));
        assert_eq!(read.name, odd.name);
    }

    #[test]
    fn what_no_upload_led_to_is_told() {
        assert!(input().is_sound());
        let unsound = |change: fn(&mut Input)| {
            let mut input = input();
            change(&mut input);
            assert!(!input.is_sound(), "{input:?}");
        };
        unsound(|input| input.file_id.clear());
        unsound(|input| input.file_id = "file_\"}".to_owned());
        unsound(|input| input.file_id = "../v1/models".to_owned());
        unsound(|input| input.file_id = "f".repeat(1_000));
        unsound(|input| input.name.clear());
        unsound(|input| input.name = "../x".to_owned());
        unsound(|input| input.name = "a\nb".to_owned());
        unsound(|input| input.sha256 = "0A".repeat(32));
        unsound(|input| input.sha256.clear());
        unsound(|input| input.mime_type = "text/\r\n".to_owned());
    }
}
