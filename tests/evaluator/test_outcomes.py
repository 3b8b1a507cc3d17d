"""Rules, outcomes, attributes and reasons on rows built by hand, in both cores."""

import hashlib
from types import ModuleType
from typing import Any

import mmh3
import pytest

from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import Tables, evaluate, is_set

FULL = 2**32 - 1
MATCH = codes.REASON_TARGETING_MATCH


# --- splits -----------------------------------------------------------------------------------------------------------------


def split_flag(ranges: list[tuple[int, str | int]], attribute: tuple[Any, ...] = ("targetingKey",), **fields: Any) -> Tables:
    """One always-true rule "r" with a split, then a rule "after" for variant "after"; the default is "rest"."""
    tables = Tables()
    names = ["a", "b", "after", "rest", "other"]
    variants = {name: tables.variant(name, name) for name in names}
    for text in ("prefix", "suffix"):
        if text in fields:
            fields[text], fields[f"{text}_length"] = tables.text(fields[text])
    if "variant" in fields:
        fields["variant"] = variants[fields["variant"]]
    targets = [(last, variants[target] if isinstance(target, str) else target) for last, target in ranges]
    split = tables.split(tables.attribute(*attribute), targets, **fields)
    rules = [
        tables.rule(split, id=tables.rule_id("r"), reason=codes.REASON_SPLIT),
        tables.rule(tables.constant(variants["after"]), id=tables.rule_id("after")),
    ]
    tables.flag("f", tables.constant(variants["rest"]), rules, list(variants.values()))
    return tables


@pytest.mark.parametrize("unit", ["u1", "", "用户", "a" * 300, 17, 17.0, -3, 10**30])
def test_hash_02_murmur_split_of_every_unit(implementation: ModuleType, unit: Any) -> None:
    data = "salt:" + str(int(unit) if isinstance(unit, float) else unit) + "!"
    bucket = mmh3.hash(data.encode(), 7, False)
    tables = split_flag([(bucket - 1, "a"), (bucket, "b"), (FULL, "a")], prefix="salt:", suffix="!", seed=7)
    assert evaluate(implementation, tables, {"targetingKey": unit}) == ("b", codes.REASON_SPLIT, "r", bucket)


def signed(digest: int) -> int:
    return digest - 2**32 if digest >= 2**31 else digest


MURMUR = mmh3.hash(b"user_123", 0, False)
MD5 = hashlib.md5(b"user_123").digest()
LE32 = int.from_bytes(MD5[:4], "little")
BE32 = int.from_bytes(MD5[:4], "big")
SHA1 = hashlib.sha1(b"user_123").hexdigest()
SHA1_28, SHA1_60 = int(SHA1[:7], 16), int(SHA1[:15], 16)
FNV = {"hash": codes.HASH_FNV1A_32}


@pytest.mark.parametrize(
    ("fields", "bucket"),
    [
        ({"hash": codes.HASH_MURMUR3_32, "space": codes.SPACE_MODULO, "total": 10_000}, MURMUR % 10_000),
        ({"hash": codes.HASH_MURMUR3_32, "space": codes.SPACE_MULTIPLY, "total": 1_000}, MURMUR * 1_000 >> 32),
        ({"hash": codes.HASH_MURMUR3_32, "space": codes.SPACE_MULTIPLY, "total": FULL}, MURMUR * FULL >> 32),
        ({"hash": codes.HASH_MURMUR3_32, "space": codes.SPACE_ABSOLUTE}, abs(signed(MURMUR))),
        ({"hash": codes.HASH_MURMUR3_32, "space": codes.SPACE_ABSOLUTE, "seed": 3}, abs(mmh3.hash(b"user_123", 3))),
        ({"hash": codes.HASH_MD5_LE32, "space": codes.SPACE_FULL}, LE32),
        ({"hash": codes.HASH_MD5_LE32, "space": codes.SPACE_MODULO, "total": 100}, LE32 % 100),
        ({"hash": codes.HASH_MD5_BE32, "space": codes.SPACE_FULL}, BE32),
        ({"hash": codes.HASH_MD5_BE32, "space": codes.SPACE_MODULO, "total": 10_000}, BE32 % 10_000),
        ({"hash": codes.HASH_SHA1_28, "space": codes.SPACE_FULL}, SHA1_28),
        ({"hash": codes.HASH_SHA1_28, "space": codes.SPACE_MODULO, "total": 100}, SHA1_28 % 100),
        ({"hash": codes.HASH_SHA1_60, "space": codes.SPACE_FULL}, SHA1_60),
        ({"hash": codes.HASH_SHA1_60, "space": codes.SPACE_MODULO, "total": FULL}, SHA1_60 % FULL),
        (FNV | {"space": codes.SPACE_MULTIPLY, "total": 1_000}, 0x13ADFB29 * 1_000 >> 32),
        ({"hash": codes.HASH_MD5_INTEGER, "space": codes.SPACE_MODULO, "total": 100}, int.from_bytes(MD5, "big") % 100),
        ({"hash": codes.HASH_MD5_INTEGER, "space": codes.SPACE_MODULO, "total": FULL}, int.from_bytes(MD5, "big") % FULL),
    ],
)
def test_hash_03_buckets_of_every_space(implementation: ModuleType, fields: dict[str, int], bucket: int) -> None:
    tables = split_flag([(bucket, "a"), (2**63, "b")], **fields)
    assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == ("a", codes.REASON_SPLIT, "r", bucket)
    if bucket:
        tables = split_flag([(bucket - 1, "a"), (2**63, "b")], **fields)
        assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == ("b", codes.REASON_SPLIT, "r", bucket)


