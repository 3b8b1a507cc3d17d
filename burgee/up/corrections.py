"""Where moto is slower than what it plays, or does otherwise: put right in the embedded AWS. For ``burgee.up.aws``.

moto copies every table that a transaction touches, all items and the whole stream, to have something to go back to; it keeps
every position of a table's stream that it has ever given; it walks a Kinesis shard from its first record at each read; and a
shard that was split goes on taking records. Each is replaced by as little as possible; what isn't named here is moto's.
"""

import copy
from collections.abc import Iterator
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import moto.dynamodb.models as dynamodb
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodbstreams.models import DynamoDBStreamsBackend
from moto.kinesis.exceptions import InvalidArgumentError
from moto.kinesis.models import KinesisBackend, Record, Shard, Stream
from moto.kinesis.utils import compose_shard_iterator, decompose_shard_iterator

from burgee.up import shortcuts

LAST_HASH = 2**128 - 1
MAX_POSITIONS = 1_000  # of tables' streams, the newest; on AWS they expire after a quarter of an hour
_moto_transact = DynamoDBBackend.transact_write_items


def apply() -> None:
    """Corrects this process's moto; to be called before the first request. A second call changes nothing."""
    # The module copies two things: items (deeply, as before) and, in a transaction alone, tables.
    setattr(dynamodb, "copy", SimpleNamespace(deepcopy=_copied))  # noqa: B010
    replaced: tuple[tuple[type, str, Any], ...] = (
        (DynamoDBBackend, "transact_write_items", _transact_write_items),
        (DynamoDBStreamsBackend, "get_records", _read_table),
        (Shard, "get_records", _get_records),
        (Shard, "get_max_sequence_number", _last_number),
        (Shard, "get_min_sequence_number", _first_number),
        (Stream, "get_shard_for_key", _shard_for_key),
        (Stream, "split_shard", _split_shard),
        (Stream, "merge_shards", _merge_shards),
        (KinesisBackend, "get_records", _read),
    )
    for owner, name, function in replaced:
        setattr(owner, name, function)
    shortcuts.apply()


# --- transactions -----------------------------------------------------------------------------------------------------


def _copied(value: Any) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value)


def _transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """moto's, with a copy of the items that the transaction names instead of one of their tables."""
    before = list(_savepoints(self, transact_items))
    try:
        _moto_transact(self, transact_items)
    except BaseException:
        for savepoint in before:
            savepoint.restore()
        raise


class _Savepoint:
    """One table's items under some keys, and the end of its stream."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._items: list[tuple[Any, Any, Any]] = []
        self._stream_end = 0 if table.stream_shard is None else len(table.stream_shard.items)

    def keep(self, hash_key: Any, range_key: Any) -> None:
        self._items.append((hash_key, range_key, copy.deepcopy(self._table.get_item(hash_key, range_key))))

    def restore(self) -> None:
        items: Any = self._table.items
        for hash_key, range_key, item in reversed(self._items):
            place, key = (items, hash_key) if range_key is None else (items[hash_key], range_key)
            if item is None:
                place.pop(key, None)
            else:
                place[key] = item
            if range_key is not None and not place:
                items.pop(hash_key, None)
        if self._table.stream_shard is not None:
            del self._table.stream_shard.items[self._stream_end :]


def _savepoints(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> Iterator[_Savepoint]:
    """Of every table that is named. What is malformed is left to moto, which refuses it before it writes it."""
    made: dict[str, _Savepoint] = {}
    for item in transact_items:
        for operation in item.values():
            table = backend.tables.get(operation.get("TableName", "").rsplit("/", 1)[-1])
            if table is None:
                continue
            savepoint = made.setdefault(table.name, _Savepoint(table))
            keys = operation.get("Key") or operation.get("Item") or {}
            if all(name in keys for name in (table.hash_key_attr, table.range_key_attr) if name):
                savepoint.keep(*backend.get_keys_value(table, keys))
    yield from made.values()


def _read_table(self: DynamoDBStreamsBackend, iterator_arn: str, limit: int) -> dict[str, Any]:
    """GetRecords of a table's stream, from one of the newest positions."""
    position = self.shard_iterators.get(iterator_arn)
    if position is None:
        raise DynamodbException("com.amazonaws.dynamodb.v20120810#ExpiredIteratorException", "The iterator has expired")
    found = position.get(limit)
    while len(self.shard_iterators) > MAX_POSITIONS:
        del self.shard_iterators[next(iter(self.shard_iterators))]
    return found


