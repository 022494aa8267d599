# The worker: one long-lived interpreter in which the person's tools are defined and called.
#
# The kernel writes requests to the standard input it was started with and reads answers from its
# standard output, each a length in four bytes and JSON. Both are moved away first, so that nothing
# the tools print or read can disturb them: standard input is empty then, and what is printed, also
# by C libraries and child processes, is collected and sent with the answer.
#
# Plain functions run one at a time, in the main thread, which is also where they are defined:
# connections that belong to a thread stay usable, and an interrupt reaches them. `async def`
# functions, and whatever else returns something to await, overlap.
import ast
import asyncio
import faulthandler
import linecache
import queue
import signal
import struct
import threading
import traceback
import uuid

# What is kept of what one call printed.
MAX_PRINTED = 100_000
# Lines of a traceback.
MAX_TRACEBACK = 12_000
# The longest frame either side accepts; the kernel holds the same number.
MAX_FRAME = 48_000_000
# How long what was printed may take to come through its own pipe.
FLUSH_SECONDS = 2.0
# After a mark in what was printed comes its number.
DIGITS = 9
# Lines of a traceback that are alike, such as those of a recursion, are shown so often.
MAX_ALIKE = 3


class Interrupted(KeyboardInterrupt):
    """The kernel wants this call to stop."""


class Later:
    """What a plain function returned is to be awaited first."""

    def __init__(self, value):
        self.value = value


class Printed:
    """Collects what goes to file descriptors 1 and 2."""

    def __init__(self):
        self.mark, self.taken = ("\x1e%s" % uuid.uuid4().hex).encode(), 0
        read, write = os.pipe()
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        sys.stdout = io.TextIOWrapper(open(1, "wb", 0, closefd=False), encoding="utf-8",
                                      errors="backslashreplace", line_buffering=True, write_through=True)
        sys.stderr = sys.stdout
        self.parts, self.size, self.lost = [], 0, 0
        self.flushed = queue.Queue()
        threading.Thread(target=self.collect, args=(read,), daemon=True).start()

    def collect(self, read):
        held = b""
        while True:
            try:
                piece = os.read(read, 1 << 16)
            except OSError:
                return
            if not piece:
                return
            held += piece
            while True:
                before, mark, after = held.partition(self.mark)
                if not mark or len(after) < DIGITS:
                    break
                self.keep(before)
                text = b"".join(self.parts).decode("utf-8", "replace")
                if self.lost:
                    text += "\n(%d more bytes were printed)\n" % self.lost
                self.parts, self.size, self.lost = [], 0, 0
                self.flushed.put((int(after[:DIGITS]), text))
                held = after[DIGITS:]
            # The end may be the beginning of a mark.
            sure = max(0, len(held) - len(self.mark) - DIGITS)
            self.keep(held[:sure])
            held = held[sure:]

    def keep(self, piece):
        room = max(0, MAX_PRINTED - self.size)
        if piece[:room]:
            self.parts.append(piece[:room])
            self.size += len(piece[:room])
        self.lost += len(piece[room:])

    def take(self):
        """What was printed since the last time."""
        end_if_forked()
        try:
            sys.stdout.flush()
        except Exception:
            pass
        self.taken += 1
        text, number = "", 0
        try:
            os.write(1, self.mark + b"%0*d" % (DIGITS, self.taken))
            while number < self.taken:  # An interrupted call may have left an earlier mark.
                number, more = self.flushed.get(timeout=FLUSH_SECONDS)
                text += more
        except (OSError, queue.Empty):
            pass
        return text


