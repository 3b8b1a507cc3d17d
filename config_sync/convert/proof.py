"""That nobody moves: two snapshots, first as bytes, then asked about users. For ``burgee convert``."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from config_sync.diff import Impact, impact, impact_text
from evaluator.snapshot.codec import decode_body


class Proof(msgspec.Struct, frozen=True):
    """``identical``: all that decides is byte for byte the same, so nobody can move; ``impact``: what some users were told."""

    identical: bool
    impact: Impact

    @property
    def holds(self) -> bool:
        return not self.impact.flags

    def text(self) -> str:
        """Both findings in a line or two; who moves, if anybody does."""
        if self.identical:
            same = "the compiled flags are byte for byte those of the original"
        else:
            same = "the compiled flags are laid out otherwise than those of the original"
        return f"{same}\n{impact_text(self.impact)}"


def prove(old: bytes, new: bytes, users: Iterable[Mapping[str, Any]], now: int | float | None = None) -> Proof:
    """Compares the snapshots, and their answers to these users."""
    return Proof(decides_alike(old, new), impact(old, new, users, now))


def decides_alike(old: bytes, new: bytes) -> bool:
    """Whether the snapshots are the same but for what they say about themselves: the dialect they were written in."""
    return _deciding(old) == _deciding(new)


def _deciding(snapshot: bytes) -> tuple[bytes, ...]:
    """Everything in a snapshot but the dialect's name (and padding); encoded, since 1, 1.0 and true are equal in Python."""
    body = decode_body(snapshot)
    meta = {name: value for name, value in body.meta.items() if name != "dialect"}
    names = [name for name in body.__struct_fields__ if name not in ("meta", "padding")]
    return tuple(msgspec.msgpack.encode(part) for part in (meta, *(getattr(body, name) for name in names)))
