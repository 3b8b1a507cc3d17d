"""Every limit at its edge: just right compiles without an error, one more is that limit's own diagnostic and one tombstone."""

from typing import Any

import pytest

from config_sync import compile as compiler
from config_sync import ir, limits
from config_sync.diagnostics import WARNING
from config_sync.passes import check as check_pass
from config_sync.passes import limit as limit_pass
from config_sync.passes import link as link_pass
from config_sync.passes import names as names_pass
from config_sync.passes import operands as operands_pass
from config_sync.passes import splits as splits_pass
from config_sync.passes import values as values_pass
from evaluator.snapshot import opcodes as codes
from tests.config_sync.build import ON, check, compiled, flag, found, tombstones, when


def rules(count: int) -> ir.Flag:
    return flag("f", *(when(check("equal", "p", number)) for number in range(count)))


def conditions(count: int) -> ir.Flag:
    return flag("f", ir.All(tuple(check("equal", "p", number) for number in range(count))))


def nested(count: int) -> ir.Flag:
    condition: ir.Condition = check("equal", "p", 1)
    for number in range(count - 1):
        condition = ir.Any_((condition, check("equal", "q", number))) if number % 2 else ir.Not(condition)
    return flag("f", condition)


def variants(count: int) -> ir.Flag:
    return flag("f", variants=tuple(ir.Variant(str(number), number) for number in range(count)), default=ir.Constant("0"))


def value(size: int) -> ir.Flag:
    return flag("f", variants=(ir.Variant("v", "x" * (size - 2)),), default=ir.Constant("v"))


def deep_value(depth: int) -> ir.Flag:
    inner: Any = 1
    for _ in range(depth - 1):
        inner = [inner]
    return flag("f", variants=(ir.Variant("v", inner),), default=ir.Constant("v"))


def items(count: int) -> ir.Flag:
    return flag("f", check("one_of", "p", tuple(range(count))))


def item(size: int) -> ir.Flag:
    return flag("f", check("one_of", "p", ("é" + "x" * (size - 2),)))


def text(size: int) -> ir.Flag:
    return flag("f", check("contains", "p", "x" * size))


def salt(size: int) -> ir.Flag:
    return flag("f", ir.Rule(ir.Split(ir.Bucketing(prefix="é" + "x" * (size - 2)), (ir.Range(5, "on"),)), codes.REASON_SPLIT))


def ranges(count: int) -> ir.Flag:
    split = ir.Split(ir.Bucketing(), tuple(ir.Range(number, "on") for number in range(count)))
    return flag("f", ir.Rule(split, codes.REASON_SPLIT))


def path(steps: int) -> ir.Flag:
    return flag("f", ir.Test("equal", ir.Attribute("p", ("a",) * steps), 1))


def fallbacks(count: int) -> ir.Flag:
    attribute = ir.Attribute("p0")
    for number in range(count):
        attribute = ir.Attribute(f"p{number + 1}", fallback=attribute)
    return flag("f", ir.Test("equal", attribute, 1))


def pattern(length: int) -> ir.Flag:
    return flag("f", check("matches", "p", "x" * length))


def expression(nodes: int) -> ir.Flag:
    constant = ir.Expression(codes.NODE_CONSTANT, value=1)
    return flag("f", ir.Truthy(ir.Expression(codes.NODE_OR, (constant,) * (nodes - 1))))


def expression_depth(depth: int) -> ir.Flag:
    inner = ir.Expression(codes.NODE_CONSTANT, value=1)
    for _ in range(depth - 1):
        inner = ir.Expression(codes.NODE_NOT, (inner,))
    return flag("f", ir.Truthy(inner))


def metadata(size: int) -> ir.Flag:
    return flag("f", metadata={"k": "x" * (size - len('{"k":""}'))})


