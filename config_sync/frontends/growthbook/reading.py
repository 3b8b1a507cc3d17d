"""From a condition as it is written to what it asks (``conditions``, ``values``, ``operators``). Used by that front end only.

What JavaScript would throw at is an error, which costs the feature; what it shrugs at (an operator or a group that there isn't)
is a warning, and means what it means there.
"""

import math
from collections.abc import Callable
from typing import Any

from config_sync.frontends.growthbook import ecmascript as js
from config_sync.frontends.growthbook.conditions import At, Both, Condition, Either, Neither, OfElement
from config_sync.frontends.growthbook.notes import Notes
from config_sync.frontends.growthbook.operators import (
    Denied,
    Every,
    Kind,
    Matches,
    Never,
    OneOf,
    Ordered,
    Size,
    SomeElement,
    Version,
)  # fmt: skip
from config_sync.frontends.growthbook.patterns import Invalid, Unsupported, translate
from config_sync.frontends.growthbook.values import Json, NumberIs, Same, TextIs, TruthIs, ValueTest
from config_sync.ir import Origin

KINDS = ("string", "number", "boolean", "null", "array", "object")
_NEVER = Never()
_NULL = Same(None)


class SavedGroups:
    """The payload's saved groups: lists of values by id, or since SDK 1.8 lists with an attribute, and conditions."""

    def __init__(self, groups: dict[Any, Any]) -> None:
        self._groups = groups
        self._lists: dict[str, tuple[Any, ...]] = {}

    def entry(self, name: str) -> Any:
        return self._groups.get(name)

    def values(self, name: str) -> tuple[Any, ...] | None:
        """The values that ``$inGroup`` means: none for an unknown group, None for one that has no list."""
        if name not in self._groups:
            return ()
        entry = self._groups[name]
        found = entry.get("values") if isinstance(entry, dict) and entry.get("type") == "list" else entry
        if not isinstance(found, list | tuple):
            return None
        return self._lists.setdefault(name, scalars(found))


