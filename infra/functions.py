"""The one table of functions. Whoever deploys, bundles, documents or draws a Lambda function reads it here.

Nothing here knows of CDK or of a module of ours: the bundles are made from it too. Stores are named as ``infra.stores`` names
them. What a function may import on its cold path is not here but in ``tests/architecture/layers.toml`` (``cold``), and a test
holds that every ``hot`` function has its entry there. docs/deployment.md has the table of permissions made from this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# --- the stores' names (infra.stores says what each is) ------------------------------------------------------------------

FLAGS, EXPERIMENTS, SEGMENTS, LAYERS = CONFIGURATION = ("flags", "experiments", "segments", "layers")
ASSIGNMENTS, COUNTERS = "assignments", "counters"
SNAPSHOTS, LAKE = "snapshots", "lake"
STREAM = "events"
OUTBOX, POISON, MIRROR_POISON = "assignments-outbox", "events-poison", "assignment-mirror-poison"
SYNC_FAILURES, EVENTS_FAILURES = "config-sync-failures", "events-failures"
MIRROR_FAILURES, RESULTS_FAILURES = "assignment-mirror-failures", "results-failures"
DATABASE, SIGNING_KEY = SECRETS = ("database", "signing-key")
"""Secrets that a deployment names in its settings. Without one, who needs it isn't told of it and has no permission."""

PREFIX = "live"
"""Below it in the bucket of snapshots is the store (docs/store.md)."""
DEAD_LETTERS = "dead-letters"
"""Below it in the data lake are records that are too large for a message."""

AUTH = "BURGEE_AUTH"
"""Who may ask: the function's own check (docs/security.md). A deployment may change it: ``Settings.asks_for``."""

