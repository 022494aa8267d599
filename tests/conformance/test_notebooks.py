"""The notebooks of the repository, executed headless on the offline backend, judged by what they must show.

Every number in an answer is recomputed here from the files that the run saved, or from first principles; the
kernel's own words are never the reference.
"""

import hashlib
import io
import json
import os
import re
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

import nbformat
import numpy as np
import pandas as pd
import pytest
from notebook_runs import NAMES, NOTEBOOKS, Run, looks, request_shown
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score


# What holds for every notebook.


@pytest.mark.parametrize("name", NAMES)
def test_stored_notebook_is_clean(name):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    # Whoever opens it needs no key, and pays nothing without having said so.
    assert notebook.metadata.kernelspec == {"name": "claude-offline", "display_name": "Claude (offline)", "language": "claude-offline"}
    assert notebook.metadata.language_info.name == "claude-offline"
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].cell_type == "markdown"
    for cell in notebook.cells:
        assert cell.source.strip() == cell.source


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_answers_are_what_the_kernel_shows_today(runs, name):
    stored = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)
    assert looks(stored) == looks(runs[name].notebook), f"{name}.ipynb is behind: `make notebooks`, and commit it"
    assert not re.search(r"/(home|Users|root|tmp)/", nbformat.writes(stored)), "a path of somebody's machine"