EDGES: list[tuple[str, Any, int]] = [
    ("LIMIT-RULES", rules, limits.MAX_RULES_PER_FLAG),
    ("LIMIT-CONDITIONS", conditions, limits.MAX_CONDITIONS_PER_RULE),
    ("LIMIT-NESTING", nested, limits.MAX_NESTING),
    ("LIMIT-VARIANTS", variants, limits.MAX_VARIANTS),
    ("LIMIT-VALUE", value, limits.MAX_VALUE_BYTES),
    ("LIMIT-VALUE", deep_value, limits.MAX_VALUE_DEPTH),
    ("LIMIT-VALUE", metadata, limits.MAX_METADATA_BYTES),
    ("LIMIT-LIST-ITEMS", items, limits.MAX_LIST_ITEMS),
    ("LIMIT-LIST-ITEM", item, limits.MAX_LIST_ITEM_BYTES),
    ("LIMIT-TEXT", text, limits.MAX_TEXT_BYTES),
    ("LIMIT-SALT", salt, limits.MAX_SALT_BYTES),
    ("LIMIT-RANGES", ranges, limits.MAX_RANGES),
    ("LIMIT-PATH", path, limits.MAX_PATH_STEPS),
    ("LIMIT-FALLBACKS", fallbacks, limits.MAX_FALLBACKS),
    ("LIMIT-EXPRESSION", expression, limits.MAX_EXPRESSION_NODES),
    ("LIMIT-EXPRESSION", expression_depth, codes.MAX_EXPRESSION_DEPTH),
    ("INVALID-PATTERN", pattern, limits.MAX_PATTERN_LENGTH),
]


@pytest.mark.parametrize(("code", "make", "most"), EDGES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_limit_at_its_edge(code: str, make: Any, most: int) -> None:
    right = compiled(make(most), flag("other", check("equal", "p", 1)))
    assert not right.has_errors, list(right.diagnostics)
    wrong = compiled(make(most + 1), flag("other", check("equal", "p", 1)))
    assert [item.code for item in wrong.diagnostics if item.severity != WARNING] == [code]
    assert tombstones(wrong) == {"f"} and wrong.snapshot is not None


@pytest.mark.parametrize("name", ["key", "variant", "rule", "attribute"])
def test_names_have_a_limit(name: str) -> None:
    for length, errors in ((limits.MAX_KEY_LENGTH, False), (limits.MAX_KEY_LENGTH + 1, True)):
        long = "x" * length
        made = {
            "key": flag,
            "variant": lambda long: flag("f", variants=(ir.Variant(long, 1),), default=ir.NoAnswer()),
            "rule": lambda long: flag("f", when(check("equal", "p", 1), id=long)),
            "attribute": lambda long: flag("f", check("equal", long, 1)),
        }[name](long)
        result = compiled(made, flag("other"))
        assert result.has_errors is errors
        assert found(result) == ([] if not errors else ["INVALID-KEY" if name == "key" else "LIMIT-KEY"])


def test_a_list_is_limited_in_all_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operands_pass, "MAX_LIST_BYTES", 1_000)
    texts = tuple(f"{number:04}" for number in range(251))
    assert found(compiled(flag("f", check("one_of", "p", texts[:250])))) == []
    assert found(compiled(flag("f", check("one_of", "p", texts)))) == ["LIMIT-LIST-ITEMS"]


def test_a_project_is_limited_in_its_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_pass, "MAX_FLAGS", 2)
    monkeypatch.setattr(compiler, "MAX_FLAGS", 2)
    assert compiled(flag("a"), flag("b")).snapshot is not None
    result = compiled(flag("a"), flag("b"), flag("c"))
    assert found(result) == ["LIMIT-FLAGS"] and result.snapshot is None


def test_a_project_is_limited_in_its_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_pass, "MAX_ATTRIBUTES", 2)
    flags = [flag(f"f{number}", check("equal", f"p{number}", 1)) for number in range(3)]
    assert found(compiled(*flags[:2])) == []
    result = compiled(*flags)
    assert found(result) == ["LIMIT-ATTRIBUTES"] and tombstones(result) == {"f2"}


