//! Plays what Claude thinks and says.

use serde_json::{Value, json};

use super::stop::{Next, Stop};
use super::{PIECE, Player, pieces};
use crate::emulator::faults::Deltas;
use crate::emulator::request::Display;
use crate::emulator::stream::{Over, generated};
use crate::emulator::usage;

impl Player {
    pub(super) async fn thinking(&mut self, thought: &str) -> Result<Next, Over> {
        if !self.opening.request.thinks() {
            return Ok(Next::Part);
        }
        let shown = match self.opening.request.thinking.display {
            Display::Summarized => thought,
            // Thinking between tool calls is sent as progress notes.
            Display::Updates if self.acted => thought,
            Display::Updates | Display::Omitted => "",
        };
        let cost = usage::of_text(thought) + 1;
        if self.opening.usage.output() + cost > self.limit() {
            return Ok(Next::Stop(Stop::plain("max_tokens")));
        }
        self.opening.usage.thought(cost);
        let signature = self.opening.binding.sign(shown);
        self.sink
            .open(&json!({"type": "thinking", "thinking": "", "signature": ""}))
            .await?;
        for piece in pieces(shown, PIECE) {
            self.sink
                .delta(&json!({"type": "thinking_delta", "thinking": piece}))
                .await?;
        }
        self.sink
            .delta(&json!({"type": "signature_delta", "signature": signature}))
            .await?;
        self.sink.close().await?;
        self.push(json!({"type": "thinking", "thinking": shown, "signature": signature}));
        Ok(Next::Part)
    }

    /// Streams text until a stop sequence or the token limit.
    pub(super) async fn text(&mut self, text: &str) -> Result<Next, Over> {
        let sequences = self.opening.request.stop_sequences.iter();
        let found = sequences
            .filter_map(|sequence| Some((text.find(sequence.as_str())?, sequence.clone())))
            .min();
        let (text, mut stop) = match found {
            Some((at, sequence)) => (
                text.get(..at).unwrap_or_default(),
                Some(Stop::sequence(&sequence)),
            ),
            None => (text, None),
        };
        if text.trim().is_empty() {
            return Ok(stop.map_or(Next::Part, Next::Stop));
        }
        self.sink.open(&json!({"type": "text", "text": ""})).await?;
        let mut sent = String::new();
        for piece in pieces(text, PIECE) {
            let cost = usage::of_text(piece);
            if self.opening.usage.output() + cost > self.limit() {
                stop = Some(Stop::plain("max_tokens"));
                break;
            }
            self.opening.usage.wrote(cost);
            self.sink
                .delta(&json!({"type": "text_delta", "text": piece}))
                .await?;
            sent.push_str(piece);
        }
        self.sink.close().await?;
        self.push(json!({"type": "text", "text": sent}));
        Ok(stop.map_or(Next::Part, Next::Stop))
    }

    pub(super) async fn generate(&mut self, deltas: Deltas) -> Result<(), Over> {
        self.sink.open(&json!({"type": "text", "text": ""})).await?;
        self.sink.generate(&deltas).await?;
        self.sink.close().await?;
        let cost = usage::of_text(&generated(deltas.size, 1));
        self.opening.usage.wrote(cost * deltas.count);
        if !self.sink.is_streaming() {
            let text: String = (1..=deltas.count.min(100_000))
                .map(|number| generated(deltas.size, number))
                .collect();
            self.push(json!({"type": "text", "text": text}));
        }
        Ok(())
    }

    /// Sends text without words, because real responses may hold it
    /// (`docs/protocol.md#blank-text`).
    pub(super) async fn blank(&mut self, text: &str) -> Result<(), Over> {
        self.sink.open(&json!({"type": "text", "text": ""})).await?;
        self.sink
            .delta(&json!({"type": "text_delta", "text": text}))
            .await?;
        self.sink.close().await?;
        self.push(json!({"type": "text", "text": text}));
        Ok(())
    }

    /// Sends text with its sources, which come before the text (`docs/protocol.md#citations`).
    pub(super) async fn cited(&mut self, text: &str, citations: &[Value]) -> Result<(), Over> {
        self.sink
            .open(&json!({"type": "text", "text": "", "citations": []}))
            .await?;
        for citation in citations {
            self.sink
                .delta(&json!({"type": "citations_delta", "citation": citation}))
                .await?;
        }
        for piece in pieces(text, PIECE) {
            self.opening.usage.wrote(usage::of_text(piece));
            self.sink
                .delta(&json!({"type": "text_delta", "text": piece}))
                .await?;
        }
        self.sink.close().await?;
        self.push(json!({"type": "text", "text": text, "citations": citations}));
        Ok(())
    }
}
