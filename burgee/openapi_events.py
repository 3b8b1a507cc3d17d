"""The endpoints of events in the OpenAPI document, from the contract and the handler's constants. For ``burgee.openapi``."""

from burgee.openapi_parts import TEXT, Document, answer, object_of, operation, ref, refusals
from handlers._contract import FIELDS, MAX_KEYS, MAX_NAME, OBJECT, TIMESTAMP
from handlers._contract import TEXT as ANY_TEXT
from handlers._ingest_events import MAX_EVENTS
from handlers.ingest import ACCEPTED, BATCH_PATH, EVENT_PATH, REJECTED, UNAVAILABLE

_TOKEN_PATTERN = "^[A-Za-z0-9_.:-]+$"
_TIMESTAMP_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$"


def paths() -> Document:
    """Both of ingest's."""
    many = {"type": "array", "items": ref("Event"), "minItems": 1, "maxItems": MAX_EVENTS}
    batch: Document = {"anyOf": [object_of({"events": many}, all_required=True), many]}
    return {
        EVENT_PATH: {"post": operation("events", "sendEvent", "Puts an event into the stream", ref("Event")) | _answers()},
        BATCH_PATH: {"post": operation("events", "sendEvents", "Puts events into the stream", batch) | _answers()},
    }


def _answers() -> Document:
    refused = {
        "400": answer("None of it can be taken", ref("EventsRefused"), of_a_snapshot=False),
        "429": answer("Too many requests of this caller, or the stream is full", ref("EventsRefused"), of_a_snapshot=False),
        "503": answer("The stream can't be reached", ref("EventsRefused"), of_a_snapshot=False),
    }
    for status in ("429", "503"):
        refused[status]["headers"]["Retry-After"] = ref("Retry-After", "headers")
    taken = answer("Taken, or some of it: each event's result, in the order of the request", ref("EventResults"), False)
    return {"responses": {"202": taken, **(refusals("413", "500") | refused)}}


def schemas() -> Document:
    """The components that only they have."""
    number: Document = {"type": "integer", "minimum": 0}
    document: Document = {
        "accepted": number,
        "rejected": number,
        "unavailable": number,
        "results": {"type": "array", "items": ref("EventResult")},
    }
    needed = tuple(name for name, required, *_ in FIELDS if required and name != "event_id")  # ingest gives an id
    return {
        "Event": object_of({name: _field(kind, most, what, name in needed) for name, _, kind, most, what in FIELDS}, needed),
        "EventResult": object_of(
            {
                "event_id": {"type": ["string", "null"], "description": "Null: it is refused, and has no usable one."},
                "timestamp": {"type": "string", "description": "The one that it got here together with its id."},
                "status": {"enum": [ACCEPTED, REJECTED, UNAVAILABLE]},
                "error": TEXT,
                "duplicate": {"const": True, "description": "Another event of the request has its id, and was sent."},
            },
            ("event_id", "status"),
        ),
        "EventResults": object_of(document, all_required=True),
        "EventsRefused": object_of({"error": TEXT, **document}, ("error",)),
        "IngestHealth": object_of(
            {
                "status": {"enum": ["ok", "degraded"]},
                "stream": object_of(
                    {"breaker": {"enum": ["closed", "open", "half-open"]}, "failures_in_a_row": number, "opened": number},
                    all_required=True,
                ),
            },
            all_required=True,
        ),
    }


def _field(kind: str, most: int, what: str, required: bool) -> Document:
    """A field of the contract."""
    made: Document = {"description": what}
    if kind == OBJECT:
        made |= {"type": ["object", "null"], "maxProperties": MAX_KEYS, "propertyNames": {"maxLength": MAX_NAME}}
    elif kind == ANY_TEXT:
        made |= {"allOf": [ref("Identifier")]} if required else {"anyOf": [ref("Identifier"), {"type": "null"}]}
    else:
        pattern = _TIMESTAMP_PATTERN if kind == TIMESTAMP else _TOKEN_PATTERN
        text: Document = {"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}
        made |= text if required else {"anyOf": [text, {"type": "null"}]}
    return made
