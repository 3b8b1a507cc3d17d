"""The evaluation context at the door: what is let in, what is refused, and with which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._context import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_KEYS, read_context


def ask(context: Any) -> Any:
    return read_context(json.dumps({"context": context}).encode())


def nested(levels: int) -> Any:
    """A value of that many containers inside each other."""
    value: Any = "leaf"
    for level in range(levels):
        value = [value] if level % 2 else {"child": value}
    return value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"context",
        b"[]",
        b"null",
        b"3",
        b"{}",
        b'{"context": null}',
        b'{"context": []}',
        b'{"context": "user-1"}',
        b'{"context": {}} trailing',
        b'{"context": {"a": NaN}}',
        b'{"context": {"a": Infinity}}',
        b'{"context": {"a": -Infinity}}',
        b'{"context": {"a": 1e999}}',
        b'{"context": {"a": "\xff"}}',
        b'\xff\xfe{"context": {}}',
    ],
)
def test_a_body_without_a_usable_context_is_refused_in_words(body: bytes) -> None:
    problem = read_context(body)
    assert isinstance(problem, str)
    assert problem.isprintable()


def test_a_context_comes_through_as_it_is() -> None:
    context = {"targetingKey": "ü/1", "n": None, "i": 3, "f": 1.5, "b": True, "list": [1, {"x": []}], "text": "ß"}
    assert ask(context) == context
    assert read_context(b' \n{"context": {}, "more": [1]}\t') == {}


def test_sec_09_fifty_keys_are_the_limit() -> None:
    assert isinstance(ask({f"k{number}": number for number in range(MAX_KEYS)}), dict)
    assert "50 keys" in ask({f"k{number}": number for number in range(MAX_KEYS + 1)})


def test_sec_09_eight_kilobytes_are_the_limit() -> None:
    empty = len('{"a":""}')
    assert isinstance(ask({"a": "x" * (MAX_BYTES - empty)}), dict)
    assert "8192 bytes" in ask({"a": "x" * (MAX_BYTES - empty + 1)})
    assert "8192 bytes" in ask({"a": "é" * (MAX_BYTES // 2)})


def test_sec_09_the_size_is_the_contexts_own_and_not_the_blanks_around_it() -> None:
    body = json.dumps({"context": {"a": "x"}, "other": "y" * MAX_BYTES}).encode() + b" " * MAX_BYTES
    assert read_context(body) == {"a": "x"}


def test_sec_09_lone_surrogates_are_measured_too() -> None:
    assert isinstance(ask({"a": "\ud800"}), dict)
    assert "8192 bytes" in ask({"a": "\ud800" * MAX_BYTES})


def test_sec_09_five_levels_are_the_limit() -> None:
    assert isinstance(ask({"a": nested(MAX_DEPTH - 1)}), dict)
    assert "5 levels" in ask({"a": nested(MAX_DEPTH)})


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_sec_09_a_json_bomb_is_refused(opening: str) -> None:
    assert read_context(('{"context":{"a":' + opening * 40_000).encode()) == "the request body is not JSON"
    closed = '{"context":{"a":' + opening * 300 + "1" + {"[": "]", '{"a":': "}"}[opening] * 300 + "}}"
    assert "5 levels" in str(read_context(closed.encode()))


@pytest.mark.parametrize("number", [MAX_INTEGER, -MAX_INTEGER - 1, 0, 2**53 + 1])
def test_sec_09_integers_of_64_bits_come_through_exactly(number: int) -> None:
    assert ask({"a": number}) == {"a": number}


@pytest.mark.parametrize("number", [MAX_INTEGER + 1, -MAX_INTEGER - 2, 10**30, -(10**400)])
@pytest.mark.parametrize("wrap", [lambda number: number, lambda number: [[number]], lambda number: {"x": number}])
def test_sec_09_huge_integers_are_refused(number: int, wrap: Any) -> None:
    assert "64 bits" in ask({"a": wrap(number)})


def test_sec_09_integers_of_endless_digits_are_refused_unparsed() -> None:
    assert read_context(b'{"context":{"a":' + b"9" * 200_000 + b"}}") == "the request body is not JSON"


def test_user_id_stands_in_for_a_missing_targeting_key() -> None:
    assert ask({"user_id": "u1"}) == {"user_id": "u1", "targetingKey": "u1"}
    assert ask({"user_id": "u1", "targetingKey": None}) == {"user_id": "u1", "targetingKey": "u1"}
    assert ask({"user_id": "u1", "targetingKey": "t1"}) == {"user_id": "u1", "targetingKey": "t1"}
    assert ask({"user_id": "u1", "targetingKey": ""}) == {"user_id": "u1", "targetingKey": ""}
    assert ask({"user_id": 7}) == {"user_id": 7}


def test_a_null_targeting_key_is_a_missing_one() -> None:
    assert ask({"targetingKey": None, "plan": "pro"}) == {"plan": "pro"}


@pytest.mark.parametrize("key", [1, 1.5, True, ["u"], {"id": "u"}])
def test_a_targeting_key_that_is_no_string_is_refused(key: Any) -> None:
    assert ask({"targetingKey": key}) == "the context's targetingKey must be a string"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_context_or_words(body: bytes) -> None:
    assert isinstance(read_context(body), dict | str)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=60))
def test_any_json_gives_a_context_or_words(context: dict[str, Any]) -> None:
    assert isinstance(ask(context), dict | str)
