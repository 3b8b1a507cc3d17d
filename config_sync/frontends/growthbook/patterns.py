"""JavaScript's regular expressions (without the u flag, ECMA-262 with annex B) as patterns of ``config_sync.regex``.

Both search. What differs is spelled out: every literal as its code point, every class as its ranges, case by JavaScript's own
table. Characters beyond U+FFFF count as one, not as two halves. Used by the growthbook front end only.
"""

from collections import defaultdict
from functools import lru_cache

Ranges = tuple[tuple[int, int], ...]

_DIGITS: Ranges = ((0x30, 0x39),)
_WORDS: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Ranges = (
    (0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_CONTROLS = {"f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
_OCTAL = "01234567"
_HEXADECIMAL = "0123456789abcdefABCDEF"


class Invalid(Exception):
    """JavaScript refuses the pattern, so that it matches nothing."""


class Unsupported(Exception):
    """JavaScript takes it, but no automaton can; the message says what it is."""


def translate(pattern: str, ignore_case: bool = False) -> str:
    """The pattern in the syntax of ``config_sync.regex``. Raises Invalid and Unsupported."""
    return _Reader(pattern, ignore_case).read()


class _Reader:
    """Recursive descent over the grammar of Pattern, from left to right."""

    def __init__(self, text: str, ignore_case: bool) -> None:
        self.text = text
        self.at = 0
        self.ignore_case = ignore_case
        self.groups = _groups_in(text)
        self.names: set[str] = set()
        self.depth = 0

    def read(self) -> str:
        found = self.alternatives()
        if self.at < len(self.text):
            raise Invalid("unmatched )")
        return found

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def take(self, count: int = 1) -> str:
        found = self.peek(count)
        self.at += count
        return found

    def accept(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def alternatives(self) -> str:
        self.depth += 1
        if self.depth > 100:
            raise Unsupported("groups nested more than 100 deep")
        branches = [self.alternative()]
        while self.accept("|"):
            branches.append(self.alternative())
        self.depth -= 1
        return "|".join(branches)

    def alternative(self) -> str:
        parts: list[str] = []
        while self.at < len(self.text) and self.peek() not in "|)":
            atom, repeatable = self.term()
            parts.append(atom + self.repeat(repeatable))
        return "".join(parts)

    def repeat(self, repeatable: bool) -> str:
        """The quantifier after an atom, if there is one."""
        found = self.take() if self.peek() and self.peek() in "*+?" else self.counted()
        if found and not repeatable:
            raise Invalid("nothing to repeat")
        if found:
            self.accept("?")
        return found

    def counted(self) -> str:
        """``{n}``, ``{n,}``, ``{n,m}``; anything else that begins with a brace is literal."""
        if self.peek() != "{":
            return ""
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_decimal(low) or (high and not _is_decimal(high)):
            return ""
        if high and int(high) < int(low):
            raise Invalid("numbers out of order in a quantifier")
        self.at = end + 1
        return f"{{{int(low)}{comma}{int(high) if high else ''}}}"

    def term(self) -> tuple[str, bool]:
        """An assertion or an atom, and whether it may be repeated."""
        character = self.peek()
        if character in "^$":
            return self.take(), False
        if character == "(":
            return self.group(), True
        if character in "*+?" or (character == "{" and self.counted()):
            raise Invalid("nothing to repeat")
        if character == ".":
            self.take()
            return _set(_negated(_LINE_ENDS)), True
        if character == "[":
            return self.bracket(), True
        if character == "\\":
            return self.escape()
        return self.literal(ord(self.take())), True

    def literal(self, point: int) -> str:
        return _set(_folded(((point, point),)) if self.ignore_case else ((point, point),))

    def group(self) -> str:
        self.take()
        if self.accept("?"):
            self.open_group()
        inside = self.alternatives()
        if not self.accept(")"):
            raise Invalid("unterminated group")
        return f"(?:{inside})"

    def open_group(self) -> None:
        """What follows ``(?``."""
        if self.peek() in ("=", "!") or self.peek(2) in ("<=", "<!"):
            raise Unsupported("look-around")
        if self.accept(":"):
            return
        if not self.accept("<"):
            if self.peek() in ("i", "m", "s", "-"):
                raise Unsupported("a modifier such as (?i:…)")
            raise Invalid("invalid group")
        end = self.text.find(">", self.at)
        name = self.text[self.at : max(end, 0)]
        if end < 0 or not name.replace("$", "_").isidentifier():
            raise Invalid("invalid capture group name")
        if name in self.names:
            raise Unsupported("two groups of one name")
        self.names.add(name)
        self.at = end + 1

    # --- escapes ------------------------------------------------------------------------------------------------------

    def escape(self) -> tuple[str, bool]:
        letter = self.peek(2)[1:]
        if not letter:
            raise Invalid("\\ at the end of the pattern")
        if letter in "bB":
            return self.take(2), False
        if letter in "123456789" and self.is_reference():
            raise Unsupported("a back-reference")
        if letter == "k" and "<" in self.groups:
            raise Unsupported("a back-reference")
        found = self.class_escape()
        if found is None:
            return self.literal(self.point(in_class=False)), True
        return _set(_folded(found) if self.ignore_case else found), True

    def is_reference(self) -> bool:
        """Whether the digits at the cursor number a group; else they are octal, or themselves."""
        digits = ""
        while self.text[self.at + 1 + len(digits) : self.at + 2 + len(digits)] in tuple("0123456789"):
            digits += self.text[self.at + 1 + len(digits)]
        return len(digits) > 6 or int(digits) <= self.groups.count("(")

    def class_escape(self) -> Ranges | None:
        letter = self.peek(2)[1:]
        ranges = _CLASSES.get(letter.lower()) if letter else None
        if ranges is None:
            return None
        self.take(2)
        return _negated(ranges) if letter.isupper() else ranges

    def point(self, in_class: bool) -> int:
        """The code point that an escape at the cursor stands for."""
        self.take()
        letter = self.take()
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter == "b" and in_class:
            return 0x08
        if letter == "c":
            return self.control(in_class)
        if letter in "xu":
            return self.hexadecimal(2 if letter == "x" else 4, letter)
        return self.octal(letter) if letter in _OCTAL else ord(letter)

    def control(self, in_class: bool) -> int:
        following = self.peek()
        if following.isascii() and (
            following.isalpha() or (in_class and following and (following.isdigit() or following == "_"))
        ):
            return ord(self.take()) % 32
        self.at -= 1
        return ord("\\")

    def hexadecimal(self, count: int, letter: str) -> int:
        digits = self.peek(count)
        if len(digits) < count or any(digit not in _HEXADECIMAL for digit in digits):
            return ord(letter)
        point = int(self.take(count), 16)
        if 0xD800 <= point <= 0xDFFF:
            low = self.peek(6)
            if point < 0xDC00 and low[:2] == "\\u" and len(low) == 6 and all(digit in _HEXADECIMAL for digit in low[2:]):
                second = int(low[2:], 16)
                if 0xDC00 <= second <= 0xDFFF:
                    self.take(6)
                    return 0x10000 + ((point - 0xD800) << 10) + second - 0xDC00
            raise Unsupported("half of a surrogate pair")
        return point

    def octal(self, digits: str) -> int:
        """Annex B's legacy octal escapes, up to 255."""
        while len(digits) < 3 and self.peek() and self.peek() in _OCTAL and int(digits + self.peek(), 8) <= 0xFF:
            digits += self.take()
        return int(digits, 8)

    # --- classes ------------------------------------------------------------------------------------------------------

    def bracket(self) -> str:
        self.take()
        negated = self.accept("^")
        ranges: Ranges = ()
        while not self.accept("]"):
            if self.at >= len(self.text):
                raise Invalid("unterminated character class")
            ranges += self.class_range()
        if self.ignore_case:
            ranges = _folded(_united(ranges))
        return _set(_negated(_united(ranges)) if negated else _united(ranges))

    def class_range(self) -> Ranges:
        """One member of a class, or a range of them; a dash beside a set is itself."""
        first = self.class_atom()
        if self.peek() != "-" or self.peek(2) in ("-", "-]"):
            return first
        self.take()
        if self.at >= len(self.text):
            raise Invalid("unterminated character class")
        last = self.class_atom()
        if len(first) != 1 or len(last) != 1 or first[0][0] != first[0][1] or last[0][0] != last[0][1]:
            return (*first, (0x2D, 0x2D), *last)
        if first[0][0] > last[0][0]:
            raise Invalid("range out of order in a character class")
        return ((first[0][0], last[0][0]),)

    def class_atom(self) -> Ranges:
        if self.peek() != "\\":
            point = ord(self.take())
        else:
            if len(self.peek(2)) < 2:
                raise Invalid("\\ at the end of the pattern")
            found = self.class_escape()
            if found is not None:
                return found
            point = self.point(in_class=True)
        return ((point, point),)


def _groups_in(text: str) -> str:
    """A ``(`` for each capturing group, with a ``<`` behind those that have a name."""
    found, at, in_class = "", 0, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character == "(":
            named = text[at + 1 : at + 3] == "?<" and text[at + 3 : at + 4] not in ("=", "!")
            found += "(<" if named else "(" if text[at + 1 : at + 2] != "?" else ""
        at += 1
    return found


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


# --- sets of code points ----------------------------------------------------------------------------------------------


def _united(ranges: Ranges) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _negated(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for first, last in _united(ranges):
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return (*found, (start, 0x10FFFF)) if start <= 0x10FFFF else tuple(found)


def _set(ranges: Ranges) -> str:
    """As ``config_sync.regex`` writes it; the empty set is what isn't any character."""
    if not ranges:
        return r"[^\x{0}-\x{10FFFF}]"
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _character(ranges[0][0])
    inside = (_character(first) if first == last else f"{_character(first)}-{_character(last)}" for first, last in ranges)
    return f"[{''.join(inside)}]"


def _character(point: int) -> str:
    """A letter, a digit, or what means nothing but itself as it is; everything else by its number."""
    character = chr(point)
    if character.isascii() and (character.isalnum() or character in " _/@,;:'\"<>=!#%&~`"):
        return character
    if character.isascii() and character.isprintable():
        return "\\" + character
    return character if point > 0xFF and character.isalpha() else rf"\x{{{point:X}}}"


@lru_cache(maxsize=1)
def _cases() -> dict[int, tuple[int, ...]]:
    """Characters that JavaScript's ``i`` takes for the same: their upper case is one and the same code unit, ASCII apart."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for point in range(0x10000):
        upper = chr(point).upper()
        ascii_only = len(upper) == 1 and point >= 0x80 and ord(upper) < 0x80
        groups[ord(upper) if len(upper) == 1 and ord(upper) < 0x10000 and not ascii_only else point].append(point)
    return {point: tuple(group) for group in groups.values() if len(group) > 1 for point in group}


def _folded(ranges: Ranges) -> Ranges:
    """The set and whatever differs from a member in case only."""
    more = {other for point, group in _cases().items() if any(a <= point <= b for a, b in ranges) for other in group}
    return _united((*ranges, *((point, point) for point in more)))
