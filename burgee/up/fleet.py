"""The functions of the platform: which there are, what each is told, and which sources wake it. For ``burgee.up.platform``."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from burgee.up import resources
from burgee.up.delivery import Settings
from burgee.up.functions import Function
from burgee.up.resources import Cloud, Resources
from burgee.up.streams import DynamoDBStream, KinesisStream, Stream

# Of a table's stream. A change of a flag is nearly alone, and somebody waits for it.
CHANGES = Settings(
    batch_size=500,
    maximum_batching_window_seconds=0.2,
    starting_position="LATEST",
    report_batch_item_failures=True,
    maximum_retry_attempts=10,
    poll_seconds=0.2,
)
# Where a table is copied nothing may be passed over, and nothing given up: the database comes back.
COPIES = CHANGES._replace(starting_position="TRIM_HORIZON", bisect_batch_on_function_error=True, maximum_retry_attempts=-1)
# Of events there are many, and nobody waits: larger batches cost less. What fails is halved until the record that does it is
# alone, and given up in the end, so that a shard never stands still.
EVENTS = Settings(
    batch_size=500,
    maximum_batching_window_seconds=1,
    starting_position="TRIM_HORIZON",
    report_batch_item_failures=True,
    bisect_batch_on_function_error=True,
    maximum_retry_attempts=10,
    poll_seconds=0.2,
)
# The embedded AWS answers one request at a time, and this machine has other things to do: on AWS the defaults are enough.
PATIENCE = {
    "BURGEE_BUDGET_MS": "1000",
    "BURGEE_TRACKING_BUDGET_MS": "1500",
    "BURGEE_STORE_BUDGET_MS": "1500",
    "BURGEE_STORE_FIRST_BUDGET_MS": "2000",
    "BURGEE_INGEST_BUDGET_MS": "8000",
}


class Deployed(NamedTuple):
    """One function. ``environment``: beside what all have. ``warm``: whether a sandbox is started before it is needed."""

    handler: str
    timeout_seconds: float
    memory_mb: int
    concurrency: int
    environment: dict[str, str]
    warm: bool = True


class Source(NamedTuple):
    """What an event source mapping connects. ``name`` is for people; ``queue``: where what is given up is told."""

    name: str
    stream: Stream
    function: str
    settings: Settings
    queue: str


def deployed(made: Resources, refresh_ms: int, database: str) -> dict[str, Deployed]:
    """The functions by name, those that requests reach first.

    ``database``: the PostgreSQL that assignments are mirrored to, "" for none.
    """
    streaming = PATIENCE | {"KINESIS_STREAM_NAME": resources.STREAM}
    edge = streaming | {"BURGEE_TRACKING": "kinesis", "BURGEE_REFRESH_MS": str(refresh_ms)}
    assigning = edge | {"ASSIGNMENTS_TABLE": resources.ASSIGNMENTS, "BURGEE_OUTBOX_URL": made.queues[resources.OUTBOX]}
    counting = {
        "DYNAMODB_TABLE": resources.COUNTERS,
        "S3_BUCKET": resources.EVENTS_BUCKET,
        "ASSIGNMENTS_TABLE": resources.ASSIGNMENTS,
        "DLQ_URL": made.queues[resources.POISON],
        "DLQ_BUCKET": resources.EVENTS_BUCKET,
    }
    looking = {"DYNAMODB_TABLE": resources.COUNTERS}
    found = {
        "flags": Deployed("handlers.flags.handler", 5, 512, 8, edge | _service("flags")),
        "assignments": Deployed("handlers.assignments.handler", 5, 512, 8, assigning | _service("assignments")),
        "ingest": Deployed("handlers.ingest.handler", 10, 512, 8, streaming | _service("ingest")),
        "events": Deployed("handlers.events.handler", 60, 1024, resources.SHARDS * 2, counting),
        "results": Deployed("handlers.results.handler", 30, 512, 2, looking | _service("results"), warm=False),
        # One sandbox is enough for the sync: whatever changes meanwhile is in its next reading.
        "sync": Deployed("handlers.sync.handler", 60, 1769, 1, {}),
    }
    if database:
        mirroring = {"DATABASE_URL": database, "DLQ_URL": made.queues[resources.MIRROR_FAILURES]}
        found["mirror"] = Deployed("handlers.assignment_mirror.handler", 60, 512, 1, mirroring)
    return found


def _service(name: str) -> dict[str, str]:
    """What such a function's metrics are told apart by, as where it is deployed; the others have it in their code."""
    return {"POWERTOOLS_SERVICE_NAME": f"burgee-{name}"}


def functions(
    cloud: Cloud, made: Resources, table: dict[str, Deployed], say: Callable[[str, str], None]
) -> dict[str, Function]:
    """The functions, not yet started, in the table's order."""
    common = cloud.environment | made.environment
    found = {}
    for name, one in table.items():
        environment = common | one.environment
        found[name] = Function(
            name, one.handler, environment, one.timeout_seconds, one.memory_mb, one.concurrency, on_line=say
        )  # fmt: skip
    return found


def sources(cloud: Cloud, made: Resources, with_mirror: bool) -> Iterator[Source]:
    """What reads which stream."""
    for section, table in made.tables._asdict().items():
        stream = DynamoDBStream(cloud.streams, made.streams[table])
        yield Source(section, stream, "sync", CHANGES, resources.SYNC_FAILURES)
    if with_mirror:
        stream = DynamoDBStream(cloud.streams, made.streams[resources.ASSIGNMENTS])
        yield Source("assignments", stream, "mirror", COPIES, resources.MIRROR_FAILURES)
    yield Source("events", KinesisStream(cloud.kinesis, made.events), "events", EVENTS, resources.EVENTS_FAILURES)
