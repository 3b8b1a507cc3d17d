"""What stream consumers share: records, answers, the deadline; dead letters in real queues and buckets of the embedded AWS."""

import base64
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import NoRegionError

from handlers import _dead_letters, _stream
from handlers._dead_letters import DeadLetters, Letter
from handlers._stream import KINESIS, Deadline, Poison
from handlers._stream_dynamodb import decode
from tests.aws import Aws
from tests.handlers.mirroring import Queue
from tests.handlers.streams import AT, EVENTS_ARN, SHARD, Context, item, kinesis, record


def long() -> Deadline:
    """A deadline that is far away: made when it is needed, since it runs from then on."""
    return Deadline(None, 0.0)


# --- records ------------------------------------------------------------------------------------------------------------


def test_images_become_plain_values() -> None:
    """Every type of DynamoDB's, as Lambda writes it into JSON: binary values are base64 there."""
    image = item(
        n={"N": "12345678901234567890.123456789012345678"},
        b={"B": base64.b64encode(b"\x00\xff").decode()},
        l={"L": [{"NULL": True}, {"BOOL": False}, {"M": {"a": {"S": "é"}}}]},
        s={"SS": ["x", "y"]},
    )
    change = decode(json.loads(json.dumps(record(7, image, at=AT + 0.5))))
    assert change.new is not None
    assert change.new["n"] == Decimal("12345678901234567890.123456789012345678")
    assert bytes(change.new["b"]) == b"\x00\xff"
    assert change.new["l"] == [None, False, {"a": "é"}]
    assert change.new["s"] == {"x", "y"}
    assert (change.sequence, change.name, change.expired, change.at) == ("7", "INSERT", False, AT + 0.5)
    assert change.keys == {"user_id": "user-1", "experiment_id": "exp-1"}


@pytest.mark.parametrize("names", [("principalId", "type"), ("PrincipalId", "Type")])
def test_an_expiry_is_told_from_a_deletion(names: tuple[str, str]) -> None:
    """Lambda writes the names small, GetRecords large."""
    expired = record(7, old=item(), ttl=True)
    expired["userIdentity"] = dict(zip(names, ("dynamodb.amazonaws.com", "Service"), strict=True))
    assert decode(expired).expired is True
    assert decode(record(8, old=item())).expired is False
    somebody = record(9, old=item()) | {"userIdentity": {names[0]: "AIDAEXAMPLE", names[1]: "User"}}
    assert decode(somebody).expired is False


def broken(**change: Any) -> dict[str, Any]:
    found = record(7, item())
    found["dynamodb"] |= change
    return found


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (broken(NewImage={"a": {"N": "many"}}), "NewImage can't be decoded"),
        (broken(NewImage={"a": {"N": "1" * 39}}), "NewImage can't be decoded"),
        (broken(NewImage={"a": {"B": "?"}}), "NewImage can't be decoded"),
        (broken(NewImage={"a": {"X": "1"}}), "NewImage can't be decoded"),
        (broken(NewImage={"a": "1"}), "NewImage can't be decoded"),
        (broken(NewImage={"a": {}}), "NewImage can't be decoded"),
        (broken(NewImage=[1]), "NewImage can't be decoded"),
        (broken(NewImage=None), "NewImage doesn't fit INSERT"),
        (broken(OldImage=item()), "OldImage doesn't fit INSERT"),
        (broken(Keys={}), "Keys is missing"),
        (broken(SequenceNumber="12e4"), "sequence number"),
        (broken(SequenceNumber="٣"), "sequence number"),
        (broken(SequenceNumber="9" * 101), "sequence number"),
        (broken() | {"eventName": "TRUNCATE"}, "event's name"),
        (broken() | {"eventName": "REMOVE"}, "NewImage doesn't fit REMOVE"),
    ],
)
def test_a_record_that_makes_no_sense_is_poison_and_is_not_quoted(bad: dict[str, Any], reason: str) -> None:
    with pytest.raises(Poison, match=reason) as caught:
        decode(bad)
    assert caught.value.stage == "decode"
    assert "many" not in str(caught.value)


@pytest.mark.parametrize(
    "event", [None, [], "", {"Records": None}, {"Records": {}}, {"Records": [{"kinesis": {}}]}, {"Records": ["a"]}]
)
def test_an_event_of_something_else_is_said_to_be_so(event: Any) -> None:
    with pytest.raises(ValueError, match=r"(?i)stream"):
        _stream.records_of(event)


