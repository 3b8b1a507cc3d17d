"""Addresses in networks, and what the modes of text, numbers, instants, attributes and variants change, on both cores."""

from types import ModuleType
from typing import Any

import pytest

from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import SURROGATE, Tables, ask, ask_text, prefix, questionnaire

NETWORKS = {
    "10.0.0.0/8": (4 << 8 | 8, 10 << 56, 0),
    "10.1.2.3/32": (4 << 8 | 32, 0x0A010203 << 32, 0),
    "0.0.0.0/0": (4 << 8, 0, 0),
    "::/0": (6 << 8, 0, 0),
    "2001:db8::/32": (6 << 8 | 32, 0x20010DB8 << 32, 0),
    "2001:db8::1/128": (6 << 8 | 128, 0x20010DB8 << 32, 1),
    "2001:db8::8000:0:0:0/65": (6 << 8 | 65, 0x20010DB8 << 32, 1 << 63),
    "::ffff:0:0/96": (6 << 8 | 96, 0, 0xFFFF << 32),
}


def ask_network(implementation: ModuleType, value: Any, *names: str) -> str:
    tables = Tables()
    tables.numbers = [number for name in names for number in NETWORKS[name]]
    return ask(implementation, codes.OP_IN_NETWORK, value, tables=tables, count=len(names))


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("10.1.2.3", {"10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"}),
        ("10.1.2.2", {"10.0.0.0/8", "0.0.0.0/0"}),
        ("11.0.0.0", {"0.0.0.0/0"}),
        ("0.0.0.0", {"0.0.0.0/0"}),
        ("255.255.255.255", {"0.0.0.0/0"}),
        ("::ffff:10.1.2.3", {"::/0", "::ffff:0:0/96"}),
        ("::fffe:10.1.2.3", {"::/0"}),
        ("2001:db8::1", {"::/0", "2001:db8::/32", "2001:db8::1/128"}),
        ("2001:DB8:0:0:0:0:0.0.0.1", {"::/0", "2001:db8::/32", "2001:db8::1/128"}),
        ("2001:db8::8000:0:0:1", {"::/0", "2001:db8::/32", "2001:db8::8000:0:0:0/65"}),
        ("2001:db9::1", {"::/0"}),
        ("::", {"::/0"}),
        ("1:2:3:4:5:6:7::", {"::/0"}),
        ("::2:3:4:5:6:7:8", {"::/0"}),
        ("1:2:3:4:5:6:1.2.3.4", {"::/0"}),
    ],
)
def test_addresses_in_networks(implementation: ModuleType, value: str, inside: set[str]) -> None:
    assert {name for name in NETWORKS if ask_network(implementation, value, name) == "true"} == inside
    assert ask_network(implementation, value, *NETWORKS) == "true"
    assert ask_network(implementation, value) == "false"


@pytest.mark.parametrize(
    "value",
    [
        "", "10.1.2", "10.1.2.3.4", "10.1.2.", ".1.2.3", "010.1.2.3", "10.1.2.256", "10.1.2.3/8", " 10.1.2.3", "10.1.2.3 ",
        "0x10.1.2.3", "１.1.1.1", "1:2", "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "12345::", "::g", "::1%eth0", "[::1]", ":1::", "1::2:", ":", ":::", "::1.2.3", "::1.2.3.04",
        "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6::1.2.3.4",
        167837955, 10.1, True, None, ["10.1.2.3"], b"10.1.2.3", SURROGATE,
    ],
)  # fmt: skip
def test_what_is_no_address(implementation: ModuleType, value: Any) -> None:
    assert ask_network(implementation, value, "0.0.0.0/0", "::/0") == "unknown"


