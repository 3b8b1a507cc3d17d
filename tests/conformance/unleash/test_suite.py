"""Unleash's client specification: ``isEnabled`` and ``getVariant`` asked of both cores, in Unleash's words and in ours."""

import json
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.suite import Case, Suite
from tests.conformance.unleash.asking import context_of, enabled, evaluator_of, variant_of

Test = dict[str, Any]


@cache
def _specification(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@cache
def _evaluator(path: Path, core: ModuleType) -> Any:
    return evaluator_of(_specification(path)["state"], core)


def _ask_enabled(path: Path, test: Test, core: ModuleType) -> None:
    evaluator, key, context = _evaluator(path, core), test["toggleName"], context_of(test["context"])
    expected = test["expectedResult"]
    assert enabled(evaluator.evaluate(key, context)) is expected
    assert evaluator.boolean(key, context, False) is expected, "boolean() says otherwise"


def _ask_variant(path: Path, test: Test, core: ModuleType) -> None:
    evaluator, key, context = _evaluator(path, core), test["toggleName"], context_of(test["context"])
    expected = test["expectedResult"]
    found = evaluator.evaluate(key, context)
    assert variant_of(found) == expected
    assert evaluator.boolean(key, context, False) is expected["feature_enabled"]


def cases(data: Path) -> Iterator[Case]:
    for path in sorted((data / "specifications").glob("[0-9]*.json")):
        for asked, ask in (("tests", _ask_enabled), ("variantTests", _ask_variant)):
            for number, test in enumerate(_specification(path).get(asked, [])):
                yield Case(f"{path.stem}/{asked}/{number} {test['description']}", partial(ask, path, test), path.stem)


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
