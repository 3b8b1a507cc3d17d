"""Events on their way out: what they say, that none is lost unseen, and that no request waits for them."""

import base64
import json
import os
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._aws_json import JsonClient
from handlers._breaker import Breaker
from handlers._contract import FLAG_EVALUATION, check_event
from handlers._edge import Edge, prepare
from handlers._kinesis import MAX_WAITING, Kinesis
from handlers._log import Output
from handlers._outcome import properties_of
from handlers._tracking import MAX_LINE_BYTES, MAX_SEEN, Log, Nowhere, Tracker
from handlers._tracking_settings import tracker_of
from handlers.flags import BATCH_PATH, EVALUATE_PATH, handler
from scripts.contract import SCHEMA
from tests.aws import REGION, Aws
from tests.handlers.conftest import Configure
from tests.handlers.playing import Peer, Player, http, silence
from tests.handlers.switches import DOCUMENT, compiled
from tests.handlers.test_aws_json import hear_all
from tests.handlers.test_flags_handler import post
from tests.handlers.test_s3 import Fixed, until

SCHEMA_VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
ANSWER = ("new-seat-map", "flag_17", True, "enabled", "on")
ROW = properties_of(*ANSWER)
STREAM = "events"


class Figures:
    """Counts as telemetry does."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}
        self.gauges: list[tuple[str, int]] = []

    def count(self, name: str, number: int = 1) -> None:
        self.counted[name] = self.counted.get(name, 0) + number

    def gauge(self, name: str, value: int) -> None:
        self.gauges.append((name, value))


class Lines(Output):
    """An output that keeps what was written, write by write."""

    __slots__ = ("fails", "writes")

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.fails = False

    def write(self, line: bytes) -> bool:
        self.writes.append(line)
        return not self.fails

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self.writes).splitlines()]


def logged(**options: Any) -> tuple[Tracker, Lines, Figures]:
    lines, figures = Lines(), Figures()
    return Tracker(Log(lines), figures, **options), lines, figures


class Timed(JsonClient):
    """Notes for how many seconds each call may wait, which is how long it does (test_aws_json.py)."""

    __slots__ = ("waits",)

    def __init__(self, endpoint: str) -> None:
        super().__init__("kinesis", REGION, endpoint, Fixed())
        self.waits: list[float] = []

    def call(self, target: str, payload: Any, until: float, **more: Any) -> dict[str, Any]:
        self.waits.append(until - time.monotonic())
        return super().call(target, payload, until, **more)


def kinesis(endpoint: str, figures: Figures | None = None, stream: str = STREAM, **options: Any) -> tuple[Tracker, Kinesis]:
    breaker = Breaker(3, options.pop("cool_down_ms", 10_000))
    client = Timed(endpoint)
    sink = Kinesis(stream, client, breaker, options.pop("budget_ms", 20), options.pop("age_ms", 0), **options)
    return Tracker(sink, figures or Figures()), sink


def waits(sink: Kinesis) -> list[float]:
    """The seconds that its calls could have taken."""
    client = sink._client
    assert isinstance(client, Timed)
    return client.waits


class Stream:
    """A Kinesis of a few lines. ``refuse``: how many records of each call are refused; ``hang``: no answers."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, str]]] = []
        self.accepted: list[dict[str, Any]] = []
        self.refuse: list[int] = []
        self.hang = False

    def behave(self, peer: Peer) -> None:
        while True:
            body = hear_all(peer)
            if self.hang:
                silence(peer)
            records = json.loads(body)["Records"]
            self.calls.append(records)
            refused = self.refuse.pop(0) if self.refuse else 0
            self.accepted += [json.loads(base64.b64decode(record["Data"])) for record in records[refused:]]
            results: list[dict[str, Any]] = [{"ErrorCode": "ProvisionedThroughputExceededException"}] * refused
            results += [{"SequenceNumber": "1", "ShardId": "s"}] * (len(records) - refused)
            peer.say(http("200 OK", json.dumps({"FailedRecordCount": refused, "Records": results}).encode()))


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_id"] for event in events]


# --- what an event says -----------------------------------------------------------------------------------------------


