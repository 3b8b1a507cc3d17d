"""``burgee redrive`` on the embedded SQS and Kinesis: what can be counted goes back once it can, the rest stays and is told."""

import json
import time
from typing import Any

import pytest

from burgee import redrive
from burgee.cli import main
from burgee.redrive import Told
from burgee.up.streams import KinesisStream
from tests.aws import Aws
from tests.burgee.redriving import by_shard, contents, event, given_up, lay, queue, quick, run, send, stream, texts, waiting

__all__ = ["queue", "quick", "stream"]  # fixtures


# --- the processor's letters --------------------------------------------------------------------------------------------


def test_evb_08_what_can_be_counted_by_now_goes_back_under_its_own_key(aws: Aws, queue: str, stream: KinesisStream) -> None:
    data = texts(*[event(number) for number in range(25)])
    records = send(stream, aws, *data)
    before = contents(stream)
    lay(aws, queue, records)
    assert run(aws, queue) == Told(done=25, events=25)
    assert contents(stream) == sorted(before * 2)
    assert waiting(aws, queue) == 0
    assert run(aws, queue) == Told()


def test_evb_08_what_would_be_poison_again_stays_and_is_told(aws: Aws, queue: str, stream: KinesisStream) -> None:
    old = event(7, timestamp="2001-01-01T00:00:00Z")
    late = event(8, timestamp=f"{time.gmtime().tm_year + 2}-01-01T00:00:00Z")
    data = [
        *texts(event(0), {**event(1), "user_id": ""}, {"event_id": "x"}, old, late),
        b"\xff",
        b"[]",
        b"{}",
        b"\xf3\x89\x9a\xc2kpl",
    ]
    records = send(stream, aws, *data)
    lay(aws, queue, records)
    before = contents(stream)
    told = run(aws, queue)
    assert (told.done, told.events, told.stayed) == (1, 1, 8)
    assert len(contents(stream)) == len(before) + 1
    assert waiting(aws, queue) == 8
    assert dict(told.reasons) == {
        "validate: user_id must have from 1 to 256 characters": 1,
        "validate: event_type and user_id are missing": 1,
        "validate: event_id, event_type and user_id are missing": 1,
        redrive.QUARANTINE["too_old"]: 1,
        redrive.QUARANTINE["future"]: 1,
        "parse: utf8_decode_error: the record isn't UTF-8": 1,
        "parse: json_parse_error: the record isn't a JSON object": 1,
        "parse: kpl_aggregated: the record holds several of the Kinesis Producer Library's; "
        "switch its aggregation off (AggregationEnabled=false)": 1,
    }


def test_evb_08_what_stayed_can_be_had_again_at_once(aws: Aws, queue: str, stream: KinesisStream) -> None:
    lay(aws, queue, send(stream, aws, b"no JSON"))
    for _ in range(2):
        assert run(aws, queue).stayed == 1


def test_evb_05_a_large_record_is_fetched_from_its_bucket(
    aws: Aws, queue: str, stream: KinesisStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = aws.bucket()
    large = texts(event(0, properties={f"name-{n}": "x" * 200 for n in range(99)} | {"text": "y" * 300_000}))
    records = send(stream, aws, *large)
    before = contents(stream)
    lay(aws, queue, records, bucket)
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    monkeypatch.setenv(redrive.BUCKET, "another")
    assert run(aws, queue).stayed == 1
    monkeypatch.setenv(redrive.BUCKET, bucket)
    assert run(aws, queue) == Told(done=1, events=1)
    assert contents(stream) == before * 2


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("gone", "the letter's object can't be read (NoSuchKey)"),
        ("other", "the letter's object isn't what was put there"),
        ("elsewhere", "the letter points at something that is no letter"),
        ("truncated", "only the beginning of the record is left: it was too large and there was no bucket (DLQ_BUCKET)"),
    ],
)
def test_evb_05_a_large_record_that_is_not_there_stays(
    aws: Aws, queue: str, stream: KinesisStream, spoil: str, why: str
) -> None:
    """What is there instead would be a good event."""
    bucket, sqs, s3 = aws.bucket(), aws.client("sqs"), aws.client("s3")
    records = send(stream, aws, *texts(event(0, properties={f"name-{n}": "x" * 200 for n in range(99)}, more="y" * 300_000)))
    lay(aws, queue, records, "" if spoil == "truncated" else bucket)
    if spoil != "truncated":
        key = s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
        good = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if spoil == "gone":
            s3.delete_object(Bucket=bucket, Key=key)
        elif spoil == "other":
            s3.put_object(Bucket=bucket, Key=key, Body=good + b" ")
        else:
            s3.put_object(Bucket=bucket, Key="private/key", Body=good)
            message = sqs.receive_message(QueueUrl=queue)["Messages"][0]
            document = json.loads(message["Body"])
            document["data"]["s3"] = f"s3://{bucket}/private/key"
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(document))
    before = contents(stream)
    told = run(aws, queue)
    assert (told.done, told.stayed, dict(told.reasons)) == (0, 1, {why: 1})
    assert (contents(stream), waiting(aws, queue)) == (before, 1)


