"""Notebooks at random, and what must hold after each of their cells, whatever the cells and the API did."""

import random
import re

from strict_follow import Refused
from strict_session import Session
from strict_values import THINKING, every_block, seal

# Where a cell may end.
ENDS = {
    None, "MagicError", "Refusal", "InvalidResult", "StreamBroken", "OverloadedError", "InvalidRequestError", "NotFoundError",
    "ToolError", "FileError", "ExecMismatch", "RateLimitError", "ApiError", "BudgetExceeded",
}  # fmt: skip
PROMPTS = [
    "Hello", "Hello", "Compute it", "Compute it", "Redacted thinking", "Pause 2", "Open the call", "Long answer", "Half an answer", "Pondering",
    "Never", "Silently", "Nothing", "Odd null", "Unknown things", "Edit a file", "Make files", "Search now", "Research this",
    "Ask one 2", "Ask two 1", "Code one", "Mixed two", "Stray", "Breaks eof", "Breaks error", "Breaks last", "Refuses one", "Full",
    "Parallel calls", "Expired in mid-turn", "Unsure", "Noted", "Loop one 3", "Sudden two", "Halves of pairs",
    *(f"Blank {where}" for where in ("first", "empty", "between", "step", "after", "only", "nothing", "thought", "paused", "pause", "one")),
    *(f"Input {kind}" for kind in ("string", "list one", "null two", "number one")),
    *(f"Pairs {how}" for how in ("reversed", "orphan", "twice", "doubled", "shared", "foreign", "own one")),
]  # fmt: skip
SETTINGS = [
    "%model opus", "%model sonnet", "%model haiku", "%model fable", "%model claude-opus-4-6", "%model claude-haiku-4-5",
    "%effort high", "%effort default", "%thinking notes", "%thinking show", "%thinking off", "%thinking fold",
    "%system Be brief.", "%system Be long.", "%system --clear", "%bash only", "%python only", "%bash on", "%python on",
    "%tools none", "%tools none", "%tools default", "%tools default", "%tools code_execution_20250825", "%web fetch", "%web max_uses=2",
    "%web off", "%skills add docx", "%skills clear", "%max_tokens 3000", "%%max_tokens 9000", "%%model haiku", "%%effort low",
    "%%tools none", "%set word yes", "%budget 90", "%model claude-opus-4-5\n%thinking fold --interleaved", "%%web fetch",
    "%%thinking off", "%model claude-sonnet-5", "%model claude-opus-4-8", "%model claude-opus-4-7", "%web allow=a.org fetch",
]  # fmt: skip
ALONE = [
    "%undo", "%compact", "%compact", "%compact Keep it short.", "%continue", "%fork", "%thread main", "%reset sandbox", "%rerun stale",
    "%tool rm one", "%tool rm two", "%history", "%stale", "%status", "%reset chat", "%reset sandbox --replay", "%resume", "%rm table.csv",
    "%rm note.txt", "%rm dot.png",
]  # fmt: skip
FILES = [
    "%attach table.csv", "%attach table.csv --sandbox", "%attach note.txt --document", "%attach dot.png --image", "%attach dot.png",
    "%attach note.txt --document --sandbox",
]  # fmt: skip
# Jobs that cannot be done.
FAILS = ["%attach nope.csv", "%get nope.csv", "%mcp add odd /nowhere/at/all", "%resume 20991231-nobody", "%rm nope.csv"]
TOOL = '%%tool\ndef {}(n: int) -> int:\n    """Version {}."""\n    return n'
# How a sandbox goes, and what the API refuses once.
EXPIRES = ["404", "404 event", "404 event", "500", "500 event"]
SOON = {"retry-after-ms": "5"}
REFUSALS = [
    [Refused(529, SOON)], [Refused(400)], [Refused(400)] * 2, [Refused(404)], [Refused(529, event=True)], [Refused(400, event=True)] * 2,
    [Refused(404, event=True)],
]  # fmt: skip
# One grey dot.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55000000"
    "0a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
