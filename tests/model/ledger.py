"""What must be there in the end, kept by whoever made the events; and what is there, read from the services.

Knows the documented layout of the table and of the archive, and nothing of how the processor gets there.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zlib import crc32

from handlers import _sketches

_COUNTER = re.compile(r"exp_(.+)#variant#(.+)#(hour|day|phase)#(.+)#([0-7])")
_OBJECT = re.compile(r"(errors/)?year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)/events_(.+)-(\d+)\.json\.gz")

Place = tuple[str, str, str, str, str]  # experiment, variant, window, its start, event type


class Sent(NamedTuple):
    """An event that a producer made. ``phase``: of its user's assignment; ``variant`` None: it isn't counted.

    ``fate``: counted, archived, quarantined or poison.
    """

    event_id: str
    data: bytes
    user: str
    fate: str
    at_ms: int
    event_type: str = ""
    experiment: str = ""
    variant: str | None = None
    phase: int = 0
    revenue: Decimal | None = None


class Count:
    """A counter's content."""

    def __init__(self) -> None:
        self.events = 0
        self.users: set[str] = set()
        self.estimate = 0.0
        self.n = 0
        self.total = Decimal(0)
        self.squares = Decimal(0)

    def figures(self) -> tuple[int, float, int, Decimal, Decimal]:
        return self.events, round(self.estimate, 6), self.n, self.total, self.squares


class Ledger:
    """Every event that was sent, once."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.letters: Counter[bytes] = Counter()  # poison: how often its data were put into the stream
        self.repeated: set[str] = set()  # events that a producer sent more than once

    def counters(self) -> dict[Place, tuple[int, float, int, Decimal, Decimal]]:
        found: dict[Place, Count] = {}
        for sent in self.sent:
            if sent.fate == "counted":
                for window, start in _windows(sent):
                    assert sent.variant is not None
                    place = (sent.experiment, sent.variant, window, start, sent.event_type)
                    _add(found.setdefault(place, Count()), sent)
        for count in found.values():
            sketch = _sketches.new()
            for user in count.users:
                sketch.update(user)
            count.estimate = _sketches.estimate(sketch)[0]
        return {place: count.figures() for place, count in found.items()}

    def lines(self) -> dict[str, str]:
        """Of the archive: event id -> the hour it must lie in."""
        return {sent.event_id: _hour(sent.at_ms) for sent in self.sent if sent.fate in ("counted", "archived")}

    def quarantined(self) -> set[str]:
        return {sent.event_id for sent in self.sent if sent.fate == "quarantined"}


def _add(count: Count, sent: Sent) -> None:
    count.events += 1
    count.users.add(sent.user)
    if sent.revenue is not None:
        count.n += 1
        count.total += sent.revenue
        count.squares += sent.revenue * sent.revenue


def _windows(sent: Sent) -> Iterable[tuple[str, str]]:
    hour = _hour(sent.at_ms)
    return ("hour", hour), ("day", hour[:10]), ("phase", str(sent.phase))


def _hour(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d-%H")


# --- what is there ----------------------------------------------------------------------------------------------------


def counters_of(items: Iterable[dict[str, Any]], wrong: list[str]) -> dict[Place, tuple[int, float, int, Decimal, Decimal]]:
    """The table's counters (its items as plain values), lanes added up. What can't be is told in ``wrong``."""
    found: dict[Place, Count] = {}
    sketches: dict[Place, list[Any]] = {}
    for item in items:
        match = _COUNTER.fullmatch(item["partition_key"])
        if match is None:
            continue
        experiment, variant, window, start, shard = match.groups()
        event_type, lane = item["sort_key"].removeprefix("event_type#").split("#", 1)
        if crc32(lane.encode()) % 8 != int(shard):
            wrong.append(f"the counter {item['partition_key']} of {lane} lies in another write shard")
        place = (experiment, variant, window, start, event_type)
        count = found.setdefault(place, Count())
        count.events += int(item["event_count"])
        count.n += int(item.get("n_revenue", 0))
        count.total += item.get("sum_revenue", Decimal(0))
        count.squares += item.get("sumsq_revenue", Decimal(0))
        sketches.setdefault(place, []).append(_sketches.read(bytes(item["users"])))
    for place, several in sketches.items():
        found[place].estimate = _sketches.estimate(_sketches.merged(several))[0]
    return {place: count.figures() for place, count in found.items()}


def archive_of(objects: dict[str, bytes], wrong: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """(event id, hour) of every line of the archive, and the ids of those in quarantine."""
    lines: list[tuple[str, str]] = []
    quarantined: list[str] = []
    for key, body in sorted(objects.items()):
        match = _OBJECT.fullmatch(key)
        if match is None:
            wrong.append(f"nobody knows the object {key}")
            continue
        documents = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        if not documents:
            wrong.append(f"the object {key} is empty")
        ids = [document["event_id"] for document in documents]
        if match[1]:
            quarantined += ids
        else:
            lines += [(event_id, "-".join(match.group(2, 3, 4, 5))) for event_id in ids]
    return lines, quarantined


def differences(what: str, expected: dict[Any, Any], found: dict[Any, Any]) -> list[str]:
    """One sentence for each."""
    told = [
        f"{what} {key}: {found.get(key, 'nothing')} instead of {value}"
        for key, value in expected.items()
        if found.get(key) != value
    ]
    return told + [f"{what} {key}: {value}, and nothing was expected" for key, value in found.items() if key not in expected]