def test_flt_01_an_evaluation_gives_one_event_with_its_fields() -> None:
    tracker, lines, _ = logged(wall=lambda: 1_767_225_599_987_654_321)
    tracker.track_flags(None, "customer-1", {"country": "AT"}, [ROW])
    assert tracker.held
    assert lines.writes == [], "nothing before the end of the request"
    tracker.flush(until())
    assert not tracker.held
    (event,) = lines.events
    assert len(event.pop("event_id")) == 32
    assert event == {
        "event_type": "feature_flag_evaluation",
        "timestamp": "2025-12-31T23:59:59.987Z",
        "user_id": "customer-1",
        "properties": {
            "flag_id": "flag_17", "flag_key": "new-seat-map", "enabled": True, "reason": "enabled", "variant": "on",
            "context": {},
        },
    }  # fmt: skip


def test_flt_01_on_a_stream_the_user_is_the_partition_key(aws: Aws) -> None:
    name = aws.name("stream")
    boto = aws.client("kinesis")
    boto.create_stream(StreamName=name, ShardCount=1)
    tracker, sink = kinesis(aws.endpoint, stream=name, budget_ms=20_000)
    tracker.track_flags(None, "grüße", {}, [ROW])
    tracker.track_flags(None, "customer-2", {}, [ROW])
    tracker.flush(until())
    assert sink.waiting == 0
    shard = boto.describe_stream(StreamName=name)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = boto.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = boto.get_records(ShardIterator=iterator)["Records"]
    assert [record["PartitionKey"] for record in records] == ["grüße", "customer-2"]
    events = [json.loads(record["Data"]) for record in records]
    assert [event["user_id"] for event in events] == ["grüße", "customer-2"]
    assert [check_event(event) for event in events] == [None, None]


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256).filter(
    lambda text: not text.isspace()
)
_ROW = st.tuples(
    st.text(max_size=40),
    st.none() | st.text(max_size=20),
    st.booleans(),
    st.sampled_from(["enabled", "error"]),
    st.none() | st.text(),
)
_VALUE = st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
                      lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
                      max_leaves=4)  # fmt: skip


@given(
    user=_TEXT,
    rows=st.lists(_ROW, max_size=4),
    context=st.dictionaries(st.sampled_from(["country", "plan", "email"]), _VALUE),
    salt=st.none() | st.text(max_size=5),
    rate=st.sampled_from([1.0, 0.9999999]),
)
def test_flt_04_every_event_passes_the_schema_of_its_readers(
    user: str, rows: list[Any], context: dict[str, Any], salt: str | None, rate: float
) -> None:
    tracker, lines, _ = logged(salt=salt, rate=rate, attributes=("country", "plan"))
    tracker.track_flags(None, user, context, [properties_of(*row) for row in rows])
    tracker.exposed(user, "exp_1", "checkout", "a", None)
    tracker.flush()
    events = lines.events
    assert len(events) == len(rows) + 1
    assert len(set(ids(events))) == len(events)
    for event in events:
        SCHEMA_VALIDATOR.validate(event)
        assert check_event(event) is None
    for event, row in zip(events, rows, strict=False):
        said = event["properties"]
        assert (said["flag_key"], said["flag_id"], said["enabled"], said["reason"], said["variant"]) == row
        assert said["context"] == {name: value for name, value in context.items() if name != "email"}
        assert (event["user_id"] == user) == (salt is None)


