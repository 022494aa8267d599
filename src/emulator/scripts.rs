//! The script files: finds them, reads them again when they change, and finds the turn that fits a
//! prompt.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::config::EmulatorConfig;
use super::error::ApiError;
use super::loaded_scripts::Loaded;
use super::matched_script::MatchedScript;
use super::script::{self, Scripts as Parsed};
use super::state::Shared;

/// The most bytes of a script: people write them by hand.
const LARGEST: u64 = 4 << 20;

/// Where scripts are looked for.
#[derive(Debug)]
pub(super) struct Scripts {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    beside: Option<String>,
}

impl Scripts {
    pub(super) fn new(config: &EmulatorConfig) -> Self {
        Self {
            files: config.scripts.clone(),
            directories: config.script_dirs.clone(),
            beside: config.script_name.clone(),
        }
    }

    /// Returns the name of the script that belongs to the notebook, whether or not it exists.
    pub(super) fn beside(&self) -> Option<&str> {
        self.beside.as_deref()
    }

    /// Tries `prompts` in order; returns the turn that answers the first of them for which there is
    /// one.
    ///
    /// # Errors
    /// 400 if no turn fits and a file could not be used.
    pub(super) async fn find(
        &self,
        shared: &Shared,
        prompts: &[String],
    ) -> Result<Option<MatchedScript>, ApiError> {
        let loaded = self.load(shared).await?;
        let found = prompts.iter().find_map(|prompt| loaded.turns.find(prompt));
        match (found, loaded.problem) {
            (Some(found), _) => Ok(Some(MatchedScript {
                place: format!("{}:{}", found.turn.file, found.turn.line),
                parts: found.turn.parts.clone(),
                variables: found.variables,
                from: 0,
            })),
            (None, Some(problem)) => Err(ApiError::invalid(format!(
                "the offline backend cannot use a script: {problem}"
            ))),
            (None, None) => Ok(None),
        }
    }

    async fn load(&self, shared: &Shared) -> Result<Loaded, ApiError> {
        let stamps = self.stamps().await;
        let loaded = shared.with(|state| state.scripts.clone()).await?;
        if loaded.stamps == stamps {
            return Ok(loaded);
        }
        let mut turns = Parsed::default();
        let mut problem = None;
        for (path, _, size) in &stamps {
            let name = path.display().to_string();
            if *size > LARGEST {
                problem.get_or_insert(format!("`{name}` is larger than 4 MB"));
                continue;
            }
            match tokio::fs::read(path).await {
                Ok(bytes) => match script::parse(&name, &String::from_utf8_lossy(&bytes)) {
                    Ok(parsed) => turns.add(parsed),
                    Err(error) => {
                        problem.get_or_insert(error.to_string());
                    }
                },
                Err(error) => {
                    problem.get_or_insert(format!("`{name}` cannot be read: {error}"));
                }
            }
        }
        let loaded = Loaded {
            stamps,
            turns: Arc::new(turns),
            problem,
        };
        let kept = loaded.clone();
        shared.with(move |state| state.scripts = kept).await?;
        Ok(loaded)
    }

    /// Lists the script files that exist, each with what shows that it has changed.
    async fn stamps(&self) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
        let mut paths = self.files.clone();
        for directory in &self.directories {
            paths.extend(scripts_in(directory).await);
        }
        let mut stamps: Vec<(PathBuf, Option<SystemTime>, u64)> = Vec::new();
        for path in paths {
            let known = stamps.iter().any(|(other, ..)| *other == path);
            if let Ok(found) = tokio::fs::metadata(&path).await
                && found.is_file()
                && !known
            {
                stamps.push((path, found.modified().ok(), found.len()));
            }
        }
        stamps
    }
}

async fn scripts_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(mut entries) = tokio::fs::read_dir(directory).await else {
        return found;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry.file_name().to_string_lossy().ends_with(".claude.md") {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
