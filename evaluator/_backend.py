"""Chooses the implementation once, when ``evaluator`` is imported: ``EVALUATOR_IMPL`` = ``fast`` or ``pure``.

Without the variable: the Cython core if it is built, else the pure one. A requested one that is missing raises ImportError,
and so does a built core that doesn't load: there is no silent way from fast to slow.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def _choose() -> "tuple[str, ModuleType]":
    wanted = os.environ.get("EVALUATOR_IMPL", "")
    if wanted not in ("", "fast", "pure"):
        raise ImportError(f"EVALUATOR_IMPL is {wanted!r}; it can be 'fast' or 'pure'")
    if wanted != "pure":
        try:
            from evaluator._fast import evaluator as fast

            return "fast", fast
        except ImportError as error:
            if wanted == "fast" or not _is_absent(error):
                raise
    from evaluator._pure import evaluator as pure

    return "pure", pure


def _is_absent(error: ImportError) -> bool:
    """Whether the Cython core isn't built, as opposed to built and broken."""
    return error.name == "evaluator._fast" and "cannot import name 'evaluator'" in str(error)


IMPLEMENTATION, _module = _choose()
__all__ = ["IMPLEMENTATION", "Evaluation", "Evaluator"]

if TYPE_CHECKING:  # the two classes have one surface, and this is where it's written in Python
    from evaluator._pure.evaluator import Evaluation, Evaluator
else:
    Evaluator = _module.Evaluator
    Evaluation = _module.Evaluation
