"""How a flagd scenario is asked: its steps as a context, a typed question and expectations (shared by this folder's tests)."""

import importlib
import json
import os
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from tests.conformance.gherkin import Case, Step

IGNORED = (  # test_suite.py chooses the document, by the selector among other things
    r"an evaluator",
    r"a stable flagd provider",
    r"a metadata flagd provider",
    r'an option "cache" of type .*',
    r'an option "selector" of type .* with value ".*combined-metadata.json"',
)


class UnknownStep(Exception):
    """The scenario is about something that isn't evaluation."""


class Details(NamedTuple):
    """A typed answer as an OpenFeature client sees it."""

    value: Any
    variant: str | None
    reason: str
    error_code: str | None
    metadata: dict[str, Any] | None


PARSERS: dict[str, Callable[[str], Any]] = {
    "Boolean": lambda text: text == "true",
    "Integer": int,
    "Float": float,
    "String": str,  # as it stands: the suite's hashes are of the escapes it writes, not of what they would mean
    "Object": lambda text: json.loads(text.replace('\\"', '"')),
}
GETTERS = {"Boolean": "boolean", "Integer": "integer", "Float": "number", "String": "string", "Object": "object"}


class Question:
    """The state of one scenario: what is asked, and then what was answered."""

    def __init__(self, evaluator: Any) -> None:
        self.evaluator = evaluator
        self.context: dict[str, Any] = {}
        self.type = self.key = ""
        self.default: Any = None
        self.details: Details | None = None

    def step(self, step: Step) -> None:
        """Carries one step out. Raises UnknownStep, and AssertionError where the answer is another."""
        if any(re.fullmatch(pattern, step.text) for pattern in IGNORED):
            return
        for pattern, action in STEPS.items():
            match = re.fullmatch(pattern, step.text)
            if match:
                action(self, step, *match.groups())
                return
        raise UnknownStep(step.text)

    def ask(self) -> Details:
        """``evaluate`` for the details, the typed getter for the value; they must agree."""
        found = self.evaluator.evaluate(self.key, self.context)
        missing = object()
        value = getattr(self.evaluator, GETTERS[self.type])(self.key, self.context, missing)
        code = found.error_code
        if value is missing and found.variant is not None and code is None:
            return Details(self.default, None, "ERROR", "TYPE_MISMATCH", found.metadata)
        if value is not missing:
            assert value == found.value
        value = self.default if value is missing else value
        return Details(value, found.variant, found.reason, code, found.metadata)


def _flag(question: Question, _step: Step, kind: str, key: str, default: str) -> None:
    question.type, question.key, question.default = kind, key, PARSERS[kind](default)


def _attribute(question: Question, _step: Step, name: str, kind: str, value: str) -> None:
    question.context[name] = PARSERS[kind](value)


def _nested(question: Question, _step: Step, outer: str, inner: str, value: str) -> None:
    question.context[outer] = {inner: value}


def _targeting_key(question: Question, _step: Step, value: str) -> None:
    question.context["targetingKey"] = value


def _evaluate(question: Question, _step: Step) -> None:
    question.details = question.ask()


def _answer(question: Question) -> Details:
    assert question.details is not None, "nothing was evaluated"
    return question.details


def _value(question: Question, _step: Step, expected: str) -> None:
    value = _answer(question).value
    assert value == PARSERS[question.type](expected)
    assert isinstance(value, bool) == (question.type == "Boolean")


def _reason(question: Question, _step: Step, expected: str) -> None:
    assert _answer(question).reason == expected


def _variant(question: Question, _step: Step, expected: str) -> None:
    assert _answer(question).variant == expected


def _error_code(question: Question, _step: Step, expected: str) -> None:
    assert _answer(question).error_code == (expected or None)


def _metadata(question: Question, step: Step) -> None:
    metadata = _answer(question).metadata or {}
    for name, kind, value in step.table[1:]:
        assert metadata[name] == PARSERS[kind](value)


def _no_metadata(question: Question, _step: Step) -> None:
    assert not _answer(question).metadata


STEPS: dict[str, Callable[..., None]] = {
    r'an? (\w+)-flag with key "(.*?)" and a (?:fallback|default) value "(.*)"': _flag,
    r'a context containing a key "(.*?)", with type "(\w+)" and with value "(.*)"': _attribute,
    r'a context containing a nested property with outer key "(.*?)" and inner key "(.*?)", with value "(.*)"': _nested,
    r'a context containing a targeting key with value "(.*)"': _targeting_key,
    r"the flag was evaluated with details": _evaluate,
    r'the resolved details value should be "(.*)"': _value,
    r'the reason should be "(.*)"': _reason,
    r'the variant should be "(.*)"': _variant,
    r'the error-code should be "(.*)"': _error_code,
    r"the resolved metadata should contain": _metadata,
    r"the resolved metadata is empty": _no_metadata,
}


def run(case: Case, evaluator: Any) -> None:
    """The whole scenario. Raises UnknownStep and AssertionError."""
    question = Question(evaluator)
    for step in case.steps:
        question.step(step)
    if question.details is None:
        raise UnknownStep("nothing is evaluated")


def evaluator_of(document: dict[str, Any], dialect: str, core: ModuleType) -> Any:
    """An evaluator of one core for a flagd document."""
    from config_sync import compile_project

    snapshot = compile_project(document, dialect=dialect).snapshot
    assert snapshot is not None
    return core.Evaluator(snapshot)


def cores() -> list[ModuleType]:
    """The pure core, and the Cython core unless this run does without it. For property tests, which take no fixtures."""
    names = ["pure"] if os.environ.get("EVALUATOR_IMPL") == "pure" or os.environ.get("BURGEE_PURE") == "1" else ["pure", "fast"]
    return [importlib.import_module(f"evaluator._{name}.evaluator") for name in names]
