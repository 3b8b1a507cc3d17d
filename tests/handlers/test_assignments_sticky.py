"""Who is in an experiment and stays where they were: the assigner on the embedded DynamoDB, and on stores that fail."""

import json
import math
import socket
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator import Evaluator
from handlers._assigning import Answer, Refused, end_of
from handlers._assignment_store import Assignment
from handlers._attributes import to_item, to_plain
from handlers._aws_json import AwsError, JsonClient
from tests.aws import REGION, Aws
from tests.handlers.assigning import (
    Clock,
    Given,
    PlayedClient,
    assigner,
    assignments_table,
    client,
    counted,
    down,
    evaluator,
    experiment,
    items,
    weights,
)


@pytest.fixture
def table(aws: Aws) -> str:
    return assignments_table(aws)


def variant(answer: Answer) -> str | None:
    return None if answer.assignment is None else answer.assignment.variant


def users(flags: Evaluator, key: str, detail: str, count: int = 1) -> list[str]:
    """The first users whom the configuration answers so."""
    found = (f"user-{number}" for number in range(10_000))
    chosen = [user for user in found if flags.evaluate(key, {"targetingKey": user, "user_id": user}).detail == detail]
    return chosen[:count]


# --- the order: what costs a call --------------------------------------------------------------------------------------


EXCLUDED: dict[str, dict[str, Any]] = {
    "flag_disabled": {"status": "paused"},
    "not_scheduled": {"start": "2999-01-01T00:00:00Z"},
    "targeting_rules_not_met": {"targeting_rules": [{"attribute": "country", "operator": "equals", "value": "US"}]},
    "not_in_layer": {"layer": {"name": "page", "range": [99.9, 100]}},
    "held_out": {"holdouts": ["nobody-in"]},
}


@pytest.mark.parametrize("reason", EXCLUDED)
def test_asg_01_whoever_is_excluded_costs_no_call(reason: str) -> None:
    played = PlayedClient(down())
    sections: dict[str, Any] = {"layers": {"page": {}}, "holdouts": {"nobody-in": {"percentage": 100}}}
    flags = evaluator(experiment(**EXCLUDED[reason]), **sections)
    answer = assigner(played).assign(flags, "user-1", "checkout", None)
    assert (answer.assignment, answer.reason, played.calls) == (None, reason, [])


@pytest.mark.parametrize("status", ["draft", "paused", "completed"])
def test_asg_02_only_active_experiments_assign(status: str) -> None:
    answer = assigner(PlayedClient()).assign(evaluator(experiment(status=status)), "user-1", "checkout", None)
    assert (answer.assignment, answer.reason) == (None, "flag_disabled")


def test_asg_02_fewer_than_two_variants_never_assign() -> None:
    """A broken experiment is our trouble (500), and nobody is told that there is no such experiment."""
    flags = evaluator(experiment(variants=[{"key": "only", "allocation": 1}]))
    with pytest.raises(Refused) as raised:
        assigner(PlayedClient()).assign(flags, "user-1", "checkout", None)
    assert raised.value.status == 500


def test_asg_03_a_paused_experiment_serves_nothing_that_is_stored(aws: Aws, table: str) -> None:
    """Not from the table, and not from the process's cache."""
    one = assigner(client(aws), table)
    active = evaluator(experiment())
    before = one.assign(active, "user-1", "checkout", None)
    paused = one.assign(evaluator(experiment(status="paused")), "user-1", "checkout", None)
    assert (paused.assignment, paused.reason) == (None, "flag_disabled")
    assert variant(one.assign(active, "user-1", "checkout", None)) == variant(before)


@pytest.mark.parametrize(
    ("rules", "context", "included"),
    [
        ([{"attribute": "country", "operator": "equals", "value": "US"}], {"country": "US"}, True),
        ([{"attribute": "country", "operator": "equals", "value": "US"}], {"country": "DE"}, False),
        ([{"attribute": "country", "operator": "equals", "value": "US"}], None, False),
        ([{"attribute": "country", "operator": "not_in", "value": ["US"]}], None, False),
        ([], None, True),
        (None, None, True),
    ],
)
def test_asg_05_rules_without_a_context_exclude_and_no_rules_include(rules: Any, context: Any, included: bool) -> None:
    answer = assigner(PlayedClient()).assign(evaluator(experiment(targeting_rules=rules)), "user-1", "checkout", context)
    assert (answer.assignment is not None) is included
    assert answer.reason == ("enabled" if included else "targeting_rules_not_met")