def test_flt_04_ids_are_unique_across_threads_and_forked_children() -> None:
    tracker, lines, _ = logged()

    def work() -> None:
        for _ in range(300):
            tracker.track_flags(None, "u", {}, [ROW, ROW])
            tracker.flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracker.flush()
    found = ids(lines.events)
    assert len(found) == len(set(found)) == 4 * 300 * 2
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        child_tracker, child_lines = tracker, lines
        child_lines.writes.clear()
        child_tracker.track_flags(None, "u", {}, [ROW] * 50)
        child_tracker.flush()
        os.write(writing, "".join(ids(child_lines.events)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 65536).decode()
    lines.writes.clear()
    tracker.track_flags(None, "u", {}, [ROW] * 50)
    tracker.flush()
    ours = set(ids(lines.events))
    assert len(theirs) == 50 * 32
    assert ours.isdisjoint(theirs[start : start + 32] for start in range(0, len(theirs), 32))
    os.close(reading)
    os.close(writing)


def test_a_forked_child_leaves_what_waits_to_its_parent() -> None:
    tracker, sink = kinesis("http://127.0.0.1:9")
    tracker.track_flags(None, "u", {}, [ROW])
    tracker.flush()
    tracker.track_flags(None, "u", {}, [ROW])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(0 if sink.waiting == 0 and not tracker.pending else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (sink.waiting, tracker.pending) == (1, True)


def test_bat_07_a_batch_is_one_write() -> None:
    tracker, lines, _ = logged()
    rows = [(f"flag-{number}", None, False, "flag_disabled", None) for number in range(100)]
    tracker.track_flags(None, "customer-1", {}, [properties_of(*row) for row in rows])
    tracker.flush()
    assert len(lines.writes) == 1
    assert [event["properties"]["flag_key"] for event in lines.events] == [row[0] for row in rows]


def test_a_flag_that_answers_differently_says_so() -> None:
    """Texts of answers are kept; no answer may get another's."""
    tracker, lines, _ = logged()
    for row in (ANSWER, (*ANSWER[:3], "default", "on"), (*ANSWER[:2], False, "flag_disabled", None), ANSWER):
        tracker.track_flags(None, "u", {}, [properties_of(*row)])
    tracker.flush()
    said = [(event["properties"]["enabled"], event["properties"]["reason"]) for event in lines.events]
    assert said == [(True, "enabled"), (True, "default"), (False, "flag_disabled"), (True, "enabled")]


# --- what leaves the process ------------------------------------------------------------------------------------------


def test_flt_06_nothing_of_a_context_leaves_that_is_not_listed() -> None:
    context = {"email": "a@b.example", "country": "AT", "nested": {"email": "c@d.example"}}
    tracker, lines, _ = logged()
    tracker.track_flags(None, "u", context, [ROW])
    tracker.flush()
    assert b"example" not in lines.writes[0]
    assert b"AT" not in lines.writes[0]
    tracker, lines, _ = logged(attributes=("country", "missing"))
    tracker.track_flags(None, "u", context, [ROW])
    tracker.flush()
    assert [event["properties"]["context"] for event in lines.events] == [{"country": "AT"}]


def test_sec_08_log_lines_have_no_user_in_clear_unless_that_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    said = []
    for more in ({}, {"BURGEE_TRACKING_SALT": "pepper"}, {"BURGEE_TRACKING_USERS": "clear"}):
        tracker = tracker_of({"BURGEE_TRACKING": "log", **more})
        for user in ("customer-77", "customer-78", "customer-77"):
            tracker.track_flags(None, user, {}, [ROW])
        tracker.flush()
        said.append([json.loads(line)["user_id"] for line in capfd.readouterr().out.splitlines()])
    for users in said[:2]:
        assert users[0] == users[2] != users[1]
        assert all(len(user) == 32 and "customer" not in user for user in users)
    assert said[0] != said[1]
    assert said[2] == ["customer-77", "customer-78", "customer-77"]


@pytest.mark.parametrize("rate", [1.0, 0.999])
@pytest.mark.parametrize("number", [1, 3])
def test_mon_07_the_events_of_a_request_have_its_id(rate: float, number: int) -> None:
    """It is in the answer and in the log line too; one that a client has made up does no harm."""
    for request_id in ("6f0b", 'a"\\\n\ud800', "x" * 1_000, ""):
        tracker, lines, _ = logged(rate=rate)
        tracker.track_flags(SimpleNamespace(request_id=request_id), "customer-1", {}, [ROW] * number)
        tracker.flush()
        expected: dict[str, Any] = {"request_id": request_id[:256]} if request_id else {}
        expected = ({} if rate == 1 else {"rate": rate}) | expected
        assert [event.get("metadata", {}) for event in lines.events] == [expected] * number


def test_users_are_sampled_whole_and_exposures_always_kept() -> None:
    tracker, lines, figures = logged(rate=0.25)
    for number in range(2_000):
        for _ in range(2):
            tracker.track_flags(None, f"user-{number}", {}, [ROW, ROW])
    tracker.flush()
    counts: dict[str, int] = {}
    for event in lines.events:
        counts[event["user_id"]] = counts.get(event["user_id"], 0) + 1
        assert event["metadata"] == {"rate": 0.25}
    assert set(counts.values()) == {4}
    assert 420 < len(counts) < 580
    tracker, lines, figures = logged(rate=0.0)
    tracker.track_flags(None, "u", {}, [ROW])
    tracker.exposed("u", "exp", "key", "a")
    tracker.flush()
    assert [event["event_type"] for event in lines.events] == ["exposure"]
    assert figures.counted == {}


# --- exposures --------------------------------------------------------------------------------------------------------


def test_asg_17_a_first_assignment_gives_an_exposure() -> None:
    tracker, lines, _ = logged()
    tracker.exposed("customer-1", "exp_1", "checkout", "b", "assign_0123456789ab")
    tracker.flush()
    (event,) = lines.events
    assert (event["event_type"], event["user_id"], event["experiment_id"]) == ("exposure", "customer-1", "exp_1")
    assert event["properties"] == {"experiment_key": "checkout", "variant": "b", "assignment_id": "assign_0123456789ab"}
    assert check_event(event) is None


def test_an_exposure_is_told_once_in_a_window_and_with_one_id_everywhere() -> None:
    moment = [0]
    first, second = (logged(wall=lambda: moment[0] * 10**9, window_s=60) for _ in range(2))
    for tracker, _, _ in (first, first, second):
        for user, experiment, variant in (("u", "e", "a"), ("u", "e", "b"), ("v", "e", "a"), ("u", "f", "a"), ("u", "e", "a")):
            tracker.exposed(user, experiment, "key", variant)
    for tracker, _, _ in (first, second):
        tracker.flush()
    assert len(first[1].events) == 4
    assert ids(first[1].events) == ids(second[1].events)
    assert len(set(ids(first[1].events))) == 4
    moment[0] = 59
    third = logged(wall=lambda: moment[0] * 10**9, window_s=60)
    third[0].exposed("u", "e", "key", "a")
    third[0].flush()
    assert third[1].events == first[1].events[:1], "the same event, whenever it is told"
    moment[0] = 60
    first[0].exposed("u", "e", "key", "a")
    first[0].flush()
    assert ids(first[1].events)[4] not in ids(second[1].events)


def test_remembered_exposures_are_bounded() -> None:
    tracker, lines, _ = logged()
    for number in range(MAX_SEEN + 500):
        tracker.exposed(f"user-{number}", "e", "key", "a")
    assert len(tracker._seen) <= MAX_SEEN
    tracker.exposed(f"user-{MAX_SEEN + 499}", "e", "key", "a")
    tracker.flush()
    assert len(lines.events) == MAX_SEEN + 500


# --- nothing is lost unseen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "reason"), [(None, "no_user"), ("", "no_user"), (" ", "invalid"), ("a\nb", "invalid"), ("x" * 257, "invalid"),
                         ("\ud800", "invalid"), (17, "invalid")]
)  # fmt: skip
def test_flt_05_an_evaluation_that_can_be_no_event_is_counted(user: object, reason: str) -> None:
    tracker, lines, figures = logged()
    tracker.track_flags(None, user, {}, [ROW, ROW])
    tracker.flush()
    assert lines.writes == []
    assert tracker.dropped == {reason: 2}
    assert figures.counted == {"TrackingDropped": 2, f"TrackingDropped_{reason}": 2}


