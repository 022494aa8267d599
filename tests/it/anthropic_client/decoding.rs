//! Bytes to server-sent events: the same events however the bytes are cut.

use claude_kernel::anthropic::sse::{Decoder, MAX_EVENT_BYTES};
use proptest::prelude::*;

use super::recordings::{ALL, decode, recorded};

#[test]
fn every_cut_in_two_and_single_bytes_give_the_same_events() {
    for name in ALL {
        let bytes = recorded(name);
        let whole = decode([bytes.as_slice()]);
        assert!(whole.len() > 3, "{name}");
        for at in 0..=bytes.len() {
            let (front, back) = bytes.split_at(at);
            assert_eq!(decode([front, back]), whole, "{name} cut at {at}");
        }
        assert_eq!(decode(bytes.chunks(1)), whole, "{name} byte by byte");
    }
}

#[test]
fn line_ends_comments_and_marks_do_not_matter() {
    for name in ALL {
        let text = String::from_utf8(recorded(name)).unwrap();
        let whole = decode([text.as_bytes()]);
        for line_end in ["\r\n", "\r"] {
            let other = text.replace('\n', line_end);
            assert_eq!(decode([other.as_bytes()]), whole, "{name} {line_end:?}");
            assert_eq!(
                decode(other.as_bytes().chunks(1)),
                whole,
                "{name} {line_end:?}"
            );
        }
        let marked = format!("\u{feff}{text}");
        assert_eq!(
            decode(marked.as_bytes().chunks(1)),
            whole,
            "{name} with a mark"
        );
        let commented = text.replace("\ndata:", "\n: keep alive\nid: 7\nretry: 10\nodd\ndata:");
        assert_eq!(
            decode([commented.as_bytes()]),
            whole,
            "{name} with comments"
        );
    }
}

#[test]
fn fields_of_an_event_are_read_as_the_standard_says() {
    let check = |text: &str, expected: &[(&str, &str)]| {
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(name, data)| ((*name).to_owned(), (*data).to_owned()))
            .collect();
        assert_eq!(decode([text.as_bytes()]), expected, "{text:?}");
    };
    check(
        "event:a\ndata:1\ndata: 2\ndata:  3\n\n",
        &[("a", "1\n2\n 3")],
    );
    check("event: a\nevent: b\ndata: 1\n\n", &[("b", "1")]);
    check(
        "data: nameless\n\nevent: b\ndata: 1\n\n",
        &[("", "nameless"), ("b", "1")],
    );
    check("event: no data\n\nevent: b\ndata: 1\n\n", &[("b", "1")]);
    check(
        "event: a\ndata: 1\n\n\n\nevent: unfinished\ndata: 2\n",
        &[("a", "1")],
    );
    check("", &[]);
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let events = decode([b"event: a\ndata: \xff\xfe\n\n".as_slice()]);
    assert_eq!(events, [("a".to_owned(), "\u{fffd}\u{fffd}".to_owned())]);
}

#[test]
fn an_event_without_end_is_given_up() {
    let mut decoder = Decoder::new();
    decoder.push(b"event: a\ndata: ");
    let chunk = vec![b'x'; 1024 * 1024];
    let mut pushed = 0;
    while decoder.next_event() == Ok(None) {
        decoder.push(&chunk);
        pushed += chunk.len();
        assert!(pushed <= MAX_EVENT_BYTES + chunk.len());
    }
    decoder.push(b"\n\n");
    assert!(decoder.next_event().is_err());
}

#[test]
fn many_data_lines_do_not_pass_the_cap_either() {
    let mut decoder = Decoder::new();
    let mut line = b"data: ".to_vec();
    line.extend(vec![b'x'; 1024 * 1024]);
    line.push(b'\n');
    decoder.push(b"event: a\n");
    let lines = (0..).take_while(|_| {
        decoder.push(&line);
        decoder.next_event() == Ok(None)
    });
    assert!(lines.count() <= MAX_EVENT_BYTES / (1024 * 1024) + 1);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        name in proptest::sample::select(ALL),
        mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
    ) {
        let bytes = recorded(name);
        let mut ends: Vec<usize> = cuts.drain(..).map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut from = 0;
        let chunks: Vec<&[u8]> = ends
            .into_iter()
            .map(|end| &bytes[std::mem::replace(&mut from, end)..end])
            .collect();
        prop_assert_eq!(decode(chunks), decode([bytes.as_slice()]));
    }

    #[test]
    fn any_bytes_in_any_chunks_are_read_alike(
        bytes in proptest::collection::vec(
            prop_oneof![proptest::sample::select(b"\r\n:ed \xEF\xBB\xBF".to_vec()), any::<u8>()],
            0..200,
        ),
        size in 1usize..20,
    ) {
        let mut text = b"event: a\ndata: 1".to_vec();
        text.extend(&bytes);
        prop_assert_eq!(decode(text.chunks(size)), decode([text.as_slice()]));
    }
}
