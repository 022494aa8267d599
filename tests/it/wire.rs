//! The wire codec: what is encoded decodes to itself, and nothing at all makes it panic.

use bytes::Bytes;
use claude_kernel::jupyter::session::Session;
use claude_kernel::jupyter::signature::{
    REPLAY_WINDOW, ReplayWindow, SIGNATURE_SCHEME, SignatureError, Signer,
};
use claude_kernel::jupyter::wire::{self, Draft, Message, Parent, WireError};
use expect_test::expect;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::support::host::FixedHost;

mod lenient;

fn signer() -> Signer {
    Signer::new(SIGNATURE_SCHEME, b"a0436f6c-1916-498b-8eb9-e81ab9368e84").unwrap()
}

fn decode(frames: Vec<Bytes>) -> Result<Message, WireError> {
    wire::decode(frames, &signer(), &mut ReplayWindow::default())
}

/// Frames with these four parts, signed.
fn signed(parts: [&[u8]; 4]) -> Vec<Bytes> {
    let mut frames = vec![
        Bytes::from_static(b"client"),
        Bytes::from_static(wire::DELIMITER),
        signer().sign(&parts.concat()),
    ];
    frames.extend(parts.map(Bytes::copy_from_slice));
    frames
}

const HEADER: &[u8] = br#"{"msg_id":"1","msg_type":"t","session":"s"}"#;

fn check_error(frames: Vec<Bytes>, expected: &expect_test::Expect) {
    expected.assert_eq(&decode(frames).unwrap_err().to_string());
}

