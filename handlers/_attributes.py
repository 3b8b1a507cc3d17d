"""JSON values to DynamoDB's attribute values and back, numbers as decimal text. For ``handlers``.

boto3's own serialiser wants ``Decimal`` and refuses floats, and costs boto3 to import; the service itself takes any number that
is written in decimals. On the cold path: imports ``math``.
"""

from __future__ import annotations

from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Attribute = dict[str, Any]  # {"S": "text"}, {"N": "1.5"}, {"M": {…}}, …

MAX_DEPTH = 31  # DynamoDB takes 32 levels, and the item is one
SMALLEST = 1e-130  # what a DynamoDB number can be; a double goes further both ways
LARGEST = 9.9e125


def to_attribute(value: object, depth: int = 0) -> Attribute:
    """The attribute value of a JSON value; tuples and sets count as lists (a set in the order of its texts).

    A number that DynamoDB can't hold is kept as its text; half a surrogate pair becomes ``?``; a map's entries with an empty
    name, which DynamoDB hasn't, are left out. Raises ValueError for what JSON hasn't (NaN, infinity, an object of some class)
    and for what is nested too deep.
    """
    if isinstance(value, str):
        return {"S": unicode_of(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return _number(value)
    if depth == MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {"M": to_item(value, depth + 1)}
    if isinstance(value, (list, tuple)):
        return {"L": [to_attribute(member, depth + 1) for member in value]}
    if isinstance(value, (set, frozenset)):
        return {"L": [to_attribute(member, depth + 1) for member in sorted(value, key=repr)]}
    return _decimal(value)


def to_item(values: Mapping[str, object], depth: int = 0) -> dict[str, Attribute]:
    """The attributes of a whole item, or of a map in it. Raises ValueError, as ``to_attribute`` does."""
    return {unicode_of(name): to_attribute(value, depth) for name, value in values.items() if name}


def to_plain(attribute: Attribute) -> object:
    """The JSON value of an attribute value: a whole number as an integer, any other as a float; a set as a list.

    Raises ValueError for what isn't an attribute value with a JSON form.
    """
    if type(attribute) is not dict or len(attribute) != 1:
        raise ValueError("not an attribute value")
    ((kind, value),) = attribute.items()
    if kind in ("S", "BOOL"):
        return value
    if kind == "NULL":
        return None
    if kind == "N":
        return plain_number(value)
    if kind == "M":
        return {name: to_plain(member) for name, member in value.items()}
    if kind == "L":
        return [to_plain(member) for member in value]
    if kind == "SS":
        return list(value)
    if kind == "NS":
        return [plain_number(member) for member in value]
    raise ValueError("an attribute value that JSON hasn't")


def plain_number(text: str) -> int | float:
    """The number that a decimal text writes. Raises ValueError."""
    if len(text) <= 40 and text.lstrip("+-").isdigit():
        return int(text)
    number = float(text)
    if not isfinite(number):
        raise ValueError("not a number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def unicode_of(text: str) -> str:
    """The text in UTF-8's reach: JSON can write half of a surrogate pair, no service takes one."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def size_of(attribute: Attribute) -> int:
    """About how many bytes DynamoDB counts for an attribute value, on the safe side."""
    ((kind, value),) = attribute.items()
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + size_of(member) for name, member in value.items())
    if kind == "L":
        return 3 + sum(1 + size_of(member) for member in value)
    return len(value.encode()) + 1


def _number(value: int | float) -> Attribute:
    if isinstance(value, int):
        text = str(value)
        return {"N": text} if len(text) <= 38 else {"S": text}
    size = abs(value)
    if not isfinite(size):
        raise ValueError("not a number that JSON has")
    if not size:
        return {"N": "0"}
    return {"N": repr(value)} if SMALLEST <= size <= LARGEST else {"S": repr(value)}


def _decimal(value: object) -> Attribute:
    """A ``decimal.Decimal``, as boto3's callers have, without importing it; nothing else."""
    if type(value).__name__ == "Decimal" and value.is_finite():  # type: ignore[attr-defined]
        return {"N": str(value)}
    raise ValueError(f"a {type(value).__name__} has no attribute value")
