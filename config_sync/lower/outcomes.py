"""Outcomes, splits and bucket tests as rows of ``outcomes`` and ``ranges``. Used by the lowering only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from config_sync import ir
from config_sync.lower.expressions import add_expression
from config_sync.lower.tables import Tables
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.layout import RANGE

VariantRows = Mapping[str, int]  # a flag's variant names and their rows

_REST = (0, 0, 0, 0, codes.NONE, 0, 0, 0, 0, 0)  # first_range … reserved, of an outcome without a split


class _Ends(NamedTuple):
    """What a split does without a unit and past its last range, and the variant row that ON_VARIANT means."""

    on_missing: int
    past_end: int
    fallback: int


def add_outcome(tables: Tables, outcome: ir.Outcome, variants: VariantRows) -> int:
    """The row of a rule's or a flag's outcome."""
    if isinstance(outcome, ir.Constant):
        return _plain(tables, codes.OUTCOME_CONSTANT, variants[outcome.variant])
    if isinstance(outcome, ir.NoAnswer):
        return _plain(tables, codes.OUTCOME_NO_ANSWER, codes.NONE)
    if isinstance(outcome, ir.Computed):
        node = add_expression(tables, outcome.expression)
        rest = (*_REST[:4], node, *_REST[5:])
        return tables.outcomes.append(codes.OUTCOME_EXPRESSION, 0, 0, 0, codes.NONE_16, 0, 0, codes.NONE, *rest)
    ranges = [(item.last, _target(item.variant, variants)) for item in outcome.ranges]
    fallback = codes.NONE if outcome.fallback is None else variants[outcome.fallback]
    return _split(tables, outcome.bucketing, ranges, _Ends(outcome.on_missing, outcome.past_end, fallback))


def add_bucket_test(tables: Tables, bucketing: ir.Bucketing, buckets: Iterable[tuple[int, int]]) -> int:
    """The outcome row that OP_BUCKET asks whether the bucket is one of these inclusive ranges; gaps say "next rule"."""
    ranges: list[tuple[int, int]] = []
    end = -1
    for first, last in merged(buckets):
        if first > end + 1:
            ranges.append((first - 1, codes.TARGET_NEXT_RULE))
        ranges.append((last, codes.TARGET_NO_ANSWER))
        end = last
    return _split(tables, bucketing, ranges, _Ends(codes.ON_NEXT_RULE, codes.ON_NEXT_RULE, codes.NONE))


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same buckets as ascending ranges that neither touch nor overlap; empty ones left out."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if last < max(first, 0):
            continue
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((max(first, 0), last))
    return result


def _plain(tables: Tables, kind: int, variant: int) -> int:
    return tables.outcomes.intern(kind, 0, 0, 0, codes.NONE_16, 0, 0, variant, *_REST)


def _target(variant: str | None, variants: VariantRows) -> int:
    if variant is None:
        return codes.TARGET_NO_ANSWER
    return codes.TARGET_NEXT_RULE if variant == ir.NEXT_RULE else variants[variant]


def _split(tables: Tables, how: ir.Bucketing, ranges: Sequence[tuple[int, int]], ends: _Ends) -> int:
    packed = b"".join(RANGE.packer.pack(last, target, 0) for last, target in ranges)
    first_range = tables.ranges.intern_run(packed)
    computed = isinstance(how.source, ir.Expression)
    attribute = codes.NONE_16 if isinstance(how.source, ir.Expression) else tables.attribute(how.source)
    node = add_expression(tables, how.source) if isinstance(how.source, ir.Expression) else codes.NONE
    prefix, prefix_length = tables.text_span(how.prefix)
    suffix, suffix_length = tables.text_span(how.suffix)
    head = (codes.OUTCOME_SPLIT, how.hash, how.space, how.unit, attribute, *ends)
    body = (first_range, len(ranges), how.seed, how.total, node, prefix, suffix, prefix_length, suffix_length, 0)
    add = tables.outcomes.append if computed else tables.outcomes.intern
    return add(*head, *body)
