"""Ranks of flags: 0 without prerequisites, else one more than the highest of theirs. Used by the lowering and the link pass."""

from collections.abc import Iterable
from graphlib import TopologicalSorter

from config_sync import ir
from config_sync.walk import prerequisites_of


def prerequisite_ranks(flags: Iterable[ir.Flag]) -> dict[str, int]:
    """Rank by key; raises ``graphlib.CycleError`` if prerequisites are cyclic, which the link pass rules out."""
    graph = {flag.key: {condition.flag for condition in prerequisites_of(flag)} for flag in flags}
    ranks: dict[str, int] = {}
    for key in TopologicalSorter(graph).static_order():
        ranks[key] = max((ranks[other] + 1 for other in graph.get(key, ())), default=0)
    return ranks
