//! What processes of the same user, own tools above all, can see of the kernel's key.

use super::Finding;

const TOPIC: &str = "secrets";

/// Says what is kept from them on this system, and what remains.
pub(super) fn check() -> Vec<Finding> {
    #[cfg(target_os = "linux")]
    {
        vec![on_linux()]
    }
    #[cfg(not(target_os = "linux"))]
    {
        vec![Finding::warn(
            TOPIC,
            "this system may show a kernel's memory to processes of the same user",
            "allow only tools and MCP servers that you trust",
        )]
    }
}

#[cfg(target_os = "linux")]
fn on_linux() -> Finding {
    use caps::{CapSet, Capability, has_cap};

    // Who has it may look into every process, whatever the process asks for.
    if has_cap(None, CapSet::Effective, Capability::CAP_SYS_PTRACE).unwrap_or(false) {
        return Finding::warn(
            TOPIC,
            "own tools run with `CAP_SYS_PTRACE` here, as root mostly does: they could read the key \
             in the kernel's memory; it is in no environment and no file",
            "run Jupyter as another user, or without this capability",
        );
    }
    if !std::path::Path::new("/dev/fd").is_dir() {
        return Finding::warn(
            TOPIC,
            "without `/dev/fd` the key stays in the kernel's environment; own tools cannot read it \
             there, nor in its memory",
            "mount `/proc`",
        );
    }
    Finding::ok(
        TOPIC,
        "a kernel's key is in no environment and no file, and own tools cannot read its memory",
    )
}
