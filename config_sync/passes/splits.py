"""Bucketing, ranges and expressions: codes that exist, numbers that fit. Used by the check pass."""

from itertools import pairwise

from config_sync import ir
from config_sync.limits import MAX_EXPRESSION_NODES, MAX_RANGES, MAX_SALT_BYTES
from config_sync.passes.operands import pattern_problem
from config_sync.passes.values import Problem, first_problem, is_unicode, value_problem
from evaluator.snapshot import opcodes as codes

_U32, _U64 = 1 << 32, 1 << 64
_WITH_TOTAL = (codes.SPACE_MODULO, codes.SPACE_MULTIPLY)
_SPACES = {  # of the hashes that aren't 32 bits wide
    codes.HASH_MD5_INTEGER: (codes.SPACE_MODULO,),
    codes.HASH_SHA1_28: (codes.SPACE_FULL, codes.SPACE_MODULO),
    codes.HASH_SHA1_60: (codes.SPACE_FULL, codes.SPACE_MODULO),
}


def bucketing_problem(how: ir.Bucketing) -> Problem | None:
    """A way to a bucket that the cores have."""
    known = 1 <= how.hash <= codes.HASH_LAST and 0 <= how.space <= codes.SPACE_LAST and 0 <= how.unit <= codes.UNIT_LAST
    if not known:
        return "INVALID-SPLIT", "the split uses a hash, a bucket space or a unit that doesn't exist"
    if how.space in _WITH_TOTAL and not 0 < how.total < _U32:
        return "INVALID-SPLIT", "a split over a total needs one between 1 and 4,294,967,295"
    if how.space not in _SPACES.get(how.hash, (how.space,)):
        return "INVALID-SPLIT", "a hash that isn't 32 bits wide can't be split in that bucket space"
    if how.unit == codes.UNIT_CBOR and how.hash in (codes.HASH_FNV1A_32, codes.HASH_FNV1A_32_DECIMAL):
        return "INVALID-SPLIT", "a hash of UTF-16 code units needs a unit that is text"
    if not 0 <= how.seed < _U32 or not 0 <= how.total < _U32:
        return "INVALID-SPLIT", "seed and total of a split are unsigned 32-bit numbers"
    return first_problem(map(_salt_problem, (how.prefix, how.suffix)))


def _salt_problem(salt: str) -> Problem | None:
    if not is_unicode(salt):
        return "INVALID-SPLIT", "the salt isn't Unicode text (it has a lone surrogate)"
    size = len(salt.encode())
    return ("LIMIT-SALT", f"the salt has {size} bytes, more than {MAX_SALT_BYTES}") if size > MAX_SALT_BYTES else None


def split_problem(split: ir.Split) -> Problem | None:
    """The ranges and ends of a split; variants are checked elsewhere."""
    if len(split.ranges) > MAX_RANGES:
        return "LIMIT-RANGES", f"a split has {len(split.ranges)} ranges, more than {MAX_RANGES}"
    lasts = [item.last for item in split.ranges]
    if any(last >= _U64 for last in lasts) or any(a > b for a, b in pairwise(lasts)):
        return "INVALID-SPLIT", "the ranges of a split must ascend"
    if not (0 <= split.on_missing <= codes.ON_LAST and 0 <= split.past_end <= codes.ON_LAST):
        return "INVALID-SPLIT", "the split says something unknown about a missing unit or the rest of the buckets"
    if codes.ON_VARIANT in (split.on_missing, split.past_end) and split.fallback is None:
        return "INVALID-SPLIT", "the split needs a variant for a missing unit or the rest of the buckets"
    return None


def ranges_problem(ranges: tuple[tuple[int, int], ...]) -> Problem | None:
    """The buckets of a bucket test."""
    if len(ranges) > MAX_RANGES // 2:  # gaps between them take ranges too
        return "LIMIT-RANGES", f"a bucket test has {len(ranges)} ranges, more than {MAX_RANGES // 2}"
    return None if all(last < _U64 for _, last in ranges) else ("INVALID-SPLIT", "a bucket is out of range")


def expression_problem(root: ir.Expression) -> Problem | None:
    """Nodes that exist, constants that can be stored, and a size that can be evaluated."""
    count, pending = 0, [(root, 1)]
    while pending:
        node, depth = pending.pop()
        count += 1
        if depth > codes.MAX_EXPRESSION_DEPTH:
            return "LIMIT-EXPRESSION", f"an expression is nested more than {codes.MAX_EXPRESSION_DEPTH} deep"
        if count > MAX_EXPRESSION_NODES:
            return "LIMIT-EXPRESSION", f"an expression has more than {MAX_EXPRESSION_NODES} parts"
        if not 1 <= node.op <= codes.NODE_LAST or not 0 <= node.mode < 256:
            return "INVALID-EXPRESSION", "an expression uses an operation that doesn't exist"
        problem = value_problem(node.value, "a constant") if node.op == codes.NODE_CONSTANT else None
        if node.op == codes.NODE_MATCHES:
            problem = _pattern_problem(node)
        if problem:
            return problem
        pending += ((child, depth + 1) for child in node.children)
    return None


def _pattern_problem(node: ir.Expression) -> Problem | None:
    """A MATCHES, whose pattern is known."""
    if len(node.children) != 2 or node.children[1].op != codes.NODE_CONSTANT:
        return "INVALID-EXPRESSION", "matches needs a value and a constant pattern"
    return pattern_problem(node.children[1].value, 0)
