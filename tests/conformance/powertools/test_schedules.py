"""The conditions on the clock at fixed moments: whole minutes, both ends, midnight, time zones and the hours they repeat."""

from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from tests.conformance.powertools.test_actions import document, evaluator

TIME, DATETIME, DAYS = "SCHEDULE_BETWEEN_TIME_RANGE", "SCHEDULE_BETWEEN_DATETIME_RANGE", "SCHEDULE_BETWEEN_DAYS_OF_WEEK"
KEYS = {TIME: "CURRENT_TIME", DATETIME: "CURRENT_DATETIME", DAYS: "CURRENT_DAY_OF_WEEK"}


def ms(text: str) -> int:
    """A UTC time as epoch ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def holds(core: ModuleType, action: str, value: dict[str, Any], utc: str, dialect: str = "powertools") -> Any:
    """Whether the condition holds at a UTC time, for a context that has the keys too: they aren't read."""
    asked = evaluator(core, document(action, value, KEYS[action]), dialect)
    context = {"CURRENT_TIME": "never", "CURRENT_DATETIME": None, "CURRENT_DAY_OF_WEEK": []}
    assert asked.boolean("f", {}, None, ms(utc)) is asked.boolean("f", context, None, ms(utc))
    return asked.boolean("f", {}, None, ms(utc))


@pytest.mark.parametrize(
    ("start", "end", "zone", "utc", "expected"),
    [
        ("09:00", "17:00", "UTC", "2025-06-16T08:59:59.999", False),
        ("09:00", "17:00", "UTC", "2025-06-16T09:00:00", True),
        ("09:00", "17:00", "UTC", "2025-06-16T17:00:59.999", True),  # the last minute counts whole
        ("09:00", "17:00", "UTC", "2025-06-16T17:01:00", False),
        ("09:00", "09:00", "UTC", "2025-06-16T09:00:30", True),
        ("22:00", "06:00", "UTC", "2025-06-16T23:59:59", True),
        ("22:00", "06:00", "UTC", "2025-06-16T00:00:00", True),
        ("22:00", "06:00", "UTC", "2025-06-16T06:00:59", True),
        ("22:00", "06:00", "UTC", "2025-06-16T06:01:00", False),
        ("22:00", "06:00", "UTC", "2025-06-16T21:59:59", False),
        ("23:30", "23:00", "UTC", "2025-06-16T12:00:00", True),
        ("23:30", "23:00", "UTC", "2025-06-16T23:15:00", False),
        ("09:00", "17:00", "Europe/Copenhagen", "2025-06-16T07:00:00", True),  # summer time
        ("09:00", "17:00", "Europe/Copenhagen", "2025-01-13T07:59:59", False),
        ("09:00", "17:00", "America/New York", "2025-06-16T13:00:00", True),  # a blank for the underscore
        ("09:00", "17:00", None, "2025-06-16T09:00:00", True),
        ("09:00", "17:00", "", "2025-06-16T08:59:00", False),
        ("02:30", "02:40", "Europe/Copenhagen", "2023-10-29T00:35:00", True),  # the repeated hour, both times
        ("02:30", "02:40", "Europe/Copenhagen", "2023-10-29T01:35:00", True),
    ],
)
def test_times_of_day(implementation: ModuleType, start: str, end: str, zone: str | None, utc: str, expected: bool) -> None:
    value = {"START": start, "END": end, "TIMEZONE": zone}
    assert holds(implementation, TIME, value, utc) is expected
    same_hour = start[:2] == end[:2] and end < start
    assert holds(implementation, TIME, value, utc, "powertools@3.34") is (expected and not same_hour)


