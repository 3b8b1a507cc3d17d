"""What happens to one batch of a stream: partial responses, splitting, retries, age, and what is given up."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burgee.up.delivery import EXHAUSTED, TOO_OLD, Delivery, Settings, acknowledged
from burgee.up.streams import Record

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/flags/stream/2026-11-14T00:04:06.388"


class Result(NamedTuple):
    payload: Any = None
    error: str | None = None
    throttled: bool = False

    def result(self) -> Any:
        return self.payload


FAILED = Result(error="Unhandled")


class Scripted:
    """A function that answers as ``answer`` says; ``events`` are the sequence numbers of each invocation."""

    name = "sync"

    def __init__(self, answer: Callable[[list[str]], Result]) -> None:
        self._answer = answer
        self.events: list[list[str]] = []

    async def invoke(self, event: Any) -> Result:
        sequences = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        self.events.append(sequences)
        return self._answer(sequences)


class World:
    """A delivery without waiting: sleeping moves the clock."""

    def __init__(self, answer: Callable[[list[str]], Result], settings: Settings) -> None:
        self.function = Scripted(answer)
        self.now = 1_000.0
        self.slept: list[float] = []
        self.given_up: list[dict[str, Any]] = []
        self.delivery = Delivery(
            self.function, settings, ARN, "DDBStreamBatchInfo", "shard-1", self._discard,
            wall=lambda: self.now, sleep=self._sleep,
        )  # fmt: skip

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def _discard(self, failure: dict[str, Any]) -> None:
        self.given_up.append(failure)

    def deliver(self, count: int, arrived: float = 1_000.0) -> None:
        asyncio.run(self.delivery.deliver(records(count, arrived)))

    @property
    def discarded(self) -> list[tuple[int, int, str]]:
        """(first, last, condition) of what was given up."""
        return [
            (
                int(failure["DDBStreamBatchInfo"]["startSequenceNumber"]),
                int(failure["DDBStreamBatchInfo"]["endSequenceNumber"]),
                failure["requestContext"]["condition"],
            )
            for failure in self.given_up
        ]


def records(count: int, arrived: float = 1_000.0) -> list[Record]:
    return [Record(str(n), arrived, {"dynamodb": {"SequenceNumber": str(n)}}) for n in range(1, count + 1)]


def failing(*sequences: str) -> Result:
    return Result({"batchItemFailures": [{"itemIdentifier": sequence} for sequence in sequences]})


def poison(*bad: str) -> Callable[[list[str]], Result]:
    """Reports the bad ones, each time."""
    return lambda sequences: failing(*(sequence for sequence in sequences if sequence in bad))


REPORTING = Settings(report_batch_item_failures=True, maximum_retry_attempts=2)


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        (None, 3),
        ({}, 3),
        ({"batchItemFailures": None}, 3),
        ({"batchItemFailures": []}, 3),
        ({"batchItemFailures": [{"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": 2}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "nine"}]}, 0),
        ({"batchItemFailures": [{"ItemIdentifier": "2"}]}, 0),
        ({"batchItemFailures": ["2"]}, 0),
        ({"batchItemFailures": "2"}, 0),
        ("fine", 0),
        ([], 0),
    ],
)
def test_what_a_response_acknowledges(payload: Any, count: int) -> None:
    assert acknowledged(["1", "2", "3"], payload) == count


def test_without_the_response_type_a_report_is_not_read() -> None:
    world = World(lambda _: failing("1"), Settings())
    world.deliver(3)
    assert world.function.events == [["1", "2", "3"]]
    assert world.delivery.counts.acknowledged == 3


def test_what_comes_before_the_lowest_failure_is_not_repeated() -> None:
    answers = iter([failing("4", "3"), Result()])
    world = World(lambda _: next(answers), REPORTING)
    world.deliver(5)
    assert world.function.events == [["1", "2", "3", "4", "5"], ["3", "4", "5"]]
    assert not world.given_up


def test_retries_end_and_the_batch_is_recorded_as_lambda_records_it() -> None:
    world = World(lambda _: FAILED, Settings(maximum_retry_attempts=2))
    world.deliver(3, arrived=990.25)
    assert len(world.function.events) == 3
    (failure,) = world.given_up
    assert failure["requestContext"].pop("requestId")
    assert failure == {
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:sync",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "1970-01-01T00:16:40.600Z",
        "DDBStreamBatchInfo": {
            "shardId": "shard-1",
            "startSequenceNumber": "1",
            "endSequenceNumber": "3",
            "approximateArrivalOfFirstRecord": "1970-01-01T00:16:30.250Z",
            "approximateArrivalOfLastRecord": "1970-01-01T00:16:30.250Z",
            "batchSize": 3,
            "streamArn": ARN,
        },
    }


def test_waits_double_up_to_a_limit() -> None:
    settings = Settings(maximum_retry_attempts=5, backoff_seconds=1, backoff_limit_seconds=5)
    world = World(lambda _: FAILED, settings)
    world.deliver(1)
    assert world.slept == [1, 2, 4, 5, 5]


def test_splitting_isolates_the_bad_record_and_is_no_attempt() -> None:
    settings = Settings(bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    world = World(lambda sequences: FAILED if "5" in sequences else Result(), settings)
    world.deliver(8)
    assert world.discarded == [(5, 5, EXHAUSTED)]
    assert world.given_up[0]["requestContext"]["approximateInvokeCount"] == 2  # of the batch of one: a try and a retry
    assert [len(event) for event in world.function.events] == [8, 4, 4, 2, 1, 1, 1, 2]


def test_a_partial_response_with_splitting_repeats_only_the_rest() -> None:
    settings = Settings(report_batch_item_failures=True, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    world = World(poison("3"), settings)
    world.deliver(5)
    assert world.function.events == [["1", "2", "3", "4", "5"], ["3", "4", "5"], ["3"], ["4", "5"]]
    assert world.discarded == [(3, 3, EXHAUSTED)]
    assert "functionError" not in world.given_up[0]["responseContext"]


def test_a_partial_response_without_splitting_gives_up_the_rest_of_the_batch() -> None:
    world = World(poison("3"), REPORTING)
    world.deliver(5)
    assert world.discarded == [(3, 5, EXHAUSTED)]
    assert world.delivery.counts.acknowledged == 2


def test_what_follows_a_new_checkpoint_has_retries_of_its_own() -> None:
    answers = iter([FAILED, failing("2"), FAILED, Result()])
    world = World(lambda _: next(answers), Settings(report_batch_item_failures=True, maximum_retry_attempts=1))
    world.deliver(3)
    assert world.function.events == [["1", "2", "3"], ["1", "2", "3"], ["2", "3"], ["2", "3"]]
    assert not world.given_up


def test_records_over_the_age_are_given_up_without_another_try() -> None:
    world = World(lambda _: FAILED, Settings(maximum_record_age_seconds=60, backoff_seconds=50, backoff_limit_seconds=50))
    world.deliver(2)
    assert len(world.function.events) == 2
    assert world.discarded == [(1, 2, TOO_OLD)]


def test_a_record_that_is_too_old_from_the_start_reaches_no_function() -> None:
    world = World(lambda _: Result(), Settings(maximum_record_age_seconds=60))
    old, new = records(2)
    asyncio.run(world.delivery.deliver([old._replace(arrived=900.0), new]))
    assert world.function.events == [["2"]]
    assert "responseContext" not in world.given_up[0]


def test_mon_03_the_age_is_that_of_the_newest_record_when_it_is_delivered() -> None:
    """Each attempt counts: a batch that fails becomes older."""
    ages: list[float] = []

    def answer(sequences: list[str]) -> Result:
        ages.append(world.delivery.age_seconds)
        return FAILED if len(ages) < 3 else Result()

    world = World(answer, Settings(backoff_seconds=4.0))
    older, newer = records(2)
    asyncio.run(world.delivery.deliver([older._replace(arrived=900.0), newer._replace(arrived=990.0)]))
    assert ages == [10.0, 14.0, 22.0]
    world.deliver(1, arrived=2_000.0)
    assert ages[-1] == 0.0, "a clock that is behind the stream's makes nothing younger than new"


def test_a_function_that_cannot_be_invoked_costs_no_attempt() -> None:
    answers = [Result(error="Rate Exceeded.", throttled=True)] * 4 + [Result()]
    world = World(lambda _: answers.pop(0), Settings(maximum_retry_attempts=0))
    world.deliver(1)
    assert world.delivery.counts.invocations == 1
    assert world.delivery.counts.acknowledged == 1
    assert not world.given_up


# --- whatever the function does ---------------------------------------------------------------------------------------

_NAMES = [*map(str, range(1, 13)), "", "13", None, 4]
_RESPONSES = st.one_of(
    st.sampled_from([FAILED, Result(), Result({}), Result("text"), Result([]), Result({"batchItemFailures": None})]),
    st.lists(st.sampled_from(_NAMES), max_size=4).map(
        lambda names: Result({"batchItemFailures": [{"itemIdentifier": name} for name in names]})
    ),
    st.lists(st.integers(1, 12), min_size=1, max_size=3).map(lambda names: failing(*map(str, names))),
)
_SETTINGS = st.fixed_dictionaries(
    {
        "report_batch_item_failures": st.booleans(),
        "bisect_batch_on_function_error": st.booleans(),
        "maximum_retry_attempts": st.integers(0, 3),
        "maximum_record_age_seconds": st.sampled_from([-1, 1, 30]),
    }
).map(lambda chosen: Settings(**chosen))


def _acknowledged_by(function: Scripted, answers: Sequence[Result], reporting: bool) -> set[str]:
    """What the function said is done, worked out from its own answers alone: a record that it neither named nor follows."""
    done: set[str] = set()
    for event, answer in zip(function.events, answers, strict=True):
        if answer.error is None:
            done |= set(event[: acknowledged(event, answer.payload)] if reporting else event)
    return done


@settings(max_examples=500)
@given(count=st.integers(1, 12), script=st.lists(_RESPONSES, max_size=30), chosen=_SETTINGS, last=_RESPONSES)
def test_every_record_is_acknowledged_or_given_up_and_none_out_of_order(
    count: int, script: list[Result], chosen: Settings, last: Result
) -> None:
    given_answers: list[Result] = []

    def answer(_: list[str]) -> Result:
        given_answers.append(script[len(given_answers)] if len(given_answers) < len(script) else last)
        return given_answers[-1]

    world = World(answer, chosen)
    world.deliver(count)
    done = _acknowledged_by(world.function, given_answers, chosen.report_batch_item_failures)
    lost = {str(n) for first, end, _ in world.discarded for n in range(first, end + 1)}
    assert done | lost == {str(n) for n in range(1, count + 1)}
    assert not done & lost
    assert world.delivery.counts.acknowledged == len(done)
    assert world.delivery.counts.discarded == len(lost)
    events = [[int(sequence) for sequence in event] for event in world.function.events]
    assert all(event == list(range(event[0], event[-1] + 1)) for event in events)
    assert [event[0] for event in events] == sorted(event[0] for event in events)  # never back behind a checkpoint
