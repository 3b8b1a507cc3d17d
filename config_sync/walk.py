"""Walks over the IR that never recurse: absurdly nested input ends well too. Used by passes and the lowering."""

from collections.abc import Iterator

from config_sync import ir


def conditions_of(root: ir.Condition | None) -> Iterator[ir.Condition]:
    """Every condition in a tree, the root included, in source order."""
    pending = [] if root is None else [root]
    while pending:
        condition = pending.pop()
        yield condition
        pending += reversed(children_of(condition))


def children_of(condition: ir.Condition) -> tuple[ir.Condition, ...]:
    if isinstance(condition, (ir.All, ir.Any_)):
        return condition.children
    return (condition.child,) if isinstance(condition, ir.Not) else ()


def rule_conditions(flag: ir.Flag) -> Iterator[ir.Condition]:
    """Every condition of every rule of a flag."""
    for rule in flag.rules:
        yield from conditions_of(rule.condition)


def outcomes_of(flag: ir.Flag) -> Iterator[ir.Outcome]:
    """The outcomes of a flag's rules, then its default."""
    for rule in flag.rules:
        yield rule.outcome
    yield flag.default


def bucketings_of(flag: ir.Flag) -> Iterator[ir.Bucketing]:
    for condition in rule_conditions(flag):
        if isinstance(condition, ir.InBucket):
            yield condition.bucketing
    for outcome in outcomes_of(flag):
        if isinstance(outcome, ir.Split):
            yield outcome.bucketing


def expressions_of(flag: ir.Flag) -> Iterator[ir.Expression]:
    """The roots of every expression that a flag uses."""
    for condition in rule_conditions(flag):
        if isinstance(condition, ir.Truthy):
            yield condition.expression
    for outcome in outcomes_of(flag):
        if isinstance(outcome, ir.Computed):
            yield outcome.expression
    for bucketing in bucketings_of(flag):
        if isinstance(bucketing.source, ir.Expression):
            yield bucketing.source


def prerequisites_of(flag: ir.Flag) -> Iterator[ir.Prerequisite]:
    """Every mention of another flag, repeated ones too. A tombstone has none."""
    if flag.error is None:
        for condition in rule_conditions(flag):
            if isinstance(condition, ir.Prerequisite):
                yield condition
