"""JSON text to values and back, for the few places where an evaluation meets JSON. Imported lazily: the cold path stays cold.

Both cores use it: ``parse`` for PATH conditions on strings, ``render`` for a flag set's metadata.
"""

import json
from typing import Any, Final

MAX_CHARACTERS: Final = 65_536
MAX_DEPTH: Final = 64


def parse(text: str) -> Any:
    """The JSON value that the text holds. Raises ValueError, also for NaN and Infinity, long texts and deep nesting."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError("the JSON text is too long")
    _check_depth(text)
    return json.loads(text, parse_constant=_reject)


def render(value: Any) -> str:
    """The value's JSON text, without blanks and without escapes for what needs none."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reject(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _check_depth(text: str) -> None:
    """Counts brackets outside strings, so that the parser's recursion is bounded."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("the JSON text is nested too deep")
        elif character in "]}":
            depth -= 1
