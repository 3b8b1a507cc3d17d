"""Powertools' own tests as recorded questions and answers. Both generations of the dialect must give each answer."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project
from tests.conformance.suite import Case, Suite

DIALECTS = ("powertools", "powertools@3.34")


def cases(data: Path) -> Iterator[Case]:
    """A recorded call each, by its test's name and its place in the file."""
    for number, row in enumerate(json.loads((data / "vectors.json").read_text())):
        yield Case(f"{row['test']} ({number})", partial(ask, row), group=row["test"])


def ask(row: dict[str, Any], core: ModuleType) -> None:
    for dialect in DIALECTS:
        ask_in(dialect, row, core)


def ask_in(dialect: str, row: dict[str, Any], core: ModuleType) -> None:
    """One call of ``evaluate`` or ``get_enabled_features``."""
    result = compile_project(row["schema"], dialect=dialect)
    assert result.snapshot is not None and not result.has_errors, [item.message for item in result.diagnostics]
    evaluator = core.Evaluator(result.snapshot)
    arguments = row["args"]
    if row["fn"] == "get_enabled_features":
        assert [key for key in row["schema"] if evaluator.evaluate(key, arguments["context"]).value] == row["result"]
        return
    assert row["fn"] == "evaluate", f"a call of something else: {row['fn']}"
    found = evaluator.evaluate(arguments["name"], arguments["context"])
    value = arguments["default"] if found.error_code == "FLAG_NOT_FOUND" else found.value
    assert value == row["result"] and type(value) is type(row["result"]), found


SUITE = Suite(__file__, cases, name="aws-appconfig/powertools")


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
