//! The jobs of magics, done before the prompt of their cell is sent. Each kind of job has a file.

pub mod adopt;
pub mod attach;
pub mod compact;
mod continue_;
pub mod exec;
pub mod files;
mod models;
mod packages;
pub mod replay;
pub mod resume;
mod show_last;
pub mod tools;

use crate::cell::magic::Job;
use crate::cell::magics::files::FilesJob;

use super::context::{CellContext, Outcome};
use super::interrupts::Stopped;

/// Does one job.
///
/// # Errors
/// When the job cannot be done or was stopped. Then the cell sends nothing.
pub async fn run(job: Job, context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    match job {
        Job::ListModels => models::list(context).await,
        Job::Continue => continue_::prompt(context),
        Job::Compact { instructions } => compact::compact(instructions.as_deref(), context).await,
        Job::Files(FilesJob::Attach { paths, to }) => attach::attach(&paths, to, context).await,
        Job::Replay => replay::prepare(context).await,
        Job::Files(FilesJob::Clear) => files::clear(context).await,
        Job::Packages(job) => packages::run(job, context).await,
        Job::Files(FilesJob::List) => files::list(context).await,
        Job::Files(FilesJob::Get { name, to, force }) => {
            files::get(name.as_deref(), to.as_deref(), force, context).await
        }
        Job::Resume(which) => resume::run(&which, context).await,
        Job::Files(FilesJob::Remove { name, local }) => files::remove(&name, local, context).await,
        Job::ShowLast => show_last::show(context).await,
        Job::Tools(job) => tools::run(job, context).await,
    }
}
