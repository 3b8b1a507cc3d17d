"""Puts a project's files into the tables, as the items that somebody would have written there. For ``burgee.up``."""

from typing import TYPE_CHECKING, Any

from burgee.trouble import Trouble, UsageError
from config_sync.sources.items import RawItem, to_items
from config_sync.sources.tables import Tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 25  # items in one BatchWriteItem


def read(path: str) -> dict[str, list[RawItem]]:
    """The project's items by table. Raises UsageError when it has none that can be written."""
    try:
        return to_items(path)
    except ValueError as error:
        raise UsageError(f"{path} can't be put into tables: {error}") from error


def write(client: "DynamoDBClient", tables: Tables, items: dict[str, list[RawItem]]) -> int:
    """Writes all items and returns their number. What others depend on is written first: a flag never without its segment."""
    names = tables._asdict()
    for section in ("segments", "layers", "experiments", "flags"):
        found = items.get(section, [])
        for start in range(0, len(found), BATCH):
            _write(client, names[section], found[start : start + BATCH])
    return sum(map(len, items.values()))


def _write(client: "DynamoDBClient", table: str, items: list[RawItem]) -> None:
    left: dict[str, Any] = {table: [{"PutRequest": {"Item": item}} for item in items]}
    for _ in range(10):
        left = client.batch_write_item(RequestItems=left).get("UnprocessedItems") or {}
        if not left:
            return
    raise Trouble(f"{len(left[table])} items could not be written to the table {table}")
