//! The event stream: SSE frames, how they are cut into writes, and the faults within them.
//!
//! A turn is not a task: its future is part of the response body ([`TurnBody`]). So if a client
//! disconnects, the turn is dropped with everything that it runs.

mod halves;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::faults::{At, Chunking, Deltas, Disturbance, FaultKind, Taken, pause, stand_before};
use super::state::Shared;

/// How many writes may be queued between the turn and the socket. Few, so that a slow reader slows
/// the turn.
const QUEUE: usize = 16;
/// If generated text is not paced, it is written in pieces of about this size.
const COALESCE: usize = 16 * 1024;
/// How many generated deltas make a paragraph: about as much text as in real prose.
const PARAGRAPH: u64 = 25;

/// The stream is over: the client left, or a fault ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

type Write = Result<Bytes, io::Error>;

/// Where the events of a turn go.
#[derive(Debug)]
pub(super) struct Sink {
    /// `None` if the request is not streamed: then events are only counted.
    writes: Option<mpsc::Sender<Write>>,
    shared: Shared,
    request_id: String,
    waiting: Vec<(At, Disturbance)>,
    chunking: Option<Chunking>,
    pending: BytesMut,
    events: u64,
    deltas: u64,
    /// The index of the next content block.
    blocks: usize,
    open_block: bool,
    pinged: bool,
    surrogates: bool,
}

impl Sink {
    /// Makes a sink for a response that is not streamed.
    pub(super) fn silent(shared: Shared, request_id: String) -> Self {
        Self {
            writes: None,
            shared,
            request_id,
            waiting: Vec::new(),
            chunking: None,
            pending: BytesMut::new(),
            events: 0,
            deltas: 0,
            blocks: 0,
            open_block: false,
            pinged: false,
            surrogates: false,
        }
    }

    /// Makes a sink for a stream, and the receiving end for its body.
    pub(super) fn streaming(
        shared: Shared,
        request_id: String,
        taken: &Taken,
    ) -> (Self, mpsc::Receiver<Write>) {
        let (writes, outlet) = mpsc::channel(QUEUE);
        let mut sink = Self::silent(shared, request_id);
        sink.writes = Some(writes);
        for kind in &taken.0 {
            match kind {
                FaultKind::Stream(at, disturbance) => {
                    sink.waiting.push((*at, disturbance.clone()));
                }
                FaultKind::Chunks(chunking) => sink.chunking = Some(*chunking),
                FaultKind::Surrogates => sink.surrogates = true,
                _ => {}
            }
        }
        (sink, outlet)
    }

    /// Whether anybody receives the events.
    pub(super) fn is_streaming(&self) -> bool {
        self.writes.is_some()
    }

    /// Sends one event; `data` includes its own `type`.
    pub(super) async fn event(&mut self, data: &Value) -> Result<(), Over> {
        if !self.is_streaming() {
            return Ok(());
        }
        self.strike().await?;
        let name = data.get("type").and_then(Value::as_str).unwrap_or("ping");
        match name {
            "content_block_start" => self.open_block = true,
            "content_block_stop" => {
                self.open_block = false;
                self.blocks += 1;
            }
            "content_block_delta" => self.deltas += 1,
            _ => {}
        }
        self.events += 1;
        let mut data = data.to_string();
        if self.surrogates {
            data = halves::escaped(&data);
        }
        let frame = format!("event: {name}\ndata: {data}\n\n");
        self.write(frame.as_bytes()).await
    }

