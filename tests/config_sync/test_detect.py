"""Which dialect documents look like: one of each, near-misses, several documents, and what is said where it isn't clear."""

import json
from pathlib import Path
from typing import Any

import pytest

from burgee.cli import main
from config_sync import compile_project
from config_sync.detect import SHAPES, detect
from config_sync.frontends.base import Source
from config_sync.frontends.registry import DIALECTS
from config_sync.ir import Origin

BOOLEAN = {"on": True, "off": False}
NATIVE_FULL = {
    "type": "boolean",
    "default": "on",
    "rules": [{"when": {"attribute": "a", "operator": "equals", "value": 1}, "variant": "off"}],
}
NATIVE_SIMPLE = {"enabled": True, "rollout_percentage": 50}
NATIVE_EXPERIMENT = {"status": "active", "traffic_allocation": 1, "variants": [{"key": "a", "allocation": 1.0}]}
FLAGD = {"state": "ENABLED", "variants": BOOLEAN, "defaultVariant": "on", "metadata": {"owner": "a"}}
EPPO = {
    "key": "f",
    "enabled": True,
    "variationType": "BOOLEAN",
    "variations": {"on": {"key": "on", "value": True}},
    "allocations": [],
    "totalShards": 10_000,
}
LAUNCHDARKLY = {
    "key": "f",
    "version": 3,
    "on": True,
    "variations": [True, False],
    "fallthrough": {"variation": 0},
    "offVariation": 1,
    "rules": [],
    "targets": [],
    "prerequisites": [],
    "salt": "s",
}
GROWTHBOOK = {"defaultValue": False, "rules": [{"condition": {"a": 1}, "force": True}]}
UNLEASH = {"name": "f", "type": "release", "enabled": True, "strategies": [{"name": "default"}], "variants": []}
CONFIGCAT = {"t": 0, "v": {"b": True}, "r": [], "i": "1a"}
POWERTOOLS = {"default": False, "rules": {"vip": {"when_match": True, "conditions": []}}}

DOCUMENTS: list[tuple[str, Any]] = [
    ("native", {"flags": {"f": NATIVE_FULL}}),
    ("native", {"version": 1, "segments": {"s": {"all": []}}, "flags": [{"key": "f", **NATIVE_SIMPLE}]}),
    ("native", {"experiments": {"e": NATIVE_EXPERIMENT}}),
    ("native", {"flags": {"f": {"enabled": False}}}),
    ("native", {"flags": {"f": {"variants": BOOLEAN, "default": "on"}}}),
    ("flagd", {"flags": {"f": FLAGD}}),
    ("flagd", {"$schema": "x", "flags": [{"key": "f", **FLAGD}], "$evaluators": {}, "metadata": {}}),
    ("eppo", {"createdAt": "2024", "format": "SERVER", "environment": {"name": "Test"}, "flags": {"f": EPPO}}),
    ("launchdarkly", {"flags": {"f": LAUNCHDARKLY}, "segments": {}}),
    ("powertools", {"version": "1", "flags": {"a": {"name": "a"}}, "values": {"a": {"enabled": True}}}),
    ("powertools", {"version": "1", "flags": {"a": {"name": "a"}}, "values": {"a": {"_variants": [{"enabled": True}]}}}),
    ("powertools", {"a": {"_variants": [{"name": "on", "enabled": True}]}}),
    ("launchdarkly", {"flags": {"f": {"on": False, "variations": [1], "fallthrough": {"variation": 0}}}}),
    ("growthbook", {"features": {"f": GROWTHBOOK, "g": {}}, "savedGroups": {}}),
    ("growthbook", {"features": {"g": {}}}),
    ("unleash", {"version": 2, "features": [UNLEASH], "segments": []}),
    ("unleash", {"events": [{"type": "feature-updated", "eventId": 1, "feature": UNLEASH}]}),
    ("configcat", {"p": {"u": "x", "s": "salt"}, "s": [], "f": {"f": CONFIGCAT}}),
    ("powertools", {"f": POWERTOOLS, "g": {"default": 10, "boolean_type": False}}),
    # alike, but not the same
    ("native", {"flags": {"default": NATIVE_FULL}}),  # has a "default" in it, as a schema of powertools has
    ("native", {"flags": {"state": NATIVE_SIMPLE, "allocations": NATIVE_FULL}}),
    ("powertools", {"flags": POWERTOOLS, "features": POWERTOOLS, "f": POWERTOOLS}),  # features of these names
    ("native", {"flags": {"f": {"type": "boolean", "default": "on", "prerequisites": [], "salt": "s", "variants": BOOLEAN}}}),
    ("flagd", {"flags": {"a": FLAGD, "b": FLAGD, "c": {"type": "boolean"}, "d": 5, "e": None}}),  # most of them
    ("eppo", {"flags": {"f": EPPO | {"totalShards": None}, "broken": {"key": "broken", "enabled": True}, "g": EPPO}}),
    ("launchdarkly", {"flags": {"f": LAUNCHDARKLY | {"enabled": True, "type": "boolean"}}}),
    # nothing in it that could be misread
    ("native", {}),
    ("native", {"flags": {}}),
    ("growthbook", {"features": {}}),
    ("unleash", {"features": []}),
    ("configcat", {"f": {}}),
]  # fmt: skip

