"""Random projects as IR: every operator, hash, space, unit, outcome and reason that a snapshot can hold. For the parity tests.

Everything is drawn from the ``Random`` handed in, so that hypothesis can shrink what it finds.
"""

import hashlib
from random import Random
from typing import Any

from config_sync import ir
from evaluator.snapshot import opcodes as codes
from tests.parity import values
from tests.parity.expressions import expression

Metadata = dict[str, bool | int | float | str]

PATTERNS = ("US", "^user-", "[0-9]+$", "a|b", "^$", "(?:pro|team)", "\\d{4}-\\d{2}", ".", "ß", "[^a-z]")
ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
COMPARISONS = range(codes.CMP_EQ, codes.CMP_GE + 1)
VERSION_MODES = (
    0,
    codes.MODE_VERSION_PREFIX,
    codes.MODE_VERSION_PARTIAL,
    24,
    codes.MODE_VERSION_SAME_MINOR,
    24 | codes.MODE_VERSION_SAME_MAJOR,
    96,
)
VERSIONS = ("1.2.3", "1.2.3-alpha.2", "1.10.0", "0.0.0", "99999999999999999999.0.0")
FLAG_METADATA: Metadata = {"owner": "team", "weight": 1.5, "count": 3, "live": True}
SET_METADATA: Metadata = {"set": "parity", "version": 3}
INSTANT = 1_706_000_000_000_000
REASONS = (
    *range(codes.REASON_STATIC, codes.REASON_HELD_OUT + 1),
    codes.REASON_TARGETING_MATCH,
    codes.REASON_SPLIT,
    codes.REASON_GENERAL,
)
NARROW_SPACES: dict[int, tuple[int, ...]] = {
    codes.HASH_MD5_INTEGER: (codes.SPACE_MODULO,),
    codes.HASH_SHA1_28: (codes.SPACE_FULL, codes.SPACE_MODULO),
    codes.HASH_SHA1_60: (codes.SPACE_FULL, codes.SPACE_MODULO),
}
CONVERSIONS = range(codes.ATTRIBUTE_AS_TEXT, codes.ATTRIBUTE_LAST_CONVERSION + 1, codes.ATTRIBUTE_AS_TEXT)
PATHS: tuple[tuple[str | int, ...], ...] = (
    (),
    (),
    (),
    ("user", "name"),
    ("list", 0, "name"),
    ("user", "list", 1),
    ("user", 5),
    ("list", "name"),
    ("user", ""),
)


def attribute(chance: Random, depth: int = 2) -> ir.Attribute:
    fallback = attribute(chance, depth - 1) if depth and not chance.randrange(6) else None
    name = chance.choice(("a", "b", "c", "d", "targetingKey", "user", "list", "absent", "user.name"))
    convert = 0 if chance.randrange(3) else chance.choice(CONVERSIONS)
    lacking = not chance.randrange(5), not chance.randrange(5)
    if chance.randrange(4):
        return ir.Attribute(name, chance.choice(PATHS), fallback, *lacking, convert)
    texts = ("US", "pro", "user-00000001", "", "1")
    guard = (attribute(chance, 0), chance.choice(texts), not chance.randrange(2)) if chance.randrange(3) else None
    return ir.Attribute(name, chance.choice(PATHS), fallback, *lacking, convert, not chance.randrange(3), guard)


def _instant(chance: Random) -> int:
    return chance.choice((INSTANT, INSTANT + 1, 0, 1_709_208_000_000_000, 1_704_067_200_000_000, -5, 2**62))


def _window(chance: Random) -> ir.Window:
    days = tuple(sorted(chance.sample(range(7), chance.randrange(8))))
    minutes = (chance.randrange(1440), chance.randrange(1440)) if chance.randrange(2) else None
    dates = (19_000, chance.choice((19_700, 19_745, 30_000))) if chance.randrange(2) else None
    absolute = (0, _instant(chance)) if not chance.randrange(3) else None
    return ir.Window(days, minutes, dates, absolute, chance.choice(ZONES))


