"""Takes the pictures of the README (`make pictures`): real pages, run on the offline kernel.

`notebook.png` is the quickstart in JupyterLab, `page.png` the same notebook as a page made with the template `claude`.
They are reduced to few colours, so that the repository stays small.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/conformance"))

from browser import Browser, Lab, Notebook  # noqa: E402
from notebook_runs import NOTEBOOKS, Jupyter  # noqa: E402

NOTEBOOK = "quickstart"
# What is shown: the cell that asks for a chart, with its answer.
CELL = 3
WIDTH, HEIGHT = 1000, 900
COLOURS = 128


def reduce(path: Path) -> None:
    """Writes the picture again with few colours."""
    picture = Image.open(path).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(HERE.parents[1])}: {picture.width} x {picture.height}, {path.stat().st_size // 1000} kB")


def of_notebook(notebook: Notebook, path: Path) -> None:
    """JupyterLab as a person sees it who has closed the file browser."""
    page = notebook.page
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.keyboard.press("Control+b")
    page.locator("#jp-left-stack").wait_for(state="hidden")
    notebook.run_all()
    cell = notebook.cell(CELL)
    cell.scroll_into_view_if_needed()
    image = cell.locator("img").first
    image.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete", arg=image.element_handle())
    cell.evaluate("cell => cell.scrollIntoView()")
    page.mouse.move(WIDTH - 5, HEIGHT - 5)
    notebook.screenshot(path)


def of_page(browser: Browser, jupyter: Jupyter, executed: Path, path: Path) -> None:
    """The page that nbconvert makes of what was run."""
    jupyter.nbconvert(executed, "--to", "html", "--template", "claude", check=True)
    context = browser.chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(("file:", "data:")) else route.abort())
    page = context.new_page()
    page.goto(executed.with_suffix(".html").as_uri())
    page.screenshot(path=path)
    context.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="pictures-") as home:
        directory = Path(home) / "notebooks"
        (directory / NOTEBOOK).mkdir(parents=True)
        shutil.copy(NOTEBOOKS / f"{NOTEBOOK}.claude.md", directory / NOTEBOOK)
        # Without its answers, which would be played from their recordings.
        fresh = nbformat.read(NOTEBOOKS / f"{NOTEBOOK}.ipynb", as_version=nbformat.NO_CONVERT)
        for cell in fresh.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(fresh, directory / NOTEBOOK / f"{NOTEBOOK}.ipynb")
        jupyter = Jupyter(Path(home))
        lab = Lab(jupyter, directory)
        browser = Browser()
        try:
            name = f"{NOTEBOOK}/{NOTEBOOK}.ipynb"
            with browser.open(lab, name) as notebook:
                of_notebook(notebook, HERE / "notebook.png")
                notebook.menu("File", "Save Notebook")
                notebook.page.locator(".jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty").wait_for(state="detached")
            of_page(browser, jupyter, directory / name, HERE / "page.png")
        finally:
            browser.close()
            lab.close()
    for name in ("notebook.png", "page.png"):
        reduce(HERE / name)


if __name__ == "__main__":
    main()
