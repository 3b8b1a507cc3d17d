"""Equality, membership, order and text on rows built by hand, in both cores: true, false, unknown and missing told apart."""

import struct
from types import ModuleType
from typing import Any

import pytest

from config_sync.regex import compile_pattern
from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import ABSENT, SURROGATE, Tables, ask, ask_number, ask_text, bits, build_set, prefix


@pytest.mark.parametrize(
    ("operand", "value", "result"),
    [
        ("US", "US", "true"),
        ("US", "USA", "false"),
        ("", "", "true"),
        ("", "\0", "false"),
        ("abcdefgh", "abcdefgh", "true"),
        ("abcdefghi", "abcdefghj", "false"),
        ("über", "über", "true"),
        ("1", 1, "false"),
        ("true", True, "false"),
        ("US", None, "false"),
        ("US", ["US"], "false"),
        ("US", SURROGATE, "unknown"),
        ("US", ABSENT, "missing"),
    ],
)
def test_rul_07_equal_text(implementation: ModuleType, operand: str, value: Any, result: str) -> None:
    assert ask_text(implementation, codes.OP_EQ_TEXT, operand, value) == result


@pytest.mark.parametrize("strings", [["US", "CA"], ["abcdefgh1", "abcdefgh2", "x"], [f"user-{i}" for i in range(200)]])
@pytest.mark.parametrize("op", [codes.OP_IN_TEXT_SMALL, codes.OP_IN_TEXT_TABLE])
def test_rul_07_in_texts(implementation: ModuleType, op: int, strings: list[str]) -> None:
    def asked(value: Any) -> str:
        tables = Tables()
        if op == codes.OP_IN_TEXT_TABLE:
            return ask(implementation, op, value, tables=tables, offset=tables.blob("sets", build_set(strings)))
        for string in strings:
            offset, length = tables.text(string)
            tables.add("text_refs", offset=offset, length=length, prefix=prefix(string.encode()))
        return ask(implementation, op, value, tables=tables, offset=0, count=len(strings))

    assert [asked(string) for string in strings[-3:]] == ["true"] * len(strings[-3:])
    assert asked(strings[0] + "x") == asked("") == asked(1) == asked(["US"]) == "false"
    assert asked(None) == asked(SURROGATE) == "unknown"
    assert asked(ABSENT) == "missing"


def test_a_full_or_lying_set_still_ends(implementation: ModuleType) -> None:
    full = build_set(["a", "b", "c"], slots=3)
    for value, result in (("a", "true"), ("c", "true"), ("z", "false")):
        tables = Tables()
        assert ask(implementation, codes.OP_IN_TEXT_TABLE, value, tables=tables, offset=tables.blob("sets", full)) == result
    lying = struct.pack("<4I4I", 4, 4, 6, 0, *(0xFFFFFE00 | byte for byte in range(4))) + b"\xff\xffabcd"
    for value in ("a", "abcd", ""):
        tables = Tables()
        assert ask(implementation, codes.OP_IN_TEXT_TABLE, value, tables=tables, offset=tables.blob("sets", lying)) == "false"


@pytest.mark.parametrize(
    ("operand", "value", "result"),
    [
        (3, 3, "true"),
        (3, 3.0, "true"),
        (3, 3.5, "false"),
        (3, "3", "false"),
        (1, True, "false"),
        (3, None, "false"),
        (3, SURROGATE, "unknown"),
        (3, ABSENT, "missing"),
        (0.5, 0.5, "true"),
        (2**53 + 1, float(2**53), "false"),
        (2.0**53, 2**53 + 1, "false"),
        (-(2**63), -(2**63), "true"),
        (-(2**63), -(2.0**63), "true"),
        (2.0**63, 2**63, "true"),
        (1e300, int(1e300), "true"),
        (1e300, int(1e300) + 1, "false"),
        (0, -0.0, "true"),
        (float("nan"), float("nan"), "false"),
        (float("inf"), float("inf"), "true"),
        (float("inf"), 10**400, "false"),
    ],
)
def test_rul_07_equal_number(implementation: ModuleType, operand: int | float, value: Any, result: str) -> None:
    assert ask_number(implementation, codes.OP_EQ_NUMBER, operand, value) == result
    assert ask_number(implementation, codes.OP_EQ_NUMBER, operand, value, codes.MODE_COERCE_TEXT) == result


