//! Seccomp: system calls that no program of a sandbox needs and that lead out of it, or around what
//! is counted.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::report::WhyNot;

/// Calls that are not there.
const ABSENT: [libc::c_long; 10] = [
    // Key rings belong to the person's session, and no namespace parts them.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Memory that no process's size tells.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    // Does what other calls do, past every filter.
    libc::SYS_io_uring_setup,
    // Doors to the system that need no capability everywhere.
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    // Names of another user's processes and files by number.
    libc::SYS_open_by_handle_at,
];

/// The families of sockets that there are: local ones, the network's, and what lists its devices.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Restricts this process and all its children for good. New privileges must be forbidden already.
pub(super) fn restrict() -> Result<(), WhyNot> {
    let refused = |error: &dyn std::fmt::Display| WhyNot::Refused(error.to_string());
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| refused(&error))?;
    let absent = ABSENT.map(|call| (i64::from(call), Vec::new()));
    let absent: BTreeMap<i64, Vec<SeccompRule>> = absent.into_iter().collect();
    apply(absent, libc::ENOSYS, arch)?;
    let family = |call: libc::c_long| -> Result<(i64, Vec<SeccompRule>), WhyNot> {
        let others = FAMILIES.map(|family| {
            let family = u64::try_from(family).unwrap_or_default();
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        });
        let others = others.into_iter().collect::<Result<Vec<_>, _>>();
        let rule = others
            .and_then(SeccompRule::new)
            .map_err(|error| refused(&error))?;
        Ok((i64::from(call), vec![rule]))
    };
    let families = [family(libc::SYS_socket)?, family(libc::SYS_socketpair)?];
    apply(families.into_iter().collect(), libc::EAFNOSUPPORT, arch)
}

/// Answers these calls with an error, and lets all others pass.
fn apply(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: libc::c_int,
    arch: TargetArch,
) -> Result<(), WhyNot> {
    let answer = SeccompAction::Errno(u32::try_from(error).unwrap_or_default());
    let program: Result<BpfProgram, _> =
        SeccompFilter::new(rules, SeccompAction::Allow, answer, arch)
            .and_then(BpfProgram::try_from);
    let program = program.map_err(|error| WhyNot::Refused(error.to_string()))?;
    apply_filter(&program).map_err(|error| WhyNot::Refused(error.to_string()))
}
