"""What stream consumers share: decoding, the deadline, and dead letters in real queues and buckets of the embedded AWS."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest

from handlers import _stream
from handlers._stream import DeadLetters, Deadline, Letter, Poison
from tests.aws import Aws
from tests.handlers.mirroring import Queue
from tests.handlers.streams import AT, Context, item, record


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
    change = _stream.decode(json.loads(json.dumps(record(7, image, at=AT + 0.5))))
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
    assert _stream.decode(expired).expired is True
    assert _stream.decode(record(8, old=item())).expired is False
    somebody = record(9, old=item()) | {"userIdentity": {names[0]: "AIDAEXAMPLE", names[1]: "User"}}
    assert _stream.decode(somebody).expired is False


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
        _stream.decode(bad)
    assert caught.value.stage == "decode"
    assert "many" not in str(caught.value)


@pytest.mark.parametrize("event", [None, [], {}, {"Records": {}}, {"Records": [{"kinesis": {}}]}, {"Records": ["a"]}])
def test_an_event_of_something_else_is_said_to_be_so(event: Any) -> None:
    with pytest.raises(ValueError, match=r"(?i)stream"):
        _stream.records_of(event)


def test_a_stream_without_both_images_is_a_wrong_stream() -> None:
    """Not poison: the dead letters would fill with every record there is."""
    with pytest.raises(ValueError, match="NEW_AND_OLD_IMAGES"):
        _stream.decode(broken(StreamViewType="NEW_IMAGE"))


def test_a_deadline_keeps_its_margin() -> None:
    assert 6.5 < Deadline(Context(10), 3).left() <= 7
    assert Deadline(Context(1), 3).left() < 0
    assert 50 < Deadline(None, 3).left() <= 57


# --- dead letters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(aws: Aws) -> Iterator[Queue]:
    yield Queue(aws)


def letters(count: int, **more: Any) -> list[Letter]:
    return [Letter(record(n, item(**more)), str(n), "validate", "variant is missing") for n in range(1, count + 1)]


def test_evb_05_a_dead_letter_is_json_with_all_its_fields(queue: Queue) -> None:
    (letter,) = letters(1, context={"M": {"note": {"S": "nul \0, half \ud800, bell \a"}}})
    assert DeadLetters(queue.client, queue.url).send([letter], "request-1", long()) == set()
    (message,) = queue.messages()
    assert message.keys() == {"sequenceNumber", "shardId", "data", "error", "stage", "timestamp", "requestId"}
    assert message["data"] == letter.record, "so that it can be processed again"
    assert (message["sequenceNumber"], message["shardId"], message["stage"]) == ("1", None, "validate")
    assert (message["error"], message["requestId"]) == ("variant is missing", "request-1")
    assert message["timestamp"].endswith("Z")


def test_more_letters_than_a_batch_of_the_queue_takes(queue: Queue) -> None:
    """23 letters of 60 KB: neither ten of them nor 256 KB may be passed."""
    many = letters(23, context={"M": {"note": {"S": "x" * 60_000}}})
    assert DeadLetters(queue.client, queue.url).send(many, "r", long()) == set()
    assert [message["sequenceNumber"] for message in queue.messages()] == [str(n) for n in range(1, 24)]


def test_evb_05_what_is_larger_than_a_message_goes_to_the_bucket(queue: Queue, aws: Aws) -> None:
    bucket = aws.bucket()
    small, large = letters(1)[0], Letter(record(2, item(note="x" * 300_000)), "2", "validate", "too large")
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
    large = Letter(record(2, item(note="x" * 300_000)), "2", "validate", "too large")
    assert DeadLetters(queue.client, queue.url).send([large], "r", long()) == set()
    (message,) = queue.messages()
    assert message["data"].keys() == {"sha256", "bytes", "truncated"}
    assert json.dumps(large.record).startswith(message["data"]["truncated"])


def test_evb_06_what_can_not_be_sent_is_told(queue: Queue, aws: Aws) -> None:
    nowhere = DeadLetters(queue.client, queue.url + "-gone")
    assert nowhere.send(letters(12), "r", long()) == {str(n) for n in range(1, 13)}
    lost = DeadLetters(queue.client, queue.url, aws.client("s3"), "no-such-bucket-here")
    large = Letter(record(3, item(note="x" * 300_000)), "3", "validate", "too large")
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
