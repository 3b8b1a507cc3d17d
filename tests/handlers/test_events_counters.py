"""Counters: what is added up, where, and how often (requirements AGG-01 to AGG-14), through the handler."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers import _counters, _sketches, events
from handlers._counters import Counters, added
from handlers.events.aggregate import MAX_NAMES, Counts, Sums, chosen, group_of, texts_of
from handlers.events.model import Entry, Event
from tests.handlers.processing import DAY, EXPERIMENT, HOUR, NOW, SHARD, World, event, failed, failing, refused, world

__all__ = ["world"]


def items(world: World) -> list[dict[str, Any]]:
    """All counters in the table."""
    found = world.aws.client("dynamodb").scan(TableName=world.table)["Items"]
    return [_counters.plain(item) for item in found if "event_count" in item]


def test_agg_01_the_tables_keys(world: World) -> None:
    table = world.aws.client("dynamodb").describe_table(TableName=world.table)["Table"]
    assert table["KeySchema"] == _counters.DEFINITION["KeySchema"]
    assert {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]} == {
        "partition_key": "S",
        "sort_key": "S",
    }


@pytest.mark.parametrize(
    ("experiment", "part"),
    [("exp_2041", "exp_2041"), ("2041", "exp_2041"), ("a#b", "exp_a%23b"), ("50%", "exp_50%25"), ("exp_exp_1", "exp_exp_1")],
)
def test_agg_02_keys_name_experiment_variant_and_window(world: World, experiment: str, part: str) -> None:
    """Flaw F37: no ``exp_exp_``; ``#`` separates, so an id's own is escaped (VAL-08)."""
    world.assign("user-1", "lar#ge", experiment=experiment)
    world.run(world.records([event(1, experiment_id=experiment)]))
    found = {(item["partition_key"].rpartition("#")[0], item["sort_key"]) for item in items(world)}
    windows = (f"hour#{HOUR}", f"day#{DAY}", "phase#0")
    lane = f"{world.stream}/{SHARD}"
    assert found == {(f"{part}#variant#lar%23ge#{window}", f"event_type#purchase#{lane}") for window in windows}
    assert world.window("lar#ge", experiment=experiment)["purchase"].events == 1


@pytest.mark.parametrize("timestamp", ["2026-11-28T00:30:00+02:00", "2026-11-27T22:30:00Z", "2026-11-27T14:30:00-08:00"])
def test_agg_02_windows_are_in_utc(world: World, timestamp: str) -> None:
    world.assign("user-1", "large", at=NOW - 86_400)
    world.run(world.records([event(1, at=None, timestamp=timestamp)]))
    assert world.count("large", "hour", "2026-11-27-22") == 1
    assert world.count("large", "day", "2026-11-27") == 1


def test_agg_03_hours_and_days_are_both_counted(world: World) -> None:
    world.assign("user-1", "large", at=NOW - 90_000)
    world.run(world.records([event(1), event(2, at=NOW - 3_600), event(3, at=NOW - 86_400)]))
    hours = [HOUR, "2026-11-28-04", "2026-11-27-05"]
    assert [world.count("large", "hour", hour) for hour in hours] == [1, 1, 1]
    assert [world.count("large", "day", day) for day in (DAY, "2026-11-27")] == [2, 1]


def test_agg_03_another_window_is_an_error(world: World) -> None:
    with pytest.raises(ValueError, match="'week' is no window"):
        world.counters.window(EXPERIMENT, "large", "week", "2026-48")  # type: ignore[arg-type]


def test_agg_04_counts_are_added_by_the_service(world: World) -> None:
    """Another lane's events, and another container's, are in the same window."""
    world.assign("user-1", "large")
    world.run(world.records([event(1)]))
    events.reset()
    world.run(world.records([event(2)], first=2_000))
    other = "shardId-000000000007"
    world.run([world.record(5, event(3), shard=other)])
    assert world.count("large") == 3
    assert sorted(int(item["event_count"]) for item in items(world) if "#hour#" in item["partition_key"]) == [1, 2]


