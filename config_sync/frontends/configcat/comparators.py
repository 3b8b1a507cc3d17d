"""User conditions: ConfigCat's 36 comparators as tests. Used by the ConfigCat front end only.

A condition that can't be evaluated (no such attribute, or one of the wrong kind) makes its rule be skipped, whatever its
comparator denies: every test is *unknown* then.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.configcat.reading import Malformed, Notes, choice, number, text, texts
from config_sync.ir import Attribute, Condition, Origin, Test
from evaluator.snapshot import opcodes as codes

_HASH = re.compile("[0-9a-f]{64}")
_VERSION = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)


def attribute(name: str, convert: int, empty_is_missing: bool = True) -> Attribute:
    """An attribute of the User Object. ``Identifier`` is the targeting key where the context has none of that name."""
    key = Attribute("targetingKey", empty_is_missing=empty_is_missing, convert=convert) if name == "Identifier" else None
    return Attribute(name, fallback=key, empty_is_missing=empty_is_missing, convert=convert)


class Asked(NamedTuple):
    """A user condition on its way: its data and place, the attribute's name, whether the comparator denies, and the salt."""

    data: dict[Any, Any]
    origin: Origin
    notes: Notes
    name: str
    negative: bool
    salt: str

    def test(self, operator: str, convert: int, operand: Any, mode: int = 0, compare: int = 0) -> Test:
        """The affirmative test; unknown where it can't be asked."""
        where = attribute(self.name, convert)
        return Test(operator, where, operand, compare, mode, False, ir.UNKNOWN, ir.UNKNOWN, self.origin)

    def values(self) -> list[str]:
        return texts(self.data, "l", "the values compared with", self.origin)

    def value(self) -> str:
        return text(self.data, "s", "the value compared with", self.origin)


def user_condition(data: dict[Any, Any], salt: str, origin: Origin, notes: Notes) -> Condition:
    """The condition on one attribute. ``salt``: what is hashed after a value. Raises Malformed."""
    name = text(data, "a", "the attribute compared", origin)
    if not name:
        raise Malformed("INVALID-ATTRIBUTE", "the attribute compared ('a') has no name", origin)
    read, negative = _COMPARATORS[choice(data, "c", "a comparator", len(_COMPARATORS), origin)]
    asked = Asked(data, origin, notes, name, negative, salt)
    condition = read(asked)
    return ir.Not(condition) if negative else condition


# --- text -------------------------------------------------------------------------------------------------------------


def _equals(asked: Asked) -> Condition:
    return asked.test("equal", codes.ATTRIBUTE_AS_TEXT, asked.value())


def _one_of(asked: Asked) -> Condition:
    values = asked.values()
    if len(values) == 1:
        return asked.test("equal", codes.ATTRIBUTE_AS_TEXT, values[0])
    return asked.test("one_of", codes.ATTRIBUTE_AS_TEXT, tuple(values))


def _any_text(operator: str) -> Callable[[Asked], Condition]:
    def read(asked: Asked) -> Condition:
        values = asked.values()
        if not values:
            return _never(asked, codes.ATTRIBUTE_AS_TEXT)
        return _any([asked.test(operator, codes.ATTRIBUTE_AS_TEXT, value) for value in values])

    return read


def _array(asked: Asked) -> Condition:
    return asked.test("contains_any", codes.ATTRIBUTE_AS_TEXTS, tuple(asked.values()))


def _any(tests: list[Test]) -> Condition:
    return tests[0] if len(tests) == 1 else ir.Any_(tuple(tests))


def _never(asked: Asked, convert: int) -> Condition:
    """False where there is a value at all: a comparison with nothing."""
    return ir.Not(asked.test("exists", convert, None))


# --- versions, numbers, instants --------------------------------------------------------------------------------------


def _version_in(asked: Asked) -> Condition:
    """Blank values are left out; any other that is no version makes the comparison impossible."""
    versions = [value.strip() for value in asked.values() if value.strip()]
    if not versions:
        return _never(asked, codes.ATTRIBUTE_AS_TEXT)
    wrong = [_version(asked, codes.CMP_EQ, value) for value in versions if not _is_version(asked, value)]
    return wrong[0] if wrong else _any([_version(asked, codes.CMP_EQ, value) for value in versions])


def _version_order(compare: int) -> Callable[[Asked], Condition]:
    def read(asked: Asked) -> Condition:
        value = asked.value().strip()
        _is_version(asked, value)
        return _version(asked, compare, value)

    return read