def test_flt_02_no_failure_of_tracking_is_anybodys_problem() -> None:
    tracker, _, figures = logged(attributes=("a",))
    for value in (float("nan"), {1, 2}, object()):
        tracker.track_flags(None, "u", {"a": value}, [ROW])
    tracker.exposed("u", "e", "key", 5)  # type: ignore[arg-type]
    tracker.exposed("u", "an id\nof two lines", "key", "a")
    tracker.exposed("", "e", "key", "a")
    tracker.flush()
    assert figures.counted["TrackingDropped"] == sum(tracker.dropped.values()) == 6

    class Broken(Nowhere):
        def send(self, *_: object, **__: object) -> int:
            raise RuntimeError

    class BrokenFigures(Figures):
        def count(self, name: str, number: int = 1) -> None:
            raise RuntimeError

    tracker, _, _ = logged()
    tracker._sink, tracker.metrics = Broken(), BrokenFigures()
    tracker.track_flags(None, "u", {}, [ROW])
    tracker.track_flags(None, None, {}, [ROW])
    tracker.flush()
    tracker.close(0.1)
    assert tracker.dropped == {"no_user": 1, "error": 1}


def test_lines_that_can_not_be_written_are_counted() -> None:
    tracker, lines, figures = logged(attributes=("a",))
    lines.fails = True
    tracker.track_flags(None, "u", {}, [ROW, ROW])
    tracker.flush()
    assert figures.counted["TrackingDropped_log"] == 2
    lines.fails = False
    lines.writes.clear()
    tracker.track_flags(None, "u", {"a": "x" * MAX_LINE_BYTES}, [ROW])
    tracker.track_flags(None, "u", {"a": "fits"}, [ROW])
    tracker.flush()
    assert figures.counted["TrackingDropped_too_large"] == 1
    assert [event["properties"]["context"] for event in lines.events] == [{"a": "fits"}]


