"""Evaluation contexts, flag keys and clocks for the parity tests: mostly sensible, some hostile."""

from random import Random
from types import MappingProxyType
from typing import Any

from tests.parity import values

NAMES = ("targetingKey", "a", "b", "c", "d", "user", "list", "spare")
CLOCKS = (1_706_000_000_000, 1_709_208_000_000.5, 0, -1, 4_102_444_800_000, 1_700_000_000_000)
ODD_CLOCKS: tuple[Any, ...] = (True, float("nan"), float("inf"), 10**30, "1706000000000", 2**62 / 1000, -(10**16), [])


def _nested(chance: Random) -> Any:
    """What paths lead into."""
    inner = {"name": values.context_value(chance), "list": [values.context_value(chance) for _ in range(2)], "": 1}
    return chance.choice((inner, [inner, values.context_value(chance)], {"name": inner}, MappingProxyType(inner)))


def _entries(chance: Random) -> dict[Any, Any]:
    entries: dict[Any, Any] = {}
    if chance.randrange(10):
        entries["targetingKey"] = chance.choice(values.TEXTS) if chance.randrange(8) else values.context_value(chance)
    for name in NAMES[1:]:
        kind = chance.randrange(4)
        if kind:
            entries[name] = _nested(chance) if name in ("user", "list") else values.context_value(chance)
    if not chance.randrange(12):
        entries[chance.choice((1, None, "\ud800", ("a",), values.Text("a")))] = "US"
    if not chance.randrange(20):
        name = chance.choice(NAMES)
        entries.pop(name, None)  # a dict can't hold both: building it would compare them
        entries[values.HostileKey(name)] = "US"
    if not chance.randrange(12):
        entries["$flagd"] = {"timestamp": 5, "flagKey": "mine"}
    return entries


def context(chance: Random) -> Any:
    """A context, now and then something that is none."""
    kind = chance.randrange(40)
    if kind < 34:
        return _entries(chance)
    if kind < 38:
        entries = {name: value for name, value in _entries(chance).items() if isinstance(name, str)}
        return chance.choice((MappingProxyType, values.Mapped, values.Awkward, values.Broken))(entries)
    return chance.choice((None, {}, [], "text", 5, values.Hostile(), [("a", 1)]))


def clock(chance: Random) -> Any:
    """Epoch milliseconds; never None, because the wall clock would differ between the two cores."""
    return chance.choice(CLOCKS) if chance.randrange(12) else chance.choice(ODD_CLOCKS)


def key(chance: Random, keys: list[str]) -> Any:
    """A key of the project, rarely another or none at all."""
    return (
        chance.choice(keys)
        if chance.randrange(25)
        else chance.choice(("absent", "", "\ud800", 5, None, values.Text(keys[0]), b"x"))
    )