def scalars(items: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    """What can be equal to a value: no list is another, no object is."""
    return tuple(comparable(item) for item in items if not isinstance(item, list | tuple | dict))


def comparable(value: Any) -> Any:
    """A constant as JavaScript reads it: numbers are doubles."""
    return js.as_double(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class ConditionReader:
    """Reads the conditions of one feature."""

    def __init__(self, groups: SavedGroups, notes: Notes) -> None:
        self._groups = groups
        self._notes = notes

    # --- scopes -------------------------------------------------------------------------------------------------------

    def condition(self, written: Any, origin: Origin, visited: frozenset[str] = frozenset()) -> Condition:
        if not isinstance(written, dict):
            self._notes.error("WRONG-TYPE", f"a condition is an object, not {js.kind_of(written)}", origin)
            return Both(())
        parts = [self._entry(key, value, origin.child(key), visited) for key, value in sorted(written.items())]
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _entry(self, key: Any, value: Any, origin: Origin, visited: frozenset[str]) -> Condition:
        if key in ("$or", "$nor", "$and"):
            return self._group(key, value, origin, visited)
        if key == "$not":
            return Neither(self.condition(value, origin, visited))
        if key == "$savedGroup":
            return self._saved_group(value, origin, visited)
        return At(str(key), self.value(value, origin, visited))

    def _group(self, key: str, written: Any, origin: Origin, visited: frozenset[str]) -> Condition:
        if not isinstance(written, list | tuple):
            self._notes.error("WRONG-TYPE", f"{key} has a list of conditions, not {js.kind_of(written)}", origin)
            return Both(())
        parts = tuple(self.condition(item, origin.child(index), visited) for index, item in enumerate(written))
        if key == "$and":
            return Both(parts)
        either: Condition = Either(parts) if parts else Both(())  # no alternatives at all: true
        return Neither(either) if key == "$nor" else either

    def _saved_group(self, written: Any, origin: Origin, visited: frozenset[str]) -> Condition:
        """``{"$savedGroup": {"id": …, "attributeKey"?: …}}``; what isn't recognised matches nobody."""
        name = written.get("id") if isinstance(written, dict) else None
        key = written.get("attributeKey") if isinstance(written, dict) else None
        entry = self._groups.entry(name) if isinstance(name, str) else None
        if not isinstance(entry, dict) or name in visited or not (key is None or isinstance(key, str)):
            self._notes.warning("UNKNOWN-REFERENCE", f"there is no saved group {name!r:.80} to refer to", origin)
            return Either(())
        if entry.get("type") == "list":
            path, values = key if key is not None else entry.get("attributeKey"), self._groups.values(str(name))
            return At(path, OneOf(values)) if isinstance(path, str) and values is not None else Either(())
        if entry.get("type") == "condition" and isinstance(entry.get("condition"), dict):
            return self.condition(entry["condition"], origin, visited | {str(name)})
        return Either(())

    # --- values -------------------------------------------------------------------------------------------------------

    def value(self, written: Any, origin: Origin, visited: frozenset[str], lower: bool = False) -> ValueTest:
        """A plain value, or an object of operators, all of which must hold."""
        if isinstance(written, str):
            return TextIs(written, lower)
        if isinstance(written, bool):
            return TruthIs(written)
        if isinstance(written, int | float):
            return self._number(written, origin)
        if written is None:
            return _NULL
        if is_operators(written):
            tests = [self._operator(name, operand, origin.child(name), visited) for name, operand in sorted(written.items())]
            return tests[0] if len(tests) == 1 else Every(tuple(tests))
        return Json(written)

    def _number(self, written: int | float, origin: Origin) -> ValueTest:
        number = comparable(written)
        if math.isfinite(number):
            return NumberIs(number)
        self._notes.error("NOT-JSON", f"{written!r:.40} is no number that JSON has", origin)
        return _NEVER

    def _operator(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        read = _OPERATORS.get(name)
        if read is None:
            self._notes.warning("UNKNOWN-OPERATOR", f"there is no operator {name!r:.80}, so this never holds", origin)
            return _NEVER
        return read(self, name, operand, origin, visited)

    def strict(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        test = _NEVER if isinstance(operand, list | tuple | dict) else Same(comparable(operand))
        return Denied(test) if name == "$ne" else test

    def ordered(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        return Ordered(name, comparable(operand))

    def exists(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        return Denied(_NULL) if js.is_truthy(operand) else _NULL

    def included(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        if not isinstance(operand, list | tuple):
            self._notes.warning("WRONG-TYPE", f"{name} has a list, not {js.kind_of(operand)}, so this never holds", origin)
            return _NEVER
        test = OneOf(scalars(operand), name.endswith("i"))
        return Denied(test) if name.startswith("$nin") else test

    def in_group(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        values = self._groups.values(js.text_of(operand))
        if values is None:
            self._notes.warning("WRONG-TYPE", f"the saved group {operand!r:.80} has no list, so this never holds", origin)
            return _NEVER
        return Denied(OneOf(values)) if name == "$notInGroup" else OneOf(values)

    def negated(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        return Denied(self.value(operand, origin, visited))

    def size(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        return Size(self.value(operand, origin, visited))

    def element(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        if not isinstance(operand, dict):
            self._notes.error("WRONG-TYPE", f"$elemMatch has an object, not {js.kind_of(operand)}", origin)
            return _NEVER
        if is_operators(operand):
            return SomeElement(self.value(operand, origin, visited), with_null=False)
        return SomeElement(OfElement(self.condition(operand, origin, visited)), with_null=False)

    def all_of(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        if not isinstance(operand, list | tuple):
            self._notes.warning("WRONG-TYPE", f"{name} has a list, not {js.kind_of(operand)}, so this never holds", origin)
            return _NEVER
        tests = (self.value(item, origin.child(index), visited, lower=name == "$alli") for index, item in enumerate(operand))
        return Every((Kind("array"), *(SomeElement(test, with_null=True) for test in tests)))

    def pattern(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        test = self._pattern(operand, name.endswith("i"), origin)
        return Denied(test) if name.startswith("$not") else test

    def _pattern(self, source: Any, ignore_case: bool, origin: Origin) -> ValueTest:
        if not isinstance(source, str):
            return _NEVER
        try:
            return Matches(translate(source, ignore_case))
        except Invalid as problem:
            self._notes.warning(
                "INVALID-PATTERN", f"{source!r:.80} is no regular expression ({problem}): it never matches", origin
            )
        except Unsupported as problem:
            message = f"{source!r:.80} has {problem}, which can't be matched in one step per character"
            self._notes.error("UNSUPPORTED-PATTERN", message, origin, "say it in two conditions")
        return _NEVER

    def version(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        operand = js.padded_version(operand)
        return Denied(Version("$veq", operand)) if name == "$vne" else Version(name, operand)

    def kind(self, name: str, operand: Any, origin: Origin, visited: frozenset[str]) -> ValueTest:
        return Kind(operand) if operand in KINDS else _NEVER


def is_operators(written: Any) -> bool:
    """Whether an object has operators only, and at least one."""
    return isinstance(written, dict) and bool(written) and all(str(name).startswith("$") for name in written)


Reading = Callable[[ConditionReader, str, Any, Origin, frozenset[str]], ValueTest]
_OPERATORS: dict[str, Reading] = {
    **dict.fromkeys(("$eq", "$ne"), ConditionReader.strict),
    **dict.fromkeys(("$lt", "$lte", "$gt", "$gte"), ConditionReader.ordered),
    **dict.fromkeys(("$in", "$nin", "$ini", "$nini"), ConditionReader.included),
    **dict.fromkeys(("$inGroup", "$notInGroup"), ConditionReader.in_group),
    **dict.fromkeys(("$all", "$alli"), ConditionReader.all_of),
    **dict.fromkeys(("$regex", "$regexi", "$notRegex", "$notRegexi"), ConditionReader.pattern),
    **dict.fromkeys(("$veq", "$vne", "$vgt", "$vgte", "$vlt", "$vlte"), ConditionReader.version),
    "$exists": ConditionReader.exists,
    "$not": ConditionReader.negated,
    "$size": ConditionReader.size,
    "$elemMatch": ConditionReader.element,
    "$type": ConditionReader.kind,
}