def test_asg_05_the_request_names_the_user_whatever_its_context_says() -> None:
    rules = [{"attribute": "user_id", "operator": "equals", "value": "boss"}]
    one = assigner(PlayedClient())
    flags = evaluator(experiment(targeting_rules=rules))
    for claimed in ({"user_id": "boss", "targetingKey": "boss"}, {"targetingKey": "boss"}, {"user_id": "boss"}):
        assert one.assign(flags, "user-1", "checkout", claimed).assignment is None
    assert one.assign(flags, "boss", "checkout", {"user_id": "user-1"}).assignment is not None


def test_asg_06_the_experiment_comes_from_the_snapshot_and_not_from_a_read() -> None:
    """The experiments' table is what config sync compiles; a request makes the one call that writes the assignment."""
    played = PlayedClient()
    answer = assigner(played).assign(evaluator(experiment()), "user-1", "checkout", None)
    assert answer.experiment_id == "exp_checkout"
    assert played.calls == ["PutItem"]


def test_an_experiment_without_an_id_is_called_by_its_key() -> None:
    played = PlayedClient()
    assigner(played).assign(evaluator(experiment(experiment_id=None)), "user-1", "checkout", None)
    assert played.payloads[0]["Item"]["experiment_id"] == {"S": "checkout"}


@pytest.mark.parametrize("key", ["nope", "a-flag"])
def test_asg_33_what_is_no_experiment_is_not_found(key: str) -> None:
    flags = evaluator(experiment(), flags={"a-flag": {"flag_id": "flag_1", "enabled": True, "rollout_percentage": 100}})
    with pytest.raises(Refused) as raised:
        assigner(PlayedClient()).assign(flags, "user-1", key, None)
    assert raised.value.status == 404


def test_an_experiment_by_another_unit_needs_it() -> None:
    flags = evaluator(experiment(bucket_by="account"))
    with pytest.raises(Refused) as raised:
        assigner(PlayedClient()).assign(flags, "user-1", "checkout", None)
    assert raised.value.status == 400
    assert assigner(PlayedClient()).assign(flags, "user-1", "checkout", {"account": "a1"}).assignment is not None


def test_asg_18_an_override_wins_and_is_not_stored() -> None:
    played, exposed = PlayedClient(down()), list[Any]()
    forced = experiment(overrides={"vip": "treatment"}, traffic_allocation=0)
    one = assigner(played, expose=lambda *heard: exposed.append(heard))
    answer = one.assign(evaluator(forced), "vip", "checkout", None)
    assert (variant(answer), answer.reason, answer.persisted) == ("treatment", "override", False)
    assert (played.calls, exposed) == ([], [])


# --- sticky ------------------------------------------------------------------------------------------------------------


def test_asg_12_weights_edited_later_move_nobody_who_is_stored(aws: Aws, table: str) -> None:
    before, after = evaluator(experiment()), evaluator(experiment(variants=weights(0.1)))
    names = [f"user-{number}" for number in range(20)]
    first = [variant(assigner(client(aws), table).assign(before, user, "checkout", None)) for user in names]
    computed = [after.evaluate("checkout", {"targetingKey": user}).variant for user in names]
    assert computed != first, "the weights of now would say otherwise"
    assert [variant(assigner(client(aws), table).assign(after, user, "checkout", None)) for user in names] == first


def test_asg_12_the_whole_answer_is_the_stored_one(aws: Aws, table: str) -> None:
    flags = evaluator(experiment())
    first = assigner(client(aws), table).assign(flags, "user-1", "checkout", None)
    again = assigner(client(aws), table).assign(flags, "user-1", "checkout", {"country": "DE"})
    assert first.assignment is not None
    assert again.assignment is not None
    assert (again.source, again.persisted, again.reason) == ("stored", True, "enabled")
    assert again.assignment.document() == first.assignment.document()


