//! Things that go wrong on demand.
//!
//! A fault is armed by the Rust handle, by `POST /_emulator/faults`, or written in a script as
//! `<!-- fault: … -->`. Each strikes `times` times. A request takes at most one armed fault of
//! each kind (any number of gates), in the order they were armed; one that answers in place of the
//! API (`status`, `reset`) takes none after it.
//!
//! | kind | fields |
//! |---|---|
//! | `status` (in scripts also the number itself) | `status`, `retry_after`, `retry_after_ms`, `should_retry`, `message`, `error_code`, `body` (sent as HTML in place of JSON) |
//! | `reset` | the connection is reset before any answer |
//! | `slow_start` | `ms` before the first byte |
//! | `cut` | `at`, `clean`: the stream ends, by a reset or (clean) as if complete |
//! | `error` | `at`, `error_type`, `message`: an `error` event, then the end |
//! | `stall` | `at`, `ms`: nothing more for so long, or for ever |
//! | `gate` | `at`, `name`: nothing more until the gate is opened |
//! | `chunks` | `size` in bytes, or `split_utf8`: how the stream is cut into writes |
//! | `unknown_event`, `unknown_block` | `at`: something the protocol may grow |
//! | `unknown_beta` | `beta` (else `inline-tools-2026-09-15`): requests with this header are refused, as by an older deployment; `ignored`: the header is lost on the way. Strikes only them |
//! | `expire_container` | the container in the request has expired |
//! | `fail_download` | `status`: downloading a file fails |
//! | `deltas` | `count`, `size`, `every_ms`: the answer is this much generated text |
//!
//! `at` is `after_events=N` or `after_deltas=N`, counted over the response; without it a fault in
//! a script strikes where it stands, an armed one after `message_start`.

mod fault;
mod handle;
mod parse;

pub use fault::{At, Chunking, Deltas, Disturbance, Fault, FaultKind, Refusal};
pub(in crate::emulator) use fault::{Phase, Taken};
pub use handle::{Ended, Faults};
pub(in crate::emulator) use handle::{stand_before, strikes};
pub use parse::FaultError;
