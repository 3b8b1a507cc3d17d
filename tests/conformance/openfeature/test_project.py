"""The native project means what the scenarios' own flag file means, and the list of skips names scenarios that exist."""

import json
from typing import Any

from config_sync import compile_project
from evaluator import Evaluator
from tests.conformance.openfeature.project import GHERKIN, HERE, skipped, snapshot

NOT_ASKED = {"null-default-flag", "undefined-default-flag"}  # by no scenario; the native dialect wants a default


def theirs() -> dict[str, Any]:
    assert GHERKIN is not None
    flags: dict[str, Any] = json.loads((GHERKIN / "test-flags.json").read_text("utf-8"))
    return flags


def test_the_project_has_their_flags() -> None:
    assert set(Evaluator(snapshot()).flag_keys()) - {"context-aware"} == theirs().keys() - NOT_ASKED


def test_variants_and_defaults_are_theirs() -> None:
    project = compile_project(HERE / "flags.yaml").project
    assert project is not None
    evaluator, expected = Evaluator(snapshot()), theirs()
    for flag in project.flags:
        if flag.key == "context-aware":
            continue
        wanted = expected[flag.key]
        assert {variant.name: variant.value for variant in flag.variants} == wanted["variants"]
        answer = evaluator.evaluate(flag.key, {})
        assert answer.variant == (None if wanted.get("disabled") else wanted["defaultVariant"])
        assert (answer.reason == "DISABLED") == bool(wanted.get("disabled"))
        assert evaluator.flag_metadata(flag.key) == (wanted.get("flagMetadata") or None)


def test_skips_name_scenarios() -> None:
    assert GHERKIN is not None
    text = "".join(path.read_text("utf-8") for path in GHERKIN.glob("*.feature"))
    assert [name for name in skipped() if f": {name}\n" not in text] == []
