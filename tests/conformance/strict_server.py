"""A Messages API that judges: every request is held against the rules, and a script answers it.

It shares nothing with the kernel or its offline backend: the rules are read from the reference on
their own (`strict_judge`), and bodies are checked against the official SDK's types. It runs nothing.
"""

import datetime
import email.parser
import json
import socket
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from strict_follow import Refused
from strict_judge import Judge
from strict_script import Script
from strict_transport import OLD, read_json
from strict_values import CHANGES, THINKING, container_id, every_block, seal, walk
from strict_wire import Wire


class Strict:
    """The server; `judge.problems` is what a test looks at."""

    def __init__(self):
        self.judge = Judge()
        self.script = Script(self.judge)
        self.closing = threading.Event()
        # What refuses the next requests: each a `Refused`, or None for one that is answered.
        self.refusals = []
        # How the sandbox expires after each of the next answers, None where it does not.
        self.expiries = []
        # How thinking that is not taken is refused: see `disown`.
        self.disowns = None
        # Whether tools may come and go in mid-conversation.
        self.takes_changes = True
        # What ids of messages begin with; a gateway has its own.
        self.ids = "msg"
        # How streams are written: see `strict_wire`.
        self.style = "plain"
        # What the list of models says, and how often it was asked for.
        self.models, self.listings = [], 0
        strict = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                strict.judged(self, strict.get)

            def do_POST(self):
                strict.judged(self, strict.post)

            def do_DELETE(self):
                strict.judged(self, strict.delete)

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

    def judged(self, http, answer):
        """A request on which a rule stumbles is a problem too."""
        try:
            answer(http)
        except Exception:
            self.judge.wrong(traceback.format_exc())
            self.send(http, 500, b"", {"x-should-retry": "false"})

    def get(self, http):
        with self.judge.lock:
            content = http.path.endswith("/content")
            self.judge.headers(http.headers, None, "application/binary" if content else "application/json")
            file = self.judge.fetched(http.path)
        where, _, query = http.path.partition("?")
        if where == "/v1/models":
            self.listings += 1
            ids = [model["id"] for model in self.models]
            ends = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
            return self.json(http, {"data": self.models, "has_more": False} | ends)
        if where == "/v1/files":
            asked = [part.partition("=")[2] for part in query.split("&") if part.startswith("ids")]
            files = [file for id, file in self.judge.files.items() if (not asked or id in asked) and id not in self.judge.gone_files]
            return self.json(http, {"data": [shown(file) for file in files], "next_page": None})
        if file and content:
            return self.send(http, 200, file.get("data", b""), {"content-type": file["mime_type"]})
        if file:
            return self.json(http, shown(file))
        self.json(http, {"type": "error", "error": {"type": "not_found_error", "message": http.path}}, 404)

    def delete(self, http):
        with self.judge.lock:
            self.judge.headers(http.headers, None)
            file = self.judge.fetched(http.path)
            if file:
                del self.judge.files[file["id"]]
                return self.json(http, {"id": file["id"], "type": "file_deleted"})
        self.json(http, {"type": "error", "error": {"type": "not_found_error", "message": http.path}}, 404)

    def post(self, http):
        read = http.rfile.read(int(http.headers["content-length"]))
        if http.path == "/v1/files":
            with self.judge.lock:
                self.judge.headers(http.headers, "multipart/form-data")
                file = self.upload(http.headers["content-type"], read)
            return self.json(http, shown(file))
        with self.judge.lock:
            counting = http.path == "/v1/messages/count_tokens"
            if not counting and http.path != "/v1/messages":
                self.judge.wrong(http.path)
            body = read_json(read, self.judge.wrong)
            (self.judge.counted if counting else self.judge.bodies).append(body)
            self.judge.check(body, http.headers, counting, read)
            if counting:
                return self.json(http, {"input_tokens": 1000})
            if refused := self.refusal(body):
                self.judge.ended(body, refused, time.monotonic())
                return self.refuse(http, body, refused)
            self.accepted(body)
            play = self.script.answer(body)
            if self.style == "sparse":
                # What is null is left out, and not part of what was said.
                play.blocks = [{name: value for name, value in block.items() if value is not None} for block in play.blocks]
            if self.style == "nulls":
                play.blocks = [{"citations": None, **block} if block["type"] == "text" else block for block in play.blocks]
            answer = self.judge.produced(body, play.blocks, None if play.breaks else play.stop)
            container = self.assign(body, play)
            if how := self.expiries and self.expiries.pop(0):
                self.expire(how)
            self.judge.ended(body, answer, time.monotonic())
        Wire(self, http, body, play).write(container, answer)

    def accepted(self, body):
        judge = self.judge
        judge.settle(body)
        if judge.may_do_without() and judge.can_use(body) and not container_id(body):
            judge.went()
        judge.doubted, judge.lost_by_step = None, False
        judge.dropped_diagnostics |= bool(judge.first) and "diagnostics" in judge.first[0] and "diagnostics" not in body
        judge.old_version = judge.old_version and "known"
        judge.no_diagnostics = judge.no_diagnostics and "known"

    def refusal(self, body):
        """What the state of the server refuses, or else what the test put in line."""
        judge = self.judge
        if judge.old_version and judge.sent_version != OLD:
            return Refused(400, text=f"anthropic-version: {judge.sent_version}: Invalid API version")
        if judge.no_diagnostics and "diagnostics" in body:
            return Refused(400, text="diagnostics: Extra inputs are not permitted")
        if not self.takes_changes and any(block["type"] in CHANGES for _, _, block in every_block(body)):
            return Refused(400)
        for i, role, block in every_block(body):
            if found := role == "assistant" and named_in(block, judge.refused_keys):
                return Refused(400, text=f"messages.{i}.content.{block['type']}.{found}: Extra inputs are not permitted")
        if {value["file_id"] for _, _, block in every_block(body) for value in walk(block) if "file_id" in value} & judge.gone_files:
            return Refused(404, code="file_expired")
        if how := judge.expired.get(container_id(body)):
            return how
        thoughts = {seal(block) for _, role, block in every_block(body) if role == "assistant" and block["type"] in THINKING}
        if thoughts & judge.disowned:
            return self.disowns
        return self.refusals.pop(0) if self.refusals else None

    def expire(self, how="404"):
        """The sandbox is gone: "404", "500", or the same two as the first event of a stream."""
        status = int(how[:3])
        text = "Internal server error" if status == 500 else f"Container not found: {self.judge.expected_container}"
        self.judge.expire(Refused(status, text=text, event=how.endswith("event")))

    def disown(self, how="400"):
        """What was thought until now is refused from now on: another organisation's, or edited."""
        self.judge.disowned |= {key for key in self.judge.bound if isinstance(key, str)}
        self.disowns = Refused(400, text="messages.1.content.0: Invalid `signature` in `thinking` block", event=how.endswith("event"))

    def refuse(self, http, body, refused):
        named = container_id(body)
        suspect = refused.status in (400, 404) or refused.status == 500 and refused.is_transient()
        if suspect and refused.code != "file_expired" and named:
            # The sandbox may be why: a repair leaves it out.
            self.judge.doubted = named
            self.judge.told.add(named)
        if refused.status is None:
            # Cut before a byte of an answer.
            http.close_connection = True
            return http.connection.shutdown(socket.SHUT_RDWR)
        if refused.raw is not None:
            return self.send(http, refused.status, refused.raw, {"content-type": "text/html", **refused.headers})
        error = {"type": refused.kind, "message": refused.text}
        if refused.code:
            error["details"] = {"error_code": refused.code}
        whole = {"type": "error", "error": error, "request_id": "req_strict"}
        if refused.event:
            data = f"event: error\ndata: {json.dumps(whole)}\n\n".encode()
            return self.send(http, 200, data, {"content-type": "text/event-stream; charset=utf-8", **refused.headers})
        self.json(http, whole, refused.status, refused.headers)

    def assign(self, body, play):
        sent = container_id(body)
        ran = any(block["type"] == "server_tool_use" and "execution" in block["name"] for block in play.blocks)
        if not (ran or sent) or "compaction" in body:
            return None
        if play.stop is not None or sent or self.style == "early":
            self.judge.expected_container = sent or self.script.id("container")
        container = sent or self.judge.expected_container
        self.judge.containers.add(container)
        self.judge.told_gone(play.blocks)
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        return container and {"id": container, "expires_at": until.isoformat(timespec="seconds").replace("+00:00", "Z")}

    def upload(self, kind, read):
        parsed = email.parser.BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + read)
        parts = {part.get_param("name", header="content-disposition"): part for part in parsed.get_payload()}
        if parts.keys() - {"file", "expires_in_seconds"} or "file" not in parts:
            self.judge.wrong(f"parts {list(parts)}")
        id = self.script.id("file")
        data = parts["file"].get_payload(decode=True)
        name, mime = parts["file"].get_filename(), parts["file"]["content-type"]
        self.judge.uploaded(name, mime, len(data))
        self.judge.files[id] = {
            "type": "file", "id": id, "filename": name, "mime_type": mime, "size_bytes": len(data), "data": data,
            "created_at": "2026-11-23T10:00:00Z", "downloadable": False, "expires_at": None,
        }  # fmt: skip
        return self.judge.files[id]

    def json(self, http, value, status=200, headers=()):
        self.send(http, status, json.dumps(value).encode(), {"content-type": "application/json", **dict(headers)})

    def send(self, http, status, data, headers):
        http.send_response(status)
        for name, value in {"request-id": "req_strict", "content-length": str(len(data)), **headers}.items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(data)


def named_in(value, keys):
    """The first of these keys inside a value, if there is one."""
    return next((key for inner in walk(value) for key in inner if key in keys), None)


def shown(file):
    return {name: value for name, value in file.items() if name != "data"}