def test_flt_05_the_buffer_is_bounded_and_drops_are_counted() -> None:
    figures = Figures()
    tracker, sink = kinesis("http://127.0.0.1:9", figures)
    tracker.track_flags(None, "u", {}, [ROW] * (MAX_WAITING + 7))
    tracker.flush(until())
    assert sink.waiting == MAX_WAITING
    assert figures.counted == {"TrackingDropped": 7, "TrackingDropped_full": 7}
    assert figures.gauges == [("TrackingPending", MAX_WAITING)]
    figures = Figures()
    tracker, sink = kinesis("http://127.0.0.1:9", figures)
    for number in range(12):
        tracker.exposed("u", f"e{number}", "x" * 1_000_000, "a")
    tracker.exposed("u", "e", "x" * 1_100_000, "a")
    tracker.flush(until())
    assert sink.waiting == 8
    assert figures.counted["TrackingDropped_full"] == 4
    assert figures.counted["TrackingDropped_too_large"] == 1


# --- Kinesis that fails -----------------------------------------------------------------------------------------------


def test_flt_03_a_stream_that_hangs_for_30_seconds_costs_a_request_less_than_40_ms() -> None:
    figures = Figures()
    with Player(silence) as player:
        tracker, sink = kinesis(player.endpoint, figures, cool_down_ms=600_000)
        sink.prepare()
        start = time.monotonic()
        for _ in range(8):
            tracker.track_flags(None, "u", {}, [ROW])
            tracker.flush(time.monotonic() + 30)
        assert time.monotonic() - start < 25, "on a busy machine; without a budget one call takes longer"
        assert max(waits(sink)) <= 0.02, "and 20 ms for all the rest of a request's end"
        assert len(waits(sink)) == 3, "the breaker is open: nobody waits"
        assert sink.waiting == 8
        assert [value for _, value in figures.gauges] == list(range(1, 9)), "what waits is told before each freeze"
        assert figures.counted == {}


def test_flt_03_what_a_hanging_stream_kept_is_delivered_later() -> None:
    stream = Stream()
    stream.hang = True
    with Player(stream.behave) as player:
        tracker, sink = kinesis(player.endpoint, cool_down_ms=50)
        for number in range(5):
            tracker.track_flags(None, f"user-{number}", {}, [ROW])
            tracker.flush()
        assert sink.waiting == 5
        stream.hang = False
        time.sleep(0.06)
        tracker.track_flags(None, "user-5", {}, [ROW])
        until_seconds = time.monotonic() + 60  # as long as the machine needs
        while sink.waiting and time.monotonic() < until_seconds:
            tracker.flush()
            time.sleep(0.06)
        assert {event["user_id"] for event in stream.accepted} == {f"user-{number}" for number in range(6)}
        assert not tracker.pending
        assert tracker.dropped == {}


