"""Data as YAML 1.2 that people like to read and that ``config_sync.sources`` reads back as it was. For ``config_sync.convert``.

What fits on a line is written on one; long lists of scalars fill lines; everything else is a block. A string is plain only if
no reader could take it for something else. Keys keep their order.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

WIDTH = 120
_LONGEST_KEY = 900  # characters; a parser need not look further than 1,024 for the colon of a plain pair
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+$-]*(?: [A-Za-z0-9_./@+$-]+)*")
_TAKEN = {"true", "false", "null"}  # in any case: a word that means a value


def yaml_text(data: dict[str, Any], open_levels: int = 2) -> str:
    """A document. The ``open_levels`` levels of mappings below the root are blocks even if they are short, and so are lists of
    mappings right below them."""
    return "\n".join(_mapping(data, "", open_levels)) + "\n"


# --- blocks -----------------------------------------------------------------------------------------------------------


def _mapping(data: dict[str, Any], indent: str, open_levels: int) -> Iterator[str]:
    for key, value in data.items():
        text = _scalar(key)
        if len(text) > _LONGEST_KEY:
            yield f"{indent}? {text}"
            yield from _entry(f"{indent}:", value, indent, open_levels)
        else:
            yield from _entry(f"{indent}{text}:", value, indent, open_levels)


def _entry(head: str, value: Any, indent: str, open_levels: int) -> Iterator[str]:
    """A key with its value, or a dash with its item."""
    opened = bool(value) and (open_levels > 0 if isinstance(value, dict) else open_levels == 0 and _has_mappings(value))
    flow = "" if opened else f"{head} {_flow(value)}"
    if flow and (len(flow) <= WIDTH or not isinstance(value, (dict, list)) or not value):
        yield flow
        return
    inner = indent + "  "
    yield head
    if isinstance(value, dict):
        yield from _mapping(value, inner, open_levels - 1)
    elif all(not isinstance(item, (dict, list)) for item in value):
        yield from _filled(value, inner)
    else:
        for item in value:
            yield from _item(item, inner)


def _has_mappings(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _item(item: Any, indent: str) -> Iterator[str]:
    """One item of a list, beginning on the dash's own line."""
    flow = f"{indent}- {_flow(item)}"
    if len(flow) <= WIDTH or not isinstance(item, (dict, list)) or not item:
        yield flow
    elif isinstance(item, dict):
        lines = _mapping(item, indent + "  ", -1)
        yield f"{indent}- {next(lines).lstrip(' ')}"
        yield from lines
    else:
        yield from _entry(f"{indent}-", item, indent, -1)


def _filled(items: Iterable[Any], indent: str) -> Iterator[str]:
    """A list of scalars over as many lines as it takes."""
    line = ""
    yield f"{indent}["
    for item in items:
        text = _scalar(item) + ","
        if line and len(indent) + len(line) + len(text) + 3 > WIDTH:
            yield f"{indent}  {line}"
            line = ""
        line += f" {text}" if line else text
    yield f"{indent}  {line}"
    yield f"{indent}]"


# --- on one line ------------------------------------------------------------------------------------------------------


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _flow_key(key: str) -> str:
    text = _scalar(key)
    return f"? {text} " if len(text) > _LONGEST_KEY else text


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN else quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def quoted(text: str) -> str:
    """In double quotes, with an escape for whatever can't be seen."""
    return "".join(part if part.isprintable() else _escaped(part) for part in json.dumps(text, ensure_ascii=False))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
