//! The jobs of magics, done before the prompt of their cell is sent. Each kind of job has a file.

pub mod adopt;
pub mod attach;
pub mod compact;
mod continue_;
pub mod exec;
mod export;
pub mod files;
mod models;
mod packages;
pub mod replay;
pub mod resume;
mod show_last;
pub mod tools;

use crate::cell::magic::Job;
use crate::cell::magics::files::FilesJob;
use crate::cell::magics::packages::PackagesJob;

use crate::chat::settings::Replay;

use super::context::{CellContext, Outcome};
use super::interrupts::Stopped;
use super::lines::notes;

/// Does one job.
///
/// # Errors
/// When the job cannot be done or was stopped. Then the cell sends nothing.
pub async fn run(job: Job, context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    if context.settings.replay == Replay::Only
        && let Some(skipped) = skipped(&job)
    {
        let told = format!("`%replay only` sends nothing, so {skipped}.");
        context.output.show(notes([&told])).await;
        return Ok(Outcome::default());
    }
    match job {
        Job::ListModels => models::list(context).await,
        Job::Continue => continue_::prompt(context),
        Job::Compact { instructions } => compact::compact(instructions.as_deref(), context).await,
        Job::Files(FilesJob::Attach { paths, to }) => attach::attach(&paths, to, context).await,
        Job::Replay => replay::prepare(context).await,
        Job::Files(FilesJob::Clear) => files::clear(context).await,
        Job::Packages(job) => packages::run(job, context).await,
        Job::Files(FilesJob::List { all }) => files::list(all, context).await,
        Job::Files(FilesJob::Get { name, to, force }) => {
            files::get(name.as_deref(), to.as_deref(), force, context).await
        }
        Job::Export(job) => export::export(job, context).await,
        Job::Resume(which) => resume::run(&which, context).await,
        Job::Files(FilesJob::Remove { name, local }) => files::remove(&name, local, context).await,
        Job::ShowLast => show_last::show(context).await,
        Job::Tools(job) => tools::run(job, context).await,
    }
}

/// What of a job that asks the API is left undone where only recordings answer, as a clause.
fn skipped(job: &Job) -> Option<&'static str> {
    match job {
        Job::Replay => Some("the steps are not run again"),
        Job::Packages(PackagesJob::List { .. }) => Some("the sandbox is not asked what it has"),
        Job::ListModels
        | Job::Compact { .. }
        | Job::Files(_)
        | Job::ShowLast
        | Job::Export(_)
        | Job::Resume(_)
        | Job::Tools(_)
        | Job::Packages(PackagesJob::About { .. })
        | Job::Continue => None,
    }
}
