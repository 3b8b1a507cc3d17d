"""One unit of a batch, counted: a transaction of the lane's high water, its counters and its ids. For ``handlers.events``.

All of it happens or nothing does (requirements AGG-10, EVB-07). The lane's item moves from the high water that this container
read to the unit's last record, on the condition that it is still there and still this invocation's; so a unit is counted once,
whoever tries it again. Counters are added to, never read and written; only the sketches of users are, which that condition
makes safe, because a lane has one writer.
"""

from collections.abc import Iterable, Mapping, Sequence
from time import sleep as really_sleep
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handlers import _counters, _sketches
from handlers._counters import DAY_SECONDS, Key, exposed_key, ids_partition, lane_key, marker_key, moments_of, plain
from handlers.events import dynamodb
from handlers.events.aggregate import Increment, chosen, texts_of
from handlers.events.dynamodb import ATTEMPTS, Sleep, pause
from handlers.events.lanes import MAX_COUNTERS, WINDOW_MS, Known, Lane
from handlers.events.model import Entry
from handlers.events.window import ids_by_slot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ITEMS = 100  # of one transaction
EXPOSED_SECONDS = 90 * DAY_SECONDS
"""For how long it is kept what an exposure told: as long as an assignment is."""

_AGAIN = frozenset({
    "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflictException",
    "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "TransactionInProgressException",
})  # fmt: skip
"""What says that nothing was done, and that it may be the next time. Of a transaction's reasons, or of the call."""


class Moved(Exception):
    """The lane isn't where it was, or not ours: another invocation was here."""


