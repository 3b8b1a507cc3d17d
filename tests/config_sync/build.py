"""Small IR projects for tests of the compiler's back half, and their way through it."""

from typing import Any

from config_sync import ir
from config_sync.compile import CompileResult, compile_ir
from config_sync.diagnostics import Diagnostics
from evaluator.snapshot import opcodes as codes

ON, OFF = ir.Variant("on", True), ir.Variant("off", False)


def flag(key: str, *rules: ir.Rule | ir.Condition, **fields: Any) -> ir.Flag:
    """A boolean flag, off by default; a bare condition becomes a rule that turns it on."""
    made = tuple(rule if isinstance(rule, ir.Rule) else when(rule) for rule in rules)
    fields.setdefault("variants", (ON, OFF))
    fields.setdefault("default", ir.Constant("off"))
    fields.setdefault("origin", ir.Origin("test.yaml", ("flags", key)))
    return ir.Flag(key=key, rules=made, **fields)


def when(condition: ir.Condition | None, variant: str = "on", **fields: Any) -> ir.Rule:
    return ir.Rule(ir.Constant(variant), codes.REASON_TARGETING_MATCH, condition, **fields)


def check(operator: str, attribute: str, operand: Any = None, **fields: Any) -> ir.Test:
    return ir.Test(operator, ir.Attribute(attribute), operand, **fields)


def compiled(*flags: ir.Flag, **fields: Any) -> CompileResult:
    """The project of these flags through passes, lowering and encoding."""
    return compile_ir(ir.Project("native", flags, **fields), Diagnostics())


def snapshot(*flags: ir.Flag, **fields: Any) -> bytes:
    """The same, for a project that must be free of errors."""
    result = compiled(*flags, **fields)
    assert not result.has_errors, list(result.diagnostics)
    assert result.snapshot is not None
    return result.snapshot


def found(result: CompileResult) -> list[str]:
    """The codes of the diagnostics, sorted."""
    return sorted(item.code for item in result.diagnostics)


def tombstones(result: CompileResult) -> set[str]:
    assert result.project is not None
    return {flag.key for flag in result.project.flags if flag.error is not None}