Auth = Literal["iam", "api-key"]
Start = Literal["plain", "snap-start", "provisioned"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A variable's value that is known when the store is made. ``what``: its name, a queue's URL, or a store's place in S3."""

    store: str
    what: Literal["name", "url", "place"] = "name"


@dataclass(frozen=True, slots=True)
class Given:
    """A variable's value that whoever deploys gives (``-c NAME=…``). Left out of the environment while it is empty."""

    name: str


Value = Ref | Given | str


@dataclass(frozen=True, slots=True)
class Needs:
    """Actions that are permitted on one store.

    ``part``: of a bucket the pattern of its objects' keys; of a table its ``stream``; empty: the store itself.
    """

    store: str
    actions: tuple[str, ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """An event source mapping. ``store``: the stream, or the table whose stream it is. Ages and windows in seconds.

    ``retries`` -1: without end. ``parallel``: batches of one shard at a time; 1 keeps a shard's order, and the event processor
    needs it (docs/decisions/0014-counted-once.md). Every mapping reports batch item failures.
    """

    store: str
    failures: str
    batch_size: int = 500
    window_s: int = 1
    bisect: bool = True
    retries: int = 10
    max_age_s: int = 21_600
    start: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function.

    ``service``: the dimension of its metrics. ``extras``: distributions that its bundle has besides our own packages, and what
    those need themselves (docs/bundles.md). ``reserved``: concurrency in production. ``start`` and ``why``: what is done about
    cold starts, and the reason. ``url``: who may call its URL; None for no URL. ``failures``: the queue for what an
    asynchronous invocation gave up. ``every_minutes``: the schedule's. ``p99_ms``: the target of one invocation (requirement
    PRF-01). ``hot``: somebody waits for its cold start. ``optional``: deployed only where the deployment asks for it; ``vpc``:
    in a network of its own.
    """

    name: str
    handler: str
    what: str
    service: str
    memory_mb: int
    timeout_s: int
    reserved: int
    start: Start
    why: str
    needs: tuple[Needs, ...]
    environment: Mapping[str, Value] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    url: Auth | None = None
    sources: tuple[Source, ...] = ()
    every_minutes: int | None = None
    failures: str | None = None
    p99_ms: int | None = None
    hot: bool = False
    optional: bool = False
    vpc: bool = False

    @property
    def module(self) -> str:
        """What the handler is imported from; the bundle is its import closure."""
        return self.handler.rpartition(".")[0]

    @property
    def permissions(self) -> tuple[Needs, ...]:
        """All that it may do with stores: its own needs, and what Lambda does in its name for mappings and failures."""
        found = list(self.needs)
        for source in self.sources:
            is_table = source.store != STREAM
            found.append(Needs(source.store, READ_TABLE_STREAM if is_table else READ_STREAM, "stream" if is_table else ""))
            found.append(Needs(source.failures, SEND))
        if self.failures is not None:
            found.append(Needs(self.failures, SEND))
        return tuple(dict.fromkeys(found))


READ_STREAM = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
READ_TABLE_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
SEND = ("sqs:SendMessage",)

# Who follows the store reads its objects; without ListBucket S3 answers 403 for what isn't there (docs/store.md, section 7).
FOLLOW = (Needs(SNAPSHOTS, ("s3:GetObject",), f"{PREFIX}/*"), Needs(SNAPSHOTS, ("s3:ListBucket",)))
TRACK = (Needs(STREAM, ("kinesis:PutRecords",)),)

_STORE: Mapping[str, Value] = {"BURGEE_STORE": Ref(SNAPSHOTS, "place")}
# Who follows takes only signed versions where keys are given (docs/store.md, section 6).
_FOLLOWED: Mapping[str, Value] = {**_STORE, "BURGEE_PUBLIC_KEYS": Given("public-keys")}
# One line in a hundred is written at 100 million requests a month; counts don't need lines (docs/telemetry.md).
_LINES: Mapping[str, Value] = {"BURGEE_LOG_RATE": "0.01", "BURGEE_LOG_SALT": Given("log-salt")}
_KEYS: Mapping[str, Value] = {
    AUTH: "api-key",
    "BURGEE_API_KEY_DIGESTS": Given("api-key-digests"),
    "BURGEE_ALLOW_ORIGINS": Given("allow-origins"),
}

_EDGE = "it answers people; its own part of a cold start is a few milliseconds, so that a snapshot would save nothing"
_BEHIND = "nobody waits for its cold start"

FUNCTIONS: tuple[Function, ...] = (
    Function(
        "flags",
        "handlers.flags.handler",
        "answers flags: one, a batch, and OFREP",
        "burgee-flags",
        memory_mb=512,
        timeout_s=5,
        reserved=300,
        start="provisioned",
        why=_EDGE,
        needs=FOLLOW + TRACK,
        environment={
            **_FOLLOWED,
            **_LINES,
            **_KEYS,
            "KINESIS_STREAM_NAME": Ref(STREAM),
            "BURGEE_TRACKING_RATE": "0.01",  # of users; decision 12 has what all of them would cost
        },
        extras=("mmh3",),
        url="api-key",
        p99_ms=40,
        hot=True,
    ),
    Function(
        "assignments",
        "handlers.assignments.handler",
        "assigns users to experiments, once",
        "burgee-assignments",
        memory_mb=512,
        timeout_s=5,
        reserved=300,
        start="provisioned",
        why=_EDGE,
        needs=(
            *FOLLOW,
            *TRACK,
            Needs(ASSIGNMENTS, ("dynamodb:GetItem", "dynamodb:PutItem")),
            Needs(OUTBOX, SEND),
        ),
        environment={
            **_FOLLOWED,
            **_LINES,
            **_KEYS,
            "ASSIGNMENTS_TABLE": Ref(ASSIGNMENTS),
            "BURGEE_OUTBOX_URL": Ref(OUTBOX, "url"),
            "KINESIS_STREAM_NAME": Ref(STREAM),
        },
        extras=("mmh3",),
        url="api-key",
        p99_ms=50,
        hot=True,
    ),
    Function(
        "ingest",
        "handlers.ingest.handler",
        "takes events and puts them into the stream",
        "burgee-ingest",
        memory_mb=512,
        timeout_s=5,
        reserved=100,
        start="provisioned",
        why="it answers people, and a client that gives up loses its events",
        needs=TRACK,
        environment={**_LINES, **_KEYS, "KINESIS_STREAM_NAME": Ref(STREAM)},
        extras=("mmh3", "msgspec"),
        url="api-key",
        hot=True,
    ),
    Function(
        "events",
        "handlers.events.handler",
        "counts and archives events, each once",
        "burgee-events",
        memory_mb=1024,
        timeout_s=60,
        reserved=100,
        start="plain",
        why=_BEHIND,
        needs=(
            *FOLLOW,
            Needs(
                COUNTERS,
                ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
            ),
            Needs(ASSIGNMENTS, ("dynamodb:BatchGetItem",)),
            Needs(LAKE, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), "year=*"),
            Needs(LAKE, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"), "errors/*"),
            Needs(LAKE, ("s3:PutObject",), f"{DEAD_LETTERS}/*"),
            Needs(LAKE, ("s3:ListBucket",)),
            Needs(POISON, SEND),
        ),
        environment={
            **_FOLLOWED,
            "S3_BUCKET": Ref(LAKE),
            "DYNAMODB_TABLE": Ref(COUNTERS),
            "ASSIGNMENTS_TABLE": Ref(ASSIGNMENTS),
            "DLQ_URL": Ref(POISON, "url"),
            "DLQ_BUCKET": Ref(LAKE),
        },
        extras=("aws-lambda-powertools", "boto3", "cryptography", "datasketches", "mmh3", "msgspec"),
        sources=(Source(STREAM, EVENTS_FAILURES),),
        p99_ms=100,
    ),
    Function(
        "results",
        "handlers.results.handler",
        "says how experiments do, and keeps what it sees",
        "burgee-results",
        memory_mb=512,
        timeout_s=30,
        reserved=10,
        start="snap-start",
        why="it imports boto3 and numpy, and is asked seldom: a snapshot costs less than warm sandboxes",
        needs=(*FOLLOW, Needs(COUNTERS, ("dynamodb:PutItem", "dynamodb:Query"))),
        environment={**_FOLLOWED, AUTH: "iam", "DYNAMODB_TABLE": Ref(COUNTERS)},
        extras=("boto3", "cryptography", "datasketches", "mmh3"),
        url="iam",
        every_minutes=1,
        failures=RESULTS_FAILURES,
    ),
    Function(
        "sync",
        "handlers.sync.handler",
        "compiles the tables and publishes a version",
        "burgee-sync",
        memory_mb=1769,  # one processor: compiling 5,000 flags takes 3 s of it (docs/sync.md)
        timeout_s=60,
        reserved=2,
        start="plain",
        why=_BEHIND,
        needs=(
            *(Needs(table, ("dynamodb:Scan",)) for table in CONFIGURATION),
            Needs(SNAPSHOTS, ("s3:GetObject", "s3:PutObject"), f"{PREFIX}/*"),
            Needs(SNAPSHOTS, ("s3:ListBucket",)),
            Needs(SIGNING_KEY, ("secretsmanager:GetSecretValue",)),
        ),
        environment={
            **_STORE,
            "BURGEE_SIGNING_KEY_SECRET": Ref(SIGNING_KEY),
            "FLAGS_TABLE": Ref(FLAGS),
            "EXPERIMENTS_TABLE": Ref(EXPERIMENTS),
            "SEGMENTS_TABLE": Ref(SEGMENTS),
            "LAYERS_TABLE": Ref(LAYERS),
        },
        extras=("PyYAML", "aws-lambda-powertools", "boto3", "cryptography", "mmh3", "msgspec", "tzdata"),
        # A record's content isn't looked at, so halving finds nothing; after five minutes the schedule has made good.
        sources=tuple(Source(table, SYNC_FAILURES, bisect=False, max_age_s=300, start="LATEST") for table in CONFIGURATION),
        every_minutes=1,
        failures=SYNC_FAILURES,
    ),
    Function(
        "mirror",
        "handlers.assignment_mirror.handler",
        "copies assignments into PostgreSQL",
        "burgee-assignment-mirror",
        memory_mb=512,
        timeout_s=60,
        reserved=10,
        start="plain",
        why=_BEHIND,
        needs=(
            Needs(DATABASE, ("secretsmanager:GetSecretValue",)),
            Needs(MIRROR_POISON, SEND),
            Needs(LAKE, ("s3:PutObject",), f"{DEAD_LETTERS}/*"),
        ),
        environment={
            "DATABASE_SECRET_ID": Ref(DATABASE),
            "DATABASE_CA_FILE": Given("database-ca-file"),
            "DLQ_URL": Ref(MIRROR_POISON, "url"),
            "DLQ_BUCKET": Ref(LAKE),
        },
        extras=("aws-lambda-powertools", "boto3", "mmh3", "psycopg[binary]"),
        # As long as the table's stream holds a record: the database comes back, and nothing may be passed over.
        sources=(Source(ASSIGNMENTS, MIRROR_FAILURES, retries=-1, max_age_s=86_400),),
        optional=True,
        vpc=True,
    ),
)


def function(name: str) -> Function:
    """The row of that name. Raises KeyError."""
    return {each.name: each for each in FUNCTIONS}[name]
