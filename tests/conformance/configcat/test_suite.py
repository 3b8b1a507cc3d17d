"""ConfigCat's own matrices and evaluation tests (docs/dialects/configcat.md).

A matrix is a table of users and settings: each cell is a case, a column (one setting) a test. A cell is a value, or a variation
id (``matrix-index.json`` says which).
"""

import csv
import json
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config_sync.compile import compile_project
from tests.conformance.suite import Case, NotAsked, Suite

NO_USER = "##null##"
Context = dict[str, Any]


@cache
def snapshot_of(text: str) -> bytes:
    """The snapshot of a config JSON. Every document of the suite compiles."""
    result = compile_project(json.loads(text), "configcat")
    assert result.snapshot is not None and not result.has_errors, list(result.diagnostics)
    return result.snapshot


@cache
def evaluator_of(core: ModuleType, text: str) -> Any:
    return core.Evaluator(snapshot_of(text))


# --- matrices ---------------------------------------------------------------------------------------------------------


def matrix_cases(data: Path) -> Iterator[Case]:
    configs = json.loads((data / "content-by-key.json").read_text())
    for matrix in json.loads((data / "matrix-index.json").read_text())["matrices"]:
        with (data / matrix["matrix"]).open(encoding="utf-8-sig", newline="") as file:
            names, *rows = (row for row in csv.reader(file, delimiter=";") if row)
        config = json.dumps(configs[matrix["sdk_key"]])
        name = f"{matrix['matrix'].removesuffix('.csv')}/{matrix['sdk_key'].rpartition('/')[2][:6]}"
        for column, setting in enumerate(names[4:], 4):
            for number, row in enumerate(rows, 2):
                if column < len(row) and setting:
                    how = partial(ask_cell, config, matrix["column"], setting, user(names, row), row[column])
                    yield Case(f"{name}/{setting}/{number}", how, f"{name}/{setting}")


def user(names: list[str], row: list[str]) -> Context:
    """The context of a row: empty without a user; an attribute that is empty or null isn't there."""
    identifier, *others = row[:4]
    if identifier == NO_USER:
        return {}
    attributes = dict(zip(names[1:4], others, strict=True))
    return {"targetingKey": identifier} | {name: value for name, value in attributes.items() if value not in ("", NO_USER)}


def ask_cell(config: str, column: str, setting: str, context: Context, expected: str, core: ModuleType) -> None:
    given = evaluator_of(core, config).evaluate(setting, context)
    if column == "variationId":
        assert given.variant == expected, f"{context} gives {given.variant!r}, not {expected!r}"
        return
    wanted: Any = expected
    if isinstance(given.value, bool):
        wanted = {"True": True, "False": False}.get(expected)
    elif isinstance(given.value, int | float):
        wanted = float(expected)
    assert given.value == wanted, f"{context} gives {given.value!r}, not {expected!r}"


# --- evaluation tests -------------------------------------------------------------------------------------------------


def evaluation_cases(data: Path) -> Iterator[Case]:
    configs = json.loads((data / "content-by-key.json").read_text())
    for path in sorted((data / "evaluation").glob("*.json")):
        suite = json.loads(path.read_text())
        config = configs.get(suite.get("sdkKey"))
        if "jsonOverride" in suite:
            config = json.loads((path.with_suffix("") / suite["jsonOverride"]).read_text())
        for number, test in enumerate(suite["tests"]):
            name = f"evaluation/{path.stem}/{number}"
            yield Case(name, partial(ask_test, None if config is None else json.dumps(config), test), f"evaluation/{path.stem}")


def ask_test(config: str | None, test: dict[str, Any], core: ModuleType) -> None:
    if config is None:
        raise NotAsked("the suite has no config for this SDK key")
    context = dict(test.get("user", {}))
    if "user" in test:
        context["targetingKey"] = context.pop("Identifier", "")
    given = evaluator_of(core, config).evaluate(test["key"], context)
    expected = test["returnValue"]
    value = test["defaultValue"] if given.value is None else given.value
    assert (value, isinstance(value, bool)) == (expected, isinstance(expected, bool)), f"{context}: {value!r}, not {expected!r}"


def cases(data: Path) -> Iterator[Case]:
    yield from matrix_cases(data)
    yield from evaluation_cases(data)


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
