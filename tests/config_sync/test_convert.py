"""Nobody moves: every golden case, every conformance document and random projects, converted and asked again on both cores."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from config_sync import ir
from config_sync.compile import compile_project
from config_sync.convert import convert_project
from config_sync.convert.proof import decides_alike, prove
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.registry import DIALECTS
from config_sync.schema import native_schema
from config_sync.sources.yaml_text import parse_yaml
from tests.config_sync.converting import round_trip
from tests.conftest import ROOT, conformance_data
from tests.differential.harness import module_of
from tests.golden import cases
from tests.parity import programs

FOLDERS = cases.folders()
SUITES = sorted(
    f"tests.conformance.{path.parent.name}.{path.stem}"
    for path in (ROOT / "tests" / "conformance").glob("*/test_*.py")
    if "\nSUITE = " in path.read_text() or "\nSUITE: " in path.read_text()
)
RANDOM_PROJECTS = 400
RANDOM_DOCUMENTS = 60


def documents_of(dialect: str) -> Callable[[Random], list[Any]] | None:
    """The generator of a dialect's random documents; None if it has none."""
    if find_spec(f"tests.differential.{dialect.partition('@')[0]}") is None:
        return None
    generate: Callable[[Random], list[Any]] = module_of(dialect).generate
    return generate


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_cases_keep_every_answer(folder: Path, implementation: ModuleType) -> None:
    converted = convert_project(cases.source(folder), cases.dialect(folder))
    assert converted.result is not None and converted.result.snapshot is not None
    asked = cases.questions(folder)
    for question, answer in zip(asked, cases.answers(implementation, converted.result.snapshot, asked), strict=True):
        assert answer == question["answer"], question


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_cases_compile_to_the_same_bytes(folder: Path) -> None:
    """All that decides is byte for byte the same: no user whatever can move."""
    converted = convert_project(cases.source(folder), cases.dialect(folder))
    old, new = converted.original.snapshot, converted.result and converted.result.snapshot
    assert old is not None and new is not None
    proof = prove(old, new, [{"targetingKey": "u"}])
    assert proof.identical and proof.holds
    said = {item.code for item in converted.result.diagnostics if item.severity == "error"} if converted.result else set()
    assert said <= {"FLAG-ERROR"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_written_fits_the_schema(folder: Path) -> None:
    text = convert_project(cases.source(folder), cases.dialect(folder)).text
    good, data = parse_yaml(text or "", ir.NOWHERE, Diagnostics())
    assert good
    assert [error.message for error in jsonschema.Draft202012Validator(native_schema()).iter_errors(data)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_converting_twice_changes_nothing(folder: Path, tmp_path: Path) -> None:
    first = convert_project(cases.source(folder), cases.dialect(folder)).text
    assert first is not None
    (tmp_path / "flags.yaml").write_text(first, encoding="utf-8")
    again = convert_project(tmp_path, "native").text
    assert again is not None
    flags, flags_again = (
        [line for line in text.splitlines()[1:] if not line.startswith("    description:")] for text in (first, again)
    )
    assert flags == flags_again


@pytest.mark.skipif(conformance_data() is None, reason="the public suites aren't on this machine; the golden cases still run")
@pytest.mark.parametrize("suite", SUITES)
def test_conformance_documents_keep_every_answer(suite: str, implementation: ModuleType) -> None:
    """The suite's own cases, asked of every document's conversion: each says what it should, and compiles to the same bytes."""
    core = implementation.__name__.split(".")[1].removeprefix("_")
    command = [sys.executable, "-m", "tests.config_sync.convert_suites", suite, core]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["failures"] == [] and found["differing"] == []
    assert found["projects"] > 0 and found["passed"] > 0


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_random_documents_compile_to_the_same_bytes(dialect: str) -> None:
    """Documents as the comparison with the vendors' engines draws them."""
    generate = documents_of(dialect)
    if generate is None:
        pytest.skip(f"nothing draws documents of {dialect}")
    for seed in range(RANDOM_DOCUMENTS):
        for document in {id(question.document): question.document for question in generate(Random(seed))}.values():
            compiled = compile_project(document, dialect)
            if compiled.translated is None or compiled.snapshot is None:
                continue
            original, result, text = round_trip(compiled.translated)
            assert original.snapshot is not None and result.snapshot is not None, (seed, document, text)
            assert decides_alike(original.snapshot, result.snapshot), (seed, document, text)


@pytest.mark.parametrize("chunk", range(8))
def test_random_projects_compile_to_the_same_bytes(chunk: int) -> None:
    """Whatever a snapshot can hold, the native dialect can say: the generator draws every code (test_generator.py)."""
    unwritable = 0
    each = RANDOM_PROJECTS // 8
    for seed in range(chunk * each, (chunk + 1) * each):
        original, result, text = round_trip(programs.project(Random(seed)))
        if "NUMBER-TOO-LARGE" in {item.code for item in result.diagnostics}:
            unwritable += 1  # an integer of 2^63 or more: no document has one
            continue
        assert original.snapshot is not None and result.snapshot is not None, text
        assert decides_alike(original.snapshot, result.snapshot), text
    assert unwritable < each // 5
