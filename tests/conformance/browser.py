"""JupyterLab in a real browser, driven as a person drives it: menus, the toolbar's buttons, links.

The server and Chromium are started here, in directories of their own and without a network: whatever a page asks
of another host is refused and remembered. Nothing here knows a particular notebook. When something fails, what the
page showed and what its console said is in `target/browser/`.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import nbformat
from notebook_runs import ROOT, Jupyter
from playwright.sync_api import BrowserContext, Error, Locator, Page, expect, sync_playwright

# A page under load takes seconds; a machine under load takes more.
LIMIT_S = 45
expect.set_options(timeout=LIMIT_S * 1000)
FAILURES = ROOT / "target/browser"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",  # In containers and as root there is none; the pages are our own.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
]


def chromium() -> str:
    """Returns the path of an installed Chromium."""
    named = os.environ.get("CLAUDE_KERNEL_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no browser: install the package `chromium`, or set CLAUDE_KERNEL_TEST_CHROMIUM to the path of one"
    return found


def is_local(url: str) -> bool:
    """Whether this address is this machine's, or within the page, as `data:` is."""
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about") or parts.hostname in ("127.0.0.1", "localhost")


class Lab:
    """A JupyterLab server over one directory, with both kernels installed."""

    def __init__(self, jupyter: Jupyter, directory: Path):
        self.directory = directory
        self.token = "browser-test"
        home = Path(jupyter.env["HOME"])
        # No question about news, no look for updates: both ask other machines.
        config = Path(jupyter.env["JUPYTER_CONFIG_DIR"]) / "labconfig/page_config.json"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = ""
        self.log: list[str] = []
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.root_dir": directory,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
            "LabApp.extension_manager": "readonly",
            "KernelSpecManager.ensure_native_kernel": False,
        }
        places = {"JUPYTER_DATA_DIR": str(home / "jupyter-data"), "JUPYTER_RUNTIME_DIR": str(home / "jupyter-runtime")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
            cwd=directory,
            env=jupyter.env | places,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        listening = threading.Event()
        self.reader = threading.Thread(target=self.read_log, args=(listening,), daemon=True)
        self.reader.start()
        if not listening.wait(LIMIT_S) or not self.url:
            self.close()
            raise AssertionError("JupyterLab did not start:\n" + "".join(self.log[-30:]))

    def read_log(self, listening: threading.Event) -> None:
        for line in self.process.stderr:
            self.log.append(line)
            # The server may have taken another port than it was told.
            if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=", line):
                self.url = found[1]
                listening.set()
        listening.set()

    def write(self, folder: str, *cells: str, script: str = "", kernel: str = "claude-offline") -> str:
        """Writes a notebook of these code cells into a folder of its own, with the script it plays; returns its path."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": kernel, "display_name": "Claude", "language": kernel}})
        notebook.cells = [nbformat.v4.new_code_cell(cell, id=f"cell-{index}") for index, cell in enumerate(cells)]
        (self.directory / folder).mkdir()
        nbformat.write(notebook, self.directory / folder / f"{folder}.ipynb")
        if script:
            (self.directory / folder / f"{folder}.claude.md").write_text(script)
        return f"{folder}/{folder}.ipynb"

    def from_a_colleague(self, notebook: str) -> str:
        """Copies a notebook with its outputs to where Jupyter does not trust it; returns the copy's path."""
        copied = nbformat.read(self.directory / notebook, as_version=nbformat.NO_CONVERT)
        # The signature that Jupyter keeps no longer fits.
        copied.metadata["sent_by"] = "a colleague"
        path = Path(notebook).with_stem("from-a-colleague")
        nbformat.write(copied, self.directory / path)
        return str(path)

    def get(self, url: str) -> bytes:
        """Fetches an address of the server as a person who is logged in."""
        request = urllib.request.Request(url, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
            return response.read()

    def close(self) -> None:
        """Ends the server, which ends its kernels."""
        self.process.terminate()
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(LIMIT_S)


class Browser:
    """One Chromium for many pages."""

    def __init__(self) -> None:
        self.playwright = sync_playwright().start()
        try:
            self.chromium = self.playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        except BaseException:
            self.playwright.stop()
            raise

    @contextmanager
    def open(self, lab: Lab, notebook: str) -> "Iterator[Notebook]":
        """Opens a notebook in a window of its own; if the block fails, what it showed is kept."""
        context = self.chromium.new_context(
            viewport={"width": 1200, "height": 1600}, locale="en-GB", timezone_id="UTC", service_workers="block"
        )
        context.set_default_timeout(LIMIT_S * 1000)
        opened = Notebook(lab, context, notebook)
        try:
            opened.load()
            yield opened
        except BaseException as error:
            error.add_note(f"what the browser showed: {opened.keep_evidence()}")
            raise
        finally:
            context.close()

    def close(self) -> None:
        self.chromium.close()
        self.playwright.stop()


class Notebook:
    """An open notebook: what a person can do with it and see in it."""

    def __init__(self, lab: Lab, context: BrowserContext, name: str):
        self.lab = lab
        self.name = name
        self.page: Page = context.new_page()
        self.console: list[str] = []
        # What a page must not have done; each list is empty unless something escaped.
        self.refused: list[str] = []
        self.dialogs: list[str] = []
        self.windows: list[str] = []
        self.left_for: list[str] = []
        context.route("**/*", self.keep_local)
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        self.page.on("dialog", self.note_dialog)
        self.page.on("framenavigated", self.note_navigation)
        self.page.on("websocket", self.note_socket)
        context.on("page", lambda page: self.windows.append(page.url))

    def keep_local(self, route) -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            self.refused.append(route.request.url)
            route.abort()

    def note_socket(self, socket) -> None:
        if not is_local(socket.url):
            self.refused.append(socket.url)

    def note_dialog(self, dialog) -> None:
        # A page that is left with unsaved changes asks, too; that one is the browser's.
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
        dialog.accept()

    def note_navigation(self, frame) -> None:
        if frame == self.page.main_frame and not frame.url.startswith((f"{self.lab.url}/lab", "about:blank")):
            self.left_for.append(frame.url)

    # What a person does.

    def load(self) -> None:
        """Opens the notebook in JupyterLab and waits until its kernel is idle."""
        self.page.goto(f"{self.lab.url}/lab/workspaces/{Path(self.name).stem}/tree/{self.name}?reset&token={self.lab.token}")
        self.wait_idle()

    def reload(self) -> None:
        """Saves the notebook and opens it again."""
        self.menu("File", "Save Notebook")
        self.page.locator(".jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty").wait_for(state="detached")
        self.load()

    def menu(self, menu: str, entry: str) -> None:
        """Picks an entry of the menu bar."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{re.escape(menu)}$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(entry)}$")).click()

    def run_all(self) -> None:
        """Runs all cells and waits for the last."""
        self.menu("Run", "Run All Cells")
        self.wait_done()

    def start_cell(self, index: int) -> None:
        """Runs one cell, as Shift+Enter does."""
        self.cell(index).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Shift+Enter")

    def run_cell(self, index: int) -> None:
        """Runs one cell and waits for it."""
        self.start_cell(index)
        expect(self.cell(index).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"))
        self.wait_idle()

    def interrupt(self) -> None:
        """Presses the toolbar's stop button."""
        self.page.get_by_role("button", name="Interrupt the kernel").click()

    # What a person sees.

    def wait_idle(self) -> None:
        """Waits until the status bar says that the kernel is idle. (The toolbar's circle says so even without one.)"""
        self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle$")).wait_for()

    def wait_done(self) -> None:
        """Waits until every code cell with text has a number, which says that it ran, and the kernel is idle."""
        self.page.wait_for_function(
            """() => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].every(cell =>
                 /\\[\\d+\\]/.test(cell.querySelector('.jp-InputPrompt').textContent))"""
        )
        self.wait_idle()

    def wait_for_console(self, text: str) -> None:
        """Waits until the console says this."""
        if not any(text in line for line in self.console):
            self.page.wait_for_event("console", lambda message: text in message.text)

    def cell(self, index: int) -> Locator:
        """The code cell of this index, from 0."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(index)

    def output(self, index: int) -> Locator:
        """Everything below that cell."""
        return self.cell(index).locator(".jp-OutputArea").first

    def text(self, index: int) -> str:
        """The text that is visible below that cell; what is folded away is not in it."""
        return self.output(index).inner_text()

    def screenshot(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
        return path

    def keep_evidence(self) -> Path:
        """Keeps a picture, the console and the server's log for whoever reads the failure; returns their directory."""
        directory = FAILURES / Path(self.name).stem
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        (directory / "console.txt").write_text("\n".join([*self.console, ""]))
        (directory / "server.txt").write_text("".join(self.lab.log))
        try:
            self.screenshot(directory / "page.png")
        except Error as error:
            (directory / "no-picture.txt").write_text(str(error))
        return directory
