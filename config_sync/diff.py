"""What changes from one snapshot to the next: which flags and which parts of them, and for which users.

``compare`` looks at the snapshots alone. ``impact`` asks both about real contexts and counts who gets another variant. Used by
the command line and by the publisher.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from config_sync.contents import PARTS, flag_contents
from evaluator import Evaluator
from evaluator.snapshot.codec import Decoded

NO_FLAG = "(no flag)"
NO_VARIANT = "(no variant)"


class Changes(msgspec.Struct, frozen=True):
    """Keys of flags by what happened to them; ``changed`` says which parts (``contents.PARTS``)."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class Move(msgspec.Struct, frozen=True):
    """How many contexts went from one answer to another. An answer is a variant's name; for a variant without a name its value
    as JSON; else a word in round brackets."""

    before: str
    after: str
    count: int


class FlagImpact(msgspec.Struct, frozen=True):
    """One flag's moves, most frequent first. ``moved``: contexts with another variant; ``revalued``: same one, new value."""

    key: str
    moves: tuple[Move, ...]
    moved: int
    revalued: int


class Impact(msgspec.Struct, frozen=True):
    """``contexts``: how many were asked; ``affected``: how many of them get anything else; ``flags``: only those that move."""

    contexts: int
    affected: int
    flags: tuple[FlagImpact, ...]


def compare(old: bytes, new: bytes) -> Changes:
    """The flags that differ between two snapshots. Raises ``evaluator.SnapshotError``."""
    before, after = _contents(old), _contents(new)
    changed = {}
    for key in sorted(before.keys() & after.keys()):
        parts = tuple(part for part in PARTS if before[key][part] != after[key][part])
        if parts:
            changed[key] = parts
    return Changes(tuple(sorted(after.keys() - before.keys())), tuple(sorted(before.keys() - after.keys())), changed)


def _contents(snapshot: bytes) -> dict[str, dict[str, Any]]:
    Evaluator(snapshot)  # checks every reference that is followed below
    program = Decoded(snapshot)
    return {key: flag_contents(program, row) for row, key in enumerate(program.flag_keys)}


def impact(old: bytes, new: bytes, contexts: Iterable[Mapping[str, Any]], now: int | float | None = None) -> Impact:
    """Asks both snapshots about every context, at one instant (``now``, epoch milliseconds; the wall clock if left out).

    Raises ``evaluator.SnapshotError``.
    """
    before, after = Evaluator(old), Evaluator(new)
    instant = time.time_ns() // 1_000_000 if now is None else now
    moves: dict[str, Counter[tuple[str, str]]] = {}
    revalued: Counter[str] = Counter()
    asked = affected = 0
    for context in contexts:
        asked += 1
        left, right = before.evaluate_all(context, None, instant), after.evaluate_all(context, None, instant)
        differing = [key for key in left.keys() | right.keys() if not _same(left.get(key), right.get(key))]
        for key in differing:
            answers = _answer(left.get(key)), _answer(right.get(key))
            if answers[0] == answers[1]:
                revalued[key] += 1
            else:
                moves.setdefault(key, Counter())[answers] += 1
        affected += bool(differing)
    keys = sorted(moves.keys() | revalued.keys())
    return Impact(asked, affected, tuple(_flag_impact(key, moves.get(key, Counter()), revalued[key]) for key in keys))


def _same(left: Any, right: Any) -> bool:
    """Whether a user notices nothing. 1 and true are different values."""
    if left is None or right is None:
        return False
    return _answer(left) == _answer(right) and type(left.value) is type(right.value) and left.value == right.value


def _answer(evaluation: Any) -> str:
    if evaluation is None:
        return NO_FLAG
    if evaluation.variant is not None:
        return str(evaluation.variant)
    if evaluation.value is not None:
        return json.dumps(evaluation.value, ensure_ascii=False, sort_keys=True)
    return NO_VARIANT if evaluation.error_code is None else f"({evaluation.error_code})"


def _flag_impact(key: str, moves: Counter[tuple[str, str]], revalued: int) -> FlagImpact:
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return FlagImpact(key, tuple(Move(*answers, count) for answers, count in ordered), moves.total(), revalued)


# --- as text ----------------------------------------------------------------------------------------------------------


def changes_text(changes: Changes) -> str:
    """One line per flag: ``+`` added, ``-`` removed, ``~`` changed, with the parts that did."""
    lines = [(key, f"+ {key}") for key in changes.added]
    lines += [(key, f"- {key}") for key in changes.removed]
    lines += [(key, f"~ {key}: {', '.join(parts)}") for key, parts in changes.changed.items()]
    return "\n".join(line for _, line in sorted(lines)) if lines else "no flag changes"


def impact_text(found: Impact) -> str:
    """For each flag that moves, how many contexts go where."""
    if not found.flags:
        return f"none of {found.contexts:,} contexts gets another answer"
    lines = [f"{found.affected:,} of {found.contexts:,} contexts get another answer"]
    for flag in found.flags:
        revalued = f", {flag.revalued:,} only value" if flag.revalued else ""
        lines.append(f"{flag.key}: {flag.moved:,} change variant{revalued}")
        lines += [f"  {move.count:,}: {move.before} -> {move.after}" for move in flag.moves]
    return "\n".join(lines)