@pytest.mark.parametrize(
    ("op", "numbers", "value", "result"),
    [
        (codes.OP_IN_INTEGER, [-5, 3, 7], 7, "true"),
        (codes.OP_IN_INTEGER, [-5, 3, 7], -5.0, "true"),
        (codes.OP_IN_INTEGER, [-5, 3, 7], 4, "false"),
        (codes.OP_IN_INTEGER, [-5, 3, 7], 3.5, "false"),
        (codes.OP_IN_INTEGER, [0, 1], True, "false"),
        (codes.OP_IN_INTEGER, [2**63 - 1], 2.0**63, "false"),
        (codes.OP_IN_INTEGER, [3], 2**70, "false"),
        (codes.OP_IN_INTEGER, [3], float("nan"), "false"),
        (codes.OP_IN_INTEGER, [3], "3", "false"),
        (codes.OP_IN_INTEGER, [3], None, "unknown"),
        (codes.OP_IN_INTEGER, [3], ABSENT, "missing"),
        (codes.OP_IN_INTEGER, [], 3, "false"),
        (codes.OP_IN_FLOAT, [0.5, 1.5, 2.0], 1.5, "true"),
        (codes.OP_IN_FLOAT, [0.5, 1.5, 2.0], 2, "true"),
        (codes.OP_IN_FLOAT, [2.0**53], 2**53 + 1, "false"),
        (codes.OP_IN_FLOAT, [1e300], int(1e300), "true"),
        (codes.OP_IN_FLOAT, [0.5, float("inf")], float("inf"), "true"),
        (codes.OP_IN_FLOAT, [0.5], float("nan"), "false"),
        (codes.OP_IN_FLOAT, [0.5], None, "unknown"),
    ],
)
def test_rul_07_in_numbers(implementation: ModuleType, op: int, numbers: list[Any], value: Any, result: str) -> None:
    tables = Tables()
    tables.numbers = [bits(number) for number in numbers]
    assert ask(implementation, op, value, tables=tables, offset=0, count=len(numbers)) == result


@pytest.mark.parametrize(
    ("payload", "value", "result"),
    [(1, True, "true"), (0, False, "true"), (1, False, "false"), (1, 1, "false"), (0, None, "false"), (1, "true", "false")],
)
def test_equal_boolean(implementation: ModuleType, payload: int, value: Any, result: str) -> None:
    assert ask(implementation, codes.OP_EQ_BOOLEAN, value, payload=payload) == result


@pytest.mark.parametrize(
    ("value", "is_null", "exists"),
    [
        (None, "true", "true"),
        (0, "false", "true"),
        ("", "false", "true"),
        (SURROGATE, "unknown", "unknown"),
        (ABSENT, "missing", "missing"),
    ],
)
def test_rul_08_null_and_presence(implementation: ModuleType, value: Any, is_null: str, exists: str) -> None:
    assert ask(implementation, codes.OP_IS_NULL, value) == is_null
    assert ask(implementation, codes.OP_EXISTS, value) == exists


@pytest.mark.parametrize(
    ("operand", "value", "result"),
    [
        ({"a": [1, None]}, {"a": (1.0, None)}, "true"),
        ({"a": [1]}, {"a": [True]}, "false"),
        ({"a": 1}, {"a": 1, "b": 2}, "false"),
        ([1, 2], [2, 1], "false"),
        ([1, 2], {1, 2}, "false"),
        (None, None, "true"),
        (None, 0, "false"),
        (True, 1, "false"),
        (1, True, "false"),
        (1, None, "false"),
        (float("nan"), float("nan"), "false"),
        ("x", "x", "true"),
        (["x"], [SURROGATE], "false"),
        ("x", SURROGATE, "unknown"),
        ([], (), "true"),
        ({}, {}, "true"),
        ({}, [], "false"),
    ],
)
def test_equal_value(implementation: ModuleType, operand: Any, value: Any, result: str) -> None:
    tables = Tables()
    assert ask(implementation, codes.OP_EQ_VALUE, value, tables=tables, offset=tables.value(operand)) == result


@pytest.mark.parametrize(
    ("operand", "value", "results"),
    [  # less, less or equal, greater, greater or equal
        (18, 17, "true true false false"),
        (18, 18, "false true false true"),
        (18, 18.0, "false true false true"),
        (18, 2**70, "false false true true"),
        (18, -(2**70), "true true false false"),
        (18.5, 18, "true true false false"),
        (2.0**53, 2**53 + 1, "false false true true"),
        (2**53 + 1, 2.0**53, "true true false false"),
        (18, float("nan"), "false false false false"),
        (float("nan"), 18, "false false false false"),
        (float("inf"), 10**400, "true true false false"),
        (18, True, "unknown unknown unknown unknown"),
        (18, "25", "unknown unknown unknown unknown"),
        (18, None, "unknown unknown unknown unknown"),
        (18, [25], "unknown unknown unknown unknown"),
        (18, ABSENT, "missing missing missing missing"),
    ],
)
def test_rul_10_order(implementation: ModuleType, operand: int | float, value: Any, results: str) -> None:
    ops = (codes.OP_LESS, codes.OP_LESS_EQUAL, codes.OP_GREATER, codes.OP_GREATER_EQUAL)
    assert " ".join(ask_number(implementation, op, operand, value) for op in ops) == results


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("25", "true"),
        (" +25.0e0\t", "true"),
        ("18", "true"),
        (".5e2", "true"),
        ("17.9999", "false"),
        ("1e999", "true"),
        ("18.", "true"),
        ("9" * 5000, "true"),
        *(
            (text, "unknown")
            for text in ("", " ", ".", "e5", "1e", "0x20", "1_0", "nan", "inf", "٢٥", "25 26", "25\xa0", "--1")
        ),
    ],
)
def test_rul_09_numeric_text_is_coerced_where_asked(implementation: ModuleType, value: str, result: str) -> None:
    assert ask_number(implementation, codes.OP_GREATER_EQUAL, 18, value, codes.MODE_COERCE_TEXT) == result
    assert ask_number(implementation, codes.OP_GREATER_EQUAL, 18, value) == "unknown"


