//! What magics ask for and the kernel does before the prompt of their cell is sent.
//!
//! Each kind of job has its own file; this one runs them in order and lets the person stop them.

use std::future::Future;

use serde_json::Value;

use crate::cell::magic::Job;
use crate::cell::magics::files::FilesJob;
use crate::cell::shown::Shown;
use crate::chat::settings::Settings;
use crate::jupyter::connection::Channel;
use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::render::renderer::Client as FrontEnd;

use super::actor::Signal;
use super::desk::{Desk, Urgent};
use super::error::CellError;
use super::execute::{Edges, Interruptions, Leave, Scene, Wake};
use super::journal::Journal;
use super::last;
use super::state::State;
use super::{attach, compact, files, go_on, models, packages, replay, resume, tools};

/// A cell that did not get to its end: why, and whether the kernel was told to leave.
#[derive(Debug)]
pub struct Stopped {
    /// What the cell fails with.
    pub error: CellError,
    /// Set when the kernel is to leave.
    pub leave: Option<Leave>,
}

impl From<CellError> for Stopped {
    fn from(error: CellError) -> Self {
        Self { error, leave: None }
    }
}

/// What a job leaves to its cell.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What it showed, as plain text, for the history of inputs and outputs.
    pub shown: String,
    /// Entries of the reply's `payload`.
    pub payload: Vec<Value>,
    /// A prompt to send when the cell has none of its own.
    pub prompt: Option<String>,
}

/// What a job may use.
#[derive(Debug)]
pub struct Desktop<'a> {
    /// The kernel's memory.
    pub state: &'a mut State,
    /// Where what is said is kept.
    pub journal: &'a mut Journal,
    /// The API, the clock, the files, the tools.
    pub edges: &'a mut Edges,
    /// What may stop it.
    pub interruptions: &'a mut Interruptions,
    /// Where it shows things.
    pub scene: Scene<'a>,
    /// What this cell's turn is asked with.
    pub settings: &'a mut Settings,
    /// How the front end takes what changes.
    pub front_end: FrontEnd,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// Whether the cell only shows its request: then nothing may be sent.
    pub is_dry: bool,
    /// Blocks that a cell which only shows its request would send before its prompt.
    pub planned: &'a mut Vec<Value>,
}

impl Desktop<'_> {
    /// Shows what a magic has to say, which is all it leaves.
    pub(super) async fn tell(&self, shown: Shown) -> Outcome {
        let plain = shown.plain.clone();
        let display = Display {
            data: MimeBundle::markdown(shown.markdown, shown.plain),
            ..Display::default()
        };
        self.scene.show(vec![Output::Display(display)]).await;
        Outcome {
            shown: plain,
            ..Outcome::default()
        }
    }
}

/// Does one job.
///
/// # Errors
/// When it cannot be done or was stopped; nothing of the cell is sent then.
pub async fn run(job: Job, desktop: &mut Desktop<'_>) -> Result<Outcome, Stopped> {
    match job {
        Job::ListModels => models::list(desktop).await,
        Job::Continue => go_on::prompt(desktop),
        Job::Compact { instructions } => compact::compact(instructions.as_deref(), desktop).await,
        Job::Files(FilesJob::Attach { paths, to }) => attach::attach(&paths, to, desktop).await,
        Job::Replay => replay::prepare(desktop).await,
        Job::Files(FilesJob::Clear) => files::clear(desktop).await,
        Job::Packages(job) => packages::run(job, desktop).await,
        Job::Files(FilesJob::List) => files::list(desktop).await,
        Job::Files(FilesJob::Get { name, to, force }) => {
            files::get(name.as_deref(), to.as_deref(), force, desktop).await
        }
        Job::Resume(which) => resume::run(&which, desktop).await,
        Job::Files(FilesJob::Remove { name, local }) => files::remove(&name, local, desktop).await,
        Job::ShowLast => last::show(desktop).await,
        Job::Tools(job) => tools::job::run(job, desktop).await,
    }
}

/// Waits for `work`, answering control requests meanwhile. Dropping `work` must be safe.
///
/// # Errors
/// When the person, or a shutdown, stopped it.
pub async fn unless_stopped<T>(
    work: impl Future<Output = T>,
    interruptions: &mut Interruptions,
    desk: &Desk,
) -> Result<T, Stopped> {
    let stopped = |leave| {
        Err(Stopped {
            error: CellError::interrupted(),
            leave,
        })
    };
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            wake = interruptions.next() => {
                let urgent = match wake {
                    Wake::Signal(Signal::Interrupt) => Some(Urgent::Interrupt),
                    Wake::Signal(Signal::Terminate) => return stopped(Some(Leave::Signal)),
                    Wake::Control(message) => desk.answer(Channel::Control, *message).await,
                    Wake::Reply(_) => None,
                };
                match urgent {
                    Some(Urgent::Interrupt) => return stopped(None),
                    Some(Urgent::Shutdown(channel, message)) => {
                        return stopped(Some(Leave::Request(channel, message)));
                    }
                    None => {}
                }
            }
            done = &mut work => return Ok(done),
        }
    }
}
