"""Powertools documents: features, their rules and values. Used by the Powertools front end only.

Powertools refuses a document as a whole when one feature in it is wrong; here that feature alone is lost: it has no answer, so
that the caller's default is given.
"""

from collections.abc import Iterator
from typing import Any

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.powertools.actions import ACTIONS, Question
from config_sync.frontends.powertools.notes import Notes
from config_sync.ir import Origin
from config_sync.limits import MAX_KEY_LENGTH, MAX_VARIANTS
from evaluator.snapshot import opcodes as codes

DEFAULT = "default"  # the name of the variant that no rule decides on
_UNNAMED = "\x00default"  # the same, where a rule has that name
_MANAGED = "a feature flag of AWS AppConfig's own profile, whose evaluation AWS doesn't publish"
_MANAGED_HINT = 'write it as {"default": …, "rules": {…}} in a free-form profile'


def translate_documents(
    sources: list[Source], diagnostics: Diagnostics, dialect: str, missing_is_null: bool = False
) -> ir.Project:
    """All documents as one project."""
    flags = (flag for source in sources for flag in _Document(source, diagnostics, missing_is_null).flags())
    return ir.Project(dialect=dialect, flags=tuple(flags))


class _Document:
    def __init__(self, source: Source, diagnostics: Diagnostics, missing_is_null: bool) -> None:
        self._source = source
        self._diagnostics = diagnostics
        self._missing_is_null = missing_is_null

    def flags(self) -> Iterator[ir.Flag]:
        """The document's flags, in its order."""
        data, origin = self._source.data, self._source.origin
        if not isinstance(data, dict):
            self._diagnostics.error("WRONG-TYPE", "a document is a mapping of features by name", origin)
        elif isinstance(data.get("flags"), dict) and isinstance(data.get("version"), str):
            self._diagnostics.error("APPCONFIG-PROFILE", f"this is {_MANAGED}", origin.child("flags"), _MANAGED_HINT)
        else:
            for name, feature in data.items():
                yield self._flag(str(name), feature, origin.child(name))

    def _flag(self, name: str, feature: Any, origin: Origin) -> ir.Flag:
        notes = Notes(self._diagnostics)
        if isinstance(feature, dict) and feature:
            flag = _Feature(name, feature, origin, notes, self._missing_is_null).flag()
        else:
            notes.error("WRONG-TYPE", "a feature is a mapping that isn't empty", origin, 'write {"default": false}')
            flag = ir.Flag(key=name, origin=origin)
        return flag if notes.first_error is None else ir.Flag(key=name, error=notes.first_error, origin=origin)


