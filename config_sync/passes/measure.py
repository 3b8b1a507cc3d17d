"""How deep and how large a condition is, segments included, without filling them in. Used by the link and limit passes."""

from collections.abc import Mapping
from typing import NamedTuple

from config_sync import ir
from config_sync.walk import children_of, conditions_of


class Size(NamedTuple):
    """``leaves``: conditions that are no groups; ``groups``: and/or/not; ``chain``: conditions on the longest way from the root
    to a leaf, which is what a recursive walk needs."""

    leaves: int = 0
    groups: int = 0
    chain: int = 0


_UNKNOWN = Size(leaves=1, chain=1)


def measure(condition: ir.Condition, segments: Mapping[str, Size]) -> Size:
    """The size of a condition, given those of the segments it names (unknown ones count as one leaf)."""
    leaves = groups = chain = 0
    pending = [(condition, 1)]
    while pending:
        node, way = pending.pop()
        chain = max(chain, way)
        if isinstance(node, ir.SegmentReference):
            size = segments.get(node.name, _UNKNOWN)
            leaves, groups, chain = leaves + size.leaves, groups + size.groups, max(chain, way + size.chain)
        elif isinstance(node, (ir.All, ir.Any_, ir.Not)):
            groups += 1
            pending += ((child, way + 1) for child in children_of(node))
        else:
            leaves += 1
    return Size(leaves, groups, chain)


def segment_names(condition: ir.Condition) -> set[str]:
    """The segments that a condition names itself."""
    return {node.name for node in conditions_of(condition) if isinstance(node, ir.SegmentReference)}
