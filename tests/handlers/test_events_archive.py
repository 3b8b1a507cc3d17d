"""The processor's last stage: lines, keys and objects, and what happens when S3 doesn't take them."""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from handlers._stream import Deadline
from handlers.events.archive import MAX_BYTES, MAX_EVENTS, Object, fits, line, objects, store
from handlers.events.model import Entry
from handlers.events.parse import parse
from handlers.events.validate import validate
from tests.aws import Aws
from tests.handlers.streams import AT, Context, kinesis

LANE = "events/shardId-000000000000"
HOUR = 3_600_000
START = AT * 1_000 // HOUR * HOUR  # 2026-02-02T02:00Z
WHOLE: dict[str, Any] = {
    "event_id": "e-1",
    "event_type": "purchase",
    "user_id": "user-1",
    "experiment_id": "exp_1",
    "timestamp": "2026-02-02T02:39:59+00:00",
    "properties": {"revenue": 12.5, "text": "two\nlines, ä😀", "items": [1, {"deep": None}]},
    "metadata": {},
}


def entries_of(*events: Any, at: float = AT) -> list[Entry]:
    records = [kinesis(100 + number, event, at=at) for number, event in enumerate(events)]
    done = validate(parse(records)[0], records, 10**15)
    assert not done.letters
    return sorted(done.valid + done.quarantined, key=lambda entry: entry.place)


def entry(number: int, at_ms: int = START, why: str = "", size: int = 20) -> Entry:
    """With a line of ``size`` bytes."""
    return Entry(number, str(1_000 + number), "shardId-000000000000", AT * 1_000, b"", None, at_ms, why=why, line=b"x" * size)


def lines_of(item: Object) -> list[bytes]:
    assert item.body is not None
    text = gzip.decompress(item.body)
    assert text.endswith(b"\n")
    return text[:-1].split(b"\n")


# --- lines ------------------------------------------------------------------------------------------------------------


def test_arc_02_a_line_has_the_event_as_it_was_sent() -> None:
    (found,) = entries_of({**WHOLE, "unknown": 1})
    told = json.loads(line(found))
    assert {name: told[name] for name in WHOLE} == WHOLE
    assert {name: told[name] for name in told if name not in WHOLE} == {
        "received_at": "2026-02-02T02:40:00.000Z",
        "sequence": "100",
        "shard": "shardId-000000000000",
    }


def test_arc_02_what_the_stages_found_is_told_and_what_nobody_knows_is_not() -> None:
    (found,) = entries_of(WHOLE)
    found.assignment_id, found.variant, found.phase = "assign_1", "treatment", 2
    found.experiment_key, found.experiment_name, found.experiment_status = "checkout", "Checkout", "active"
    found.assigned_ms, found.enrichment_error = found.at_ms - 5_400_999, True
    told = json.loads(line(found))
    assert {name: told[name] for name in told if name not in WHOLE} == {
        "received_at": "2026-02-02T02:40:00.000Z",
        "sequence": "100",
        "shard": "shardId-000000000000",
        "assignment_id": "assign_1",
        "variant": "treatment",
        "phase": 2,
        "experiment_key": "checkout",
        "experiment_name": "Checkout",
        "experiment_status": "active",
        "time_since_assignment_seconds": 5_400,
        "enrichment_error": True,
    }


def test_enr_08_an_event_before_its_assignment_is_flagged() -> None:
    (found,) = entries_of(WHOLE)
    for ahead_ms, seconds in ((90_500, -90), (1_000, -1)):
        found.assigned_ms = found.at_ms + ahead_ms
        told = json.loads(line(found))
        assert (told["time_since_assignment_seconds"], told["precedes_assignment"]) == (seconds, True)
    for ahead_ms in (999, 0):  # within the second it is at the same time
        found.assigned_ms = found.at_ms + ahead_ms
        told = json.loads(line(found))
        assert told["time_since_assignment_seconds"] == 0 and "precedes_assignment" not in told


def test_model_06_a_timestamp_that_is_missing_is_the_arrival() -> None:
    (found,) = entries_of({name: WHOLE[name] for name in ("event_id", "event_type", "user_id")})
    told = json.loads(line(found))
    assert told["timestamp"] == told["received_at"] == "2026-02-02T02:40:00.000Z"
    assert "properties" not in told and "experiment_id" not in told


