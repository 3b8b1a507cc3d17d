"""What a snapshot says of experiments, for those who count and compare: key, id, name, status, allocation.

The compiler puts it into each experiment's flag metadata (``config_sync.frontends.native.simple``). For the processor and the
results.
"""

from __future__ import annotations

from json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from evaluator import Evaluator

ALLOCATION = "allocation"


class Experiment:
    """``allocation``: the weight of each variant among those who are in the experiment; they add up to 1. Empty: not known."""

    __slots__ = ("allocation", "id", "key", "name", "status")

    def __init__(self, id: str, key: str, name: str, status: str, allocation: dict[str, float]) -> None:
        self.id = id
        self.key = key
        self.name = name
        self.status = status
        self.allocation = allocation

    def __repr__(self) -> str:
        return f"Experiment({self.id!r}, {self.key!r}, {self.status!r}, {self.allocation})"


def experiments_of(evaluator: Evaluator) -> dict[str, Experiment]:
    """The snapshot's experiments by key."""
    found = {}
    for key in evaluator.flag_keys():
        metadata = evaluator.flag_metadata(key)
        if metadata is not None and metadata.get("kind") == "experiment":
            found[key] = experiment_of(key, metadata)
    return found


def experiment_of(key: str, metadata: Mapping[str, Any]) -> Experiment:
    """The experiment that a flag's metadata describe."""
    text = metadata.get(ALLOCATION)
    identity, name, status = (metadata.get(part) for part in ("experiment_id", "name", "status"))
    return Experiment(
        str(key if identity is None else identity),
        key,
        name if isinstance(name, str) and name else key,
        status if isinstance(status, str) else "",
        _allocation(text) if isinstance(text, str) else {},
    )


def _allocation(text: str) -> dict[str, float]:
    """Nothing for a text that isn't ours: metadata are free."""
    try:
        found = loads(text)
        weights = {str(name): float(weight) for name, weight in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0 else {}
