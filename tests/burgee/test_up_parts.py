"""The parts of ``burgee up`` that need no running platform: journal, schedule, seeding, what is said about versions."""

import asyncio
import io
import json
from typing import Any, NamedTuple

import pytest

from burgee.trouble import Trouble, UsageError
from burgee.up import fleet, resources, seed
from burgee.up.child import EmbeddedAws
from burgee.up.journal import Journal, in_words
from burgee.up.published import Published, described
from burgee.up.resources import Cloud
from burgee.up.schedule import Schedule
from config_sync.compile import compile_project
from config_sync.diff import Changes
from config_sync.release import publish, rollback
from config_sync.sources.tables import Tables, read_tables
from config_sync.store import DirectoryStore
from evaluator import Evaluator
from handlers.events.settings import Settings, read_settings
from tests.aws import Aws
from tests.conftest import ROOT


class Result(NamedTuple):
    payload: Any = None
    error: Any = None
    throttled: bool = False

    def result(self) -> Any:
        return self.payload


class Failing:
    name = "sync"

    def __init__(self, *results: Result) -> None:
        self._results = list(results)
        self.events: list[Any] = []

    async def invoke(self, event: Any) -> Result:
        self.events.append(event)
        return self._results.pop(0)


# --- the journal ------------------------------------------------------------------------------------------------------


def test_a_structured_line_is_put_into_words() -> None:
    line = {"level": "WARNING", "message": "sync", "status": "refused", "version": 3, "reasons": ["2 flags gone"], "broken": []}
    assert in_words(json.dumps(line)) == "WARNING sync status=refused version=3 reasons=['2 flags gone']"


def test_a_metrics_line_shows_what_was_counted() -> None:
    metrics = [{"Name": "FlagErrors"}, {"Name": "SyncFailed"}, {"Name": "Missing"}]
    line = {"_aws": {"CloudWatchMetrics": [{"Metrics": metrics}]}, "FlagErrors": [2.0], "SyncFailed": 0}
    assert in_words(json.dumps(line)) == "metrics FlagErrors=2.0"


@pytest.mark.parametrize("text", ["plain", "{not json", "[1]", '"text"', ""])
def test_any_other_line_stays(text: str) -> None:
    assert in_words(text) == text


def test_lines_are_kept_and_printed_one_by_one() -> None:
    output = io.StringIO()
    journal = Journal(output)
    journal.say("sync", "first\nsecond")
    assert [line.text for line in journal.lines] == ["first", "second"]
    assert output.getvalue().count("\n") == 2


def test_a_reader_that_has_gone_disturbs_nobody() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    journal = Journal(Gone())
    journal.say("sync", "first")
    journal.say("sync", "second")
    assert len(journal.lines) == 2


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_the_schedule_sends_events_of_eventbridge_and_outlives_failures() -> None:
    function = Failing(Result(error={"errorType": "SyncFailed", "errorMessage": "no table"}), Result({"status": "unchanged"}))
    said: list[str] = []

    async def two() -> None:
        running = asyncio.create_task(Schedule(function, 0.01, said.append).run())
        while len(function.events) < 2:
            await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(asyncio.wait_for(two(), 60))
    first, second = function.events
    assert first["detail-type"] == "Scheduled Event" and first["source"] == "aws.events" and first["detail"] == {}
    assert first["id"] != second["id"]
    assert said == ["sync failed: SyncFailed: no table"]


# --- seeding ----------------------------------------------------------------------------------------------------------


def test_inf_02_a_seeded_project_reads_back_and_compiles_to_the_same_flags(aws: Aws) -> None:
    names = {section: aws.table(section) for section in ("flags", "experiments", "segments", "layers")}
    tables = Tables(**names)
    items = seed.read(str(ROOT / "examples"))
    assert seed.write(aws.client("dynamodb"), tables, items) == sum(map(len, items.values()))
    found = compile_project(read_tables(aws.client("dynamodb"), tables))
    assert not found.has_errors
    expected = compile_project(ROOT / "examples")
    assert found.snapshot and expected.snapshot
    assert sorted(Evaluator(found.snapshot).flag_keys()) == sorted(Evaluator(expected.snapshot).flag_keys())


def test_more_items_than_one_request_takes(aws: Aws) -> None:
    table = aws.table("flags")
    items = [{"key": {"S": f"flag-{n}"}} for n in range(60)]
    assert seed.write(aws.client("dynamodb"), Tables(flags=table), {"flags": items}) == 60
    assert aws.client("dynamodb").scan(TableName=table)["Count"] == 60


def test_what_cannot_be_put_into_tables_is_said() -> None:
    with pytest.raises(UsageError, match="can't be put into tables"):
        seed.read(str(ROOT / "examples" / "contexts.json"))


