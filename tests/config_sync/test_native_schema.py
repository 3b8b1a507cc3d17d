"""The shipped JSON Schema is the models', and says of documents what the compiler says."""

import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from config_sync.compile import compile_project
from config_sync.diagnostics import Diagnostics
from config_sync.schema import native_schema, native_schema_text
from config_sync.sources import read_sources
from tests.conftest import ROOT, spec_data

SHIPPED = ROOT / "config_sync" / "schema" / "native.schema.json"
EXAMPLES = ROOT / "examples"
VALIDATOR = jsonschema.Draft202012Validator(native_schema())


def test_the_shipped_schema_is_up_to_date() -> None:
    """After a new hash, unit or reason too, whose words it lists."""
    anew = f"python -m config_sync.schema > {SHIPPED.relative_to(ROOT)}"
    assert SHIPPED.read_text() == native_schema_text(), f"write it anew: {anew}"


def test_the_command_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("config_sync.schema", run_name="__main__")
    assert capsys.readouterr().out == SHIPPED.read_text()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(native_schema())


def test_the_examples_validate_and_compile_without_a_word() -> None:
    sources = read_sources(EXAMPLES, Diagnostics())
    assert len(sources) == 2
    for source in sources:
        assert [error.message for error in VALIDATOR.iter_errors(source.data)] == []
    result = compile_project(EXAMPLES)
    assert list(result.diagnostics) == []
    assert result.snapshot is not None


def test_the_examples_name_their_schema() -> None:
    for path in sorted(EXAMPLES.glob("*.yaml")):
        first = path.read_text().splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first.split("=", 1)[1]).resolve() == SHIPPED


def test_the_examples_contexts_reach_every_variant() -> None:
    from evaluator import Evaluator

    contexts = json.loads((EXAMPLES / "contexts.json").read_text())
    snapshot = compile_project(EXAMPLES).snapshot
    assert snapshot is not None
    of = Evaluator(snapshot)
    details = {of.evaluate(key, context).detail for key in of.flag_keys() for context in contexts}
    assert details >= {
        "enabled",
        "default",
        "flag_disabled",
        "override",
        "prerequisite_failed",
        "not_in_layer",
        "not_in_rollout",
    }
    assert "error" not in details


@pytest.mark.skipif(spec_data("platform_items.json") is None, reason="the requirements' data files aren't here")
def test_the_platforms_items_validate() -> None:
    items = json.loads((spec_data("platform_items.json") or Path()).read_text())
    assert VALIDATOR.is_valid({"flags": [items["flag_item"]], "experiments": [items["experiment_item"]]})


FLAG = {"type": "string", "variants": {"a": "x"}, "default": "a"}


@pytest.mark.parametrize(
    "document",
    [
        {"flgs": {}},
        {"flags": {"f": {**FLAG, "defalt": "a"}}},
        {"flags": {"f": {**FLAG, "type": "text"}}},
        {"flags": {"f": {"type": "boolean", "defalt": "on"}}},
        {"flags": {"f": {**FLAG, "rules": [{"vriant": "a"}]}}},
        {"flags": {"f": {**FLAG, "rules": [{"variant": "a", "when": {"attribute": "x", "operator": "eqals", "value": 1}}]}}},
        {"flags": {"f": {**FLAG, "rules": [{"variant": "a", "when": {"all": {"attribute": "x"}}}]}}},
        {"flags": {"f": {**FLAG, "rules": [{"split": {"variants": {"a": []}}}]}}},
        {"flags": {"f": {**FLAG, "enabled": "on"}}},
        {"flags": {"f": {"enabled": True, "rollout_percentage": []}}},
        {"flags": {"f": {"enabled": True, "variants": [{"key": "a"}]}}},
        {"experiments": {"e": {"status": "running", "variants": []}}},
        {"holdouts": {"h": {}}},
        {"segments": {"s": {"when": 5}}},
        {"layers": {"l": {"slat": "x"}}},
    ],
)
def test_both_refuse(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)
    assert compile_project({"flags": {}, **document}).has_errors


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"flags": {"f": FLAG}},
        {"flags": [{"key": "f", **FLAG, "tags": None, "x-note": 5}]},
        {"flags": {"f": {"enabled": True, "targeting_rules": None, "created_by": "me"}}},
        {
            "flags": {"f": {**FLAG, "rules": [{"variant": "a", "when": [{"not": {"segment": "s"}}]}]}},
            "segments": {"s": {"any": []}},
        },
        {"layers": {"l": None}},
    ],
)
def test_both_accept(document: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(document)
    assert not compile_project(document).has_errors
