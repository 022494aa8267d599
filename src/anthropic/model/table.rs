//! The table itself (`docs/protocol.md#models, #thinking, #effort`), as of [`super::TABLE_DATE`].

use super::Effort::{self, High, Low, Max, Medium};
use super::ThinkingKind::{Adaptive, BetweenTools, Disabled, Enabled};
use super::{ALL_EFFORTS, Fast, ModelSpec, Price};

const NO_XHIGH: &[Effort] = &[Low, Medium, High, Max];

/// What the models of the present family share; each line of the table names what differs.
const PRESENT: ModelSpec = ModelSpec {
    id: "",
    alias: None,
    context_tokens: 1_000_000,
    max_output_tokens: 128_000,
    price: dollars(0.0, 0.0, 0.0),
    efforts: ALL_EFFORTS,
    default_effort: Some(High),
    thinking: &[Adaptive],
    thinks_by_default: true,
    system_messages: true,
    sandbox_calls_tools: true,
    compacts: true,
    fast: Fast::No,
    retires: None,
    successor: None,
    gated: false,
};

/// Models that the API no longer has (`docs/protocol.md#model-lifecycle`): how their ids begin, the
/// day, and the model to go over to.
pub(super) const RETIRED: &[(&str, &str, &str)] = &[
    ("claude-opus-4-1", "2026-08-05", "claude-opus-5-5"),
    ("claude-opus-4-0", "2026-06-15", "claude-opus-5-5"),
    ("claude-opus-4-2", "2026-06-15", "claude-opus-5-5"),
    ("claude-sonnet-4-0", "2026-06-15", "claude-sonnet-5-5"),
    ("claude-sonnet-4-2", "2026-06-15", "claude-sonnet-5-5"),
    ("claude-mythos-preview", "2026-06-30", "claude-mythos-5-2"),
    ("claude-3-7-sonnet", "2026-02-19", "claude-sonnet-5-5"),
    ("claude-3-5-haiku", "2026-02-19", "claude-haiku-5-5"),
    ("claude-3-opus", "2026-01-05", "claude-opus-5-5"),
    ("claude-3-sonnet", "2025-07-21", "claude-sonnet-5-5"),
    ("claude-2", "2025-07-21", "claude-sonnet-5-5"),
    ("claude-1", "2024-11-06", "claude-sonnet-5-5"),
    ("claude-instant", "2024-11-06", "claude-haiku-5-5"),
];

/// What Opus 4.6 to 4.8 and Sonnet 4.6 share.
const PAST: ModelSpec = ModelSpec {
    thinking: &[Adaptive, Disabled],
    thinks_by_default: false,
    system_messages: false,
    price: dollars(5.0, 25.0, 0.5),
    ..PRESENT
};

/// What the 4.5 models share.
const OLD: ModelSpec = ModelSpec {
    context_tokens: 200_000,
    max_output_tokens: 64_000,
    efforts: &[],
    default_effort: None,
    thinking: &[Enabled, Disabled],
    compacts: false,
    ..PAST
};

/// Every model of the table, the newest of each line first.
pub const MODELS: &[ModelSpec] = &[
    ModelSpec {
        id: "claude-opus-5-5",
        alias: Some("opus"),
        price: dollars(4.0, 20.0, 0.2),
        default_effort: Some(Medium),
        fast: Fast::Yes,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-sonnet-5-5",
        alias: Some("sonnet"),
        price: dollars(2.0, 10.0, 0.1),
        thinking: &[Adaptive, BetweenTools],
        ..PRESENT
    },
    ModelSpec {
        id: "claude-haiku-5-5",
        alias: Some("haiku"),
        price: Price {
            above: Some((100_000, 0.5, 2.5, 0.05)),
            ..dollars(0.1, 0.5, 0.01)
        },
        default_effort: Some(Medium),
        thinking: &[Adaptive, Disabled],
        ..PRESENT
    },
    ModelSpec {
        id: "claude-fable-5-2",
        alias: Some("fable"),
        price: dollars(8.0, 40.0, 0.2),
        fast: Fast::Yes,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-fable-5-1",
        price: dollars(10.0, 50.0, 0.25),
        ..PRESENT
    },
    ModelSpec {
        id: "claude-fable-5",
        price: dollars(10.0, 50.0, 1.0),
        ..PRESENT
    },
    ModelSpec {
        id: "claude-opus-5",
        price: dollars(5.0, 25.0, 0.5),
        fast: Fast::WithHeader,
        thinking: &[Adaptive, Disabled],
        ..PRESENT
    },
    ModelSpec {
        id: "claude-sonnet-5",
        price: dollars(2.0, 10.0, 0.2),
        thinking: &[Adaptive, Disabled],
        system_messages: false,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-opus-4-8",
        system_messages: true,
        ..PAST
    },
    ModelSpec {
        id: "claude-opus-4-7",
        ..PAST
    },
    ModelSpec {
        id: "claude-opus-4-6",
        efforts: NO_XHIGH,
        thinking: &[Adaptive, Enabled, Disabled],
        ..PAST
    },
    ModelSpec {
        id: "claude-sonnet-4-6",
        efforts: NO_XHIGH,
        thinking: &[Adaptive, Enabled, Disabled],
        price: dollars(3.0, 15.0, 0.3),
        ..PAST
    },
    ModelSpec {
        id: "claude-opus-4-5",
        efforts: &[Low, Medium, High],
        default_effort: Some(High),
        retires: Some("2027-01-22"),
        successor: Some("claude-opus-5-5"),
        ..OLD
    },
    ModelSpec {
        id: "claude-sonnet-4-5",
        price: dollars(3.0, 15.0, 0.3),
        retires: Some("2026-11-30"),
        successor: Some("claude-sonnet-5-5"),
        ..OLD
    },
    ModelSpec {
        id: "claude-haiku-4-5",
        sandbox_calls_tools: false,
        price: dollars(1.0, 5.0, 0.1),
        ..OLD
    },
    // The gated twins of Fable.
    ModelSpec {
        id: "claude-mythos-5-2",
        price: dollars(8.0, 40.0, 0.2),
        fast: Fast::Yes,
        gated: true,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-mythos-5-1",
        price: dollars(10.0, 50.0, 0.25),
        gated: true,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-mythos-5",
        price: dollars(10.0, 50.0, 1.0),
        gated: true,
        ..PRESENT
    },
];

const fn dollars(input: f64, output: f64, cache_read: f64) -> Price {
    Price {
        input,
        output,
        cache_read,
        above: None,
    }
}
