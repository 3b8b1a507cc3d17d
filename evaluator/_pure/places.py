"""Places on the globe and windows in time (docs/snapshot-format.md, sections 4.6 and 4.7). Used by ``_pure`` only."""

import math
import struct
from typing import Any, Final

from evaluator._pure.rows import PlaceRow, WindowRow
from evaluator._pure.values import MISSING, as_items, entry, is_number, plain
from evaluator.snapshot.opcodes import NONE, WINDOW_ABSOLUTE, WINDOW_DATES, WINDOW_MINUTES

EARTH_RADIUS_KM: Final = 6371.0
_LATITUDE_NAMES: Final = ("lat", "latitude")
_LONGITUDE_NAMES: Final = ("lon", "lng", "longitude")
_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000
_ZONE_HEADER: Final = struct.Struct("<Ii")

Place = tuple[float, float]


def as_place(value: object) -> Place | None:
    """(latitude, longitude) in degrees, or None. Raises what a hostile key's ``__eq__`` raises."""
    if isinstance(value, dict):
        return _place(_first(value, _LATITUDE_NAMES), _first(value, _LONGITUDE_NAMES))
    if isinstance(value, list | tuple):
        items = as_items(value) or []
        return _place(items[0], items[1]) if len(items) == 2 else None
    return None


def _first(mapping: dict[Any, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        found = entry(mapping, name)
        if found is not MISSING:
            return found
    return MISSING


def _place(latitude: Any, longitude: Any) -> Place | None:
    if not is_number(latitude) or not is_number(longitude):
        return None
    latitude, longitude = plain(latitude), plain(longitude)
    if -90 <= latitude <= 90 and -180 <= longitude <= 180:  # false for NaN
        return float(latitude), float(longitude)
    return None


def distance(place: Place, row: PlaceRow) -> float:
    """Great-circle distance by the haversine formula, in the row's units."""
    latitude, longitude = place
    s = math.sin(_radians(row.latitude - latitude) / 2.0)
    t = math.sin(_radians(row.longitude - longitude) / 2.0)
    h = s * s + math.cos(_radians(latitude)) * math.cos(_radians(row.latitude)) * t * t
    return 2.0 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h))) / row.km_per_unit


def _radians(degrees: float) -> float:
    return degrees * (math.pi / 180.0)


def in_window(window: WindowRow, zones: bytes, instant: int) -> bool:
    """Whether the instant (µs) lies in the window; every part that the window has must hold."""
    if window.flags & WINDOW_ABSOLUTE and not window.start <= instant <= window.end:
        return False
    local = instant + _offset_at(zones, window.zone, instant) * 1_000_000
    day, of_day = divmod(local, _DAY_US)
    if not window.days >> (day + 3) % 7 & 1:  # 1970-01-01 was a Thursday; bit 0 is Monday
        return False
    if window.flags & WINDOW_DATES and not window.start_day <= day <= window.end_day:
        return False
    return not window.flags & WINDOW_MINUTES or _in_minutes(window, of_day // _MINUTE_US)


def _in_minutes(window: WindowRow, minute: int) -> bool:
    """Both ends inclusive; a start after the end spans midnight."""
    if window.start_minute <= window.end_minute:
        return window.start_minute <= minute <= window.end_minute
    return minute >= window.start_minute or minute <= window.end_minute


def _offset_at(zones: bytes, zone: int, instant: int) -> int:
    """The zone's UTC offset in seconds at an instant; ``zone`` is an offset in ``zones`` in units of 8 bytes, or NONE."""
    if zone == NONE:
        return 0
    transitions, offsets, first = read_zone(zones, zone * 8)
    seconds, offset = instant // 1_000_000, first
    for transition, after in zip(transitions, offsets, strict=True):
        if transition > seconds:
            break
        offset = after
    return offset


def read_zone(zones: bytes, at: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """(transitions in UTC seconds, offsets from each on, offset before the first). Raises struct.error when it is cut off."""
    count, first = _ZONE_HEADER.unpack_from(zones, at)
    at += _ZONE_HEADER.size
    if at + 12 * count > len(zones):
        raise struct.error("a time zone's arrays are cut off")
    return struct.unpack_from(f"<{count}q", zones, at), struct.unpack_from(f"<{count}i", zones, at + 8 * count), first
