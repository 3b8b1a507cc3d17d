"""One invocation's batch, from records to what Lambda is told. For ``handlers.events``.

The stages are pure functions over the batch; what they need from elsewhere is fetched between them, a call for all events. Then
unit by unit: dead letters, archive, commit. What comes before the first unit that fails is done for good; its first record is
reported, and Lambda sends it and all that follow again (requirement EVB-03).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from handlers._counters import Phase, is_too_long
from handlers._dead_letters import Letter
from handlers._experiments import Experiment
from handlers._stream import Deadline, Record, arrived_ms, lane_of, sequence_of
from handlers.events import aggregate, archive
from handlers.events.aggregate import Keeping, group_of
from handlers.events.commit import Committer, Moved
from handlers.events.dynamodb import Transient
from handlers.events.enrich import Assignments, enrich, pairs_of
from handlers.events.lanes import Lane, Lanes
from handlers.events.model import Entry
from handlers.events.parse import parse
from handlers.events.phases import PhaseBook, phase_at
from handlers.events.settings import Settings
from handlers.events.units import DROPPED, NEW, POISON, QUARANTINED, Fate, Unit, cut
from handlers.events.validate import validate
from handlers.events.window import Window

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEAST_SECONDS = 1.0  # a unit isn't begun with less

Park = Callable[[Sequence[Letter]], set[str]]  # sends dead letters; the sequence numbers of those that nobody has taken


class Snapshot(NamedTuple):
    """What is known of experiments: by id, under which version of the store, published when (epoch milliseconds)."""

    experiments: dict[str, Experiment]
    version: int
    published_ms: int


class Outcome:
    """What became of a batch. ``failed``: the sequence number to report, None if there is none; ``why``: what failed there.

    ``letters`` and ``errors``: how many, by stage; ``stages_ms``: how long each took.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.done = 0
        self.failed: str | None = None
        self.why = ""
        self.replayed = 0  # had been done before
        self.counted = 0
        self.skipped = 0  # belong to no variant
        self.unassigned = 0  # of these, those with an experiment
        self.duplicates = 0
        self.quarantined = 0
        self.left_out = 0  # numbers that can't be added up
        self.letters: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.stages_ms: dict[str, float] = {}

    def fail(self, record: Record, stage: str, why: str) -> None:
        """This record and all after it must come again."""
        self.failed, self.why = sequence_of(record), f"{stage}: {why}"
        number = len(self._records) - self._records.index(record)
        self.errors[stage] = self.errors.get(stage, 0) + number

    def add(self, unit: Unit) -> None:
        """The unit is done."""
        self.done += len(unit.fates)
        self.counted += sum(increment.events for increment in unit.counts.groups.values())
        self.skipped += unit.counts.skipped
        self.unassigned += unit.counts.unassigned
        self.duplicates += len(unit.dropped)
        self.quarantined += unit.quarantined
        self.left_out += unit.counts.left_out
        for letter in unit.letters:
            self.letters[letter.stage] = self.letters.get(letter.stage, 0) + 1

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage."""
        started = perf_counter()
        try:
            yield
        finally:
            self.stages_ms[name] = self.stages_ms.get(name, 0.0) + (perf_counter() - started) * 1_000


class Processor(NamedTuple):
    """Everything that a container keeps between batches: made once (requirement EVH-01)."""

    settings: Settings
    lanes: Lanes
    window: Window
    assignments: Assignments
    phases: PhaseBook
    committer: Committer
    s3: "S3Client"

    @property
    def keeping(self) -> Keeping:
        """For how long counters are kept."""
        return Keeping(self.settings.hourly_s, self.settings.daily_s)

    def process(
        self,
        records: Sequence[Record],
        snapshot: Snapshot,
        owner: str,
        account: str | None,
        park: Park,
        deadline: Deadline,
    ) -> Outcome:
        """Does what can be done of one shard's records. ``owner``: this invocation's name, unlike any other's.

        ``account``: whose the bucket must be. Raises nothing of AWS's: what fails is in the outcome.
        """
        outcome = Outcome(records)
        lane_name = lane_of(records[0])
        rest: Sequence[Record] = records
        stage = "open"
        try:
            with outcome.stage("open"):
                lane = self.lanes.open(lane_name, owner)
            if int(sequence_of(records[0])) <= lane.high_water:  # a shard's records come in order
                rest = [record for record in records if int(sequence_of(record)) > lane.high_water]
            outcome.replayed = outcome.done = len(records) - len(rest)
            stage = "enrich"
            fates = _Reading(self, rest, lane, snapshot, outcome).fates()
        except (ClientError, BotoCoreError, Transient) as error:
            self.lanes.forget(lane_name)
            outcome.fail(rest[0], stage, said(error))
            return outcome
        writing = _Writing(self, rest, lane, account, park, deadline, outcome)
        try:
            all(map(writing.finish, cut(fates)))
        finally:
            if outcome.failed is not None or outcome.done < len(records):  # it isn't known how far the lane has come
                self.lanes.forget(lane_name)
        return outcome


class _Reading(NamedTuple):
    """What becomes of each record. Raises botocore's errors and Transient."""

    processor: Processor
    records: Sequence[Record]
    lane: Lane
    snapshot: Snapshot
    outcome: Outcome

    def fates(self) -> list[Fate]:
        """In the records' order."""
        processor, records, outcome = self.processor, self.records, self.outcome
        with outcome.stage("parse"):
            entries, letters = parse(records)
        with outcome.stage("validate"):
            checked = validate(entries, records, processor.settings.max_age_ms)
        with outcome.stage("window"):
            seen = processor.window.seen(self.lane, checked.valid)
            new = [entry for entry in checked.valid if entry.place not in seen] if seen else checked.valid
        with outcome.stage("enrich"):
            self._enrich(new)
        with outcome.stage("lines"):
            for entry in new + checked.quarantined:
                entry.line = archive.line(entry)
        fates = self._counted(new)
        fates += [Fate(entry.place, QUARANTINED, entry) for entry in checked.quarantined]
        fates += [Fate(entry.place, DROPPED, entry) for entry in checked.duplicates]
        fates += [Fate(entry.place, DROPPED, entry) for entry in checked.valid if entry.place in seen]
        fates += self._poisoned(letters + checked.letters)
        fates.sort(key=attrgetter("place"))
        return fates

    def _enrich(self, entries: Sequence[Entry]) -> None:
        def phase_of(experiment: Experiment, assigned_ms: int) -> int:
            phases = known.get(experiment.id)
            if phases is None:
                version, published_ms = self.snapshot.version, self.snapshot.published_ms
                phases = known[experiment.id] = self.processor.phases.of(experiment, version, published_ms)
            return phase_at(phases, assigned_ms)

        known: dict[str, list[Phase]] = {}
        enrich(entries, self.processor.assignments.of(pairs_of(entries)), self.snapshot.experiments, phase_of)
        if errors := sum(entry.enrichment_error for entry in entries):
            self.outcome.errors["enrich"] = errors

    def _counted(self, entries: Sequence[Entry]) -> list[Fate]:
        """New events, with the ``group`` they count in; those whose names are too long for the table's keys are poison."""
        for entry in entries:
            entry.group = group_of(entry)
        groups = {entry.group for entry in entries if entry.group is not None}
        keeping = self.processor.keeping
        bad = {
            group
            for group in groups
            if any(is_too_long(key) for key, _ in aggregate.keys_of(group, self.lane.name, keeping, arrived_ms=0))
        }
        if not bad:
            return [Fate(entry.place, NEW, entry) for entry in entries]
        fates = [Fate(entry.place, NEW, entry) for entry in entries if entry.group not in bad]
        why = "the ids of experiment and variant are too long for a key of the table"
        poisoned = [entry for entry in entries if entry.group in bad]
        return fates + self._poisoned([Letter(self.records[entry.place], "aggregate", why) for entry in poisoned])

    def _poisoned(self, letters: Sequence[Letter]) -> list[Fate]:
        if not letters:
            return []
        places = {sequence_of(record): place for place, record in enumerate(self.records)}
        return [Fate(places[letter.sequence], POISON, None, letter) for letter in letters]


