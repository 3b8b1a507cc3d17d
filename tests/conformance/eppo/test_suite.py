"""Eppo's public suite: assignments of UFC flags; bandits' actions aren't asked."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project
from tests.conformance.eppo.asking import context_of, evaluator, read, typed
from tests.conformance.suite import Case, NotAsked, Suite


def cases(data: Path) -> Iterator[Case]:
    for file in sorted((data / "ufc" / "tests").glob("*.json")):
        test = read(file)
        ask = partial(ask_assignment, data / "ufc" / "flags-v1.json", test)
        for subject in test["subjects"]:
            yield Case(f"{file.stem}/{subject['subjectKey']}", partial(ask, subject), group=file.stem)
    for file in sorted((data / "ufc" / "bandit-tests").glob("*.json")):
        test = read(file)
        ask = partial(ask_bandit, data / "ufc" / "bandit-flags-v1.json", test)
        for subject in test["subjects"]:
            kind = "bandit-flags" if subject["assignment"]["action"] is None else "bandit-actions"
            yield Case(f"{kind}/{file.stem}/{subject['subjectKey']}", partial(ask, subject), group=f"{kind}/{file.stem}")


def ask_assignment(document: Path, test: dict[str, Any], subject: dict[str, Any], core: ModuleType) -> None:
    asked, context = evaluator(document, core), context_of(subject["subjectKey"], subject["subjectAttributes"])
    default, kind = test["defaultValue"], test["variationType"]
    value = typed(asked, test["flag"], kind, context, default)
    assert value == subject["assignment"]
    assert type(value) is type(subject["assignment"]) or kind == "NUMERIC"
    details = subject.get("evaluationDetails")
    if details and details["flagEvaluationCode"] == "MATCH":
        found = asked.evaluate(test["flag"], context)
        assert found.variant == details["variationKey"]
        assert found.rule == details["matchedAllocation"]["key"]


def ask_bandit(document: Path, test: dict[str, Any], subject: dict[str, Any], core: ModuleType) -> None:
    """A bandit is behind a flag; only where it chooses no action is the answer the flag's."""
    if subject["assignment"]["action"] is not None:
        raise NotAsked("which action a bandit takes")
    attributes = subject["subjectAttributes"]
    attributes = attributes.get("numericAttributes", {}) | attributes.get("categoricalAttributes", {})
    context = context_of(subject["subjectKey"], attributes)
    value = typed(evaluator(document, core), test["flag"], "STRING", context, test["defaultValue"])
    assert value == subject["assignment"]["variation"]


SUITE = Suite(__file__, cases)


@pytest.mark.parametrize("group", SUITE.groups)
def test_suite(group: str, implementation: ModuleType) -> None:
    SUITE.check(group, implementation)


def test_every_skip_has_a_case() -> None:
    SUITE.check_skips()


def test_the_obfuscated_document_is_refused() -> None:
    result = compile_project(read(SUITE.data / "ufc" / "flags-v1-obfuscated.json"), dialect="eppo")
    assert result.snapshot is None
    assert [item.code for item in result.diagnostics] == ["UNREADABLE-FORMAT"]