def test_flt_02_each_failed_call_is_a_warning_without_users_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    tracker, sink = kinesis("http://127.0.0.1:9", budget_ms=5_000)
    for _ in range(6):
        tracker.track_flags(None, "customer-77", {}, [ROW])
        tracker.flush()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["level"], line["kind"], line["paused"]) for line in lines] == [
        ("WARNING", "refused", False), ("WARNING", "refused", False), ("WARNING", "refused", True),
    ]  # fmt: skip
    assert sink.failures == {"refused": 3}
    assert "customer" not in json.dumps(lines)


def test_what_kinesis_will_never_take_is_dropped_and_counted() -> None:
    def behave(peer: Peer) -> None:
        while True:
            hear_all(peer)
            peer.say(http("400 Bad Request", b'{"__type":"ValidationException"}'))

    figures = Figures()
    with Player(behave) as player:
        tracker, sink = kinesis(player.endpoint, figures, budget_ms=5_000)
        tracker.track_flags(None, "u", {}, [ROW, ROW])
        tracker.flush()
        assert sink.waiting == 0
        assert figures.counted["TrackingDropped_refused"] == 2


def test_flt_05_records_wait_for_company_until_they_are_old_or_many() -> None:
    stream, now = Stream(), [time.monotonic()]
    with Player(stream.behave) as player:
        breaker = Breaker(3, 1000)
        client = JsonClient("kinesis", REGION, player.endpoint, Fixed())
        sink = Kinesis(STREAM, client, breaker, 20_000, 1_000, clock=lambda: now[0])
        tracker = Tracker(sink, Figures())
        tracker.track_flags(None, "u", {}, [ROW])
        tracker.flush()
        assert (sink.waiting, tracker.pending) == (1, True)
        now[0] += 1.0
        tracker.flush()
        assert (sink.waiting, len(stream.calls)) == (0, 1)
        tracker.track_flags(None, "u", {}, [ROW] * 500)
        tracker.flush()
        assert (sink.waiting, len(stream.calls)) == (0, 2)
        tracker.track_flags(None, "u", {}, [ROW])
        tracker.flush()
        tracker.close(5.0)
        assert (sink.waiting, len(stream.calls)) == (0, 3)
        assert len(set(ids(stream.accepted))) == 502


def test_flt_05_the_end_of_a_process_counts_what_it_could_not_send(capfd: pytest.CaptureFixture[str]) -> None:
    tracker, sink = kinesis("http://127.0.0.1:9")
    tracker.track_flags(None, "u", {}, [ROW, ROW])
    tracker.close(0.5)
    assert (sink.waiting, tracker.dropped) == (0, {"shutdown": 2})
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["TrackingDropped"] for line in lines if "TrackingDropped" in line] == [2]


def test_threads_lose_no_event() -> None:
    stream = Stream()
    with Player(stream.behave) as player:
        tracker, _ = kinesis(player.endpoint, budget_ms=20_000)

        def work(number: int) -> None:
            for turn in range(50):
                tracker.track_flags(None, f"{number}-{turn}", {}, [ROW])
                tracker.flush()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tracker.flush()
        assert len(stream.accepted) == len(set(ids(stream.accepted))) == 200


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"BURGEE_TRACKING": "kinesis"}])
def test_flt_02_without_a_stream_one_warning_and_no_events(settings: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    tracker = tracker_of(settings)
    for _ in range(3):
        tracker.track_flags(None, "u", {}, [ROW])
        tracker.exposed("u", "e", "k", "v")
        assert not tracker.pending
        tracker.flush()
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line)["level"] == "WARNING"
    assert "KINESIS_STREAM_NAME" in line
    assert tracker.dropped == {}
    tracker_of({"BURGEE_TRACKING": "none"})
    assert capfd.readouterr().out == ""


