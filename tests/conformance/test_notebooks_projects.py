"""The notebooks in which several cells build on each other, judged as in `test_notebooks.py`: every number in an
answer is recomputed here from the files that the run saved."""

import hashlib
import importlib.metadata
import importlib.util
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from notebook_runs import request_shown
from scipy import stats
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score


def module(path: Path):
    """Imports a Python file that a run saved."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_v12_settings_hold_for_later_cells(runs):
    run = runs["v12-assistant"]
    text = run.cell("system").source.removeprefix("%%system\n")
    request = request_shown(run.cell("dry"))
    assert text in request["system"][0]["text"] and request["output_config"] == {"effort": "medium"}
    for cell_id in ("status", "later"):
        shown = run.cell(cell_id).markdown
        assert re.search(r"\| effort \| medium \(set in In \\?\[2\\?\]\)", shown), shown
        assert re.search(r"\| languages \| Python only", shown) and f"a text of {len(text)} characters" in shown
    assert all("effort medium" in run.cell(cell_id).blocks("receipt")[0] for cell_id in ("croissants", "bake"))

    sales = pd.read_csv(run.file("croissants.csv"), parse_dates=["date"])
    assert len(sales) == 3 * 365 and (sales.sold + sales.wasted == sales.baked).all()
    by = sales.groupby("shop")[["wasted", "baked"]].sum()
    by["share"] = 100 * by.wasted / by.baked
    worst = by.share.idxmax()
    cell = run.cell("croissants")
    assert cell.answer.startswith(f"**{worst} throws away most: {by.wasted[worst] / 365:.0f} croissants a day, {by.share[worst]:.1f} %")
    for shop, row in by.iterrows():
        out = (sales[sales.shop == shop].wasted == 0).sum()
        assert cell.row(shop) == [f"{row.wasted / 365:.0f}", f"{row.share:.1f} %", str(out), "365"]
    winter = sales[(sales.shop == worst) & (sales.weekday == "Tuesday") & sales.date.dt.month.isin([12, 1, 2])]
    target = int(np.ceil(np.quantile(winter.sold, 0.9)))
    cell = run.cell("bake")
    assert cell.answer.startswith(f"**{worst} should bake {target} croissants on a Tuesday in winter; it bakes {winter.baked.iloc[0]} now ({len(winter)} days).**")
    assert len(cell.images) == 1


def test_v13_the_same_data_three_times(runs):
    run = runs["v13-three-steps"]
    people = pd.read_csv(run.file("employees.csv"))
    up = people.promoted == "yes"
    assert len(people) == 500 and 20 < up.sum() < 100
    look = run.cell("look")
    for name, group in people.groupby("department"):
        assert look.row(name) == [str(len(group)), f"{group.salary.median():,.0f}", f"{100 * (group.promoted == 'yes').mean():.1f} %"]
    assert f"years and salary (*r* = {people.years.corr(people.salary):.2f})" in look.answer

    tests = run.cell("tests")
    man, woman = (people[people.gender == gender] for gender in ("man", "woman"))
    gap = 100 * (1 - woman.salary.median() / man.salary.median())
    p = stats.mannwhitneyu(man.salary, woman.salary).pvalue
    assert tests.row("Salary, men and women, raw")[1] == f"medians {gap:.1f} % apart, *p* = {p:.3f}"
    p = stats.chi2_contingency(pd.crosstab(people.gender, people.promoted), correction=False).pvalue
    rates = [f"{100 * (group.promoted == 'yes').mean():.1f} %" for group in (man, woman)]
    assert tests.row("Promotions, men and women")[1] == f"{rates[0]} and {rates[1]}, *p* = {p:.3f}"
    # The regression, another way: demean within departments (Frisch, Waugh and Lovell).
    inner = people.assign(log=np.log(people.salary), woman=(people.gender == "woman") * 1.0)[["log", "woman", "age", "years", "department"]]
    inner = inner.drop(columns="department") - inner.groupby("department").transform("mean")
    slope = np.linalg.lstsq(inner[["woman", "age", "years"]], inner.log, rcond=None)[0]
    assert f"women earn {-100 * np.expm1(slope[0]):.1f} % less" in tests.answer
    assert f"A year with the company is worth {100 * np.expm1(slope[2]):.1f} %" in tests.answer

    cell = run.cell("model")
    scores = pd.read_csv(run.file("scores.csv"))
    assert (scores.promoted == people.promoted).all(), "the third cell found other people than the first made"
    for label, name in (("Logistic regression", "logistic"), ("Random forest", "forest")):
        said = scores[name] >= 0.5
        row = [roc_auc_score(up, scores[name]), average_precision_score(up, scores[name]), balanced_accuracy_score(up, said)]
        assert cell.row(label) == [f"{value:.2f}" for value in row] + [f"{100 * (said == up).mean():.1f} %"]
        fair = [f"{100 * said[people.gender == gender].mean():.0f} %" for gender in ("man", "woman")]
        found = [f"{100 * said[up & (people.gender == gender)].mean():.0f} %" for gender in ("man", "woman")]
        last = cell.answer.rindex(f"| {label}")
        assert re.findall(r"\d+ %", cell.answer[last:].splitlines()[0]) == fair + found
    assert len(look.images) == 1 and len(cell.images) == 1


def longest_palindrome(text: str) -> str:
    """The leftmost longest palindrome, by growing each centre."""
    best = ""
    for centre in range(2 * len(text)):
        low, high = centre // 2, (centre + 1) // 2
        while low >= 0 and high < len(text) and text[low] == text[high]:
            low, high = low - 1, high + 1
        best = max(best, text[low + 1 : high], key=len)
    return best


def test_v15_thinks_between_the_steps(runs):
    run = runs["v15-think"]
    cell = run.cell("palindromes")
    blocks = [output.metadata["claude_kernel"]["block"] for output in cell.node.outputs if "data" in output]
    assert [block for block in blocks if block in ("thinking", "step")] == ["thinking", "step", "step", "thinking", "step", "thinking", "step"]
    assert all(thought.startswith("<details><summary>Thinking") for thought in cell.blocks("thinking"))
    assert "effort high" in cell.blocks("receipt")[0]

    text = run.file("text.txt").read_text()
    times = pd.read_csv(run.file("times.csv"))
    assert list(times.characters) == [100, 1000, 5000] and len(text) == 5000
    for row in times.itertuples():
        found = longest_palindrome(text[: row.characters])
        naive = f"{row.naive_ms:,.1f}" if row.naive_done == 1 else f"about {round(row.naive_ms, -2):,.0f}"
        assert cell.row(f"{row.characters:,}") == [naive, f"{row.dynamic_ms:,.1f}", str(len(found))]
    assert times.naive_ms.is_monotonic_increasing and times.dynamic_ms.is_monotonic_increasing
    assert len(cell.images) == 1
    faster = run.cell("faster").answer
    assert f"`{longest_palindrome(text)}`" in faster


def test_v16_sources_then_code(runs):
    run = runs["v16-research"]
    cell = run.cell("research")
    searches = [step for step in cell.steps if "Web search" in step.splitlines()[0]]
    assert 1 <= len(searches) <= 3 and f"{len(searches)} searches" in cell.blocks("receipt")[0]
    (sources,) = cell.blocks("sources")
    listed = dict(re.findall(r"^(\d)\. \[.+\]\((https://[^)]+)\)", sources, re.MULTILINE))
    cited = dict(re.findall(r"\[\[(\d)\]\]\((https://[^)]+)\)", cell.answer))
    assert len(cited) == 3 and cited == listed

    data = pd.read_csv(run.file("readings.csv"))
    truth, size = data.anomaly == 1, len(data)
    plain = np.abs(data.value - data.value.mean()) / data.value.std() > 3
    rest = data.value - data.value.groupby(data.hour % 24).transform("median")
    robust = np.abs(rest - rest.median()) / stats.median_abs_deviation(rest) * stats.norm.ppf(0.75) > 3.5
    for label, marked in (("z-score above 3", plain), ("season removed, modified z-score above 3.5", robust)):
        hits = (marked & truth).sum()
        assert cell.row(label) == [str(marked.sum()), str(hits), f"{hits / marked.sum():.2f}", f"{hits / truth.sum():.2f}"]
    assert f"{size:,} hourly readings with {truth.sum()} known anomalies" in cell.answer and len(cell.images) == 1
    assert "search" not in run.cell("follow").blocks("receipt")[0]
    few, many = run.cell("follow").numbers()[0], run.cell("follow").numbers()[2]
    assert few < 20 and many > 90


def test_v17_calls_with_arguments_and_results(runs):
    run = runs["v17-own-tools"]
    listed = run.cell("list").markdown
    assert "`fetch_data(dataset_name: string)`" in listed and "`save_results(analysis_name: string, summary: string)`" in listed
    cell = run.cell("growth")
    first, second, code, saved = cell.steps
    for step, name in ((first, "q1"), (second, "q2")):
        assert "Tool fetch_data" in step and name in step.splitlines()[0]
        assert (run.directory / f"data/{name}.csv").read_text().splitlines()[1] in step
    assert "Python - Growth by store" in code and "Tool save_results" in saved
    q1, q2 = (pd.read_csv(run.directory / f"data/{name}.csv") for name in ("q1", "q2"))
    both = q1.merge(q2, on=["store", "product"], suffixes=("_1", "_2"))
    revenue = both.assign(a=both.units_1 * both.price_1, b=both.units_2 * both.price_2).groupby("store")[["a", "b"]].sum()
    growth = 100 * (revenue.b / revenue.a - 1)
    assert cell.answer.startswith(f"**{growth.idxmax()}** grew most ({growth.max():+.1f} %); {growth.idxmin()} is at the other end ({growth.min():+.1f} %)")
    kept = (run.directory / "results/store growth.md").read_text()
    assert f"{growth.idxmax()} grew most ({growth.max():+.1f} %)" in kept
    assert "Removed `save_results`" in run.cell("remove").markdown


def test_v18_the_bytes_of_the_file(runs):
    run = runs["v18-own-file"]
    path = run.directory / "data/sales_data.csv"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    attached = next(line for line in run.cell("analyse").markdown.splitlines() if "sales_data.csv" in line)
    assert "`data/sales_data.csv`" in attached and digest[:12] in attached

    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    cell = run.cell("analyse")
    assert f"{len(raw)} lines" in cell.answer
    price, units = pd.to_numeric(raw.unit_price, errors="coerce"), pd.to_numeric(raw.units)
    for label, rows in (
        ("lines that come twice", raw.duplicated()),
        ("dates written as 31.12.2025", raw.date.str.contains(".", regex=False)),
        ("regions in other spellings", ~raw.region.isin(["North", "South", "East", "West"])),
        ("prices missing", raw.unit_price == ""),
        ("prices ten times the usual or more", price > 500),
        ("negative units", units < 0),
    ):
        assert rows.sum() > 0 and cell.row(label)[0] == str(rows.sum()), label

    clean, changes = (pd.read_csv(run.file(name), parse_dates=["date"] if "clean" in name else None) for name in ("sales_clean.csv", "changes.csv"))
    assert clean.isna().sum().sum() == 0 and clean.order_id.is_unique and (clean.units > 0).all()
    assert set(clean.region) == {"North", "South", "East", "West"} and set(clean.date.dt.year) == {2025}
    assert set(raw.order_id) - set(clean.order_id) == set(changes.order_id[changes.note.str.startswith("left out")])
    untouched = clean[~clean.order_id.isin(changes.order_id)].set_index("order_id")
    before = raw.drop_duplicates().set_index("order_id").loc[untouched.index]
    assert (before.date == untouched.date.dt.strftime("%Y-%m-%d")).all() and np.allclose(before.unit_price.astype(float), untouched.unit_price)

    revenue = clean.units * clean.unit_price
    monthly = revenue.groupby(clean.date.dt.month_name()).sum()
    assert f"{len(clean)} orders bring {revenue.sum():,.2f}. {monthly.idxmax()} is the best month with {monthly.max():,.2f}" in cell.answer
    top = revenue.groupby(clean["product"]).sum()
    assert f"{top.idxmax()} makes {100 * top.max() / top.sum():.0f} %" in cell.answer
    assert len(cell.images) == 1
    listed = run.cell("files").markdown
    assert "`sales_data.csv`" in listed
    assert all(f"](claude_files/{name})" in listed for name in ("sales_clean.csv", "changes.csv", "sales_overview.png"))


def test_v19_both_files(runs):
    run = runs["v19-compare"]
    cell = run.cell("compare")
    assert cell.markdown.count("Attached `data/q") == 2 and run.cell("mention").markdown.count("Attached `data/q") == 2
    q1, q2 = (pd.read_csv(run.directory / f"data/{name}.csv") for name in ("q1", "q2"))
    change = (q2.units * q2.price).groupby(q2["product"]).sum() - (q1.units * q1.price).groupby(q1["product"]).sum()
    a, b = ((table.units * table.price).sum() for table in (q1, q2))
    assert f"from {a:,.0f} to {b:,.0f}: **{100 * (b / a - 1):+.1f} %**" in cell.answer
    change = change.dropna().sort_values()
    for place in range(3):
        row = cell.row(change.index[-1 - place])
        assert [row[0], *row[2:4]] == [f"{change.iloc[-1 - place]:+,.0f}", change.index[place], f"{change.iloc[place]:+,.0f}"]
    (new,), (gone,) = set(q2["product"]) - set(q1["product"]), set(q1["product"]) - set(q2["product"])
    assert f"Only in the second quarter: {new}. Only in the first: {gone}." in cell.answer
    assert len(cell.images) == 1
    single = [(table.units * table.price).set_axis(pd.MultiIndex.from_frame(table[["product", "store"]])) for table in (q2, q1)]
    lost = single[0].sub(single[1], fill_value=0)
    product, store = lost.idxmin()
    assert run.cell("mention").answer.startswith(f"{product} in {store}, with {-lost.min():,.2f} less")


def test_v20_fails_is_mended_passes(runs):
    run = runs["v20-iterate"]
    cell = run.cell("validator")
    attempts = [step for step in cell.steps if re.search(r"\d+ of \d+ cases pass", step)]
    assert ["exit 1" in step for step in attempts] == [True, True, False]
    passed = [int(re.search(r"(\d+) of \d+ cases pass", step)[1]) for step in attempts]
    cases = int(re.search(r"of (\d+) cases pass", attempts[0])[1])
    assert passed == sorted(passed) and passed[0] < passed[1] < passed[2] == cases
    rows = [cell.row(label)[0] for label in ("one regular expression", "the grammar, part by part", "groups counted")]
    assert list(map(int, rows)) == passed

    is_address = module(run.file("address.py")).is_address
    # The examples of RFC 5321 and 3696, as corrected, beside those that the notebook tests.
    for text in ("Joe.Smith@example.com", "userx@y.foo.org", r'"Abc\@def"@example.com', r'"Fred Bloggs"@example.com',
                 "customer/department=shipping@example.com", "$A12345@example.com", "!def!xyz%abc@example.com", "u@[IPv6:::]"):
        assert is_address(text), text
    for text in ("Abc@def@example.com", r"Fred\ Bloggs@example.com", "a@b..c", "a @b.c", '"a"b@c.d', '"\t"@c.d', "a@[IPv6:::1%eth0]", "a@[1.2.3.4", "a\n@b.c"):
        assert not is_address(text), text
    for text in ("a.b@example.org", "a..b@example.org", '"a..b"@example.org', "me@[127.0.0.1]", "me@-example.org"):
        assert run.cell("again").row(text)[0] == ("valid" if is_address(text) else "invalid")


def test_v21_four_turns_one_sandbox(runs):
    run = runs["v21-ab-test"]
    raw, clean = (pd.read_csv(run.file(f"{name}.csv")) for name in ("raw", "clean"))
    assert f"{len(raw):,} lines" in run.cell("generate").answer
    cell = run.cell("clean")
    left, removed = raw, {}
    for reason, rule in (
        ("exact duplicates", lambda rows: ~rows.duplicated()),
        ("test accounts", lambda rows: rows.user != 0),
        ("before the experiment", lambda rows: rows.day >= "2026-03-02"),
        ("bots, under a second", lambda rows: rows.seconds >= 1),
    ):
        kept = left[rule(left)]
        assert cell.row(reason) == [str(len(left) - len(kept))]
        left = kept
    assert len(left) == len(clean) and set(left.user) == set(clean.user)
    a, b = (clean[clean.variant == variant] for variant in "AB")
    assert min(len(a), len(b)) > 9_500
    assert f"{len(a):,} to {len(b):,}, *p* = {stats.chisquare([len(a), len(b)]).pvalue:.2f}" in cell.answer

    cell = run.cell("analyse")
    for label, rows in (("All", clean), ("Mobile", clean[clean.device == "mobile"]), ("Desktop", clean[clean.device == "desktop"])):
        table = pd.crosstab(rows.variant, rows.signed_up)
        rate = table[1] / table.sum(axis=1)
        p = stats.chi2_contingency(table, correction=False).pvalue
        shown = cell.row(label)
        assert shown[:3] == [f"{100 * rate['A']:.2f} %", f"{100 * rate['B']:.2f} %", f"{100 * (rate['B'] - rate['A']):+.2f}"]
        assert shown[4] == ("below 0.001" if p < 0.001 else f"{p:.3f}")
    assert f"{a.spent.mean():.2f} for A and {b.spent.mean():.2f} for B" in cell.answer
    report = run.file("report.md").read_text()
    assert f"{a.signed_up.mean():.1%} to {b.signed_up.mean():.1%}" in report and f"{len(clean):,} users" in report
    assert "](ab_difference.png)" in report and run.file("ab_difference.png").is_file()
    assert [len(run.cell(c).blocks("receipt")) for c in ("generate", "clean", "analyse", "report")] == [1] * 4


def test_v22_the_failure_stays_visible(runs):
    run = runs["v22-recovery"]
    cell = run.cell("singular")
    failed, mended = cell.steps
    assert "exit 1" in failed and "LinAlgError: Singular matrix" in failed
    printed = [output.text for output in cell.node.outputs if output.get("name") == "stderr"]
    assert any("LinAlgError: Singular matrix" in text for text in printed)
    assert "exit 1" not in mended
    matrix, right = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), np.array([14, 32, 50])
    solution, direction = (np.array(list(map(float, v.split(",")))) for v in re.findall(r"\(([-\d., ]+)\)", cell.answer)[1:3])
    assert np.allclose(matrix @ solution, right) and np.allclose(matrix @ direction, 0) and direction.any()
    condition = np.linalg.cond(matrix + np.diag([0, 0, 1e-7]))
    assert run.cell("near").numbers()[0] == pytest.approx(condition, rel=0.1)


def test_v23_presets_are_sent_and_shown(runs):
    run = runs["v23-presets"]
    names = re.findall(r"^\| `([\w-]+)` \|", run.cell("presets").markdown, re.MULTILINE)
    assert {"clean-code", "reproducible", "recover", "lowmem", "fast"} <= set(names)
    system = request_shown(run.cell("dry"))["system"][0]["text"]
    assert "Seed every source of randomness" in system and "Catch only the errors" not in system
    assert run.cell("shown").markdown.startswith("**system:** nothing beside the kernel's own")

    cell = run.cell("reproducible")
    points = np.random.default_rng(42).random((200_000, 2))
    estimate = 4 * np.count_nonzero((points**2).sum(axis=1) < 1) / 200_000
    assert f"**{estimate:.6f}**" in cell.answer and f"Python {sys.version.split()[0]}, numpy {np.__version__}" in cell.answer
    assert run.cell("again").answer.startswith(f"Yes, to the last digit: {estimate:.6f} then, {estimate:.6f} now")
    result = module(run.file("darts.py")).estimate_pi(200_000, seed=42)
    assert f"{result.value:.4f} ± {result.standard_error:.4f}" in run.cell("clean").answer
    rng = np.random.default_rng(7)
    values = np.concatenate([rng.normal(1e6, 2.5, 500_000) for _ in range(20)])
    assert f"mean **{values.mean():,.4f}**, standard deviation **{values.std(ddof=1):.4f}**" in run.cell("both").answer
    failed, mended = run.cell("recover").steps
    assert "exit 1" in failed and "ValueError" in failed and "exit 1" not in mended
    assert run.cell("recover").answer.startswith(f"**{950 + 412.5 + 1204:,.2f}**")


def test_v24_the_list_is_true_and_kept(runs):
    run = runs["v24-packages"]
    shown = run.cell("packages").markdown
    versions = dict(re.findall(r"(\S+) (\d+(?:\.\d+)*)", run.cell("check").answer))
    assert set(versions) == {"numpy", "pandas", "matplotlib"}
    for name, version in versions.items():
        assert version == importlib.metadata.version(name) and f"{name} {version}" in shown
    assert "scikit-learn" in run.cell("one").markdown and importlib.metadata.version("scikit-learn") in run.cell("one").markdown
    assert "not in the sandbox" in run.cell("none").markdown and "`matplotlib`" in run.cell("none").markdown
    assert run.cell("again").markdown == shown
    assert len(run.cell("check").blocks("receipt")) == 1, "the list is no turn"


def sheet(path: Path, number: int) -> pd.DataFrame:
    """A worksheet of a workbook, read as the format says."""
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    rows = [[cell.findtext(".//m:t", None, space) or float(cell.findtext("m:v", None, space)) for cell in row] for row in root.iter(f"{{{space['m']}}}row")]
    return pd.DataFrame(rows[1:], columns=rows[0])


def test_a_report_in_one_cell(runs):
    run = runs["report"]
    loans = pd.read_csv(run.file("loans.csv"))
    assert len(loans) == 36 and loans.branch.nunique() == 3
    month = loans.month.str[5:].astype(int)
    first, last = (loans[part].groupby("branch").loans.sum() for part in (month <= 3, month >= 10))
    growth = 100 * (last / first - 1)
    best = growth.idxmax()
    assert run.cell("loans").answer.startswith(f"**{best} grew most:** {growth.max():+.1f} % more loans")
    assert f"lent {loans.loans.sum():,} items" in run.cell("loans").answer

    book = run.file("library_loans.xlsx")
    assert sheet(book, 1).astype(loans.dtypes).equals(loans)
    sums = loans.groupby("branch")[["loans", "new_readers"]].sum()
    assert sheet(book, 2).set_index("branch").astype(int).equals(sums)
    cell = run.cell("report")
    assert f"the {len(loans)} rows" in cell.answer and f"{best} grew most ({growth.max():+.1f} %)" in cell.answer
    assert f"{sums.loans.sum():,} loans and {sums.new_readers.sum():,} new readers" in cell.answer
    # A preview, although nobody here has a library for workbooks.
    assert re.search(rf"\| *2025-01 *\| *Centre *\| *{loans.loans[0]} *\|", cell.markdown), cell.markdown
    report = run.file("library_loans.pdf").read_bytes()
    assert report.startswith(b"%PDF-") and report.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", report)) == 2
    assert "claude_files/library_loans.pdf" in cell.markdown

    request = request_shown(run.cell("dry"))
    assert request["container"]["skills"] == [{"type": "anthropic", "skill_id": "docx", "version": "latest"}]
    assert request["container"]["id"], "the sandbox is the same"
