"""Context values that attack the evaluator itself: they change what it looks at while it looks, have no end, or no bottom."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

from tests.parity import contexts, values

Deed = Callable[[dict[Any, Any]], object]
NAMES = ("targetingKey", "a", "b", "c", "d", "user", "list", "spare", "$flagd")


class Saboteur:
    """An object of no kind; asked for its ``isoformat``, it does its deed first."""

    def __init__(self, deed: Callable[[], object], answer: Any = "2024-02-29T12:00:00Z") -> None:
        self.deed = deed
        self.answer = answer

    def isoformat(self) -> Any:
        self.deed()
        return self.answer

    def __repr__(self) -> str:
        return "Saboteur()"


class SaboteurKey:
    """A key that looks like ``name`` to a dict, and does its deed when it's compared."""

    def __init__(self, name: str, deed: Callable[[], object], equal: bool) -> None:
        self.name = name
        self.deed = deed
        self.equal = equal

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        self.deed()
        return self.equal

    def __repr__(self) -> str:
        return f"SaboteurKey({self.name!r})"


def endless(chance: Random) -> Any:
    """A list or map that contains itself."""
    inside: list[Any] = [1, "US"]
    around: dict[str, Any] = {"name": inside, "list": inside, "a": 1}
    inside.append(chance.choice((inside, around)))
    return chance.choice((inside, around))


def bottomless(chance: Random) -> Any:
    """Up to a hundred thousand lists or maps inside each other."""
    value = _nested(chance.randrange(3), chance.choice((50, 70, 500, 5_000, 100_000)))
    return chance.choice(([value], {"name": value}, {"list": [value], "name": value}))


@cache
def _nested(kind: int, depth: int) -> Any:
    value: Any = "US"
    for _ in range(depth):
        value = [value] if kind == 0 else {"name": value} if kind == 1 else {"list": [value], "name": value}
    return value


HUGE: tuple[Callable[[], Any], ...] = (
    lambda: "US" * 200_000,
    lambda: "\U0001f600" * 50_000,
    lambda: "1" * 20_000,
    lambda: "1." * 5_000 + "0",
    lambda: "0" * 70_000 + "1",
    lambda: "[" * 50_000,
    lambda: '{"a":' * 3_000 + "1" + "}" * 3_000,
    lambda: "2024-01-01" + " " * 50_000,
    lambda: "9" * 400 + "." + "9" * 400 + ".1",
    lambda: " " * 90_000 + "1e5",
    lambda: "1e" + "9" * 5_000,
    lambda: 10**5_000,
    lambda: -(1 << 70_000),
    lambda: list(range(30_000)),
    lambda: {str(number): number for number in range(5_000)},
    lambda: ("US",) * 20_000,
    lambda: {"lat": 10**400, "lon": 1},
    lambda: [10**400, 0.0],
)
"""More than anybody sends."""


def context(chance: Random, deeds: Sequence[Deed]) -> Any:
    """An ordinary context with one to three attacks in it. A deed is given the context, and done only once that is complete."""
    is_complete: list[bool] = []
    entries: dict[Any, Any] = {name: values.context_value(chance) for name in NAMES if chance.randrange(3)}
    for name in chance.sample(NAMES, chance.randrange(1, 4)):  # once each: no dict has an honest key beside a false one
        kind = chance.randrange(5)
        if kind == 0:
            entries[name] = endless(chance)
        elif kind == 1:
            entries[name] = bottomless(chance)
        elif kind == 2:
            entries[name] = chance.choice(HUGE)()
        else:
            deed = _armed(chance.choice(deeds), entries, is_complete)
            attacker = Saboteur(deed, chance.choice(("2024-02-29T12:00:00Z", "US", 5, None)))
            if kind == 3:
                entries[name] = chance.choice((attacker, [attacker, attacker], {"name": attacker, "list": [attacker]}))
            else:
                entries.pop(name, None)
                entries[SaboteurKey(name, deed, bool(chance.randrange(2)))] = chance.choice(("US", attacker, [1, 2]))
    is_complete.append(True)
    return entries if chance.randrange(10) else contexts.context(chance)


def _armed(deed: Deed, entries: dict[Any, Any], is_complete: list[bool]) -> Callable[[], object]:
    return lambda: deed(entries) if is_complete else None


# --- deeds ------------------------------------------------------------------------------------------------------------


def clear(entries: dict[Any, Any]) -> None:
    """Everything that the evaluator borrowed from the context goes."""
    for value in list(entries.values()):
        if isinstance(value, list):
            value.clear()
    entries.clear()
    gc.collect(0)


def replace(entries: dict[Any, Any]) -> None:
    """Other values under the same names."""
    for name in list(entries):
        if isinstance(name, str):
            entries[name] = "other"


def grow(entries: dict[Any, Any]) -> None:
    """The dict's table moves."""
    for number in range(200):
        entries[f"grown-{number}"] = number


def shout(entries: dict[Any, Any]) -> None:
    raise RuntimeError("hostile")


def collect(entries: dict[Any, Any]) -> None:
    gc.collect(0)


STEADY: tuple[Deed, ...] = (shout, collect)  # the context stays what it is: the cores must agree
CHANGING: tuple[Deed, ...] = (clear, replace, grow)  # the answer may depend on when an entry is read
