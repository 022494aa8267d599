"""What the judge's server answers: the first word of a prompt chooses. Nothing is run."""

import json
import re
from dataclasses import dataclass, field

from strict_models import MODELS
from strict_scenes import REPLAY, Scenes
from strict_values import blocks

DIRECT = {"type": "direct"}
BY_CODE = "code_execution_20260120"
WIDE = "Größe 数字 🦀"


@dataclass
class Play:
    """One answer: blocks, why it stops, and what goes wrong on the way."""

    blocks: list
    stop: str | None = "end_turn"
    # The stream stays open after the blocks, until somebody hangs up.
    stays: bool = False
    # "eof" or "error" in the place of the end; "start": nothing comes; "last": all but the last event.
    breaks: str = ""
    # Events that are not invented yet, before the blocks' end.
    odd: list = field(default_factory=list)
    explanation: str | None = "No."
    # All of it stands in the first event (0.2, 1).
    prefilled: bool = False
    # How a text is cut, by its index.
    pieces: dict = field(default_factory=dict)


class Script(Scenes):
    """Makes answers; every id and every text comes once."""

    def __init__(self, judge):
        self.number = 0
        self.judge = judge

    def id(self, prefix):
        self.number += 1
        return f"{prefix}_{self.number:04}"

    def text(self, words="Done, **that** is it"):
        self.number += 1
        return {"type": "text", "text": f"{words} ({self.number})."}

    def thought(self, text="First I look."):
        asked = self.body.get("thinking")
        if asked is None:
            asked = {"type": "adaptive" if MODELS[self.body["model"]][1] else "disabled"}
        if asked["type"] == "disabled" or asked["type"] == "between_tools" and text.startswith("First"):
            return []
        shown = text if asked.get("display") in ("summarized", "updates") else ""
        return [{"type": "thinking", "thinking": shown, "signature": self.id("seal")}]

    def use(self, name, **input):
        return {"type": "server_tool_use", "id": self.id("srvtoolu"), "name": name, "input": input, "caller": DIRECT}

    def call(self, command="echo ok", error=None, **result):
        """A step and its result; with the code of an error, that in its place."""
        use = self.use("bash_code_execution", command=command)
        if error:
            outcome = {"type": "bash_code_execution_tool_result_error", "error_code": error}
            return [use, {"type": "bash_code_execution_tool_result", "tool_use_id": use["id"], "content": outcome}]
        outcome = {"type": "bash_code_execution_result", "stdout": "ok\n", "stderr": "", "return_code": 0, "content": []}
        return [use, {"type": "bash_code_execution_tool_result", "tool_use_id": use["id"], "content": outcome | result}]

    def own(self, name, by=None, **input):
        caller = {"type": BY_CODE, "tool_id": by} if by else DIRECT
        return {"type": "tool_use", "id": self.id("toolu"), "name": name, "input": input or {"n": 3}, "caller": caller}

    def file(self, name, mime, data):
        """A file that a command made."""
        id = self.id("file")
        self.judge.files[id] = {
            "type": "file", "id": id, "filename": name, "mime_type": mime, "size_bytes": len(data),
            "created_at": "2026-11-23T10:00:00Z", "downloadable": True, "expires_at": None, "data": data,
        }  # fmt: skip
        return id

    def play(self, *parts, **more):
        return Play(*parts, **more)

    def answer(self, body):
        """What is said to a request."""
        self.body = body
        if "compaction" in body:
            summary = {"type": "compaction", "content": f"Summary {self.id('of')}.", "signature": self.id("sum"),
                       "tool_changes": self.judge.summed_changes(body)}  # fmt: skip
            return Play([summary], "compaction")
        messages = [message for message in body["messages"] if message["role"] != "system"]
        at = max(i for i, m in enumerate(messages) if m["role"] == "user" and blocks(m["content"])[-1]["type"] != "tool_result")
        question = blocks(messages[at]["content"])
        texts = [block["text"] for block in question if block["type"] == "text"]
        self.words, self.prompt = texts[-1].split(), texts[-1]
        self.round = sum(message["role"] == "assistant" for message in messages[at + 1 :])
        self.tools = self.judge.available(body)
        self.names = set(self.tools)
        scene = getattr(self, f"on_{self.words[0].lower().strip('.,?!:')}", None)
        again = self.replayed(question)
        played = scene and scene() or self.plain()
        return self.before(played, again) if again else played

    def plain(self):
        return Play([*self.unfinished(), *self.thought("Now I know." if self.round else "First I look."), self.final()])

    def final(self):
        """The end of an answer: the result, where one is asked for."""
        if (self.body.get("output_config") or {}).get("format"):
            return {"type": "text", "text": '{"n": 7}'}
        return self.text()

    def unfinished(self):
        """The results of code that called tools and now is over."""
        every = [block for message in self.body["messages"] for block in blocks(message["content"])]
        ends = {block.get("tool_use_id") for block in every}
        outcome = {"type": "code_execution_result", "stdout": "7\n", "stderr": "", "return_code": 0, "content": []}
        return [
            {"type": "code_execution_tool_result", "tool_use_id": block["id"], "content": outcome}
            for block in every
            if block["type"] == "server_tool_use" and block["id"] not in ends
        ]

    def runs(self):
        return "code_execution" in self.names

    def calls_by_code(self, name):
        tool = self.tools.get(name) or {}
        return self.runs() and BY_CODE in tool.get("allowed_callers", [])

    def on_compute(self):
        if self.runs():
            then = self.thought("Then I see.")
            return Play([*self.thought(), *self.call(), *then, *self.call("exit 1", return_code=1), self.text()])

    def on_redacted(self):
        return Play([*self.thought(), {"type": "redacted_thinking", "data": self.id("hidden")}, self.text()])

    def on_pause(self):
        """`Pause 3`: three pauses, then the end."""
        often = int(self.words[1]) if len(self.words) > 1 and self.words[1].isdigit() else 1
        if self.runs() and self.round < often:
            return Play([*self.thought(f"Pass {self.round}."), *self.call(f"echo {self.round}")], "pause_turn")
        if self.round:
            return Play([*self.call("echo again"), self.final()])

    def on_open(self):
        """A pause in the middle of a call: its result begins the next answer."""
        if self.runs() and not self.round:
            return Play([*self.thought(), self.text("So far"), self.use("code_execution", code="7")], "pause_turn")

    def on_slow(self):
        if self.runs():
            return Play([*self.thought(), *self.call("echo kept"), *self.call("sleep 600")[:1]], None, stays=True)

    def on_long(self):
        return Play([*self.thought(), self.text()], "max_tokens")

    def on_half(self):
        if self.runs():
            return Play([*self.thought(), *self.call("echo kept"), *self.call("sleep")[:1]], "max_tokens")

    def on_pondering(self):
        """Cut off in mid-thought: no text, and a thought that nobody signed."""
        return Play([*self.thought(), *self.call(), {"type": "thinking", "thinking": "Hm", "signature": ""}], "max_tokens")

    def on_full(self):
        return Play([*self.thought(), self.text()], "model_context_window_exceeded")

    def on_never(self):
        return Play([*self.thought(), self.text()], "refusal")

    def on_silently(self):
        """A refusal before any output, without a reason."""
        return Play([], "refusal", explanation=None)

    def on_refuses(self):
        """`Refuses NAME`: after a round of calls."""
        if self.round:
            return Play([*self.thought(), self.text()], "refusal")
        if self.words[1] in self.names:
            return Play([*self.thought(), self.own(self.words[1])], "tool_use")

    def on_declines(self):
        """A refusal after a step in the sandbox, which may be a new one."""
        if self.runs():
            return Play([*self.thought(), *self.call(), self.text()], "refusal")

    def on_hush(self):
        """`Hush NAME`: nothing more to say after a call."""
        if self.round:
            return Play([])
        return Play([*self.thought(), self.own(self.words[1])], "tool_use")

    def on_rest(self):
        """A pause without a word."""
        self.rested = not getattr(self, "rested", False)
        if self.rested:
            return Play([], "pause_turn")

    def on_nothing(self):
        return Play([])

    def on_odd(self):
        """`Odd REASON`: a stop reason that is not known, or `null`."""
        stop = {"null": None, "stop": "stop_sequence"}.get(self.words[1], self.words[1])
        return Play([*self.thought(), *(self.call() if self.runs() else []), self.text()], stop)

    def on_unknown(self):
        """Blocks, deltas and events that are not invented yet."""
        block = {"type": "hologram", "id": self.id("holo"), "data": {"deep": [1, 2.5, None, {"x": WIDE}]}, "flag": False}
        odd = [{"type": "telepathy_started", "index": 0, "thought": WIDE}, {"type": "content_block_note", "index": 9}]
        text = {**self.text(), "mood": "calm"}
        return Play([*self.thought(), block, text, {**block, "id": self.id("holo")}, self.text()], odd=odd)

    def on_huge(self):
        """Large pieces: a command and a text of half a megabyte."""
        command = f"echo {'x' * 500_000}"
        words = " ".join(f"word{n}" for n in range(60_000))
        done = {"type": "text", "text": words}
        return Play([*self.thought(), *(self.call(command) if self.runs() else []), done])

    def on_breaks(self):
        """`Breaks eof|error|start|last`: after a step, in the middle of a text."""
        said = [*self.thought(), *(self.call("echo kept") if self.runs() else [])]
        return Play([*said, self.text("This sentence is never")], None, breaks=self.words[1])

    def on_run(self):
        """`%%exec`: the command as it stands, or in the interpreter when it asks for that."""
        if (found := re.search(r"(?s)\n(`{3,})bash\n(.*)\n\1\s*$", self.prompt)) and REPLAY not in self.prompt:
            return Play([*self.thought(), *self.call(found[2]), {"type": "text", "text": "Done"}])

    def on_edit(self):
        """Every outcome of the editor."""
        if not self.runs():
            return None
        path = "/tmp/a.py"
        said = []
        for input, outcome in (
            ({"command": "create", "path": path, "file_text": "a\n"}, {"type": "create_result", "is_file_update": False}),
            ({"command": "view", "path": path}, {"type": "view_result", "file_type": "text", "content": "a", "num_lines": None,
                                                 "start_line": None, "total_lines": 1}),
            ({"command": "str_replace", "path": path, "old_str": "a", "new_str": "b"},
             {"type": "str_replace_result", "old_start": 1, "old_lines": 1, "new_start": None, "new_lines": 1, "lines": ["-a", "+b"]}),
            ({"command": "view", "path": "/no"}, {"type": "tool_result_error", "error_code": "file_not_found", "error_message": None}),
        ):  # fmt: skip
            use = self.use("text_editor_code_execution", **input)
            outcome = outcome | {"type": f"text_editor_code_execution_{outcome['type']}"}
            said += [use, {"type": "text_editor_code_execution_tool_result", "tool_use_id": use["id"], "content": outcome}]
        use = self.use("bash_code_execution", command="sleep 999")
        error = {"type": "bash_code_execution_tool_result_error", "error_code": "execution_time_exceeded"}
        said += [use, {"type": "bash_code_execution_tool_result", "tool_use_id": use["id"], "content": error}]
        return Play([*self.thought(), *said, self.text()])

    def on_make(self):
        """Files of a command."""
        if self.runs():
            made = [self.file("table.csv", "text/csv", b"a,b\n1,2\n"), self.file("note.txt", "text/plain", b"a note\n")]
            content = [{"type": "bash_code_execution_output", "file_id": id} for id in made]
            return Play([*self.thought(), *self.call("make files", content=content), self.text()])

    def on_search(self):
        if "web_search" not in self.names:
            return None
        use = self.use("web_search", query="q")
        page = {"type": "web_search_result", "url": "https://a.org/1", "title": "A", "encrypted_content": "x", "page_age": None}
        found = {"type": "web_search_tool_result", "tool_use_id": use["id"], "content": [page], "caller": DIRECT}
        cited = {"type": "web_search_result_location", "cited_text": "so", "url": "https://a.org/1", "title": "A",
                 "encrypted_index": "y"}  # fmt: skip
        sure = {**self.text("It is so"), "citations": [cited]}
        return Play([*self.thought(), use, found, sure, self.text()])

    def on_research(self):
        """Searches and pages with everything they can end in."""
        if not {"web_search", "web_fetch"} <= self.names:
            return None
        said = self.on_search().blocks
        for name, error in (("web_search", "max_uses_exceeded"), ("web_search", "a_new_error"), ("web_fetch", "url_not_accessible")):
            use = self.use(name, **({"query": "q"} if name == "web_search" else {"url": "https://a.org/2"}))
            why = {"type": f"{name}_tool_result_error", "error_code": error}
            said += [use, {"type": f"{name}_tool_result", "tool_use_id": use["id"], "content": why}]
        use = self.use("web_fetch", url="https://a.org/1")
        page = {"type": "document", "title": None, "citations": {"enabled": True},
                "source": {"type": "text", "media_type": "text/plain", "data": WIDE}}  # fmt: skip
        got = {"type": "web_fetch_result", "url": "https://a.org/1", "retrieved_at": "2026-11-23T10:00:00Z", "content": page}
        cited = {"type": "char_location", "cited_text": WIDE, "document_index": 0, "document_title": None,
                 "start_char_index": 0, "end_char_index": 9, "file_id": None}  # fmt: skip
        said += [use, {"type": "web_fetch_tool_result", "tool_use_id": use["id"], "content": got}]
        said += [{**self.text("The page says so"), "citations": [cited, cited]}]
        if self.runs():
            use = self.use("code_execution", code="await web_search('q')")
            hidden = {"type": "encrypted_code_execution_result", "encrypted_stdout": "qqq", "stderr": "", "return_code": 0,
                      "content": []}  # fmt: skip
            said += [use, {"type": "code_execution_tool_result", "tool_use_id": use["id"], "content": hidden}]
        return Play([*said, *self.thought("Then I know."), self.text()])

    def on_ask(self):
        """`Ask NAME`: two calls at once, then the end. `Ask NAME 5`: five rounds."""
        rounds = int(self.words[2]) if len(self.words) > 2 and self.words[2].isdigit() else 1
        if self.round < rounds and self.words[1] in self.names:
            return Play([*self.thought(f"Round {self.round}."), self.own(self.words[1]), self.own(self.words[1], n=4)], "tool_use")

    def on_call(self):
        """`Call NAME {…}`: one call with that input."""
        if not self.round and self.words[1] in self.names:
            input = json.loads(self.prompt.split(maxsplit=2)[2])
            call = {**self.own(self.words[1]), "input": input}
            return Play([*self.thought(), call], "tool_use")

    def on_code(self):
        """`Code NAME`: code in the sandbox calls the tool."""
        if self.round or not self.calls_by_code(self.words[1]):
            return None
        code = self.use("code_execution", code="await f()")
        return Play([*self.thought(), code, self.own(self.words[1], by=code["id"])], "tool_use")

    def on_mixed(self):
        """Code calls twice, one after the other; in between Claude calls as well."""
        if not self.calls_by_code(self.words[1]) or self.round > 1:
            return None
        if not self.round:
            code = self.use("code_execution", code="await f(); await f()")
            return Play([*self.thought(), *self.call(), code, self.own(self.words[1], by=code["id"]), self.own(self.words[1], n=9)], "tool_use")
        ends = {block.get("tool_use_id") for _, block in self.said()}
        by = [block["id"] for _, block in self.said() if block["type"] == "server_tool_use" and block["id"] not in ends]
        return Play([self.own(self.words[1], by=by[-1], n=5)], "tool_use")

    def said(self):
        return [(message["role"], block) for message in self.body["messages"] for block in blocks(message["content"])]

    def on_stray(self):
        """Calls of a tool that nobody offered."""
        if not self.round:
            return Play([*self.thought(), self.own("no_such_tool")], "tool_use")

    def on_idle(self):
        """`tool_use` without any call."""
        return Play([*self.thought(), self.text()], "tool_use")

    def on_invalid(self):
        return Play([*self.thought(), {"type": "text", "text": '{"n": "sev'}])

    def on_cut(self):
        return Play([*self.thought(), {"type": "text", "text": '{"n": '}], "max_tokens")
