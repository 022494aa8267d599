//! What a turn was asked, by digests: the prompt, the settings, the files, the turns above. Two
//! asks with the same parts get the same answer from a recording; where they differ, the parts say
//! what changed.
//!
//! What does not change what an answer means is no part: ids, cache markers, the kernel's own
//! system prompt, how thinking is shown, budgets. A setting counts as equal if it has the same
//! value, or if neither notebook set it: a reader whose own default model is another one still
//! reads the recorded answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chat::conversation::digest::Digest;
use crate::chat::input::Delivery;
use crate::chat::settings::{Settings, ThinkingShow};
use crate::chat::structured::Wanted;

/// The longest value that is kept as it is; of a longer one the digest is kept.
const LONGEST: usize = 60;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The digest of the turns above.
    pub above: Digest,
    /// The digest of the prompt as it was sent.
    pub prompt: Digest,
    /// The settings.
    pub settings: Vec<Setting>,
    /// The files that went with the prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name, as the magic has it.
    pub name: String,
    /// Its value, or the digest of a long one.
    pub value: String,
    /// Whether it is what a fresh kernel starts with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_initial: bool,
}

/// A file that went with a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What it is called.
    pub name: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Where it went.
    pub delivery: Delivery,
}

/// A part in which two asks differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The prompt.
    Prompt,
    /// A turn above.
    Above,
    /// A setting, with its value now and its recorded one.
    Setting {
        /// Its name.
        name: String,
        /// Its value now.
        now: String,
        /// The recorded one.
        recorded: String,
    },
    /// A file that has other content, or goes another way.
    File {
        /// Its name.
        name: String,
    },
    /// A file that is missing now.
    NoFile {
        /// Its name.
        name: String,
    },
    /// A file that was not there then.
    NewFile {
        /// Its name.
        name: String,
    },
}

impl Asked {
    /// Makes the parts of a question. `initial` are the settings that a fresh kernel starts with.
    #[must_use]
    pub fn of(
        above: Digest,
        prompt: &str,
        (settings, initial): (&Settings, &Settings),
        wanted: Option<&Wanted>,
        files: Vec<File>,
    ) -> Self {
        let initial = values(initial, None);
        let settings = values(settings, wanted).into_iter().zip(initial);
        let settings = settings.map(|((name, value), (_, initial))| Setting {
            name: name.to_owned(),
            is_initial: value == initial,
            value: short(value),
        });
        Self {
            above,
            prompt: Digest::of_parts([prompt]),
            settings: settings.collect(),
            files,
        }
    }

    /// Returns where the recorded ask differs from this one.
    #[must_use]
    pub fn differences(&self, recorded: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        if self.prompt != recorded.prompt {
            found.push(Difference::Prompt);
        }
        for now in &self.settings {
            let then = recorded.settings.iter().find(|then| then.name == now.name);
            // A setting that was not known then had its first value.
            let (value, is_initial) =
                then.map_or(("", true), |then| (then.value.as_str(), then.is_initial));
            if now.value != value && !(now.is_initial && is_initial) {
                found.push(Difference::Setting {
                    name: now.name.clone(),
                    now: now.value.clone(),
                    recorded: value.to_owned(),
                });
            }
        }
        found.extend(self.differing_files(recorded));
        if self.above != recorded.above {
            found.push(Difference::Above);
        }
        found
    }

    fn differing_files(&self, recorded: &Self) -> Vec<Difference> {
        let is_of = |name: &str, files: &[File]| files.iter().find(|f| f.name == name).cloned();
        let now = self.files.iter().filter_map(|file| {
            let name = file.name.clone();
            match is_of(&name, &recorded.files) {
                None => Some(Difference::NewFile { name }),
                Some(then) => (then != *file).then_some(Difference::File { name }),
            }
        });
        let gone = recorded.files.iter().filter_map(|file| {
            let name = file.name.clone();
            let is_gone = is_of(&name, &self.files).is_none();
            is_gone.then_some(Difference::NoFile { name })
        });
        now.chain(gone).collect()
    }
}