def test_a_snapshot_is_limited_in_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(compiled(flag("f")).snapshot or b"")
    monkeypatch.setattr(compiler, "MAX_SNAPSHOT_BYTES", size)
    assert compiled(flag("f")).snapshot is not None
    monkeypatch.setattr(compiler, "MAX_SNAPSHOT_BYTES", size - 1)
    result = compiled(flag("f"))
    assert found(result) == ["LIMIT-SNAPSHOT"] and result.snapshot is None


@pytest.mark.parametrize("kind", ["conditions", "ranges", "rules"])
def test_a_snapshot_is_limited_in_what_it_refers_to(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Rules share rows, and the cores check shared rows once for each reference."""
    rule = {
        "conditions": when(ir.All((check("equal", "p", 1), check("equal", "q", 1)))),
        "ranges": ir.Rule(ir.Split(ir.Bucketing(), (ir.Range(5, "on"), ir.Range(9, "off"))), codes.REASON_SPLIT),
        "rules": when(check("equal", "p", 1)),
    }[kind]
    flags = [flag(f"f{number}", *[rule] * (2 if kind == "rules" else 1)) for number in range(3)]
    monkeypatch.setattr(compiler, "MAX_REFERENCES", 6)
    assert compiled(*flags).snapshot is not None
    monkeypatch.setattr(compiler, "MAX_REFERENCES", 5)
    result = compiled(*flags)
    assert found(result) == ["LIMIT-SNAPSHOT"] and result.snapshot is None


def test_segments_cannot_blow_up_a_rule() -> None:
    """Thirty lines that would fill in to a thousand million conditions."""
    segments: dict[str, ir.Condition] = {"s0": check("equal", "p", 1)}
    for number in range(30):
        reference = ir.SegmentReference(f"s{number}")
        segments[f"s{number + 1}"] = ir.All((reference, reference))
    result = compiled(flag("f", ir.SegmentReference("s30")), flag("g", ir.SegmentReference("s5")), segments=segments)
    assert found(result) == ["LIMIT-CONDITIONS"] and tombstones(result) == {"f"}


def test_segments_cannot_nest_without_end() -> None:
    segments: dict[str, ir.Condition] = {"s0": check("equal", "p", 1)}
    for number in range(5_000):
        segments[f"s{number + 1}"] = ir.Not(ir.SegmentReference(f"s{number}"))
    result = compiled(flag("f", ir.SegmentReference("s5000")), flag("g", ir.SegmentReference("s20")), segments=segments)
    assert found(result) == ["LIMIT-NESTING"] and tombstones(result) == {"f"}


def test_a_condition_nested_beyond_any_recursion_is_a_diagnostic() -> None:
    condition: ir.Condition = check("equal", "p", 1)
    for _ in range(50_000):
        condition = ir.Not(condition)
    assert found(compiled(flag("f", condition), flag("g"))) == ["LIMIT-NESTING"]
    while isinstance(condition, ir.Not):  # taken apart from outside: freeing it all at once would recurse
        condition = condition.child


def test_rul_19_large_groups_and_complex_rules_are_warned_about() -> None:
    assert found(compiled(conditions(limits.MANY_CONDITIONS_PER_GROUP))) == []
    result = compiled(conditions(limits.MANY_CONDITIONS_PER_GROUP + 1))
    assert found(result) == ["MANY-CONDITIONS"] and not result.has_errors
    groups = tuple(ir.Any_(tuple(check("equal", "p", number) for number in range(18))) for _ in range(5))
    assert found(compiled(flag("f", ir.All(groups)))) == []  # 90 conditions, 6 groups
    more = ir.Any_(tuple(check("equal", "p", number) for number in range(4)))
    assert found(compiled(flag("f", ir.All((*groups, more))))) == ["COMPLEX-RULE"]  # 94 and 7


def test_limits_are_the_ones_that_passes_use() -> None:
    """The edges above compare with ``limits``; this says that the passes read the same numbers."""
    for module in (check_pass, limit_pass, link_pass, names_pass, operands_pass, splits_pass, values_pass, compiler):
        for name, number in vars(module).items():
            if name.startswith("MAX_") and not name.startswith(("MAX_PREREQUISITE", "MAX_REFERENCES")):
                assert number == getattr(limits, name)
    assert ON.name == "on"
