"""The event contract: what ``check_event`` takes and refuses, and that schema and page say the same."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers._contract import EVENTS, FIELDS, MAX_DEPTH, MAX_KEYS, check_event, is_text, is_timestamp, schema
from scripts.contract import PAGE, SCHEMA, page_text, schema_text
from tests.handlers.test_events_validate import EVENTS as ANY_EVENT

VALIDATOR = jsonschema.Draft202012Validator(schema())
WHOLE = {
    "event_id": "0123456789abcdef0123456789abcdef",
    "event_type": "purchase",
    "user_id": "customer-1",
    "experiment_id": "exp_1",
    "timestamp": "2026-01-31T23:59:59.123Z",
    "properties": {"revenue": 12.5, "items": [{"id": 1}]},
    "metadata": {"source": "checkout"},
}


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


def both(event: Any) -> str | None:
    """What ``check_event`` says, where the schema must be of the same mind."""
    wrong = check_event(event)
    assert VALIDATOR.is_valid(event) == (wrong is None), wrong
    return wrong


def test_what_is_made_from_the_contract_is_up_to_date() -> None:
    assert SCHEMA.read_text() == schema_text(), "python -m scripts.contract"
    assert PAGE.read_text() == page_text(PAGE.read_text()), "python -m scripts.contract"
    VALIDATOR.check_schema(json.loads(schema_text()))


def test_model_06_three_fields_are_required_and_unknown_ones_ignored() -> None:
    assert both(WHOLE) is None
    least = {name: WHOLE[name] for name in ("event_id", "event_type", "user_id")}
    assert both(least) is None
    assert both({**least, "anything": [1, {"else": None}]}) is None
    for name in least:
        wrong = both({key: value for key, value in WHOLE.items() if key != name})
        assert wrong == f"{name} is missing"
    for name in ("experiment_id", "timestamp", "properties", "metadata"):
        assert both({**WHOLE, name: None}) is None


def test_val_01_an_empty_event_names_all_three() -> None:
    assert both({}) == "event_id, event_type and user_id are missing"
    for value in ([], "x", None, 3):
        assert both(value) == "an event must be an object"


@pytest.mark.parametrize("name", [name for name, *_ in FIELDS])
@pytest.mark.parametrize("value", [1, True, ["x"]])
def test_val_01_a_wrong_type_names_the_field(name: str, value: object) -> None:
    assert (both({**WHOLE, name: value}) or "").startswith(f"{name} must be ")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("event_id", ["a", "A-1_b.c:d", "x" * 128], ["", "x" * 129, "a#b", "a/b", "ä", "a b", "a\n"]),
        ("event_type", ["page_view", "x" * 100], ["", "x" * 101, "a#b", "a\u0000"]),
        (
            "user_id",
            ["a", "ü 🎟", "a#b", "x" * 256, "a\xa0b"],
            ["", " ", "\u3000", "x" * 257, "a\nb", "a\x7f", "\x85", "\ud800"],
        ),
        ("experiment_id", ["a#b", "x" * 256], ["", "x" * 257, "\t"]),
    ],
)
def test_val_08_ids_have_lengths_and_characters(name: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        assert both({**WHOLE, name: value}) is None, value
    for value in bad:
        assert (both({**WHOLE, name: value}) or "").startswith(name), value


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T23:59:59Z", "2026-01-31 23:59:59", "2026-01-31T00:00:00+00:00", "2024-02-29T12:00:00.123456-05:30",
     "2026-01-31T23:59:59.1", "2026-01-31T23:59:59.123456789Z"],
)  # fmt: skip
def test_val_02_moments_that_are_taken(text: str) -> None:
    assert both({**WHOLE, "timestamp": text}) is None


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-31", "2026-01-31T23:59", "2026-01-31T23:59:59z", "2026-01-31T23:59:59.Z", "2026-01-31T23:59:59.1234567891",
     "2026-01-31T23:59:59+0000", "2026-01-31T23:59:59Z ", "+026-01-31T23:59:59Z", "2026-01-31T23:59:59\u0661",
     "2026-01-3\u0661T23:59:59Z", "20260131T235959Z", "x" * 30, "2026-01-31T23:59:59+00:00:00"],
)  # fmt: skip
def test_val_02_moments_that_are_not(text: str) -> None:
    assert both({**WHOLE, "timestamp": text}) == "timestamp must be a moment such as 2026-01-31T23:59:59.123Z"


@pytest.mark.parametrize(
    "text",
    ["2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z",
     "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z",
     "2026-01-01T00:00:00+24:00"],
)  # fmt: skip
def test_val_02_moments_that_no_calendar_has(text: str) -> None:
    """The schema doesn't know how many days a month has."""
    assert not is_timestamp(text)
    assert check_event({**WHOLE, "timestamp": text})
    assert VALIDATOR.is_valid({**WHOLE, "timestamp": text}) == (text[5:10] in ("02-29", "04-31"))


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_val_02_every_moment_that_python_writes_is_taken(moment: Any) -> None:
    text = moment.isoformat()
    seconds = (moment.utcoffset().total_seconds() if moment.utcoffset() else 0) % 60
    assert is_timestamp(text) == (seconds == 0), text


