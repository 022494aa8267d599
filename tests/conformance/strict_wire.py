"""How an answer is written: as server-sent events, in every way the reference allows (7.1 - 7.3)."""

import json
import re

from strict_values import bare

# How lines end, by style. "nulls" names what is not there, "sparse" leaves out all that may be left out.
ENDS = {"plain": "\n", "cr": "\r", "crlf": "\r\n", "bytes": "\n", "chatty": "\n", "sparse": "\n", "early": "\n", "nulls": "\n"}
DETAILS = {"type": "refusal", "category": "cyber"}
# It stands on many answers that are none of a refusal, and means nothing there (0.2, 16).
BUSY = {"retry-after": "61"}


class Wire:
    """One stream."""

    def __init__(self, strict, http, body, play):
        self.strict, self.http, self.body, self.play = strict, http, body, play
        self.end = ENDS[strict.style]

    def write(self, container, answer):
        self.head()
        message, end = self.message(container)
        self.http.close_connection = True
        try:
            if self.play.prefilled:
                self.event({"type": "message_start", "message": {**message, **end, "content": bare(self.play.blocks)}})
                return self.event({"type": "message_stop"})
            self.stream(message, end)
        except OSError:
            # An interrupt: the kernel has hung up.
            answer.stop = None

    def head(self):
        http = self.http
        http.send_response(200)
        http.send_header("content-type", "text/event-stream; charset=utf-8" if self.end == "\r" else "text/event-stream")
        for name, value in {"request-id": "req_strict", "connection": "close", **BUSY}.items():
            http.send_header(name, value)
        http.end_headers()

    def message(self, container):
        """What the start of a stream says of a message, and what its end does."""
        play, style = self.play, self.strict.style
        id = self.strict.script.id(self.strict.ids)
        self.strict.judge.sent.add(id)
        usage = {"input_tokens": 100, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        if play.stop == "compaction":
            usage |= {"input_tokens": 0, "cache_read_input_tokens": 900}
        message = {"id": id, "type": "message", "role": "assistant", "model": self.body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
        details = {**DETAILS, "explanation": play.explanation} if play.stop == "refusal" else None
        end = {"stop_reason": play.stop, "stop_sequence": "END" if play.stop == "stop_sequence" else None, "stop_details": details}
        if style == "nulls":
            message["container"], end["container"] = None, container and {**container, "skills": None}
        elif container:
            (message if style == "early" else end)["container"] = container
        if style == "sparse":
            message = {field: value for field, value in message.items() if value is not None}
        return message, end

    def stream(self, message, end):
        play, style = self.play, self.strict.style
        if play.breaks == "start":
            return
        if style == "chatty":
            self.raw("\ufeff: hello\n\nretry: 5\n\nevent: message_start\n\ndata: {}\n\n")
        self.event({"type": "message_start", "message": message})
        for index, block in enumerate(play.blocks):
            last = index + 1 == len(play.blocks)
            self.block(index, block, broken=play.breaks in ("eof", "error") and last, odd=play.odd if last else ())
        while play.stays and not self.strict.closing.wait(0.05):
            self.event({"type": "ping"})
        if play.breaks == "error":
            error = {"type": "overloaded_error", "message": "Too much."}
            self.event({"type": "error", "error": error, "request_id": "req_strict"})
        if style == "sparse" and play.breaks != "eof":
            # What is null may be left out, and the end may come in two parts.
            end = {field: value for field, value in end.items() if value is not None}
            self.event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3, "server_tool_use": None}})
        if play.breaks in ("", "last"):
            managed = {"context_management": {"applied_edits": []}} if play.stop == "compaction" else {}
            self.event({"type": "message_delta", "delta": end, "usage": self.usage(), **managed})
        if not play.breaks:
            self.event({"type": "message_stop"})

    def usage(self):
        if self.play.stop != "compaction":
            return {"output_tokens": 20}
        spent = {"type": "compaction", "input_tokens": 900, "output_tokens": 90, "cache_creation_input_tokens": 0,
                 "cache_read_input_tokens": 0}  # fmt: skip
        return {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 0, "iterations": [spent]}

    def event(self, value):
        data = json.dumps(value, ensure_ascii=False)
        if self.strict.style == "plain" or re.search("[\ud800-\udfff]", data):
            data = json.dumps(value)
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
        opened, deltas = self.parts(index, block)
        if self.strict.style == "sparse":
            opened = {field: value for field, value in opened.items() if value not in (None, {})}
            deltas = [delta for delta in deltas for _ in range(1 + (delta["type"] == "signature_delta"))]
        self.event({"type": "content_block_start", "index": index, "content_block": opened})
        if not index or block["type"] == "compaction":
            self.event({"type": "ping"})
        for event in odd:
            self.event(event)
            self.event({"type": "content_block_delta", "index": index, "delta": {"type": "scent_delta", "scent": "rose"}})
        for delta in deltas[:-1] if broken else deltas:
            self.event({"type": "content_block_delta", "index": index, "delta": delta})
        if not broken:
            self.event({"type": "content_block_stop", "index": index})

    def parts(self, index, block):
        """What a block opens with, and the deltas that make it whole."""
        kind, opened = block["type"], bare(block)
        if kind == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": block["thinking"]}] if block["thinking"] else []
            deltas += [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
            return opened | {"thinking": "", "signature": ""}, deltas
        if kind == "text":
            cited = block.get("citations")
            # What a text cites comes before its words (0.2, 4).
            deltas = [{"type": "citations_delta", "citation": citation} for citation in cited or []]
            size = 9 if len(block["text"]) < 10_000 else 100_000
            pieces = self.play.pieces.get(index) or re.findall(f"(?s).{{1,{size}}}", block["text"])
            deltas += [{"type": "text_delta", "text": piece} for piece in pieces]
            return opened | {"text": ""} | ({"citations": []} if cited else {}), deltas
        if kind in ("server_tool_use", "tool_use") and (block.get("caller") or {}).get("type", "direct") == "direct":
            # A call that code makes comes whole (0.2, 2).
            written = json.dumps(block["input"], ensure_ascii=False)
            # A half of a pair is written as an escape.
            written = re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", written)
            cut = len(written) // 2
            pieces = ("", written[:cut], written[cut:])
            return opened | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        if kind == "compaction":
            return opened | {"content": None}, [{"type": "compaction_delta", "content": block["content"]}]
        return opened, []
