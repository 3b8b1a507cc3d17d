"""What a record of the assignments table means for the mirror: rows to write, keys to erase. For the mirror.

Rows are compared by their sequence numbers alone, so the outcome doesn't depend on the order in which records come, nor on how
often each does.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from handlers._stream import Poison
from handlers._stream_dynamodb import MODIFY, REMOVE, Change, Item

EXPIRED, REPLACED = "expired", "replaced"
YEAR_10000 = 253_402_300_800  # epoch seconds; datetime ends before it
UNSTORABLE = "\N{REPLACEMENT CHARACTER}"


class Row(NamedTuple):
    """One row of ``burgee.assignments``. ``context`` is JSON."""

    user_id: str
    experiment_id: str
    assignment_id: str
    experiment_key: str
    variant: str
    assigned_at: datetime
    expires_at: datetime | None
    context: str | None
    ended_at: datetime | None
    end_reason: str | None
    sequence_number: Decimal


class Erasure(NamedTuple):
    """All of a (user, experiment) up to a sequence number."""

    user_id: str
    experiment_id: str
    sequence_number: Decimal


class Writing(NamedTuple):
    """What one record, or a batch of them, writes."""

    rows: tuple[Row, ...] = ()
    erasures: tuple[Erasure, ...] = ()


def writing_of(change: Change) -> Writing:
    """What a record writes. Raises Poison.

    An item that expired ends its row; one that was deleted erases all rows of its key; one that was overwritten with
    another assignment ends the old row and begins a new one.
    """
    user_id, experiment_id = (_text(change.keys, name) for name in ("user_id", "experiment_id"))
    sequence = Decimal(change.sequence)
    if change.name == REMOVE and not change.expired:
        return Writing(erasures=(Erasure(user_id, experiment_id, sequence),))
    rows = [] if change.new is None else [_row(change, change.new)]
    if change.old is not None and not _is_kept(change):
        rows += _ended(change, change.old)
    return Writing(tuple(rows))


def merge(writings: Iterable[Writing]) -> Writing:
    """All of them as one: of each row and each key only the newest, in the order of their keys."""
    rows: dict[tuple[str, str, str], Row] = {}
    erasures: dict[tuple[str, str], Erasure] = {}
    for writing in writings:
        for row in writing.rows:
            known = rows.setdefault(row[:3], row)
            if known.sequence_number < row.sequence_number:
                rows[row[:3]] = row
        for erasure in writing.erasures:
            before = erasures.setdefault(erasure[:2], erasure)
            if before.sequence_number < erasure.sequence_number:
                erasures[erasure[:2]] = erasure
    # Two transactions that lock rows in one order can't wait for each other.
    return Writing(tuple(rows[key] for key in sorted(rows)), tuple(erasures[key] for key in sorted(erasures)))


def _is_kept(change: Change) -> bool:
    """Whether the item is still the same assignment."""
    old, new = change.old, change.new
    return old is not None and new is not None and old.get("assignment_id") == new.get("assignment_id")


def _ended(change: Change, item: Item) -> list[Row]:
    """The row of the assignment that is over with this change."""
    try:
        row = _row(change, item)
    except Poison:
        if change.name != MODIFY:
            raise
        return []  # somebody has mended the item: what it was before has no row, and what it is now is what counts
    at = datetime.fromtimestamp(change.at, UTC)
    # The store puts a new assignment over one whose time is over, which DynamoDB hadn't got round to removing.
    is_over = change.expired or (row.expires_at is not None and row.expires_at <= at)
    return [row._replace(ended_at=at, end_reason=EXPIRED if is_over else REPLACED)]


def _row(change: Change, item: Item) -> Row:
    for name in ("user_id", "experiment_id"):
        if item.get(name) != change.keys[name]:
            raise Poison("validate", f"{name} of the image isn't that of the key")
    return Row(
        user_id=_text(item, "user_id"),
        experiment_id=_text(item, "experiment_id"),
        assignment_id=_text(item, "assignment_id"),
        experiment_key=_text(item, "experiment_key"),
        variant=_text(item, "variant"),
        assigned_at=_instant(item),
        expires_at=_expiry(item),
        context=_context(item),
        ended_at=None,
        end_reason=None,
        sequence_number=Decimal(change.sequence),
    )


# --- attributes -------------------------------------------------------------------------------------------------------


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise Poison("validate", f"{name} must be a text that isn't empty")
    if _storable(value) != value:
        raise Poison("validate", f"{name} has a character that PostgreSQL can't hold")
    return value


def _instant(item: Item) -> datetime:
    try:
        at = datetime.fromisoformat(_text(item, "timestamp"))
        # No zone means UTC. An offset may lead out of the years there are.
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Poison("validate", "timestamp must be an ISO 8601 instant") from None


def _expiry(item: Item) -> datetime | None:
    ttl = item.get("ttl")
    if ttl is None:
        return None
    if not isinstance(ttl, Decimal) or not ttl.is_finite() or not 0 <= ttl < YEAR_10000 or ttl != int(ttl):
        raise Poison("validate", "ttl must be whole epoch seconds")
    return datetime.fromtimestamp(int(ttl), UTC)


def _context(item: Item) -> str | None:
    context = item.get("context")
    if context is None:
        return None
    if not isinstance(context, dict):
        raise Poison("validate", "context must be a map")
    return _json(context)


def _json(value: Any) -> str:
    """JSON with numbers as exact as DynamoDB holds them, which ``json`` can't write. Sets become sorted lists.

    What jsonb can't hold (NUL, half a surrogate pair) is replaced: it is a client's text, and no reason to lose an assignment.
    """
    match value:
        case str():
            return json.dumps(_storable(value), ensure_ascii=False)
        case Decimal():
            return str(value)
        case bytes():
            return json.dumps(value.hex())
        case dict():
            return "{" + ",".join(f"{_json(str(name))}:{_json(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(_json(inner) for inner in value) + "]"
        case set():
            return "[" + ",".join(sorted(_json(inner) for inner in value)) + "]"
    return json.dumps(value)  # true, false and null


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", UNSTORABLE)
