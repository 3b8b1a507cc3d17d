"""What an operator can set about ingest: the environment, read once. For ``handlers.ingest``.

The variables, their units and defaults are described in docs/ingest.md. On the cold path: imports next to nothing.
"""

from __future__ import annotations

from handlers._settings import STREAM, number, stream_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

BUDGET, FAILURES, COOL_DOWN = "BURGEE_INGEST_BUDGET_MS", "BURGEE_BREAKER_FAILURES", "BURGEE_BREAKER_COOL_DOWN_MS"
BUDGET_MS = 1_000
MOST_FAILURES = 5
COOL_DOWN_MS = 5_000


class IngestSettings:
    """``stream``: where events go; ``budget_ms``: what one request may spend on it; ``failures`` in a row open the breaker for
    ``cool_down_ms``.
    """

    __slots__ = ("budget_ms", "cool_down_ms", "failures", "stream")

    def __init__(
        self, stream: str, budget_ms: int = BUDGET_MS, failures: int = MOST_FAILURES, cool_down_ms: int = COOL_DOWN_MS
    ) -> None:
        self.stream = stream
        self.budget_ms = budget_ms
        self.failures = failures
        self.cool_down_ms = cool_down_ms


def read_settings(environment: Mapping[str, str]) -> IngestSettings:
    """The settings that these variables say; an empty one counts as unset. Raises ValueError, naming the variable."""
    stream = stream_name(environment)
    if not stream:
        raise ValueError(f"{STREAM} isn't set: it says where events go")
    return IngestSettings(
        stream,
        number(environment, BUDGET, BUDGET_MS, "a number of milliseconds", 60_000),
        number(environment, FAILURES, MOST_FAILURES, "a number of failures", 1_000),
        number(environment, COOL_DOWN, COOL_DOWN_MS, "a number of milliseconds", 3_600_000),
    )