    /// Sends a `ping`, which is not counted as an event.
    pub(super) async fn ping(&mut self) -> Result<(), Over> {
        self.write(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
            .await
    }

    /// Opens a content block and returns its index.
    pub(super) async fn open(&mut self, block: &Value) -> Result<usize, Over> {
        // A fault may want an unknown block before this one.
        self.strike().await?;
        let index = self.blocks;
        self.event(&json!({
            "type": "content_block_start", "index": index, "content_block": block,
        }))
        .await?;
        if !std::mem::replace(&mut self.pinged, true) {
            // The first ping comes inside the first block (`docs/protocol.md#event-order`).
            self.ping().await?;
        }
        Ok(index)
    }

    /// Sends a delta of the open block.
    pub(super) async fn delta(&mut self, delta: &Value) -> Result<(), Over> {
        let index = self.blocks;
        let pieces = match self.surrogates {
            true => halves::split(delta),
            false => vec![delta.clone()],
        };
        for delta in pieces {
            self.event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
                .await?;
        }
        Ok(())
    }

    /// Closes the open block.
    pub(super) async fn close(&mut self) -> Result<(), Over> {
        let index = self.blocks;
        self.event(&json!({"type": "content_block_stop", "index": index}))
            .await
    }

    /// Applies a fault at this place.
    pub(super) async fn disturb(&mut self, at: At, disturbance: Disturbance) -> Result<(), Over> {
        if !self.is_streaming() {
            return Ok(());
        }
        self.waiting.push((at, disturbance));
        self.strike().await
    }

    /// Streams generated text as deltas of the open block, cheaply.
    pub(super) async fn generate(&mut self, text: &Deltas) -> Result<(), Over> {
        // Two different deltas are enough to make all of them: one within a paragraph, and the last
        // one of a paragraph.
        let within = self.filler(&generated(text.size, 1));
        let last = self.filler(&generated(text.size, PARAGRAPH));
        let mut pace = (text.every_ms > 0)
            .then(|| tokio::time::interval(Duration::from_millis(text.every_ms)));
        for number in 1..=text.count {
            let (delta, frame) = if ends_paragraph(number) {
                &last
            } else {
                &within
            };
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            if self.waiting.is_empty() && self.chunking.is_none() {
                self.events += 1;
                self.deltas += 1;
                self.pending.extend_from_slice(frame.as_bytes());
                if pace.is_some() || self.pending.len() >= COALESCE {
                    self.send_pending().await?;
                }
            } else {
                self.event(delta).await?;
            }
        }
        self.send_pending().await
    }

    /// Makes a delta of the open block with this text; returns its bytes.
    fn filler(&self, text: &str) -> (Value, String) {
        let delta = json!({
            "type": "content_block_delta", "index": self.blocks,
            "delta": {"type": "text_delta", "text": text},
        });
        let frame = format!("event: content_block_delta\ndata: {delta}\n\n");
        (delta, frame)
    }

    /// Ends the stream in the regular way.
    pub(super) async fn finish(&mut self) -> Result<(), Over> {
        self.strike().await?;
        self.send_pending().await
    }

    async fn strike(&mut self) -> Result<(), Over> {
        while let Some(place) = self
            .waiting
            .iter()
            .position(|(at, what)| self.due(*at, what))
        {
            let (_, disturbance) = self.waiting.remove(place);
            self.send_pending().await?;
            match disturbance {
                Disturbance::Cut { clean } => return Err(self.cut(clean).await),
                Disturbance::Error { kind, message } => {
                    let error = json!({
                        "type": "error",
                        "error": {"type": kind, "message": message},
                        "request_id": self.request_id,
                    });
                    self.write(format!("event: error\ndata: {error}\n\n").as_bytes())
                        .await?;
                    return Err(self.cut(true).await);
                }
                Disturbance::Stall { ms: Some(ms) } => {
                    pause(ms).await;
                }
                Disturbance::Stall { ms: None } => std::future::pending().await,
                Disturbance::Gate { name } => {
                    stand_before(&self.shared, &name).await.map_err(|_| Over)?;
                }
                Disturbance::UnknownEvent => {
                    self.write(
                        b"event: future_event\ndata: {\"type\":\"future_event\",\"hint\":1}\n\n",
                    )
                    .await?;
                }
                Disturbance::UnknownBlock => self.unknown_block().await?,
            }
        }
        Ok(())
    }

    fn due(&self, at: At, disturbance: &Disturbance) -> bool {
        let reached = match at {
            At::Here => true,
            At::Events(events) => self.events >= events,
            At::Deltas(deltas) => self.deltas >= deltas,
        };
        reached && !(self.open_block && matches!(disturbance, Disturbance::UnknownBlock))
    }

    async fn unknown_block(&mut self) -> Result<(), Over> {
        let index = self.blocks;
        let frames = [
            json!({"type": "content_block_start", "index": index,
                   "content_block": {"type": "future_block", "future": [1, {"deep": null}]}}),
            json!({"type": "content_block_delta", "index": index,
                   "delta": {"type": "future_delta", "future": "x"}}),
            json!({"type": "content_block_stop", "index": index}),
        ];
        for frame in frames {
            let name = frame.get("type").and_then(Value::as_str).unwrap_or("ping");
            self.write(format!("event: {name}\ndata: {frame}\n\n").as_bytes())
                .await?;
        }
        self.blocks += 1;
        Ok(())
    }

    async fn cut(&mut self, clean: bool) -> Over {
        if self.send_pending().await.is_ok()
            && let Some(writes) = self.writes.take()
            && !clean
        {
            // If the client is gone already, there is nothing left to cut.
            let _ = writes
                .send(Err(io::Error::from(io::ErrorKind::ConnectionReset)))
                .await;
        }
        Over
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Over> {
        self.pending.extend_from_slice(bytes);
        match self.chunking {
            None => self.send_pending().await,
            Some(Chunking::Size(size)) => {
                while self.pending.len() >= size {
                    let piece = self.pending.split_to(size).freeze();
                    self.send(piece).await?;
                }
                Ok(())
            }
            Some(Chunking::SplitUtf8) => {
                while let Some(place) = inside_character(&self.pending) {
                    let piece = self.pending.split_to(place).freeze();
                    self.send(piece).await?;
                }
                Ok(())
            }
        }
    }

    async fn send_pending(&mut self) -> Result<(), Over> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let bytes = self.pending.split().freeze();
        self.send(bytes).await
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Over> {
        match &self.writes {
            Some(writes) => writes.send(Ok(bytes)).await.map_err(|_| Over),
            None => Ok(()),
        }
    }
}

/// Returns a place inside the first character that has several bytes and starts after byte 0.
fn inside_character(bytes: &[u8]) -> Option<usize> {
    let first = bytes.iter().skip(1).position(|byte| *byte >= 0xC0)?;
    Some(first + 2)
}

/// The text of the generated delta with this number, from 1: `size` bytes, in words and paragraphs.
pub(super) fn generated(size: usize, number: u64) -> String {
    let end = if ends_paragraph(number) { ".\n\n" } else { "" };
    let words = "lorem ipsum dolor sit amet ".chars().cycle();
    let mut text: String = words.take(size.saturating_sub(end.len())).collect();
    text.extend(end.chars().take(size));
    text
}

/// Whether the generated delta with this number, from 1, is the last of its paragraph.
fn ends_paragraph(number: u64) -> bool {
    number.is_multiple_of(PARAGRAPH)
}

/// A response body that plays its turn while it is read.
pub(super) struct TurnBody {
    turn: Option<BoxFuture<'static, ()>>,
    outlet: mpsc::Receiver<Write>,
    /// Whether each write is flushed alone.
    separate: bool,
    flush: bool,
    broken: Option<io::Error>,
}

impl TurnBody {
    pub(super) fn new(
        turn: BoxFuture<'static, ()>,
        outlet: mpsc::Receiver<Write>,
        separate: bool,
    ) -> Self {
        Self {
            turn: Some(turn),
            outlet,
            separate,
            flush: false,
            broken: None,
        }
    }
}

impl Stream for TurnBody {
    type Item = Write;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Write>> {
        if std::mem::take(&mut self.flush) {
            // `Pending` makes the HTTP layer flush what it has.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(turn) = &mut self.turn
            && turn.as_mut().poll(cx).is_ready()
        {
            self.turn = None;
        }
        match self.outlet.poll_recv(cx) {
            Poll::Ready(Some(Err(error))) => {
                // What came before the break must reach the client.
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Some(Ok(bytes))) => {
                self.flush = self.separate;
                Poll::Ready(Some(Ok(bytes)))
            }
            other => other,
        }
    }
}
