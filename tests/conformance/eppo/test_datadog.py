"""Datadog's public suite for feature flags, which are UFC as well: values and OpenFeature's reasons."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.eppo.asking import context_of, evaluator, read, typed
from tests.conformance.suite import Case, Suite


def cases(data: Path) -> Iterator[Case]:
    for file in sorted((data / "evaluation-cases").glob("*.json")):
        for number, question in enumerate(read(file)):
            ask = partial(ask_question, data / "ufc-config.json", question)
            yield Case(f"{file.stem}/{number}", ask, group=file.stem)


def ask_question(document: Path, question: dict[str, Any], core: ModuleType) -> None:
    asked, context = evaluator(document, core), context_of(question["targetingKey"], question["attributes"])
    expected, flag = question["result"], question["flag"]
    value = typed(asked, flag, question["variationType"], context, question["defaultValue"])
    assert value == expected["value"]
    found = asked.evaluate(flag, context)
    assert found.reason == expected["reason"]
    if "errorCode" in expected:
        assert found.error_code == expected["errorCode"]


SUITE = Suite(__file__, cases, name="datadog-ffe", skips="skips_datadog.toml")


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
