"""An archive as the event processor leaves it, written by its own code, and what is in it, counted by hand in plain Python."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from handlers._contract import EXPOSURE
from handlers._counters import Moments, Phase, Totals
from handlers._experiments import Experiment
from handlers._results import document
from handlers._sketches import new
from handlers.events import aggregate, archive
from handlers.events.enrich import is_countable
from handlers.events.model import Entry, Event

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START = 1_790_000_400_000  # 2026-09-21T14:20:00Z
NOW = START + 9 * DAY_MS
LANES = ("events/shardId-000000000000", "events/shardId-000000000001")
HALVES = {"control": 0.5, "treatment": 0.5}
EXPERIMENT = Experiment("exp_1", "checkout", "Checkout", "active", HALVES)
PHASE = Phase(1, START, HALVES, 1)


@dataclass
class Ledger:
    """Events that the processor has taken. ``again``: those of them that are in the archive a second time."""

    experiment: str = "exp_1"
    entries: list[Entry] = field(default_factory=list)
    again: list[Entry] = field(default_factory=list)
    number: int = 0

    def add(
        self, user: str, event_type: str, at_ms: int, properties: dict[str, Any] | None = None, variant: str | None = "control",
        phase: int = 1, assigned_ms: int | None = START, **more: Any,
    ) -> Entry:  # fmt: skip
        """One event; ``more``: fields of the entry, or ``event_id``."""
        self.number += 1
        name = more.pop("event_id", f"event-{self.number}")
        experiment = more.pop("experiment", self.experiment)
        entry = Entry(
            self.number, str(10**20 + self.number), "shardId-0", more.pop("arrived_ms", at_ms + 700), b"",
            Event(name, event_type, user, experiment, None, properties, None), at_ms, variant=variant,
            assigned_ms=assigned_ms if variant else None, phase=phase, **more,
        )  # fmt: skip
        self.entries.append(entry)
        return entry

    def redriven(self, entry: Entry, after_ms: int = HOUR_MS, **changed: Any) -> None:
        """The event is there once more, as after a batch that was given up and put back: with another place in the stream."""
        made = Entry(**{name: getattr(entry, name) for name in Entry.__struct_fields__} | changed)
        self.number += 1
        made.sequence, made.arrived_ms = str(10**20 + self.number), entry.arrived_ms + after_ms
        self.again.append(made)

    def write(self, folder: Path, prefix: str = "") -> Path:
        """All of it below ``folder``, in units as the processor has them."""
        for lane, taken in ((LANES[0], self.entries), (LANES[1], self.again)):
            entries = sorted(taken, key=lambda each: each.arrived_ms)
            for start in range(0, len(entries), 700):
                for item in archive.objects(entries[start : start + 700], [], lane):
                    path = folder / prefix / item.key
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(item.body or b"")
        return folder

    # --- what is in it --------------------------------------------------------------------------------------------------

    def counted(self, phase: int = 1) -> list[Entry]:
        """Each event once, as it came last, if it counts in the phase."""
        last: dict[str, Entry] = {}
        for entry in sorted(self.entries + self.again, key=lambda each: (each.arrived_ms, int(each.sequence))):
            assert entry.event is not None
            if entry.event.experiment_id == self.experiment:
                last[entry.event.event_id] = entry
        return [entry for entry in last.values() if is_countable(entry) and entry.phase == phase and not entry.why]

    def by_counters(self, phase: int = 1, until: int = NOW) -> dict[str, dict[str, Totals]]:
        """What the counters have of these events, by the processor's own arithmetic."""
        counts = aggregate.Counts()
        for entry in self.counted(phase):
            if entry.at_ms < until:
                entry.group = aggregate.group_of(entry)
                counts.add(entry)
        found: dict[str, dict[str, Totals]] = {}
        items: dict[tuple[str, str], dict[str, Any]] = {}
        for (_, variant, event_type, _, _), increment in counts.groups.items():
            item = items.setdefault((variant, event_type), {"events": 0, "sketch": new(), "sums": {}})
            item["events"] += increment.events
            for user in increment.users:
                item["sketch"].update(user)
            for name, sums in increment.numbers.items():
                item["sums"].setdefault(name, aggregate.Sums()).add(sums)
        for (variant, event_type), item in items.items():
            metrics = {
                name: Moments(int(texts[0]), Decimal(texts[1]), Decimal(texts[2]))
                for name, texts in ((name, aggregate.texts_of(sums)) for name, sums in item["sums"].items())
            }
            found.setdefault(variant, {})[event_type] = Totals(item["events"], item["sketch"], metrics)
        return found

    def users(self, variant: str, event_type: str, phase: int = 1, until: int = NOW) -> set[str]:
        """Whoever had such an event."""
        return {
            entry.event.user_id
            for entry in self.counted(phase)
            if entry.event is not None
            and entry.variant == variant
            and entry.event.event_type == event_type
            and entry.at_ms < until
        }

    def sums(self, variant: str, event_type: str, name: str, phase: int = 1, until: int = NOW) -> dict[str, int]:
        """Of each exposed user: the sum of a number in millionths, 0 for who has none."""
        found = dict.fromkeys(self.users(variant, EXPOSURE, phase, until), 0)
        for entry in self.counted(phase):
            event = entry.event
            if event is None or entry.variant != variant or event.event_type != event_type or entry.at_ms >= until:
                continue
            value = (event.properties or {}).get(name)
            if type(value) in (int, float) and abs(value) <= 1e9 and event.user_id in found:
                found[event.user_id] += round(value * 1_000_000)
        return found


