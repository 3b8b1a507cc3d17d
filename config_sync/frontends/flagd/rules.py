"""From a targeting expression to rules, without changing its meaning. Used by the flagd front end only.

A chain of ``if`` becomes a rule for each branch, ``fractional`` a split, and conditions become native tests where they are
exactly the same. Everything else stays an expression. ``tests/conformance/flagd`` compares both forms on random targeting.
"""

from collections.abc import Iterator

import msgspec

from config_sync import ir
from config_sync.frontends.flagd.conditions import condition_of
from config_sync.frontends.flagd.constants import text_of
from config_sync.frontends.flagd.operators import FRACTIONALS, is_list_node
from config_sync.frontends.flagd.splits import split_of
from config_sync.frontends.flagd.targeting import NULL
from config_sync.ir import Expression, Origin
from evaluator.snapshot import opcodes as codes

MAX_GUARDS = 4  # an `if` in a branch of an `if` …: each repeats the conditions around it
MAX_RULES = 500

Guards = tuple[ir.Condition, ...]


class RuleWriter:
    """Writes the rules of one flag."""

    def __init__(self, key: str, variants: tuple[ir.Variant, ...], default: ir.Outcome, origin: Origin) -> None:
        self._key = key
        self._names = {variant.name for variant in variants}
        self._default = default
        self.origin = origin

    def write(self, targeting: Expression, optimise: bool) -> tuple[ir.Rule, ...]:
        """The rules whose first decision is what the targeting names; none deciding is a null."""
        targeting = with_named_results(targeting)
        whole = (self._rule((), ir.Computed(targeting)),)
        if not optimise:
            return whole
        rules: list[ir.Rule] = []
        for guards, result in branches(targeting, ()):
            rules += self._branch(guards, result)
            if len(rules) > MAX_RULES:
                return whole
        if rules and rules[-1].condition is None and rules[-1].reason == codes.REASON_DEFAULT:
            rules.pop()  # the flag's default says the same
        return tuple(rules)

    def _branch(self, guards: Guards, result: Expression) -> list[ir.Rule]:
        if result.op == codes.NODE_CONSTANT:
            if result.value is None:
                return [self._rule(guards, self._default, codes.REASON_DEFAULT)]
            name = text_of(result.value)
            if name in self._names:
                return [self._rule(guards, ir.Constant(name))]
        if result.op in FRACTIONALS:
            split = split_of(result, self._key, self._names)
            if split is not None and split.on_missing == codes.ON_NEXT_RULE:
                return [self._rule(guards, split), self._rule(guards, ir.Computed(result))]
            if split is not None:
                return [self._rule(guards, split)]
        return [self._rule(guards, ir.Computed(result))]

    def _rule(self, guards: Guards, outcome: ir.Outcome, reason: int = codes.REASON_TARGETING_MATCH) -> ir.Rule:
        condition = None if not guards else guards[0] if len(guards) == 1 else ir.All(guards)
        return ir.Rule(outcome, reason, condition, origin=self.origin)


def branches(node: Expression, guards: Guards) -> Iterator[tuple[Guards, Expression]]:
    """(conditions, result) in the order in which they are tried; the last of them holds whenever ``guards`` hold."""
    while node.op == codes.NODE_IF and len(guards) < MAX_GUARDS:
        children = node.children
        for number in range(0, len(children) - 1, 2):
            yield from branches(children[number + 1], (*guards, condition_of(children[number])))
        node = children[-1] if len(children) % 2 else NULL
    yield guards, node


def with_named_results(node: Expression) -> Expression:
    """The same targeting, but with numbers that are results written as text, because variants are named by text."""
    if node.op == codes.NODE_CONSTANT and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Expression(codes.NODE_CONSTANT, value=text_of(node.value))
    if node.op == codes.NODE_IF:
        last = len(node.children) - 1
        children = (with_named_results(child) if n % 2 or n == last else child for n, child in enumerate(node.children))
        return msgspec.structs.replace(node, children=tuple(children))
    if node.op in FRACTIONALS:
        children = (_named_pair(child) if is_list_node(child) else child for child in node.children)
        return msgspec.structs.replace(node, children=tuple(children))
    return node


def _named_pair(pair: Expression) -> Expression:
    """A [variant, weight] of a ``fractional``."""
    if pair.op == codes.NODE_LIST and pair.children:
        return msgspec.structs.replace(pair, children=(with_named_results(pair.children[0]), *pair.children[1:]))
    if pair.op == codes.NODE_CONSTANT and pair.value and not isinstance(pair.value[0], list):
        name = pair.value[0] if pair.value[0] is None or isinstance(pair.value[0], bool) else text_of(pair.value[0])
        return Expression(codes.NODE_CONSTANT, value=[name, *pair.value[1:]])
    return pair
