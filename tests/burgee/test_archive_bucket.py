"""``burgee results --archive s3://…`` on what the real processor has left, beside the counters of the same events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from burgee import archive_places
from burgee.archive_places import Bucket, Found
from burgee.cli import main
from burgee.trouble import Trouble
from config_sync import compile_project
from config_sync.release import publish
from config_sync.store import open_store
from handlers import _snapshots, events
from handlers._contract import EXPOSURE
from tests.handlers.processing import NOW, World, event, failed, failing, world
from tests.handlers.streams import Context
from tests.handlers.test_events_enrich import PROJECT

__all__ = ["world"]

KEY = "checkout-button"
USERS = 240
UNREACHABLE = EndpointConnectionError(endpoint_url="https://dynamodb.example")


@pytest.fixture
def store(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the experiment; the processor reads it too."""
    url = str(tmp_path / "store")
    publish(open_store(url), lambda: compile_project(PROJECT))
    world.setenv({"BURGEE_STORE": url, "BURGEE_SCRATCH": ""})
    _snapshots.reset_reader()
    return url


def traffic(world: World) -> list[dict[str, Any]]:
    """Exposures and purchases of users of both variants, some of whom buy three times."""
    sent = []
    for number in range(USERS):
        user, variant = f"user-{number}", ("control", "large")[number % 2]
        world.assign(user, variant, at=NOW - 7_200)
        sent.append(event(number, user, NOW - 7_200, event_type=EXPOSURE, properties={"variant": variant}))
        for again in range(3 if number % 5 == 0 else number % 2):
            at, revenue = NOW - 3_600 + 700 * again, {"revenue": number / 8 + again}
            sent.append(event(1_000 * (again + 1) + number, user, at, properties=revenue))
    return sent


def results(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()  # what the processor has said
    assert main(["results", KEY, *arguments, "--json"]) == 0
    said = capsys.readouterr()
    found: dict[str, Any] = json.loads(said.out)
    return found | {"said": said.err}


def test_arc_01_a_batch_that_was_given_up_and_put_back_counts_once(
    world: World, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines are there twice, and the counters have them once: both documents say the same."""
    sent = traffic(world)
    middle = len(sent) // 2
    assert failed(world.run(world.records(sent[:middle]), Context(600))) == []
    world.faults.append(failing("TransactWriteItems", UNREACHABLE, times=99))
    assert failed(world.run(world.records(sent[middle:], first=100_000), Context(600))) != []
    world.faults.clear()
    events.reset()  # another container has it put back
    assert failed(world.run(world.records(sent[middle:], first=500_000), Context(600))) == []
    assert len(world.archived()) == len(sent) + len(sent[middle:])

    places = ["--table", world.table, "--store", store]
    counted = results(capsys, *places)
    exact = results(capsys, *places, "--archive", f"s3://{world.bucket}")
    assert exact["source"]["lines"] - exact["source"]["repeated"] == exact["source"]["events"] == len(sent)
    assert exact["source"]["repeated"] == len(sent[middle:])
    assert f"reading {exact['source']['objects']} objects" in exact["said"]
    for ours, theirs in zip(exact["variants"], counted["variants"], strict=True):
        assert (ours["variant"], ours["exposures"]) == (theirs["variant"], theirs["exposures"])
        assert ours["exposures"] == USERS / 2
        assert ours["events"]["purchase"]["properties"] == theirs["events"]["purchase"]["properties"]
        assert ours["events"]["purchase"]["events"] == theirs["events"]["purchase"]["events"]
        assert ours["events"]["purchase"]["users"]["estimate"] == round(theirs["events"]["purchase"]["users"]["estimate"])
    assert exact["sample_ratio"] == counted["sample_ratio"]
    assert (exact["phase"], exact["phases"], exact["method"]) == (counted["phase"], counted["phases"], counted["method"])
    names = [[each["metric"] for each in document["metrics"]] for document in (exact, counted)]
    assert names == [["purchase", "purchase/revenue/user"], ["purchase", "purchase/revenue"]]
    assert len(exact["history"]) == 2, "an hour each"


def test_the_tables_say_what_was_read(world: World, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent = traffic(world)
    assert failed(world.run(world.records(sent), Context(600))) == []
    place, picture = f"s3://{world.bucket}/", tmp_path / "lift.svg"
    arguments = ["results", KEY, "--table", world.table, "--store", store, "--archive", place]
    assert main([*arguments, "--metric", "purchase/revenue/user", "--svg", str(picture)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"every event of {place} since" in text and f"{len(sent):,} events, each once" in text
    assert "per user" in text and "purchase/revenue/user" in text
    assert "lift of purchase/revenue/user" in picture.read_text()
    assert main([*arguments, "--metric", "purchase/revenue"]) == 1
    assert "there is no metric 'purchase/revenue'" in capsys.readouterr().err


def test_a_bucket_is_read_in_parts_below_its_prefix(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than two batches lie on the disk; what the listing has and the bucket no more is passed over."""
    s3 = world.aws.client("s3")
    keys = [f"year=2026/month=11/day=28/hour={hour:02}/events_{number}.json.gz" for hour in range(4) for number in range(5)]
    for key in keys:
        s3.put_object(Bucket=world.bucket, Key=f"lake/{key}", Body=key.encode())
        s3.put_object(Bucket=world.bucket, Key=f"other/{key}", Body=b"")
    s3.put_object(Bucket=world.bucket, Key=f"lake/errors/{keys[0]}", Body=b"")
    monkeypatch.setattr(archive_places, "BATCH_OBJECTS", 4)
    bucket = Bucket(world.bucket, "lake/")

    found = bucket.find(datetime(2026, 11, 28, 1, 59, tzinfo=UTC))
    assert [each.key for each in found] == keys[5:]
    most, read = 0, []
    for files in bucket.batches([*found, Found(keys[0].replace("_0", "_gone"), 1)], tmp_path):
        most = max(most, sum(1 for _ in tmp_path.iterdir()))
        read += [Path(name).read_text() for name in files]
    assert read == keys[5:]
    assert 4 <= most <= 8
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_that_cannot_be_read_is_said(world: World, store: str, capsys: pytest.CaptureFixture[str]) -> None:
    sent = [event(1, "user-1", NOW - 60, event_type=EXPOSURE, properties={"variant": "large"})]
    assert failed(world.run(world.records(sent), Context(600))) == []
    for place, said in (("s3://no-such-bucket", "NoSuchBucket"), (f"s3://{world.bucket}/nowhere", "has no events from")):
        assert main(["results", KEY, "--table", world.table, "--store", store, "--archive", place]) == 1
        assert said in capsys.readouterr().err
    assert main(["results", KEY, "--table", world.table, "--store", store, "--since", "2026-01-01"]) == 2
    assert "--since goes with --archive" in capsys.readouterr().err
    with pytest.raises(Trouble, match="can't be read"):
        list(Bucket("no-such-bucket").batches([Found("year=2026/month=11/day=28/hour=01/a.json.gz", 1)], Path(store)))
