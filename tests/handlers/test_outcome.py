"""What is told of answers is remembered from one question to the next: it must always be what the answer itself would say."""

from types import ModuleType
from typing import Any

import pytest

from config_sync import ir
from evaluator.snapshot import opcodes as codes
from handlers._outcome import Told, ofrep_text, properties_of, row_of
from tests.handlers.flags import FLAGS, constant, rule, snapshot_of
from tests.handlers.switches import DOCUMENT, compiled

CONTEXTS: list[dict[str, Any]] = [
    {},
    {"targetingKey": "u1"},
    {"targetingKey": "vip", "country": "US", "plan": "pro"},
    {"targetingKey": "banned", "team": "blue"},
]


def parts(told: Told) -> tuple[Any, ...]:
    return told.row, told.detail, told.error_code, told.member, told.rest, told.ofrep


def unnamed(key: str, first: Any, second: Any) -> ir.Flag:
    """Two variants without names, told apart by their values alone."""
    condition = ir.Test("equal", ir.Attribute("plan"), "pro")
    variants = (ir.Variant("\0a", first), ir.Variant("\0b", second))
    targeted = rule(ir.Constant("\0a"), codes.REASON_TARGETING_MATCH, condition)
    other = rule(ir.Constant("\0b"), codes.REASON_TARGETING_MATCH)
    return ir.Flag(key, variants=variants, rules=(targeted, other), default=ir.Constant("\0b"))


def projects() -> list[bytes]:
    pairs = [(True, False), (None, False), (1, True), ("x", "y"), ({"a": 1}, {"a": 2}), (None, 0)]
    return [compiled(DOCUMENT), snapshot_of(*FLAGS), snapshot_of(*(unnamed(f"f{n}", *pair) for n, pair in enumerate(pairs)))]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_bat_05_what_is_kept_is_what_would_be_made_anew(implementation: ModuleType, number: int) -> None:
    evaluator = implementation.Evaluator(projects()[number])
    keys = [*evaluator.flag_keys(), "nope"]
    for _ in range(3):
        for context in CONTEXTS:
            answers = evaluator.evaluate_all(context, keys)
            anew = {key: parts(Told(answer)) for key, answer in answers.items()}
            assert [parts(told) for told in evaluator.recall_all(keys, context, Told)] == list(anew.values())
            assert {key: parts(evaluator.recall(key, context, Told)) for key in keys} == anew
            assert [told[0] for told in anew.values()] == [properties_of(*row_of(answer)) for answer in answers.values()]


def test_another_snapshot_has_nothing_of_the_last_ones(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot_of(constant("f", "old", metadata={"flag_id": "1"})))
    assert '"old"' in evaluator.recall("f", {}, Told).ofrep
    evaluator.swap(snapshot_of(constant("f", "new", metadata={"flag_id": "2"})))
    for told in (evaluator.recall("f", {}, Told), *evaluator.recall_all(["f"], {}, Told)):
        assert '"new"' in told.ofrep and '"flag_id":"2"' in told.row


def test_ofrep_texts_without_a_value(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot_of(*FLAGS))
    assert ofrep_text(evaluator.evaluate("code-default", {})) == '{"key":"code-default","reason":"STATIC"}'