def test_agg_01_everything_is_made_as_it_is_defined() -> None:
    """On a server of its own: the names are fixed."""
    with Aws() as server:
        cloud = Cloud(server.endpoint)
        made = resources.create(cloud)
        told = cloud.dynamodb.describe_table(TableName="event-aggregations")["Table"]
        assert [key["AttributeName"] for key in told["KeySchema"]] == ["partition_key", "sort_key"]
        for table in ("event-aggregations", "assignments"):
            ttl = cloud.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
        assert set(made.streams) == {"feature-flags", "experiments", "segments", "layers", "assignments"}
        assert len(cloud.kinesis.list_shards(StreamName="events")["Shards"]) == 2
        assert resources.depths(cloud, made) == dict.fromkeys(resources.FAILURES, 0)
        cloud.sqs.send_message(QueueUrl=made.queues["events-poison"], MessageBody="x")
        assert resources.depths(cloud, made)["events-poison"] == 1


def test_evh_01_functions_have_what_they_need_and_nothing_more() -> None:
    made = resources.Resources(queues={name: f"http://queue/{name}" for name in resources.QUEUES})
    table = fleet.deployed(made, 1_000, "")
    assert "mirror" not in table and "mirror" in fleet.deployed(made, 1_000, "postgresql://x")
    processor = table["events"].environment
    assert read_settings(processor) == Settings("burgee-events", "event-aggregations", "assignments")
    assert processor["DLQ_URL"] == "http://queue/events-poison"
    for name in ("flags", "assignments", "ingest"):
        assert table[name].environment["KINESIS_STREAM_NAME"] == "events"
    assert all("DLQ_URL" not in table[name].environment for name in ("flags", "assignments", "ingest", "results", "sync"))


def test_the_environment_keeps_the_machines_own_aws_out() -> None:
    cloud = Cloud("http://127.0.0.1:1")
    assert cloud.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert cloud.environment["AWS_CONFIG_FILE"] == "/dev/null"
    assert resources.Resources().environment["BURGEE_STORE"] == "s3://burgee/local"
    assert resources.Resources().environment["FLAGS_TABLE"] == "feature-flags"


# --- what is published ------------------------------------------------------------------------------------------------


def test_each_new_version_is_told_once_with_what_it_changed(tmp_path: Any) -> None:
    store = DirectoryStore(tmp_path)
    said: list[str] = []
    published = Published(store, said.append)
    project = {"flags": {"a": {"type": "boolean", "default": "on"}, "b": {"type": "boolean", "default": "on"}}}

    def look() -> str:
        before = len(said)
        asyncio.run(published.look())
        return "\n".join(said[before:])

    assert look() == ""
    publish(store, lambda: compile_project(project))
    assert look().startswith("version 1: 2 flags, snapshot ")
    assert look() == ""
    project["flags"]["a"]["default"] = "off"
    publish(store, lambda: compile_project(project))
    assert "(changed a (default))" in look()
    rollback(store, 1)
    assert look().startswith("version 3: rolled back to version 1 and held; ")
    assert published.manifest is not None and published.manifest.held


def test_many_changes_are_counted() -> None:
    changes = Changes(tuple(f"n{i}" for i in range(7)), ("gone",), {})
    assert described(changes) == "added n0; added n1; added n2; added n3; added n4; removed gone; 2 more"


# --- the embedded AWS as a child ---------------------------------------------------------------------------------------


def test_an_embedded_aws_that_ends_is_noticed(tmp_path: Any) -> None:
    async def run() -> Trouble:
        aws = EmbeddedAws("127.0.0.1", 0, str(tmp_path / "scratch"), lambda text: None)
        assert (await aws.start()).startswith("http://127.0.0.1:")
        process = aws._process
        assert process is not None
        process.kill()
        trouble = await asyncio.wait_for(aws.ended(), 60)
        await aws.stop()
        return trouble

    assert "the embedded AWS has ended (exit code -9)" in str(asyncio.run(run()))


def test_the_embedded_aws_removes_the_scratch_directory(tmp_path: Any) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "file").write_text("left by a killed parent")

    async def run() -> None:
        aws = EmbeddedAws("127.0.0.1", 0, str(scratch), lambda text: None)
        await aws.start()
        await aws.stop()

    asyncio.run(run())
    assert not scratch.exists()


def test_a_port_that_is_taken_meanwhile_is_said(aws: Aws) -> None:
    port = int(aws.endpoint.rsplit(":", 1)[1])

    async def run() -> None:
        await EmbeddedAws("127.0.0.1", port, "/nonexistent", lambda text: None).start()

    with pytest.raises(Trouble, match="--aws-port chooses another port"):
        asyncio.run(run())
