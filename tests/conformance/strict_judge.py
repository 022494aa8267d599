"""The judge: every request is held against the rules of the reference, and none of it is taken from the kernel."""

import threading
import time

from strict_body import Body
from strict_follow import Follow
from strict_history import History
from strict_transport import Transport
from strict_types import BETA_COUNTED, BETA_CREATED, COUNTED, CREATED, mismatch
from strict_values import blocks, container_id, written


class Judge(Transport, Body, History, Follow):
    """What was said so far, and what was wrong with it."""

    def __init__(self):
        self.problems = []
        self.bodies = []
        self.counted = []
        self.answers = []
        # Empty texts that the server itself said.
        self.blank = set()
        # seal of a thinking block: (everything else before it, the seal of the block before it)
        self.bound = {}
        self.expected_container = None
        # For sessions of many conversations: any that was given out will do.
        self.any_container = False
        self.containers = {None}
        self.files = {}
        # Ids of files that are gone: a request that names one is refused, and no fault.
        self.expired = set()
        self.paused = []
        self.sent = set()
        self.extra_betas = set()
        self.lock = threading.Lock()
        self.begin()

    def wrong(self, problem):
        if problem:
            self.problems.append(f"request {len(self.bodies)}: {problem}")

    def check(self, body, headers, counting=False, data=b""):
        now = time.monotonic()
        betas = self.headers(headers)
        self.size(data, body)
        kind = ((BETA_COUNTED if betas else COUNTED) if counting else (BETA_CREATED if betas else CREATED))
        self.wrong(mismatch(kind, self.typed(body), "body"))
        self.betas(body, betas)
        self.model(body, counting)
        self.tools(body)
        self.content(body)
        self.schema(body)
        self.order(body)
        self.pairs(body)
        self.changes(body)
        self.caching(body)
        self.compaction(body)
        self.echoes(body)
        self.thinking(body)
        if not counting:
            self.container(body)
            self.follows(body, now)

    def typed(self, body):
        """The body for the SDK's types, less what was said to it: that may be of a kind not invented yet."""
        known = {key for answer in self.answers for key in answer.keys}
        messages = []
        for message in body["messages"]:
            content = message["content"]
            if message["role"] == "assistant" and isinstance(content, list):
                content = [{"type": "text", "text": "?"} if written(block) in known else block for block in content]
            messages.append({**message, "content": content})
        return {**body, "messages": messages}

    def container(self, body):
        sent = container_id(body)
        if sent and sent == self.doubted:
            # Something else was tried first.
            self.expected_container, self.doubted = sent, None
        if self.any_container:
            known = self.containers
        else:
            known = {self.expected_container, None if "compaction" in body else self.expected_container}
        if sent not in known:
            self.wrong(f"container {sent}, known {self.expected_container}")
        self.skills(body)
        if (body.get("diagnostics") or {}).get("previous_message_id") not in self.sent | {None}:
            self.wrong(f"diagnostics {body['diagnostics']}")
        if "diagnostics" not in body and "compaction" not in body:
            self.wrong("no diagnostics")
        first = len(body["messages"]) == 1 and not blocks(body["messages"][0]["content"])[0]["type"] == "tool_result"
        if not self.sent and first and (body.get("diagnostics") or {}).get("previous_message_id"):
            self.wrong("a message before the first")
