"""The whole payload: flags and segments by key, and how flags need each other. Used by the launchdarkly front end only."""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.launchdarkly.flags import Draft, Prerequisite, read_flag
from config_sync.frontends.launchdarkly.reading import Fields, Notes
from config_sync.frontends.launchdarkly.segments import Segments
from config_sync.ir import Origin
from config_sync.passes.graph import cyclic, dependencies_first
from evaluator.snapshot import opcodes as codes

Entries = dict[str, tuple[Any, Origin]]


def translate_documents(sources: list[Source], diagnostics: Diagnostics) -> ir.Project:
    """All documents as one project; of a key in several documents the last one counts."""
    segments = Segments(diagnostics)
    for key, (data, origin) in _entries(sources, "segments", diagnostics).items():
        segments.add(key, data, origin)
    segments.finish()
    drafts: dict[str, Draft] = {}
    for key, (data, origin) in _entries(sources, "flags", diagnostics).items():
        draft = read_flag(key, data, origin, Notes(diagnostics), segments)
        if draft is not None:
            drafts[key] = draft
    flags = _Prerequisites(drafts, diagnostics).flags()
    return ir.Project(dialect="launchdarkly", flags=flags, segments=segments.conditions)


def _entries(sources: list[Source], name: str, diagnostics: Diagnostics) -> Entries:
    """What every document has under ``flags`` or ``segments``."""
    found: Entries = {}
    for source in sources:
        notes = Notes(diagnostics)
        what = "a LaunchDarkly document" if name == "flags" else "this document"
        fields = Fields(source.data if isinstance(source.data, dict) or name == "flags" else {}, source.origin, notes, what)
        if name == "flags" and isinstance(source.data, dict) and "flags" not in source.data and "segments" not in source.data:
            notes.error("MISSING-FIELD", "a LaunchDarkly document has 'flags'", source.origin, 'write {"flags": {…}}')
        value, origin = fields.raw(name), source.origin.child(name)
        if value is not None and not isinstance(value, dict):
            notes.error("WRONG-TYPE", f"{name!r} is a mapping of keys to {name}", origin)
        for name_, data in value.items() if isinstance(value, dict) else ():
            key = str(name_)
            if key in found:
                message = f"{key!r} stands in {found[key][1].document!r} too; this one counts"
                diagnostics.warning("SHADOWED-FLAG", message, origin.child(key), "remove one of them")
            found[key] = (data, origin.child(key))
    return found


class _Prerequisites:
    """Turns what a flag needs into rules before its own."""

    def __init__(self, drafts: dict[str, Draft], diagnostics: Diagnostics) -> None:
        self._drafts = drafts
        self._diagnostics = diagnostics
        graph = {key: {item.key for item in self._asked(draft)} for key, draft in drafts.items()}
        self._cyclic = cyclic(graph)
        self._failing = {key for key, draft in drafts.items() if draft.fails} | self._cyclic
        for key in dependencies_first(graph):
            if graph[key] & self._failing:
                self._failing.add(key)

    def flags(self) -> tuple[ir.Flag, ...]:
        return tuple(self._flag(key, draft) for key, draft in self._drafts.items())

    def _is_met_by_nobody(self, item: Prerequisite) -> bool:
        """A flag that isn't there, is off, or has no such variation: known without asking it."""
        needed = self._drafts.get(item.key)
        return needed is None or not needed.is_on or not 0 <= item.variation < len(needed.flag.variants)

    def _is_evaluated(self, item: Prerequisite) -> bool:
        needed = self._drafts.get(item.key)
        return needed is not None and needed.is_on

    def _asked(self, draft: Draft) -> list[Prerequisite]:
        """The flags that are evaluated for this one, in order: after one that nobody meets, none is."""
        asked: list[Prerequisite] = []
        for item in draft.prerequisites:
            if self._is_evaluated(item):
                asked.append(item)
            if self._is_met_by_nobody(item):
                break
        return asked

    def _flag(self, key: str, draft: Draft) -> ir.Flag:
        rules: list[ir.Rule] = []
        for item in draft.prerequisites:
            rules += self._rules(key, draft, item)
        return msgspec.structs.replace(draft.flag, rules=(*rules, *draft.flag.rules))

    def _rules(self, key: str, draft: Draft, item: Prerequisite) -> list[ir.Rule]:
        if key in self._cyclic and item.key in self._cyclic and self._is_evaluated(item):
            message = f"the prerequisite {item.key!r} leads back to {key!r}: whoever gets here is answered an error"
            self._diagnostics.warning("PREREQUISITE-LOOP", message, item.origin, "take one of the prerequisites out")
            return [ir.Rule(ir.NoAnswer(), codes.REASON_PARSE_ERROR, origin=item.origin)]
        needed = ir.Prerequisite(item.key, (str(item.variation),), item.origin)
        condition: ir.Condition | None = ir.Not(needed)
        spoilt: list[ir.Rule] = []
        if self._is_met_by_nobody(item):
            message = f"nobody meets the prerequisite {item.key!r}: it is missing, off, or has no such variation"
            self._diagnostics.warning("UNMET-PREREQUISITE", message, item.origin, "correct it, or take it out")
            condition = None
        elif item.key in self._failing:  # first those whom it answers something else, then those whom it answers an error
            condition = ir.Not(msgspec.structs.replace(needed, error=ir.TRUE))
            spoilt = [ir.Rule(ir.NoAnswer(), codes.REASON_PARSE_ERROR, ir.Not(needed), origin=item.origin)]
        outcome, reason = draft.off, codes.REASON_PREREQUISITE_FAILED
        if outcome is None:
            outcome, reason = ir.NoAnswer(), codes.REASON_PARSE_ERROR
        return [ir.Rule(outcome, reason, condition, origin=item.origin), *spoilt]
