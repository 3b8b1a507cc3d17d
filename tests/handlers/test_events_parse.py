"""The processor's first stage: records to entries, and letters for what can't be read."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._contract import MAX_EVENT_BYTES
from handlers.events.model import Event
from handlers.events.parse import KINDS, KPL_MAGIC, STAGE, parse
from tests.handlers.streams import AT, kinesis

LEAST = {"event_id": "e-1", "event_type": "purchase", "user_id": "user-1"}


def one(data: Any) -> tuple[Any, str]:
    """The entry of a batch of one, or None; and the letter's text, or nothing."""
    entries, letters = parse([kinesis(1, data)])
    assert len(entries) + len(letters) == 1
    return (entries[0] if entries else None), (letters[0].error if letters else "")


def with_data(text: Any) -> dict[str, Any]:
    record = kinesis(1, b"")
    record["kinesis"]["data"] = text
    return record


def test_par_01_base64_utf8_and_json_are_read_in_order_and_nothing_is_lost() -> None:
    deep = {"a": [1, 2.5, None, True, {"b": {"c": "ä€😀"}}], "ключ": "значение"}
    events = [{**LEAST, "event_id": f"e-{number}", "properties": deep, "metadata": {"n": number}} for number in range(20)]
    raw = [json.dumps(event, ensure_ascii=number % 2 == 0).encode() for number, event in enumerate(events)]
    entries, letters = parse([kinesis(number, data) for number, data in enumerate(raw)])
    assert not letters
    assert [entry.event for entry in entries] == [
        Event(f"e-{number}", "purchase", "user-1", None, None, deep, {"n": number}) for number in range(20)
    ]
    assert [entry.data for entry in entries] == raw


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("utf8_decode_error", b'{"event_id":"\xff"}'),
        ("utf8_decode_error", json.dumps({**LEAST, "extra": "x"}).encode().replace(b'"x"', b'"\xc3\x28"')),
        ("json_parse_error", b"{"),
        ("json_parse_error", b""),
        ("json_parse_error", b"\xef\xbb\xbf{}"),
        ("json_parse_error", b"secret"),
        ("json_parse_error", json.dumps(LEAST).encode() + b"{}"),
        ("json_parse_error", b"[" * 200_000),
        ("kpl_aggregated", KPL_MAGIC + b"\x0a\x06secret" + b"\0" * 16),
        ("kpl_aggregated", KPL_MAGIC),
        ("too_large", json.dumps({**LEAST, "x": "s" * MAX_EVENT_BYTES}).encode()),
    ],
)
def test_par_02_each_kind_is_told_with_the_sequence_number(kind: str, data: bytes) -> None:
    entries, letters = parse([kinesis(1, LEAST), kinesis(77, data), kinesis(78, LEAST)])
    assert [entry.sequence for entry in entries] == ["1", "78"], "a bad record doesn't stop the others"
    assert [entry.place for entry in entries] == [0, 2]
    (letter,) = letters
    assert (letter.sequence, letter.stage) == ("77", STAGE)
    assert letter.record["kinesis"]["sequenceNumber"] == "77"
    assert letter.error.startswith(f"{kind}: ") and kind in KINDS
    assert "secret" not in letter.error and len(letter.error) < 200


@pytest.mark.parametrize("text", ["%%%", "YWJj\nYWJj", "YWJjYWJj=", "YWJj====", "YWJ", "=", "äöü", " e30=", "e30=e30="])
def test_par_02_what_is_no_base64_is_told_so(text: str) -> None:
    entries, letters = parse([with_data(text)])
    assert not entries
    assert letters[0].error == "base64_decode_error: the record isn't base64"