def test_agg_05_users_are_counted_once_in_each_variant_and_window(world: World) -> None:
    for user, variant in (("one", "large"), ("two", "large"), ("three", "control")):
        world.assign(user, variant)
    world.run(world.records([event(number, user) for number, user in enumerate(["one", "two", "one", "three"])]))
    large = world.window("large")["purchase"]
    assert (large.events, round(large.users)) == (3, 2)
    assert round(world.window("control")["purchase"].users) == 1


def test_agg_05_users_of_several_lanes_are_merged(world: World) -> None:
    for user in ("one", "two"):
        world.assign(user, "large")
    world.run(world.records([event(1, "one"), event(2, "two")]))
    world.run([world.record(5, event(3, "one"), shard="shardId-000000000009")])
    found = world.window("large")["purchase"]
    assert (found.events, round(found.users)) == (3, 2)


def test_agg_06_a_million_users_are_counted_within_two_percent() -> None:
    """In eight lanes with overlaps; and no item comes near DynamoDB's 400 kB (flaw F32)."""
    lanes = []
    for lane in range(8):
        sketch = _sketches.new()
        for user in range(lane * 125_000, lane * 125_000 + 150_000):
            sketch.update(f"user-{user}")
        lanes.append({"event_count": 150_000, "users": _sketches.write(sketch)})
        assert len(lanes[-1]["users"]) < 9_000
    found = added(lanes)
    assert abs(found.users / 1_025_000 - 1) < 0.02
    assert found.users_low <= 1_025_000 <= found.users_high


