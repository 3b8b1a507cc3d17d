"""The evaluation context at the door: parsed, bounded and normalised before the evaluator sees it (requirement SEC-09).

For handlers. On the cold path: imports ``json`` only. The standard library's parser, not orjson: orjson reads an average
context 2.4 µs faster but costs 17 ms to import (it pulls in dataclasses, inspect and uuid), and it turns an integer beyond 64
bits into a float before anybody can refuse it.
"""

from __future__ import annotations

from json.decoder import JSONDecodeError, JSONDecoder

from handlers._http import most_bytes, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

MAX_KEYS = 50  # in the context itself
MAX_BYTES = 8 * 1024  # of the context as compact JSON in UTF-8; a whole body within it isn't measured again
MAX_DEPTH = 5  # nested maps and lists, the context itself being the first
MAX_INTEGER = 2**63 - 1
_INFINITY = float("inf")

Context = dict[str, object]


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


# NaN and Infinity aren't JSON. The scanner is the C part of ``decode``, which looks for white space with expressions around it.
_scan: Callable[[str, int], tuple[Any, int]] = JSONDecoder(parse_constant=_refuse_constant).scan_once  # type: ignore[attr-defined]
_WHITE_SPACE = " \t\n\r"


class NotJson(ValueError):
    """A text that isn't JSON at all, or bytes that aren't UTF-8."""


class Unbearable(ValueError):
    """JSON that nobody should read: nested without end, integers of thousands of digits, NaN and its like."""


def parse(text: str | bytes) -> object:
    """The value of a JSON text. Raises NotJson and Unbearable."""
    try:
        if isinstance(text, bytes):
            text = text.decode()
        if text[:1] != "{":
            text = text.strip(_WHITE_SPACE)
        found, end = _scan(text, 0)
    except (StopIteration, JSONDecodeError, UnicodeDecodeError) as error:
        raise NotJson from error
    except (ValueError, RecursionError) as error:
        raise Unbearable from error
    if end != len(text) and text[end:].strip(_WHITE_SPACE):
        raise NotJson
    return found


def read_context(body: str | bytes) -> Context | str:
    """The context of an evaluation request ``{"context": {…}}``, or the sentence that says why it can't be used.

    ``user_id`` stands in for a missing ``targetingKey``. A null ``targetingKey`` is a missing one.
    """
    try:
        document = parse(body)
    except ValueError:
        return "the request body is not JSON"
    context = document.get("context") if type(document) is dict else None
    if type(context) is not dict:
        return "the request body needs a context, and that must be an object"
    return check(context, most_bytes(body)) or _with_targeting_key(context)


def check(context: Context, body_bytes: int) -> str | None:
    """The sentence that says why a context is refused; None if it isn't. ``body_bytes``: at least as many as it came in."""
    if len(context) > MAX_KEYS:
        return f"the context has more than {MAX_KEYS} keys"
    if problem := _check_children(context.values(), 1):
        return problem
    if body_bytes > MAX_BYTES and _bytes_of(context) > MAX_BYTES:
        return f"the context is larger than {MAX_BYTES} bytes"
    return None


def _bytes_of(context: Context) -> int:
    return len(to_json(context).encode("utf-8", "surrogatepass"))


def _check_children(values: Iterable[Any], depth: int) -> str | None:
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is int:
            if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
                return "the context has an integer of more than 64 bits"
        elif kind is float:
            if value in (_INFINITY, -_INFINITY):
                return "the context has a number that no double can hold"
        elif kind is dict or kind is list:
            if depth == MAX_DEPTH:
                return f"the context is nested deeper than {MAX_DEPTH} levels"
            if problem := _check_children(value.values() if kind is dict else value, depth + 1):
                return problem
    return None


def _with_targeting_key(context: Context) -> Context | str:
    key = context.get("targetingKey")
    if key is not None:
        return context if type(key) is str else "the context's targetingKey must be a string"
    context.pop("targetingKey", None)
    alias = context.get("user_id")
    if type(alias) is str:
        context["targetingKey"] = alias
    return context
