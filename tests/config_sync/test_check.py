"""What the check pass refuses: each wrong thing has its code, and buries the flag that holds it."""

from typing import Any

import pytest

from config_sync import ir
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import ON, check, compiled, flag, found, tombstones

HUGE = 2**63 + 1  # not exact as a double, and past 64 bits signed
WRONG_TESTS: list[tuple[str, str, Any]] = [
    ("UNKNOWN-OPERATOR", "equals", 1),
    ("INVALID-OPERAND", "equal", HUGE),
    ("INVALID-OPERAND", "equal", 10**400),
    ("INVALID-OPERAND", "equal", float("nan")),
    ("INVALID-VALUE", "equal", "\ud800"),
    ("INVALID-VALUE", "equal", {"a": [b"bytes"]}),
    ("INVALID-VALUE", "equal", {1: 2}),
    ("INVALID-VALUE", "equal", [float("inf")]),
    ("INVALID-VALUE", "equal", [2**64]),
    ("INVALID-OPERAND", "less", "1"),
    ("INVALID-OPERAND", "less", True),
    ("INVALID-OPERAND", "less", float("-inf")),
    ("INVALID-OPERAND", "less", -(2**63) - 1),
    ("INVALID-OPERAND", "contains", 1),
    ("INVALID-OPERAND", "contains", "\ud800"),
    ("INVALID-OPERAND", "matches", None),
    ("INVALID-OPERAND", "one_of", ["a"]),
    ("INVALID-OPERAND", "one_of", ("a", "\ud800")),
    ("INVALID-OPERAND", "one_of", (1, HUGE)),
    ("INVALID-OPERAND", "one_of", (1, float("nan"))),
    ("INVALID-OPERAND", "one_of", ("a", ["b"])),
    ("INVALID-OPERAND", "time", 0.5),
    ("INVALID-OPERAND", "time", 2**62 + 1),
    ("INVALID-OPERAND", "length", True),
    ("INVALID-OPERAND", "distance", (1, 2, 3)),
    ("INVALID-OPERAND", "distance", ir.Place(90.5, 0, 1)),
    ("INVALID-OPERAND", "distance", ir.Place(0, -181, 1)),
    ("INVALID-OPERAND", "distance", ir.Place(0, 0, float("inf"))),
    ("INVALID-OPERAND", "distance", ir.Place(0, 0, 1, 0)),
    ("INVALID-OPERAND", "window", None),
    ("INVALID-OPERAND", "window", ir.Window(days=(0, 7))),
    ("INVALID-OPERAND", "window", ir.Window(minutes=(0, 1440))),
    ("INVALID-OPERAND", "window", ir.Window(dates=(0, 2**31))),
    ("INVALID-OPERAND", "window", ir.Window(absolute=(0, 2**63))),
    ("UNKNOWN-TIME-ZONE", "window", ir.Window(zone="Mars/Olympus")),
    ("INVALID-OPERAND", "contains_all", ["a"]),
    ("INVALID-VALUE", "contains_any", ("\ud800",)),
    ("INVALID-OPERAND", "order", {}),
    ("INVALID-OPERAND", "order", True),
    ("INVALID-VALUE", "order", 2**64),
    ("INVALID-VALUE", "order", ["\ud800"]),
    ("INVALID-OPERAND", "within", ["a"]),
    ("INVALID-OPERAND", "within", "\ud800"),
    ("INVALID-OPERAND", "modulo", (0, 0, 0)),
    ("INVALID-OPERAND", "modulo", (7, 0, 2**63)),
    ("INVALID-OPERAND", "path", "a.b"),
    ("INVALID-VALUE", "path", (("a",), {"\ud800": 1})),
    ("INVALID-PATTERN", "matches", "a(?=b)"),
]


@pytest.mark.parametrize(("code", "operator", "operand"), WRONG_TESTS, ids=lambda value: str(value)[:30])
def test_wrong_operands(code: str, operator: str, operand: Any) -> None:
    result = compiled(flag("f", check(operator, "p", operand)), flag("g", check("equal", "p", 1)))
    assert found(result) == [code] and tombstones(result) == {"f"}


@pytest.mark.parametrize("operator", ["less", "equal"])
@pytest.mark.parametrize("number", [2**63, 10**20, -(2**63), 1e308, 5e-324])
def test_numbers_that_can_be_kept_exactly_are_right(operator: str, number: Any) -> None:
    assert found(compiled(flag("f", check(operator, "p", number)))) == []


@pytest.mark.parametrize(
    ("code", "attribute"),
    [
        ("INVALID-ATTRIBUTE", None),
        ("INVALID-ATTRIBUTE", ir.Attribute("")),
        ("INVALID-ATTRIBUTE", ir.Attribute("\ud800")),
        ("INVALID-ATTRIBUTE", ir.Attribute("p", ("a", "\ud800"))),
        ("INVALID-ATTRIBUTE", ir.Attribute("p", fallback=ir.Attribute(""))),
    ],
)
def test_wrong_attributes(code: str, attribute: ir.Attribute | None) -> None:
    assert found(compiled(flag("f", ir.Test("equal", attribute, 1)))) == [code]
    if attribute is not None:
        assert found(compiled(flag("f", ir.InBucket(ir.Bucketing(source=attribute), ((0, 5),))))) == [code]