def test_the_readme_names_every_notebook():
    named = re.findall(r"^\| \[(\S+)\]\(notebooks/\1\.ipynb\) \|", (NOTEBOOKS.parent / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_run_is_well_formed(runs, name):
    run = runs[name]
    nbformat.validate(run.notebook)
    for cell in run.code_cells():
        assert cell.node.outputs or not cell.is_prompt, f"{cell.id} shows nothing"
        for output in cell.node.outputs:
            assert output.output_type in ("display_data", "execute_result", "stream"), output
            data = output.get("data", {"text/plain": "a stream"})
            assert "application/json" not in data and "text/html" not in data, cell.id
            assert "text/plain" in data, f"{cell.id}: {list(data)}"
        assert "{{" not in cell.markdown, f"{cell.id}: a variable was never set"
        receipts = cell.blocks("receipt")
        assert len(receipts) == cell.is_prompt, f"{cell.id}: {receipts}"
        assert all(re.search(r'<sub style="opacity: 0.6">(cut off · )?offline( · |</sub>)', receipt) for receipt in receipts)
        assert all(re.fullmatch(r"<details( open)?>.*</details>.*", step, re.DOTALL) for step in cell.steps)


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_saved_files(runs, name):
    run = runs[name]
    linked = set()
    for cell in run.code_cells():
        prose = re.sub(r"```.*?```", "", cell.markdown, flags=re.DOTALL)
        for target in re.findall(r"\]\(<?([^)>]+)>?\)|(?:href|src)=\"([^\"]+)\"", prose):
            target = target[0] or target[1]
            if "%web" in cell.source and target.startswith("https://"):
                continue
            assert re.match(r"claude_files/", target), f"{cell.id}: {target}"
            assert (run.directory / target).is_file(), f"{cell.id}: {target}"
            linked.add((run.directory / target).resolve())
    saved = {path.resolve() for path in (run.directory / "claude_files").rglob("[!.]*") if path.is_file()}
    assert linked == saved
    assert not any(os.access(path, os.X_OK) for path in saved)


@pytest.mark.parametrize("name", NAMES)
def test_images_are_real_and_described(runs, name):
    for cell in runs[name].code_cells():
        for image, metadata in cell.images:
            width, height = image.size
            assert image.format == "PNG" and 500 <= width <= 1500 and 250 <= height <= 1000, (cell.id, image.size)
            assert len(image.convert("RGB").getcolors(1 << 24)) > 20, f"{cell.id}: an empty figure"
            assert metadata.get("alt"), f"{cell.id}: {metadata}"
            shown = metadata["width"], metadata["height"]
            assert shown[0] <= width and shown[0] / shown[1] == pytest.approx(width / height, rel=0.01)


# What each one must show: the last column of the list of capabilities.


def test_v01_digest(runs):
    run = runs["v01-shell"]
    text = b"Claude in a notebook"
    digest, newline = hashlib.sha256(text).hexdigest(), hashlib.sha256(text + b"\n").hexdigest()
    first, second = run.cell("digest"), run.cell("newline")
    assert len(first.steps) == 1 and "sha256sum" in first.steps[0] and digest in first.steps[0]
    assert digest in first.answer
    assert newline in second.answer and newline in second.steps[0]
    assert sum(a == b for a, b in zip(digest, newline)) in second.numbers()


def primes_below(limit: int) -> list[int]:
    prime = np.ones(limit, dtype=bool)
    prime[:2] = False
    for n in range(2, int(limit**0.5) + 1):
        prime[2 * n :: n] = False
    return np.flatnonzero(prime).tolist()


def test_v02_last_digits(runs):
    run = runs["v02-python"]
    primes = primes_below(230)[:50]
    digits = Counter(str(p % 10) for p in primes)
    cell = run.cell("last-digits")
    assert "while len(primes) < 50" in cell.steps[0] and str(primes) in cell.steps[0]
    assert dict(zip(cell.row("Last digit"), map(int, cell.row("Primes")))) == digits
    many = primes_below(104_730)
    counts = Counter(p % 10 for p in many if p not in (2, 5)).values()
    assert len(many) == 10_000
    assert {many[-1], min(counts), max(counts), max(counts) - min(counts)} <= set(run.cell("more-primes").numbers())


def test_v03_two_steps_one_answer(runs):
    run = runs["v03-shell-and-python"]
    cell = run.cell("listing")
    files = pd.read_csv(run.file("stdlib_modules.csv"))
    listing, analysis = cell.steps
    assert "find -L" in listing and "pandas" in analysis
    assert re.search(rf"\b{len(files)} modules under", listing)
    sizes = files.bytes.sort_values(ascending=False)
    half = int(np.searchsorted(sizes.cumsum(), sizes.sum() / 2)) + 1
    assert {len(files), sizes.sum(), sizes.max(), half, round(sizes.median())} <= set(cell.numbers())


def test_v04_everyday_tasks(runs):
    run = runs["v04-basics"]
    shown = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", run.cell("clock").steps[0])[0]
    clock = datetime.fromisoformat(shown).replace(tzinfo=timezone.utc)
    assert timedelta() <= datetime.now(timezone.utc) - clock < timedelta(minutes=20)
    assert f"{clock:%H:%M} UTC" in run.cell("clock").answer

    cell = run.cell("median")
    rows = re.findall(r"^ *\d+(?: +\d+){19}$", cell.steps[0], re.MULTILINE)
    numbers = [int(number) for row in rows for number in row.split()]
    assert len(numbers) == 100 and median(numbers) == cell.numbers()[0]

    plants = pd.read_csv(run.file("plants.csv"))
    assert plants.shape == (10, 4)
    preview = run.cell("plants").markdown
    assert all(re.search(rf"\| *{name} *\|", preview) for name in plants.plant), preview


def test_v05_counts_add_up(runs):
    run = runs["v05-pipeline"]
    log = run.file("shop.log").read_text().splitlines()
    kinds = Counter(line.split()[3] for line in log if line.split()[1] == "ERROR")
    cell = run.cell("errors")
    assert len(log) == 1000
    assert cell.numbers()[:4] == [1000, kinds.total(), kinds.total() / 10, kinds.total()]
    for kind, count in kinds.most_common(2):
        assert re.search(rf"`{kind}` with {count}\b", cell.answer)
    table = pd.read_csv(run.file("errors_by_kind.csv"))
    assert dict(zip(table.kind, table["count"])) == kinds


def test_v06_table_of_resources(runs):
    cell = runs["v06-environment"].cell("resources")
    total_kib = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    assert cell.row("Memory")[0] == f"{total_kib / 2**20:.1f} GiB"
    processors = re.fullmatch(rf"(\d+) \({os.uname().machine}\)", cell.row("Processors")[0])[1]
    assert 1 <= int(processors) <= os.cpu_count()
    assert re.fullmatch(r"[\d.]+[KMGTP]?", cell.row("Disk")[0])


def test_v07_inline_table(runs):
    run = runs["v07-text"]
    cell = run.cell("average")
    data = pd.read_csv(io.StringIO(cell.source[cell.source.index("day,city") :]))
    assert "awk" in cell.steps[0]
    assert cell.numbers()[:3] == [round(data.weight_kg.mean(), 2), data.weight_kg.count(), data.weight_kg.isna().sum()]
    known = data.dropna().groupby("city").sum(numeric_only=True)
    per_parcel = (known.weight_kg / known.parcels).sort_values()
    answer = run.cell("per-city")
    assert f"**{per_parcel.index[-1]}**" in answer.answer
    assert answer.numbers() == [round(per_parcel.iloc[-1], 2), round(per_parcel.iloc[0], 2)]


def check_sales(run: Run) -> str:
    """The answer of V8 agrees with the sales it came with; returns the answer."""
    sales = pd.read_csv(run.file("sales.csv"), parse_dates=["date"])
    sales["revenue"] = sales.quantity * sales.price
    assert len(sales) == 500 and list(sales.columns[:4]) == ["date", "product", "quantity", "price"]
    assert round(sales.revenue.sum(), 2) in run.cell("sales").numbers()

    cell = run.cell("analysis")
    monthly = sales.groupby(sales.date.dt.strftime("%Y-%m")).revenue.sum().round(2)
    assert f"{monthly.idxmax()} was the best month with {monthly.max():,.2f}" in cell.answer
    assert f"{monthly.idxmin()} the weakest with {monthly.min():,.2f}" in cell.answer
    top = sales.groupby("product")[["quantity", "revenue"]].sum().nlargest(3, "revenue")
    for name, row in top.iterrows():
        assert cell.row(name) == [f"{row.quantity:.0f}", f"{row.revenue:,.2f}"]
    assert f"*r* = {sales.price.corr(sales.quantity):.2f}:" in cell.answer
    saved = pd.read_csv(run.file("revenue_by_month.csv"), index_col=0)
    assert np.allclose(saved.revenue, monthly)
    return cell.answer


def test_v08_numbers_agree_with_the_data(runs):
    run = runs["v08-analysis"]
    check_sales(run)
    failed, mended = run.cell("analysis").steps
    assert "AttributeError" in failed and "exit 1" in failed
    assert "parse_dates" in mended and "exit 1" not in mended
    preview = run.cell("analysis").markdown
    assert re.search(r"\| *2025-01 *\|", preview) and re.search(r"\| *backpack *\|", preview)


def test_v09_three_figures(runs):
    run = runs["v09-charts"]
    cell = run.cell("figures")
    assert len(cell.images) == 3
    alts = [metadata["alt"] for _, metadata in cell.images]
    assert len(set(alts)) == 3 and "month" in alts[0] and "blends" in alts[1] and "trend" in alts[2]
    orders = pd.read_csv(run.file("orders.csv"), parse_dates=["date"])
    monthly = orders.groupby(orders.date.dt.month_name()).kilos.sum()
    assert f"{monthly.idxmax()} is the peak with {monthly.max():.0f} kg" in cell.answer
    blends = orders.groupby("blend").kilos.sum()
    assert f"{blends.idxmax()} alone makes up {100 * blends.max() / blends.sum():.0f} %" in cell.answer
    fit = stats.linregress(orders.kilos, orders.minutes)
    assert f"takes {fit.slope:.1f} minutes to pack (*r* = {fit.rvalue:.2f})" in cell.answer


def test_v10_the_right_test(runs):
    run = runs["v10-statistics"]
    cell = run.cell("layouts")
    data = pd.read_csv(run.file("checkout.csv"))
    old, new = (group.seconds for _, group in data.groupby("layout", sort=False))
    assert len(old) == len(new) == 100
    for name, group in (("old", old), ("new", new)):
        low, high = stats.t.interval(0.95, 99, loc=group.mean(), scale=stats.sem(group))
        assert cell.row(name) == [f"{group.mean():.1f}", f"{low:.1f} to {high:.1f}", f"{stats.shapiro(group).pvalue:.2f}"]
    assert min(stats.shapiro(old).pvalue, stats.shapiro(new).pvalue) > 0.05, "the seed no longer gives normal data"
    welch = stats.ttest_ind(old, new, equal_var=False)
    low, high = welch.confidence_interval()
    d = (old.mean() - new.mean()) / np.sqrt((old.var() + new.var()) / 2)
    assert f"Welch's t-test, *p* = {welch.pvalue:.3f}" in cell.answer
    assert f"{old.mean() - new.mean():.1f} s, 95 % interval {low:.1f} to {high:.1f} s. Cohen's *d* = {d:.2f}" in cell.answer
    assert len(cell.images) == 1 and "violin" in cell.images[0][1]["alt"]


def test_v11_scores(runs):
    run = runs["v11-machine-learning"]
    cell = run.cell("forest")
    rows = pd.read_csv(run.file("predictions.csv"))
    (tn, fp), (fn, tp) = confusion_matrix(rows.truth, rows.predicted)
    assert cell.row("0") == [str(tn), str(fp)] and cell.row("1") == [str(fn), str(tp)]
    precision, recall, f1 = (score(rows.truth, rows.predicted) for score in (precision_score, recall_score, f1_score))
    assert f"Precision {precision:.3f}, recall {recall:.3f}, F1 **{f1:.3f}**" in cell.answer
    assert f"**{roc_auc_score(rows.truth, rows.score):.3f}**" in cell.answer
    assert len(cell.images) == 2
    assert "importances" in cell.images[1][1]["alt"] and "roc" in cell.images[0][1]["alt"].lower()


def test_v14_structured_results(runs):
    run = runs["v14-structured"]
    orders = pd.read_csv(run.file("orders.csv"), parse_dates=["date"])
    future, negative, missing = orders.date > "2026-12-31", orders.amount < 0, orders.amount.isna()

    report = json.loads(run.file("report.json").read_text())
    assert list(report) == ["dataset", "columns", "issues", "verdict"]
    assert report["dataset"]["rows"] == len(orders) == 200
    assert {issue["what"]: issue["rows"] for issue in report["issues"]} == {
        "a negative amount": np.flatnonzero(negative).tolist(),
        "a day in the future": np.flatnonzero(future).tolist(),
        "no amount": np.flatnonzero(missing).tolist(),
    }
    assert {issue["severity"] for issue in report["issues"]} <= {"high", "medium", "low"}
    amount = next(column for column in report["columns"] if column["name"] == "amount")
    assert amount["missing"] == missing.sum() and amount["range"]["min"] == orders.amount.min()
    assert amount["range"]["mean"] == pytest.approx(orders.amount.mean(), abs=0.005)
    cell = run.cell("report")
    (shown,) = cell.blocks("result")
    assert f"| high | amount | {np.flatnonzero(negative)[0]} | a negative amount |" in shown
    assert "**dataset**" in shown and "- **rows:** 200" in shown and not cell.answer
    (output,) = [output for output in cell.node.outputs if output.get("metadata", {}).get("claude_kernel", {}).get("block") == "result"]
    assert output.metadata.claude_kernel.value == report
    said = "".join(bundle["text/plain"] for bundle in cell.bundles)
    assert "The API takes no `minimum` at `/properties/dataset/properties/rows`" in said

    good = orders[~(future | negative | missing)]
    revenue = good.groupby("region").amount.sum().round(2).sort_values(ascending=False)
    regions = pd.read_csv(run.file("regions.csv"))
    assert regions.region.tolist() == revenue.index.tolist()
    assert regions.revenue.tolist() == pytest.approx(revenue.tolist(), abs=0.005)
    assert regions.orders.sum() == len(good)
    assert json.loads(run.file("regions.json").read_text()) == regions.to_dict("records")
    (shown,) = run.cell("regions").blocks("result")
    assert f"| {revenue.index[0]} | {(good.region == revenue.index[0]).sum()} | {revenue.iloc[0]} |" in shown

    note = run.cell("note").answer
    assert f"{revenue.index[0]} leads with a revenue of {revenue.iloc[0]}" in note
    assert f"**{report['verdict']}**" in note and f"in row {np.flatnonzero(negative)[0]}" in note
    assert "| `report` | object of 4 |" in run.cell("variables").markdown


def test_v25_limits_and_hints(runs):
    run = runs["v25-limits"]
    help_text = run.cell("help").markdown.lower()
    for word in ("internet", "pip", "memory", "time", "what stays", "never to send"):
        assert word in help_text, f"`%help limits` does not mention {word}"
    cell = run.cell("plotly")
    failed = cell.steps[0]
    assert "ModuleNotFoundError: No module named 'plotly'" in failed and "exit 1" in failed
    # The hint stands right below the step.
    after = cell.bundles[[bundle.get("text/markdown") for bundle in cell.bundles].index(cell.blocks("step")[0]) + 1]["text/plain"]
    assert after.startswith("`plotly` is not in the Python that the offline kernel runs. `claude-kernel doctor` names"), after
    assert "Claude's own sandbox does not have it either: `matplotlib`" in after
    assert len(cell.images) == 1 and round(100 * (520 / 310 - 1)) in cell.numbers()
    late = run.cell("weather").steps[0]
    assert "execution_time_exceeded" in late and "smaller pieces of work" in late
    routes = int(re.search(r"routes to the outside: (\d+)", run.cell("internet").steps[0])[1])
    assert run.cell("internet").answer.startswith("No. There is no route" if routes == 0 else "This sandbox has a route")


def test_v26_what_goes_on_the_wire(runs):
    run = runs["v26-tools"]
    prompt = "How many prime numbers lie below one million?"
    wire = {}
    for cell_id in ("dry", "dry-beta", "dry-oldest"):
        cell = run.cell(cell_id)
        request = request_shown(cell)
        assert request["messages"][-1]["content"][-1]["text"] == prompt
        wire[cell_id] = [tool["type"] for tool in request["tools"]], re.findall("^anthropic-beta: (.*)", cell.markdown, re.MULTILINE)
    assert wire == {
        "dry": (["code_execution_20260521"], []),
        "dry-beta": (["code_execution_20260521"], ["context-management-2025-06-27"]),
        "dry-oldest": (["code_execution_20250522"], ["code-execution-2025-05-22"]),
    }
    for cell_id, tool in (("tools", "code_execution_20260521"), ("dated-tool", "code_execution_20250825")):
        assert re.search(rf"\| on \| `{tool}`", run.cell(cell_id).markdown)
    assert run.cell("primes").numbers()[0] == len(primes_below(1_000_000))
    assert run.cell("primes-again").numbers()[0] == len(primes_below(1000))


def test_quickstart_numbers(runs):
    run = runs["quickstart"]
    rentals = pd.read_csv(run.file("rentals.csv"), parse_dates=["date"])
    assert run.cell("rentals").numbers() == [len(rentals), rentals.rides.sum(), round(rentals.rides.median())]
    monthly = rentals.groupby(rentals.date.dt.strftime("%B %Y")).rides.sum()
    answer = run.cell("monthly").answer
    assert f"{monthly.idxmax()} is the busiest month, {monthly.idxmin()} the quietest" in answer
    assert f"{monthly.max() / monthly.min():.1f} times" in answer
    assert f"*r* = {rentals.rides.corr(rentals.temperature):.2f}" in answer
    assert len(run.cell("monthly").images) == 1
    for label, days in (("Workday", rentals.date.dt.day_of_week < 5), ("Weekend", rentals.date.dt.day_of_week >= 5)):
        wet, dry = (rentals.rides[days & (rentals.rain == rain)].mean() for rain in ("yes", "no"))
        assert run.cell("rain").row(label) == [f"{dry:.0f}", f"{wet:.0f}", f"{100 * (1 - wet / dry):.0f} %"]


# What holds for running notebooks at all.


def test_a_changed_seed_changes_the_answer(runs, jupyter):
    before = check_sales(runs["v08-analysis"])
    directory = runs.copy("seed")
    script = directory / "v08-analysis.claude.md"
    text = script.read_text()
    assert text.count("default_rng(42)") == 1
    script.write_text(text.replace("default_rng(42)", "default_rng(43)"))
    after = check_sales(Run.of(jupyter, directory / "v08-analysis.ipynb"))
    assert before != after


def test_a_second_run_gives_the_same_notebook(runs, jupyter):
    once = runs["v10-statistics"]
    again = Run.of(jupyter, runs.copy("again") / "v10-statistics.ipynb")
    thinks = [output for cell in once.code_cells() for output in cell.node.outputs if "Thinking" in str(output)]
    assert thinks, "thinking is signed anew in each run"
    seen = [[cell.node.outputs for cell in run.code_cells()] for run in (once, again)]
    assert seen[0] == seen[1]
    costs = [
        output.metadata.claude_kernel.cost_usd
        for outputs in seen[0]
        for output in outputs
        if output.get("metadata", {}).get("claude_kernel", {}).get("block") == "receipt"
    ]
    assert costs and not any(costs), "what is played here costs nothing"


def test_quickstart_page(runs, jupyter):
    run = runs["quickstart"]
    jupyter.nbconvert(run.path, "--to", "html", "--output", "page.html", check=True)
    page = (run.directory / "page.html").read_text()
    assert "is the busiest month" in page
    assert "default_rng" in page and "<details" in page
    assert len(re.findall(r"<img[^>]+data:image/png;base64,", page)) == 1
    assert 'data-mime-type="application/vnd.jupyter.error"' not in page


def write_notebook(path: Path, *prompts: str) -> Path:
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "claude", "display_name": "Claude", "language": "claude"}})
    notebook.cells = [nbformat.v4.new_code_cell(prompt) for prompt in prompts]
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize(
    ("prompt", "name", "hint"),
    [
        ("%efort high\n\nHello", "MagicError", "%effort"),
        ("Fail, please.", "InvalidRequestError", "refused-on-demand"),
    ],
)
def test_a_failed_turn_stops_nbconvert(jupyter, tmp_path, prompt, name, hint):
    notebook = write_notebook(tmp_path / "fails.ipynb", prompt, "Never reached.")
    (tmp_path / "fails.claude.md").write_text('# Fail, please.\n\n<!-- fault: status status=400 times=9 message=refused-on-demand -->\n')
    done = jupyter.execute(notebook)
    assert done.returncode != 0
    assert re.search(name, done.stderr) and hint in done.stderr, done.stderr


