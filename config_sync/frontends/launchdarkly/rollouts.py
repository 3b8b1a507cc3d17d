"""Rollouts and experiments: weights as exact ranges of a 60-bit hash. Used by the launchdarkly front end only.

A unit's bucket is the first 60 bits of a SHA-1 over 2^60, in double precision as in LaunchDarkly's SDKs for Python and
JavaScript (those in single precision differ within 10^-7 of a boundary). The comparison with a sum of weights is monotone in
the hash, so the largest hash below it says the same in integers.
"""

import msgspec

from config_sync import ir
from config_sync.frontends.launchdarkly.clauses import malformed_reference
from config_sync.frontends.launchdarkly.contexts import KEY, USER, attribute_of, parse_reference
from config_sync.frontends.launchdarkly.reading import Fields
from config_sync.ir import Bucketing, Range
from evaluator.snapshot import opcodes as codes

LAST_HASH = 2**60 - 1
_SCALE = float(0xFFFFFFFFFFFFFFF)
_WHOLE = 100_000.0


class Choice(msgspec.Struct, frozen=True):
    """Which variation: ``outcome`` and its reason. None: malformed. ``invalid``: buckets that fall on no variation."""

    outcome: ir.Outcome | None
    is_split: bool = False
    invalid: ir.Condition | None = None
    fails: bool = False  # malformed in a way that spoils whoever needs this flag, too


def read_choice(fields: Fields, key: str, salt: str, variations: int) -> Choice:
    """A fixed variation or a rollout; the former wins."""
    variation = fields.integer("variation")
    if variation is not None:
        return Choice(constant(variation, variations))
    rollout = fields.object("rollout", "a rollout")
    return Choice(None) if rollout is None else _rollout(rollout, key, salt, variations)


def constant(variation: int, variations: int) -> ir.Outcome | None:
    """The variation of this number; None if there is no such variation."""
    return ir.Constant(str(variation)) if 0 <= variation < variations else None


def _rollout(fields: Fields, key: str, salt: str, variations: int) -> Choice:
    parts = fields.objects("variations", "a weighted variation")
    weighted = [(part.needed("variation"), part.needed("weight")) for part in parts]
    kind = fields.text("contextKind")
    by = None if fields.text("kind") == "experiment" else fields.text("bucketBy")
    steps = parse_reference(by, kind) if by else KEY
    if not weighted:
        return Choice(None)
    if steps is None:
        malformed_reference(fields, "bucketBy", by)
        return Choice(None, fails=True)
    seed = fields.integer("seed")
    how = bucketing(f"{key}.{salt}." if seed is None else f"{seed}.", kind or USER, steps)
    return _choice(how, _ranges(weighted), variations)


def bucketing(prefix: str, kind: str, steps: tuple[str, ...]) -> Bucketing:
    """The hash of an attribute of a kind, after what separates this rollout from others."""
    source = attribute_of(kind, steps)
    return Bucketing(hash=codes.HASH_SHA1_60, space=codes.SPACE_FULL, unit=codes.UNIT_TEXT, source=source, prefix=prefix)


def _ranges(weighted: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(variation, its last hash), ascending; the last one takes what is left. Variations without a hash are left out."""
    found: list[tuple[int, int]] = []
    total, end = 0.0, -1
    for variation, weight in weighted:
        total += weight / _WHOLE
        last = last_below(total)
        if last > end:
            found.append((variation, last))
            end = last
    if end < LAST_HASH:
        found.append((weighted[-1][0], LAST_HASH))
    return found


def last_below(share: float) -> int:
    """The largest hash whose bucket is below the share; -1 if there is none."""
    low, high = -1, LAST_HASH
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle / _SCALE < share else (low, middle - 1)
    return low


def _choice(how: Bucketing, ranges: list[tuple[int, int]], variations: int) -> Choice:
    """Whoever has no bucket is in bucket 0."""
    first = constant(ranges[0][0], variations)
    if len({variation for variation, _ in ranges}) == 1:
        return Choice(first)
    known = [(str(variation) if 0 <= variation < variations else None, last) for variation, last in ranges]
    begins = [0, *(last + 1 for _, last in known)]
    bad = tuple((begin, last) for begin, (name, last) in zip(begins, known, strict=False) if name is None)
    fallback = next((name for name, _ in known if name is not None), None)
    if fallback is None:
        return Choice(None)
    targets = tuple(Range(last, name) for name, last in known)
    split = ir.Split(how, targets, on_missing=codes.ON_VARIANT, past_end=codes.ON_NEXT_RULE, fallback=fallback)
    invalid = ir.InBucket(how, bad, missing=ir.FALSE if first else ir.TRUE) if bad else None
    return Choice(split, is_split=True, invalid=invalid)