CONTAINS, STARTS, ENDS = codes.OP_CONTAINS_TEXT, codes.OP_STARTS_WITH, codes.OP_ENDS_WITH


@pytest.mark.parametrize(
    ("op", "operand", "value", "result"),
    [
        (CONTAINS, "@x.", "me@x.com", "true"),
        (CONTAINS, "X", "me@x.com", "false"),
        (CONTAINS, "", "anything", "true"),
        (CONTAINS, "ana", "banana", "true"),
        (CONTAINS, "12", 3125, "true"),
        (CONTAINS, "ru", True, "true"),
        (CONTAINS, "a", ["b", "a"], "true"),
        (CONTAINS, "a", ["ba"], "false"),
        (CONTAINS, "1", ("x", 1.0), "true"),
        (CONTAINS, "a", {"a"}, "true"),
        (CONTAINS, "a", frozenset(), "false"),
        (CONTAINS, "a", [SURROGATE, None, {}, "a"], "true"),
        (CONTAINS, "a", {"a": 1}, "unknown"),
        (CONTAINS, "a", None, "unknown"),
        (CONTAINS, "a", SURROGATE, "unknown"),
        (CONTAINS, "a", ABSENT, "missing"),
        (STARTS, "me", "me@x.com", "true"),
        (STARTS, "e", "me@x.com", "false"),
        (STARTS, "0.", 0.25, "true"),
        (STARTS, "-", -0.0, "false"),
        (STARTS, "nan", float("nan"), "true"),
        (STARTS, "1e+16", 1e16, "true"),
        (STARTS, "900719925474099", 2.0**53 - 1, "true"),
        (STARTS, "a", ["a"], "unknown"),
        (ENDS, ".com", "me@x.com", "true"),
        (ENDS, "é", "café", "true"),
        (ENDS, "longer than it", "it", "false"),
        (ENDS, "7", 10**300 + 7, "true"),
        (ENDS, "0", 10**400, "unknown"),
    ],
)
def test_rul_10_text(implementation: ModuleType, op: int, operand: str, value: Any, result: str) -> None:
    assert ask_text(implementation, op, operand, value) == result


@pytest.mark.parametrize(
    ("op", "operand", "value"),
    [(CONTAINS, "strasse", "HauptSTRASSE 1"), (CONTAINS, "ss", "Straße"), (STARTS, "ÄB".casefold(), "äB"), (ENDS, "x", ["X"])],
)
def test_casefolded_text(implementation: ModuleType, op: int, operand: str, value: Any) -> None:
    expected = "unknown" if isinstance(value, list) else "true"
    assert ask_text(implementation, op, operand, value, codes.MODE_CASEFOLD) == expected


def test_casefolded_elements(implementation: ModuleType) -> None:
    assert ask_text(implementation, CONTAINS, "x", ["A", "X"], codes.MODE_CASEFOLD) == "true"
    assert ask_text(implementation, CONTAINS, "x", ["A", "X"]) == "false"


@pytest.mark.parametrize(
    ("pattern", "value", "result"),
    [
        ("^user-[0-9]+$", "user-12", "true"),
        ("^user-[0-9]+$", "user-", "false"),
        ("b", "abc", "true"),
        ("^1", 123, "true"),
        ("ß$", "Straß", "true"),
        ("a", None, "unknown"),
        ("a", ["a"], "unknown"),
        ("a", SURROGATE, "unknown"),
        ("a", ABSENT, "missing"),
    ],
)
def test_rul_20_matches(implementation: ModuleType, pattern: str, value: Any, result: str) -> None:
    for mode in (0, codes.MODE_CASEFOLD):  # which MATCHES ignores
        tables = Tables()
        at = tables.blob("automata", compile_pattern(pattern))
        assert ask(implementation, codes.OP_MATCHES, value, tables=tables, payload=at, mode=mode) == result