@pytest.mark.parametrize(
    ("start", "end", "zone", "utc", "expected"),
    [
        ("2025-06-16T09:00:00", "2025-06-20T17:00:00", "UTC", "2025-06-16T08:59:59.999", False),
        ("2025-06-16T09:00:00", "2025-06-20T17:00:00", "UTC", "2025-06-16T09:00:00", True),
        ("2025-06-16T09:00:00", "2025-06-20T17:00:00", "UTC", "2025-06-20T17:00:00", True),
        ("2025-06-16T09:00:00", "2025-06-20T17:00:00", "UTC", "2025-06-20T17:00:00.001", False),
        ("2025-06-16", "2025-06-17", "UTC", "2025-06-16T00:00:00", True),
        ("2025-06-16", "2025-06-17", "UTC", "2025-06-17T00:00:01", False),  # a date is its midnight
        ("20250616T0900", "2025-06-20 17:00:00.001", "UTC", "2025-06-20T17:00:00.001", True),
        ("2025-W25-1", "2025-06-20", "UTC", "2025-06-16T00:00:00", True),
        ("2025-06-20", "2025-06-16", "UTC", "2025-06-18T00:00:00", False),
        ("2025-06-16T09:00:00", "2025-06-16T10:00:00", "Europe/Copenhagen", "2025-06-16T07:00:00", True),
        ("2025-06-16T09:00:00", "2025-06-16T10:00:00", "Europe/Copenhagen", "2025-06-16T09:00:00", False),
        ("2025-01-16T09:00:00", "2025-01-16T10:00:00", "Europe/Copenhagen", "2025-01-16T08:00:00", True),
        # 2023-10-29 in Copenhagen: 02:00-03:00 is there twice, from 00:00 and from 01:00 UTC
        ("2023-10-29T02:00:00", "2023-10-29T02:30:00", "Europe/Copenhagen", "2023-10-29T00:30:00", True),
        ("2023-10-29T02:00:00", "2023-10-29T02:30:00", "Europe/Copenhagen", "2023-10-29T00:45:00", False),
        ("2023-10-29T02:00:00", "2023-10-29T02:30:00", "Europe/Copenhagen", "2023-10-29T01:15:00", True),
        ("2023-10-29T02:00:00", "2023-10-29T02:30:00", "Europe/Copenhagen", "2023-10-29T01:30:00.001", False),
        ("2023-10-29T01:00:00", "2023-10-29T04:00:00", "Europe/Copenhagen", "2023-10-29T00:45:00", True),
        # 2024-03-31 in Copenhagen: no clock shows 02:00-03:00
        ("2024-03-31T02:10:00", "2024-03-31T02:50:00", "Europe/Copenhagen", "2024-03-31T01:00:00", False),
        ("2024-03-31T02:10:00", "2024-03-31T03:00:00", "Europe/Copenhagen", "2024-03-31T01:00:00", True),
    ],
)
def test_dates_and_times(implementation: ModuleType, start: str, end: str, zone: str, utc: str, expected: bool) -> None:
    assert holds(implementation, DATETIME, {"START": start, "END": end, "TIMEZONE": zone}, utc) is expected


@pytest.mark.parametrize(
    ("days", "zone", "utc", "expected"),
    [
        (["MONDAY"], "UTC", "2025-06-16T00:00:00", True),
        (["MONDAY"], "UTC", "2025-06-15T23:59:59.999", False),
        (["SATURDAY", "SUNDAY"], "UTC", "2025-06-15T23:59:59.999", True),
        (["MONDAY"], "Europe/Copenhagen", "2025-06-15T22:00:00", True),
        (["MONDAY"], "America/New_York", "2025-06-17T03:59:59", True),
        ([], "UTC", "2025-06-16T00:00:00", False),
        (["DAYS"], "UTC", "2025-06-16T00:00:00", False),  # a word that Powertools' validator lets through
        (["DAYS", "MONDAY"], "UTC", "2025-06-16T00:00:00", True),
    ],
)
def test_days_of_the_week(implementation: ModuleType, days: list[str], zone: str, utc: str, expected: bool) -> None:
    assert holds(implementation, DAYS, {"DAYS": days, "TIMEZONE": zone}, utc) is expected
    assert holds(implementation, DAYS, {"DAYS": days} | ({} if zone == "UTC" else {"TIMEZONE": zone}), utc) is expected


def test_until_3_34_only_the_beginning_of_a_time_was_looked_at(implementation: ModuleType) -> None:
    value = {"START": "09:00", "END": "17:00 "}
    assert holds(implementation, TIME, value, "2025-06-16T17:00:00", "powertools@3.34") is True
    assert holds(implementation, TIME, value | {"END": "17:00:30"}, "2025-06-16T12:00:00", "powertools@3.34") is False
    assert holds(implementation, TIME, value | {"END": "17:001"}, "2025-06-16T12:00:00", "powertools@3.34") is True
    assert holds(implementation, TIME, value | {"END": "17:009"}, "2025-06-16T17:09:00", "powertools@3.34") is True
    assert holds(implementation, TIME, value | {"END": "17:300"}, "2025-06-16T12:00:00", "powertools@3.34") is False