def test_asg_12_less_traffic_takes_nobody_out_who_is_stored(aws: Aws, table: str) -> None:
    wide, narrow = evaluator(experiment()), evaluator(experiment(traffic_allocation=0.1))
    (user,) = users(narrow, "checkout", "not_in_traffic")
    first = assigner(client(aws), table).assign(wide, user, "checkout", None)
    answer = assigner(client(aws), table).assign(narrow, user, "checkout", None)
    assert (variant(answer), answer.reason, answer.source) == (variant(first), "enabled", "stored")


def test_asg_12_who_never_was_in_stays_out_for_one_read_per_snapshot() -> None:
    played = PlayedClient()
    one = assigner(played)
    narrow = evaluator(experiment(traffic_allocation=0.1))
    (user,) = users(narrow, "checkout", "not_in_traffic")
    answers = [one.assign(narrow, user, "checkout", None) for _ in range(3)]
    assert {(answer.assignment, answer.reason) for answer in answers} == {(None, "not_in_traffic")}
    assert played.calls == ["GetItem"]
    narrower = evaluator(experiment(traffic_allocation=0.05))
    one.assign(narrower, user, "checkout", None)
    assert played.calls == ["GetItem"] * 2, "another configuration, another question"


def test_asg_12_the_reads_of_those_outside_can_be_turned_off() -> None:
    played = PlayedClient()
    narrow = evaluator(experiment(traffic_allocation=0.1))
    (user,) = users(narrow, "checkout", "not_in_traffic")
    answer = assigner(played, sticky_traffic=False).assign(narrow, user, "checkout", None)
    assert (answer.reason, played.calls) == ("not_in_traffic", [])


def test_asg_12_who_no_longer_meets_the_targeting_is_out(aws: Aws, table: str) -> None:
    """ASG-01 has targeting before the store. The item stays: whoever meets it again gets the old variant."""
    rules = [{"attribute": "country", "operator": "equals", "value": "US"}]
    flags, one = evaluator(experiment(targeting_rules=rules)), assigner(client(aws), table)
    first = one.assign(flags, "user-1", "checkout", {"country": "US"})
    assert one.assign(flags, "user-1", "checkout", {"country": "DE"}).reason == "targeting_rules_not_met"
    assert variant(one.assign(flags, "user-1", "checkout", {"country": "US"})) == variant(first)


def test_a_variant_that_is_gone_is_still_the_stored_one(aws: Aws, table: str) -> None:
    """Its payload isn't known any more."""
    old = [{"key": "old", "allocation": 1.0, "payload": {"v": 1}}, {"key": "spare", "allocation": 0.0}]
    new = [{"key": "a", "allocation": 0.5, "payload": {"v": 2}}, {"key": "b", "allocation": 0.5}]
    first = assigner(client(aws), table).assign(evaluator(experiment(variants=old)), "user-1", "checkout", None)
    assert (variant(first), first.payload) == ("old", {"v": 1})
    answer = assigner(client(aws), table).assign(evaluator(experiment(variants=new)), "user-1", "checkout", None)
    assert (variant(answer), answer.payload) == ("old", None)


def test_a_stored_variant_that_would_not_be_chosen_now_has_its_payload_of_now(aws: Aws, table: str) -> None:
    old = [{"key": "a", "allocation": 1.0, "payload": {"v": 1}}, {"key": "b", "allocation": 0.0, "payload": {"v": 2}}]
    new = [{"key": "a", "allocation": 0.0, "payload": {"v": 3}}, {"key": "b", "allocation": 1.0, "payload": {"v": 4}}]
    first = assigner(client(aws), table).assign(evaluator(experiment(variants=old)), "user-1", "checkout", None)
    assert (variant(first), first.payload) == ("a", {"v": 1})
    answer = assigner(client(aws), table).assign(evaluator(experiment(variants=new)), "user-1", "checkout", None)
    assert (variant(answer), answer.payload) == ("a", {"v": 3})


