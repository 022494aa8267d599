//! The JupyterLab extension is committed as it was built: is it behind its sources?
//!
//! Building it takes Node and a network (`make labextension`); telling whether it must be built takes
//! neither, because the build says which sources it was made of.

use std::fs;

use sha2::{Digest as _, Sha256};

use super::root;

/// Beside these, all files of [`FOLDERS`]; the same list is in `jupyterlab/finish.mjs`.
const FILES: [&str; 5] = [
    "finish.mjs",
    "names.config.js",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
];
const FOLDERS: [&str; 3] = ["schema", "src", "style"];
const BUILT: &str = "kernelspec/data/share/jupyter/labextensions/claude-kernel/package.json";

fn digest_of_sources() -> String {
    let sources = root().join("jupyterlab");
    let mut names: Vec<String> = FILES.map(str::to_owned).to_vec();
    for folder in FOLDERS {
        for entry in fs::read_dir(sources.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            names.push(format!("{folder}/{name}"));
        }
    }
    names.sort();
    let mut digest = Sha256::new();
    for name in names {
        digest.update(format!("{name}\0"));
        digest.update(fs::read(sources.join(&name)).unwrap());
        digest.update("\0");
    }
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_committed_build_is_of_these_sources_and_of_this_version() {
    let built: serde_json::Value =
        serde_json::from_slice(&fs::read(root().join(BUILT)).unwrap()).unwrap();
    assert_eq!(
        built["claude_kernel"]["sources"],
        digest_of_sources().as_str(),
        "the sources in jupyterlab/ have changed since: `make labextension`, and commit what it wrote"
    );
    assert_eq!(built["version"], env!("CARGO_PKG_VERSION"));
}
