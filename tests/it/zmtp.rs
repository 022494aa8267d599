//! ZMTP: a connection means the same however its bytes are cut, and what is too much is refused
//! before it has come.

use bytes::{Bytes, BytesMut};
use claude_kernel::jupyter::zmtp::{
    Event, FrameHeader, FrameKind, GREETING, GREETING_BYTES, Guard, Limits, Link, Passed,
    SocketType, ZmtpError, answer_to, encode,
};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    message_bytes: 1000,
    parts: 8,
    command_bytes: 100,
};

/// READY of a peer with this socket.
fn ready(socket: &str) -> Vec<u8> {
    let property = [
        &b"\x0bSocket-Type\0\0\0"[..],
        &[socket.len() as u8],
        socket.as_bytes(),
    ];
    command(b"READY", &property.concat())
}

fn command(name: &[u8], data: &[u8]) -> Vec<u8> {
    let length = 1 + name.len() + data.len();
    [&[4, length as u8, name.len() as u8], name, data].concat()
}

/// A peer's side up to the end of the handshake.
fn opening(socket: &str) -> Vec<u8> {
    [&GREETING[..], &ready(socket)].concat()
}

fn header(kind: FrameKind, length: u64) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    FrameHeader { kind, length }.append_to(&mut bytes);
    bytes.to_vec()
}

