//! What the API says of its models: kept on disk, asked once a day beside the cells, never waited
//! for. A kernel without the list goes by the table.
//!
//! Edge: reads and writes one file. The file may be anybody's: what is no list is left out.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::anthropic::client::Client;
use crate::anthropic::model::{ModelInfo, Models};

/// The file's name in the state directory.
const FILE: &str = "models.json";
/// The most of the file that is read, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
/// How long a list is fresh.
const FRESH: TimeDelta = TimeDelta::hours(24);

/// The file: what one address listed.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    base_url: String,
    asked: DateTime<Utc>,
    models: Vec<ModelInfo>,
}

/// Asks the API for its models when the list is a day old.
#[derive(Debug, Default)]
pub struct Asking {
    /// Where the list is kept; `None` keeps and asks nothing by itself.
    place: Option<Place>,
    /// When the API was asked last, with or without an answer.
    asked: Option<DateTime<Utc>>,
    running: JoinSet<Option<Vec<ModelInfo>>>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    base_url: String,
}

impl Asking {
    /// Reads the list that was kept for this address, if there is one.
    #[must_use]
    pub fn begin(state_dir: Option<&Path>, base_url: &str) -> (Self, Models) {
        let Some(state_dir) = state_dir else {
            return (Self::default(), Models::default());
        };
        let place = Place {
            path: state_dir.join(FILE),
            base_url: base_url.to_owned(),
        };
        let kept = read(&place.path).filter(|kept| kept.base_url == place.base_url);
        let asking = Self {
            asked: kept.as_ref().map(|kept| kept.asked),
            place: Some(place),
            running: JoinSet::new(),
        };
        let models = kept.map_or_else(Models::default, |kept| Models::listed(kept.models));
        (asking, models)
    }

    /// Asks the API, if the list is a day old and nobody asks already. Does not wait.
    pub fn refresh(&mut self, client: &Client, now: DateTime<Utc>) {
        let is_fresh = |asked: DateTime<Utc>| (now - asked).abs() < FRESH;
        if self.place.is_none() || self.asked.is_some_and(is_fresh) || !self.running.is_empty() {
            return;
        }
        self.asked = Some(now);
        let client = client.clone();
        self.running.spawn(async move {
            let listed = client.models().await;
            listed
                .inspect_err(|error| tracing::debug!(%error, "the API did not list its models"))
                .ok()
        });
    }

    /// Returns what the API listed meanwhile, if it has answered.
    pub fn answered(&mut self, now: DateTime<Utc>) -> Option<Models> {
        let listed = self.running.try_join_next()?.ok().flatten()?;
        Some(self.keep(listed, now))
    }

    /// Keeps what the API listed.
    pub fn keep(&mut self, listed: Vec<ModelInfo>, now: DateTime<Utc>) -> Models {
        self.asked = Some(now);
        let Some(place) = &self.place else {
            return Models::listed(listed);
        };
        let listing = Listing {
            base_url: place.base_url.clone(),
            asked: now,
            models: listed,
        };
        if let Err(error) = write(&place.path, &listing) {
            tracing::debug!(%error, "the list of models is not kept");
        }
        Models::listed(listing.models)
    }
}

fn read(path: &Path) -> Option<Listing> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Writes the whole file or nothing of it.
fn write(path: &Path, listing: &Listing) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&file, listing)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they read")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::anthropic::model::Effort;

    fn listed() -> Vec<ModelInfo> {
        let raw = json!({"id": "claude-next", "max_tokens": 7, "capabilities": {"effort": {"low": {"supported": true}}}});
        ModelInfo::from_raw(&raw).into_iter().collect()
    }

    #[test]
    fn w9_what_the_api_listed_is_kept_for_its_address_and_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let place = Some(folder.path());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (mut asking, models) = Asking::begin(place, "https://a");
        assert!(models.is_empty());
        asking.keep(listed(), now);
        let (again, models) = Asking::begin(place, "https://a");
        assert_eq!(again.asked, Some(now));
        let next = models.abilities("claude-next");
        assert_eq!(next.max_output_tokens, Some(7));
        assert!(next.takes_effort(Effort::Low) && !next.takes_effort(Effort::Max));
        // Another address has another list.
        assert!(Asking::begin(place, "https://b").1.is_empty());
        for broken in ["", "{", "[]", "{\"models\": 1}", "\u{0}"] {
            std::fs::write(folder.path().join(FILE), broken).unwrap();
            assert!(Asking::begin(place, "https://a").1.is_empty(), "{broken}");
        }
        assert!(Asking::begin(None, "https://a").0.place.is_none());
    }
}
