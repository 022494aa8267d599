//! A signed message that is odd is read as far as it goes: its sender waits for an answer.

use expect_test::expect;
use serde_json::{Map, json};

use super::{HEADER, decode, signed};

fn nested(depth: usize) -> Vec<u8> {
    [b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat()
}

#[test]
fn what_cannot_be_read_of_a_signed_message_does_not_drop_it() {
    for metadata in [&b""[..], b"[]", b"7", b"{", &nested(200), &nested(100_000)] {
        let message = decode(signed([HEADER, b"{}", metadata, br#"{"code":"1"}"#])).unwrap();
        assert_eq!(message.metadata, Map::new());
        assert_eq!(message.content, json!({"code": "1"}));
        assert_eq!(message.unreadable, None);
    }
    for metadata in [
        &br#"{"cellId":"a","n":1e999}"#[..],
        br#"{"cellId":"a","n":NaN}"#,
        &[br#"{"cellId":"a","n":"#, &nested(200)[..], b"}"].concat(),
    ] {
        let message = decode(signed([HEADER, b"{}", metadata, b"{}"])).unwrap();
        assert_eq!(message.metadata["cellId"], "a");
    }
    for parent in [&b""[..], b"[]", b"{", b"7", &nested(100_000)] {
        let message = decode(signed([HEADER, parent, b"{}", b"{}"])).unwrap();
        assert_eq!(message.in_reply_to, None, "{parent:?}");
    }
}

#[test]
fn content_that_cannot_be_read_is_told_to_its_sender() {
    let because = |content: &[u8]| {
        let message = decode(signed([HEADER, b"{}", b"{}", content])).unwrap();
        assert_eq!(message.content, json!({}));
        message.unreadable.unwrap()
    };
    expect!["`content` is not a JSON object"].assert_eq(&because(b"[]"));
    expect!["`content` is not a JSON object"].assert_eq(&because(b"\"x\""));
    expect!["`content` is not valid JSON: EOF while parsing a value at line 1 column 0"]
        .assert_eq(&because(b""));
    expect!["`content` is not valid JSON: expected value at line 1 column 6"]
        .assert_eq(&because(br#"{"x":NaN}"#));
    expect!["`content` is not valid JSON: recursion limit exceeded at line 1 column 636"]
        .assert_eq(&because(&nested(200)));
    assert_eq!(because(&nested(100_000)), because(&nested(200)));
}

#[test]
fn odd_headers_are_read_and_echoed() {
    let check = |header: &[u8], msg_id: &str, msg_type: &str| {
        let message = decode(signed([header, b"{}", b"{}", b"{}"])).unwrap();
        assert_eq!(
            (&*message.header.msg_id, &*message.header.msg_type),
            (msg_id, msg_type)
        );
        message.parent
    };
    for (header, msg_id, msg_type) in [
        (r#"{"msg_id":7,"msg_type":"t"}"#, "7", "t"),
        (r#"{"msg_type":"t"}"#, "", "t"),
        (r#"{"msg_id":null,"msg_type":"t"}"#, "", "t"),
        (r#"{"msg_id":["1"],"msg_type":"t","session":7}"#, "", "t"),
        (r#"{"msg_id":"1","msg_type":5}"#, "1", "5"),
        (r#"{"msg_id":"1","msg_type":"t","n":1e999}"#, "1", "t"),
        (
            r#"{"msg_id":"1","msg_type":"t","date":"yesterday"}"#,
            "1",
            "t",
        ),
        (
            r#"{"msg_id":"1","msg_type":"t","username":"\ud83d"}"#,
            "1",
            "t",
        ),
    ] {
        let parent = check(header.as_bytes(), msg_id, msg_type);
        assert_eq!(parent.as_str(), header);
    }
    // Only what no client could read is changed.
    let parent = check(
        br#"{"msg_id":"1","msg_type":"t","n":NaN,"x":"NaN"}"#,
        "1",
        "t",
    );
    assert_eq!(
        parent.as_str(),
        r#"{"msg_id":"1","msg_type":"t","n":null,"x":"NaN"}"#
    );
    let deep = [
        br#"{"msg_id":"1","msg_type":"t","n":"#,
        &nested(1000)[..],
        b"}",
    ]
    .concat();
    assert_eq!(check(&deep, "1", "t").as_str().as_bytes(), deep);
}

#[test]
fn odd_text_is_repaired_rather_than_refused() {
    for (content, expected) in [
        (&b"null"[..], json!({})),
        (b"{\"code\":\"a\xffb\"}", json!({"code": "a\u{fffd}b"})),
        // Half an emoji, as browsers write it; a whole one; an escaped backslash before a `u`.
        (br#"{"code":"x\ud83d"}"#, json!({"code": "x\u{fffd}"})),
        (
            br#"{"code":"\ud83d\ude00 \uDE00\ud83d \n\\ud83d"}"#,
            json!({"code": "😀 \u{fffd}\u{fffd} \n\\ud83d"}),
        ),
    ] {
        let message = decode(signed([HEADER, b"null", b"null", content])).unwrap();
        assert_eq!(message.content, expected);
        assert_eq!(message.metadata, Map::new());
        assert_eq!(message.in_reply_to, None);
    }
    // A header with such text still comes back as JSON that a client can read.
    let header = b"{\"msg_id\":\"1\",\"msg_type\":\"t\",\"username\":\"\xff\"}";
    let message = decode(signed([header, b"{}", b"{}", b"{}"])).unwrap();
    assert_eq!(
        message.parent.as_str(),
        "{\"msg_id\":\"1\",\"msg_type\":\"t\",\"username\":\"\u{fffd}\"}"
    );
}
