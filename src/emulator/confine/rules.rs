//! Landlock: rules for what may be read and written; nothing else can be opened, and TCP is closed.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

use super::Interpreter;
use super::environment::DIRECTORIES;
use super::report::WhyNot;
use super::root::{DEVICES, ETC, SYSTEM};

/// The newest rules that are asked for. An older system applies those that it has.
const NEWEST: ABI = ABI::V10;

/// Restricts this process and all its children for good.
pub(super) fn restrict(
    base: &Path,
    private_root: bool,
    python: Option<&Interpreter>,
) -> Result<(), WhyNot> {
    let mut read: Vec<PathBuf> = Vec::new();
    if private_root {
        read.push("/".into());
    } else {
        read.extend(SYSTEM.map(PathBuf::from));
        // A private root has its own `/tmp`.
        read.push("/proc".into());
        read.extend(ETC.map(|name| Path::new("/etc").join(name)));
        read.extend(["/etc/passwd", "/etc/group", "/etc/hosts"].map(PathBuf::from));
        for (from, to) in python.iter().flat_map(|python| &python.directories) {
            read.extend([from.clone(), to.clone()]);
        }
    }
    let mut write: Vec<PathBuf> = Vec::new();
    for (name, read_only) in DIRECTORIES {
        let list = if read_only { &mut read } else { &mut write };
        list.push(base.join(name));
    }
    if private_root {
        write.extend(["/tmp", "/dev/shm"].map(PathBuf::from));
    } else {
        write.push(base.join("tmp"));
    }
    let devices = DEVICES.map(|name| Path::new("/dev").join(name));
    match apply(&read, &write, &devices) {
        Ok(RulesetStatus::NotEnforced) => Err(WhyNot::System("this system has no Landlock")),
        Ok(_) => Ok(()),
        Err(error) => Err(WhyNot::Refused(error.to_string())),
    }
}

fn apply(
    read: &[PathBuf],
    write: &[PathBuf],
    devices: &[PathBuf],
) -> Result<RulesetStatus, RulesetError> {
    let all = AccessFs::from_all(NEWEST);
    let status = Ruleset::default()
        .handle_access(all)?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(read, AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(write, all))?
        .add_rules(path_beneath_rules(
            devices,
            AccessFs::ReadFile | AccessFs::WriteFile,
        ))?
        .restrict_self()?;
    Ok(status.ruleset)
}
