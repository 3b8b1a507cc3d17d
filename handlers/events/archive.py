"""The last stage: events as lines of JSON, lines as objects in S3. For ``handlers.events``.

An object is one hour of one unit (what one transaction counts): gzip, one event a line. Its key is made of the hour, the lane
and the sequence number of that hour's first record in the unit, so that a unit that comes again overwrites what it left.
``line``, ``fits`` and ``objects`` are pure; ``store`` is the only one that calls.
"""

import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from handlers._aws_json import backoff_seconds
from handlers._dead_letters import LEAST_SEND_SECONDS
from handlers._stream import Deadline
from handlers.events.model import Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_EVENTS = 1_000  # of an object, and so of a unit
MAX_BYTES = 5_000_000  # before compression
ERRORS = "errors/"
"""The prefix of what is quarantined, by the hour of its arrival."""
LEVEL = 3  # of gzip: takes no longer than 1; 6 takes twice as long and saves a sixth
ATTEMPTS = 3
CONTENT_TYPE = "application/x-ndjson"
HOUR_MS = 3_600_000

# S3's errors that another attempt may help; others (no such bucket, access denied) stay as they are
_TRANSIENT = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "Throttling"})
_THERE = ("PreconditionFailed", "412")


# --- lines ------------------------------------------------------------------------------------------------------------


class _Line(msgspec.Struct, omit_defaults=True):
    """What the archive says of an event, in this order; what is not known is left out."""

    event_id: str
    event_type: str
    user_id: str
    experiment_id: str | None = None
    timestamp: str = ""
    properties: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    received_at: str = ""
    sequence: str = ""
    shard: str = ""
    assignment_id: str | None = None
    variant: str | None = None
    experiment_key: str | None = None
    experiment_name: str | None = None
    experiment_status: str | None = None
    phase: int = 0
    time_since_assignment_seconds: int | None = None
    precedes_assignment: bool = False
    enrichment_error: bool = False
    quarantined: str = ""


FIELDS: Mapping[str, Any] = {field.name: field.type for field in msgspec.structs.fields(_Line)}
"""A line's members and their types, in their order: what whoever queries the archive declares."""

_encode = msgspec.json.Encoder().encode


def line(entry: Entry) -> bytes:
    """The event as one line of JSON, without the line's end: as it was sent, and what the stages have found out.

    A ``timestamp`` that it hasn't is its arrival's. Elapsed time is rounded towards zero, and negative for an event that
    precedes its assignment. The entry must have been validated.
    """
    event = entry.event
    if event is None:
        raise ValueError("the entry has no event: it wasn't validated")
    received = _iso(entry.arrived_ms)
    elapsed = None if entry.assigned_ms is None else entry.at_ms - entry.assigned_ms
    return _encode(
        _Line(
            event.event_id,
            event.event_type,
            event.user_id,
            event.experiment_id,
            event.timestamp or received,
            event.properties,
            event.metadata,
            received,
            entry.sequence,
            entry.shard,
            entry.assignment_id,
            entry.variant,
            entry.experiment_key,
            entry.experiment_name,
            entry.experiment_status,
            entry.phase,
            None if elapsed is None else int(elapsed / 1_000),
            elapsed is not None and elapsed <= -1_000,
            entry.enrichment_error,
            entry.why,
        )
    )


