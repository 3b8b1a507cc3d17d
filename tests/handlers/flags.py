"""A small project with a flag for everything that OFREP can answer, in the IR; and the means to compile it."""

from typing import Any

from config_sync import ir
from config_sync.lower import lower
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import encode

SWITCH_MS = 1_800_000_000_000  # when the flag "timed" turns on


def constant(key: str, value: Any, **more: Any) -> ir.Flag:
    return ir.Flag(key, variants=(ir.Variant("only", value),), default=ir.Constant("only"), **more)


def on_off(key: str, *rules: ir.Rule, **more: Any) -> ir.Flag:
    variants = (ir.Variant("on", True), ir.Variant("off", False))
    return ir.Flag(key, variants=variants, rules=rules, default=ir.Constant("off"), default_reason=codes.REASON_DEFAULT, **more)


def rule(outcome: ir.Outcome, reason: int, condition: ir.Condition | None = None) -> ir.Rule:
    return ir.Rule(outcome, reason, condition)


def halves() -> ir.Split:
    return ir.Split(ir.Bucketing(suffix=":salt"), (ir.Range(2**31, "on"), ir.Range(2**32 - 1, "off")))


FLAGS = (
    constant("boolean", True),
    constant("text", 'grün "x"\n'),
    constant("integer", 42),
    constant("float", 10.0),
    constant("object", {"a": [1, {"b": None}], "ü": 0.5}),
    constant("list", [1, "two"]),
    constant("team/ü flag", "slashed"),
    constant("described", True, metadata={"owner": "growth", "tier": 1, "beta": False}),
    ir.Flag("code-default"),
    ir.Flag("null-value", variants=(ir.Variant("nothing", None),), default=ir.Constant("nothing")),
    constant("broken", True, error="some internal words", metadata={"owner": "ops"}),
    on_off("disabled", rule(ir.NoAnswer(), codes.REASON_DISABLED)),
    on_off("split", rule(halves(), codes.REASON_SPLIT)),
    on_off(
        "targeted",
        rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, ir.Test("equal", ir.Attribute("plan"), "pro")),
    ),
    on_off(
        "timed",
        rule(
            ir.Constant("on"),
            codes.REASON_TARGETING_MATCH,
            ir.Test("now", operand=SWITCH_MS * 1000, compare=codes.CMP_GE),
        ),
    ),
    on_off(
        "computed",
        rule(ir.Computed(ir.Expression(codes.NODE_CONSTANT, value="no-such-variant")), codes.REASON_TARGETING_MATCH),
    ),
)


def snapshot_of(*flags: ir.Flag, metadata: dict[str, Any] | None = None) -> bytes:
    return encode(lower(ir.Project("native", flags, metadata=metadata)).body)
