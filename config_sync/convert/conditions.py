"""Conditions as the native dialect writes them: short where that means the same, exact where it doesn't.

Whether a short form means the same isn't reasoned about: the native front end is asked what it makes of it, and only an equal
test is taken. For ``config_sync.convert``.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from config_sync import ir, later_fields, words
from config_sync.convert.outcomes import Data, Labels, attribute_data, expression_data, in_bucket_data, truth_word
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.native.buckets import Hashing
from config_sync.frontends.native.operators import OPERATORS
from config_sync.frontends.native.question import Question, Scope
from config_sync.frontends.native.reading import Notes
from config_sync.limits import MAX_CONDITION_DEPTH
from config_sync.operand_json import to_json
from evaluator.snapshot import opcodes as codes

# Operators of the short form that may give a test of this operator, in the order in which they are tried.
_SHORT: dict[str, tuple[str, ...]] = {
    "equal": ("exists", "not_exists", "eq", "neq"),
    "one_of": ("in", "not_in"),
    "contains": ("contains", "not_contains", "contains_i"),
    "starts_with": ("starts_with",),
    "ends_with": ("ends_with",),
    "greater": ("gt",),
    "greater_equal": ("gte",),
    "less": ("lt",),
    "less_equal": ("lte",),
    "matches": ("match_regex",),
    "time": ("before", "after"),
    "contains_all": ("contains_all",),
    "contains_any": ("contains_any", "contains_none"),
    "version": ("semver_eq", "semver_ne", "semver_gt", "semver_gte", "semver_lt", "semver_lte"),
}
_WITHOUT_VALUE = ("exists", "not_exists")
_NO_SCOPE = Scope(Hashing(2, ir.TARGETING_KEY, ""))


class ConditionWriter:
    """Writes the conditions of one flag or segment. ``labels``: how the variants of every flag are written."""

    def __init__(self, labels: Mapping[str, Labels], hoist: Callable[[Data], str]) -> None:
        self._labels = labels
        self._hoist = hoist  # takes what is nested too deep, and gives the name of a segment for it

    def when(self, condition: ir.Condition) -> Any:
        """A whole condition; several that must all hold are a list."""
        if isinstance(condition, ir.All) and len(condition.children) > 1:
            return [self.condition(child, 2) for child in condition.children]
        return self.condition(condition, 1)

    def condition(self, condition: ir.Condition, depth: int) -> Data:
        """One condition, ``depth`` groups deep (1: the outermost)."""
        if not isinstance(condition, (ir.All, ir.Any_, ir.Not)):
            return self._leaf(condition)
        if depth > MAX_CONDITION_DEPTH:
            return {"segment": self._hoist(self.condition(condition, 1))}
        if isinstance(condition, ir.Not):
            return {"not": self.condition(condition.child, depth + 1)}
        children = [self.condition(child, depth + 1) for child in condition.children]
        return {"all" if isinstance(condition, ir.All) else "any": children}

    def _leaf(self, condition: ir.Condition) -> Data:
        if isinstance(condition, ir.Test):
            return test_data(condition)
        if isinstance(condition, ir.SegmentReference):
            return {"segment": condition.name}
        if isinstance(condition, ir.InBucket):
            return in_bucket_data(condition)
        if isinstance(condition, ir.Prerequisite):
            labels = self._labels.get(condition.flag, {})
            names = [labels.get(name, name) for name in condition.variants]
            return {"prerequisite": {"flag": condition.flag, "variants": names, **later_fields.written(condition)}}
        if isinstance(condition, ir.Truthy):
            return {"expression": expression_data(condition.expression)}
        raise ValueError(f"a condition that the native dialect can't write: {condition!r}")


def test_data(test: ir.Test) -> Data:
    """A test in its short form, if one gives just this test, else in the exact form."""
    source = None if test.attribute is None else attribute_data(test.attribute)
    value = to_json(test.operator, _storable(test.operand) if test.operator in _OF_NUMBERS else test.operand)
    short = _short_form(test, source, value)
    if short is not None:
        return short
    data: Data = {} if source is None else {"attribute": source}
    data["test"] = test.operator
    if test.operand is not None:
        data["value"] = value
    if test.compare != codes.CMP_EQ:
        data["compare"] = words.word_of(words.COMPARISONS, test.compare)
    if test.mode:
        data["mode"] = words.mode_words(test.operator, test.mode)
    if test.negate:
        data["negate"] = True
    truths = (("missing", test.missing), ("mistyped", test.mistyped))
    data |= {name: truth_word(truth) for name, truth in truths if truth != ir.FALSE}
    return data | later_fields.written(test)


def _short_form(test: ir.Test, source: str | Data | None, value: Any) -> Data | None:
    if not isinstance(source, str):
        return None
    bare = msgspec.structs.replace(test, origin=ir.NOWHERE)
    for word in _SHORT.get(test.operator, ()):
        operand = msgspec.UNSET if word in _WITHOUT_VALUE else value
        diagnostics = Diagnostics()
        question = Question(word, test.attribute, operand, msgspec.UNSET, ir.NOWHERE, Notes(diagnostics), _NO_SCOPE)
        if OPERATORS[word](question) == bare and not diagnostics:
            given = {} if word in _WITHOUT_VALUE else {"value": value}
            return {"attribute": source, "operator": word, **given}
    return None


_OF_NUMBERS = ("equal", "one_of", "less", "less_equal", "greater", "greater_equal")  # others store values as they are


def _storable(operand: Any) -> Any:
    """A number beyond 64 bits as the double that it is: documents have no such integers, and tests store it so."""
    if isinstance(operand, tuple):
        return tuple(map(_storable, operand))
    if isinstance(operand, int) and not -(1 << 63) <= operand < 1 << 63:
        return float(operand)
    return operand
