"""The user's guide says what is so: every cell and every command in it is run.

A page of `docs/guide/src` is a notebook: its `claude` fences are the cells, run in order on the offline kernel with
the script of the same name in `docs/guide/scripts`. Comments below a cell, which no reader sees, say what must come:
`<!-- shows: text -->`, `<!-- fails: ErrorName -->`. Its `sh` fences run after that, where `my.ipynb` is the notebook.
"""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from notebook_runs import BINARY, ROOT, RUN_TIMEOUT_S

GUIDE = ROOT / "docs/guide"
PAGES = sorted(path.stem for path in (GUIDE / "src").glob("*.md") if path.stem != "SUMMARY")
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$\n?((?:<!-- .*? -->\n)*)", re.MULTILINE | re.DOTALL)
NOTE = re.compile(r"<!-- (shows|fails): (.*?) -->")


@dataclass
class Sample:
    """One fence of a page, and what must come of it."""

    language: str
    source: str
    shows: list[str] = field(default_factory=list)
    fails: str = ""


def samples(page: str) -> list[Sample]:
    found = []
    for _, language, source, notes in FENCE.findall((GUIDE / f"src/{page}.md").read_text()):
        sample = Sample(language, source.rstrip("\n"))
        for kind, text in NOTE.findall(notes):
            if kind == "shows":
                sample.shows.append(text)
            else:
                sample.fails = text
        found.append(sample)
    return found


class Played:
    """A page whose cells were run, and the folder that they ran in."""

    def __init__(self, jupyter, directory: Path, page: str):
        self.directory = directory
        cells = [sample for sample in samples(page) if sample.language == "claude"]
        if cells:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source) for cell in cells])
            notebook.metadata.kernelspec = {"name": "claude-offline", "display_name": "Claude (offline)", "language": "claude-offline"}
            (directory / "sales.csv").write_text("day,amount\n1,10\n2,20\n3,30\n")
            shutil.copy(GUIDE / f"scripts/{page}.claude.md", directory / "my.claude.md")
            nbformat.write(notebook, directory / "my.ipynb")
            options = ["--to", "notebook", "--execute", "--allow-errors", "--inplace"]
            jupyter.nbconvert(directory / "my.ipynb", *options, check=True)
            self.notebook = nbformat.read(directory / "my.ipynb", as_version=nbformat.NO_CONVERT)


@pytest.fixture(scope="module")
def played(jupyter, tmp_path_factory):
    """Every page's notebook, two at a time."""
    homes = {page: tmp_path_factory.mktemp(page) for page in PAGES}
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield dict(zip(PAGES, pool.map(lambda page: Played(jupyter, homes[page], page), PAGES), strict=True))


@pytest.mark.parametrize("page", PAGES)
def test_the_cells_of_a_page_do_what_it_says(played, page):
    cells = [sample for sample in samples(page) if sample.language == "claude"]
    for sample, cell in zip(cells, played[page].notebook.cells if cells else [], strict=True):
        shown = "\n".join(output.get("data", {}).get("text/plain", "") + output.get("text", "") for output in cell.outputs)
        errors = [output for output in cell.outputs if output.output_type == "error"]
        shown += "\n".join("\n".join(error.traceback) for error in errors)
        assert [error.ename for error in errors] == ([sample.fails] if sample.fails else []), (sample.source, shown)
        for text in sample.shows:
            assert text in shown, (sample.source, shown)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(played, jupyter, page, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/claude-kernel").symlink_to(BINARY)
    env = jupyter.env | {"HOME": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:{jupyter.env['PATH']}"}
    for sample in samples(page):
        if sample.language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", sample.source]
            done = subprocess.run(command, cwd=played[page].directory, env=env, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
            assert done.returncode == 0, (sample.source, done.stdout, done.stderr)


def test_the_summary_names_every_page_and_every_link_leads_somewhere():
    listed = re.findall(r"\]\((.*?)\.md\)", (GUIDE / "src/SUMMARY.md").read_text())
    assert sorted(listed) == PAGES
    for page in PAGES:
        text = (GUIDE / f"src/{page}.md").read_text()
        title = dict(re.findall(r"- \[(.*?)\]\((.*?)\.md\)", (GUIDE / "src/SUMMARY.md").read_text()))
        assert title[re.match(r"# (.*)", text)[1]] == page
        assert set(re.findall(r"\]\(([\w-]+)\.md\)", text)) <= set(PAGES)
        # What is no sample says so: a fence without a language would be run by nobody.
        assert {sample.language for sample in samples(page)} <= {"claude", "sh"}, page
        assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(samples(page)), page


def test_every_error_is_explained_once():
    named = re.findall(r'Self::\w+ => "(\w+)"', (ROOT / "src/kernel/error/kind.rs").read_text())
    rows = re.findall(r"^\| `(\w+)` \|", (GUIDE / "src/trouble.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(named)
