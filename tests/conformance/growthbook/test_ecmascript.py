"""ECMAScript's view of values (docs/snapshot-format.md, 4.9), as V8 has it: both cores, and the compiler on constants."""

import math
from types import ModuleType
from typing import Any

import pytest

from config_sync import ir
from config_sync.compile import compile_ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.values import constant, node
from evaluator.snapshot import opcodes as codes

TEXTS: list[tuple[Any, str]] = [
    (None, "null"), (True, "true"), (0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"),
    (123456789012345680000, "123456789012345680000"),
    (1e21, "1e+21"), (1.5e-7, "1.5e-7"), (1e-6, "0.000001"), (0.000001234, "0.000001234"), (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (0.1, "0.1"), (100.0, "100"), (1 / 3, "0.3333333333333333"),
    (2**53, "9007199254740992"), (2**53 + 1, "9007199254740992"), (2**63, "9223372036854776000"), (-1e-7, "-1e-7"),
    ([], ""), ([1, None, "a", [True, [2]]], "1,,a,true,2"), ({"a": 1}, "[object Object]"), ([{}], "[object Object]"),
]  # fmt: skip
NUMBERS: list[tuple[Any, float]] = [
    ("", 0), ("  12 ", 12), ("0x1F", 31), ("0b101", 5), ("0o17", 15), ("0b12", math.nan), ("0x", math.nan), ("+0x1", math.nan),
    ("1e3", 1000), (".5", 0.5), ("5.", 5), ("1_0", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf),
    ("infinity", math.nan), ("\u00a012\ufeff", 12), ("\u180e1", math.nan), ("1e1000", math.inf),
    ("0xfffffffffffff8001", float(0xFFFFFFFFFFFFF8001)), ("12px", math.nan), ("--1", math.nan), (None, 0), (True, 1), ([], 0),
    (["5"], 5), ([1, 2], math.nan), ({}, math.nan), (2**53 + 1, 2.0**53),
]  # fmt: skip
VERSIONS: list[tuple[Any, str]] = [
    ("1.2.3", "    1-    2-    3-~"), ("v1.2", "    1-    2"), ("vv1", "v1"), ("1.2.3-rc.1+b", "    1-    2-    3-rc-    1"),
    ("", "    0"), (None, "    0"), (True, "    0"), (2, "    2"), (1.5, "    1-    5"), ("1.123456.0", "    1-123456-    0-~"),
    ("a+b\n+c", "a+b\n"), ("1..2", "    1--    2-~"), ("v", ""),
]  # fmt: skip
ORDERS: list[tuple[Any, Any, bool]] = [
    ("\ue000", "\U0001f600", False), ("\U0001f600", "\u65e5", False), ("b", "B", False), (None, 1, True), ([5], 6, True),
    (["b"], "c", True), ({}, 1, False), ("10", "9", True), ("10", 9, False), ("x", 1, False), (1, 1, False),
]  # fmt: skip


def value_of(core: ModuleType, op: int, *arguments: Any) -> Any:
    """What a node gives: the variant is named by whether it is strictly equal to each of the wanted values."""
    found = ir.Expression(op, tuple(map(variable, range(len(arguments)))))
    context = {f"v{number}": argument for number, argument in enumerate(arguments)}
    return lambda wanted: holds(core, node(codes.NODE_SAME, found, constant(wanted)), context)


def variable(number: int) -> ir.Expression:
    return ir.Expression(codes.NODE_VARIABLE, (constant(f"v{number}"),), mode=codes.MODE_MEMBERS)


def holds(core: ModuleType, expression: ir.Expression, context: dict[str, Any]) -> bool:
    rule = ir.Rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, ir.Truthy(expression))
    flag = ir.Flag("f", (ir.Variant("on", True), ir.Variant("off", False)), (rule,), ir.Constant("off"))
    snapshot = compile_ir(ir.Project("native", (flag,)), Diagnostics()).snapshot
    return bool(core.Evaluator(snapshot).boolean("f", context, False))


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=repr)
def test_text(value: Any, text: str, implementation: ModuleType) -> None:
    assert value_of(implementation, codes.NODE_TEXT, value)(text)
    assert js.text_of(value) == text


@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=repr)
def test_number(value: Any, number: float, implementation: ModuleType) -> None:
    if math.isfinite(number):
        assert value_of(implementation, codes.NODE_NUMBER, value)(number)
    else:  # no constant says it: neither below the largest, nor equal to 0 …
        found = ir.Expression(codes.NODE_TEXT, (ir.Expression(codes.NODE_NUMBER, (variable(0),)),))
        wanted = "NaN" if math.isnan(number) else js.number_text(number)
        assert holds(implementation, node(codes.NODE_SAME, found, constant(wanted)), {"v0": value})
    assert js.number_of(value) == number or (math.isnan(number) and math.isnan(js.number_of(value)))


@pytest.mark.parametrize(("value", "padded"), VERSIONS, ids=repr)
def test_padded_version(value: Any, padded: str, implementation: ModuleType) -> None:
    assert value_of(implementation, codes.NODE_PADDED_VERSION, value)(padded)
    assert js.padded_version(value) == padded


@pytest.mark.parametrize(("left", "right", "before"), ORDERS, ids=repr)
def test_order(left: Any, right: Any, before: bool, implementation: ModuleType) -> None:
    assert value_of(implementation, codes.NODE_BEFORE, left, right)(before)
    assert js.is_before(left, right, or_equal=False) is before


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ({"b": 1, "a": [2.0]}, True),
        ({"a": [2], "b": 1}, False),
        ({"b": 1, "a": [2], "c": None}, False),
        ({"b": True, "a": [2]}, False),
        ([1], False),
        (None, False),
    ],
    ids=repr,
)
def test_json(value: Any, same: bool, implementation: ModuleType) -> None:
    form = js.json_form({"b": 1, "a": [2]})
    assert holds(implementation, node(codes.NODE_SAME_JSON, variable(0), constant(form)), {"v0": value}) is same


def test_members_like_indices_come_first(implementation: ModuleType) -> None:
    form = js.json_form({"x": 1, "10": 2, "9": 3, "01": 4})
    assert form == ["object", "9", 3, "10", 2, "x", 1, "01", 4]
    for value, same in (({"9": 3, "x": 1, "01": 4, "10": 2}, True), ({"01": 4, "x": 1, "10": 2, "9": 3}, False)):
        assert holds(implementation, node(codes.NODE_SAME_JSON, variable(0), constant(form)), {"v0": value}) is same
