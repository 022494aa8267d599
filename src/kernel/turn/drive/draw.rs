//! Draws what a turn shows. What takes long is drawn beside control.

use crate::anthropic::block::View;
use crate::chat::settings::ThinkingShow;
use crate::chat::turn::Update;
use crate::chat::turn_loop::TurnLoop;
use crate::jupyter::mime::Output;
use crate::kernel::context::CellContext;
use crate::render::renderer::{DisplayMode, Renderer};

use super::{InFlight, Woken, woken};

/// If so much text is drawn at once, that takes long.
pub(super) const LONG_BYTES: usize = 64 * 1024;

/// Whether rendering an update takes long.
pub(super) fn is_long(update: &Update, renderer: &Renderer) -> bool {
    let whole = match update {
        // Its own text is short.
        Update::BlockDelta { .. } => return renderer.redrawn_bytes() > LONG_BYTES,
        Update::Activity(_) => return false,
        Update::BlockStarted { block, .. } | Update::BlockFinished { block, .. } => {
            match block.view() {
                View::Text { text, .. } | View::Thinking { thinking: text } => text.len(),
                _ => 0,
            }
        }
        _ => 0,
    };
    whole.max(renderer.backlog_bytes()) > LONG_BYTES
}

/// Draws and shows. What takes long is drawn on a thread of its own while control is served; returns what
/// ended the turn in the meantime.
pub(super) async fn draw(
    renderer: &mut Renderer,
    is_long: bool,
    draw: impl FnOnce(&mut Renderer) -> Vec<Output> + Send + 'static,
    turn: &mut TurnLoop,
    work: &mut InFlight,
    context: &mut CellContext<'_>,
) -> Option<Woken> {
    if !is_long {
        context.output.show(draw(renderer)).await;
        return None;
    }
    let stand_in = Renderer::new(DisplayMode::Batch, ThinkingShow::Off, String::new());
    let mut taken = std::mem::replace(renderer, stand_in);
    let mut drawing = tokio::task::spawn_blocking(move || {
        let outputs = draw(&mut taken);
        (taken, outputs)
    });
    let mut urgent = None;
    let drawn = loop {
        tokio::select! {
            biased;
            wake = context.interrupts.next() => {
                urgent = urgent.or(woken(wake, turn, work, context).await);
            }
            drawn = &mut drawing => break drawn,
        }
    };
    match drawn {
        Ok((taken, outputs)) => {
            *renderer = taken;
            context.output.show(outputs).await;
        }
        Err(error) => tracing::error!(%error, "an output could not be rendered"),
    }
    urgent
}
