"""The platform's DynamoDB tables into one mapping for ``compile_project``: every item of every table, read consistently.

An item costs at most itself: what can't be read becomes a value that the compiler diagnoses at its place. A table that can't
be read costs the whole reading: SourceError, never a project without its flags. For ``handlers.sync`` and ``burgee``.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config_sync.sources.inline import Unreadable
from evaluator.errors import BurgeeError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

SETTINGS = {
    "flags": "FLAGS_TABLE",
    "experiments": "EXPERIMENTS_TABLE",
    "segments": "SEGMENTS_TABLE",
    "layers": "LAYERS_TABLE",
}
"""The environment variable that names each table."""

KEY = "key"
"""The partition key of each table, a string (requirement INF-02). There is no sort key."""

CONNECT_SECONDS = 2
READ_SECONDS = 10  # a page has at most 1 MB
ATTEMPTS = 5  # of one request, with botocore's exponential backoff and jitter in between: 7.5 s of waiting at most

_BOOKKEEPING = frozenset({"created_at", "updated_at", "version", "name", "owner", "tags"})
"""Columns that any table may have. Flags and experiments know them; the other items have no fields of these names."""


class SourceError(BurgeeError):
    """The tables couldn't be read. Nothing is known about the project then; what was published stays."""


class Tables(NamedTuple):
    """The tables' names. The key of each is ``KEY``."""

    flags: str = "feature-flags"
    experiments: str = "experiments"
    segments: str = "segments"
    layers: str = "layers"


def client(region: str | None = None, endpoint: str | None = None) -> "DynamoDBClient":
    """A DynamoDB client whose waiting is bounded; what is left out comes from the environment.

    Throttled and failed requests are repeated by botocore (``ATTEMPTS`` in all), the caller sees the last error.
    """
    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries=retries, tcp_keepalive=True)
    made: DynamoDBClient = boto3.client("dynamodb", region_name=region, endpoint_url=endpoint, config=config)
    return made


def tables_of_environment() -> Tables:
    """The names that the environment gives, else the defaults. An empty variable counts as unset."""
    named = {section: os.environ.get(variable) for section, variable in SETTINGS.items()}
    return Tables(**{section: name for section, name in named.items() if name})


def read_tables(client: "DynamoDBClient", tables: Tables) -> dict[str, list[Item]]:
    """section (flags, experiments, segments, layers, holdouts) -> its items in the order of their keys.

    The order of reading is that of dependence: whoever writes a segment before the flag that names it is never read with the
    flag alone. Raises SourceError.
    """
    found = {section: _read_table(client, section, name) for section, name in tables._asdict().items()}
    holdouts = [item for item in found["layers"] if _is_holdout(item)]
    layers = [item for item in found["layers"] if not _is_holdout(item)]
    found["segments"] = [_without(item, _BOOKKEEPING) for item in found["segments"]]
    found["layers"] = [_without(item, _BOOKKEEPING | _kind(item, "layer")) for item in layers]
    return found | {"holdouts": [_without(item, _BOOKKEEPING | _kind(item, "holdout")) for item in holdouts]}


def _is_holdout(item: Item) -> bool:
    """Holdouts lie in the layers' table."""
    return item.get("kind") == "holdout" or "percentage" in item


def _kind(item: Item, said: str) -> set[str]:
    """The column that told layers from holdouts; one that says anything else stays, and is diagnosed."""
    return {"kind"} if item.get("kind") in (said, None) else set()


def _without(item: Item, names: frozenset[str] | set[str]) -> Item:
    return {name: value for name, value in item.items() if name not in names}


# --- one table --------------------------------------------------------------------------------------------------------


def _read_table(client: "DynamoDBClient", section: str, table: str) -> list[Item]:
    try:
        items = [_item(raw) for raw in _scan(client, table)]
    except (ClientError, BotoCoreError) as error:
        raise SourceError(_why(error, section, table)) from error
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[bool, str]:
    """Texts by themselves; whatever else lies in ``key`` (the compiler says so) after them."""
    key = item.get(KEY)
    return (False, key) if isinstance(key, str) else (True, repr(key))


def _scan(client: "DynamoDBClient", table: str) -> Iterator[dict[str, Any]]:
    """Every item. Consistent: a change whose stream record started this reading is in it."""
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _why(error: Exception, section: str, table: str) -> str:
    """One sentence: which table, which setting names it, what to do. Nothing of the table's content."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    place = f"the DynamoDB table {table!r} ({SETTINGS[section]}) of the {section}"
    if code == "ResourceNotFoundException":
        return f"there is no such table: {place}; create it, or correct the variable"
    if code in ("AccessDeniedException", "UnrecognizedClientException", "NoCredentialsError"):
        return f"{place} may not be read ({code}): the role needs dynamodb:Scan on it"
    return f"{place} couldn't be read: {code}"


# --- one item ---------------------------------------------------------------------------------------------------------


class _Deserializer(TypeDeserializer):
    """boto3's, with the entries of maps sorted: DynamoDB promises no order, and equal tables must compile to equal bytes."""

    def _deserialize_m(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: self.deserialize(value[name]) for name in sorted(value)}


_DESERIALIZER = _Deserializer()


def _item(raw: dict[str, Any]) -> Item:
    return {name: _value(name, raw[name]) for name in sorted(raw)}


def _value(name: str, raw: Any) -> Any:
    """The attribute's value, or an ``Unreadable`` in its place."""
    try:
        return _DESERIALIZER.deserialize(raw)
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        return Unreadable(f"the attribute {name!r} can't be read as a DynamoDB value ({type(error).__name__})")
