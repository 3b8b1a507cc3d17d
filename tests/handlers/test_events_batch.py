"""The processor's batches: what is answered, reported, parked, and what is left when something fails (EVB, EVH, ARC-08)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from handlers import events
from handlers.events.settings import read_settings
from tests.handlers.processing import NOW, SHARD, World, event, failed, failing, refused, world

__all__ = ["world"]

DONE = {"parse_errors": 0, "validation_errors": 0, "enrichment_errors": 0, "aggregation_errors": 0, "archive_errors": 0}
UNREACHABLE = EndpointConnectionError(endpoint_url="https://nowhere")


class Hurried:
    """An invocation with so many milliseconds left."""

    aws_request_id = "hurried"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:events"

    def __init__(self, left_ms: int) -> None:
        self._left_ms = left_ms

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms


def test_evb_01_nothing_failed(world: World) -> None:
    assert world.run(world.records([event(1)]))["batchItemFailures"] == []
    assert world.run([])["batchItemFailures"] == []


def test_evb_02_the_answer_says_what_was_done(world: World) -> None:
    answer = world.run(world.records([event(1), event(2), {"event_id": "x"}, b"no"]))
    assert (answer["success_count"], answer["failure_count"]) == (4, 0)
    assert answer["metrics"] == DONE | {"total_processed": 4, "parse_errors": 1, "validation_errors": 1}
    assert 0 < answer["processing_time_ms"] < 60_000


def test_evb_03_val_05_poison_is_parked_and_not_reported(world: World) -> None:
    """Flaw F21: reported, it would block its shard for ever. Flaw F29: an invalid event is never only counted."""
    world.assign("user-1", "large")
    assert failed(world.run(world.records([event(1), b"\xff", event(2), {"event_type": "x"}]))) == []
    letters = sorted(world.letters(), key=lambda letter: letter["sequenceNumber"])
    assert [(letter["sequenceNumber"], letter["stage"], letter["shardId"]) for letter in letters] == [
        ("1001", "parse", SHARD),
        ("1003", "validate", SHARD),
    ]
    assert world.count("large") == 2 and world.archived() == ["event-1", "event-2"]


def test_evb_03_a_batch_that_comes_again_parks_nothing_again(world: World) -> None:
    records = world.records([event(1), b"\xff"])
    world.run(records)
    events.reset()
    world.run(records)
    assert len(world.letters()) == 1


def test_evb_04_only_numbers_of_the_batch_are_reported(world: World) -> None:
    world.faults.append(failing("TransactWriteItems", UNREACHABLE))
    answer = world.run(world.records([event(1), event(2)], first=77))
    assert failed(answer) == ["77"]


def test_evb_05_without_a_queue_poison_is_reported(world: World) -> None:
    """X13: and what comes before it is done."""
    world.setenv({"DLQ_URL": ""})
    world.assign("user-1", "large")
    answer = world.run(world.records([event(1), event(2), b"{", event(3)]))
    assert failed(answer) == ["1002"]
    assert (answer["success_count"], answer["failure_count"]) == (2, 2)
    assert world.count("large") == 2 and world.archived() == ["event-1", "event-2"]


def test_evb_06_what_the_queue_does_not_take_is_reported(world: World) -> None:
    world.assign("user-1", "large")
    world.setenv({"DLQ_URL": world.queue + "-gone"})
    records = world.records([event(1), b"{", event(2)])
    assert failed(world.run(records)) == ["1001"]
    world.setenv({"DLQ_URL": world.queue})
    assert failed(world.run(records)) == []
    assert world.count("large") == 2 and len(world.letters()) == 1


def test_evb_09_near_the_deadline_nothing_is_begun(world: World) -> None:
    world.assign("user-1", "large")
    records = world.records([event(1), event(2)])
    assert failed(world.run(records, Hurried(3_500))) == ["1000"]
    assert world.archive() == {}
    assert failed(world.run(records, Hurried(30_000))) == []
    assert world.count("large") == 2


def test_evb_09_what_was_done_before_the_deadline_stays_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of two events; when the first is counted, the time is over."""
    world.assign("user-1", "large")
    monkeypatch.setattr("handlers.events.archive.MAX_EVENTS", 2)
    is_over: list[bool] = []
    world.faults.append(lambda name, _: is_over.append(True) if name == "TransactWriteItems" else None)
    monkeypatch.setattr("handlers._stream.Deadline.left", lambda _: 0.5 if is_over else 60.0)
    answer = world.run(world.records([event(number) for number in range(5)]))
    assert failed(answer) == ["1002"] and answer["success_count"] == 2
    assert world.count("large") == 2


