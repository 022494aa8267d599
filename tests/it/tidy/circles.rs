//! No circles: files that use each other are one file, or a file and its own submodules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::house::House;
use super::imports::module_path;
use super::{read, rust_files};

type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Everything that can be reached from each file over one arrow or more.
fn reachable(arrows: &Arrows) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut reached = BTreeMap::new();
    for from in arrows.keys() {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut todo = vec![from.as_str()];
        while let Some(file) = todo.pop() {
            for to in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to) {
                    todo.push(to);
                }
            }
        }
        reached.insert(from.as_str(), seen);
    }
    reached
}

/// The strongly connected components of more than one file.
fn components(arrows: &Arrows) -> Vec<BTreeSet<&str>> {
    let reached = reachable(arrows);
    let reaches = |a: &str, b: &str| reached.get(a).is_some_and(|to| to.contains(b));
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for file in arrows.keys().map(String::as_str) {
        if placed.contains(file) || !reaches(file, file) {
            continue;
        }
        let together: BTreeSet<&str> = (arrows.keys().map(String::as_str))
            .filter(|other| *other == file || reaches(file, other) && reaches(other, file))
            .collect();
        placed.extend(&together);
        found.push(together);
    }
    found
}

/// Is this `foo.rs` with files of `foo/`? A `mod.rs` is a folder of equals, not one file.
fn a_file_and_its_own(files: &BTreeSet<&str>) -> bool {
    files.iter().any(|parent| {
        !parent.ends_with("/mod.rs")
            && files
                .iter()
                .all(|file| module_path(file).starts_with(&module_path(parent)))
    })
}

/// What is said of one circle: its files, and who uses what of whom.
fn describe(files: &BTreeSet<&str>, arrows: &Arrows) -> String {
    let mut text = format!("a circle of {} files:\n", files.len());
    for from in files {
        for (to, names) in arrows.get(*from).into_iter().flatten() {
            if files.contains(to.as_str()) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                writeln!(text, "  {from} -> {to}: {}", names.join(", ")).unwrap();
            }
        }
    }
    text
}

/// What is wrong with the arrows: one text for each circle.
fn complaints(arrows: &Arrows) -> Vec<String> {
    (components(arrows).iter())
        .filter(|files| !a_file_and_its_own(files))
        .map(|files| describe(files, arrows))
        .collect()
}

#[test]
fn a_circle_is_named_with_its_arrows() {
    let check = |sources: &[(&str, &str)]| {
        complaints(&House::read(sources.iter().copied()).arrows()).join("\n")
    };
    let circle = [
        ("src/a/mod.rs", "pub mod x; pub use super::b::Thing;"),
        ("src/a/x.rs", "use super::super::b; fn f() { b::g() }"),
        (
            "src/b.rs",
            "use crate::c::h; pub struct Thing; pub fn g() {}",
        ),
        ("src/c.rs", "pub fn h() { crate::a::x::f() }"),
    ];
    assert_eq!(
        check(&circle),
        "a circle of 3 files:\n  \
         src/a/x.rs -> src/b.rs: b::g\n  \
         src/b.rs -> src/c.rs: crate::c::h\n  \
         src/c.rs -> src/a/x.rs: crate::a::x::f\n"
    );
    let own = [
        ("src/a.rs", "mod x; mod y; use x::f; pub struct Thing;"),
        ("src/a/x.rs", "use super::{Thing, y::g}; pub fn f() {}"),
        ("src/a/y.rs", "pub fn g() { super::Thing }"),
    ];
    assert_eq!(check(&own), "");
    let folder = [
        ("src/a/mod.rs", "mod x; pub const ALL: &[u8] = &[x::ONE];"),
        ("src/a/x.rs", "pub const ONE: u8 = 1; fn f() { super::ALL }"),
    ];
    assert!(check(&folder).contains("a circle of 2 files"));
}

#[test]
fn files_stand_in_no_circle() {
    let sources: Vec<(String, String)> = (rust_files("src").into_iter())
        .map(|file| (read(&file), file))
        .map(|(text, file)| (file, text))
        .collect();
    let house = House::read(sources.iter().map(|(f, t)| (f.as_str(), t.as_str())));
    let complaints = complaints(&house.arrows());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
