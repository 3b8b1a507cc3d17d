"""Units: what one transaction counts and what goes into one archive object an hour. For ``handlers.events``.

A batch is cut, in the stream's order, where the next record would make a unit too large for an object (requirement ARC-02) or
for a transaction of DynamoDB's. Pure.
"""

from collections.abc import Iterable, Iterator

import msgspec

from handlers._dead_letters import Letter
from handlers.events.aggregate import Counts
from handlers.events.archive import fits
from handlers.events.commit import MAX_ITEMS
from handlers.events.model import Entry
from handlers.events.window import SLOT_MS

NEW, QUARANTINED, DROPPED, POISON = "new", "quarantined", "dropped", "poison"
ITEMS_OF_A_GROUP = 3  # an hour's, a day's and a phase's counter


class Fate(msgspec.Struct):
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

    def take(self, fate: Fate) -> bool:
        """Takes the record in, if it fits. An empty unit takes any."""
        entry = fate.entry
        if entry is None:
            assert fate.letter is not None
            self.letters.append(fate.letter)
        elif fate.kind == DROPPED:
            self.dropped.append(entry)
        else:
            size = len(entry.line)
            if self.fates and not fits(len(self.archived), self._bytes, size):
                return False
            if fate.kind == NEW and not self._count(entry):
                return False
            self.archived.append(entry)
            self._bytes += size + 1
        self.fates.append(fate)
        return True

    def until(self, place: int) -> "Unit":
        """The unit of those of its records that come before this place."""
        shorter = Unit()
        for fate in self.fates:
            if fate.place < place:
                shorter.take(fate)
        return shorter

    def _count(self, entry: Entry) -> bool:
        """Counts a new event, if the transaction has room for what that changes."""
        group, slots, counts = entry.group, self._slots, self.counts
        slot = entry.at_ms // SLOT_MS if entry.dated else None
        is_new = group is not None and group not in counts.groups
        if is_new or slot not in slots or entry.told:
            items = 1 + ITEMS_OF_A_GROUP * (len(counts.groups) + is_new) + len(slots) + self._markers
            if self.fates and items + (slot not in slots) + entry.told > MAX_ITEMS:
                return False
            self._markers += entry.told
            if slot is None:
                self._markers += 1
            else:
                slots.add(slot)
        self.new.append(entry)
        counts.add(entry)
        return True


def cut(fates: Iterable[Fate]) -> Iterator[Unit]:
    """The units of these records, in their order."""
    unit = Unit()
    for fate in fates:
        if not unit.take(fate):
            yield unit
            unit = Unit()
            unit.take(fate)
    if unit.fates:
        yield unit
