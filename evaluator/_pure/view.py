"""What value expressions see of one evaluation. ``_pure.expressions`` is written against it; ``_pure.evaluator`` makes it."""

import time
from typing import Any

from evaluator._pure.times import milliseconds_to_microseconds


class View:
    """One evaluation's context and clock.

    ``context`` is a plain dict with the caller's entries; ``flag_key`` the key of the flag being evaluated (a prerequisite's
    own, while that is evaluated). The clock is read at the first question about it, once per evaluation.
    """

    __slots__ = ("_clock", "context", "flag_key")

    def __init__(self, context: dict[Any, Any], now_ms: int | float | None = None, flag_key: str = "") -> None:
        self.context = context
        self.flag_key = flag_key
        self._clock: list[int | float | None] = [now_ms]  # shared by the views of one evaluation

    def of_flag(self, flag_key: str) -> "View":
        """The same evaluation seen by another flag."""
        view = View(self.context, None, flag_key)
        view._clock = self._clock
        return view

    @property
    def now_ms(self) -> int | float:
        """Milliseconds since the epoch: what the caller gave, else the wall clock in whole milliseconds."""
        now = self._clock[0]
        if now is None:
            now = self._clock[0] = time.time_ns() // 1_000_000
        return now

    @property
    def now_us(self) -> int:
        """The clock in whole microseconds."""
        now = milliseconds_to_microseconds(self.now_ms)
        assert now is not None  # the caller's `now` was checked at the door
        return now

    def lookup(self, name: str, default: object = None) -> object:
        """The context's top-level entry of this name. Raises what a hostile key's ``__eq__`` raises."""
        return self.context.get(name, default)
