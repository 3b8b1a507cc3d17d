"""The examples and tests of flagd's JSON schemas: what the schema takes compiles without an error; what it refuses doesn't.

What the schema refuses but flagd runs (an operator that is null for everyone) is a warning here.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from config_sync import compile_project
from config_sync.diagnostics import ERROR
from tests.conftest import conformance_data

FOUND = conformance_data("flagd", "schemas")
if FOUND is None:
    pytest.skip("flagd's schemas are not on this machine", allow_module_level=True)
DATA: Path = FOUND

# Refused by the schema for providers only: the daemon's schema takes a list of flags, and so does the front end.
TAKEN = {"with-array-flags.json"}


def files(pattern: str) -> list[Path]:
    return sorted(DATA.glob(pattern))


def codes_of(document: Any, severity: str | None = None) -> list[str]:
    found = compile_project(document, dialect="flagd").diagnostics
    return [item.code for item in found if severity in (None, item.severity)]


def flag_with(targeting: Any) -> dict[str, Any]:
    variants = {name: name for name in ("on", "off", "true")}
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "on", "targeting": targeting}
    return {"flags": {"flag": flag}, "$evaluators": {"some-ref": {"==": [1, 1]}}}


def test_the_examples_are_there() -> None:
    assert len(files("test/**/*.json")) > 30


@pytest.mark.parametrize("path", [*files("test/fl*/positive/*.json"), *files("examples/*.json")], ids=lambda path: path.name)
def test_good_documents(path: Path) -> None:
    assert codes_of(json.loads(path.read_text()), ERROR) == []


@pytest.mark.parametrize("path", files("test/flags/negative/*.json"), ids=lambda path: path.name)
def test_bad_documents(path: Path) -> None:
    assert bool(codes_of(json.loads(path.read_text()), ERROR)) == (path.name not in TAKEN)


@pytest.mark.parametrize("path", files("test/targeting/positive/*.json"), ids=lambda path: path.name)
def test_good_targeting(path: Path) -> None:
    assert codes_of(flag_with(json.loads(path.read_text())), ERROR) == []


@pytest.mark.parametrize("path", files("test/targeting/negative/*.json"), ids=lambda path: path.name)
def test_bad_targeting(path: Path) -> None:
    """flagd runs all of these, and all of them are always null or nonsense: warnings."""
    targeting = json.loads(path.read_text())
    assert codes_of(flag_with(targeting)) != []
    assert codes_of(flag_with(targeting), ERROR) == []
