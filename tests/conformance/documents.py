"""Markdown documents at random: what models write, and what they might.

The same seed makes the same document. Each holds long tables, nested lists, fences, quotes and links whose addresses
are written elsewhere, so that it is shown in several pieces while it grows.
"""

import random

WORDS = (
    "word and the *very* **much** `code` ~5 (~2) ~~gone~~ 2. - + [link](https://e.x/a) [see][r1] [r2][] [R3] [^1] "
    "https://e.x/~u <b> a|b $5 _it_ &amp; äöü # 1)"
).split()
LINES = ["x = 1", "", "    deep", "- a", "1. b", "# c", "| a | b |", "|---|---|", "> q", "</div>", "===", "---", "[r1]: https://e.x/in-code"]


def words(choose: random.Random, most: int = 20) -> str:
    return " ".join(choose.choices(WORDS, k=choose.randint(1, most)))


def indented(block: str, first: str, other: str) -> str:
    """Puts `first` before the first line of a block and `other` before the rest."""
    lines = block.split("\n")
    return "\n".join([first + lines[0], *((other + line).rstrip() if not line.strip() else other + line for line in lines[1:])])


def table(choose: random.Random) -> str:
    columns = choose.choice([2, 3, 8, 40])
    row = lambda: "|" + "".join(f" {words(choose, 3).replace('|', chr(92) + '|')} |" for _ in range(columns))
    return "\n".join([row(), "|" + "---|" * columns, *(row() for _ in range(choose.randint(0, 160 // columns)))])


def fence(choose: random.Random) -> str:
    mark, info = choose.choice(["```", "~~~~", "`````"]), choose.choice(["", "python", "text"])
    return "\n".join([mark + info, *choose.choices(LINES, k=choose.randint(0, 40)), mark])


def leaf(choose: random.Random) -> str:
    kind = choose.randrange(10)
    if kind < 4:
        return "\n".join(words(choose) for _ in range(choose.randint(1, 6)))
    if kind == 4:
        return "#" * choose.randint(1, 6) + " " + words(choose, 6)
    if kind == 5:
        return fence(choose)
    if kind == 6:
        return table(choose)
    if kind == 7:
        return f"[r{choose.randint(1, 4)}]: " + choose.choice(["https://e.x/1", 'a.csv "T"', "<https://e.x/2>", "two words"])
    if kind == 8:
        return "    " + "\n    ".join(choose.choices(LINES, k=choose.randint(1, 20)))
    return choose.choice(["---", "* * *", "[^1]: " + words(choose), "<div>\n" + words(choose) + "\n</div>"])


def block(choose: random.Random, depth: int) -> str:
    if depth == 0 or choose.random() < 0.6:
        return leaf(choose)
    inside = lambda: choose.choice(["\n\n", "\n\n", "\n"]).join(block(choose, depth - 1) for _ in range(choose.randint(1, 3)))
    if choose.random() < 0.25:
        return indented(inside(), "> ", "> ")
    mark = choose.choice(["- ", "* ", "1. ", "7) "])
    items = [indented(inside(), mark, " " * len(mark)) for _ in range(choose.randint(1, 6))]
    return choose.choice(["\n", "\n\n"]).join(items)


def document(seed: int) -> str:
    choose = random.Random(seed)
    blocks = [block(choose, 2) for _ in range(choose.randint(6, 20))]
    return "".join(one + choose.choice(["\n\n", "\n\n", "\n\n", "\n", "\n\n\n"]) for one in blocks)
