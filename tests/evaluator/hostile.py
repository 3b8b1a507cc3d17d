"""Objects that lie, raise or recurse, and operands to ask every operator about them."""

import enum
from collections import OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import ABSENT, Tables, bits, build_set, prefix

SURROGATE = "\ud83d"


class Explodes:
    """Raises whatever is asked of it."""

    def __init__(self, error: type[Exception] = RuntimeError) -> None:
        object.__setattr__(self, "error", error)

    def _explode(self, *_: Any) -> Any:
        raise object.__getattribute__(self, "error")("boom")

    __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __str__ = __repr__ = _explode  # type: ignore[assignment]
    __float__ = __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __call__ = __getattr__ = __fspath__ = _explode


class EvilKey:
    """Hashes like a name and raises when compared with it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        raise ValueError("boom")


class LyingText(str):
    """A string whose methods all lie."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "lie"

    def __len__(self) -> int:
        return 1000

    def encode(self, *_: Any) -> bytes:
        return b"lie"

    def casefold(self) -> str:
        return "lie"

    def startswith(self, *_: Any) -> bool:
        return True

    def isoformat(self) -> str:
        return "2024-01-01"


class LyingInteger(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__

    def __ge__(self, other: object) -> bool:
        return True

    def __int__(self) -> int:
        return 999

    def __index__(self) -> int:
        return 999

    def __pos__(self) -> int:
        return 999

    def __str__(self) -> str:
        return "999"

    __repr__ = __str__


class LyingFloat(float):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__

    def __float__(self) -> float:
        return 999.0

    def __pos__(self) -> float:
        return 999.0

    def is_integer(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "999"


class LyingList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(["lie"])

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: Any) -> Any:
        return "lie"


class LyingDict(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return "lie"

    def get(self, *_: Any) -> Any:
        return "lie"

    def __contains__(self, key: object) -> bool:
        return True

    def __len__(self) -> int:
        return 1000

    def __missing__(self, key: str) -> Any:
        return "lie"


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    lat: float
    lon: float


class Raising(Mapping[str, Any]):
    """A mapping that raises when it is copied."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


class NoIteration(dict[str, Any]):
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("boom")

    def keys(self) -> Any:
        raise RuntimeError("boom")


class PretendsClass:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("boom")

    @__class__.setter
    def __class__(self, value: Any) -> None: ...


def tables_for(op: int) -> tuple[Tables, dict[str, int]]:
    """Operands of some kind for every operator."""
    tables = Tables()
    offset, length = tables.text("lie")
    tables.add("places", latitude=0.0, longitude=0.0, radius=1.0, km_per_unit=1.0)
    tables.add("windows", days=127, zone=codes.NONE, flags=codes.WINDOW_MINUTES, end_minute=800)
    tables.add("text_refs", offset=offset, length=length, prefix=prefix(b"lie"))
    tables.numbers = [bits(1), bits(999), 6 << 8 | 1, 0, 0]
    tables.paths.append(["a", 0])
    listed = tables.value(["lie", 1, None])
    text = {"offset": offset, "length": length, "mode": codes.MODE_CASEFOLD}
    automaton = b"\2\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0" + bytes(256) + b"\0\0\1\0"
    operands: dict[int, dict[str, int]] = {
        codes.OP_EQ_TEXT: text | {"payload": prefix(b"lie")},
        codes.OP_IN_TEXT_SMALL: {"count": 1},
        codes.OP_IN_TEXT_TABLE: {"offset": tables.blob("sets", build_set(["lie", "a"]))},
        codes.OP_IN_INTEGER: {"count": 2},
        codes.OP_CONTAINS_TEXT: text,
        codes.OP_STARTS_WITH: text,
        codes.OP_ENDS_WITH: text,
        codes.OP_MATCHES: {"payload": tables.blob("automata", automaton)},
        codes.OP_VERSION: text,
        codes.OP_EQ_VALUE: {"offset": listed},
        codes.OP_CONTAINS_ALL: {"offset": listed},
        codes.OP_CONTAINS_ANY: {"offset": listed},
        codes.OP_PATH: {"length": listed},
        codes.OP_ORDER: {"offset": listed, "mode": codes.CMP_LE | codes.MODE_BOOLEAN_NUMBER},
        codes.OP_WITHIN: {"offset": listed, "mode": codes.MODE_BOOLEAN_NUMBER},
        codes.OP_MODULO: {"count": 2, "payload": 7},
        codes.OP_IN_NETWORK: {"offset": 2, "count": 1},
    }
    if op == codes.OP_BUCKET:
        return tables, {"offset": tables.split(0, [(2**31, codes.TARGET_NO_ANSWER)], unit=codes.UNIT_CBOR)}
    return tables, operands.get(op, {})


def unpleasant() -> list[Any]:
    recursive: list[Any] = []
    recursive.append(recursive)
    looped: dict[str, Any] = {}
    looped["a"] = looped
    deep: Any = {}
    for _ in range(5000):
        deep = {"a": deep}
    return [
        ABSENT, None, True, False, 0, -1, 10**400, -(10**400), 2**63, 2**64, -(2**63), 1.5, -0.0, float("nan"), float("inf"),
        float("-inf"), 5e-324, 1e308, 2.0**53, 2.0**63, "", "lie", "LIE", "1", "1.2.3", SURROGATE, "a" + SURROGATE, "\0",
        "ö" * 5000, "1" * 5000, "[" * 5000, b"lie", bytearray(b"x"), memoryview(b"x"), [], ["lie"], [SURROGATE], [None] * 3, (),
        (1, "lie"), {1, 2}, frozenset({"lie"}), {}, {"a": ["lie"]}, {1: 2}, {"lat": 1, "lon": 2}, {"lat": Explodes(), "lon": 1},
        [Explodes()], recursive, looped, deep, Explodes(), Explodes(RecursionError), Explodes(MemoryError), [Explodes(), "lie"],
        {"a": Explodes()}, {EvilKey("a"): 1}, {EvilKey("lat"): 1}, LyingText("lie"), LyingText("x"), LyingInteger(1),
        LyingFloat(1), LyingList(["lie"]), LyingDict(a=["x"]), Colour.RED, Level.HIGH, Point(1.0, 2.0), object(), object, len,
        range(3), iter([1]), 1j, ..., (x for x in "abc"), OrderedDict(a=[1]), UserDict(a=[1]), Exception("x"), NotImplemented,
    ]  # fmt: skip
