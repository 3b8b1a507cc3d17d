"""Users for a comparison when nobody gave any: contexts over what the snapshots themselves look at. For ``burgee diff`` and
``burgee convert``.

What conditions compare with comes from ``config_sync.verify``. Here it is added what splits hash (each user has a value of its
own, so that every bucket gets its share) and what expressions read. The same seed gives the same users.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from config_sync.verify import sample_contexts
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded, decode_body

USERS = 1_000  # unless there are so many flags that the comparison would take long
_ANSWERS, _LEAST = 2_000_000, 50
_KEY = "targetingKey"


def sample_users(snapshots: list[bytes], count: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """``count`` users (None: as many as are quickly asked), each snapshot's questions in mind for its share of them."""
    if count is None:
        flags = max(len(decode_body(snapshot).flag_keys) for snapshot in snapshots)
        count = min(USERS, max(_LEAST, _ANSWERS // max(flags, 1)))
    users: list[dict[str, Any]] = []
    for number, snapshot in enumerate(snapshots, 1):
        share = count * number // len(snapshots) - len(users)
        users += _users_of(snapshot, share, seed + number)
    return users


def _users_of(snapshot: bytes, count: int, seed: int) -> Iterator[dict[str, Any]]:
    program, chance = Decoded(snapshot), random.Random(seed)
    units = sorted(_units(program))
    read = _read_by_expressions(program)
    for number, context in enumerate(sample_contexts(snapshot, count, seed)):
        if isinstance(context.get(_KEY), str) and chance.random() < 0.9:
            context[_KEY] = f"user-{seed}-{number}"
        for path, values in read.items():
            if chance.random() < 0.6:
                _put(context, path.split("."), chance.choice(values))
        for name in units:
            if name != _KEY and chance.random() < 0.7:
                context[name] = f"{name}-{seed}-{number}"
        yield context


def _units(program: Decoded) -> set[str]:
    """The attributes that splits hash, those that stand in for them among them."""
    found = set()
    for row in program.outcomes:
        index = row.attribute if row.kind == codes.OUTCOME_SPLIT else codes.NONE_16
        while index != codes.NONE_16:
            attribute = program.attributes[index]
            if attribute.path == codes.NONE:
                found.add(program.attribute_names[attribute.name])
            index = attribute.fallback
    return found


def _read_by_expressions(program: Decoded) -> dict[str, list[Any]]:
    """The paths that expressions read, each with the constants that stand beside it, and a few values of its own."""
    found: dict[str, list[Any]] = defaultdict(lambda: ["user@example.org", "", 5, True])
    for node in program.nodes:
        children = program.nodes[node.first_child : node.first_child + node.count]
        beside = [program.values[child.value] for child in children if child.op == codes.NODE_CONSTANT]
        for child in children:
            path = _path_of(program, child)
            if path and not path.startswith("$"):
                found[path] += [item for value in beside for item in (value if isinstance(value, list) else [value])]
    return dict(found)


def _path_of(program: Decoded, node: Any) -> str | None:
    if node.op != codes.NODE_VARIABLE or not node.count:
        return None
    first = program.nodes[node.first_child]
    value = program.values[first.value] if first.op == codes.NODE_CONSTANT else None
    return value if isinstance(value, str) else None


def _put(context: dict[str, Any], steps: list[str], value: Any) -> None:
    at = context
    for step in steps[:-1]:
        inner = at.get(step)
        if not isinstance(inner, dict):
            inner = at[step] = {}
        at = inner
    at[steps[-1]] = value
