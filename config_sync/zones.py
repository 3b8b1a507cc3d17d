"""IANA time zones as transition tables, so that the cores need no zone database. Used by ``config_sync`` only.

The data are those of the ``tzdata`` distribution, never the machine's: the same project compiles to the same bytes everywhere.
The layout is that of ``zones`` in docs/snapshot-format.md; the file format read here is TZif (RFC 9636).
"""

import struct
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from zoneinfo import ZoneInfo

FIRST_INSTANT = 0  # 1970-01-01; before it the first offset holds
LAST_INSTANT = 4_133_980_800  # 2101-01-01; from then on the last offset holds
_WEEK = 7 * 86_400
_ALIGNMENT = 8
_TZIF_HEADER = struct.Struct(">4sc15x6I")  # magic, version, counts: utc/local, standard/wall, leap, times, types, characters


@cache
def zone_names() -> frozenset[str]:
    """Every name that ``zone_table`` knows, links included."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())


@lru_cache(maxsize=256)
def zone_table(name: str) -> bytes:
    """The transitions of an IANA zone from 1970 to the end of 2100, zero-padded to 8 bytes. Raises ``KeyError`` for no zone."""
    if name not in zone_names():
        raise KeyError(name)
    data = (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).read_bytes()
    zone = ZoneInfo.from_file(BytesIO(data))
    first = _offset(zone, FIRST_INSTANT)
    transitions = _transitions(zone, data)
    body = struct.pack("<Ii", len(transitions), first)
    body += b"".join(struct.pack("<q", instant) for instant, _ in transitions)
    body += b"".join(struct.pack("<i", offset) for _, offset in transitions)
    return body + bytes(-len(body) % _ALIGNMENT)


def _offset(zone: ZoneInfo, instant: int) -> int:
    """Seconds east of UTC at an instant."""
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _transitions(zone: ZoneInfo, data: bytes) -> list[tuple[int, int]]:
    """(instant, offset from then on) wherever the offset changes after 1970."""
    listed = [instant for instant in _listed(data) if FIRST_INSTANT < instant < LAST_INSTANT]
    last = listed[-1] if listed else FIRST_INSTANT
    instants = listed + _computed(zone, last)
    offsets = [_offset(zone, FIRST_INSTANT), *(_offset(zone, instant) for instant in instants)]
    return [(instant, new) for instant, (old, new) in zip(instants, pairwise(offsets), strict=True) if old != new]


def _listed(data: bytes) -> list[int]:
    """The transition instants of the file's second, 64-bit block."""
    _, _, utc, standard, leaps, times, types, characters = _TZIF_HEADER.unpack_from(data)
    start = 2 * _TZIF_HEADER.size + times * 5 + types * 6 + characters + leaps * 8 + standard + utc
    count = _TZIF_HEADER.unpack_from(data, start - _TZIF_HEADER.size)[5]
    return list(struct.unpack_from(f">{count}q", data, start))


def _computed(zone: ZoneInfo, last: int) -> list[int]:
    """The instants after the last listed one, by the file's yearly rule: weeks whose ends differ, halved to the second."""
    found = []
    before = _offset(zone, last)
    for week in range(last, LAST_INSTANT, _WEEK):
        after = _offset(zone, week + _WEEK)
        if after != before:
            found.append(_bisect(zone, week, week + _WEEK))
        before = after
    return found


def _bisect(zone: ZoneInfo, low: int, high: int) -> int:
    """The first instant whose offset isn't that of ``low``."""
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return high
