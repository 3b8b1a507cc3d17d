"""The faults of functions that answer people: no store, a slow one, a damaged version, no table, no stream, no room."""

import asyncio
import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from burgee.up.functions import Function
from config_sync import compile_project
from evaluator.snapshot.manifest import POINTER
from handlers import _edge, _kinesis, _log, _snapshots, ingest
from handlers._ofrep import answer
from handlers._origin import OriginError
from handlers._settings import Settings
from handlers._snapshots import Reader
from infra.alarms import KINESIS, LAMBDA
from infra.functions import FUNCTIONS, STREAM, function
from tests.handlers.assigning import assignments_table, client, experiment
from tests.handlers.ingesting import THROTTLED, Refusing, new_stream, purchase, stream_of
from tests.handlers.platform import on
from tests.handlers.stores import MS, Clocks, Memory
from tests.infra.tripping import Happen, Stage, trips

PROJECT: dict[str, Any] = {"flags": {"a-flag": on()}, "experiments": [experiment()]}
SNAPSHOT = compile_project(PROJECT).snapshot
PATIENT = {
    name: "20000"
    for name in (
        "BURGEE_STORE_BUDGET_MS", "BURGEE_STORE_FIRST_BUDGET_MS", "BURGEE_INGEST_BUDGET_MS", "BURGEE_TRACKING_BUDGET_MS",
    )
}  # fmt: skip
FOLLOWERS = ("flags", "assignments")
EDGE = (*FOLLOWERS, "ingest")
BUSY = 120  # requests of a minute, so that the alarm on the cache looks at all


