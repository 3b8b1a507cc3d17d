"""Walks over the IR that never recurse: absurdly nested input ends well too. Used by passes and the lowering."""

from collections.abc import Iterator

from config_sync import ir


def conditions_of(root: ir.Condition | None) -> list[ir.Condition]:
    """Every condition in a tree, the root included, level by level."""
    found = [] if root is None else [root]
    for condition in found:  # the list grows while it is walked
        found += children_of(condition)
    return found


def children_of(condition: ir.Condition) -> tuple[ir.Condition, ...]:
    kind = type(condition)
    if kind is ir.Test:  # most conditions are
        return ()
    if kind is ir.All or kind is ir.Any_:
        return condition.children  # type: ignore[union-attr]
    return (condition.child,) if kind is ir.Not else ()  # type: ignore[union-attr]


def rule_conditions(flag: ir.Flag) -> Iterator[ir.Condition]:
    """Every condition of every rule of a flag."""
    for rule in flag.rules:
        yield from conditions_of(rule.condition)


def prerequisites_of(flag: ir.Flag) -> Iterator[ir.Prerequisite]:
    """Every mention of another flag, repeated ones too. A tombstone has none."""
    if flag.error is None:
        for condition in rule_conditions(flag):
            if isinstance(condition, ir.Prerequisite):
                yield condition


def expressions_of(flag: ir.Flag) -> Iterator[ir.Expression]:
    """The roots of every expression that a flag uses."""
    for part in (*rule_conditions(flag), *(rule.outcome for rule in flag.rules), flag.default):
        if isinstance(part, (ir.Truthy, ir.Computed)):
            yield part.expression
        elif isinstance(part, (ir.InBucket, ir.Split)) and isinstance(part.bucketing.source, ir.Expression):
            yield part.bucketing.source
