"""From settings to flags: conditions, segments, prerequisites and the rules they make. Used by the ConfigCat front end only."""

from typing import Any

from config_sync import ir
from config_sync.frontends.configcat.comparators import attribute, user_condition
from config_sync.frontends.configcat.documents import Config, RuleDraft, Setting, value_of
from config_sync.frontends.configcat.reading import Item, Malformed, Notes, choice, items, mapping, text
from config_sync.ir import Condition, Origin
from config_sync.passes.graph import cyclic, dependencies_first
from evaluator.snapshot import opcodes as codes

BUCKETS = 100


class _Fails(Exception):
    """A condition that makes the evaluation fail as soon as it is reached; says why."""


class FlagWriter:
    """Writes each setting after those that it has as prerequisites, so that it knows what can be said of them."""

    def __init__(self, settings: dict[str, Setting]) -> None:
        self._settings = settings
        self._needs = {key: _prerequisite_keys(setting) for key, setting in settings.items()}
        self._cyclic = cyclic(self._needs)
        self._fallible: set[str] = set()  # those whose evaluation can fail
        self._segments: dict[tuple[int, int], tuple[Condition, ...] | None] = {}

    def flags(self) -> tuple[ir.Flag, ...]:
        written = {key: self._flag(self._settings[key]) for key in dependencies_first(self._needs)}
        return tuple(written[key] for key in self._settings)

    def _flag(self, setting: Setting) -> ir.Flag:
        rules: list[ir.Rule] = []
        for draft in setting.rules:
            with setting.notes.collected():
                rules += self._rule(setting, draft)
        if setting.options:
            rules.append(ir.Rule(_split(setting, setting.options), codes.REASON_SPLIT, origin=setting.origin))
        if setting.is_broken or setting.variants is None:
            return ir.Flag(setting.key, error=setting.notes.first_error, origin=setting.origin)
        if any(rule.reason == codes.REASON_GENERAL for rule in rules):
            self._fallible.add(setting.key)
        default = ir.Constant(setting.default)
        return ir.Flag(setting.key, setting.variants.named(), tuple(rules), default, origin=setting.origin)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _rule(self, setting: Setting, draft: RuleDraft) -> list[ir.Rule]:
        """The rule, after one for each way in which evaluating its conditions fails."""
        rules: list[ir.Rule] = []
        held: list[Condition] = []
        for item, origin in draft.conditions:
            try:
                condition, failure = self._condition(setting, item, origin)
            except _Fails as reason:
                hint = "correct the prerequisite; a user who gets this far has no answer"
                setting.notes.warning("FAILING-PREREQUISITE", str(reason), origin, hint)
                return [*rules, _failing(held, origin)]
            if failure is not None:
                rules.append(_failing([*held, failure], origin))
            held.append(condition)
        if draft.conditions and draft.served is not None:
            outcome, reason_code = ir.Constant(draft.served), codes.REASON_TARGETING_MATCH
            return [*rules, ir.Rule(outcome, reason_code, ir.All(tuple(held)), origin=draft.origin)]
        if not draft.options:
            return rules
        return [*rules, ir.Rule(_split(setting, draft.options), codes.REASON_SPLIT, ir.All(tuple(held)), origin=draft.origin)]

    def _condition(self, setting: Setting, item: Any, origin: Origin) -> tuple[Condition, Condition | None]:
        """The condition, and when evaluating it fails (None: never). Raises _Fails and Malformed."""
        data = mapping(item, "a condition", origin)
        for field in "usp":
            if data.get(field) is not None:
                inner, here = mapping(data[field], "a condition", origin.child(field)), origin.child(field)
                if field == "p":
                    return self._prerequisite(setting, inner, here)
                if field == "s":
                    return self._in_segment(setting, inner, here), None
                return user_condition(inner, setting.config.salt + setting.key, here, setting.notes), None
        message = "a condition is on the user ('u'), a segment ('s') or a prerequisite ('p')"
        raise Malformed("UNKNOWN-CONDITION", message, origin)

    # --- segments -----------------------------------------------------------------------------------------------------

    def _in_segment(self, setting: Setting, data: dict[Any, Any], origin: Origin) -> Condition:
        denied = choice(data, "c", "a segment's comparator", 2, origin) == 1
        index = data.get("s")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(setting.config.segments):
            raise Malformed("UNKNOWN-SEGMENT", f"there is no segment {index!r:.40}", origin, "publish the config anew")
        conditions = self._segment(setting.config, index, setting.notes)
        if conditions is None:
            raise Malformed("BROKEN-SEGMENT", f"the segment {index} has errors of its own", origin, "correct those")
        if not conditions:
            conditions = (ir.Test("exists", attribute("Identifier", 0, False), missing=ir.UNKNOWN, origin=origin),)
        return _denied(conditions) if denied else ir.All(conditions)

    def _segment(self, config: Config, index: int, notes: Notes) -> tuple[Condition, ...] | None:
        """A segment's conditions, read once; None if something is wrong with them."""
        key = (id(config), index)
        if key not in self._segments:
            self._segments[key] = None
            before = notes.first_error
            with notes.collected():
                self._segments[key] = _segment_conditions(config, config.segments[index], notes)
            notes.first_error = before
        return self._segments[key]

    # --- prerequisites ------------------------------------------------------------------------------------------------

    def _prerequisite(self, setting: Setting, data: dict[Any, Any], origin: Origin) -> tuple[Condition, Condition | None]:
        key = text(data, "f", "the prerequisite's key", origin)
        denied = choice(data, "c", "a prerequisite's comparator", 2, origin) == 1
        needed = self._settings.get(key)
        if needed is None:
            raise _Fails(f"there is no setting {key!r} to be a prerequisite")
        if self._is_circular(setting.key, key):
            raise _Fails(f"{key!r} has {setting.key!r} as a prerequisite itself")
        if needed.is_broken or needed.variants is None or needed.type is None:
            raise _Fails(f"the prerequisite {key!r} has errors of its own")
        value = _compared(data, needed.type, origin)
        names = needed.variants.other_than(value) if denied else needed.variants.equal_to(value)
        condition = ir.Prerequisite(key, names, origin)
        if key not in self._fallible:
            return condition, None
        everything = tuple(variant.name for variant in needed.variants.named())
        return condition, ir.Not(ir.Prerequisite(key, everything, origin))

    def _is_circular(self, key: str, needed: str) -> bool:
        """Whether the prerequisite comes back to the setting."""
        if key not in self._cyclic or needed not in self._cyclic:
            return False
        seen, pending = {needed}, [needed]
        while pending:
            following = self._needs[pending.pop()] & self._cyclic
            pending += following - seen
            seen |= following
        return key in seen