def _number(chance: Random) -> Any:
    return chance.choice((*values.INTEGERS, *values.FLOATS, 18, 18, 1.5))


def _listed(chance: Random) -> tuple[Any, ...]:
    kind = chance.randrange(6)
    if kind == 0:
        return tuple(chance.sample(values.MANY, 30))
    if kind == 1:
        return tuple(chance.sample(values.INTEGERS, 5))
    if kind == 2:
        return tuple(chance.sample(values.FLOATS, 5))
    if kind == 3:
        return tuple(chance.sample(values.TEXTS, 20))
    return tuple(values.scalar(chance) for _ in range(chance.randrange(5)))


def _operand(chance: Random, operator: str) -> Any:
    """An operand of the kind that ``ir.Test`` documents for the operator."""
    if operator == "equal":
        return values.json_value(chance)
    if operator == "one_of":
        return _listed(chance)
    if operator in ("less", "less_equal", "greater", "greater_equal"):
        return _number(chance)
    if operator in ("contains", "starts_with", "ends_with"):
        return chance.choice((*values.TEXTS[:24], "world", "user-", "1", "true", "ss"))
    return _rarer_operand(chance, operator)


def _rarer_operand(chance: Random, operator: str) -> Any:
    if operator == "matches":
        return chance.choice(PATTERNS)
    if operator in ("time", "now"):
        return _instant(chance)
    if operator == "version":
        return chance.choice(VERSIONS)
    if operator == "length":
        return chance.choice((0, 1, 2, 3, 8, -1))
    if operator == "distance":
        return ir.Place(
            chance.choice((52.5, 0.0, 90.0)),
            chance.choice((13.4, 180.0, -180.0)),
            chance.choice((0.0, 50.0, 2e4)),
            chance.choice((1.0, 1.609344)),
        )
    if operator == "window":
        return _window(chance)
    if operator == "order":
        numbers = (18, 1, 0, 2**63, -5, *values.FLOATS)
        listed = [values.json_value(chance, 1) for _ in range(3)]
        return chance.choice((chance.choice(numbers), chance.choice(values.TEXTS), listed))
    if operator == "within" and chance.randrange(2):
        return chance.choice((*values.TEXTS[:24], "hello world", "user-00000001, user-00000002"))
    if operator == "modulo":
        first = chance.randrange(-1, 4)
        return chance.choice((1, 2, 3, 100, 2**53 + 1, 2**63 - 1)), first, first + chance.choice((0, 1, 50, 2**62))
    if operator in ("contains_all", "contains_any", "within"):
        return tuple(values.json_value(chance, 1) for _ in range(chance.randrange(4)))
    if operator == "path":
        return chance.choice((("a", "b", 0), ("b", 0), (0,), ("c", "d"), ("a",), (1, "b"))), values.json_value(chance, 1)
    if operator == "digest":
        return _digests(chance)
    if operator == "in_network":
        return tuple(_network(chance) for _ in range(chance.randrange(4)))
    return None  # exists


def _network(chance: Random) -> ir.Network:
    if chance.randrange(2):
        return ir.Network(4, chance.choice((0x0A010203, 0xC0A80000, 0)), chance.choice((0, 8, 16, 24, 31, 32)))
    return ir.Network(
        6, chance.choice((0x20010DB8 << 96 | 1, 1, 0xFFFF0A010203)), chance.choice((0, 1, 32, 63, 64, 65, 96, 127, 128))
    )


def _digests(chance: Random) -> ir.Digests:
    """Of whole texts that contexts hold, and of their beginnings and ends."""
    salt = chance.choice(("", "salt", "ß" * 40))
    items = []
    for _ in range(chance.randrange(5)):
        text = chance.choice((*values.TEXTS, "1.5", "NaN", "True")).encode()
        length = chance.choice((None, None, 0, 1, 2, 5, 200))
        part = text if length is None else chance.choice((text[:length], text[-length:] if length else b""))
        items.append((length, hashlib.sha256(part + salt.encode()).digest()))
    return ir.Digests(salt, tuple(items))