def test_evh_01_a_missing_setting_fails_the_batch_and_is_named_in_the_log(world: World) -> None:
    """Flaw F30: nothing continues anyway."""
    world.setenv({"S3_BUCKET": ""})
    assert failed(world.run(world.records([event(1), event(2)]))) == ["1000"]
    assert "S3_BUCKET isn't set" in world.log.getvalue()
    world.setenv({"S3_BUCKET": world.bucket})
    assert failed(world.run(world.records([event(1), event(2)]))) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "S3_BUCKET isn't set"),
        ({"S3_BUCKET": "b"}, "DYNAMODB_TABLE isn't set"),
        ({"S3_BUCKET": "b", "DYNAMODB_TABLE": "t", "BURGEE_EVENT_MAX_AGE_HOURS": "0"}, "BURGEE_EVENT_MAX_AGE_HOURS is '0'"),
        ({"S3_BUCKET": "b", "DYNAMODB_TABLE": "t", "BURGEE_DAILY_DAYS": "-1"}, "number of days from 1 to"),
    ],
)
def test_evh_01_arc_09_settings(variables: dict[str, str], said: str) -> None:
    """Flaw F36: there are no default names, which somebody else may own."""
    with pytest.raises(ValueError, match=said):
        read_settings(variables)


def test_arc_09_every_call_says_whose_the_bucket_must_be(world: World) -> None:
    """The function's own account; nobody else's bucket of that name gets an event."""
    owners: list[tuple[str, str | None]] = []

    def note(name: str, request: Mapping[str, Any]) -> None:
        if name.endswith("Object"):
            owners.append((name, request["headers"].get("x-amz-expected-bucket-owner")))

    world.faults += [note, failing("TransactWriteItems", UNREACHABLE)]
    for _ in range(2):
        world.run(world.records([event(1)]), Hurried(60_000))
    account = Hurried.invoked_function_arn.split(":")[4]
    assert owners == [(name, account) for name in ("PutObject", "PutObject", "HeadObject", "PutObject")]


def test_evh_01_clients_are_made_once(world: World) -> None:
    world.run(world.records([event(1)]))
    before = events.processor()
    world.run(world.records([event(2)], first=2_000))
    assert events.processor() is before


@pytest.mark.parametrize(
    "content", [None, [], "text", {"Records": None}, {"Records": [{}]}, {"detail-type": "Scheduled Event"}]
)
def test_evh_02_what_is_no_batch_is_answered(content: Any) -> None:
    answer = events.handler(content, None)
    assert answer["batchItemFailures"] == [] and answer["error"]


@pytest.mark.parametrize("change", [{"eventID": "shard-1:1001"}, {"eventSourceARN": "arn:aws:sqs:us-east-1:1:queue"}])
def test_arc_08_records_that_nobody_could_look_at_are_not_acknowledged(world: World, change: dict[str, str]) -> None:
    """They aren't as a batch of Kinesis is. Whatever that means, their events have been neither counted nor archived."""
    first, second = world.records([event(1), event(2)])
    answer = world.run([first, second | change])
    assert failed(answer) == ["1000"] and answer["error"]


def test_evh_02_evh_03_what_is_unforeseen_reports_everything_and_quotes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of user-1")

    world.run(world.records([event(1)]))
    monkeypatch.setattr("handlers.events.archive.objects", broken)
    answer = world.run(world.records([event(2), event(3)], first=2_000))
    assert failed(answer) == ["2000"] and answer["failure_count"] == 2
    printed = world.log.getvalue()
    assert "RuntimeError" in printed and "user-1" not in printed
    (line,) = [json.loads(line) for line in printed.splitlines() if "not processed" in line]
    assert line["where"][-1].endswith(" broken") and any("batch.py:" in place for place in line["where"]), "the stack"


