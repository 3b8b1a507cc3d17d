"""Segments and prerequisites: names, cycles, ranks, costs."""

from types import ModuleType

import pytest

from config_sync import ir
from config_sync.passes.graph import cyclic, dependencies_first
from evaluator.snapshot.codec import Decoded
from tests.config_sync.build import check, compiled, flag, found, snapshot, tombstones, when


def needs(*keys: str, variant: str = "on") -> ir.Condition:
    return ir.All(tuple(ir.Prerequisite(key, (variant,)) for key in keys))


def test_segments_are_filled_in_also_inside_one_another(implementation: ModuleType) -> None:
    segments: dict[str, ir.Condition] = {
        "adult": check("greater_equal", "age", 18),
        "german": check("equal", "country", "DE"),
        "both": ir.All((ir.SegmentReference("adult"), ir.SegmentReference("german"))),
    }
    data = snapshot(flag("f", ir.SegmentReference("both")), flag("g", ir.Not(ir.SegmentReference("adult"))), segments=segments)
    evaluator = implementation.Evaluator(data)
    for age in (17, 18):
        for country in ("DE", "FR"):
            context = {"age": age, "country": country}
            assert evaluator.boolean("f", context, False) is (age == 18 and country == "DE")
            assert evaluator.boolean("g", context, False) is (age == 17)


def test_a_shared_segment_is_stored_once() -> None:
    segments: dict[str, ir.Condition] = {"list": check("one_of", "id", tuple(f"some-user-{number}" for number in range(2_000)))}
    one = snapshot(flag("f", ir.SegmentReference("list")), segments=segments)
    many = snapshot(*(flag(f"f{number}", ir.SegmentReference("list")) for number in range(20)), segments=segments)
    assert len(many) < len(one) * 1.2


@pytest.mark.parametrize("name", ["nobody", "via"])
def test_an_unknown_segment_buries_whoever_needs_it(name: str) -> None:
    segments: dict[str, ir.Condition] = {"via": ir.SegmentReference("nobody"), "good": check("equal", "p", 1)}
    result = compiled(flag("f", ir.SegmentReference(name)), flag("g", ir.SegmentReference("good")), segments=segments)
    assert found(result) == ["UNKNOWN-SEGMENT"] and tombstones(result) == {"f"}


def test_segments_in_a_circle_bury_whoever_needs_them() -> None:
    segments: dict[str, ir.Condition] = {
        "a": ir.SegmentReference("b"),
        "b": ir.Not(ir.SegmentReference("a")),
        "self": ir.All((ir.SegmentReference("self"),)),
    }
    flags = [flag(name, ir.SegmentReference(name)) for name in ("a", "b", "self")]
    result = compiled(*flags, flag("g"), segments=segments)
    assert set(found(result)) == {"SEGMENT-CYCLE"} and tombstones(result) == {"a", "b", "self"}


def test_unused_segments_may_be_wrong() -> None:
    """Nobody asks them anything; front ends warn about the segments of their own documents."""
    assert found(compiled(flag("f"), segments={"a": ir.SegmentReference("b")})) == []


# --- prerequisites ----------------------------------------------------------------------------------------------------


def test_prerequisites_are_evaluated_with_the_same_context(implementation: ModuleType) -> None:
    data = snapshot(flag("base", check("equal", "p", 1)), flag("a", needs("base")), flag("b", needs("base", variant="off")))
    evaluator = implementation.Evaluator(data)
    for value in (1, 2):
        assert evaluator.boolean("a", {"p": value}, False) is (value == 1)
        assert evaluator.boolean("b", {"p": value}, False) is (value == 2)


def test_ranks_are_above_those_of_the_prerequisites() -> None:
    data = snapshot(flag("a", needs("m")), flag("m", needs("z", "q")), flag("q", needs("z")), flag("z"))
    assert dict(zip("amqz", (row.rank for row in Decoded(data).flags), strict=True)) == {"a": 3, "m": 2, "q": 1, "z": 0}


def test_unknown_flags_and_variants_are_reported() -> None:
    result = compiled(flag("a", needs("nobody")), flag("b", needs("c", variant="maybe")), flag("c"))
    assert found(result) == ["UNKNOWN-PREREQUISITE", "UNKNOWN-VARIANT"] and tombstones(result) == {"a", "b"}


def test_every_flag_of_a_cycle_is_buried_and_nobody_else(implementation: ModuleType) -> None:
    flags = [flag("a", needs("b")), flag("b", needs("c")), flag("c", needs("a")), flag("self", needs("self"))]
    outside = flag("outside", needs("a"), when(check("equal", "p", 1)))
    result = compiled(*flags, outside)
    assert found(result) == ["PREREQUISITE-CYCLE"] * 4 and tombstones(result) == {"a", "b", "c", "self"}
    evaluator = implementation.Evaluator(result.snapshot)
    assert evaluator.boolean("outside", {"p": 1}, False) is True
    assert evaluator.evaluate("a", {}).error_code == "PARSE_ERROR"


def chain(length: int) -> list[ir.Flag]:
    return [flag("f00"), *(flag(f"f{number:02}", needs(f"f{number - 1:02}")) for number in range(1, length))]


def test_chains_have_a_limit(implementation: ModuleType) -> None:
    assert found(compiled(*chain(33))) == []
    result = compiled(*chain(36))
    assert found(result) == ["LIMIT-PREREQUISITE-DEPTH"] and tombstones(result) == {"f33"}
    implementation.Evaluator(result.snapshot)


def test_costs_have_a_limit(implementation: ModuleType) -> None:
    """Each flag asks the one before it twice: 1, 3, 7, … 4,095 evaluations, and then one too many."""
    flags = [flag("f00"), *(flag(f"f{n:02}", needs(*[f"f{n - 1:02}"] * 2)) for n in range(1, 13))]
    assert found(compiled(*flags[:12])) == []
    result = compiled(*flags)
    assert found(result) == ["LIMIT-PREREQUISITES"] and tombstones(result) == {"f12"}
    implementation.Evaluator(result.snapshot)


# --- graphs -----------------------------------------------------------------------------------------------------------


def test_cycles_and_orders() -> None:
    graph = {"a": {"b"}, "b": {"c", "x"}, "c": {"b"}, "d": {"d"}, "e": {"a", "d"}, "f": set[str]()}
    assert cyclic(graph) == {"b", "c", "d"}
    order = dependencies_first(graph)
    assert sorted(order) == sorted(graph)
    assert order.index("c") < order.index("a") < order.index("e") and order.index("d") < order.index("e")


def test_long_chains_do_not_recurse() -> None:
    graph = {str(number): {str(number + 1)} for number in range(20_000)}
    assert cyclic(graph) == set()
    assert cyclic({**graph, "20000": {"0"}}) == {*graph, "20000"}
