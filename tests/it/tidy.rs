//! The house rules that a compiler does not know: who may import whom, what every file owes its
//! reader, what the repository must hold.
//!
//! The checks are functions from text to complaints; each is first shown something bad, then the
//! real tree.

mod circles;
mod figures;
mod guide;
mod house;
mod imports;
mod labextension;
mod readme;
mod repository;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use imports::{code_only, imports, module_path};

/// Who may import whom. Changing this table is a commit of its own (`ARCHITECTURE.md`).
/// A target with `::` allows only that module of the layer.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("host", &[]),
    ("config", &["host"]),
    ("jupyter", &["host", "config"]),
    ("anthropic", &["host", "config"]),
    ("chat", &["host", ANTHROPIC_TYPES]),
    ("cell", &["host", "chat", ANTHROPIC_TYPES]),
    (
        "render",
        &["host", "chat", "jupyter::mime", ANTHROPIC_TYPES],
    ),
    (
        "kernel",
        &[
            "host",
            "config",
            "jupyter",
            "anthropic",
            "chat",
            "cell",
            "render",
            "notebook",
        ],
    ),
    ("notebook", &["host", "chat"]),
    ("emulator", &["host"]),
    (
        "cli",
        &[
            "host",
            "config",
            "jupyter",
            "anthropic",
            "kernel",
            "notebook",
            "chat::ledger",
            "emulator",
        ],
    ),
];

/// Stands for every module of `anthropic` that does no I/O.
const ANTHROPIC_TYPES: &str = "anthropic types";
const ANTHROPIC_EDGES: &[&str] = &[
    "client",
    "credentials",
    "files",
    "form",
    "transport",
    "upload",
];

/// Lines a file may have, and the files that may have more.
const MAX_LINES: usize = 500;
const LONG_FILES: &[(&str, usize)] = &[
    // Whole transcripts as snapshots.
    ("tests/it/render/transcripts.rs", 1400),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every `.rs` file below `dir`, relative to the repository, sorted.
fn rust_files(dir: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(dir)];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(
                    path.strip_prefix(root())
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
    found
}

/// The arrows of one file that the table does not have.
fn forbidden_imports(file: &str, source: &str) -> Vec<String> {
    let here = module_path(file);
    let layer = here.first().map_or("lib", String::as_str);
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "{file}: `{layer}` is a new layer: add it to MAY_IMPORT in tests/it/tidy.rs and to \
             ARCHITECTURE.md, in a commit of its own"
        )];
    };
    let layers: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    let mut complaints = Vec::new();
    for path in imports(file, source) {
        let Some(target) = path.first() else { continue };
        if target == layer || !layers.contains(target.as_str()) {
            continue;
        }
        let module = path.get(1).map_or("", String::as_str);
        let fine = allowed.iter().any(|rule| match *rule {
            ANTHROPIC_TYPES => target == "anthropic" && !ANTHROPIC_EDGES.contains(&module),
            rule => match rule.split_once("::") {
                Some((layer, only)) => target == layer && module == only,
                None => target == rule,
            },
        });
        if !fine {
            complaints.push(format!(
                "{file}: `{layer}` may not import `{}` (it may: {})",
                path.join("::"),
                allowed.join(", ")
            ));
        }
    }
    complaints
}

/// What a source file owes its reader.
fn untidy(file: &str, source: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let first = source.lines().next().unwrap_or_default();
    if !first.starts_with("//! ") || first.len() < 16 {
        complaints.push(format!(
            "{file}: opens without a `//!` line that says what the module is"
        ));
    }
    let lines = source.lines().count();
    let limit = LONG_FILES
        .iter()
        .find(|(name, _)| *name == file)
        .map_or(MAX_LINES, |(_, limit)| *limit);
    if lines > limit {
        complaints.push(format!(
            "{file}: {lines} lines, more than {limit}: split it by concept"
        ));
    }
    for macro_name in ["todo!(", "unimplemented!("] {
        if code_only(source).contains(macro_name) {
            complaints.push(format!("{file}: `{macro_name})` is not finished work"));
        }
    }
    complaints
}

/// Which layers and modules may be edges at all; the rest is pure (invariant 1).
fn may_be_edge(file: &str) -> bool {
    let layer = module_path(file).first().cloned().unwrap_or_default();
    matches!(
        layer.as_str(),
        "cli" | "kernel" | "emulator" | "host" | "config" | "jupyter" | "anthropic" | "notebook"
    )
}