def test_without_a_key_the_cell_says_what_to_do(jupyter, tmp_path):
    done = jupyter.execute(write_notebook(tmp_path / "no-key.ipynb", "Hello"), kernel="claude")
    assert done.returncode != 0
    assert "AuthenticationError" in done.stderr and "claude-kernel install --offline" in done.stderr, done.stderr


def test_papermill_sets_variables(jupyter, tmp_path):
    notebook = write_notebook(tmp_path / "greet.ipynb", "Greet the people of {{city}}.")
    (tmp_path / "greet.claude.md").write_text(
        "# /people of Delft\\./\n\n```bash\necho \"length=$(printf Delft | wc -c)\" >> \"$SCRIPT_VARS\"\n```\n\n"
        "Hello, Delft, a name of {{length}} letters!\n\n# /people of/\n\nHello, whoever you are.\n"
    )
    command = [sys.executable, "-m", "papermill", notebook.name, "out.ipynb", "-k", "claude-offline", "--language", "bash", "-p", "city", "Delft"]
    jupyter.run(*command, cwd=tmp_path, check=True)
    notebook = nbformat.read(tmp_path / "out.ipynb", as_version=nbformat.NO_CONVERT)
    assert notebook.cells[0].metadata.tags == ["injected-parameters"]
    shown = json.dumps(notebook.cells[1].outputs)
    assert "Hello, Delft, a name of 5 letters!" in shown


# V17: own tools, called by the sandbox's Python.


def test_v17_tools_in_code(runs):
    run = runs["v17-tools-in-code"]
    space = {}
    exec(run.cell("define").source.split("\n", 1)[1], space)
    visits = run.cell("visits")
    table = pd.concat(space["fetch_visits"](month) for month in range(1, 7))
    assert f"Of {len(table)} visits:" in visits.markdown
    table = table.groupby("page").seconds.agg(["count", "mean"]).round(1)
    for page, row in table.iterrows():
        assert re.search(rf"\| {page} \| {int(row['count'])} \| {row['mean']} \|", visits.markdown), page
    calls = [step for step in visits.steps if "Tool fetch_visits" in step]
    assert [f"month={month} - ok</summary>" in call for month, call in enumerate(calls, 1)] == [True] * 6
    # The tables went into the sandbox, not into the conversation.
    receipts = [output.metadata["claude_kernel"] for output in visits.node.outputs if "data" in output]
    usage = next(data["usage"] for data in receipts if data["block"] == "receipt")
    assert sum(tokens for name, tokens in usage.items() if "input" in name) < 40_000, usage
    assert "fetch_visits(month: integer)" in run.cell("list").markdown
