"""Small projects for the provider's tests, as IR so that they depend on no dialect. Imported by the tests beside it."""

from typing import Any

from config_sync import ir
from config_sync.compile import compile_ir
from config_sync.diagnostics import Diagnostics
from evaluator.snapshot import opcodes as codes

HALVES = (ir.Range((1 << 31) - 1, "off"), ir.Range((1 << 32) - 1, "on"))
ON_OFF = (ir.Variant("on", True), ir.Variant("off", False))


def flag(key: str, value: Any = True, **changes: Any) -> ir.Flag:
    """A flag that always answers ``value``, variant ``only``, unless ``changes`` say otherwise."""
    fields: dict[str, Any] = {"variants": (ir.Variant("only", value),), "default": ir.Constant("only"), **changes}
    return ir.Flag(key, **fields)


def split(key: str, prefix: str = "s:", **changes: Any) -> ir.Flag:
    """Half of the users are ``on``."""
    outcome = ir.Split(ir.Bucketing(prefix=prefix), HALVES)
    return ir.Flag(key, ON_OFF, (ir.Rule(outcome, codes.REASON_SPLIT),), ir.Constant("off"), **changes)


def targeted(key: str, condition: ir.Condition) -> ir.Flag:
    """``on`` where the condition holds, else ``off``."""
    rule = ir.Rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, condition, id="only-rule")
    return ir.Flag(key, ON_OFF, (rule,), ir.Constant("off"), codes.REASON_DEFAULT)


def equal(attribute: str, operand: Any) -> ir.Test:
    return ir.Test("equal", ir.Attribute(attribute), operand)


def snapshot(*flags: ir.Flag) -> bytes:
    result = compile_ir(ir.Project("native", tuple(sorted(flags, key=lambda item: item.key))), Diagnostics())
    assert result.snapshot is not None, list(result.diagnostics)
    return result.snapshot
