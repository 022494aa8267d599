"""The judge: every request is held against the rules of the reference, and none of it is taken from the kernel."""

import threading
import time

from strict_body import Body
from strict_follow import Follow
from strict_history import History
from strict_kept import Kept
from strict_pairs import Pairs
from strict_sandbox import Sandbox
from strict_transport import Transport
from strict_types import BETA_COUNTED, BETA_CREATED, COUNTED, CREATED, mismatch
from strict_values import written


class Judge(Transport, Body, History, Pairs, Kept, Sandbox, Follow):
    """What was said so far, and what was wrong with it."""

    def __init__(self):
        Kept.__init__(self)
        Sandbox.__init__(self)
        self.problems = []
        # What the API takes, but nobody should rely on.
        self.advice = []
        self.bodies = []
        self.counted = []
        self.answers = []
        # seal of a thinking block: (everything else before it, the seal of the block before it)
        self.bound = {}
        # Accounts of after August 2026 have their thinking checked on more models.
        self.new_account = True
        # Ids of calls whose input was no object.
        self.broken = set()
        # Keys of blocks that the server answers with, and does not take.
        self.refused_keys = set()
        # "refused" where the new version of the API, or `diagnostics`, is not taken; "known" once something else was sent.
        self.old_version = self.no_diagnostics = ""
        # Whether a request was accepted that was tried without, for whatever reason.
        self.dropped_diagnostics = False
        self.sent_version, self.sent_betas = None, []
        self.files = {}
        # Ids of files that are gone: a request that names one is refused, and no fault.
        self.gone_files = set()
        self.sent = set()
        self.extra_betas = set()
        self.lock = threading.Lock()
        self.begin()

    def restarted(self):
        """Another process of the kernel: what the one before it had found out about the API may be tried again."""
        self.dropped_diagnostics = False
        self.old_version, self.no_diagnostics = (known and "refused" for known in (self.old_version, self.no_diagnostics))

    def wrong(self, problem):
        if problem:
            self.problems.append(f"request {len(self.bodies)}: {problem}")

    def advise(self, problem):
        self.advice.append(f"request {len(self.bodies)}: {problem}")

    def check(self, body, headers, counting=False, data=b""):
        now = time.monotonic()
        betas = self.headers(headers)
        self.sent_betas = sorted(betas)
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
            self.message_ids(body)
            self.kept(body)
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
