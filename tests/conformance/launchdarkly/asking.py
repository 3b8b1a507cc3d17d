"""From a question of LaunchDarkly's suites to ours, and what its answer must be. See conformance/MAPPING.md."""

from functools import lru_cache
from types import ModuleType
from typing import Any

import msgspec

from config_sync import compile_project

Json = dict[str, Any]
GETTERS = {"bool": "boolean", "int": "integer", "double": "number", "string": "string"}
REASONS = {
    "OFF": {"DISABLED"},
    "FALLTHROUGH": {"DEFAULT", "STATIC", "SPLIT"},
    "TARGET_MATCH": {"TARGETING_MATCH"},
    "RULE_MATCH": {"TARGETING_MATCH", "SPLIT"},
    "PREREQUISITE_FAILED": {"DEFAULT", "DISABLED"},
    "ERROR": {"ERROR"},
}


def context_of(asked: Json) -> Json:
    """A context as LaunchDarkly's OpenFeature providers take it."""
    if "kind" not in asked:  # an old user
        custom = asked.get("custom") or {}
        rest = {name: value for name, value in asked.items() if name not in ("key", "custom", "privateAttributeNames")}
        return _flat({"targetingKey": asked["key"]} | custom | rest)
    if asked["kind"] != "multi":
        return _flat({"targetingKey": asked["key"]} | {name: value for name, value in asked.items() if name != "key"})
    kinds = {name: context_of({"kind": name} | value) for name, value in asked.items() if name != "kind"}
    for inner in kinds.values():
        del inner["kind"]
    outer = {"targetingKey": kinds["user"]["targetingKey"]} if "user" in kinds else {}
    return {"kind": "multi"} | outer | kinds


def _flat(context: Json) -> Json:
    return {name: value for name, value in context.items() if value is not None and name != "_meta"}


def document_of(data: Json) -> Json:
    """A data set with what the harness's data leave out."""
    return {
        kind: {
            key: {"key": key, "version": 1, "salt": ""} | item | {"rules": [_rule(rule) for rule in item.get("rules") or []]}
            for key, item in (data.get(kind) or {}).items()
        }
        for kind in ("flags", "segments")
    }


def _rule(rule: Json) -> Json:
    clauses = [{"attribute": "", "values": []} | clause for clause in rule.get("clauses") or []]
    return rule | {"clauses": clauses}


@lru_cache(maxsize=1024)
def _snapshot(text: bytes) -> bytes:
    result = compile_project(msgspec.json.decode(text), dialect="launchdarkly")
    assert result.snapshot is not None, [item.message for item in result.diagnostics]
    return result.snapshot


def evaluator_of(document: Json, core: ModuleType) -> Any:
    return core.Evaluator(_snapshot(msgspec.json.encode(document)))


def ask(data: Json, evaluation: Json, core: ModuleType) -> None:
    """One evaluation of an expanded suite. Raises AssertionError where the answer is another."""
    evaluator = evaluator_of(document_of(data), core)
    context, expected, key = context_of(evaluation["context"]), evaluation["expect"], evaluation["flagKey"]
    default, kind = evaluation.get("default", False), evaluation.get("valueType")
    found = evaluator.evaluate(key, context)
    if kind in GETTERS:
        value = getattr(evaluator, GETTERS[kind])(key, context, default)
    else:
        value = default if found.variant is None else found.value
    assert value == expected["value"] and isinstance(value, bool) == isinstance(expected["value"], bool), f"{value!r}: {found}"
    reason = expected["reason"]
    if reason.get("errorKind") == "WRONG_TYPE":
        return
    index = expected.get("variationIndex")
    assert found.variant == (None if index is None else str(index)), found
    assert found.reason in REASONS[reason["kind"]], found
    if "ruleId" in reason:
        assert found.rule == reason["ruleId"], found


def ask_operator(row: Json, core: ModuleType) -> None:
    """One row of the clause operators: does a rule with this clause match?"""
    clause = {"attribute": "attr", "op": row["op"], "values": row["clauseValues"]}
    flag = {"on": True, "variations": [False, True], "fallthrough": {"variation": 0}}
    document = document_of({"flags": {"f": flag | {"rules": [{"variation": 1, "clauses": [clause]}]}}})
    context = _flat({"targetingKey": "u", "attr": row["contextValue"]})
    assert evaluator_of(document, core).boolean("f", context, None) is row["expected"]


def ask_bucket(row: Json, core: ModuleType) -> None:
    """One bucket: the first of two variations below it, the second above, at weights of 1/100,000 around it."""
    by = row.get("contextValue")
    context = {"targetingKey": "u", "by": by}
    position = row["bucket"] * 100_000
    for weight, expected in ((int(position), "1" if position else None), (int(position) + 1, "0")):
        weights = [{"variation": 0, "weight": weight}, {"variation": 1, "weight": 100_000 - weight}]
        rollout = {"variations": weights, "bucketBy": "by", "seed": row["seed"]}
        flag = {"on": True, "variations": [0, 1], "salt": row["salt"], "fallthrough": {"rollout": rollout}}
        document = document_of({"flags": {row["key"]: flag}})
        found = evaluator_of(document, core).evaluate(row["key"], context)
        assert expected is None or found.variant == expected, (weight, found)
        if by is not None and found.bucket is not None:
            assert abs(found.bucket / 2**60 - row["bucket"]) < 1e-7, found