def test_agg_07_events_of_no_variant_are_skipped_and_told(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    answer = world.run(world.records([event(1), event(2, experiment_id=None)]))
    assert failed(answer) == [] and answer["success_count"] == 2
    assert items(world) == [] and world.archived() == ["event-1", "event-2"]
    assert '"EventsCounted":[0.0]' in capfd.readouterr().out.replace(" ", "")


@pytest.mark.parametrize(
    "error",
    [
        refused("ProvisionedThroughputExceededException", "TransactWriteItems"),
        refused("ThrottlingException", "TransactWriteItems"),
        refused("TransactionCanceledException", "TransactWriteItems", CancellationReasons=[{"Code": "TransactionConflict"}]),
        refused(
            "TransactionCanceledException",
            "TransactWriteItems",
            CancellationReasons=[{"Code": "None"}, {"Code": "ThrottlingError"}],
        ),
    ],
    ids=["throughput", "throttling", "conflict", "throttled part"],
)
def test_agg_08_what_was_not_done_is_tried_three_times(world: World, error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    world.assign("user-1", "large")
    world.run([world.record(1, b"{")])
    monkeypatch.setattr(events.processor().committer, "_sleep", pauses.append)
    world.faults.append(failing("TransactWriteItems", error, 2))
    assert failed(world.run(world.records([event(1)]))) == []
    assert world.count("large") == 1
    assert len(pauses) == 2 and 0 < pauses[0] <= 0.05 and pauses[0] < 2 * pauses[1]
    world.faults.append(failing("TransactWriteItems", error, 3))
    assert failed(world.run(world.records([event(2)], first=2_000))) == ["2000"]


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_agg_08_what_no_repetition_helps_is_not_repeated(world: World, code: str) -> None:
    world.faults.append(failing("TransactWriteItems", refused(code, "TransactWriteItems"), 9))
    answer = world.run(world.records([event(1)]))
    assert failed(answer) == ["1000"] and answer["metrics"]["aggregation_errors"] == 1
    assert world.calls.count("TransactWriteItems") == 1


def test_agg_09_the_answer_adds_up(world: World) -> None:
    answer = world.run(world.records([event(1), event(2), b"{"]))
    assert (answer["success_count"], answer["failure_count"], answer["metrics"]["total_processed"]) == (3, 0, 3)


def test_agg_10_a_batch_that_comes_again_changes_nothing(world: World) -> None:
    """Flaw F31. The model in tests/model looks at everything else that Lambda can do."""
    world.assign("user-1", "large")
    records = world.records([event(number, properties={"revenue": number / 8}) for number in range(9)])
    world.run(records)
    before = world.archive(), sorted(map(str, items(world)))
    for part in (records, records[:4], records[5:], records[2:7], [records[8]], records):
        events.reset()
        assert failed(world.run(part)) == []
    assert (world.archive(), sorted(map(str, items(world)))) == before


def test_agg_11_five_hundred_events_over_four_counters_are_one_transaction(world: World) -> None:
    """Warm: the lane, the assignments, one object, one transaction of 4 × 3 counters, the lane and the ids."""
    for number in range(100):
        world.assign(f"user-{number}", "control" if number % 2 else "large")
    kinds = ("exposure", "purchase")

    def batch(first: int) -> list[dict[str, Any]]:
        return world.records(
            [
                event(first + number, f"user-{number % 100}", event_type=kinds[number // 2 % 2], properties={"revenue": 1.5})
                for number in range(500)
            ],
            first,
        )

    sizes: list[int] = []

    def measure(name: str, request: Any) -> None:
        if name == "TransactWriteItems":
            sizes.append(len(json.loads(request["body"])["TransactItems"]))

    world.faults.append(measure)
    world.run(batch(1_000))
    events.processor().assignments._known.clear()
    world.calls.clear()
    sizes.clear()
    world.run(batch(2_000))
    assert sorted(world.calls) == ["BatchGetItem", "PutObject", "TransactWriteItems", "UpdateItem"]
    assert sizes == [14]
    assert len([item for item in items(world) if "#hour#" in item["partition_key"]]) == 4


def test_agg_11_a_counters_lanes_are_spread_over_partitions() -> None:
    """Each partition takes 1,000 writes a second; eight of them more than a counter will ever get."""
    lanes = [f"events/shardId-{number:012}" for number in range(64)]
    used = {_counters.write_shard(lane) for lane in lanes}
    assert used == set(range(_counters.WRITE_SHARDS))


def test_agg_12_numbers_are_added_up_exactly(world: World) -> None:
    world.assign("user-1", "large")
    values = [0.1, 0.2, 12.5, -3, 1e9, 2.000001]
    world.run(world.records([event(number, properties={"revenue": value, "ok": True}) for number, value in enumerate(values)]))
    (name, found), *rest = world.window("large")["purchase"].metrics.items()
    assert name == "revenue" and not rest
    numbers = [Decimal(str(value)) for value in values]
    assert found == (6, sum(numbers), sum(number * number for number in numbers))


def test_agg_12_numbers_that_cannot_be_added_up_are_told(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.assign("user-1", "large")
    world.run(world.records([event(1, properties={"huge": 1e10, "a b": 1, "fine": 1})]))
    assert list(world.window("large")["purchase"].metrics) == ["fine"]
    assert '"NumbersLeftOut":[2.0]' in capfd.readouterr().out.replace(" ", "")


def test_agg_12_a_counter_takes_twenty_numeric_properties(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Names are the producers'; an item must not grow without bound."""
    world.assign("user-1", "large")
    many = {f"n{number:02}": number for number in range(MAX_NAMES + 5)}
    world.run(world.records([event(1, properties=many)]))
    events.reset()
    world.run(world.records([event(2, properties={"n00": 1, "another": 1})], first=2_000))
    left_out = [json.loads(line)["NumbersLeftOut"] for line in capfd.readouterr().out.splitlines() if "_aws" in line]
    assert left_out == [[5 * 3], [1 * 3]], "of an hour's, a day's and a phase's counter"
    found = world.window("large")["purchase"].metrics
    assert len(found) == MAX_NAMES and "another" not in found
    assert found["n00"].n == 2
    assert chosen(["b", "a"], {"b"}) == ["a", "b"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(10**15), 10**15), max_size=20))
def test_agg_12_sums_are_told_in_digits(values: list[int]) -> None:
    sums = Sums()
    for value in values:
        sums.n, sums.total, sums.squares = sums.n + 1, sums.total + value, sums.squares + value * value
    n, total, squares = map(Decimal, texts_of(sums))
    assert n == len(values)
    assert total * 10**6 == sum(values) and "E" not in texts_of(sums)[1]
    assert squares.scaleb(12, _counters._EXACT) == sum(value * value for value in values)


def test_agg_13_late_events_go_into_their_own_window(world: World) -> None:
    world.assign("user-1", "large", at=NOW - 400_000)
    world.run(world.records([event(1)]))
    world.run(world.records([event(2, at=NOW - 300_000)], first=2_000))
    assert world.count("large", "hour", _counters.hour_of(int((NOW - 300_000) * 1_000))) == 1
    assert world.count("large") == 1 and world.count("large", "phase", "0") == 2


def test_agg_14_counters_end(world: World) -> None:
    world.setenv({"BURGEE_HOURLY_DAYS": "2", "BURGEE_DAILY_DAYS": "3"})
    world.assign("user-1", "large")
    world.run(world.records([event(1)]))
    hour = int(NOW) // 3_600 * 3_600 + 3_600
    day = int(NOW) // 86_400 * 86_400 + 86_400
    ends = {item["partition_key"].split("#")[3]: int(item["ttl"]) for item in items(world)}
    assert ends == {"hour": hour + 2 * 86_400, "day": day + 3 * 86_400, "phase": day + 3 * 86_400}
    world.setenv({"BURGEE_HOURLY_DAYS": "", "BURGEE_DAILY_DAYS": ""})
    keeping = events.processor().keeping
    assert keeping == (90 * 86_400, 400 * 86_400)


def test_agg_14_a_late_event_does_not_end_the_counters_of_its_phase(world: World) -> None:
    """By its own time they would have ended three days ago, with all that is in them."""
    world.setenv({"BURGEE_DAILY_DAYS": "3"})
    world.assign("user-1", "large", at=NOW - 9e6)
    world.run(world.records([event(1)]))
    world.run(world.records([event(2, at=NOW - 6.5 * 86_400)], first=2_000))
    (phase,) = [item for item in items(world) if "#phase#" in item["partition_key"]]
    assert int(phase["event_count"]) == 2
    assert int(phase["ttl"]) == int(NOW) // 86_400 * 86_400 + 4 * 86_400


def test_val_08_names_that_no_key_can_hold_are_dead_letters(world: World) -> None:
    long = "\N{MUSICAL SYMBOL G CLEF}" * 256  # of four bytes: two such names are more than a key of 2,048 holds
    world.assign("user-1", long, experiment=long)
    world.assign("user-1", "large")
    answer = world.run(world.records([event(1), event(2, experiment_id=long), event(3)]))
    assert failed(answer) == [] and answer["metrics"]["aggregation_errors"] == 1
    (letter,) = world.letters()
    assert (letter["sequenceNumber"], letter["stage"]) == ("1001", "aggregate")
    assert world.archived() == ["event-1", "event-3"] and world.count("large") == 2


def test_counters_are_read_page_by_page(world: World) -> None:
    """A query of more than a megabyte comes in pages."""
    client = world.aws.client("dynamodb")
    for number in range(5):
        item = {"partition_key": {"S": "p"}, "sort_key": {"S": f"s{number}"}, "n": {"N": str(number)}}
        client.put_item(TableName=world.table, Item=item)

    class Paged:
        def query(self, **asked: Any) -> Any:
            return client.query(**asked, Limit=2)

    found = list(Counters(Paged(), world.table).query("p"))  # type: ignore[arg-type]
    assert [int(item["n"]) for item in found] == [0, 1, 2, 3, 4]


def test_counts_keep_events_apart() -> None:
    counts = Counts()
    for number, (variant, hour) in enumerate([("a", 0), ("a", 1), ("b", 0), ("a", 0)]):
        entry = Entry(number, str(number), "s", 0, b"", Event(str(number), "t", f"u{number}", "x"), hour * 3_600_000)
        entry.variant = variant
        entry.group = group_of(entry)
        counts.add(entry)
    assert {group[1:4]: increment.events for group, increment in counts.groups.items()} == {
        ("a", "t", 0): 2,
        ("a", "t", 1): 1,
        ("b", "t", 0): 1,
    }