class Worker:
    def __init__(self):
        self.incoming = open(os.dup(0), "rb")
        self.outgoing = os.dup(1)
        # What the interpreter says when it crashes goes to the kernel.
        faulthandler.enable(os.fdopen(os.dup(2), "w"), all_threads=False)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        sys.stdin = open(0, "r", closefd=False)
        self.printed = Printed()
        self.sending = threading.Lock()
        self.tools = {}
        self.running = None
        self.unwanted = set()
        self.asked = None
        self.tasks = {}
        self.module = types.ModuleType("__main__")
        self.main_thread = threading.main_thread().ident
        self.loop = asyncio.new_event_loop()

    def send(self, answer):
        end_if_forked()
        data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        if len(data) > MAX_FRAME:
            answer = {"op": "result", "id": answer.get("id"), "is_error": True, "printed": "",
                      "content": [{"type": "text", "text": "the result is too large to send"}]}
            data = json.dumps(answer).encode()
        whole = struct.pack(">I", len(data)) + data
        with self.sending:
            while whole:
                whole = whole[os.write(self.outgoing, whole):]

    # The thread that listens.

    def listen(self):
        while True:
            head = self.incoming.read(4)
            if len(head) < 4:
                os._exit(0)  # The kernel is gone.
            request = json.loads(self.incoming.read(struct.unpack(">I", head)[0]))
            if request["op"] == "interrupt":
                self.interrupt(request["id"])
            else:
                self.loop.call_soon_threadsafe(self.requests.put_nowait, request)

    def interrupt(self, number):
        self.unwanted.add(number)
        task = self.tasks.get(number)
        if task is not None:
            self.loop.call_soon_threadsafe(task.cancel)
        elif self.running == number:
            self.asked = number
            signal.pthread_kill(self.main_thread, signal.SIGINT)

    def on_signal(self, _number, _frame):
        if self.asked is not None and self.asked == self.running:
            self.asked = None
            raise Interrupted()

    # The main thread.

    def run(self):
        signal.signal(signal.SIGINT, self.on_signal)
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.serve())

    async def serve(self):
        self.requests = asyncio.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.send({"op": "ready", "python": sys.version.split()[0], "executable": sys.executable})
        while True:
            request = await self.requests.get()
            try:
                await self.handle(request)
            except Interrupted:  # It came a moment too late for its call.
                pass

    async def handle(self, request):
        number = request["id"]
        if request["op"] == "define":
            self.send({"op": "started", "id": number, "blocking": True})
            answer = self.guarded(number, lambda: self.define(request))
            if "content" in answer:
                answer = {"op": "failed", "id": number, "why": answer["content"][0]["text"],
                          "printed": answer["printed"]}
            self.send(answer)
            return
        function = self.tools.get(request["name"])
        if number in self.unwanted:
            self.unwanted.discard(number)
            self.send(self.failure(number, "The call was stopped before it began."))
            return
        if inspect.iscoroutinefunction(function):
            def begin():
                self.send({"op": "started", "id": number})
                return self.call(request, function)

            return self.overlap(request, begin)
        self.send({"op": "started", "id": number, "blocking": True})
        answer = self.guarded(number, lambda: self.call(request, function))
        if isinstance(answer, Later):
            self.send({"op": "waiting", "id": number})
            return self.overlap(request, lambda: answer)
        self.send(answer)
        self.unwanted.discard(number)

    def overlap(self, request, begin):
        number = request["id"]
        task = self.loop.create_task(self.finish(request, begin))
        self.tasks[number] = task
        task.add_done_callback(lambda _: self.tasks.pop(number, None))

    def guarded(self, number, action):
        """Runs the person's code; whatever it does becomes an answer."""
        self.running = number
        try:
            answer = action()
            self.running = None
            return answer
        except BaseException as problem:
            self.running = None
            return self.failure(number, explain(problem))
        finally:
            self.running = None

    def failure(self, number, text):
        return {"op": "result", "id": number, "is_error": True, "printed": self.printed.take(),
                "content": [{"type": "text", "text": text}]}

    def call(self, request, function):
        if function is None:
            raise Mistake("`%s` is not defined any more: its cell failed when it was run again in a "
                          "new process. Run the cell again." % request["name"])
        positional, named = bind(function, request["arguments"])
        value = function(*positional, **named)
        if inspect.isawaitable(value) or inspect.isasyncgen(value):
            return Later(value)
        return self.answer(request, value)

    async def finish(self, request, begin):
        number = request["id"]
        try:
            begun = begin()
            if number in self.unwanted:
                raise asyncio.CancelledError()
            answer = self.answer(request, await settled(begun.value)) if isinstance(begun, Later) else begun
        except asyncio.CancelledError:
            answer = self.failure(number, "The call was stopped.")
        except BaseException as problem:
            answer = self.failure(number, explain(problem))
        self.unwanted.discard(number)
        self.send(answer)

    def answer(self, request, value):
        printed = self.printed.take()
        content = blocks_of(value, request["direct"], printed)
        return {"op": "result", "id": request["id"], "is_error": False, "content": content,
                "printed": printed + self.printed.take()}

    def define(self, request):
        file, source, wanted = request["file"], request["source"], request["names"]
        # So that tracebacks and `inspect` can show the lines.
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        space = self.module.__dict__
        before = dict(space)
        try:
            code = compile(source, file, "exec", dont_inherit=True)
            refuse_twice(source, wanted)
            exec(code, space)
            made = {name: value for name, value in space.items()
                    if inspect.isfunction(value) and before.get(name) is not value
                    and value.__code__.co_filename == file}
            # A decorated function is the person's too, whatever file its wrapper is from.
            made.update((name, value) for name, value in space.items()
                        if callable(value) and before.get(name) is not value
                        and getattr(getattr(value, "__wrapped__", None), "__code__", None) is not None)
            names = wanted or [name for name in made if not name.startswith("_")]
            if not names:
                raise Mistake("the cell defines no function: write `def NAME(...)`, with types and "
                              "a docstring")
            for name in names:
                if name not in made:
                    there = ", ".join("`%s`" % one for one in made) or "none"
                    raise Mistake("the cell does not define a function `%s` (it defines: %s)" % (name, there))
            described = []
            for name in names:
                try:
                    described.append(describe(made[name], name))
                except Mistake as problem:
                    hidden = getattr(made[name], "__name__", name) not in (name, "<lambda>")
                    raise Mistake("`%s`: %s%s" % (name, problem, "" if not hidden else (
                        " (a decorator hides the function: put `@functools.wraps(function)` above what it "
                        "returns)")))
        except BaseException:
            # All or nothing: the tools that were there stay what they were.
            space.clear()
            space.update(before)
            raise
        self.tools.update((name, made[name]) for name in names)
        return {"op": "defined", "id": request["id"], "tools": described, "printed": self.printed.take()}


