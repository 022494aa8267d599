"""The extension for VS Code is data: what it names is there, its patterns find what they should, its package is whole.

VS Code itself is not here. Its tokeniser reads other regular expressions than Python; those used mean the same in both.
"""

import json
import re
import sys
import tomllib
import zipfile
from xml.etree import ElementTree

import pytest
from notebook_runs import ROOT

EXTENSION = ROOT / "editors/vscode"
PACKAGE = json.loads((EXTENSION / "package.json").read_text())
CONTRIBUTES = PACKAGE["contributes"]
GRAMMAR = json.loads((EXTENSION / "syntaxes/claude.tmLanguage.json").read_text())
LANGUAGES = ["claude", "claude-offline"]
# Of VS Code itself.
FOREIGN = {"source.python", "source.shell", "source.json"}


def nested(value, key: str) -> list[str]:
    """All texts under this key, at any depth."""
    found = []
    if isinstance(value, dict):
        found += [value[key]] if isinstance(value.get(key), str) else []
        value = list(value.values())
    if isinstance(value, list):
        found += [text for inner in value for text in nested(inner, key)]
    return found


def test_each_language_has_a_grammar_a_configuration_wrap_and_completion():
    assert [language["id"] for language in CONTRIBUTES["languages"]] == LANGUAGES
    assert [grammar["language"] for grammar in CONTRIBUTES["grammars"]] == LANGUAGES
    defaults = CONTRIBUTES["configurationDefaults"]
    for language, grammar in zip(CONTRIBUTES["languages"], CONTRIBUTES["grammars"], strict=True):
        json.loads((EXTENSION / language["configuration"]).read_text())
        assert json.loads((EXTENSION / grammar["path"]).read_text())["scopeName"] == grammar["scopeName"]
        assert set(grammar["embeddedLanguages"]) == set(nested(GRAMMAR, "contentName"))
        assert defaults[f"[{language['id']}]"]["editor.wordWrap"] == "on"
        assert "%" in defaults["jupyter.completionTriggerCharacters"][language["id"]]


def test_every_rule_that_a_grammar_names_is_there():
    scopes = {grammar["scopeName"] for grammar in CONTRIBUTES["grammars"]}
    for grammar in CONTRIBUTES["grammars"]:
        read = json.loads((EXTENSION / grammar["path"]).read_text())
        for included in nested(read, "include"):
            known = included[1:] in read.get("repository", {}) if included.startswith("#") else included in scopes | FOREIGN
            assert known, included
    for pattern in (text for key in ("match", "begin", "end") for text in nested(GRAMMAR, key)):
        re.compile(pattern.replace("\\1", "x") if pattern.startswith("^\\s*\\1") else pattern)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("variable.other.claude", "{{a}} \\{{b}} {{ c[0].d }} {{1}}", ["{{a}}", "{{ c[0].d }}"]),
        ("markup.underline.link.file.claude", '@a/b.csv, me@b.csv @someone @"c d" (@e.csv)', ["@a/b.csv", '@"c d"']),
        ("markup.heading.claude", "# One", ["# One"]),
        ("markup.inline.raw.claude", "`a` ``b`` c", ["`a`", "``b``"]),
    ],
)
def test_a_prompts_patterns_find_what_they_should(name, text, found):
    (pattern,) = [rule["match"] for rule in GRAMMAR["repository"]["prompt"]["patterns"] if rule.get("name") == name]
    assert [match[0] for match in re.finditer(pattern, text)] == found


def test_bodies_are_read_in_their_language():
    rules = {name: re.compile(GRAMMAR["repository"][name]["begin"]) for name in ("python-body", "shell-body", "head")}
    first = {line: [name for name, rule in rules.items() if rule.match(line)] for line in
             ("%%tool", "%%tool x --ask", "%%tool x --command", "%%exec python", "%%exec bash", "%%json x", "Hello", "%effort low")}  # fmt: skip
    assert first == {
        "%%tool": ["python-body", "head"],
        "%%tool x --ask": ["python-body", "head"],
        "%%tool x --command": ["head"],
        "%%exec python": ["python-body", "head"],
        "%%exec bash": ["shell-body", "head"],
        "%%json x": ["head"],
        "Hello": [],
        "%effort low": ["head"],
    }


def test_the_package_holds_what_the_manifest_names(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSION))
    monkeypatch.delitem(sys.modules, "pack", raising=False)
    from pack import pack

    path = pack(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        manifest = ElementTree.fromstring(archive.read("extension.vsixmanifest"))
    space = {"v": "http://schemas.microsoft.com/developer/vsx-schema/2011"}
    assert {asset.get("Path") for asset in manifest.iterfind(".//v:Asset", space)} <= names
    named = [language["configuration"] for language in CONTRIBUTES["languages"]] + [grammar["path"] for grammar in CONTRIBUTES["grammars"]]
    assert {f"extension/{file.removeprefix('./')}" for file in named} <= names
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    assert manifest.find(".//v:Identity", space).get("Version") == PACKAGE["version"] == version
    first = path.read_bytes()
    assert pack(tmp_path).read_bytes() == first