def test_a_variant_without_a_payload_has_none() -> None:
    assert assigner(PlayedClient()).assign(evaluator(experiment()), "user-1", "checkout", None).payload is None


# --- the warm process ----------------------------------------------------------------------------------------------------


def test_asg_21_three_requests_make_one_call() -> None:
    played = PlayedClient()
    one, flags = assigner(played), evaluator(experiment())
    answers = [one.assign(flags, "user-1", "checkout", None) for _ in range(3)]
    assert [answer.source for answer in answers] == ["new", "cache", "cache"]
    assert len({answer.assignment.assignment_id for answer in answers if answer.assignment}) == 1
    assert played.calls == ["PutItem"]


def test_asg_20_hits_and_misses_are_counted() -> None:
    one, flags = assigner(PlayedClient()), evaluator(experiment())
    for _ in range(3):
        one.assign(flags, "user-1", "checkout", None)
    assert (one.sticky.hits, one.sticky.misses) == (2, 1)
    assert counted(one) == {"StickyCacheMiss": 1, "StickyCacheHit": 2}


def test_asg_20_what_is_cached_is_asked_again_after_its_ttl() -> None:
    played, clock = PlayedClient(), Clock()
    one, flags = assigner(played, wall=clock, sticky_ttl_ms=1_000), evaluator(experiment())
    one.assign(flags, "user-1", "checkout", None)
    clock.now += 0.9
    one.assign(flags, "user-1", "checkout", None)
    assert len(played.calls) == 1
    clock.now += 0.2
    one.assign(flags, "user-1", "checkout", None)
    assert len(played.calls) == 2


def test_asg_20_a_cached_assignment_does_not_outlive_its_item() -> None:
    played, clock = PlayedClient(), Clock()
    one, flags = assigner(played, wall=clock, ttl_days=1, sticky_ttl_ms=86_400_000 * 3), evaluator(experiment())
    first = one.assign(flags, "user-1", "checkout", None)
    clock.now += 86_401
    second = one.assign(flags, "user-1", "checkout", None)
    assert len(played.calls) == 2
    assert first.assignment is not second.assignment


def test_asg_20_another_experiment_under_the_same_key_is_another_question() -> None:
    played = PlayedClient()
    one = assigner(played)
    one.assign(evaluator(experiment()), "user-1", "checkout", None)
    one.assign(evaluator(experiment(experiment_id="exp_second_run")), "user-1", "checkout", None)
    assert [payload["Item"]["experiment_id"]["S"] for payload in played.payloads] == ["exp_checkout", "exp_second_run"]


def test_asg_23_a_million_users_do_not_fill_the_memory() -> None:
    one, flags = assigner(PlayedClient(), sticky_entries=50), evaluator(experiment())
    for number in range(500):
        one.assign(flags, f"user-{number}", "checkout", None)
    assert len(one.sticky) == 50


# --- what is stored ------------------------------------------------------------------------------------------------------


def test_asg_11_a_context_of_floats_and_nested_lists_is_stored(aws: Aws, table: str) -> None:
    context = {"score": 1.25, "tiny": 5e-324, "deep": [[1.5, [None, {"x": True}]]], "country": "US", "n": 2**63 - 1}
    assigner(client(aws), table).assign(evaluator(experiment()), "user-1", "checkout", context)
    (item,) = items(aws, table)
    assert to_plain(item["context"]) == context | {"tiny": "5e-324"}


@pytest.mark.parametrize(
    ("allowed", "stored"),
    [
        (None, {"country": "US", "email": "a@b.example"}),
        (frozenset({"country"}), {"country": "US"}),
        (frozenset(), None),
    ],
)
def test_asg_07_only_what_is_listed_of_a_context_is_stored(allowed: Any, stored: Any) -> None:
    """And never the user twice."""
    played = PlayedClient()
    context = {"country": "US", "email": "a@b.example", "targetingKey": "user-1", "user_id": "user-1"}
    assigner(played, stored_context=allowed).assign(evaluator(experiment()), "user-1", "checkout", context)
    item = played.payloads[0]["Item"]
    assert item.get("context") == (None if stored is None else {"M": to_item(stored)})


