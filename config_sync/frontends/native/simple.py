"""Table items: flags that are on for a share of the users (MODEL-04, FLG), and experiments (MODEL-03, ASG-02, HASH-05).

Without payloads a flag is a boolean whose variant is a label; "off" has no label, and so its variant is reported as None.
Used by the native front end only.
"""

from fractions import Fraction
from json import dumps
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.native import models
from config_sync.frontends.native.buckets import EVERYBODY, NOBODY, Chance, Hashing, rollout, split, traffic
from config_sync.frontends.native.gates import Gatekeeper
from config_sync.frontends.native.items import (
    SUM_TOLERANCE_PERCENT,
    Built,
    Entry,
    Workshop,
    finished,
    hashing_of,
    metadata_of,
    stopped,
    tombstone,
)
from config_sync.frontends.native.reading import Notes, percentage, read, share_of_one
from config_sync.frontends.native.targeting import TargetingReader, decide
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

ON, OFF = ir.UNNAMED_ON, ir.UNNAMED_OFF


class Weighted(NamedTuple):
    """The variants of an item with their allocations, as fractions of 1."""

    items: list[models.SimpleVariant]
    shares: list[tuple[str, Fraction]]

    @property
    def have_payloads(self) -> bool:
        return any(item.payload is not None for item in self.items)

    @property
    def names(self) -> list[str]:
        return [item.key for item in self.items]

    def variants(self, plain: Any) -> tuple[ir.Variant, ...]:
        """Each with its payload; without any payload at all, with what ``plain`` gives for its key."""
        payloads = self.have_payloads
        return tuple(ir.Variant(item.key, item.payload if payloads else plain(item.key)) for item in self.items)


def weighted(data: list[Any] | None, origin: Origin, notes: Notes) -> Weighted:
    """Variants with unique keys whose allocations sum to 1 within a hundredth (MODEL-02, MODEL-05)."""
    items: dict[str, models.SimpleVariant] = {}
    shares: list[tuple[str, Fraction]] = []
    for index, part in enumerate(data or []):
        place = origin.child(index)
        item = read(models.SimpleVariant, part, place, notes)
        if item is None:
            continue
        share = share_of_one(item.allocation, "allocation", place.child("allocation"), notes)
        if not item.key or item.key in items:
            notes.error("DUPLICATE-VARIANT", f"the variant {item.key!r} is empty or there already", place.child("key"))
            continue
        items[item.key] = item
        shares.append((item.key, Fraction(0) if share is None else share))
    total = sum((share for _, share in shares), Fraction(0))
    if shares and notes.first_error is None and abs(total - 1) * 100 > SUM_TOLERANCE_PERCENT:
        message = f"the allocations sum to {float(total):g}, and must sum to 1.0"
        notes.error("ALLOCATION-SUM", message, origin, "within 0.01; the last variant takes what is left")
    return Weighted(list(items.values()), shares)


# --- flags ------------------------------------------------------------------------------------------------------------


class _Faces(NamedTuple):
    """What a simple flag answers: its variants, on, off, and the name of what it is when on for everyone."""

    variants: tuple[ir.Variant, ...]
    on: ir.Outcome
    off: ir.Outcome
    on_name: str


def _faces(item: models.SimpleFlag, choice: Weighted, hashing: Hashing) -> _Faces:
    label = item.default_variant or ON
    if not choice.items:
        return _Faces((ir.Variant(label, True), ir.Variant(OFF, False)), ir.Constant(label), ir.Constant(OFF), label)
    on = split(hashing.salted("_variant"), choice.shares)
    if choice.have_payloads:
        return _Faces(choice.variants(None), on, ir.NoAnswer(), choice.names[0])
    return _Faces((*choice.variants(lambda key: True), ir.Variant(OFF, False)), on, ir.Constant(OFF), choice.names[0])


def simple_flag(entry: Entry, shop: Workshop) -> Built:
    """A flag item of the platform's table."""
    notes = Notes(shop.diagnostics)
    item = read(models.SimpleFlag, entry.data, entry.origin, notes) or models.SimpleFlag()
    hashing = hashing_of(item, entry.key)
    choice = weighted(item.variants, entry.origin.child("variants"), notes)
    faces = _faces(item, choice, hashing)
    chance = _rollout(item, hashing, entry.origin, notes)
    return _build(
        entry,
        item,
        _Parts(hashing, choice, faces, chance, codes.REASON_NOT_IN_ROLLOUT, bool(item.enabled), "flag"),
        shop,
        notes,
    )


