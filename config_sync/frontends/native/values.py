"""Builders of operators whose operand is compiled: times, versions, patterns, lengths, paths. Used by ``operators`` only."""

import re
from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.native.question import Question, as_number
from config_sync.frontends.native.reading import exact
from config_sync.instants import instant
from evaluator.snapshot import opcodes as codes

_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(
    rf"[vV]?(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){{2}}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_STEP = re.compile(r"""\.([A-Za-z0-9_$-]+)|\[([0-9]{1,6})\]|\[(?:'([^']*)'|"([^"]*)")\]""")


def moment(question: Question, comparison: int) -> ir.Condition | None:
    """before, after: the instant is worked out now."""
    when = instant(question.value)
    if when is None:
        return question.expected("a date, a time or epoch seconds", "for example 2025-01-31T12:00:00Z")
    return question.test("time", when, compare=comparison)


def between(question: Question, dates: bool = False) -> ir.Condition | None:
    """Inclusive, from ``value`` to ``additional_value`` (or a list of both): numbers, or dates."""
    bounds = question.value if isinstance(question.value, list) else [question.value, question.extra]
    if len(bounds) != 2 or msgspec.UNSET in bounds:
        return question.bad(f"{question.operator} needs value and additional_value, the lower and the upper bound")
    numbers = [None if dates else as_number(bound) for bound in bounds]
    if None not in numbers:
        _check_order(question, numbers)
        lower = question.test("greater_equal", numbers[0], mode=codes.MODE_COERCE_TEXT)
        return ir.All((lower, question.test("less_equal", numbers[1], mode=codes.MODE_COERCE_TEXT)))
    instants = [instant(bound) for bound in bounds]
    if None in instants:
        return question.bad(f"the bounds of {question.operator} must be two numbers or two dates")
    _check_order(question, instants)
    since = question.test("time", instants[0], compare=codes.CMP_GE)
    return ir.All((since, question.test("time", instants[1], compare=codes.CMP_LE)))


def _check_order(question: Question, bounds: list[Any]) -> None:
    if bounds[0] > bounds[1]:
        message = f"nothing is between these: the lower bound of {question.operator} is above the upper one"
        question.notes.warning("EMPTY-RANGE", message, question.origin.child("value"), "swap value and additional_value")


def match_regex(question: Question) -> ir.Condition | None:
    """A pattern that is searched for; compiled here to say where it is wrong, and again (from a cache) when lowered."""
    from config_sync.regex import PatternError, compile_pattern

    if not isinstance(question.value, str):
        return question.expected("a regular expression")
    try:
        compile_pattern(question.value)
    except PatternError as error:
        return question.bad(f"this pattern can't be used: {error}", "the syntax is RE2's", code="INVALID-PATTERN")
    return question.test("matches", question.value)


def semantic_version(question: Question, comparison: int | None) -> ir.Condition | None:
    """SemVer 2.0 precedence; a leading v is tolerated on both sides (RUL-12)."""
    if comparison is None:
        return None
    if not isinstance(question.value, str) or not VERSION.fullmatch(question.value):
        return question.expected("a version such as 1.2.3")
    return question.test("version", question.value, compare=comparison, mode=codes.MODE_VERSION_PREFIX)


def array_length(question: Question) -> ir.Condition | None:
    """The length compared as ``additional_value`` says; ``between`` takes {min, max}."""
    if question.extra == "between":
        return _length_between(question)
    comparison, length = question.comparison(), _length(question.value)
    if length is None:
        return question.expected("a whole number")
    return None if comparison is None else question.test("length", length, compare=comparison)


def _length_between(question: Question) -> ir.Condition | None:
    value = question.value if isinstance(question.value, dict) else {}
    low, high = _length(value.get("min")), _length(value.get("max"))
    if low is None or high is None:
        return question.expected("{min, max}")
    _check_order(question, [low, high])
    return ir.All((question.test("length", low, compare=codes.CMP_GE), question.test("length", high, compare=codes.CMP_LE)))


def _length(value: Any) -> int | None:
    number = exact(value)
    return int(number) if number is not None and number.denominator == 1 and abs(number) < 2**63 else None


def json_path(question: Question) -> ir.Condition | None:
    """What lies at ``$.a.b[0]`` inside the attribute equals ``additional_value`` (RUL-18)."""
    if question.extra is msgspec.UNSET:
        return question.bad("json_path needs additional_value: what is expected at the path", field="additional_value")
    path = _path(question.value) if isinstance(question.value, str) else None
    if path is None:
        return question.expected("a path", "for example $.user.name or $.items[0]")
    return question.test("path", (path, question.extra))


def _path(text: str) -> tuple[str | int, ...] | None:
    if text[:1] != "$":
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            return None
        name, index, *quoted = match.groups()
        steps.append(int(index) if index else name or next((part for part in quoted if part is not None), ""))
        position = match.end()
    return tuple(steps)
