"""Stored assignments on the embedded DynamoDB: one conditional write, whoever comes at the same time."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from handlers._assignment_store import MAX_ITEM_BYTES, Assignment, AssignmentStore, Unavailable, read_item
from handlers._attributes import size_of, to_item
from handlers._aws_json import AwsError
from handlers._breaker import Breaker
from tests.aws import Aws
from tests.conftest import spec_data
from tests.handlers.assigning import (
    PlayedClient,
    assigner,
    assignments_table,
    client,
    down,
    evaluator,
    experiment,
    items,
    weights,
)

NOW = 1_800_000_000


def made(assignment_id: str = "assign_0123456789ab", variant: str = "treatment", **more: Any) -> Assignment:
    fields: dict[str, Any] = {"user_id": "user_456", "experiment_id": "exp_789", "ttl": NOW + 100} | more
    return Assignment(
        assignment_id,
        fields["user_id"],
        fields["experiment_id"],
        "checkout_redesign",
        variant,
        "2025-12-18T10:30:00+00:00",
        fields["ttl"],
        fields.get("context"),
    )


def store_of(aws_client: Any, table: str = "assignments", wall: float = NOW) -> AssignmentStore:
    return AssignmentStore(aws_client, table, Breaker(3, 5_000), lambda: wall)


def soon() -> float:
    return time.monotonic() + 20


@pytest.fixture
def table(aws: Aws) -> str:
    return assignments_table(aws)


def test_asg_07_the_item_is_what_the_platform_reads(aws: Aws, table: str) -> None:
    expected: dict[str, Any] = {
        "user_id": "user_456",
        "experiment_id": "exp_789",
        "assignment_id": "assign_0123456789ab",
        "experiment_key": "checkout_redesign",
        "variant": "treatment",
        "timestamp": "2025-12-18T10:30:00+00:00",
        "ttl": NOW + 100,
        "context": {"country": "US", "platform": "web"},
    }
    if (path := spec_data("platform_items.json")) is not None:
        import json

        expected = json.loads(path.read_text())["assignment_item"]
    store = store_of(client(aws), table)
    mine = made(ttl=expected["ttl"], context=expected["context"])
    assert store.claim(mine, soon()) == (mine, True)
    (item,) = items(aws, table)
    assert item == to_item(expected)


def test_asg_07_without_a_context_there_is_no_column_for_it(aws: Aws, table: str) -> None:
    store_of(client(aws), table).claim(made(), soon())
    assert "context" not in items(aws, table)[0]


def test_asg_09_an_item_is_created_only_where_none_is(aws: Aws, table: str) -> None:
    store = store_of(client(aws), table)
    first, second = made("assign_first0000000"), made("assign_second000000", "control")
    assert store.claim(first, soon())[1]
    stored, created = store.claim(second, soon())
    assert (stored.assignment_id, stored.variant, created) == ("assign_first0000000", "treatment", False)
    assert [item["assignment_id"]["S"] for item in items(aws, table)] == ["assign_first0000000"]


def test_asg_10_fifty_at_once_get_one_item_and_one_assignment_id(aws: Aws, table: str) -> None:
    """Fifty processes' worth of requests: no cache in common, a connection each, begun together."""
    flags, gate = evaluator(experiment()), threading.Barrier(50)
    exposed: list[str] = []

    def request(_: int) -> tuple[str, str, str]:
        alone = assigner(client(aws), table, expose=lambda found, persisted: exposed.append(found.assignment_id))
        gate.wait()
        answer = alone.assign(flags, "user-1", "checkout", {"n": 1})
        assert answer.assignment is not None
        assert answer.persisted
        return answer.assignment.assignment_id, answer.assignment.variant, answer.assignment.timestamp

    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(request, range(50)))
    (item,) = items(aws, table)
    assert answers == {(item["assignment_id"]["S"], item["variant"]["S"], item["timestamp"]["S"])}
    assert exposed == [item["assignment_id"]["S"]], "one exposure, by whoever created it"


def test_asg_10_the_loser_needs_one_round_trip(aws: Aws, table: str) -> None:
    """Different weights, so that the loser would say another variant: it says the winner's, after one call."""
    assigner(client(aws), table).assign(evaluator(experiment(variants=weights(1.0))), "user-1", "checkout", None)
    real, calls = client(aws), []

    def spy(target: str, payload: Any) -> dict[str, Any]:
        calls.append(target)
        return real.call(target, payload, soon())

    loser = assigner(PlayedClient(spy), table)
    answer = loser.assign(evaluator(experiment(variants=weights(0.0))), "user-1", "checkout", None)
    assert answer.assignment is not None
    assert answer.assignment.variant == "control"
    assert calls == ["DynamoDB_20120810.PutItem"]


def test_asg_10_a_write_that_met_its_own_item_has_created_it(aws: Aws, table: str) -> None:
    """The client repeats a write whose answer was lost."""
    store = store_of(client(aws), table)
    mine = made()
    store.claim(mine, soon())
    stored, created = store.claim(mine, soon())
    assert (stored.assignment_id, created) == (mine.assignment_id, True)


