"""flagd's public scenarios (the provider-independent testkit and those of the providers' that are about evaluation).

A case's id is its file, its scenario, its first step and its line. What isn't asked is listed in ``skips.toml``.
"""

import json
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.flagd.asking import UnknownStep, evaluator_of, run
from tests.conformance.gherkin import Case as Scenario
from tests.conformance.gherkin import read_feature
from tests.conformance.suite import Case, NotAsked, Suite

DIALECTS = {"@fractional-v1": "flagd@v1", "@fractional-v2": "flagd", "@fractional-v3": "flagd@v3"}


def cases(data: Path) -> Iterator[Case]:
    """Every case of both suites; a scenario's examples are one group."""
    for folder in ("evaluator/gherkin", "gherkin"):
        for path in sorted((data / folder).glob("*.feature")):
            for scenario in read_feature(path, f"{folder}/{path.name}"):
                name = f"{scenario.file}: {scenario.scenario}"
                yield Case(f"{name}, {scenario.steps[0].text} ({scenario.line})", partial(ask, data, scenario), group=name)


def ask(data: Path, scenario: Scenario, core: ModuleType) -> None:
    """Runs the scenario's steps."""
    try:
        run(scenario, evaluator(data, document_of(scenario), dialect_of(scenario), core))
    except UnknownStep as step:
        raise NotAsked(f"there is no such step: {step}") from step


def document_of(scenario: Scenario) -> str:
    """The file of the flags that a scenario is about; "" is all of the providers' flags together."""
    if scenario.file.startswith("evaluator/"):
        return "evaluator/flags/testkit-flags.json"
    options = [step.text for step in scenario.steps if step.text.startswith('an option "selector"')]
    combined = any("combined-metadata" in option for option in options)
    return "flags/selector-flag-combined-metadata.json" if combined else ""


def dialect_of(scenario: Scenario) -> str:
    return next((dialect for tag, dialect in DIALECTS.items() if tag in scenario.tags), "flagd")


@cache
def evaluator(data: Path, document: str, dialect: str, core: ModuleType) -> Any:
    return evaluator_of(json.loads((data / document).read_text()) if document else union(data), dialect, core)


def union(data: Path) -> dict[str, Any]:
    """The flags and evaluators of all files. Metadata of one file's set isn't that of the others."""
    merged: dict[str, Any] = {"flags": {}, "$evaluators": {}}
    for path in sorted((data / "flags").glob("*.json")):
        document = json.loads(path.read_text())
        merged["flags"] |= document["flags"]
        merged["$evaluators"] |= document.get("$evaluators", {})
    return merged


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()


def test_all_generations_are_asked() -> None:
    found = [scenario for path in SUITE.data.glob("**/*.feature") for scenario in read_feature(path, path.name)]
    assert len(found) == len(SUITE.cases) > 250
    assert {dialect_of(scenario) for scenario in found} == {"flagd", "flagd@v1", "flagd@v3"}
