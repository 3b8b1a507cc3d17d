"""What attributes are turned into before operators see them, and digests (docs/snapshot-format.md, section 4.10)."""

import datetime
import decimal
import hashlib
import math
from types import ModuleType
from typing import Any

import pytest

from evaluator._pure.conversions import converted
from evaluator._pure.values import MISSING, UNUSABLE
from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import ABSENT, Tables, ask, bits
from tests.parity.values import Moment, Text, Whole

TEXT, TRIMMED, NUMBER = codes.ATTRIBUTE_AS_TEXT, codes.ATTRIBUTE_AS_TRIMMED_TEXT, codes.ATTRIBUTE_AS_NUMBER
SECONDS, TEXTS = codes.ATTRIBUTE_AS_SECONDS, codes.ATTRIBUTE_AS_TEXTS
INSTANT = datetime.datetime(2023, 3, 31, 23, 59, 59, 999000)  # naive on purpose: it counts as UTC
EAST = datetime.timezone(datetime.timedelta(hours=2))


ROWS: list[tuple[int, Any, Any]] = [
    (TEXT, "", ""),
    (TEXT, Text("US"), "US"),
    (TEXT, True, "True"),
    (TEXT, 125, "125"),
    (TEXT, Whole(18), "18"),
    (TEXT, 2**1024 - 1, str(2**1024 - 1)),
    (TEXT, 2**1024, UNUSABLE),
    (TEXT, 0.12345, "0.12345"),
    (TEXT, 3.0, "3"),
    (TEXT, -0.0, "0"),
    (TEXT, 9007199254740994.0, "9007199254740994"),
    (TEXT, 1e16, "1e+16"),
    (TEXT, -1.23456789e96, "-1.23456789e+96"),
    (TEXT, -12345.6789e-100, "-1.23456789e-96"),
    (TEXT, math.nan, "NaN"),
    (TEXT, math.inf, "Infinity"),
    (TEXT, -math.inf, "-Infinity"),
    (TEXT, INSTANT, "1680307199.999"),
    (TEXT, datetime.datetime(1970, 1, 1, 2, tzinfo=EAST), "0"),
    (TEXT, [], "[]"),
    (TEXT, ["a", Text("b")], '["a","b"]'),
    (TEXT, ("ä",), '["ä"]'),
    (TEXT, ["+<>%\"'\\/\t\r\n😀"], '["+<>%\\"\'\\\\/\\t\\r\\n😀"]'),
    (TEXT, ["a", 1], UNUSABLE),
    (TEXT, {"a": 1}, UNUSABLE),
    (TEXT, {"a"}, UNUSABLE),
    (TEXT, decimal.Decimal("1.50"), UNUSABLE),
    (TEXT, Moment(5), UNUSABLE),
    (TEXT, "\ud800", UNUSABLE),
    (TRIMMED, "\u00a0 1.2.3\n", "1.2.3"),
    (TRIMMED, "  ", ""),
    (TRIMMED, 1, UNUSABLE),
    (TRIMMED, ["1"], UNUSABLE),
    (NUMBER, "2,1", 2.1),
    (NUMBER, " +1_000.5e0\u2003", 1000.5),
    (NUMBER, "٣", 3.0),
    (NUMBER, "-INFinity", -math.inf),
    (NUMBER, "1e999", math.inf),
    (NUMBER, "1,2,3", UNUSABLE),
    (NUMBER, "1__0", UNUSABLE),
    (NUMBER, "0x10", UNUSABLE),
    (NUMBER, "", UNUSABLE),
    (NUMBER, True, 1.0),
    (NUMBER, 2**53 + 1, 2.0**53),
    (NUMBER, 10**400, UNUSABLE),
    (NUMBER, decimal.Decimal("0.5"), 0.5),
    (NUMBER, INSTANT, UNUSABLE),
    (NUMBER, [1], UNUSABLE),
    (SECONDS, "1680307199.999", 1680307199.999),
    (SECONDS, INSTANT, 1680307199.999),
    (SECONDS, datetime.date(1970, 1, 2), 86400.0),
    (SECONDS, "2023-03-31T23:59:59Z", UNUSABLE),
    (SECONDS, Moment("no"), UNUSABLE),
    (TEXTS, ' ["a", "b"] ', ["a", "b"]),
    (TEXTS, ("a",), ["a"]),
    (TEXTS, [], []),
    (TEXTS, "[1]", UNUSABLE),
    (TEXTS, "a", UNUSABLE),
    (TEXTS, ["a", None], UNUSABLE),
    (TEXTS, {"a"}, UNUSABLE),
    (TEXTS, '["' + "x" * 65_536 + '"]', UNUSABLE),
    (codes.ATTRIBUTE_LAST_CONVERSION + 4, "a", UNUSABLE),
]


