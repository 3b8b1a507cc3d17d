"""Salts, hash versions and shares: how units become buckets, for both hash versions. Used by the native front end only.

Version 1 is the platform's legacy: the first four bytes of MD5 of ``{unit}:{salt}``, little-endian (HASH-01). Version 2 hashes
the unit alone with MurmurHash3_x86_32, seeded with the salt's own hash (HASH-02), so nothing is joined at run time. All
thresholds are integers, worked out here from exact fractions.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import mmh3

from config_sync import ir
from evaluator.snapshot import opcodes as codes

SALT_SEED = 0x9747B28C
SPACE = 1 << 32
LEGACY_BUCKETS = 100  # of rollouts in version 1

NOBODY, EVERYBODY = "nobody", "everybody"
Chance = ir.InBucket | str  # NOBODY, EVERYBODY, or a test


class Hashing(NamedTuple):
    """Which hash, of which attribute, salted with what."""

    version: int
    source: ir.Attribute
    salt: str

    def salted(self, suffix: str) -> "Hashing":
        """The same unit under another salt: independent buckets (HASH-05, HASH-13)."""
        return self._replace(salt=self.salt + suffix)

    def full(self) -> ir.Bucketing:
        """The whole 32-bit space."""
        if self.version == 1:
            return ir.Bucketing(hash=codes.HASH_MD5_LE32, source=self.source, suffix=f":{self.salt}")
        return ir.Bucketing(source=self.source, seed=mmh3.hash(self.salt.encode(), SALT_SEED, False))


def attribute(name: str) -> ir.Attribute:
    """The exact entry first, then, for a name with dots, a walk; ``user_id`` stands in for the targeting key and vice versa."""
    if name == ir.TARGETING_KEY.name:
        return ir.TARGETING_KEY
    fallback = ir.TARGETING_KEY if name == "user_id" else None
    return ir.Attribute(name, tuple(name.split(".")) if "." in name else (), fallback)


def last_bucket(share: Fraction, space: int) -> int:
    """The last bucket b with b / space < share; -1 if there is none."""
    return min(ceil(share * space), space) - 1


def rollout(hashing: Hashing, percent: Fraction) -> Chance:
    """A percentage of units. Version 1 has 100 buckets (HASH-04), version 2 the whole space (HASH-15)."""
    if hashing.version == 1:
        legacy = ir.Bucketing(
            codes.HASH_MD5_LE32, codes.SPACE_MODULO, source=hashing.source, total=LEGACY_BUCKETS, suffix=f":{hashing.salt}"
        )
        return _chance(legacy, percent / 100, LEGACY_BUCKETS)
    return _chance(hashing.full(), percent / 100, SPACE)


def traffic(hashing: Hashing, share: Fraction) -> Chance:
    """A share of units in the whole space; version 1 compares with the double nearest to the share (HASH-06)."""
    return _chance(hashing.full(), _as_hashed(hashing, share), SPACE)


def rule_rollout(rule_id: str, hashing: Hashing, percent: Fraction) -> Chance:
    """A targeting rule's own rollout: RUL-05 for version 1, the flag's salt and the rule's id for version 2."""
    if hashing.version == 1:
        legacy = ir.Bucketing(
            codes.HASH_MD5_INTEGER, codes.SPACE_MODULO, source=hashing.source, total=LEGACY_BUCKETS, suffix=f":{rule_id}"
        )
        return _chance(legacy, percent / 100, LEGACY_BUCKETS)
    return rollout(hashing.salted(f"_rule_{rule_id}"), percent)


def _chance(bucketing: ir.Bucketing, share: Fraction, space: int) -> Chance:
    """0 % and 100 % ask for no unit and hash nothing (FLG-04)."""
    if share <= 0:
        return NOBODY
    if share >= 1:
        return EVERYBODY
    return ir.InBucket(bucketing, ((0, last_bucket(share, space)),))


def _as_hashed(hashing: Hashing, share: Fraction) -> Fraction:
    return Fraction(float(share)) if hashing.version == 1 else share


def split(hashing: Hashing, variants: Sequence[tuple[str, Fraction]]) -> ir.Outcome:
    """A variant by bucket, in the order given; shares of 1 in total. A single variant with a share needs no hash."""
    some = [(name, share) for name, share in variants if share > 0]
    if len(some) < 2:
        return ir.Constant((some or variants)[-1][0])
    ranges = _legacy_ranges(variants) if hashing.version == 1 else _ranges(some)
    return ir.Split(hashing.full(), tuple(ranges))


def _ranges(variants: Sequence[tuple[str, Fraction]]) -> list[ir.Range]:
    """Exact cumulative shares; the last variant takes what rounding in the configuration left over."""
    total, ranges = Fraction(0), []
    for name, share in variants[:-1]:
        total += share
        ranges.append(ir.Range(last_bucket(total, SPACE), name))
    return _closed(ranges, variants[-1][0])


def _legacy_ranges(variants: Sequence[tuple[str, Fraction]]) -> list[ir.Range]:
    """HASH-06: cumulative sums of doubles, as they were added then; the last variant is the fallback."""
    total, ranges = 0.0, []
    for name, share in variants[:-1]:
        total += float(share)
        ranges.append(ir.Range(last_bucket(Fraction(total), SPACE), name))
    return _closed(ranges, variants[-1][0])


def _closed(ranges: list[ir.Range], fallback: str) -> list[ir.Range]:
    """The ranges up to the end of the space, without empty ones."""
    closed: list[ir.Range] = []
    for item in [*ranges, ir.Range(SPACE - 1, fallback)]:
        if item.last > (closed[-1].last if closed else -1):
            closed.append(item)
    return closed
