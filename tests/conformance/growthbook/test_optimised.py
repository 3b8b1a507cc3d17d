"""Conditions in tests answer exactly as the same conditions kept as one expression, and as the compiler says of constants.

The payloads are those that GrowthBook's own SDK is asked beside ours (tests/differential/growthbook.py).
"""

from random import Random
from types import ModuleType
from typing import Any

import pytest

from config_sync import compile_project
from config_sync.compile import compile_ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.growthbook.documents import translate_documents
from config_sync.frontends.growthbook.notes import Notes
from config_sync.frontends.growthbook.reading import ConditionReader, SavedGroups
from config_sync.ir import NOWHERE
from tests.differential import growthbook as drawing

CHUNKS, PAYLOADS = 4, 60


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_tests_and_expressions_answer_alike(chunk: int, implementation: ModuleType) -> None:
    for number in range(PAYLOADS):
        questions = drawing.generate(Random(f"optimised {chunk} {number}"), widely=True)
        payload = questions[0].document
        plain = compile_ir(translate_documents([Source(payload, NOWHERE)], Diagnostics(), optimise=False), Diagnostics())
        quick = compile_project(payload, "growthbook")
        assert plain.snapshot is not None and quick.snapshot is not None
        evaluators = [implementation.Evaluator(each.snapshot) for each in (plain, quick)]
        for question in questions:
            first, second = (evaluator.evaluate(question.key, question.context) for evaluator in evaluators)
            assert told(first) == told(second), (question.document["features"].get(question.key), question.context)


def told(evaluation: Any) -> tuple[Any, ...]:
    return evaluation.value, evaluation.variant, evaluation.reason, evaluation.rule, evaluation.bucket


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_constants_are_judged_as_values_are(chunk: int, implementation: ModuleType) -> None:
    """What decides a prerequisite before anyone asks."""
    for number in range(PAYLOADS):
        chance = Random(f"constants {chunk} {number}")
        condition = drawing.Writer(chance, widely=True).condition(2)
        feature = {"defaultValue": False, "rules": [{"condition": condition, "force": True}]}
        result = compile_project({"features": {"f": feature}, "savedGroups": {"few": [1, "a"]}}, "growthbook")
        assert result.snapshot is not None
        evaluator = implementation.Evaluator(result.snapshot)
        read = ConditionReader(SavedGroups({"few": [1, "a"]}), Notes(Diagnostics())).condition(condition, NOWHERE)
        for _ in range(10):
            context = drawing.context(chance, widely=True)
            context.pop("targetingKey", None)
            assert evaluator.evaluate("f", context).value is read.holds(context), (condition, context)
