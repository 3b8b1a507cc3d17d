"""DynamoDB's attribute values: what JSON holds becomes what boto3 would read back, numbers exactly."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from handlers._attributes import MAX_DEPTH, size_of, to_attribute, to_item, to_plain
from tests.aws import Aws

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def in_reach(value: Any) -> Any:
    """The value as it comes back: what DynamoDB's numbers can't hold is its text, a whole float is an integer."""
    if isinstance(value, dict):
        return {name: in_reach(member) for name, member in value.items()}
    if isinstance(value, list):
        return [in_reach(member) for member in value]
    if isinstance(value, float) and value and not 1e-130 <= abs(value) <= 9.9e125:
        return repr(value)
    return value


@given(JSON)
def test_asg_11_every_json_value_comes_back(value: Any) -> None:
    assert to_plain(to_attribute(value)) == in_reach(value)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_asg_11_boto3_reads_what_is_written(values: dict[str, Any]) -> None:
    def as_floats(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: as_floats(member) for name, member in value.items()}
        if isinstance(value, list):
            return [as_floats(member) for member in value]
        return float(value) if isinstance(value, Decimal) or type(value) in (int, float) else value

    read = {name: TypeDeserializer().deserialize(attribute) for name, attribute in to_item(values).items()}
    assert as_floats(read) == as_floats(in_reach(values))


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (1.5, {"N": "1.5"}),
        (0.1, {"N": "0.1"}),
        (-0.0, {"N": "0"}),
        (1e16, {"N": "1e+16"}),
        (2**63 - 1, {"N": "9223372036854775807"}),
        (True, {"BOOL": True}),
        (None, {"NULL": True}),
        ("", {"S": ""}),
        ({"b", "a"}, {"L": [{"S": "a"}, {"S": "b"}]}),
        (frozenset({2}), {"L": [{"N": "2"}]}),
        ((1, [2.5, ["x"]]), {"L": [{"N": "1"}, {"L": [{"N": "2.5"}, {"L": [{"S": "x"}]}]}]}),
        (set(), {"L": []}),
        (Decimal("19.99"), {"N": "19.99"}),
    ],
)
def test_asg_11_floats_sets_and_nested_lists(value: Any, attribute: dict[str, Any]) -> None:
    assert to_attribute(value) == attribute


@pytest.mark.parametrize("value", [1e300, -1e300, 5e-324, 1e-131, 1e126, 10**38, -(10**40)])
def test_asg_11_a_number_beyond_dynamodbs_is_its_text(value: Any) -> None:
    assert to_attribute(value) == {"S": repr(value)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), object(), b"bytes", Decimal("NaN"), 1j])
def test_what_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|attribute value"):
        to_attribute({"a": [value]})


def test_half_a_surrogate_and_empty_names_do_not_reach_the_service() -> None:
    assert to_attribute(json.loads(r'"a\ud800b"')) == {"S": "a?b"}
    assert to_item({"": 1, "a": {"": 2, "b": 3}}) == {"a": {"M": {"b": {"N": "3"}}}}


def test_depth_is_bounded() -> None:
    deep: Any = "end"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    to_attribute(deep)
    with pytest.raises(ValueError, match="deeper"):
        to_attribute([deep])


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"N": "1.50"}, 1.5),
        ({"N": "3"}, 3),
        ({"N": "3.0"}, 3),
        ({"N": "-7E+2"}, -700),
        ({"NS": ["1", "2.5"]}, [1, 2.5]),
        ({"SS": ["a"]}, ["a"]),
    ],
)
def test_model_09_decimals_become_numbers(attribute: dict[str, Any], value: Any) -> None:
    found = to_plain(attribute)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("attribute", [{}, None, {"X": 1}, {"B": b""}, {"S": "a", "N": "1"}, {"N": "nan"}, {"N": "1e999"}])
def test_what_is_no_attribute_value_is_refused(attribute: Any) -> None:
    with pytest.raises(ValueError, match=r"attribute value|number"):
        to_plain(attribute)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_the_size_is_on_the_safe_side(values: dict[str, Any]) -> None:
    """DynamoDB counts names and texts in UTF-8, a number in at most 21 bytes, and little around them."""
    text_bytes = sum(
        len(name.encode()) + (len(value.encode()) if isinstance(value, str) else 1) for name, value in values.items()
    )
    assert size_of({"M": to_item(values)}) >= text_bytes


def test_asg_11_the_table_takes_it(aws: Aws) -> None:
    table, client = aws.table(), aws.client("dynamodb")
    context = {"f": 1.25, "deep": [[1, [2.5, {"x": None}]], {"y": [True]}], "tiny": 5e-324, "ü": "€", "e": "", "s": {"b", "a"}}
    client.put_item(TableName=table, Item=to_item({"key": "k", "context": context}))
    stored = client.get_item(TableName=table, Key={"key": {"S": "k"}})["Item"]
    assert to_plain(stored["context"]) == context | {"tiny": "5e-324", "s": ["a", "b"]}
