//! Lines in, contents out: torn anywhere, of any bytes, and no longer than what was said.

use claude_kernel::kernel::journal::read::{Unreadable, contents};
use proptest::prelude::*;

use super::{Place, SCRIPT, arm, run, shut_down, text, unsealed};
use crate::support::rig::{Asks, Rig};

/// The bytes of a journal with a cell of every kind.
async fn journal() -> Vec<u8> {
    let place = Place::new();
    let mut rig = place.kernel().await;
    for code in ["%effort low", "Say hello", "Count", "%reset", "And again"] {
        run(&mut rig, code).await;
    }
    shut_down(rig).await;
    std::fs::read(place.only_journal()).unwrap()
}

#[tokio::test]
async fn a_journal_torn_at_any_byte_gives_all_whole_lines_before() {
    let bytes = journal().await;
    let whole = contents(&bytes).unwrap();
    assert!(!whole.torn && whole.damage.is_none());
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut lines = 0;
    // Every byte of the last lines, and the border of every line.
    let borders =
        (first..bytes.len()).filter(|end| bytes[end - 1] == b'\n' || bytes[*end] == b'\n');
    let last = bytes.len().saturating_sub(2_000).max(first)..=bytes.len();
    for end in borders.chain(last) {
        let torn = contents(&bytes[..end]).unwrap();
        let at_line_end = bytes[end - 1] == b'\n';
        lines += usize::from(at_line_end);
        assert_eq!(torn.torn, !at_line_end, "at {end}");
        assert_eq!(torn.damage, None, "at {end}");
        let before = bytes[..end]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap()
            + 1;
        assert_eq!(torn.good_bytes, before, "at {end}");
    }
    assert!(lines > 20, "{lines}");
    for end in 0..first {
        assert_eq!(
            contents(&bytes[..end]).unwrap_err(),
            Unreadable::Foreign,
            "at {end}"
        );
    }
    // What a machine leaves that lost its power: a length, and nothing in it.
    let mut zeros = bytes.clone();
    zeros.extend([0; 4096]);
    let read = contents(&zeros).unwrap();
    assert!(read.torn && read.good_bytes == bytes.len());
}

#[tokio::test]
async fn a_turn_whose_end_was_lost_is_not_told_twice() {
    let bytes = journal().await;
    let text = String::from_utf8(bytes).unwrap();
    let without: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("{\"t\":\"end\""))
        .collect();
    assert!(without.len() < text.len());
    let read = contents(without.as_bytes()).unwrap();
    assert_eq!(read.partial_turns, []);
}

/// What a turn shows may be nested more deeply than it is read, and a later version may write lines
/// of ours differently: neither costs what stands around it.
#[tokio::test]
async fn a_line_that_is_whole_and_not_understood_is_passed_over() {
    let bytes = journal().await;
    let whole = contents(&bytes).unwrap();
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    let odd = [
        format!("{{\"t\":\"block\",\"turn\":9,\"at\":0,\"block\":{{\"input\":{deep}}}}}\n"),
        "{\"t\":\"cell\",\"line\":\"nine\",\"input\":[]}\n".to_owned(),
        "{\"t\":\"end\"}\n".to_owned(),
    ];
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut mixed = bytes[..first].to_vec();
    mixed.extend(odd.concat().as_bytes());
    mixed.extend(&bytes[first..]);
    mixed.extend(odd.concat().as_bytes());
    let read = contents(&mixed).unwrap();
    assert_eq!((read.damage.clone(), read.torn), (None, false));
    assert_eq!(read.records.len(), whole.records.len());
    assert_eq!(read.good_bytes, mixed.len());
    // What is not whole is damage, and a record must be understood.
    for damage in [
        "{\"t\":\"cell\",\"line\":\n",
        "{\"record\":{\"turn\":{}}}\n",
    ] {
        let mut damaged = bytes[..first].to_vec();
        damaged.extend(damage.as_bytes());
        damaged.extend(&bytes[first..]);
        assert!(contents(&damaged).unwrap().damage.is_some(), "{damage}");
    }
}

/// One flipped bit is no other word of Claude's: its line is left out and said to be, the others stay.
#[tokio::test]
async fn s9_a_flipped_bit_costs_its_line_alone() {
    let bytes = journal().await;
    let whole = contents(&bytes).unwrap();
    let mut start = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut number = 1;
    while start < bytes.len() {
        number += 1;
        let length = bytes[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap();
        for at in [start + 3, start + length / 2, start + length - 20] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let read = contents(&changed).unwrap();
            let damage = read
                .damage
                .unwrap_or_else(|| panic!("line {number}, byte {at}"));
            assert_eq!((damage.line, damage.more, read.torn), (number, 0, false));
            assert!(
                read.records.len() + 1 >= whole.records.len(),
                "line {number}"
            );
            assert_eq!(read.good_bytes, bytes.len());
        }
        start += length + 1;
    }
}

