"""LaunchDarkly's own data-driven evaluation suites, and vectors of its Go SDK, through the ``launchdarkly`` dialect."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.launchdarkly.asking import ask, ask_bucket, ask_operator
from tests.conformance.suite import Case, NotAsked, Suite


def _expanded(data: Path) -> Iterator[Case]:
    for path in sorted(data.glob("expanded/*/*.json")):
        group = f"{path.parent.name}/{path.stem}"
        for number, suite in enumerate(json.loads(path.read_text())):
            for index, evaluation in enumerate(suite["evaluations"]):
                name = f"{group}/{number}.{index} {suite['name']}: {evaluation.get('name', '')}"
                asked = _client_side if "context" not in evaluation else partial(ask, suite["sdkData"], evaluation)
                yield Case(name, asked, group)


def _client_side(core: ModuleType) -> None:
    raise NotAsked("answers that LaunchDarkly's service has worked out already: nothing is evaluated")


def _vectors(data: Path, name: str) -> list[dict[str, Any]]:
    found: Any = json.loads((data / f"vectors/{name}.json").read_text())
    return list(found["cases"] if isinstance(found, dict) else found)


def cases(data: Path) -> Iterator[Case]:
    yield from _expanded(data)
    for number, row in enumerate(_vectors(data, "bucketing")):
        yield Case(f"vectors/bucketing/{number}", partial(ask_bucket, row), "vectors/bucketing")
    for number, row in enumerate(_vectors(data, "clause_operators")):
        yield Case(f"vectors/clause_operators/{number} {row['op']}", partial(ask_operator, row), "vectors/clause_operators")


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()
