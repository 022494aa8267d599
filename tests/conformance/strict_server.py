"""A Messages API that judges: every request is held against the rules, and a script answers it.

It shares nothing with the kernel or its offline backend: the rules are read from the reference on
their own, and bodies are checked against the official SDK's types. It runs nothing.
"""

import email.parser
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from strict_types import BETA_COUNTED, BETA_CREATED, COUNTED, CREATED, mismatch

KEY = "sk-strict-4711"
ALL = {"low", "medium", "high", "xhigh", "max"}
# model: (thinking it takes, thinks unasked, effort it takes, system messages inside, most output)
MODELS = {
    "claude-fable-5-2": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-fable-5-1": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-fable-5": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-opus-5-5": ({"adaptive"}, True, ALL, True, 128_000),
    "claude-sonnet-5-5": ({"adaptive", "between_tools"}, True, ALL, True, 128_000),
    "claude-haiku-5-5": ({"adaptive", "disabled"}, True, ALL - {"xhigh"}, False, 128_000),
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
THINKING = ("thinking", "redacted_thinking")


def blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def bare(value):
    """A value without cache markers, which bind nothing."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key != "cache_control"}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def seal(block):
    return block.get("signature") or block.get("data")


class Judge:
    """What was said so far, and what was wrong with it."""

    def __init__(self):
        self.problems = []
        self.bodies = []
        self.counted = []
        # seal of a thinking block: (everything else before it, the seal of the block before it)
        self.bound = {}
        self.containers = set()
        self.expected_container = None
        self.files = {}
        self.paused = []
        self.sent = set()
        self.extra_betas = set()
        self.lock = threading.Lock()

    def wrong(self, problem):
        if problem:
            self.problems.append(f"request {len(self.bodies)}: {problem}")

    def check(self, body, headers, counting=False):
        betas = set(filter(None, (headers.get("anthropic-beta") or "").split(",")))
        self.headers(headers)
        kind = ((BETA_COUNTED if betas else COUNTED) if counting else (BETA_CREATED if betas else CREATED))
        self.wrong(mismatch(kind, body, "body"))
        self.betas(body, betas)
        self.model(body, counting)
        self.tools(body)
        self.order(body)
        self.pairs(body)
        self.caching(body)
        self.thinking(body)
        if not counting:
            self.container(body)

    def headers(self, headers):
        if headers.get("anthropic-version") != "2026-10-21":
            self.wrong(f"version {headers.get('anthropic-version')}")
        keys = [headers.get("x-api-key"), (headers.get("authorization") or "").removeprefix("Bearer ") or None]
        if [key for key in keys if key] != [KEY]:
            self.wrong("the key comes once")
        if headers.get("content-type") != "application/json":
            self.wrong(f"content type {headers.get('content-type')}")
        if not (headers.get("user-agent") or "").startswith("claude-kernel/"):
            self.wrong(f"user agent {headers.get('user-agent')}")

    def betas(self, body, betas):
        thinking = body.get("thinking") or {}
        needed = set(self.extra_betas)
        if thinking.get("display") == "updates":
            needed.add("thinking-display-updates-2026-08-18")
        if "block_binding" in thinking:
            needed.add("thinking-binding-controls-2026-08-01")
        if thinking.get("type") == "enabled":
            needed.add("interleaved-thinking-2025-05-14")
        if any(tool.get("type") == "code_execution_20250522" for tool in body.get("tools", [])):
            needed.add("code-execution-2025-05-22")
        said = [block for message in body["messages"] for block in blocks(message["content"])]
        if "compaction" in body or any(block["type"] == "compaction" for block in said):
            needed.add("compact-2026-09-04")
        if any(block["type"] in ("tool_addition", "tool_removal") for block in said):
            needed.add("mid-conversation-tool-changes-2026-07-01")
            if any(block.get("tool", {}).get("type") == "tool_definition" for block in said):
                needed.add("inline-tools-2026-09-15")
        if betas != needed:
            self.wrong(f"betas {sorted(betas)}, needed {sorted(needed)}")

    def model(self, body, counting):
        if body["model"] not in MODELS:
            return self.wrong(f"model {body['model']}")
        taken, _, efforts, _, most = MODELS[body["model"]]
        if not counting and not 0 < body["max_tokens"] <= most:
            self.wrong(f"max_tokens {body['max_tokens']}")
        if not counting and body.get("stream") is not True:
            self.wrong("not streamed")
        config = body.get("output_config") or {}
        effort = config.get("effort")
        if effort and effort not in efforts:
            self.wrong(f"effort {effort} for {body['model']}")
        thinking = body.get("thinking")
        if thinking is None:
            return
        kind = thinking["type"]
        if kind not in taken:
            self.wrong(f"thinking {kind} for {body['model']}")
        if kind in ("between_tools", "disabled"):
            if thinking.keys() != {"type"}:
                self.wrong(f"{kind} with more: {thinking}")
            if effort in ("xhigh", "max") and body["model"] in LOW_WHEN_OFF:
                self.wrong(f"{kind} with effort {effort}")
        if kind == "enabled" and not counting and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            self.wrong(f"budget {thinking['budget_tokens']} of {body['max_tokens']}")
        if kind == "enabled" and body.get("tool_choice", {}).get("type") in ("any", "tool"):
            self.wrong("forced tool with manual thinking")

    def tools(self, body):
        tools = body.get("tools", [])
        names = [tool.get("name") for tool in tools]
        if len(set(names)) != len(names):
            self.wrong(f"a tool twice: {names}")
        for tool in tools:
            kind = tool.get("type") or "custom"
            if kind.startswith(("web_search", "web_fetch")):
                if tool.get("allowed_domains") and tool.get("blocked_domains"):
                    self.wrong("both lists of domains")
                if kind.endswith("20260318") and tool.get("allowed_callers") != ["direct"]:
                    self.wrong("a search through code, whose results nobody can read")
            if kind == "custom":
                if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
                    self.wrong(f"tool name {tool['name']!r}")
                if tool["input_schema"].get("type") != "object":
                    self.wrong("a tool's schema is no object")
                if tool.get("strict") and set(tool.get("allowed_callers", ["direct"])) != {"direct"}:
                    self.wrong("strict and called by code")
        if tools and all(tool.get("defer_loading") for tool in tools):
            self.wrong("every tool deferred")
        if "tool_choice" in body and not tools:
            self.wrong("tool_choice without tools")

    def order(self, body):
        messages = body["messages"]
        if not messages or messages[0]["role"] != "user":
            first = blocks(messages[0]["content"])[0] if messages else {}
            if first.get("type") != "compaction":
                self.wrong("the first message is not the user's")
        for i, message in enumerate(messages):
            content = blocks(message["content"])
            role = message["role"]
            if not content:
                self.wrong(f"messages[{i}] is empty")
            for block in content:
                kind = block["type"]
                if kind == "text" and not block["text"].strip():
                    self.wrong(f"messages[{i}] has an empty text")
                if role == "user" and (
                    kind in (*THINKING, "tool_use", "server_tool_use")
                    or kind.endswith("_tool_result")
                    or block.get("citations")
                    and kind == "text"
                ):
                    self.wrong(f"messages[{i}]: {kind} of the user")
                if role == "assistant" and kind in ("tool_result", "image", "document", "container_upload"):
                    self.wrong(f"messages[{i}]: {kind} of the assistant")
                named = block.get("file_id") or (block.get("source") or {}).get("file_id")
                if named and named not in self.files:
                    self.wrong(f"messages[{i}]: unknown file {named}")
            if role == "system":
                if not MODELS[body["model"]][3]:
                    self.wrong(f"a system message for {body['model']}")
                before = messages[i - 1] if i else {"role": None, "content": []}
                ends = blocks(before["content"])[-1]["type"] if before["content"] else ""
                if before["role"] != "user" and not (before["role"] == "assistant" and ends.endswith("_tool_result")):
                    self.wrong(f"messages[{i}]: system after {before['role']}")
                if i + 1 < len(messages) and messages[i + 1]["role"] != "assistant":
                    self.wrong(f"messages[{i}]: system before {messages[i + 1]['role']}")
        last = messages[-1]
        if last["role"] == "assistant" and bare(blocks(last["content"])) not in self.paused:
            self.wrong("ends with the assistant, and was not paused")
        schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        if schema:
            self.schema(schema)

    def schema(self, schema):
        for inner in walk(schema):
            if inner.get("type") == "object" and inner.get("additionalProperties") is not False:
                self.wrong("an open schema")
            if limits := inner.keys() & {"minimum", "maximum", "minLength", "maxLength", "multipleOf", "maxItems"}:
                self.wrong(f"a schema with {limits}")

    def pairs(self, body):
        turns = []
        for message in body["messages"]:
            if message["role"] == "system":
                continue
            if turns and turns[-1][0] == message["role"]:
                turns[-1][1].extend(blocks(message["content"]))
            else:
                turns.append((message["role"], list(blocks(message["content"]))))
        open_calls, open_server, used = [], {}, set()
        for number, (role, content) in enumerate(turns):
            kinds = [block["type"] for block in content]
            if role == "user":
                answered = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
                if sorted(answered) != sorted(open_calls):
                    self.wrong(f"calls {open_calls}, answers {answered}")
                if kinds[: len(answered)] != ["tool_result"] * len(answered):
                    self.wrong(f"results do not come first: {kinds}")
                if open_server and set(kinds) != {"tool_result"}:
                    self.wrong(f"{list(open_server)} waits, and the user says {kinds}")
                open_calls = []
                continue
            for block in content:
                if block["type"] in ("tool_use", "server_tool_use"):
                    if block["id"] in used:
                        self.wrong(f"{block['id']} twice")
                    used.add(block["id"])
                if block["type"] == "tool_use":
                    open_calls.append(block["id"])
                elif block["type"] == "server_tool_use":
                    open_server[block["id"]] = block["name"]
                elif block["type"].endswith("_tool_result") and open_server.pop(block["tool_use_id"], None) is None:
                    self.wrong(f"a result of nothing: {block['tool_use_id']}")
            last = number + 1 == len(turns)
            if open_server and not last and not open_calls:
                self.wrong(f"no result of {list(open_server)}")
        if open_calls:
            self.wrong(f"no answer to {open_calls}")
        if open_server and not body.get("container") and any("code" in name for name in open_server.values()):
            self.wrong("resumed without the container")

    def caching(self, body):
        marked = []
        places = [("tools", tool) for tool in body.get("tools", [])]
        places += [("system", block) for block in blocks(body.get("system", []))]
        places += [(m["role"], block) for m in body["messages"] for block in blocks(m["content"])]
        for place, block in places:
            if marker := block.get("cache_control"):
                marked.append(marker.get("ttl", "5m"))
                if place == "assistant" or block["type"] in THINKING:
                    self.wrong(f"a cache marker on what the {place} said")
        if body.get("cache_control"):
            marked.append(body["cache_control"].get("ttl", "5m"))
        if len(marked) > 4:
            self.wrong(f"{len(marked)} cache markers")
        if marked != sorted(marked):
            self.wrong(f"cache markers in the order {marked}")

    def thinking(self, body):
        """Nothing before a thinking block that is sent may differ from what it was made on."""
        for path, previous, prefix, block in self.thoughts(body):
            if seal(block) not in self.bound:
                self.wrong(f"{path}: thinking nobody had")
                continue
            made_on, after = self.bound[seal(block)]
            if block.get("thinking", "") != self.bound.get(("text", seal(block)), ""):
                self.wrong(f"{path}: the text of the thinking was changed")
            if prefix != made_on:
                self.wrong(f"{path}: {difference(made_on, prefix)}")
            if previous is not None and previous != after:
                self.wrong(f"{path}: a thinking block in the middle is gone, or one is back")

    def thoughts(self, body):
        prefix = self.prefix(body)
        previous = None
        for i, message in enumerate(body["messages"]):
            for j, block in enumerate(blocks(message["content"])):
                if block["type"] in THINKING:
                    yield f"messages[{i}][{j}]", previous, list(prefix), block
                    previous = seal(block)
                else:
                    prefix.append((message["role"], bare(block)))

    def prefix(self, body):
        tools = [json.dumps(bare(tool), sort_keys=True) for tool in body.get("tools", [])]
        return [("system", [block["text"] for block in blocks(body.get("system", []))]), ("tools", sorted(tools))]

    def container(self, body):
        sent = body.get("container")
        sent = sent.get("id") if isinstance(sent, dict) else sent
        if sent != self.expected_container:
            self.wrong(f"container {sent}, known {self.expected_container}")
        skills = body["container"].get("skills") if isinstance(body.get("container"), dict) else None
        if skills and not any(t.get("name") == "code_execution" for t in body.get("tools", [])):
            self.wrong("skills without code execution")
        if (body.get("diagnostics") or {}).get("previous_message_id") not in self.sent | {None}:
            self.wrong(f"diagnostics {body['diagnostics']}")
        if "diagnostics" not in body:
            self.wrong("no diagnostics")

    def produced(self, body, content):
        """Notes what every thinking block of an answer is bound to."""
        said = {"role": "assistant", "content": content}
        whole = {**body, "messages": [*body["messages"], said]}
        for _, previous, prefix, block in self.thoughts(whole):
            if seal(block) not in self.bound:
                self.bound[seal(block)] = (prefix, previous)
                self.bound["text", seal(block)] = block.get("thinking", "")


def walk(schema):
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from walk(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from walk(inner)


def difference(made_on, prefix):
    for before, now in zip(made_on, prefix):
        if before != now:
            return f"was made on {before}, stands on {now}"
    return f"was made on {len(made_on)} blocks, stands on {len(prefix)}"


class Script:
    """What is answered: the first word of the prompt chooses."""

    def __init__(self):
        self.number = 0

    def id(self, prefix):
        self.number += 1
        return f"{prefix}_{self.number:04}"

    def thought(self, body, text):
        taken, unasked, *_ = MODELS[body["model"]]
        asked = body.get("thinking") or {"type": "adaptive" if unasked else "disabled"}
        if asked["type"] == "disabled" or (asked["type"] == "between_tools" and text.startswith("First")):
            return []
        shown = text if asked.get("display") in ("summarized", "updates") else ""
        return [{"type": "thinking", "thinking": shown, "signature": self.id("seal")}]

    def call(self, command, **result):
        id = self.id("srvtoolu")
        outcome = {"type": "bash_code_execution_result", "stdout": "ok\n", "stderr": "", "return_code": 0, "content": []}
        return [
            {"type": "server_tool_use", "id": id, "name": "bash_code_execution", "input": {"command": command},
             "caller": {"type": "direct"}},
            {"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": outcome | result},
        ]  # fmt: skip

    def search(self):
        id = self.id("srvtoolu")
        page = {"type": "web_search_result", "url": "https://a.org/1", "title": "A", "encrypted_content": "x", "page_age": None}
        cited = {"type": "web_search_result_location", "cited_text": "so", "url": "https://a.org/1", "title": "A",
                 "encrypted_index": "y"}  # fmt: skip
        return [
            {"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": "q"}, "caller": {"type": "direct"}},
            {"type": "web_search_tool_result", "tool_use_id": id, "content": [page], "caller": {"type": "direct"}},
            {"type": "text", "text": "It is so.", "citations": [cited]},
        ]

    def answer(self, body):
        """Returns blocks, the stop reason, and whether the stream stays open after them."""
        last = body["messages"][-1]
        if last["role"] == "system":
            last = body["messages"][-2]
        content = blocks(last["content"])
        names = {tool.get("name") for tool in body.get("tools", [])}
        runs = "code_execution" in names
        text = {"type": "text", "text": "Done, **that** is it.", "citations": None}
        if last["role"] == "assistant":
            return [*self.call("echo again"), text], "end_turn", False
        if content[0]["type"] == "tool_result":
            calls = [b for m in body["messages"] for b in blocks(m["content"]) if b["type"] == "server_tool_use"]
            ends = {b.get("tool_use_id") for m in body["messages"] for b in blocks(m["content"])}
            finished = [
                {"type": "code_execution_tool_result", "tool_use_id": call["id"], "content":
                 {"type": "code_execution_result", "stdout": "7\n", "stderr": "", "return_code": 0, "content": []}}
                for call in calls if call["id"] not in ends
            ]  # fmt: skip
            return [*finished, *self.thought(body, "Now I know."), text], "end_turn", False
        words = [block["text"] for block in content if block["type"] == "text"][-1].split()
        word = words[0].lower()
        first = self.thought(body, "First I look.")
        if (body.get("output_config") or {}).get("format"):
            return [*first, {"type": "text", "text": '{"n": 7}', "citations": None}], "end_turn", False
        if word == "compute" and runs:
            then = self.thought(body, "Then I see.")
            return [*first, *self.call("echo ok"), *then, *self.call("exit 1", return_code=1), text], "end_turn", False
        if word == "redacted":
            hidden = {"type": "redacted_thinking", "data": self.id("hidden")}
            return [*first, hidden, text], "end_turn", False
        if word == "pause" and runs:
            return [*first, *self.call("echo once")], "pause_turn", False
        if word == "slow" and runs:
            return [*first, *self.call("echo kept"), *self.call("sleep 600")[:1]], None, True
        if word == "long":
            return [*first, text], "max_tokens", False
        if word == "half" and runs:
            return [*first, *self.call("echo kept"), *self.call("sleep")[:1]], "max_tokens", False
        if word == "never":
            return [text], "refusal", False
        if word == "search" and "web_search" in names:
            return [*first, *self.search(), text], "end_turn", False
        if word == "ask" and len(words) > 1 and words[1] in names:
            tools = [{"type": "tool_use", "id": self.id("toolu"), "name": words[1], "input": {"n": n}, "caller": {"type": "direct"}} for n in (3, 4)]
            return [*first, *tools], "tool_use", False
        if word == "code" and len(words) > 1 and words[1] in names:
            by = self.id("srvtoolu")
            code = {"type": "server_tool_use", "id": by, "name": "code_execution", "input": {"code": "await f()"},
                    "caller": {"type": "direct"}}  # fmt: skip
            tool = {"type": "tool_use", "id": self.id("toolu"), "name": words[1], "input": {"n": 3},
                    "caller": {"type": "code_execution_20260120", "tool_id": by}}  # fmt: skip
            return [*first, code, tool], "tool_use", False
        return [*first, text], "end_turn", False


class Strict:
    """The server; `judge.problems` is what a test looks at."""

    def __init__(self):
        self.judge, self.script = Judge(), Script()
        self.closing = threading.Event()
        # Statuses to refuse the next requests with.
        self.refusals = []
        strict = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                strict.get(self)

            def do_POST(self):
                strict.post(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def get(self, http):
        path = http.path.split("?")[0]
        if path == "/v1/models":
            return self.json(http, {"data": [], "has_more": False, "first_id": None, "last_id": None})
        name = path.removeprefix("/v1/files/")
        if name.removesuffix("/content") in self.judge.files:
            return self.json(http, self.judge.files[name.removesuffix("/content")])
        self.json(http, {"type": "error", "error": {"type": "not_found_error", "message": path}}, 404)

    def post(self, http):
        read = http.rfile.read(int(http.headers["content-length"]))
        if http.path == "/v1/files":
            return self.json(http, self.upload(http.headers["content-type"], read))
        body = json.loads(read)
        with self.judge.lock:
            counting = http.path == "/v1/messages/count_tokens"
            if not counting and http.path != "/v1/messages":
                self.judge.wrong(http.path)
            (self.judge.counted if counting else self.judge.bodies).append(body)
            self.judge.check(body, http.headers, counting)
            if counting:
                return self.json(http, {"input_tokens": 1000})
            if self.refusals:
                status, kind = self.refusals.pop(0)
                if status in (400, 404):
                    # The sandbox is the suspect: the repair leaves it out, and gets a new one.
                    self.judge.expected_container = None
                return self.json(http, {"type": "error", "error": {"type": kind, "message": "No."}}, status)
            content, stop, stays = self.script.answer(body)
            self.judge.produced(body, content)
            if stop == "pause_turn":
                self.judge.paused.append(bare(content))
            container = self.assign(body, content, stop)
        self.stream(http, body, content, stop, stays, container)

    def assign(self, body, content, stop):
        sent = body.get("container")
        sent = sent.get("id") if isinstance(sent, dict) else sent
        ran = any(block["type"] == "server_tool_use" and "execution" in block["name"] for block in content)
        if not (ran or sent):
            return None
        if stop is not None:
            self.judge.expected_container = sent or self.script.id("container")
        container = self.judge.expected_container or sent
        return container and {"id": container, "expires_at": "2026-11-23T12:00:00Z", "skills": None}

    def upload(self, kind, read):
        parsed = email.parser.BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + read)
        parts = {part.get_param("name", header="content-disposition"): part for part in parsed.get_payload()}
        if parts.keys() - {"file", "expires_in_seconds"} or "file" not in parts:
            self.judge.wrong(f"parts {list(parts)}")
        id = self.script.id("file")
        self.judge.files[id] = {
            "type": "file",
            "id": id,
            "filename": parts["file"].get_filename(),
            "mime_type": parts["file"].get_content_type(),
            "size_bytes": len(parts["file"].get_payload(decode=True)),
            "created_at": "2026-11-23T10:00:00Z",
            "downloadable": False,
            "expires_at": None,
        }
        return self.judge.files[id]

    def json(self, http, value, status=200):
        data = json.dumps(value).encode()
        http.send_response(status)
        http.send_header("content-type", "application/json")
        http.send_header("content-length", str(len(data)))
        http.send_header("request-id", "req_strict")
        http.end_headers()
        http.wfile.write(data)

    def stream(self, http, body, content, stop, stays, container):
        http.send_response(200)
        http.send_header("content-type", "text/event-stream")
        http.send_header("connection", "close")
        http.end_headers()

        def event(value):
            http.wfile.write(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode())
            http.wfile.flush()

        id = self.script.id("msg")
        self.judge.sent.add(id)
        usage = {"input_tokens": 100, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        message = {"id": id, "type": "message", "role": "assistant", "model": body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage, "container": None}  # fmt: skip
        details = {"type": "refusal", "category": "cyber", "explanation": "No."} if stop == "refusal" else None
        end = {"stop_reason": stop, "stop_sequence": None, "stop_details": details, "container": container}
        try:
            event({"type": "message_start", "message": message})
            for index, block in enumerate(content):
                self.block(event, index, block)
            while stays and not self.closing.wait(0.05):
                event({"type": "ping"})
            event({"type": "message_delta", "delta": end, "usage": {"output_tokens": 20}})
            event({"type": "message_stop"})
        except OSError:
            # An interrupt: the kernel has hung up.
            pass
        http.close_connection = True

    def block(self, event, index, block):
        kind = block["type"]
        opened = dict(block)
        deltas = []
        if kind == "thinking":
            opened |= {"thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}] if block["thinking"] else []
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif kind == "text":
            opened |= {"text": "", "citations": [] if block["citations"] else None}
            deltas = [{"type": "text_delta", "text": piece} for piece in re.findall(".{1,9}", block["text"])]
            deltas += [{"type": "citations_delta", "citation": citation} for citation in block["citations"] or []]
        elif kind in ("server_tool_use", "tool_use"):
            opened |= {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        event({"type": "content_block_start", "index": index, "content_block": opened})
        for delta in deltas:
            event({"type": "content_block_delta", "index": index, "delta": delta})
        event({"type": "content_block_stop", "index": index})
