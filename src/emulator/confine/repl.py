"""Runs cells in one namespace. A request is a line `number marker names`; the cell is a file.

After each cell the marker and a three-digit code go to both outputs, so that the asking side
knows where the cell's output ends. The cell cannot lose these: the outputs are kept apart and
put back before every cell.

The names are tools of the asking side's client: async functions here, until a cell comes without
them. What the cell waits for is written to a file, announced by the marker with the code of
`CALLS`; the next line is then a request `number marker` whose file holds the results, in the order
of the calls, or null when they come too late.
"""

import ast
import asyncio
import builtins
import inspect
import json
import linecache
import os
import sys
import traceback


CALLS = 998


class Tools:
    """The tools of the client, and the calls that wait for their results."""

    def __init__(self, requests, outputs, cells):
        self.requests, self.outputs, self.cells = requests, outputs, cells
        self.functions = {}
        self.waiting = []
        self.scheduled = False
        self.marker = ""

    def offer(self, names, namespace):
        for name, function in self.functions.items():
            # What a cell has put in its place stays.
            if name not in names and namespace.get(name) is function:
                del namespace[name]
        self.functions = {name: self.function(name) for name in names}
        namespace.update(self.functions)

    def function(self, name):
        async def call(arguments=None, **named):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            given = named if arguments is None else arguments
            if not isinstance(given, dict):
                raise TypeError(f"{name} takes one dict")
            self.waiting.append(({"name": name, "input": given}, future))
            if not self.scheduled:
                self.scheduled = True
                # After everything else that is ready now: calls made together are asked together.
                loop.call_later(0.01, self.ask)
            return await future

        call.__name__ = call.__qualname__ = name
        return call

    def ask(self):
        self.scheduled = False
        waiting, self.waiting = self.waiting, []
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        path = os.path.join(os.path.dirname(os.environ["SCRIPT_VARS"]), "calls")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([call for call, _ in waiting], file)
        for kept in self.outputs:
            os.write(kept, f"{self.marker}{CALLS:03}".encode())
        line = self.requests.readline()
        if not line:
            os._exit(0)
        number, self.marker = line.rstrip("\n").split(" ")
        with open(os.path.join(self.cells, number), encoding="utf-8") as file:
            results = json.load(file)
        for number, (call, future) in enumerate(waiting):
            if future.done():
                continue
            if results is None:
                future.set_exception(TimeoutError(f"calling the tool `{call['name']}` timed out"))
            else:
                future.set_result(results[number])


def main():
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    outputs = [os.dup(1), os.dup(2)]
    null = os.open(os.devnull, os.O_RDONLY)
    cells = os.path.join(os.path.dirname(os.environ["INPUT_DIR"]), "cells")
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    sys.argv = [""]
    sys.path.insert(0, "")
    tools = Tools(requests, outputs, cells)
    for line in iter(requests.readline, ""):
        # Not any white space: the marker begins with a control character.
        number, tools.marker, names = line.rstrip("\n").split(" ")
        tools.offer(list(filter(None, names.split(","))), namespace)
        tools.waiting, tools.scheduled = [], False
        os.dup2(null, 0)
        for number_out, kept in enumerate(outputs, 1):
            os.dup2(kept, number_out)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        with open(os.path.join(cells, number), encoding="utf-8") as file:
            source = file.read()
        code = run(source, f"<cell {number}>", namespace)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        for kept in outputs:
            os.write(kept, f"{tools.marker}{code:03}".encode())


def run(source, name, namespace):
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    try:
        tree = ast.parse(source, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        step(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
        if last is not None:
            code = compile(last, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            sys.displayhook(step(code, namespace))
        return 0
    except SystemExit as exit:
        if exit.code is None:
            return 0
        if isinstance(exit.code, int):
            return exit.code & 255
        print(exit.code, file=sys.stderr)
        return 1
    except BaseException as error:
        show(error, name)
        return 1


def step(code, namespace):
    value = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:
        return asyncio.run(value)
    return value


def show(error, name):
    # Our own frames come first: the traceback begins where the cell does. An error of syntax
    # has no frame of the cell.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, file=sys.stderr)


main()