# --- Kinesis ----------------------------------------------------------------------------------------------------------


def _get_records(self: Shard, last_sequence_id: str, limit: int | None) -> tuple[list[Record], int, int]:
    """Those after a number. moto gives a shard's records the numbers 1, 2, 3, …, so nothing has to be searched."""
    last = int(last_sequence_id)
    until = self.get_max_sequence_number()
    if limit is not None:
        until = min(until, last + limit)
    found = [self.records[number] for number in range(max(last + 1, 1), until + 1)]
    if not found:
        return [], last, 0
    newest = self.records[self.get_max_sequence_number()]
    return found, found[-1].sequence_number, int((newest.created_at - found[-1].created_at) * 1000)


def _last_number(self: Shard) -> int:
    return next(reversed(self.records), 0)


def _first_number(self: Shard) -> int:
    return next(iter(self.records), 0)


def _read(
    self: KinesisBackend, stream_arn: str | None, shard_iterator: str, limit: int | None
) -> tuple[str | None, list[Record], int]:
    """GetRecords; at the end of a closed shard there is no next iterator."""
    name, shard_id, last = decompose_shard_iterator(shard_iterator)
    shard = self.describe_stream(stream_arn=stream_arn, stream_name=name).get_shard(shard_id)
    records, number, behind_ms = shard.get_records(last, limit)
    if not shard.is_open and number >= shard.get_max_sequence_number():
        return None, records, behind_ms
    return compose_shard_iterator(name, shard, number), records, behind_ms


def _shard_for_key(self: Stream, partition_key: str, explicit_hash_key: str | None) -> Shard | None:
    """The open shard whose range has the key's hash; both ends belong to a range."""
    if not 0 < len(partition_key) <= 256:
        raise InvalidArgumentError("partition_key")
    number = int(explicit_hash_key) if explicit_hash_key else _hash(partition_key)
    if not 0 <= number <= LAST_HASH:
        raise InvalidArgumentError("explicit_hash_key")
    return next((one for one in _open(self) if one.starting_hash <= number <= one.ending_hash), None)


def _hash(partition_key: str) -> int:
    from moto.utilities.utils import md5_hash

    return int(md5_hash(partition_key.encode("utf-8")).hexdigest(), 16)


def _open(stream: Stream) -> Iterator[Shard]:
    return (shard for shard in stream.shards.values() if shard.is_open)


def _split_shard(self: Stream, shard_to_split: str, new_starting_hash_key: str) -> None:
    """Closes the shard, which keeps what it has; what comes goes into two new ones."""
    shard, middle = self.shards[shard_to_split], int(new_starting_hash_key)
    if not shard.is_open or not shard.starting_hash < middle <= shard.ending_hash:
        raise InvalidArgumentError(f"the shard {shard_to_split} is closed, or {middle} isn't inside its range")
    shard.is_open = False
    _add_shard(self, shard.starting_hash, middle - 1, shard)
    _add_shard(self, middle, shard.ending_hash, shard)


def _merge_shards(self: Stream, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
    """Closes both, which keep what they have."""
    first, second = self.shards[shard_to_merge], self.shards[adjacent_shard_to_merge]
    low, high = sorted((first, second), key=attrgetter("starting_hash"))
    if not (first.is_open and second.is_open) or low.ending_hash + 1 != high.starting_hash:
        raise InvalidArgumentError(adjacent_shard_to_merge)
    first.is_open = second.is_open = False
    _add_shard(self, low.starting_hash, high.ending_hash, first, second)


def _add_shard(stream: Stream, first_hash: int, last_hash: int, parent: Shard, adjacent: Shard | None = None) -> None:
    number = 1 + max(int(shard.shard_id.split("-")[1]) for shard in stream.shards.values())
    made = Shard(number, first_hash, last_hash, parent.shard_id, None if adjacent is None else adjacent.shard_id)
    stream.shards[made.shard_id] = made
