"""PutRecords: how many records a call has, and what becomes of those that the stream refuses."""

from typing import Any

import pytest

from handlers._aws_json import AwsError
from handlers._kinesis import MAX_CALL_BYTES, MAX_RECORDS, put_records, record


class Client:
    """Answers calls from a list: how many records are refused (the first ones), or an error."""

    def __init__(self, *answers: int | AwsError) -> None:
        self.answers = list(answers)
        self.sizes: list[int] = []
        self.payloads: list[bytes] = []

    def prepare(self) -> None:
        return

    def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]:
        assert target == "Kinesis_20131202.PutRecords"
        count = payload.count(b'"PartitionKey"')
        self.sizes.append(count)
        self.payloads.append(payload)
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, AwsError):
            raise answer
        refused = [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}] * answer
        return {"FailedRecordCount": answer, "Records": refused + [{"SequenceNumber": "1"}] * (count - answer)}


def put(client: Client, records: list[Any], seconds: float = 100.0, **more: Any) -> tuple[tuple[int, int], list[float]]:
    """What ``put_records`` gives, and its pauses, on a clock that only pauses move."""
    pauses: list[float] = []
    return put_records(client, "s", records, seconds, clock=lambda: sum(pauses), sleep=pauses.append, **more), pauses


def many(count: int, size: int = 10) -> list[Any]:
    return [record(f"{number:05d}", b"x" * (size - 5)) for number in range(count)]


def test_shr_04_calls_have_at_most_500_records() -> None:
    client, records = Client(), many(1_201)
    assert put(client, records) == ((1_201, 0), [])
    assert client.sizes == [500, 500, 201]
    assert records == []


def test_shr_04_calls_have_at_most_5_mib_with_their_keys() -> None:
    client = Client()
    assert put(client, many(12, 1024 * 1024)) == ((12, 0), [])
    assert client.sizes == [5, 5, 2]
    exact = many(5, MAX_CALL_BYTES // 5)
    assert put(client, [*exact, record("k", b"")]) == ((6, 0), [])
    assert client.sizes[3:] == [5, 1]


def test_shr_04_only_what_failed_is_sent_again_after_growing_pauses() -> None:
    client, records = Client(3, 2, 0), many(10)
    first_three = [member for member, _ in records[:3]]
    result, pauses = put(client, records)
    assert result == (10, 0)
    assert client.sizes == [10, 3, 2]
    assert client.payloads[1] == b'{"StreamName":"s","Records":[%s]}' % b",".join(first_three)
    assert 0 < pauses[0] <= 0.025 <= pauses[1] <= 0.05


def test_shr_04_what_fails_for_good_is_said_and_kept() -> None:
    client, records = Client(4, 4, 4, 4), many(10)
    kept = records[:4]
    result, pauses = put(client, records)
    assert (result, len(client.sizes), len(pauses)) == ((6, 4), 3, 2)
    assert records == kept


def test_failures_in_several_calls_keep_their_records() -> None:
    client, records = Client(2, 1), many(MAX_RECORDS + 100)
    kept = [records[0], records[1], records[MAX_RECORDS]]
    result, _ = put(client, records, attempts=1)
    assert result == (MAX_RECORDS + 97, 3)
    assert records == kept


def test_there_is_no_second_attempt_beyond_the_time() -> None:
    client = Client(1, 0)
    assert put(client, many(3), seconds=0.001) == ((2, 1), [])


def test_shr_06_a_call_that_fails_is_no_result() -> None:
    client, records = Client(0, AwsError("timeout", "", "late", sent=True)), many(600)
    with pytest.raises(AwsError, match="late"):
        put(client, records)
    assert len(records) == 100, "what was delivered before isn't sent again"


def test_an_answer_for_other_records_is_no_answer() -> None:
    class Odd(Client):
        def call(self, target: str, payload: bytes, until: float) -> dict[str, Any]:
            return {"Records": [{}]}

    with pytest.raises(AwsError) as caught:
        put(Odd(), many(2))
    assert caught.value.kind == "protocol"