def _mode(chance: Random, operator: str) -> int:
    if operator == "digest":
        return chance.choice((0, codes.MODE_FROM_END))
    if operator in ("less", "less_equal", "greater", "greater_equal"):
        return chance.choice((0, codes.MODE_COERCE_TEXT, codes.MODE_COERCE_TEXT | codes.MODE_EXACT_TEXT))
    if operator in ("contains", "starts_with", "ends_with"):
        return chance.choice(
            (0, codes.MODE_CASEFOLD, codes.MODE_LOWERCASE, codes.MODE_DECIMAL, codes.MODE_DECIMAL | 1)
        ) | chance.choice((0, codes.MODE_TEXT_ONLY))
    if operator == "matches":
        return chance.choice((0, codes.MODE_CASEFOLD, codes.MODE_DECIMAL)) | chance.choice((0, codes.MODE_TEXT_ONLY))
    if operator in ("equal", "order", "within", "contains_all", "contains_any"):
        container = codes.MODE_CONTAINER if operator.startswith("contains") else 0
        return chance.choice((0, codes.MODE_BOOLEAN_NUMBER, container, codes.MODE_BOOLEAN_NUMBER | container))
    if operator in ("time", "window"):
        return chance.choice((0, codes.MODE_INSTANT_FULL, codes.MODE_INSTANT_RFC3339)) | chance.choice(
            (0, codes.MODE_INSTANT_MILLISECONDS)
        )
    return chance.choice(VERSION_MODES) if operator == "version" else 0


OPERATORS = (
    "equal", "equal", "one_of", "one_of", "less", "less_equal", "greater", "greater_equal", "contains", "starts_with",
    "ends_with", "matches", "time", "version", "length", "distance", "window", "now", "contains_all", "contains_any",
    "path", "exists", "order", "within", "modulo", "in_network", "digest", "digest",
)  # fmt: skip


def check(chance: Random) -> ir.Test:
    """One operator on one attribute."""
    operator = chance.choice(OPERATORS)
    mode, operand = _mode(chance, operator), _operand(chance, operator)
    if operator in ("contains", "starts_with", "ends_with"):
        operand = (
            operand.casefold() if mode & codes.MODE_CASEFOLD else operand.lower() if mode & codes.MODE_LOWERCASE else operand
        )
    if operator not in ("now", "window") and not chance.randrange(3):
        mode |= codes.MODE_EACH
    truths = (ir.FALSE, ir.FALSE, ir.TRUE, ir.UNKNOWN)
    return ir.Test(
        operator,
        None if operator == "now" else attribute(chance),
        operand,
        chance.choice(COMPARISONS),
        mode,
        not chance.randrange(4),
        chance.choice(truths),
        chance.choice(truths),
        text_only=operator == "version" and not chance.randrange(2),
    )


def bucketing(chance: Random) -> ir.Bucketing:
    """Any hash with any space that goes with it."""
    kind = chance.choice((*range(1, codes.HASH_LAST + 1), codes.HASH_MURMUR3_32))
    space = chance.choice(NARROW_SPACES.get(kind, range(codes.SPACE_LAST + 1)))
    unit = chance.choice([unit for unit in range(codes.UNIT_LAST + 1) if kind < codes.HASH_FNV1A_32 or unit != codes.UNIT_CBOR])
    source = expression(chance, 2) if not chance.randrange(6) else chance.choice((ir.TARGETING_KEY, attribute(chance)))
    total = chance.choice((1, 2, 100, 10_000, 2**32 - 1)) if space in (codes.SPACE_MODULO, codes.SPACE_MULTIPLY) else 0
    affixes = ("", "", "flag:", ":salt", "a-prefix-longer-than-a-block", "ß", "😀€", 49 * "x")
    seed = chance.choice((0, 0x9747B28C, 2**32 - 1))
    return ir.Bucketing(kind, space, unit, source, seed, total, chance.choice(affixes), chance.choice(affixes))


def _size(how: ir.Bucketing) -> int:
    if how.space == codes.SPACE_ABSOLUTE:
        return 2**31 + 1
    return how.total or {codes.HASH_SHA1_28: 2**28, codes.HASH_SHA1_60: 2**60}.get(how.hash, 2**32)


