"""The targeting of table items in all its forms, and how targeting, chance and outcome become rules. Used by ``simple``.

A target is a condition with the id of the rule it came from. Several targets are alternatives, in order of priority (RUL-04).
"""

from typing import Any, NamedTuple

from config_sync import ir
from config_sync.frontends.native import models
from config_sync.frontends.native.buckets import EVERYBODY, NOBODY, Chance, Hashing, rule_rollout
from config_sync.frontends.native.conditions import Reader
from config_sync.frontends.native.question import Scope
from config_sync.frontends.native.reading import Notes, exact, percentage, read
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

# RUL-05: the first of these that isn't empty is the stable id of a user.
STABLE_ID = ("targetingKey", "user_id", "id", "email", "username", "device_id", "client_id", "session_id")


class Target(NamedTuple):
    condition: ir.Condition
    rule_id: str | None
    origin: Origin


class Decision(NamedTuple):
    """What happens after the gates: rules, and what is left when none decides."""

    rules: list[ir.Rule]
    default: ir.Outcome
    reason: int


def stable_id() -> ir.Attribute:
    source: ir.Attribute | None = None
    for name in reversed(STABLE_ID):
        source = ir.Attribute(name, fallback=source, empty_is_missing=True)
    return source or ir.TARGETING_KEY


class TargetingReader:
    """Reads ``targeting_rules``: None (everyone), a list that must all hold, a group, or prioritised rules."""

    def __init__(self, reader: Reader, notes: Notes, hashing: Hashing) -> None:
        self._reader = reader
        self._notes = notes
        self._hashing = hashing

    def targets(self, data: Any, origin: Origin) -> list[Target] | None:
        """The targets; None when everyone is one."""
        if data is None or data in ([], {}):
            return None
        if isinstance(data, dict) and ("rules" in data or "default_rule" in data):
            return self._prioritised(data, origin)
        condition = self._reader.root(data, origin, self._scope(None))
        return [] if condition is None else [Target(condition, None, origin)]

    def _scope(self, rule_id: str | None) -> Scope:
        return Scope(self._hashing.salted("_bucket" if rule_id is None else f"_bucket_{rule_id}"))

    def _prioritised(self, data: dict[str, Any], origin: Origin) -> list[Target] | None:
        item = read(models.PrioritisedRules, data, origin, self._notes)
        if item is None:
            return []
        places = [(rule, origin.child("rules", index)) for index, rule in enumerate(item.rules or [])]
        rules = [self._rule(rule, place) for rule, place in places]
        self._check_ids([(rule[1], place) for rule, (_, place) in zip(rules, places, strict=True) if rule])
        found = [rule[1] for rule in sorted(filter(None, rules), key=lambda rule: rule[0])]
        if item.default_rule is not None:
            last = self._rule(item.default_rule, origin.child("default_rule"))
            found += [last[1]] if last else []
        return found if rules or item.default_rule is not None else None

    def _rule(self, data: Any, origin: Origin) -> tuple[Any, Target] | None:
        """(priority, target) of one rule with its own rollout."""
        item = read(models.TargetingRule, data, origin, self._notes)
        if item is None:
            return None
        rule_id = None if item.id is None else str(item.id)
        condition = self._condition(item, rule_id, origin)
        priority = exact(0 if item.priority is None else item.priority)
        if priority is None:
            self._notes.error("WRONG-TYPE", "priority must be a number", origin.child("priority"))
        chance = self._chance(item, rule_id, origin)
        if condition is None or chance is None or priority is None:
            return None
        return priority, Target(_limited(condition, chance), rule_id, origin)

    def _condition(self, item: models.TargetingRule, rule_id: str | None, origin: Origin) -> ir.Condition | None:
        if item.rule is None:
            return ir.All(())
        return self._reader.root(item.rule, origin.child("rule"), self._scope(rule_id))

    def _chance(self, item: models.TargetingRule, rule_id: str | None, origin: Origin) -> Chance | None:
        if item.rollout_percentage is None:
            return EVERYBODY
        place = origin.child("rollout_percentage")
        percent = percentage(item.rollout_percentage, "rollout_percentage", place, self._notes)
        if percent is None:
            return None
        if rule_id is None and 0 < percent < 100:
            self._notes.error("MISSING-FIELD", "a rule with a rollout needs an id: it salts the rollout", origin)
            return None
        source = stable_id() if self._hashing.source == ir.TARGETING_KEY else self._hashing.source
        return rule_rollout(rule_id or "", self._hashing._replace(source=source), percent)

    def _check_ids(self, targets: list[tuple[Target, Origin]]) -> None:
        seen: set[str] = set()
        for target, place in targets:
            if target.rule_id in seen:
                self._notes.error("DUPLICATE-RULE", f"the rule id {target.rule_id!r} is used twice", place.child("id"))
            if target.rule_id is not None:
                seen.add(target.rule_id)


def _limited(condition: ir.Condition, chance: Chance) -> ir.Condition:
    if isinstance(chance, ir.InBucket):
        return ir.All((condition, chance))
    return condition if chance == EVERYBODY else ir.Any_(())


def decide(targets: list[Target] | None, chance: Chance, on: ir.Outcome, off: ir.Outcome, unlucky: int) -> Decision:
    """Targeting, then chance, then the outcome; each refusal with its own reason (FLG-02).

    ``unlucky`` is the reason of those whom chance leaves out. Only a chance between 0 and 100 % asks for the unit's bucket.
    """
    refused = [] if targets is None else [_refusal(targets, off)]
    if chance == NOBODY:
        return Decision(refused, off, unlucky)
    luck = chance if isinstance(chance, ir.InBucket) else None
    reason = codes.REASON_SPLIT if luck or isinstance(on, ir.Split) else codes.REASON_TARGETING_MATCH
    if targets is None:
        if luck is None and isinstance(on, ir.Constant):
            return Decision([], on, codes.REASON_STATIC)
        return Decision([_accepting(None, None, luck, on, reason)], off, unlucky)
    rules = [_accepting(target.condition, target, luck, on, reason) for target in targets]
    if luck is None:
        return Decision(rules, off, codes.REASON_TARGETING_NOT_MET)
    alone = len(targets) == 1  # the refusal has asked its condition already
    if alone:
        rules = [_accepting(None, targets[0], luck, on, reason)]
    return Decision([*refused, *rules], off, unlucky)


def _refusal(targets: list[Target], off: ir.Outcome) -> ir.Rule:
    anyone = targets[0].condition if len(targets) == 1 else ir.Any_(tuple(target.condition for target in targets))
    place = targets[0].origin if targets else ir.NOWHERE
    return ir.Rule(off, codes.REASON_TARGETING_NOT_MET, ir.Not(anyone), origin=place)


def _accepting(
    condition: ir.Condition | None, target: Target | None, luck: ir.InBucket | None, on: ir.Outcome, reason: int
) -> ir.Rule:
    """The rule that lets a target in. Chance and a constant are one split; a unit that is missing is the split's to report."""
    rule_id, origin = (target.rule_id, target.origin) if target else (None, ir.NOWHERE)
    if luck is not None and isinstance(on, ir.Constant):
        on = ir.Split(luck.bucketing, (ir.Range(luck.ranges[0][1], on.variant),))
    elif luck is not None:
        lucky = ir.InBucket(luck.bucketing, luck.ranges, missing=ir.TRUE)
        condition = lucky if condition is None else ir.All((condition, lucky))
    return ir.Rule(on, reason, condition, rule_id, origin)
