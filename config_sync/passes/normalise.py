"""One form for what means the same: groups flattened, constants folded, splits without empty ranges. A pass.

It changes no answer in three-valued logic. Afterwards a rule's condition is None (always), or holds no constant.
"""

import msgspec

from config_sync import ir
from evaluator.snapshot import opcodes as codes

NEVER = ir.Any_(())  # the empty "or"
ALWAYS = ir.All(())  # the empty "and"


def normalise(project: ir.Project) -> ir.Project:
    """The same project, simplified."""
    flags = tuple(flag if flag.error is not None else _flag(flag) for flag in project.flags)
    return msgspec.structs.replace(project, flags=flags)


def _flag(flag: ir.Flag) -> ir.Flag:
    rules = tuple(_rule(rule) for rule in flag.rules)
    # A flag with rules isn't static, even if they all turn out to be void.
    static = flag.default_reason == codes.REASON_STATIC and rules
    reason = codes.REASON_DEFAULT if static else flag.default_reason
    return msgspec.structs.replace(flag, rules=rules, default=_outcome(flag.default), default_reason=reason)


def _rule(rule: ir.Rule) -> ir.Rule:
    condition = None if rule.condition is None else simplify(rule.condition)
    outcome = _outcome(rule.outcome)
    return msgspec.structs.replace(rule, condition=None if condition == ALWAYS else condition, outcome=outcome)


def simplify(condition: ir.Condition) -> ir.Condition:
    """An equivalent condition without constants, groups of one, or groups directly inside groups of their kind."""
    if isinstance(condition, ir.Not):
        return _negated(simplify(condition.child))
    if isinstance(condition, (ir.All, ir.Any_)):
        return _group(condition)
    if _is_never(condition):
        return NEVER
    return _single(condition) if isinstance(condition, ir.Test) and condition.operator == "one_of" else condition


def _single(test: ir.Test) -> ir.Test:
    """A list of one is an equality, unless a null must be told from other values: it is unknown to a list only."""
    failed = ir.TRUE if test.negate else ir.FALSE
    if len(test.operand) != 1 or test.mistyped != failed:
        return test
    return msgspec.structs.replace(test, operator="equal", operand=test.operand[0])


def _negated(child: ir.Condition) -> ir.Condition:
    if isinstance(child, ir.Not):
        return child.child
    if child == ALWAYS:
        return NEVER
    return ALWAYS if child == NEVER else ir.Not(child)


def _group(group: ir.All | ir.Any_) -> ir.Condition:
    """In an "and", "always" drops out and "never" decides; in an "or" the other way round."""
    kind = type(group)
    decides = NEVER if kind is ir.All else ALWAYS
    children: list[ir.Condition] = []
    for child in map(simplify, group.children):
        if child == decides:
            return decides
        children += child.children if isinstance(child, kind) else (child,)
    return children[0] if len(children) == 1 else kind(tuple(children))


def _is_never(leaf: ir.Condition) -> bool:
    """Tests that are false whatever the context: an empty list to look up in, no bucket to be in."""
    if isinstance(leaf, ir.Test) and leaf.operator == "one_of":
        return not leaf.operand and not leaf.negate and leaf.missing == leaf.mistyped == ir.FALSE
    return isinstance(leaf, ir.InBucket) and not leaf.ranges and leaf.missing == ir.FALSE


def _outcome(outcome: ir.Outcome) -> ir.Outcome:
    return msgspec.structs.replace(outcome, ranges=_ranges(outcome.ranges)) if isinstance(outcome, ir.Split) else outcome


def _ranges(ranges: tuple[ir.Range, ...]) -> tuple[ir.Range, ...]:
    """Ascending ranges without empty ones; neighbours with the same target are one."""
    result: list[ir.Range] = []
    end = -1
    for item in ranges:
        if item.last <= end:
            continue
        if result and result[-1].variant == item.variant:
            result.pop()
        result.append(item)
        end = item.last
    return tuple(result)
