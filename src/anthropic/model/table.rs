//! The table itself (`docs/protocol.md#models, #thinking, #effort`), as of [`super::TABLE_DATE`].

use super::Effort::{self, High, Low, Max, Medium};
use super::ThinkingKind::{Adaptive, BetweenTools, Disabled, Enabled};
use super::{ALL_EFFORTS, ModelSpec, Price};

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
    retires: None,
    gated: false,
};

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
        efforts: NO_XHIGH,
        default_effort: Some(Medium),
        thinking: &[Adaptive, Disabled],
        // Not said to take them.
        system_messages: false,
        compacts: false,
        ..PRESENT
    },
    ModelSpec {
        id: "claude-fable-5-2",
        alias: Some("fable"),
        price: dollars(8.0, 40.0, 0.2),
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
        ..OLD
    },
    ModelSpec {
        id: "claude-sonnet-4-5",
        price: dollars(3.0, 15.0, 0.3),
        retires: Some("2026-11-30"),
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
