//! `claude-kernel uninstall`: removes a kernelspec that we wrote, and with the last one what was
//! installed beside it; nothing else.

use std::io::Write;
use std::process::ExitCode;

use crate::host::unnumbered;

use super::Failure;
use super::extras::EXTRAS;
use super::install::spec_name;
use super::kernelspec::{Backend, Owner, owner, remove};
use super::list::find;
use super::places::{LocationArgs, Places};

/// Arguments of `uninstall`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    location: LocationArgs,
    /// Remove `claude-offline` rather than `claude`
    #[arg(long)]
    offline: bool,
    /// The kernelspec's name, if it was installed under another
    #[arg(long)]
    name: Option<String>,
}

/// Removes the kernelspec.
///
/// # Errors
/// If there is no spec of this name at that place, if it is not ours, or if it cannot be removed.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let places = Places::of_process();
    let backend = if args.offline {
        Backend::Offline
    } else {
        Backend::Api
    };
    let name = spec_name(args.name.as_deref(), backend)?;
    let location = places.location(&args.location)?;
    let kernels = places.kernels_dir(&location)?;
    let dir = kernels.join(&name);
    match owner(&dir) {
        Owner::Nobody => {
            return Err(Failure::new(format!("there is no kernelspec at `{}`", dir.display()))
                .with_hint(
                    "`claude-kernel list` shows where ours are; name the place as you did for `install`",
                )
                .into());
        }
        Owner::Other => {
            return Err(Failure::new(format!(
                "the kernelspec at `{}` is not ours; left as it is",
                dir.display()
            ))
            .with_hint(format!(
                "`jupyter kernelspec remove {name}` removes any kernelspec"
            ))
            .into());
        }
        Owner::Us(_) => {}
    }
    let emptied = remove(&dir).map_err(|e| {
        Failure::new(format!(
            "cannot remove `{}`: {}",
            dir.display(),
            unnumbered(&e)
        ))
    })?;
    writeln!(out, "Removed kernelspec `{name}` from {}", dir.display())?;
    if !emptied {
        writeln!(out, "Files that are not ours were left there")?;
    }
    if find(&places, std::slice::from_ref(&kernels)).is_empty()
        && let Some(data) = kernels.parent()
    {
        for extra in EXTRAS {
            let dir = extra.dir(data);
            match extra.remove(data) {
                Ok(true) => writeln!(out, "Removed the {} from {}", extra.name, dir.display())?,
                Ok(false) => {}
                Err(e) => writeln!(
                    out,
                    "Note: cannot remove `{}`: {}",
                    dir.display(),
                    unnumbered(&e)
                )?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
