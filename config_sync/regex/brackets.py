"""Bracket expressions: sets of code points, in Rust's syntax inside each other too. Used by ``config_sync.regex`` only."""

from collections.abc import Callable

from config_sync.regex import charsets
from config_sync.regex.cursor import Cursor
from config_sync.regex.escapes import Reading, code_point, set_escape, signed
from config_sync.regex.limits import MAX_PATTERN_DEPTH
from config_sync.regex.syntax import Ranges, intersect, negate, union

_UNCLOSED = "this [ isn't closed; add a ], or write \\[ for a bracket"


def _without(left: Ranges, right: Ranges) -> Ranges:
    return intersect(left, negate(right))


def _either(left: Ranges, right: Ranges) -> Ranges:
    return union(_without(left, right), _without(right, left))


_OPERATORS: dict[str, Callable[[Ranges, Ranges], Ranges]] = {"&&": intersect, "--": _without, "~~": _either}


def bracket(cursor: Cursor, how: Reading, depth: int = 0) -> Ranges:
    """The set of a bracket expression; the cursor stands at its ``[``."""
    start = cursor.position
    if depth > MAX_PATTERN_DEPTH:
        cursor.fail(f"sets may nest {MAX_PATTERN_DEPTH} deep", start)
    cursor.take()
    negated = cursor.accept("^")
    ranges = _nested(cursor, how, start, depth) if how.rust else _flat(cursor, how, start)
    cursor.take()
    return negate(ranges) if negated else ranges


def _flat(cursor: Cursor, how: Reading, start: int) -> Ranges:
    items: list[Ranges] = []
    while not items or cursor.peek() != "]":  # a ] that comes first is a character
        if cursor.at_end:
            cursor.fail(_UNCLOSED, start)
        items.append(_item(cursor, how))
    return union(*items)


def _nested(cursor: Cursor, how: Reading, start: int, depth: int) -> Ranges:
    """Sets in a row are united; the operators between them apply from left to right."""
    done: Ranges = ()
    operator: Callable[[Ranges, Ranges], Ranges] = union
    items = _openers(cursor, how)
    while True:
        _skip_blanks(cursor, how)
        if cursor.at_end:
            cursor.fail(_UNCLOSED, start)
        if cursor.peek() == "]":
            return operator(done, union(*items))
        if cursor.peek(2) in _OPERATORS:
            done, operator, items = operator(done, union(*items)), _OPERATORS[cursor.take(2)], []
            continue
        nested = cursor.peek() == "[" and not _is_posix(cursor)
        items.append(bracket(cursor, how, depth + 1) if nested else _item(cursor, how))


def _openers(cursor: Cursor, how: Reading) -> list[Ranges]:
    """Hyphens that come first are characters, and so is a ] that does."""
    items: list[Ranges] = []
    _skip_blanks(cursor, how)
    while cursor.accept("-"):
        items.append(((0x2D, 0x2D),))
        _skip_blanks(cursor, how)
    return [((0x5D, 0x5D),)] if not items and cursor.accept("]") else items


def _is_posix(cursor: Cursor) -> bool:
    """Whether a POSIX class stands here; in Rust's syntax, other names make a set of their characters."""
    end = cursor.text.find(":]", cursor.position)
    name = cursor.text[cursor.position + 2 : end] if end >= 0 and cursor.peek(2) == "[:" else ""
    return name.removeprefix("^") in charsets.POSIX


def _skip_blanks(cursor: Cursor, how: Reading) -> None:
    if how.verbose:
        cursor.skip_blanks()


def _item(cursor: Cursor, how: Reading) -> Ranges:
    """One member of a bracket expression: a POSIX class, a set escape, a range or a character."""
    if cursor.peek(2) == "[:":
        named = _posix(cursor, how)
        if named is not None:
            return named
    start = cursor.position
    ranges = set_escape(cursor, how)
    if ranges is not None and how.rust and cursor.peek() == "-" and cursor.peek(2) not in ("-", "--", "-]"):
        cursor.fail("a range can't begin with a class; write \\- for a hyphen", start)
    return _range(cursor, how) if ranges is None else ranges


def _posix(cursor: Cursor, how: Reading) -> Ranges | None:
    start = cursor.position
    cursor.take(2)
    name = cursor.take_until(":]")
    if name is None:
        cursor.position = start
        return None
    ranges = charsets.POSIX.get(name.removeprefix("^"))
    if ranges is None:
        cursor.fail(f"there is no class [:{name}:]; known are {', '.join(charsets.POSIX)}", start)
    return signed(ranges, name.startswith("^"), how)


def _range(cursor: Cursor, how: Reading) -> Ranges:
    start = cursor.position
    low = high = code_point(cursor, how)
    _skip_blanks(cursor, how)
    if cursor.peek() == "-" and cursor.peek(2) not in ("-", "-]") and not (how.rust and cursor.peek(2) == "--"):
        cursor.take()
        _skip_blanks(cursor, how)
        if set_escape(cursor, how) is not None:
            cursor.fail("a range can't end in a class; write \\- for a hyphen", start)
        high = code_point(cursor, how)
    if high < low:
        cursor.fail("this range is the wrong way round; write the lower character first", start)
    return charsets.fold(((low, high),)) if how.folded else ((low, high),)
