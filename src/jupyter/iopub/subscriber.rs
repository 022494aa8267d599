//! One subscriber of iopub: its topics, the bytes it has still to read, and how long the others may
//! wait for it. Pure.

use std::io::IoSlice;
use std::time::Duration;

use bytes::Bytes;

use super::queue::Queue;
use crate::jupyter::zmtp::{Event, GREETING, Limits, Link, SocketType, ZmtpError};

/// How many bytes a subscriber may have left to read. If it has more, nothing is published until it
/// has read some or is disconnected. So this is what a client that does not read costs. The pieces
/// are shared, so ten such clients cost hardly more than one.
pub(super) const BACKLOG_BYTES: usize = 32 * 1024 * 1024;

/// If a subscriber is over its backlog, how long the others may wait until it has read
/// [`READ_BYTES`].
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// If a subscriber reads this much within [`PATIENCE`], it is slow; if it reads less, it has
/// stopped.
const READ_BYTES: usize = 1024 * 1024;

/// What a subscriber may send: READY, subscriptions and pings.
const LIMITS: Limits = Limits {
    message_bytes: 4096,
    parts: 1,
    command_bytes: 4096,
};

/// How many topics one subscriber may have. A front end has one, the empty topic.
const MAX_TOPICS: usize = 64;

/// One subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    link: Link,
    topics: Vec<Bytes>,
    queue: Queue,
    /// How long the others have waited for it, and how much it has read, since the last time it had
    /// read enough.
    waited_for: Duration,
    read_bytes: usize,
}

impl Subscriber {
    /// Makes a subscriber whose peer has connected and has not finished the handshake.
    pub(super) fn new() -> Self {
        let mut queue = Queue::default();
        queue.push(Bytes::from_static(&GREETING));
        Self {
            link: Link::new(SocketType::Xpub, LIMITS),
            topics: Vec::new(),
            queue,
            waited_for: Duration::ZERO,
            read_bytes: 0,
        }
    }

    /// Returns whether the handshake is over.
    pub(super) fn is_ready(&self) -> bool {
        self.link.is_ready()
    }

