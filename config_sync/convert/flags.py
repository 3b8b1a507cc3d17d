"""Flags as the native dialect writes them, in its full form. For ``config_sync.convert``."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from config_sync import ir, words
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
    labels = {variant.name: variant.name for variant in flag.variants if _is_shown(variant.name)}
    taken = set(labels)
    hidden = sorted(variant.name for variant in flag.variants if not _is_shown(variant.name))
    for place, name in enumerate(hidden):
        wanted = name[1:] if name else _NAMELESS
        following = hidden[place + 1] if place + 1 < len(hidden) else None
        ordered = following is None or _HIDDEN + wanted < following
        fits = bool(wanted) and ordered and wanted not in taken and _is_shown(wanted)
        labels[name] = wanted if fits else name
        taken.add(labels[name])
    return labels


def _is_shown(name: str) -> bool:
    return ir.reported_name(name) != ""


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
    unnamed = sorted(label for name, label in labels.items() if not _is_shown(name) and label != name)
    if unnamed:
        data["unnamed"] = unnamed
    default = outcome_data(flag.default, labels)
    data["default"] = default["variant"] if default.keys() == {"variant"} else default
    if not stopped and _says_reason(flag):
        data["default_reason"] = words.word_of(words.REASONS, flag.default_reason)
    if flag.rules:
        ids = Counter(rule.id for rule in flag.rules)
        data["rules"] = [_rule_data(rule, ids[rule.id] > 1, labels, writer) for rule in flag.rules]
    if flag.metadata:
        data["metadata"] = dict(sorted(flag.metadata.items()))
    return data


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
    return data
