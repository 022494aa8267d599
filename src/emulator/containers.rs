//! The containers. Each is a task that owns its directory and its processes and does one thing at a
//! time. The rest of the backend knows them by id.
//!
//! If nobody waits for a call any more, the call is dropped, and this ends what it runs.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::config::EmulatorConfig;
use super::error::ApiError;
use super::faults::Told;
use super::sandbox::{Container, Limits, Sandbox};

/// How long after it was made a container can be used (`docs/protocol.md#sandbox-life`).
const LIFE: TimeDelta = TimeDelta::days(30);
/// How far `expires_at` is after each use, and how far if the tool has a REPL
/// (`docs/protocol.md#sandbox-life`).
const ROLLING: TimeDelta = TimeDelta::hours(1);
const ROLLING_WITH_REPL: TimeDelta = TimeDelta::minutes(270);
/// The most containers that are kept at once. The least recently used is removed first.
const MOST: usize = 64;
/// The version that `latest` means (`docs/protocol.md#skills`).
const SKILL_VERSION: &str = "20251013";
const CUSTOM_SKILL_VERSION: &str = "skver_01";
/// How many calls may wait for one container.
const QUEUE: usize = 8;

/// All containers of the backend.
#[derive(Debug)]
pub(super) struct Containers {
    sandbox: Sandbox,
    parent: PathBuf,
    known: HashMap<String, Entry>,
    /// The containers that were made to expire, and how a request that names one is told.
    expired: HashMap<String, Told>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Entry {
    lease: Lease,
    made: DateTime<Utc>,
    used: DateTime<Utc>,
    /// The ids of the files in its input directory.
    inputs: HashSet<String>,
}

type Job = Box<dyn for<'a> FnOnce(&'a mut Container) -> BoxFuture<'a, ()> + Send>;

/// A handle to one container.
#[derive(Clone)]
pub(super) struct Lease {
    pub(super) id: String,
    jobs: mpsc::Sender<Job>,
    /// The container is found, but its steps are told that it has expired.
    pub(super) is_dead: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("id", &self.id).finish()
    }
}

impl Containers {
    pub(super) fn new(config: &EmulatorConfig, root: &Path) -> Self {
        let command = config.sandbox_command.clone();
        let command = command.or_else(|| std::env::current_exe().ok());
        Self {
            sandbox: Sandbox {
                command: command.unwrap_or_else(|| "claude-kernel".into()),
                python: config.python.clone(),
                limits: Limits::default(),
            },
            parent: root.join("containers"),
            known: HashMap::new(),
            expired: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Makes a container.
    pub(super) fn make(&mut self, id: String, now: DateTime<Utc>) -> Result<Lease, ApiError> {
        while self.tasks.try_join_next().is_some() {}
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.known.remove(&id);
            }
        }
        let made = self.sandbox.container(&id, &self.parent);
        let mut container = made
            .map_err(|error| ApiError::internal(format!("a container cannot be made: {error}")))?;
        let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE);
        self.tasks.spawn(async move {
            while let Some(job) = inbox.recv().await {
                job(&mut container).await;
            }
        });
        let lease = Lease {
            id,
            jobs,
            is_dead: false,
        };
        self.known.insert(
            lease.id.clone(),
            Entry {
                lease: lease.clone(),
                made: now,
                used: now,
                inputs: HashSet::new(),
            },
        );
        Ok(lease)
    }

    /// Ends the life of a container before its time.
    pub(super) fn expire(&mut self, id: String, told: Told) {
        self.known.remove(&id);
        self.expired.insert(id, told);
    }

    /// Finds a container. If it is gone, returns how a request that names it is told.
    pub(super) fn find(&mut self, id: &str, now: DateTime<Utc>) -> Result<Lease, Told> {
        if let Some(told) = self.expired.get_mut(id) {
            // A step says it once. Whoever names the container again is refused.
            return match std::mem::take(told) {
                Told::Result => Ok(Lease::dead(id)),
                other => {
                    *told = other;
                    Err(other)
                }
            };
        }
        let entry = self.known.get_mut(id).ok_or_else(Told::default)?;
        if now - entry.made > LIFE {
            self.known.remove(id);
            return Err(Told::default());
        }
        entry.used = now;
        Ok(entry.lease.clone())
    }

    /// Notes that a file was put in; returns false if it was there already.
    pub(super) fn note_input(&mut self, container: &str, file: &str) -> bool {
        self.known
            .get_mut(container)
            .is_some_and(|entry| entry.inputs.insert(file.to_owned()))
    }
}

impl Lease {
    fn dead(id: &str) -> Self {
        // Nobody listens at the other end any more.
        let (jobs, _) = mpsc::channel(1);
        Self {
            id: id.to_owned(),
            jobs,
            is_dead: true,
        }
    }

    /// Returns the `container` of a response; without skills it has no `skills`.
    pub(super) fn json(&self, now: DateTime<Utc>, skills: &[Value], has_repl: bool) -> Value {
        let rolling = match has_repl {
            _ if self.is_dead => TimeDelta::zero(),
            true => ROLLING_WITH_REPL,
            false => ROLLING,
        };
        let expires = (now + rolling).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let mut container = json!({"id": self.id, "expires_at": expires});
        if let (false, Some(map)) = (skills.is_empty(), container.as_object_mut()) {
            map.insert("skills".into(), skills.iter().map(resolved).collect());
        }
        container
    }

    /// Does something with the container when its turn comes. If the future is dropped, the work
    /// ends.
    ///
    /// # Errors
    /// A 500 when the container is gone.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Container) -> BoxFuture<'a, R> + Send + 'static,
    ) -> Result<R, ApiError> {
        let gone = || ApiError::internal("the container ended");
        let (mut reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |container| {
            Box::pin(async move {
                let result = tokio::select! {
                    result = work(container) => result,
                    () = reply.closed() => return,
                };
                // The asking side stopped waiting just now. The work is dropped as if it had done
                // so a moment earlier.
                let _ = reply.send(result);
            })
        });
        self.jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

/// Returns a skill of a request in the form that a response names it: with its version, never
/// `latest`.
fn resolved(skill: &Value) -> Value {
    let field = |name: &str| skill.get(name).and_then(Value::as_str);
    let newest = match field("type") {
        Some("anthropic") => SKILL_VERSION,
        _ => CUSTOM_SKILL_VERSION,
    };
    let version = field("version").filter(|version| *version != "latest");
    json!({"type": field("type"), "skill_id": field("skill_id"), "version": version.unwrap_or(newest)})
}
