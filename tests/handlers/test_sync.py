"""The config-sync function against the embedded AWS: what it publishes, answers and counts, and what it survives."""

import hashlib
import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from config_sync.compile import compile_project
from config_sync.release import history, publish, resume, rollback
from config_sync.signing import Signer, is_signed_by
from config_sync.sources.tables import Tables, read_tables
from config_sync.verify import verify
from evaluator import Evaluator
from evaluator.snapshot.manifest import POINTER, Manifest, parse
from handlers import sync
from handlers._sync_settings import SettingsError, settings_of_environment
from tests.aws import Aws
from tests.handlers import killed
from tests.handlers.platform import SCHEDULED, Platform, batch, forget, metrics_in, on, record

USER = {"targetingKey": "user-1"}
ROUNDS = int(os.environ.get("BURGEE_SYNC_ROUNDS", "1"))  # of eight syncs at once


@pytest.fixture
def platform(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    yield Platform(aws, monkeypatch)
    forget()


def counted(status: str, printed: str) -> dict[str, float]:
    """The metrics of the one sync that was printed, which must have ended so."""
    (found,) = metrics_in(printed)
    statuses = {name: found[f"Sync{name.capitalize()}"] for name in sync.STATUSES}
    assert statuses == {name: float(name == status) for name in sync.STATUSES}
    return found


# --- what starts it -----------------------------------------------------------------------------------------------------


def test_a_schedule_publishes_and_then_leaves_it_unchanged(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.seed({"flags": {"a": on(), "b": on(0)}})
    document = sync.handler(SCHEDULED, None)
    assert document.items() >= {"status": "published", "version": 1, "reasons": [], "flag_errors": 0}.items()
    figures = counted("published", capsys.readouterr().out)
    assert figures["FlagErrors"] == 0, "counted although there are none, so that its alarm has data"
    assert figures["FlagCount"] == 2
    assert figures["SnapshotBytes"] > 500
    assert figures["SyncDurationMs"] > 0
    assert platform.flags().boolean("a", USER, False) is True
    assert sync.handler(SCHEDULED, None)["status"] == "unchanged"
    assert counted("unchanged", capsys.readouterr().out)["FlagErrors"] == 0
    assert platform.versions() == 1


def test_a_batch_of_stream_records_is_one_publish(platform: Platform) -> None:
    platform.seed({"flags": {"a": on()}})
    assert sync.handler(batch(100), None) == {"batchItemFailures": []}
    assert platform.versions() == 1
    manifest = parse(platform.store.get(POINTER).data).manifest  # type: ignore[union-attr]
    assert manifest.message == "sync: 100 changes in a table"


def test_somebody_may_ask_with_a_message(platform: Platform) -> None:
    platform.seed({"flags": {"a": on()}})
    sync.handler({"message": "after the incident"}, None)
    assert next(history(platform.store)).manifest.message == "after the incident"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "no JSON object"),
        ([], "no JSON object"),
        ({"Force": True}, "'Force' is unknown"),
        ({"force": "yes"}, "true or false"),
        ({"message": 5}, "a text"),
        ({"Records": [{"kinesis": {}}]}, "DynamoDB Streams"),
        ({"Records": ["a"]}, "DynamoDB Streams"),
        ({"Records": [{"dynamodb": {"SequenceNumber": ""}}]}, "DynamoDB Streams"),
    ],
)
def test_an_event_that_makes_no_sense_is_said_to_be_so(
    platform: Platform, capsys: pytest.CaptureFixture[str], event: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sync.handler(event, None)
    counted("failed", capsys.readouterr().out)
    assert platform.store.get(POINTER) is None


# --- the gate -----------------------------------------------------------------------------------------------------------


def test_a_dropped_live_flag_is_refused_until_it_is_forced(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.seed({"flags": {"a": on(), "b": on()}})
    sync.handler({}, None)
    capsys.readouterr()
    platform.delete("flags", "b")
    assert sync.handler(batch(1), None) == {"batchItemFailures": []}, "sending it again would change nothing"
    assert counted("refused", capsys.readouterr().out)["FlagCount"] == 2
    refusal = sync.handler(SCHEDULED, None)
    assert refusal["status"] == "refused"
    assert "1 live flag would be gone: b" in refusal["reasons"][0]
    assert platform.keys() == ["a", "b"]
    assert platform.logs()[-1]["level"] == "WARNING"
    assert sync.handler({"force": True, "message": "b is retired"}, None)["status"] == "published"
    assert platform.keys() == ["a"]
    assert next(history(platform.store)).manifest.message == "b is retired"


def test_a_flag_that_is_switched_off_may_go(platform: Platform) -> None:
    platform.seed({"flags": {"a": on(), "b": on()}})
    sync.handler({}, None)
    platform.seed({"flags": {"b": {"enabled": False}}})
    sync.handler({}, None)
    platform.delete("flags", "b")
    assert sync.handler({}, None)["status"] == "published"
    assert platform.keys() == ["a"]


def test_flg_10_emptied_tables_are_refused(platform: Platform) -> None:
    platform.seed({"flags": {"a": on(), "b": on()}})
    sync.handler({}, None)
    for key in ("a", "b"):
        platform.delete("flags", key)
    assert sync.handler({}, None)["status"] == "refused"
    assert platform.keys() == ["a", "b"]


def test_the_gates_limits_are_settings(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.seed({"flags": {f"f{number}": on() for number in range(4)}})
    sync.handler({}, None)
    monkeypatch.setenv("BURGEE_MAX_DROPPED", "1")
    platform.delete("flags", "f0")
    assert sync.handler({}, None)["status"] == "published"
    monkeypatch.setenv("BURGEE_MAX_MOVED", "0.1")
    platform.seed({"flags": {"f1": on(0)}})
    refusal = sync.handler({}, None)
    assert refusal["status"] == "refused", "a chosen limit has no spare flags"
    platform.seed({"flags": {"f1": {"enabled": False}}})
    assert sync.handler({}, None)["status"] == "published", "a kill switch always passes"


def test_after_a_rollback_it_waits_until_somebody_resumes(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.seed({"flags": {"a": on(0)}})
    sync.handler({}, None)
    platform.seed({"flags": {"a": on(100)}})
    sync.handler({}, None)
    rollback(platform.store)
    capsys.readouterr()
    assert sync.handler(batch(3), None) == {"batchItemFailures": []}
    counted("held", capsys.readouterr().out)
    assert "is held" in sync.handler(SCHEDULED, None)["reasons"][0]
    assert platform.flags().boolean("a", USER, False) is False
    resume(platform.store)
    assert sync.handler(SCHEDULED, None)["status"] == "published"
    assert platform.flags().boolean("a", USER, False) is True


# --- malformed items ----------------------------------------------------------------------------------------------------


def test_model_05_a_malformed_item_is_counted_and_the_others_go_on(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.seed({"flags": {"a": on(0), "z": on()}})
    sync.handler({}, None)
    capsys.readouterr()
    half = {"M": {"key": {"S": "x"}, "allocation": {"N": "0.5"}}}
    bad = {"key": {"S": "m"}, "enabled": {"BOOL": True}, "variants": {"L": [half]}, "rollout_percentage": {"N": "100"}}
    platform.aws.put(platform.tables["flags"], [bad])
    platform.seed({"flags": {"a": on()}})
    assert sync.handler(batch(2), None) == {"batchItemFailures": []}
    assert counted("published", capsys.readouterr().out)["FlagErrors"] == 1
    flags = platform.flags()
    assert flags.boolean("a", USER, False) is True
    assert flags.evaluate("m", USER).error_code == "PARSE_ERROR"
    assert platform.logs()[-1]["broken"] == [{"item": "flags/m", "code": "ALLOCATION-SUM", "field": "variants"}]
    sync.handler(SCHEDULED, None)
    assert counted("unchanged", capsys.readouterr().out)["FlagErrors"] == 1, "for as long as it is there"


def test_an_experiment_that_is_left_out_is_counted_too(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    platform.seed({"flags": {"both": on()}, "experiments": {"both": {"status": "active", "variants": variants}}})
    sync.handler({}, None)
    assert counted("published", capsys.readouterr().out)["FlagErrors"] == 1
    assert platform.logs()[-1]["broken"][0] == {"item": "experiments/both", "code": "KEY-CONFLICT", "field": "key"}


def test_nothing_of_an_item_is_logged(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "jane.doe"
    platform.seed(
        {
            "flags": {
                "a": on(overrides={secret: 7}),
                "b": on("half of " + secret),  # type: ignore[arg-type]
                "c": on(targeting_rules=[{"attribute": "email", "operator": "about", "value": secret}]),
                "d": {"type": "string", "variants": {"x": secret}, "default": secret},
            }
        }
    )
    assert sync.handler({}, None)["flag_errors"] == 4
    assert len(platform.logs()[-1]["broken"]) == 4
    assert secret not in platform.logged.getvalue() + capsys.readouterr().out


def test_what_changes_between_two_tables_is_read_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag is read with its segment's name, the segment is gone when its table is read: nobody may see a tombstone."""
    segment = {"attribute": "age", "operator": "gte", "value": 18}
    platform.seed({"segments": {"s": segment}, "flags": {"a": on(targeting_rules={"segment": "s"})}})
    sync.handler({}, None)
    edited: list[str] = []

    def between(params: dict[str, Any], **_: Any) -> None:
        if json.loads(params["body"])["TableName"] == platform.tables["segments"] and not edited:
            edited.append("flags first")
            platform.seed({"flags": {"a": on()}})
            platform.delete("segments", "s")

    platform.own_clients(monkeypatch)
    sync._dynamodb().meta.events.register("before-call.dynamodb.Scan", between)
    document = sync.handler({}, None)
    assert (document["status"], document["flag_errors"]) == ("published", 0)
    assert edited
    assert platform.flags().boolean("a", USER, False) is True


def test_a_reference_that_stays_broken_is_read_twice_and_no_more(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.own_clients(monkeypatch)
    platform.seed({"flags": {"a": on(targeting_rules={"segment": "nobody"})}})
    scans: list[str] = []
    sync._dynamodb().meta.events.register("before-call.dynamodb.Scan", lambda **_: scans.append("scan"))
    assert sync.handler({}, None)["flag_errors"] == 1
    assert len(scans) == 8


# --- failures -----------------------------------------------------------------------------------------------------------


def fails(client: Any, operation: str, status: int, body: bytes) -> Callable[[], None]:
    """Has every request of an operation answered so; gives the function that ends it."""

    def answer(**event: Any) -> Any:
        made: Any = AWSResponse(event["request"].url, status, {}, None)  # type: ignore[arg-type]
        made._content = body
        return made

    name = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(name, answer)
    return lambda: client.meta.events.unregister(name, answer)


THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'
SLOW_DOWN = b"<Error><Code>SlowDown</Code></Error>"
BROKEN = b"<Error><Code>InternalError</Code></Error>"


@pytest.mark.parametrize(
    ("service", "operation", "status", "body"),
    [
        ("dynamodb", "Scan", 400, THROTTLED),
        ("dynamodb", "Scan", 500, b"{}"),
        ("s3", "GetObject", 503, SLOW_DOWN),
        ("s3", "PutObject", 503, SLOW_DOWN),
        ("s3", "PutObject", 500, BROKEN),
    ],
)
def test_an_outage_has_the_batch_sent_again_and_the_next_run_heals(
    platform: Platform,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    service: str,
    operation: str,
    status: int,
    body: bytes,
) -> None:
    platform.own_clients(monkeypatch)
    platform.seed({"flags": {"a": on(0)}})
    sync.handler({}, None)
    platform.seed({"flags": {"a": on()}})
    capsys.readouterr()
    client: Any = sync._dynamodb() if service == "dynamodb" else sync._store(platform.url)._client  # type: ignore[attr-defined]
    heal = fails(client, operation, status, body)
    assert sync.handler(batch(5, first=70), None) == {"batchItemFailures": [{"itemIdentifier": f"{70:021d}"}]}
    assert "FlagErrors" not in counted("failed", capsys.readouterr().out), "nothing is known about them"
    with pytest.raises(sync.SyncFailed):
        sync.handler(SCHEDULED, None)
    assert platform.flags().boolean("a", USER, True) is False, "what was published stays"
    heal()
    assert sync.handler(batch(5, first=70), None) == {"batchItemFailures": []}
    assert platform.flags().boolean("a", USER, False) is True


def test_flg_10_a_wrong_table_name_is_a_failure_and_no_empty_project(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.seed({"flags": {"a": on()}})
    sync.handler({}, None)
    monkeypatch.setenv("FLAGS_TABLE", "feature-flag")
    with pytest.raises(sync.SyncFailed, match=r"'feature-flag' \(FLAGS_TABLE\)"):
        sync.handler({"force": True}, None)
    assert platform.keys() == ["a"]


def test_what_nobody_expected_is_a_failure_whose_text_stays_inside(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def burst(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret sauce")

    monkeypatch.setattr(sync, "compile_project", burst)
    assert sync.handler(batch(1), None)["batchItemFailures"]
    with pytest.raises(sync.SyncFailed, match="an unexpected RuntimeError") as caught:
        sync.handler({}, None)
    assert caught.value.__suppress_context__
    assert "secret sauce" not in platform.logged.getvalue() + capsys.readouterr().out
    assert "test_sync.py" in platform.logs()[-1]["where"][-1]


def test_a_project_that_cannot_be_compiled_at_all_fails_without_being_sent_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("config_sync.compile.MAX_FLAGS", 1)
    platform.seed({"flags": {"a": on(), "b": on()}})
    assert sync.handler(batch(1), None) == {"batchItemFailures": []}
    counted("failed", capsys.readouterr().out)
    with pytest.raises(sync.SyncFailed, match="nothing fit to publish"):
        sync.handler(SCHEDULED, None)


class Clock:
    """A Lambda context whose remaining time is what the test says, one value a question."""

    def __init__(self, *remaining_ms: float) -> None:
        self._remaining_ms = list(remaining_ms)

    def get_remaining_time_in_millis(self) -> float:
        return self._remaining_ms.pop(0) if len(self._remaining_ms) > 1 else self._remaining_ms[0]


def test_near_its_deadline_it_begins_nothing(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.own_clients(monkeypatch)
    platform.seed({"flags": {"a": on()}})
    scans: list[str] = []
    sync._dynamodb().meta.events.register("before-call.dynamodb.Scan", lambda **_: scans.append("scan"))
    assert sync.handler(batch(1), Clock(1_500))["batchItemFailures"], "somebody with more time does it"
    assert scans == []
    with pytest.raises(sync.SyncFailed, match="500 ms are left and 1000 ms are needed to publish"):
        sync.handler({}, Clock(60_000, 500))
    assert platform.store.names() == []
    assert sync.handler({}, Clock(60_000))["status"] == "published"


def test_what_a_publish_took_is_remembered_for_the_next_deadline(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.seed({"flags": {"a": on()}})
    slow = compile_project

    def slowly(*arguments: Any) -> Any:
        time.sleep(1.0)
        return slow(*arguments)

    monkeypatch.setattr(sync, "compile_project", slowly)
    sync.handler({}, Clock(60_000))
    assert 1_250 < sync._Deadline.expected_ms["build"] < 10_000
    assert sync._Deadline.expected_ms["publish"] >= 1_000


# --- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BURGEE_STORE", "", "BURGEE_STORE is not set"),
        ("BURGEE_MAX_DROPPED", "1.5", "whole number"),
        ("BURGEE_MAX_DROPPED", "-1", "whole number"),
        ("BURGEE_MAX_SHRINK", "50%", "share from 0 to 1"),
        ("BURGEE_MAX_MOVED", "nan", "share from 0 to 1"),
        ("BURGEE_MAX_MOVED", "2", "share from 0 to 1"),
    ],
)
def test_a_wrong_setting_is_named(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=message):
        settings_of_environment()
    with pytest.raises(sync.SyncFailed, match=variable):
        sync.handler({}, None)
    assert sync.handler(batch(1), None)["batchItemFailures"]


@pytest.fixture
def pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def is_signed(platform: Platform, pem: bytes) -> bool:
    envelope = next(history(platform.store))
    return is_signed_by(Signer(pem).public_key, envelope.signatures, envelope.signed)


def test_manifests_are_signed_with_a_key_from_a_file(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, pem: bytes, tmp_path: Any
) -> None:
    (tmp_path / "key.pem").write_bytes(pem)
    monkeypatch.setenv("BURGEE_SIGNING_KEY", str(tmp_path / "key.pem"))
    platform.seed({"flags": {"a": on()}})
    sync.handler({}, None)
    assert is_signed(platform, pem)


def test_manifests_are_signed_with_a_key_from_the_parameter_store(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, pem: bytes
) -> None:
    name = f"/burgee/{platform.bucket}"
    monkeypatch.setenv("BURGEE_SIGNING_KEY_PARAMETER", name)
    with pytest.raises(sync.SyncFailed, match=r"BURGEE_SIGNING_KEY_PARAMETER.*ParameterNotFound"):
        sync.handler({}, None)
    platform.aws.client("ssm").put_parameter(Name=name, Value=pem.decode(), Type="SecureString")
    platform.seed({"flags": {"a": on()}})
    assert sync.handler({}, None)["status"] == "published", "what failed isn't remembered"
    assert is_signed(platform, pem)


def test_a_wrong_key_publishes_nothing_and_is_not_shown(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecretsauce\n-----END PRIVATE KEY-----\n")
    monkeypatch.setenv("BURGEE_SIGNING_KEY", str(tmp_path / "key.pem"))
    platform.seed({"flags": {"a": on()}})
    with pytest.raises(sync.SyncFailed, match="not an unencrypted private key"):
        sync.handler({}, None)
    assert "secretsauce" not in platform.logged.getvalue() + capsys.readouterr().out
    assert platform.store.names() == []
    monkeypatch.setenv("BURGEE_SIGNING_KEY_SECRET", "arn")
    with pytest.raises(sync.SyncFailed, match="BURGEE_SIGNING_KEY and BURGEE_SIGNING_KEY_SECRET are set together: keep one"):
        sync.handler({}, None)


# --- many at once -------------------------------------------------------------------------------------------------------


def test_a_burst_of_500_changes_is_a_few_publishes_and_the_last_state_wins(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real records of the table's stream, in batches as an event source mapping cuts them, while the table still changes."""
    platform = Platform(aws, monkeypatch, stream=True)
    keys = [f"flag-{number:02d}" for number in range(25)]
    platform.seed({"flags": {key: on(metadata={"round": 0}) for key in keys}})
    sync.handler({}, None)
    done = Event()

    def write() -> None:
        for number in range(1, 21):
            platform.seed({"flags": {key: on(metadata={"round": number}) for key in keys}})
        done.set()

    writer = Thread(target=write)
    writer.start()
    invocations, changes = 0, 0
    for records in stream_batches(platform, done):
        assert sync.handler({"Records": records}, None) == {"batchItemFailures": []}
        invocations, changes = invocations + 1, changes + len(records)
    writer.join()
    assert changes >= 500
    assert 1 < platform.versions() <= invocations + 1 <= 30
    flags = platform.flags()
    assert {round_of(flags, key) for key in keys} == {20}


def round_of(flags: Evaluator, key: str) -> Any:
    return (flags.evaluate(key, USER).metadata or {}).get("round")


def stream_batches(platform: Platform, done: Event, size: int = 100) -> Iterator[list[dict[str, Any]]]:
    """The flags' stream from its beginning, a batch at a time, until nothing is written any more."""
    streams, table = platform.aws.client("dynamodbstreams"), platform.tables["flags"]
    arn = platform.aws.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    place = iterator["ShardIterator"]
    while True:
        was_done = done.is_set()
        answer = streams.get_records(ShardIterator=place, Limit=size)
        place = answer["NextShardIterator"]
        if answer["Records"]:
            yield [record(1) | {"dynamodb": {**item["dynamodb"]}} for item in answer["Records"]]
        elif was_done:
            return


def test_flg_10_syncs_at_once_never_go_back(platform: Platform) -> None:
    """Eight at a time, each a random while between its reading and its publishing, under a table that counts upwards."""
    chance = random.Random(3)
    delays = [[chance.uniform(0, 0.15) for _ in range(ROUNDS)] for _ in range(8)]
    keep_all = {"Bucket": platform.bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    platform.aws.client("s3").put_bucket_versioning(**keep_all)
    platform.seed({"flags": {"counter": on(metadata={"n": 0})}})
    sync.handler({}, None)
    names = Tables(**platform.tables)
    done = Event()

    def count() -> int:
        number = 0
        while not done.is_set():
            number += 1
            platform.seed({"flags": {"counter": on(metadata={"n": number})}})
            time.sleep(0.01)
        return number

    def run(pauses: list[float]) -> None:
        for pause in pauses:

            def build(pause: float = pause) -> Any:
                items = read_tables(platform.aws.client("dynamodb"), names)
                time.sleep(pause)
                return compile_project(items)

            publish(platform.store, build)

    with ThreadPoolExecutor(9) as pool:
        counter = pool.submit(count)
        for future in [pool.submit(run, pauses) for pauses in delays]:
            future.result()
        done.set()
        last = counter.result()
    sync.handler({}, None)
    manifests = every_pointer(platform)
    assert len(manifests) > 2
    versions = [manifest.version for manifest in manifests]
    assert versions == sorted(versions)
    assert len({manifest.object for manifest in manifests}) == len(set(versions)), "a version is one content"
    seen = [n_of(platform.store.get(manifest.object_name)) for manifest in manifests]
    assert seen == sorted(seen), "a later pointer never has older content"
    assert seen[-1] == last


def every_pointer(platform: Platform) -> list[Manifest]:
    """All that the pointer ever was, oldest first: the bucket keeps every version of its objects."""
    s3, key = platform.aws.client("s3"), f"flags/{POINTER}"
    listed = s3.list_object_versions(Bucket=platform.bucket, Prefix=key)
    assert not listed["IsTruncated"]
    bodies = [s3.get_object(Bucket=platform.bucket, Key=key, VersionId=item["VersionId"]) for item in listed["Versions"]]
    return [parse(body["Body"].read()).manifest for body in reversed(bodies)]


def n_of(stored: Any) -> Any:
    return (Evaluator(stored.data).evaluate("counter", USER).metadata or {}).get("n")


# --- killed -------------------------------------------------------------------------------------------------------------

_FORKS = multiprocessing.get_context("forkserver")


STEPS = 6  # of the store, in a publish: pointer, current, put, read back, manifest, flip. Nothing is written between two steps


@pytest.mark.parametrize("step", range(1, STEPS + 2))
def test_killed_after_any_step_the_pointer_names_a_verified_snapshot_and_the_next_run_repairs(
    platform: Platform, step: int
) -> None:
    platform.seed({"flags": {"a": on(0)}})
    sync.handler({}, None)
    platform.seed({"flags": {"a": on()}})
    _FORKS.set_forkserver_preload(["handlers.sync", "tests.handlers.killed"])
    child = _FORKS.Process(target=killed.run, args=(platform.environment, step))
    child.start()
    child.join(60)
    assert child.exitcode == (killed.KILLED if step <= STEPS else 0), "there are exactly so many steps"
    assert_sound(platform)
    assert platform.versions() == (2 if step >= STEPS else 1)
    assert platform.flags().boolean("a", USER, False) is (step >= STEPS), "the old content or the new, whole"
    document = sync.handler(batch(1), None)
    assert document == {"batchItemFailures": []}
    assert platform.flags().boolean("a", USER, False) is True
    assert platform.versions() == 2
    assert_sound(platform)


def assert_sound(platform: Platform) -> None:
    """Every version, not only the newest, is what its manifest says."""
    for envelope in history(platform.store):
        stored = platform.store.get(envelope.manifest.object_name)
        assert stored is not None
        assert hashlib.sha256(stored.data).hexdigest() == envelope.manifest.object
        assert verify(stored.data, [USER]).ok
        assert Evaluator(stored.data).snapshot_version == envelope.manifest.snapshot_version
