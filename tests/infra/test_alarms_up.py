"""Requirement MON-03 from end to end: faults of a running ``burgee up`` trip alarms, by its functions' lines, in its AWS.

One platform gets all the faults, one after the other; it takes some 80 s, in which nearly nothing is computed: a store must be
away for a minute before anybody is told. What a moment leaves behind is taken for each minute that an alarm looks at: a fault
lasts.
``test_alarms_trip`` has every alarm, with clocks by hand. Those on figures that Lambda or Kinesis measure are only there:
``burgee up`` shows them to people and writes no metrics of them; an iterator age of five minutes would be waited for besides.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evaluator.snapshot.manifest import POINTER, Manifest, object_name, parse, seal
from handlers._kinesis import MAX_WAITING
from infra.alarms import ALARMS, MINUTE, SQS
from tests.burgee.platform import Up
from tests.burgee.server import until
from tests.conftest import ROOT
from tests.infra.alarming import IN_ALARM, OK, Cloud

pytestmark = pytest.mark.slow

EXPERIMENT, LAKE, BUCKET, PREFIX = "exp_2041", "burgee-events", "burgee", "local/"
WAIT_SECONDS = 150.0
MANY = [f"flag-{number}" for number in range(100)]  # what one request may ask for
LONG_MS = 60_000
# alarm -> the moment whose traces it is shown
TRIPPED = {
    "events-poison-depth": "planted",
    "flags-quarantined": "planted",
    "sample-ratio": "minute",
    "sync-failed": "minute",
    "flags-snapshot-age": "minute",
    "events-failed": "minute",
    "events-failures-depth": "minute",
    "events-lag": "late",
    "flags-tracking-dropped": "end",
    "ingest-unavailable": "end",
    "assignments-not-stored": "end",
    "assignments-outbox-depth": "end",
}
BY_NAME = {alarm.name: alarm for alarm in ALARMS}


class Traces:
    """What a moment has left: the functions' lines, and how many messages wait in each queue."""

    def __init__(self, lines: str, depths: dict[str, int]) -> None:
        self.lines, self.depths = lines, depths


