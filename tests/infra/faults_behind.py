"""The faults of functions behind a stream or a schedule: poison, wrong clocks, tables that are gone, nobody at work."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from burgee.up.delivery import Delivery, Settings
from burgee.up.functions import Function
from burgee.up.streams import Record
from config_sync import compile_project
from config_sync.release import rollback
from config_sync.sources.tables import read_tables
from handlers import events, results, sync
from handlers._postgres import Session
from infra import alarms
from infra.alarms import LAMBDA
from infra.functions import function
from tests.handlers import platform, streams
from tests.handlers.assigning import experiment
from tests.handlers.counted import Counted
from tests.handlers.mirroring import Mirror, Queue
from tests.handlers.platform import SCHEDULED, Platform, on
from tests.handlers.processing import NOW, World, event, failing, refused
from tests.infra.tripping import Happen, InProcess, Moment, Stage, trips

EVER = 1_000_000
CHECKOUT = "exp_checkout"
TWO = {"flags": {"a": on(), "b": on()}}
PROJECT: dict[str, Any] = {"experiments": [experiment()]}


# --- events -----------------------------------------------------------------------------------------------------------------


class Events:
    """The processor on a world of its own. Each batch has records and events that weren't there before."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = World(stage.aws, stage.patch)
        self.number = 1_000

    def records(self, *contents: Any, at: float = NOW) -> list[dict[str, Any]]:
        """``contents``: events, or the bytes of a record."""
        self.number += len(contents)
        return [self.world.record(self.number + place, content, at) for place, content in enumerate(contents)]

    def batch(self, *contents: Any, at: float = NOW) -> Any:
        records = self.records(*contents, at=at)
        self.world._watch()  # faults get in between
        return self.stage.invoke("events", {"Records": records})

    def one(self, **more: Any) -> Any:
        return self.batch(event(self.number, **more))

    def bucket_is_closed(self) -> None:
        self.world.faults.append(failing("PutObject", refused("AccessDenied", "PutObject"), EVER))


@trips("events-failed")
def bucket_that_is_closed(stage: Stage, _: str, broken: bool) -> Happen:
    made = Events(stage)
    if broken:
        made.bucket_is_closed()
    return made.one


@trips("events-errors")
def bundle_without_its_handler(stage: Stage, _: str, broken: bool) -> Happen:
    """In the local platform's Lambda: the handler itself raises nothing, so only what is around it can fail."""
    made = Events(stage)
    names = ("S3_BUCKET", "DYNAMODB_TABLE", "ASSIGNMENTS_TABLE", "DLQ_URL", "DLQ_BUCKET")
    environment = stage.aws.environment | {name: os.environ[name] for name in names}
    batch = {"Records": made.records(event(1))}

    async def invoke() -> tuple[int, int]:
        one = Function("events", f"handlers.events.{'gone' if broken else 'handler'}", environment, 60)
        await one.start()
        try:
            await one.invoke(batch)
        finally:
            await one.stop()
        return one.state.invocations, one.state.errors

    asked, failed = asyncio.run(invoke())  # once; every minute is like the other

    def happen() -> None:
        stage.cloud.measured(LAMBDA, "Invocations", "events", asked)
        stage.cloud.measured(LAMBDA, "Errors", "events", failed)

    return happen


@trips("events-latency")
def bucket_that_is_slow(stage: Stage, _: str, broken: bool) -> Happen:
    made, moment = Events(stage), Moment()
    stage.patch.setattr(events, "time", moment)

    def slow(operation: str, _: Any) -> None:
        moment.passed += 0.15 * (broken and operation == "PutObject")

    made.world.faults.append(slow)
    return made.one


@trips("events-lag")
def records_that_waited(stage: Stage, _: str, broken: bool) -> Happen:
    made, moment = Events(stage), Moment()
    stage.patch.setattr(events, "time", moment)
    arrived = moment.time() - (61 if broken else 1)
    return lambda: made.batch(event(made.number, at=arrived), at=arrived)


@trips("events-quarantined")
def producer_with_a_wrong_clock(stage: Stage, _: str, broken: bool) -> Happen:
    made = Events(stage)
    return lambda: made.one(at=NOW + 3_600 * broken)


@trips("events-repeated")
def producer_that_sends_twice(stage: Stage, _: str, broken: bool) -> Happen:
    made = Events(stage)
    return lambda: made.batch(*[event(made.number)] * (1 + broken))


