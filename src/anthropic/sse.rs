//! Server-sent events from bytes (`docs/protocol.md#event-framing`). Pure: no JSON, no sockets.
//!
//! Any way of cutting the same bytes into chunks gives the same events. Lines end with CR, LF or
//! CRLF; comments, `id` and `retry` are skipped; an event without data is none.
//! Bytes that are not UTF-8 are replaced, as the standard asks.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

/// The largest event, in bytes. A block that came in a larger one could never be sent back: a
/// request may have 32 MB.
pub const MAX_EVENT_BYTES: usize = 32 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty if there is none.
    pub name: Cow<'a, str>,
    /// The `data` fields, joined by line feeds.
    pub data: Cow<'a, str>,
}

/// An event, or a line of one, was larger than [`MAX_EVENT_BYTES`]. Nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event larger than {MAX_EVENT_BYTES} bytes")]
pub struct TooLarge;

/// Takes chunks, gives events.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Bytes that were pushed; everything before `start` is done with.
    buffer: Vec<u8>,
    start: usize,
    /// Bytes from `start` on that are known to hold no line end.
    scanned: usize,
    /// The line feed of a CRLF whose CR has ended a line may still come.
    skip_line_feed: bool,
    past_first_line: bool,
    too_large: bool,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// `name` and `data` belong to an event that was given out.
    given: bool,
}

impl Decoder {
    /// Starts at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next event that is complete, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`TooLarge`], from then on each time.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TooLarge> {
        if self.given {
            self.forget_event();
        }
        loop {
            if self.too_large {
                return Err(TooLarge);
            }
            let Some(line) = self.next_line() else {
                if self.scanned.saturating_add(self.data.len()) > MAX_EVENT_BYTES {
                    self.too_large = true;
                    continue;
                }
                return Ok(None);
            };
            if !line.is_empty() {
                self.take_line(line);
            } else if !self.has_data {
                self.forget_event();
            } else {
                self.given = true;
                return Ok(Some(Event {
                    name: lossy(&self.name),
                    data: lossy(&self.data),
                }));
            }
        }
    }

    /// Ends the stream as if the blank line behind its last event had come; returns whether there is
    /// an event that lacked it.
    pub fn end(&mut self) -> bool {
        let has_rest = self.start < self.buffer.len();
        if self.given || self.too_large || !(self.has_data || has_rest) {
            return false;
        }
        self.push(b"\n\n");
        true
    }

    /// Finds the next whole line and steps past it; the range is of `buffer`, without the line end.
    fn next_line(&mut self) -> Option<Range<usize>> {
        if self.skip_line_feed && self.start < self.buffer.len() {
            self.skip_line_feed = false;
            if self.buffer.get(self.start) == Some(&b'\n') {
                self.start += 1;
            }
        }
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        let fresh = unread.get(self.scanned..).unwrap_or_default();
        let Some(offset) = memchr2(b'\n', b'\r', fresh) else {
            self.scanned = unread.len();
            return None;
        };
        let mut line = self.start..self.start + self.scanned + offset;
        self.skip_line_feed = fresh.get(offset) == Some(&b'\r');
        self.start = line.end + 1;
        self.scanned = 0;
        if !self.past_first_line {
            self.past_first_line = true;
            let has_mark = self
                .buffer
                .get(line.clone())
                .is_some_and(|bytes| bytes.starts_with(b"\xEF\xBB\xBF"));
            if has_mark {
                line.start += 3;
            }
        }
        Some(line)
    }

    fn take_line(&mut self, line: Range<usize>) {
        let bytes = self.buffer.get(line).unwrap_or_default();
        let (field, value) = match bytes.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (field, rest) = bytes.split_at(colon);
                let value = rest.get(1..).unwrap_or_default();
                (field, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (bytes, &[][..]),
        };
        match field {
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                if self.data.len().saturating_add(value.len()) > MAX_EVENT_BYTES {
                    self.too_large = true;
                } else {
                    self.data.extend_from_slice(value);
                }
            }
            // A comment has an empty field name; `id`, `retry` and unknown fields say nothing here.
            _ => {}
        }
    }

    fn forget_event(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.given = false;
    }
}

/// Replaces bytes that are not UTF-8. Checks first, because nearly all text is UTF-8.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}