/// All that a link says of these chunks, and the error that ended it.
fn events<'a>(
    socket: SocketType,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Option<ZmtpError>) {
    let mut link = Link::new(socket, LIMITS);
    let mut events = Vec::new();
    for chunk in chunks {
        if let Err(error) = link.receive(chunk) {
            return (events, Some(error));
        }
        loop {
            match link.next() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

fn wire(messages: &[Vec<Bytes>]) -> Vec<u8> {
    let mut bytes = opening("REQ");
    for message in messages {
        bytes.extend(encode(message).concat());
    }
    bytes
}

/// The messages among the events of a peer that the handshake let in.
fn messages(events: Vec<Event>) -> Vec<Vec<Bytes>> {
    let mut events = events.into_iter();
    assert!(matches!(events.next(), Some(Event::Send(_))));
    assert_eq!(events.next(), Some(Event::Ready));
    let message = |event| match event {
        Event::Message(frames) => frames,
        other => panic!("{other:?}"),
    };
    events.map(message).collect()
}

#[test]
fn a_connection_means_the_same_wherever_it_is_cut() {
    let sent = [
        vec![Bytes::new(), Bytes::from_static(b"ping")],
        vec![Bytes::new()],
        vec![Bytes::from(vec![7; 300]), Bytes::new(), Bytes::from("x")],
    ];
    let bytes = wire(&sent);
    let whole = events(SocketType::Rep, [&bytes[..]]);
    assert_eq!(whole.1, None);
    assert_eq!(messages(whole.0.clone()), sent);
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(events(SocketType::Rep, [head, tail]), whole, "cut at {at}");
    }
    assert_eq!(events(SocketType::Rep, bytes.chunks(1)), whole);
}

#[test]
fn subscriptions_come_as_messages_and_as_commands() {
    let mut bytes = opening("SUB");
    bytes.extend(b"\0\x04\x01abc\0\x01\x01\0\x04\0abc");
    bytes.extend(command(b"SUBSCRIBE", b"xyz"));
    bytes.extend(command(b"CANCEL", b""));
    // What an XSUB sends upstream besides is nothing to us.
    bytes.extend(b"\0\x03\x02hi\0\0\x01\x02\x01a\0\x01b");
    let (found, error) = events(SocketType::Xpub, [&bytes[..]]);
    assert_eq!(error, None);
    let topic = |topic: &'static str| Bytes::from(topic);
    assert_eq!(
        found[2..],
        [
            Event::Subscribe(topic("abc")),
            Event::Subscribe(topic("")),
            Event::Cancel(topic("abc")),
            Event::Subscribe(topic("xyz")),
            Event::Cancel(topic("")),
        ]
    );
}

#[test]
fn a_ping_is_answered_with_its_context() {
    let mut bytes = opening("REQ");
    bytes.extend(command(b"PING", b"\0\x0acontext"));
    bytes.extend(command(b"PING", b"\0\x0a"));
    bytes.extend(command(b"PONG", b"ours"));
    bytes.extend(command(b"NEWER", b"than we"));
    let (found, error) = events(SocketType::Rep, [&bytes[..]]);
    assert_eq!(error, None);
    assert_eq!(
        found[2..],
        [
            Event::Send(Bytes::from(command(b"PONG", b"context"))),
            Event::Send(Bytes::from(command(b"PONG", b""))),
        ]
    );
}

#[track_caller]
fn check_refused(socket: SocketType, bytes: &[u8], expected: ZmtpError) {
    let (_, error) = events(socket, [bytes]);
    assert_eq!(error, Some(expected));
    let (_, error) = events(socket, bytes.chunks(1));
    assert_eq!(error, Some(expected));
}

#[test]
fn who_does_not_speak_zmtp_3_with_null_is_refused() {
    check_refused(SocketType::Rep, b"GET / HTTP/1.1\r\n", ZmtpError::NotZmtp);
    let with = |at: usize, byte: u8| {
        let mut greeting = GREETING;
        greeting[at] = byte;
        greeting
    };
    check_refused(SocketType::Rep, &with(9, 0), ZmtpError::NotZmtp);
    check_refused(
        SocketType::Rep,
        &with(10, 1),
        ZmtpError::Version { major: 1 },
    );
    check_refused(SocketType::Rep, &with(16, b'X'), ZmtpError::Mechanism);
    check_refused(SocketType::Rep, &with(12, b'C'), ZmtpError::Mechanism);
    // What newer versions may put there.
    for (at, byte) in [(8, 0), (10, 4), (11, 0), (11, 9), (32, 1), (63, 1)] {
        let (found, error) = events(SocketType::Rep, [&with(at, byte)[..]]);
        assert_eq!((found.len(), error), (1, None), "{byte} at {at}");
    }
}

#[test]
fn a_handshake_is_one_ready_of_a_socket_that_fits() {
    for (socket, peer) in [
        (SocketType::Xpub, "REQ"),
        (SocketType::Xpub, "XPUB"),
        (SocketType::Xpub, ""),
        (SocketType::Rep, "SUB"),
        (SocketType::Rep, "ROUTER"),
    ] {
        check_refused(socket, &opening(peer), ZmtpError::SocketType);
    }
    let with = |bytes: &[u8]| [&GREETING[..], bytes].concat();
    for broken in [
        command(b"PING", b"\0\0"),
        command(b"READY", b""),
        command(b"READY", b"\x0bSocket-Type\0\0\0\x09REQ"),
        command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xffREQ"),
        command(b"READY", b"\xffSocket-Type"),
        command(b"READY", b"\x04Else\0\0\0\x03REQ"),
        vec![4, 0],
        vec![4, 1, 9],
    ] {
        check_refused(SocketType::Rep, &with(&broken), ZmtpError::Command);
    }
    check_refused(
        SocketType::Rep,
        &with(b"\0\x04ping"),
        ZmtpError::BeforeReady,
    );
    // Other properties may stand before it, in any case of letters.
    let fits = command(
        b"READY",
        b"\x08Identity\0\0\0\x01x\x0bsOCKET-tYPE\0\0\0\x06DEALER",
    );
    let (found, _) = events(SocketType::Rep, [&with(&fits)[..]]);
    assert_eq!(found.last(), Some(&Event::Ready));
}

/// A guard that has seen a handshake.
fn guard() -> Guard {
    let mut guard = Guard::new(LIMITS);
    guard.check(&GREETING).unwrap();
    assert!(!guard.is_ready());
    guard.check(&ready("DEALER")).unwrap();
    assert!(guard.is_ready());
    guard
}

#[test]
fn what_is_too_long_is_refused_when_it_is_announced() {
    let last = FrameKind::Part { is_last: true };
    for length in [1001, 1 << 20, 1 << 35, 1 << 40, 1 << 63, u64::MAX] {
        let announced = header(last, length);
        let (end, start) = announced.split_last().unwrap();
        let mut guard = guard();
        guard.check(start).unwrap();
        assert_eq!(
            guard.check(&[*end]),
            Err(ZmtpError::MessageTooLong {
                bytes: length,
                limit: 1000
            })
        );
    }
    for length in [101, 1 << 35, u64::MAX] {
        for (mut guard, when) in [(guard(), "after"), (Guard::new(LIMITS), "before")] {
            if when == "before" {
                guard.check(&GREETING).unwrap();
            }
            assert_eq!(
                guard.check(&header(FrameKind::Command, length)),
                Err(ZmtpError::CommandTooLong {
                    bytes: length,
                    limit: 100
                }),
                "{when} READY"
            );
        }
    }
    // As much as is allowed, again and again.
    let mut guard = guard();
    for _ in 0..10 {
        guard.check(&header(last, 1000)).unwrap();
        guard.check(&[0; 1000]).unwrap();
    }
}

#[test]
fn the_frames_of_a_message_are_counted_together() {
    let more = FrameKind::Part { is_last: false };
    let mut half = header(more, 600);
    half.extend([0; 600]);
    let mut guard_of_bytes = guard();
    guard_of_bytes.check(&half).unwrap();
    assert_eq!(
        guard_of_bytes.check(&half),
        Err(ZmtpError::MessageTooLong {
            bytes: 1200,
            limit: 1000
        })
    );
    // Lengths whose sum does not fit into a number.
    let mut guard_of_sums = guard();
    guard_of_sums.check(&header(more, 1)).unwrap();
    guard_of_sums.check(b"x").unwrap();
    guard_of_sums.check(&header(more, u64::MAX)).unwrap_err();
    // Empty frames cost room too.
    let mut guard = guard();
    for _ in 0..8 {
        guard.check(b"\x01\0").unwrap();
    }
    assert_eq!(
        guard.check(b"\x01\0"),
        Err(ZmtpError::TooManyParts { limit: 8 })
    );
}

#[test]
fn flags_that_mean_nothing_are_refused() {
    for flags in 0..=u8::MAX {
        let known = flags & !0b111 == 0 && flags & 0b101 != 0b101;
        let checked = guard().check(&[flags]);
        assert_eq!(checked.is_ok(), known, "{flags:#010b}: {checked:?}");
    }
}

/// What a guard hands on.
#[derive(Debug, Default, PartialEq)]
struct Sifted {
    bytes: Vec<u8>,
    commands: Vec<Bytes>,
}

impl Passed for Sifted {
    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
    fn command(&mut self, body: Bytes) {
        self.commands.push(body);
    }
}

#[test]
fn commands_after_the_handshake_are_sifted_out() {
    let opening = opening("DEALER");
    let ping = command(b"PING", b"\0\x0acontext");
    let long = vec![7; 300];
    let mut expected = opening.clone();
    let mut sent = opening.clone();
    for (message, between) in [
        (vec![Bytes::from_static(b"a"), Bytes::new()], &ping),
        (vec![Bytes::from(long)], &command(b"NEWER", b"")),
    ] {
        let bytes = encode(&message).concat();
        expected.extend(&bytes);
        sent.extend(between);
        sent.extend(bytes);
    }
    // In the middle of a message too.
    expected.extend(b"\x01\x01x\0\x01y");
    sent.extend([b"\x01\x01x", &ping[..], b"\0\x01y"].concat());
    for size in 1..sent.len() {
        let mut sifted = Sifted::default();
        let mut guard = Guard::new(LIMITS);
        for chunk in sent.chunks(size) {
            guard.sift(chunk, &mut sifted).unwrap();
        }
        assert_eq!(sifted.bytes, expected, "in pieces of {size}");
        assert_eq!(sifted.commands, [&ping[2..], b"\x05NEWER", &ping[2..]]);
    }
    let pong = answer_to(Bytes::from(ping[2..].to_vec())).unwrap();
    assert_eq!(pong, command(b"PONG", b"context"));
    assert_eq!(answer_to(Bytes::from_static(b"\x04PONGx")), None);
    assert_eq!(answer_to(Bytes::from_static(b"\xff")), None);
}

#[test]
fn the_gaps_between_messages_are_known() {
    let mut guard = Guard::trusting();
    for (bytes, is_between) in [
        (&b""[..], true),
        (b"\0", false),
        (b"\x01", false),
        (b"x", true),
        (b"\x01\0", false),
        (b"\0\0", true),
        (b"\0\0\x01\0\0", false),
        (b"\0", true),
    ] {
        guard.check(bytes).unwrap();
        assert_eq!(guard.is_between_messages(), is_between, "after {bytes:?}");
    }
    guard
        .check(&header(FrameKind::Part { is_last: true }, u64::MAX))
        .unwrap();
    assert!(!guard.is_between_messages());
}

fn frames() -> impl Strategy<Value = Vec<Bytes>> {
    let frame = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 250..260),
    ];
    prop::collection::vec(frame.prop_map(Bytes::from), 1..4)
}