def test_asg_08_an_item_lives_for_ninety_days_or_what_is_said() -> None:
    said: dict[str, Any] = {"ttl_days": 7}
    for settings, days in (({}, 90), (said, 7)):
        played, clock = PlayedClient(), Clock()
        assigner(played, wall=clock, **settings).assign(evaluator(experiment()), "user-1", "checkout", None)
        assert played.payloads[0]["Item"]["ttl"] == {"N": str(int(clock.now) + days * 86_400)}


def test_asg_08_never_less_than_the_experiment_and_its_analysis_need() -> None:
    played, clock = PlayedClient(), Clock()
    end = datetime.fromtimestamp(clock.now, UTC).replace(microsecond=0).timestamp() + 200 * 86_400
    text = datetime.fromtimestamp(end, UTC).isoformat()
    for ends_at, days, least in ((text, 30, end + 30 * 86_400), (int(end), 0, end), (text, 0, end)):
        metadata = {"ends_at": ends_at, "analysis_days": days}
        assigner(played, wall=clock).assign(evaluator(experiment(metadata=metadata)), "user-1", "checkout", None)
        assert played.payloads[-1]["Item"]["ttl"] == {"N": str(int(least))}


def test_asg_08_an_end_that_is_soon_or_none_shortens_nothing() -> None:
    played, clock = PlayedClient(), Clock()
    for ends_at in ("2020-01-01", "soon", "", 12, -5, 1e300):
        one = assigner(played, wall=clock)
        one.assign(evaluator(experiment(metadata={"ends_at": ends_at})), "user-1", "checkout", None)
        assert played.payloads[-1]["Item"]["ttl"] == {"N": str(int(clock.now) + 90 * 86_400)}


@given(st.none() | st.text() | st.integers() | st.floats() | st.booleans(), st.none() | st.text() | st.integers() | st.floats())
def test_asg_08_whatever_an_end_is_it_is_a_number(ends_at: Any, days: Any) -> None:
    assert math.isfinite(end_of(ends_at, days))


def test_asg_07_the_timestamp_is_iso_8601_in_utc() -> None:
    played = PlayedClient()
    assigner(played).assign(evaluator(experiment()), "user-1", "checkout", None)
    moment = datetime.fromisoformat(played.payloads[0]["Item"]["timestamp"]["S"])
    assert moment.utcoffset() is not None
    assert abs(moment.timestamp() - time.time()) < 60


# --- the store is down -----------------------------------------------------------------------------------------------------


KINDS = ["timeout", "throttled", "denied", "missing", "server", "refused", "dns", "tls", "credentials", "protocol", "invalid"]


@pytest.mark.parametrize("kind", KINDS)
def test_asg_13_the_deterministic_variant_is_answered(kind: str) -> None:
    queue = PlayedClient()
    one, flags = assigner(PlayedClient(down(kind)), queue=queue), evaluator(experiment())
    answer = one.assign(flags, "user-1", "checkout", None)
    computed = flags.evaluate("checkout", {"targetingKey": "user-1"}).variant
    assert (variant(answer), answer.persisted, answer.trouble, answer.queued) == (computed, False, kind, True)
    assert counted(one)["PersistFailed"] == 1
    assert queue.calls == ["SendMessage"]


def test_asg_15_the_message_is_the_item_that_could_not_be_stored() -> None:
    store, queue = PlayedClient(down("throttled")), PlayedClient()
    assigner(store, queue=queue, queue_url="http://q").assign(evaluator(experiment()), "ü\u20ac", "checkout", {"a": 1.5})
    (sent,) = queue.payloads
    body = json.loads(sent["MessageBody"])
    assert sent["QueueUrl"] == "http://q"
    assert sent["MessageBody"].isascii()
    assert (body["version"], body["reason"]) == (1, "throttled")
    assert to_item(body["assignment"]) == store.payloads[0]["Item"]