@pytest.mark.parametrize("op", [codes.OP_STARTS_WITH, codes.OP_CONTAINS_TEXT, codes.OP_ENDS_WITH])
def test_text_in_lower_case(implementation: ModuleType, op: int) -> None:
    """Full lower-casing, final sigma included; it isn't folding: ``ß`` stays itself."""
    asked = [("ΟΔΟΣ", "οδος", "true"), ("\u212a", "k", "true"), ("ß", "ss", "false"), ("SS", "ß", "false"), ("İ", "i̇", "true")]
    for value, operand, result in asked:
        assert ask_text(implementation, op, operand, value, codes.MODE_LOWERCASE) == result
    assert ask_text(implementation, codes.OP_CONTAINS_TEXT, "x", ["A", "X"], codes.MODE_LOWERCASE) == "true"


@pytest.mark.parametrize(
    ("value", "result"),
    [("2", "true"), (" 2", "unknown"), ("2 ", "unknown"), ("2\n", "unknown"), (2, "true"), ("", "unknown"), ("4", "false")],
)
def test_numbers_in_text_without_blanks(implementation: ModuleType, value: Any, result: str) -> None:
    mode = codes.MODE_INTEGER | codes.MODE_COERCE_TEXT | codes.MODE_EXACT_TEXT
    assert ask(implementation, codes.OP_LESS, value, payload=3, mode=mode) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("2024-01-01T00:00:00Z", "true"),
        ("2024-01-01T00:00:00.5-01:00", "true"),
        ("2024-01-01 00:00:00+01", "true"),
        ("2024-01-01", "unknown"),
        ("2024-01-01T00:00Z", "unknown"),
        ("2024-01-01T00:00:00", "unknown"),
        ("2024-01-01T00:00:00.5", "unknown"),
        ("2024-01-01T00:00+01:00", "unknown"),
        (5, "true"),
    ],
)
def test_instants_with_seconds_and_zone(implementation: ModuleType, value: Any, result: str) -> None:
    assert ask(implementation, codes.OP_TIME, value, payload=0, mode=codes.CMP_GT | codes.MODE_INSTANT_FULL) == result


def test_a_variant_that_is_on_answers_a_boolean_question(implementation: ModuleType) -> None:
    tables = Tables()
    named = tables.variant("blue", "text")
    tables.rows["variants"][named]["flags"] = codes.VARIANT_IS_ON
    plain, boolean = tables.variant("plain", "text"), tables.variant("off", False)
    tables.rows["variants"][boolean]["flags"] = codes.VARIANT_IS_ON
    for key, variant in (("blue", named), ("off", boolean), ("plain", plain)):
        tables.flag(key, tables.constant(variant), variants=[variant])
    evaluator = implementation.Evaluator(tables.snapshot())
    assert [evaluator.boolean(key, {}, "default") for key in ("blue", "plain", "off", "absent")] == [
        True,
        "default",
        False,
        "default",
    ]
    assert [evaluator.evaluate(key, {}).boolean for key in ("blue", "plain", "off", "absent")] == [True, None, False, None]
    assert evaluator.string("blue", {}, "default") == "text"


@pytest.mark.parametrize(("flags", "fallen"), [(0, [None, ""]), (2, ["b", ""]), (1, ["b", "b"]), (3, ["b", "b"])])
def test_what_counts_as_a_missing_attribute(implementation: ModuleType, flags: int, fallen: list[Any]) -> None:
    for value, expected in zip((None, ""), fallen, strict=True):
        tables = Tables()
        fallback = tables.attribute("b")
        asked = tables.attribute("a", fallback=fallback, flags=flags)
        op = codes.OP_IS_NULL if expected is None else codes.OP_EQ_TEXT
        found = implementation.Evaluator(_asking(tables, asked, op, expected)).evaluate("f", {"a": value, "b": "b"})
        assert found.variant == "true"


def _asking(tables: Tables, attribute: int, op: int, expected: str | None) -> bytes:
    offset, length = tables.text(expected or "")
    operand = (
        {} if op == codes.OP_IS_NULL else {"offset": offset, "length": length, "payload": prefix((expected or "").encode())}
    )
    questionnaire(tables, {"op": op, "attribute": attribute} | operand)
    return tables.snapshot()
