"""Backslash escapes and bracket expressions: all that denotes a set of code points. Used by ``config_sync.regex`` only."""

from config_sync.regex import charsets
from config_sync.regex.cursor import Cursor
from config_sync.regex.syntax import Ranges, negate, union

_CONTROLS = {"a": 0x07, "f": 0x0C, "t": 0x09, "n": 0x0A, "r": 0x0D, "v": 0x0B}
_OCTAL = frozenset("01234567")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_ADVICE = {
    "Z": "\\Z isn't supported; write \\z for the end of the text",
    "G": "\\G isn't supported: a pattern is matched once",
    "C": "\\C (one byte) isn't supported; write (?s:.) for one character",
    "R": "\\R isn't supported; write (?:\\r\\n|\\n|\\r)",
    "X": "\\X isn't supported; write (?:\\PM\\pM*)",
    "K": "\\K isn't supported: a pattern only matches or doesn't",
    "k": "back-references aren't supported: write out what the group may match",
    "g": "back-references aren't supported: write out what the group may match",
    "h": "\\h isn't supported; write [ \\t]",
    "H": "\\H isn't supported; write [^ \\t]",
    "N": "\\N isn't supported; write [^\\n]",
    "u": "\\u isn't supported; write \\x{...}",
    "U": "\\U isn't supported; write \\x{...}",
    "e": "\\e isn't supported; write \\x1B",
    "E": "\\E without \\Q; remove it",
    "Q": "\\Q isn't supported inside [...]; escape the characters one by one",
    "b": "\\b inside [...] isn't supported; write \\x08 for a backspace",
    "B": "\\B isn't supported inside [...]",
    "A": "\\A isn't supported inside [...]",
    "z": "\\z isn't supported inside [...]",
}


def set_escape(cursor: Cursor, folded: bool) -> Ranges | None:
    """The set of an escape such as ``\\d`` or ``\\p{Lu}`` at the cursor, moving past it; None when it's no such escape."""
    letter = cursor.peek(2)[1:]
    if cursor.peek() != "\\" or not letter:
        return None
    if letter.lower() in charsets.PERL:
        cursor.take(2)
        return _signed(charsets.PERL[letter.lower()], letter.isupper(), folded)
    if letter in "pP":
        return _category(cursor, folded)
    return None


def _signed(ranges: Ranges, negated: bool, folded: bool) -> Ranges:
    """Folding comes before negation: ``(?i)[^a]`` excludes ``A`` too."""
    if folded:
        ranges = charsets.fold(ranges)
    return negate(ranges) if negated else ranges


def _category(cursor: Cursor, folded: bool) -> Ranges:
    start = cursor.position
    negated = cursor.take(2) == "\\P"
    name: str | None = cursor.take_until("}") if cursor.accept("{") else cursor.take()
    if not name:
        cursor.fail("\\p needs a name: \\pL or \\p{Lu}", start)
    if name.startswith("^"):
        negated, name = not negated, name[1:]
    ranges = charsets.category(name)
    if ranges is None:
        advice = "scripts aren't supported: write a range such as [\\x{370}-\\x{3FF}]"
        cursor.refuse(f"no general category is named {name!r}; {advice}", start)
    return _signed(ranges, negated, folded)


def code_point(cursor: Cursor) -> int:
    """The single code point that stands at the cursor, escaped or not, moving past it."""
    start = cursor.position
    character = cursor.take()
    if character != "\\":
        return ord(character)
    letter = cursor.take()
    if letter == "x":
        return _hexadecimal(cursor, start)
    if letter in _OCTAL:
        return _octal(cursor, letter, start)
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter == "_" or (letter.isascii() and letter and not letter.isalnum()):
        return ord(letter)
    if not letter:
        cursor.fail("a backslash ends the pattern; write \\\\ for a backslash", start)
    cursor.fail(_ADVICE.get(letter, f"\\{letter} means nothing here; leave out the backslash"), start)


def _hexadecimal(cursor: Cursor, start: int) -> int:
    braced = cursor.accept("{")
    digits = cursor.take_until("}") if braced else cursor.take(2)
    if not digits or not _HEXADECIMAL.issuperset(digits) or (not braced and len(digits) != 2):
        cursor.fail("\\x needs two hexadecimal digits, or any number of them in braces: \\x7F, \\x{1F600}", start)
    point = int(digits, 16)
    if point > 0x10FFFF:
        cursor.fail("there is no character above \\x{10FFFF}", start)
    return point


def _octal(cursor: Cursor, first: str, start: int) -> int:
    """``\\0`` to ``\\777``; a single digit other than 0 would be a back-reference."""
    digits = first
    while len(digits) < 3 and cursor.peek() in _OCTAL:
        digits += cursor.take()
    if len(digits) == 1 and first != "0":
        cursor.fail("back-references aren't supported: write out what the group may match", start)
    return int(digits, 8)


def bracket(cursor: Cursor, folded: bool) -> Ranges:
    """The set of a bracket expression; the cursor stands at its ``[``."""
    start = cursor.position
    cursor.take()
    negated = cursor.accept("^")
    items: list[Ranges] = []
    while not items or cursor.peek() != "]":  # a ] that comes first is a character
        if cursor.at_end:
            cursor.fail("this [ isn't closed; add a ], or write \\[ for a bracket", start)
        items.append(_item(cursor, folded))
    cursor.take()
    ranges = union(*items)
    return negate(ranges) if negated else ranges


def _item(cursor: Cursor, folded: bool) -> Ranges:
    """One member of a bracket expression: a POSIX class, a set escape, a range or a character."""
    if cursor.peek(2) == "[:":
        named = _posix(cursor, folded)
        if named is not None:
            return named
    ranges = set_escape(cursor, folded)
    return _range(cursor, folded) if ranges is None else ranges


def _posix(cursor: Cursor, folded: bool) -> Ranges | None:
    start = cursor.position
    cursor.take(2)
    name = cursor.take_until(":]")
    if name is None:
        cursor.position = start
        return None
    ranges = charsets.POSIX.get(name.removeprefix("^"))
    if ranges is None:
        cursor.fail(f"there is no class [:{name}:]; known are {', '.join(charsets.POSIX)}", start)
    return _signed(ranges, name.startswith("^"), folded)


def _range(cursor: Cursor, folded: bool) -> Ranges:
    start = cursor.position
    low = high = code_point(cursor)
    if cursor.peek() == "-" and cursor.peek(2) not in ("-", "-]"):
        cursor.take()
        if set_escape(cursor, folded) is not None:
            cursor.fail("a range can't end in a class; write \\- for a hyphen", start)
        high = code_point(cursor)
    if high < low:
        cursor.fail("this range is the wrong way round; write the lower character first", start)
    return charsets.fold(((low, high),)) if folded else ((low, high),)
