"""Conditions in all their spellings: comparisons, groups {operator, conditions, groups}, {all}, {any}, {not}, {segment}, lists.

Used by the native front end only.
"""

from typing import Any

from config_sync import ir
from config_sync.frontends.native import exact, models
from config_sync.frontends.native.buckets import attribute
from config_sync.frontends.native.operators import ALIASES, OPERATORS, WITHOUT_ATTRIBUTE
from config_sync.frontends.native.question import Question, Scope
from config_sync.frontends.native.reading import Notes, described, did_you_mean, read
from config_sync.ir import Origin
from config_sync.limits import COMPLEX_RULE, MANY_CONDITIONS_PER_GROUP, MAX_CONDITION_DEPTH

# The field that tells a form; the first one that a mapping has decides.
_EXACT_FORMS = ("test", "in_bucket", "prerequisite", "expression")
_FORMS = ("all", "any", "not", "segment", "conditions", "groups", *_EXACT_FORMS, "attribute", "operator")


class Reader:
    """Translates the conditions of one flag or segment. What is wrong becomes a note and the condition None.

    ``named`` finds another flag's variant. ``warns``: about large groups too. Those of rules are the limit pass's to count;
    segments are filled in after it.
    """

    def __init__(
        self, notes: Notes, segments: set[str], broken: set[str], scope: Scope, named: exact.Named, *, warns: bool = False
    ) -> None:
        self._notes = notes
        self._segments = segments
        self._broken = broken
        self.scope = scope
        self._named = named
        self._warns = warns
        self._complexity = 0

    def root(self, data: Any, origin: Origin, scope: Scope | None = None) -> ir.Condition | None:
        """A whole condition, or a list of which all must hold; None stands for a wrong one."""
        self.scope, self._complexity = scope or self.scope, 0
        condition = self._any_form(data, origin, 1)
        if self._warns and self._complexity > COMPLEX_RULE:
            message = f"a segment has {self._complexity} conditions and groups; more than {COMPLEX_RULE} are hard to follow"
            self._notes.warning("COMPLEX-RULE", message, origin, "use lists, or several segments")
        return condition

    def _any_form(self, data: Any, origin: Origin, depth: int) -> ir.Condition | None:
        if isinstance(data, list):
            return None if self._too_deep(origin, depth) else self._joined(data, origin, depth)
        if isinstance(data, dict):
            return self._form(data, origin, depth)
        self._notes.error("WRONG-TYPE", f"expected a condition, got {described(data)}", origin)
        return None

    def _form(self, data: dict[str, Any], origin: Origin, depth: int) -> ir.Condition | None:
        form = next((name for name in _FORMS if name in data), None)
        if form == "segment":
            return self._segment(data, origin)
        if form in _EXACT_FORMS:
            return self._exact(form, data, origin)
        if form == "attribute" or (form == "operator" and data["operator"] not in ("and", "or", "not")):
            return self._comparison(data, origin)
        return None if self._too_deep(origin, depth) else self._nested(form, data, origin, depth)

    def _too_deep(self, origin: Origin, depth: int) -> bool:
        if depth > MAX_CONDITION_DEPTH:
            message = f"groups are nested deeper than {MAX_CONDITION_DEPTH}"
            self._notes.error("LIMIT-DEPTH", message, origin, "name the inner ones as segments")
        return depth > MAX_CONDITION_DEPTH

    def _nested(self, form: str | None, data: dict[str, Any], origin: Origin, depth: int) -> ir.Condition | None:
        self._complexity += 1
        if form == "not":
            item = read(models.NotOf, data, origin, self._notes)
            inner = self._any_form(item.condition, origin.child("not"), depth + 1) if item else None
            return None if inner is None else ir.Not(inner)
        places = self._members(form, data, origin)
        children = None if places is None else self._children(places, origin, depth)
        if children is None:
            return None
        operator = data.get("operator", "and")
        if form == "any" or (form != "all" and operator == "or" and children):
            return ir.Any_(children)
        return ir.Not(ir.All(children)) if form != "all" and operator == "not" else ir.All(children)

    # --- groups -------------------------------------------------------------------------------------------------------

    def _members(self, form: str | None, data: dict[str, Any], origin: Origin) -> list[tuple[Any, Origin]] | None:
        """The members of a group with their places. RUL-02, RUL-03: conditions and groups are one list; none at all is true."""
        if form == "all":
            every = read(models.AllOf, data, origin, self._notes)
            return None if every is None else _places(every.all, origin.child("all"))
        if form == "any":
            some = read(models.AnyOf, data, origin, self._notes)
            return None if some is None else _places(some.any, origin.child("any"))
        group = read(models.Group, data, origin, self._notes)
        if group is None:
            return None
        return _places(group.conditions, origin.child("conditions")) + _places(group.groups, origin.child("groups"))

    def _joined(self, data: list[Any], origin: Origin, depth: int) -> ir.Condition | None:
        """A bare list: all of it must hold."""
        children = self._children(_places(data, origin), origin, depth)
        if children is None:
            return None
        return children[0] if len(children) == 1 else ir.All(children)

    def _children(self, places: list[tuple[Any, Origin]], origin: Origin, depth: int) -> tuple[ir.Condition, ...] | None:
        """Every child, also after a wrong one, so that all mistakes are found; None if there was one."""
        if self._warns and len(places) > MANY_CONDITIONS_PER_GROUP:
            message = f"a group has {len(places)} conditions; more than {MANY_CONDITIONS_PER_GROUP} are hard to follow"
            self._notes.warning("MANY-CONDITIONS", message, origin, "use a list: one condition with many values")
        children = [self._any_form(item, place, depth + 1) for item, place in places]
        found = tuple(child for child in children if child is not None)
        return found if len(found) == len(children) else None

    # --- leaves -------------------------------------------------------------------------------------------------------

    def _segment(self, data: dict[str, Any], origin: Origin) -> ir.Condition | None:
        item = read(models.InSegment, data, origin, self._notes)
        if item is None:
            return None
        self._complexity += 1
        place = origin.child("segment")
        if item.segment not in self._segments:
            hint = did_you_mean(item.segment, self._segments)
            self._notes.error("UNKNOWN-SEGMENT", f"there is no segment {item.segment!r}", place, hint)
            return None
        if item.segment in self._broken:
            self._notes.error("BROKEN-SEGMENT", f"the segment {item.segment!r} has errors of its own", place)
            return None
        return ir.SegmentReference(item.segment, place)

    def _exact(self, form: str, data: dict[str, Any], origin: Origin) -> ir.Condition | None:
        self._complexity += 1
        if form == "prerequisite":
            return exact.prerequisite(data, origin, self._notes, self._named)
        return _EXACT[form](data, origin, self._notes)

    def _comparison(self, data: dict[str, Any], origin: Origin) -> ir.Condition | None:
        item = read(models.Comparison, data, origin, self._notes)
        if item is None:
            return None
        self._complexity += 1
        operator = ALIASES.get(item.operator, item.operator)
        builder = OPERATORS.get(operator)
        if builder is None:
            hint = did_you_mean(item.operator, [*OPERATORS, *ALIASES]) or f"one of {', '.join(OPERATORS)}"
            self._notes.error("UNKNOWN-OPERATOR", f"there is no operator {item.operator!r}", origin.child("operator"), hint)
            return None
        if not self._attribute_fits(item, operator, origin):
            return None
        source = None if item.attribute is None else attribute(item.attribute)
        return builder(Question(operator, source, item.value, item.additional_value, origin, self._notes, self.scope))

    def _attribute_fits(self, item: models.Comparison, operator: str, origin: Origin) -> bool:
        name = item.attribute
        if name is None:
            if operator not in WITHOUT_ATTRIBUTE:
                self._notes.error("MISSING-FIELD", "the field 'attribute' is missing", origin)
            return operator in WITHOUT_ATTRIBUTE
        return exact.is_attribute_name(name, origin.child("attribute"), self._notes)


_EXACT = {"test": exact.test, "in_bucket": exact.in_bucket, "expression": exact.truthy}


def _places(items: list[Any] | None, origin: Origin) -> list[tuple[Any, Origin]]:
    return [(item, origin.child(index)) for index, item in enumerate(items or [])]
