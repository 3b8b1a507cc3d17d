"""Prerequisites and tombstones on rows built by hand, in both cores."""

from types import ModuleType

import pytest

from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import Tables, bits, evaluate, is_set

FULL = 2**32 - 1


def chain(tables: Tables, base_default: int, wanted: list[int], variants: list[int], **base: int) -> None:
    """Flag "base", and flag "f" that is "yes" where base answers one of the wanted variants."""
    tables.flag("base", base_default, [], variants, **base)
    yes = tables.variant("yes", True)
    tables.numbers = wanted
    condition = {"op": codes.OP_PREREQUISITE, "payload": 0, "offset": 0, "count": len(wanted)}
    rule = tables.rule(tables.constant(yes), [condition])
    tables.flag("f", tables.outcome(codes.OUTCOME_NO_ANSWER), [rule], [yes], rank=1)


def test_prerequisites(implementation: ModuleType) -> None:
    for wanted, expected in (([0], "yes"), ([1], None), ([1, 0], "yes"), ([], None)):
        tables = Tables()
        variants = [tables.variant(name, name) for name in ("on", "off")]
        chain(tables, tables.constant(variants[0]), wanted, variants)
        assert evaluate(implementation, tables, {})[0] == expected


@pytest.mark.parametrize("state", [codes.STATE_LIVE, codes.STATE_TOMBSTONE])
def test_an_error_satisfies_no_prerequisite(implementation: ModuleType, state: int) -> None:
    tables = Tables()
    variants = [tables.variant("on", "on")]
    reason = codes.REASON_GENERAL if state == codes.STATE_LIVE else codes.REASON_STATIC
    chain(tables, tables.constant(variants[0]), [0], variants, state=state, default_reason=reason)
    assert evaluate(implementation, tables, {})[0] is None


def test_prerequisites_see_the_same_clock_and_context(implementation: ModuleType) -> None:
    tables = Tables()
    on = tables.variant("on", "on")
    now = {"op": codes.OP_NOW, "mode": codes.CMP_GE, "payload": bits(5_000), "on_true": 1}
    rule = tables.rule(tables.constant(on), [now, is_set(tables.attribute("a"))])
    none = tables.outcome(codes.OUTCOME_NO_ANSWER)
    tables.flag("base", none, [rule], [on], has_time=1)
    tables.numbers = [on]
    asked = tables.rule(tables.constant(on), [{"op": codes.OP_PREREQUISITE, "count": 1}])
    tables.flag("f", none, [asked], [on], rank=1, has_time=1)
    for context, clock, expected in (({"a": 1}, 5, "on"), ({"a": 1}, 4, None), ({}, 5, None), ({"a": 1}, 4.9999, "on")):
        assert evaluate(implementation, tables, context, clock)[0] == expected, (context, clock)


# --- tombstones -------------------------------------------------------------------------------------------------------------


def test_a_tombstone_answers_its_default(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", "x")
    message = tables.value("bad")
    tables.flag("f", tables.constant(variant), [], [variant], state=codes.STATE_TOMBSTONE, message=message)
    evaluator = implementation.Evaluator(tables.snapshot())
    for context in ({}, None, 5):
        found = evaluator.evaluate("f", context)
        assert (found.value, found.variant, found.reason, found.error_code) == ("x", "a", "ERROR", "PARSE_ERROR")
        assert evaluator.string("f", context, "mine") == "x"
    assert evaluator.evaluate("f", {}, "not a time").error_code == "PARSE_ERROR"


def test_a_tombstone_with_a_split_answers_nothing(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", "x")
    split = tables.split(tables.attribute("targetingKey"), [(FULL, variant)])
    tables.flag("f", split, [], [variant], state=codes.STATE_TOMBSTONE)
    assert evaluate(implementation, tables, {"targetingKey": "u"}) == (None, codes.REASON_PARSE_ERROR, None, None)
