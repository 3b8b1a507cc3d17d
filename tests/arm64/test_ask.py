"""The scripts that check the arm64 bundles, run on this machine: they find what is right right, and see one wrong bit."""

import json
import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.imports import ROOT

HERE = ROOT / "tests" / "arm64"
PURE = os.environ.get("EVALUATOR_IMPL") == "pure" or os.environ.get("BURGEE_PURE") == "1"
pytestmark = pytest.mark.skipif(PURE, reason="the compiled core is what is asked")


def _run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("questions") / "questions.pickle"
    command = [sys.executable, "-m", "tests.arm64.write", str(path)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "BURGEE_ARM64_PROGRAMS": "5"})
    return path


def _ask(questions: Path) -> subprocess.CompletedProcess[str]:
    return _run("ask.py", questions, ROOT, platform.machine())


def test_this_machines_core_answers_as_written(questions: Path) -> None:
    done = _ask(questions)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("golden", "hashes", "parity", "spoiled"):
        assert f"{part}: " in done.stdout


@pytest.mark.parametrize("part", ["golden", "hashes", "parity", "spoiled"])
def test_one_wrong_answer_is_seen(questions: Path, tmp_path: Path, part: str) -> None:
    cases: dict[str, Any] = pickle.loads(questions.read_bytes())
    empty: dict[str, Any] = {name: {} if name == "hashes" else [] for name in cases}
    if part == "golden":
        name, snapshot, asked = cases[part][0]
        cases[part] = [(name, snapshot, [(*asked[0][:3], asked[0][3].replace("'", '"', 1))])]
    elif part == "hashes":
        snapshot, asked = next(iter(cases[part].items()))
        cases[part] = {snapshot: [(*asked[0][:3], asked[0][3] + " ")]}
    elif part == "parity":
        seed, snapshot, answers = cases[part][0]
        cases[part] = [(seed, snapshot, [*answers[:-1], answers[-1] + " "])]
    else:
        refused = next(each for each in cases[part] if each[2] is None)
        cases[part] = [(*refused[:2], ["an answer"])]
    changed = tmp_path / "changed.pickle"
    changed.write_bytes(pickle.dumps(empty | {part: cases[part]}))
    done = _ask(changed)
    assert done.returncode == 1
    assert f"DIFFERENT: {part if part == 'spoiled' else ''}" in done.stdout
    assert f"{part}: " in done.stdout and " 1 different" in done.stdout


def test_another_machine_or_another_core_is_not_what_was_asked_for(questions: Path, tmp_path: Path) -> None:
    assert "not true: the machine is vax" in _run("ask.py", questions, ROOT, "vax").stdout
    done = _run("ask.py", questions, tmp_path, platform.machine())
    assert done.returncode == 1
    assert "it is the bundle's" in done.stdout


def test_a_module_that_is_not_in_the_bundle_is_seen(tmp_path: Path) -> None:
    manifest = {"function": "flags", "module": "handlers.flags", "modules": ["handlers.flags"], "left_out": {}}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    assert _run("load.py", "import", ROOT, path, platform.machine()).returncode == 0
    path.write_text(json.dumps(manifest | {"modules": ["handlers.flags", "handlers.nothing"]}))
    done = _run("load.py", "import", ROOT, path, platform.machine())
    assert done.returncode == 1
    assert "handlers.nothing" in done.stdout
