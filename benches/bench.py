"""The kernel beside a hand-written one: ipykernel with the `anthropic` SDK, doing the same work in the same run.

The peer is what a careful person writes in a cell: it streams with `client.messages.stream` and updates one Markdown
display at most every 50 ms. Both talk to the same `claude-kernel emulate`, a process of its own, so that its cost is
counted for neither. Figures are medians; targets are ratios, because the machine is not ours to choose.

    python benches/bench.py [--quick] [--only long]        CLAUDE_KERNEL_BIN names the binary (else target/release/claude-kernel)

Exits 1 if a target is missed.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median, quantiles
from tempfile import TemporaryDirectory

from front import Cell, Kernel, SignalledKernel
from tap import Tap

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("CLAUDE_KERNEL_BIN", ROOT / "target/release/claude-kernel")).resolve()
# Long enough to be looked for in all that is shown, as real keys are.
KEY = "sk-ant-bench-0123456789abcdefghijklmnopqrstuvwxyz"
DELTA_BYTES = 20
# A file that a step of the sandbox makes, for the peak of memory while it is fetched.
FILE_BYTES = 200_000_000
# Stands in the generated text, and in nothing else that is shown.
WORD = "lorem"
# A prompt of a long notebook: about what people write.
WORDS = "Which of these figures would change if the two outliers were left out, and by how much? " * 6

PEER = '''
import time
import anthropic
from IPython.display import Markdown, display
client = anthropic.Anthropic()
def ask(prompt):
    text, shown = "", 0.0
    handle = display(Markdown(text), display_id=True)
    with client.messages.stream(model="claude-opus-5-5", max_tokens=32000, messages=[{"role": "user", "content": prompt}]) as stream:
        for piece in stream.text_stream:
            text += piece
            now = time.monotonic()
            if now - shown >= 0.05:
                handle.update(Markdown(text))
                shown = now
    handle.update(Markdown(text))
'''


@dataclass
class Figure:
    """One line of the table."""

    name: str
    ours: str
    peer: str
    measured: str
    target: str
    met: bool


class Backend:
    """`claude-kernel emulate` in a process of its own."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [str(BINARY), "emulate", "--port", str(self.port), "--key", KEY]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"`{' '.join(command)}` does not listen")

    def arm(self, count: int, every_ms: int = 0) -> None:
        """The next answer is `count` deltas of generated text, `every_ms` apart."""
        fault = {"kind": "deltas", "count": count, "size": DELTA_BYTES, "every_ms": every_ms}
        request = urllib.request.Request(f"{self.url}/_emulator/faults", json.dumps(fault).encode(), {"x-api-key": KEY, "content-type": "application/json"})
        urllib.request.urlopen(request, timeout=20).close()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def environment(url: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "CLAUDE_", "JPY_")) and "proxy" not in k.lower()}
    return kept | {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY}


class Ours:
    """How our kernel is started and asked."""

    name = "claude-kernel"
    trivial = "%version"

    def start(self, url: str) -> Kernel:
        return Kernel([str(BINARY), "run"], environment(url))

    def ready(self, kernel: Kernel) -> None:
        pass

    def ask(self, backend: Backend, kernel: Kernel, count: int, every_ms: int = 0, **options) -> Cell:
        # A conversation grows, a call of the peer does not: both are asked afresh.
        kernel.run("%reset chat")
        backend.arm(count, every_ms)
        return checked(kernel.run("Tell me a story.", **options), **options)


class Peer:
    """The same for ipykernel with the SDK."""

    name = "ipykernel + SDK"
    trivial = "print(1)"

    def start(self, url: str) -> Kernel:
        return SignalledKernel([sys.executable, "-m", "ipykernel_launcher"], environment(url))

    def ready(self, kernel: Kernel) -> None:
        checked(kernel.run(PEER))

    def ask(self, backend: Backend, kernel: Kernel, count: int, every_ms: int = 0, **options) -> Cell:
        backend.arm(count, every_ms)
        return checked(kernel.run("ask('Tell me a story.')", **options), **options)


def checked(cell: Cell, interrupt_after: int | None = None) -> Cell:
    wanted = "ok" if interrupt_after is None else "error"
    if cell.reply.get("status") != wanted:
        raise SystemExit(f"a cell ended with {cell.reply}")
    return cell


