"""How an answer is written: as server-sent events, in every way the reference allows (7.1 - 7.3)."""

import json
import re

from strict_values import bare

# How lines end, by style.
ENDS = {"plain": "\n", "cr": "\r", "crlf": "\r\n", "bytes": "\n", "chatty": "\n", "sparse": "\n", "early": "\n"}
DETAILS = {"type": "refusal", "category": "cyber"}


class Wire:
    """One stream."""

    def __init__(self, strict, http, body, play):
        self.strict, self.http, self.body, self.play = strict, http, body, play
        self.end = ENDS[strict.style]

    def write(self, container, answer):
        http, play = self.http, self.play
        http.send_response(200)
        http.send_header("content-type", "text/event-stream; charset=utf-8" if self.end == "\r" else "text/event-stream")
        http.send_header("request-id", "req_strict")
        http.send_header("connection", "close")
        http.end_headers()
        id = self.strict.script.id("msg")
        self.strict.judge.sent.add(id)
        usage = {"input_tokens": 100, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        message = {"id": id, "type": "message", "role": "assistant", "model": self.body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage, "container": None}  # fmt: skip
        details = {**DETAILS, "explanation": play.explanation} if play.stop == "refusal" else None
        end = {"stop_reason": play.stop, "stop_sequence": "END" if play.stop == "stop_sequence" else None,
               "stop_details": details, "container": container}  # fmt: skip
        http.close_connection = True
        try:
            if play.breaks == "start":
                return
            if self.strict.style == "chatty":
                self.raw("\ufeff: hello\n\nretry: 5\n\nevent: message_start\n\ndata: {}\n\n")
            if self.strict.style == "early":
                message["container"] = container
                end.pop("container")
            if self.strict.style == "sparse":
                message = {field: value for field, value in message.items() if value is not None}
            self.event({"type": "message_start", "message": message})
            for index, block in enumerate(play.blocks):
                last = index + 1 == len(play.blocks)
                self.block(index, block, broken=play.breaks in ("eof", "error") and last, odd=play.odd if last else ())
            while play.stays and not self.strict.closing.wait(0.05):
                self.event({"type": "ping"})
            if play.breaks == "error":
                error = {"type": "overloaded_error", "message": "Too much."}
                self.event({"type": "error", "error": error, "request_id": "req_strict"})
            if self.strict.style == "sparse" and play.breaks != "eof":
                # What is null may be left out, and the end may come in two parts.
                end = {field: value for field, value in end.items() if value is not None}
                self.event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3, "server_tool_use": None}})
            if play.breaks in ("", "last"):
                self.event({"type": "message_delta", "delta": end, "usage": self.usage()})
            if not play.breaks:
                self.event({"type": "message_stop"})
        except OSError:
            # An interrupt: the kernel has hung up.
            answer.stop = None

    def usage(self):
        if self.play.stop != "compaction":
            return {"output_tokens": 20}
        spent = {"type": "compaction", "input_tokens": 900, "output_tokens": 90, "cache_creation_input_tokens": 0,
                 "cache_read_input_tokens": 0}  # fmt: skip
        return {"input_tokens": 0, "output_tokens": 0, "iterations": [spent]}

    def event(self, value):
        data = json.dumps(value, ensure_ascii=self.strict.style == "plain")
        if self.strict.style == "chatty":
            # Data in two lines, in the middle of nothing that matters; noise between events.
            head, comma, rest = data.partition(", ")
            data = f"{head}{comma}\ndata:{rest}" if rest else data
            return self.raw(f": note\nid: 7\nevent:{value['type']}\ndata: {data}\nunknown: field\n\n")
        self.raw(f"event: {value['type']}\ndata: {data}\n\n")

    def raw(self, text):
        data = text.replace("\n", self.end).encode()
        step = 7 if self.strict.style == "bytes" and len(data) < 4000 else len(data)
        for at in range(0, len(data), step):
            self.http.wfile.write(data[at : at + step])
            self.http.wfile.flush()

    def block(self, index, block, broken=False, odd=()):
        kind = block["type"]
        opened = bare(block)
        deltas = []
        if kind == "thinking":
            opened |= {"thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}] if block["thinking"] else []
            deltas += [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
        elif kind == "text":
            opened |= {"text": "", "citations": [] if block.get("citations") else None}
            size = 9 if len(block["text"]) < 10_000 else 100_000
            deltas = [{"type": "text_delta", "text": piece} for piece in re.findall(f"(?s).{{1,{size}}}", block["text"])]
            deltas += [{"type": "citations_delta", "citation": citation} for citation in block.get("citations") or []]
        elif kind in ("server_tool_use", "tool_use"):
            opened |= {"input": {}}
            written = json.dumps(block["input"], ensure_ascii=False)
            cut = len(written) // 2
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", written[:cut], written[cut:])]
        if self.strict.style == "sparse":
            opened = {field: value for field, value in opened.items() if value not in (None, {})}
            deltas = [delta for delta in deltas for _ in range(1 + (delta["type"] == "signature_delta"))]
        self.event({"type": "content_block_start", "index": index, "content_block": opened})
        for event in odd:
            self.event(event)
            self.event({"type": "content_block_delta", "index": index, "delta": {"type": "scent_delta", "scent": "rose"}})
        for delta in deltas[:-1] if broken else deltas:
            self.event({"type": "content_block_delta", "index": index, "delta": delta})
        if not broken:
            self.event({"type": "content_block_stop", "index": index})