def _split(chance: Random, names: list[str]) -> ir.Split:
    how = bucketing(chance)
    lasts = sorted(int(chance.random() * _size(how)) for _ in range(chance.randrange(6)))
    ranges = tuple(ir.Range(last, chance.choice((*names, *names, None, ir.NEXT_RULE))) for last in lasts)
    ends = (codes.ON_NEXT_RULE, codes.ON_DEFAULT, codes.ON_ERROR, codes.ON_VARIANT)
    return ir.Split(how, ranges, chance.choice(ends), chance.choice(ends), chance.choice(names))


def outcome(chance: Random, names: list[str]) -> ir.Outcome:
    kind = chance.randrange(8)
    if kind < 3 or not names:
        return ir.Constant(chance.choice(names)) if names else ir.NoAnswer()
    if kind < 6:
        return _split(chance, names)
    return ir.NoAnswer() if kind < 7 else ir.Computed(expression(chance, 3))


def _leaf(chance: Random, others: list[ir.Flag]) -> ir.Condition:
    kind = chance.randrange(12)
    if kind < 9:
        return check(chance)
    if kind == 9:
        how = bucketing(chance)
        ends = sorted(int(chance.random() * _size(how)) for _ in range(4))
        return ir.InBucket(how, ((ends[0], ends[1]), (ends[2], ends[3])), chance.choice((ir.FALSE, ir.TRUE, ir.UNKNOWN)))
    if kind == 10 and others:
        other = chance.choice(others)
        names = [variant.name for variant in other.variants]
        wanted = tuple(chance.sample(names, chance.randrange(len(names) + 1)))
        return ir.Prerequisite(other.key, wanted, error=chance.choice((ir.FALSE, ir.FALSE, ir.TRUE, ir.UNKNOWN)))
    return ir.Truthy(expression(chance, 3))


def condition(chance: Random, others: list[ir.Flag], depth: int = 3) -> ir.Condition:
    kind = chance.randrange(8) if depth else 0
    if kind < 4:
        return _leaf(chance, others)
    if kind == 7:
        return ir.Not(condition(chance, others, depth - 1))
    children = tuple(condition(chance, others, depth - 1) for _ in range(chance.randrange(4)))
    return ir.All(children) if kind < 6 else ir.Any_(children)


def _variants(chance: Random) -> tuple[ir.Variant, ...]:
    names = chance.sample(("on", "off", "true", "false", "US", "pro", "1", ""), chance.randrange(1, 5))
    pool = (True, False, "text", 5, 2**53, 1.5, 3.0, {"a": [1, {"b": None}]}, [1, "x"], None)
    return tuple(ir.Variant(name, chance.choice(pool), not chance.randrange(3)) for name in names)


def flag(chance: Random, key: str, others: list[ir.Flag]) -> ir.Flag:
    variants = _variants(chance)
    names = [variant.name for variant in variants]
    rules = tuple(
        ir.Rule(
            outcome(chance, names),
            chance.choice(REASONS),
            condition(chance, others) if chance.randrange(8) else None,
            chance.choice((None, f"rule-{number}")),
        )
        for number in range(chance.randrange(4))
    )
    metadata = FLAG_METADATA if not chance.randrange(4) else None
    error = "broken on purpose" if not chance.randrange(15) else None
    reason = chance.choice((codes.REASON_STATIC, codes.REASON_DEFAULT, codes.REASON_DISABLED))
    return ir.Flag(key, variants, rules, outcome(chance, names), reason, metadata, error)


def project(chance: Random, most: int = 4) -> ir.Project:
    """Up to ``most`` flags; later ones may have earlier ones as prerequisites."""
    flags: list[ir.Flag] = []
    for number in range(chance.randrange(1, most + 1)):
        flags.append(flag(chance, f"{chance.choice('zab')}-{number}", [other for other in flags if other.error is None]))
    metadata = SET_METADATA if not chance.randrange(5) else None
    return ir.Project("native", tuple(flags), {}, metadata)
