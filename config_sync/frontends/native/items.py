"""What full flags, simple flags and experiments have in common: their surroundings, their hashing, their last steps.

Used by the native front end only.
"""

from typing import Any, NamedTuple

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.native import models
from config_sync.frontends.native.buckets import Hashing, attribute
from config_sync.frontends.native.conditions import Reader
from config_sync.frontends.native.gates import Ranges, Surroundings
from config_sync.frontends.native.question import Scope
from config_sync.frontends.native.reading import Notes
from config_sync.frontends.native.targeting import Decision
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

DEFAULT_HASH_VERSION = 2
SUM_TOLERANCE_PERCENT = 1  # of allocations (MODEL-03, MODEL-05): 0.99 to 1.01


class Workshop(NamedTuple):
    """Everything that building one item needs of the project."""

    diagnostics: Diagnostics
    around: Surroundings
    segments: set[str]
    broken_segments: set[str]

    def reader(self, notes: Notes, hashing: Hashing) -> Reader:
        return Reader(notes, self.segments, self.broken_segments, Scope(hashing.salted("_bucket")), self.around.named)


class Entry(NamedTuple):
    """One item of a section: its key, its data, where it is written."""

    key: str
    data: Any
    origin: Origin


class Built(NamedTuple):
    """A flag, and its place in a layer while it runs."""

    flag: ir.Flag
    place: tuple[str, Ranges] | None = None
    layer_origin: Origin = ir.NOWHERE


def hash_version(value: int | str | None) -> int:
    return DEFAULT_HASH_VERSION if value is None else int(value)


def hashing_of(item: models.Shared, key: str) -> Hashing:
    """The item's own hashing: its salt, or its key (HASH-05), of its bucketing attribute."""
    source = ir.TARGETING_KEY if item.bucket_by is None else attribute(item.bucket_by)
    return Hashing(hash_version(item.hash_version), source, item.salt or key)


def metadata_of(item: models.Shared, kind: str, identity: str | int | None) -> dict[str, bool | int | float | str] | None:
    """The metadata as written, and what the platform's endpoints need: the item's own id, and an experiment's kind and end."""
    metadata: dict[str, bool | int | float | str] = dict(item.metadata or {})
    if identity is not None:
        metadata[f"{kind}_id"] = identity
    if kind == "experiment":
        metadata["kind"] = kind
        inner = item.schedule.get("end") if isinstance(item.schedule, dict) else None
        end = item.end if inner is None else inner
        if isinstance(end, (str, int, float)):  # as written: stored assignments outlive it
            metadata.setdefault("ends_at", end)
    if isinstance(item.version, (str, int, float)):
        metadata.setdefault("version", item.version)
    return metadata or None


def finished(
    entry: Entry, variants: tuple[ir.Variant, ...], gates: list[ir.Rule], decision: Decision, metadata: Any
) -> ir.Flag:
    """Gates before the item's own rules. An answer for everyone isn't static once there are gates that asked something."""
    reason = decision.reason
    if reason == codes.REASON_STATIC and gates:
        reason = codes.REASON_TARGETING_MATCH
    return ir.Flag(
        entry.key,
        variants,
        tuple(gates + decision.rules),
        decision.default,
        reason,
        metadata,
        origin=entry.origin,
    )


def tombstone(entry: Entry, variants: tuple[ir.Variant, ...], default: ir.Outcome, metadata: Any, notes: Notes) -> ir.Flag:
    """A flag with errors: only its default is kept."""
    error = notes.first_error or "the flag has errors"
    return ir.Flag(entry.key, variants, default=default, metadata=metadata, error=error, origin=entry.origin)


def stopped(entry: Entry, variants: tuple[ir.Variant, ...], off: ir.Outcome, metadata: Any) -> ir.Flag:
    """A flag that is switched off: nothing is asked."""
    return ir.Flag(entry.key, variants, (), off, codes.REASON_DISABLED, metadata, origin=entry.origin)
