"""flagd's public scenarios (the provider-independent testkit and those of the providers' that are about evaluation).

Read from the conformance folder. What isn't asked is listed in ``skips.toml``, each with a heading and a reason: a scenario
that fails or can't be asked without being listed fails here, and so does a listed one that passes.
"""

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.flagd.asking import UnknownStep, evaluator_of, run
from tests.conformance.gherkin import Case, read_feature
from tests.conftest import conformance_data

FOUND = conformance_data("flagd")
if FOUND is None:
    pytest.skip("flagd's public scenarios are not on this machine; the golden cases still run", allow_module_level=True)
DATA: Path = FOUND
DIALECTS = {"@fractional-v1": "flagd@v1", "@fractional-v2": "flagd", "@fractional-v3": "flagd@v3"}
SKIPS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "skips.toml").read_text())["skip"]


def cases() -> list[Case]:
    """Every case of both suites."""
    found: list[Case] = []
    for folder in ("evaluator/gherkin", "gherkin"):
        for path in sorted((DATA / folder).glob("*.feature")):
            found += read_feature(path, f"{folder}/{path.name}")
    return found


def document_of(case: Case) -> dict[str, Any]:
    """The flags that a case is about."""
    if case.file.startswith("evaluator/"):
        return load("evaluator/flags/testkit-flags.json")
    for step in case.steps:
        if step.text.startswith('an option "selector"') and "combined-metadata" in step.text:
            return load("flags/selector-flag-combined-metadata.json")
    return union()


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / name).read_text())
    return loaded


@cache
def union() -> dict[str, Any]:
    """The flags and evaluators of all files. Metadata of one file's set isn't that of the others."""
    merged: dict[str, Any] = {"flags": {}, "$evaluators": {}}
    for path in sorted((DATA / "flags").glob("*.json")):
        document = json.loads(path.read_text())
        merged["flags"] |= document["flags"]
        merged["$evaluators"] |= document.get("$evaluators", {})
    return merged


@cache
def evaluator(name: str, dialect: str, core: ModuleType, text: str) -> Any:
    return evaluator_of(json.loads(text), dialect, core)


def skip_of(case: Case) -> dict[str, Any] | None:
    """The entry of ``skips.toml`` that covers a case."""
    for skip in SKIPS:
        here = skip["file"] == case.file and skip.get("scenario", case.scenario) == case.scenario
        if here and any(re.match(skip.get("step", ""), step.text) for step in case.steps):
            return skip
    return None


def dialect_of(case: Case) -> str:
    return next((dialect for tag, dialect in DIALECTS.items() if tag in case.tags), "flagd")


CASES = cases()


def test_the_scenarios_are_there() -> None:
    assert len(CASES) > 250
    assert {dialect_of(case) for case in CASES} == {"flagd", "flagd@v1", "flagd@v3"}


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_scenario(case: Case, implementation: ModuleType) -> None:
    dialect = dialect_of(case)
    text = json.dumps(document_of(case))
    skip = skip_of(case)
    try:
        run(case, evaluator(case.file, dialect, implementation, text))
    except UnknownStep as step:
        assert skip is not None, f"{case.id} needs a step that there isn't: {step}; list it in skips.toml if that is right"
        pytest.skip(skip["reason"])
    except AssertionError:
        if skip is None:
            raise
        pytest.skip(skip["reason"])
    assert skip is None, f"{case.id} passes: remove its entry from skips.toml"


def test_every_skip_has_a_case() -> None:
    for skip in SKIPS:
        assert skip["heading"] and skip["reason"]
        assert any(skip_of(case) is skip for case in CASES), skip
