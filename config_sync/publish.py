"""The gate before a snapshot is published: a pure decision over the published one and the new one. For ``config_sync.release``.

It stops what is more likely an accident than a wish: half a table read, a translator gone wrong, a list emptied. It never
stops a kill switch: an answer that becomes DISABLED isn't counted. The limits and their reasons are in docs/store.md.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from config_sync.verify import sample_contexts
from evaluator import Evaluator
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded

PUBLISH = "publish"
UNCHANGED = "unchanged"
REFUSE = "refuse"
_NAMED = 5  # flags that a reason names


class Limits(msgspec.Struct, frozen=True):
    """What one publish may do without being forced. Shares are between 0 and 1.

    ``max_dropped``: live flags gone; ``max_shrink``: share of the flags, or of the bytes, gone, unless no more than
    ``spare_removed`` flags or ``spare_bytes`` bytes are; ``max_moved``: share of the sampled answers that are others now,
    unless they are those of no more than ``spare_flags`` flags. ``samples``: contexts to ask about, fewer where that would make
    more than ``max_answers`` answers.
    """

    max_dropped: int = 0
    max_shrink: float = 0.5
    max_moved: float = 0.5
    spare_flags: int = 3
    spare_removed: int = 3
    spare_bytes: int = 64 * 1024
    samples: int = 1_000
    max_answers: int = 100_000


DEFAULT_LIMITS = Limits()


class Decision(msgspec.Struct, frozen=True):
    """``action``: "publish", "unchanged" or "refuse", and if that, why: ``reasons``. The rest are the figures it was taken by.

    ``dropped``: keys of live flags that are gone; ``shrink``: the larger of the shares of flags and of bytes gone; ``moved``:
    share of ``answers`` sampled that are others now, ``moved_flags``: whose, most moved first.
    """

    action: str
    reasons: tuple[str, ...] = ()
    flags: int = 0
    tombstones: int = 0
    added: int = 0
    removed: int = 0
    dropped: tuple[str, ...] = ()
    shrink: float = 0.0
    moved: float = 0.0
    moved_flags: tuple[str, ...] = ()
    answers: int = 0


def decide(
    current: bytes | None,
    candidate: bytes,
    limits: Limits = DEFAULT_LIMITS,
    contexts: Iterable[Mapping[str, Any]] | None = None,
    now: int | None = None,
) -> Decision:
    """Whether ``candidate`` may take the place of ``current`` (None: nothing is published yet).

    ``contexts``: users to ask about; left out, they are made from what both snapshots compare with. ``now``: the instant they
    are asked about, epoch ms; the wall clock if left out. Raises ``evaluator.SnapshotError``.
    """
    after = Evaluator(candidate)  # checks what is read below
    new = _states(candidate)
    tombstones = sum(state == _TOMBSTONE for state in new.values())
    if current is None or current == candidate:
        return Decision(PUBLISH if current is None else UNCHANGED, flags=len(new), tombstones=tombstones)
    before, old = Evaluator(current), _states(current)
    shared = [key for key, state in old.items() if key in new and state != _TOMBSTONE]
    asked = _contexts(current, candidate, len(shared), limits) if contexts is None else contexts
    instant = time.time_ns() // 1_000_000 if now is None else now
    moves, answers = _moves(before, after, shared, asked, instant)
    decision = Decision(
        PUBLISH,
        flags=len(new),
        tombstones=tombstones,
        added=len(new.keys() - old.keys()),
        removed=len(old.keys() - new.keys()),
        dropped=tuple(key for key, state in old.items() if state == _LIVE and key not in new),
        shrink=max(_gone(len(old), len(new)), _gone(len(current), len(candidate))),
        moved=moves.total() / answers if answers else 0.0,
        moved_flags=tuple(key for key, _ in moves.most_common()),
        answers=answers,
    )
    reasons = _reasons(decision, limits, (len(old), len(new)), (len(current), len(candidate)))
    return msgspec.structs.replace(decision, action=REFUSE, reasons=reasons) if reasons else decision


def _gone(before: int, after: int) -> float:
    return max(0.0, 1 - after / before) if before else 0.0


# --- what the figures mean --------------------------------------------------------------------------------------------


def _reasons(decision: Decision, limits: Limits, flags: tuple[int, int], sizes: tuple[int, int]) -> tuple[str, ...]:
    reasons = []
    if len(decision.dropped) > limits.max_dropped:
        reasons.append(f"{_number(len(decision.dropped), 'live flag')} would be gone: {_some(decision.dropped)}")
    if flags[0] - flags[1] > limits.spare_removed and _gone(*flags) > limits.max_shrink:
        reasons.append(
            f"{_gone(*flags):.0%} of the flags would be gone ({flags[0]} to {flags[1]}; limit {limits.max_shrink:.0%})"
        )
    if sizes[0] - sizes[1] > limits.spare_bytes and _gone(*sizes) > limits.max_shrink:
        told = f"the snapshot would lose {_gone(*sizes):.0%} of its bytes"
        reasons.append(f"{told} ({sizes[0]} to {sizes[1]}; limit {limits.max_shrink:.0%})")
    if len(decision.moved_flags) > limits.spare_flags and decision.moved > limits.max_moved:
        told = f"{decision.moved:.0%} of {decision.answers} sampled answers would be others (limit {limits.max_moved:.0%})"
        reasons.append(f"{told}, in {_number(len(decision.moved_flags), 'flag')}: {_some(decision.moved_flags)}")
    return tuple(reasons)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _some(keys: tuple[str, ...]) -> str:
    more = len(keys) - _NAMED
    return ", ".join(keys[:_NAMED]) + (f" and {more} more" if more > 0 else "")


# --- what the flags are -----------------------------------------------------------------------------------------------

_LIVE, _OFF, _TOMBSTONE = range(3)


def _states(snapshot: bytes) -> dict[str, int]:
    program = Decoded(snapshot)
    return {key: _state(row) for key, row in zip(program.flag_keys, program.flags, strict=True)}


def _state(row: Any) -> int:
    if row.state == codes.STATE_TOMBSTONE:
        return _TOMBSTONE
    return _OFF if row.rule_count == 0 and row.default_reason == codes.REASON_DISABLED else _LIVE


# --- who gets another answer ------------------------------------------------------------------------------------------


def _contexts(current: bytes, candidate: bytes, flags: int, limits: Limits) -> list[dict[str, Any]]:
    """Half of them after each snapshot: what only the old one compares with shows what is lost."""
    count = max(2, min(limits.samples, limits.max_answers // max(flags, 1)))
    return sample_contexts(current, count // 2, seed=1) + sample_contexts(candidate, count - count // 2, seed=2)


def _moves(
    before: Evaluator, after: Evaluator, keys: list[str], contexts: Iterable[Mapping[str, Any]], now: int
) -> tuple[Counter[str], int]:
    """How many contexts get another answer, by flag; and how many answers there were in all."""
    moves: Counter[str] = Counter()
    answers = 0
    for context in contexts:
        left, right = before.evaluate_all(context, keys, now), after.evaluate_all(context, keys, now)
        moves.update(key for key in keys if _is_other(left[key], right[key]))
        answers += len(keys)
    return moves, answers


def _is_other(left: Any, right: Any) -> bool:
    """Another variant, or another value. Whoever had an error had no answer to lose; what is switched off is meant."""
    if left.variant == right.variant and left.value == right.value and type(left.value) is type(right.value):
        return False
    return left.error_code is None and right.reason != "DISABLED"