def _rollout(item: models.SimpleFlag, hashing: Hashing, origin: Origin, notes: Notes) -> Chance:
    if item.rollout_percentage is None:
        return NOBODY
    place = origin.child("rollout_percentage")
    percent = percentage(item.rollout_percentage, "rollout_percentage", place, notes)
    return NOBODY if percent is None else rollout(hashing, percent)


# --- experiments ------------------------------------------------------------------------------------------------------


def experiment(entry: Entry, shop: Workshop) -> Built:
    """An experiment item: only an active one assigns; those it excludes get no answer."""
    notes = Notes(shop.diagnostics)
    item = read(models.Experiment, entry.data, entry.origin, notes) or models.Experiment()
    hashing = hashing_of(item, entry.key)
    origin = entry.origin.child("variants")
    if len(item.variants or []) < 2:
        notes.error("TOO-FEW-VARIANTS", "an experiment needs at least two variants", origin if item.variants else entry.origin)
    choice = weighted(item.variants, origin, notes)
    on: ir.Outcome = split(hashing.salted("_variant"), choice.shares) if choice.shares else ir.NoAnswer()
    faces = _Faces(choice.variants(lambda key: key), on, ir.NoAnswer(), "")
    chance = _traffic(item, hashing, entry.origin, notes)
    parts = _Parts(hashing, choice, faces, chance, codes.REASON_NOT_IN_TRAFFIC, item.status == "active", "experiment")
    return _build(entry, item, parts, shop, notes)


def _traffic(item: models.Experiment, hashing: Hashing, origin: Origin, notes: Notes) -> Chance:
    if item.traffic_allocation is None:
        return EVERYBODY
    place = origin.child("traffic_allocation")
    share = share_of_one(item.traffic_allocation, "traffic_allocation", place, notes)
    return NOBODY if share is None else traffic(hashing.salted("_traffic"), share)


# --- both -------------------------------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    hashing: Hashing
    choice: Weighted
    faces: _Faces
    chance: Chance
    unlucky: int
    runs: bool
    kind: str


def _build(entry: Entry, item: models.SimpleFlag | models.Experiment, parts: _Parts, shop: Workshop, notes: Notes) -> Built:
    faces, origin = parts.faces, entry.origin

    def named(wanted: str | bool) -> str | None:
        if isinstance(wanted, str):
            return wanted if wanted in {variant.name for variant in faces.variants} - {OFF} else None
        if parts.kind == "flag" and not parts.choice.items:
            return faces.on_name if wanted else OFF
        return OFF if wanted is False and OFF in {variant.name for variant in faces.variants} else None

    keeper = Gatekeeper(item, origin, notes, shop.around, off=faces.off, named=named)
    gates = keeper.rules(parts.hashing.source)
    reader = TargetingReader(shop.reader(notes, parts.hashing), notes, parts.hashing)
    targets = reader.targets(item.targeting_rules, origin.child("targeting_rules"))
    identity = item.flag_id if isinstance(item, models.SimpleFlag) else item.experiment_id
    metadata = metadata_of(item, parts.kind, identity)
    if isinstance(item, models.Experiment) and metadata is not None:
        metadata |= {"status": item.status, "allocation": _allocation(parts.choice)}
    if notes.first_error is not None:
        return Built(tombstone(entry, faces.variants, faces.off, metadata, notes))
    if not parts.runs:
        return Built(stopped(entry, faces.variants, faces.off, metadata))
    decision = decide(targets, parts.chance, faces.on, faces.off, parts.unlucky)
    return Built(finished(entry, faces.variants, gates, decision, metadata), keeper.place, origin.child("layer"))


def _allocation(choice: Weighted) -> str:
    """The variants' weights as JSON, for those who compare them: a flag's metadata are flat."""
    return dumps({name: float(share) for name, share in choice.shares}, separators=(",", ":"))


def variants_on(data: dict[str, Any]) -> tuple[str, ...]:
    """The variants of a table item that mean "on", without reading the rest of it."""
    variants = data.get("variants")
    if not variants:
        return (data.get("default_variant") or ON,)
    return tuple(item["key"] for item in variants if isinstance(item, dict) and isinstance(item.get("key"), str))
