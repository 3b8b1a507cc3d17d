"""What differs between the stages: how long things are kept, and how much of each there is. No CDK here."""

from __future__ import annotations

from dataclasses import dataclass

CANARY_MINUTES = 10
"""For so long a new version has a tenth of the users: an alarm looks at five minutes, and CloudWatch needs some more."""
BURSTS = 2  # the least concurrency that a function has anywhere


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage has an account (or at least a region) to itself: metrics and budgets don't tell stages apart.

    ``keeps``: stores outlive the stack, and can't be deleted by mistake. ``log_days``, ``archive_days`` (None: for ever),
    ``stream_hours``: retention. ``warm``: sandboxes that are always ready, of each provisioned function. ``share``: of the
    functions' reserved concurrency. ``canary``: new versions get a tenth of the traffic for ten minutes, and go back when an
    alarm comes. ``budget_usd``: a month's. ``api_rate``, ``api_burst``: requests a second that a route of the HTTP API lets
    through in the long run, and at once; in production what an account may have unless AWS has been asked for more.
    """

    name: str
    keeps: bool
    log_days: int
    archive_days: int | None
    stream_hours: int
    warm: int
    share: float
    canary: bool
    budget_usd: int
    api_rate: int
    api_burst: int

    def reserved(self, concurrency: int) -> int:
        """What a function of so much concurrency in production has here."""
        return max(BURSTS, round(concurrency * self.share))


DEV = Stage("dev", False, 7, 30, 24, 0, 0.02, False, 50, 200, 100)
STAGING = Stage("staging", True, 14, 90, 48, 1, 0.1, True, 100, 1_000, 500)
PROD = Stage("prod", True, 30, None, 168, 5, 1.0, True, 500, 10_000, 5_000)
STAGES = {stage.name: stage for stage in (DEV, STAGING, PROD)}
