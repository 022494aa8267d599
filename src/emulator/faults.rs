//! Things that go wrong on demand.
//!
//! A fault is armed by the Rust handle or by `POST /_emulator/faults`, or it is written in a script
//! as `<!-- fault: … -->`. Each strikes `times` times. A request takes at most one armed fault of
//! each kind (but any number of gates), in the order in which they were armed. If a fault answers
//! in place of the API (`status`, `reset`, `first_event`, `refuse_…`), the request takes none after
//! it.
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
//! | `surrogates` | characters beyond U+FFFF come as escapes, halved between two deltas; each `U+FFFD` as half a character |
//! | `unknown_event`, `unknown_block` | `at`: something the protocol may grow |
//! | `unknown_beta` | `beta` (else `inline-tools-2026-09-15`): requests with this header are refused, as by an older deployment; `ignored`: the header is lost on the way. Strikes only them |
//! | `expire_container` | the container in the request has expired, for good. `told` says how: `event` (the first event of a stream, else 404), `not_found` (404), `internal` (a bare 500), `result` (in the results of its steps) |
//! | `first_event` | `error_type`, `message`: an `error` event in place of all others, after HTTP 200; without a stream the status that belongs to it |
//! | `refuse_thinking` | requests with thinking are refused. Strikes only them |
//! | `other_organization` | from here on the account is another organization's, which cannot read what was thought so far |
//! | `refuse_unknown_keys` | requests with a key in an answer's blocks that no published type has are refused. Strikes only them |
//! | `refuse_diagnostics` | requests with `diagnostics` are refused, as by other clouds. Strikes only them |
//! | `old_version` | `anthropic-version: 2026-10-21` is refused, as by an older deployment. Strikes only it |
//! | `fail_download` | `status`: downloading a file fails |
//! | `deltas` | `count`, `size`, `every_ms`: the answer is this much generated text |
//!
//! `at` is `after_events=N` or `after_deltas=N`, counted over the whole response. If it is not
//! given, a fault in a script strikes at its place in the script, and an armed one after
//! `message_start`.

mod fault;
mod handle;
mod parse;

pub use fault::{At, Chunking, Deltas, Disturbance, Fault, FaultKind, Refusal, Refused, Told};
pub(in crate::emulator) use fault::{Phase, Sent, Taken};
pub use handle::{Ended, Faults};
pub(in crate::emulator) use handle::{pause, stand_before, strikes};
pub use parse::FaultError;