def _version(asked: Asked, compare: int, value: str) -> Test:
    return asked.test("version", codes.ATTRIBUTE_AS_TRIMMED_TEXT, value, compare=compare)


def _is_version(asked: Asked, value: str) -> bool:
    found = _VERSION.fullmatch(value) is not None
    if not found:
        message = f"{value!r:.80} is no semantic version, so the rule never applies"
        asked.notes.warning("INVALID-VERSION", message, asked.origin, "write it as major.minor.patch")
    return found


def _number_order(operator: str, convert: int = codes.ATTRIBUTE_AS_NUMBER) -> Callable[[Asked], Condition]:
    """Both sides are doubles."""

    def read(asked: Asked) -> Condition:
        operand = number(asked.data.get("d"), "the value compared with ('d')", asked.origin)
        return asked.test(operator, convert, float(operand))

    return read


# --- confidential comparators -----------------------------------------------------------------------------------------


def _hashed_equals(asked: Asked) -> Condition:
    return _digests(asked, codes.ATTRIBUTE_AS_TEXT, [(None, asked.value())])


def _hashed_one_of(convert: int) -> Callable[[Asked], Condition]:
    def read(asked: Asked) -> Condition:
        return _digests(asked, convert, [(None, value) for value in asked.values()])

    return read


def _hashed_affix(mode: int) -> Callable[[Asked], Condition]:
    """``<bytes>_<hash>`` each; the last 0 bytes are all of them."""

    def read(asked: Asked) -> Condition:
        found: list[tuple[int | None, str]] = []
        for value in asked.values():
            length, _, digest = value.partition("_")
            try:
                size = int(length)
            except ValueError:
                size = -1
            if size < 0:
                message = f"{value!r:.80} isn't a number of bytes and a hash"
                raise Malformed("INVALID-OPERAND", message, asked.origin, "write it as 5_0a1b…, or publish the config anew")
            found.append((None if size == 0 and mode else size, digest))
        return _digests(asked, codes.ATTRIBUTE_AS_TEXT, found, mode)

    return read


def _digests(asked: Asked, convert: int, parts: list[tuple[int | None, str]], mode: int = 0) -> Condition:
    items = []
    for length, digest in parts:
        if _HASH.fullmatch(digest):
            items.append((length, bytes.fromhex(digest)))
        else:
            message = f"{digest!r:.80} is no SHA-256 in lower-case hexadecimal, so nothing equals it"
            asked.notes.warning("INVALID-HASH", message, asked.origin, "publish the config anew")
    long_parts = [length for length, _ in items if length is not None and length >= codes.DIGEST_WHOLE]
    items = [item for item in items if item[0] not in long_parts]  # no value has so many bytes
    return asked.test("digest", convert, ir.Digests(asked.salt, tuple(items)), mode)


_STARTS, _ENDS = _any_text("starts_with"), _any_text("ends_with")
_NUMBERS = [_number_order(name) for name in ("equal", "less", "less_equal", "greater", "greater_equal")]
_HASHED_TEXT, _HASHED_ARRAY = _hashed_one_of(codes.ATTRIBUTE_AS_TEXT), _hashed_one_of(codes.ATTRIBUTE_AS_TEXTS)
_SECONDS = codes.ATTRIBUTE_AS_SECONDS
_Pair = tuple[Callable[[Asked], Condition], bool]


def _both(read: Callable[[Asked], Condition]) -> tuple[_Pair, _Pair]:
    """A comparator and its denial, whose codes follow each other."""
    return (read, False), (read, True)


_COMPARATORS: tuple[_Pair, ...] = (
    *_both(_one_of),  # 0
    *_both(_any_text("contains")),
    *_both(_version_in),  # 4
    *((_version_order(compare), False) for compare in (codes.CMP_LT, codes.CMP_LE, codes.CMP_GT, codes.CMP_GE)),
    *_both(_NUMBERS[0]),  # 10
    *((read, False) for read in _NUMBERS[1:]),
    *_both(_HASHED_TEXT),  # 16
    (_number_order("less", _SECONDS), False),
    (_number_order("greater", _SECONDS), False),
    *_both(_hashed_equals),  # 20
    *_both(_hashed_affix(0)),
    *_both(_hashed_affix(codes.MODE_FROM_END)),
    *_both(_HASHED_ARRAY),  # 26
    *_both(_equals),
    *_both(_STARTS),  # 30
    *_both(_ENDS),
    *_both(_array),  # 34
)