def test_evb_01_no_records_are_an_empty_batch() -> None:
    for source in (_stream.DYNAMODB, KINESIS):
        for event in ({}, {"Records": []}):
            records = _stream.records_of(event, source)
            assert _stream.failures(records) == {"batchItemFailures": []}


def test_par_05_a_record_of_kinesis_says_its_number_its_shard_and_its_arrival() -> None:
    """56 digits, as Kinesis has them, and a time that floating point can't hold: it must not be a millisecond less."""
    number = "49590338271490256608559692538361571095921575989136588898"
    records = _stream.records_of({"Records": [kinesis(number, {}, at=1545084650.987)]}, KINESIS)
    assert [_stream.sequence_of(entry) for entry in records] == [number]
    assert [_stream.shard_of(entry) for entry in records] == [SHARD]
    assert [_stream.lane_of(entry) for entry in records] == [f"events/{SHARD}"]
    assert [_stream.arrived_ms(entry) for entry in records] == [1_545_084_650_987]
    assert all(_stream.arrived_ms(kinesis(1, {}, at=ms / 1_000)) == ms for ms in range(AT * 1_000, AT * 1_000 + 1_000))


def test_a_lane_is_the_same_whoever_reads_the_shard() -> None:
    """With enhanced fan-out the source is a consumer of the stream."""
    arn = f"{EVENTS_ARN}/consumer/processor:1700000000"
    (found,) = _stream.records_of({"Records": [kinesis(1, {}, arn=arn)]}, KINESIS)
    assert _stream.lane_of(found) == f"events/{SHARD}"


