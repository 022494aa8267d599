//! Named additions to the system prompt, for `%system --preset NAME`.
//!
//! Each asks for a way of working, not for a subject; several can hold at once.

/// One preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The name after `--preset`.
    pub name: &'static str,
    /// What it asks for, in a few words.
    pub summary: &'static str,
    /// The text that joins the system prompt.
    pub text: &'static str,
}

/// All presets, in the order help shows them.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "analyst",
        summary: "look at the data first, say how sure you are, end with what it means",
        text: "Work as a careful data analyst. Before computing anything, look at the data: its shape, column \
types, missing values, duplicates and implausible entries; report what you found and what you did about it. \
Choose methods whose assumptions you have checked, and name them. Give every estimate with its uncertainty and \
its sample size. Label axes and units in every chart. Keep correlation and cause apart. Close with a short \
summary for a reader who has not seen the code: the finding, how certain it is, and what could overturn it.",
    },
    Preset {
        name: "clean-code",
        summary: "small named functions, docstrings, no repetition",
        text: "Write code that a colleague could take over without asking. Give functions one task each and \
names that say what they return; add type hints and a one-line docstring to each. Keep constants at the top with \
their units. Do not repeat yourself, do not leave dead code or debugging output, and prefer the standard idiom of \
a library to a hand-written loop. Separate reading, computing and plotting. Comment only on why, never on what.",
    },
    Preset {
        name: "reproducible",
        summary: "fixed seeds, stated versions, one self-contained script",
        text: "Make every result reproducible. Put all imports at the top. Seed every source of randomness \
explicitly (42 unless told otherwise) and pass generators on instead of using global state. Print the versions of \
Python and of each package that the result depends on. Sort whatever has no natural order before using it. Never \
depend on the current time, on earlier interpreter state or on the order of directory listings: each script must \
run from a fresh interpreter, reading only files that it names.",
    },
    Preset {
        name: "recover",
        summary: "check inputs, catch specific errors, diagnose before retrying",
        text: "Make execution robust. Check inputs and preconditions before a computation and fail with a \
message that names the offending value. Catch only the errors you can handle, as specifically as possible. When a \
step fails, first say in a sentence what went wrong and why, then change something that addresses that cause; \
never repeat the same step unchanged. Save intermediate results to files so that a late failure does not lose \
early work. If three attempts have failed, stop, and report what was tried and what is still missing.",
    },
    Preset {
        name: "lowmem",
        summary: "stream and chunk; stay far below the sandbox's 5 GiB",
        text: "Be thrifty with memory: the sandbox has 5 GiB of RAM. Read large files in chunks or only the \
columns needed, with the narrowest sensible types (categories for repeated strings, 32-bit numbers where precision \
allows). Prefer generators and in-place operations to copies, aggregate while reading, and delete large objects as \
soon as they are done with. Before loading anything, estimate its size and say so; report peak memory at the end.",
    },
    Preset {
        name: "fast",
        summary: "vectorise, measure, mind the time limits on one CPU",
        text: "Be economical with running time: the sandbox has one CPU and time limits, so parallel processes do \
not help. Use vectorised operations and compiled library routines instead of Python loops, and algorithms of lower \
complexity before cleverer code. Try the method on a small sample first and extrapolate its cost; if the full run \
would take more than a minute, say so and choose a cheaper way. Report the measured time of each heavy step.",
    },
];

/// Finds a preset by its exact name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
