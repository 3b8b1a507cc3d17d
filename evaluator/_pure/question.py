"""What somebody asks, made fit to be answered: the flag's key, the context, the clock. Whatever they hand over, nothing raises.

Used by ``_pure.evaluator`` and ``evaluator.explain``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluator._pure.program import Program
from evaluator._pure.times import milliseconds_to_microseconds
from evaluator._pure.values import plain
from evaluator._pure.view import View


def row_of(program: Program, key: object) -> int | None:
    """The flag row of a key, or None; a string's subclass is asked as the string it holds."""
    return program.row_of.get(plain(key)) if isinstance(key, str) else None


def key_text(key: object) -> str:
    """A key as an evaluation repeats it; empty for what is no string."""
    return str(plain(key)) if isinstance(key, str) else ""


def make_view(context: object, now: object) -> View | None:
    """The context as a plain dict with the clock; None when either is unusable."""
    entries = _plain_context(context)
    if entries is None or not (now is None or _is_clock(now)):
        return None
    return View(entries, plain(now))


def _plain_context(context: object) -> dict[Any, Any] | None:
    if type(context) is dict:
        return context
    if context is None:
        return {}
    try:
        return dict(context) if isinstance(context, Mapping) else None
    except Exception:  # whatever a caller's mapping raises, it is no context
        return None


def _is_clock(now: object) -> bool:
    now = plain(now)
    return isinstance(now, int | float) and not isinstance(now, bool) and milliseconds_to_microseconds(now) is not None
