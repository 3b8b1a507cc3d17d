"""The processor's second stage: the contract, an event's time, quarantine, and duplicates within a batch."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers._contract import MAX_DEPTH, MAX_KEYS, MAX_NAME, check_event, is_timestamp
from handlers.events.parse import parse
from handlers.events.validate import (
    FUTURE_MS,
    STAGE,
    Refused,
    Validated,
    ValidationError,
    epoch_ms,
    validate,
)
from tests.handlers.streams import AT, kinesis

LEAST: dict[str, Any] = {"event_id": "e-1", "event_type": "purchase", "user_id": "user-1"}
WEEK_MS = 7 * 86_400_000


def run(*events: Any, at: float = AT, max_age_ms: int = WEEK_MS, skip_invalid: bool = True) -> Validated:
    records = [kinesis(number, event, at=at) for number, event in enumerate(events)]
    entries, letters = parse(records)
    assert not letters
    return validate(entries, records, max_age_ms, skip_invalid)


def error_of(event: Any) -> str | None:
    """The letter's text; None for an event that passes."""
    done = run(event)
    assert len(done.letters) + len(done.valid) + len(done.quarantined) == 1
    return done.letters[0].error if done.letters else None


def iso(at_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).isoformat()


# --- the contract -----------------------------------------------------------------------------------------------------


def test_val_01_model_06_the_field_is_named() -> None:
    assert error_of({}) == "event_id, event_type and user_id are missing"
    assert error_of({**LEAST, "user_id": None}) == "user_id is missing"
    for name, value in (("event_id", 7), ("event_type", ["a"]), ("user_id", True), ("experiment_id", {}), ("timestamp", 1)):
        assert error_of({**LEAST, name: value}) == f"{name} must be a string"
    for name in ("properties", "metadata"):
        assert error_of({**LEAST, name: "text"}) == f"{name} must be an object"


def test_val_01_the_letter_has_the_record_and_the_stage_and_no_value() -> None:
    done = run(LEAST, {**LEAST, "event_id": "secret value!"})
    (letter,) = done.letters
    assert (letter.sequence, letter.stage) == ("1", STAGE)
    assert "secret" not in letter.error
    assert [entry.sequence for entry in done.valid] == ["0"]


def test_val_01_members_that_are_not_listed_are_ignored_and_optional_ones_may_be_null() -> None:
    optional = {"experiment_id": None, "timestamp": None, "properties": None, "metadata": None}
    (entry,) = run({**LEAST, **optional, "other": [1, {"x": None}]}).valid
    assert entry.event is not None
    assert (entry.event.experiment_id, entry.event.properties, entry.dated) == (None, None, False)


def nested(depth: int, kind: type = dict) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


TEXTS = st.sampled_from(
    ["", " ", "a", "a b", "é", "A.b:c-d_9", "a\n", "\x00", "\x7f", "\x85", "\u200d", "😀", "\ud800", "a\udfff", "#", "\u2028"]
) | st.text(max_size=4)
LONG = st.sampled_from([99, 100, 101, 127, 128, 129, 255, 256, 257]).flatmap(
    lambda n: st.sampled_from(["a" * n, "é" * n, "😀" * n])
)
NUMBERS = st.sampled_from([0, -0.0, 1, 1.5, 1e308, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, True, False])
LEAVES = st.none() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=6,
)
OBJECTS = st.one_of(
    st.dictionaries(TEXTS, VALUES, max_size=3),
    st.integers(MAX_KEYS - 1, MAX_KEYS + 1).map(lambda n: {str(i): i for i in range(n)}),
    st.integers(MAX_DEPTH - 1, MAX_DEPTH + 1).map(nested),
    st.integers(MAX_DEPTH - 2, MAX_DEPTH).map(lambda n: {"a": nested(n, list)}),
    st.integers(MAX_NAME - 1, MAX_NAME + 1).map(lambda n: {"é" * n: 1}),
    st.integers(MAX_NAME - 1, MAX_NAME + 1).map(lambda n: {"a": {"é" * n: 1}}),
    st.integers(MAX_KEYS - 1, MAX_KEYS + 1).map(lambda n: {"a": {str(i): i for i in range(n)}}),
)
TIMES = st.sampled_from(
    [
        "2026-02-02T02:40:00Z", "2026-02-02 02:40:00.5", "2026-02-02T02:40:00.123456789+01:00", "2026-02-30T00:00:00Z",
        "2026-02-02", "2026-02-02T24:00:00Z", "2026-02-02T02:40:60Z", "2026-02-02T02:40:00.Z", "2026-02-02t02:40:00Z",
        "٢026-02-02T02:40:00Z",
        "2026-02-02T02:40:00.1234567890Z", "2026-02-02T02:40:00+0100", "20260202T024000Z", "2026-02-02T02:40:00.½Z",
    ]
)  # fmt: skip
MEMBERS = {
    "event_id": TEXTS | LONG | LEAVES,
    "event_type": TEXTS | LONG | LEAVES,
    "user_id": TEXTS | LONG | LEAVES,
    "experiment_id": TEXTS | LONG | LEAVES,
    "timestamp": TIMES | TEXTS | LEAVES,
    "properties": OBJECTS | LEAVES,
    "metadata": OBJECTS | LEAVES,
    "other": VALUES,
}
EVENTS = st.fixed_dictionaries({}, optional=MEMBERS).flatmap(
    lambda found: st.sampled_from([found, {**LEAST, **found}, {**LEAST, **dict(list(found.items())[:1])}])
)


