"""How deep and how large a condition is, segments included, without filling them in. Used by the link and limit passes."""

from collections.abc import Mapping
from typing import NamedTuple

from config_sync import ir
from config_sync.walk import children_of, conditions_of


class Size(NamedTuple):
    """``depth``: groups within groups; ``leaves``: conditions that are no groups; ``groups``: and/or/not; ``chain``: conditions
    on the longest way from the root to a leaf, which is what a recursive walk needs."""

    depth: int = 0
    leaves: int = 0
    groups: int = 0
    chain: int = 0


_UNKNOWN = Size(leaves=1, chain=1)


def measure(condition: ir.Condition, segments: Mapping[str, Size]) -> Size:
    """The size of a condition, given those of the segments it names (unknown ones count as one leaf)."""
    depth = leaves = groups = chain = 0
    pending = [(condition, 0, 1)]
    while pending:
        node, above, way = pending.pop()
        chain = max(chain, way)
        if isinstance(node, ir.SegmentReference):
            size = segments.get(node.name, _UNKNOWN)
            depth, chain = max(depth, above + size.depth), max(chain, way + size.chain)
            leaves, groups = leaves + size.leaves, groups + size.groups
        elif isinstance(node, (ir.All, ir.Any_, ir.Not)):
            inside = above if isinstance(node, ir.Not) else above + 1  # a "not" group of several is not(all(…)): one level
            depth, groups = max(depth, inside), groups + 1
            pending += ((child, inside, way + 1) for child in children_of(node))
        else:
            leaves += 1
    return Size(depth, leaves, groups, chain)


def segment_names(condition: ir.Condition) -> set[str]:
    """The segments that a condition names itself."""
    return {node.name for node in conditions_of(condition) if isinstance(node, ir.SegmentReference)}
