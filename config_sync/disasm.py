"""A snapshot as text: every flag, rule, condition row with its jumps, and outcome. For people, and for golden tests.

Shows only what a core has loaded, so what it shows is what would be evaluated; equal bytes give equal text.
"""

from collections.abc import Iterator
from typing import Any

from evaluator import Evaluator
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.codec import Decoded
from evaluator.snapshot.describe import describe_condition, describe_outcome
from evaluator.snapshot.layout import SECTIONS
from evaluator.snapshot.words import quoted

_OPERATORS = {value: name[3:] for name, value in vars(codes).items() if name.startswith("OP_") and name != "OP_LAST"}
_REASONS = {
    value: name[7:].lower()
    for name, value in vars(codes).items()
    if name.startswith("REASON_") and name not in ("REASON_LAST", "REASON_FIRST_ERROR")
}


def disassemble(snapshot: bytes) -> str:
    """The snapshot as text, ending in a line end. Raises ``evaluator.SnapshotError`` for bytes that no core would load."""
    Evaluator(snapshot)  # checks every reference that is followed below
    program = Decoded(snapshot)
    lines = list(_header(program, len(snapshot)))
    for key, flag in zip(program.flag_keys, program.flags, strict=True):
        lines.append("")
        lines += _flag(program, key, flag)
    return "\n".join(lines) + "\n"


def _header(program: Decoded, size: int) -> Iterator[str]:
    yield f"snapshot {program.version}, {size:,} bytes, {program.meta['compiler']}, dialect {program.meta['dialect']}"
    if "metadata" in program.meta:
        yield f"metadata {quoted(program.meta['metadata'])}"
    sizes = ((name, len(getattr(program, name))) for name, _ in SECTIONS)
    yield "sections " + ", ".join(f"{name} {size:,}" for name, size in sizes if size)


def _flag(program: Decoded, key: str, flag: Any) -> Iterator[str]:
    yield f"flag {quoted(key)}" + "".join(f", {fact}" for fact in _facts(program, flag))
    if flag.message != codes.NONE:
        yield f"  error: {program.values[flag.message]}"
    if flag.metadata != codes.NONE:
        yield f"  metadata {quoted(program.values[flag.metadata])}"
    for variant in program.variants[flag.first_variant : flag.first_variant + flag.variant_count]:
        value = "no value" if variant.value == codes.NONE else quoted(program.values[variant.value])
        yield f"  variant {quoted(program.variant_names[variant.name])} = {value}"
    for number, rule in enumerate(program.rules[flag.first_rule : flag.first_rule + flag.rule_count], 1):
        yield from _rule(program, number, rule)
    yield f"  default ({_reason(flag.default_reason)}): {describe_outcome(program, program.outcomes[flag.default_outcome])}"


def _facts(program: Decoded, flag: Any) -> Iterator[str]:
    if flag.state == codes.STATE_TOMBSTONE:
        yield "tombstone"
    elif flag.state != codes.STATE_LIVE:
        yield f"unknown state {flag.state}"
    if flag.rank:
        yield f"rank {flag.rank}"
    if flag.has_time:
        yield "reads the clock"


def _rule(program: Decoded, number: int, rule: Any) -> Iterator[str]:
    name = "" if rule.id == codes.NONE else f" {quoted(program.rule_ids[rule.id])}"
    yield f"  rule {number}{name} ({_reason(rule.reason)}): {describe_outcome(program, program.outcomes[rule.outcome])}"
    if not rule.condition_count:
        yield "    always"
    rows = program.conditions[rule.first_condition : rule.first_condition + rule.condition_count]
    for place, row in enumerate(rows):
        operator = _OPERATORS.get(row.op, f"OP_{row.op}")
        yield f"    {place}: {operator}: {describe_condition(program, row)}"
        yield f"       {_jumps(place, row)}"


def _reason(code: int) -> str:
    return _REASONS.get(code, f"reason {code}")


def _jumps(place: int, row: Any) -> str:
    """Where each result leads; the most frequent last, as "else"."""
    targets = {"true": row.on_true, "false": row.on_false, "unknown": row.on_unknown, "missing": row.on_missing}
    other = max(targets.values(), key=lambda target: (list(targets.values()).count(target), target != row.on_true))
    named = [f"{result} -> {_target(place, target)}" for result, target in targets.items() if target != other]
    return ", ".join([*named, f"else -> {_target(place, other)}"])


def _target(place: int, target: int) -> str:
    if target == codes.JUMP_MATCH:
        return "match"
    return "fail" if target == codes.JUMP_FAIL else str(place + target)
