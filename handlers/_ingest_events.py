"""Events as clients send them: read, judged, given what they lack, made into records. For ``handlers.ingest``.

The contract is ``handlers._contract``'s. msgspec judges a whole body at once, in C, against types with the contract's limits;
what it takes, ``check_event`` takes. Where it refuses a body, each of its events is held to ``check_event``, which words what
is wrong. A record has the contract's fields and nothing else: members that nobody reads go no further than this.
"""

from os import urandom
from time import gmtime, strftime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from handlers._context import NotJson, parse
from handlers._contract import FIELDS, MAX_INTEGER, MAX_KEYS, MAX_NAME, TOKEN_CHARACTERS, check_event, is_text, is_timestamp
from handlers._ids import BadRequest
from handlers._kinesis import record
from handlers._log import THOUSANDTHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from handlers._kinesis import Record

MAX_EVENTS: Final = 500
"""Of one request: what PutRecords takes in one call."""

_MOST = {name: most for name, _, _, most, _ in FIELDS}
_NAMES = tuple(_MOST)
_OBJECTS = ("properties", "metadata")
_TEMPORARY = "0"  # stands for the id that an event will get

_Name = Annotated[str, Meta(max_length=MAX_NAME)]
_Integer = Annotated[int, Meta(ge=-MAX_INTEGER - 1, le=MAX_INTEGER)]
_Value5 = None | bool | _Integer | float | str
_Value4 = _Value5 | list[_Value5] | dict[_Name, _Value5]
_Value3 = _Value5 | list[_Value4] | dict[_Name, _Value4]
_Value2 = _Value5 | list[_Value3] | dict[_Name, _Value3]
_Value1 = _Value5 | list[_Value2] | dict[_Name, _Value2]
_Object = Annotated[dict[_Name, _Value1], Meta(max_length=MAX_KEYS)]
_Id = Annotated[str, Meta(min_length=1, max_length=_MOST["event_id"])]
_Type = Annotated[str, Meta(min_length=1, max_length=_MOST["event_type"])]
_User = Annotated[str, Meta(min_length=1, max_length=_MOST["user_id"])]
_Experiment = Annotated[str, Meta(min_length=1, max_length=_MOST["experiment_id"])]
_Moment = Annotated[str, Meta(max_length=_MOST["timestamp"])]