def test_asg_08_what_has_expired_counts_as_absent(aws: Aws, table: str) -> None:
    """DynamoDB takes days to delete an item whose time to live is over."""
    first = store_of(client(aws), table)
    first.claim(made("assign_old000000000", ttl=NOW + 100), soon())
    at_the_end = store_of(client(aws), table, NOW + 100)
    assert at_the_end.find("user_456", "exp_789", soon()) is not None
    later = store_of(client(aws), table, NOW + 101)
    assert later.find("user_456", "exp_789", soon()) is None
    renewed, created = later.claim(made("assign_new000000000", "control", ttl=NOW + 1_000), soon())
    assert (renewed.variant, created) == ("control", True)
    assert [item["assignment_id"]["S"] for item in items(aws, table)] == ["assign_new000000000"]


def test_shr_06_found_and_not_found_are_told_apart(aws: Aws, table: str) -> None:
    store = store_of(client(aws), table)
    assert store.find("user_456", "exp_789", soon()) is None
    store.claim(made(), soon())
    found = store.find("user_456", "exp_789", soon())
    assert found is not None
    assert found.variant == "treatment"
    assert store.find("user_456", "exp_other", soon()) is None


@pytest.mark.parametrize(
    "kind", ["timeout", "throttled", "denied", "missing", "server", "refused", "dns", "protocol", "invalid"]
)
def test_shr_06_every_trouble_has_a_name_and_none_becomes_not_found(kind: str) -> None:
    for ask in ("find", "claim"):
        store = store_of(PlayedClient(down(kind)))
        with pytest.raises(Unavailable) as raised:
            if ask == "find":
                store.find("user_456", "exp_789", soon())
            else:
                store.claim(made(), soon())
        assert raised.value.kind == kind


def test_shr_06_a_table_that_is_not_there_is_missing_and_not_an_empty_one(aws: Aws) -> None:
    with pytest.raises(Unavailable) as raised:
        store_of(client(aws), "no-such-table").find("user_456", "exp_789", soon())
    assert raised.value.kind == "missing"


def test_asg_14_an_open_breaker_costs_no_call() -> None:
    played = PlayedClient(down())
    store = store_of(played)
    for _ in range(3):
        with pytest.raises(Unavailable):
            store.claim(made(), soon())
    with pytest.raises(Unavailable) as raised:
        store.claim(made(), soon())
    assert raised.value.kind == "open"
    assert len(played.calls) == 3


def test_asg_14_what_is_one_requests_own_fault_stops_nobody_elses() -> None:
    store = store_of(PlayedClient(down("invalid")))
    for _ in range(10):
        with pytest.raises(Unavailable):
            store.claim(made(), soon())
    assert store.breaker.state == "closed"


def test_asg_14_a_condition_that_fails_is_an_answer() -> None:
    item = to_item(made("assign_theirs00000", "control").document())
    store = store_of(PlayedClient(AwsError("conditional", "ConditionalCheckFailedException", "", {"Item": item})))
    for _ in range(10):
        assert store.claim(made(), soon())[0].variant == "control"
    assert store.breaker.state == "closed"


@pytest.mark.parametrize(
    "item",
    [{}, {"user_id": {"S": "u"}}, None, {"user_id": "u"}, to_item(made().document()) | {"ttl": {"N": "soon"}}],
)
def test_an_item_that_is_no_assignment_is_trouble(item: Any) -> None:
    store = store_of(PlayedClient(AwsError("conditional", "ConditionalCheckFailedException", "", {"Item": item})))
    with pytest.raises(Unavailable) as raised:
        store.claim(made(), soon())
    assert raised.value.kind == "item"


def test_an_item_without_an_end_does_not_expire(aws: Aws, table: str) -> None:
    """Somebody else's tool may have written it."""
    item = to_item(made().document())
    del item["ttl"]
    aws.client("dynamodb").put_item(TableName=table, Item=item)
    store = store_of(client(aws), table, 4_000_000_000.0)
    assert store.find("user_456", "exp_789", soon()) is not None
    assert not store.claim(made("assign_other000000"), soon())[1]


def test_asg_11_an_item_of_more_than_400_kilobytes_is_not_sent() -> None:
    played = PlayedClient()
    with pytest.raises(Unavailable) as raised:
        store_of(played).claim(made(context={"text": "x" * MAX_ITEM_BYTES}), soon())
    assert (raised.value.kind, played.calls) == ("limit", [])


def test_sec_09_the_largest_request_makes_an_item_far_below_the_limit() -> None:
    """256 characters of four bytes in each id, and 8 KB of context in its most wasteful form."""
    context = {"list": [0] * 4_000}
    mine = made(user_id="😀" * 256, experiment_id="😀" * 256, context=context)
    assert size_of({"M": to_item(mine.document())}) < MAX_ITEM_BYTES / 8


def test_model_01_an_assignment_has_its_fields_and_hides_the_user() -> None:
    mine = made(context={"country": "US"})
    assert set(mine.document()) == {
        "assignment_id", "user_id", "experiment_id", "experiment_key", "variant", "timestamp", "ttl", "context",
    }  # fmt: skip
    assert "user_456" not in repr(mine)
    assert "US" not in repr(mine)
    read = read_item(to_item(mine.document()))
    assert read.document() == {name: value for name, value in mine.document().items() if name != "context"}


def test_assignment_ids_are_assign_and_twelve_hex_digits(aws: Aws, table: str) -> None:
    one = assigner(client(aws), table)
    flags = evaluator(experiment())
    ids = {one.assign(flags, f"user-{number}", "checkout", None).assignment for number in range(3)}
    assert len({found.assignment_id for found in ids if found}) == 3
    assert all(re.fullmatch(r"assign_[0-9a-f]{12}", found.assignment_id) for found in ids if found)