def refuse_twice(source, wanted):
    """Two functions of one name in one cell: the second would silently stand for both."""
    lines = {}
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # What registers itself or adds to the one before, such as `@overload`, means it.
            if not node.decorator_list:
                lines.setdefault(node.name, []).append(node.lineno)
    for name, places in lines.items():
        if len(places) > 1 and (name in wanted or not (wanted or name.startswith("_"))):
            raise Mistake("`%s` is defined twice, in lines %s: a tool has one definition; rename one of them" % (
                name, " and ".join(str(place) for place in places)))


async def settled(value):
    """What is behind something to await; an asynchronous generator gives a list."""
    if inspect.isawaitable(value):
        value = await value
    if inspect.isasyncgen(value):
        items = []
        async for item in value:
            if len(items) == MAX_ITEMS:
                items.append("(more than %d items: the rest was not asked for)" % MAX_ITEMS)
                break
            items.append(item)
        return items
    return value


def end_if_forked():
    """A child that a tool forked and that returns into this program must not answer for it."""
    if os.getpid() != PROCESS:
        os._exit(0)


def explain(problem):
    """An error as the person and Claude should read it: only the lines of the tool's own code."""
    if isinstance(problem, Mistake):
        return str(problem)
    if isinstance(problem, Interrupted):
        return "The call was stopped."
    if isinstance(problem, SystemExit):
        return "The code called `sys.exit`: a tool returns its result instead."
    if isinstance(problem, EOFError) and "reading a line" in str(problem):
        return "EOFError: a tool cannot ask with `input()`; make it a parameter."
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith("<tool ")]
    # From the person's first line on, libraries only at the very end.
    shown = []
    if own:
        start = frames.index(own[0])
        tail = frames[start:]
        shown = [frame for i, frame in enumerate(tail) if frame in own or i == len(tail) - 1]
    # Without the carets of newer Pythons, so that an error reads the same everywhere.
    lines = ["  File \"%s\", line %s, in %s\n%s" % (
        frame.filename, frame.lineno, frame.name, "    %s\n" % frame.line if frame.line else "")
        for frame in shown]
    head = ["Traceback (most recent call last):\n"] if lines else []
    text = "".join(head + without_repeats(lines) + traceback.format_exception_only(type(problem), problem)).rstrip()
    cause = problem.__cause__
    if cause is not None:
        text += "\n(caused by %s)" % "".join(traceback.format_exception_only(type(cause), cause)).strip()
    if isinstance(problem, SyntaxError) and (problem.text or "").lstrip()[:1] in ("%", "!"):
        text += "\n(A cell of tools is plain Python: the `%` and `!` commands of other kernels do not run here.)"
    if isinstance(problem, ModuleNotFoundError):
        text += "\n(Tools run in %s: install the package there, or choose another interpreter with " \
                "the configuration key `python`.)" % sys.executable
    if len(text) > MAX_TRACEBACK:
        text = text[:MAX_TRACEBACK // 2] + "\n...\n" + text[-MAX_TRACEBACK // 2:]
    return text


def without_repeats(lines):
    """Lines of a traceback, of those that repeat only the first few."""
    kept, alike = [], 0
    for i, line in enumerate(lines):
        alike = alike + 1 if i and line == lines[i - 1] else 0
        if alike < MAX_ALIKE:
            kept.append(line)
        elif i + 1 == len(lines) or lines[i + 1] != line:
            kept.append("  (the same again, %d times)\n" % (alike - MAX_ALIKE + 1))
    return kept


PROCESS = os.getpid()
worker = Worker()
# The person's names live in a module of their own, under the name that pickle expects.
sys.modules["claude_kernel_worker"] = sys.modules["__main__"]
sys.modules["__main__"] = worker.module
os.environ.setdefault("MPLBACKEND", "Agg")
if "" not in sys.path:
    sys.path.insert(0, "")
worker.run()
