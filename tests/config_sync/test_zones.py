"""Zone tables against the standard library's zoneinfo over the same data."""

import random
import struct
from bisect import bisect_right
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from config_sync.zones import FIRST_INSTANT, LAST_INSTANT, zone_names, zone_table

ZONES = (
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kolkata",
    "Africa/Casablanca",  # transitions listed decades ahead
    "America/Argentina/Buenos_Aires",
    "Pacific/Apia",  # lost a day
    "Africa/Monrovia",  # seconds in its offset
    "Asia/Gaza",
    "UTC",
)


def decode(table: bytes) -> tuple[int, list[int], list[int]]:
    count, first = struct.unpack_from("<Ii", table)
    instants = list(struct.unpack_from(f"<{count}q", table, 8))
    return first, instants, list(struct.unpack_from(f"<{count}i", table, 8 + 8 * count))


def look_up(table: bytes, instant: int) -> int:
    first, instants, offsets = decode(table)
    position = bisect_right(instants, instant)
    return offsets[position - 1] if position else first


def expected(name: str, instants: list[int]) -> list[int]:
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        zone = ZoneInfo.from_file(file)
    return [int(datetime.fromtimestamp(instant, zone).utcoffset().total_seconds()) for instant in instants]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ZONES)
def test_rul_14_offsets_are_those_of_zoneinfo(name: str) -> None:
    chance = random.Random(name)
    instants = [chance.randrange(FIRST_INSTANT, LAST_INSTANT) for _ in range(2_000)]
    instants += [transition + shift for transition in decode(zone_table(name))[1] for shift in (-1, 0, 1)]
    assert [look_up(zone_table(name), instant) for instant in instants] == expected(name, instants)


def test_rul_14_known_transitions() -> None:
    london = zone_table("Europe/London")
    assert look_up(london, 1_711_846_799) == 0  # 2024-03-31 00:59:59 UTC
    assert look_up(london, 1_711_846_800) == 3600
    assert look_up(zone_table("Australia/Lord_Howe"), 1_719_792_000) == 37_800  # 2024-07-01: +10:30
    assert look_up(zone_table("Asia/Kolkata"), 4_102_444_799) == 19_800


def test_tables_are_aligned_ascending_and_only_change() -> None:
    for name in ZONES:
        table = zone_table(name)
        first, instants, offsets = decode(table)
        assert len(table) % 8 == 0
        assert instants == sorted(set(instants))
        assert all(old != new for old, new in zip([first, *offsets], offsets, strict=False))


@pytest.mark.parametrize("name", ["", "Europe/Nowhere", "../zones", "/etc/localtime", "europe/london", "Europe"])
def test_rul_14_an_unknown_zone_is_a_key_error(name: str) -> None:
    assert name not in zone_names()
    with pytest.raises(KeyError):
        zone_table(name)