def test_a_record_of_dynamodb_does_not_say_its_shard() -> None:
    assert _stream.shard_of(record(7, item())) is None
    assert _stream.sequence_of(record(7, item())) == "7"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"eventID": ""}, "stream and shard"),
        ({"eventID": None}, "stream and shard"),
        ({"eventID": f"{SHARD}:8"}, "of one shard"),
        ({"eventID": "shard-0:7"}, "stream and shard"),
        ({"eventSourceARN": None}, "stream and shard"),
        ({"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:events"}, "stream and shard"),
        ({"kinesis": {"sequenceNumber": "7"}}, "approximateArrivalTimestamp"),
        ({"kinesis": {"sequenceNumber": "7", "approximateArrivalTimestamp": True}}, "approximateArrivalTimestamp"),
        ({"kinesis": {"sequenceNumber": "7", "approximateArrivalTimestamp": float("nan")}}, "approximateArrivalTimestamp"),
        ({"kinesis": {"sequenceNumber": "7", "approximateArrivalTimestamp": -1.0}}, "approximateArrivalTimestamp"),
        ({"kinesis": {"sequenceNumber": "seven"}, "eventID": f"{SHARD}:seven"}, "no number"),
        ({"kinesis": {"sequenceNumber": ""}, "eventID": f"{SHARD}:"}, "no sequenceNumber"),
        ({"kinesis": {}}, "no sequenceNumber"),
    ],
)
def test_an_event_that_kinesis_does_not_send_is_said_to_be_so(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _stream.records_of({"Records": [kinesis(7, {}) | change]}, KINESIS)


def test_a_batch_of_several_shards_is_refused() -> None:
    """A lane's high water is advanced once for a batch: the records of another shard would be lost to it."""
    other = kinesis(8, {}, shard="shardId-000000000001")
    with pytest.raises(ValueError, match="of one shard"):
        _stream.records_of({"Records": [kinesis(7, {}), other]}, KINESIS)
    with pytest.raises(ValueError, match="of one shard"):
        _stream.records_of({"Records": [kinesis(7, {}), kinesis(8, {}, arn=f"{EVENTS_ARN}-too")]}, KINESIS)


def test_evb_03_what_is_reported_is_in_the_order_of_the_batch() -> None:
    batch = [kinesis(n, {}) for n in (9, 10, 11, 12)]
    assert _stream.failures(batch, {"12", "10"}) == {"batchItemFailures": [{"itemIdentifier": n} for n in ("10", "12")]}
    assert _stream.failures(batch) == {"batchItemFailures": []}


@pytest.mark.parametrize("foreign", ["unknown", "", "13", "010"])
def test_evb_04_what_is_reported_was_in_the_batch(foreign: str) -> None:
    batch = [kinesis(n, {}) for n in (9, 10, 11)]
    assert _stream.failures(batch, ["10", foreign]) == {"batchItemFailures": [{"itemIdentifier": "9"}]}, "so all of it again"
    assert _stream.failures([], [foreign]) == {"batchItemFailures": []}


def test_evh_02_what_is_no_batch_is_answered() -> None:
    assert _stream.nothing("there is no event") == {"batchItemFailures": [], "error": "there is no event"}


@pytest.mark.parametrize("event", [None, 1, {}, {"Records": []}, {"Records": [None]}, {"Records": [{"kinesis": {}}]}])
def test_evb_04_only_a_number_that_was_there_is_reported(event: Any) -> None:
    assert _stream.nothing("no batch", event)["batchItemFailures"] == []


def test_a_stream_without_both_images_is_a_wrong_stream() -> None:
    """Not poison: the dead letters would fill with every record there is."""
    with pytest.raises(ValueError, match="NEW_AND_OLD_IMAGES"):
        decode(broken(StreamViewType="NEW_IMAGE"))


def test_a_deadline_keeps_its_margin() -> None:
    assert 6.5 < Deadline(Context(10), 3).left() <= 7
    assert Deadline(Context(1), 3).left() < 0
    assert 50 < Deadline(None, 3).left() <= 57


# --- dead letters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(aws: Aws) -> Iterator[Queue]:
    yield Queue(aws)


def letters(count: int, **more: Any) -> list[Letter]:
    return [Letter(record(n, item(**more)), "validate", "variant is missing") for n in range(1, count + 1)]


def test_evb_05_a_dead_letter_is_json_with_all_its_fields(queue: Queue) -> None:
    """Flaw F34: not what Python prints of a dict."""
    (letter,) = letters(1, context={"M": {"note": {"S": "nul \0, half \ud800, bell \a"}}})
    assert DeadLetters(queue.client, queue.url).send([letter], "request-1", long()) == set()
    (message,) = queue.messages()
    assert message.keys() == {"sequenceNumber", "shardId", "data", "error", "stage", "timestamp", "requestId"}
    assert message["data"] == letter.record, "so that it can be processed again"
    assert (message["sequenceNumber"], message["shardId"], message["stage"]) == ("1", None, "validate")
    assert (message["error"], message["requestId"]) == ("variant is missing", "request-1")
    assert message["timestamp"].endswith("Z")


def test_evb_05_a_letter_of_kinesis_has_its_shard_and_the_record_as_it_came(queue: Queue) -> None:
    """The data stay base64: bytes that are no text survive, and redriving puts them back as they were."""
    bad = kinesis(49590338271490256608559692538361571095921575989136588898, b"\xff\x00 no JSON", key="user-\u00e9")
    assert DeadLetters(queue.client, queue.url).send([Letter(bad, "parse", "utf8_decode_error")], "r", long()) == set()
    (message,) = queue.messages()
    assert (message["shardId"], message["sequenceNumber"]) == (SHARD, bad["kinesis"]["sequenceNumber"])
    assert message["data"] == bad
    assert base64.b64decode(message["data"]["kinesis"]["data"]) == b"\xff\x00 no JSON"


def test_evb_05_a_megabyte_of_kinesis_goes_by_pointer(queue: Queue, aws: Aws) -> None:
    bucket, huge = aws.bucket(), kinesis(7, b"\xff" * 2**20)
    sent = DeadLetters(queue.client, queue.url, aws.client("s3"), bucket).send([Letter(huge, "parse", "e")], "r", long())
    (message,) = queue.messages()
    key = message["data"]["s3"].removeprefix(f"s3://{bucket}/")
    assert sent == set()
    assert message["shardId"] == SHARD
    assert json.loads(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()) == huge


def test_more_letters_than_a_batch_of_the_queue_takes(queue: Queue) -> None:
    """23 letters of 60 KB: neither ten of them nor 256 KB may be passed."""
    many = letters(23, context={"M": {"note": {"S": "x" * 60_000}}})
    assert DeadLetters(queue.client, queue.url).send(many, "r", long()) == set()
    assert [message["sequenceNumber"] for message in queue.messages()] == [str(n) for n in range(1, 24)]


def test_evb_05_what_is_larger_than_a_message_goes_to_the_bucket(queue: Queue, aws: Aws) -> None:
    bucket = aws.bucket()
    small, large = letters(1)[0], Letter(record(2, item(note="x" * 300_000)), "validate", "too large")
    assert DeadLetters(queue.client, queue.url, aws.client("s3"), bucket).send([small, large], "r", long()) == set()
    first, second = queue.messages()
    assert first["data"] == small.record
    assert second["data"]["s3"].startswith(f"s3://{bucket}/dead-letters/")
    key = second["data"]["s3"].removeprefix(f"s3://{bucket}/")
    body = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert json.loads(body) == large.record
    assert second["data"]["sha256"] == sha256(body).hexdigest()
    assert second["data"]["bytes"] == len(body)


def test_without_a_bucket_a_large_record_is_cut_and_says_so(queue: Queue) -> None:
    large = Letter(record(2, item(note="x" * 300_000)), "validate", "too large")
    assert DeadLetters(queue.client, queue.url).send([large], "r", long()) == set()
    (message,) = queue.messages()
    assert message["data"].keys() == {"sha256", "bytes", "truncated"}
    assert json.dumps(large.record).startswith(message["data"]["truncated"])


def test_evb_06_what_can_not_be_sent_is_told(queue: Queue, aws: Aws) -> None:
    nowhere = DeadLetters(queue.client, queue.url + "-gone")
    assert nowhere.send(letters(12), "r", long()) == {str(n) for n in range(1, 13)}
    lost = DeadLetters(queue.client, queue.url, aws.client("s3"), "no-such-bucket-here")
    large = Letter(record(3, item(note="x" * 300_000)), "validate", "too large")
    assert lost.send([*letters(2), large], "r", long()) == {"3"}


def test_evb_06_what_the_queue_refuses_of_a_batch_is_told() -> None:
    class Refusing:
        def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries[::2]], "Failed": [{"Id": "1"}]}

    client: Any = Refusing()
    assert DeadLetters(client, "url").send(letters(4), "r", long()) == {"2", "4"}


