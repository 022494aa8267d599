"""What was shown is not lost: kill -9 at fifty random moments of running turns, a disk that is full."""

import json
import random
import re
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty

from kernel_process import BINARY, LIMIT_S, KernelProcess

KILLS = 50
# Kernels beside each other: a kill is mostly waiting.
LANES = 5
# What may be lost.
LATE_S = 0.25
TOKEN = re.compile(r"token-\d+-\d+")


def script() -> str:
    """A turn of about 1.5 s with thinking, prose that grows, steps and more prose; every token is said once."""
    parts = ["# Talk {{n}}\n\n> I plan token-{{n}}-1 and token-{{n}}-2.\n"]
    number = 3
    for paragraph in range(12):
        words = " ".join(f"token-{{{{n}}}}-{number + i} and then" for i in range(6))
        number += 6
        # In mid-block and between blocks.
        parts.append(f"<!-- fault: stall ms=40 after_deltas={5 + paragraph * 9} -->\n\n{words}.\n")
        if paragraph % 4 == 3:
            parts.append(f"```bash\necho token-{{{{n}}}}-{number}\n```\n")
            number += 1
        parts.append("<!-- fault: stall ms=60 -->\n")
    return "\n".join(parts)


class Lane:
    """One notebook whose kernel is killed again and again."""

    def __init__(self, directory, seed: int):
        self.chance = random.Random(seed)
        self.notebook = directory / "work.ipynb"
        self.kernel = KernelProcess(directory, scripts=script(), env={"JPY_SESSION_NAME": str(self.notebook)})
        self.turn = 0

    def kill(self) -> tuple[int, int]:
        """Runs a turn, kills the kernel in it, looks for what was shown; returns how much that was."""
        self.turn += 1
        client = self.kernel.client()
        message = client.session.msg(
            "execute_request",
            {"code": f"Talk {self.turn}", "silent": False, "store_history": True, "allow_stdin": True},
            # A notebook, or a terminal.
            metadata={"cellId": f"cell-{self.turn}"} if self.turn % 2 else {},
        )
        client.shell_channel.send(message)
        shown: dict[str, float] = {}
        until = time.monotonic() + self.chance.uniform(0.1, 2.0)
        while (left := until - time.monotonic()) > 0:
            try:
                published = client.get_iopub_msg(timeout=left)
            except Empty:
                break
            now = time.monotonic()
            for token in TOKEN.findall(json.dumps(published["content"])):
                shown.setdefault(token, now)
        killed = time.monotonic()
        self.kernel.process.kill()
        self.kernel.process.wait(LIMIT_S)
        client.stop_channels()
        due = {token for token, at in shown.items() if at <= killed - LATE_S}
        found = self.found()
        # What is found was said, and in this turn: nothing is mixed up.
        assert due <= found, f"turn {self.turn}: {sorted(due - found)} of {len(due)} are lost"
        assert all(token.startswith(f"token-{self.turn}-") for token in found)
        self.kernel.start()
        return len(due), len(found)

    def found(self) -> set[str]:
        """Returns the tokens that the journal holds of the last turn."""
        shown = self.conversation()
        last = [turn for turn in shown["cut_off"] + shown["turns"] if turn["prompt"] == f"Talk {self.turn}"]
        return set(TOKEN.findall(json.dumps([turn["said"] for turn in last])))

    def conversation(self) -> dict:
        command = [str(BINARY), "conversations", "show", str(self.notebook), "--json"]
        read = subprocess.run(command, env=self.kernel.env, capture_output=True, check=False, timeout=LIMIT_S)
        if b"there is no conversation" in read.stderr:
            return {"cut_off": [], "turns": []}
        assert read.returncode == 0, read.stderr
        return json.loads(read.stdout)

    def run(self, kills: int) -> list[tuple[int, int]]:
        try:
            counts = [self.kill() for _ in range(kills)]
            self.all_turns_are_there()
            return counts
        finally:
            self.kernel.close()

    def all_turns_are_there(self) -> None:
        """One more kernel goes on, and its history holds a turn for each kill that left something to keep."""
        client = self.kernel.client()
        reply, published = client.run("%history all")
        assert reply["status"] == "ok"
        text = json.dumps([message["content"] for message in published])
        prompts = {int(number) for number in re.findall(r"Talk (\d+)", text)}
        kept = {int(token.split("-")[1]) for token in TOKEN.findall(json.dumps(self.conversation()))}
        assert prompts == kept, text
        assert client.works()
        client.stop_channels()


def test_what_was_shown_is_found_again_after_fifty_kills(tmp_path):
    lanes = []
    for number in range(LANES):
        directory = tmp_path / str(number)
        directory.mkdir()
        lanes.append(Lane(directory, seed=number))
    with ThreadPoolExecutor(LANES) as pool:
        counts = [count for lane in pool.map(lambda lane: lane.run(KILLS // LANES), lanes) for count in lane]
    assert len(counts) == KILLS
    # The moments were spread over the turns, and most of them had something to lose.
    due = [count for count, _ in counts]
    assert sum(count > 0 for count in due) > KILLS // 2, due
    assert max(due) > 30 > min(due), due


def test_a_full_disk_stops_no_cell_and_loses_nothing_once_there_is_room(tmp_path):
    notebook = tmp_path / "work.ipynb"
    kernel = KernelProcess(tmp_path, scripts="# Say {{n}}\n\nSaid {{n}}.\n", env={"JPY_SESSION_NAME": str(notebook)})
    try:
        client = kernel.client()

        def said(code: str) -> str:
            reply, published = client.run(code, allow_stdin=True)
            assert reply["status"] == "ok"
            return json.dumps([message["content"] for message in published])

        assert "not being saved" not in said("Say 1")
        (journal,) = (tmp_path / "state/claude-kernel/conversations/offline").iterdir()
        # Beyond this limit a write fails as on a full disk.
        _, hard = resource.prlimit(kernel.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(kernel.process.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size + 300, hard))
        assert "not being saved" in said("Say 2")
        assert "not being saved" not in said("Say 3"), "it is said once"
        resource.prlimit(kernel.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        said("Say 4")
        kernel.process.kill()
        kernel.process.wait(LIMIT_S)
        command = [str(BINARY), "conversations", "show", str(notebook), "--json"]
        shown = json.loads(subprocess.run(command, env=kernel.env, capture_output=True, check=True).stdout)
        assert [turn["prompt"] for turn in shown["turns"]] == [f"Say {n}" for n in range(1, 5)]
        assert kernel.output() == ""
    finally:
        kernel.close()
