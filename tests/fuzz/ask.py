"""Loading and asking, for the fuzz tests: anything but SnapshotError or an answer is a failure, and the cores must agree."""

import os
from types import ModuleType
from typing import Any

from evaluator.errors import SnapshotError
from tests.conftest import core
from tests.parity import compare

CASES = int(os.environ.get("BURGEE_FUZZ", "1000"))
"""How many cases each seeded loop tries."""


def cores() -> tuple[ModuleType, ModuleType]:
    """(pure, fast); skips where the Cython core isn't built and needn't be."""
    return core("pure"), core("fast")


def load(implementation: ModuleType, snapshot: bytes) -> Any:
    """The evaluator, or None when the bytes are refused."""
    try:
        return implementation.Evaluator(snapshot)
    except SnapshotError:
        return None


def load_both(snapshot: bytes) -> tuple[Any, Any] | None:
    """Both evaluators, or None when both refuse; fails when one does."""
    pure, fast = (load(implementation, snapshot) for implementation in cores())
    assert (pure is None) == (fast is None), f"pure {'refuses' if pure is None else 'takes'}, fast doesn't: {snapshot.hex()}"
    return None if pure is None else (pure, fast)


def disagreement(evaluators: tuple[Any, Any], context: Any, now: Any) -> str | None:
    """What the two answer differently about some flag or about all, or None."""
    pure, fast = evaluators
    for key in pure.flag_keys()[:8]:
        wrong = compare.disagreement(pure, fast, key, context, now)
        if wrong:
            return wrong
    return compare.disagreement_of_all(pure, fast, context, now, sound=False)