@given(EVENTS, st.booleans())
@example({**LEAST, "user_id": "a\u200d"}, True)
@example({**LEAST, "properties": {"a": "\ud800", "\udfff": 1}}, True)
@example({**LEAST, "other": "\ud800"}, False)
@example({**LEAST, "other": {"n": 10**400}}, False)
def test_val_01_the_quick_look_and_the_contract_agree_about_everything(event: dict[str, Any], ascii_only: bool) -> None:
    """And an event that passes has the values that were sent: half a surrogate pair in properties is the one exception."""
    data = json.dumps(event, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        data.decode()
    except UnicodeDecodeError:
        return  # half a pair as bytes is no UTF-8: `parse` refuses it
    records = [kinesis(1, data)]
    entries, letters = parse(records)
    assert not letters
    done = validate(entries, records, 10**15)
    expected = check_event(json.loads(data))
    assert [letter.error for letter in done.letters] == ([] if expected is None else [expected])
    for entry in done.valid + done.quarantined:
        assert entry.event is not None
        for name in entry.event.__struct_fields__:
            sent = json.dumps(event.get(name), ensure_ascii=False).encode("utf-8", "replace")
            assert json.dumps(getattr(entry.event, name), ensure_ascii=False).encode() == sent


def test_val_01_a_member_that_comes_twice_has_its_last_value() -> None:
    data = b'{"event_id":7,"event_id":"e-1","event_type":"t","user_id":"\\u0000","user_id":"u"}'
    (entry,) = run(data).valid
    assert entry.event is not None and (entry.event.event_id, entry.event.user_id) == ("e-1", "u")


def test_val_03_batch_mode_gives_valid_ones_and_errors_with_id_and_data() -> None:
    bad, twice = {**LEAST, "event_id": "e-2", "event_type": "#"}, {**LEAST, "user_id": "user-2"}
    records = [kinesis(number, event) for number, event in enumerate([LEAST, bad, twice, {"event_id": 7}])]
    entries, _ = parse(records)
    done = validate(entries, records, WEEK_MS)
    assert [entry.sequence for entry in done.valid] == ["0"]
    assert done.errors(entries) == [
        Refused("e-2", "event_type may have letters and digits of ASCII and _ . : - only", bad),
        Refused("e-1", "Duplicate event_id", twice),
        Refused(None, "event_type and user_id are missing", {"event_id": 7}),
    ]


def test_val_03_or_it_raises_on_the_first() -> None:
    with pytest.raises(ValidationError, match=r"^user_id must be a string$"):
        run(LEAST, {**LEAST, "user_id": 7}, {}, skip_invalid=False)
    assert issubclass(ValidationError, ValueError)
    assert len(run(LEAST, skip_invalid=False).valid) == 1


def test_val_04_the_first_of_a_batch_is_kept_and_the_rest_are_duplicates() -> None:
    other = {**LEAST, "event_id": "e-2"}
    done = run(LEAST, other, {**LEAST, "event_type": "view"}, other, LEAST)
    assert [entry.sequence for entry in done.valid] == ["0", "1"]
    assert [entry.sequence for entry in done.duplicates] == ["2", "3", "4"]
    assert not done.letters, "duplicates are counted and are nobody's failure"


def test_val_04_an_invalid_event_or_a_quarantined_one_makes_no_duplicates() -> None:
    late = {**LEAST, "timestamp": "2020-01-01T00:00:00Z"}
    done = run({**LEAST, "user_id": 7}, late, late, LEAST)
    assert [[entry.sequence for entry in some] for some in (done.quarantined, done.valid, done.duplicates)] == [
        ["1", "2"],
        ["3"],
        [],
    ]


def test_val_05_every_event_ends_in_exactly_one_list_and_invalid_ones_as_their_records() -> None:
    events = [LEAST, {}, LEAST, {**LEAST, "timestamp": "2020-01-01T00:00:00Z"}, {**LEAST, "event_id": "e-2"}, {"event_id": ""}]
    records = [kinesis(number * 10, event) for number, event in enumerate(events)]
    entries, _ = parse(records)
    done = validate(entries, records, WEEK_MS)
    letters = [letter.sequence for letter in done.letters]
    assert letters == ["10", "50"]
    assert [letter.record for letter in done.letters] == [records[1], records[5]]
    everywhere = letters + [entry.sequence for some in (done.valid, done.duplicates, done.quarantined) for entry in some]
    assert sorted(everywhere, key=int) == [str(number * 10) for number in range(6)]


def test_val_06_invalid_events_do_not_stop_valid_ones() -> None:
    events = [{**LEAST, "event_id": f"e-{n}"} if n % 3 else {"event_id": n} for n in range(100)]
    done = run(*events)
    assert [entry.sequence for entry in done.valid] == [str(n) for n in range(100) if n % 3]
    assert [letter.sequence for letter in done.letters] == [str(n) for n in range(100) if n % 3 == 0]


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-02-02T02:40:00Z", 0.0),
        ("2026-02-02T02:40:00+00:00", 0.0),
        ("2026-02-02T02:40:00", 0.0),
        ("2026-02-02 02:40:00", 0.0),
        ("2026-02-02T03:10:00+00:30", 0.0),
        ("2026-02-01T20:40:00.25-06:00", 0.25),
        ("2026-02-02T02:40:00.123456Z", 0.123),
        ("2026-02-02T02:40:00.123456+00:00", 0.123),
        ("2026-02-02T02:40:00.999999999Z", 0.999),
        ("2026-02-02T02:40:59.5", 59.5),
        ("2026-02-02T02:40:59.05Z", 59.05),
    ],
)
def test_val_02_timestamps_are_utc(text: str, seconds: float) -> None:
    for events in ([text], ["2026-02-02T02:40:30.001Z", text]):  # the first of its minute, and not
        done = run(*({**LEAST, "event_id": f"e-{n}", "timestamp": one} for n, one in enumerate(events)), at=AT + 60)
        assert done.valid[-1].at_ms == AT * 1_000 + round(seconds * 1_000)
        assert done.valid[-1].dated


