//! Playing a summary in place of an answer.

use serde_json::{Value, json};

use super::{Player, Stop};
use crate::emulator::compaction;
use crate::emulator::stream::Over;
use crate::emulator::usage;

impl Player {
    /// Sends one whole `compaction` block; what it took is in `usage.iterations` alone (2.5).
    pub(in crate::emulator) async fn compact(mut self) -> Result<Value, Over> {
        let block = compaction::block(&self.opening.request);
        let start = self.message(&self.opening.usage.of_compaction(None), None, &Value::Null);
        self.sink
            .event(&json!({"type": "message_start", "message": start}))
            .await?;
        self.sink.ping().await?;
        self.whole(&block).await?;
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
                "container": null,
            },
            "usage": usage,
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