def http(method: str, path: str, query: str = "", body: Any = None) -> dict[str, Any]:
    """An event of a Function URL."""
    about = {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r-1", "stage": "$default"}
    made: dict[str, Any] = {"version": "2.0", "rawPath": path, "rawQueryString": query, "requestContext": about}
    made |= {"headers": {"content-type": "application/json"}, "isBase64Encoded": False}
    return made if body is None else made | {"body": json.dumps(body)}


class Edge:
    """A function of the edge in a new sandbox, with a store in memory and clocks by hand. Each ``ask`` is another user's."""

    def __init__(self, stage: Stage, of: str, takes_ms: float = 1, refresh_ms: int = 5_000, **variables: str) -> None:
        self.stage, self.of = stage, of
        self.clocks = Clocks()
        self.store = Memory(self.clocks, takes_ms)
        self.store.publish(1, "", data=SNAPSHOT)
        self.asked = 0
        given = {"KINESIS_STREAM_NAME": "", "BURGEE_OUTBOX_URL": ""} | variables
        if of == "ingest" and not given["KINESIS_STREAM_NAME"]:
            given["KINESIS_STREAM_NAME"] = new_stream(stage.aws)
        if of == "assignments" and not given.get("ASSIGNMENTS_TABLE"):
            given["ASSIGNMENTS_TABLE"] = assignments_table(stage.aws)
        for name in [name for name in os.environ if name.startswith("BURGEE_") and name != "BURGEE_CORE"]:
            stage.patch.delenv(name)
        stage.setenv(POWERTOOLS_SERVICE_NAME=function(of).service, **PATIENT, **given)
        settings = Settings("s3://bucket/prefix", refresh_ms=refresh_ms)
        clock, wall = self.clocks.monotonic, self.clocks.wall
        _snapshots._of_process["reader"] = Reader(settings, self.store, clock=clock, wall=wall, entropy=lambda: 0.5)

    def ask(self, user: str = "") -> Any:
        self.asked += not user
        user = user or f"user-{self.asked}"
        if self.of == "flags":
            event = http("POST", "/ofrep/v1/evaluate/flags/a-flag", body={"context": {"targetingKey": user}})
        elif self.of == "assignments":
            event = http("GET", "/assign", f"user_id={user}&experiment_key=checkout")
        else:
            event = http("POST", "/events", body=purchase(self.asked, timestamp=...))
        return self.stage.invoke(self.of, event)


@trips("{}-errors", *FOLLOWERS)
def store_that_was_never_reached(stage: Stage, of: str, broken: bool) -> Happen:
    edge = Edge(stage, of)
    if broken:
        edge.store.objects.clear()
    return edge.ask


@trips("ingest-errors", "ingest")
def stream_that_is_gone(stage: Stage, of: str, broken: bool) -> Happen:
    return Edge(stage, of, KINESIS_STREAM_NAME="gone" if broken else "").ask


@trips("ingest-unavailable", "ingest")
def events_that_go_back(stage: Stage, of: str, broken: bool) -> Happen:
    return stream_that_is_gone(stage, of, broken)


@trips("{}-latency", *FOLLOWERS)
def store_that_is_slow(stage: Stage, of: str, broken: bool) -> Happen:
    """Each look takes 60 ms, which its budget allows."""
    edge = Edge(stage, of, takes_ms=60 if broken else 1)
    stage.clock = lambda: edge.clocks.mono / MS / 1_000

    def happen() -> None:
        edge.clocks.pass_(6_000)
        edge.ask()

    return happen


@trips("{}-silence", *EDGE)
def nobody(stage: Stage, of: str, broken: bool) -> Happen:
    edge = Edge(stage, of)
    return (lambda: None) if broken else edge.ask


@trips("{}-lines-lost", *EDGE)
def standard_output_that_is_full(stage: Stage, of: str, broken: bool) -> Happen:
    """A pipe that nobody reads; when there is room again, the next line says what is missing."""
    edge = Edge(stage, of)
    reading, writing = os.pipe2(os.O_NONBLOCK)
    room = os.write(writing, b"x" * 10_000_000)
    assert room < 10_000_000

    def happen() -> None:
        with stage.patch.context() as patch:
            if broken:
                patch.setattr(_log.output, "_fd", writing)
            edge.ask()
        edge.ask()

    stage.ending(partial(os.close, reading))
    stage.ending(partial(os.close, writing))
    return happen


@trips("{}-snapshot-age", *FOLLOWERS)
def store_that_does_not_answer_any_more(stage: Stage, of: str, broken: bool) -> Happen:
    edge = Edge(stage, of)
    edge.ask()
    if broken:
        edge.store.trouble[POINTER] = OriginError("connect", "as a test wants it")

    def happen() -> None:
        for _ in range(6):
            edge.clocks.pass_(10_000)
            edge.ask("user")

    return happen


@trips("{}-quarantined", *FOLLOWERS)
def version_that_is_damaged(stage: Stage, of: str, broken: bool) -> Happen:
    """A byte in its middle was turned before it was hashed; the readers refuse it, once, and go on with what they have."""
    edge = Edge(stage, of)
    edge.ask()
    assert SNAPSHOT is not None
    damaged = bytearray(SNAPSHOT)
    damaged[len(damaged) // 2] ^= 1
    edge.store.publish(2, "", data=bytes(damaged) if broken else SNAPSHOT)

    def happen() -> None:
        edge.clocks.pass_(60_000)
        assert edge.ask()["statusCode"] == 200

    return happen


@trips("{}-cache", *FOLLOWERS)
def refresh_at_every_request(stage: Stage, of: str, broken: bool) -> Happen:
    """``BURGEE_REFRESH_MS`` at a millisecond: nobody is answered without a look at the store."""
    edge = Edge(stage, of, refresh_ms=1 if broken else 5_000)

    def happen() -> None:
        for _ in range(BUSY):
            edge.clocks.pass_(100)
            edge.ask("user")

    return happen


@trips("{}-evaluation", "flags")
def flag_that_is_expensive(stage: Stage, of: str, broken: bool) -> Happen:
    """Two answers of a hundred take 6 ms to be worked out; time is by hand."""
    edge = Edge(stage, of)
    edge.ask()
    telemetry = _edge.prepare().telemetry
    for name in ("begin", "_clock"):
        stage.patch.setattr(telemetry, name, edge.clocks.monotonic)

    def slow(*given: Any) -> Any:
        edge.clocks.pass_(6 if broken and edge.asked % 50 == 0 else 0.2)
        return answer(*given)

    stage.patch.setattr("handlers.flags.answer", slow)

    def happen() -> None:
        for _ in range(BUSY):
            edge.ask()

    return happen


@trips("{}-tracking-dropped", *FOLLOWERS)
def stream_for_tracking_that_is_gone(stage: Stage, of: str, broken: bool) -> Happen:
    """Events wait for the stream until there is no more room: for 10,000 of them; here for three."""
    edge = Edge(stage, of, KINESIS_STREAM_NAME="gone" if broken else new_stream(stage.aws))
    stage.patch.setattr(_kinesis, "MAX_WAITING", 3)

    def happen() -> None:
        for _ in range(5):
            assert edge.ask()["statusCode"] == 200

    return happen


@trips("assignments-not-stored", "assignments")
@trips("assignments-lost", "assignments")
def table_that_is_gone(stage: Stage, of: str, broken: bool) -> Happen:
    return Edge(stage, of, ASSIGNMENTS_TABLE="gone" if broken else "").ask


@trips("{}-depth", "assignments-outbox")
def table_that_is_gone_with_an_outbox(stage: Stage, of: str, broken: bool) -> Happen:
    url = stage.queue()
    edge = Edge(stage, "assignments", BURGEE_OUTBOX_URL=url, ASSIGNMENTS_TABLE="gone" if broken else "")

    def happen() -> None:
        edge.ask()
        stage.depth(of, url)

    return happen


@trips("stream-full", "ingest")
def shard_without_room(stage: Stage, of: str, broken: bool) -> Happen:
    """moto's shards are never full, so a client in between refuses as a full one does; what it refused is what is measured."""
    name = new_stream(stage.aws)
    edge = Edge(stage, of, KINESIS_STREAM_NAME=name)
    refused: list[int] = []

    def refuse(_: int, records: list[Any]) -> dict[int, str]:
        refused.append(len(records) if broken else 0)
        return {index: THROTTLED for index in range(refused[-1])}

    ingest._of_process["stream"] = stream_of(Refusing(client(stage.aws, "kinesis"), refuse), name, sleep=lambda _: None)

    def happen() -> None:
        refused.clear()
        assert edge.ask()["statusCode"] == (429 if broken else 202)
        stage.cloud.measured(KINESIS, "WriteProvisionedThroughputExceeded", STREAM, sum(refused))

    return happen


@trips("{}-throttles", *[row.name for row in FUNCTIONS])
def concurrency_that_is_used_up(stage: Stage, of: str, broken: bool) -> Happen:
    """In the local platform's Lambda. No code of the function is reached by then, so a plain one stands for each."""

    async def ask(number: int) -> int:
        made = Function(of, "tests.burgee.lambda_functions.do", {"AWS_REGION": "us-east-1"}, 20, concurrency=1)
        await made.start()
        try:
            await asyncio.gather(*[made.invoke({"n": each}) for each in range(number)])
        finally:
            await made.stop()
        return made.state.throttles

    throttles = asyncio.run(ask(3 if broken else 1))  # once; every minute is like the other
    return _measuring(stage, of, "Throttles", lambda: throttles)


def _measuring(stage: Stage, of: str, name: str, value: Callable[[], float]) -> Happen:
    return lambda: stage.cloud.measured(LAMBDA, name, of, value())
