"""The operators of the native dialect (RUL-07) and their aliases: each a small function from a question to an IR condition.

A missing attribute, null and a value that an operator doesn't apply to make the condition false, negative operators included
(RUL-08, RUL-09); only eq and neq look at null. Used by the native front end only.
"""

from collections.abc import Callable

import msgspec

from config_sync import ir
from config_sync.frontends.native import places, windows
from config_sync.frontends.native.buckets import NOBODY, rollout
from config_sync.frontends.native.question import COMPARISONS, Question, as_number, as_text
from config_sync.frontends.native.reading import percentage
from config_sync.frontends.native.values import array_length, between, json_path, match_regex, moment, semantic_version
from evaluator.snapshot import opcodes as codes

Builder = Callable[[Question], ir.Condition | None]


def _equal(question: Question, negate: bool = False) -> ir.Condition | None:
    if question.value is msgspec.UNSET:
        return question.expected("a value")
    return question.test("equal", question.value, negate=negate)


def _in(question: Question, negate: bool = False) -> ir.Condition | None:
    """Null members are dropped: a null attribute is in no list. Lists and mappings are compared one by one."""
    if not isinstance(question.value, list):
        return question.expected("a list", "write it as [a, b]")
    if None in question.value:
        message = f"null in a list never matches; {question.operator} is false for null"
        question.notes.warning("NULL-IN-LIST", message, question.origin.child("value"))
    scalars = tuple(item for item in question.value if isinstance(item, (str, int, float)))
    composite = [item for item in question.value if isinstance(item, (list, dict))]
    if not composite:
        return question.test("one_of", scalars, negate=negate)
    tests = [question.test("one_of", scalars)] + [question.test("equal", item) for item in composite]
    if not negate:
        return ir.Any_(tuple(tests))
    return ir.All((_present(question.attribute, question.origin), ir.Not(ir.Any_(tuple(tests)))))


def _present(source: ir.Attribute | None, origin: ir.Origin, wanted: bool = True) -> ir.Condition:
    """Whether there is such an attribute, and not null (RUL-08: null counts as nothing, except for eq and neq)."""
    return ir.Test("equal", source, None, negate=wanted, missing=ir.FALSE if wanted else ir.TRUE, origin=origin)


def _text(question: Question, operator: str, negate: bool = False, casefold: bool = False) -> ir.Condition | None:
    text = as_text(question.value)
    if text is None:
        return question.expected("text")
    mode = codes.MODE_CASEFOLD if casefold else 0
    return question.test(operator, text.casefold() if casefold else text, mode=mode, negate=negate)


def _number(question: Question, operator: str) -> ir.Condition | None:
    number = as_number(question.value)
    if number is None:
        return question.expected("a number", "for dates use before, after or between")
    return question.test(operator, number, mode=codes.MODE_COERCE_TEXT)


def _members(question: Question, operator: str, negate: bool = False) -> ir.Condition | None:
    if not isinstance(question.value, list):
        return question.expected("a list", "write it as [a, b]")
    return question.test(operator, tuple(question.value), negate=negate)


def _exists(question: Question, wanted: bool = True) -> ir.Condition | None:
    """Whether there is such an attribute, and not null. ``value: false`` asks for the opposite."""
    if question.value not in (msgspec.UNSET, None, True, False):
        return question.expected("true, false or no value")
    return _present(question.attribute, question.origin, (question.value is not False) == wanted)


def _percentage_bucket(question: Question) -> ir.Condition | None:
    """A share of the attribute's values; the flag's bucketing attribute if none is named."""
    percent = percentage(question.value, "percentage_bucket", question.origin.child("value"), question.notes)
    if percent is None:
        return None
    hashing = question.scope.hashing
    source = question.attribute or hashing.source
    chance = rollout(hashing._replace(source=source), percent)
    if isinstance(chance, ir.InBucket):
        return chance
    return ir.Any_(()) if chance == NOBODY else _present(source, question.origin)


OPERATORS: dict[str, Builder] = {
    "eq": _equal,
    "neq": lambda question: _equal(question, negate=True),
    "in": _in,
    "not_in": lambda question: _in(question, negate=True),
    "contains": lambda question: _text(question, "contains"),
    "not_contains": lambda question: _text(question, "contains", negate=True),
    "contains_i": lambda question: _text(question, "contains", casefold=True),
    "starts_with": lambda question: _text(question, "starts_with"),
    "ends_with": lambda question: _text(question, "ends_with"),
    "gt": lambda question: _number(question, "greater"),
    "gte": lambda question: _number(question, "greater_equal"),
    "lt": lambda question: _number(question, "less"),
    "lte": lambda question: _number(question, "less_equal"),
    "before": lambda question: moment(question, codes.CMP_LT),
    "after": lambda question: moment(question, codes.CMP_GT),
    "between": between,
    "between_dates": lambda question: between(question, dates=True),
    "contains_all": lambda question: _members(question, "contains_all"),
    "contains_any": lambda question: _members(question, "contains_any"),
    "contains_none": lambda question: _members(question, "contains_any", negate=True),
    "match_regex": match_regex,
    "semantic_version": lambda question: semantic_version(question, question.comparison()),
    "geo_distance": places.geo_distance,
    "time_window": windows.time_window,
    "percentage_bucket": _percentage_bucket,
    "json_path": json_path,
    "array_length": array_length,
    "exists": _exists,
    "not_exists": lambda question: _exists(question, wanted=False),
}


def _version_operator(comparison: int) -> Builder:
    return lambda question: semantic_version(question, comparison)


OPERATORS |= {f"semver_{word}": _version_operator(code) for word, code in COMPARISONS.items()}

ALIASES = {
    "equals": "eq",
    "==": "eq",
    "ne": "neq",
    "not_equals": "neq",
    "!=": "neq",
    "greater_than": "gt",
    ">": "gt",
    "greater_than_or_equal": "gte",
    "greater_than_or_equals": "gte",
    ">=": "gte",
    "less_than": "lt",
    "<": "lt",
    "less_than_or_equal": "lte",
    "less_than_or_equals": "lte",
    "<=": "lte",
    "matches": "match_regex",
    "regex": "match_regex",
    "semver": "semantic_version",
    "semver_neq": "semver_ne",
}
"""Other spellings, of the platform's own components among them (RUL-06)."""

WITHOUT_ATTRIBUTE = {"time_window", "percentage_bucket"}  # these have something else to ask when no attribute is named