def _prerequisite_keys(setting: Setting) -> set[str]:
    found = set()
    for draft in setting.rules:
        for item, _ in draft.conditions:
            condition = item.get("p") if isinstance(item, dict) and item.get("u") is None and item.get("s") is None else None
            key = condition.get("f") if isinstance(condition, dict) else None
            found |= {key} if isinstance(key, str) else set()
    return found


def _compared(data: dict[Any, Any], kind: int, origin: Origin) -> Any:
    """The value that a prerequisite's is compared with. Raises _Fails if it is of another type."""
    value = data.get("v")
    given = next((field for field in "bsid" if isinstance(value, dict) and value.get(field) is not None), None)
    if given != "bsid"[kind]:
        raise _Fails("the value compared with is of another type than the prerequisite's")
    try:
        return value_of(data, kind, origin)
    except Malformed as problem:
        raise _Fails(problem.message) from None


def _segment_conditions(config: Config, segment: Item, notes: Notes) -> tuple[Condition, ...]:
    item, origin = segment
    data = mapping(item, "a segment", origin)
    salt = config.salt + text(data, "n", "the segment's name", origin, "")
    found = []
    for condition, place in items(data, "r", "a segment's conditions", origin):
        found.append(user_condition(mapping(condition, "a condition", place), salt, place, notes))
    return tuple(found)


def _denied(conditions: tuple[Condition, ...]) -> Condition:
    """That one of them is false, all before it being true: they are asked in order, and one that can't be asked ends it."""
    ways = (ir.All((*conditions[:place], ir.Not(condition))) for place, condition in enumerate(conditions))
    return ir.Any_(tuple(ways))


def _failing(held: list[Condition], origin: Origin) -> ir.Rule:
    """The evaluation fails for those who got so far."""
    return ir.Rule(ir.NoAnswer(), codes.REASON_GENERAL, ir.All(tuple(held)), origin=origin)


def _split(setting: Setting, ranges: tuple[ir.Range, ...]) -> ir.Split:
    """The first 7 hex digits of SHA-1 of key and attribute, modulo 100; past the percentages, on to the next rule."""
    source = attribute(setting.unit or "Identifier", codes.ATTRIBUTE_AS_TEXT, empty_is_missing=False)
    how = ir.Bucketing(codes.HASH_SHA1_28, codes.SPACE_MODULO, codes.UNIT_STRING, source, 0, BUCKETS, setting.key)
    return ir.Split(how, ranges, on_missing=codes.ON_NEXT_RULE, past_end=codes.ON_NEXT_RULE)
