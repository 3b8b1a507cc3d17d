"""Value expressions, JSONLogic and what the cores have besides, as they are written. Used by the native front end only.

A scalar is itself; a list is a list of expressions; ``{operator: arguments}`` is a node, its arguments a list, or a single one.
``{constant: …}`` is any JSON value as it stands. A second key ``mode`` gives a node's flavour.
"""

from typing import Any

from config_sync.frontends.native.reading import Notes, described, did_you_mean
from config_sync.ir import Expression, Origin
from config_sync.words import NODES
from evaluator.snapshot import opcodes as codes

CONSTANT = next(word for word, code in NODES.items() if code == codes.NODE_CONSTANT)


def expression(data: Any, origin: Origin, notes: Notes) -> Expression | None:
    """The expression; None, noted, if it is none."""
    if isinstance(data, list):
        return _node(codes.NODE_LIST, data, 0, origin, notes)
    if not isinstance(data, dict):
        return Expression(codes.NODE_CONSTANT, value=data)
    words = [word for word in data if word != "mode"]
    if len(words) != 1:
        message = f"an expression has one operator, not {len(words)}"
        notes.error("BAD-EXPRESSION", message, origin, "for a mapping as a value write {constant: {…}}")
        return None
    return _operator(words[0], data[words[0]], data.get("mode", 0), origin, notes)


def _operator(word: str, arguments: Any, mode: Any, origin: Origin, notes: Notes) -> Expression | None:
    code = NODES.get(word)
    if code is None:
        hint = did_you_mean(word, NODES) or "see docs/dialects/native.md, section 9"
        notes.error("BAD-EXPRESSION", f"there is no operator {word!r} for expressions", origin, hint)
        return None
    if type(mode) is not int or not 0 <= mode < 256:
        notes.error("BAD-EXPRESSION", f"a mode is a number from 0 to 255, not {described(mode)}", origin.child("mode"))
        return None
    if word == CONSTANT:
        return Expression(code, value=arguments, mode=mode)
    return _node(code, arguments, mode, origin.child(word), notes)


def _node(code: int, arguments: Any, mode: int, origin: Origin, notes: Notes) -> Expression | None:
    if not isinstance(arguments, list):
        child = expression(arguments, origin, notes)
        return None if child is None else Expression(code, (child,), mode=mode)
    children = [expression(item, origin.child(index), notes) for index, item in enumerate(arguments)]
    found = tuple(child for child in children if child is not None)
    return Expression(code, found, mode=mode) if len(found) == len(children) else None
