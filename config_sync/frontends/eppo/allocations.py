"""Allocations as rules: who is in (dates, rules), then the splits in order. Used by the Eppo front end only.

A split's shards must all contain the subject. Splits in a row that differ only in the ranges of their last shard become one
split in the IR; the shards before it become bucket tests. Those are true without a unit, so that the split behind them is
asked, and says that the targeting key is missing.
"""

import re
from collections.abc import Collection, Iterable
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.eppo.conditions import read_rules
from config_sync.frontends.eppo.reading import Malformed, field, mappings, natural, short
from config_sync.instants import instant_in_text
from config_sync.ir import All, Condition, Origin, Range, Test
from config_sync.limits import MAX_RANGES
from evaluator.snapshot import opcodes as codes

_ZONED = re.compile(r".{10}[Tt ].*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})", re.S)

Buckets = tuple[tuple[int, int], ...]  # inclusive, none empty


class Shard(NamedTuple):
    """Some of the buckets that ``salt`` makes of subjects."""

    salt: str
    total: int
    buckets: Buckets

    @property
    def is_whole(self) -> bool:
        return self.buckets == ((0, self.total - 1),)


class Split(NamedTuple):
    """A variation for those in all the shards; shards that contain everybody are left out. ``bare``: none are written."""

    variation: str
    shards: tuple[Shard, ...]
    bare: bool
    origin: Origin


def read_allocation(
    data: dict[Any, Any], total: int | None, variants: Collection[str], origin: Origin
) -> tuple[list[ir.Rule], list[Split]]:
    """The rules, and the splits that name none of ``variants``. ``total``: the flag's ``totalShards``. Raises Malformed."""
    splits = [_split(split, total, here) for split, here in mappings(data, "splits", origin)]
    window, targeting = _window(data, origin), read_rules(data, origin)
    who = [*window, *([] if targeting is None else [targeting])]
    key = field(data, "key", str, origin, "") or None
    rules = []
    for split, tests, outcome in _outcomes(splits, variants):
        condition = All((*who, *tests)) if who or tests else None
        reason = codes.REASON_STATIC if split.bare else codes.REASON_SPLIT
        if isinstance(outcome, ir.NoAnswer):
            reason = codes.REASON_PARSE_ERROR
        elif targeting is not None:
            reason = codes.REASON_TARGETING_MATCH
        elif window and split.bare and len(splits) == 1:
            reason = codes.REASON_DEFAULT
        rules.append(ir.Rule(outcome, reason, condition, key, origin))
    return rules, [split for split in splits if split.variation not in variants]


# --- who --------------------------------------------------------------------------------------------------------------


def _window(data: dict[Any, Any], origin: Origin) -> list[Condition]:
    """From ``startAt`` to ``endAt``, both included."""
    ends = (("startAt", codes.CMP_GE), ("endAt", codes.CMP_LE))
    found = ((_instant(data, name, origin), compare, origin.child(name)) for name, compare in ends)
    return [Test("now", None, instant, compare, origin=here) for instant, compare, here in found if instant is not None]


def _instant(data: dict[Any, Any], name: str, origin: Origin) -> int | None:
    text = field(data, name, str, origin, None)
    instant = None if text is None or not _ZONED.fullmatch(text) else instant_in_text(text)
    if text is not None and instant is None:
        hint = "with date, time and zone, such as 2025-01-31T12:00:00Z"
        raise Malformed("BAD-INSTANT", f"{short(text)} is no instant", origin.child(name), hint)
    return instant


# --- splits and shards ------------------------------------------------------------------------------------------------


def _split(data: dict[Any, Any], total: int | None, origin: Origin) -> Split:
    variation = field(data, "variationKey", str, origin)
    shards = [_shard(shard, total, here) for shard, here in mappings(data, "shards", origin)]
    return Split(variation, tuple(shard for shard in shards if not shard.is_whole), not shards, origin)


def _shard(data: dict[Any, Any], total: int | None, origin: Origin) -> Shard:
    shards = natural(data, "totalShards", origin, total)
    if shards == 0:
        raise Malformed("OUT-OF-RANGE", "there are no shards to fall into", origin, "the usual 'totalShards' is 10000")
    ranges = mappings(data, "ranges", origin)
    if len(ranges) > MAX_RANGES // 2:
        raise Malformed("LIMIT-RANGES", f"a shard has {len(ranges)} ranges, more than {MAX_RANGES // 2}", origin)
    ends = ((natural(item, "start", here), min(natural(item, "end", here), shards)) for item, here in ranges)
    buckets = sorted((start, end - 1) for start, end in ends if start < end)
    return Shard(field(data, "salt", str, origin), shards, tuple(merged(buckets)))


def merged(buckets: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same buckets as ranges that neither touch nor overlap; ``buckets`` ascend."""
    result: list[tuple[int, int]] = []
    for first, last in buckets:
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def _outcomes(splits: list[Split], variants: Collection[str]) -> list[tuple[Split, list[Condition], ir.Outcome]]:
    """For each group of splits: its first, the tests of the shards they share, and what the last shards decide."""
    found: list[tuple[Split, list[Condition], ir.Outcome]] = []
    for alike, group in groupby(splits, key=_alike):
        members = list(group)
        if alike is None:  # no shards: everybody else is in the first of them
            name = members[0].variation
            return [*found, (members[0], [], ir.Constant(name) if name in variants else ir.NoAnswer())]
        shared = members[0].shards[:-1]
        tests: list[Condition] = [ir.InBucket(_bucketing(shard), shard.buckets, missing=ir.TRUE) for shard in shared]
        named = [(split.shards[-1].buckets, split.variation if split.variation in variants else None) for split in members]
        bucketing = _bucketing(members[0].shards[-1])
        outcome = ir.Split(bucketing, first_of(named), on_missing=codes.ON_ERROR, past_end=codes.ON_NEXT_RULE)
        found.append((members[0], tests, outcome))
    return found


def _alike(split: Split) -> tuple[tuple[Shard, ...], str, int] | None:
    """What splits have in common that can be one; None for those without shards."""
    return (split.shards[:-1], split.shards[-1].salt, split.shards[-1].total) if split.shards else None


def _bucketing(shard: Shard) -> ir.Bucketing:
    """MD5 of ``salt-subject``, its first 4 bytes as a big-endian number, modulo the number of shards."""
    return ir.Bucketing(codes.HASH_MD5_BE32, codes.SPACE_MODULO, total=shard.total, prefix=f"{shard.salt}-")


def first_of(named: list[tuple[Buckets, str | None]]) -> tuple[Range, ...]:
    """Ascending ranges that lead each bucket to the first variant that has it; NEXT_RULE where none has. No tail of these."""
    ranges: list[Range] = []
    cuts = sorted({cut for buckets, _ in named for first, last in buckets for cut in (first, last + 1)})
    starts = [0] * len(named)  # of each: the first of its buckets that may still be ahead
    for start, end in pairwise([0, *cuts] if cuts and cuts[0] else cuts):
        owner: str | None = ir.NEXT_RULE
        for number, (buckets, variant) in enumerate(named):
            while starts[number] < len(buckets) and buckets[starts[number]][1] < start:
                starts[number] += 1
            if starts[number] < len(buckets) and buckets[starts[number]][0] <= start:
                owner = variant
                break
        ranges.append(Range(end - 1, owner))
    return tuple(ranges)
