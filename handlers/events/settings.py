"""What an operator can set about the event processor: the environment, read once per container. For ``handlers.events``.

The variables, their units and defaults are described in docs/event-processor.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

from handlers._counters import DAY_SECONDS

MAX_AGE_HOURS, HOURLY_DAYS, DAILY_DAYS = "BURGEE_EVENT_MAX_AGE_HOURS", "BURGEE_HOURLY_DAYS", "BURGEE_DAILY_DAYS"
MOST_HOURS = 24 * 366
MOST_DAYS = 36_500


class Settings(NamedTuple):
    """``bucket``, ``table``, ``assignments``: names. ``max_age_ms``: an older event is quarantined. ``hourly_s``, ``daily_s``:
    for how long counters of hours, and those of days and phases, are kept.
    """

    bucket: str
    table: str
    assignments: str = "assignments"
    max_age_ms: int = 168 * 3_600_000
    hourly_s: int = 90 * DAY_SECONDS
    daily_s: int = 400 * DAY_SECONDS


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that these variables say. Raises ValueError, naming the variable (requirements ARC-09, EVH-01)."""
    return Settings(
        _required(environment, "S3_BUCKET", "the bucket of the archive"),
        _required(environment, "DYNAMODB_TABLE", "the table of the counters"),
        environment.get("ASSIGNMENTS_TABLE") or "assignments",
        _number(environment, MAX_AGE_HOURS, 168, "hours", MOST_HOURS) * 3_600_000,
        _number(environment, HOURLY_DAYS, 90, "days", MOST_DAYS) * DAY_SECONDS,
        _number(environment, DAILY_DAYS, 400, "days", MOST_DAYS) * DAY_SECONDS,
    )


def _required(environment: Mapping[str, str], name: str, what: str) -> str:
    found = environment.get(name)
    if not found:
        raise ValueError(f"{name} isn't set: it names {what}")
    return found


def _number(environment: Mapping[str, str], name: str, default: int, what: str, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= found <= most:
        raise ValueError(f"{name} is {text!r:.40}; it must be a number of {what} from 1 to {most}")
    return found