BAD = [
    "no JSON", "[]", "{}", '{"data": []}', '{"data": {}}', '{"data": {"kinesis": 1}}', '{"KinesisBatchInfo": {}}',
    '{"DDBStreamBatchInfo": {"shardId": "x"}}', '{"data": {"s3": 1}}',
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_letter_stays(aws: Aws, queue: str, body: str) -> None:
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    told = run(aws, queue)
    assert (told.done, told.stayed, waiting(aws, queue)) == (0, 1, 1)


# --- Lambda's letters ---------------------------------------------------------------------------------------------------


def test_evb_08_a_batch_that_lambda_gave_up_goes_back_from_the_stream(aws: Aws, queue: str, stream: KinesisStream) -> None:
    send(stream, aws, *texts(*[event(number) for number in range(40)]))
    before, given = contents(stream), 0
    for records in by_shard(stream):
        given_up(aws, queue, stream, records[2:-3])
        given += len(records[2:-3])
    told = run(aws, queue)
    assert told == Told(done=2, events=given)
    again = contents(stream)
    assert (len(again), set(again)) == (len(before) + given, set(before))
    assert waiting(aws, queue) == 0


def test_evb_08_a_batch_with_poison_goes_back_whole_for_the_processor_writes_letters(
    aws: Aws, queue: str, stream: KinesisStream
) -> None:
    for data in (*texts(event(0)), b"no JSON", *texts(event(2))):
        aws.client("kinesis").put_record(StreamARN=stream.arn, Data=data, PartitionKey="one-key")
    (records,) = by_shard(stream)
    given_up(aws, queue, stream, records)
    told = run(aws, queue)
    assert (told.done, told.events, told.stayed, len(contents(stream))) == (1, 3, 0, 6)
    assert dict(told.reasons) == {"back in the stream all the same: parse: json_parse_error: the record isn't JSON": 1}


def test_evb_08_records_that_have_left_the_stream_are_told(aws: Aws, queue: str, stream: KinesisStream) -> None:
    send(stream, aws, *texts(*[event(number) for number in range(10)]))
    records = by_shard(stream)[0]
    given_up(aws, queue, stream, records, batchSize=len(records) + 2, endSequenceNumber=str(len(records) + 2))
    given_up(aws, queue, stream, records, streamArn=f"{stream.arn}-that-is-gone")
    before = contents(stream)
    told = run(aws, queue)
    assert (told.done, told.stayed, waiting(aws, queue)) == (0, 2, 2)
    assert f"2 of the batch's {len(records) + 2} records have left the stream" in told.reasons
    assert any("ResourceNotFoundException" in reason for reason in told.reasons)
    assert contents(stream) == before


# --- between the stream and the queue -----------------------------------------------------------------------------------


class Refusing:
    """Kinesis, which refuses every second record of the first calls, or always those of one user."""

    def __init__(self, client: Any, calls: int = 0, user: str = "") -> None:
        self._client, self._calls, self._user = client, calls, user
        self.sent: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_records(self, Records: list[dict[str, Any]], **where: Any) -> dict[str, Any]:
        self.sent.append([record["PartitionKey"] for record in Records])
        self._calls -= 1
        refused = [
            (self._calls >= 0 and place % 2 == 1) or record["PartitionKey"] == self._user
            for place, record in enumerate(Records)
        ]
        taken = [record for record, no in zip(Records, refused, strict=True) if not no]
        if taken:
            self._client.put_records(Records=taken, **where)
        return {"Records": [{"ErrorCode": "ProvisionedThroughputExceededException"} if no else {} for no in refused]}


def test_shr_04_only_what_the_stream_refused_is_put_again(aws: Aws, queue: str, stream: KinesisStream) -> None:
    records = send(stream, aws, *texts(*[event(number) for number in range(8)]))
    before = contents(stream)
    lay(aws, queue, records)
    kinesis = Refusing(aws.client("kinesis"), calls=2)
    assert run(aws, queue, kinesis=kinesis) == Told(done=8, events=8)
    assert [len(call) for call in kinesis.sent] == [8, 4, 2]
    assert contents(stream) == sorted(before * 2)


def test_evb_08_a_message_whose_record_was_refused_stays(aws: Aws, queue: str, stream: KinesisStream) -> None:
    lay(aws, queue, send(stream, aws, *texts(*[event(number) for number in range(4)])))
    told = run(aws, queue, kinesis=Refusing(aws.client("kinesis"), user="user-2"))
    assert (told.done, told.events, told.stayed, waiting(aws, queue)) == (3, 3, 1, 1)
    assert run(aws, queue) == Told(done=1, events=1)


def test_evb_08_a_stream_that_is_not_there_loses_nothing(aws: Aws, queue: str, stream: KinesisStream) -> None:
    lay(aws, queue, send(stream, aws, *texts(*[event(number) for number in range(4)])))
    told = run(aws, queue, stream="not-there")
    assert (told.done, told.stayed, waiting(aws, queue)) == (0, 4, 4)


def test_a_dry_run_does_nothing_and_says_what_would_be_done(aws: Aws, queue: str, stream: KinesisStream) -> None:
    lay(aws, queue, send(stream, aws, *texts(*[event(number) for number in range(12)]), b"no JSON"))
    before = contents(stream)
    for _ in range(2):
        told = run(aws, queue, dry_run=True)
        assert (told.done, told.events, told.stayed) == (12, 12, 1)
        assert (contents(stream), waiting(aws, queue)) == (before, 13)


def test_a_limit_is_kept(aws: Aws, queue: str, stream: KinesisStream) -> None:
    lay(aws, queue, send(stream, aws, *texts(*[event(number) for number in range(15)])))
    assert run(aws, queue, limit=12).done == 12
    assert waiting(aws, queue) == 3


# --- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    for name in (redrive.QUEUE, redrive.STREAM, redrive.MAX_AGE):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["redrive", *arguments])
        return code, *capsys.readouterr()

    return run


def test_the_command_says_what_it_did_and_nothing_of_users(aws: Aws, queue: str, stream: KinesisStream, command: Any) -> None:
    secret = {**event(1), "user_id": "secret-user", "event_type": "secret type"}
    lay(aws, queue, send(stream, aws, *texts(event(0), secret)))
    code, told, said = command("--queue", queue, "--dry-run")
    assert (code, told) == (1, "would put 1 event of 1 message back into the stream\n")
    code, told, said = command("--queue", queue)
    assert (code, told) == (1, "put 1 event of 1 message back into the stream\n")
    assert "1 × validate: event_type may have" in said and "1 message stayed in the queue" in said
    assert "secret" not in told + said


def test_the_environment_says_queue_stream_and_age(
    aws: Aws, queue: str, stream: KinesisStream, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 7_200))
    lay(aws, queue, send(stream, aws, *texts(event(0, timestamp=hours_ago))))
    other = aws.name("other")
    aws.client("kinesis").create_stream(StreamName=other, ShardCount=1)
    monkeypatch.setenv(redrive.QUEUE, queue)
    monkeypatch.setenv(redrive.STREAM, other)
    monkeypatch.setenv(redrive.MAX_AGE, "1")
    assert command()[0] == 1
    monkeypatch.setenv(redrive.MAX_AGE, "3")
    assert command() == (0, "put 1 event of 1 message back into the stream\n", "")
    assert len(contents(stream)) == 1, "into the other one"
    monkeypatch.setenv(redrive.MAX_AGE, "never")
    assert command()[0] == 2


def test_a_queue_that_is_not_there_is_said(aws: Aws, command: Any) -> None:
    code, _, said = command("--queue", f"{aws.endpoint}/123456789012/not-there")
    assert (code, said.startswith("burgee: the queue can't be read")) == (1, True)


def test_without_a_queue_it_is_called_wrongly(command: Any) -> None:
    code, _, said = command()
    assert code == 2
    assert "--queue" in said