#[test]
fn a_message_of_jupyter_client_is_understood() {
    let frames = [
        "client",
        "<IDS|MSG>",
        "fdaa66742f6b7a1128f35cae0d23682e737bda404db55059748dc41906c0fb07",
        r#"{"msg_id": "2c5e9a34-8d1b_77_1", "msg_type": "execute_request", "username": "someone", "session": "2c5e9a34-8d1b", "date": "2026-01-02T03:04:05.678901Z", "version": "5.4"}"#,
        "{}",
        r#"{"cellId": "ab"}"#,
        r#"{"code": "print('héllo')", "silent": false}"#,
        "a buffer",
    ];
    let message = decode(frames.map(Bytes::from).to_vec()).unwrap();
    expect![[r#"
        Message {
            identities: [
                b"client",
            ],
            header: Header {
                msg_id: "2c5e9a34-8d1b_77_1",
                session: "2c5e9a34-8d1b",
                msg_type: "execute_request",
                date: Some(
                    2026-01-02T03:04:05.678901Z,
                ),
            },
            parent: Parent(
                RawValue(
                    {"msg_id": "2c5e9a34-8d1b_77_1", "msg_type": "execute_request", "username": "someone", "session": "2c5e9a34-8d1b", "date": "2026-01-02T03:04:05.678901Z", "version": "5.4"},
                ),
            ),
            in_reply_to: None,
            metadata: {
                "cellId": String("ab"),
            },
            content: Object {
                "code": String("print('héllo')"),
                "silent": Bool(false),
            },
            unreadable: None,
            buffers: [
                b"a buffer",
            ],
        }
    "#]]
    .assert_debug_eq(&message);
}

#[test]
fn headers_say_who_and_when_and_never_repeat() {
    let session = Session::new(FixedHost::new(), signer());
    expect![[r#"{"msg_id":"00000000-0000-0000-0000-000000000001_0","session":"00000000-0000-0000-0000-000000000001","username":"kernel","date":"2026-01-01T00:00:00.000000Z","msg_type":"status","version":"5.5"}"#]]
        .assert_eq(&session.header("status"));
    let odd: Value = serde_json::from_str(&session.header("a\"b\n")).unwrap();
    assert_eq!(odd["msg_type"], "a\"b\n");
    assert_ne!(session.header("status"), session.header("status"));
}

#[test]
fn a_parent_goes_back_byte_for_byte() {
    let header =
        br#"{ "msg_id":"1",  "msg_type":"t", "n": 1.50, "n":2, "subshell_id":null,"x":"\u00e9" }"#;
    let request = decode(signed([header, b"{}", b"{}", b"{}"])).unwrap();
    let session = Session::new(FixedHost::new(), signer());
    let frames = wire::encode(
        &Draft {
            identities: &request.identities,
            header: &session.header("reply"),
            parent: Some(&request.parent),
            metadata: &Map::new(),
            content: &json!({}),
            buffers: &[],
        },
        session.signer(),
    );
    assert_eq!(frames[4], header.as_slice());
    let reply = decode(frames).unwrap();
    assert_eq!(reply.in_reply_to.unwrap().header().unwrap().msg_id, "1");
}

#[test]
fn a_forged_signature_is_refused() {
    let good = signed([HEADER, b"{}", b"{}", br#"{"code":"1"}"#]);
    decode(good.clone()).unwrap();

    for part in 3..7 {
        let mut frames = good.clone();
        frames[part] = Bytes::from_static(br#"{"msg_id":"2","msg_type":"t"}"#);
        check_error(frames, &expect!["the signature does not match"]);
    }
    // The same bytes, cut elsewhere: the signature cannot tell, and it says no more than before.
    let mut moved = good.clone();
    moved[4] = Bytes::from_static(b"{}{}");
    moved[5] = Bytes::new();
    let message = decode(moved).unwrap();
    assert_eq!((message.in_reply_to, message.metadata), (None, Map::new()));
    let mut moved = good.clone();
    moved[5] = Bytes::from_static(br#"{}{"code":"1"}"#);
    moved[6] = Bytes::new();
    assert!(decode(moved).unwrap().unreadable.is_some());

    for signature in [
        &b"0"[..],
        &[b'0'; 64],
        &[b'g'; 64],
        &[0xff; 64],
        &[b'0'; 128],
    ] {
        let mut frames = good.clone();
        frames[2] = Bytes::copy_from_slice(signature);
        check_error(frames, &expect!["the signature does not match"]);
    }
    let mut unsigned = good.clone();
    unsigned[2] = Bytes::new();
    check_error(unsigned, &expect!["the message is not signed"]);
}

#[test]
fn a_replay_is_refused_within_the_window() {
    let signer = signer();
    let mut seen = ReplayWindow::default();
    let message = |number: usize| {
        let header = format!(r#"{{"msg_id":"{number}","msg_type":"t"}}"#);
        signed([header.as_bytes(), b"{}", b"{}", b"{}"])
    };
    wire::decode(message(0), &signer, &mut seen).unwrap();
    // Routing frames and buffers are not signed: changing them makes no new message.
    let mut replay = message(0);
    replay[0] = Bytes::from_static(b"someone else");
    replay.push(Bytes::from_static(b"a buffer"));
    let error = wire::decode(replay, &signer, &mut seen).unwrap_err();
    assert!(
        matches!(error, WireError::Signature(SignatureError::Repeated)),
        "{error}"
    );

    for number in 1..REPLAY_WINDOW {
        wire::decode(message(number), &signer, &mut seen).unwrap();
    }
    let error = wire::decode(message(0), &signer, &mut seen).unwrap_err();
    assert!(
        matches!(error, WireError::Signature(SignatureError::Repeated)),
        "{error}"
    );
    // One more pushes the oldest out: the window is bounded.
    wire::decode(message(REPLAY_WINDOW), &signer, &mut seen).unwrap();
    wire::decode(message(0), &signer, &mut seen).unwrap();
}

#[test]
fn an_empty_key_signs_and_checks_nothing() {
    // No scheme is needed for that.
    Signer::new("hmac-md5", b"").unwrap();
    let signer = Signer::new("", b"").unwrap();
    let mut frames = signed([HEADER, b"{}", b"{}", b"{}"]);
    frames[2] = Bytes::from_static(b"whatever");
    let mut seen = ReplayWindow::default();
    wire::decode(frames.clone(), &signer, &mut seen).unwrap();
    wire::decode(frames, &signer, &mut seen).unwrap();
    assert_eq!(signer.sign(b"x"), "");
}

/// The values are Python's: `hmac.new(b"key", b"headermetacontent", NAME).hexdigest()`.
#[test]
fn signatures_of_every_scheme_are_those_of_python() {
    for (scheme, expected) in [
        ("hmac-sha1", "50bf809e8db1642d1d3552b6b977dfa7a9e3e714"),
        (
            "hmac-sha224",
            "b5e3acfa358967c72f33f4306c1d6f98a1f632c1ba1c46e7da86046d",
        ),
        (
            "hmac-sha256",
            "3915892772925632127a2fc59f3c6a115a2c6d1fa25310f61fccaa00346e0626",
        ),
        (
            "hmac-sha384",
            "131e1a70da87a57fd1e58b3c47ac9acd91b5ff0a032716fba4ea01a8ae3cae0b2e66f115a29599d3dc496439c2a01347",
        ),
        (
            "hmac-sha512",
            "6b511726e9498f80fe77a669742d85b8330c180bdc98575e9cfd5b85af5224d4dd84ec26aa755bd8afda413839b935a05ae3e44a977c48515bbba88434e3108e",
        ),
    ] {
        let signer = Signer::new(scheme, b"key").unwrap();
        assert_eq!(signer.sign(b"headermetacontent"), expected, "{scheme}");
        let parts = [HEADER, b"{}", b"{}", b"{}"];
        let mut frames = signed(parts);
        frames[2] = signer.sign(&parts.concat());
        wire::decode(frames.clone(), &signer, &mut ReplayWindow::default()).unwrap();
        // Cut short, as a comparison that stops early would take it.
        let cut = frames[2].len() - 2;
        frames[2].truncate(cut);
        wire::decode(frames, &signer, &mut ReplayWindow::default()).unwrap_err();
    }
}

#[test]
fn other_schemes_are_named() {
    let error = Signer::new("hmac-md5", b"key").unwrap_err();
    expect!["signature scheme `hmac-md5` is not supported: use `hmac-sha256`"]
        .assert_eq(&error.to_string());
}

#[test]
fn what_is_no_message_says_why() {
    check_error(vec![], &expect!["no delimiter `<IDS|MSG>` among 0 frames"]);
    check_error(
        vec![Bytes::from_static(b"x"); 3],
        &expect!["no delimiter `<IDS|MSG>` among 3 frames"],
    );
    let mut short = signed([HEADER, b"{}", b"{}", b"{}"]);
    short.pop();
    check_error(
        short,
        &expect!["4 frames after the delimiter, at least 5 are needed"],
    );
    for (header, expected) in [
        (&b"[]"[..], expect!["the header is not a JSON object"]),
        (b"null", expect!["the header is not a JSON object"]),
        (b"", expect!["the header is not a JSON object"]),
        (b"{", expect!["the header is not a JSON object"]),
        (
            br#"{"msg_id":"1"}"#,
            expect!["the header has no `msg_type`"],
        ),
        (
            br#"{"msg_id":"1","msg_type":{}}"#,
            expect!["the header has no `msg_type`"],
        ),
    ] {
        check_error(signed([header, b"{}", b"{}", b"{}"]), &expected);
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // NaN and the infinities become null.
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((any::<String>(), json()), 0..6)
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn frame() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => Just(Bytes::from_static(wire::DELIMITER)),
        1 => Just(Bytes::from_static(b"{}")),
        1 => json().prop_map(|value| Bytes::from(value.to_string())),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(
        identities in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from), 0..4),
        msg_type in any::<String>(),
        parent in prop::option::of(object()),
        metadata in object(),
        content in object(),
        buffers in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from), 0..4),
    ) {
        prop_assume!(identities.iter().all(|frame| frame != wire::DELIMITER));
        let session = Session::new(FixedHost::new(), signer());
        let header = session.header(&msg_type);
        let content = Value::Object(content);
        let parent = parent.filter(|parent| !parent.is_empty()).map(|parent| {
            Parent(RawValue::from_string(Value::Object(parent).to_string()).unwrap())
        });
        let draft = Draft {
            identities: &identities,
            header: &header,
            parent: parent.as_ref(),
            metadata: &metadata,
            content: &content,
            buffers: &buffers,
        };
        let message = decode(wire::encode(&draft, session.signer())).unwrap();
        prop_assert_eq!(&message.header.msg_type, &msg_type);
        prop_assert_eq!(&message.header.session, session.id());
        prop_assert_eq!(message.parent.as_str(), header);
        prop_assert_eq!(message.identities, identities);
        prop_assert_eq!(message.in_reply_to, parent);
        prop_assert_eq!(message.metadata, metadata);
        prop_assert_eq!(message.content, content);
        prop_assert_eq!(message.buffers, buffers);
    }

    #[test]
    fn any_frames_at_all_are_an_error_or_a_message(
        frames in prop::collection::vec(frame(), 0..12),
    ) {
        // Unsigned, so that the frames reach the parser.
        let mut seen = ReplayWindow::default();
        wire::decode(frames.clone(), &Signer::unsigned(), &mut seen).ok();
        prop_assert!(decode(frames).is_err());
    }

    #[test]
    fn one_changed_byte_is_noticed(
        part in 2_usize..7,
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut frames = signed([HEADER, br#"{"a":1}"#, br#"{"b":2}"#, br#"{"code":"3"}"#]);
        let mut bytes = frames[part].to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        frames[part] = bytes.into();
        prop_assert!(matches!(decode(frames), Err(WireError::Signature(SignatureError::Wrong))));
    }

    #[test]
    fn mutated_json_never_panics(
        part in 0_usize..4,
        at in any::<prop::sample::Index>(),
        junk in prop::collection::vec(any::<u8>(), 0..6),
        cut in 0_usize..6,
    ) {
        let mut parts = [
            br#"{"msg_id":"1","msg_type":"t","date":"2026-01-02T03:04:05Z"}"#.to_vec(),
            br#"{"msg_id":"0","msg_type":"u"}"#.to_vec(),
            br#"{"cellId":"\ud83d\ude00"}"#.to_vec(),
            br#"{"code":"\ud83d x \\","n":[1.5e3,null]}"#.to_vec(),
        ];
        let bytes = &mut parts[part];
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, junk);
        decode(signed([&parts[0], &parts[1], &parts[2], &parts[3]])).ok();
    }
}