class Sent(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """An event of a client: the contract's, but that its id may be missing. Types and limits; characters are ``_is_good``'s."""

    event_id: _Id | None = None
    event_type: _Type
    user_id: _User
    experiment_id: _Experiment | None = None
    timestamp: _Moment | None = None
    properties: _Object | None = None
    metadata: _Object | None = None


class _Batch(msgspec.Struct, gc=False):
    events: list[Sent]


class _RawBatch(msgspec.Struct, gc=False):
    events: list[msgspec.Raw]


class One:
    """One event of a request, and what becomes of it.

    ``error``: what is wrong with it, None if nothing is. ``event_id``: its own or the one it got here; None: it is refused and
    has none. ``timestamp``: the one that it got here with its id, else None. ``record``: what is to be sent; ``first``: the
    event of the same request that has the same id, and is sent in its place.
    """

    __slots__ = ("error", "event_id", "first", "record", "timestamp")

    def __init__(self, event_id: str | None, error: str | None = None) -> None:
        self.event_id = event_id
        self.error = error
        self.timestamp: str | None = None
        self.record: Record | None = None
        self.first: One | None = None


_decode_one = msgspec.json.Decoder(Sent).decode
_decode_batch = msgspec.json.Decoder(_Batch | list[Sent]).decode
_split = msgspec.json.Decoder(_RawBatch | list[msgspec.Raw]).decode
_FAILED = (msgspec.MsgspecError, RecursionError, UnicodeEncodeError)
_encode = msgspec.json.Encoder().encode


# --- reading ----------------------------------------------------------------------------------------------------------


def read_one(body: bytes | str, now_ns: int) -> list[One]:
    """The event of a body that is one. ``now_ns``: epoch nanoseconds. Raises BadRequest for what isn't JSON."""
    return _take([_read(_text(body))], now_ns)


def read_batch(body: bytes | str, now_ns: int) -> list[One]:
    """The events of a body that is a list of them, or an object with such a list as ``events``, in its order.

    Raises BadRequest for what is neither, is empty or has more than ``MAX_EVENTS``.
    """
    text = _text(body)
    try:
        events: list[Sent | One] = _counted(_decode_batch(text))
    except _FAILED:  # some of them aren't good
        try:
            events = [_read(str(raw, "utf-8")) for raw in _counted(_split(text))]
        except _FAILED:  # no list, or one that only the standard library can read
            events = [_judged(event) for event in _counted(_parsed(text))]
    return _take(events, now_ns)


def _counted(found: Any) -> list[Any]:
    """The list of events in a body's value. Raises BadRequest."""
    listed = found
    if isinstance(found, dict):
        listed = found.get("events")
    elif isinstance(found, _Batch | _RawBatch):
        listed = found.events
    if not isinstance(listed, list):
        raise BadRequest("the request body must be a list of events, or an object that has one as events")
    if not listed:
        raise BadRequest("there are no events in the request")
    if len(listed) > MAX_EVENTS:
        raise BadRequest(f"events cannot hold more than {MAX_EVENTS} events")
    return listed


def _read(text: str) -> Sent | One:
    """The event of a JSON text, or its refusal. Raises BadRequest for what isn't JSON."""
    try:
        return _decode_one(text)
    except _FAILED:
        return _judged(_parsed(text))


def _text(body: bytes | str) -> str:
    if isinstance(body, str):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequest("the request body is not JSON in UTF-8") from None


def _parsed(text: str) -> object:
    try:
        return parse(text)
    except NotJson:
        raise BadRequest("the request body is not JSON in UTF-8") from None
    except ValueError:  # Unbearable
        raise BadRequest("the request body is nested too deep, or holds a number that can't be read") from None


# --- judging ----------------------------------------------------------------------------------------------------------


def _is_good(sent: Sent) -> bool:
    """Whether what has the right types and lengths has the right characters too."""
    return (
        TOKEN_CHARACTERS.issuperset(sent.event_type)
        and is_text(sent.user_id, _MOST["user_id"])
        and (sent.event_id is None or TOKEN_CHARACTERS.issuperset(sent.event_id))
        and (sent.timestamp is None or is_timestamp(sent.timestamp))
        and (sent.experiment_id is None or is_text(sent.experiment_id, _MOST["experiment_id"]))
    )


def _judged(event: object) -> Sent | One:
    """The event, or its refusal in the contract's words."""
    if not isinstance(event, dict):
        return One(None, check_event(event))
    named = {name: event[name] for name in _NAMES if event.get(name) is not None}
    wrong = _wrong(named) or _unwritable(named)
    return msgspec.convert(named, Sent) if wrong is None else _refused(named.get("event_id"), wrong)


def _wrong(named: dict[str, Any]) -> str | None:
    """What the contract has against these fields, but for an id that is missing."""
    return check_event({"event_id": _TEMPORARY, **named})


def _unwritable(named: dict[str, Any]) -> str | None:
    """What the contract doesn't ask: everything in a record is UTF-8, which half a surrogate pair isn't."""
    for name in _OBJECTS:
        try:
            _encode(named.get(name))
        except UnicodeEncodeError:
            return f"{name} has half a surrogate pair"
    return None


def _refused(event_id: object, wrong: str) -> One:
    """Nothing that may be long or hold anything is quoted: an id is, if it is one."""
    is_id = isinstance(event_id, str) and 0 < len(event_id) <= _MOST["event_id"] and TOKEN_CHARACTERS.issuperset(event_id)
    return One(event_id if is_id else None, wrong)  # type: ignore[arg-type]


# --- taking -----------------------------------------------------------------------------------------------------------


def _take(events: list[Sent | One], now_ns: int) -> list[One]:
    """Every event with its record, its refusal, or the one whose repetition it is."""
    seen: dict[str, One] = {}
    moment = ""
    found: list[One] = []
    for event in events:
        if isinstance(event, One):
            found.append(event)
            continue
        if not _is_good(event):
            named = {name: value for name in _NAMES if (value := getattr(event, name)) is not None}
            found.append(_refused(event.event_id, _wrong(named) or "the event can't be taken"))
            continue
        event_id = event.event_id
        if event_id is None:
            event_id = event.event_id = new_id()
            one = One(event_id)
            if event.timestamp is None:
                moment = moment or _moment(now_ns)
                one.timestamp = event.timestamp = moment
        else:
            one = One(event_id)
            if (first := seen.get(event_id)) is not None:
                one.first = first
                found.append(one)
                continue
        seen[event_id] = one
        one.record = record(event.user_id, _encode(event))
        found.append(one)
    return found


def new_id() -> str:
    """A version 4 UUID (RFC 9562) as 32 hex digits."""
    digits = urandom(16).hex()
    return f"{digits[:12]}4{digits[13:16]}{_VARIANTS[digits[16]]}{digits[17:]}"


_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _moment(now_ns: int) -> str:
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{THOUSANDTHS[rest // 1_000_000]}Z"