def test_evh_03_one_line_says_what_each_stage_took(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Flaw F33: the request's id and all else that a line is given is in it."""
    world.run(world.records([event(1)]))
    lines = [json.loads(line) for line in (world.log.getvalue() + capfd.readouterr().out).splitlines()]
    (line,) = [line for line in lines if line.get("message") == "batch"]
    assert line["request_id"] and line["lane"] == f"{world.stream}/{SHARD}"
    assert {"open", "parse", "validate", "window", "enrich", "archive", "commit"} <= line["stages_ms"].keys()
    (metric,) = [line for line in lines if "_aws" in line]
    told = {"ParseErrors", "ValidationErrors", "EnrichmentErrors", "AggregationErrors", "ArchiveErrors", "ProcessingTime"}
    assert told | {"RecordsPerBatch", "DuplicateEvents", "QuarantinedEvents"} <= metric.keys()
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert "user-1" not in json.dumps(lines)


def test_mon_02_every_figure_is_told(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.assign("user-1", "large")
    before = world.records([event(1)])
    world.run(before)
    capfd.readouterr()
    counted, unassigned = event(2, properties={"huge": 1e10, "fine": 1}), event(3, "user-2")
    world.run(
        before + world.records([event(1), counted, unassigned, event(4, at=NOW + 301), b"{", {"event_id": "x"}], first=2_000)
    )
    (metric,) = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "_aws" in line]
    figures = {name: value[0] for name, value in metric.items() if isinstance(value, list)}
    assert figures.pop("ProcessingTime") > 0 and figures.pop("EventLagMs") >= 0
    once = ("EventsCounted", "UnassignedEvents", "DuplicateEvents", "QuarantinedEvents", "ReplayedRecords", "NumbersLeftOut")
    never = ("FailedRecords", "EnrichmentErrors", "AggregationErrors", "ArchiveErrors")
    assert figures == dict.fromkeys((*once, "ParseErrors", "ValidationErrors"), 1) | dict.fromkeys(never, 0) | {
        "RecordsPerBatch": 7,
        "DeadLetters": 2,
    }


def test_evh_04_one_bad_record_in_a_thousand_is_one_letter(world: World) -> None:
    world.assign("user-1", "large")
    contents: list[Any] = [event(number) for number in range(1_000)]
    contents[617] = b'{"event_id":'
    for start in range(0, 1_000, 500):
        assert failed(world.run(world.records(contents[start : start + 500], first=1_000 + start))) == []
    assert len(world.letters()) == 1 and world.count("large") == 999


# --- what fails is retried, what is done stays done -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "error", "stage"),
    [
        ("UpdateItem", UNREACHABLE, "open"),
        ("BatchGetItem", UNREACHABLE, "enrich"),
        ("PutObject", refused("AccessDenied", "PutObject"), "archive"),
        ("TransactWriteItems", UNREACHABLE, "aggregate"),
    ],
)
def test_arc_08_an_event_is_acknowledged_when_it_is_counted_and_archived(
    world: World, operation: str, error: Exception, stage: str
) -> None:
    world.assign("user-1", "large")
    world.faults.append(failing(operation, error))
    records = world.records([event(1), event(2)])
    answer = world.run(records)
    assert failed(answer) == ["1000"] and answer["success_count"] == 0
    assert f'"reason":"{stage}:' in world.log.getvalue()
    assert world.count("large") == 0
    assert failed(world.run(records)) == []
    assert world.count("large") == 2 and world.archived() == ["event-1", "event-2"]


def test_evb_07_a_lost_answer_is_not_counted_twice(world: World) -> None:
    """The transaction is done, and nobody hears of it."""
    world.assign("user-1", "large")
    records = world.records([event(1), event(2)])
    world.run([world.record(1, b"{")])
    client = events.processor().committer._client

    def lose(**_: Any) -> None:
        client.meta.events.unregister("after-call", unique_id="lost")
        raise UNREACHABLE

    client.meta.events.register("after-call.dynamodb.TransactWriteItems", lose, unique_id="lost")
    assert failed(world.run(records)) == ["1000"]
    client.meta.events.unregister("after-call.dynamodb.TransactWriteItems", unique_id="lost")
    assert failed(world.run(records)) == []
    assert world.count("large") == 2 and world.archived() == ["event-1", "event-2"]