    /// Takes the bytes that the peer sent. Returns the topics it subscribed to, including those it
    /// already had.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Bytes>, ZmtpError> {
        self.link.receive(bytes)?;
        let mut subscribed = Vec::new();
        while let Some(event) = self.link.next()? {
            match event {
                Event::Send(bytes) => self.queue.push(bytes),
                Event::Subscribe(topic) => {
                    // The topic is copied, because a slice would keep the whole buffer in memory.
                    let topic = Bytes::copy_from_slice(&topic);
                    if !self.topics.contains(&topic) {
                        if self.topics.len() == MAX_TOPICS {
                            return Err(ZmtpError::TooManyTopics { limit: MAX_TOPICS });
                        }
                        self.topics.push(topic.clone());
                    }
                    subscribed.push(topic);
                }
                Event::Cancel(topic) => self.topics.retain(|had| *had != topic),
                Event::Ready | Event::Message(_) => {}
            }
        }
        Ok(subscribed)
    }

    /// Queues a message if its topic is wanted.
    pub(super) fn offer(&mut self, topic: &[u8], pieces: &[Bytes]) {
        if self.topics.iter().any(|wanted| topic.starts_with(wanted)) {
            for piece in pieces {
                self.queue.push(piece.clone());
            }
        }
    }

    /// Returns whether everything that was offered has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns whether nothing more may be offered at present.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.bytes() > BACKLOG_BYTES
    }

    /// Fills `slices` with the pieces that are to be written next; returns how many there are.
    pub(super) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.queue.fill(slices)
    }

    /// Notes how many bytes were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.queue.advance(bytes);
        self.read_bytes += bytes;
        if self.read_bytes >= READ_BYTES {
            self.read_bytes = 0;
            self.waited_for = Duration::ZERO;
        }
    }

    /// Notes for how long the others have waited for it.
    pub(super) fn kept_waiting(&mut self, time: Duration) {
        self.waited_for += time;
    }

    /// Returns how much longer the others will wait for it; zero if it is to be disconnected.
    pub(super) fn patience_left(&self) -> Duration {
        PATIENCE.saturating_sub(self.waited_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready_subscriber(topics: &[&str]) -> Subscriber {
        let mut subscriber = Subscriber::new();
        subscriber.receive(&GREETING).unwrap();
        subscriber
            .receive(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")
            .unwrap();
        for topic in topics {
            let frame = [&[0, topic.len() as u8 + 1, 1], topic.as_bytes()].concat();
            assert_eq!(subscriber.receive(&frame).unwrap(), [topic.as_bytes()]);
        }
        // The greeting and READY.
        write(&mut subscriber);
        subscriber
    }

    /// Writes everything; returns it.
    fn write(subscriber: &mut Subscriber) -> Vec<u8> {
        let mut written = Vec::new();
        while !subscriber.is_drained() {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = subscriber.fill(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            subscriber.wrote(bytes.len());
            written.extend(bytes);
        }
        written
    }

    #[test]
    fn only_what_is_subscribed_to_is_queued() {
        let offer = |subscriber: &mut Subscriber| {
            for topic in ["kernel.1.status", "kernel.2.status", "other"] {
                subscriber.offer(topic.as_bytes(), &[Bytes::from(topic)]);
            }
            String::from_utf8(write(subscriber)).unwrap()
        };
        assert_eq!(offer(&mut ready_subscriber(&[])), "");
        assert_eq!(
            offer(&mut ready_subscriber(&[""])),
            "kernel.1.statuskernel.2.statusother"
        );
        // If several of its topics match, the message comes once.
        let mut two = ready_subscriber(&["kernel.1", "kernel."]);
        assert_eq!(offer(&mut two), "kernel.1.statuskernel.2.status");
        two.receive(b"\0\x08\0kernel.").unwrap();
        assert_eq!(offer(&mut two), "kernel.1.status");
        // The topic was subscribed to twice and is cancelled once: a client sends the cancel when
        // its last subscription ends.
        two.receive(b"\0\x09\x01kernel.1").unwrap();
        two.receive(b"\x04\x0f\x06CANCELkernel.1").unwrap();
        assert_eq!(offer(&mut two), "");
    }

    #[test]
    fn too_many_topics_end_the_connection() {
        let mut subscriber = ready_subscriber(&[]);
        for topic in 0..MAX_TOPICS as u8 {
            subscriber.receive(&[0, 2, 1, topic]).unwrap();
        }
        // A topic that it already has does not count again.
        subscriber.receive(&[0, 2, 1, 0]).unwrap();
        assert_eq!(
            subscriber.receive(&[0, 2, 1, 0xff]),
            Err(ZmtpError::TooManyTopics { limit: MAX_TOPICS })
        );
    }

    #[test]
    fn patience_ends_for_who_does_not_read_and_is_renewed_by_reading() {
        let mut subscriber = ready_subscriber(&[""]);
        let megabyte = Bytes::from(vec![0; READ_BYTES]);
        for _ in 0..BACKLOG_BYTES / READ_BYTES {
            assert!(!subscriber.is_behind());
            subscriber.offer(b"", std::slice::from_ref(&megabyte));
        }
        assert!(subscriber.is_behind());
        subscriber.kept_waiting(PATIENCE / 2);
        // A subscriber that reads one byte at a time does not read enough.
        subscriber.wrote(1);
        assert_eq!(subscriber.patience_left(), PATIENCE / 2);
        subscriber.wrote(READ_BYTES);
        assert_eq!(subscriber.patience_left(), PATIENCE);
        subscriber.kept_waiting(PATIENCE * 2);
        assert_eq!(subscriber.patience_left(), Duration::ZERO);
    }
}
