"""A kernel process and a front end that measures it: raw sockets, every frame counted, every arrival timed.

Nothing is parsed while a cell runs, so that reading costs the same whatever the kernel sends. The cell is
addressed as JupyterLab does it, with `cellId`.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

# A turn that takes longer is a hang, not a measurement.
LIMIT_S = 180


@dataclass
class Arrival:
    """One iopub message: when it came, how long it was on the wire, and what it says."""

    at: float
    size: int
    header: dict
    parent: dict
    content: dict


@dataclass
class Cell:
    """What running one cell led to."""

    sent: float
    replied: float = 0.0
    idle: float = 0.0
    reply: dict = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def wire_bytes(self) -> int:
        return sum(arrival.size for arrival in self.arrivals)

    def shown(self, marker: str) -> list[tuple[float, int]]:
        """(time, letters visible from then on) for each message that shows some of a text with `marker`."""
        texts: dict[str, int] = {}
        steps = []
        for arrival in self.arrivals:
            markdown = arrival.content.get("data", {}).get("text/markdown")
            if markdown is None or marker not in markdown:
                continue
            display = arrival.content.get("transient", {}).get("display_id") or str(len(texts))
            texts[display] = letters(markdown)
            steps.append((arrival.at, sum(texts.values())))
        return steps


def letters(text: str) -> int:
    """Counts what survives trimming and re-flowing: everything but white space."""
    return len("".join(text.split()))


class Kernel:
    """A running kernel and its one client."""

    def __init__(self, command: list[str], env: dict[str, str]):
        self.directory = tempfile.TemporaryDirectory()
        path = str(Path(self.directory.name) / "connection.json")
        _, info = write_connection_file(path)
        self.session = Session(key=info["key"].encode())
        context = zmq.Context.instance()
        self.shell, self.control = (self.connect(context, zmq.DEALER, info, f"{name}_port") for name in ("shell", "control"))
        self.iopub = self.connect(context, zmq.SUB, info, "iopub_port")
        self.iopub.subscribe(b"")
        log = open(Path(self.directory.name) / "log", "w+")
        started = time.perf_counter()
        self.process = subprocess.Popen([*command, "-f", path], env=env, cwd=self.directory.name, stdout=log, stderr=log)
        self.pid = self.process.pid
        self.session.send(self.shell, "kernel_info_request", {})
        if not self.shell.poll(LIMIT_S * 1000):
            raise RuntimeError(f"{command[0]} did not answer")
        self.shell.recv_multipart()
        self.start_s = time.perf_counter() - started
        self.settle()

    @staticmethod
    def connect(context: zmq.Context, kind: int, info: dict, port: str) -> zmq.Socket:
        socket = context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = 0
        # By default a refused connection is tried again after 100 ms, which would hide a quick start.
        socket.reconnect_ivl = 2
        socket.connect(f"tcp://{info['ip']}:{info[port]}")
        return socket

    def settle(self) -> None:
        """Waits until iopub is heard and quiet: repeats a request until its idle arrives."""
        deadline = time.perf_counter() + LIMIT_S
        while time.perf_counter() < deadline:
            self.session.send(self.shell, "kernel_info_request", {})
            self.shell.recv_multipart()
            if self.iopub.poll(200):
                break
        while self.iopub.poll(200):
            self.iopub.recv_multipart()

    def cpu_s(self) -> float:
        """CPU seconds of the process so far, to the nanosecond (the kernel's clock id of a pid)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def send(self, code: str) -> Cell:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True, "stop_on_error": True}
        metadata = {"cellId": str(uuid.uuid4()), "deletedCells": [], "recordTiming": False, "trusted": True}
        message = self.session.msg("execute_request", content, metadata=metadata)
        self.request = message["header"]["msg_id"]
        self.cpu_before = self.cpu_s()
        cell = Cell(time.perf_counter())
        self.session.send(self.shell, message)
        return cell

    def run(self, code: str, interrupt_after: int | None = None) -> Cell:
        """Runs a cell to its end; with `interrupt_after`, asks to stop after so many iopub messages.

        `cell.sent` is then the time of that request, not of the cell.
        """
        cell = self.send(code)
        raw: list[tuple[float, list[bytes]]] = []
        poller = zmq.Poller()
        poller.register(self.iopub, zmq.POLLIN)
        poller.register(self.shell, zmq.POLLIN)
        deadline = cell.sent + LIMIT_S
        request = self.request.encode()
        while not (cell.idle and cell.replied):
            ready = dict(poller.poll(1000))
            now = time.perf_counter()
            if now > deadline:
                raise RuntimeError(f"the cell did not end: {code[:80]}")
            if self.iopub in ready:
                frames = self.iopub.recv_multipart()
                raw.append((now, frames))
                if b'"idle"' in frames[-1] and request in frames[-3]:
                    cell.idle = now
                if interrupt_after is not None and len(raw) == interrupt_after:
                    cell.sent = time.perf_counter()
                    self.interrupt()
            if self.shell in ready:
                frames = self.shell.recv_multipart()
                cell.replied = now
                cell.reply = json.loads(frames[-1])
        cell.cpu_s = self.cpu_s() - self.cpu_before
        for at, frames in raw:
            start = frames.index(b"<IDS|MSG>") + 2
            header, parent, _, content = (json.loads(frame) for frame in frames[start : start + 4])
            if parent.get("msg_id") == self.request:
                cell.arrivals.append(Arrival(at, sum(map(len, frames)), header, parent, content))
        return cell

    def interrupt(self) -> None:
        """Asks to stop, as the kernelspec's `interrupt_mode` says: a message for ours, a signal for the peer."""
        self.session.send(self.control, "interrupt_request", {})

    def pss_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no Pss in smaps_rollup")

    def peak_bytes(self) -> int:
        """The most memory the process had at any time since its start."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))

    def wake_ups(self) -> int:
        """Voluntary context switches of all threads: each is a wait that ended."""
        total = 0
        for status in Path(f"/proc/{self.pid}/task").glob("*/status"):
            total += next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("voluntary"))
        return total

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for socket in (self.shell, self.control, self.iopub):
            socket.close()
        self.directory.cleanup()


class SignalledKernel(Kernel):
    """A kernel that is interrupted by SIGINT, as ipykernel is."""

    def interrupt(self) -> None:
        os.kill(self.pid, signal.SIGINT)