@given(st.dictionaries(st.text(max_size=3), st.text() | st.floats(allow_nan=False, allow_infinity=False), max_size=4))
def test_arc_06_a_line_is_one_line_of_json_whatever_the_event_says(properties: dict[str, Any]) -> None:
    data = json.dumps({**WHOLE, "properties": properties}, ensure_ascii=True)
    (found,) = entries_of(data.encode())
    text = line(found)
    assert b"\n" not in text and b"\r" not in text
    sent = json.dumps(properties, ensure_ascii=False).encode("utf-8", "replace")
    assert json.loads(text.decode())["properties"] == json.loads(sent)


def test_a_line_needs_an_event() -> None:
    with pytest.raises(ValueError, match="wasn't validated"):
        line(Entry(0, "1", "s", 0, b"{}"))


# --- objects ----------------------------------------------------------------------------------------------------------


def test_arc_01_hours_are_utc_and_zero_padded_and_each_has_its_object() -> None:
    times = ["2026-02-02T02:59:59.999Z", "2026-02-02T01:00:00-02:00", "2026-01-09T23:59:59Z", "2026-02-02T03:00:00Z"]
    found = entries_of(*({**WHOLE, "event_id": f"e-{n}", "timestamp": text} for n, text in enumerate(times)), at=AT + 3_600)
    made = objects(found, [], LANE)
    assert [(item.key, item.events, item.last) for item in made] == [
        ("year=2026/month=01/day=09/hour=23/events_events-shardId-000000000000-102.json.gz", 1, "102"),
        ("year=2026/month=02/day=02/hour=02/events_events-shardId-000000000000-100.json.gz", 1, "100"),
        ("year=2026/month=02/day=02/hour=03/events_events-shardId-000000000000-101.json.gz", 2, "103"),
    ]


def test_arc_02_an_object_is_gzip_of_exactly_its_lines_in_order() -> None:
    found = entries_of(*({**WHOLE, "event_id": f"e-{n}"} for n in range(50)))
    (item,) = objects(found, [], LANE)
    assert [json.loads(text)["event_id"] for text in lines_of(item)] == [f"e-{n}" for n in range(50)]
    assert lines_of(item) == [line(one) for one in found]
    assert item.body is not None and len(item.body) < sum(map(len, lines_of(item))) / 5


def units(sizes: Sequence[int]) -> list[list[int]]:
    """Lines of these sizes, cut by ``fits`` as the processor does."""
    cut: list[list[int]] = [[]]
    for size in sizes:
        if not fits(len(cut[-1]), sum(cut[-1]) + len(cut[-1]), size):
            cut.append([])
        cut[-1].append(size)
    return cut


def test_arc_02_a_unit_has_at_most_1000_events_and_5_mb() -> None:
    assert [len(unit) for unit in units([300] * 2_500)] == [1_000, 1_000, 500]
    assert len(units([10_000] * 600)) == 2
    assert [len(unit) for unit in units([10, MAX_BYTES + 1, 10])] == [1, 1, 1]
    assert [len(unit) for unit in units([MAX_BYTES - 12, 10, 10])] == [2, 1]
    assert (MAX_EVENTS, MAX_BYTES) == (1_000, 5_000_000)


@given(st.lists(st.integers(1, 2_000_000), min_size=1, max_size=60))
def test_arc_02_no_unit_is_larger_than_an_object_may_be(sizes: list[int]) -> None:
    for unit in units(sizes):
        assert len(unit) == 1 or sum(unit) + len(unit) <= MAX_BYTES


def test_arc_06_each_event_is_one_line_and_there_is_no_array() -> None:
    """Flaw F35: of an array Athena makes one row."""
    found = entries_of(WHOLE, {**WHOLE, "event_id": "e-2"})
    (item,) = objects(found, [], LANE)
    assert all(text.startswith(b'{"event_id":') and text.endswith(b"}") for text in lines_of(item))


def test_arc_07_the_same_unit_makes_the_same_objects() -> None:
    """Flaw F35: names that are drawn leave every attempt's object."""
    found = entries_of(*({**WHOLE, "event_id": f"e-{n}"} for n in range(20)))
    again = entries_of(*({**WHOLE, "event_id": f"e-{n}"} for n in range(20)))
    assert objects(found, [], LANE) == objects(again, [], LANE)


def undated(number: int, at_ms: int = START) -> Entry:
    """An entry whose event has no time of its own."""
    made = entry(number, at_ms)
    made.dated = False
    return made


