"""Differences between snapshots, down to the last member of a long list, and what they mean for users."""

from typing import Any

import pytest

from config_sync import ir
from config_sync.diff import Changes, Move, changes_text, compare, impact, impact_text
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import OFF, ON, check, flag, snapshot, when

LONG = tuple(f"user-number-{number}" for number in range(200))


def constant(value: Any) -> ir.Expression:
    return ir.Expression(codes.NODE_CONSTANT, value=value)


def split(**fields: Any) -> ir.Rule:
    how = ir.Bucketing(**fields)
    return ir.Rule(ir.Split(how, (ir.Range(2**31, "on"), ir.Range(2**32 - 1, "off"))), codes.REASON_SPLIT)


CHANGED_CONDITIONS = [
    (check("equal", "p", 1), check("equal", "p", True)),
    (check("equal", "p", "x" * 300), check("equal", "p", "x" * 299 + "y")),
    (check("equal", "p", 1), check("equal", "q", 1)),
    (check("equal", "p", 1), check("equal", "p", 1, missing=ir.TRUE)),
    (check("one_of", "p", LONG), check("one_of", "p", (*LONG[:-1], "somebody else"))),
    (check("one_of", "p", tuple(range(100))), check("one_of", "p", tuple(range(101)))),
    (check("one_of", "p", ("a", "b")), check("one_of", "p", ("a", "c"))),
    (check("equal", "p", {"a": [1]}), check("equal", "p", {"a": [1.0]})),
    (check("less", "p", 1), check("less_equal", "p", 1)),
    (check("matches", "p", "a"), check("matches", "p", "a", mode=codes.MODE_CASEFOLD)),
    (check("distance", "p", ir.Place(1, 2, 3)), check("distance", "p", ir.Place(1, 2, 4))),
    (check("window", "p", ir.Window(zone="Europe/Berlin")), check("window", "p", ir.Window(zone="America/New_York"))),
    (check("window", "p", ir.Window(days=(1,))), check("window", "p", ir.Window(days=(2,)))),
    (check("path", "p", (("a",), 1)), check("path", "p", (("a",), 2))),
    (check("path", "p", (("a",), 1)), check("path", "p", (("b",), 1))),
    (check("contains_any", "p", ("a",)), check("contains_any", "p", ("b",))),
    (ir.Truthy(constant(1)), ir.Truthy(constant(2))),
    (ir.InBucket(ir.Bucketing(), ((0, 5),)), ir.InBucket(ir.Bucketing(), ((0, 6),))),
    (ir.InBucket(ir.Bucketing(seed=1), ((0, 5),)), ir.InBucket(ir.Bucketing(seed=2), ((0, 5),))),
    (ir.Prerequisite("base", ("on",)), ir.Prerequisite("base", ("on", "off"))),
    (ir.Test("equal", ir.Attribute("p", ("a", "b")), 1), ir.Test("equal", ir.Attribute("p", ("a", "c")), 1)),
    (ir.Test("equal", ir.Attribute("p", fallback=ir.Attribute("q")), 1), ir.Test("equal", ir.Attribute("p"), 1)),
]


@pytest.mark.parametrize(("before", "after"), CHANGED_CONDITIONS)
def test_every_change_of_a_condition_is_found(before: ir.Condition, after: ir.Condition) -> None:
    others = [flag("base"), flag("same", check("one_of", "p", LONG))]
    changes = compare(snapshot(flag("f", before), *others), snapshot(flag("f", after), *others))
    assert changes == Changes((), (), {"f": ("rules",)})


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        (flag("f", split()), flag("f", split(seed=1)), ("rules",)),
        (flag("f", split()), flag("f", split(prefix="a")), ("rules",)),
        (flag("f", split()), flag("f", split(suffix="a")), ("rules",)),
        (flag("f", split()), flag("f", split(source=constant("u"))), ("rules",)),
        (flag("f", split()), flag("f", split(source=ir.Attribute("id"))), ("rules",)),
        (flag("f"), flag("f", default=ir.Constant("on")), ("default",)),
        (flag("f"), flag("f", default=ir.NoAnswer()), ("default",)),
        (flag("f"), flag("f", default=ir.Computed(constant("on"))), ("default",)),
        (flag("f"), flag("f", default_reason=codes.REASON_DISABLED), ("default",)),
        (flag("f"), flag("f", metadata={"a": 1}), ("metadata",)),
        (flag("f", metadata={"a": 1}), flag("f", metadata={"a": True}), ("metadata",)),
        (flag("f"), flag("f", variants=(ir.Variant("on", 1), OFF)), ("variants",)),
        (flag("f"), flag("f", variants=(ON, OFF, ir.Variant("maybe", None))), ("variants",)),
        (flag("f", when(check("equal", "p", 1), id="a")), flag("f", when(check("equal", "p", 1), id="b")), ("rules",)),
    ],
)
def test_every_part_of_a_flag_is_compared(before: ir.Flag, after: ir.Flag, parts: tuple[str, ...]) -> None:
    assert compare(snapshot(before), snapshot(after)).changed == {"f": parts}


