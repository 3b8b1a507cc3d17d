"""Burgee's evaluator: compiled flag snapshots in, answers out. These are all its public names.

``Evaluator`` is the chosen implementation's own class (``IMPLEMENTATION`` says which), without a Python layer over it.
"""

from evaluator._backend import IMPLEMENTATION, Evaluation, Evaluator
from evaluator.errors import SnapshotError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from evaluator.explain import Explanation as Explanation

__all__ = ["IMPLEMENTATION", "Evaluation", "Evaluator", "Explanation", "SnapshotError"]


def __getattr__(name: str) -> object:
    """``Explanation`` is imported when somebody asks for it: the cold path never does."""
    if name == "Explanation":
        from evaluator.explain import Explanation

        return Explanation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
