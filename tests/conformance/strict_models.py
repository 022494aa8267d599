"""What each model takes, and which betas there are: the tables of the reference, copied by hand."""

import typing

import anthropic.types

ALL = {"low", "medium", "high", "xhigh", "max"}
# model: (thinking it takes, thinks unasked, effort it takes, system messages inside, most output)
MODELS = {
    "claude-fable-5-2": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-fable-5-1": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-fable-5": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-opus-5-5": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-sonnet-5-5": ({"adaptive", "between_tools"}, True, ALL, True, 128_000),
    "claude-haiku-5-5": ({"adaptive", "disabled"}, True, ALL, True, 128_000),
    "claude-opus-5": ({"adaptive", "disabled"}, True, ALL, True, 128_000),
    "claude-sonnet-5": ({"adaptive", "disabled"}, True, ALL, False, 128_000),
    "claude-opus-4-8": ({"adaptive", "disabled"}, False, ALL, True, 128_000),
    "claude-opus-4-7": ({"adaptive", "disabled"}, False, ALL, False, 128_000),
    "claude-opus-4-6": ({"adaptive", "enabled", "disabled"}, False, ALL - {"xhigh"}, False, 128_000),
    "claude-sonnet-4-6": ({"adaptive", "enabled", "disabled"}, False, ALL - {"xhigh"}, False, 128_000),
    "claude-opus-4-5": ({"enabled", "disabled"}, False, {"low", "medium", "high"}, False, 64_000),
    "claude-sonnet-4-5": ({"enabled", "disabled"}, False, set(), False, 64_000),
    "claude-haiku-4-5": ({"enabled", "disabled"}, False, set(), False, 64_000),
}
# Thinking off, or nearly, goes with the highest efforts on none of these.
LOW_WHEN_OFF = {"claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5"}
# A call may be forced with `tool_choice` only on models that are not of these.
NEVER_FORCED = {"claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1", "claude-fable-5-2"}
# The models that sum up on demand.
COMPACTS = set(MODELS) - {"claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"}
# Where thinking is held against what stands before it: for every account, and for accounts that are new (0.1, 12; 14.1).
CHECKED = {"claude-fable-5-2", "claude-mythos-5-1", "claude-mythos-5-2"}
CHECKED_IF_NEW = {"claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1"}
# Which of them answer faster, and whether that needs a header (0.1, 7).
FAST = {"claude-opus-5-5": False, "claude-fable-5-2": False, "claude-mythos-5-2": False, "claude-opus-5": True}
# Its sandbox has no Python that could call tools.
NO_CALLS_BY_CODE = {"claude-haiku-4-5"}

KNOWN_BETAS = {
    name
    for kind in typing.get_args(anthropic.types.AnthropicBetaParam)
    for name in typing.get_args(kind)
    if isinstance(name, str)
} | {"oauth-2025-04-20"}
# Deprecated ones, of which two change the shapes of what comes back.
DEAD_BETAS = {
    "message-batches-2024-09-24",
    "prompt-caching-2024-07-31",
    "pdfs-2024-09-25",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
    "extended-cache-ttl-2025-04-11",
    "cache-diagnosis-2026-04-07",
    "ce-user-management-2026-07-13",
    "files-api-2025-04-14",
    "skills-2025-10-02",
}
# What a body may not hold without its header.
BETA_FIELDS = {
    "billing_policy": "billing",
    "compaction": "compact-2026-09-04",
    "context_management": "context-management-2025-06-27",
    "fallback_credit_token": "fallback-credit-2026-07-01",
    "fallbacks": "server-side-fallback-2026-07-01",
    "mcp_servers": "mcp-client-2025-11-20",
    "thread": "message-threads-2026-08-12",
}


def checks_prefix(body, new_account):
    """Whether the API refuses a thinking block that does not stand where it was made."""
    binding = (body.get("thinking") or {}).get("block_binding")
    return body["model"] in CHECKED or body["model"] in CHECKED_IF_NEW and bool(new_account or binding)
