"""Which physical rows an operator becomes, and that the cores answer them alike."""

import struct
from types import ModuleType
from typing import Any

import pytest

from config_sync import ir
from config_sync.lower import lower
from config_sync.lower.sections import signed_bits
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded, encode
from tests.config_sync.build import check, flag, snapshot


def rows(condition: ir.Condition) -> list[Any]:
    return list(Decoded(encode(lower(ir.Project("native", (flag("f", condition),))).body)).conditions)


def ops(operator: str, operand: Any, **fields: Any) -> list[int]:
    return [row.op for row in rows(check(operator, "p", operand, **fields))]


@pytest.mark.parametrize(
    ("operand", "op"),
    [
        ("x", codes.OP_EQ_TEXT),
        (1, codes.OP_EQ_NUMBER),
        (1.5, codes.OP_EQ_NUMBER),
        (True, codes.OP_EQ_BOOLEAN),
        (None, codes.OP_IS_NULL),
        ([1], codes.OP_EQ_VALUE),
        ({"a": 1}, codes.OP_EQ_VALUE),
    ],
)
def test_equal_goes_by_the_type_of_its_operand(operand: Any, op: int) -> None:
    assert ops("equal", operand) == [op]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (("a", "b"), [codes.OP_IN_TEXT_SMALL]),
        (tuple(f"long-text-{i}" for i in range(4)), [codes.OP_IN_TEXT_SMALL]),
        (tuple(f"long-text-{i}" for i in range(5)), [codes.OP_IN_TEXT_TABLE]),
        (tuple(f"c{i}" for i in range(16)), [codes.OP_IN_TEXT_SMALL]),
        (tuple(f"c{i}" for i in range(17)), [codes.OP_IN_TEXT_TABLE]),
        (("é" * 5, "b", "c", "d", "e"), [codes.OP_IN_TEXT_TABLE]),  # ten bytes
        ((1, 2.0), [codes.OP_IN_INTEGER]),
        ((1.5, 2.5), [codes.OP_IN_FLOAT]),
        (("a", 1.5, 1), [codes.OP_IN_INTEGER, codes.OP_IN_FLOAT, codes.OP_IN_TEXT_SMALL]),
        (("a", True, None), [codes.OP_IS_NULL, codes.OP_EQ_BOOLEAN, codes.OP_IN_TEXT_SMALL]),
        ((True, False), [codes.OP_EQ_BOOLEAN, codes.OP_EQ_BOOLEAN]),
        ((2**60, 10**20), [codes.OP_IN_INTEGER, codes.OP_IN_FLOAT]),
    ],
)
def test_lists_are_split_by_type_and_size(items: tuple[Any, ...], expected: list[int]) -> None:
    assert ops("one_of", items) == expected


@pytest.mark.parametrize(
    ("operand", "mode", "payload"),
    [
        (18, 1, 18),
        (18.0, 1, 18),
        (-1.0, 1, signed_bits(-1)),
        (-0.0, 1, 0),
        (2**62, 1, 2**62),
        (float(2**53), 1, 2**53),
        (float(2**54), 0, struct.unpack("<Q", struct.pack("<d", 2.0**54))[0]),
        (0.5, 0, struct.unpack("<Q", struct.pack("<d", 0.5))[0]),
        (10**20, 0, struct.unpack("<Q", struct.pack("<d", 1e20))[0]),
    ],
)
def test_whole_numbers_become_integers(operand: Any, mode: int, payload: int) -> None:
    row = rows(check("less", "p", operand, mode=codes.MODE_COERCE_TEXT))[0]
    assert (row.mode, row.payload) == (mode | codes.MODE_COERCE_TEXT, payload)


def test_equal_lists_are_stored_once() -> None:
    items = tuple(f"long-text-{i}" for i in range(100))
    once = lower(ir.Project("native", (flag("a", check("one_of", "p", items)),)))
    other_order = tuple(reversed(items))
    twice = lower(ir.Project("native", (flag("a", check("one_of", "p", items)), flag("b", check("one_of", "p", other_order)))))
    assert twice.sizes["sets"] == once.sizes["sets"] > 0


