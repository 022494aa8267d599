# Runs the steps of a notebook again: reads a job from standard input, writes a line for each cell.
import contextlib, hashlib, io, json, os, signal, subprocess, sys

job = json.load(sys.stdin)
says, sys.stdin = sys.stdout, open(os.devnull)
space = {"__name__": "__main__"}


def late(*_):
    raise TimeoutError(f"longer than {job['seconds']} s")


signal.signal(signal.SIGALRM, late)


def run(step, out):
    kind = step["kind"]
    if kind == "python":
        with contextlib.redirect_stdout(out):
            exec(compile(step["code"], "<step>", "exec"), space)
    elif kind == "bash":
        done = subprocess.run(["bash", "-c", step["code"]], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=job["seconds"])
        out.write(done.stdout)
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


def files():
    found = {}
    for folder, _, names in os.walk(os.environ["OUTPUT_DIR"]):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


for cell in job["cells"]:
    steps = []
    for step in cell:
        out, error = io.StringIO(), None
        signal.alarm(job["seconds"])
        try:
            run(step, out)
        except BaseException as problem:
            error = f"{type(problem).__name__}: {problem}"
        signal.alarm(0)
        steps.append({"stdout": out.getvalue(), "error": error})
    says.write(json.dumps({"steps": steps, "files": files()}) + "\n")
    says.flush()
