"""Clauses of rules: each a condition, a question about segments, or malformed. Used by the launchdarkly front end only."""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.launchdarkly.contexts import KEY, KINDS, USER, attribute_of, parse_reference
from config_sync.frontends.launchdarkly.operators import OPERATORS, Part, Unusable, any_of, holds_for, parts_of
from config_sync.frontends.launchdarkly.reading import Fields, NotJson, plain_json
from config_sync.ir import Origin

NEVER, ALWAYS = ir.Any_(()), ir.All(())


class Clause(msgspec.Struct, frozen=True):
    """``condition``, or for ``segmentMatch`` the segments to look in; a malformed one is an error for whoever asks it."""

    condition: ir.Condition = NEVER
    segments: tuple[str, ...] | None = None
    negate: bool = False
    malformed: bool = False
    origin: Origin = ir.NOWHERE


def read_clauses(fields: Fields) -> tuple[Clause, ...]:
    """The clauses of a rule, all of which must hold."""
    return tuple(_clause(item) for item in fields.objects("clauses", "a clause"))


def _clause(fields: Fields) -> Clause:
    operator, negate = fields.text("op"), fields.boolean("negate")
    values = _values(fields)
    if operator == "segmentMatch":
        names = tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
        return Clause(segments=names, negate=negate, origin=fields.origin)
    if operator not in OPERATORS:
        message = f"there is no operator {operator!r}: no value satisfies it"
        fields.notes.warning("UNKNOWN-OPERATOR", message, fields.origin.child("op"), f"operators: {', '.join(OPERATORS)}")
    kind, name = fields.text("contextKind"), fields.text("attribute")
    steps = parse_reference(name, kind)
    if steps is None:
        return Clause(malformed=True, origin=malformed_reference(fields, "attribute", name))
    return Clause(_condition(fields, operator or "", values, kind or USER, steps, negate), origin=fields.origin)


def _values(fields: Fields) -> list[Any]:
    values = []
    for index, value in enumerate(fields.items("values")):
        try:
            values.append(plain_json(value))
        except NotJson as problem:
            fields.notes.error("NOT-JSON", f"this value is {problem}", fields.origin.child("values", index))
    return values


def malformed_reference(fields: Fields, name: str, text: str | None) -> Origin:
    """Says that an attribute reference is malformed; where it stands."""
    message = f"{text!r:.80} is no attribute reference: whoever gets here is answered an error"
    origin = fields.origin.child(name) if text else fields.origin
    fields.notes.warning("MALFORMED-REFERENCE", message, origin, "a name, or /a/b with ~1 for a slash and ~0 for a tilde")
    return origin


def _condition(
    fields: Fields, operator: str, values: list[Any], kind: str, steps: tuple[str, ...], negate: bool
) -> ir.Condition:
    origin = fields.origin
    try:
        parts = parts_of(operator, values)
    except Unusable as problem:
        fields.notes.error("INVALID-PATTERN", str(problem), origin.child("values"), "see docs/regex.md")
        return NEVER
    if steps == ("kind",):
        return any_of(parts, KINDS, negate, _truth(parts, USER, negate), origin)
    attribute = attribute_of(kind, steps)
    condition = any_of(parts, attribute, negate, ir.FALSE, origin)
    if steps == ("anonymous",) and _truth(parts, False, negate) == ir.TRUE:
        absent = ir.Not(ir.Test("exists", attribute))
        return ir.Any_((condition, ir.All((absent, ir.Test("exists", attribute_of(kind, KEY))))))
    return condition


def _truth(parts: list[Part], value: Any, negate: bool) -> int:
    """What the clause comes to for a value known beforehand: every context is anonymous or not, and of some kind."""
    return ir.TRUE if any(holds_for(part, value) for part in parts) != negate else ir.FALSE
