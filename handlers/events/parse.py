"""The first stage: records of a Kinesis stream become entries with events. For ``handlers.events``.

A record's bytes are decoded straight into ``Event`` by types that hold the contract's limits, in C. Only a record that fails
so is looked at again, to find out what is wrong with it: it can't be read, which this stage says; or it can, and violates the
contract, which ``validate`` says. Pure: no clock, no call.
"""

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from handlers._contract import MAX_EVENT_BYTES
from handlers._dead_letters import Letter
from handlers._stream import MAX_ARRIVAL_SECONDS, Record
from handlers.events.model import Entry, Event

STAGE = "parse"
BASE64 = "base64_decode_error"
UTF8 = "utf8_decode_error"
JSON = "json_parse_error"
AGGREGATED = "kpl_aggregated"
TOO_LARGE = "too_large"
UNEXPECTED = "unexpected_error"
KINDS = (BASE64, UTF8, JSON, AGGREGATED, TOO_LARGE, UNEXPECTED)
"""What an error's text begins with."""

KPL_MAGIC = b"\xf3\x89\x9a\xc2"  # of amazon-kinesis-producer's aggregation format; no UTF-8 text begins so

_event_of = msgspec.json.Decoder(Event).decode


def parse(records: Iterable[Record] | None, skip_errors: bool = True) -> tuple[list[Entry], list[Letter]]:
    """The records that can be read, in their order, and letters for the rest.

    An entry's ``event`` is None if its bytes are a JSON object that isn't an ``Event``. With ``skip_errors`` False the first
    bad record raises ValueError.
    """
    entries: list[Entry] = []
    letters: list[Letter] = []
    for place, record in enumerate(records or ()):
        try:
            kinesis = record["kinesis"]
            sequence = kinesis["sequenceNumber"]
            shard, _, _ = record["eventID"].partition(":")
            arrived = kinesis["approximateArrivalTimestamp"]
            if not 0 <= arrived < MAX_ARRIVAL_SECONDS:
                raise ValueError(UNEXPECTED + ": the record's arrival is no time")
            text = kinesis["data"]
            data = a2b_base64(text, strict_mode=True)
            if len(text) != (len(data) + 2) // 3 * 4:  # Python before 3.13 lets padding pass that nothing needs
                raise Base64Error
            entry = Entry(place, sequence, shard, round(arrived * 1_000), data)
            if len(data) > MAX_EVENT_BYTES:
                _refuse(data)
            try:
                entry.event = _event_of(str(data, "utf-8"))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                load(data)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            text = _error(error)
            if not skip_errors:
                raise ValueError(text) from None
            letters.append(Letter(record, STAGE, text))
        else:
            entries.append(entry)
    return entries, letters


def load(data: bytes) -> dict[str, Any]:
    """The JSON object in a record's bytes. Raises ValueError, whose text begins with one of ``KINDS``."""
    if len(data) > MAX_EVENT_BYTES or data.startswith(KPL_MAGIC):
        _refuse(data)
    try:
        found = json.loads(str(data, "utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ValueError(f"{UTF8}: the record isn't UTF-8") from None
    except RecursionError:
        raise ValueError(f"{JSON}: the record is nested too deeply") from None
    except ValueError:
        raise ValueError(f"{JSON}: the record isn't JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"{JSON}: the record isn't a JSON object")
    return found


def _refuse(data: bytes) -> NoReturn:
    if data.startswith(KPL_MAGIC):
        told = "the record holds several of the Kinesis Producer Library's; switch its aggregation off"
        raise ValueError(f"{AGGREGATED}: {told} (AggregationEnabled=false)")
    raise ValueError(f"{TOO_LARGE}: the record has more than {MAX_EVENT_BYTES} bytes")


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are none of JSON's")


def _error(error: Exception) -> str:
    """What is said of it. Only texts of this module's own are repeated: another's may quote the record."""
    if isinstance(error, Base64Error):
        return f"{BASE64}: the record isn't base64"
    if type(error) is ValueError:
        text = str(error)
        if text.startswith(KINDS):
            return text
        if text.startswith("string argument should contain only ASCII"):
            return f"{BASE64}: the record isn't base64"
    return f"{UNEXPECTED}: the record isn't one of a Kinesis stream ({type(error).__name__})"