@trips("events-not-a-batch")
def event_of_another_kind(stage: Stage, _: str, broken: bool) -> Happen:
    made = Events(stage)
    return (lambda: stage.invoke("events", {"hello": "world"})) if broken else made.one


@trips("events-numbers")
def number_that_is_too_large(stage: Stage, _: str, broken: bool) -> Happen:
    made = Events(stage)
    made.world.assign("user-1", "large")
    return lambda: made.one(properties={"revenue": 1e10 if broken else 1.5})


@trips("{}-depth", "events-poison")
def record_that_is_no_event(stage: Stage, of: str, broken: bool) -> Happen:
    made = Events(stage)

    def happen() -> None:
        made.batch(b"no event") if broken else made.one()
        stage.depth(of, made.world.queue)

    return happen


# --- the sync ---------------------------------------------------------------------------------------------------------------


def synced(stage: Stage, project: Any = None) -> Platform:
    """Tables with two flags, or a project, that are published."""
    made = Platform(stage.aws, stage.patch)
    stage.ending(platform.forget)
    made.seed(project or TWO)
    sync.handler(SCHEDULED, None)
    return made


def scheduled(stage: Stage, of: str = "sync") -> Happen:
    return lambda: stage.invoke(of, SCHEDULED)


@trips("sync-errors")
@trips("sync-failed")
def table_of_flags_that_is_gone(stage: Stage, _: str, broken: bool) -> Happen:
    synced(stage)
    if broken:
        stage.patch.setenv("FLAGS_TABLE", "gone")
    return scheduled(stage)


@trips("sync-refused")
def live_flag_that_is_deleted(stage: Stage, _: str, broken: bool) -> Happen:
    made = synced(stage)
    if broken:
        made.delete("flags", "b")
    return scheduled(stage)


@trips("sync-held")
def rollback_that_nobody_resumes(stage: Stage, _: str, broken: bool) -> Happen:
    made = synced(stage)
    made.seed({"flags": {"c": on()}})
    sync.handler(SCHEDULED, None)
    if broken:
        rollback(made.store)
    return scheduled(stage)


@trips("flag-errors")
def item_with_an_error(stage: Stage, _: str, broken: bool) -> Happen:
    shares = [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.3 if broken else 0.5}]
    synced(stage, {"experiments": {"checkout": experiment(variants=shares)}})
    return scheduled(stage)


@trips("sync-silence")
def schedule_that_is_off(stage: Stage, _: str, broken: bool) -> Happen:
    synced(stage)
    return (lambda: None) if broken else scheduled(stage)


@trips("sync-slow")
def tables_that_are_slow(stage: Stage, _: str, broken: bool) -> Happen:
    synced(stage)
    moment = Moment()

    def slow(*given: Any) -> Any:
        moment.passed += 31 * broken
        return read_tables(*given)

    stage.patch.setattr(sync, "time", moment)
    stage.patch.setattr(sync, "read_tables", slow)
    return scheduled(stage)


# --- results ----------------------------------------------------------------------------------------------------------------