def test_a_stream_is_enough_to_track(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    stream = Stream()
    with Player(stream.behave) as player:
        settings = {"KINESIS_STREAM_NAME": "my.stream-1", "AWS_REGION": REGION, "AWS_ENDPOINT_URL_KINESIS": player.endpoint}
        tracker = tracker_of({**settings, "BURGEE_TRACKING_BUDGET_MS": "5000", "BURGEE_TRACKED_CONTEXT": "country, plan"})
        tracker.track_flags(None, "u", {"plan": "pro"}, [ROW])
        tracker.flush()
        (event,) = stream.accepted
        assert (event["user_id"], event["event_type"]) == ("u", FLAG_EVALUATION)
        assert event["properties"]["context"] == {"plan": "pro"}
        assert '"StreamName":"my.stream-1"' not in player.requests[0], "that is in the body"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"BURGEE_TRACKING": "firehose"}, "BURGEE_TRACKING"),
        ({"BURGEE_TRACKING": "log", "BURGEE_TRACKING_RATE": "1.5"}, "BURGEE_TRACKING_RATE"),
        ({"BURGEE_TRACKING": "log", "BURGEE_TRACKING_RATE": "nan"}, "BURGEE_TRACKING_RATE"),
        ({"BURGEE_TRACKING": "log", "BURGEE_TRACKING_RATE": "x"}, "BURGEE_TRACKING_RATE"),
        ({"BURGEE_TRACKING": "log", "BURGEE_TRACKING_USERS": "plain"}, "BURGEE_TRACKING_USERS"),
        ({"BURGEE_TRACKING": "log", "BURGEE_TRACKED_CONTEXT": "plan,user_id"}, "BURGEE_TRACKED_CONTEXT"),
        ({"BURGEE_TRACKING": "log", "BURGEE_EXPOSURE_WINDOW_S": "0"}, "BURGEE_EXPOSURE_WINDOW_S"),
        ({"KINESIS_STREAM_NAME": "a b"}, "KINESIS_STREAM_NAME"),
        ({"KINESIS_STREAM_NAME": "s"}, "AWS_REGION"),
        ({"KINESIS_STREAM_NAME": "s", "AWS_REGION": "x", "BURGEE_TRACKING_BUDGET_MS": "0"}, "BURGEE_TRACKING_BUDGET_MS"),
        ({"KINESIS_STREAM_NAME": "s", "AWS_REGION": "x", "BURGEE_TRACKING_AGE_MS": "-1"}, "BURGEE_TRACKING_AGE_MS"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        tracker_of(settings)


# --- through the handler ------------------------------------------------------------------------------------------------


@pytest.fixture
def function(configure: Configure, tmp_path: Path) -> Edge:
    """The flags function with a bundle; what stands around it."""
    path = tmp_path / "flags.burgee"
    path.write_bytes(compiled(DOCUMENT))
    configure(BUNDLE=path)
    return prepare()


def test_flt_03_a_response_leaves_within_40_ms_while_the_stream_hangs(function: Edge) -> None:
    with Player(silence) as player:
        function.tracker, sink = kinesis(player.endpoint, cool_down_ms=600_000)
        sink.prepare()
        for number in range(6):
            result: Any = handler(post(EVALUATE_PATH, {"user_id": f"user-{number}", "flag_key": "on"}), None)
            assert result["statusCode"] == 200
        assert len(waits(sink)) == 3
        assert max(waits(sink)) <= 0.02, "and 20 ms for the evaluation"
        assert sink.waiting == 6, "and nothing is lost"


def test_bat_07_a_batch_request_is_one_write_of_all_its_events(function: Edge) -> None:
    tracker, lines, _ = logged()
    function.tracker = tracker
    keys = ["on", "off", "split", "on", "unknown"]
    result: Any = handler(post(BATCH_PATH, {"user_id": "u1", "flag_keys": keys, "context": {"plan": "pro"}}), None)
    said = json.loads(result["body"])["flags"]
    assert len(lines.writes) == 1
    for event in lines.events:
        SCHEMA_VALIDATOR.validate(event)
        answer = said[event["properties"]["flag_key"]]
        assert {name: event["properties"][name] for name in ("enabled", "reason", "variant")} == answer
    assert {event["properties"]["flag_key"] for event in lines.events} >= {"on", "off", "split"}


def test_flt_02_a_tracker_that_fails_changes_no_answer(function: Edge) -> None:
    asked = post(EVALUATE_PATH, {"user_id": "u1", "flag_key": "on"})
    tracker, _, figures = logged()
    tracker._ids = None  # type: ignore[assignment]
    function.tracker = tracker
    result: Any = handler(asked, None)
    assert (result["statusCode"], json.loads(result["body"])["enabled"]) == (200, True)
    assert figures.counted["TrackingDropped_error"] == 1
