"""What expressions read and compare, and the count of steps that bounds them (docs/dialects/flagd.md, section 3).

A scope is the value that ``var`` looks into: the context with ``$flagd`` in it, or the element that ``map`` and the
like are at. Used by ``_pure.expressions`` only.
"""

from typing import Any, Final

from evaluator._pure import jsonlogic
from evaluator._pure.jsonlogic import is_list, known
from evaluator._pure.values import MISSING, as_items, as_text, entry
from evaluator._pure.view import View

MAX_STEPS: Final = 100_000
MAX_DEPTH: Final = 64  # of values that are compared


class _Root:
    """The type of ``ROOT``."""


ROOT: Final = _Root()  # the outermost scope


class Refused(Exception):
    """A limit was reached."""


class Scopes:
    """One evaluation's data, and the steps that are left. Everything may raise Refused, or what a hostile key raises."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.steps = MAX_STEPS

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Refused

    def items(self, value: Any) -> list[Any]:
        """The elements of a list; nothing for anything else."""
        if not is_list(value):
            return []
        elements = as_items(value) or []
        self.spend(len(elements))
        return [known(element) for element in elements]

    def find(self, path: Any, scope: Any) -> Any:
        """What a dotted path leads to from the scope, or MISSING. An empty path, or a null, is the whole scope."""
        text = "" if path is None else as_text(path)
        if text is None:
            return MISSING
        if text == "":
            return self.whole() if scope is ROOT else scope
        value = scope
        steps = text.split(".")
        self.spend(len(steps))
        for step in steps:
            value = self.enter(value, step)
            if value is MISSING:
                return MISSING
        return known(value)

    def enter(self, value: Any, step: str) -> Any:
        if value is ROOT:
            return self.flagd() if step == "$flagd" else entry(self.view.context, step)
        if isinstance(value, dict):
            return entry(value, step)
        if is_list(value):
            return self.element(value, jsonlogic.list_index(step))
        return MISSING

    def element(self, value: Any, index: int) -> Any:
        base: Any = list if isinstance(value, list) else tuple
        return base.__getitem__(value, index) if 0 <= index < base.__len__(value) else MISSING

    def flagd(self) -> dict[str, Any]:
        return {"flagKey": self.view.flag_key, "timestamp": int(self.view.now_ms // 1000)}

    def whole(self) -> dict[Any, Any]:
        self.spend(len(self.view.context))
        return {**self.view.context, "$flagd": self.flagd()}

    def targeting_key(self) -> str:
        """The context's targeting key; empty if it has none or it is no text."""
        key = known(entry(self.view.context, "targetingKey"))
        return key if isinstance(key, str) else ""

    def loosely_equal(self, left: Any, right: Any) -> bool:
        if isinstance(left, list | tuple | dict) or isinstance(right, list | tuple | dict):
            return self.strictly_equal(left, right, 1)
        return jsonlogic.loosely_equal_scalars(left, right)

    def strictly_equal(self, left: Any, right: Any, depth: int) -> bool:
        """Same kind and equal; lists by element, maps by key."""
        if isinstance(left, dict) or isinstance(right, dict):
            return isinstance(left, dict) and isinstance(right, dict) and self.same_maps(left, right, depth)
        if is_list(left) or is_list(right):
            return is_list(left) and is_list(right) and self.same_lists(left, right, depth)
        return jsonlogic.same_scalars(left, right)

    def same_lists(self, left: Any, right: Any, depth: int) -> bool:
        first, second = self.items(left), self.items(right)
        if depth > MAX_DEPTH:
            raise Refused
        return len(first) == len(second) and all(
            self.strictly_equal(a, b, depth + 1) for a, b in zip(first, second, strict=True)
        )

    def same_maps(self, left: Any, right: Any, depth: int) -> bool:
        if depth > MAX_DEPTH:
            raise Refused
        if dict.__len__(left) != dict.__len__(right):
            return False
        self.spend(dict.__len__(left))
        for key, value in dict.items(left):
            other = entry(right, key)
            if other is MISSING or not self.strictly_equal(known(value), known(other), depth + 1):
                return False
        return True