def known(phases: Iterable[Phase] = (PHASE,), phase: Phase | None = PHASE, experiment: Experiment = EXPERIMENT) -> Any:
    """The counters' document, of which only the experiment and the phases matter."""
    return document(experiment, list(phases), phase, {}, NOW)


def shop(users: int = 900, seed: int = 5, days: int = 8, experiment: str = "exp_1") -> Ledger:
    """An experiment with everything that can be strange in it: see the comments."""
    ledger, dice = Ledger(experiment), random.Random(seed)
    for number in range(users):
        user, variant = f"user-{number}", ("control", "treatment")[number % 2]
        seen = START + dice.randrange(days * DAY_MS - DAY_MS)
        about: dict[str, Any] = {"variant": variant, "assigned_ms": seen}
        if number % 17:  # of every seventeenth the exposure was lost
            late = DAY_MS if number % 19 == 3 else 0  # of some it came after what they bought
            ledger.add(user, EXPOSURE, seen + late, {"variant": variant}, **about)
        for _ in range(dice.choice((0, 0, 1, 1, 2, 9))):  # some buy again and again
            at = seen + dice.randrange(DAY_MS)
            bought = {"revenue": round(dice.lognormvariate(3, 1), 2), "items": dice.randrange(9), "gift": dice.random() < 0.1}
            if dice.random() < 0.05:
                bought |= {"revenue": dice.choice(("12.5", None, True, [1], 2e9, -3.5, 0.0000005, 1e-300, 5e8))}
            if dice.random() < 0.05:  # names that nobody adds up, and one that somebody may
                bought |= {"a/b": 1, "$.x['y']": 2, "ü": 3, "": 4, "x" * 65: 5, "_.:-": 0.1}
            ledger.add(user, "purchase", at, bought, **about)
        if number % 7 == 0:
            ledger.add(user, "visit", seen + 5, None, **about)
            ledger.add(user, "purchase", seen - 5_000, {"revenue": 1e6}, **about)  # before the assignment
            ledger.add(user, "purchase", seen - 400, {"revenue": 0.25}, **about)  # within its second
        if number % 11 == 0:
            lost = ledger.add(user, "purchase", seen + 9, {"revenue": 1e3}, variant=None)  # of nobody's variant
            if number % 2:  # whose assignment was known when it was put back
                ledger.redriven(lost, **about)
            ledger.add(user, "purchase", seen + 9, {"revenue": 1e6}, experiment="exp_2", **about)
            ledger.add(user, "purchase", seen + 9, {"revenue": 7}, phase=2, **about)
        if number % 13 == 0:
            ledger.add(user, "purchase", START + 3, {"revenue": 1e6}, why="too_old", **about)  # in quarantine
    both: dict[str, Any] = {"variant": "treatment", "assigned_ms": START + 9}
    ledger.add("user-0", EXPOSURE, START + 9, {"variant": "treatment"}, **both | {"variant": "control"})
    ledger.add("user-0", EXPOSURE, START + 9, {"variant": "treatment"}, **both)
    ledger.add("user-0", "purchase", START + 99, {"revenue": 3}, **both)
    for entry in dice.sample([each for each in ledger.entries if not each.why], 200):
        ledger.redriven(entry, dice.randrange(1, 3 * HOUR_MS))
    return ledger
