"""Notebooks at random: cells of every kind run, run again, are taken back, interrupted and refused, before the strict judge."""

import os
import random

import pytest
from strict_follow import Refused
from strict_session import Session

STEPS = int(os.environ.get("CLAUDE_KERNEL_TEST_STEPS", "70"))
SEEDS = [int(seed) for seed in os.environ.get("CLAUDE_KERNEL_TEST_SEEDS", "1 5").split()]
# Where a cell may end.
ENDS = {
    None, "MagicError", "Refusal", "InvalidResult", "StreamBroken", "OverloadedError", "InvalidRequestError", "NotFoundError",
    "ToolError", "FileError", "ExecMismatch",
}  # fmt: skip
PROMPTS = [
    "Hello", "Compute it", "Redacted thinking", "Pause 2", "Open the call", "Long answer", "Half an answer", "Pondering",
    "Never", "Silently", "Nothing", "Odd null", "Unknown things", "Edit a file", "Make files", "Search now", "Research this",
    "Ask one 2", "Ask two 1", "Code one", "Mixed two", "Stray", "Breaks eof", "Breaks error", "Breaks last", "Refuses one", "Full",
]  # fmt: skip
SETTINGS = [
    "%model opus", "%model sonnet", "%model haiku", "%model fable", "%model claude-opus-4-6", "%model claude-haiku-4-5",
    "%effort high", "%effort default", "%thinking notes", "%thinking show", "%thinking off", "%thinking fold",
    "%system Be brief.", "%system Be long.", "%system --clear", "%bash only", "%python only", "%bash on", "%python on",
    "%tools none", "%tools default", "%tools code_execution_20250825", "%web fetch", "%web max_uses=2", "%web off",
    "%skills add docx", "%skills clear", "%max_tokens 3000", "%%max_tokens 9000", "%%model haiku", "%%effort low", "%%tools none",
    "%set word yes", "%budget 90", "%model claude-opus-4-5\n%thinking fold --interleaved", "%%web fetch", "%%thinking off",
    "%model claude-sonnet-5", "%model claude-opus-4-8", "%web allow=a.org fetch",
]  # fmt: skip
ALONE = [
    "%undo", "%compact", "%compact Keep it short.", "%continue", "%fork", "%thread main", "%reset sandbox", "%rerun stale",
    "%tool rm one", "%tool rm two", "%history", "%stale", "%status", "%reset chat",
]  # fmt: skip
TOOL = '%%tool\ndef {}(n: int) -> int:\n    """Version {}."""\n    return n'


class Walk:
    """One notebook, and what was done in it."""

    def __init__(self, directory, seed):
        self.chance = random.Random(seed)
        self.session = Session(directory, JPY_SESSION_NAME=str(directory / "work.ipynb"))
        self.session.judge.any_container = True
        self.session.strict.takes_changes = seed % 5 > 0
        (directory / "table.csv").write_text("a,b\n1,2\n")
        self.cells = []
        self.done = []

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
        if kind < 0.3:
            return TOOL.format(pick(["one", "two"]), pick([1, 2, 3]))
        lines = [pick(SETTINGS) for _ in range(self.chance.choice([0, 0, 0, 1, 1, 2]))]
        if kind < 0.36:
            return "\n".join([*lines, "%%json answer n int", pick(["How many?", "Invalid", "Cut", "Never", "Pause 1"])])
        if kind < 0.4:
            return "\n".join([*lines, "%%exec bash", pick(["echo one", "x" * 2500])])
        if kind < 0.44:
            lines.append("%attach table.csv")
        return "\n".join([*lines, pick(PROMPTS)])

    def step(self):
        if self.chance.random() < 0.03:
            self.done.append("killed")
            self.session.restart()
        code, cell = self.code(), self.cell()
        refusals = self.chance.choice([[]] * 8 + [[Refused(529, {"retry-after-ms": "5"})], [Refused(400)], [Refused(400)] * 2, [Refused(404)]])
        interrupt = not refusals and self.chance.random() < 0.06
        if interrupt:
            code = "%tools default\nSlow work"
        self.done.append((cell, code[:60], [refused.status for refused in refusals]))
        if interrupt:
            return self.chance.choice([self.session.interrupted, self.session.killed])(code, cell)
        self.session.strict.refusals = refusals
        reply = self.session.run(code, cell, many=code == "%rerun stale")[0]
        self.session.strict.refusals = []
        assert reply.get("ename") in ENDS, reply


@pytest.mark.parametrize("seed", SEEDS)
def test_a_notebook_at_random(tmp_path, seed):
    walk = Walk(tmp_path, seed)
    try:
        for _ in range(STEPS):
            walk.step()
    except BaseException:
        walk.session.judge.problems.clear()
        print(*walk.done, sep="\n")
        raise
    finally:
        walk.session.close()
