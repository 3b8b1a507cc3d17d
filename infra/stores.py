"""The one table of stores: what lies where, under which keys, for how long. No CDK here.

Keys and attributes are those of the code that reads and writes the table, imported from there and never typed again
(requirement INF-02). ``infra.functions`` has the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config_sync.sources import tables
from handlers import _assignment_store, _counters
from infra import functions as names

StreamView = Literal["KEYS_ONLY", "NEW_AND_OLD_IMAGES"]
QUEUE_DAYS = 14  # the longest that SQS keeps a message; the processor remembers events for as long (docs/decisions/0014)
MOST_RECEIVED = 5  # how often a message is read in vain before it goes to the dead letters


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table: on demand, encrypted, with point-in-time recovery. ``keys``: partition key, and sort key if any."""

    name: str
    what: str
    keys: tuple[str, ...]
    ttl: str = ""
    stream: StreamView | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue. ``dead_letters``: where a message goes that was received too often; None for one that ends the way."""

    name: str
    what: str
    dead_letters: str | None = None
    optional: bool = False


def _of_definition() -> tuple[str, ...]:
    """The keys of the table of counters, in their order."""
    kinds = {each["KeyType"]: each["AttributeName"] for each in _counters.DEFINITION["KeySchema"]}
    return kinds["HASH"], kinds["RANGE"]


_CONFIGURATION = {
    names.FLAGS: "flags, an item each",
    names.EXPERIMENTS: "experiments, an item each",
    names.SEGMENTS: "segments that flags and experiments name",
    names.LAYERS: "layers and holdouts",
}

TABLES: tuple[Table, ...] = (
    # Whoever is told of a change reads the whole table, so the keys will do in the stream.
    *(Table(name, what, (tables.KEY,), stream="KEYS_ONLY") for name, what in _CONFIGURATION.items()),
    Table(
        names.ASSIGNMENTS,
        "who is in which variant, for as long as the experiment runs",
        _assignment_store.KEY,
        _assignment_store.TTL,
        "NEW_AND_OLD_IMAGES",  # the mirror needs both (docs/assignment-mirror.md)
    ),
    Table(names.COUNTERS, "counters, lanes, ids that were seen, phases, looks", _of_definition(), _counters.TTL),
)

OUTBOX_DEAD = "assignments-outbox-dead"
QUEUES: tuple[Queue, ...] = (
    Queue(names.OUTBOX, "assignments that could not be stored: burgee replay-assignments", OUTBOX_DEAD),
    Queue(OUTBOX_DEAD, "what of the outbox can't be read"),
    Queue(names.POISON, "records of the stream that are no events: burgee redrive"),
    Queue(names.EVENTS_FAILURES, "batches of events that Lambda gave up: burgee redrive"),
    Queue(names.SYNC_FAILURES, "changes that the sync gave up; the schedule makes good"),
    Queue(names.RESULTS_FAILURES, "looks at results that failed; the next minute looks again"),
    Queue(names.MIRROR_POISON, "changes of assignments that nothing can mirror", optional=True),
    Queue(names.MIRROR_FAILURES, "changes of assignments that Lambda gave up", optional=True),
)

BUCKETS = {
    names.SNAPSHOTS: "versions of the compiled flags (docs/store.md)",
    names.LAKE: "the archive of events, its quarantine, and records too large for a message",
}
