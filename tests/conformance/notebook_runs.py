"""Runs notebooks the way a person does, and reads what came out.

Nothing here knows a particular notebook. `Runs` executes each one at most once, in a directory of its own,
with nbconvert and the kernelspecs that `claude-kernel install` writes.
"""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
BINARY = Path(os.environ.get("CLAUDE_KERNEL_BIN", ROOT / "target/debug/claude-kernel")).resolve()
# One notebook takes seconds; a machine under load may take a minute.
RUN_TIMEOUT_S = 300


class Jupyter:
    """An environment with both kernelspecs installed and nothing of the person's own."""

    def __init__(self, home: Path):
        self.prefix = home / "prefix"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "CLAUDE_", "JUPYTER_", "JPY_"))}
        self.env = kept | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
            "JUPYTER_PATH": str(self.prefix / "share/jupyter"),
            "JUPYTER_CONFIG_DIR": str(home / "jupyter"),
            "PYTHONDONTWRITEBYTECODE": "1",
            # Nobody sits at nbconvert's screen: the notebooks here may run the tools that they define.
            "CLAUDE_KERNEL_ALLOW": "tools",
        }
        install = [str(BINARY), "install", "--prefix", str(self.prefix)]
        self.run(*install, cwd=home, check=True)
        self.run(*install, "--offline", "--python", sys.executable, cwd=home, check=True)

    def run(self, *command: str, cwd: Path, check: bool = False) -> subprocess.CompletedProcess:
        """Runs a command, with its output as text; `check` says that it must succeed."""
        done = subprocess.run(command, cwd=cwd, env=self.env, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def nbconvert(self, notebook: Path, *options: str, check: bool = False) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "nbconvert", notebook.name, *options, cwd=notebook.parent, check=check)

    def execute(self, notebook: Path, kernel: str = "claude-offline", check: bool = False) -> subprocess.CompletedProcess:
        """Executes `notebook` into `NAME.nbconvert.ipynb` beside it."""
        options = ["--to", "notebook", "--execute", f"--ExecutePreprocessor.kernel_name={kernel}"]
        return self.nbconvert(notebook, *options, check=check)


@dataclass
class Run:
    """An executed notebook and the directory that it ran in."""

    directory: Path
    path: Path
    notebook: nbformat.NotebookNode

    @classmethod
    def of(cls, jupyter: Jupyter, notebook: Path) -> "Run":
        jupyter.execute(notebook, check=True)
        path = notebook.with_suffix(".nbconvert.ipynb")
        return cls(notebook.parent, path, nbformat.read(path, as_version=nbformat.NO_CONVERT))

    def cell(self, cell_id: str) -> "Cell":
        return Cell(next(cell for cell in self.notebook.cells if cell.id == cell_id))

    def code_cells(self) -> "list[Cell]":
        return [Cell(cell) for cell in self.notebook.cells if cell.cell_type == "code"]

    def file(self, name: str) -> Path:
        """The one file of this name that the run saved."""
        found = list((self.directory / "claude_files").rglob(name))
        assert len(found) == 1, f"{name}: {found}"
        return found[0]


class Cell:
    """An executed code cell, by what a person sees in it."""

    def __init__(self, node: nbformat.NotebookNode):
        self.node = node
        self.id = node.id
        self.source = node.source
        self.bundles = [output.data for output in node.outputs if "data" in output]

    @property
    def is_prompt(self) -> bool:
        """Whether running it asks Claude something."""
        lines = [line for line in self.source.splitlines() if line.strip()]
        defines = any(line.startswith(("%%dry", "%%system", "%%set", "%%tool")) for line in lines)
        return not defines and any(not line.startswith("%") for line in lines)

    @property
    def markdown(self) -> str:
        return "\n\n".join(bundle.get("text/markdown", "") for bundle in self.bundles)

    def blocks(self, kind: str) -> list[str]:
        """The Markdown of one kind of block (the kernel notes it in the metadata): text, step, receipt, …"""
        shown = [output for output in self.node.outputs if "data" in output]
        return [output.data["text/markdown"] for output in shown if output.metadata.get("claude_kernel", {}).get("block") == kind]

    @property
    def steps(self) -> list[str]:
        """The tool steps: what ran, folded, with the streams behind it: what it printed."""
        found = []
        follows = False
        for output in self.node.outputs:
            if output.output_type == "stream" and follows:
                found[-1] += f"\n\n{output.text}"
                continue
            follows = output.get("metadata", {}).get("claude_kernel", {}).get("block") == "step"
            if follows:
                found.append(output.data["text/markdown"])
        return found

    @property
    def answer(self) -> str:
        """The prose."""
        return "\n\n".join(self.blocks("text"))

    @property
    def images(self) -> "list[tuple[Image.Image, dict]]":
        """The PNG images, decoded, each with its metadata."""
        found = []
        for output in self.node.outputs:
            if "image/png" in output.get("data", {}):
                image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"], validate=False)))
                image.load()
                found.append((image, output.metadata.get("image/png", {})))
        return found

    def numbers(self) -> list[float]:
        """The numbers in the prose, in order; thousands separators understood."""
        text = re.sub(r"(?<=\d),(?=\d{3})", "", self.answer)
        return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text)]

    def row(self, label: str) -> list[str]:
        """The cells of the table row in the prose that begins with `label`."""
        for line in self.answer.splitlines():
            cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
            if line.lstrip().startswith("|") and cells[0] == label:
                return cells[1:]
        raise AssertionError(f"no table row `{label}` in:\n{self.answer}")


def request_shown(cell: Cell) -> dict:
    """The request that `%%dry` shows."""
    return json.loads(re.search(r"```json\n(.*?)\n```", cell.markdown, re.DOTALL)[1])


def looks(notebook: nbformat.NotebookNode) -> list:
    """How a notebook's answers look, whatever machine they were made on: which outputs, built of what, without numbers."""
    seen = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        seen.append((cell.source, bool(cell.execution_count)))
        for output in cell.outputs:
            data = output.get("data", {})
            kind = output.get("metadata", {}).get("claude_kernel", {}).get("block")
            markdown = data.get("text/markdown", "")
            tags = re.sub(r"\d+", "0", " ".join(re.findall(r"<[^<>]+>", markdown)))
            # What stands there once for all answers is compared as it is; prose depends on what the machine has.
            line = re.sub(r"[\d.]+k?", "0", markdown) if kind == "receipt" else ""
            seen.append((output.output_type, kind, sorted(data), tags, line))
    return seen


class Runs:
    """Every notebook, executed at most once; the next one runs while the tests look at this one."""

    def __init__(self, jupyter: Jupyter, home: Path):
        self.jupyter = jupyter
        self.home = home
        self.pool = ThreadPoolExecutor(max_workers=2)
        self.started: dict[str, Future] = {}

    def copy(self, label: str) -> Path:
        """A fresh copy of the notebooks without their outputs, their scripts and their data, nothing else."""
        directory = self.home / label
        directory.mkdir()
        for path in NOTEBOOKS.glob("*.claude.md"):
            shutil.copy(path, directory)
        for path in NOTEBOOKS.glob("*.ipynb"):
            notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            nbformat.write(notebook, directory / path.name)
        shutil.copytree(NOTEBOOKS / "data", directory / "data")
        return directory

    def __getitem__(self, name: str) -> Run:
        following = NAMES[NAMES.index(name) + 1 :][:1]
        for wanted in (name, *following):
            if wanted not in self.started:
                self.started[wanted] = self.pool.submit(lambda n=wanted: Run.of(self.jupyter, self.copy(n) / f"{n}.ipynb"))
        return self.started[name].result()

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)
