"""Reading files, directories and mappings: YAML 1.2, JSON, and everything about them that must be refused with a place."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config_sync.diagnostics import Diagnostics
from config_sync.locate import locate_all
from config_sync.sources import read_sources
from config_sync.sources import reading as reading_module
from config_sync.sources.limits import MAX_DEPTH, MAX_INTEGER


def read(place: Any) -> tuple[list[Any], list[str]]:
    """The documents' data, and the codes of the diagnostics."""
    diagnostics = Diagnostics()
    data = [source.data for source in read_sources(place, diagnostics)]
    return data, [item.code for item in diagnostics]


def text(tmp_path: Path, content: str, name: str = "flags.yaml") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def places(tmp_path: Path, content: str, name: str) -> list[tuple[str, int, int]]:
    """Code, line and column of each diagnostic."""
    diagnostics = Diagnostics()
    assert read_sources(text(tmp_path, content, name), diagnostics) == []
    items = list(diagnostics)
    found = locate_all(content, name.endswith(".json"), [item.origin for item in items])
    return [(item.code, *found[item.origin]) for item in items]


# --- YAML -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        *[
            (word, word)
            for word in ("on", "off", "yes", "no", "On", "NO", "y", "n", "12:30", "1_000", "0b1", "0777x", "-x", "+", ".")
        ],
        *[
            (word, word)
            for word in ("2024-01-01", "2024-01-01T00:00:00Z", "=", "1.2.3", "0x", "1e", "e1", "nan", "inf", "TruE")
        ],
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-007", -7),
        ("+1", 1),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("-.5e3", -500.0),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float '1'", 1),
        ("!!bool 'true'", True),
        ("[a, 1, {b: off}]", ["a", 1, {"b": "off"}]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_yaml_is_1_2(tmp_path: Path, scalar: str, value: Any) -> None:
    (data,), codes = read(text(tmp_path, f"key: {scalar}\n"))
    assert codes == []
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_yaml_keys_are_their_text(tmp_path: Path) -> None:
    (data,), _ = read(text(tmp_path, "on: 1\nnull: 2\n12: 3\ntrue: 4\n'<<': 5\n"))
    assert data == {"on": 1, "null": 2, "12": 3, "true": 4, "<<": 5}


def test_yaml_anchors_and_merges(tmp_path: Path) -> None:
    content = """
x-base: &base {a: 1, b: 2}
x-more: &more {b: 3, c: 4}
one: {<<: *base, b: 5}
two: {<<: [*base, *more], d: *base}
three: &text hello
four: *text
"""
    (data,), codes = read(text(tmp_path, content))
    assert codes == []
    assert data["one"] == {"a": 1, "b": 5}
    assert data["two"] == {"a": 1, "b": 2, "c": 4, "d": {"a": 1, "b": 2}}
    assert data["four"] == "hello"


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "null"])
def test_an_empty_document_is_an_empty_mapping(tmp_path: Path, content: str) -> None:
    assert read(text(tmp_path, content)) == ([{}], [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", [("DUPLICATE-KEY", 3, 1)]),
        ("a: {b: 1, b: 2}\nc: .nan\n", [("DUPLICATE-KEY", 1, 11), ("NUMBER-NOT-FINITE", 2, 4)]),
        ("a: [1, 2\nb: 3\n", [("YAML-SYNTAX", 2, 2)]),
        ("a: b: c\n", [("YAML-SYNTAX", 1, 5)]),
        ("a: 1\n--- \nb: 2\n", [("YAML-DOCUMENTS", 2, 1)]),
        ("a: 99999999999999999999\n", [("NUMBER-TOO-LARGE", 1, 4)]),
        ("a: 0x" + "f" * 100 + "\n", [("NUMBER-TOO-LARGE", 1, 4)]),
        ("a: 1e999\n", [("NUMBER-NOT-FINITE", 1, 4)]),
        ("a: -.INF\n", [("NUMBER-NOT-FINITE", 1, 4)]),
        ("a: !!python/object:os.system x\n", [("YAML-TAG", 1, 4)]),
        ("a: !!set {b}\n", [("YAML-TAG", 1, 4)]),
        ("? [a]\n: 1\n", [("YAML-KEY", 1, 3)]),
        ("a: *b\n", [("YAML-ALIAS", 1, 4)]),
        ("a: &a [*a]\n", [("YAML-ALIAS", 1, 8)]),
        ("a: &a 1\n*a : 2\n", [("YAML-ALIAS", 2, 1)]),
        ("a: {<<: 5}\n", [("YAML-MERGE", 1, 9)]),
        ("a: " + "[" * 150 + "]" * 150, [("DOCUMENT-TOO-DEEP", 1, 4 + MAX_DEPTH - 1)]),
        ("a: \x07\n", [("YAML-SYNTAX", 1, 1)]),
    ],
)
def test_yaml_that_is_refused_says_where(tmp_path: Path, content: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(tmp_path, content, "flags.yaml") == expected


def test_yaml_so_deep_that_a_recursive_parser_would_crash(tmp_path: Path) -> None:
    assert read(text(tmp_path, "[" * 500_000))[1][0] in ("DOCUMENT-TOO-DEEP", "YAML-SYNTAX")


def test_yaml_alias_bombs_end_early(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    assert read(text(tmp_path, "\n".join(lines))) == ([], ["DOCUMENT-TOO-LARGE"])


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_json(tmp_path: Path) -> None:
    content = '{"a": [1, -2.5e3, "\\u00e9\\ud83c\\udfab", true, null, 9223372036854775807]}'
    assert read(text(tmp_path, content, "flags.json")) == ([{"a": [1, -2500.0, "é🎫", True, None, MAX_INTEGER]}], [])
    assert read(text(tmp_path, "\ufeff" + content, "flags.json"))[1] == []
    assert read(text(tmp_path, content, "flags"))[0] == read(text(tmp_path, content, "flags.json"))[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1,\n "b": 2, "a": 3}', [("DUPLICATE-KEY", 2, 10)]),
        ('{"a": {"x": 1, "x": 2}, "b": {"y": NaN}}', [("DUPLICATE-KEY", 1, 16), ("NUMBER-NOT-FINITE", 1, 36)]),
        ('{"a": [Infinity, -Infinity]}', [("NUMBER-NOT-FINITE", 1, 8), ("NUMBER-NOT-FINITE", 1, 18)]),
        ('{"a": 1e400}', [("NUMBER-NOT-FINITE", 1, 7)]),
        ('{"a": 9223372036854775808}', [("NUMBER-TOO-LARGE", 1, 7)]),
        ('{"a": ' + "9" * 10_000 + "}", [("NUMBER-TOO-LARGE", 1, 7)]),
        ('{"a": "\\ud800 half"}', [("INVALID-UNICODE", 1, 7)]),
        ('{"\\udfff": 1}', [("INVALID-UNICODE", 1, 2)]),
        ('{"a": 1,\n "b" 2}', [("JSON-SYNTAX", 2, 6)]),
        ("{'a': 1}", [("JSON-SYNTAX", 1, 2)]),
        ("", [("JSON-SYNTAX", 1, 1)]),
        ("[" * 200 + "]" * 200, [("DOCUMENT-TOO-DEEP", 1, 1)]),
        ("[" * 500_000, [("DOCUMENT-TOO-DEEP", 1, 1)]),
    ],
)
def test_json_that_is_refused_says_where(tmp_path: Path, content: str, expected: list[tuple[str, int, int]]) -> None:
    assert places(tmp_path, content, "flags.json") == expected


