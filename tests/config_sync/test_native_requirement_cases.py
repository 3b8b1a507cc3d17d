"""RUL-23: every case of the requirements' rules-engine data, through a full flag, a table flag, a batch and an experiment.

A case whose condition can't be right (an invalid pattern, a negative radius) compiles to a tombstone, which lets nobody in.
"""

import json
from types import ModuleType
from typing import Any

import pytest

from config_sync.compile import compile_project
from tests.conftest import spec_data

DATA = spec_data("rules_engine_cases.json")
CASES: dict[str, list[dict[str, Any]]] = json.loads(DATA.read_text()) if DATA else {}
NOW_MS = 1_705_312_800_000  # 2024-01-15T10:00:00Z; only cases without a value look at it

needs_data = pytest.mark.skipif(DATA is None, reason="the requirements' data files aren't here")


def _condition_case(case: dict[str, Any]) -> tuple[Any, Any, bool]:
    condition = {"attribute": "subject", "operator": case["operator"], "value": case["value"]}
    if "additional_value" in case:
        condition["additional_value"] = case["additional_value"]
    return condition, {} if case.get("attribute_absent") else {"subject": case.get("actual")}, case["expect"]


def _all() -> list[Any]:
    found = [pytest.param(*_condition_case(case), id=case["id"]) for case in CASES.get("conditions", [])]
    found += [pytest.param(case["group"], case["context"], case["expect"], id=case["id"]) for case in CASES.get("groups", [])]
    flat = CASES.get("flat_lambda_rules", [])
    return found + [pytest.param(case["rules"], case["context"], case["expect"], id=case["id"]) for case in flat]


def _project(rules: Any) -> dict[str, Any]:
    variants = [{"key": "a", "allocation": "0.5"}, {"key": "b", "allocation": "0.5"}]
    full = {"type": "boolean", "default": "off", "rules": [{"id": "case", "when": rules or [], "variant": "on"}]}
    return {
        "flags": {
            "full": full,
            "simple": {"enabled": True, "rollout_percentage": "100", "targeting_rules": rules},
            "weighted": {"enabled": True, "rollout_percentage": 100, "targeting_rules": rules, "variants": variants},
        },
        "experiments": [{"key": "assigned", "status": "active", "variants": variants, "targeting_rules": rules}],
    }


@needs_data
@pytest.mark.parametrize(("rules", "context", "expected"), _all())
def test_rul_23_every_case_through_every_entry_point(
    implementation: ModuleType, rules: Any, context: Any, expected: bool
) -> None:
    result = compile_project(_project(rules))
    evaluator = implementation.Evaluator(result.snapshot)
    who = {"targetingKey": "user-1", **(context or {})}
    assert evaluator.boolean("full", who, False, NOW_MS) is expected
    assert evaluator.evaluate("simple", who, NOW_MS).value is expected
    assert (evaluator.evaluate("weighted", who, NOW_MS).variant in ("a", "b")) is expected
    assert (evaluator.evaluate("assigned", who, NOW_MS).variant in ("a", "b")) is expected
    batch = evaluator.evaluate_all(who, ["full", "assigned"], NOW_MS)
    assert batch["full"] == evaluator.evaluate("full", who, NOW_MS)
    assert batch["assigned"] == evaluator.evaluate("assigned", who, NOW_MS)


@needs_data
@pytest.mark.parametrize(("rules", "context", "expected"), _all())
def test_rul_23_what_cannot_be_right_is_said_and_kills_only_its_own_flag(rules: Any, context: Any, expected: bool) -> None:
    project = _project(rules)
    project["flags"]["other"] = {"enabled": True, "rollout_percentage": 100}
    result = compile_project(project)
    assert result.project is not None
    broken = {flag.key for flag in result.project.flags if flag.error is not None}
    assert broken in (set(), {"full", "simple", "weighted", "assigned"})
    assert bool(broken) == result.has_errors
    if broken:
        assert not expected


@needs_data
def test_rul_23_all_the_cases_are_there() -> None:
    assert {name: len(cases) for name, cases in CASES.items() if isinstance(cases, list)} == {
        "conditions": 118,
        "groups": 6,
        "flat_lambda_rules": 8,
    }
