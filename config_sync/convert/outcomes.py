"""Attributes, expressions, buckets and outcomes as the native dialect writes them. For ``config_sync.convert``."""

from collections.abc import Mapping
from typing import Any

from config_sync import ir, later_fields, words
from config_sync.frontends.native.buckets import attribute as short_attribute
from config_sync.frontends.native.question import ATTRIBUTE_NAME, MAX_ATTRIBUTE_NAME
from evaluator.snapshot import opcodes as codes

Data = dict[str, Any]
Labels = Mapping[str, str]  # of one flag: a variant's name in the IR, and how it is written

_SEEDED = (codes.HASH_MURMUR3_32,)


def attribute_data(attribute: ir.Attribute) -> str | Data:
    """A name alone where that means the same, else everything that it is."""
    name = attribute.name
    more = later_fields.written(attribute)
    if not more and len(name) <= MAX_ATTRIBUTE_NAME and ATTRIBUTE_NAME.fullmatch(name) and short_attribute(name) == attribute:
        return name
    data: Data = {"name": name}
    if attribute.path:
        data["path"] = list(attribute.path)
    if attribute.fallback is not None:
        data["fallback"] = attribute_data(attribute.fallback)
    if attribute.empty_is_missing:
        data["empty_is_missing"] = True
    if attribute.null_is_missing:
        data["null_is_missing"] = True
    if attribute.convert:
        data["convert"] = words.word_of(words.CONVERSIONS, attribute.convert)
    return data | more


def expression_data(node: ir.Expression) -> Any:
    """JSONLogic: a scalar is itself, a list of expressions a list, everything else an operator with its arguments."""
    if node.op == codes.NODE_CONSTANT and not node.mode:
        return {"constant": node.value} if isinstance(node.value, (dict, list, tuple)) else node.value
    arguments: Any = [expression_data(child) for child in node.children]
    if node.op == codes.NODE_LIST and not node.mode:
        return arguments
    if node.op == codes.NODE_CONSTANT:
        arguments = node.value
    elif len(arguments) == 1 and not isinstance(arguments[0], list):
        arguments = arguments[0]
    data = {words.word_of(words.NODES, node.op): arguments}
    return data | {"mode": node.mode} if node.mode else data


# --- buckets ----------------------------------------------------------------------------------------------------------


def bucketing_data(how: ir.Bucketing) -> Data:
    """Everything that a bucket depends on, spelled out."""
    data: Data = {"hash": words.word_of(words.HASHES, how.hash), "space": words.word_of(words.SPACES, how.space)}
    if how.total:
        data["total"] = how.total
    if how.seed or how.hash in _SEEDED:
        data["seed"] = how.seed
    data |= {name: text for name, text in (("prefix", how.prefix), ("suffix", how.suffix)) if text}
    computed = isinstance(how.source, ir.Expression)
    data["by"] = {"expression": expression_data(how.source)} if computed else attribute_data(how.source)  # type: ignore[arg-type]
    if how.unit != codes.UNIT_TEXT:
        data["unit"] = words.word_of(words.UNITS, how.unit)
    return data | later_fields.written(how)


def truth_word(truth: int) -> bool | str:
    """``true``, ``false`` or ``unknown``."""
    return next(word for word, known in words.TRUTHS.items() if known == truth)


def in_bucket_data(condition: ir.InBucket) -> Data:
    """The condition that a unit's bucket is one of these."""
    data: Data = {"bucketing": bucketing_data(condition.bucketing), "buckets": [list(pair) for pair in condition.ranges]}
    if condition.missing != ir.FALSE:
        data["missing"] = truth_word(condition.missing)
    return {"in_bucket": data | later_fields.written(condition)}


# --- outcomes ---------------------------------------------------------------------------------------------------------


def outcome_data(outcome: ir.Outcome, labels: Labels) -> Data:
    """One of ``variant``, ``split``, ``no_answer``, ``expression``."""
    if isinstance(outcome, ir.Constant):
        return {"variant": labels[outcome.variant]}
    if isinstance(outcome, ir.NoAnswer):
        return {"no_answer": True}
    if isinstance(outcome, ir.Computed):
        return {"expression": expression_data(outcome.expression)}
    return {"split": _split_data(outcome, labels)}


def _split_data(split: ir.Split, labels: Labels) -> Data:
    data: Data = {"bucketing": bucketing_data(split.bucketing), "ranges": [_range_data(item, labels) for item in split.ranges]}
    if split.on_missing != codes.ON_ERROR:
        data["on_missing"] = words.word_of(words.ENDS, split.on_missing)
    if split.past_end != codes.ON_NEXT_RULE:
        data["past_end"] = words.word_of(words.ENDS, split.past_end)
    if split.fallback is not None:
        data["fallback"] = labels[split.fallback]
    return data | later_fields.written(split)


def _range_data(item: ir.Range, labels: Labels) -> Data:
    more = later_fields.written(item)
    if item.variant is None:
        return {"to": item.last, "no_answer": True, **more}
    if item.variant == ir.NEXT_RULE:
        return {"to": item.last, "next_rule": True, **more}
    return {"to": item.last, "variant": labels[item.variant], **more}
