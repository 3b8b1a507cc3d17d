"""Named sets of code points: Perl's and POSIX's (ASCII), Unicode's general categories, and case orbits.

The Unicode data are those of the running Python's ``unicodedata``. Used by ``config_sync.regex`` only.
"""

import unicodedata
from bisect import bisect_right
from collections import defaultdict
from functools import lru_cache

from config_sync.regex.syntax import Ranges, negate, union

LAST_CASED = 0x1FFFF  # no code point above it has a case

_DIGIT: Ranges = ((0x30, 0x39),)
_UPPER: Ranges = ((0x41, 0x5A),)
_LOWER: Ranges = ((0x61, 0x7A),)
_ALPHA = union(_UPPER, _LOWER)
_WORD = union(_DIGIT, _ALPHA, ((0x5F, 0x5F),))

PERL: dict[str, Ranges] = {"d": _DIGIT, "s": ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20)), "w": _WORD}
POSIX: dict[str, Ranges] = {
    "alnum": union(_DIGIT, _ALPHA),
    "alpha": _ALPHA,
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
ANY: Ranges = ((0x00, 0x10FFFF),)
NOT_NEWLINE: Ranges = ((0x00, 0x09), (0x0B, 0x10FFFF))


@lru_cache(maxsize=1)
def _categories() -> dict[str, Ranges]:
    """Every general category, and every major class (``L``, ``N``, …), as ranges."""
    runs: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    start, current = 0, unicodedata.category("\0")
    for point in range(1, 0x110000):
        category = unicodedata.category(chr(point))
        if category != current:
            runs[current].append((start, point - 1))
            start, current = point, category
    runs[current].append((start, 0x10FFFF))
    table = {name: tuple(ranges) for name, ranges in runs.items()}
    for major in {name[0] for name in runs}:
        table[major] = union(*(ranges for name, ranges in table.items() if name[0] == major and len(name) == 2))
    return table


def category(name: str) -> Ranges | None:
    """The code points of a general category such as ``Lu`` or ``L``, or of ``Any``; None when there is no such name."""
    return ANY if name == "Any" else _categories().get(name)


def loose_category(name: str) -> Ranges | None:
    """The same by any of the names that Unicode has for it, whatever their case, blanks, hyphens and underscores."""
    name = name.casefold().replace("_", "").replace("-", "").replace(" ", "")
    for prefix in ("gc=", "gc:", "generalcategory=", "generalcategory:"):
        name = name.removeprefix(prefix)
    if name in ("any", "ascii", "assigned"):
        return {"any": ANY, "ascii": POSIX["ascii"]}.get(name) or negate(_categories()["Cn"])
    if name in ("whitespace", "space", "wspace"):
        return unicode_perl("s")
    short = _LONG_NAMES.get(name, name)
    return _categories().get(short[:1].upper() + short[1:])


_LONG_NAMES = {
    "letter": "l", "uppercaseletter": "lu", "lowercaseletter": "ll", "titlecaseletter": "lt", "modifierletter": "lm",
    "otherletter": "lo", "mark": "m", "combiningmark": "m", "nonspacingmark": "mn", "spacingmark": "mc", "enclosingmark": "me",
    "number": "n", "decimalnumber": "nd", "digit": "nd", "letternumber": "nl", "othernumber": "no", "symbol": "s",
    "mathsymbol": "sm", "currencysymbol": "sc", "modifiersymbol": "sk", "othersymbol": "so", "punctuation": "p", "punct": "p",
    "connectorpunctuation": "pc", "dashpunctuation": "pd", "openpunctuation": "ps", "closepunctuation": "pe",
    "initialpunctuation": "pi", "finalpunctuation": "pf", "otherpunctuation": "po", "separator": "z", "spaceseparator": "zs",
    "lineseparator": "zl", "paragraphseparator": "zp", "other": "c", "control": "cc", "cntrl": "cc", "format": "cf",
    "surrogate": "cs", "privateuse": "co", "unassigned": "cn",
}  # fmt: skip


_SPACES = ((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029))
_LETTERLIKE = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))  # alphabetic symbols
_JOINERS = ((0x200C, 0x200D),)


@lru_cache(maxsize=3)
def unicode_perl(letter: str) -> Ranges:
    """``d``, ``s`` and ``w`` as Unicode's annex on regular expressions (UTS #18, Annex C) has them."""
    table = _categories()
    if letter == "d":
        return table["Nd"]
    if letter == "s":
        return union(_SPACES, ((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)))
    return union(*(table[name] for name in ("L", "M", "Nd", "Nl", "Pc")), _LETTERLIKE, _JOINERS)


@lru_cache(maxsize=1)
def _orbits() -> dict[int, tuple[int, ...]]:
    """For each code point that has one, all code points that are the same but for case, itself included.

    Two code points are the same when their full case foldings are: that is simple case folding's relation, including
    the pairs whose full folding is longer than one code point (ß and ẞ).
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for point in range(LAST_CASED + 1):
        groups[chr(point).casefold()].append(point)
    return {point: tuple(group) for group in groups.values() if len(group) > 1 for point in group}


@lru_cache(maxsize=1)
def _cased() -> list[int]:
    return sorted(_orbits())


@lru_cache(maxsize=512)
def fold(ranges: Ranges) -> Ranges:
    """The set together with every code point that differs from a member in case only."""
    orbits, cased = _orbits(), _cased()
    more: set[int] = set()
    for low, high in ranges:
        for point in cased[bisect_right(cased, low - 1) : bisect_right(cased, high)]:
            more.update(orbits[point])
    return union(ranges, tuple((point, point) for point in more)) if more else ranges
