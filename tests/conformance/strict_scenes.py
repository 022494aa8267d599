"""Answers that the live API was seen to give, or may give, and that no conversation may stumble over (reference 0.1, 0.2)."""

import copy
import hashlib
import re
from dataclasses import replace

BLANK, SPACE, NONE = ({"type": "text", "text": text} for text in ("\n\n", " ", ""))
# Input of a call that is JSON, but no object.
INPUTS = {"string": "hello", "list": [1, 2], "number": 7, "bool": True, "null": None}
REPLAY = "claude_replay.sh"
LONE = "half \ud83d of it"


class Scenes:
    """Scenes of the script: the first word of a prompt chooses, as in `strict_script`."""

    def on_blank(self):
        """`Blank WHERE`: texts without a word, among the others and alone."""
        step, said = self.call() if self.runs() else [], self.text()
        played = {
            "first": [SPACE, *self.thought(), said],
            "empty": [*self.thought(), NONE, said],
            "between": [*self.thought(), said, BLANK, *self.thought("Then I see."), self.text(), SPACE],
            "step": [*self.thought(), BLANK, *step, BLANK],
            "after": [*self.thought(), *step, NONE, *self.thought("Then I see."), BLANK, said],
            "only": [BLANK],
            "nothing": [NONE],
            "thought": [*self.thought(), SPACE],
            "seen": [*self.thought(), *step, *self.thought("Then I see."), SPACE],
            "mute": [*self.thought(), *step, *self.thought("Then I see.")],
            "thoughts": [SPACE, *self.thought(), NONE, *self.thought("Then I see."), BLANK],
        }
        words = self.words[1]
        if words == "paused" and not self.round:
            return self.play([*self.thought(), *step, BLANK], "pause_turn")
        if words == "pause":
            # Once: of this answer nothing may be left to go on from.
            self.rested = not getattr(self, "rested", False)
            return self.play([SPACE], "pause_turn") if self.rested else None
        if words in self.names and not self.round:
            return self.play([BLANK, *self.thought(), NONE, self.own(words), BLANK], "tool_use")
        return self.play(played.get(words, [NONE, *self.thought("Then I see."), said, BLANK]))

    def on_input(self):
        """`Input KIND [NAME]`: a call whose input is no object, of a tool of the sandbox or one's own."""
        input, name = INPUTS[self.words[1]], self.words[2] if len(self.words) > 2 else None
        if name in self.names and not self.round:
            return self.play([*self.thought(), self.text("I call"), {**self.own(name), "input": input}], "tool_use")
        if not name and self.runs():
            use, result = self.call(error="invalid_tool_input")
            then = [*self.thought("Then I see."), *self.call(), self.text()]
            return self.play([*self.thought(), {**use, "input": input}, result, *then])

    def on_pairs(self):
        """`Pairs HOW [NAME]`: calls and results that do not go together."""
        use, result = self.call()
        other, after = self.call()
        after = {**after, "tool_use_id": use["id"]}
        said, then = self.text(), self.thought("Then I see.")
        played = {
            "reversed": [result, use, *then, said],
            "orphan": [self.text(), result, *then, said],
            "twice": [use, result, {**other, "id": use["id"]}, after, *then, said],
            "doubled": [use, result, copy.deepcopy(result), *then, said],
            "shared": [use, {**other, "id": use["id"]}, result, *then, said],
            "open": [said, use],
            "foreign": [use, {**result, "type": "text_editor_code_execution_tool_result"}, *then, said],
        }
        if self.words[1] == "own":
            if self.words[2] in self.names and not self.round:
                called = self.own(self.words[2])
                return self.play([*self.thought(), called, {**called, "input": {"n": 5}}], "tool_use")
            return None
        if self.runs():
            return self.play([*self.thought(), *played[self.words[1]]])

    def on_parallel(self):
        """Four calls in a row, then their results."""
        if self.runs():
            calls = [self.call(f"echo {n}", stdout=f"{n}\n") for n in range(4)]
            first, second = calls[:2], calls[2:]
            said = [part[side] for pair in (first, second) for side in (0, 1) for part in pair]
            every = [pair[side] for side in (0, 1) for pair in [self.call("a"), self.call("b"), self.call("c"), self.call("d")]]
            return self.play([*self.thought(), *said, *every, *self.thought("Then I see."), self.text()])

    def on_halves(self):
        """Halves of surrogate pairs: alone in an output and in a text, and a pair that two pieces share."""
        step = self.call("echo '\ud83e'", stdout=f"kept {LONE}\n") if self.runs() else []
        said = [*self.thought(), *step, {"type": "text", "text": f"So {LONE}, and a crab \ud83e\udd80."}]
        return self.play(said, pieces={len(said) - 1: [f"So {LONE}, and a crab \ud83e", "\udd80."]})

    def on_expired(self):
        """A step says that the sandbox is gone."""
        if self.runs():
            return self.play([*self.thought(), *self.call(error="container_expired"), self.text("It is gone")])

    def on_unsure(self):
        """A tool is not there for a moment, and then it is."""
        if self.runs():
            return self.play([*self.thought(), *self.call(error="unavailable"), *self.call("again"), self.text()])

    def on_noted(self):
        """A field of a result that no published type has."""
        if self.runs():
            noted = self.call(abort_reason=None)
            seen = [*self.thought(), *noted, *self.thought("Then I see.")]
            if self.words[-1] == "pausing" and not self.round:
                return self.play([*seen, self.text("A moment")], "pause_turn")
            return self.play([*seen, self.text()])

    def on_loop(self):
        """`Loop NAME 14`: code calls a tool one time after the other; each but the first comes in the first event."""
        often = int(self.words[2])
        if not self.calls_by_code(self.words[1]) or self.round >= often:
            return None
        if not self.round:
            code = self.use("code_execution", code="for n in range(14): print(await f(n))")
            return self.play([*self.thought(), code, self.own(self.words[1], by=code["id"], n=0)], "tool_use")
        return self.play([self.own(self.words[1], by=self.waiting()[-1], n=self.round)], "tool_use", prefilled=True)

    def on_sudden(self):
        """`Sudden NAME`: what follows a call by code comes in one event: the end of the code, its file, the words."""
        if not self.calls_by_code(self.words[1]):
            return None
        if not self.round:
            code = self.use("code_execution", code="print(await f(3))")
            return self.play([*self.thought(), code, self.own(self.words[1], by=code["id"])], "tool_use")
        (result,) = self.unfinished()
        made = [{"type": "code_execution_output", "file_id": self.file("sudden.csv", "text/csv", b"a,b\n1,2\n")}]
        result["content"] = {**result["content"], "stdout": "printed by code\n", "content": made}
        return self.play([result, self.text("It came at once")], prefilled=True)

    def waiting(self):
        """Ids of code that waits for answers."""
        ends = {block.get("tool_use_id") for _, block in self.said()}
        return [block["id"] for _, block in self.said() if block["type"] == "server_tool_use" and block["id"] not in ends]

    def replayed(self, question):
        """The steps of earlier turns, if the question asks for them: as their script would say that it ran."""
        files = [block["file_id"] for block in question if block["type"] == "container_upload"]
        scripts = [self.judge.files[id]["data"] for id in files if self.judge.files.get(id, {}).get("filename") == REPLAY]
        asked = [block["text"] for block in question if block["type"] == "text" and REPLAY in block["text"]]
        if not (asked and scripts and self.runs()) or self.round:
            return []
        steps = re.findall(rb"step \$1 of (\d+)", scripts[-1])[0].decode()
        ran = f"claude-replay: {hashlib.sha256(scripts[-1]).hexdigest()} ran {steps} steps, 0 failed\n"
        return self.call(f"bash {REPLAY}", stdout=ran)

    def before(self, play, blocks):
        """The same answer, with more before it."""
        return replace(play, blocks=[*blocks, *play.blocks], pieces={at + len(blocks): cut for at, cut in play.pieces.items()})
