"""What a month costs: from the durations that were measured, the table of functions, and AWS's list prices. No CDK here.

Every figure is a ``Line``: so many units of one price. docs/cost.md is made of them (``python -m scripts.cost``), and
tests/infra/test_cost.py holds them to requirements CST-01 to CST-05. What is assumed is in prices.toml, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

from handlers import _sketches
from handlers._counters import WINDOWS
from handlers._sync_settings import KEY_SECONDS
from infra.functions import FUNCTIONS, Function, function
from infra.measured import API_TEMPLATE, Measured, measured, template
from infra.prices import Prices, prices
from infra.stages import PROD, Stage

SECONDS = 30 * 86_400  # of the month that all of this is about
HOURS = SECONDS / 3_600
GB = 1e9
KB = 1024
FLAGS_A_REQUEST = 100  # of a bulk or batch request, as measured
LONGEST_HELD_S = 10  # a line at least so often, while requests come (docs/telemetry.md)
LOOK_S = 4.5  # the mean time between two looks at the store: 5 s less 0 to 20 %
OF_ITEM = 300  # bytes of keys, numbers and names beside what a counter or a list of ids holds
LAMBDA = "Lambda"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a bill: so much of one price."""

    service: str
    what: str
    amount: float
    price: str
    usd: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's, of one kind of traffic."""

    what: str
    lines: tuple[Line, ...]

    def usd(self, service: str | None = None) -> float:
        """Dollars in all, or of one service."""
        return sum(line.usd for line in self.lines if service in (None, line.service))

    def services(self) -> dict[str, float]:
        """Dollars by service, in the order of the lines."""
        return {name: self.usd(name) for name in dict.fromkeys(line.service for line in self.lines)}


@dataclass(frozen=True, slots=True)
class Deployed:
    """How functions are deployed, as far as it costs something. The defaults are those of the table and the golden template.

    ``log_rate``: BURGEE_LOG_RATE; ``platform_lines``: whether Lambda's START, END and REPORT are kept; ``traced``: X-Ray;
    ``tracked``: the share of users whose evaluations become events; ``x86``, ``memory_mb``, ``extra_ms``: for comparisons.
    """

    log_rate: float = 0.01
    platform_lines: bool = field(default_factory=lambda: template().platform_lines)
    traced: bool = field(default_factory=lambda: template().traced)
    tracked: float = field(default_factory=lambda: prices().given("tracked"))
    x86: bool = False
    memory_mb: int | None = None
    extra_ms: float = 0.0


