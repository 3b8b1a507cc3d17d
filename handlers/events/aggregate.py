"""Events to increments of counters, before any of them is written (requirements AGG-02 to AGG-12). For ``handlers.events``.

Pure. Events of one experiment, variant, type, hour and phase make one group; a group goes into three counters: its hour's, its
day's and its phase's.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from handlers import _counters
from handlers._contract import TOKEN_CHARACTERS
from handlers._counters import DAY_SECONDS, Key
from handlers.events.enrich import is_countable
from handlers.events.model import Entry, Group

SCALE = 1_000_000
"""Numbers are added up as whole millionths, so that sums don't depend on how events are cut into batches."""
MAX_NUMBER = 1e9
"""The largest number that is added up: its square, a hundred million times, fits into DynamoDB's 38 digits."""
MAX_NAMES = 20  # numeric properties of one counter
MAX_NAME = 64  # characters
MOST_NAMES_KNOWN = 1_000


class Sums:
    """Of a numeric property: how many, the sum in millionths, the sum of squares in millionths of millionths."""

    __slots__ = ("n", "squares", "total")

    def __init__(self) -> None:
        self.n = 0
        self.total = 0
        self.squares = 0

    def add(self, other: "Sums") -> None:
        """Adds another property's sums."""
        self.n += other.n
        self.total += other.total
        self.squares += other.squares


class Increment:
    """What is to be added to a counter. ``users``: the events' users, in their order; ``ttl``: epoch seconds of its end."""

    __slots__ = ("events", "numbers", "ttl", "users")

    def __init__(self, ttl: int = 0) -> None:
        self.events = 0
        self.users: list[str] = []
        self.numbers: dict[str, Sums] = {}
        self.ttl = ttl

    def add(self, other: "Increment") -> None:
        """Adds another one."""
        self.events += other.events
        self.users += other.users
        for name, sums in other.numbers.items():
            self.numbers.setdefault(name, Sums()).add(sums)


class Keeping(NamedTuple):
    """For how long counters are kept, in seconds: those of hours, those of days and phases."""

    hourly_s: int
    daily_s: int


class Counts:
    """Groups of events. ``skipped``: events that belong to no variant; ``unassigned``: of these, those with an experiment.

    ``left_out``: numbers that can't be added up.
    """

    def __init__(self) -> None:
        self.groups: dict[Group, Increment] = {}
        self.skipped = 0
        self.unassigned = 0
        self.left_out = 0

    def add(self, entry: Entry) -> None:
        """Counts one event; its ``group`` says where."""
        group = entry.group
        if group is None:
            self.skipped += 1
            self.unassigned += entry.event is not None and entry.event.experiment_id is not None
            return
        increment = self.groups.get(group)
        if increment is None:
            increment = self.groups[group] = Increment()
        event = entry.event
        assert event is not None
        increment.events += 1
        increment.users.append(event.user_id)
        if event.properties:
            self._numbers(increment.numbers, event.properties)

    def _numbers(self, numbers: dict[str, Sums], properties: Mapping[str, object]) -> None:
        for name, value in properties.items():
            kind = type(value)
            if kind is not float and kind is not int:
                continue
            sums = numbers.get(name)
            if not -MAX_NUMBER <= value <= MAX_NUMBER or (sums is None and not _is_name(name)):  # type: ignore[operator]
                self.left_out += 1
                continue
            if sums is None:
                sums = numbers[name] = Sums()
            scaled = value * SCALE if kind is int else round(value * SCALE)  # type: ignore[operator]
            sums.n += 1
            sums.total += scaled
            sums.squares += scaled * scaled


def group_of(entry: Entry) -> Group | None:
    """The group that an event is counted in; None for one that belongs to no variant (requirement AGG-07)."""
    if not is_countable(entry):
        return None
    event, variant = entry.event, entry.variant
    assert event is not None and event.experiment_id is not None and variant is not None
    return event.experiment_id, variant, event.event_type, entry.at_ms // 3_600_000, entry.phase


_names: dict[str, bool] = {}


def _is_name(name: str) -> bool:
    known = _names.get(name)
    if known is None:
        known = 0 < len(name) <= MAX_NAME and TOKEN_CHARACTERS.issuperset(name)
        if len(_names) < MOST_NAMES_KNOWN:
            _names[name] = known
    return known


def counters(groups: Mapping[Group, Increment], lane: str, keeping: Keeping, arrived_ms: int) -> dict[Key, Increment]:
    """What the groups add to each counter of the lane. ``arrived_ms``: when the last of their events came."""
    found: dict[Key, Increment] = {}
    for group, increment in groups.items():
        for key, ttl in keys_of(group, lane, keeping, arrived_ms):
            known = found.get(key)
            if known is None:
                known = found[key] = Increment(ttl)
            known.ttl = max(known.ttl, ttl)
            known.add(increment)
    return found


def keys_of(group: Group, lane: str, keeping: Keeping, arrived_ms: int) -> list[tuple[Key, int]]:
    """The counters of a group, each with the end of its life in epoch seconds (requirement AGG-14).

    A phase's is counted from the arrival, for it is still being written to: by an event's own time a late one would end it.
    """
    experiment_id, variant, event_type, hour, phase = group
    name = _counters.hour_of(hour * 3_600_000)
    seconds = hour * 3_600
    windows = (
        (_counters.window_name(_counters.HOUR, name), seconds + 3_600 + keeping.hourly_s),
        (_counters.window_name(_counters.DAY, name[:10]), _end_of_day(seconds) + keeping.daily_s),
        (_counters.window_name(_counters.PHASE, phase), _end_of_day(arrived_ms // 1_000) + keeping.daily_s),
    )
    shard = _counters.write_shard(lane)
    sort = _counters.counter_sort(event_type, lane)
    return [(Key(_counters.counter_partition(experiment_id, variant, window, shard), sort), ttl) for window, ttl in windows]


def _end_of_day(seconds: int) -> int:
    return (seconds // DAY_SECONDS + 1) * DAY_SECONDS


def texts_of(sums: Sums) -> tuple[str, str, str]:
    """How many, the sum and the sum of squares as DynamoDB takes numbers: exact."""
    return str(sums.n), _decimal(sums.total, 6), _decimal(sums.squares, 12)


def _decimal(value: int, places: int) -> str:
    """``value`` / 10^``places``, in digits."""
    whole, part = divmod(abs(value), 10**places)
    text = f"{whole}.{part:0{places}}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


def chosen(numbers: Iterable[str], known: set[str]) -> list[str]:
    """Which of an increment's numeric properties a counter takes: those that it has, and new ones while there is room."""
    room = MAX_NAMES - len(known)
    found = []
    for name in sorted(numbers):
        if name in known:
            found.append(name)
        elif room > 0:
            room -= 1
            found.append(name)
    return found