def split(ranges: Any = None, how: ir.Bucketing | None = None, **fields: Any) -> ir.Rule:
    chosen = (ir.Range(5, "on"),) if ranges is None else ranges
    return ir.Rule(ir.Split(how or ir.Bucketing(), chosen, **fields), codes.REASON_SPLIT)


WRONG_SPLITS: list[tuple[str, ir.Rule]] = [
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=0))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=codes.HASH_LAST + 1))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(space=codes.SPACE_LAST + 1))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(unit=codes.UNIT_LAST + 1))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(space=codes.SPACE_MODULO))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(space=codes.SPACE_MULTIPLY, total=2**32))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=codes.HASH_MD5_INTEGER))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=codes.HASH_SHA1_28, space=codes.SPACE_MULTIPLY, total=100))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=codes.HASH_SHA1_60, space=codes.SPACE_ABSOLUTE))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(hash=codes.HASH_FNV1A_32_DECIMAL, unit=codes.UNIT_CBOR))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(seed=2**32))),
    ("INVALID-SPLIT", split(how=ir.Bucketing(suffix="\ud800"))),
    ("INVALID-SPLIT", split((ir.Range(5, "on"), ir.Range(4, "off")))),
    ("INVALID-SPLIT", split((ir.Range(2**64, "on"),))),
    ("INVALID-SPLIT", split(on_missing=codes.ON_LAST + 1)),
    ("INVALID-SPLIT", split(past_end=-1)),
    ("INVALID-SPLIT", split(past_end=codes.ON_VARIANT)),
    ("UNKNOWN-VARIANT", split((ir.Range(5, "maybe"),))),
    ("UNKNOWN-VARIANT", split(past_end=codes.ON_VARIANT, fallback="maybe")),
    ("INVALID-EXPRESSION", split(how=ir.Bucketing(source=ir.Expression(codes.NODE_LAST + 1)))),
]


@pytest.mark.parametrize(("code", "rule"), WRONG_SPLITS)
def test_wrong_splits(code: str, rule: ir.Rule) -> None:
    result = compiled(flag("f", rule), flag("g"))
    assert found(result) == [code] and tombstones(result) == {"f"}


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("INVALID-SPLIT", ir.InBucket(ir.Bucketing(hash=9), ((0, 5),))),
        ("INVALID-SPLIT", ir.InBucket(ir.Bucketing(), ((0, 2**64),))),
        ("LIMIT-RANGES", ir.InBucket(ir.Bucketing(), tuple((3 * number, 3 * number + 1) for number in range(501)))),
        ("INVALID-EXPRESSION", ir.Truthy(ir.Expression(0))),
        ("INVALID-VALUE", ir.Truthy(ir.Expression(codes.NODE_CONSTANT, value=float("nan")))),
    ],
    ids=str,
)
def test_wrong_conditions(code: str, condition: ir.Condition) -> None:
    assert found(compiled(flag("f", condition))) == [code]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("UNKNOWN-VARIANT", {"default": ir.Constant("maybe")}),
        ("INVALID-EXPRESSION", {"default": ir.Computed(ir.Expression(0))}),
        ("DUPLICATE-VARIANT", {"variants": (ON, ON), "default": ir.Constant("on")}),
        ("INVALID-NAME", {"variants": (ON, ir.Variant("\ud800", 1)), "default": ir.Constant("on")}),
        ("INVALID-METADATA", {"metadata": {"": 1}}),
        ("INVALID-METADATA", {"metadata": {"a": [1]}}),
        ("INVALID-METADATA", {"metadata": {"a": None}}),
        ("INVALID-VALUE", {"metadata": {"a": float("nan")}}),
    ],
)
def test_wrong_flags(code: str, fields: dict[str, Any]) -> None:
    assert found(compiled(flag("f", **fields))) == [code]


def test_metadata_of_the_flag_set_are_left_out_when_wrong() -> None:
    result = compiled(flag("f"), metadata={"a": {"b": 1}})
    assert found(result) == ["INVALID-METADATA"] and tombstones(result) == set()
    assert result.snapshot is not None and result.project is not None and result.project.metadata is None


def test_what_a_segment_shares_is_reported_for_each_flag_that_uses_it() -> None:
    segments: dict[str, ir.Condition] = {"s": check("matches", "p", "(")}
    result = compiled(flag("a", ir.SegmentReference("s")), flag("b", ir.SegmentReference("s")), flag("c"), segments=segments)
    assert found(result) == ["INVALID-PATTERN"] * 2 and tombstones(result) == {"a", "b"}


def test_empty_keys_and_keys_that_are_no_unicode_are_left_out() -> None:
    result = compiled(flag(""), flag("\ud800"), flag("f"))
    assert found(result) == ["INVALID-KEY"] * 2
    assert result.project is not None and [item.key for item in result.project.flags] == ["f"]