def test_arc_07_the_key_has_the_first_new_record_of_the_hour() -> None:
    found = [entry(1), entry(3), entry(4, START + HOUR)]
    made = objects(found, [entry(0), entry(2, START + HOUR), entry(5, START + 2 * HOUR)], LANE)
    assert [(item.key[-12:], item.events) for item in made] == [("1001.json.gz", 2), ("1004.json.gz", 1)]


def test_arc_07_what_was_named_after_an_event_that_another_lane_has_counted_is_deleted() -> None:
    found = [entry(1), entry(3), entry(4, START + HOUR)]
    dropped = [undated(0), undated(2), undated(2, START + HOUR), undated(5, START + 2 * HOUR)]
    made = objects(found, dropped, LANE)
    assert [(item.key[-12:], item.body is None) for item in made] == [
        ("1000.json.gz", True),
        ("1001.json.gz", False),
        ("1002.json.gz", True),
        ("1004.json.gz", False),
        ("1005.json.gz", True),
    ]


def test_arc_07_lanes_never_meet() -> None:
    keys = {
        objects([entry(1)], [], lane)[0].key for lane in (LANE, "events/shardId-000000000001", "other/shardId-000000000000")
    }
    assert len(keys) == 3


def overwritten(batches: Sequence[Sequence[Entry]], seen: set[str]) -> dict[str, list[bytes]]:
    """An archive after these units of one lane: duplicates by line, as the event-id window would find them."""
    found: dict[str, list[bytes]] = {}
    for batch in batches:
        kept, dropped = [], []
        for one in batch:
            (dropped if one.line in seen else kept).append(one)
            seen.add(one.line)
        for item in objects(kept, dropped, LANE):
            found.pop(item.key, None)
            if item.body is not None:
                found[item.key] = lines_of(item)
    return found


@given(st.data())
def test_arc_07_a_unit_that_comes_again_cut_differently_leaves_each_event_once(data: st.DataObject) -> None:
    """A first attempt crashes after its put; then the same records come in other units, and these are committed."""
    ids = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    hours = {number: data.draw(st.integers(0, 2)) for number in set(ids)}
    batch = [entry(place, START + hours[number] * HOUR) for place, number in enumerate(ids)]
    for one, number in zip(batch, ids, strict=True):
        one.line = b"event %d" % number
    crashed = overwritten([batch[: data.draw(st.integers(1, len(batch)))]], set())
    cuts = sorted(data.draw(st.sets(st.integers(1, len(batch)), max_size=3)) | {0, len(batch)})
    clean = overwritten([batch[a:b] for a, b in pairwise(cuts)], set())
    archive = {**crashed, **clean}
    everything = [text for lines in archive.values() for text in lines]
    assert sorted(everything) == sorted({one.line for one in batch})


def test_arc_10_quarantined_events_go_to_errors_by_their_arrival() -> None:
    found = entries_of(WHOLE, {**WHOLE, "event_id": "e-2", "timestamp": "1999-01-01T00:00:00Z"})
    found[1].why = "too_old"
    errors, fine = objects(found, [], LANE)
    assert errors.key == "errors/year=2026/month=02/day=02/hour=02/events_events-shardId-000000000000-101.json.gz"
    assert fine.key == "year=2026/month=02/day=02/hour=02/events_events-shardId-000000000000-100.json.gz"
    assert [json.loads(text)["quarantined"] for text in lines_of(errors)] == ["too_old"]
    assert "quarantined" not in json.loads(lines_of(fine)[0])


# --- the bucket -------------------------------------------------------------------------------------------------------


@contextmanager
def faults(s3: Any, *made: Exception | None, before: bool = True) -> Iterator[list[str]]:
    """The next calls fail so; ``before``: S3 doesn't learn of them. Gives the operations that were called."""
    left, called = list(made), []

    def fail(model: Any = None, **_: Any) -> None:
        called.append(model.name)
        if left and (fault := left.pop(0)) is not None:
            raise fault

    name = "before-call.s3" if before else "after-call.s3"
    s3.meta.events.register(name, fail, unique_id="faults")
    try:
        yield called
    finally:
        s3.meta.events.unregister(name, unique_id="faults")


def error(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "user-1"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )  # type: ignore[typeddict-item]


SLOW = error("SlowDown", 503)


class Pauses(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def s3(aws: Aws) -> Any:
    """Without retries of its own, as the processor's."""
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return aws.new_client("s3", config)


def read(s3: Any, bucket: str) -> dict[str, list[bytes]]:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).splitlines() for key in keys}


