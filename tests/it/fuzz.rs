//! Random input for everything that reads bytes from outside. `cargo test` gives each target a moment,
//! `make fuzz` minutes: `CLAUDE_KERNEL_FUZZ_SECONDS` says how long, `CLAUDE_KERNEL_FUZZ_SEED` which.
//!
//! A driver of our own rather than libFuzzer: it needs no nightly compiler and no C++ and runs wherever
//! the tests do. In place of coverage it keeps the inputs that made a target answer in a new way, and goes on
//! from them. The corpus is in `tests/data/fuzz`: what once broke something is added there.

mod driver;
mod recordings;
mod targets;

use driver::run;
use targets::TARGETS;

/// One test for each target, so that they run side by side and each is named.
macro_rules! targets {
    ($($test:ident),+ $(,)?) => {
        $(#[test]
        fn $test() {
            run(targets::find(stringify!($test)));
        })+

        #[test]
        fn every_target_is_run_and_has_a_corpus() {
            let run = [$(stringify!($test)),+];
            let targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(run.to_vec(), targets);
            for name in targets {
                assert!(driver::corpus(name).len() >= 2, "tests/data/fuzz/{name}");
            }
        }
    };
}

targets!(
    zmtp,
    messages,
    sse,
    markdown,
    notebooks,
    journals,
    records,
    connection_files,
    magics,
    keys,
    readers,
    recordings,
);
