"""Small things that every rule needs: the blocks of a message, a value without cache markers."""

import json
import re

THINKING = ("thinking", "redacted_thinking")
CHANGES = ("tool_addition", "tool_removal")
CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")


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


def is_blank(block):
    """Whether a block is a text without a word, which nothing is bound to."""
    return block.get("type") == "text" and isinstance(block.get("text"), str) and not block["text"].strip()


def is_broken_call(block):
    """Whether a call's input is JSON, but no object."""
    return block.get("type") in CALLS and not isinstance(block.get("input"), dict)


def joined(text):
    """Text in which the halves of a surrogate pair have met; a half without the other is U+FFFD."""
    met = re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return re.sub("[\ud800-\udfff]", "\ufffd", met)


def all_joined(value):
    """The same for every text inside a value."""
    if isinstance(value, str):
        return joined(value)
    if isinstance(value, dict):
        return {joined(key): all_joined(inner) for key, inner in value.items()}
    return [all_joined(inner) for inner in value] if isinstance(value, list) else value