class Committer:
    """Writes units."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Sleep = really_sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def commit(
        self,
        lane: Lane,
        high_water: str,
        arrived_ms: int,
        increments: Mapping[Key, Increment],
        entries: Sequence[Entry],
    ) -> int:
        """Counts ``increments`` and moves the lane to ``high_water``, whose record arrived at ``arrived_ms``.

        ``entries``: the unit's new events, whose ids are kept. Returns how many numbers found no room in their counter. Raises
        Moved, ``dynamodb.Transient`` and botocore's errors; after any of them what this container remembers of the lane is
        worth nothing.
        """
        self._load(lane, increments)
        slots = ids_by_slot(entries)
        last_slot = max([lane.last_slot, *slots])
        arrived_ms = max(lane.arrived_ms, arrived_ms)
        items = [self._lane(lane, high_water, arrived_ms, last_slot)]
        left_out = 0
        for key, increment in increments.items():
            taken = chosen(increment.numbers, lane.counters[key].names)
            left_out += sum(sums.n for name, sums in increment.numbers.items() if name not in taken)
            items.append(self._counter(lane, key, increment, taken))
        items += self._ids(lane, slots, entries, arrived_ms)
        items += [self._exposed(entry, arrived_ms) for entry in entries if entry.told]
        self._write(items)
        lane.high_water, lane.arrived_ms, lane.last_slot = int(high_water), arrived_ms, last_slot
        for slot, ids in slots.items():
            known = lane.slots.get(slot)
            if known is not None:  # forgotten meanwhile: it is read when it is asked for
                known |= ids
                lane.remember(slot, known)
        return left_out

    # --- what is there ------------------------------------------------------------------------------------------------

    def _load(self, lane: Lane, keys: Iterable[Key]) -> None:
        """Reads those counters that this container doesn't remember."""
        missing = [key for key in keys if key not in lane.counters]
        if len(lane.counters) + len(missing) > MAX_COUNTERS:
            lane.counters.clear()
            missing = list(keys)
        found: dict[Key, Known] = {}
        if not lane.is_new:
            for item in dynamodb.get_all(self._client, self._table, [key.attributes() for key in missing], self._sleep):
                counter = plain(item)
                key = Key(counter[_counters.PARTITION_KEY], counter[_counters.SORT_KEY])
                found[key] = Known(_sketches.read(counter[_counters.USERS]), set(moments_of(counter)))
        for key in missing:
            lane.counters[key] = found.get(key) or Known(_sketches.new(), set())

    # --- what is to be ------------------------------------------------------------------------------------------------

    def _lane(self, lane: Lane, high_water: str, arrived_ms: int, last_slot: int) -> dict[str, Any]:
        values: dict[str, Any] = {
            ":owner": {"S": lane.owner},
            ":to": {"S": high_water},
            ":arrived": {"N": str(arrived_ms)},
            ":slot": {"N": str(last_slot)},
            ":ancestors": {"M": {name: {"N": str(at)} for name, at in (lane.ancestors or {}).items()}},
        }
        before = "attribute_not_exists(high_water)"
        if not lane.is_new:
            before = "high_water = :from"
            values[":from"] = {"S": str(lane.high_water)}
        return {
            "Update": {
                "TableName": self._table,
                "Key": lane_key(lane.name).attributes(),
                "UpdateExpression": "SET high_water = :to, arrived_ms = :arrived, last_slot = :slot, ancestors = :ancestors",
                "ConditionExpression": f"#owner = :owner AND {before}",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": values,
            }
        }

    def _counter(self, lane: Lane, key: Key, increment: Increment, taken: Sequence[str]) -> dict[str, Any]:
        known = lane.counters[key]
        for user in dict.fromkeys(increment.users):
            known.users.update(user)
        names = {"#count": _counters.COUNT, "#users": _counters.USERS, "#ttl": _counters.TTL}
        values: dict[str, Any] = {
            ":count": {"N": str(increment.events)},
            ":users": {"B": _sketches.write(known.users)},
            ":ttl": {"N": str(increment.ttl)},
        }
        adds = ["#count :count"]
        for place, name in enumerate(taken):
            known.names.add(name)
            for prefix, number in zip(_counters.PREFIXES, texts_of(increment.numbers[name]), strict=True):
                names[f"#{prefix}{place}"] = prefix + name
                values[f":{prefix}{place}"] = {"N": number}
                adds.append(f"#{prefix}{place} :{prefix}{place}")
        return {
            "Update": {
                "TableName": self._table,
                "Key": key.attributes(),
                "UpdateExpression": f"ADD {', '.join(adds)} SET #users = :users, #ttl = :ttl",
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _ids(
        self, lane: Lane, slots: Mapping[int, set[bytes]], entries: Sequence[Entry], arrived_ms: int
    ) -> list[dict[str, Any]]:
        """An item for each slot, and one for each event without a time of its own."""
        ttl = {"N": str((arrived_ms + WINDOW_MS) // 1_000)}
        made: list[dict[str, Any]] = []
        for slot, ids in slots.items():
            item = {
                _counters.PARTITION_KEY: {"S": ids_partition(lane.name, slot)},
                _counters.SORT_KEY: {"S": entries[0].sequence},
                "ids": {"B": b"".join(sorted(ids))},
                _counters.TTL: ttl,
            }
            made.append({"Put": {"TableName": self._table, "Item": item}})
        for entry in entries:
            if not entry.dated:
                item = marker_key(entry.digest).attributes() | {_counters.TTL: ttl}
                condition = "attribute_not_exists(partition_key)"
                made.append({"Put": {"TableName": self._table, "Item": item, "ConditionExpression": condition}})
        return made

    def _exposed(self, entry: Entry, arrived_ms: int) -> dict[str, Any]:
        """What an exposure tells of an assignment that isn't stored."""
        event = entry.event
        assert event is not None and event.experiment_id is not None and entry.variant is not None
        item = exposed_key(event.user_id, event.experiment_id).attributes() | {
            "variant": {"S": entry.variant},
            "at_ms": {"N": str(entry.assigned_ms)},
            _counters.TTL: {"N": str(arrived_ms // 1_000 + EXPOSED_SECONDS)},
        }
        return {"Put": {"TableName": self._table, "Item": item}}

    # --- all of it or nothing -----------------------------------------------------------------------------------------

    def _write(self, items: list[Any]) -> None:
        """The transaction, tried again while the service says that it has done nothing (requirement AGG-08)."""
        for attempt in range(ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=items)
            except ClientError as error:
                reasons = _reasons(error)
                if "ConditionalCheckFailed" in reasons:
                    raise Moved from error
                if not reasons or not reasons <= _AGAIN or attempt + 1 == ATTEMPTS:
                    raise
            else:
                return
            pause(attempt, self._sleep)


def _reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled; or the code of the error, if it was another one."""
    cancelled: Any = error.response.get("CancellationReasons")
    if cancelled:
        return {reason.get("Code", "None") for reason in cancelled} - {"None", None}
    return {error.response["Error"]["Code"]}
