"""The snapshot's msgpack body as the writer sees it; the readers do without msgspec. For ``config_sync`` and tests."""

from typing import Any

import msgspec


class Body(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """The nine elements of docs/snapshot-format.md section 2, in order."""

    meta: dict[str, Any]
    flag_keys: list[str]
    attribute_names: list[str]
    paths: list[list[str | int]]
    variant_names: list[str]
    rule_ids: list[str]
    values: list[Any]
    padding: bytes
    tables: bytes
