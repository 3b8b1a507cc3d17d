"""Flags as the native dialect writes them, in its full form. For ``config_sync.convert``."""

from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from config_sync import ir, later_fields, words
from config_sync.convert.conditions import ConditionWriter
from config_sync.convert.outcomes import Data, Labels, outcome_data
from config_sync.passes.normalise import ALWAYS, simplify
from evaluator.snapshot import opcodes as codes

_TYPES: dict[type, str] = {bool: "boolean", str: "string", int: "integer", float: "number", dict: "object", list: "object"}
_NAMELESS = "off"  # how the variant of the empty name is written, if nothing else is written so
_IGNORED = "the original couldn't be read; this is what its dialect answers then"
_HIDDEN = "\x00"


def labels_of(flag: ir.Flag) -> Labels:
    """How the flag's variants are written. One that is reported without a name is written with one, if that may be.

    Hidden names keep their order among themselves: rows of equal names stay in their places.
    """
    labels = {variant.name: variant.name for variant in flag.variants if _is_itself(variant.name)}
    taken = set(labels)
    others = sorted(variant.name for variant in flag.variants if not _is_itself(variant.name))
    for name, following in zip_longest(others, others[1:]):
        wanted = name.partition(_HIDDEN)[2] if name else _NAMELESS
        ordered = name != "" or following is None or _HIDDEN + wanted < following
        labels[name] = wanted if wanted and ordered and wanted not in taken and _is_itself(wanted) else name
        taken.add(labels[name])
    return labels


def _is_itself(name: str) -> bool:
    """Whether a variant is reported by the name that it has in the IR; else what follows a NUL in it isn't told."""
    return name != "" and ir.reported_name(name) == name


def flag_data(flag: ir.Flag, labels: Labels, writer: ConditionWriter) -> Data:
    """The whole flag; a tombstone is its default and its ``error``."""
    stopped = not flag.rules and flag.default_reason == codes.REASON_DISABLED and flag.error is None
    data: Data = {} if flag.error is None else {"error": flag.error}
    if flag.ignored:
        data["description"] = _IGNORED
    if stopped:
        data["enabled"] = False
    data["type"] = _type_of(variant.value for variant in flag.variants)
    data["variants"] = {labels[variant.name]: variant.value for variant in sorted(flag.variants, key=lambda item: item.name)}
    renamed = {label: ir.reported_name(name) for name, label in sorted(labels.items()) if label != name}
    unnamed = sorted(label for label, shown in renamed.items() if not shown)
    if unnamed:
        data["unnamed"] = unnamed
    if len(unnamed) < len(renamed):
        data["reported_as"] = {label: shown for label, shown in renamed.items() if shown}
    if any(variant.is_on for variant in flag.variants):
        data["is_on"] = sorted(labels[variant.name] for variant in flag.variants if variant.is_on)
    traits = {labels[variant.name]: later_fields.written(variant) for variant in flag.variants}
    if any(traits.values()):
        data["variant_fields"] = {label: more for label, more in sorted(traits.items()) if more}
    default = outcome_data(flag.default, labels)
    data["default"] = default["variant"] if default.keys() == {"variant"} else default
    if not stopped and _says_reason(flag):
        data["default_reason"] = words.word_of(words.REASONS, flag.default_reason)
    if flag.rules:
        ids = Counter(rule.id for rule in flag.rules)
        data["rules"] = [_rule_data(rule, ids[rule.id] > 1, labels, writer) for rule in flag.rules]
    if flag.metadata:
        data["metadata"] = dict(sorted(flag.metadata.items()))
    return data | later_fields.written(flag)


def _says_reason(flag: ir.Flag) -> bool:
    """Whether the default's reason must be written: after rules DEFAULT (which STATIC becomes), without any STATIC needn't."""
    usual = (codes.REASON_DEFAULT, codes.REASON_STATIC) if flag.rules else (codes.REASON_STATIC,)
    return flag.error is None and flag.default_reason not in usual


def _type_of(values: Iterable[Any]) -> str:
    types = {_TYPES.get(type(value), "any") for value in values}
    if types == {"integer", "number"}:
        return "number"
    return types.pop() if len(types) == 1 else "any"


def _rule_data(rule: ir.Rule, shared_id: bool, labels: Labels, writer: ConditionWriter) -> Data:
    data: Data = {}
    if rule.id is not None:
        data["reported_id" if shared_id else "id"] = rule.id
    condition = None if rule.condition is None else simplify(rule.condition)
    if condition is not None and condition != ALWAYS:
        data["when"] = writer.when(condition)
    data |= outcome_data(rule.outcome, labels)
    usual = codes.REASON_SPLIT if isinstance(rule.outcome, ir.Split) else codes.REASON_TARGETING_MATCH
    if rule.reason != usual:
        data["reason"] = words.word_of(words.REASONS, rule.reason)
    return data | later_fields.written(rule)