class Model:
    """Bills of traffic, with one set of prices, measurements and settings."""

    def __init__(
        self,
        deployed: Deployed | None = None,
        *,
        known: Prices | None = None,
        times: Measured | None = None,
        stage: Stage = PROD,
    ) -> None:
        self.deployed = deployed or Deployed()
        self.prices = known or prices()
        self.times = times or measured()
        self.stage = stage

    # --- durations --------------------------------------------------------------------------------------------------------

    def memory_mb(self, row: Function) -> int:
        """The function's memory, unless a comparison has another."""
        return self.deployed.memory_mb or row.memory_mb

    def billed_ms(self, processor_ms: float, waits_ms: float, memory_mb: float) -> int:
        """What Lambda bills for a request: waiting as it is, a processor's time by the share of one that the memory brings."""
        share = min(1.0, memory_mb / self.prices.at_most("lambda-cpu-mb"))
        return max(1, ceil(waits_ms + processor_ms * self.prices.given("slower") / share + self.deployed.extra_ms))

    def flag_billed_ms(self) -> int:
        """A request for one flag, nothing tracked."""
        return self.billed_ms(self.times.flag_ms, 0, self.memory_mb(function("flags")))

    def event_billed_ms(self, records: float) -> int:
        """A batch of the event processor: as the model says, or as it was measured, whichever is more."""
        share = records / self.times.event_records
        waits = self.times.event_calls * self.prices.given("call-ms")
        reckoned = self.billed_ms(self.times.event_batch_ms * share, waits, self.memory_mb(function("events")))
        return max(reckoned, ceil(self.times.event_wall_ms * share))

    # --- parts of bills ---------------------------------------------------------------------------------------------------

    def line(self, service: str, what: str, amount: float, price: str) -> Line:
        """A row."""
        return Line(service, what, amount, price, self.prices.usd(price, amount))

    def invocations(self, row: Function, requests: float, billed_ms: float, seldom_ms: float = 0.0) -> list[Line]:
        """Requests and time. ``seldom_ms``: milliseconds a request that only some requests have, on the average."""
        gigabytes = self.memory_mb(row) / KB
        price = "lambda-x86" if self.deployed.x86 else "lambda-arm64"
        what = f"{row.name}: {billed_ms:g} ms at {self.memory_mb(row)} MB" + (
            f", {seldom_ms:.2g} ms now and then" if seldom_ms else ""
        )
        return [
            self.line(LAMBDA, f"{row.name}: requests", requests, "lambda-requests"),
            self.line(LAMBDA, what, requests * (billed_ms + seldom_ms) / 1e3 * gigabytes, price),
        ]

    def sandboxes(self, requests: float, billed_ms: float) -> int:
        """How many sandboxes the busiest minute needs; never fewer than are always ready."""
        busiest = requests / SECONDS * self.prices.given("peak")
        return max(self.stage.warm, ceil(busiest * billed_ms / 1e3))

    def looks(self, row: Function, requests: float, sandboxes: int) -> list[Line]:
        """Looks at the store: one every few seconds and sandbox, and never more than there are requests."""
        looks = min(requests, sandboxes * SECONDS / LOOK_S)
        seconds = looks * self.prices.given("get-ms") / 1e3 * self.memory_mb(row) / KB
        return [
            self.line("S3", f"{row.name}: looks at the store", looks, "s3-get"),
            self.line(
                LAMBDA, f"{row.name}: waiting for the store", seconds, "lambda-x86" if self.deployed.x86 else "lambda-arm64"
            ),
        ]

    def logged(self, row: Function, requests: float, sandboxes: int) -> list[Line]:
        """Lines of ours, Lambda's own, and traces."""
        given = self.prices.given
        if self.deployed.log_rate == 1:
            entries, size = requests, given("line-bytes")
        else:
            least = min(requests, sandboxes * SECONDS / LONGEST_HELD_S)
            entries, size = max(requests * given("lines-a-request"), least), given("held-line-bytes")
        found = [self.line("CloudWatch", f"{row.name}: log lines", entries * (size + given("entry-bytes")) / GB, "logs")]
        if self.deployed.platform_lines:
            found.append(
                self.line("CloudWatch", f"{row.name}: Lambda's own lines", requests * given("platform-bytes") / GB, "logs")
            )
        if self.deployed.traced:
            first = min(requests, SECONDS)
            traces = first + (requests - first) * given("traced")
            found.append(self.line("X-Ray", f"{row.name}: traces", traces, "traces"))
        return found

    def request(
        self, row: Function, requests: float, processor_ms: float, waits_ms: float, seldom_ms: float = 0.0
    ) -> list[Line]:
        """What any request of an edge function brings with it."""
        billed = self.billed_ms(processor_ms, waits_ms, self.memory_mb(row))
        sandboxes = self.sandboxes(requests, billed + seldom_ms)
        looks = self.looks(row, requests, sandboxes) if "BURGEE_STORE" in row.environment else []
        return [*self.invocations(row, requests, billed, seldom_ms), *looks, *self.logged(row, requests, sandboxes)]

    def answers(self, requests: float, size: float) -> Line:
        """Responses, out to the internet."""
        return self.line("transfer", "responses", requests * size / GB, "transfer")

    # --- traffic ----------------------------------------------------------------------------------------------------------

    def single(self, evaluations: float) -> Bill:
        """One flag a request, and the events of the share that is tracked."""
        tracked = self.deployed.tracked
        lines = self.request(function("flags"), evaluations, self.times.flag_ms, 0, tracked * self.prices.given("flush-ms"))
        lines.append(self.answers(evaluations, self.prices.given("answer-bytes")))
        return Bill("one flag a request", (*lines, *self.streamed(evaluations * tracked)))

    def bulk(self, evaluations: float) -> Bill:
        """OFREP's bulk answer: 100 flags a request. Nothing is tracked, since nobody knows which of them are looked at."""
        requests = evaluations / FLAGS_A_REQUEST
        size = self.prices.given("answer-bytes") + 100 * FLAGS_A_REQUEST
        lines = self.request(function("flags"), requests, self.times.bulk_ms, 0)
        return Bill("OFREP bulk, 100 flags a request", (*lines, self.answers(requests, size)))

    def batch(self, evaluations: float) -> Bill:
        """100 flags by key in a request, each tracked for the share of users that is."""
        requests, tracked = evaluations / FLAGS_A_REQUEST, self.deployed.tracked
        size = self.prices.given("answer-bytes") + 100 * FLAGS_A_REQUEST
        lines = self.request(function("flags"), requests, self.times.batch_ms, 0, tracked * self.prices.given("flush-ms"))
        lines.append(self.answers(requests, size))
        return Bill("batch, 100 flags a request", (*lines, *self.streamed(evaluations * tracked)))

    def assignments(self, requests: float) -> Bill:
        """Assignments to one experiment a request; each is an event, and each that the sandbox doesn't remember a write."""
        given, row = self.prices.given, function("assignments")
        first = requests * given("first-assignments")
        writes = first + (requests - first) * (1 - given("sandbox-hits"))
        waits = given("flush-ms") + writes / requests * given("call-ms")
        lines = self.request(row, requests, self.times.assignment_ms, waits)
        # A conditional write that finds the item there is a write all the same.
        lines.append(self.line("DynamoDB", "assignments", writes * ceil(given("item-bytes") / KB), "dynamodb-writes"))
        lines.append(
            self.line("DynamoDB", "a month's new assignments, kept", first * given("item-bytes") / GB, "dynamodb-storage")
        )
        lines.append(self.answers(requests, given("answer-bytes")))
        return Bill("assignments", (*lines, *self.streamed(requests)))

    def events(self, events: float, a_request: float = 1) -> Bill:
        """Events over HTTP, so many a request, into the stream and through the processor."""
        given, row = self.prices.given, function("ingest")
        requests = events / a_request
        processor = self.times.runtime_ms + given("ingest-event-us") * a_request / 1e3
        lines = self.request(row, requests, processor, given("call-ms"))
        lines.append(self.answers(requests, given("answer-bytes")))
        return Bill(f"events, {a_request:g} a request", (*lines, *self.streamed(events)))

    def front_door(self, requests: float) -> Bill:
        """What an HTTP API before the functions costs on top: requests, a line of its log for each, its alarms."""
        given = self.prices.given
        return Bill(
            "an HTTP API before the functions",
            (
                self.line("API Gateway", "requests", requests, "http-api"),
                self.line(
                    "CloudWatch", "access log", requests * (given("access-line-bytes") + given("entry-bytes")) / GB, "logs"
                ),
                self.line("CloudWatch", "metrics that its alarms look at", template(API_TEMPLATE).alarms, "alarms"),
            ),
        )

    # --- behind the stream ------------------------------------------------------------------------------------------------

    def streamed(self, events: float, shards: int | None = None) -> list[Line]:
        """What events cost once they are on their way: the stream, the processor, its table and its archive.

        ``shards``: so many, provisioned; None for a stream on demand. The stream's own hours are the standing bill's.
        """
        if not events:
            return []
        given, row = self.prices.given, function("events")
        size = ceil(given("event-bytes") / KB) * KB * events / GB
        kept = size * max(0.0, self.stage.stream_hours / 24 - 1) / 30  # in the stream at any time, after the first day
        batches = self.batches(events, shards)
        records = events / batches
        batch = self.invocations(row, batches, self.event_billed_ms(records))
        users = min(given("users-a-counter"), events)
        stream = [
            self.line("Kinesis", "in", size, "kinesis-in"),
            self.line("Kinesis", "out", size, "kinesis-out"),
            self.line("Kinesis", "kept for redrives", kept, "kinesis-kept"),
        ]
        if shards is not None:  # a day's retention
            stream = [
                self.line("Kinesis", "shards", shards * HOURS, "kinesis-shard"),
                self.line("Kinesis", "put", events, "kinesis-put"),
            ]
        return [
            *stream,
            *batch,
            *self.logged(row, batches, 1)[1:],  # its own line a batch comes next
            self.line("CloudWatch", f"{row.name}: a line a batch", batches * given("held-line-bytes") / GB, "logs"),
            self.line("DynamoDB", "counters, ids, lanes", batches * self.units_a_batch(records, users), "dynamodb-writes"),
            self.line("S3", "archive: objects", batches, "s3-put"),
            self.line(
                "S3", "archive: a month's events, kept", events * given("event-bytes") * given("packed") / GB, "s3-storage"
            ),
        ]

    def batches(self, events: float, shards: int | None = None) -> float:
        """Invocations of the processor: each shard's records of a second make one, or more when there are many."""
        if shards is None:
            shards = max(int(self.prices.given("shards")), self.shards_for(events))
        return max(events / self.prices.given("events-a-batch"), min(events, SECONDS * shards))

    def shards_for(self, events: float) -> int:
        """How many shards the busiest minute of a month with so many events needs."""
        return ceil(events / SECONDS * self.prices.given("peak") / self.prices.at_most("shard-records"))

    def units_a_batch(self, records: float, users: float) -> float:
        """Write units of a batch: the lane is opened, and everything else is one transaction (handlers/events/commit.py).

        Each counter is written whole, whether one event of the batch is in it or a hundred.
        """
        variants = self.prices.given("variants")
        # How many variants the batch's events belong to, on the average.
        met: float = variants * (1 - (1 - 1 / variants) ** records)
        counter = transaction_units(sketch_bytes(int(users)) + OF_ITEM)
        ids = transaction_units(8 * ceil(records) + OF_ITEM)
        return 1 + transaction_units(OF_ITEM) + len(WINDOWS) * met * counter + ids

    # --- what is there without traffic ------------------------------------------------------------------------------------

    def standing(self) -> Bill:
        """What a platform costs that nobody asks."""
        given, kind = self.prices.given, "lambda-x86-provisioned" if self.deployed.x86 else "lambda-arm64-provisioned"
        there = template()
        warm = sum(self.stage.warm * self.memory_mb(row) / KB for row in FUNCTIONS if row.start == "provisioned")
        minutes = SECONDS / 60
        sync, results = function("sync"), function("results")
        sync_ms = self.billed_ms(self.times.sync_ms, 0, sync.memory_mb)
        lines = [
            self.line(LAMBDA, f"{self.stage.warm} warm sandboxes of each provisioned function", warm * SECONDS, kind),
            *self.invocations(sync, minutes, sync_ms),
            *self.invocations(results, minutes, given("results-ms")),
            self.line("DynamoDB", "reads of the schedules", minutes * (given("looked-at-units") + 400), "dynamodb-reads"),
            self.line("Kinesis", "the stream", HOURS, "kinesis-stream"),
            self.line("CloudWatch", "metrics", given("metrics"), "metrics"),
            self.line("CloudWatch", "metrics that alarms look at", there.alarms, "alarms"),
            self.line("CloudWatch", "dashboards", there.dashboards, "dashboards"),
            self.line("KMS", "keys of our own", there.keys, "keys"),
        ]
        return Bill("standing", tuple(lines))

    def options(self) -> Bill:
        """What settings of a deployment add to that; of warm sandboxes one. Endpoints as the golden template has them."""
        minutes = f"{KEY_SECONDS / 60:g} minutes"
        size = function("flags").memory_mb
        lines = [
            self.line("Secrets Manager", "`signing-secret-arn`: the secret", 1, "secrets"),
            self.line("Secrets Manager", f"`signing-secret-arn`: read every {minutes}", SECONDS / KEY_SECONDS, "secret-calls"),
            self.line(
                "VPC", "`mirror` with `endpoints`: each in each zone", template().endpoint_zones * HOURS, "endpoint-hours"
            ),
            self.line(LAMBDA, f"`warm`: one more of {size} MB", size / KB * SECONDS, "lambda-arm64-provisioned"),
        ]
        return Bill("settings", tuple(lines))


def transaction_units(size: float) -> int:
    """Write units of an item of so many bytes in a transaction."""
    return 2 * ceil(size / KB)


def sketch_bytes(users: int) -> int:
    """How large a counter's sketch is with so many distinct users: made, and measured. From 3,000 on it doesn't grow."""
    sketch = _sketches.new()
    for number in range(min(users, 10_000)):
        sketch.update(f"user-{number}")
    return len(_sketches.write(sketch))


def saving(ours: float, baseline: float) -> float:
    """1 - ours / baseline (requirement CST-02)."""
    return 1 - ours / baseline


def together(what: str, bills: Iterable[Bill]) -> Bill:
    """One bill of several."""
    return Bill(what, tuple(line for bill in bills for line in bill.lines))
