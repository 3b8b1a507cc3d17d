"""What ingest makes of events: msgspec's judgement and the contract's, which must be one, ids, moments, records."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handlers._contract import FIELDS, MAX_EVENT_BYTES, check_event
from handlers._http import MAX_BODY_BYTES
from handlers._ids import BadRequest
from handlers._ingest_events import MAX_EVENTS, One, new_id, read_batch, read_one
from handlers.events.parse import parse
from handlers.events.validate import validate
from tests.handlers.ingesting import purchase

NOW = 1_780_272_000_123_456_789  # 2026-06-01T00:00:00.123Z
LEAST = {"event_type": "page_view", "user_id": "customer-1"}


def one(event: Any) -> One:
    (found,) = read_one(event if isinstance(event, (str, bytes)) else json.dumps(event), NOW)
    return found


def sent(found: One) -> dict[str, Any]:
    """The event in a record."""
    assert found.record is not None
    event: dict[str, Any] = json.loads(base64.b64decode(json.loads(found.record[0])["Data"], validate=True))
    return event


def consumed(found: One) -> dict[str, Any]:
    """The event as the processor's first stages have it; they must neither refuse it nor see another than was sent."""
    assert found.record is not None
    data = json.loads(found.record[0])["Data"]
    kinesis = {"sequenceNumber": "1", "approximateArrivalTimestamp": NOW / 1e9, "data": data, "partitionKey": "-"}
    given: list[Any] = [{"eventID": "shardId-000000000000:1", "kinesis": kinesis}]
    entries, unread = parse(given)
    assert unread == []
    done = validate(entries, given, 10**18)
    assert done.letters == done.duplicates == []
    (entry,) = [*done.valid, *done.quarantined]
    assert entry.event is not None
    known = msgspec.structs.asdict(entry.event)
    return {name: value for name, value in known.items() if value is not None}


# --- ids and moments ------------------------------------------------------------------------------------------------------


def test_evh_05_an_event_without_an_id_gets_one_and_a_moment() -> None:
    found = one(LEAST)
    assert found.event_id is not None
    assert sent(found) == {**LEAST, "event_id": found.event_id, "timestamp": "2026-06-01T00:00:00.123Z"}
    assert found.timestamp == "2026-06-01T00:00:00.123Z"
    assert one({**LEAST, "event_id": None, "timestamp": None}).timestamp == found.timestamp, "null is as good as nothing"


def test_an_event_without_an_id_keeps_its_own_moment() -> None:
    found = one({**LEAST, "timestamp": "2026-05-31 12:00:00"})
    assert sent(found)["timestamp"] == "2026-05-31 12:00:00"
    assert found.timestamp is None


def test_an_event_with_an_id_and_no_moment_is_passed_on_without_one() -> None:
    """Whoever sends it again can't know when it came first: the processor takes its arrival."""
    found = one({**LEAST, "event_id": "a"})
    assert sent(found) == {**LEAST, "event_id": "a"}
    assert found.timestamp is None


def test_new_ids_are_random_uuids() -> None:
    from uuid import RFC_4122, UUID

    made = {new_id() for _ in range(2_000)}
    assert len(made) == 2_000
    for text in made:
        uuid = UUID(text)
        assert (uuid.version, uuid.variant, uuid.hex) == (4, RFC_4122, text)
    assert {text[16] for text in made} == set("89ab")


# --- what a record has ------------------------------------------------------------------------------------------------------


def test_evh_05_a_record_has_the_contracts_fields_and_its_user_as_key() -> None:
    found = one({**purchase(), "password": "hunter2", "n": {"a": [1]}})
    assert found.error is None
    assert sent(found) == purchase(), "members that aren't the contract's stay here"
    assert found.record is not None
    assert json.loads(found.record[0])["PartitionKey"] == "customer-1"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 0.1, 1e308, 5e-324, -0.0, 1.0, True, None, "ß🎟\u2028\x00", [], {}])
def test_values_arrive_as_they_were(value: Any) -> None:
    properties = {"a": value, "b": [value, {"c": value}]}
    assert repr(sent(one({**LEAST, "event_id": "a", "properties": properties}))["properties"]) == repr(properties)