def test_hash_07_the_last_bucket_belongs_to_the_last_range(implementation: ModuleType) -> None:
    unit = next(str(i) for i in range(10**6) if mmh3.hash(str(i).encode(), 0, False) * 100 >> 32 == 99)
    tables = split_flag([(98, "a"), (99, "b")], space=codes.SPACE_MULTIPLY, total=100)
    assert evaluate(implementation, tables, {"targetingKey": unit}) == ("b", codes.REASON_SPLIT, "r", 99)


NO_UNITS: list[Any] = [None, True, 1.5, [], {}, {"a"}, 2.0**53, 10**400, float("nan"), object()]


@pytest.mark.parametrize("context", [{}, *({"targetingKey": unit} for unit in NO_UNITS)])
@pytest.mark.parametrize(
    ("on_missing", "expected"),
    [
        (codes.ON_NEXT_RULE, ("after", MATCH, "after", None)),
        (codes.ON_DEFAULT, ("rest", codes.REASON_DEFAULT, None, None)),
        (codes.ON_ERROR, (None, codes.REASON_TARGETING_KEY_MISSING, "r", None)),
        (codes.ON_VARIANT, ("other", codes.REASON_SPLIT, "r", None)),
    ],
)
def test_split_without_a_unit(implementation: ModuleType, context: Any, on_missing: int, expected: tuple[Any, ...]) -> None:
    tables = split_flag([(FULL, "a")], on_missing=on_missing, past_end=codes.ON_ERROR, variant="other")
    assert evaluate(implementation, tables, context) == expected


def test_string_units(implementation: ModuleType) -> None:
    tables = split_flag([(FULL, "a")], unit=codes.UNIT_STRING, on_missing=codes.ON_DEFAULT)
    assert evaluate(implementation, tables, {"targetingKey": 17})[0] == "rest"
    assert evaluate(implementation, tables, {"targetingKey": "17"})[0] == "a"


@pytest.mark.parametrize(
    ("past_end", "expected"),
    [
        (codes.ON_NEXT_RULE, ("after", MATCH, "after", None)),
        (codes.ON_DEFAULT, ("rest", codes.REASON_DEFAULT, None, None)),
        (codes.ON_ERROR, (None, codes.REASON_TARGETING_KEY_MISSING, "r", None)),
        (codes.ON_VARIANT, ("other", codes.REASON_SPLIT, "r", MURMUR)),
    ],
)
def test_split_past_the_last_range(implementation: ModuleType, past_end: int, expected: tuple[Any, ...]) -> None:
    for ranges in ([], [(MURMUR - 1, "a")]):
        tables = split_flag(ranges, past_end=past_end, variant="other")
        assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == expected


def test_special_targets(implementation: ModuleType) -> None:
    user = {"targetingKey": "user_123"}
    tables = split_flag([(FULL, codes.TARGET_NEXT_RULE)])
    assert evaluate(implementation, tables, user) == ("after", MATCH, "after", None)
    tables = split_flag([(FULL, codes.TARGET_NO_ANSWER)])
    assert evaluate(implementation, tables, user) == (None, codes.REASON_SPLIT, "r", MURMUR)