@pytest.mark.parametrize(("how", "value", "expected"), ROWS, ids=lambda part: repr(part)[:30])
def test_what_a_value_becomes(how: int, value: Any, expected: Any) -> None:
    found = converted(how | codes.ATTRIBUTE_EMPTY_IS_MISSING, value)
    assert found == expected and type(found) is type(expected)


def test_what_stays_as_it_is() -> None:
    assert converted(TEXT, None) is None
    assert converted(TEXT, MISSING) is MISSING
    assert math.isnan(converted(NUMBER, "nan"))
    same = [1]
    assert converted(0, same) is same


@pytest.mark.parametrize(("how", "value", "expected"), ROWS, ids=lambda part: repr(part)[:30])
def test_operators_see_the_converted_value(implementation: ModuleType, how: int, value: Any, expected: Any) -> None:
    """EXISTS says whether there is a value; length, sign or digest something about it."""
    unusable = expected is UNUSABLE
    assert ask(implementation, codes.OP_EXISTS, value, flags=how) == ("unknown" if unusable else "true")
    if isinstance(expected, str | list):
        assert ask(implementation, codes.OP_LENGTH, value, flags=how, mode=codes.CMP_EQ, payload=len(expected)) == "true"
    if isinstance(expected, str):
        assert ask_digest(implementation, value, digest(None, expected.encode()), flags=how) == "true"
    if isinstance(expected, float):
        assert ask(implementation, codes.OP_EQ_NUMBER, value, flags=how, payload=bits(expected)) == "true"


def ask_digest(implementation: ModuleType, value: Any, items: bytes, **fields: int) -> str:
    tables = Tables()
    offset, length = tables.text("salt")
    fields |= {"payload": tables.text(items)[0], "count": len(items) // 36, "offset": offset, "length": length}
    return ask(implementation, codes.OP_DIGEST, value, tables=tables, **fields)


def digest(length: int | None, part: bytes) -> bytes:
    size = codes.DIGEST_WHOLE if length is None else length
    return size.to_bytes(4, "little") + hashlib.sha256(part + b"salt").digest()


@pytest.mark.parametrize("size", [0, 1, 51, 52, 55, 56, 59, 60, 63, 64, 65, 115, 124, 128, 1_000, 100_000])
def test_digests_of_every_length(implementation: ModuleType, size: int) -> None:
    """Around the ends of SHA-256's blocks, salt included."""
    value = "".join(chr(33 + number % 90) for number in range(size))
    assert ask_digest(implementation, value, digest(None, value.encode())) == "true"
    assert ask_digest(implementation, value + "x", digest(None, value.encode())) == "false"


@pytest.mark.parametrize(
    ("value", "items", "mode", "expected"),
    [
        ("configcat", [(6, b"config")], 0, "true"),
        ("configcat", [(6, b"config")], codes.MODE_FROM_END, "false"),
        ("configcat", [(3, b"cat")], codes.MODE_FROM_END, "true"),
        ("configcat", [(3, b"dog"), (3, b"con")], 0, "true"),
        ("configcat", [(3, b"dog"), (6, b"cattle"), (4, b"conf")], 0, "true"),
        ("configcat", [(0, b"")], 0, "true"),
        ("configcat", [(10, b"configcats")], 0, "false"),
        ("é", [(1, b"\xc3")], 0, "true"),
        ("é", [(1, b"\xa9")], codes.MODE_FROM_END, "true"),
        ("", [(None, b"")], 0, "true"),
        (["dog", "cat"], [(None, b"cat")], 0, "true"),
        (["dog", 5, "\ud800"], [(None, b"cat")], 0, "false"),
        ([], [(None, b"")], 0, "false"),
        ({"cat"}, [(2, b"ca")], 0, "true"),
        (5, [(None, b"5")], 0, "unknown"),
        ({"cat": 1}, [(None, b"cat")], 0, "unknown"),
        (None, [(None, b"")], 0, "unknown"),
        ("x", [], 0, "false"),
    ],
)  # fmt: skip
def test_digests(implementation: ModuleType, value: Any, items: list[Any], mode: int, expected: str) -> None:
    wanted = b"".join(digest(*item) for item in items)
    assert ask_digest(implementation, value, wanted, mode=mode) == expected
    assert ask_digest(implementation, ABSENT, wanted, mode=mode) == "missing"