def test_renumbered_rows_are_no_change() -> None:
    large = flag("m", check("one_of", "p", LONG), split(prefix="s"), metadata={"a": 1})
    mine = [large, flag("n", ir.Prerequisite("m", ("on",)))]
    variants = (ON, OFF, ir.Variant("z", "z"))
    more = flag("a", check("one_of", "other", LONG[1:]), check("equal", "x", {"k": 1}), variants=variants)
    changes = compare(snapshot(*mine), snapshot(*mine, more))
    assert changes == Changes(("a",), (), {})
    assert not compare(snapshot(*mine), snapshot(*reversed(mine)))


def test_changes_read_as_text() -> None:
    old = snapshot(flag("a"), flag("b"), flag("c"))
    new = snapshot(flag("b"), flag("c", default=ir.Constant("on"), metadata={"x": 1}), flag("d"))
    assert changes_text(compare(old, new)) == "- a\n~ c: default, metadata\n+ d"
    assert changes_text(compare(old, old)) == "no flag changes"


# --- impact -----------------------------------------------------------------------------------------------------------


def contexts(count: int) -> list[dict[str, Any]]:
    return [{"targetingKey": f"user-{number}", "p": number} for number in range(count)]


def test_impact_counts_who_moves_where() -> None:
    old = snapshot(flag("f", check("less", "p", 10)), flag("gone"), flag("same", check("less", "p", 5)))
    new = snapshot(flag("f", check("less", "p", 15)), flag("same", check("less", "p", 5)), flag("new", check("less", "p", 1)))
    found = impact(old, new, contexts(100))
    assert (found.contexts, found.affected) == (100, 100)
    moves = {item.key: item.moves for item in found.flags}
    assert moves == {
        "f": (Move("off", "on", 5),),
        "gone": (Move("off", "(no flag)", 100),),
        "new": (Move("(no flag)", "off", 99), Move("(no flag)", "on", 1)),
    }


def test_impact_of_more_rollout_moves_nobody_back() -> None:
    def rollout(percent: int) -> bytes:
        last = 2**32 * percent // 100 - 1
        return snapshot(flag("f", ir.Rule(ir.Split(ir.Bucketing(), (ir.Range(last, "on"),)), codes.REASON_SPLIT)))

    found = impact(rollout(10), rollout(20), contexts(2_000))
    assert [(move.before, move.after) for move in found.flags[0].moves] == [("off", "on")]
    assert 150 < found.flags[0].moved < 250 and found.affected == found.flags[0].moved


def test_impact_tells_new_values_from_new_variants() -> None:
    old = snapshot(flag("f", variants=(ON, OFF)), flag("unnamed", variants=(ir.Variant("", True),), default=ir.Constant("")))
    changed = (ON, ir.Variant("off", 0))
    unnamed = flag("unnamed", variants=(ir.Variant("", False),), default=ir.Constant(""))
    found = impact(old, snapshot(flag("f", variants=changed), unnamed), contexts(3))
    assert [(item.key, item.moved, item.revalued) for item in found.flags] == [("f", 0, 3), ("unnamed", 3, 0)]
    assert found.flags[1].moves == (Move("true", "false", 3),)


def test_impact_counts_errors_and_missing_variants() -> None:
    old = snapshot(flag("f", split()), flag("g", default=ir.NoAnswer()))
    found = impact(old, snapshot(flag("f"), flag("g")), [{}, {}])
    assert {item.key: item.moves for item in found.flags} == {
        "f": (Move("(TARGETING_KEY_MISSING)", "off", 2),),
        "g": (Move("(no variant)", "off", 2),),
    }


def test_impact_asks_both_at_one_instant() -> None:
    def from_instant(instant: int) -> bytes:
        return snapshot(flag("f", ir.Test("now", None, instant * 1_000_000, compare=codes.CMP_GE)))

    assert impact(from_instant(10), from_instant(20), [{}], now=15_000).affected == 1
    assert impact(from_instant(10), from_instant(20), [{}], now=25_000).affected == 0
    assert impact(from_instant(10), from_instant(20), [{}]).affected == 0  # the wall clock is past both


def test_impact_reads_as_text() -> None:
    old, new = snapshot(flag("f", check("less", "p", 1_000))), snapshot(flag("f"))
    assert impact_text(impact(old, new, contexts(1_500))) == (
        "1,000 of 1,500 contexts get another answer\nf: 1,000 change variant\n  1,000: on -> off"
    )
    assert impact_text(impact(old, old, contexts(10))) == "none of 10 contexts gets another answer"
