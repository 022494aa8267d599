"""Rules of calls and their results: which belong together, in which order, and who answers whom (reference 5, 6.6, 8; 0.2, 19)."""

from dataclasses import dataclass, field

from strict_answers import is_result_of
from strict_values import CALLS, THINKING, blocks, container_id, is_broken_call


@dataclass
class Ties:
    """What is open at some point of a conversation."""

    # Calls that a person's side answers, and calls of the server (id: name).
    calls: list = field(default_factory=list)
    server: dict = field(default_factory=dict)
    # Ids of all calls, and of those that code made.
    ever: set = field(default_factory=set)
    by_code: set = field(default_factory=set)


class Pairs:
    """Rules that follow a conversation from call to result."""

    def pairs(self, body):
        ties, turns = Ties(), merged(body["messages"])
        goes_on = body["messages"][-1]["role"] == "assistant" and "compaction" not in body
        for number, (role, content) in enumerate(turns):
            if role == "user":
                self.answered(content, ties)
                continue
            self.called(content, ties)
            is_open = goes_on and number + 1 == len(turns)
            if ties.server and not is_open and not ties.calls:
                self.wrong(f"no result of {list(ties.server)}")
            if content and content[-1]["type"] in THINKING and not is_open:
                self.wrong("an answer ends with a thought")
        if ties.calls:
            self.wrong(f"no answer to {ties.calls}")
        self.resumed(body, ties)

    def answered(self, content, ties):
        """What the user's side says: results first, of all calls and of nothing else."""
        kinds = [block["type"] for block in content]
        results = [block for block in content if block["type"] == "tool_result"]
        ids = [block["tool_use_id"] for block in results]
        if sorted(ids) != sorted(ties.calls):
            self.wrong(f"calls {ties.calls}, answers {ids}")
        if kinds[: len(ids)] != ["tool_result"] * len(ids):
            self.wrong(f"results do not come first: {kinds}")
        if ties.server and set(kinds) != {"tool_result"}:
            self.wrong(f"{list(ties.server)} waits, and the user says {kinds}")
        for block in results:
            inner = block.get("content")
            rich = isinstance(inner, list) and any(part["type"] != "text" for part in inner)
            if rich and block["tool_use_id"] in ties.by_code:
                self.wrong("code is answered with more than text")
        ties.calls = []

    def called(self, content, ties):
        """What an answer says: each call with an id of its own, each result behind its call."""
        # Other messages may use an id again.
        used = set()
        for block in content:
            if block["type"] in CALLS:
                if block["id"] in used:
                    self.wrong(f"{block['id']} twice")
                used.add(block["id"])
                ties.ever.add(block["id"])
                if is_broken_call(block):
                    self.wrong(f"{block['id']}: the input is no object")
            if block["type"] == "tool_use":
                ties.calls.append(block["id"])
                self.caller(block, ties)
            elif block["type"] in CALLS:
                ties.server[block["id"]] = block["name"]
            elif block["type"].endswith("_tool_result"):
                called = ties.server.pop(block["tool_use_id"], None)
                if called is None:
                    self.wrong(f"a result of nothing: {block['tool_use_id']}")
                elif not is_result_of(called, block):
                    self.wrong(f"{called} without a corresponding {called}_tool_result block: {block['type']}")

    def caller(self, block, ties):
        caller = block.get("caller") or {}
        if caller.get("type", "direct") != "direct":
            ties.by_code.add(block["id"])
            if caller.get("tool_id") not in ties.ever:
                self.wrong(f"{block['id']} was called by code that is not there")

    def resumed(self, body, ties):
        """What a call that waits needs to go on (0.1, 10)."""
        ids = {block.get("tool_use_id") for block in blocks(body["messages"][-1]["content"])}
        code_waits = ties.by_code & ids or ties.server and (ties.by_code or any("code" in name for name in ties.server.values()))
        if code_waits and not container_id(body) and "compaction" not in body:
            self.wrong("resumed without the container: container_id is required when there are pending tool uses")
        for name in ties.server.values():
            name = "code_execution" if "code_execution" in name else name
            if not any(tool.get("name") == name for tool in self.available(body).values()):
                self.wrong(f"resumed, but no {name} tool was provided")


def merged(messages):
    """(role, blocks) of a conversation, as the API reads it: what one side says in several messages is one."""
    turns = []
    for message in messages:
        if message["role"] == "system":
            continue
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks(message["content"]))
        else:
            turns.append((message["role"], list(blocks(message["content"]))))
    return turns
