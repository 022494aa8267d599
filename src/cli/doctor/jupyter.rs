//! Checks whether Jupyter sees our kernelspecs and can start the programs that they name.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::super::extras::Standing;
use super::super::kernelspec::Backend;
use super::super::list::{Beside, Found, beside, find};
use super::super::places::Places;
use super::Finding;

/// How long Jupyter may take: on a slow disk it needs a second or two to start.
const JUPYTER_LIMIT: Duration = Duration::from_secs(20);

/// What was found of ours.
#[derive(Debug)]
pub(super) struct Installed {
    pub findings: Vec<Finding>,
    /// The interpreters that offline kernelspecs name; `None` for a spec that names none.
    pub pythons: Vec<Option<PathBuf>>,
}

/// Asks Jupyter where it searches, and searches there.
pub(super) async fn check(places: &Places) -> Installed {
    let mut findings = Vec::new();
    let jupyter = places
        .on_path("jupyter")
        .or_else(|| places.beside_binary("jupyter"));
    let asked = match &jupyter {
        Some(jupyter) => paths_of(jupyter).await,
        None => None,
    };
    let computed = places.search_path();
    match (&jupyter, &asked) {
        (Some(jupyter), Some(_)) => {
            findings.push(Finding::ok("jupyter", jupyter.display().to_string()));
        }
        (Some(jupyter), None) => findings.push(Finding::warn(
            "jupyter",
            format!("`{} --paths --json` gave no answer", jupyter.display()),
            "run it by hand; the usual directories were looked at instead",
        )),
        (None, _) => findings.push(Finding::warn(
            "jupyter",
            "there is no `jupyter` on PATH or beside this program; the usual directories were looked at",
            "activate the environment that has Jupyter, or make one: \
             `python3 -m venv ~/.venvs/jupyter && ~/.venvs/jupyter/bin/pip install jupyterlab`",
        )),
    }
    let dirs = asked.unwrap_or_else(|| computed.clone());
    let found = find(places, &dirs);
    findings.extend(found.iter().flat_map(describe));
    findings.extend(beside(&found).iter().map(describe_beside));
    for unseen in find(places, &computed) {
        if !found.iter().any(|f| f.dir == unseen.dir) {
            findings.push(Finding::warn(
                "kernelspec",
                format!(
                    "`{}` in {} is not seen by this Jupyter",
                    unseen.name,
                    unseen.dir.display()
                ),
                "install into its environment: `claude-kernel install --prefix PREFIX`",
            ));
        }
    }
    if found.is_empty() {
        findings.push(Finding::warn(
            "kernelspec",
            "Jupyter does not know the kernel yet",
            "`claude-kernel install`, or `claude-kernel install --offline`",
        ));
    }
    Installed {
        findings,
        pythons: found
            .into_iter()
            .filter(|f| f.spec.backend == Backend::Offline)
            .map(|f| f.spec.python)
            .collect(),
    }
}

fn describe(found: &Found) -> Vec<Finding> {
    let what = format!(
        "`{}` in {} starts {}",
        found.name,
        found.dir.display(),
        found.spec.binary.display()
    );
    if found.complaints.is_empty() {
        return vec![Finding::ok("kernelspec", what)];
    }
    found
        .complaints
        .iter()
        .map(|complaint| {
            let text = format!(
                "`{}` in {}: {}",
                found.name,
                found.dir.display(),
                complaint.text
            );
            if complaint.is_fatal {
                Finding::fail("kernelspec", text, complaint.advice.clone())
            } else {
                Finding::warn("kernelspec", text, complaint.advice.clone())
            }
        })
        .collect()
}

/// Without it a notebook runs all the same: only what is there and old is a warning.
fn describe_beside(beside: &Beside) -> Finding {
    match beside.standing {
        Standing::OtherVersion => Finding::warn(
            "extras",
            format!(
                "the {} in {} is another version's",
                beside.extra.name,
                beside.dir.display()
            ),
            "`claude-kernel install` again, with the same flags",
        ),
        Standing::Current | Standing::Missing | Standing::Foreign => {
            Finding::ok("extras", beside.text())
        }
    }
}

/// Returns the `kernels` directories that this `jupyter` searches, in its order.
async fn paths_of(jupyter: &Path) -> Option<Vec<PathBuf>> {
    let asked = Command::new(jupyter)
        .args(["--paths", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(JUPYTER_LIMIT, asked)
        .await
        .ok()?
        .ok()?;
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    let dirs: Vec<PathBuf> = answer
        .get("data")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .map(|dir| Path::new(dir).join("kernels"))
        .collect();
    (!dirs.is_empty()).then_some(dirs)
}
