"""A Messages API that says what a test tells it to, byte for byte, and judges nothing."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def event(name: str, **fields) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name} | fields)}\n\n".encode()


def message(*blocks: Iterable[bytes], stop_reason: str = "end_turn") -> Iterable[bytes]:
    """Yields the events of a message; each block gets its place in it."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    yield event(
        "message_start",
        message={
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        },
    )  # fmt: skip
    for index, block in enumerate(blocks):
        for piece in block:
            yield piece.replace(b'"index": -1', b'"index": %d' % index)
    yield event("message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None}, usage=usage)
    yield event("message_stop")


def growing(kind: str, pieces: Iterable[str], start: dict, delta: str, field: str) -> Iterable[bytes]:
    yield event("content_block_start", index=-1, content_block={"type": kind} | start)
    for piece in pieces:
        yield event("content_block_delta", index=-1, delta={"type": delta, field: piece})
    yield event("content_block_stop", index=-1)


def text(pieces: Iterable[str]) -> Iterable[bytes]:
    return growing("text", pieces, {"text": ""}, "text_delta", "text")


def thinking(pieces: Iterable[str]) -> Iterable[bytes]:
    start = {"thinking": "", "signature": ""}
    return growing("thinking", pieces, start, "thinking_delta", "thinking")


def step(pieces: Iterable[str], stdout: str) -> tuple[Iterable[bytes], Iterable[bytes]]:
    """A command whose JSON comes in pieces, and what it printed."""
    start = {"id": "srvtoolu_1", "name": "bash_code_execution", "input": {}}
    result = {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": {
            "type": "bash_code_execution_result", "stdout": stdout, "stderr": "", "return_code": 0, "content": [],
        },
    }  # fmt: skip
    whole = (event("content_block_start", index=-1, content_block=result), event("content_block_stop", index=-1))
    return growing("server_tool_use", pieces, start, "input_json_delta", "partial_json"), whole


def pieces(of: str, size: int) -> list[str]:
    return [of[at : at + size] for at in range(0, len(of), size)]


class PlainApi:
    """The server. `answer` takes the request's body and headers, and gives status, headers and pieces of the body."""

    def __init__(self, pause_s: float = 0):
        self.answer: Callable = lambda body, headers: (200, {}, message(text(["Yes."])))
        self.pause_s = pause_s
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.reply(404, {}, [b'{"type":"error","error":{"type":"not_found_error","message":"nothing"}}'])

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.reply(*api.answer(body, self.headers))

            def reply(self, status, headers, body):
                self.send_response(status)
                kind = "text/event-stream" if status == 200 else "application/json"
                for name, value in ({"content-type": kind, "connection": "close"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.close_connection = True
                try:
                    for piece in body:
                        self.wfile.write(piece)
                        self.wfile.flush()
                        if api.pause_s:
                            time.sleep(api.pause_s)
                except OSError:
                    # The kernel has heard enough.
                    pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