@pytest.mark.parametrize("operation", ["BatchGetItem", "PutObject", "TransactWriteItems"])
def test_evb_07_an_invocation_that_was_overtaken_changes_nothing(world: World, operation: str) -> None:
    """It stops before a call, another container does its work and more, and then it goes on."""
    world.assign("user-1", "large")
    records = world.records([event(number) for number in range(6)])
    done: list[Any] = []

    def overtake(name: str, _: Mapping[str, Any]) -> None:
        if name != operation or done:
            return
        done.append(None)
        slow = events.processor()
        events.processor.cache_clear()
        assert failed(events.handler({"Records": records[:2]}, Hurried(60_000))) == []
        assert failed(events.handler({"Records": records[2:]}, Hurried(60_000))) == []
        events.processor.cache_clear()
        done.append(slow)

    world.faults.append(overtake)
    answer = world.run(records)
    assert done and failed(answer) == ["1000"], "the slow one doesn't own the lane any longer"
    world.faults.clear()
    assert failed(world.run(records)) == []
    assert world.count("large") == 6
    assert world.archived() == [f"event-{number}" for number in range(6)]


def test_arc_07_a_batch_that_comes_again_in_halves_overwrites_what_was_left(world: World) -> None:
    world.assign("user-1", "large")
    records = world.records([event(number, at=NOW - 3_600 * (number % 2)) for number in range(8)])
    world.faults.append(failing("TransactWriteItems", UNREACHABLE))
    world.run(records)
    assert len(world.archived()) == 8, "archived, and not counted"
    for half in (records[:3], records[3:]):
        events.reset()
        assert failed(world.run(half)) == []
    assert world.archived() == [f"event-{number}" for number in range(8)]
    assert world.count("large") == 4


# --- producers that repeat themselves ---------------------------------------------------------------------------------


def test_val_04_an_event_that_was_sent_again_is_counted_once(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.assign("user-1", "large")
    for first, reset in ((1_000, False), (2_000, False), (3_000, True)):
        if reset:
            events.reset()
        assert failed(world.run([world.record(first, event(1), at=NOW + first)])) == []
    assert world.count("large") == 1 and world.archived() == ["event-1"]
    assert '"DuplicateEvents":[1.0]' in capfd.readouterr().out.replace(" ", "")


def test_val_04_a_day_later_too(world: World) -> None:
    world.assign("user-1", "large")
    world.run([world.record(1, event(1))])
    events.reset()
    world.run([world.record(2, event(1), at=NOW + 90_000)])
    assert world.count("large") == 1


def test_val_04_an_event_without_a_time_of_its_own_too(world: World) -> None:
    world.assign("user-1", "large")
    for number, at in ((1, NOW), (2, NOW + 10), (3, NOW + 90_000)):
        world.run([world.record(number, event(1, at=None), at=at)])
    assert world.count("large") == 1 and world.archived() == ["event-1"]


def test_val_04_in_a_shard_that_continues_another(world: World) -> None:
    world.assign("user-1", "large")
    kinesis = world.aws.client("kinesis")
    world.run([world.record(1, event(1))])
    kinesis.split_shard(StreamName=world.stream, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
    kinesis.merge_shards(
        StreamName=world.stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )
    for number, shard in enumerate(("shardId-000000000001", "shardId-000000000003"), 2):
        events.reset()
        assert (
            failed(
                world.run([world.record(number, event(1), shard=shard), world.record(number + 5, event(number), shard=shard)])
            )
            == []
        )
    assert world.count("large") == 3
    assert world.archived() == ["event-1", "event-2", "event-3"]


def test_val_07_an_event_from_another_time_is_quarantined(world: World) -> None:
    world.assign("user-1", "large", at=NOW - 9e6)
    contents = [event(1, at=NOW + 301), event(2, at=NOW - 169 * 3_600), event(3, at=NOW + 299), event(4, at=NOW - 167 * 3_600)]
    assert failed(world.run(world.records(contents))) == []
    assert world.archived("errors/") == ["event-1", "event-2"]
    assert world.archived() == ["event-3", "event-4"] and world.letters() == []
    assert [line["quarantined"] for lines in world.archive("errors/").values() for line in lines] == ["future", "too_old"]
    assert world.count("large", "phase", "0") == 2