def ours() -> bool:
    """The lane is this invocation's."""
    return True


def deadline(seconds: float = 30.0) -> Deadline:
    return Deadline(Context(seconds), 0.0)


def test_arc_03_objects_say_what_they_are(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket()
    (item,) = objects(entries_of(WHOLE, {**WHOLE, "event_id": "e-2"}), [], LANE)
    assert store(s3, bucket, [item], None, deadline(), ours).success
    found = s3.get_object(Bucket=bucket, Key=item.key)
    assert (found["ContentType"], found["ContentEncoding"]) == ("application/x-ndjson", "gzip")
    told = found["Metadata"]
    assert told.pop("upload_timestamp").endswith("Z")
    assert told == {"event_count": "2", "compression": "gzip", "last_sequence": "101"}
    body, made = found["Body"].read(), item.body or b""
    assert (body[:4], body[8:]) == (made[:4], made[8:]), "but for the four bytes that make its tag unlike any other's"
    assert gzip.decompress(body).splitlines() == lines_of(item)


def test_arc_04_the_result_says_what_has_become_of_each_object_and_of_all(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket()
    made = objects([entry(1), entry(2), entry(3, START + HOUR)], [undated(4, START + 2 * HOUR)], LANE)
    done = store(s3, bucket, made, None, deadline(), ours)
    assert (done.success, done.batches_created, done.total_events, done.uploaded_events, done.failures) == (True, 3, 3, 3, 0)
    first = done.results[0]
    assert (first.success, first.event_count, first.retries, first.error) == (True, 2, 0, "")
    assert first.s3_uri == f"s3://{bucket}/{made[0].key}"
    assert first.compressed_size == len(made[0].body or b"")
    assert read(s3, bucket) == {item.key: lines_of(item) for item in made[:2]}


def test_arc_04_of_several_objects_the_rest_is_not_tried_after_a_failure(aws: Aws, s3: Any) -> None:
    made = objects([entry(1), entry(2, START + HOUR), entry(3, START + 2 * HOUR)], [], LANE)
    with faults(s3, None, error("AccessDenied", 403)) as called:
        done = store(s3, aws.bucket(), made, None, deadline(), ours)
    assert len(called) == 2
    assert (done.success, done.batches_created, done.uploaded_events, done.failures) == (False, 3, 1, 2)
    assert done.error == "AccessDenied"


def test_arc_05_two_failures_then_success_are_two_retries_with_backoff(aws: Aws, s3: Any) -> None:
    bucket, pauses = aws.bucket(), Pauses()
    made = objects([entry(1)], [], LANE)
    with faults(s3, SLOW, ConnectTimeoutError(endpoint_url="https://s3")):
        done = store(s3, bucket, made, None, deadline(), ours, sleep=pauses)
    assert (done.success, done.results[0].retries) == (True, 2)
    assert len(pauses) == 2 and 0 < pauses[0] < 1 and 0 < pauses[1] < 1
    assert list(read(s3, bucket)) == [made[0].key]


def test_arc_05_after_three_attempts_it_is_a_result_and_no_exception(aws: Aws, s3: Any) -> None:
    pauses = Pauses()
    with faults(s3, SLOW, SLOW, SLOW, SLOW) as called:
        done = store(s3, aws.bucket(), objects([entry(1)], [], LANE), None, deadline(), ours, sleep=pauses)
    assert len(called) == 3 and len(pauses) == 2
    assert (done.success, done.results[0].retries, done.results[0].error) == (False, 2, "SlowDown")
    assert "user-1" not in str(done)


@pytest.mark.parametrize("code", ["NoSuchBucket", "AccessDenied"])
def test_arc_05_what_no_attempt_can_help_is_tried_once(aws: Aws, s3: Any, code: str) -> None:
    with faults(s3, error(code, 403), error(code, 403)) as called:
        done = store(s3, aws.bucket(), objects([entry(1)], [], LANE), None, deadline(), ours, sleep=Pauses())
    assert (len(called), done.success, done.results[0].error) == (1, False, code)


def test_arc_05_nothing_is_begun_without_time(aws: Aws, s3: Any) -> None:
    with faults(s3) as called:
        done = store(s3, aws.bucket(), objects([entry(1)], [], LANE), None, deadline(0.2), ours)
    assert (called, done.success, done.results[0].error) == ([], False, "Deadline")


def test_arc_05_a_bucket_that_is_not_there_is_a_result(aws: Aws, s3: Any) -> None:
    done = store(s3, aws.name("nowhere"), objects([entry(1)], [], LANE), None, deadline(), ours, sleep=Pauses())
    assert (done.success, done.error) == (False, "NoSuchBucket")


def test_arc_07_a_put_that_comes_again_overwrites_and_an_hour_without_events_is_deleted(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket()
    first = objects([entry(1), entry(2)], [], LANE)
    with faults(s3, error("InternalError", 500), before=False):  # it is stored, and the answer is lost
        assert store(s3, bucket, first, None, deadline(), ours, sleep=Pauses()).results[0].retries == 1
    assert read(s3, bucket) == {first[0].key: lines_of(first[0])}
    shorter = objects([entry(1)], [], LANE)
    assert store(s3, bucket, shorter, None, deadline(), ours).success
    assert read(s3, bucket) == {first[0].key: lines_of(shorter[0])}
    gone = objects([], [undated(1)], LANE)
    for _ in range(2):
        assert store(s3, bucket, gone, None, deadline(), ours).success
        assert read(s3, bucket) == {}


def test_arc_08_a_failure_can_never_pass_for_a_success(aws: Aws, s3: Any) -> None:
    """Whatever fails, the unit's result says so; only then does the processor leave its records unacknowledged."""
    made = objects([entry(1), entry(2, START + HOUR)], [undated(3, START + 2 * HOUR)], LANE)
    for place in range(len(made)):
        before: list[Exception | None] = [None] * place
        with faults(s3, *before, SLOW, SLOW, SLOW):
            done = store(s3, aws.bucket(), made, None, deadline(), ours, sleep=Pauses())
        assert not done.success and done.failures and done.error == "SlowDown"
    assert store(s3, aws.bucket(), [], None, deadline(), ours).success


def test_arc_07_an_invocation_that_was_overtaken_undoes_nothing(aws: Aws, s3: Any) -> None:
    """It may add what nobody has stored, and be overwritten; what is there it leaves alone."""
    bucket = aws.bucket()
    newer = objects([entry(1), entry(2)], [], LANE)
    assert store(s3, bucket, newer, None, deadline(), ours).success
    for late in (objects([entry(1)], [], LANE), objects([], [undated(1)], LANE)):
        done = store(s3, bucket, late, None, deadline(), lambda: False)
        assert (done.success, done.error, done.results[0].retries) == (False, "Overtaken", 0)
        assert read(s3, bucket) == {newer[0].key: lines_of(newer[0])}


def test_arc_07_what_another_stores_between_look_and_write_stays(aws: Aws, s3: Any) -> None:
    bucket = aws.bucket()
    first, newer, late = (objects([entry(1, size=size)], [], LANE) for size in (5, 6, 7))
    assert store(s3, bucket, first, None, deadline(), ours).success
    asked: list[bool] = []

    def meanwhile() -> bool:
        asked.append(not asked)
        if asked[-1]:
            assert store(s3, bucket, newer, None, deadline(), ours).success
        return asked[-1]

    done = store(s3, bucket, late, None, deadline(), meanwhile, sleep=Pauses())
    assert (done.error, asked) == ("Overtaken", [True, False])
    assert read(s3, bucket) == {newer[0].key: lines_of(newer[0])}


def test_arc_09_the_bucket_must_belong_to_the_account(aws: Aws, s3: Any) -> None:
    """Every call says whose it is, if that is known."""
    made = objects([entry(1), entry(2, START + HOUR)], [], LANE)
    again = objects([entry(1)], [undated(2, START + HOUR)], LANE)
    for owner in ("123456789012", None):
        bucket = aws.bucket()
        with faults(s3) as called, headers(s3, "x-amz-expected-bucket-owner") as sent:
            store(s3, bucket, made, owner, deadline(), ours)
            store(s3, bucket, again, owner, deadline(), ours)
        assert set(called) == {"PutObject", "HeadObject", "DeleteObject"}
        assert set(sent) == {owner}


@contextmanager
def headers(s3: Any, name: str) -> Iterator[list[str | None]]:
    """What this header says in each call."""
    sent: list[str | None] = []

    def look(params: Any, **_: Any) -> None:
        sent.append(params["headers"].get(name))

    s3.meta.events.register("before-call.s3", look, unique_id="look")
    try:
        yield sent
    finally:
        s3.meta.events.unregister("before-call.s3", unique_id="look")