def test_par_02_what_is_no_record_of_kinesis_is_unexpected() -> None:
    broken: list[dict[str, Any]] = []
    for name in ("data", "approximateArrivalTimestamp"):
        record = kinesis(1, LEAST)
        del record["kinesis"][name]
        broken.append(record)
    for at in ("now", None, float("nan"), float("inf"), -1.0):
        broken.append(kinesis(1, LEAST, at=at))  # type: ignore[arg-type]
    broken += [with_data(None), with_data(7), with_data({}), {**kinesis(1, LEAST), "eventID": None}]
    entries, letters = parse(broken)
    assert not entries
    assert len(letters) == len(broken)
    assert all(letter.error.startswith("unexpected_error: ") for letter in letters), letters


def test_par_03_bad_records_are_left_out_or_raise() -> None:
    records = [kinesis(1, LEAST), kinesis(2, b"{"), kinesis(3, b"\xff")]
    entries, letters = parse(records, skip_errors=True)
    assert ([entry.sequence for entry in entries], [letter.sequence for letter in letters]) == (["1"], ["2", "3"])
    with pytest.raises(ValueError, match=r"^json_parse_error: "):
        parse(records, skip_errors=False)
    assert len(parse(records[:1], skip_errors=False)[0]) == 1


@pytest.mark.parametrize("records", [[], None])
def test_par_03_no_records_are_no_entries(records: Any) -> None:
    assert parse(records) == ([], [])


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null", "true", "1.5"])
def test_par_04_what_is_no_object_is_an_error(text: str) -> None:
    assert one(text.encode()) == (None, "json_parse_error: the record isn't a JSON object")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("where", ["properties", "anything"])
def test_par_04_nan_and_infinity_are_none_of_jsons(text: str, where: str) -> None:
    data = json.dumps({**LEAST, where: {"revenue": "HERE"}}).replace('"HERE"', text)
    assert one(data.encode()) == (None, "json_parse_error: the record isn't JSON")


def test_par_04_a_record_of_exactly_one_mebibyte_is_read() -> None:
    room = MAX_EVENT_BYTES - len(json.dumps({**LEAST, "x": ""}).encode())
    entry, error = one(json.dumps({**LEAST, "x": "y" * room}).encode())
    assert error == "" and len(entry.data) == MAX_EVENT_BYTES
    assert one(json.dumps({**LEAST, "x": "y" * (room + 1)}).encode())[1].startswith("too_large: ")


def test_par_05_an_entry_has_its_sequence_shard_place_and_arrival() -> None:
    records = [kinesis(1, LEAST, at=AT + 0.001), kinesis(2, b"{"), kinesis(3, LEAST, "shardId-000000000006", AT + 12.3456)]
    entries, _ = parse(records)
    assert [(entry.place, entry.sequence, entry.shard, entry.arrived_ms) for entry in entries] == [
        (0, "1", "shardId-000000000000", AT * 1_000 + 1),
        (2, "3", "shardId-000000000006", AT * 1_000 + 12_346),
    ]


def test_par_06_aggregated_records_are_refused_with_the_remedy() -> None:
    _, error = one(KPL_MAGIC + b"\x0a\x01a" + b"\0" * 16)
    assert error.startswith("kpl_aggregated: ")
    assert "switch its aggregation off (AggregationEnabled=false)" in error


def test_an_object_that_is_no_event_is_left_to_validate() -> None:
    for event in ({}, {**LEAST, "user_id": 7}, {**LEAST, "properties": {"n": 2**63}}, {**LEAST, "timestamp": "x" * 41}):
        entry, error = one(event)
        assert error == "" and entry.event is None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=60) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_par_02_whatever_comes_becomes_one_entry_or_one_letter_of_a_known_kind(data: bytes) -> None:
    entry, error = one(data)
    if entry is None:
        assert error.partition(":")[0] in KINDS
    else:
        assert isinstance(json.loads(data), dict)


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: b64encode(raw).decode()))
def test_par_02_whatever_the_data_member_says_nothing_is_raised(text: str) -> None:
    entries, letters = parse([with_data(text)])
    assert len(entries) + len(letters) == 1