class Play:
    """The platform, and what its functions write, in pieces."""

    def __init__(self, up: Up, path: Path) -> None:
        self.up = up
        self._path = path
        self._read = 0
        self._names = count()
        self.moments: dict[str, Traces] = {}

    def client(self, service: str) -> Any:
        return self.up.client(service)

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._names)}"

    def lines(self) -> str:
        """Those that have come since the last moment."""
        whole = self._path.read_bytes()[self._read :]
        return whole[: whole.rfind(b"\n") + 1].decode()

    def depth(self, queue: str) -> int:
        sqs = self.client("sqs")
        url, name = sqs.get_queue_url(QueueName=queue)["QueueUrl"], "ApproximateNumberOfMessages"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def moment(self, name: str) -> None:
        """Closes a piece."""
        lines = self.lines()
        self._read += len(lines.encode())
        queues = [BY_NAME[alarm].metrics[0][1].of for alarm in TRIPPED if alarm.endswith("-depth")]
        self.moments[name] = Traces(lines, {queue: self.depth(queue) for queue in queues})

    def values(self, metric: str, lines: str | None = None) -> list[float]:
        """Of these lines, else of those since the last moment."""
        text = self.lines() if lines is None else lines
        found = (json.loads(line).get(metric) for line in text.splitlines() if f'"{metric}"' in line)
        return [number for value in found for number in (value if isinstance(value, list) else [value])]

    def until(self, condition: Callable[[], object]) -> None:
        """Asks for a flag until it is so: who isn't asked doesn't look at the store."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.up.printed[-4_000:]
            assert self.up.post("sales-open").status_code == 200, "a fault behind the flags is nothing to who asks"
            time.sleep(0.5)

    def send(self, events: list[dict[str, Any]]) -> int:
        return self.up.ask("POST", "/events/batch", json={"events": events}).status_code

    def empty(self, bucket: str) -> None:
        """Nothing is there any more, not even the bucket. Somebody may be writing into it meanwhile."""
        s3 = self.client("s3")

        def is_gone() -> bool:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for item in page.get("Contents", []):
                    s3.delete_object(Bucket=bucket, Key=item["Key"])
            try:
                s3.delete_bucket(Bucket=bucket)
            except s3.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "BucketNotEmpty"
                return False
            return True

        until(is_gone)


def quiet(play: Play) -> None:
    """All is well: flags, an assignment, a user of each variant, a look at results."""
    assert play.send([exposure("control", -1), exposure("large", -1)]) == 202
    assert play.up.ask("POST", "/assign", json={"user_id": "u", "experiment_key": "checkout-button"}).status_code == 200
    play.until(lambda: sum(play.values("EventsCounted")) >= 2)
    assert play.up.ask("GET", "/experiments/checkout-button/results").status_code == 200
    play.moment("quiet")


def purchase(number: int) -> dict[str, Any]:
    return {"event_id": f"purchase-{number}", "event_type": "purchase", "user_id": "u", "experiment_id": EXPERIMENT} | {
        "properties": {"revenue": 1}
    }


def exposure(variant: str, number: int) -> dict[str, Any]:
    properties = {"experiment_key": "checkout-button", "variant": variant, "assignment_id": None}
    about = {"event_id": f"{variant}-{number}", "event_type": "exposure", "user_id": f"{variant}-{number}"}
    return about | {"experiment_id": EXPERIMENT, "properties": properties}


def planted(play: Play) -> None:
    """Twice as many of one variant as of the other, a record that is no event, a version with a byte turned."""
    assert play.send([exposure("control", number) for number in range(400)]) == 202
    assert play.send([exposure("large", number) for number in range(200)]) == 202
    play.client("kinesis").put_record(StreamName="events", Data=b"no event", PartitionKey="u")
    play.until(lambda: play.depth("events-poison") and sum(play.values("EventsCounted")) >= 600)
    publish_damaged(play.client("s3"))
    play.until(lambda: play.values("SnapshotQuarantined"))
    play.moment("planted")


def publish_damaged(s3: Any) -> None:
    """The next version, as its publisher would have written it had its memory been broken."""
    now = parse(s3.get_object(Bucket=BUCKET, Key=PREFIX + POINTER)["Body"].read()).manifest
    data = bytearray(s3.get_object(Bucket=BUCKET, Key=PREFIX + now.object_name)["Body"].read())
    data[len(data) // 2] ^= 1
    digest = sha256(data).hexdigest()
    made = Manifest(now.version + 1, digest, len(data), now.snapshot_version, now.flags, now.published_at + 1)
    s3.put_object(Bucket=BUCKET, Key=PREFIX + object_name(digest), Body=bytes(data))
    s3.put_object(Bucket=BUCKET, Key=PREFIX + POINTER, Body=seal(made))


def minute(play: Play) -> None:
    """Store and archive are gone, and the schedules come by. Of two events the second waits until the first is given up."""
    play.empty(LAKE)
    play.empty(BUCKET)
    assert play.send([purchase(1), purchase(2)]) == 202
    play.until(lambda: play.depth("events-failures"))
    play.until(lambda: any(play.values("SampleRatioMismatch")) and any(play.values("SyncFailed")))
    play.until(lambda: any(play.values("SnapshotStale")))
    play.until(lambda: max(play.values("EventLagMs"), default=0) > LONG_MS)
    play.moment("minute")
    play.until(lambda: is_late(play))


def is_late(play: Play) -> bool:
    """Closes a piece that has batches; whether all of them waited long. Of the two shards one may have been given up later."""
    if not play.values("EventLagMs"):
        return False
    play.moment("late")
    return min(play.values("EventLagMs", play.moments["late"].lines)) > LONG_MS


def end(play: Play) -> None:
    """Stream and table of assignments are gone. A sandbox keeps so many events, and then drops them."""
    play.client("kinesis").delete_stream(StreamName="events")
    play.client("dynamodb").delete_table(TableName="assignments")
    body = {"user_id": "u", "flag_keys": MANY}
    for _ in range(MAX_WAITING // len(MANY) + 1):
        assert play.up.ask("POST", "/feature-flags/evaluate/batch", json=body).status_code == 200
    assert play.send([purchase(3)]) in (429, 503)
    asked = {"experiment_key": "checkout-button", "context": {"platform": "web", "cart": {"items": 2}}}
    for number in range(20):
        assert play.up.ask("POST", "/assign", json=asked | {"user_id": f"late-{number}"}).status_code == 200
    play.until(lambda: play.values("TrackingDropped") and play.values("PersistFailed") and play.values("EventsUnavailable"))
    play.moment("end")


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    lines = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    project = tmp_path_factory.mktemp("project") / "examples"
    shutil.copytree(ROOT / "examples", project)
    flag = {"type": "boolean", "variants": {"on": True, "off": False}, "default": "on"}
    (project / "many.json").write_text(json.dumps({"flags": dict.fromkeys(MANY, flag)}))
    options = ("--refresh-ms", "500", "--no-view", "--lines", str(lines))
    with Up(project, tmp_path_factory.mktemp("temporary"), *options) as up:
        made = Play(up, lines)
        for act in (quiet, planted, minute, end):
            act(made)
        yield made


@pytest.mark.parametrize("moment", ["quiet", "broken"])
@pytest.mark.parametrize("name", TRIPPED)
def test_mon_03_an_alarm_is_tripped_by_a_fault_of_the_running_platform(play: Play, name: str, moment: str) -> None:
    alarm = BY_NAME[name]
    traces = play.moments["quiet" if moment == "quiet" else TRIPPED[name]]
    cloud = Cloud(play)
    for period in range(alarm.periods):
        cloud.minute = period * alarm.period_s // MINUTE
        cloud.lines(traces.lines)
        for _, metric in alarm.metrics:
            if metric.namespace == SQS:
                cloud.measured(SQS, metric.name, metric.of, traces.depths[metric.of])
    assert cloud.is_in_use
    assert cloud.state(alarm) == (OK if moment == "quiet" else IN_ALARM), cloud.datapoints(alarm)