def test_sec_09_no_event_that_fits_into_a_body_is_too_large_for_a_record() -> None:
    """Nothing grows on its way but by what is added here; base64 isn't counted."""
    for character in ("\u00e9", "\\u0001", "\\n", "/", "\U0001f39f", "0,"):
        room = (MAX_BODY_BYTES - 200) // len(character.encode())
        text = f"[{character * room}0]" if character == "0," else f'"{character * room}"'
        found = one(f'{{"event_type":"a","user_id":"{"u" * 100}","properties":{{"a":{text}}}}}')
        assert found.record is not None
        assert found.record[1] <= MAX_EVENT_BYTES


def test_a_user_that_is_too_long_for_a_key_by_any_count_is_hashed_for_it() -> None:
    user = "🎟" * 200
    found = one({**LEAST, "user_id": user})
    assert found.record is not None
    assert len(json.loads(found.record[0])["PartitionKey"]) == 32
    assert sent(found)["user_id"] == user
    usual = one({**LEAST, "user_id": "ü" * 256}).record
    assert usual is not None
    assert json.loads(usual[0])["PartitionKey"] == "ü" * 256


# --- what is wrong ------------------------------------------------------------------------------------------------------------


def test_val_01_the_field_is_named() -> None:
    assert one({}).error == "event_type and user_id are missing"
    assert one({"event_type": "a"}).error == "user_id is missing"
    assert one([]).error == one("3").error == one("null").error == "an event must be an object"
    for name, *_ in FIELDS:
        assert (one({**purchase(), name: 3}).error or "").startswith(f"{name} must be ")


def test_val_08_an_id_is_quoted_only_if_it_is_one() -> None:
    assert one({"event_id": "evt-1", "event_type": "a"}).event_id == "evt-1"
    for wrong in ("a#b", "x" * 129, "", 3, ["x"], "ä"):
        found = one({**LEAST, "event_id": wrong})
        assert found.event_id is None
        assert (found.error or "").startswith("event_id ")


@pytest.mark.parametrize("name", ["properties", "metadata"])
@pytest.mark.parametrize("value", ['{"a":"\\ud800"}', '{"a":["x",{"b":"\\udfff!"}]}', '{"\\ud83d":1}'])
def test_half_a_surrogate_pair_is_refused_because_no_utf_8_has_it(name: str, value: str) -> None:
    body = f'{{"event_id":"a","event_type":"b","user_id":"c","{name}":{value}}}'
    assert one(body).error == f"{name} has half a surrogate pair"
    assert [found.error for found in read_batch(f'[{body},{{"event_type":"a","user_id":"b"}}]', NOW)][1] is None
    ignored = one(body.replace(f'"{name}"', '"ignored"'))
    assert ignored.error is None
    assert sent(ignored) == {"event_id": "a", "event_type": "b", "user_id": "c"}


def test_a_body_of_text_with_half_a_surrogate_pair_is_judged_too() -> None:
    assert one('{"event_type":"a","user_id":"\ud800"}').error == (
        "user_id must not be blank or hold control characters or half a surrogate pair"
    )
    assert one('{"event_type":"a","user_id":"b","properties":{"a":"\ud800"}}').error == "properties has half a surrogate pair"


