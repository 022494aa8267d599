"""Small things that every rule needs: the blocks of a message, a value without cache markers."""

import json

THINKING = ("thinking", "redacted_thinking")
CHANGES = ("tool_addition", "tool_removal")


def blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def bare(value):
    """A value without cache markers, which bind nothing."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key != "cache_control"}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def core(messages):
    """Messages as they count: without cache markers, each content a list."""
    return [(message["role"], bare(blocks(message["content"]))) for message in messages]


def written(value):
    """A value as text that is the same for equal values."""
    return json.dumps(bare(value), sort_keys=True)


def seal(block):
    return block.get("signature") or block.get("data")


def every_block(body):
    """(index of the message, its role, block) for all blocks of a conversation."""
    for i, message in enumerate(body["messages"]):
        for block in blocks(message["content"]):
            yield i, message["role"], block


def walk(value):
    """Every object inside a value, itself included."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def container_id(body):
    sent = body.get("container")
    return sent.get("id") if isinstance(sent, dict) else sent