def _iso(at_ms: int) -> str:
    return _second(at_ms // 1_000) + _MILLISECONDS[at_ms % 1_000]


_MILLISECONDS = [f".{number:03}Z" for number in range(1_000)]


@lru_cache(4_096)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def fits(events: int, size: int, more: int) -> bool:
    """Whether a unit of ``events`` events, whose lines have ``size`` bytes with their ends, takes a line of ``more`` bytes too.

    An empty one takes any: an event that is too large has an object of its own.
    """
    return not events or (events < MAX_EVENTS and size + more + 1 <= MAX_BYTES)


# --- objects ----------------------------------------------------------------------------------------------------------


class Object(NamedTuple):
    """``body`` None: no event is left for this key, and what is there is deleted. ``last``: the last event's sequence."""

    key: str
    body: bytes | None
    events: int
    last: str


class _Hour:
    __slots__ = ("first", "last", "lines", "place")

    def __init__(self, entry: Entry) -> None:
        self.first, self.place, self.last = entry.sequence, entry.place, entry.sequence
        self.lines: list[bytes] = []


def objects(entries: Iterable[Entry], dropped: Iterable[Entry], lane: str) -> list[Object]:
    """The objects of one unit, in the order of their keys.

    ``entries``: what is archived, quarantined ones included, in the stream's order; a ``line`` that is missing is made.
    ``dropped``: the unit's duplicates. They have no say in the keys, or else an invocation that was overtaken could write under
    a key that its successors, who begin elsewhere, don't look at. Only an event without a time of its own may have been new in
    an earlier attempt: another lane has counted it since. What that attempt named after it is deleted. ``lane``: stream and
    shard.
    """
    hours: dict[tuple[str, int], _Hour] = {}
    for entry in entries:
        where = _where(entry)
        hour = hours.get(where)
        if hour is None:
            hour = hours[where] = _Hour(entry)
        hour.lines.append(entry.line or line(entry))
        hour.last = entry.sequence
    name = lane.replace("/", "-")
    made = [
        Object(_key(where, name, hour.first), _packed(hour.lines), len(hour.lines), hour.last) for where, hour in hours.items()
    ]
    for entry in dropped:
        where = _where(entry)
        if not entry.dated and (where not in hours or entry.place < hours[where].place):
            made.append(Object(_key(where, name, entry.sequence), None, 0, entry.sequence))
    return sorted(made)


def _where(entry: Entry) -> tuple[str, int]:
    """The prefix and the hour."""
    return (ERRORS, entry.arrived_ms // HOUR_MS) if entry.why else ("", entry.at_ms // HOUR_MS)


def _key(where: tuple[str, int], lane: str, first: str) -> str:
    prefix, at = where
    return f"{prefix}{_partition(at)}/events_{lane}-{first}.json.gz"


@lru_cache(1_024)
def _partition(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3_600, UTC).strftime("year=%Y/month=%m/day=%d/hour=%H")


def _packed(lines: Sequence[bytes]) -> bytes:
    """Gzip without a name or a time (see ``_marked``)."""
    return zlib.compress(b"\n".join(lines) + b"\n", LEVEL, 31)


class Overtaken(Exception):
    """Another invocation has the lane."""


# --- the bucket -------------------------------------------------------------------------------------------------------


class Stored(NamedTuple):
    """What has become of one object (requirement ARC-04). ``error``: S3's code or the fault's name; empty if all is well."""

    success: bool
    s3_uri: str
    event_count: int
    compressed_size: int
    retries: int
    error: str = ""


class Batches(NamedTuple):
    """What has become of a unit's objects. After a failure the rest isn't tried: the unit comes again as a whole."""

    results: list[Stored]
    batches_created: int
    total_events: int

    @property
    def uploaded_events(self) -> int:
        return sum(result.event_count for result in self.results if result.success)

    @property
    def failures(self) -> int:
        return self.batches_created - sum(result.success for result in self.results)

    @property
    def success(self) -> bool:
        return not self.failures

    @property
    def error(self) -> str:
        return self.results[-1].error if self.results else ""


def store(
    s3: "S3Client",
    bucket: str,
    objects: Sequence[Object],
    owner: str | None,
    deadline: Deadline,
    may_replace: Callable[[], bool],
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], object] = time.sleep,
) -> Batches:
    """Puts the objects into the bucket, and deletes those without a body. Raises nothing of S3's.

    ``owner``: the account that the bucket must belong to; None when it isn't known. ``may_replace`` is asked before an object
    that is there already is replaced or deleted: whether the lane is still ours. It is looked at first and replaced on the
    condition that it is still the same, so that an invocation that was overtaken never undoes what the next one has stored.
    Transient faults are tried again after a pause that grows, as long as there is time; ``s3`` should have no retries of its
    own.
    """
    done: list[Stored] = []
    for item in objects:
        done.append(_store(s3, bucket, item, owner, deadline, may_replace, attempts, sleep))
        if not done[-1].success:
            break
    return Batches(done, len(objects), sum(item.events for item in objects))


def _store(
    s3: "S3Client",
    bucket: str,
    item: Object,
    owner: str | None,
    deadline: Deadline,
    may_replace: Callable[[], bool],
    attempts: int,
    sleep: Callable[[float], object],
) -> Stored:
    uri, size = f"s3://{bucket}/{item.key}", len(item.body or b"")
    error = "Deadline"
    for attempt in range(attempts):
        if deadline.left() < LEAST_SEND_SECONDS:
            return Stored(False, uri, item.events, size, attempt, error)
        try:
            _send(s3, bucket, item, owner, may_replace)
        except Overtaken:
            return Stored(False, uri, item.events, size, attempt, "Overtaken")
        except (ClientError, BotoCoreError) as fault:
            error, is_transient = _told(fault)
            pause = backoff_seconds(attempt)
            if not is_transient or attempt + 1 == attempts or pause >= deadline.left():
                return Stored(False, uri, item.events, size, attempt, error)
            sleep(pause)
        else:
            return Stored(True, uri, item.events, size, attempt)
    raise ValueError("attempts must be at least 1")


def _send(s3: "S3Client", bucket: str, item: Object, owner: str | None, may_replace: Callable[[], bool]) -> None:
    where: Any = {"Bucket": bucket, "Key": item.key} | ({"ExpectedBucketOwner": owner} if owner else {})
    if item.body is not None:
        try:
            _put(s3, where, item, {"IfNoneMatch": "*"})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE:
                raise
        else:
            return
    # What is there is of an attempt that wasn't committed: it is looked at before the lane is.
    tag = _tag(s3, where)
    if not may_replace():
        raise Overtaken
    if item.body is not None:
        _put(s3, where, item, {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag})
    elif tag is not None:
        s3.delete_object(**where, IfMatch=tag)


def _tag(s3: "S3Client", where: Any) -> str | None:
    """The entity tag of what is there; None if nothing is."""
    try:
        return s3.head_object(**where)["ETag"]
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return None
        raise


def _marked(body: bytes) -> bytes:
    """The same gzip stream with four random bytes where it may have a time, which readers don't mind.

    An entity tag is a digest of the bytes. Were two attempts' bytes alike, an invocation that was overtaken couldn't tell that
    the object it has looked at was replaced, and committed, by another one.
    """
    return body[:4] + os.urandom(4) + body[8:]


def _put(s3: "S3Client", where: Any, item: Object, condition: Any) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    s3.put_object(
        Body=_marked(item.body or b""),
        ContentType=CONTENT_TYPE,
        ContentEncoding="gzip",
        Metadata={
            "event_count": str(item.events),
            "compression": "gzip",
            "upload_timestamp": now,
            "last_sequence": item.last,
        },
        **where,
        **condition,
    )


def _told(fault: ClientError | BotoCoreError) -> tuple[str, bool]:
    """What to say of a fault, and whether another attempt may help."""
    if isinstance(fault, ClientError):
        code = str(fault.response.get("Error", {}).get("Code", "Unknown"))
        status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # 409 and 412: somebody else writes the same key at this moment; the next look tells who.
        return code, code in _TRANSIENT or status >= 500 or status in (409, 412, 429)
    return type(fault).__name__, True