SIDES = (Ours(), Peer())


class Bench:
    """Measures; every method adds lines to the table."""

    def __init__(self, backend: Backend, quick: bool):
        self.backend = backend
        self.quick = quick
        self.figures: list[Figure] = []

    def ratio(self, name: str, unit: str, ours: float, peer: float, target: float) -> None:
        value = ours / peer
        self.add(name, f"{ours:.3g} {unit}", f"{peer:.3g} {unit}", f"{value:.3f} ×", f"≤ {target} ×", value <= target)

    def limit(self, name: str, ours: float, peer: float | None, unit: str, target: float) -> None:
        shown = "" if peer is None else f"{peer:.3g} {unit}"
        self.add(name, f"{ours:.3g} {unit}", shown, f"{ours:.3g} {unit}", f"≤ {target:g} {unit}", ours <= target)

    def add(self, *line) -> None:
        self.figures.append(Figure(*line))
        print(".", end="", file=sys.stderr, flush=True)

    def measure_start(self) -> None:
        times = {side.name: [] for side in SIDES}
        for _ in range(3 if self.quick else 9):
            for side in SIDES:
                kernel = side.start(self.backend.url)
                times[side.name].append(1000 * kernel.start_s)
                kernel.close()
        ours, peer = (median(times[side.name]) for side in SIDES)
        self.ratio("start to kernel_info_reply", "ms", ours, peer, 0.07)

    def measure_kernels(self) -> None:
        """What is measured on one pair of kernels, in an order that leaves each figure alone."""
        tap = Tap(self.backend.port)
        direct = [side.start(self.backend.url) for side in SIDES]
        tapped = [side.start(tap.url) for side in SIDES]
        try:
            for side, *kernels in zip(SIDES, direct, tapped):
                for kernel in kernels:
                    side.ready(kernel)
                    side.ask(self.backend, kernel, 1000)
            self.measure_memory(direct)
            self.measure_idle(direct)
            self.measure_round_trip(direct)
            self.measure_flood(direct)
            self.measure_paced(tap, tapped)
            self.measure_interrupt(tap, tapped)
        finally:
            for kernel in (*direct, *tapped):
                kernel.close()

    def measure_memory(self, kernels: list[Kernel]) -> None:
        ours, peer = (kernel.pss_bytes() / 1e6 for kernel in kernels)
        self.ratio("memory (PSS) after a turn", "MB", ours, peer, 0.15)

    def measure_idle(self, kernels: list[Kernel]) -> None:
        # The connection to the API may still say goodbye; that is not idling.
        time.sleep(1)
        seconds = 4 if self.quick else 12
        before = [(kernel.wake_ups(), kernel.cpu_s(), time.perf_counter()) for kernel in kernels]
        time.sleep(seconds)
        rates = []
        for kernel, (wakes, cpu, at) in zip(kernels, before):
            span = time.perf_counter() - at
            rates.append(((kernel.wake_ups() - wakes) / span, 100 * (kernel.cpu_s() - cpu) / span))
        (wakes, cpu), (peer_wakes, peer_cpu) = rates
        self.limit("idle: wake-ups", wakes, peer_wakes, "/s", 1)
        self.limit("idle: CPU", cpu, peer_cpu, "%", 0.1)

    def measure_round_trip(self, kernels: list[Kernel]) -> None:
        times = []
        for side, kernel in zip(SIDES, kernels):
            cells = [checked(kernel.run(side.trivial)) for _ in range(30 if self.quick else 200)]
            times.append(median(1000 * (max(cell.replied, cell.idle) - cell.sent) for cell in cells))
        self.ratio("magic-only cell, round trip", "ms", *times, 0.15)

    def measure_flood(self, kernels: list[Kernel]) -> None:
        """Answers that come as fast as they are read: sizes and sides by turns, so that a busy minute is in all."""
        ours: dict[int, list[Cell]] = {count: [] for count in (1000, 10_000, 50_000)}
        peer = []
        for _ in range(1 if self.quick else 7):
            for count, cells in ours.items():
                cells.append(SIDES[0].ask(self.backend, kernels[0], count))
            peer.append(SIDES[1].ask(self.backend, kernels[1], 10_000))
        for count, cells in ours.items():
            worst = max(cell.wire_bytes for cell in cells) / (count * DELTA_BYTES)
            check_text(cells[0], count)
            self.limit(f"iopub bytes per byte of text, {count:,} deltas unpaced", worst, None, "×", 3)
        self.ratio("CPU for 10,000 deltas", "ms", *(1000 * median(cell.cpu_s for cell in cells) for cells in (ours[10_000], peer)), 0.03)
        large = 1000 * median(cell.cpu_s for cell in ours[50_000])
        growth = median(large.cpu_s / small.cpu_s for small, large in zip(ours[10_000], ours[50_000]))
        self.add("CPU for 50,000 deltas", f"{large:.3g} ms", "", f"{growth:.2f} × 10,000", "≤ 5.5 × 10,000", growth <= 5.5)

    def measure_paced(self, tap: Tap, kernels: list[Kernel]) -> None:
        """Answers of which a delta comes each 10 ms."""
        firsts, lags, cpu = [], [], {}
        counts = (50, 300) if self.quick else (50, 300, 1000, 2000)
        for count in counts:
            for side, kernel in zip(SIDES, kernels):
                if side is not SIDES[0] and count != counts[-1]:
                    continue
                tap.clear()
                cell = side.ask(self.backend, kernel, count, every_ms=10)
                cpu[side.name] = 1000 * cell.cpu_s
                if side is SIDES[0]:
                    check_text(cell, count)
                    first, lag = lag_ms(cell, tap.deltas, count)
                    firsts.append(first)
                    lags += lag
                    self.limit(f"iopub bytes per byte of text, {count:,} deltas paced", cell.wire_bytes / (count * DELTA_BYTES), None, "×", 20)
                elif count == counts[-1]:
                    peer_first, peer_lag = lag_ms(cell, tap.deltas, count)
        for _ in range(3 if self.quick else 10):
            tap.clear()
            firsts.append(lag_ms(SIDES[0].ask(self.backend, kernels[0], 10, every_ms=10), tap.deltas, 10)[0])
        self.limit("paced: first output after the first delta", median(firsts), peer_first, "ms", 10)
        self.limit("paced: lag, 99th percentile", quantiles(lags, n=100)[98], quantiles(peer_lag, n=100)[98], "ms", 150)
        self.ratio(f"paced: CPU for {counts[-1]:,} deltas", "ms", *(cpu[side.name] for side in SIDES), 0.15)

    def measure_interrupt(self, tap: Tap, kernels: list[Kernel]) -> None:
        times = {side.name: [] for side in SIDES}
        closed = works = True
        for attempt in range(5 if self.quick else 20):
            for side, kernel in zip(SIDES, kernels):
                tap.clear()
                cell = side.ask(self.backend, kernel, 3000, every_ms=10, interrupt_after=6 + attempt)
                times[side.name].append(1000 * (cell.idle - cell.sent))
                if side is SIDES[0]:
                    closed &= wait_for(lambda: any(at >= cell.sent for at in tap.hung_up), 1)
                    works &= side.ask(self.backend, kernel, 5).reply["status"] == "ok"
        ours, peer = (quantiles(times[side.name], n=20, method="inclusive")[18] for side in SIDES)
        self.limit("interrupt in mid-stream to idle, 95th percentile", ours, peer, "ms", 20)
        self.add("after an interrupt: connection closed, next cell works", f"{yes(closed)}, {yes(works)}", "", f"{yes(closed)}, {yes(works)}", "yes, yes", closed and works)

    def measure_fetch(self) -> None:
        """A large file: made by a step, fetched, saved, named."""
        kernel = SIDES[0].start(self.backend.url)
        try:
            cell = checked(kernel.run(f'```bash\nhead -c {FILE_BYTES} /dev/zero > "$OUTPUT_DIR/large.bin"\n```'))
            saved = Path(kernel.directory.name) / "claude_files" / "large.bin"
            if not saved.exists() or saved.stat().st_size != FILE_BYTES:
                raise SystemExit(f"the file was not fetched: {[arrival.content for arrival in cell.arrivals]}")
            self.limit(f"peak memory (RSS) while {FILE_BYTES // 1_000_000} MB are fetched", kernel.peak_bytes() / 2**20, None, "MiB", 64)
        finally:
            kernel.close()

    def measure_long(self) -> None:
        """A notebook of 1,000 turns: CPU of a turn as a + b × bytes of its request, and what stays behind."""
        turns, tap = 200 if self.quick else 1000, Tap(self.backend.port)
        with TemporaryDirectory() as state:
            env = environment(tap.url) | {"CLAUDE_KERNEL_STATE_DIR": state}
            kernel = Kernel([str(BINARY), "run"], env)
            try:
                cpu, sent, text, memory, journal = [], [], [], [], []
                for number in range(turns):
                    prompt = f"Question {number}: " + WORDS
                    tap.clear()
                    cell = checked(kernel.run(prompt))
                    cpu.append(1000 * cell.cpu_s)
                    sent.append(tap.sent_bytes / 1e6)
                    text.append(len(prompt))
                    # The first tenth fills buffers that are there for good.
                    if number + 1 in (turns // 10, turns * 11 // 20, turns):
                        memory.append(kernel.pss_bytes())
                        journal.append(size(state))
            finally:
                kernel.close()
        b, _ = linear_regression(sent, cpu)
        rest = [took - b * megabytes for took, megabytes in zip(cpu, sent)]
        early, late = median(rest[3:23]), median(rest[-20:])
        self.add(f"long notebook: CPU of a turn without its request's {sent[-1]:.2g} MB", f"{late:.3g} ms at turn {turns}", f"{early:.3g} ms at turn 10", f"{late / early:.2f} ×, and {b:.3g} ms/MB", "≤ 2 ×", late <= 2 * early)
        for name, steps in (("memory", memory), ("journal", journal)):
            first, second = steps[1] - steps[0], steps[2] - steps[1]
            growth = second / max(first, 1)
            per_byte = (steps[2] - steps[0]) / (0.9 * sum(text))
            self.add(f"long notebook: {name} of the second half of the turns", f"{second / 1e6:.3g} MB", f"{first / 1e6:.3g} MB", f"{growth:.2f} × the first, {per_byte:.1f} × the text", "≤ 1.3 ×", growth <= 1.3)

    def table(self) -> str:
        rows = [("figure", "ours", "peer", "measured", "target", "met")]
        rows += [(f.name, f.ours, f.peer, f.measured, f.target, yes(f.met)) for f in self.figures]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)


