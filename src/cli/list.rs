//! `claude-kernel list`: where our kernelspecs are, whether the programs that they start exist, and
//! which specs Jupyter would not see.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::extras::{EXTRAS, Extra, Standing};
use super::installs;
use super::kernelspec::{Backend, Installed, Owner, owner};
use super::places::{Location, Places, is_executable};

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look into the environment at PREFIX, too
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<PathBuf>,
    /// Print JSON: one object for each kernelspec
    #[arg(long)]
    json: bool,
}

/// One of our kernelspecs, and what has to be said about it.
#[derive(Debug)]
pub(super) struct Found {
    /// The kernelspec's name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// What the spec says.
    pub spec: Installed,
    /// What is wrong; empty if nothing is.
    pub complaints: Vec<Complaint>,
}

/// Something that is wrong with a kernelspec.
#[derive(Debug)]
pub(super) struct Complaint {
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub advice: String,
    /// Whether the kernel cannot start because of it.
    pub is_fatal: bool,
}

/// Prints one paragraph for each kernelspec of ours.
///
/// # Errors
/// If stdout cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let places = Places::of_process();
    let mut dirs = places.search_path();
    // What was installed elsewhere is found too, if it is still there.
    let named = args
        .prefix
        .iter()
        .map(|prefix| places.kernels_dir(&Location::Prefix(prefix.clone())));
    let named: Vec<PathBuf> = named.filter_map(Result::ok).collect();
    for dir in named.into_iter().chain(installs::elsewhere()) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let found = find(&places, &dirs);
    if args.json {
        let specs: Vec<Value> = found.iter().map(Found::to_json).collect();
        writeln!(out, "{:#}", Value::Array(specs))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        writeln!(out, "No kernelspec of ours is installed. Jupyter looks in:")?;
        for dir in places.search_path() {
            writeln!(out, "  {}", dir.display())?;
        }
        writeln!(out, "Next: `claude-kernel install`")?;
        return Ok(ExitCode::SUCCESS);
    }
    for Found {
        name,
        dir,
        spec,
        complaints,
    } in &found
    {
        let backend = match spec.backend {
            Backend::Api => "Claude API",
            Backend::Offline => "offline",
        };
        writeln!(out, "{name}  \"{}\"  ({backend})", spec.display_name)?;
        writeln!(out, "  spec    {}", dir.display())?;
        writeln!(out, "  binary  {}", spec.binary.display())?;
        if let Some(python) = &spec.python {
            writeln!(out, "  python  {}", python.display())?;
        }
        if complaints.is_empty() {
            writeln!(out, "  ok")?;
        }
        for complaint in complaints {
            writeln!(out, "  warn    {}: {}", complaint.text, complaint.advice)?;
        }
    }
    for beside in beside(&found) {
        writeln!(out, "{}", beside.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Found {
    /// Returns it for programs.
    fn to_json(&self) -> Value {
        let complaints = self.complaints.iter().map(|complaint| {
            json!({"text": complaint.text, "advice": complaint.advice, "is_fatal": complaint.is_fatal})
        });
        json!({
            "name": self.name,
            "display_name": self.spec.display_name,
            "backend": match self.spec.backend {
                Backend::Api => "api",
                Backend::Offline => "offline",
            },
            "dir": self.dir,
            "binary": self.spec.binary,
            "python": self.spec.python,
            "complaints": complaints.collect::<Vec<_>>(),
        })
    }
}

/// What stands beside our kernelspecs in one of Jupyter's data directories.
#[derive(Debug)]
pub(super) struct Beside {
    /// What it is.
    pub extra: Extra,
    /// Where it is, or would be.
    pub dir: PathBuf,
    /// What is there.
    pub standing: Standing,
}

impl Beside {
    /// Says in one line what is there and what to do.
    pub(super) fn text(&self) -> String {
        let Extra { name, without, .. } = self.extra;
        let dir = self.dir.display();
        match self.standing {
            Standing::Current => format!("{name} in {dir}"),
            Standing::Missing => {
                format!("no {name} in {dir} ({without}): `claude-kernel install` adds it")
            }
            Standing::OtherVersion => {
                format!("{name} in {dir} is another version's: run `claude-kernel install` again")
            }
            Standing::Foreign => format!("{dir} is not ours, so there is no {name} ({without})"),
        }
    }
}

/// Looks at what stands beside each of these kernelspecs, each place once.
pub(super) fn beside(found: &[Found]) -> Vec<Beside> {
    let mut seen = Vec::new();
    for data in found.iter().filter_map(|f| f.dir.parent()?.parent()) {
        if !seen.contains(&data) {
            seen.push(data);
        }
    }
    let each = |data: &Path| {
        EXTRAS.map(|extra| Beside {
            dir: extra.dir(data),
            standing: extra.standing(data),
            extra,
        })
    };
    seen.into_iter().flat_map(each).collect()
}

/// Finds all our kernelspecs below `dirs`, which are in the order in which Jupyter searches them.
pub(super) fn find(places: &Places, dirs: &[PathBuf]) -> Vec<Found> {
    let mut taken: Vec<(String, PathBuf)> = Vec::new();
    let mut found = Vec::new();
    for kernels in dirs {
        for (name, dir) in specs_in(kernels) {
            let owner = owner(&dir);
            if owner == Owner::Nobody {
                continue;
            }
            let first = taken.iter().find(|(n, _)| *n == name).map(|(_, dir)| dir);
            if let Owner::Us(spec) = owner {
                let mut complaints = complaints(places, &spec);
                if let Some(first) = first {
                    complaints.push(Complaint {
                        text: format!("hidden by {}, which Jupyter finds first", first.display()),
                        advice: "remove one of them, or give one another `--name`".to_owned(),
                        is_fatal: false,
                    });
                }
                found.push(Found {
                    name: name.clone(),
                    dir: dir.clone(),
                    spec,
                    complaints,
                });
            }
            if first.is_none() {
                taken.push((name, dir));
            }
        }
    }
    found
}

fn complaints(places: &Places, spec: &Installed) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let binary = &spec.binary;
    if binary.is_absolute() {
        if !is_executable(binary) {
            complaints.push(Complaint {
                text: format!("`{}` is not there", binary.display()),
                advice: "run `claude-kernel install` again, with the same flags".to_owned(),
                is_fatal: true,
            });
        }
    } else if binary
        .to_str()
        .is_none_or(|name| places.on_path(name).is_none())
    {
        complaints.push(Complaint {
            text: format!("`{}` is not on PATH", binary.display()),
            advice: "start Jupyter from the environment it was installed into".to_owned(),
            is_fatal: true,
        });
    }
    if let Some(python) = spec.python.as_deref().filter(|p| !is_executable(p)) {
        complaints.push(Complaint {
            text: format!("the sandbox's Python `{}` is not there", python.display()),
            advice: "install again with `--python PATH`".to_owned(),
            is_fatal: true,
        });
    }
    complaints
}

/// Returns the directories below `kernels`, sorted, with the names that Jupyter gives them.
fn specs_in(kernels: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(kernels) else {
        return Vec::new();
    };
    let mut specs: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter_map(|dir| Some((dir.file_name()?.to_str()?.to_lowercase(), dir)))
        .collect();
    specs.sort();
    specs
}