@pytest.mark.parametrize("unit", ["\ud800", "ok\udfff"])
def test_hash_16_a_lone_surrogate_is_no_unit(implementation: ModuleType, unit: str) -> None:
    for on_missing in (codes.ON_NEXT_RULE, codes.ON_VARIANT):
        tables = split_flag([(FULL, "a")], on_missing=on_missing, variant="other")
        assert evaluate(implementation, tables, {"targetingKey": unit}) == (None, codes.REASON_INVALID_CONTEXT, "r", None)


CBOR = [
    ("u1", "627531"),
    ("", "60"),
    (0, "00"), (23, "17"), (24, "1818"), (255, "18ff"), (256, "190100"), (65_536, "1a00010000"), (2**32, "1b0000000100000000"),
    (2**64 - 1, "1bffffffffffffffff"), (2**64, "c249010000000000000000"), (-1, "20"), (-25, "3818"),
    (-(2**64), "3bffffffffffffffff"),
    (-(2**64) - 1, "c349010000000000000000"), (1.0, "01"), (-0.0, "00"), (1.5, "f93e00"), (100000.5, "fa47c35040"),
    (1.1, "fb3ff199999999999a"), (1e300, "fb7e37e43c8800759c"), (2.0**62, "1b4000000000000000"), (2.0**63, "fa5f000000"),
    (5.960464477539063e-8, "f90001"), (float("inf"), "f97c00"), (float("-inf"), "f9fc00"), (float("nan"), "f97e00"),
    (True, "f5"), (False, "f4"), ([1, [2, 3]], "8201820203"), ((1, "a"), "82016161"), ([None], "81f6"), ({}, "a0"),
    ({"b": 1, "a": 2, "aa": 3, "": 4}, "a46004616102616201626161" + "03"), ([0] * 24, "9818" + "00" * 24),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "encoded"), CBOR)
def test_cbor_units(implementation: ModuleType, unit: Any, encoded: str) -> None:
    bucket = mmh3.hash(bytes.fromhex(encoded), 0, False)
    tables = split_flag([(FULL, "a")], unit=codes.UNIT_CBOR)
    assert evaluate(implementation, tables, {"targetingKey": unit}) == ("a", codes.REASON_SPLIT, "r", bucket)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("unit", [{1: "a"}, {"a": "\ud800"}, {"\ud800": 1}, [{1}], object(), nested(65), [10**400], b"x"])
def test_units_without_cbor(implementation: ModuleType, unit: Any) -> None:
    tables = split_flag([(FULL, "a")], unit=codes.UNIT_CBOR, on_missing=codes.ON_DEFAULT)
    assert evaluate(implementation, tables, {"targetingKey": unit}) == (None, codes.REASON_INVALID_CONTEXT, "r", None)
    assert evaluate(implementation, tables, {"targetingKey": None})[0] == "rest"
    assert evaluate(implementation, tables, {"targetingKey": nested(64)})[0] == "a"