SAYS_GONE = re.compile(r"sandbox[^.]*\b(gone|expired?s?)\b|\b(gone|expired?s?)\b[^.]*sandbox", re.I)
SAYS_NEW = re.compile(r"\bnew\b[^.]*sandbox|sandbox[^.]*\bnew\b", re.I)
# Cells after which another sandbox is nothing to wonder at.
MOVES = re.compile(r"%(reset|fork|thread|resume|undo)\b")
STATE = ("%status", "%set", "%history", "%tool")
PASSES = re.compile(r"^(turns|saved|cost|sandbox|backend) .*$", re.M)


class Walk:
    """One notebook, and what was done in it."""

    def __init__(self, directory, seed):
        self.chance = random.Random(seed)
        self.session = Session(directory, JPY_SESSION_NAME=str(directory / "work.ipynb"))
        self.judge, self.strict = self.session.judge, self.session.strict
        self.judge.any_container = True
        self.strict.takes_changes = seed % 5 > 0
        (directory / "table.csv").write_text("a,b\n1,2\n")
        (directory / "note.txt").write_text("a note\n")
        (directory / "dot.png").write_bytes(PICTURE)
        self.cells, self.done = [], []
        # Whether another sandbox is due; what the last request carried, if the next must carry it too.
        self.moved, self.carried = True, None

    def cell(self):
        """A cell that is new at the end, new in the middle as far as the kernel can know, or old."""
        if self.cells and self.chance.random() < 0.25:
            return self.chance.choice(self.cells)
        self.cells.append(f"cell-{len(self.cells)}")
        return self.cells[-1]

    def code(self):
        pick = self.chance.choice
        kind = self.chance.random()
        if kind < 0.2:
            return pick(ALONE)
        if kind < 0.28:
            return TOOL.format(pick(["one", "two"]), pick([1, 2, 3]))
        lines = [pick(SETTINGS) for _ in range(self.chance.choice([0, 0, 0, 1, 1, 2]))]
        if kind < 0.34:
            return "\n".join([*lines, "%%json answer n int", pick(["How many?", "Invalid", "Cut", "Never", "Pause 1", "Blank after"])])
        if kind < 0.37:
            return "\n".join([*lines, "%%exec bash", pick(["echo one", "x" * 2500])])
        if kind < 0.45:
            lines.append(pick(FILES))
        if kind > 0.97:
            lines.append("%reset sandbox --replay")
        return "\n".join([*lines, pick(PROMPTS)])

    def step(self):
        """Something happens, and then a cell is run."""
        chance = self.chance.random()
        if chance < 0.03:
            self.again(self.session.restart, "killed")
        elif chance < 0.05:
            self.again(self.session.shut_down, "shut down")
        if self.chance.random() < 0.06:
            return self.fails()
        if self.chance.random() < 0.06:
            return self.interrupts()
        cells = len(self.cells)
        code, cell = self.code(), self.cell()
        refusals = self.chance.choice(REFUSALS) if self.chance.random() < 0.25 else []
        happens = self.happens() if not refusals else []
        self.done.append((cell, code[:60], [(refused.status, refused.event) for refused in refusals], happens))
        is_new = len(self.cells) > cells
        self.run(code, cell, refusals, is_plain=is_new and not (refusals or happens))

    def again(self, how, said):
        self.done.append(said)
        how()
        # Whatever is to be said first, is said.
        self.session.cell("%version", "state")
        self.moved, self.carried = True, None

    def happens(self):
        """What the API knows, and the kernel does not."""
        chance, how = self.chance.random(), self.chance.choice(EXPIRES)
        if chance < 0.05:
            self.strict.expire(how)
            return [f"expired: {how}"]
        if chance < 0.07:
            self.strict.expiries = [how]
            return [f"expires: {how}"]
        if chance < 0.09:
            self.strict.disown(self.chance.choice(["400", "400 event"]))
            return ["disowned"]
        return []

    def interrupts(self):
        code, cell = "%tools default\nSlow work", self.cell()
        how = self.chance.choice([self.session.interrupted, self.session.killed])
        self.again(lambda: how(code, cell), (cell, code, how.__name__))

    def fails(self):
        """A cell whose job cannot be done changes nothing."""
        pick = self.chance.choice
        lines = [pick([*SETTINGS, *FILES, "%undo", "%reset sandbox", "%reset chat", "%fork"]) for _ in range(pick([1, 1, 2]))]
        code = "\n".join([*(line for line in lines if not line.startswith("%%")), pick(FAILS), *pick([[], ["Hello"]])])
        before, asked = self.state(), len(self.judge.bodies)
        self.done.append(("fails", code))
        reply = self.session.attempt(code, self.cell())
        assert reply["status"] == "error", code
        assert len(self.judge.bodies) == asked, f"{code!r} failed, and something was asked"
        after = self.state()
        changed = [(was, now) for was, now in zip(before, after) if was != now]
        assert not changed, f"{code!r} failed, and changed {changed}"

    def state(self):
        """What the kernel says of its settings, files, variables, turns and tools."""
        found = []
        for magic in STATE:
            published = self.session.run(magic, "state")[1]
            shown = "\n".join(message["content"]["data"].get("text/plain", "") for message in published if "data" in message["content"])
            found.append(PASSES.sub("", shown))
        return found

    def run(self, code, cell, refusals, is_plain):
        asked, losses = len(self.judge.bodies), self.judge.losses
        self.strict.refusals = list(refusals)
        replays = "--replay" in code
        reply, published = self.session.run(code, cell, many=code == "%rerun stale" or replays)
        self.strict.refusals = []
        assert reply.get("ename") in ENDS, reply
        self.moved = self.moved or bool(MOVES.search(code))
        if "%" not in code.split("\n")[-1]:
            self.says(told(published), self.judge.losses > losses, asked)
        if self.judge.losses > losses or any(body.get("container") for body in self.judge.bodies[asked:]):
            self.moved = self.judge.lost_by_step
        is_plain = is_plain and "%" not in code and reply["status"] == "ok" and len(self.judge.bodies) > asked
        self.appended(asked, is_plain and code not in ("Expired in mid-turn",))

    def says(self, text, is_lost, asked):
        """No sentence about the sandbox that is not so."""
        found = SAYS_GONE.search(text)
        assert not found or is_lost, f"it is not gone: {found}"
        found = SAYS_NEW.search(text)
        broke_off = len(self.judge.bodies) > asked and any(answer.stop is None for answer in self.judge.answers[-1:])
        assert not found or is_lost or self.moved or broke_off or self.fills(asked), f"it is not new: {found}"

    def fills(self, asked):
        """Whether a request brings along a file that an earlier one did, too: the sandbox has it not."""
        known = {id for body in self.judge.bodies[:asked] for id in uploads(body["messages"])}
        return any(uploads(body["messages"][-2:]) & known for body in self.judge.bodies[asked:])

    def appended(self, asked, is_plain):
        """A question that only follows on the last one carries all the thinking that was there."""
        if not is_plain:
            self.carried = None
            return
        first, last, answer = self.judge.bodies[asked], self.judge.bodies[-1], self.judge.answers[-1]
        gone = (self.carried or set()) - thoughts(first)
        assert not gone, f"{gone} went along in the last request, and do not in this one"
        is_whole = answer.stop == "end_turn" and not answer.loose and answer.content and answer.content[-1]["type"] not in THINKING
        made = {seal(block) for block in answer.content if block["type"] in THINKING} if is_whole else set()
        self.carried = thoughts(last) | made


def uploads(messages):
    return {block["file_id"] for _, _, block in every_block({"messages": messages}) if block["type"] == "container_upload"}


def thoughts(body):
    return {seal(block) for _, role, block in every_block(body) if role == "assistant" and block["type"] in THINKING}


def told(published):
    """What was shown, but for the cell itself."""
    return "\n".join(str(message["content"]) for message in published if message["msg_type"] != "execute_input")
