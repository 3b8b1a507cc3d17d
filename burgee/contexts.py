"""Evaluation contexts from the command line: one as an argument, many from a file. For ``burgee.commands``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from burgee.trouble import UsageError

Context = dict[str, Any]


def read_context(argument: str) -> Context:
    """The context of ``-c``: JSON, ``@FILE``, or ``-`` for standard input. Raises UsageError."""
    return _context(_parse(_text(argument), "the context"), "the context")


def read_contexts(path: str) -> Iterator[Context]:
    """The contexts of a file: a JSON array of objects, or one object a line. Raises UsageError, also while it is read."""
    text = read_text(path)
    if text.lstrip().startswith("["):
        items = _parse(text, path)
        yield from (_context(item, f"{path}, number {number}") for number, item in enumerate(items, 1))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = f"{path}:{number}"
            yield _context(_parse(line, place), place)


def read_text(path: str) -> str:
    """A text file in UTF-8. Raises UsageError."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8") from error


def _text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    return read_text(argument[1:]) if argument.startswith("@") else argument


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON: {error}") from error


def _context(value: Any, place: str) -> Context:
    if not isinstance(value, dict):
        raise UsageError(f'{place}: a context is a JSON object, such as {{"targetingKey": "user-1"}}')
    return value