proptest! {
    #[test]
    fn what_is_encoded_comes_out_however_it_is_cut(
        sent in prop::collection::vec(frames(), 0..5),
        sizes in prop::collection::vec(1_usize..200, 1..30),
    ) {
        let bytes = wire(&sent);
        let mut rest = &bytes[..];
        let mut sizes = sizes.iter().cycle();
        let chunks = std::iter::from_fn(|| {
            let (chunk, left) = rest.split_at(rest.len().min(*sizes.next()?));
            rest = left;
            (!chunk.is_empty()).then_some(chunk)
        });
        let (found, error) = events(SocketType::Rep, chunks);
        prop_assert_eq!(error, None);
        prop_assert_eq!(messages(found), sent);
    }

    #[test]
    fn a_header_reads_as_it_was_written(length in any::<u64>(), kind in 0..3) {
        let kind = match kind {
            0 => FrameKind::Command,
            1 => FrameKind::Part { is_last: true },
            _ => FrameKind::Part { is_last: false },
        };
        let bytes = header(kind, length);
        for cut in 0..bytes.len() {
            prop_assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None));
        }
        let read = FrameHeader::parse(&bytes);
        prop_assert_eq!(read, Ok(Some((FrameHeader { kind, length }, bytes.len()))));
    }

    /// Large frames are not copied, and the bytes are the same.
    #[test]
    fn pieces_are_the_frames_in_order(sizes in prop::collection::vec(0_usize..20_000, 1..6)) {
        let frames: Vec<Bytes> = sizes.iter().map(|size| Bytes::from(vec![1; *size])).collect();
        let mut expected = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let kind = FrameKind::Part { is_last: number + 1 == frames.len() };
            expected.extend(header(kind, frame.len() as u64));
            expected.extend_from_slice(frame);
        }
        let pieces = encode(&frames);
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(pieces.concat(), expected);
    }

    #[test]
    fn any_bytes_at_all_are_an_error_or_a_connection(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        opened in 0..3,
        cut in any::<prop::sample::Index>(),
    ) {
        let start = match opened {
            0 => Vec::new(),
            1 => GREETING.to_vec(),
            _ => opening("SUB"),
        };
        bytes.splice(0..0, start);
        let (head, tail) = bytes.split_at(cut.index(bytes.len() + 1));
        for socket in [SocketType::Xpub, SocketType::Rep] {
            let whole = events(socket, [&bytes[..]]);
            let pieces = events(socket, [head, tail]);
            // Cut in two, more may be understood before the end; never less.
            prop_assert_eq!(whole.1.is_some(), pieces.1.is_some());
            prop_assert!(pieces.0.starts_with(&whole.0));
        }
        let mut guard = Guard::new(LIMITS);
        let whole = guard.check(&bytes);
        let mut pieces = Guard::new(LIMITS);
        prop_assert_eq!(pieces.check(head).and_then(|()| pieces.check(tail)), whole);
    }

    #[test]
    fn a_greeting_has_its_length(extra in prop::collection::vec(any::<u8>(), 0..10)) {
        let bytes = [&GREETING[..], &extra].concat();
        prop_assert_eq!(Guard::new(LIMITS).check(&bytes[..GREETING_BYTES]), Ok(()));
    }
}