# --- files, directories, mappings -------------------------------------------------------------------------------------


def test_a_directory_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "teams" / "b").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name, content in (
        ("z.yaml", "n: 1"),
        ("a.json", '{"n": 2}'),
        ("teams/b/x.yml", "n: 3"),
        ("teams/a.yaml", "n: 4"),
        (".hidden.yaml", "n: 5"),
        (".git/c.yaml", "n: 6"),
        ("README.md", "n: 7"),
        ("contexts.json", "[]"),
    ):
        text(tmp_path, content, name)
    assert read(tmp_path) == ([{"n": 2}, {"n": 4}, {"n": 3}, {"n": 1}], [])
    assert read(str(tmp_path)) == read(tmp_path)


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(tmp_path / "nowhere.yaml") == ([], ["SOURCE-UNREADABLE"])
    assert read(tmp_path) == ([], ["NO-FILES"])
    assert read(5) == ([], ["SOURCE-UNREADABLE"])
    assert read("a\0b") == ([], ["SOURCE-UNREADABLE"])
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    assert read(tmp_path / "latin.yaml") == ([], ["SOURCE-ENCODING"])
    monkeypatch.setattr(reading_module, "MAX_SOURCE_BYTES", 10)
    assert read(text(tmp_path, "a: 12345678\n", "large.yaml")) == ([], ["SOURCE-TOO-LARGE"])
    monkeypatch.setattr(reading_module, "MAX_FILES", 1)
    assert read(tmp_path) == ([], ["TOO-MANY-FILES"])


def test_one_bad_file_leaves_the_others(tmp_path: Path) -> None:
    text(tmp_path, "a: [", "bad.yaml")
    text(tmp_path, "a: 1", "good.yaml")
    assert read(tmp_path) == ([{"a": 1}], ["YAML-SYNTAX"])


def test_mappings_become_plain_json() -> None:
    given = {"d": Decimal("1"), "e": Decimal("0.10"), "s": {"b", "a"}, "t": (1, 2), "n": {"x": None}, "big": Decimal("1e30")}
    assert read(given) == (
        [{"d": 1, "e": 0.1, "s": ["a", "b"], "t": [1, 2], "n": {"x": None}, "big": None}],
        ["NUMBER-TOO-LARGE"],
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "NUMBER-NOT-FINITE"),
        (Decimal("NaN"), "NUMBER-NOT-FINITE"),
        (Decimal("1e999999"), "NUMBER-NOT-FINITE"),
        (Decimal("sNaN"), "NUMBER-NOT-FINITE"),
        (float("-inf"), "NUMBER-NOT-FINITE"),
        (2**63, "NUMBER-TOO-LARGE"),
        (10**400, "NUMBER-TOO-LARGE"),
        ("\ud800", "INVALID-UNICODE"),
        ({1: "x"}, "NOT-JSON"),
        (b"x", "NOT-JSON"),
        (object(), "NOT-JSON"),
    ],
)
def test_mappings_with_what_json_has_not(value: Any, code: str) -> None:
    assert read({"key": value})[1] == [code]


def test_mappings_nested_without_end() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    assert read(endless)[1] == ["DOCUMENT-TOO-DEEP"]
