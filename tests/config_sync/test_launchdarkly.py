"""The LaunchDarkly front end's own parts, and the codes that it brought: elements of lists, guards, prerequisites that fail."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import compile_project, ir
from config_sync.frontends.launchdarkly.contexts import parse_reference
from config_sync.frontends.launchdarkly.operators import Unusable, instant_of, parts_of
from config_sync.frontends.launchdarkly.rollouts import LAST_HASH, last_below
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import flag, snapshot, when

SCALE = float(0xFFFFFFFFFFFFFFF)
LIST = ir.Attribute("list")


@given(st.floats(0, 1.5))
def test_ranges_end_where_doubles_do(share: float) -> None:
    last = last_below(share)
    assert last == -1 or last / SCALE < share
    assert last == LAST_HASH or not (last + 1) / SCALE < share


@pytest.mark.parametrize(
    ("text", "kind", "steps"),
    [
        ("a", None, ("a",)),
        ("/a/b", None, ("/a/b",)),
        ("/a/b", "user", ("a", "b")),
        ("/a~1b/~0c", "user", ("a/b", "~c")),
        ("a~b", "user", ("a~b",)),
        ("/~01", "user", ("~1",)),
        ("", "user", None),
        ("", None, None),
        (None, None, None),
        ("/", "user", None),
        ("/a//b", "user", None),
        ("/a/", "user", None),
        ("/a~", "user", None),
        ("/a~2", "user", None),
    ],
)
def test_references(text: str | None, kind: str | None, steps: tuple[str, ...] | None) -> None:
    assert parse_reference(text, kind) == steps


def test_instants_are_milliseconds_or_whole_timestamps() -> None:
    assert instant_of(1) == 1_000
    assert instant_of(0.5) == 500
    assert instant_of("1970-01-01T00:00:01Z") == 1_000_000
    assert [
        instant_of(value) for value in ("1970-01-01", "1970-01-01t00:00:01Z", "1970-01-01T00:00:01", True, None, 1e300)
    ] == [None] * 6


def test_values_of_another_type_are_met_by_nothing() -> None:
    assert [parts_of(name, ["x", None, True]) for name in ("lessThan", "before", "semVerEqual")] == [[], [], []]
    assert parts_of("startsWith", [1, "a"])[0].operand == "a"
    assert parts_of("greaterThan", [3, 1, "0"])[0].operand == 1
    assert parts_of("matches", ["***"]) == []
    with pytest.raises(Unusable):
        parts_of("matches", ["(?=a)"])


@pytest.mark.parametrize(
    ("value", "held"),
    [
        ([1, 5], True),
        ((5.0,), True),
        ([], False),
        (["5"], False),
        ([None, "\ud800"], False),
        ([[5]], False),
        ({5}, False),
        (5, True),
        (6, False),
    ],
)
@pytest.mark.parametrize("operator", ["equal", "one_of"])
def test_each_asks_elements(operator: str, value: Any, held: bool, implementation: ModuleType) -> None:
    operand = 5 if operator == "equal" else (5, 7)
    for negate in (False, True):
        test = ir.Test(operator, LIST, operand, mode=codes.MODE_EACH, negate=negate, mistyped=ir.TRUE if negate else ir.FALSE)
        evaluator = implementation.Evaluator(snapshot(flag("f", when(test))))
        assert (evaluator.evaluate("f", {"list": value}).reason == "TARGETING_MATCH") is (held != negate)


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ({"tier": 3}, True),
        ({"kind": "user", "tier": 3}, True),
        ({"kind": None, "tier": 3}, True),
        ({"kind": "org", "tier": 3}, False),
        ({"kind": 5, "tier": 3}, False),
        ({"kind": "multi", "tier": 3}, False),
        ({"kind": "multi", "user": {"tier": 3}}, True),
        ({"kind": "org", "user": {"tier": 3}}, False),
        ({"user/tier": 3, "kind": "multi"}, False),
    ],
)
def test_guards(context: dict[str, Any], found: bool, implementation: ModuleType) -> None:
    clause = {"attribute": "tier", "op": "in", "values": [3]}
    rule = {"variation": 1, "clauses": [clause]}
    document = {"flags": {"f": {"on": True, "variations": [0, 1], "fallthrough": {"variation": 0}, "rules": [rule]}}}
    evaluator = implementation.Evaluator(compile_project(document, "launchdarkly").snapshot)
    assert evaluator.integer("f", context, None) == int(found)


def test_a_prerequisite_that_fails_is_neither_met_nor_unmet(implementation: ModuleType) -> None:
    broken = ir.Flag("broken", rules=(ir.Rule(ir.NoAnswer(), codes.REASON_PARSE_ERROR),))
    needed = [ir.Prerequisite("broken", (), error=truth) for truth in (ir.FALSE, ir.TRUE, ir.UNKNOWN)]
    flags = [
        flag(f"{truth}{negated}", when(ir.Not(item) if negated else item))
        for truth, item in enumerate(needed)
        for negated in (0, 1)
    ]
    evaluator = implementation.Evaluator(snapshot(broken, *flags))
    held = [evaluator.evaluate(item.key, {}).reason == "TARGETING_MATCH" for item in flags]
    assert held == [False, True, True, False, False, False]


@pytest.mark.parametrize("length", [2, 7, 40])
def test_segments_in_circles_end(length: int, implementation: ModuleType) -> None:
    """Every segment names every other one: too many ways to write out are refused, not followed."""
    names = [f"s{number}" for number in range(length)]
    clause = {"attribute": "", "op": "segmentMatch", "values": names}
    segments = {name: {"included": [name], "rules": [{"clauses": [clause]}]} for name in names}
    flags = {
        "f": {
            "on": True,
            "variations": [0, 1],
            "fallthrough": {"variation": 0},
            "rules": [{"variation": 1, "clauses": [clause]}],
        }
    }
    result = compile_project({"flags": flags, "segments": segments}, "launchdarkly")
    evaluator = implementation.Evaluator(result.snapshot)
    assert evaluator.evaluate("f", {"targetingKey": "nobody"}).error_code == "PARSE_ERROR"
    if not result.has_errors:
        assert evaluator.integer("f", {"targetingKey": "s0"}, None) == 1