def test_asg_13_an_answer_that_is_not_stored_is_not_cached() -> None:
    """The next request tries again, and the user stays where the store says."""
    store = PlayedClient(down())
    one, flags = assigner(store, failures=100), evaluator(experiment())
    assert not one.assign(flags, "user-1", "checkout", None).persisted
    store.answer = {}
    answer = one.assign(flags, "user-1", "checkout", None)
    assert (answer.persisted, answer.source) == (True, "new")


def test_asg_15_one_user_in_an_outage_is_one_message() -> None:
    queue = PlayedClient()
    one, flags = assigner(PlayedClient(down()), queue=queue), evaluator(experiment())
    answers = [one.assign(flags, "user-1", "checkout", None) for _ in range(5)]
    assert all(answer.queued and not answer.persisted for answer in answers)
    assert len(queue.calls) == 1


def test_asg_13_without_an_outbox_it_is_counted_and_said() -> None:
    one = assigner(PlayedClient(down()))
    answer = one.assign(evaluator(experiment()), "user-1", "checkout", None)
    assert (answer.persisted, answer.queued) == (False, False)
    assert counted(one)["AssignmentUnqueued"] == 1


def test_asg_13_an_outbox_that_is_down_as_well_is_counted_and_not_waited_for_for_ever() -> None:
    queue = PlayedClient(down())
    one, flags = assigner(PlayedClient(down()), queue=queue, failures=3), evaluator(experiment())
    for number in range(10):
        assert not one.assign(flags, f"user-{number}", "checkout", None).queued
    assert counted(one)["AssignmentUnqueued"] == 10
    assert len(queue.calls) == 3, "the outbox has a breaker of its own"


def test_asg_14_the_breaker_opens_and_spares_the_store() -> None:
    store, clock = PlayedClient(down()), Clock()
    one, flags = assigner(store, wall=clock, failures=3, cool_down_ms=5_000), evaluator(experiment())
    answers = [one.assign(flags, f"user-{number}", "checkout", None) for number in range(10)]
    assert len(store.calls) == 3
    assert [answer.trouble for answer in answers] == ["timeout"] * 3 + ["open"] * 7
    assert counted(one)["BreakerOpen"] == 8, "the request that opened it, and those that met it open"
    store.answer = {}
    clock.now += 5.1
    assert one.assign(flags, "user-1", "checkout", None).persisted
    assert one.store.breaker.state == "closed"


def test_asg_13_what_was_known_once_is_better_than_the_weights_of_now() -> None:
    """A stored assignment whose time in the cache is over, and a store that doesn't answer."""
    store, clock = PlayedClient(), Clock()
    one = assigner(store, wall=clock)
    first = one.assign(evaluator(experiment(variants=weights(1.0))), "user-1", "checkout", None)
    store.answer = down()
    clock.now += 3_600
    answer = one.assign(evaluator(experiment(variants=weights(0.0))), "user-1", "checkout", None)
    assert (variant(first), variant(answer), answer.persisted, answer.source) == ("control", "control", True, "cache")


def test_asg_13_a_read_that_fails_leaves_the_user_outside() -> None:
    store = PlayedClient(down())
    narrow = evaluator(experiment(traffic_allocation=0.1))
    (user,) = users(narrow, "checkout", "not_in_traffic")
    one = assigner(store)
    answer = one.assign(narrow, user, "checkout", None)
    assert (answer.assignment, answer.reason, answer.trouble) == (None, "not_in_traffic", "timeout")
    store.answer = {}
    one.assign(narrow, user, "checkout", None)
    assert store.calls == ["GetItem"] * 2, "a failure isn't kept as 'nothing stored'"


def test_asg_40_the_store_and_the_outbox_share_one_budget() -> None:
    """The budget as behaviour: deadlines that are handed to the clients."""
    store, queue = PlayedClient(), PlayedClient()
    one = assigner(store, queue=queue, budget_ms=40, first_budget_ms=500, clock=lambda: 1_000.0)
    flags = evaluator(experiment())
    one.assign(flags, "user-0", "checkout", None)
    assert store.deadlines == pytest.approx([1_000.375]), "the first call may take longer: it connects"
    store.answer = down()
    one.assign(flags, "user-1", "checkout", None)
    assert (store.deadlines[-1], queue.deadlines[-1]) == pytest.approx((1_000.030, 1_000.040), rel=1e-9)


