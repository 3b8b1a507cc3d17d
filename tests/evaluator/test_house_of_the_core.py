"""What holds the pure core together: its rows are the layout's, it is chosen aloud, its small parts do what they say."""

import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from evaluator import json_text
from evaluator._pure import load, rows, values
from evaluator._pure.values import MISSING, UNUSABLE
from evaluator._pure.view import View
from evaluator.snapshot import describe, layout, times_and_places, words
from evaluator.snapshot import opcodes as codes
from tests.conftest import ROOT
from tests.evaluator.builder import Tables


def test_rows_are_the_layouts() -> None:
    for name, row in layout.SECTIONS:
        if name in load._ROW_TYPES:
            assert load._ROW_TYPES[name]._fields == tuple(field for field, _ in row.fields), name
    assert len([name for name in vars(rows) if name.endswith("Row")]) == len(load._ROW_TYPES) == 11


def test_every_operator_is_known_everywhere() -> None:
    from evaluator._pure import matching, operands

    everything = set(range(1, codes.OP_LAST + 1))
    special = {codes.OP_NOW, codes.OP_BUCKET, codes.OP_PREREQUISITE, codes.OP_EXPRESSION}
    assert set(operands._CHECKS) == everything
    assert set(matching._OPERATORS) == everything - special
    assert set(describe._DESCRIBERS) == everything


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "EVALUATOR_IMPL"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_implementation_is_chosen_aloud() -> None:
    code = "import evaluator; print(evaluator.IMPLEMENTATION, evaluator.Evaluator.__module__, evaluator.Evaluation.__name__)"
    assert run(code, EVALUATOR_IMPL="pure").stdout == "pure evaluator._pure.evaluator Evaluation\n"
    wrong = run(code, EVALUATOR_IMPL="quick")
    assert wrong.returncode == 1
    assert "EVALUATOR_IMPL is 'quick'; it can be 'fast' or 'pure'" in wrong.stderr


ABSENT_CORE = """
import os
exists = os.path.exists
os.path.exists = lambda path: "_core" not in str(path) and exists(path)
"""
BROKEN_CORE = """
import os, _frozen_importlib
exists = os.path.exists
os.path.exists = lambda path: "_core" in str(path) or exists(path)
def load(spec):
    raise ImportError("undefined symbol: oops", name=spec.name)
_frozen_importlib._load = load
"""
ASK = "import evaluator; print(evaluator.IMPLEMENTATION)"


def test_a_missing_core_falls_back_and_a_broken_one_does_not() -> None:
    assert run(ABSENT_CORE + ASK).stdout == "pure\n"
    requested = run(ABSENT_CORE + ASK, EVALUATOR_IMPL="fast")
    assert requested.returncode == 1
    assert "ImportError" in requested.stderr
    for wanted in ("", "fast"):
        broken = run(BROKEN_CORE + ASK, EVALUATOR_IMPL=wanted)
        assert broken.returncode == 1
        assert "undefined symbol: oops" in broken.stderr
    assert run(BROKEN_CORE + ASK, EVALUATOR_IMPL="pure").stdout == "pure\n"


def test_the_clock_is_read_once_and_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([1_500_000_000_123_456_789])
    monkeypatch.setattr("evaluator._pure.view.time.time_ns", lambda: next(readings))
    view = View({"a": 1}, flag_key="f")
    other = view.of_flag("g")
    assert other.now_ms == 1_500_000_000_123
    assert view.now_ms == 1_500_000_000_123
    assert view.now_us == 1_500_000_000_123_000
    assert (view.flag_key, other.flag_key) == ("f", "g")
    assert (view.lookup("a"), view.lookup("b"), view.lookup("b", 5)) == (1, None, 5)


def test_no_clock_is_read_without_time_rules(implementation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    if implementation.__name__.endswith("_pure.evaluator"):
        monkeypatch.setattr("evaluator._pure.view.time.time_ns", lambda: pytest.fail("the clock was read"))
    tables = Tables()
    variant = tables.variant("a", 1)
    tables.flag("f", tables.constant(variant), [], [variant])
    assert implementation.Evaluator(tables.snapshot()).integer("f", {}, 0) == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "NaN", "[Infinity]", "-Infinity", "[" * 65 + "]" * 65, " " * 65_537, '"\\', "1 2"]
)
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        json_text.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (' {"a" : [1.5, null, true, "x\\"[[["]} ', {"a": [1.5, None, True, 'x"[[[']}),
        ("[" * 64 + "]" * 64, None),
        ('"' + "\\\\" * 30_000 + '"', "\\" * 30_000),
        ('["\\\\", [[]]]', ["\\", [[]]]),
    ],
)
def test_json_that_is_read(text: str, value: Any) -> None:
    found = json_text.parse(text)
    assert value is None or found == value


def test_json_is_written_tightly() -> None:
    assert json_text.render({"ä": [1, 2.5, None, "x"]}) == '{"ä":[1,2.5,null,"x"]}'


def test_nothing_and_unusable_have_names() -> None:
    assert (repr(MISSING), repr(UNUSABLE)) == ("MISSING", "UNUSABLE")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"), ("\ud800", None), (True, "true"), (False, "false"), (5, "5"), (-(10**300), "-1" + "0" * 300),
        (10**400, None), (2**1024 - 1, str(2**1024 - 1)), (2**1024, None), (1.0, "1"), (-0.0, "0"), (1.5, "1.5"),
        (0.1 + 0.2, "0.30000000000000004"), (2.0**53, "9007199254740992.0"), (2.0**53 - 1, "9007199254740991"), (1e16, "1e+16"),
        (1e-7, "1e-07"), (float("nan"), "nan"), (float("-inf"), "-inf"), (None, None), ([1], None), ({}, None), (b"x", None),
    ],
)  # fmt: skip
def test_values_as_text(value: Any, text: str | None) -> None:
    assert values.as_text(value) == text


def test_words_survive_rows_that_nobody_checked() -> None:
    """The disassembler shows what is there, however odd."""
    tables = Tables()
    attribute = tables.attribute("a")
    row = Tables().add
    del row
    assert times_and_places.instant_text(2**62).endswith("µs")
    assert describe.describe_attribute(_Rows(tables), codes.NONE_16) == "nothing"
    assert describe.describe_condition(_Rows(tables), _Row(op=77, attribute=attribute)) == "unknown operator 77"
    assert describe.describe_outcome(_Rows(tables), _Row(kind=9)) == "unknown outcome 9"
    assert words.quoted(object).startswith("<class")
    assert words.quoted("x" * 500).endswith("…")
    assert describe.describe_target(_Rows(tables), codes.TARGET_NEXT_RULE) == "next rule"


class _Row:
    def __init__(self, **fields: int) -> None:
        self.__dict__.update(fields)


class _Rows:
    """Something program-like."""

    def __init__(self, tables: Tables) -> None:
        self.attribute_names = tables.attribute_names
        self.paths = tables.paths
        self.attributes = [_Row(**row) for row in tables.rows["attributes"]]  # type: ignore[arg-type]
