//! `list`: for programs, and for places where Jupyter does not look from here.

use serde_json::{Value, json};

use super::Machine;

#[test]
fn u14_what_was_installed_elsewhere_is_found_and_programs_can_read_it() {
    let machine = Machine::new();
    let prefix = machine.path("other env");
    let prefix = prefix.to_str().unwrap();
    let installed = machine.run(&["install", "--offline", "--prefix", prefix, "--quiet"]);
    assert_eq!(installed.code, Some(0), "{}", installed.stderr);
    let listed = machine.run(&["list"]);
    assert!(
        listed
            .stdout
            .contains("$T/other env/share/jupyter/kernels/claude-offline"),
        "{}",
        listed.stdout
    );
    let json = machine.run(&["list", "--json"]).stdout;
    let specs: Value = serde_json::from_str(&json).unwrap();
    let [spec] = specs.as_array().unwrap().as_slice() else {
        panic!("{json}")
    };
    assert_eq!(
        (&spec["name"], &spec["backend"], &spec["complaints"]),
        (&json!("claude-offline"), &json!("offline"), &json!([])),
        "{json}"
    );
    // What is gone is not listed, and nobody need know of it.
    std::fs::remove_dir_all(machine.path("other env")).unwrap();
    assert_eq!(machine.run(&["list", "--json"]).stdout.trim(), "[]");
    assert!(
        machine
            .run(&["list"])
            .stdout
            .starts_with("No kernelspec of ours")
    );
}

/// A prefix can be named, also one that another home installed into.
#[test]
fn u14_a_prefix_can_be_named() {
    let mut machine = Machine::new();
    let prefix = machine.path("env");
    let prefix = prefix.to_str().unwrap().to_owned();
    machine.run(&["install", "--prefix", &prefix]);
    std::fs::create_dir(machine.path("second")).unwrap();
    machine.set("HOME", machine.path("second"));
    let own = machine.run(&["list"]).stdout;
    assert!(own.starts_with("No kernelspec"), "{own}");
    let named = machine.run(&["list", "--prefix", &prefix]).stdout;
    assert!(
        named.contains("$T/env/share/jupyter/kernels/claude\n"),
        "{named}"
    );
}
