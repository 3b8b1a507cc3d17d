"""GrowthBook's SDK payloads: features, saved groups, contextual bandits; prerequisites. Used by the growthbook front end only.

A feature with an error keeps its key and nothing else, and so does one that lies on a circle of prerequisites: nobody knows its
value. A rule that needs such a feature is an error where it is reached.
"""

from typing import Any

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.features import ALWAYS, NEVER, Draft, Feature, Parent, Payload
from config_sync.frontends.growthbook.notes import Notes, plain_json
from config_sync.frontends.growthbook.reading import SavedGroups
from config_sync.ir import Origin
from config_sync.passes.graph import cyclic
from evaluator.snapshot import opcodes as codes

_ENCRYPTED = ("encryptedFeatures", "encryptedSavedGroups", "encryptedContextualBandits")


def translate_documents(sources: list[Source], diagnostics: Diagnostics, optimise: bool = True) -> ir.Project:
    """All documents as one project; of a key in several of them the last one counts. ``optimise`` is for tests."""
    flags: dict[str, ir.Flag] = {}
    for source in sources:
        for flag in _Document(source, diagnostics, optimise).flags():
            if flag.key in flags:
                message = f"the feature {flag.key!r} stands in {flags[flag.key].origin.document!r} too; this one counts"
                diagnostics.warning("SHADOWED-FLAG", message, flag.origin, "keep one of them")
            flags[flag.key] = flag
    return ir.Project(dialect="growthbook", flags=tuple(flags.values()))


class _Document:
    """One payload on its way into the project."""

    def __init__(self, source: Source, diagnostics: Diagnostics, optimise: bool) -> None:
        self._diagnostics = diagnostics
        self._notes = Notes(diagnostics)
        self._origin = source.origin
        self._data: dict[Any, Any] = source.data if isinstance(source.data, dict) else {}
        if not isinstance(source.data, dict):
            self._notes.error("WRONG-TYPE", "a GrowthBook payload is an object", self._origin, 'write {"features": {…}}')
        self._check_encrypted()
        self._payload = Payload(SavedGroups(self._part("savedGroups")), self._part("contextualBandits"), optimise)
        self._features: dict[str, Feature] = {}
        self._broken: dict[str, str] = {}

    def _check_encrypted(self) -> None:
        for name in _ENCRYPTED:
            if self._data.get(name):
                message = f"{name} can't be read: a payload is compiled in the clear"
                self._notes.error(
                    "ENCRYPTED", message, self._origin.child(name), "fetch it from a connection without encryption"
                )

    def _part(self, name: str) -> dict[str, Any]:
        found, here = self._data.get(name), self._origin.child(name)
        if not js.is_truthy(found):
            return {}
        try:
            plain = plain_json(found)
        except ValueError as problem:
            self._notes.error("NOT-JSON", f"{name} has {problem}", here)
            return {}
        if isinstance(plain, dict):
            return plain
        self._notes.error("WRONG-TYPE", f"{name!r} is an object", here)
        return {}

    def flags(self) -> list[ir.Flag]:
        """The payload's features, in its order."""
        features, origin = self._data.get("features"), self._origin.child("features")
        if features is None and self._data and self._notes.first_error is None:
            self._notes.error("MISSING-FIELD", "a GrowthBook payload has 'features'", self._origin, 'write {"features": {…}}')
        elif features is not None and not isinstance(features, dict):
            self._notes.error("WRONG-TYPE", "'features' is an object of features by key", origin)
        written = features if isinstance(features, dict) else {}
        for key, data in written.items():
            self._read(str(key), data, origin.child(key))
        self._find_circles()
        keys = [str(key) for key in written if str(key) in self._features or str(key) in self._broken]
        return [self._flag(key, origin.child(key)) for key in keys]

    def _read(self, key: str, data: Any, origin: Origin) -> None:
        """One feature; one that is null, or false, is unknown to the SDK too."""
        if not js.is_truthy(data):
            self._notes.warning("WRONG-TYPE", f"the feature {key!r} is {js.text_of(data) or 'empty'}, so there is none", origin)
            return
        notes = Notes(self._diagnostics)
        try:
            plain = plain_json(data)
        except ValueError as problem:
            notes.error("NOT-JSON", f"the feature {key!r} has {problem}", origin)
            plain = {}
        if not isinstance(plain, dict):
            notes.error("WRONG-TYPE", f"a feature is an object, not {js.kind_of(plain)}", origin)
        feature = Feature(key, plain if isinstance(plain, dict) else {}, self._payload, notes, origin)
        if notes.first_error is not None:
            self._broken[key] = notes.first_error
        else:
            self._features[key] = feature

    # --- prerequisites ------------------------------------------------------------------------------------------------

    def _find_circles(self) -> None:
        """Features that need themselves; the SDK answers them with an error wherever it gets that far."""
        needs = {
            key: {parent.feature for draft in feature.drafts for parent in draft.parents}
            for key, feature in self._features.items()
        }
        for key in sorted(cyclic(needs)):
            message = f"{key!r} is its own prerequisite, directly or through others"
            self._diagnostics.error("PREREQUISITE-CYCLE", message, self._features[key].origin, "take one of them out")
            self._broken[key] = message
            del self._features[key]

    def _flag(self, key: str, origin: Origin) -> ir.Flag:
        feature = self._features.get(key)
        if feature is None:
            return ir.Flag(key=key, error=self._broken[key], origin=origin)
        rules = [rule for draft in feature.drafts for rule in self._rules(feature, draft)]
        return ir.Flag(
            key=key,
            variants=feature.variants,
            rules=tuple(rules),
            default=ir.Constant(feature.default),
            default_reason=codes.REASON_DEFAULT if feature.has_rules else codes.REASON_STATIC,
            origin=origin,
        )

    def _rules(self, feature: Feature, draft: Draft) -> list[ir.Rule]:
        """A draft as a rule, after one for each prerequisite that can block the feature."""
        rules: list[ir.Rule] = []
        held: list[ir.Condition] = []
        for parent in draft.parents:
            if parent.feature in self._broken:
                rules.append(_rule(draft, held, ir.NoAnswer(), codes.REASON_GENERAL, named=False))
                return rules
            condition = self._satisfied(parent)
            if parent.gate and condition != ALWAYS:
                blocked = ir.Constant(feature.blocked)
                conditions = [*held, ir.Not(condition)]
                rules.append(_rule(draft, conditions, blocked, codes.REASON_PREREQUISITE_FAILED, named=False))
            if condition == NEVER:
                return rules
            if condition != ALWAYS:
                held.append(condition)
        if draft.outcome is not None:
            rules.append(_rule(draft, [*held, draft.condition], draft.outcome, draft.reason))
        return rules

    def _satisfied(self, parent: Parent) -> ir.Condition:
        """That the feature answers a value of which the condition holds; which ones these are is known now."""
        feature = self._features.get(parent.feature)
        if feature is None:
            return ALWAYS if parent.condition.holds({"value": None}) else NEVER
        wanted = tuple(variant.name for variant in feature.variants if parent.condition.holds({"value": variant.value}))
        if len(wanted) == len(feature.variants):
            return ALWAYS
        return ir.Prerequisite(parent.feature, wanted, parent.origin) if wanted else NEVER


def _rule(draft: Draft, conditions: list[ir.Condition], outcome: ir.Outcome, reason: int, named: bool = True) -> ir.Rule:
    return ir.Rule(outcome, reason, ir.All(tuple(conditions)), draft.id if named else None, draft.origin)