/// Journals of older kernels have no checksums.
#[tokio::test]
async fn s9_lines_without_a_checksum_are_read() {
    let text = String::from_utf8(journal().await).unwrap();
    let old = unsealed(&text);
    assert!(old.len() < text.len());
    let (old, new) = (
        contents(old.as_bytes()).unwrap(),
        contents(text.as_bytes()).unwrap(),
    );
    assert_eq!((old.damage, old.records.len()), (None, new.records.len()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        lines in prop::collection::vec(hostile_line(), 0..12),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = br#"{"format":"claude-kernel conversation","version":1,"kernel":"x","id":"y","notebook":null,"created":"2026-01-01T00:00:00Z","offline":true}"#.to_vec();
        bytes.push(b'\n');
        for line in lines {
            bytes.extend(line.as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend(tail);
        let read = contents(&bytes).unwrap();
        prop_assert!(read.good_bytes <= bytes.len());
        for partial in &read.partial_turns {
            let _ = (partial.shown(), partial.messages(), partial.answer(), partial.runs());
            let _ = claude_kernel::kernel::journal::recovered_turn::record(partial);
        }
        let _ = claude_kernel::kernel::journal::summary::Summary::of(&read);
    }

    #[test]
    fn no_file_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = contents(&bytes);
    }
}

/// Entries of every kind with numbers and blocks that fit nothing.
fn hostile_line() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just(0u64), Just(1), Just(2), Just(u64::MAX)];
    let block = prop_oneof![
        Just(r#"{"type":"text","text":"a"}"#),
        Just(r#"{"type":"tool_use","id":"t","name":"n","input":{}}"#),
        Just(r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]}"#),
        Just(r#"{"type":7}"#),
        Just("null"),
        Just("[[[]]]"),
    ];
    (0..12usize, number.clone(), number, block).prop_map(|(kind, turn, at, block)| match kind {
        0 | 1 => format!(r#"{{"t":"turn","turn":{turn},"line":1,"prompt":"p","asked":{block}}}"#),
        2 => format!(r#"{{"t":"call","turn":{turn},"at":{at}}}"#),
        3 => format!(r#"{{"t":"delta","turn":{turn},"at":{at},"kind":"text","text":"x"}}"#),
        4 => format!(r#"{{"t":"delta","turn":{turn},"at":{at},"kind":"input","text":"x"}}"#),
        5 => format!(r#"{{"t":"block","turn":{turn},"at":{at},"block":{block}}}"#),
        6 => format!(r#"{{"t":"result","turn":{turn},"at":{at},"block":{block}}}"#),
        7 => format!(r#"{{"t":"done","turn":{turn},"at":{at}}}"#),
        8 => format!(r#"{{"t":"end","turn":{turn},"how":"finished"}}"#),
        9 => r#"{"t":"session","id":"s","began":"2026-01-01T00:00:00Z","kernel":"k","connection":null,"headless":false}"#.to_owned(),
        10 => r#"{"t":"cell","line":1,"input":"x"}"#.to_owned(),
        _ => r#"{"t":"a kind of later days","turn":[]}"#.to_owned(),
    })
}

/// Returns how many bytes the journal of one answer has: a number of deltas of 20 bytes.
async fn bytes_of(deltas: usize) -> usize {
    let place = Place::new();
    let mut rig = Rig::with_journal(SCRIPT, place.options()).await;
    arm(&rig, &format!("deltas count={deltas} size=20")).await;
    rig.cell_as(Asks::Console, "Say hello").await;
    shut_down(rig).await;
    text(&place.only_journal()).len()
}

#[tokio::test]
async fn a_journal_grows_in_proportion_to_what_was_said() {
    let (none, some, more) = (
        bytes_of(1).await,
        bytes_of(2_000).await,
        bytes_of(8_000).await,
    );
    let (of_some, of_more) = (some - none, more - none);
    // The record, the deltas as far as they were slower than the end of the turn (that depends on
    // the machine), and a clipped copy for Jupyter's history.
    let most = |deltas: usize| 3 * deltas * 20 + 20_000;
    assert!(of_some < most(2_000), "{of_some}");
    assert!(of_more < most(8_000), "{of_more}");
}
