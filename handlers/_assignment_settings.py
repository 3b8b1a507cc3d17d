"""What an operator can set about assignments: the environment, read once. For ``handlers.assignments``.

The variables, their units and defaults are described in docs/assignments.md. On the cold path: imports next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = "assignments"
TTL_DAYS = 90
BUDGET_MS = 40
FIRST_BUDGET_MS = 500
STICKY_TTL_MS = 60_000
STICKY_ENTRIES = 10_000
FAILURES = 5
COOL_DOWN_MS = 5_000
EVERYTHING = "*"


class AssignmentSettings:
    """Where assignments are kept, for how long, and what that may cost a request. Times are milliseconds but for the days.

    ``table``: DynamoDB's; ``ttl_days``: how long an item lives; ``stored_context``: the attributes of a context that are stored
    with it, None for all of them; ``budget_ms``: what one request may spend on the store and the outbox together,
    ``first_budget_ms``: the same while the store hasn't answered this process yet; ``sticky_ttl_ms``: how long a process
    believes what it has read or written, 0 for not at all, ``sticky_entries``: of how many users; ``sticky_traffic``: whether
    users outside of an experiment's traffic are looked up; ``failures`` in a row open the breaker for ``cool_down_ms``;
    ``outbox``: the URL of the SQS queue for what couldn't be stored, or None.
    """

    __slots__ = (
        "budget_ms",
        "cool_down_ms",
        "failures",
        "first_budget_ms",
        "outbox",
        "sticky_entries",
        "sticky_traffic",
        "sticky_ttl_ms",
        "stored_context",
        "table",
        "ttl_days",
    )  # fmt: skip

    def __init__(
        self,
        table: str = TABLE,
        *,
        ttl_days: int = TTL_DAYS,
        stored_context: frozenset[str] | None = None,
        budget_ms: int = BUDGET_MS,
        first_budget_ms: int = FIRST_BUDGET_MS,
        sticky_ttl_ms: int = STICKY_TTL_MS,
        sticky_entries: int = STICKY_ENTRIES,
        sticky_traffic: bool = True,
        failures: int = FAILURES,
        cool_down_ms: int = COOL_DOWN_MS,
        outbox: str | None = None,
    ) -> None:
        self.table = table
        self.ttl_days = ttl_days
        self.stored_context = stored_context
        self.budget_ms = budget_ms
        self.first_budget_ms = first_budget_ms
        self.sticky_ttl_ms = sticky_ttl_ms
        self.sticky_entries = sticky_entries
        self.sticky_traffic = sticky_traffic
        self.failures = failures
        self.cool_down_ms = cool_down_ms
        self.outbox = outbox


def read_settings(environment: Mapping[str, str]) -> AssignmentSettings:
    """The settings that these variables say; an empty one counts as unset. Raises ValueError, naming the variable."""
    get = environment.get
    outbox = get("BURGEE_OUTBOX_URL") or None
    if outbox is not None and not outbox.startswith(("https://", "http://")):
        raise ValueError(f"BURGEE_OUTBOX_URL is {outbox!r:.80}; it must be the URL of an SQS queue")
    return AssignmentSettings(
        get("ASSIGNMENTS_TABLE") or TABLE,
        ttl_days=_number(environment, "BURGEE_ASSIGNMENT_TTL_DAYS", TTL_DAYS, 1, 36_500),
        stored_context=_names(get("BURGEE_STORED_CONTEXT")),
        budget_ms=_number(environment, "BURGEE_STORE_BUDGET_MS", BUDGET_MS, 1, 60_000),
        first_budget_ms=_number(environment, "BURGEE_STORE_FIRST_BUDGET_MS", FIRST_BUDGET_MS, 1, 60_000),
        sticky_ttl_ms=_number(environment, "BURGEE_STICKY_TTL_MS", STICKY_TTL_MS, 0, 86_400_000),
        sticky_entries=_number(environment, "BURGEE_STICKY_ENTRIES", STICKY_ENTRIES, 1, 1_000_000),
        sticky_traffic=_yes_or_no(environment, "BURGEE_STICKY_TRAFFIC", True),
        failures=_number(environment, "BURGEE_BREAKER_FAILURES", FAILURES, 1, 1_000),
        cool_down_ms=_number(environment, "BURGEE_BREAKER_COOL_DOWN_MS", COOL_DOWN_MS, 1, 3_600_000),
        outbox=outbox,
    )


def _names(text: str | None) -> frozenset[str] | None:
    """``*`` and unset: all of them (None). ``-``: none of them."""
    if text is None or not text.strip() or text.strip() == EVERYTHING:
        return None
    return frozenset(name.strip() for name in text.split(",") if name.strip() not in ("", "-"))


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if not least <= number <= most:
        raise ValueError(f"{name} is {text!r:.40}; it must be a whole number from {least} to {most}")
    return number


def _yes_or_no(environment: Mapping[str, str], name: str, default: bool) -> bool:
    text = environment.get(name, "")
    if text not in ("", "0", "1"):
        raise ValueError(f"{name} is {text!r:.40}; it must be 0 or 1")
    return default if not text else text == "1"