@pytest.mark.parametrize(
    "body",
    [
        b"", "", " ", "{", '{"event_type":"a"', b"\xff\xfe", b'{"event_type":"a","user_id":"\xff"}', '{"a":1}x', "{'a':1}",
        "NaN", '{"event_type":"a","user_id":"b","x":"\x00"}', "\ufeff{}", '{"event_type":"a","user_id":"b"},', '{"a":01}',
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused_as_a_whole(body: Any) -> None:
    for reading in (read_one, read_batch):
        with pytest.raises(BadRequest, match=r"^the request body (is not JSON in UTF-8|is nested too deep, or holds)"):
            reading(body, NOW)


@pytest.mark.parametrize(
    "bomb",
    [
        '{"a":' * 100_000, "[" * 200_000, '[{"a":' + "[" * 100_000 + "]" * 100_000 + "}]", '{"user_id":' + "9" * 20_000 + "}",
        '[{"event_type":"a","user_id":"b","properties":{"a":' + "9" * 20_000 + "}}]",
        '{"event_type":"a","user_id":"b","x":' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}",
    ],
)  # fmt: skip
def test_sec_09_bombs_are_refused(bomb: str) -> None:
    for reading in (read_one, read_batch):
        with pytest.raises(BadRequest, match=r"^the request body "):
            reading(bomb, NOW)


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1" + "0" * 4_000, "1e400", "-1e999"])
def test_sec_09_a_number_that_nobody_can_hold_refuses_its_event_alone(number: str) -> None:
    good = json.dumps(purchase())
    first, second = read_batch(f'[{{"event_type":"a","user_id":"b","properties":{{"a":{number}}}}},{good}]', NOW)
    assert (first.error or "").startswith("properties has a")
    assert second.error is None
    assert sent(second) == purchase()


# --- batches ------------------------------------------------------------------------------------------------------------------


def test_a_batch_is_a_list_or_an_object_with_one() -> None:
    many = [purchase(number) for number in range(5)]
    for document in (many, {"events": many}, {"events": many, "sent_at": 3}):
        assert [sent(found) for found in read_batch(json.dumps(document), NOW)] == many
    spoiled = [*many, {"event_id": "x"}]
    for document in (spoiled, {"events": spoiled, "sent_at": 3}):
        found = read_batch(json.dumps(document), NOW)
        assert [sent(one) for one in found[:5]] == many, "with a bad one among them they are read another way"
        assert found[5].error == "event_type and user_id are missing"


@pytest.mark.parametrize("document", [{}, {"events": {}}, {"events": None}, 3, None, "x", {"event": []}])
def test_anything_else_is_no_batch(document: Any) -> None:
    with pytest.raises(BadRequest, match="must be a list of events"):
        read_batch(json.dumps(document), NOW)


def test_sec_09_a_batch_has_from_1_to_500_events() -> None:
    assert len(read_batch(json.dumps([LEAST] * MAX_EVENTS), NOW)) == MAX_EVENTS
    assert len(read_batch(json.dumps([3] * MAX_EVENTS), NOW)) == MAX_EVENTS
    for document in ([LEAST] * 501, [3] * 501, {"events": [LEAST] * 501}):
        with pytest.raises(BadRequest, match=r"^events cannot hold more than 500 events$"):
            read_batch(json.dumps(document), NOW)
    for document in ([], {"events": []}):
        with pytest.raises(BadRequest, match=r"^there are no events"):
            read_batch(json.dumps(document), NOW)


def test_val_04_the_second_event_of_an_id_points_to_the_first() -> None:
    bad = purchase(1, user_id=3)
    found = read_batch(json.dumps([bad, purchase(1), purchase(2), purchase(1, properties={"revenue": 99}), purchase(1)]), NOW)
    assert [one.first for one in found] == [None, None, None, found[1], found[1]], "what is refused repeats nothing"
    assert [one.record is not None for one in found] == [False, True, True, False, False]
    assert sent(found[1])["properties"]["revenue"] == 12.5


# --- one judgement ------------------------------------------------------------------------------------------------------------

_TOKENS = st.text("abzAZ09_.:-# /é\n\x00", max_size=6) | st.text("a", min_size=95, max_size=135)
_TEXTS = (
    st.text(st.characters(), max_size=6)
    | st.text("u\u00fc", min_size=250, max_size=260)
    | st.sampled_from([" ", "\x7f", "\ud800", "\u3000"])
)
_MOMENTS = st.text(max_size=3) | st.sampled_from(
    ["2026-01-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-01-31 23:59:59.5+01:00", "2026-01-31", "", "x" * 41,
     "2026-01-31T23:59:59+25:00"]
)  # fmt: skip
_NUMBERS = (
    st.integers(-(2**66), 2**66)
    | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**30])
    | st.floats(allow_nan=False, allow_infinity=False)
)
_LEAVES = st.none() | st.booleans() | _NUMBERS | st.text(max_size=4) | st.just("\ud800")
_KEYS = st.text(max_size=3) | st.sampled_from(["k" * 256, "k" * 257])