LOOSE = codes.MODE_BOOLEAN_NUMBER | codes.MODE_CONTAINER
CASES: list[tuple[str, Any, dict[str, Any], list[Any], list[Any]]] = [
    ("equal", "x", {}, ["x"], ["y", 1, None, True]),
    ("equal", 1, {}, [1, 1.0], [True, "1", 2, None]),
    ("equal", True, {}, [True], [1, "true", False]),
    ("equal", None, {}, [None], [0, "", False, []]),
    ("equal", {"a": [1, 2.0]}, {}, [{"a": [1.0, 2]}], [{"a": [1]}, {}, "x"]),
    ("one_of", ("a", 1, 2.5, True, None), {}, ["a", 1, 1.0, 2.5, True, None], ["b", 2, False, [], 0]),
    ("less", 3, {}, [2, 2.5, -1], [3, "2", None, True]),
    ("less", 3, {"mode": codes.MODE_COERCE_TEXT}, ["2", " 2.5 ", 2], ["x", "3", True]),
    ("greater_equal", 10**20, {}, [10**20, 1e21], [10**20 - 1]),
    ("contains", "ell", {}, ["hello", ["x", "ell"]], ["help", ["hello"], None]),
    ("starts_with", "he", {"mode": codes.MODE_CASEFOLD}, ["HELLO", "he"], ["oh"]),
    ("ends_with", "lo", {}, ["hello"], ["LO", "low"]),
    ("matches", "^a+$", {}, ["aaa"], ["aab", ""]),
    ("time", 1_000_000, {"compare": codes.CMP_GE}, [1, 2.5, "1970-01-01T00:00:01Z"], [0, "1970-01-01", "soon"]),
    ("version", "1.2.3", {"compare": codes.CMP_LT}, ["1.2.2", "1.2.3-rc.1"], ["1.2.3", "x", None]),
    ("length", 2, {"compare": codes.CMP_EQ}, ["ab", [1, 2], {"a": 1, "b": 2}], ["a", 2, None]),
    ("distance", ir.Place(52.5, 13.4, 10), {"compare": codes.CMP_LE}, [[52.5, 13.41], {"lat": 52.5, "lon": 13.4}], [[0, 0]]),
    ("contains_all", ("a", 1), {}, [["a", 1, 2]], [["a"], "a1", None]),
    ("contains_any", ("a", 1), {}, [["x", 1.0]], [["b"], {}]),
    ("path", (("a", 0), "x"), {}, [{"a": ["x"]}, '{"a": ["x"]}'], [{"a": []}, {}, "x"]),
    ("path", ((), "x"), {}, ['"x"'], [{"a": 1}]),
    ("exists", None, {}, ["", 0, None, []], []),
    ("equal", [0, {"a": True}], {"mode": codes.MODE_BOOLEAN_NUMBER}, [[False, {"a": 1.0}]], [[None, {"a": 1}], [0]]),
    ("contains_any", ("ell", 1), {"mode": LOOSE}, [["ell"], [True], {"ell": 0}], [["hello"], "ell", {"1": 0}, 1]),
    ("contains_all", ("el", "lo"), {"mode": LOOSE}, ["hello", {"el": 0, "lo": 0}], ["help", {"el": 0}, ["hello"]]),
    ("order", "b", {"compare": codes.CMP_GT}, ["c", "ba", "é"], ["b", "a", 3, None, ["c"]]),
    ("order", [1, "b"], {"compare": codes.CMP_LE, "mode": LOOSE}, [[1, "b"], [True, "a"], [1], []], [[1, "b", 0], [1, 2], "a"]),
    ("within", "hello", {}, ["hello", "ell", ""], ["help", ["ell"], 1, None]),
    ("within", (1, "a"), {"mode": codes.MODE_BOOLEAN_NUMBER}, [[], [True], ["a", 1.0]], [["b"], [1, None], "a", None]),
    ("modulo", (7, 2, 3), {}, [2, 9.5, -5, 7**30 + 3], [4, 10.5, -1, "2", True, None]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}"[:24])
def test_rul_07_every_operator_lowered_answers_in_both_cores(
    implementation: ModuleType, case: tuple[str, Any, dict[str, Any], list[Any], list[Any]]
) -> None:
    operator, operand, fields, matching, others = case
    evaluator = implementation.Evaluator(snapshot(flag("f", check(operator, "p", operand, **fields))))
    for value in matching:
        assert evaluator.boolean("f", {"p": value}, False) is True, value
    for value in others:
        assert evaluator.boolean("f", {"p": value}, True) is False, value
    assert evaluator.boolean("f", {}, True) is False


def test_rul_14_windows_use_their_zone_and_the_clock(implementation: ModuleType) -> None:
    window = ir.Window(days=(0,), minutes=(9 * 60, 17 * 60), zone="Europe/Berlin")
    evaluator = implementation.Evaluator(snapshot(flag("f", ir.Test("window", None, window, missing=ir.FALSE))))
    monday_nine_in_berlin = 1_750_057_200_000  # 2025-06-16T07:00:00Z
    assert evaluator.boolean("f", {}, False, monday_nine_in_berlin) is True
    assert evaluator.boolean("f", {}, False, monday_nine_in_berlin - 60_000) is False
    assert evaluator.boolean("f", {}, False, monday_nine_in_berlin + 86_400_000) is False


def test_clock_comparisons_read_the_clock(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot(flag("f", ir.Test("now", None, 5_000_000, compare=codes.CMP_GE))))
    assert evaluator.boolean("f", {}, False, 5_000) is True
    assert evaluator.boolean("f", {}, False, 4_999) is False


@pytest.mark.parametrize(("missing", "mistyped"), [(m, t) for m in range(3) for t in range(3)])
def test_null_and_strange_values_in_lists_of_one_type(implementation: ModuleType, missing: int, mistyped: int) -> None:
    """A null is "mistyped" for every list that doesn't have it, whatever rows the list became."""
    for items in ((), (True,), (1,), ("a",), (1.5,), ("a", True)):
        test = check("one_of", "p", items, missing=missing, mistyped=mistyped)
        evaluator = implementation.Evaluator(snapshot(flag("f", test), flag("g", ir.Not(test))))
        assert evaluator.boolean("f", {"p": None}, False) is (mistyped == ir.TRUE), items
        assert evaluator.boolean("g", {"p": None}, False) is (mistyped == ir.FALSE), items
        assert evaluator.boolean("f", {}, False) is (missing == ir.TRUE), items
        assert evaluator.boolean("g", {}, False) is (missing == ir.FALSE), items
        assert evaluator.boolean("f", {"p": [1]}, False) is False
        assert evaluator.boolean("g", {"p": [1]}, False) is True
        assert evaluator.boolean("f", {"p": "\ud800"}, False) is (mistyped == ir.TRUE), items
