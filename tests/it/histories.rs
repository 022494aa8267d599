//! Random histories of a notebook: cells run, run again, inserted, moved, deleted, stopped; turns
//! taken back; tools added, edited and taken away; conversations forked and switched; settings and models changed; kernels restarted.
//!
//! Whatever happened, the strictest account takes every request at once: thinking is bound to what
//! it saw for every model, calls are paired, roles alternate, the sandbox is named. And Claude sees
//! what stands above the cell, as a second, simpler account of the notebook has it; thinking goes
//! along as long as it may (a third account); and nobody is told what is not so. Sandboxes expire,
//! files are attached and removed, thinking is refused, and answers hold odd blocks meanwhile.
//!
//! `CLAUDE_KERNEL_HISTORIES` says how many histories are tried, `CLAUDE_KERNEL_HISTORIES_SEED` which.

mod answer;
mod body;
mod claude;
mod history;
mod kernel;
mod page;
mod real;
mod thinking;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};

use answer::{Answer, End, Piece, Then};
use claude::{Told, Trouble};
use history::{History, Seen};
use page::Saves;

/// How many histories are tried when nobody says otherwise.
const HISTORIES: u32 = 1_000;
/// How many are of one kind of event each.
const KIND_HISTORIES: u32 = 200;
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
    /// A file goes with the next prompt, in one of the ways.
    Attach(u8),
    /// `%rm` of a file that was attached.
    Remove(u8),
    /// The sandbox expires.
    Expire(Told),
    Trouble(Trouble),
    /// The account moves to another organization: what was thought so far cannot be read.
    MoveAccount,
}

/// How many odd things there are in answers, for every nine that are not.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    blanks: u32,
    calls: u32,
    /// Calls that code in the sandbox makes.
    code: u32,
}

/// One of these; those of weight 0 not even while a failure is made smaller.
fn among<T: std::fmt::Debug + 'static>(
    mut choices: Vec<(u32, BoxedStrategy<T>)>,
) -> impl Strategy<Value = T> {
    choices.retain(|(weight, _)| *weight > 0);
    prop::strategy::Union::new_weighted(choices)
}

fn answers(odd: Odd) -> impl Strategy<Value = Answer> {
    let blank = prop_oneof![Just(""), Just(" "), Just("\n\n")].prop_map(Piece::Blank);
    let odd_call = prop_oneof![
        Just(Piece::OddInput),
        Just(Piece::Orphan),
        Just(Piece::Reversed),
        Just(Piece::Twice),
        Just(Piece::Again),
    ];
    let piece = among(vec![
        (4, Just(Piece::Think).boxed()),
        (3, Just(Piece::Text).boxed()),
        (2, Just(Piece::Bash).boxed()),
        (odd.blanks, blank.boxed()),
        (odd.calls, odd_call.boxed()),
    ]);
    let then = among(vec![
        (6, Just(Then::Pause).boxed()),
        (6, Just(Then::Tool).boxed()),
        (odd.calls, Just(Then::OddTool).boxed()),
        (odd.calls, Just(Then::TwinTools).boxed()),
        (odd.code, Just(Then::Code).boxed()),
    ]);
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

/// What happens in any notebook.
fn usual_ops(odd: Odd) -> impl Strategy<Value = Op> {
    let answers = || answers(odd);
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
        2 => any::<u8>().prop_map(Op::Compact),
        1 => any::<bool>().prop_map(|chat| if chat { Op::ResetChat } else { Op::Save }),
    ]
}

/// All that can happen.
fn all_ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        38 => usual_ops(Odd { blanks: 1, calls: 1, code: 2 }),
        4 => files(),
        2 => expiries().prop_map(Op::Expire),
        1 => troubles().prop_map(Op::Trouble),
        1 => refusals(),
    ]
}

fn files() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => any::<u8>().prop_map(Op::Attach),
        1 => any::<u8>().prop_map(Op::Remove),
    ]
}

/// Refused thinking: once, and for good.
fn refusals() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Trouble(Trouble::Thinking)), Just(Op::MoveAccount),]
}

fn expiries() -> impl Strategy<Value = Told> {
    prop_oneof![
        Just(Told::FirstEvent),
        Just(Told::NotFound),
        Just(Told::Internal),
        Just(Told::Result),
    ]
}

