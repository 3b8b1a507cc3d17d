"""The second stage: events are held to the contract and get their time. For ``handlers.events``.

What decoding couldn't check, the characters of ids and the timestamp, is checked here in the quickest way that accepts
nothing wrong; what doesn't pass it goes to ``handlers._contract.check_event``, which alone decides what is refused, and words
it. Pure: an event's time is compared with its record's arrival, never with a clock, so that a replay decides the same.
"""

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec

from evaluator.errors import BurgeeError
from handlers._contract import check_event, is_timestamp
from handlers._dead_letters import Letter
from handlers._stream import Record
from handlers.events.model import Entry, Event
from handlers.events.parse import load

STAGE = "validate"
FUTURE_MS = 5 * 60 * 1_000
"""How far ahead of its record's arrival an event's time may be."""
FUTURE, TOO_OLD = "future", "too_old"
DUPLICATE = "Duplicate event_id"

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MINUTE_MS = 60_000
_MILLISECONDS = {f"{number:03}": number for number in range(1_000)}
_event_of = msgspec.json.Decoder(Event).decode
_is_token = re.compile("[A-Za-z0-9_.:-]+").fullmatch  # _contract.TOKEN_CHARACTERS; lengths are the decoder's


class ValidationError(BurgeeError, ValueError):
    """An event violates the contract. The text names the field and quotes no value."""


class Refused(NamedTuple):
    """Requirement VAL-03's shape. ``event_data`` is the event as it was sent: not for logs."""

    event_id: str | None
    error: str
    event_data: dict[str, Any]


class Validated(NamedTuple):
    """Each list in the stream's order. ``duplicates``: those whose event_id an earlier entry of ``valid`` has."""

    valid: list[Entry]
    letters: list[Letter]
    duplicates: list[Entry]
    quarantined: list[Entry]

    def errors(self, entries: Sequence[Entry]) -> list[Refused]:
        """What was left out of ``valid`` for good, with the reason. ``entries``: those that were validated."""
        by_sequence = {entry.sequence: entry for entry in entries}
        bad = [(by_sequence[letter.sequence], letter.error) for letter in self.letters]
        bad += [(entry, DUPLICATE) for entry in self.duplicates]
        bad.sort(key=lambda item: item[0].place)
        return [_refused(load(entry.data), error) for entry, error in bad]


def validate(entries: Sequence[Entry], records: Sequence[Record], max_age_ms: int, skip_invalid: bool = True) -> Validated:
    """Sorts ``parse``'s entries, and sets their ``event``, ``at_ms``, ``dated`` and ``why``.

    ``records``: those that were parsed, for the letters. ``max_age_ms``: how much older than its record's arrival an event may
    be. Quarantined entries are nobody's duplicates. With ``skip_invalid`` False the first invalid event raises ValidationError.
    """
    done = Validated([], [], [], [])
    valid, letters, duplicates, quarantined = done
    seen: set[str] = set()
    quick = _Quick()
    for entry in entries:
        event, arrived = entry.event, entry.arrived_ms
        at = None if event is None else quick.look(event, arrived)
        if event is None or at is None:
            found = load(entry.data)
            if error := check_event(found):
                if not skip_invalid:
                    raise ValidationError(error)
                letters.append(Letter(records[entry.place], STAGE, error))
                continue
            event = entry.event = event or _mended(found)
            at = arrived if event.timestamp is None else epoch_ms(event.timestamp)
        entry.at_ms = at
        entry.dated = event.timestamp is not None
        if not -FUTURE_MS <= arrived - at <= max_age_ms:
            entry.why = FUTURE if at > arrived else TOO_OLD
            quarantined.append(entry)
        elif event.event_id in seen:
            duplicates.append(entry)
        else:
            seen.add(event.event_id)
            valid.append(entry)
    return done


class _Quick:
    """The quick look at events of one batch, and what it remembers: types, experiments and minutes are few in a batch."""

    __slots__ = ("_experiments", "_minutes", "_seconds", "_types")

    def __init__(self) -> None:
        self._types: set[str] = set()
        self._experiments: set[str | None] = {None}
        self._minutes: dict[str, int] = {}
        self._seconds: dict[str, int] = {}

    def look(self, event: Event, arrived: int) -> int | None:
        """The event's time in epoch milliseconds, or None: then it must be looked at more closely."""
        if event.event_type not in self._types:
            if not _is_token(event.event_type):
                return None
            self._types.add(event.event_type)
        if event.experiment_id not in self._experiments:
            if not _is_plain(event.experiment_id or ""):
                return None
            self._experiments.add(event.experiment_id)
        if not (_is_token(event.event_id) and event.user_id.isprintable() and not event.user_id.isspace()):
            return None
        return arrived if event.timestamp is None else self._time(event.timestamp)

    def _time(self, text: str) -> int | None:
        """As ``epoch_ms``, or None for what isn't a moment; a second and a minute are read only once if the time is UTC."""
        second = self._seconds.get(text[:20])
        if second is not None and text[23:] == "Z":
            milliseconds = _MILLISECONDS.get(text[20:23])
            if milliseconds is not None:
                return second + milliseconds
        at = self._slow_time(text)
        if at is not None and text[19:20] == ".":
            self._seconds[text[:20]] = self._minutes[text[:17]] + int(text[17:19]) * 1_000
        return at

    def _slow_time(self, text: str) -> int | None:
        minute = self._minutes.get(text[:17])
        if minute is not None:
            end = len(text) - (1 if text.endswith("Z") else 6 if text.endswith("+00:00") else 0)
            mark, digits = text[19:20] if end > 19 else "", text[17:19] + text[20:end]
            is_whole = not mark and len(digits) == 2
            if digits.isdigit() and digits.isascii() and (is_whole or (mark == "." and 2 < len(digits) <= 11)):
                passed = int(digits.ljust(5, "0")[:5])
                if passed < _MINUTE_MS:
                    return minute + passed
        if not is_timestamp(text):
            return None
        self._minutes[text[:17]] = _minute(text)
        return epoch_ms(text)


def epoch_ms(text: str) -> int:
    """The moment that a timestamp of the contract (``is_timestamp``) says; without an offset it is UTC. Rounded down."""
    rest = text[19:]
    digits = ""
    if rest.startswith("."):
        rest = rest[1:].lstrip("0123456789")
        digits = text[20 : len(text) - len(rest)]
    at = _minute(text) + int(text[17:19]) * 1_000 + int(digits[:3].ljust(3, "0"))
    if len(rest) == 6:
        offset = (int(rest[1:3]) * 60 + int(rest[4:])) * _MINUTE_MS
        return at + offset if rest[0] == "-" else at - offset
    return at


def _minute(text: str) -> int:
    """The minute that a timestamp begins with, as if it were UTC, in epoch milliseconds."""
    days = date(int(text[:4]), int(text[5:7]), int(text[8:10])).toordinal() - _EPOCH_DAY
    return (days * 1_440 + int(text[11:13]) * 60 + int(text[14:16])) * _MINUTE_MS


def _is_plain(text: str) -> bool:
    return text.isprintable() and not text.isspace()


def _mended(found: dict[str, Any]) -> Event:
    """The event of an object that fits the contract. Half a surrogate pair, which UTF-8 can't hold, becomes ``?``."""
    fields = {name: found[name] for name in Event.__struct_fields__ if name in found}
    return _event_of(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))


def _refused(found: dict[str, Any], error: str) -> Refused:
    event_id = found.get("event_id")
    return Refused(event_id if isinstance(event_id, str) else None, error, found)
