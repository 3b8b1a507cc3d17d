"""The exact forms of conditions: what the cores can do, said outright, with nothing assumed. Used by the native front end only.

The short forms say what people mean; these say what is done: one operator with the truth of a missing and of a mistyped
attribute, a hash with its salt and space. ``burgee convert`` writes them where a short form wouldn't give the same answers.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from config_sync import ir, later_fields, words
from config_sync.frontends.native import models_exact as models
from config_sync.frontends.native.buckets import attribute
from config_sync.frontends.native.expressions import expression
from config_sync.frontends.native.question import ATTRIBUTE_NAME, MAX_ATTRIBUTE_NAME
from config_sync.frontends.native.reading import Notes, described, did_you_mean, read
from config_sync.ir import Origin
from config_sync.operand_json import from_json

Named = Callable[[str, str], str]  # of a flag, the variant that is written so: its name in the IR


def coded(value: Any, family: Mapping[Any, int], origin: Origin, notes: Notes) -> int:
    """The code of a word; 0, noted, for anything else."""
    code = family.get(value) if isinstance(value, (str, bool)) else None
    if code is None:
        known = [str(word).lower() for word in family]
        hint = did_you_mean(str(value), known) or f"one of {', '.join(known)}"
        notes.error("INVALID-VALUE", f"{described(value)} isn't allowed here", origin, hint)
    return code or 0


def later(kind: later_fields.Kind, data: Any, origin: Origin, notes: Notes) -> tuple[Any, dict[str, Any]]:
    """The data without the fields that only the IR knows, and these fields; a wrong one is noted."""
    try:
        return later_fields.read(kind, data)
    except ValueError as error:
        name, message = error.args
        notes.error("WRONG-TYPE", message, origin.child(name))
        return {key: value for key, value in data.items() if key != name}, {}


# --- attributes -------------------------------------------------------------------------------------------------------


def attribute_of(data: Any, origin: Origin, notes: Notes) -> ir.Attribute | None:
    """An attribute by its name, or as a mapping that says how it is found; None, noted, if it is neither."""
    if isinstance(data, str):
        return attribute(data) if is_attribute_name(data, origin, notes) else None
    data, more = later(ir.Attribute, data, origin, notes)
    item = read(models.AttributePath, data, origin, notes)
    if item is None:
        return None
    fallback = None if item.fallback is None else attribute_of(item.fallback, origin.child("fallback"), notes)
    convert = 0 if item.convert is None else coded(item.convert, words.CONVERSIONS, origin.child("convert"), notes)
    more |= {"null_is_missing": item.null_is_missing, "convert": convert}
    return ir.Attribute(item.name, tuple(item.path or ()), fallback, item.empty_is_missing, **more)


def is_attribute_name(name: str, origin: Origin, notes: Notes) -> bool:
    """Whether a name may stand alone (RUL-19); noted if not."""
    fits = len(name) <= MAX_ATTRIBUTE_NAME and ATTRIBUTE_NAME.fullmatch(name) is not None
    if not fits:
        hint = f"letters, digits, _ and ., a letter first, at most {MAX_ATTRIBUTE_NAME} characters; else {{name: …}}"
        notes.error("INVALID-ATTRIBUTE", f"{name[:60]!r} is no attribute name", origin, hint)
    return fits


# --- conditions -------------------------------------------------------------------------------------------------------


def test(data: dict[str, Any], origin: Origin, notes: Notes) -> ir.Condition | None:
    """``{test, attribute?, value?, compare?, mode?, negate?, missing?, mistyped?}``."""
    data, more = later(ir.Test, data, origin, notes)
    item = read(models.ExactTest, data, origin, notes)
    if item is None:
        return None
    source = None if item.attribute is None else attribute_of(item.attribute, origin.child("attribute"), notes)
    try:
        operand = None if item.value is msgspec.UNSET else from_json(item.test, item.value)
    except ValueError as error:
        message = f"{item.test} needs {error}, not {described(item.value)}"
        notes.error("INVALID-OPERAND", message, origin.child("value"))
        return None
    return ir.Test(
        item.test,
        source,
        operand,
        coded(item.compare, words.COMPARISONS, origin.child("compare"), notes),
        _mode(item.mode or [], origin.child("mode"), notes),
        item.negate,
        coded(item.missing, words.TRUTHS, origin.child("missing"), notes),
        coded(item.mistyped, words.TRUTHS, origin.child("mistyped"), notes),
        origin=origin,
        **more,
    )


def _mode(data: list[str | int], origin: Origin, notes: Notes) -> int:
    bits = {word: mode.bit for word, mode in words.MODES.items()}
    mode = 0
    for index, word in enumerate(data):
        numbered = type(word) is int and 0 <= word < 256
        mode |= word if numbered else coded(word, bits, origin.child(index), notes)  # type: ignore[operator]
    return mode


def in_bucket(data: dict[str, Any], origin: Origin, notes: Notes) -> ir.Condition | None:
    """``{in_bucket: {bucketing, buckets: [[first, last], …], missing?}}``."""
    outer = read(models.InBucketOf, data, origin, notes)
    origin = origin.child("in_bucket")
    data, more = later(ir.InBucket, None if outer is None else outer.in_bucket, origin, notes)
    item = None if outer is None else read(models.InBucket, data, origin, notes)
    how = None if item is None else bucketing(item.bucketing, origin.child("bucketing"), notes)
    if item is None or how is None:
        return None
    for index, pair in enumerate(item.buckets):
        if len(pair) != 2:
            notes.error("BAD-RANGE", "buckets are pairs: [first, last]", origin.child("buckets", index), "both are included")
            return None
    missing = coded(item.missing, words.TRUTHS, origin.child("missing"), notes)
    return ir.InBucket(how, tuple((first, last) for first, last in item.buckets), missing, **more)


def prerequisite(data: dict[str, Any], origin: Origin, notes: Notes, named: Named) -> ir.Condition | None:
    """``{prerequisite: {flag, variants: […]}}``."""
    outer = read(models.PrerequisiteOf, data, origin, notes)
    place = origin.child("prerequisite")
    data, more = later(ir.Prerequisite, None if outer is None else outer.prerequisite, place, notes)
    item = None if outer is None else read(models.NeededAnswer, data, place, notes)
    if item is None:
        return None
    return ir.Prerequisite(item.flag, tuple(named(item.flag, name) for name in item.variants), origin=origin, **more)


def truthy(data: dict[str, Any], origin: Origin, notes: Notes) -> ir.Condition | None:
    """``{expression: …}``: its value is truthy."""
    item = read(models.ExpressionTest, data, origin, notes)
    root = None if item is None else expression(item.expression, origin.child("expression"), notes)
    return None if root is None else ir.Truthy(root)


# --- buckets ----------------------------------------------------------------------------------------------------------


def bucketing(data: Any, origin: Origin, notes: Notes) -> ir.Bucketing | None:
    """How a unit becomes a bucket; None, noted, if that can't be told."""
    data, more = later(ir.Bucketing, data, origin, notes)
    item = read(models.Bucketing, data, origin, notes)
    source = None if item is None else _source(item.by, origin.child("by"), notes)
    if item is None or source is None:
        return None
    return ir.Bucketing(
        coded(item.hash, words.HASHES, origin.child("hash"), notes),
        coded(item.space, words.SPACES, origin.child("space"), notes),
        coded(item.unit, words.UNITS, origin.child("unit"), notes),
        source,
        item.seed,
        item.total,
        item.prefix,
        item.suffix,
        **more,
    )