impl Difference {
    /// Returns what changed, as a clause.
    #[must_use]
    pub fn clause(&self) -> String {
        match self {
            Self::Prompt => "the prompt changed".to_owned(),
            Self::Above => "a cell above changed".to_owned(),
            Self::Setting {
                name,
                now,
                recorded,
            } => {
                let is_plain = |text: &str| !text.starts_with("sha256:") && !text.is_empty();
                match is_plain(now) && is_plain(recorded) {
                    true => format!("`{name}` is {now} and was {recorded}"),
                    false => format!("`{name}` changed"),
                }
            }
            Self::File { name } => format!("`{name}` is not the file that it was"),
            Self::NoFile { name } => format!("`{name}` is not attached any more"),
            Self::NewFile { name } => format!("`{name}` was not attached then"),
        }
    }
}

/// Returns the settings that change what an answer means, by name.
fn values(settings: &Settings, wanted: Option<&Wanted>) -> Vec<(&'static str, Value)> {
    let thinking = match settings.thinking {
        ThinkingShow::Show | ThinkingShow::Fold => "on",
        ThinkingShow::Notes => "notes",
        ThinkingShow::Off => "off",
    };
    vec![
        ("model", json!(settings.model)),
        ("max_tokens", json!(settings.max_tokens)),
        ("effort", json!(settings.effort)),
        ("thinking", json!(thinking)),
        ("interleaved thinking", json!(settings.interleaved)),
        ("fast", json!(settings.fast)),
        ("languages", json!(settings.languages.describe())),
        ("tools", json!(settings.dated_tools)),
        ("own tools", json!(settings.client_tools)),
        ("web", json!(settings.web)),
        ("skills", json!(settings.skills)),
        ("system", json!(settings.system)),
        ("presets", json!(settings.presets)),
        ("beta", json!(settings.betas)),
        (
            "json",
            json!(wanted.map(|wanted| (&wanted.name, &wanted.schema))),
        ),
    ]
}

fn short(value: Value) -> String {
    let text = match value {
        Value::String(text) => text,
        value => value.to_string(),
    };
    match text.len() > LONGEST || text.contains('\n') {
        true => format!("sha256:{}", Digest::of_parts([text.as_str()]).short()),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::settings::Settings;

    fn asked(prompt: &str, settings: &Settings, initial: &Settings, files: Vec<File>) -> Asked {
        Asked::of(Digest::default(), prompt, (settings, initial), None, files)
    }

    fn file(sha256: &str) -> File {
        File {
            name: "sales.csv".to_owned(),
            sha256: sha256.to_owned(),
            size_bytes: 3,
            delivery: Delivery {
                visible_as: None,
                sandbox: true,
            },
        }
    }

    #[test]
    fn what_changed_is_named() {
        let initial = Settings::default();
        let recorded = asked("Sum", &initial, &initial, vec![file("aa")]);
        let other = Settings {
            model: "claude-haiku-5".to_owned(),
            system: Some("long ".repeat(30)),
            ..initial.clone()
        };
        let now = asked("Total", &other, &initial, vec![file("bb")]);
        let clauses: Vec<String> = now
            .differences(&recorded)
            .iter()
            .map(Difference::clause)
            .collect();
        assert_eq!(
            clauses,
            [
                "the prompt changed",
                "`model` is claude-haiku-5 and was claude-opus-5-5",
                "`system` changed",
                "`sales.csv` is not the file that it was",
            ]
        );
        assert_eq!(recorded.differences(&recorded), []);
    }

    #[test]
    fn a_reader_with_another_default_model_reads_the_same_recording() {
        let author = Settings::default();
        let reader = Settings {
            model: "claude-haiku-5".to_owned(),
            ..Settings::default()
        };
        let recorded = asked("Sum", &author, &author, Vec::new());
        let now = asked("Sum", &reader, &reader, Vec::new());
        assert_eq!(now.differences(&recorded), []);
        // What the notebook sets counts, whatever the defaults are.
        let set = asked("Sum", &reader, &author, Vec::new());
        assert_eq!(set.differences(&recorded).len(), 1);
        assert_eq!(
            asked("Sum", &author, &reader, Vec::new()).differences(&recorded),
            []
        );
    }
}