def _deep(value: Any, depth: int, kinds: list[bool]) -> Any:
    for index in range(depth):
        value = {"a": value} if kinds[index % len(kinds)] else [value]
    return {"a": value}


_OBJECTS = (
    st.dictionaries(
        _KEYS,
        st.recursive(
            _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=6
        ),
        max_size=3,
    )
    | st.builds(_deep, _LEAVES, st.integers(0, 7), st.lists(st.booleans(), min_size=1, max_size=7))
    | st.integers(98, 103).map(lambda count: {str(number): number for number in range(count)})
)
_ANYTHING = st.none() | st.integers() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
_EVENT = st.fixed_dictionaries(
    {},
    optional={
        "event_id": _TOKENS | _ANYTHING,
        "event_type": st.just("purchase") | _TOKENS | _ANYTHING,
        "user_id": st.just("customer-1") | _TEXTS | _ANYTHING,
        "experiment_id": _TEXTS | _ANYTHING,
        "timestamp": _MOMENTS | _ANYTHING,
        "properties": _OBJECTS | _ANYTHING,
        "metadata": _OBJECTS | _ANYTHING,
        "other": _OBJECTS | _ANYTHING,
    },
)
_NEARLY_GOOD = st.builds(lambda event: {"event_type": "a", "user_id": "b"} | event, _EVENT)


@settings(max_examples=1_500, deadline=None)
@given(event=_EVENT | _NEARLY_GOOD | _ANYTHING, ascii=st.booleans())
@example(event={**LEAST, "properties": {"a": 2**64 - 1}}, ascii=True)
@example(event={**LEAST, "properties": {str(number): 1 for number in range(100)}}, ascii=True)
@example(event={**LEAST, "metadata": {str(number): 1 for number in range(101)}}, ascii=True)
@example(event={**LEAST, "metadata": {"a": [{"k" * 256: 1}]}}, ascii=True)
@example(event={**LEAST, "properties": {"a": [{"k" * 257: 1}]}}, ascii=True)
@example(event={**LEAST, "properties": {"a": {"b": {"c": {"d": {"e": 1}}}}}}, ascii=True)
@example(event={**LEAST, "properties": {"a": {"b": {"c": {"d": {"e": {}}}}}}}, ascii=True)
def test_model_06_msgspec_and_the_contract_are_of_one_mind(event: Any, ascii: bool) -> None:
    """An event alone, one that spoils its batch, one of a batch that another has spoiled: one judgement, one record."""
    text = json.dumps(event, ensure_ascii=ascii)
    known = json.loads(text)
    filled = known
    if isinstance(known, dict) and known.get("event_id") is None:
        filled = {**known, "event_id": "0"}
    wrong = check_event(filled)
    alone, quick = one(text), read_batch(f"[{text}]", NOW)[0]
    spoiled = read_batch(f'[{text},{{"user_id":3}}]', NOW)[0]
    errors = {alone.error, quick.error, spoiled.error}
    if wrong is None and "half a surrogate pair" in (alone.error or ""):
        assert errors <= {"properties has half a surrogate pair", "metadata has half a surrogate pair"}
        assert "\\ud" in json.dumps(event)
        return
    assert errors == {wrong}
    if wrong is None:
        names = {name for name, *_ in FIELDS}
        wanted = {name: value for name, value in known.items() if name in names and value is not None}
        for found in (alone, quick, spoiled):
            put = sent(found)
            assert check_event(put) is None
            assert consumed(found) == put
            assert repr({name: put[name] for name in wanted}) == repr(wanted)
            assert set(put) - set(wanted) <= {"event_id", "timestamp"}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.binary(max_size=40) | st.text('{}[]",:0e-\\u d8"', max_size=40))
def test_sec_09_no_body_makes_it_crash(body: Any) -> None:
    for reading in (read_one, read_batch):
        try:
            found = reading(body, NOW)
        except BadRequest as error:
            assert str(error)
        else:
            assert all(one.error is not None or one.record is not None for one in found)
