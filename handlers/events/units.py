"""Units: what one transaction counts and what goes into one archive object an hour. For ``handlers.events``.

A batch is cut, in the stream's order, where the next record would make a unit too large for an object (requirement ARC-02) or
for a transaction of DynamoDB's. Pure.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from handlers._dead_letters import Letter
from handlers.events.aggregate import Counts
from handlers.events.archive import fits
from handlers.events.commit import MAX_ITEMS
from handlers.events.model import Entry, Group
from handlers.events.window import SLOT_MS

NEW, QUARANTINED, DROPPED, POISON = "new", "quarantined", "dropped", "poison"
ITEMS_OF_A_GROUP = 3  # an hour's, a day's and a phase's counter


class Fate(NamedTuple):
    """What becomes of one record. ``place``: its index among the records; ``entry`` unless it is poison, ``letter`` if so."""

    place: int
    kind: str
    entry: Entry | None = None
    letter: Letter | None = None


class Unit:
    """Records that are done with together."""

    def __init__(self) -> None:
        self.fates: list[Fate] = []
        self.new: list[Entry] = []
        self.archived: list[Entry] = []  # new and quarantined ones
        self.dropped: list[Entry] = []
        self.letters: list[Letter] = []
        self.counts = Counts()
        self._bytes = 0
        self._groups: set[Group] = set()
        self._slots: set[int] = set()
        self._markers = 0

    @property
    def first(self) -> int:
        """The place of its first record."""
        return self.fates[0].place

    @property
    def last(self) -> int:
        """The place of its last record."""
        return self.fates[-1].place

    @property
    def quarantined(self) -> int:
        """How many of its events aren't counted because of their time."""
        return len(self.archived) - len(self.new)

    def takes(self, fate: Fate) -> bool:
        """Whether the record fits in. An empty unit takes any."""
        entry = fate.entry
        if entry is None or fate.kind == DROPPED or not self.fates:
            return True
        if not fits(len(self.archived), self._bytes, len(entry.line)):
            return False
        if fate.kind == QUARANTINED:
            return True
        group = entry.group
        items = 1 + ITEMS_OF_A_GROUP * (len(self._groups) + (group is not None and group not in self._groups))
        items += len(self._slots) + (entry.dated and entry.at_ms // SLOT_MS not in self._slots)
        return items + self._markers + (not entry.dated) <= MAX_ITEMS

    def add(self, fate: Fate) -> None:
        """Takes the record in."""
        self.fates.append(fate)
        entry = fate.entry
        if entry is None:
            assert fate.letter is not None
            self.letters.append(fate.letter)
        elif fate.kind == DROPPED:
            self.dropped.append(entry)
        else:
            self.archived.append(entry)
            self._bytes += len(entry.line) + 1
            if fate.kind == NEW:
                self._count(entry)

    def until(self, place: int) -> "Unit":
        """The unit of those of its records that come before this place."""
        shorter = Unit()
        for fate in self.fates:
            if fate.place < place:
                shorter.add(fate)
        return shorter

    def _count(self, entry: Entry) -> None:
        self.new.append(entry)
        self.counts.add(entry)
        if entry.group is not None:
            self._groups.add(entry.group)
        if entry.dated:
            self._slots.add(entry.at_ms // SLOT_MS)
        else:
            self._markers += 1


def cut(fates: Iterable[Fate]) -> Iterator[Unit]:
    """The units of these records, in their order."""
    unit = Unit()
    for fate in fates:
        if not unit.takes(fate):
            yield unit
            unit = Unit()
        unit.add(fate)
    if unit.fates:
        yield unit
