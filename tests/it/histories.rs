//! Random histories of a notebook: cells run, run again, inserted, moved, deleted, stopped; turns
//! taken back; tools added, edited and taken away; conversations forked and switched; settings and models changed; kernels restarted.
//!
//! Whatever happened, the strictest account takes every request at once: thinking is bound to what
//! it saw for every model, calls are paired, roles alternate, the sandbox is named. And Claude sees
//! what stands above the cell, as a second, simpler account of the notebook has it.
//!
//! `CLAUDE_KERNEL_HISTORIES` says how many histories are tried.

mod claude;
mod kernel;
mod page;
mod real;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

use claude::{Answer, End, Piece, Then};
use kernel::Kernel;
use page::Saves;

/// How many histories are tried when nobody says otherwise.
const HISTORIES: u32 = 1_000;
/// How many of them are about tools alone.
const TOOL_HISTORIES: u32 = 500;

/// Something that happens.
#[derive(Debug, Clone)]
enum Op {
    /// The cell at this position runs, wherever positions wrap.
    Run(u8, Answer),
    /// A new cell is put in at this position and runs.
    Insert(u8, Answer),
    /// A cell runs that has no id.
    Nameless(Answer),
    /// A cell runs that is named by an address.
    Document(u8, Answer),
    /// A cell is deleted.
    Delete(u8),
    /// The cell deleted last is put back.
    Restore(u8),
    /// A cell is moved.
    Move(u8, u8),
    /// The notebook is saved.
    Save,
    Undo,
    Fork(u8),
    Thread(u8),
    Setting(u8),
    /// A tool of the person's is added, edited or taken away.
    Tool(u8),
    Model(u8),
    Restart,
    ResetChat,
    ResetSandbox,
    /// A summary is asked for from the cell at this position.
    Compact(u8),
}

fn answers() -> impl Strategy<Value = Answer> {
    let piece = prop_oneof![
        4 => Just(Piece::Think),
        3 => Just(Piece::Text),
        2 => Just(Piece::Bash),
    ];
    let then = prop_oneof![Just(Then::Pause), Just(Then::Tool)];
    let call = (prop::collection::vec(piece, 0..5), then);
    let end = prop_oneof![
        8 => Just(End::Whole),
        1 => Just(End::MaxTokens),
        1 => Just(End::Refusal),
        3 => any::<u8>().prop_map(End::Interrupt),
        2 => any::<u8>().prop_map(End::Break),
        1 => Just(End::Forbidden),
    ];
    (prop::collection::vec(call, 1..4), end).prop_map(|(calls, end)| Answer { calls, end })
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        9 => (any::<u8>(), answers()).prop_map(|(at, answer)| Op::Run(at, answer)),
        9 => (any::<u8>(), answers()).prop_map(|(at, answer)| Op::Insert(at, answer)),
        1 => answers().prop_map(Op::Nameless),
        2 => (any::<u8>(), answers()).prop_map(|(at, answer)| Op::Document(at, answer)),
        2 => any::<u8>().prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Restore),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| Op::Move(from, to)),
        1 => Just(Op::Save),
        2 => Just(Op::Undo),
        1 => any::<u8>().prop_map(Op::Fork),
        1 => any::<u8>().prop_map(Op::Thread),
        4 => any::<u8>().prop_map(Op::Setting),
        1 => any::<u8>().prop_map(Op::Tool),
        1 => any::<u8>().prop_map(Op::Model),
        1 => Just(Op::Restart),
        1 => Just(Op::ResetSandbox),
        1 => any::<u8>().prop_map(Op::Compact),
        1 => any::<bool>().prop_map(|chat| if chat { Op::ResetChat } else { Op::Save }),
    ]
}

/// What happens while somebody works on tools.
fn tool_ops() -> impl Strategy<Value = Op> {
    let short = || {
        let call = (vec![Piece::Think, Piece::Text], Then::Tool);
        let calls = prop::collection::vec(Just(call), 1..3);
        calls.prop_map(|calls| Answer {
            calls,
            end: End::Whole,
        })
    };
    prop_oneof![
        3 => (any::<u8>(), short()).prop_map(|(at, answer)| Op::Run(at, answer)),
        9 => (any::<u8>(), short()).prop_map(|(at, answer)| Op::Insert(at, answer)),
        8 => any::<u8>().prop_map(Op::Tool),
        6 => any::<u8>().prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Restore),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(from, to)| Op::Move(from, to)),
        2 => Just(Op::Undo),
        1 => any::<u8>().prop_map(Op::Fork),
        1 => any::<u8>().prop_map(Op::Thread),
        1 => any::<u8>().prop_map(Op::Compact),
        1 => Just(Op::Restart),
    ]
}

fn saves() -> impl Strategy<Value = Saves> {
    prop_oneof![
        Just(Saves::Always),
        Just(Saves::Never),
        Just(Saves::Sometimes)
    ]
}

#[test]
fn no_history_is_refused() {
    let cases = std::env::var("CLAUDE_KERNEL_HISTORIES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(HISTORIES);
    let seen = try_histories(cases, ops(), 24);
    // A test that never met what it is about would pass as well.
    seen.check(cases);
}

#[test]
fn no_history_of_tools_is_refused() {
    let seen = try_histories(TOOL_HISTORIES, tool_ops(), 40);
    seen.check_tools(TOOL_HISTORIES);
}

/// Tries so many histories of fewer than `length` things that happen.
fn try_histories(cases: u32, ops: impl Strategy<Value = Op>, length: usize) -> kernel::Seen {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let takes_changes = prop::bool::weighted(0.75);
    let ops = prop::collection::vec(ops, 1..length);
    let histories = (saves(), takes_changes, ops);
    let seen = std::cell::RefCell::new(kernel::Seen::default());
    let outcome = runner.run(&histories, |(saves, takes_changes, ops)| {
        let mut kernel = Kernel::new(saves, takes_changes);
        for op in &ops {
            if let Err(why) = kernel.take(op) {
                return Err(TestCaseError::fail(why));
            }
        }
        seen.borrow_mut().add(&kernel.seen);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    seen.into_inner()
}
