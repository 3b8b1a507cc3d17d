"""From ``fractional`` with constant variants and weights to a split in integers. Used by the flagd front end only."""

from collections.abc import Set

from config_sync import ir
from config_sync.frontends.flagd.conditions import attribute_of
from config_sync.frontends.flagd.constants import Weighted, percentage, text_of, weights_of
from config_sync.frontends.flagd.operators import is_list_node
from config_sync.ir import Attribute, Bucketing, Expression, Range
from config_sync.limits import MAX_RANGES, MAX_SALT_BYTES
from evaluator.snapshot import opcodes as codes

_TARGETING_KEY = Attribute("targetingKey", empty_is_missing=True)
_LARGEST_MAGNITUDE = 2**31  # of a signed hash


def split_of(node: Expression, key: str, names: Set[str]) -> ir.Split | None:
    """The split that gives everyone what the ``fractional`` gives; None if it needs an expression.

    With ``on_missing`` ON_NEXT_RULE, it answers for the usual units only, and the expression must follow for all others.
    """
    children = node.children
    if not children:
        return None
    pairs = children if is_list_node(children[0]) else children[1:]
    if any(pair.op != codes.NODE_CONSTANT for pair in pairs):
        return None
    weighted = weights_of([pair.value for pair in pairs])
    if weighted is None or any(text_of(variant) not in names for variant, _ in weighted):
        return None
    unit, total = _unit(node.op, children[0], key), sum(weight for _, weight in weighted)
    ranges = _signed_ranges(weighted, total) if node.op == codes.NODE_FRACTIONAL_SIGNED else _ranges(weighted)
    if unit is None or len(ranges) > MAX_RANGES:
        return None
    bucketing, on_missing = unit
    if node.op == codes.NODE_FRACTIONAL_SIGNED:
        bucketing = _in_space(bucketing, codes.SPACE_ABSOLUTE, 0)
    else:
        bucketing = _in_space(bucketing, codes.SPACE_MULTIPLY, total)
    return ir.Split(bucketing, ranges, on_missing=on_missing, past_end=codes.ON_DEFAULT)


def _unit(fractional: int, first: Expression, key: str) -> tuple[Bucketing, int] | None:
    """What is hashed, and what happens without it."""
    cbor = fractional == codes.NODE_FRACTIONAL_CBOR
    if is_list_node(first):
        shorthand = Bucketing(unit=codes.UNIT_STRING, source=_TARGETING_KEY, prefix=key)
        return None if cbor else (shorthand, codes.ON_DEFAULT)
    attribute = attribute_of(first)
    if attribute is not None and cbor:
        return Bucketing(unit=codes.UNIT_CBOR, source=attribute), codes.ON_DEFAULT
    if attribute is not None:
        return Bucketing(unit=codes.UNIT_STRING, source=attribute), codes.ON_NEXT_RULE
    return None if cbor or first.op != codes.NODE_CONCATENATE else _salted(first, key)


def _salted(node: Expression, key: str) -> tuple[Bucketing, int] | None:
    """A ``cat`` of constants, the flag's key, and one attribute."""
    texts = [_constant_text(child, key) for child in node.children]
    if texts.count(None) != 1:
        return None
    place = texts.index(None)
    attribute = attribute_of(node.children[place])
    prefix, suffix = ("".join(text or "" for text in part) for part in (texts[:place], texts[place + 1 :]))
    if attribute is None or max(len(prefix.encode()), len(suffix.encode())) > MAX_SALT_BYTES:
        return None
    return Bucketing(unit=codes.UNIT_TEXT, source=attribute, prefix=prefix, suffix=suffix), codes.ON_NEXT_RULE


def _constant_text(node: Expression, key: str) -> str | None:
    """The text of a constant or of the flag's key; None if it depends on the context."""
    if node.op == codes.NODE_CONSTANT:
        return text_of(node.value) or ""
    path = node.children[0] if node.op == codes.NODE_VARIABLE and node.children else None
    return key if path is not None and path.op == codes.NODE_CONSTANT and path.value == "$flagd.flagKey" else None


def _in_space(bucketing: Bucketing, space: int, total: int) -> Bucketing:
    return Bucketing(
        hash=codes.HASH_MURMUR3_32,
        space=space,
        unit=bucketing.unit,
        source=bucketing.source,
        total=total,
        prefix=bucketing.prefix,
        suffix=bucketing.suffix,
    )


def _ranges(weighted: Weighted) -> tuple[Range, ...]:
    """Buckets 0 .. total-1, as many for each variant as its weight."""
    ranges, end = [], 0
    for variant, weight in weighted:
        end += weight
        if weight:
            ranges.append(Range(end - 1, text_of(variant)))
    return tuple(ranges)


def _signed_ranges(weighted: Weighted, total: int) -> tuple[Range, ...]:
    """v1: for each variant the largest magnitude that floating point still places below the end of its share."""
    ranges: list[Range] = []
    end = 0.0
    for variant, weight in weighted:
        end += 100.0 * weight / total
        last = _largest_below(end)
        if last > (ranges[-1].last if ranges else -1):
            ranges.append(Range(last, text_of(variant)))
    return tuple(ranges)


def _largest_below(end: float) -> int:
    """The largest magnitude whose percentage is below ``end``; -1 if there is none. Percentages never descend."""
    low, high = -1, _LARGEST_MAGNITUDE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if percentage(middle) < end else (low, middle - 1)
    return low