class _Writing(NamedTuple):
    """One unit after the other."""

    processor: Processor
    records: Sequence[Record]
    lane: Lane
    account: str | None
    park: Park
    deadline: Deadline
    outcome: Outcome

    def finish(self, unit: Unit) -> bool:
        """Whether all of the unit is done, and the next may follow; if not, the outcome says where and why."""
        if self.deadline.left() < LEAST_SECONDS:  # requirement EVB-09
            return self._fail(unit.first, "deadline", "no time is left")
        if unit.letters and (unsent := self.park(unit.letters)):
            # Nobody has them, so they must come again, and all after the first of them with it.
            first = next(fate.place for fate in unit.fates if sequence_of(self.records[fate.place]) in unsent)
            if first == unit.first or self._keep(unit.until(first)):
                self._fail(first, "dead letters", "the queue took not all")
            return False
        return self._keep(unit)

    def _keep(self, unit: Unit) -> bool:
        """Archives and counts. In this order: what is counted has been archived (requirement ARC-08)."""
        processor, lane, outcome = self.processor, self.lane, self.outcome
        with outcome.stage("archive"):
            objects = archive.objects(unit.archived, unit.dropped, lane.name)
            bucket = processor.settings.bucket
            stored = archive.store(processor.s3, bucket, objects, self.account, self.deadline, self._is_owned)
        if not stored.success:
            return self._fail(unit.first, "archive", stored.error)
        last = self.records[unit.last]
        try:
            with outcome.stage("commit"):
                arrived = arrived_ms(last)
                increments = aggregate.counters(unit.counts.groups, lane.name, processor.keeping, arrived)
                left_out = processor.committer.commit(lane, sequence_of(last), arrived, increments, unit.new)
        except (ClientError, BotoCoreError, Transient, Moved) as error:
            return self._fail(unit.first, "aggregate", said(error))
        outcome.add(unit)
        outcome.left_out += left_out
        return True

    def _is_owned(self) -> bool:
        try:
            return self.processor.lanes.is_owned(self.lane)
        except (ClientError, BotoCoreError):
            return False

    def _fail(self, place: int, stage: str, why: str) -> bool:
        self.outcome.fail(self.records[place], stage, why)
        return False


def said(error: BaseException) -> str:
    """An error in a few words that are safe for logs."""
    if isinstance(error, ClientError):
        return f"{error.operation_name} {error.response['Error']['Code']}"
    return str(error) if isinstance(error, Transient) else type(error).__name__