def test_objects_are_bounded() -> None:
    for name in ("properties", "metadata"):
        assert both({**WHOLE, name: {str(number): number for number in range(MAX_KEYS)}}) is None
        assert (
            both({**WHOLE, name: {str(number): number for number in range(MAX_KEYS + 1)}}) == f"{name} has more than 100 keys"
        )
        assert both({**WHOLE, name: {"x" * 257: 1}}) == f"{name} has a name of more than 256 characters"
        assert both({**WHOLE, name: nested(MAX_DEPTH)}) is None
        assert both({**WHOLE, name: nested(MAX_DEPTH + 1)}) == f"{name} is nested deeper than 5 levels"
        assert check_event({**WHOLE, name: nested(900)}) == f"{name} is nested deeper than 5 levels"
        for value, words in (
            (2**63, "an integer of more than 64 bits"),
            (-(2**63) - 1, "an integer of more than 64 bits"),
            (float("nan"), "no double can hold"),
            (float("inf"), "no double can hold"),
            ({1}, "JSON doesn't have"),
        ):
            assert words in (check_event({**WHOLE, name: {"a": [value]}}) or ""), value
        assert check_event({**WHOLE, name: {"a": [2**63 - 1, -(2**63), True, None, 1e300, ""]}}) is None


@given(st.text(max_size=300))
def test_the_schema_and_the_check_agree_on_any_text(text: str) -> None:
    wrong = both({**WHOLE, "user_id": text})
    assert (wrong is None) == is_text(text, 256)
    assert wrong is None or len(text) < 4 or text not in wrong, "no value is quoted"


@given(ANY_EVENT)
@example({**WHOLE, "properties": {"a": [{"b": [{"c": "d"}]}]}})
@example({**WHOLE, "properties": {"a": [{"b": [{"c": []}]}]}})
@example({**WHOLE, "metadata": {"a": [{"b" * 257: 1}]}})
@example({**WHOLE, "timestamp": "2026-02-02T02:40:60Z"})
def test_model_06_the_schema_and_the_check_agree_on_any_event(event: dict[str, Any]) -> None:
    """But for what a schema can't say."""
    read = json.loads(json.dumps(event))
    if "integer of more than 64 bits" not in (check_event(read) or "") and read.get("timestamp") != "2026-02-30T00:00:00Z":
        both(read)


def test_our_own_events_have_all_their_properties() -> None:
    """The schema holds them to it; ``check_event`` doesn't, because anybody may send an event of any type."""
    for kind, rows in EVENTS.items():
        event = {**WHOLE, "event_type": kind, "properties": {}}
        assert check_event(event) is None
        assert not VALIDATOR.is_valid(event)
        assert len(rows) >= 3
