"""Records of a DynamoDB stream, decoded. For the handlers that read one."""

import time
from base64 import b64decode
from decimal import Decimal
from typing import Any, NamedTuple

from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer

from handlers._stream import Poison, Record, sequence_of

INSERT, MODIFY, REMOVE = NAMES = ("INSERT", "MODIFY", "REMOVE")
BOTH_IMAGES = "NEW_AND_OLD_IMAGES"
TTL_PRINCIPAL = "dynamodb.amazonaws.com"
MAX_SEQUENCE_DIGITS = 100  # documented are up to 40

Item = dict[str, Any]  # attribute -> plain value; numbers are Decimal


class Change(NamedTuple):
    """One decoded record. ``expired``: DynamoDB removed the item because its time to live was over, nobody else did.

    ``at``: epoch seconds of the write, as exact as the stream tells them.
    """

    sequence: str
    name: str
    keys: Item
    new: Item | None
    old: Item | None
    expired: bool
    at: float


def decode(record: Record) -> Change:
    """Raises Poison, and ValueError when the stream's view type isn't NEW_AND_OLD_IMAGES."""
    change = record["dynamodb"]
    view = change.get("StreamViewType", BOTH_IMAGES)
    if view != BOTH_IMAGES:
        raise ValueError(f"the stream's view type is {view!r:.40}; it must be {BOTH_IMAGES}")
    sequence, name = sequence_of(record), record.get("eventName")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= MAX_SEQUENCE_DIGITS):
        raise Poison("decode", "the sequence number is no number")
    if name not in NAMES:
        raise Poison("decode", "the event's name is unknown")
    keys, new, old = (_image(change, part) for part in ("Keys", "NewImage", "OldImage"))
    if not keys:
        raise Poison("decode", "Keys is missing")
    if (new is None) != (name == REMOVE):
        raise Poison("decode", f"NewImage doesn't fit {name}")
    if (old is None) != (name == INSERT):
        raise Poison("decode", f"OldImage doesn't fit {name}")
    return Change(sequence, name, keys, new, old, name == REMOVE and _by_ttl(record), at_of(record))


def at_of(record: Record) -> float:
    """When the record's change was written, in epoch seconds; now, if it doesn't say."""
    at = record["dynamodb"].get("ApproximateCreationDateTime")
    is_time = isinstance(at, (int, float)) and not isinstance(at, bool) and 0 <= at < 1e11
    return float(at) if is_time else time.time()


def _image(change: dict[str, Any], part: str) -> Item | None:
    image = change.get(part)
    if image is None:
        return None
    try:
        return {name: _DESERIALIZER.deserialize(value) for name, value in image.items()}
    except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError, RecursionError) as error:
        raise Poison("decode", f"{part} can't be decoded ({type(error).__name__})") from None


class _Deserializer(TypeDeserializer):
    """boto3's, but binary values are base64, as an event has them; and what is no number isn't NaN, but an error."""

    def _deserialize_n(self, value: str) -> Decimal:
        number = DYNAMODB_CONTEXT.create_decimal(value)
        if not number.is_finite():
            raise ValueError
        return number

    def _deserialize_b(self, value: str) -> bytes:
        return b64decode(value, validate=True)


_DESERIALIZER = _Deserializer()


def _by_ttl(record: Record) -> bool:
    """In an event the names begin with small letters; GetRecords writes them large, and so do those who read it."""
    who = record.get("userIdentity")
    return isinstance(who, dict) and TTL_PRINCIPAL in (who.get("principalId"), who.get("PrincipalId"))