/// Edges are declared at the top of the file and only where the table lets them be.
fn undeclared_edges(file: &str, source: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let tests_at = source.find("#[cfg(test)]").unwrap_or(source.len());
    let body = &source[..tests_at];
    let declared = body.contains("#![expect(\n    clippy::disallowed_methods")
        || body.contains("#![expect(clippy::disallowed_methods");
    if declared && !body.contains("reason = \"edge: ") {
        complaints.push(format!(
            "{file}: the reason of an edge begins with `edge: `"
        ));
    }
    if declared && !may_be_edge(file) {
        complaints.push(format!("{file}: this layer is pure, it may not be an edge"));
    }
    if body.contains("allow(clippy::disallowed") || body.contains("allow(\n    clippy::disallowed")
    {
        complaints.push(format!(
            "{file}: declare an edge with `#![expect(clippy::disallowed_methods, reason = \"edge: …\")]`"
        ));
    }
    complaints
}

fn check_all(files: &[String], check: impl Fn(&str, &str) -> Vec<String>) {
    let complaints: Vec<String> = files.iter().flat_map(|f| check(f, &read(f))).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn a_forbidden_arrow_is_named() {
    let complaints = |file: &str, source: &str| forbidden_imports(file, source).join("\n");
    assert!(
        complaints("src/jupyter/wire.rs", "use crate::anthropic::block::Block;")
            .contains("`jupyter` may not import `anthropic::block`")
    );
    assert!(
        complaints("src/chat/turn.rs", "use crate::anthropic::client::Client;")
            .contains("`chat` may not import `anthropic::client`")
    );
    assert!(
        complaints("src/render/step.rs", "use crate::jupyter::sockets::Router;")
            .contains("`render` may not import `jupyter::sockets`")
    );
    assert!(
        complaints(
            "src/emulator/schema.rs",
            "use crate::anthropic::request::MessagesRequest;"
        )
        .contains("`emulator` may not import")
    );
    assert!(complaints("src/kernel/actor.rs", "use crate::emulator;").contains("`emulator`"));
    assert!(complaints("src/new/mod.rs", "").contains("`new` is a new layer"));
    assert_eq!(
        complaints("src/chat/turn.rs", "use crate::anthropic::block::Block;"),
        ""
    );
    assert_eq!(
        complaints("src/render/step.rs", "use crate::jupyter::mime::Output;"),
        ""
    );
}

#[test]
fn layers_import_only_what_the_table_allows() {
    check_all(&rust_files("src"), forbidden_imports);
}

#[test]
fn no_two_layers_may_import_each_other() {
    for (layer, allowed) in MAY_IMPORT {
        for (other, of_other) in MAY_IMPORT {
            let layer_of = |rule: &&&str| rule.split("::").next() == Some(*layer);
            let back = of_other.iter().find(layer_of);
            let there = allowed
                .iter()
                .any(|rule| rule.split("::").next() == Some(*other));
            assert!(!there || back.is_none(), "{layer} and {other}");
        }
    }
}

#[test]
fn jupyter_and_anthropic_never_meet_below_the_kernel() {
    for (layer, allowed) in MAY_IMPORT {
        let both = allowed.contains(&"jupyter") && allowed.contains(&"anthropic");
        assert!(
            !both || matches!(*layer, "kernel" | "cli"),
            "{layer} sees both transports"
        );
    }
}

#[test]
fn an_untidy_file_is_named() {
    assert_eq!(
        untidy("src/x.rs", "//! What this module is for.\n").len(),
        0
    );
    assert_eq!(untidy("src/x.rs", "use std::fmt;\n").len(), 1);
    assert_eq!(untidy("src/x.rs", "//! Short.\n").len(), 1);
    let long = format!("//! What this module is for.\n{}", "\n".repeat(MAX_LINES));
    assert_eq!(untidy("src/x.rs", &long).len(), 1);
    assert_eq!(
        untidy(
            "src/x.rs",
            "//! What this module is for.\nfn f() { todo!() }"
        )
        .len(),
        1
    );
}

#[test]
fn every_file_opens_with_its_purpose_and_stays_short() {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    check_all(&files, untidy);
}

#[test]
fn an_edge_in_a_pure_layer_is_named() {
    let edge = "//! X.\n#![expect(clippy::disallowed_methods, reason = \"edge: reads files\")]\n";
    assert_eq!(undeclared_edges("src/kernel/store.rs", edge).len(), 0);
    assert_eq!(undeclared_edges("src/chat/turn.rs", edge).len(), 1);
    let vague = "//! X.\n#![expect(clippy::disallowed_methods, reason = \"files\")]\n";
    assert_eq!(undeclared_edges("src/kernel/store.rs", vague).len(), 1);
    let hidden =
        "//! X.\n#[allow(clippy::disallowed_methods, reason = \"edge: files\")]\nfn f() {}";
    assert_eq!(undeclared_edges("src/kernel/store.rs", hidden).len(), 1);
}

#[test]
fn edges_declare_themselves() {
    check_all(&rust_files("src"), undeclared_edges);
}