def size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def yes(value: bool) -> str:
    return "yes" if value else "NO"


def wait_for(condition, seconds: float) -> bool:
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            return False
        time.sleep(0.005)
    return True


def check_text(cell: Cell, count: int) -> None:
    """Nothing of the answer may be missing at its end."""
    shown = cell.shown(WORD)[-1][1]
    if shown < count * DELTA_BYTES * 0.7:
        raise SystemExit(f"{shown} letters shown of an answer of {count} deltas")


def lag_ms(cell: Cell, deltas: list[float], count: int) -> tuple[float, list[float]]:
    """(first output after the first delta, lag of every delta), in milliseconds.

    A delta is seen once so many letters are visible as there are in the deltas up to it.
    """
    if len(deltas) != count:
        raise SystemExit(f"{len(deltas)} deltas went by, not {count}")
    steps = cell.shown(WORD)
    per_delta = steps[-1][1] / count
    lags, step = [], 0
    for number, sent in enumerate(deltas, 1):
        # Half a delta of tolerance: deltas differ by a letter or two.
        while steps[step][1] < per_delta * (number - 0.5):
            step += 1
        lags.append(1000 * (steps[step][0] - sent))
    return lags[0], lags


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions; the figures are rougher")
    parser.add_argument("--only", choices=("start", "kernels", "long", "fetch"), help="measure only this")
    options = parser.parse_args()
    if not BINARY.exists():
        raise SystemExit(f"{BINARY} is not there: run `cargo build --release`")
    backend = Backend()
    try:
        bench = Bench(backend, options.quick)
        for name in ("start", "kernels", "long", "fetch"):
            if options.only in (None, name):
                getattr(bench, f"measure_{name}")()
    finally:
        backend.close()
    print(file=sys.stderr)
    print(bench.table())
    missed = [figure.name for figure in bench.figures if not figure.met]
    print(f"\n{len(bench.figures) - len(missed)} of {len(bench.figures)} targets met" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
