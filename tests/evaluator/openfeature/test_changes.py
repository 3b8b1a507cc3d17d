"""Which flags a new snapshot changes: every kind of difference is found, and nothing else."""

from typing import Any

import pytest

from config_sync import ir
from evaluator.openfeature.changes import changed_flags
from evaluator.snapshot import opcodes as codes
from tests.evaluator.openfeature.projects import equal, flag, snapshot, split, targeted

EXPRESSION = ir.Expression
COUNTRIES = tuple(f"country {number}" for number in range(100))


def asks(operator: str, operand: Any, **changes: Any) -> ir.Test:
    return ir.Test(operator, ir.Attribute("a"), operand, **changes)


def in_zone(zone: str) -> ir.Test:
    return asks("window", ir.Window(minutes=(0, 60), zone=zone))


def needs(flag_key: str, *variants: str) -> ir.Prerequisite:
    return ir.Prerequisite(flag_key, variants)


def node(value: Any) -> ir.Truthy:
    variable = EXPRESSION(codes.NODE_VARIABLE, (EXPRESSION(codes.NODE_CONSTANT, value="a"), EXPRESSION(codes.NODE_CONSTANT)))
    return ir.Truthy(EXPRESSION(codes.NODE_EQUAL, (variable, EXPRESSION(codes.NODE_CONSTANT, value=value))))


BEFORE_AND_AFTER: dict[str, tuple[ir.Flag, ir.Flag]] = {
    "value": (flag("f", 1), flag("f", 2)),
    "value's type": (flag("f", 1), flag("f", 1.0)),
    "boolean for a number": (flag("f", 1), flag("f", True)),
    "variant's name": (flag("f"), flag("f", variants=(ir.Variant("other", True),), default=ir.Constant("other"))),
    "another variant": (flag("f"), flag("f", variants=(ir.Variant("only", True), ir.Variant("more", False)))),
    "metadata": (flag("f"), flag("f", metadata={"owner": "x"})),
    "tombstone": (flag("f"), flag("f", error="broken")),
    "rule": (flag("f"), targeted("f", equal("a", "x"))),
    "text": (targeted("f", equal("a", "x")), targeted("f", equal("a", "y"))),
    "attribute": (targeted("f", equal("a", "x")), targeted("f", equal("b", "x"))),
    "number": (targeted("f", equal("a", 1)), targeted("f", equal("a", 2))),
    "number's type": (targeted("f", equal("a", 1)), targeted("f", equal("a", 1.5))),
    "deep value": (targeted("f", equal("a", [1])), targeted("f", equal("a", [1.0]))),
    "negation": (targeted("f", equal("a", "x")), targeted("f", asks("equal", "x", negate=True))),
    "small set": (targeted("f", asks("one_of", ("x", "y"))), targeted("f", asks("one_of", ("x", "z")))),
    "large set": (targeted("f", asks("one_of", COUNTRIES)), targeted("f", asks("one_of", (*COUNTRIES[:-1], "atlantis")))),
    "number set": (targeted("f", asks("one_of", (1, 2))), targeted("f", asks("one_of", (1, 3)))),
    "pattern": (targeted("f", asks("matches", "a+")), targeted("f", asks("matches", "a*b"))),
    "time": (targeted("f", asks("time", 1)), targeted("f", asks("time", 2))),
    "version": (targeted("f", asks("version", "1.0.0")), targeted("f", asks("version", "1.0.1"))),
    "list": (targeted("f", asks("contains_any", (1, 2))), targeted("f", asks("contains_any", (1, 3)))),
    "path": (targeted("f", asks("path", (("b",), 1))), targeted("f", asks("path", (("c",), 1)))),
    "value at a path": (targeted("f", asks("path", (("b",), 1))), targeted("f", asks("path", (("b",), 2)))),
    "place": (
        targeted("f", asks("distance", ir.Place(1, 2, 3), compare=codes.CMP_LE)),
        targeted("f", asks("distance", ir.Place(1, 2, 4), compare=codes.CMP_LE)),
    ),
    "time zone": (targeted("f", in_zone("Europe/London")), targeted("f", in_zone("Asia/Kolkata"))),
    "expression": (targeted("f", node(1)), targeted("f", node(2))),
    "salt": (split("f", "s:"), split("f", "t:")),
    "bucket": (
        targeted("f", ir.InBucket(ir.Bucketing(), ((0, 9),))),
        targeted("f", ir.InBucket(ir.Bucketing(), ((0, 8),))),
    ),
}


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_a_changed_flag_is_named_and_the_others_are_not(name: str) -> None:
    before, after = BEFORE_AND_AFTER[name]
    others = [flag("e", "text"), targeted("g", equal("a", "z")), split("h"), targeted("i", in_zone("America/New_York"))]
    assert changed_flags(snapshot(before, *others), snapshot(*others, after)) == ["f"]


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_moved_rows_are_no_change(name: str) -> None:
    """The flag means the same, but all its rows have other numbers, because new flags stand before it."""
    _, same = BEFORE_AND_AFTER[name]
    new = [
        targeted("a", asks("one_of", tuple(f"first {number}" for number in range(50)))),
        targeted("b", ir.All((asks("matches", "zz+"), asks("path", (("q",), [7])), in_zone("Asia/Tokyo"), node("n")))),
        targeted("c", asks("distance", ir.Place(9, 9, 9), compare=codes.CMP_LE)),
        split("d", "other:"),
    ]
    assert changed_flags(snapshot(same), snapshot(*new, same)) == ["a", "b", "c", "d"]


def test_added_and_removed_flags_are_changes() -> None:
    assert changed_flags(snapshot(flag("a"), flag("b")), snapshot(flag("b"), flag("c"))) == ["a", "c"]


def test_what_depends_on_a_changed_flag_has_changed() -> None:
    def project(value: bool) -> bytes:
        base = flag("z-base", variants=(ir.Variant("on", value),), default=ir.Constant("on"))
        chain = [targeted("b", needs("z-base", "on")), targeted("a", needs("b", "on")), flag("c")]
        return snapshot(base, *chain)

    assert changed_flags(project(True), project(False)) == ["a", "b", "z-base"]


def test_equal_snapshots_have_no_changes() -> None:
    everything = [after for _, after in BEFORE_AND_AFTER.values()]
    for item in everything:
        assert changed_flags(snapshot(item), snapshot(item)) == []
