"""Counters as the event processor leaves them, written by hand: a table of a test's own on the embedded AWS."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from handlers import _counters as counters
from handlers import _sketches as sketches
from handlers._contract import EXPOSURE
from tests.aws import Aws

LANES = ("events/shardId-000000000000", "events/shardId-000000000001", "events/shardId-000000000007")


class Counted:
    """The table ``name``. An experiment's users are numbers; each belongs to one lane, as its partition key would have it."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.client: Any = aws.client("dynamodb")
        self.name = aws.name("counters")
        self.client.create_table(TableName=self.name, **counters.DEFINITION)

    def phase(self, experiment_id: str, number: int, started_ms: int, allocation: dict[str, float]) -> None:
        """Begins a phase."""
        shares = {name: {"N": repr(share)} for name, share in allocation.items()}
        key = counters.Key(counters.phases_partition(experiment_id), counters.phase_sort(number)).attributes()
        fields = {"started_ms": {"N": str(started_ms)}, "allocation": {"M": shares}, "version": {"N": str(number)}}
        self.client.put_item(TableName=self.name, Item=key | fields)

    def events(
        self,
        experiment_id: str,
        variant: str,
        phase: int,
        event_type: str,
        users: Iterable[int],
        values: dict[str, dict[int, str]] | None = None,
    ) -> None:
        """One event of each of these users (again, if one comes twice). ``values``: property -> user -> its number."""
        by_lane: dict[str, list[int]] = {lane: [] for lane in LANES}
        for user in users:
            by_lane[LANES[user % len(LANES)]].append(user)
        for lane, mine in by_lane.items():
            if mine:
                self._counter(experiment_id, variant, phase, event_type, lane, mine, values or {})

    def _counter(
        self,
        experiment_id: str,
        variant: str,
        phase: int,
        event_type: str,
        lane: str,
        users: list[int],
        values: dict[str, dict[int, str]],
    ) -> None:
        window = counters.window_name(counters.PHASE, phase)
        partition = counters.counter_partition(experiment_id, variant, window, counters.write_shard(lane))
        sketch = sketches.new()
        for user in users:
            sketch.update(f"user-{user}")
        item: dict[str, Any] = {
            **counters.Key(partition, counters.counter_sort(event_type, lane)).attributes(),
            counters.COUNT: {"N": str(len(users))},
            counters.USERS: {"B": sketches.write(sketch)},
        }
        for name, by_user in values.items():
            found = [Decimal(by_user[user]) for user in users if user in by_user]
            sums = (len(found), sum(found), sum(value * value for value in found))
            for prefix, total in zip(counters.PREFIXES, sums, strict=True):
                item[prefix + name] = {"N": str(total)}
        self.client.put_item(TableName=self.name, Item=item)

    def exposed(self, experiment_id: str, phase: int, **numbers: int) -> dict[str, range]:
        """So many users of each variant see it: their numbers, by variant."""
        first, found = 0, {}
        for variant, number in numbers.items():
            found[variant] = range(first, first + number)
            self.events(experiment_id, variant, phase, EXPOSURE, found[variant])
            first += number
        return found

    def items(self, partition: str) -> list[dict[str, Any]]:
        """What lies under a partition key, as plain values."""
        return list(counters.Counters(self.client, self.name).query(partition))
