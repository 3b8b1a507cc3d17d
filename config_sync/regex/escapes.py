"""Backslash escapes: all that denotes a code point or a set of them. Used by ``config_sync.regex`` only."""

from typing import NamedTuple

from config_sync.regex import charsets
from config_sync.regex.cursor import Cursor
from config_sync.regex.syntax import Ranges, negate

_CONTROLS = {"a": 0x07, "f": 0x0C, "t": 0x09, "n": 0x0A, "r": 0x0D, "v": 0x0B}
_OCTAL = frozenset("01234567")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_FIXED = {"x": 2, "u": 4, "U": 8}  # hexadecimal digits of an escape without braces
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
    "Q": "\\Q isn't supported here; escape the characters one by one",
    "b": "\\b inside [...] isn't supported; write \\x08 for a backspace",
    "B": "\\B isn't supported inside [...]",
    "A": "\\A isn't supported inside [...]",
    "z": "\\z isn't supported inside [...]",
}


class Reading(NamedTuple):
    """How a piece of a pattern is read: without case; classes Unicode's; escapes and sets as in Rust; blanks ignored."""

    folded: bool = False
    unicode: bool = False
    rust: bool = False
    verbose: bool = False


def set_escape(cursor: Cursor, how: Reading) -> Ranges | None:
    """The set of an escape such as ``\\d`` or ``\\p{Lu}`` at the cursor, moving past it; None when it's no such escape."""
    letter = cursor.peek(2)[1:]
    if cursor.peek() != "\\" or not letter:
        return None
    name = letter.lower()
    if name in charsets.PERL:
        cursor.take(2)
        ranges = charsets.unicode_perl(name) if how.unicode else charsets.PERL[name]
        return signed(ranges, letter.isupper(), how)
    if letter in "pP":
        return _category(cursor, how)
    return None


def signed(ranges: Ranges, negated: bool, how: Reading) -> Ranges:
    """Folding comes before negation: ``(?i)[^a]`` excludes ``A`` too."""
    if how.folded:
        ranges = charsets.fold(ranges)
    return negate(ranges) if negated else ranges


def _category(cursor: Cursor, how: Reading) -> Ranges:
    start = cursor.position
    negated = cursor.take(2) == "\\P"
    name: str | None = cursor.take_until("}") if cursor.accept("{") else cursor.take()
    if not name:
        cursor.fail("\\p needs a name: \\pL or \\p{Lu}", start)
    if name.startswith("^") and not how.rust:
        negated, name = not negated, name[1:]
    ranges = charsets.loose_category(name) if how.rust else charsets.category(name)
    if ranges is None:
        advice = "scripts aren't supported: write a range such as [\\x{370}-\\x{3FF}]"
        cursor.refuse(f"no general category is named {name!r}; {advice}", start)
    return signed(ranges, negated, how)


def code_point(cursor: Cursor, how: Reading) -> int:
    """The single code point that stands at the cursor, escaped or not, moving past it."""
    start = cursor.position
    character = cursor.take()
    if character != "\\":
        return ord(character)
    letter = cursor.take()
    if letter == "x" or (how.rust and letter in ("u", "U")):
        return _hexadecimal(cursor, _FIXED[letter], start)
    if letter in _OCTAL and not (how.rust and letter):
        return _octal(cursor, letter, start)
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    if letter == "_" or (letter.isascii() and letter and not letter.isalnum()):
        return ord(letter)
    if not letter:
        cursor.fail("a backslash ends the pattern; write \\\\ for a backslash", start)
    if letter.isdigit() and how.rust:
        cursor.fail("back-references aren't supported: write out what the group may match", start)
    cursor.fail(_ADVICE.get(letter, f"\\{letter} means nothing here; leave out the backslash"), start)


def _hexadecimal(cursor: Cursor, width: int, start: int) -> int:
    braced = cursor.accept("{")
    digits = cursor.take_until("}") if braced else cursor.take(width)
    if not digits or not _HEXADECIMAL.issuperset(digits) or (not braced and len(digits) != width):
        shown = cursor.text[start : start + 2]
        cursor.fail(f"{shown} needs {width} hexadecimal digits, or any number of them in braces: \\x7F, \\x{{1F600}}", start)
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
