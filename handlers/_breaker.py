"""A circuit breaker: a service that fails again and again isn't asked for a while. For ``handlers``.

Closed: every call goes through. After a number of failures in a row it is open: no call does. After the cool-down it is
half-open: one call goes through, and closes the breaker or opens it again. On the cold path: imports nothing that isn't loaded
anyway.
"""

from __future__ import annotations

from time import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Breaker:
    """One service's. No lock: of two threads that meet here, at worst both make the trial call.

    ``failures``: so many in a row open it; ``cool_down_ms``: how long it stays open. The wall clock is read, because the
    monotonic one may stand still while a sandbox is frozen; a clock that was set back ends the cool-down. ``opened`` counts how
    often it has opened, ``failed`` the failures since the last success.
    """

    __slots__ = ("_clock", "_cool_down", "_most", "_since", "_trial", "failed", "opened")

    def __init__(self, failures: int, cool_down_ms: int, clock: Callable[[], float] = time) -> None:
        self._most = failures
        self._cool_down = cool_down_ms / 1000
        self._clock = clock
        self._since: float | None = None  # when it opened; None: it is closed
        self._trial: float | None = None  # when the half-open breaker's one call began
        self.failed = 0
        self.opened = 0

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        if self._since is None:
            return CLOSED
        return OPEN if self._within(self._since) else HALF_OPEN

    def allows(self) -> bool:
        """Whether to make a call now. Whoever is told so says ``succeeded`` or ``did_fail`` afterwards.

        A trial call of which nothing was heard (its thread was killed) counts for one cool-down.
        """
        if self._since is None:
            return True
        if self._within(self._since) or (self._trial is not None and self._within(self._trial)):
            return False
        self._trial = self._clock()
        return True

    def succeeded(self) -> None:
        """The service has answered."""
        self.failed = 0
        self._since = self._trial = None

    def did_fail(self) -> bool:
        """The service hasn't. Whether that has opened the breaker."""
        self.failed += 1
        if self._since is None and self.failed < self._most:
            return False
        self._since = self._clock()
        self._trial = None
        self.opened += 1
        return True

    def _within(self, moment: float) -> bool:
        return moment <= self._clock() < moment + self._cool_down