class _Feature:
    """One feature on its way into the project."""

    def __init__(self, name: str, data: dict[str, Any], origin: Origin, notes: Notes, missing_is_null: bool) -> None:
        self._name = name
        self._data = data
        self._origin = origin
        self._notes = notes
        self._missing_is_null = missing_is_null
        self._boolean = bool(data.get("boolean_type", True))  # as Powertools: whatever is true in Python

    def flag(self) -> ir.Flag:
        default = self._default()
        rules = self._rules()
        matches = [rule.get("when_match") if isinstance(rule, dict) else None for rule in rules.values()]
        variants, names = _variants([default, *matches], list(rules))
        return ir.Flag(
            key=self._name,
            variants=variants,
            rules=tuple(self._rule(*item, variant) for item, variant in zip(rules.items(), names[1:], strict=True)),
            default=ir.Constant(names[0]),
            default_reason=codes.REASON_DEFAULT if rules else codes.REASON_STATIC,
            origin=self._origin,
        )

    def _default(self) -> Any:
        value, notes = self._data.get("default"), self._notes
        if not isinstance(self._data.get("boolean_type", True), bool):
            counts = "true" if self._boolean else "false"
            notes.warning("WRONG-TYPE", f"'boolean_type' is no boolean; it counts as {counts}", self._at("boolean_type"))
        if value is None and ("_variants" in self._data or "enabled" in self._data):
            notes.error("APPCONFIG-PROFILE", f"this is {_MANAGED}", self._origin, _MANAGED_HINT)
        elif value is None:
            notes.error("MISSING-FIELD", "a feature has a 'default'", self._origin, "add it; null is none")
        elif self._boolean and not isinstance(value, bool):
            hint = 'write "boolean_type": false for values of other types'
            notes.error("VARIANT-TYPE", "the 'default' of a boolean feature is true or false", self._at("default"), hint)
        return value

    def _rules(self) -> dict[str, Any]:
        rules = self._data.get("rules")
        if isinstance(rules, dict):
            return rules
        message = "'rules' is a mapping of rules by name"
        if rules:
            self._notes.error("WRONG-TYPE", message, self._at("rules"))
        elif rules is not None:
            self._notes.warning("WRONG-TYPE", f"{message}; this one counts as none", self._at("rules"))
        return {}

    def _at(self, field: str) -> Origin:
        return self._origin.child(field)

    # --- one rule -----------------------------------------------------------------------------------------------------

    def _rule(self, name: str, rule: Any, variant: str) -> ir.Rule:
        origin = self._origin.child("rules", name)
        return ir.Rule(
            outcome=ir.Constant(variant),
            reason=codes.REASON_TARGETING_MATCH,
            condition=self._checked(name, rule, origin),
            id=name[:MAX_KEY_LENGTH] or None,
            origin=origin,
        )

    def _checked(self, name: str, rule: Any, origin: Origin) -> ir.Condition:
        if not name:
            self._notes.error("INVALID-NAME", "a rule has a name that isn't empty", origin)
        if not isinstance(rule, dict) or not rule:
            self._notes.error("WRONG-TYPE", "a rule is a mapping that isn't empty", origin)
            return ir.All(())
        if self._boolean and not isinstance(rule.get("when_match"), bool):
            where = origin.child("when_match") if "when_match" in rule else origin
            hint = 'write "boolean_type": false in the feature for values of other types'
            self._notes.error("VARIANT-TYPE", "'when_match' of a boolean feature is true or false", where, hint)
        return self._conditions(rule.get("conditions"), origin)

    def _conditions(self, conditions: Any, origin: Origin) -> ir.Condition:
        if not isinstance(conditions, list) or not conditions:
            hint = "for a rule that always holds, change the default"
            self._notes.error("WRONG-TYPE", "a rule has 'conditions', a list that isn't empty", origin, hint)
            return ir.All(())
        origin = origin.child("conditions")
        return ir.All(tuple(self._condition(item, origin.child(index)) for index, item in enumerate(conditions)))

    def _condition(self, data: Any, origin: Origin) -> ir.Condition:
        if not isinstance(data, dict) or not data:
            self._notes.error("WRONG-TYPE", "a condition is a mapping that isn't empty", origin)
            return ir.All(())
        action, key, value = data.get("action"), data.get("key"), data.get("value")
        if not isinstance(action, str) or action not in ACTIONS:
            hint = "there are: " + ", ".join(ACTIONS)
            where = origin.child("action") if "action" in data else origin
            self._notes.error("UNKNOWN-OPERATOR", f"there is no action {action!r:.80}", where, hint)
        elif not isinstance(key, str) or not key:
            self._notes.error("INVALID-ATTRIBUTE", "a condition has a 'key', a text that isn't empty", origin)
        elif value is None:
            self._notes.error("MISSING-FIELD", "a condition has a 'value' that isn't null", origin)
        else:
            return ACTIONS[action](Question(key, value, action, origin, self._notes, self._missing_is_null))
        return ir.All(())


# --- variants ---------------------------------------------------------------------------------------------------------------


def _variants(values: list[Any], rule_names: list[str]) -> tuple[tuple[ir.Variant, ...], list[str]]:
    """The variants, and the name of each value's: ``default``, then a rule's own name each.

    With more rules than a flag has room for variants, equal values share one without a name.
    """
    if len(values) > MAX_VARIANTS:
        shared = {repr(value): ir.Variant(f"\x00{number}", value) for number, value in enumerate(values)}
        return tuple(shared.values()), [shared[repr(value)].name for value in values]
    names = [_UNNAMED if DEFAULT in rule_names else DEFAULT, *_short(rule_names)]
    return tuple(ir.Variant(*pair) for pair in zip(names, values, strict=True)), names


def _short(names: list[str]) -> list[str]:
    """The names; of one that is too long, its beginning, or nothing if that is another's too."""
    cut = [name[:MAX_KEY_LENGTH] for name in names]
    return [name if cut.count(name) == 1 else f"\x00{number}" for number, name in enumerate(cut)]