fn troubles() -> impl Strategy<Value = Trouble> {
    let kind = prop_oneof![
        Just("overloaded_error"),
        Just("rate_limit_error"),
        Just("api_error")
    ];
    kind.prop_map(Trouble::FirstEvent)
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

fn environment(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_history_is_refused() {
    let cases = environment("CLAUDE_KERNEL_HISTORIES").unwrap_or(HISTORIES);
    let seen = try_histories(cases, all_ops(), 24);
    // A test that never met what it is about would pass as well.
    seen.check(cases);
}

/// Half of what happens is of one kind, so that it meets itself.
fn check_kind(kind: impl Strategy<Value = Op> + 'static) {
    let ops = prop_oneof![usual_ops(Odd::default()), kind];
    try_histories(KIND_HISTORIES, ops, 24);
}

#[test]
fn no_history_of_the_usual_is_refused() {
    try_histories(KIND_HISTORIES, usual_ops(Odd::default()), 24);
}

#[test]
fn no_history_of_files_is_refused() {
    check_kind(files());
}

#[test]
fn no_history_of_sandboxes_that_expire_is_refused() {
    check_kind(expiries().prop_map(Op::Expire));
}

#[test]
fn no_history_of_refused_thinking_is_refused() {
    check_kind(refusals());
}

#[test]
fn no_history_of_overload_is_refused() {
    check_kind(troubles().prop_map(Op::Trouble));
}

#[test]
fn no_history_of_blank_text_is_refused() {
    let odd = Odd {
        blanks: 4,
        ..Odd::default()
    };
    try_histories(KIND_HISTORIES, usual_ops(odd), 16);
}

#[test]
fn no_history_of_odd_calls_is_refused() {
    let odd = Odd {
        calls: 4,
        ..Odd::default()
    };
    try_histories(KIND_HISTORIES, usual_ops(odd), 16);
}

#[test]
fn no_history_of_tools_is_refused() {
    let seen = try_histories(TOOL_HISTORIES, tool_ops(), 40);
    seen.check_tools(TOOL_HISTORIES);
}

/// What happens while code in the sandbox calls a tool of the person's.
fn code_ops() -> impl Strategy<Value = Op> {
    let answer = || {
        let piece = prop_oneof![Just(Piece::Think), Just(Piece::Text), Just(Piece::Bash)];
        let then = prop_oneof![6 => Just(Then::Code), 1 => Just(Then::Tool)];
        let call = (prop::collection::vec(piece, 0..3), then);
        let end = prop_oneof![
            6 => Just(End::Whole),
            1 => Just(End::MaxTokens),
            1 => Just(End::Refusal),
            2 => any::<u8>().prop_map(End::Interrupt),
            2 => any::<u8>().prop_map(End::Break),
        ];
        let calls = prop::collection::vec(call, 1..6);
        (calls, end).prop_map(|(calls, end)| Answer { calls, end })
    };
    prop_oneof![
        3 => (any::<u8>(), answer()).prop_map(|(at, answer)| Op::Run(at, answer)),
        8 => (any::<u8>(), answer()).prop_map(|(at, answer)| Op::Insert(at, answer)),
        // One that code may call.
        4 => Just(Op::Tool(4)),
        1 => any::<u8>().prop_map(Op::Tool),
        1 => any::<u8>().prop_map(Op::Setting),
        1 => any::<u8>().prop_map(Op::Model),
        1 => any::<u8>().prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Compact),
        1 => expiries().prop_map(Op::Expire),
        1 => refusals(),
        1 => Just(Op::Undo),
        1 => Just(Op::Restart),
    ]
}

#[test]
fn no_history_of_calls_by_code_is_refused() {
    let seen = try_histories(KIND_HISTORIES, code_ops(), 24);
    seen.check_code(KIND_HISTORIES);
}

/// Tries so many histories of fewer than `length` things that happen.
fn try_histories(cases: u32, ops: impl Strategy<Value = Op>, length: usize) -> Seen {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let mut seed = [0; 32];
    if let Some(number) = environment("CLAUDE_KERNEL_HISTORIES_SEED") {
        seed[..4].copy_from_slice(&number.to_le_bytes());
    }
    let rng = TestRng::from_seed(config.rng_algorithm, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let takes_changes = prop::bool::weighted(0.75);
    let ops = prop::collection::vec(ops, 1..length);
    let histories = (saves(), takes_changes, ops);
    let seen = std::cell::RefCell::new(Seen::default());
    let outcome = runner.run(&histories, |(saves, takes_changes, ops)| {
        let mut history = History::new(saves, takes_changes);
        for op in &ops {
            if let Err(why) = history.take(op) {
                return Err(TestCaseError::fail(why));
            }
        }
        seen.borrow_mut().add(&history.seen());
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    seen.into_inner()
}
