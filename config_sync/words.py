"""The words of the native dialect's exact forms, and their codes: the ONE table (docs/dialects/native.md, section 9).

Families that the opcode table names take their words from there, in lower case: a new hash, space, unit, reason or node has
its word the moment it has its code. Only what reads better under another name, and mode bits, which mean different things to
different operators, have lines here. Used by the native front end, which reads them, and by ``config_sync.convert``.
"""

from collections.abc import Mapping
from typing import NamedTuple

from config_sync import ir
from evaluator.snapshot import opcodes as codes


def _family(prefix: str, *without: str, **spelled: str) -> Mapping[str, int]:
    """Word → code of every constant whose name begins so, but for ``without``; ``spelled`` gives some another word."""
    found = {name[len(prefix) :].lower(): code for name, code in vars(codes).items() if name.startswith(prefix)}
    return {spelled.get(word, word): code for word, code in found.items() if word not in without}


# JSONLogic's own spelling, and flagd's, of the nodes that they have.
_JSONLOGIC = {
    "variable": "var",
    "not": "!",
    "truth": "!!",
    "equal": "==",
    "not_equal": "!=",
    "same": "===",
    "not_same": "!==",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "concatenate": "cat",
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "modulo": "%",
    "minimum": "min",
    "maximum": "max",
    "no": "none",
    "substring": "substr",
    "version": "sem_ver",
}

HASHES = _family("HASH_", "last")
SPACES = _family("SPACE_", "last")
UNITS = _family("UNIT_", "last")
ENDS = _family("ON_", "last")
CONVERSIONS = _family("ATTRIBUTE_AS_")
REASONS = _family("REASON_", "first_error", "last")
NODES = _family("NODE_", "last", **_JSONLOGIC)
COMPARISONS = _family("CMP_", "mask", le="lte", ge="gte")
TRUTHS: Mapping[bool | str, int] = {False: ir.FALSE, True: ir.TRUE, "unknown": ir.UNKNOWN}


class Mode(NamedTuple):
    """A bit of a test's mode, and the operators that it says something to (None: all)."""

    bit: int
    operators: tuple[str, ...] | None


_NUMBERS = ("less", "less_equal", "greater", "greater_equal")
_TEXTS = ("contains", "starts_with", "ends_with", "matches")
_TIMES = ("time", "window")
_VERSIONS = ("version",)
_CONTAINERS = ("contains_all", "contains_any")
_VALUES = ("equal", "order", "within", *_CONTAINERS)

MODES: dict[str, Mode] = {
    "each": Mode(codes.MODE_EACH, None),
    "coerce_text": Mode(codes.MODE_COERCE_TEXT, _NUMBERS),
    "exact_text": Mode(codes.MODE_EXACT_TEXT, _NUMBERS),
    "casefold": Mode(codes.MODE_CASEFOLD, _TEXTS),
    "decimal": Mode(codes.MODE_DECIMAL, _TEXTS),
    "rust_syntax": Mode(codes.MODE_RUST_SYNTAX, ("matches",)),
    "text_only": Mode(codes.MODE_TEXT_ONLY, _TEXTS),
    "instant_milliseconds": Mode(codes.MODE_INSTANT_MILLISECONDS, _TIMES),
    "instant_rfc3339": Mode(codes.MODE_INSTANT_RFC3339, _TIMES),
    "boolean_number": Mode(codes.MODE_BOOLEAN_NUMBER, _VALUES),
    "container": Mode(codes.MODE_CONTAINER, _CONTAINERS),
    "lowercase": Mode(codes.MODE_LOWERCASE, ("contains", "starts_with", "ends_with")),
    "instant_full": Mode(codes.MODE_INSTANT_FULL, _TIMES),
    "from_end": Mode(codes.MODE_FROM_END, ("digest",)),
    "version_prefix": Mode(codes.MODE_VERSION_PREFIX, _VERSIONS),
    "version_partial": Mode(codes.MODE_VERSION_PARTIAL, _VERSIONS),
    "version_same_minor": Mode(codes.MODE_VERSION_SAME_MINOR, _VERSIONS),
    "version_same_major": Mode(codes.MODE_VERSION_SAME_MAJOR, _VERSIONS),
    "members": Mode(codes.MODE_MEMBERS, ()),  # of a variable, whose mode is written as a number
}


def word_of(family: Mapping[str, int], code: int) -> str:
    """The word of a code. Raises KeyError: the opcode table doesn't have it."""
    for word, known in family.items():
        if known == code:
            return word
    raise KeyError(code)


def mode_words(operator: str, mode: int) -> list[str | int]:
    """The words of a test's mode bits, and what is left of them, if anything, as a number."""
    words: list[str | int] = []
    for word, known in MODES.items():
        if mode & known.bit and (known.operators is None or operator in known.operators):
            words.append(word)
            mode &= ~known.bit
    return [*words, mode] if mode else words
