"""What is told of answers is kept from one question to the next: it must always be what the answer itself would say."""

from types import ModuleType
from typing import Any

import pytest

from config_sync import ir
from evaluator.snapshot import opcodes as codes
from handlers import _outcome
from handlers._outcome import Tellings, Told, ofrep_text, properties_of, row_of
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
    tellings = Tellings()
    keys = [*evaluator.flag_keys(), "nope"]
    for _ in range(3):
        for context in CONTEXTS:
            answers = list(evaluator.evaluate_all(context, keys).values())
            assert [parts(told) for told in tellings.of_all(answers)] == [parts(Told(answer)) for answer in answers]
            assert [parts(tellings.of(answer)) for answer in answers] == [parts(Told(answer)) for answer in answers]
            assert [told.row for told in tellings.of_all(answers)] == [properties_of(*row_of(answer)) for answer in answers]


def test_another_snapshot_has_nothing_of_the_last_ones(implementation: ModuleType) -> None:
    """A version is swapped in while answers of the one before are still on their way."""
    tellings, evaluator = Tellings(), implementation.Evaluator(snapshot_of(constant("f", "old", metadata={"flag_id": "1"})))
    before = evaluator.evaluate("f", {})
    assert '"old"' in tellings.of(before).ofrep
    evaluator.swap(snapshot_of(constant("f", "new", metadata={"flag_id": "2"})))
    after = evaluator.evaluate("f", {})
    for answer, value, flag_id in [(after, '"new"', "2"), (before, '"old"', "1"), (after, '"new"', "2")]:
        for told in (tellings.of(answer), *tellings.of_all([answer])):
            assert value in told.ofrep and f'"flag_id":"{flag_id}"' in told.row


def test_asg_23_memory_is_bounded(implementation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outcome, "MOST_KEPT", 3)
    keys = [f"f{number}" for number in range(10)]
    evaluator = implementation.Evaluator(snapshot_of(*(constant(key, True) for key in keys), constant("long", "x" * 2_000)))
    tellings = Tellings()

    for key in keys:
        tellings.of(evaluator.evaluate(key, {}))
        assert 1 <= len(tellings._kept[1]) <= 3
    tellings = Tellings()
    tellings.of_all([evaluator.evaluate("nope", {}), evaluator.evaluate("long", {})])
    assert tellings._kept[1] == {}, "neither keys of the clients' own nor long values"
    assert tellings.of_all([]) == []


def test_ofrep_texts_without_a_value(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot_of(*FLAGS))
    assert ofrep_text(evaluator.evaluate("code-default", {})) == '{"key":"code-default","reason":"STATIC"}'