def test_letters_are_not_sent_after_the_deadline(queue: Queue) -> None:
    assert DeadLetters(queue.client, queue.url).send(letters(1), "r", Deadline(Context(0.1), 0)) == {"1"}
    assert queue.messages() == []


def test_evb_06_without_a_queue_every_letter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Logger(service="test", stream=(stream := io.StringIO()))
    monkeypatch.setattr(_dead_letters, "dead_letters", lambda: None)
    assert _dead_letters.park([], "r", long(), logger) == set()
    assert stream.getvalue() == "", "nothing to say"
    poison = [Letter(kinesis(n, b"secret"), "parse", "json_parse_error") for n in range(1, 31)]
    assert _dead_letters.park(poison, "r", long(), logger) == {str(n) for n in range(1, 31)}
    line = json.loads(stream.getvalue())
    assert (line["level"], line["count"], line["unsent"], len(line["refused"])) == ("ERROR", 30, 30, _dead_letters.MAX_LOGGED)
    assert "secret" not in stream.getvalue()
    assert base64.b64encode(b"secret").decode() not in stream.getvalue()


def test_evb_06_a_client_that_can_not_be_made_loses_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> DeadLetters | None:
        raise NoRegionError

    logger = Logger(service="test-region", stream=io.StringIO())
    monkeypatch.setattr(_dead_letters, "dead_letters", broken)
    assert _dead_letters.park([Letter(kinesis(1, b""), "parse", "e")], "r", long(), logger) == {"1"}


def test_evb_03_what_the_queue_has_taken_is_not_reported(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Logger(service="test-taken", stream=(stream := io.StringIO()))
    monkeypatch.setattr(_dead_letters, "dead_letters", lambda: DeadLetters(queue.client, queue.url))
    assert _dead_letters.park([Letter(kinesis(1, b""), "parse", "e")], "request-9", long(), logger) == set()
    assert [message["requestId"] for message in queue.messages()] == ["request-9"]
    assert json.loads(stream.getvalue())["level"] == "WARNING"