def test_asg_40_a_store_that_hangs_costs_its_budget_and_no_more() -> None:
    """A service that takes connections and says nothing; the queue behind the same one."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store, queue = (JsonClient(service, REGION, endpoint, Given()) for service in ("dynamodb", "sqs"))
        one = assigner(store, queue=queue, budget_ms=40, first_budget_ms=40)
        begun = time.monotonic()
        answer = one.assign(evaluator(experiment()), "user-1", "checkout", None)
        assert time.monotonic() - begun < 20, "40 ms, and slack for a busy machine; the service never answers"
    assert (answer.persisted, answer.queued, answer.trouble) == (False, False, "timeout")
    assert counted(one) == {"StickyCacheMiss": 1, "PersistFailed": 1, "AssignmentUnqueued": 1}


def test_asg_40_a_store_that_never_answers_gets_the_long_budget_twice() -> None:
    store = PlayedClient(down())
    one = assigner(store, budget_ms=40, first_budget_ms=5_000, failures=100, clock=lambda: 1_000.0)
    for number in range(4):
        one.assign(evaluator(experiment()), f"user-{number}", "checkout", None)
    assert store.deadlines == pytest.approx([1_005.0, 1_005.0, 1_000.04, 1_000.04], rel=1e-9)


# --- exposure ---------------------------------------------------------------------------------------------------------------


def test_asg_17_who_is_new_is_exposed_once(aws: Aws, table: str) -> None:
    heard: list[tuple[Assignment, bool]] = []
    flags = evaluator(experiment())
    for _ in range(3):
        assigner(client(aws), table, expose=lambda *what: heard.append(what)).assign(flags, "user-1", "checkout", None)
    ((assignment, persisted),) = heard
    assert (assignment.user_id, assignment.experiment_id, persisted) == ("user-1", "exp_checkout", True)


def test_asg_17_who_could_not_be_stored_is_exposed_all_the_same() -> None:
    heard: list[tuple[Assignment, bool]] = []
    one = assigner(PlayedClient(down()), expose=lambda *what: heard.append(what))
    one.assign(evaluator(experiment()), "user-1", "checkout", None)
    assert [persisted for _, persisted in heard] == [False]


# --- anything at all ---------------------------------------------------------------------------------------------------------


_FLAGS = {
    (control, status): evaluator(experiment(variants=weights(control), status=status))
    for control in (0.0, 0.5, 1.0)
    for status in ("active", "paused")
}


@given(st.lists(st.sampled_from(["ask", "down", "up", "reweigh", "pause", "wait", "forget"]), max_size=30))
def test_asg_12_in_any_order_of_events_a_stored_variant_never_moves(steps: list[str]) -> None:
    """Against a table of one row: while the experiment is active, whoever was told ``persisted`` hears the same for ever."""
    rows: dict[str, Any] = {}

    def answer(target: str, payload: Any) -> dict[str, Any]:
        if is_down:
            raise down()
        if rows:
            raise AwsError("conditional", "ConditionalCheckFailedException", "", {"Item": rows["it"]})
        rows["it"] = payload["Item"]
        return {}

    is_down, control, status, promised = False, 0.5, "active", None
    clock = Clock()
    store = PlayedClient(answer)
    one = assigner(store, wall=clock)
    for step in steps:
        if step in ("down", "up"):
            is_down = step == "down"
        elif step == "reweigh":
            control = {0.5: 0.0, 0.0: 1.0, 1.0: 0.5}[control]
        elif step == "pause":
            status = "paused" if status == "active" else "active"
        elif step == "wait":
            clock.now += 61
        elif step == "forget":
            one = assigner(store, wall=clock)
        else:
            found = one.assign(_FLAGS[control, status], "user-1", "checkout", None)
            assert (found.assignment is None) == (status == "paused")
            if found.assignment is not None and found.persisted:
                promised = promised or found.assignment.variant
                assert found.assignment.variant == promised == rows["it"]["variant"]["S"]