# --- attributes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "unit"),
    [
        ({"id": "1", "user": {"id": "2"}, "targetingKey": "3"}, "1"),
        ({"user": {"id": "2"}, "targetingKey": "3"}, "2"),
        ({"user": {"id": None}, "targetingKey": "3"}, None),
        ({"user": ["id"], "targetingKey": "3"}, "3"),
        ({"targetingKey": "3"}, "3"),
        ({"id": "", "targetingKey": "3"}, ""),
        ({"id": None, "targetingKey": "3"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("empty_is_missing", [False, True])
def test_attributes_by_name_path_and_fallback(
    implementation: ModuleType, context: Any, unit: str | None, empty_is_missing: bool
) -> None:
    tables = Tables()
    variant = tables.variant("a", "a")
    fallback = tables.attribute("targetingKey")
    flags = codes.ATTRIBUTE_EMPTY_IS_MISSING if empty_is_missing else 0
    attribute = tables.attribute("id", ["user", "id"], fallback, flags)
    split = tables.split(attribute, [(FULL, variant)], on_missing=codes.ON_ERROR)
    tables.flag("f", split, [], [variant])
    if empty_is_missing and unit in (None, "") and "targetingKey" in context:
        unit = "3"
    bucket = None if unit is None else mmh3.hash(unit.encode(), 0, False)
    assert evaluate(implementation, tables, context)[3] == bucket


# --- rules and defaults -----------------------------------------------------------------------------------------------------


def test_the_first_rule_that_decides_wins(implementation: ModuleType) -> None:
    tables = Tables()
    a, b = tables.attribute("a"), tables.attribute("b")
    variants = [tables.variant(name, i) for i, name in enumerate(["zero", "one", "two"])]
    none = tables.outcome(codes.OUTCOME_NO_ANSWER)
    rules = [
        tables.rule(tables.constant(variants[1]), [is_set(a)], id=tables.rule_id("first"), reason=codes.REASON_OVERRIDE),
        tables.rule(none, [is_set(b)], reason=codes.REASON_DISABLED),
    ]
    tables.flag("f", tables.constant(variants[0]), rules, variants, default_reason=codes.REASON_NOT_IN_ROLLOUT)
    assert evaluate(implementation, tables, {"a": 1, "b": 1}) == ("one", codes.REASON_OVERRIDE, "first", None)
    assert evaluate(implementation, tables, {"b": 1}) == (None, codes.REASON_DISABLED, None, None)
    assert evaluate(implementation, tables, {}) == ("zero", codes.REASON_NOT_IN_ROLLOUT, None, None)


def test_jumps_make_and_or_not(implementation: ModuleType) -> None:
    """a and (b or not c), with unknown and missing going their own ways."""
    tables = Tables()
    variant = tables.variant("yes", True)
    a, b, c = (tables.attribute(name) for name in "abc")
    fail, match = codes.JUMP_FAIL, codes.JUMP_MATCH
    on = {"op": codes.OP_EQ_BOOLEAN, "payload": 1}
    conditions = [
        on | {"attribute": a, "on_true": 1, "on_false": fail},
        on | {"attribute": b, "on_true": match, "on_false": 1, "on_missing": 1},
        on | {"attribute": c, "on_true": fail, "on_false": match, "on_missing": match},
    ]
    tables.flag("f", tables.outcome(codes.OUTCOME_NO_ANSWER), [tables.rule(tables.constant(variant), conditions)], [variant])
    evaluator = implementation.Evaluator(tables.snapshot())
    for values in range(27):
        chosen = [(None, False, True)[values // 3**i % 3] for i in range(3)]
        context = {name: value for name, value in zip("abc", chosen, strict=True) if value is not None}
        expected = chosen[0] is True and (chosen[1] is True or chosen[2] is not True)
        assert evaluator.boolean("f", context, False) is expected, context


@pytest.mark.parametrize("ending", [codes.ON_NEXT_RULE, codes.ON_DEFAULT])
def test_a_default_that_passes_on_gives_no_answer(implementation: ModuleType, ending: int) -> None:
    tables = Tables()
    variant = tables.variant("a", "a")
    attribute = tables.attribute("targetingKey")
    default = tables.split(attribute, [(MURMUR - 1, variant)], on_missing=ending, past_end=ending)
    tables.flag("f", default, [], [variant], default_reason=codes.REASON_STATIC)
    assert evaluate(implementation, tables, {}) == (None, codes.REASON_STATIC, None, None)
    assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == (None, codes.REASON_STATIC, None, None)
    tables.rows["ranges"][0]["target"] = codes.TARGET_NEXT_RULE
    tables.rows["ranges"][0]["last"] = MURMUR
    assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == (None, codes.REASON_STATIC, None, None)


def test_a_default_split_has_its_own_bucket_and_errors(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", "a")
    default = tables.split(tables.attribute("targetingKey"), [(FULL, variant)], on_missing=codes.ON_ERROR)
    first = tables.split(tables.attribute("other"), [], on_missing=codes.ON_DEFAULT, past_end=codes.ON_DEFAULT)
    tables.flag("f", default, [tables.rule(first, id=tables.rule_id("r"))], [variant], default_reason=codes.REASON_HELD_OUT)
    expected = ("a", codes.REASON_DEFAULT, None, MURMUR)
    assert evaluate(implementation, tables, {"targetingKey": "user_123"}) == expected
    assert evaluate(implementation, tables, {"targetingKey": "user_123", "other": "x"}) == expected
    assert evaluate(implementation, tables, {}) == (None, codes.REASON_TARGETING_KEY_MISSING, None, None)
    assert evaluate(implementation, tables, {"targetingKey": "\ud800"}) == (None, codes.REASON_INVALID_CONTEXT, None, None)


def test_an_error_reason_has_no_value(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", "a")
    split = tables.split(tables.attribute("targetingKey"), [(FULL, variant)])
    rule = tables.rule(split, reason=codes.REASON_GENERAL, id=tables.rule_id("r"))
    tables.flag("f", tables.constant(variant), [rule], [variant])
    assert evaluate(implementation, tables, {"targetingKey": "u"}) == (None, codes.REASON_GENERAL, "r", None)
    assert implementation.Evaluator(tables.snapshot()).string("f", {"targetingKey": "u"}, "mine") == "mine"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("on", ("on", MATCH, "r", None)),
        (True, ("true", MATCH, "r", None)),
        (False, (None, codes.REASON_GENERAL, "r", None)),
        (None, ("off", codes.REASON_DEFAULT, None, None)),
        ("nope", (None, codes.REASON_GENERAL, "r", None)),
        (1, (None, codes.REASON_GENERAL, "r", None)),
        (["on"], (None, codes.REASON_GENERAL, "r", None)),
        ({}, (None, codes.REASON_GENERAL, "r", None)),
    ],
)
def test_a_computed_variant(implementation: ModuleType, named: Any, expected: tuple[Any, ...]) -> None:
    tables = Tables()
    stranger = tables.variant("nope", 0)
    variants = [tables.variant(name, name) for name in ("on", "off", "true")]
    node = tables.add("nodes", op=codes.NODE_CONSTANT, value=tables.value(named))
    rule = tables.rule(tables.outcome(codes.OUTCOME_EXPRESSION, node=node), id=tables.rule_id("r"))
    tables.flag("f", tables.constant(variants[1]), [rule], variants, default_reason=codes.REASON_STATIC)
    tables.flag("g", tables.constant(stranger), [], [stranger])
    assert evaluate(implementation, tables, {}) == expected


def test_a_computed_default_that_asks_for_the_default(implementation: ModuleType) -> None:
    tables = Tables()
    node = tables.add("nodes", op=codes.NODE_CONSTANT, value=tables.value(None))
    tables.flag("f", tables.outcome(codes.OUTCOME_EXPRESSION, node=node))
    assert evaluate(implementation, tables, {}) == (None, codes.REASON_STATIC, None, None)


def test_expressions_as_units_and_conditions(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", "a")
    node = tables.add("nodes", op=codes.NODE_CONSTANT, value=tables.value("user_123"))
    split = tables.split(codes.NONE_16, [(FULL, variant)], node=node)
    condition = {"op": codes.OP_EXPRESSION, "offset": node}
    tables.flag("f", tables.outcome(codes.OUTCOME_NO_ANSWER), [tables.rule(split, [condition])], [variant])
    assert evaluate(implementation, tables, {}) == ("a", MATCH, None, MURMUR)
    tables.values[-1] = ""
    assert evaluate(implementation, tables, {}) == (None, codes.REASON_DEFAULT, None, None)


def test_a_variant_without_a_name_is_reported_as_none(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("", "text")
    tables.flag("f", tables.constant(variant), [], [variant])
    evaluator = implementation.Evaluator(tables.snapshot())
    found = evaluator.evaluate("f", {})
    assert (found.value, found.variant, found.reason, found.error_code) == ("text", None, "STATIC", None)
    assert evaluator.evaluate_all_json({}) == b'{"flags":[{"key":"f","reason":"STATIC","value":"text"}]}'
    assert evaluator.explain("f", {}).evaluation == found


def test_a_rules_own_error_hides_its_outcomes(implementation: ModuleType) -> None:
    tables = split_flag([], past_end=codes.ON_ERROR, on_missing=codes.ON_DEFAULT)
    tables.rows["rules"][0]["reason"] = codes.REASON_GENERAL
    assert evaluate(implementation, tables, {"targetingKey": "u"}) == (None, codes.REASON_GENERAL, "r", None)
    assert evaluate(implementation, tables, {"targetingKey": "\ud800"}) == (None, codes.REASON_GENERAL, "r", None)
    assert evaluate(implementation, tables, {}) == ("rest", codes.REASON_DEFAULT, None, None)


def test_a_default_whose_reason_is_an_error_answers_nothing(implementation: ModuleType) -> None:
    tables = Tables()
    variant = tables.variant("a", 1)
    split = tables.split(tables.attribute("targetingKey"), [(FULL, variant)])
    for key, outcome in (("constant", tables.constant(variant)), ("f", split)):
        tables.flag(key, outcome, [], [variant], default_reason=codes.REASON_GENERAL)
    for key in ("constant", "f"):
        found = implementation.Evaluator(tables.snapshot()).evaluate(key, {"targetingKey": "u"})
        assert (found.value, found.variant, found.bucket, found.reason_code) == (None, None, None, codes.REASON_GENERAL)
