"""Rules of the transport: headers, betas, sizes, files (reference 1.1, 1.2, 1.8, 10)."""

import json
import re

from strict_models import BETA_FIELDS, DEAD_BETAS, FAST, KNOWN_BETAS
from strict_values import CHANGES, every_block

KEY = "sk-strict-4711"
MAX_BODY = 32_000_000
NEW, OLD = "2026-10-21", "2023-06-01"
# What may be sent where the new version is taken, not taken, and known to be not taken (0.1, 5).
VERSIONS = {"": {NEW}, "refused": {NEW, OLD}, "known": {OLD}}
INLINE = "inline-tools-2026-09-15"
CHANGE = "mid-conversation-tool-changes-2026-07-01"


def read_json(data, wrong):
    """Reads a body as a strict parser does: UTF-8, no name twice in an object."""

    def once(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            wrong(f"a name twice in an object: {names}")
        return dict(pairs)

    return json.loads(data.decode(), object_pairs_hook=once)


class Transport:
    """Rules that need headers, or are about bytes."""

    def headers(self, headers, sends="application/json", accepts="application/json"):
        """What every request has. `sends` is its content type, None for one without a body."""
        self.sent_version = headers.get("anthropic-version")
        # After a refusal the older version may be what helps.
        is_try = self.past is not None and getattr(self.past[1], "status", None) == 400 and self.sent_version == OLD
        if self.sent_version not in VERSIONS[self.old_version] and not is_try:
            self.wrong(f"version {self.sent_version}")
        bearer = headers.get("authorization")
        if bearer is not None and not bearer.startswith("Bearer "):
            self.wrong("authorization is no bearer token")
        keys = [headers.get("x-api-key"), (bearer or "").removeprefix("Bearer ") or None]
        if [key for key in keys if key] != [KEY]:
            self.wrong("the key comes once")
        if (headers.get("content-type") or "").split(";")[0] != (sends or ""):
            self.wrong(f"content type {headers.get('content-type')}")
        if accepts not in (headers.get("accept") or ""):
            self.wrong(f"accept {headers.get('accept')}")
        if not re.fullmatch(r"claude-kernel/\d\S*( .*)?", headers.get("user-agent") or ""):
            self.wrong(f"user agent {headers.get('user-agent')}")
        sent = headers.get("anthropic-beta")
        names = [] if sent is None else sent.split(",")
        if len(set(names)) != len(names) or any(name != name.strip() or not name for name in names):
            self.wrong(f"a beta twice, or blank: {sent!r}")
        if dead := DEAD_BETAS.intersection(names):
            self.wrong(f"betas that are gone: {dead}")
        if unknown := set(names) - KNOWN_BETAS - self.extra_betas:
            self.wrong(f"betas nobody knows: {unknown}")
        return set(names)

    def size(self, data, body):
        if len(data) > MAX_BODY:
            self.wrong(f"a request of {len(data)} bytes")
        if len(body["messages"]) > 100_000:
            self.wrong("more than 100,000 messages")
        if KEY.encode() in data:
            self.wrong("the key is in the body")

    def betas(self, body, betas):
        """Exactly the headers that the body needs; none without a reason."""
        thinking = body.get("thinking") or {}
        needed, may, optional = set(self.extra_betas), set(), set()
        if thinking.get("display") == "updates":
            needed.add("thinking-display-updates-2026-08-18")
        if "block_binding" in thinking:
            needed.add("thinking-binding-controls-2026-08-01")
        if thinking.get("type") == "enabled":
            # Only to think between steps too, which not every setting asks for.
            optional.add("interleaved-thinking-2025-05-14")
        if any(tool.get("type") == "code_execution_20250522" for tool in self.defined(body)):
            needed.add("code-execution-2025-05-22")
        if "task_budget" in (body.get("output_config") or {}):
            needed.add("task-budgets-2026-03-13")
        if body.get("speed") == "fast":
            (needed if FAST.get(body["model"]) else optional).add("fast-mode-2026-02-01")
        needed |= {beta for field, beta in BETA_FIELDS.items() if field in body}
        for message in body["messages"]:
            if "clear_at" in message:
                needed.add("mid-conversation-system-clear-at-2026-08-21")
            if "output_config" in message:
                needed.add("mid-conversation-output-config-2026-07-01")
        changes = [block for _, _, block in every_block(body) if block["type"] in CHANGES]
        for _, _, block in every_block(body):
            if block["type"] == "compaction":
                needed.add("compact-2026-09-04")
                # Whether tools that a summary brings along count is not said.
                may |= {CHANGE, INLINE} if block.get("tool_changes") else set()
        if any((block.get("tool") or {}).get("type") == "tool_definition" for block in changes):
            needed.add(INLINE)
            may.add(CHANGE)
        elif changes:
            (may if INLINE in betas else needed).add(CHANGE)
            may.add(INLINE)
        if not needed <= betas <= needed | may | optional:
            self.wrong(f"betas {sorted(betas)}, needed {sorted(needed)}")

    def uploaded(self, name, kind, size):
        """A file on its way in."""
        if not re.fullmatch(r'[^<>:"|?*\\/\x00-\x1f\x7f]{1,255}', name or ""):
            self.wrong(f"a file called {name!r}")
        if not kind or kind == "application/x-www-form-urlencoded":
            self.wrong(f"a file of type {kind}")
        if size > 500_000_000:
            self.wrong(f"a file of {size} bytes")

    def fetched(self, path):
        """A GET: of models, or of files that there are. Returns the file, if it is one."""
        where, _, query = path.partition("?")
        names = {part.partition("=")[0] for part in query.split("&") if part}
        if where == "/v1/models":
            if names - {"limit", "after_id", "before_id", "lifecycle%5B%5D"}:
                self.wrong(f"models asked with {query}")
            return None
        if where == "/v1/files":
            if names - {"limit", "page", "ids%5B%5D"} or "ids%5B%5D" in names and len(names) > 1:
                self.wrong(f"files asked with {query}")
            return None
        id = where.removeprefix("/v1/files/").removesuffix("/content")
        if not where.startswith("/v1/files/") or query:
            self.wrong(f"GET {path}")
        elif id not in self.files:
            self.wrong(f"a file nobody made: {id}")
        elif where.endswith("/content") and not self.files[id]["downloadable"]:
            self.wrong(f"an upload cannot be downloaded: {id}")
        return self.files.get(id)
