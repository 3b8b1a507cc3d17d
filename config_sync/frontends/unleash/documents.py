"""Unleash's documents: toggles and segments, or the events of a delta that lead to them. Used by the Unleash front end only."""

from typing import Any, NamedTuple

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.unleash.constraints import condition_of
from config_sync.frontends.unleash.reading import AlwaysOff, Malformed, Notes
from config_sync.frontends.unleash.toggles import read_toggle, with_parents
from config_sync.ir import Origin

DIALECT = "unleash"

_HINT = 'write {"features": […], "segments": […]}, the body of /api/client/features'


class _Placed(NamedTuple):
    data: dict[str, Any]
    origin: Origin


def translate(sources: list[Source], diagnostics: Diagnostics) -> ir.Project:
    """All documents as one project. Each is complete by itself: its segments and parents are its own."""
    flags: list[ir.Flag] = []
    for source in sources:
        flags += _Document(source, diagnostics).flags()
    return ir.Project(dialect=DIALECT, flags=tuple(flags))


class _Document:
    """One document: its toggles by name and its segments by number; of several with one name the last counts."""

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self._notes = Notes(diagnostics)
        self._toggles: dict[str, _Placed] = {}
        self._segments: dict[int, _Placed] = {}
        data, origin = source.data, source.origin
        if isinstance(data, dict) and "features" not in data and "events" in data:
            self._list(data["events"], "'events'", origin.child("events"), self._event)
        elif isinstance(data, dict) and "features" in data:
            self._state(data, origin)
        else:
            code = "MISSING-FIELD" if isinstance(data, dict) else "WRONG-TYPE"
            self._notes.malformed(code, "an Unleash document has 'features', or a delta's 'events'", origin, _HINT)

    def flags(self) -> list[ir.Flag]:
        """The document's flags, in its order."""
        segments = {number: self._segment(placed) for number, placed in self._segments.items()}
        toggles = {
            name: read_toggle(name, placed.data, segments, placed.origin, self._notes) for name, placed in self._toggles.items()
        }
        return [with_parents(toggle, self._toggles[name].data, toggles, self._notes) for name, toggle in toggles.items()]

    def _segment(self, placed: _Placed) -> ir.Condition | AlwaysOff:
        """All of a segment's constraints; what a toggle that uses it gets, if they can't be had."""
        origin = placed.origin.child("constraints")
        try:
            constraints = self._notes.items(placed.data.get("constraints"), "'constraints'", origin)
            return ir.All(tuple(condition_of(item, place, self._notes) for item, place in constraints))
        except AlwaysOff as reason:
            return reason
        except Malformed as reason:
            return AlwaysOff(f"its segment can't be read: {reason}", origin)

    # --- what a document consists of ----------------------------------------------------------------------------------

    def _list(self, data: Any, what: str, origin: Origin, take: Any) -> None:
        """Takes each element in that is a mapping; says so of all others."""
        try:
            for item, place in self._notes.items(data, what, origin):
                if isinstance(item, dict):
                    take(item, place)
                else:
                    self._notes.malformed("WRONG-TYPE", f"an element of {what} is a mapping, not {type(item).__name__}", place)
        except Malformed:
            return

    def _state(self, data: dict[str, Any], origin: Origin) -> None:
        self._list(data.get("features"), "'features'", origin.child("features"), self._toggle)
        self._list(data.get("segments"), "'segments'", origin.child("segments"), self._take_segment)

    def _toggle(self, data: dict[str, Any], origin: Origin) -> None:
        name = data.get("name")
        if not isinstance(name, str):
            self._notes.malformed("MISSING-FIELD", "a toggle has a 'name'", origin, "add it")
            return
        if name in self._toggles and origin.pointer[:1] == ("features",):
            self._notes.warning("SHADOWED-FLAG", f"the toggle {name!r:.80} stands here twice; the last one counts", origin)
        self._toggles[name] = _Placed(data, origin)

    def _take_segment(self, data: dict[str, Any], origin: Origin) -> None:
        number = data.get("id")
        if isinstance(number, bool) or not isinstance(number, int):
            self._notes.malformed("MISSING-FIELD", "a segment has an 'id', a whole number", origin, "add it")
            return
        self._segments[number] = _Placed(data, origin)

    def _event(self, event: dict[str, Any], origin: Origin) -> None:
        """One step of a delta."""
        kind = event.get("type")
        if kind == "hydration":
            self._toggles, self._segments = {}, {}
            self._state(event, origin)
        elif kind == "feature-updated":
            self._list([event.get("feature")], "a 'feature'", origin, self._at("feature", origin, self._toggle))
        elif kind == "segment-updated":
            self._list([event.get("segment")], "a 'segment'", origin, self._at("segment", origin, self._take_segment))
        elif kind == "feature-removed":
            self._toggles = {name: toggle for name, toggle in self._toggles.items() if name != event.get("featureName")}
        elif kind == "segment-removed":
            self._segments = {number: placed for number, placed in self._segments.items() if number != event.get("segmentId")}
        else:
            self._notes.warning("UNKNOWN-EVENT", f"there is no event {kind!r:.80}; it is left out", origin.child("type"))

    @staticmethod
    def _at(name: str, origin: Origin, take: Any) -> Any:
        return lambda data, _: take(data, origin.child(name))
