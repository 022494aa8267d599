# Runs the steps of a notebook again: reads a job from standard input, writes a line for each cell.
import ast, asyncio, base64, hashlib, inspect, json, os, shutil, signal, subprocess, sys, tempfile

job = json.load(sys.stdin)
# What steps print goes into a file, also what other programs print for them; the reports do not.
says = os.fdopen(os.dup(1), "w")
sys.stdin = open(os.devnull)
printed = tempfile.TemporaryFile()
os.dup2(printed.fileno(), 1)
space = {"__name__": "__main__"}
# Steps read attached files by their names too.
for name in os.listdir(os.environ["INPUT_DIR"]):
    shutil.copy(os.path.join(os.environ["INPUT_DIR"], name), name)


def late(*_):
    raise TimeoutError(f"longer than {job['seconds']} s")


signal.signal(signal.SIGALRM, late)


def run(step):
    kind = step["kind"]
    if kind == "python":
        code = compile(step["code"], "<step>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waits = eval(code, space)
        if inspect.isawaitable(waits):
            asyncio.run(waits)
    elif kind == "bash":
        done = subprocess.run(["bash", "-c", step["code"]], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, errors="replace", timeout=job["seconds"])
        if done.returncode:
            last = done.stderr.strip().splitlines()
            raise RuntimeError(f"exit code {done.returncode}: {last[-1] if last else ''}")
    elif kind == "write":
        os.makedirs(os.path.dirname(step["path"]) or ".", exist_ok=True)
        with open(step["path"], "w") as file:
            file.write(step["text"])
    else:
        with open(step["path"]) as file:
            text = file.read()
        with open(step["path"], "w") as file:
            file.write(text.replace(step["old"], step["new"], 1))


def out():
    sys.stdout.flush()
    printed.seek(0)
    text = printed.read().decode(errors="replace")
    printed.seek(0)
    printed.truncate()
    return text


def files(found):
    for folder, _, names in os.walk(os.environ["OUTPUT_DIR"]):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            digest = hashlib.sha256(content).hexdigest()
            found[name] = {"sha256": digest}
            if digest not in job["known"] and len(content) <= job["most_bytes"]:
                found[name]["content"] = base64.b64encode(content).decode()


outputs, number = os.environ["OUTPUT_DIR"], 0
for cell in job["cells"]:
    steps, found = [], {}
    for step in cell:
        error = None
        # Each step has a folder of its own, as in the sandbox that it was written for.
        number += 1
        os.environ["OUTPUT_DIR"] = os.path.join(outputs, str(number))
        os.mkdir(os.environ["OUTPUT_DIR"])
        signal.alarm(job["seconds"])
        try:
            run(step)
        except SystemExit as end:
            error = f"exit code {end.code}" if end.code else None
        except BaseException as problem:
            error = f"{type(problem).__name__}: {problem}"
        signal.alarm(0)
        steps.append({"stdout": out(), "error": error})
        files(found)
    says.write(json.dumps({"steps": steps, "files": found}) + "\n")
    says.flush()