def _source(data: Any, origin: Origin, notes: Notes) -> ir.Attribute | ir.Expression | None:
    if isinstance(data, dict) and "expression" in data:
        item = read(models.ExpressionTest, data, origin, notes)
        return None if item is None else expression(item.expression, origin.child("expression"), notes)
    return attribute_of(data, origin, notes)


def bucket_split(data: Any, origin: Origin, notes: Notes, named: Callable[[str, Origin], str | None]) -> ir.Split | None:
    """A split over buckets rather than percentages. ``named`` finds a variant, and notes one that there isn't."""
    data, more = later(ir.Split, data, origin, notes)
    item = read(models.BucketSplit, data, origin, notes)
    how = None if item is None else bucketing(item.bucketing, origin.child("bucketing"), notes)
    if item is None or how is None:
        return None
    place = origin.child("ranges")
    ranges = [_range(part, place.child(index), notes, named) for index, part in enumerate(item.ranges)]
    return ir.Split(
        how,
        tuple(found for found in ranges if found is not None),
        coded(item.on_missing, words.ENDS, origin.child("on_missing"), notes),
        coded(item.past_end, words.ENDS, origin.child("past_end"), notes),
        None if item.fallback is None else named(item.fallback, origin.child("fallback")),
        **more,
    )


def _range(data: Any, origin: Origin, notes: Notes, named: Callable[[str, Origin], str | None]) -> ir.Range | None:
    data, more = later(ir.Range, data, origin, notes)
    item = read(models.BucketRange, data, origin, notes)
    if item is None:
        return None
    if (item.variant is not None) + item.no_answer + item.next_rule != 1:
        message = "a range gives a variant, no answer, or goes on to the next rule"
        notes.error("RULE-OUTCOME", message, origin, "write one of variant:, no_answer: true and next_rule: true")
        return None
    if item.variant is not None:
        return ir.Range(item.to, named(item.variant, origin.child("variant")), **more)
    return ir.Range(item.to, ir.NEXT_RULE if item.next_rule else None, **more)
