"""Mutated documents and contexts of every dialect: what a vendor's server, or somebody's editor, might hand over by mistake.

``seeds/<dialect>.json`` has small documents of our own and contexts for them, with as much of the dialect's vocabulary as fits.
Mutations mix their parts: a value of another type, a part copied elsewhere, an entry gone or renamed, a text or a number bent.
"""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.parity import values

SEEDS = Path(__file__).parent / "seeds"
Container = dict[str, Any] | list[Any]
Slot = tuple[Container, Any]  # a container, and the key or index of one of its values

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 99, 100, 101, 10_000, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**40),
    *(0.5, -0.0, 1e-9, 1e300, 0.1 + 0.2, 99.999, float("nan"), float("inf"), -1e308),
    *("", " ", "0", "1", "-1", "1.5", "true", "null", "*", ".", "$", "/", "a/b~1c", "~2", "1.2.3", "v1", "1.2.3-01", "1e400"),
    *("[", "(?=a)", "(a+)+$", "[[:alpha:]]", "\\", "2024-02-30", "2024-02-29T12:00:00+02:00", "10.0.0.0/33", "::/0"),
    *("é", "😀", "\ud800", "x" * 3_000),
    *([], {}, [None], [[]], {"": {}}, [[1, [2]]], {"a": {"a": {"a": 1}}}, ["a", 1, None, True], {"key": "f"}),
)  # fmt: skip


@cache
def _seed(dialect: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads((SEEDS / f"{dialect.partition('@')[0]}.json").read_text(encoding="utf-8"))
    return found


@cache
def vocabulary(dialect: str) -> tuple[tuple[str, ...], tuple[Any, ...], tuple[Any, ...]]:
    """(keys, scalars, parts) of the dialect's seeds."""
    keys, scalars, parts = set(), [], []
    for container, where in (slot for document in _seed(dialect)["documents"] for slot in slots(document)):
        value = container[where]
        if isinstance(container, dict):
            keys.add(where)
        (parts if isinstance(value, dict | list) else scalars).append(value)
    return tuple(sorted(keys)), tuple(scalars), tuple(parts)


def seeds(dialect: str) -> list[Any]:
    """The documents as they are."""
    return copy.deepcopy(_seed(dialect)["documents"])


def slots(document: Container) -> Iterator[Slot]:
    """Every place in a document where a value stands."""
    waiting: list[Container] = [document]
    while waiting:
        container = waiting.pop()
        for where in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, where
            value = container[where]
            if isinstance(value, dict | list):
                waiting.append(value)


def document(dialect: str, chance: Random) -> dict[str, Any]:
    """A seed with one to six mutations; one in fifty as it is."""
    made: dict[str, Any] = copy.deepcopy(chance.choice(_seed(dialect)["documents"]))
    for _ in range(0 if chance.random() < 0.02 else chance.choice((1, 1, 1, 2, 3, 6))):
        places = list(slots(made))
        if places:
            container, where = chance.choice(places)
            chance.choice(_MUTATIONS)(container, where, dialect, chance)
    return made


def context(dialect: str, chance: Random) -> dict[str, Any]:
    """A seed's context with a few values mutated; what the document names is what rules read."""
    made: dict[str, Any] = copy.deepcopy(chance.choice(_seed(dialect)["contexts"]))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        name = chance.choice([*made, "targetingKey", "country", "age", *vocabulary(dialect)[1]])
        if chance.random() < 0.15:
            made.pop(name, None)
        elif isinstance(name, str):
            made[name] = _value(dialect, chance)
    return made


def _value(dialect: str, chance: Random) -> Any:
    kind = chance.randrange(6)
    if kind < 2:
        return chance.choice(vocabulary(dialect)[1])
    if kind == 2:
        return copy.deepcopy(chance.choice(vocabulary(dialect)[2]))
    return values.context_value(chance) if kind == 3 else copy.deepcopy(chance.choice(ODD))


# --- mutations --------------------------------------------------------------------------------------------------------


def _replace(container: Any, where: Any, dialect: str, chance: Random) -> None:
    container[where] = copy.deepcopy(chance.choice(ODD))


def _like(container: Any, where: Any, dialect: str, chance: Random) -> None:
    """Another scalar of the dialect: other names, operators, numbers."""
    container[where] = chance.choice(vocabulary(dialect)[1])


def _graft(container: Any, where: Any, dialect: str, chance: Random) -> None:
    container[where] = copy.deepcopy(chance.choice(vocabulary(dialect)[2]))


def _remove(container: Any, where: Any, dialect: str, chance: Random) -> None:
    del container[where]


def _rename(container: Any, where: Any, dialect: str, chance: Random) -> None:
    name = chance.choice((*vocabulary(dialect)[0], "", "f", "\ud800", "é"))
    if isinstance(container, dict):
        container[name] = container.pop(where)


def _add(container: Any, where: Any, dialect: str, chance: Random) -> None:
    value = copy.deepcopy(chance.choice(vocabulary(dialect)[2]))
    if isinstance(container, dict):
        container[chance.choice(vocabulary(dialect)[0])] = value
    else:
        container.insert(where, value)


def _bend(container: Any, where: Any, dialect: str, chance: Random) -> None:
    """A text or number that is almost the same; a list or mapping, wrapped or unwrapped."""
    value = container[where]
    if isinstance(value, bool) or value is None:
        container[where] = not value
    elif isinstance(value, str):
        cut = chance.randrange(len(value) + 1)
        container[where] = (
            value[:cut] + chance.choice(("", "*", "(", "\x00", "é", "0", " ", ".")) + value[cut + chance.randrange(2) :]
        )
    elif isinstance(value, int | float):
        container[where] = chance.choice((value + 1, -value, value * 1_000_003, value / 3, str(value), value + 0.5, [value]))
    elif isinstance(value, list):
        container[where] = chance.choice(
            (value * 2, value[::-1], {str(index): item for index, item in enumerate(value)}, value[:1])
        )
    else:
        container[where] = chance.choice((list(value.values()), [value], {"key": value}, {}))


def _swap(container: Any, where: Any, dialect: str, chance: Random) -> None:
    other = chance.choice(list(container) if isinstance(container, dict) else range(len(container)))
    container[where], container[other] = container[other], container[where]


Mutation = Callable[[Any, Any, str, Random], None]
_MUTATIONS: tuple[Mutation, ...] = (_replace, _replace, _like, _like, _graft, _remove, _rename, _add, _bend, _bend, _swap)