def test_val_02_without_a_timestamp_it_is_the_arrival() -> None:
    (entry,) = run(LEAST, at=AT + 0.25).valid
    assert (entry.at_ms, entry.dated) == (AT * 1_000 + 250, False)


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
ZONES = st.one_of(
    st.sampled_from(["Z", "", "+00:00", "-00:00"]),
    st.tuples(st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)).map(lambda z: f"{z[0]}{z[1]:02}:{z[2]:02}"),
)


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    text = draw(MOMENTS).strftime("%m-%dT%H:%M:%S")
    text = f"{draw(st.integers(2, 9998)):04}-" + (text if not text.startswith("02-29") else "02-28" + text[5:])
    if draw(st.booleans()):
        text = text.replace("T", " ")
    fraction = draw(st.text("0123456789", max_size=9))
    return text + (f".{fraction}" if fraction else "") + draw(ZONES)


@given(timestamps())
def test_val_02_a_moment_is_what_python_reads(text: str) -> None:
    assert is_timestamp(text)
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    assert epoch_ms(text) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(st.lists(timestamps() | TIMES | st.tuples(timestamps(), st.text("0:.Z+-5T", max_size=3)).map("".join), max_size=4))
def test_val_02_the_quick_clock_says_what_the_exact_one_says(texts: list[str]) -> None:
    """Each twice, so that its minute is known the second time, and with other seconds of the same minute."""
    wild = [text for text in texts for text in (text, text, text[:17] + "7" + text[18:], text[:19] + "Z", text[:17] + "61Z")]
    done = run(*({**LEAST, "event_id": f"e-{n}", "timestamp": text} for n, text in enumerate(wild)), max_age_ms=10**15)
    found = {entry.sequence: entry.at_ms for entry in done.valid + done.quarantined}
    for number, text in enumerate(wild):
        expected = epoch_ms(text) if len(text) <= 40 and is_timestamp(text) else None
        assert found.get(str(number)) == expected, text


