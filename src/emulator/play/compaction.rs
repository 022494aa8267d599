//! Plays a summary in place of an answer.

use serde_json::{Value, json};

use super::Player;
use super::stop::Stop;
use crate::emulator::compaction;
use crate::emulator::stream::Over;
use crate::emulator::usage;

impl Player {
    /// Sends one `compaction` block whose content comes in one delta. The tokens that it took are
    /// only in `usage.iterations` (`docs/protocol.md#compaction`).
    pub(in crate::emulator) async fn compact(mut self) -> Result<Value, Over> {
        let block = compaction::block(&self.opening.request);
        let start = self.message(&self.opening.usage.of_compaction(None), None, &Value::Null);
        self.sink
            .event(&json!({"type": "message_start", "message": start}))
            .await?;
        let mut opened = block.clone();
        if let Some(map) = opened.as_object_mut() {
            map.insert("content".into(), Value::Null);
        }
        self.sink.open(&opened).await?;
        self.sink
            .delta(&json!({
                "type": "compaction_delta",
                "content": block.get("content"),
                "encrypted_content": block.get("encrypted_content"),
            }))
            .await?;
        self.sink.close().await?;
        self.push(block.clone());
        let stop = Stop::plain("compaction");
        let usage = self
            .opening
            .usage
            .of_compaction(Some(usage::of_block(&block)));
        let mut delta = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop.reason,
                "stop_sequence": null,
                "stop_details": null,
            },
            "usage": usage,
            "context_management": {"applied_edits": []},
        });
        if let Some(map) = delta.as_object_mut() {
            map.extend(self.opening.extras.clone());
        }
        self.sink.event(&delta).await?;
        self.sink.event(&json!({"type": "message_stop"})).await?;
        self.sink.finish().await?;
        Ok(self.message(&usage, Some(&stop), &Value::Null))
    }
}