UNKNOWN = [
    {"name": "a-package", "version": "1.0.0", "dependencies": {"left": "1"}},
    {"flags": {"f": {"typ": "boolean"}}},
    {"features": {"f": 5}},
    {"f": True},
    {"features": {"f": {"enabled": True}}},
    [{"name": "f"}],
    None,
    5,
]


def sources(*documents: Any) -> list[Source]:
    return [Source(document, Origin(f"{index}.json")) for index, document in enumerate(documents)]


@pytest.mark.parametrize(("dialect", "document"), DOCUMENTS)
def test_one_of_each(dialect: str, document: Any) -> None:
    assert detect(sources(document)) == (dialect, {})


@pytest.mark.parametrize("document", UNKNOWN)
def test_what_looks_like_nothing(document: Any) -> None:
    assert detect(sources(document)) == (None, {})


def test_every_row_of_the_table_is_needed() -> None:
    known = {dialect for dialect, _ in DOCUMENTS}
    assert {shape.dialect for shape in SHAPES} == known
    assert all(shape.known_by and not shape.known_by & shape.fields for shape in SHAPES)


def test_every_family_of_dialects_can_be_told() -> None:
    assert {name.partition("@")[0] for name in DIALECTS} <= {shape.dialect for shape in SHAPES}


def test_several_documents_are_one_project() -> None:
    assert detect(sources({"flags": {"f": FLAGD}}, {"flags": {}}, {"a": "note"}, {"flags": {"g": FLAGD}})).dialect == "flagd"
    assert detect(sources({"segments": {"s": {}}}, {"flags": {"f": LAUNCHDARKLY}})).dialect == "launchdarkly"
    assert detect(sources({"flags": {"f": {"type": "boolean", "on": True}}}, {"flags": {"g": NATIVE_FULL}})).dialect == "native"


@pytest.mark.parametrize(
    ("documents", "candidates"),
    [
        ([{"flags": {"f": {"type": "boolean", "on": True}}}], {"native": "0.json", "launchdarkly": "0.json"}),
        ([{"flags": {"f": FLAGD, "g": NATIVE_FULL}}], {"native": "0.json", "flagd": "0.json"}),
        ([{"flags": {"f": FLAGD}}, {"features": {"f": GROWTHBOOK}}], {"flagd": "0.json", "growthbook": "1.json"}),
    ],
)
def test_what_is_not_clear_is_not_chosen(documents: list[Any], candidates: dict[str, str]) -> None:
    assert detect(sources(*documents)) == (None, candidates)


@pytest.mark.parametrize("name", ["auto", None])
def test_the_compiler_takes_it(name: str | None) -> None:
    result = compile_project({"flags": {"f": FLAGD}}, dialect=name)
    assert result.project is not None and result.project.dialect == "flagd" and not result.has_errors
    assert result.snapshot == compile_project({"flags": {"f": FLAGD}}, dialect="flagd").snapshot
    assert compile_project({"flags": {"f": FLAGD}}).has_errors, "without asking it is native, as ever"


def test_the_candidates_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"flags": {"f": FLAGD}}))
    (tmp_path / "b.json").write_text(json.dumps({"features": {"f": GROWTHBOOK}}))
    assert main(["check", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "AMBIGUOUS-DIALECT" in told and f"flagd ({tmp_path / 'a.json'}) and as growthbook ({tmp_path / 'b.json'})" in told
    assert "--dialect flagd or --dialect growthbook" in told
    (tmp_path / "a.json").write_text(json.dumps(UNKNOWN[0]))
    assert main(["check", str(tmp_path / "a.json")]) == 1
    told = capsys.readouterr().out
    assert "UNRECOGNISED-DIALECT" in told and "native, flagd, eppo, launchdarkly, growthbook, unleash, configcat" in told


def test_commands_choose_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs, ours = tmp_path / "flagd.json", tmp_path / "native.yaml"
    theirs.write_text(json.dumps({"flags": {"f": FLAGD}}))
    ours.write_text("flags: {f: {type: boolean, default: 'on'}}\n")
    for path in (theirs, ours):
        assert main(["evaluate", str(path), "f"]) == 0
        assert json.loads(capsys.readouterr().out)["value"] is True
    assert main(["explain", str(theirs), "f"]) == 0
    assert main(["compile", str(theirs), "-o", str(tmp_path / "out.burgee")]) == 0
    assert main(["diff", str(ours), str(theirs), "--json"]) == 0, "each side by itself"
    assert main(["publish", str(theirs), "--store", str(tmp_path / "store")]) == 0
    assert main(["check", str(theirs), "--dialect", "auto"]) == 0
    assert main(["check", str(theirs), "--dialect", "native"]) == 1, "a given dialect is the one"
    assert main(["check", str(theirs), "--dialect", "flags"]) == 2