WRONG = [
    "", "5", "5Z", "5+00:00", "60Z", "99.5Z", "000", "0000Z", "00.", "00.Z", "00.+00:00", "00,5Z", "00.1234567890Z", "00z",
    "0.5Z", "00Z\n", "00 Z", "00.5 Z",
    "+1.5Z", "٣٣Z", "00.٣Z", "00.²Z", "00.5ZZ", "00+00:00Z", "00+0000", "00.5+24:00", "00.5+00:60",
]  # fmt: skip


@pytest.mark.parametrize("rest", WRONG)
def test_val_02_a_minute_that_is_known_makes_nothing_right(rest: str) -> None:
    texts = ["2026-02-02T02:40:00Z", "2026-02-02T02:40:" + rest]
    done = run(*({**LEAST, "event_id": f"e-{n}", "timestamp": text} for n, text in enumerate(texts)))
    assert [letter.error.partition(" ")[0] for letter in done.letters] == ["timestamp"]


@pytest.mark.parametrize(
    ("ahead_ms", "why"),
    [
        (0, ""),
        (FUTURE_MS, ""),
        (FUTURE_MS + 1, "future"),
        (10**12, "future"),
        (-WEEK_MS, ""),
        (-WEEK_MS - 1, "too_old"),
        (-(10**12), "too_old"),
    ],
)
def test_val_07_a_time_far_from_its_arrival_is_quarantined(ahead_ms: int, why: str) -> None:
    done = run({**LEAST, "timestamp": iso(AT * 1_000 + ahead_ms)})
    assert [entry.why for entry in done.valid + done.quarantined] == [why]
    assert len(done.quarantined) == (1 if why else 0)
    assert not done.letters


def test_val_07_the_clock_has_no_say_and_the_age_is_a_setting() -> None:
    event = {**LEAST, "timestamp": iso(AT * 1_000 - 3_600_000)}
    assert not run(event, at=AT).quarantined
    assert [entry.why for entry in run(event, at=AT, max_age_ms=3_599_999).quarantined] == ["too_old"]
    assert not run({**LEAST, "timestamp": "1970-01-02T00:00:00Z"}, at=86_400.0).quarantined, "as of its arrival"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59"])
def test_val_07_times_that_no_datetime_holds_are_quarantined_too(text: str) -> None:
    assert len(run({**LEAST, "timestamp": text}).quarantined) == 1


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a#b", "a/b", "a b", "ä", "a%", "", "a" * 129, "a\n"])
def test_val_08_ids_and_types_that_could_make_other_keys_are_refused(value: str) -> None:
    for name in ("event_id", "event_type"):
        assert (error_of({**LEAST, name: value}) or "").startswith(name)


def test_val_08_users_and_experiments_are_text_of_a_length() -> None:
    for name in ("user_id", "experiment_id"):
        assert error_of({**LEAST, name: "é#/ " * 64}) is None
        for value in ("", " ", "\u3000", "a" * 257, "a\x00", "\x85", "\ud800"):
            assert (error_of({**LEAST, name: value}) or "").startswith(name), value
