"""Values to put into contexts and operands: ordinary ones, edges, and objects that behave badly. Used by the parity tests.

The pools are small on purpose: an operand and a context value drawn from the same pool often meet.
"""

import datetime
import decimal
from collections import UserDict
from random import Random
from types import MappingProxyType
from typing import Any

TEXTS = (
    "", "a", "A", "US", "us", "CA", "GB", "pro", "eight888", "nine99999",
    "user-00000001", "user-00000002", "user-00000003",
    "Straße", "STRASSE", "İstanbul", "日本語", "é", "e\u0301", "\U0001f600",
    "a\x00b", "1", "1.0", " 12 ", "1e3", "0x10", "-0", "1e999", "nan",
    "true", "null", "1.2.3", "v1.2.3", "1.2", "1.2.3-alpha.1+b", "1.2.3-alpha.10", "01.2.3", "1.10.0", 
    "99999999999999999999.0.1",
    "2024-02-29T12:00:00Z", "2023-02-29T12:00:00Z", "2024-01-01", "2024-01-01 10:30:15.123456789+05:30", "2024-01-01T24:00:00Z",
    "10.1.2.3", "10.01.2.3", "192.168.0.255", "10.1.2.3.4", "256.0.0.1", "2001:db8::1", "2001:DB8:0:0::0.0.0.1", "::1", "::",
    "::ffff:10.1.2.3", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", "1::2::3", "2001:db8::1%eth0", ":1::",
    "2024-01-01T10:30:15", "2024-01-01T10:30:15+0530",
    "hello world", "world", "x" * 300,
    "1,5", "\u00a01.2.3 ", "1_0", "Infinity", "-nan", "٣", '["US","a"]', " [] ", '["\\ud800"]', "[1]",
    '{"a": {"b": [1, 2, {"c": "US"}]}}', "[1, 2, 3]", "{broken",
)  # fmt: skip
SURROGATES = ("\ud800", "US\udc00", "\udfff\ud800")
INTEGERS = (
    0,
    1,
    2,
    -1,
    3,
    18,
    42,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    10**30,
    1_706_000_000,
)
HUGE = (2**1023, 2**1024, -(2**1024), 10**400, 2**4096)
FLOATS = (0.0, -0.0, 1.0, 1.5, 0.1, 18.0, -1.0, 2.0**53, 2.0**63, 1e22, 1e308, 5e-324, 1_706_000_000.123456, 3.0000000000000004)
UNREAL = (float("nan"), float("inf"), float("-inf"))
MANY = tuple(f"member-{number:04d}" for number in range(40))


class Text(str):
    """A str subclass that lies about itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7

    def __str__(self) -> str:
        return "lie"

    def __repr__(self) -> str:
        return f"Text({str.__repr__(self)})"


class Whole(int):
    """An int subclass that lies about itself."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__

    def __repr__(self) -> str:
        return f"Whole({int.__repr__(self)})"


class Hostile:
    """An object of no kind whose every method raises."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("hostile")

    def __hash__(self) -> int:
        raise RuntimeError("hostile")

    def __str__(self) -> str:
        raise RuntimeError("hostile")

    def __bool__(self) -> bool:
        raise RuntimeError("hostile")

    def __len__(self) -> int:
        raise RuntimeError("hostile")

    def isoformat(self) -> str:
        raise RuntimeError("hostile")

    def __repr__(self) -> str:
        return "Hostile()"


class Moment:
    """An object whose ``isoformat`` gives what it was made with, be it text or not."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def isoformat(self) -> Any:
        return self.given

    def __repr__(self) -> str:
        return f"Moment({self.given!r})"


class HostileKey:
    """A context key with the hash of ``name`` whose comparison raises, as a look-up of ``name`` will find out."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("hostile")

    def __repr__(self) -> str:
        return f"HostileKey({self.name!r})"


class Mapped(UserDict[str, Any]):
    """A mapping that isn't a dict."""

    def __repr__(self) -> str:
        return f"Mapped({self.data!r})"


