"""What people, files and tools of this machine bring along that no request may carry as it is."""

import os
import sys
import textwrap

import pytest
from strict_session import Session
from test_strict_turns import SQUARE

# Results of a tool, as Python: what is empty, large, no text, or no picture.
RESULTS = [
    "''", "' \\n'", "None", "[]", "{}", "float('nan')", "b''", "b'abc'", "'x' * 3_000_000", "'\\ud800'", "'\\x00\\x1b[31m'", "0", "False",
    "[None, '']", "{'a': ''}", "('', '')", "b'%PDF-1.4'", "object()", "[b'abc', b'']",
]  # fmt: skip
LARGE = textwrap.dedent('''
    %%tool
    import os, struct, zlib
    def large(n: int) -> bytes:
        """A picture of 12 MB."""
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        side = 2000 if n < 4 else 9000
        rows = b"".join(b"\\0" + os.urandom(side * 3) for _ in range(side if n < 4 else 10))
        head = struct.pack(">IIBBBBB", side, side if n < 4 else 10, 8, 2, 0, 0, 0)
        return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
''').lstrip()
SERVER = textwrap.dedent('''
    import anyio, mcp.types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    INNER = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}
    NAMES = ["a.b/c d", "größe", "x" * 200, "bash", "code_execution", "web_search", "plain", "recursive"]

    async def tools(context, params):
        schemas = {"recursive": {**INNER, "$defs": {"a": INNER}}}
        return types.ListToolsResult(tools=[types.Tool(name=n, input_schema=schemas.get(n, {"type": "object"})) for n in NAMES])

    async def call(context, params):
        picture = types.ImageContent(type="image", data="AAAA", mime_type="image/bmp")
        return types.CallToolResult(content=[types.TextContent(type="text", text=""), picture, types.TextContent(type="text", text=" ")])

    async def main():
        server = Server("odd", on_list_tools=tools, on_call_tool=call)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(main)
''')


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def test_what_tools_return(session):
    session.cell("Compute at first")
    session.cell("%%tool\ndef odd(n: int):\n    return [" + ", ".join(RESULTS) + "][n]")
    for n, result in enumerate(RESULTS):
        session.cell(f'Call odd {{"n": {n}}}')
        (answer,) = session.last()["messages"][-1]["content"]
        assert answer["content"], result
        assert len(str(answer)) < 2_000_000
    session.cell("Code odd")
    session.cell(LARGE)
    session.cell("Ask large twice")
    session.cell("Compute at the end")


def test_names_and_schemas_of_tools(session):
    session.cell("Compute at first")
    for name in ("größe", "x" * 130, "code_execution", "web_search", "bash_code_execution", "_", "__init__"):
        session.attempt(SQUARE.replace("square", name))
        session.cell("Hello")
    for types in ("*args: int", "**more: int", "n", "n: 'Unknown'", "n: dict[int, list[tuple[int, ...]]]", "n: int | None = None, /", ""):
        session.attempt(f"%%tool\ndef odd({types}):\n    return 1")
        session.cell("Hello")
    (session.kernel.directory / "server.py").write_text(SERVER)
    session.cell(f"%mcp add odd {sys.executable} server.py")
    session.cell("Hello")
    session.cell("%web\nHello")
    names = [name for name in session.judge.available(session.last()) if name.startswith("odd")]
    assert names
    for name in names:
        session.cell(f"Ask {name} 1")
    session.cell("%tools code_execution_20250825\nHello")
    session.cell("%model claude-haiku-4-5\n%tools default\nHello")
    session.cell("%model opus\nCompute at the end")


def test_files_with_odd_names(session):
    names = ["we:ird?.csv", 'quo"te.csv', "new\nline.csv", "tab\t.csv", "ünïcödé 🦀.csv", "x" * 240 + ".csv", "back\\slash.csv", ".hidden.csv", "no-end"]
    for name in names:
        (session.kernel.directory / name).write_text("a,b\n1,2\n")
    os.makedirs(session.kernel.directory / "sub")
    (session.kernel.directory / "sub" / "empty.csv").write_text("")
    (session.kernel.directory / "blank.txt").write_text(" \n")
    (session.kernel.directory / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (session.kernel.directory / "fake.pdf").write_bytes(b"not a pdf")
    session.cell("%attach *.csv no-end\nCompute their sums")
    assert len(session.judge.files) >= len(names) - 1
    for line in ("%attach sub/empty.csv", "%attach blank.txt --document", "%attach broken.png --image", "%attach fake.pdf --document",
                 "%attach blank.txt --image", "%attach blank.txt fake.pdf broken.png"):  # fmt: skip
        session.attempt(f"{line}\nHello")
        session.cell("Hello again")
    session.attempt("Hello @blank.txt and @sub/empty.csv and @nowhere.csv")
    session.cell("Hello @blank.txt and @nowhere.csv")
    session.cell("%attach blank.txt")
    session.cell("%undo")
    session.cell("Compute at the end")


def test_prompts_that_are_hardly_any(session):
    before = len(session.judge.bodies)
    for code in ("", " \n\t", "%effort high", "\n%effort default\n\n"):
        session.attempt(code)
    assert len(session.judge.bodies) == before
    session.cell("%set blank ''")
    session.attempt("%%set wide\n   \n")
    session.cell("%set wide '  '")
    for code in ("{{blank}}", " {{wide}} ", "{{blank}}{{wide}}", "\\%effort", "\u00a0", "\u200b", "\x00", "%%system\n  \n\nHello", "%system\nHello"):
        session.attempt(code)
        session.cell("Hello")
    session.cell("Hello " + "very " * 100_000)
    session.cell("Hello 🦀 \x1b[31m \u2028 {{nothing}} $x$ </details>")
    session.cell("Compute at the end")


def test_ends_that_are_hardly_any(session):
    session.cell("Declines at first", fails="Refusal")
    session.cell("Compute where that was")
    session.cell(SQUARE)
    for words in ("Hush square", "Rest a while", "Hush square", "Nothing"):
        session.cell(words)
        session.cell("Hello")
    session.cell("%compact")
    session.cell("Hush square")
    session.cell("%compact")
    session.cell("Declines again", fails="Refusal")
    session.cell("Compute at the end")


@pytest.mark.parametrize("style", ["sparse", "early", "nulls"])
def test_streams_that_say_less_or_sooner(session, style):
    session.strict.style = style
    session.cell("Compute at first")
    session.cell("%web fetch\nResearch this")
    session.cell(SQUARE)
    session.cell("Mixed square")
    session.cell("Ask square twice")
    session.cell("%%thinking notes\nPause 2")
    session.judge.expected_container = None
    session.cell("%reset sandbox\nHello")
    # Early, the name of the new sandbox comes with the first event: it is kept.
    session.interrupted("Slow work")
    assert (session.judge.expected_container is None) == (style != "early")
    session.cell("Hello after it")
    session.cell("Compute at the end")


def test_everything_that_asks_the_api_besides(session):
    session.cell("%models refresh")
    session.cell("Compute at first")
    session.cell("%budget 3\nCompute within it")
    session.cell("%%dry\nCompute what?")
    session.cell("%status")
    session.attempt("%packages")
    session.cell("%history")
    session.cell("%cost")
    session.judge.extra_betas = {"context-1m-2025-08-07"}
    session.cell("%beta add context-1m-2025-08-07\nHello")
    session.judge.extra_betas = set()
    session.cell("%beta rm context-1m-2025-08-07\nHello")
    session.cell("%rerun stale", many=True)
    session.cell("Compute other", "cell-2")
    session.cell("%rerun stale", many=True)
    session.cell("Compute at the end")
