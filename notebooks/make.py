"""Runs the notebooks of this folder on the offline kernel and keeps what they show (`make notebooks`).

Whoever reads the repository sees answers, not prompts alone. Each notebook runs in a copy of the folder, as for a
person who has just cloned it; what it saves (`claude_files/`) is not kept. One that still shows what the kernel shows
today is left as it is, so that a change of one notebook is a change of one file; `--all` writes every one.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/conformance"))

from notebook_runs import NAMES, ROOT, Jupyter, Runs, looks  # noqa: E402

KERNELSPEC = {"display_name": "Claude (offline)", "language": "claude-offline", "name": "claude-offline"}
# How the kernel names its language: what changes with its version is left out.
LANGUAGE = ("name", "mimetype", "file_extension", "pygments_lexer", "codemirror_mode")


def with_answers(stored: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Returns the stored notebook with the outputs of the executed one."""
    stored.metadata.kernelspec = nbformat.from_dict(KERNELSPEC)
    info = executed.metadata.language_info
    stored.metadata.language_info = nbformat.from_dict({key: info[key] for key in LANGUAGE})
    for cell, ran in zip(stored.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    return stored


def neutral(text: str) -> str:
    """Names the places of Python on this machine as any machine might: a traceback and a listing show them."""
    for path, name in ((sys.prefix, "/venv"), (sys.base_prefix, "/usr"), (str(ROOT / ".venv"), "/venv")):
        text = text.replace(path, name) if path not in ("/", "/usr") else text
    return text


def machine_paths(text: str, *more: Path) -> list[str]:
    """The paths of this machine that stand in a notebook: where it is looked at, there are none such."""
    paths = {str(path) for path in (ROOT, Path.home(), Path(tempfile.gettempdir()), Path(sys.prefix), *more)}
    return sorted(path for path in paths if path != "/" and path in text)


def make(runs: Runs, name: str, everything: bool) -> str:
    """Brings one notebook up to date; returns what was done, or why it was not."""
    path = HERE / f"{name}.ipynb"
    stored = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    executed = runs[name].notebook
    if looks(stored) == looks(executed) and stored.metadata.kernelspec == KERNELSPEC and not everything:
        return "as it was"
    text = neutral(nbformat.writes(with_answers(stored, executed)))
    if found := machine_paths(text, runs.home):
        return f"NOT written: it would hold {', '.join(found)}"
    path.write_text(text + "\n")
    return "written"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help="only these")
    parser.add_argument("--all", action="store_true", help="write every one, also those that would not change")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="notebooks-") as home:
        (Path(home) / "runs").mkdir()
        runs = Runs(Jupyter(Path(home)), Path(home) / "runs")
        try:
            for name in args.names:
                done = make(runs, name, args.all)
                failed += done.startswith("NOT")
                print(f"{name}: {done}", flush=True)
        finally:
            runs.close()
    return os.EX_DATAERR if failed else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