class Awkward(dict[str, Any]):
    """A dict subclass that answers look-ups of its own."""

    def __getitem__(self, key: str) -> Any:
        return "US"

    def get(self, key: str, default: Any = None) -> Any:
        return "US"

    def __repr__(self) -> str:
        return f"Awkward({dict.__repr__(self)})"


class Broken(UserDict[str, Any]):
    """A mapping that can't be copied."""

    def __iter__(self) -> Any:
        raise RuntimeError("hostile")

    def keys(self) -> Any:
        raise RuntimeError("hostile")

    def __repr__(self) -> str:
        return f"Broken({self.data!r})"


# What a saved fixture may name besides the IR's own classes.
NAMES: dict[str, Any] = {
    "nan": float("nan"), "inf": float("inf"), "datetime": datetime, "Decimal": decimal.Decimal,
    "mappingproxy": MappingProxyType,
    "Text": Text, "Whole": Whole, "Hostile": Hostile, "Moment": Moment, "HostileKey": HostileKey, "Mapped": Mapped,
    "Awkward": Awkward, "Broken": Broken,
}  # fmt: skip


def scalar(chance: Random) -> Any:
    """A JSON scalar, mostly text."""
    kind = chance.randrange(10)
    if kind < 5:
        return chance.choice(TEXTS)
    if kind < 7:
        return chance.choice(INTEGERS)
    if kind < 8:
        return chance.choice(FLOATS)
    return chance.choice((True, False, None)) if kind < 9 else chance.choice(MANY)


def json_value(chance: Random, depth: int = 2) -> Any:
    """A JSON value as a snapshot can hold it: finite, integers of 64 bits, text keys, no surrogates."""
    kind = chance.randrange(10) if depth else 0
    if kind < 7:
        value = scalar(chance)
        return 64 if type(value) is int and not -(2**63) <= value < 2**64 else value
    if kind < 9:
        return [json_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {
        chance.choice(("a", "b", "lat", "lon", "c", "US")): json_value(chance, depth - 1) for _ in range(chance.randrange(3))
    }


def _odd(chance: Random) -> Any:
    return chance.choice(
        (
            b"US", Hostile(), Text("US"), Text("pro"), Whole(18), Whole(1), decimal.Decimal("18"), 1j,
            Moment("2024-02-29T12:00:00Z"), Moment(5), Moment("no"), Moment("\ud800"),
            datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC), datetime.date(2024, 1, 1), datetime.time(1, 2),
        )
    )  # fmt: skip


def _place(chance: Random) -> Any:
    numbers = (0, 90, -90.0, 52.5, 13.4, 180, -180, 91, 200.5, True, "1", None)
    latitude, longitude = chance.choice(numbers), chance.choice(numbers)
    shapes = (
        [latitude, longitude],
        (latitude, longitude),
        {"lat": latitude, "lon": longitude},
        {"latitude": latitude, "lng": longitude},
    )
    return chance.choice((*shapes, {"lat": latitude, "latitude": 1, "longitude": longitude}, [latitude], {"lat": latitude}))


def _collection(chance: Random) -> Any:
    items = [scalar(chance) for _ in range(chance.randrange(5))]
    hashable = [item for item in items if item is not None]
    return chance.choice(
        (items, tuple(items), set(hashable), frozenset(hashable), [items, {"b": items}], {"b": items, "c": {"d": 1}})
    )


def context_value(chance: Random) -> Any:
    """Anything that a caller might put into a context."""
    kind = chance.randrange(20)
    if kind < 12:
        return scalar(chance)
    if kind < 15:
        return chance.choice((_place, _collection, json_value))(chance)
    if kind < 16:
        return chance.choice((*SURROGATES, [SURROGATES[0]], {"a": SURROGATES[1]}))
    if kind < 18:
        return chance.choice((*HUGE, *UNREAL, [UNREAL[0]]))
    return _odd(chance)
