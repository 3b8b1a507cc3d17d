"""From a toggle to a flag: its parents first, then its strategies in order. Used by the Unleash front end only.

A toggle that is on answers true, or its variant's payload; one that is off answers false. The first strategy that is on decides
about the variant: its own variants, else the toggle's.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from config_sync import ir
from config_sync.frontends.unleash.constraints import ALWAYS, NEVER
from config_sync.frontends.unleash.reading import AlwaysOff, Malformed, Notes
from config_sync.frontends.unleash.strategies import Parameters, Segments, read_strategy
from config_sync.frontends.unleash.variants import OFF, PLAIN, Choice, Variants, rules_of
from config_sync.ir import Origin
from config_sync.limits import MAX_KEY_LENGTH
from evaluator.snapshot import opcodes as codes


class Toggle(NamedTuple):
    """A toggle as its children need it: the flag, whether it has parents, and its variants that stand for a lot."""

    flag: ir.Flag
    has_parents: bool
    undrawn: Mapping[str, frozenset[str]]


def read_toggle(key: str, data: dict[str, Any], segments: Segments, origin: Origin, notes: Notes) -> Toggle:
    """One toggle, its flag still without its parents. A malformed one is a tombstone."""
    variants = Variants(notes)
    flag = _flag(key, data, segments, variants, origin, notes)
    return Toggle(flag, bool(data.get("dependencies")), variants.undrawn)


def _flag(key: str, data: dict[str, Any], segments: Segments, variants: Variants, origin: Origin, notes: Notes) -> ir.Flag:
    flag = ir.Flag(key, variants.all(), default=OFF, default_reason=codes.REASON_DEFAULT, origin=origin)
    try:
        enabled = data.get("enabled")
        if not isinstance(enabled, bool):
            raise notes.malformed("WRONG-TYPE", "a toggle's 'enabled' is true or false", origin)
        rules = _rules(key, data, segments, variants, origin, notes)
        flag = msgspec.structs.replace(flag, variants=variants.all())
        if not enabled:
            return msgspec.structs.replace(flag, default_reason=codes.REASON_DISABLED)
        return msgspec.structs.replace(flag, rules=rules)
    except AlwaysOff as reason:
        hint = "correct it; until then everybody gets off, from Unleash too"
        notes.warning("ALWAYS-OFF", f"the toggle {key!r:.80} is always off: {reason.message}", reason.origin, hint)
        return msgspec.structs.replace(flag, variants=variants.all())
    except Malformed as reason:
        return ir.Flag(key, error=str(reason), origin=origin)


def _rules(
    key: str, data: dict[str, Any], segments: Segments, variants: Variants, origin: Origin, notes: Notes
) -> tuple[ir.Rule, ...]:
    choice = variants.read(data.get("variants"), key, None, origin.child("variants")) or PLAIN
    strategies = notes.items(data.get("strategies"), "'strategies'", origin.child("strategies"))
    if not strategies:
        return tuple(rules_of(ALWAYS, choice, codes.REASON_STATIC, None, origin))
    rules: list[ir.Rule] = []
    for item, place in strategies:
        strategy = notes.mapping(item, "a strategy", place)
        read = read_strategy(strategy, key, segments, place, notes)
        own = _own_choice(strategy, key, variants, read.parameters, place) or choice
        is_static = read.condition == ALWAYS and not rules  # nothing was asked before
        reason = codes.REASON_SPLIT if read.rolls else codes.REASON_STATIC if is_static else codes.REASON_TARGETING_MATCH
        rules += rules_of(read.condition, own, reason, _rule_id(strategy), place)
    return tuple(rules)


def _own_choice(
    strategy: dict[str, Any], key: str, variants: Variants, parameters: Parameters, origin: Origin
) -> Choice | None:
    group, stickiness = parameters.get("groupId"), parameters.get("stickiness")
    place = origin.child("variants")
    return variants.read(
        strategy.get("variants"), key if group is None else group, "default" if stickiness is None else stickiness, place
    )


def _rule_id(strategy: dict[str, Any]) -> str | None:
    """What names a strategy, for who asks why: its id, its title, else its kind."""
    names = (strategy.get(field) for field in ("id", "title", "name"))
    return next((name for name in names if isinstance(name, str) and 0 < len(name) <= MAX_KEY_LENGTH), None)


# --- parents ----------------------------------------------------------------------------------------------------------


def with_parents(toggle: Toggle, data: dict[str, Any], toggles: Mapping[str, Toggle], notes: Notes) -> ir.Flag:
    """The flag with a first rule that it is off unless all its parents are as it wants them."""
    flag, origin = toggle.flag, toggle.flag.origin.child("dependencies")
    try:
        parents = notes.items(data.get("dependencies"), "'dependencies'", origin)
        conditions = [_parent(item, toggles, place, notes) for item, place in parents]
    except Malformed as problem:
        return ir.Flag(flag.key, error=str(problem), origin=flag.origin)
    if not conditions or flag.default_reason == codes.REASON_DISABLED:
        return flag
    off = ir.Rule(OFF, codes.REASON_PREREQUISITE_FAILED, ir.Not(ir.All(tuple(conditions))), origin=origin)
    return msgspec.structs.replace(flag, rules=(off, *map(_after_parents, flag.rules)))


def _after_parents(rule: ir.Rule) -> ir.Rule:
    """Nothing is static where parents were asked."""
    return msgspec.structs.replace(rule, reason=codes.REASON_TARGETING_MATCH) if rule.reason == codes.REASON_STATIC else rule


def _parent(item: Any, toggles: Mapping[str, Toggle], origin: Origin, notes: Notes) -> ir.Condition:
    """Whether one parent is as wanted. One that isn't there, or has parents of its own, never is."""
    wanted = notes.mapping(item, "a dependency", origin)
    name = notes.text(wanted.get("feature"), "a dependency's 'feature'", origin.child("feature"))
    names = notes.texts(wanted.get("variants"), "a dependency's variant", origin.child("variants"))
    parent = toggles.get(name)
    if parent is None or parent.has_parents:
        problem = "isn't there" if parent is None else "has a parent of its own"
        notes.warning("UNUSABLE-PARENT", f"the parent {name!r:.80} {problem}: the toggle is off", origin, "name another parent")
        return NEVER
    if wanted.get("enabled") is False:
        return ir.Prerequisite(name, (ir.UNNAMED_OFF,), origin)
    return ir.Prerequisite(name, _accepted(parent, set(names)), origin)


def _accepted(parent: Toggle, names: set[str]) -> tuple[str, ...]:
    """The variants of a parent that is on, as its child wants them: all, or those of these names and no variant at all."""
    on = {variant.name for variant in parent.flag.variants} - {ir.UNNAMED_OFF}
    if not names:
        return tuple(sorted(on))
    drawn = {name for name, among in parent.undrawn.items() if among <= names}
    return tuple(sorted({ir.UNNAMED_ON, *drawn, *(name for name in on if ir.reported_name(name) in names)}))