def looking(stage: Stage, table: str, shares: tuple[int, int] = (1_000, 1_000)) -> None:
    """The function on counters of an experiment's exposures; ``table`` is what it is told, empty: the right one."""
    counted, moment = Counted(stage.aws), Moment()
    counted.phase(CHECKOUT, 1, moment.time_ns() // 1_000_000 - 86_400_000, {"control": 0.5, "treatment": 0.5})
    counted.exposed(CHECKOUT, 1, control=shares[0], treatment=shares[1])
    snapshot = compile_project(PROJECT).snapshot
    assert snapshot is not None
    path = stage.place / "experiments.burgee"
    path.write_bytes(snapshot)
    stage.patch.setattr(results, "time", moment)
    stage.patch.delenv("BURGEE_STORE", raising=False)
    stage.setenv(
        BURGEE_BUNDLE=str(path),
        BURGEE_SCRATCH=str(stage.place / "scratch"),
        DYNAMODB_TABLE=table or counted.name,
        POWERTOOLS_SERVICE_NAME=function("results").service,
    )


@trips("results-errors")
@trips("results-failed")
def table_of_counters_that_is_gone(stage: Stage, _: str, broken: bool) -> Happen:
    looking(stage, "gone" if broken else "")
    return scheduled(stage, "results")


@trips("sample-ratio")
def ratio_that_is_off(stage: Stage, _: str, broken: bool) -> Happen:
    looking(stage, "", (2_000, 1_600) if broken else (1_000, 1_000))
    return scheduled(stage, "results")


@trips("results-left")
def time_that_is_short(stage: Stage, _: str, broken: bool) -> Happen:
    looking(stage, "")
    return lambda: stage.invoke("results", SCHEDULED, seconds=1 if broken else 30)


@trips("results-silence")
def schedule_of_results_that_is_off(stage: Stage, _: str, broken: bool) -> Happen:
    looking(stage, "")
    return (lambda: None) if broken else scheduled(stage, "results")


# --- the mirror -------------------------------------------------------------------------------------------------------------


class Changes:
    """The mirror, and changes of assignments, each another user's. ``asleep``: its database doesn't answer."""

    def __init__(self, stage: Stage, asleep: bool = False) -> None:
        self.stage = stage
        self.mirror: Mirror = stage.fixture("mirror")
        self.queue = Queue(stage.aws)
        self.mirror.park(self.queue)
        self._number = 0
        if asleep:
            self.mirror.restart(Session(refuse))

    def record(self, **more: Any) -> dict[str, Any]:
        self._number += 1
        return streams.record(self._number, streams.item(f"user-{self._number}", **more))

    def one(self, **more: Any) -> Any:
        return self.stage.invoke("mirror", {"Records": [self.record(**more)]})


def refuse() -> Any:
    raise psycopg.OperationalError("connection refused")


@trips("mirror-errors")
def stream_without_images(stage: Stage, _: str, broken: bool) -> Happen:
    made = Changes(stage)
    return (lambda: stage.invoke("mirror", platform.batch(1))) if broken else made.one


@trips("mirror-failed")
def database_that_is_down(stage: Stage, _: str, broken: bool) -> Happen:
    return Changes(stage, asleep=broken).one


@trips("mirror-poison")
def item_without_a_variant(stage: Stage, _: str, broken: bool) -> Happen:
    made = Changes(stage)
    return partial(made.one, variant=None) if broken else made.one


@trips("{}-depth", "assignment-mirror-poison")
def item_without_a_variant_is_parked(stage: Stage, of: str, broken: bool) -> Happen:
    made = Changes(stage)

    def happen() -> None:
        made.one(variant=None) if broken else made.one()
        stage.depth(of, made.queue.url)

    return happen


# --- the age of what is read --------------------------------------------------------------------------------------------------


@trips("{}-iterator-age", "events", "sync", "mirror")
def concurrency_that_is_used_up_for_long(stage: Stage, of: str, broken: bool) -> Happen:
    """The function is throttled until its records are older than the alarm allows; waiting is a clock by hand."""
    limit_ms = {"events": alarms.AGE_MS, "sync": alarms.SYNC_AGE_MS, "mirror": alarms.MIRROR_AGE_MS}[of]
    batch = _batches(stage, of)
    now = [NOW]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def discard(_: Any) -> None:
        raise AssertionError("nothing is given up")

    def happen() -> None:
        arrived = now[0]
        one = InProcess(stage, of, lambda: broken and now[0] <= arrived + limit_ms / 1_000)
        settings = Settings(report_batch_item_failures=True, backoff_limit_seconds=600)
        made = Delivery(one, settings, "arn:aws:kinesis:us-east-1:1:x", "x", "s", discard, wall=lambda: now[0], sleep=sleep)
        asyncio.run(made.deliver([Record(str(number), arrived, record) for number, record in batch()]))
        assert made.counts.acknowledged == 1
        stage.cloud.measured(LAMBDA, "IteratorAge", of, made.age_seconds * 1_000)

    return happen


def _batches(stage: Stage, of: str) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """Gives a batch of one record: its sequence number and what Lambda hands over."""
    if of == "events":
        processor = Events(stage)

        def records() -> list[tuple[str, dict[str, Any]]]:
            [record] = processor.records(event(processor.number))
            return [(record["kinesis"]["sequenceNumber"], record)]

        return records
    if of == "sync":
        synced(stage)
        return lambda: [("000000000000000000001", platform.record(1))]
    changes = Changes(stage)

    def changed() -> list[tuple[str, dict[str, Any]]]:
        record = changes.record()
        return [(record["dynamodb"]["SequenceNumber"], record)]

    return changed
